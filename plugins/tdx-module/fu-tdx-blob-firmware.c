/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-blob-firmware.h"

struct _FuTdxBlobFirmware {
	FuFirmware parent_instance;
	FuTdxBlobVersion blob_version;
	FuStructTdxSigstruct *st_sigstruct; /* (nullable): until it is parsed */
};

G_DEFINE_TYPE(FuTdxBlobFirmware, fu_tdx_blob_firmware, FU_TYPE_FIRMWARE)

/* behind the header and the sigstruct */
#define FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE (2 * FU_TDX_PAGE_SIZE)

FuTdxBlobVersion
fu_tdx_blob_firmware_get_blob_version(FuTdxBlobFirmware *self)
{
	return self->blob_version;
}

/* of the header that fu_firmware_write() makes; the rest is the same in all versions */
void
fu_tdx_blob_firmware_set_blob_version(FuTdxBlobFirmware *self, FuTdxBlobVersion blob_version)
{
	self->blob_version = blob_version;
}

FuStructTdxSigstruct *
fu_tdx_blob_firmware_get_sigstruct(FuTdxBlobFirmware *self)
{
	return self->st_sigstruct;
}

GBytes *
fu_tdx_blob_firmware_get_module(FuTdxBlobFirmware *self, GError **error)
{
	g_autoptr(GBytes) blob = fu_firmware_get_bytes(FU_FIRMWARE(self), error);

	if (blob == NULL)
		return NULL;
	return fu_bytes_new_offset(blob,
				   FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE,
				   g_bytes_get_size(blob) - FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE,
				   error);
}

static gboolean
fu_tdx_blob_firmware_check_size(gsize size, GError **error)
{
	if (size <= FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE || size % FU_TDX_PAGE_SIZE != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "image has 0x%zx bytes, expected a header, a sigstruct and a module "
			    "in whole pages of 0x1000 bytes each",
			    size);
		return FALSE;
	}
	return TRUE;
}

/* all sizes follow from that of the file, so that nothing can overflow */
static gboolean
fu_tdx_blob_firmware_parse_hdr(FuTdxBlobFirmware *self, FuInputStream *stream, GError **error)
{
	gsize streamsz = 0;
	guint16 blob_version = 0;
	guint64 size;

	if (!fu_input_stream_read_u16(stream, 0x0, &blob_version, G_LITTLE_ENDIAN, error))
		return FALSE;
	self->blob_version = blob_version;
	if (!fu_input_stream_size(stream, &streamsz, error))
		return FALSE;
	if (!fu_tdx_blob_firmware_check_size(streamsz, error))
		return FALSE;
	if (self->blob_version == FU_TDX_BLOB_VERSION_V1) {
		g_autoptr(FuStructTdxBlobHdrV1) st =
		    fu_struct_tdx_blob_hdr_v1_parse_stream(stream, 0x0, error);
		if (st == NULL)
			return FALSE;
		size = fu_struct_tdx_blob_hdr_v1_get_length(st);
	} else {
		g_autoptr(FuStructTdxBlobHdrV2) st =
		    fu_struct_tdx_blob_hdr_v2_parse_stream(stream, 0x0, error);
		if (st == NULL)
			return FALSE;
		size =
		    FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE +
		    (guint64)fu_struct_tdx_blob_hdr_v2_get_module_nr_pages(st) * FU_TDX_PAGE_SIZE;
	}
	if (size != streamsz) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "TDX-BLOB header is that of an image of 0x%" G_GINT64_MODIFIER
			    "x bytes, expected 0x%zx as the file has",
			    size,
			    streamsz);
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_tdx_blob_firmware_parse(FuFirmware *firmware,
			   FuInputStream *stream,
			   FuFirmwareParseFlags flags,
			   GError **error)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	guint16 sum;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GBytes) module = NULL;

	if (!fu_tdx_blob_firmware_parse_hdr(self, stream, error))
		return FALSE;
	self->st_sigstruct = fu_tdx_sigstruct_parse(stream, FU_TDX_PAGE_SIZE, flags, error);
	if (self->st_sigstruct == NULL)
		return FALSE;
	if (!fu_firmware_set_stream(firmware, stream, error))
		return FALSE;
	if (flags & FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM)
		return TRUE;
	blob = fu_firmware_get_bytes(firmware, error);
	if (blob == NULL)
		return FALSE;
	sum = fu_sum16w_bytes(blob, G_LITTLE_ENDIAN);
	if (sum != 0x0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "sum of all 16-bit words of the image is 0x%04x, expected 0x0000",
			    sum);
		return FALSE;
	}
	module = fu_tdx_blob_firmware_get_module(self, error);
	if (module == NULL)
		return FALSE;
	return fu_tdx_sigstruct_check_module(self->st_sigstruct, module, error);
}

