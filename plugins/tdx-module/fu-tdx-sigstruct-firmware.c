/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#ifdef HAVE_GNUTLS
#include <gnutls/abstract.h>
#endif

#include "fu-tdx-sigstruct-firmware.h"

/* an entry of 16 bytes for each exception */
#define FU_TDX_SIGSTRUCT_FIRMWARE_FAULT_WRAPPER_SIZE (32 * 16)

struct _FuTdxSigstructFirmware {
	FuFirmware parent_instance;
	FuStructTdxSigstruct *st;
};

#ifdef HAVE_GNUTLS
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(gnutls_pubkey_t, gnutls_pubkey_deinit, NULL)
#endif

G_DEFINE_TYPE(FuTdxSigstructFirmware, fu_tdx_sigstruct_firmware, FU_TYPE_FIRMWARE)

const FuStructTdxSigstruct *
fu_tdx_sigstruct_firmware_get_struct(FuTdxSigstructFirmware *self)
{
	return self->st;
}

/* SHA-384 of the module, as attestation quotes show it */
gchar *
fu_tdx_sigstruct_firmware_get_mrseam(FuTdxSigstructFirmware *self)
{
	gsize bufsz = 0;
	const guint8 *buf = fu_struct_tdx_sigstruct_get_seamhash(self->st, &bufsz);
	g_autoptr(GBytes) blob = g_bytes_new(buf, bufsz);
	return fu_bytes_to_string(blob);
}

/* SHA-384 of the modulus as stored, which is what P-SEAMLDR compares */
gchar *
fu_tdx_sigstruct_firmware_get_signer(FuTdxSigstructFirmware *self)
{
	gsize bufsz = 0;
	const guint8 *buf = fu_struct_tdx_sigstruct_get_modulus(self->st, &bufsz);
	return g_compute_checksum_for_data(G_CHECKSUM_SHA384, buf, bufsz);
}

/* comma-separated values of CPUID.1.EAX, e.g. `0x806f8,0xc06f0` */
gchar *
fu_tdx_sigstruct_firmware_get_cpus(FuTdxSigstructFirmware *self)
{
	g_autoptr(GString) str = g_string_new(NULL);

	for (guint i = 0; i < fu_struct_tdx_sigstruct_get_cpuid_table_size(self->st); i++) {
		g_string_append_printf(str,
				       "%s0x%x",
				       i > 0 ? "," : "",
				       fu_struct_tdx_sigstruct_get_cpuid_table(self->st, i));
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/* P-SEAMLDR ignores the stepping in CPUID.1.EAX */
gboolean
fu_tdx_sigstruct_firmware_has_cpu(FuTdxSigstructFirmware *self, guint32 cpu)
{
	for (guint i = 0; i < fu_struct_tdx_sigstruct_get_cpuid_table_size(self->st); i++) {
		if (fu_struct_tdx_sigstruct_get_cpuid_table(self->st, i) >> 4 == cpu >> 4)
			return TRUE;
	}
	return FALSE;
}

#ifdef HAVE_GNUTLS
/* GnuTLS wants numbers in big-endian */
static GByteArray *
fu_tdx_sigstruct_firmware_reverse(const guint8 *buf, gsize bufsz)
{
	g_autoptr(GByteArray) array = g_byte_array_sized_new(bufsz);
	for (gsize i = bufsz; i > 0; i--)
		fu_byte_array_append_uint8(array, buf[i - 1]);
	return g_steal_pointer(&array);
}

/* RSASSA-PKCS1-v1_5 with SHA-384; whether the key is a trusted one is up to the preflight */
static gboolean
fu_tdx_sigstruct_firmware_check_signature(FuTdxSigstructFirmware *self, GError **error)
{
	gint rc;
	guint8 exponent[] = {0x01, 0x00, 0x01};
	g_autoptr(GByteArray) modulus =
	    fu_tdx_sigstruct_firmware_reverse(fu_struct_tdx_sigstruct_get_modulus(self->st, NULL),
					      FU_STRUCT_TDX_SIGSTRUCT_SIZE_MODULUS);
	g_autoptr(GByteArray) signature =
	    fu_tdx_sigstruct_firmware_reverse(fu_struct_tdx_sigstruct_get_signature(self->st, NULL),
					      FU_STRUCT_TDX_SIGSTRUCT_SIZE_SIGNATURE);
	g_autoptr(GByteArray) data = g_byte_array_new();
	gnutls_datum_t d = {0};
	gnutls_datum_t e = {.data = exponent, .size = sizeof(exponent)};
	gnutls_datum_t m = {.data = modulus->data, .size = modulus->len};
	gnutls_datum_t s = {.data = signature->data, .size = signature->len};
	g_auto(gnutls_pubkey_t) pubkey = NULL;

	/* everything but the key and the signature themselves */
	g_byte_array_append(data, self->st->buf->data, FU_STRUCT_TDX_SIGSTRUCT_OFFSET_MODULUS);
	g_byte_array_append(data,
			    self->st->buf->data + FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH,
			    FU_STRUCT_TDX_SIGSTRUCT_OFFSET_PADDING -
				FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH);
	d.data = data->data;
	d.size = data->len;
	rc = gnutls_pubkey_init(&pubkey);
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_pubkey_import_rsa_raw(pubkey, &m, &e);
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_pubkey_verify_data2(pubkey, GNUTLS_SIGN_RSA_SHA384, 0, &d, &s);
	if (rc < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_SIGNATURE_INVALID,
			    "signature does not match the sigstruct and its modulus: %s",
			    gnutls_strerror(rc));
		return FALSE;
	}
	return TRUE;
}
#else
static gboolean
fu_tdx_sigstruct_firmware_check_signature(FuTdxSigstructFirmware *self, GError **error)
{
	g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED, "no GnuTLS support");
	return FALSE;
}
#endif

