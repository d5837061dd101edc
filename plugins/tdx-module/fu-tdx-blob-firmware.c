/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#ifdef HAVE_GNUTLS
#include <gnutls/crypto.h>
#endif

#include "fu-tdx-blob-firmware.h"

struct _FuTdxBlobFirmware {
	FuFirmware parent_instance;
	FuTdxBlobVersion blob_version;
};

G_DEFINE_TYPE(FuTdxBlobFirmware, fu_tdx_blob_firmware, FU_TYPE_FIRMWARE)

#define FU_TDX_BLOB_FIRMWARE_ID_SIGSTRUCT "sigstruct"
#define FU_TDX_BLOB_FIRMWARE_ID_MODULE	  "module"

/* where the module starts, in both versions of the header */
#define FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE (2 * FU_TDX_PAGE_SIZE)

/**
 * fu_tdx_blob_firmware_get_blob_version:
 * @self: a #FuTdxBlobFirmware
 *
 * Gets the version of the TDX-BLOB header.
 *
 * Returns: a #FuTdxBlobVersion, e.g. %FU_TDX_BLOB_VERSION_V2
 **/
FuTdxBlobVersion
fu_tdx_blob_firmware_get_blob_version(FuTdxBlobFirmware *self)
{
	g_return_val_if_fail(FU_IS_TDX_BLOB_FIRMWARE(self), FU_TDX_BLOB_VERSION_UNKNOWN);
	return self->blob_version;
}

/**
 * fu_tdx_blob_firmware_set_blob_version:
 * @self: a #FuTdxBlobFirmware
 * @blob_version: a #FuTdxBlobVersion, e.g. %FU_TDX_BLOB_VERSION_V2
 *
 * Sets the version of the TDX-BLOB header that fu_firmware_write() makes. The sigstruct and the
 * module are the same in all versions.
 **/
void
fu_tdx_blob_firmware_set_blob_version(FuTdxBlobFirmware *self, FuTdxBlobVersion blob_version)
{
	g_return_if_fail(FU_IS_TDX_BLOB_FIRMWARE(self));
	self->blob_version = blob_version;
}

/**
 * fu_tdx_blob_firmware_get_sigstruct:
 * @self: a #FuTdxBlobFirmware
 * @error: (nullable): optional return location for an error
 *
 * Gets the signed description of the module.
 *
 * Returns: (transfer full): a #FuTdxSigstructFirmware, or %NULL if the image has none
 **/
FuTdxSigstructFirmware *
fu_tdx_blob_firmware_get_sigstruct(FuTdxBlobFirmware *self, GError **error)
{
	g_return_val_if_fail(FU_IS_TDX_BLOB_FIRMWARE(self), NULL);
	g_return_val_if_fail(error == NULL || *error == NULL, NULL);
	return FU_TDX_SIGSTRUCT_FIRMWARE(
	    fu_firmware_get_image_by_gtype(FU_FIRMWARE(self),
					   FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
					   error));
}

static gboolean
fu_tdx_blob_firmware_read_version(FuInputStream *stream,
				  gsize offset,
				  FuTdxBlobVersion *blob_version,
				  GError **error)
{
	guint16 val = 0;

	if (!fu_input_stream_read_u16(stream, offset, &val, G_LITTLE_ENDIAN, error))
		return FALSE;
	if (val != FU_TDX_BLOB_VERSION_V1 && val != FU_TDX_BLOB_VERSION_V2) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "TDX-BLOB header version is 0x%04x, expected 0x%04x or 0x%04x",
			    val,
			    (guint)FU_TDX_BLOB_VERSION_V1,
			    (guint)FU_TDX_BLOB_VERSION_V2);
		return FALSE;
	}
	*blob_version = val;
	return TRUE;
}

static gboolean
fu_tdx_blob_firmware_validate(FuFirmware *firmware,
			      FuInputStream *stream,
			      gsize offset,
			      GError **error)
{
	FuTdxBlobVersion blob_version = FU_TDX_BLOB_VERSION_UNKNOWN;

	/* the kernel does not search either */
	if (offset != 0x0) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    "TDX-BLOB has to start at offset 0");
		return FALSE;
	}
	if (!fu_tdx_blob_firmware_read_version(stream, offset, &blob_version, error))
		return FALSE;
	if (blob_version == FU_TDX_BLOB_VERSION_V1)
		return fu_struct_tdx_blob_hdr_v1_validate_stream(stream, offset, error);
	return fu_struct_tdx_blob_hdr_v2_validate_stream(stream, offset, error);
}

