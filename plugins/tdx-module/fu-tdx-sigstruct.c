/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#ifdef HAVE_GNUTLS
#include <gnutls/abstract.h>
#endif

#include "fu-tdx-sigstruct.h"

/* an entry of 16 bytes for each exception */
#define FU_TDX_SIGSTRUCT_FAULT_WRAPPER_SIZE (32 * 16)

/* modules before 2.0 do not tell */
gchar *
fu_tdx_sigstruct_get_version(const FuStructTdxSigstruct *st)
{
	if (fu_struct_tdx_sigstruct_get_version_major(st) == 0)
		return NULL;
	return g_strdup_printf("%u.%u.%02u",
			       fu_struct_tdx_sigstruct_get_version_major(st),
			       fu_struct_tdx_sigstruct_get_version_minor(st),
			       fu_struct_tdx_sigstruct_get_version_update(st));
}

/* SHA-384 of the module, as attestation quotes show it */
gchar *
fu_tdx_sigstruct_get_mrseam(const FuStructTdxSigstruct *st)
{
	gsize bufsz = 0;
	const guint8 *buf = fu_struct_tdx_sigstruct_get_seamhash(st, &bufsz);
	g_autoptr(GBytes) blob = g_bytes_new(buf, bufsz);
	return fu_bytes_to_string(blob);
}

/* SHA-384 of the modulus as stored, which is what P-SEAMLDR compares */
gchar *
fu_tdx_sigstruct_get_signer(const FuStructTdxSigstruct *st)
{
	gsize bufsz = 0;
	const guint8 *buf = fu_struct_tdx_sigstruct_get_modulus(st, &bufsz);
	return g_compute_checksum_for_data(G_CHECKSUM_SHA384, buf, bufsz);
}