/* P-SEAMLDR asks for the hash when the running module is already gone */
gboolean
fu_tdx_sigstruct_firmware_check_module(FuTdxSigstructFirmware *self,
				       FuInputStream *stream,
				       gsize modulesz,
				       GError **error)
{
	guint32 gdt_idt = fu_struct_tdx_sigstruct_get_gdt_idt_offset(self->st);
	guint32 fault_wrapper = fu_struct_tdx_sigstruct_get_fault_wrapper_offset(self->st);
	g_autofree gchar *actual = NULL;
	g_autofree gchar *expected = fu_tdx_sigstruct_firmware_get_mrseam(self);

	if (gdt_idt % FU_TDX_PAGE_SIZE != 0 || (gdt_idt == 0) != (fault_wrapper == 0) ||
	    gdt_idt > modulesz - FU_TDX_PAGE_SIZE ||
	    fault_wrapper > modulesz - FU_TDX_SIGSTRUCT_FIRMWARE_FAULT_WRAPPER_SIZE) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "gdt_idt_offset is 0x%x and fault_wrapper_offset 0x%x, expected both "
			    "or none 0x0, a whole page and 0x%x bytes before the end of the module "
			    "at 0x%zx",
			    gdt_idt,
			    fault_wrapper,
			    (guint)FU_TDX_SIGSTRUCT_FIRMWARE_FAULT_WRAPPER_SIZE,
			    modulesz);
		return FALSE;
	}
	actual = fu_input_stream_compute_checksum(stream, G_CHECKSUM_SHA384, error);
	if (actual == NULL)
		return FALSE;
	if (g_strcmp0(actual, expected) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "SHA-384 of the module is %s, but seamhash in the sigstruct is %s",
			    actual,
			    expected);
		return FALSE;
	}
	return TRUE;
}

/* modules before 2.0 do not tell */
static void
fu_tdx_sigstruct_firmware_ensure_version(FuTdxSigstructFirmware *self)
{
	g_autofree gchar *version = NULL;

	if (fu_struct_tdx_sigstruct_get_version_major(self->st) == 0)
		return;
	version = g_strdup_printf("%u.%u.%02u",
				  fu_struct_tdx_sigstruct_get_version_major(self->st),
				  fu_struct_tdx_sigstruct_get_version_minor(self->st),
				  fu_struct_tdx_sigstruct_get_version_update(self->st));
	fu_firmware_set_version(FU_FIRMWARE(self), version);
}