/* the rest of the header page */
static gboolean
fu_tdx_blob_firmware_parse_reserved(FuInputStream *stream, gsize offset, GError **error)
{
	g_autoptr(GByteArray) buf = NULL;

	buf =
	    fu_input_stream_read_byte_array(stream, offset, FU_TDX_PAGE_SIZE - offset, NULL, error);
	if (buf == NULL)
		return FALSE;
	for (guint i = 0; i < buf->len; i++) {
		if (buf->data[i] != 0x0) {
			g_set_error(
			    error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "TDX-BLOB header reserved byte at 0x%x is 0x%02x, expected 0x00",
			    (guint)offset + i,
			    buf->data[i]);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
fu_tdx_blob_firmware_check_module_pages(gsize module_pages, GError **error)
{
	if (module_pages < 1 || module_pages > FU_TDX_BLOB_MODULE_PAGES_MAX) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "module has %" G_GSIZE_FORMAT " pages, expected 1 to %u",
			    module_pages,
			    (guint)FU_TDX_BLOB_MODULE_PAGES_MAX);
		return FALSE;
	}
	return TRUE;
}

/* all sizes follow from that of the file, so that nothing can overflow */
static gboolean
fu_tdx_blob_firmware_check_size(gsize streamsz, GError **error)
{
	if (streamsz < FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE || streamsz % FU_TDX_PAGE_SIZE != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "image has %" G_GSIZE_FORMAT
			    " bytes, expected a header page, a sigstruct page and whole module "
			    "pages of %u bytes each",
			    streamsz,
			    (guint)FU_TDX_PAGE_SIZE);
		return FALSE;
	}
	return fu_tdx_blob_firmware_check_module_pages(
	    (streamsz - FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE) / FU_TDX_PAGE_SIZE,
	    error);
}

static gboolean
fu_tdx_blob_firmware_parse_hdr_v1(FuInputStream *stream, gsize streamsz, GError **error)
{
	g_autoptr(FuStructTdxBlobHdrV1) st = NULL;

	st = fu_struct_tdx_blob_hdr_v1_parse_stream(stream, 0x0, error);
	if (st == NULL)
		return FALSE;
	if (fu_struct_tdx_blob_hdr_v1_get_length(st) != streamsz) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "TDX-BLOB header length is %u, but the image has %" G_GSIZE_FORMAT
			    " bytes",
			    fu_struct_tdx_blob_hdr_v1_get_length(st),
			    streamsz);
		return FALSE;
	}

	/* kernels took up to four sigstruct pages, but P-SEAMLDR and Linux 7.2 know of one */
	if (fu_struct_tdx_blob_hdr_v1_get_offset_of_module(st) !=
	    FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "TDX-BLOB header offset_of_module is 0x%x, expected 0x%x for the one "
			    "sigstruct page",
			    fu_struct_tdx_blob_hdr_v1_get_offset_of_module(st),
			    (guint)FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE);
		return FALSE;
	}
	return fu_tdx_blob_firmware_parse_reserved(stream, FU_STRUCT_TDX_BLOB_HDR_V1_SIZE, error);
}