/* the checksum is filled in later, as it covers the whole image */
static void
fu_tdx_blob_firmware_append_hdr(FuTdxBlobFirmware *self, GByteArray *buf, gsize size)
{
	if (self->blob_version == FU_TDX_BLOB_VERSION_V1) {
		g_autoptr(FuStructTdxBlobHdrV1) st = fu_struct_tdx_blob_hdr_v1_new();
		fu_struct_tdx_blob_hdr_v1_set_length(st, size);
		g_byte_array_append(buf, st->buf->data, st->buf->len);
	} else {
		gsize modulesz = size - FU_TDX_BLOB_FIRMWARE_OFFSET_MODULE;
		g_autoptr(FuStructTdxBlobHdrV2) st = fu_struct_tdx_blob_hdr_v2_new();
		fu_struct_tdx_blob_hdr_v2_set_module_nr_pages(st, modulesz / FU_TDX_PAGE_SIZE);
		g_byte_array_append(buf, st->buf->data, st->buf->len);
	}
}

/* with a header of its own, whatever the one is that the bytes have */
static GByteArray *
fu_tdx_blob_firmware_write(FuFirmware *firmware, GError **error)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	gsize size;
	guint16 sum;
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GBytes) blob = fu_firmware_get_bytes(firmware, error);
	g_autoptr(GBytes) tail = NULL;

	if (blob == NULL)
		return NULL;
	size = g_bytes_get_size(blob);
	if (!fu_tdx_blob_firmware_check_size(size, error))
		return NULL;
	tail = fu_bytes_new_offset(blob, FU_TDX_PAGE_SIZE, size - FU_TDX_PAGE_SIZE, error);
	if (tail == NULL)
		return NULL;
	fu_tdx_blob_firmware_append_hdr(self, buf, size);
	fu_byte_array_append_bytes(buf, tail);

	/* both versions have it in the same place */
	sum = fu_sum16w(buf->data, buf->len, G_LITTLE_ENDIAN);
	fu_memwrite_uint16(buf->data + FU_STRUCT_TDX_BLOB_HDR_V2_OFFSET_CHECKSUM,
			   (guint16)(0 - sum),
			   G_LITTLE_ENDIAN);
	return g_steal_pointer(&buf);
}