/* what the parser of the struct does not check, and the host does not matter for */
static gboolean
fu_tdx_sigstruct_firmware_check_fields(FuTdxSigstructFirmware *self, GError **error)
{
	guint32 cpuid_table_size = fu_struct_tdx_sigstruct_get_cpuid_table_size(self->st);
	guint32 module_type = fu_struct_tdx_sigstruct_get_module_type(self->st);
	guint16 module_hv = fu_struct_tdx_sigstruct_get_module_hv(self->st);
	guint16 min_update_hv = fu_struct_tdx_sigstruct_get_min_update_hv(self->st);
	guint32 min_cpus = module_type == FU_TDX_SIGSTRUCT_MODULE_TYPE_PRODUCTION ? 1 : 0;
	guint8 version_major = fu_struct_tdx_sigstruct_get_version_major(self->st);
	guint32 version_rest = fu_struct_tdx_sigstruct_get_version_minor(self->st) |
			       fu_struct_tdx_sigstruct_get_version_update(self->st);
	guint32 version_build = fu_struct_tdx_sigstruct_get_version_build(self->st);
	g_autofree gchar *str = NULL;

	if (module_type != FU_TDX_SIGSTRUCT_MODULE_TYPE_PRODUCTION &&
	    module_type != (guint32)FU_TDX_SIGSTRUCT_MODULE_TYPE_DEBUG)
		str = g_strdup_printf("module_type is 0x%x, expected 0x0, or 0x80000000 of debug",
				      module_type);
	else if (min_update_hv > module_hv)
		str = g_strdup_printf("min_update_hv is %u, expected at most %u as module_hv",
				      min_update_hv,
				      module_hv);
	else if (cpuid_table_size < min_cpus ||
		 cpuid_table_size > FU_STRUCT_TDX_SIGSTRUCT_N_ELEMENTS_CPUID_TABLE)
		str = g_strdup_printf("cpuid_table_size is %u, expected %u to %u",
				      cpuid_table_size,
				      min_cpus,
				      (guint)FU_STRUCT_TDX_SIGSTRUCT_N_ELEMENTS_CPUID_TABLE);
	else if (version_major == 0 && (version_rest != 0 || version_build != 0))
		str = g_strdup_printf("version_major is 0, the rest 0x%x, version_build 0x%x, "
				      "expected all of them 0",
				      version_rest,
				      version_build);
	if (str != NULL) {
		g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_INVALID_FILE, str);
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_tdx_sigstruct_firmware_parse(FuFirmware *firmware,
				FuInputStream *stream,
				FuFirmwareParseFlags flags,
				GError **error)
{
	FuTdxSigstructFirmware *self = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	g_autoptr(FuStructTdxSigstruct) st = NULL;
	g_autoptr(GBytes) blob = NULL;

	st = fu_struct_tdx_sigstruct_parse_stream(stream, 0x0, error);
	if (st == NULL)
		return FALSE;
	fu_struct_tdx_sigstruct_unref(self->st);
	self->st = g_steal_pointer(&st);
	blob = g_bytes_new(self->st->buf->data, self->st->buf->len);
	fu_firmware_set_bytes(firmware, blob);
	if (!fu_tdx_sigstruct_firmware_check_fields(self, error))
		return FALSE;
	fu_tdx_sigstruct_firmware_ensure_version(self);
	if (flags & FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM)
		return TRUE;
	return fu_tdx_sigstruct_firmware_check_signature(self, error);
}

static void
fu_tdx_sigstruct_firmware_export(FuFirmware *firmware,
				 FuFirmwareExportFlags flags,
				 XbBuilderNode *bn)
{
	FuTdxSigstructFirmware *self = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	g_autofree gchar *cpus = fu_tdx_sigstruct_firmware_get_cpus(self);
	g_autofree gchar *mrseam = fu_tdx_sigstruct_firmware_get_mrseam(self);
	g_autofree gchar *signer = fu_tdx_sigstruct_firmware_get_signer(self);

	/* all of this follows from the bytes */
	if ((flags & FU_FIRMWARE_EXPORT_FLAG_INCLUDE_DEBUG) == 0)
		return;
	fu_xmlb_builder_insert_kx(bn, "date", fu_struct_tdx_sigstruct_get_date(self->st));
	fu_xmlb_builder_insert_kx(bn,
				  "module_type",
				  fu_struct_tdx_sigstruct_get_module_type(self->st));
	fu_xmlb_builder_insert_kx(bn, "seamsvn", fu_struct_tdx_sigstruct_get_seamsvn(self->st));
	fu_xmlb_builder_insert_kv(bn, "cpus", cpus);
	fu_xmlb_builder_insert_kv(bn, "mrseam", mrseam);
	fu_xmlb_builder_insert_kv(bn, "signer", signer);
}

static void
fu_tdx_sigstruct_firmware_finalize(GObject *object)
{
	FuTdxSigstructFirmware *self = FU_TDX_SIGSTRUCT_FIRMWARE(object);
	fu_struct_tdx_sigstruct_unref(self->st);
	G_OBJECT_CLASS(fu_tdx_sigstruct_firmware_parent_class)->finalize(object);
}

static void
fu_tdx_sigstruct_firmware_init(FuTdxSigstructFirmware *self)
{
	self->st = fu_struct_tdx_sigstruct_new();
	fu_firmware_add_flag(FU_FIRMWARE(self), FU_FIRMWARE_FLAG_HAS_CHECKSUM);
	fu_firmware_set_version_format(FU_FIRMWARE(self), FWUPD_VERSION_FORMAT_TRIPLET);
}

static void
fu_tdx_sigstruct_firmware_class_init(FuTdxSigstructFirmwareClass *klass)
{
	GObjectClass *object_class = G_OBJECT_CLASS(klass);
	FuFirmwareClass *firmware_class = FU_FIRMWARE_CLASS(klass);
	object_class->finalize = fu_tdx_sigstruct_firmware_finalize;
	firmware_class->parse = fu_tdx_sigstruct_firmware_parse;
	firmware_class->export = fu_tdx_sigstruct_firmware_export;
	fu_firmware_set_size_max(firmware_class, FU_TDX_PAGE_SIZE);
}