/* comma-separated values of CPUID.1.EAX, e.g. `0x806f8,0xc06f0` */
gchar *
fu_tdx_sigstruct_get_cpus(const FuStructTdxSigstruct *st)
{
	g_autoptr(GString) str = g_string_new(NULL);

	for (guint i = 0; i < fu_struct_tdx_sigstruct_get_cpuid_table_size(st); i++) {
		g_string_append_printf(str,
				       "%s0x%x",
				       i > 0 ? "," : "",
				       fu_struct_tdx_sigstruct_get_cpuid_table(st, i));
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/* P-SEAMLDR ignores the stepping in CPUID.1.EAX */
gboolean
fu_tdx_sigstruct_has_cpu(const FuStructTdxSigstruct *st, guint32 cpu)
{
	for (guint i = 0; i < fu_struct_tdx_sigstruct_get_cpuid_table_size(st); i++) {
		if (fu_struct_tdx_sigstruct_get_cpuid_table(st, i) >> 4 == cpu >> 4)
			return TRUE;
	}
	return FALSE;
}

#ifdef HAVE_GNUTLS
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(gnutls_pubkey_t, gnutls_pubkey_deinit, NULL)

/* GnuTLS wants numbers in big-endian */
static GByteArray *
fu_tdx_sigstruct_reverse(const guint8 *buf, gsize bufsz)
{
	g_autoptr(GByteArray) array = g_byte_array_sized_new(bufsz);
	for (gsize i = bufsz; i > 0; i--)
		fu_byte_array_append_uint8(array, buf[i - 1]);
	return g_steal_pointer(&array);
}

/* RSASSA-PKCS1-v1_5 with SHA-384; whether the key is a trusted one is up to the preflight */
static gboolean
fu_tdx_sigstruct_check_signature(const FuStructTdxSigstruct *st, GError **error)
{
	gint rc;
	guint8 exponent[] = {0x01, 0x00, 0x01};
	g_autoptr(GByteArray) modulus =
	    fu_tdx_sigstruct_reverse(fu_struct_tdx_sigstruct_get_modulus(st, NULL),
				     FU_STRUCT_TDX_SIGSTRUCT_SIZE_MODULUS);
	g_autoptr(GByteArray) signature =
	    fu_tdx_sigstruct_reverse(fu_struct_tdx_sigstruct_get_signature(st, NULL),
				     FU_STRUCT_TDX_SIGSTRUCT_SIZE_SIGNATURE);
	g_autoptr(GByteArray) data = g_byte_array_new();
	gnutls_datum_t d = {0};
	gnutls_datum_t e = {.data = exponent, .size = sizeof(exponent)};
	gnutls_datum_t m = {.data = modulus->data, .size = modulus->len};
	gnutls_datum_t s = {.data = signature->data, .size = signature->len};
	g_auto(gnutls_pubkey_t) pubkey = NULL;

	/* everything but the key and the signature themselves */
	g_byte_array_append(data, st->buf->data, FU_STRUCT_TDX_SIGSTRUCT_OFFSET_MODULUS);
	g_byte_array_append(data,
			    st->buf->data + FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH,
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
fu_tdx_sigstruct_check_signature(const FuStructTdxSigstruct *st, GError **error)
{
	g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED, "no GnuTLS support");
	return FALSE;
}
#endif

/* P-SEAMLDR asks for the hash when the running module is already gone */
gboolean
fu_tdx_sigstruct_check_module(const FuStructTdxSigstruct *st, GBytes *module, GError **error)
{
	gsize modulesz = g_bytes_get_size(module);
	guint32 gdt_idt = fu_struct_tdx_sigstruct_get_gdt_idt_offset(st);
	guint32 fault_wrapper = fu_struct_tdx_sigstruct_get_fault_wrapper_offset(st);
	g_autofree gchar *actual = g_compute_checksum_for_bytes(G_CHECKSUM_SHA384, module);
	g_autofree gchar *expected = fu_tdx_sigstruct_get_mrseam(st);

	if (gdt_idt % FU_TDX_PAGE_SIZE != 0 || (gdt_idt == 0) != (fault_wrapper == 0) ||
	    gdt_idt > modulesz - FU_TDX_PAGE_SIZE ||
	    fault_wrapper > modulesz - FU_TDX_SIGSTRUCT_FAULT_WRAPPER_SIZE) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "gdt_idt_offset is 0x%x and fault_wrapper_offset 0x%x, expected both "
			    "or none 0x0, a whole page and 0x%x bytes before the end of the module "
			    "at 0x%zx",
			    gdt_idt,
			    fault_wrapper,
			    (guint)FU_TDX_SIGSTRUCT_FAULT_WRAPPER_SIZE,
			    modulesz);
		return FALSE;
	}
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

/* what the parser of the struct does not check, and the host does not matter for */
static gboolean
fu_tdx_sigstruct_check_fields(const FuStructTdxSigstruct *st, GError **error)
{
	guint32 cpuid_table_size = fu_struct_tdx_sigstruct_get_cpuid_table_size(st);
	guint32 module_type = fu_struct_tdx_sigstruct_get_module_type(st);
	guint16 module_hv = fu_struct_tdx_sigstruct_get_module_hv(st);
	guint16 min_update_hv = fu_struct_tdx_sigstruct_get_min_update_hv(st);
	guint32 min_cpus = module_type == FU_TDX_SIGSTRUCT_MODULE_TYPE_PRODUCTION ? 1 : 0;
	guint8 version_major = fu_struct_tdx_sigstruct_get_version_major(st);
	guint32 version_rest = fu_struct_tdx_sigstruct_get_version_minor(st) |
			       fu_struct_tdx_sigstruct_get_version_update(st);
	guint32 version_build = fu_struct_tdx_sigstruct_get_version_build(st);
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

FuStructTdxSigstruct *
fu_tdx_sigstruct_parse(FuInputStream *stream,
		       gsize offset,
		       FuFirmwareParseFlags flags,
		       GError **error)
{
	g_autoptr(FuStructTdxSigstruct) st = NULL;

	st = fu_struct_tdx_sigstruct_parse_stream(stream, offset, error);
	if (st == NULL)
		return NULL;
	if (!fu_tdx_sigstruct_check_fields(st, error))
		return NULL;
	if ((flags & FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM) == 0 &&
	    !fu_tdx_sigstruct_check_signature(st, error))
		return NULL;
	return g_steal_pointer(&st);
}