static gboolean
fu_tdx_blob_firmware_parse_hdr_v2(FuInputStream *stream, gsize streamsz, GError **error)
{
	gsize module_pages = (streamsz - FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE) / FU_TDX_PAGE_SIZE;
	g_autoptr(FuStructTdxBlobHdrV2) st = NULL;

	st = fu_struct_tdx_blob_hdr_v2_parse_stream(stream, 0x0, error);
	if (st == NULL)
		return FALSE;

	/* the kernel lets zero pass, and then loses the running module */
	if (fu_struct_tdx_blob_hdr_v2_get_sigstruct_nr_pages(st) !=
	    FU_STRUCT_TDX_BLOB_HDR_V2_DEFAULT_SIGSTRUCT_NR_PAGES) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "TDX-BLOB header sigstruct_nr_pages is %u, expected %u",
			    fu_struct_tdx_blob_hdr_v2_get_sigstruct_nr_pages(st),
			    (guint)FU_STRUCT_TDX_BLOB_HDR_V2_DEFAULT_SIGSTRUCT_NR_PAGES);
		return FALSE;
	}
	if (fu_struct_tdx_blob_hdr_v2_get_module_nr_pages(st) != module_pages) {
		g_set_error(
		    error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_FILE,
		    "TDX-BLOB header module_nr_pages is %u, but the image has %" G_GSIZE_FORMAT
		    " module pages",
		    fu_struct_tdx_blob_hdr_v2_get_module_nr_pages(st),
		    module_pages);
		return FALSE;
	}
	return fu_tdx_blob_firmware_parse_reserved(stream, FU_STRUCT_TDX_BLOB_HDR_V2_SIZE, error);
}

/* fu_sum16w() calls a function for each word, which takes half as long as SHA-384 here */
static guint16
fu_tdx_blob_firmware_sum(const guint8 *buf, gsize bufsz)
{
	guint32 sum_low = 0;
	guint32 sum_high = 0;
	for (gsize i = 0; i < bufsz; i += 2) {
		sum_low += buf[i];
		sum_high += buf[i + 1];
	}
	return sum_low + (sum_high << 8);
}

#ifdef HAVE_GNUTLS
typedef struct {
	gsize offset; /* of the next chunk in the image, in bytes */
	guint16 sum;
	gnutls_hash_hd_t hash; /* of the module */
} FuTdxBlobFirmwareVerifyHelper;

static gboolean
fu_tdx_blob_firmware_verify_cb(const guint8 *buf, gsize bufsz, gpointer user_data, GError **error)
{
	FuTdxBlobFirmwareVerifyHelper *helper = (FuTdxBlobFirmwareVerifyHelper *)user_data;
	gsize skip = 0;

	helper->sum += fu_tdx_blob_firmware_sum(buf, bufsz);
	if (helper->offset < FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE)
		skip = MIN(FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE - helper->offset, bufsz);
	gnutls_hash(helper->hash, buf + skip, bufsz - skip);
	helper->offset += bufsz;
	return TRUE;
}

/* checksum of the image and hash of the module, in one pass */
static gboolean
fu_tdx_blob_firmware_verify(FuTdxSigstructFirmware *sigstruct,
			    FuInputStream *stream,
			    GError **error)
{
	gint rc;
	gboolean ret;
	guint8 digest[FU_STRUCT_TDX_SIGSTRUCT_SIZE_SEAMHASH] = {0};
	FuTdxBlobFirmwareVerifyHelper helper = {0};

	rc = gnutls_hash_init(&helper.hash, GNUTLS_DIG_SHA384);
	if (rc < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "failed to start SHA-384: %s",
			    gnutls_strerror(rc));
		return FALSE;
	}
	ret = fu_input_stream_chunkify(stream, fu_tdx_blob_firmware_verify_cb, &helper, error);
	gnutls_hash_deinit(helper.hash, digest);
	if (!ret)
		return FALSE;
	if (helper.sum != 0x0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "sum of all 16-bit words of the image is 0x%04x, expected 0x0000",
			    helper.sum);
		return FALSE;
	}
	return fu_tdx_sigstruct_firmware_check_module(sigstruct, digest, sizeof(digest), error);
}
#else
static gboolean
fu_tdx_blob_firmware_verify(FuTdxSigstructFirmware *sigstruct,
			    FuInputStream *stream,
			    GError **error)
{
	g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED, "no GnuTLS support");
	return FALSE;
}
#endif

static gboolean
fu_tdx_blob_firmware_parse_sigstruct(FuTdxBlobFirmware *self,
				     FuInputStream *stream,
				     FuFirmwareParseFlags flags,
				     GError **error)
{
	g_autoptr(FuFirmware) img = fu_tdx_sigstruct_firmware_new();
	g_autoptr(FuInputStream) stream_partial = NULL;

	stream_partial =
	    fu_partial_input_stream_new(stream, FU_TDX_PAGE_SIZE, FU_TDX_PAGE_SIZE, error);
	if (stream_partial == NULL)
		return FALSE;
	fu_firmware_set_id(img, FU_TDX_BLOB_FIRMWARE_ID_SIGSTRUCT);
	if (!fu_firmware_parse_stream(img, stream_partial, 0x0, flags, error)) {
		g_prefix_error_literal(error, "sigstruct: ");
		return FALSE;
	}
	return fu_firmware_add_image(FU_FIRMWARE(self), img, error);
}