static void
fu_tdx_blob_firmware_export(FuFirmware *firmware, FuFirmwareExportFlags flags, XbBuilderNode *bn)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	const FuStructTdxSigstruct *st = self->st_sigstruct;
	g_autofree gchar *cpus = NULL;
	g_autofree gchar *mrseam = NULL;
	g_autofree gchar *signer = NULL;
	g_autofree gchar *version = NULL;

	fu_xmlb_builder_insert_kx(bn, "blob_version", self->blob_version);

	/* all of this follows from the bytes */
	if (st == NULL || (flags & FU_FIRMWARE_EXPORT_FLAG_INCLUDE_DEBUG) == 0)
		return;
	cpus = fu_tdx_sigstruct_get_cpus(st);
	mrseam = fu_tdx_sigstruct_get_mrseam(st);
	signer = fu_tdx_sigstruct_get_signer(st);
	version = fu_tdx_sigstruct_get_version(st);
	fu_xmlb_builder_insert_kx(bn, "date", fu_struct_tdx_sigstruct_get_date(st));
	fu_xmlb_builder_insert_kx(bn, "module_type", fu_struct_tdx_sigstruct_get_module_type(st));
	fu_xmlb_builder_insert_kv(bn, "module_version", version);
	fu_xmlb_builder_insert_kx(bn, "seamsvn", fu_struct_tdx_sigstruct_get_seamsvn(st));
	fu_xmlb_builder_insert_kv(bn, "cpus", cpus);
	fu_xmlb_builder_insert_kv(bn, "mrseam", mrseam);
	fu_xmlb_builder_insert_kv(bn, "signer", signer);
}

static gboolean
fu_tdx_blob_firmware_build(FuFirmware *firmware, XbNode *n, GError **error)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(firmware);
	guint64 value = xb_node_query_text_as_uint(n, "blob_version", NULL);

	/* optional */
	if (value == G_MAXUINT64)
		return TRUE;
	if (value != FU_TDX_BLOB_VERSION_V1 && value != FU_TDX_BLOB_VERSION_V2) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "blob_version is 0x%x, expected 0x%x or 0x%x",
			    (guint)value,
			    (guint)FU_TDX_BLOB_VERSION_V1,
			    (guint)FU_TDX_BLOB_VERSION_V2);
		return FALSE;
	}
	self->blob_version = value;
	return TRUE;
}

static void
fu_tdx_blob_firmware_finalize(GObject *object)
{
	FuTdxBlobFirmware *self = FU_TDX_BLOB_FIRMWARE(object);
	g_clear_pointer(&self->st_sigstruct, fu_struct_tdx_sigstruct_unref);
	G_OBJECT_CLASS(fu_tdx_blob_firmware_parent_class)->finalize(object);
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
	GObjectClass *object_class = G_OBJECT_CLASS(klass);
	FuFirmwareClass *firmware_class = FU_FIRMWARE_CLASS(klass);
	object_class->finalize = fu_tdx_blob_firmware_finalize;
	firmware_class->parse = fu_tdx_blob_firmware_parse;
	firmware_class->write = fu_tdx_blob_firmware_write;
	firmware_class->export = fu_tdx_blob_firmware_export;
	firmware_class->build = fu_tdx_blob_firmware_build;
	fu_firmware_set_size_max(firmware_class, FU_TDX_BLOB_SIZE_MAX);
}

/* whatever the user wants to ignore, all of it is checked */
FuFirmware *
fu_tdx_blob_firmware_new_verified(GBytes *blob, GError **error)
{
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);

	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, FU_FIRMWARE_PARSE_FLAG_NO_SEARCH, error))
		return NULL;
	fu_firmware_set_bytes(firmware, blob);
	return g_steal_pointer(&firmware);
}

/* with the header that is needed, and proved as it is after that */
FuFirmware *
fu_tdx_blob_firmware_new_converted(FuInputStream *stream, FuTdxBlobVersion version, GError **error)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GBytes) blob_new = NULL;

	blob = fu_input_stream_read_bytes(stream, 0x0, FU_TDX_BLOB_SIZE_MAX + 1, NULL, error);
	if (blob == NULL)
		return NULL;
	firmware = fu_tdx_blob_firmware_new_verified(blob, error);
	if (firmware == NULL)
		return NULL;
	if (FU_TDX_BLOB_FIRMWARE(firmware)->blob_version == version)
		return g_steal_pointer(&firmware);
	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware), version);
	blob_new = fu_firmware_write(firmware, error);
	if (blob_new == NULL)
		return NULL;
	return fu_tdx_blob_firmware_new_verified(blob_new, error);
}