static gboolean
fu_tdx_blob_firmware_parse_module(FuTdxBlobFirmware *self,
				  FuInputStream *stream,
				  gsize streamsz,
				  GError **error)
{
	g_autoptr(FuFirmware) img = fu_firmware_new();
	g_autoptr(FuInputStream) stream_partial = NULL;

	stream_partial = fu_partial_input_stream_new(stream,
						     FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE,
						     streamsz - FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE,
						     error);
	if (stream_partial == NULL)
		return FALSE;
	fu_firmware_set_id(img, FU_TDX_BLOB_FIRMWARE_ID_MODULE);
	if (!fu_firmware_set_stream(img, stream_partial, error))
		return FALSE;
	return fu_firmware_add_image(FU_FIRMWARE(self), img, error);
}

static gboolean
fu_tdx_blob_firmware_parse(FuFirmware *firmware,
			   FuInputStream *stream,
			   FuFirmwareParseFlags flags,
			   GError **error)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	gsize streamsz = 0;

	if (!fu_input_stream_size(stream, &streamsz, error))
		return FALSE;
	if (!fu_tdx_blob_firmware_check_size(streamsz, error))
		return FALSE;
	if (!fu_tdx_blob_firmware_read_version(stream, 0x0, &self->blob_version, error))
		return FALSE;
	if (self->blob_version == FU_TDX_BLOB_VERSION_V1) {
		if (!fu_tdx_blob_firmware_parse_hdr_v1(stream, streamsz, error))
			return FALSE;
	} else {
		if (!fu_tdx_blob_firmware_parse_hdr_v2(stream, streamsz, error))
			return FALSE;
	}
	if (!fu_tdx_blob_firmware_parse_sigstruct(self, stream, flags, error))
		return FALSE;
	if (!fu_tdx_blob_firmware_parse_module(self, stream, streamsz, error))
		return FALSE;
	if ((flags & FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM) == 0) {
		g_autoptr(FuTdxSigstructFirmware) sigstruct =
		    fu_tdx_blob_firmware_get_sigstruct(self, error);
		if (sigstruct == NULL)
			return FALSE;
		if (!fu_tdx_blob_firmware_verify(sigstruct, stream, error))
			return FALSE;
	}
	return TRUE;
}

/* the checksum is filled in later, as it covers the whole image */
static GByteArray *
fu_tdx_blob_firmware_write_hdr(FuTdxBlobFirmware *self, gsize modulesz)
{
	g_autoptr(GByteArray) buf =
	    g_byte_array_sized_new(FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE + modulesz);

	if (self->blob_version == FU_TDX_BLOB_VERSION_V1) {
		g_autoptr(FuStructTdxBlobHdrV1) st = fu_struct_tdx_blob_hdr_v1_new();
		fu_struct_tdx_blob_hdr_v1_set_offset_of_module(st,
							       FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE);
		fu_struct_tdx_blob_hdr_v1_set_length(st,
						     FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE + modulesz);
		g_byte_array_append(buf, st->buf->data, st->buf->len);
	} else {
		g_autoptr(FuStructTdxBlobHdrV2) st = fu_struct_tdx_blob_hdr_v2_new();
		fu_struct_tdx_blob_hdr_v2_set_module_nr_pages(st, modulesz / FU_TDX_PAGE_SIZE);
		g_byte_array_append(buf, st->buf->data, st->buf->len);
	}
	fu_byte_array_set_size(buf, FU_TDX_PAGE_SIZE, 0x0);
	return g_steal_pointer(&buf);
}

static GByteArray *
fu_tdx_blob_firmware_write(FuFirmware *firmware, GError **error)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	guint16 sum;
	g_autoptr(GByteArray) buf = NULL;
	g_autoptr(GBytes) blob_module = NULL;
	g_autoptr(GBytes) blob_sigstruct = NULL;

	blob_sigstruct =
	    fu_firmware_get_image_by_id_bytes(firmware, FU_TDX_BLOB_FIRMWARE_ID_SIGSTRUCT, error);
	if (blob_sigstruct == NULL)
		return NULL;
	blob_module =
	    fu_firmware_get_image_by_id_bytes(firmware, FU_TDX_BLOB_FIRMWARE_ID_MODULE, error);
	if (blob_module == NULL)
		return NULL;
	if (!fu_tdx_blob_firmware_check_size(FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE +
						 g_bytes_get_size(blob_module),
					     error))
		return NULL;
	buf = fu_tdx_blob_firmware_write_hdr(self, g_bytes_get_size(blob_module));
	fu_byte_array_append_bytes(buf, blob_sigstruct);
	fu_byte_array_append_bytes(buf, blob_module);

	/* both versions have it in the same place */
	sum = fu_tdx_blob_firmware_sum(buf->data, buf->len);
	if (!fu_memwrite_uint16_safe(buf->data,
				     buf->len,
				     FU_STRUCT_TDX_BLOB_HDR_V2_OFFSET_CHECKSUM,
				     (guint16)(0 - sum),
				     G_LITTLE_ENDIAN,
				     error))
		return NULL;
	return g_steal_pointer(&buf);
}

static void
fu_tdx_blob_firmware_export(FuFirmware *firmware, FuFirmwareExportFlags flags, XbBuilderNode *bn)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	fu_xmlb_builder_insert_kx(bn, "blob_version", self->blob_version);
}

static gboolean
fu_tdx_blob_firmware_build(FuFirmware *firmware, XbNode *n, GError **error)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	const gchar *tmp = xb_node_query_text(n, "blob_version", NULL);
	guint64 val = 0;

	if (tmp == NULL)
		return TRUE;
	if (!fu_strtoull(tmp, &val, 0, G_MAXUINT16, FU_INTEGER_BASE_AUTO, error))
		return FALSE;
	if (val != FU_TDX_BLOB_VERSION_V1 && val != FU_TDX_BLOB_VERSION_V2) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "blob_version is 0x%04x, expected 0x%04x or 0x%04x",
			    (guint)val,
			    (guint)FU_TDX_BLOB_VERSION_V1,
			    (guint)FU_TDX_BLOB_VERSION_V2);
		return FALSE;
	}
	self->blob_version = val;
	return TRUE;
}

static void
fu_tdx_blob_firmware_init(FuTdxBlobFirmware *self)
{
	self->blob_version = FU_TDX_BLOB_VERSION_V2;
	fu_firmware_add_flag(FU_FIRMWARE(self), FU_FIRMWARE_FLAG_HAS_CHECKSUM);
	fu_firmware_add_flag(FU_FIRMWARE(self), FU_FIRMWARE_FLAG_HAS_STORED_SIZE);
}

static void
fu_tdx_blob_firmware_class_init(FuTdxBlobFirmwareClass *klass)
{
	FuFirmwareClass *firmware_class = FU_FIRMWARE_CLASS(klass);
	firmware_class->validate = fu_tdx_blob_firmware_validate;
	firmware_class->parse = fu_tdx_blob_firmware_parse;
	firmware_class->write = fu_tdx_blob_firmware_write;
	firmware_class->export = fu_tdx_blob_firmware_export;
	firmware_class->build = fu_tdx_blob_firmware_build;
	fu_firmware_set_size_max(firmware_class, FU_TDX_BLOB_SIZE_MAX);
	fu_firmware_set_images_max(firmware_class, 2);
	fu_firmware_add_image_gtype(firmware_class, FU_TYPE_FIRMWARE);
	fu_firmware_add_image_gtype(firmware_class, FU_TYPE_TDX_SIGSTRUCT_FIRMWARE);
}

/**
 * fu_tdx_blob_firmware_new:
 *
 * Creates an image as Intel publishes it and as the kernel's firmware-upload node takes it: a
 * header, the sigstruct and the module, in pages of 4096 bytes.
 *
 * Returns: (transfer full): a #FuTdxBlobFirmware
 **/
FuFirmware *
fu_tdx_blob_firmware_new(void)
{
	return FU_FIRMWARE(g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL));
}
