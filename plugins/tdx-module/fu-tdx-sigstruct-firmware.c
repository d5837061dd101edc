/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#ifdef HAVE_GNUTLS
#include <gnutls/abstract.h>
#endif

#include "fu-tdx-common.h"
#include "fu-tdx-module-struct.h"
#include "fu-tdx-sigstruct-firmware.h"

struct _FuTdxSigstructFirmware {
	FuFirmware parent_instance;
	FuStructTdxSigstruct *st;
};

#ifdef HAVE_GNUTLS
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(gnutls_pubkey_t, gnutls_pubkey_deinit, NULL)
#endif

G_DEFINE_TYPE(FuTdxSigstructFirmware, fu_tdx_sigstruct_firmware, FU_TYPE_FIRMWARE)

/* plain numbers of each width, for export and build */
typedef struct {
	const gchar *key;
	guint8 (*get)(const FuStructTdxSigstruct *st);
	void (*set)(FuStructTdxSigstruct *st, guint8 value);
} FuTdxSigstructFieldU8;

typedef struct {
	const gchar *key;
	guint16 (*get)(const FuStructTdxSigstruct *st);
	void (*set)(FuStructTdxSigstruct *st, guint16 value);
} FuTdxSigstructFieldU16;

typedef struct {
	const gchar *key;
	guint32 (*get)(const FuStructTdxSigstruct *st);
	void (*set)(FuStructTdxSigstruct *st, guint32 value);
} FuTdxSigstructFieldU32;

typedef struct {
	const gchar *key;
	const guint8 *(*get)(const FuStructTdxSigstruct *st, gsize *bufsz);
	gboolean (*set)(FuStructTdxSigstruct *st, const guint8 *buf, gsize bufsz, GError **error);
} FuTdxSigstructFieldBuf;

static const FuTdxSigstructFieldU8 fu_tdx_sigstruct_fields_u8[] = {
    {"num_stack_pages",
     fu_struct_tdx_sigstruct_get_num_stack_pages,
     fu_struct_tdx_sigstruct_set_num_stack_pages},
    {"num_tls_pages",
     fu_struct_tdx_sigstruct_get_num_tls_pages,
     fu_struct_tdx_sigstruct_set_num_tls_pages},
    {"no_downgrade",
     fu_struct_tdx_sigstruct_get_no_downgrade,
     fu_struct_tdx_sigstruct_set_no_downgrade},
    {"version_minor",
     fu_struct_tdx_sigstruct_get_version_minor,
     fu_struct_tdx_sigstruct_set_version_minor},
    {"version_major",
     fu_struct_tdx_sigstruct_get_version_major,
     fu_struct_tdx_sigstruct_set_version_major},
};

static const FuTdxSigstructFieldU16 fu_tdx_sigstruct_fields_u16[] = {
    {"seamsvn", fu_struct_tdx_sigstruct_get_seamsvn, fu_struct_tdx_sigstruct_set_seamsvn},
    {"num_keyhole_pages",
     fu_struct_tdx_sigstruct_get_num_keyhole_pages,
     fu_struct_tdx_sigstruct_set_num_keyhole_pages},
    {"num_global_data_pages",
     fu_struct_tdx_sigstruct_get_num_global_data_pages,
     fu_struct_tdx_sigstruct_set_num_global_data_pages},
    {"max_tdmrs", fu_struct_tdx_sigstruct_get_max_tdmrs, fu_struct_tdx_sigstruct_set_max_tdmrs},
    {"max_rsvd_per_tdmr",
     fu_struct_tdx_sigstruct_get_max_rsvd_per_tdmr,
     fu_struct_tdx_sigstruct_set_max_rsvd_per_tdmr},
    {"pamt_entry_size_4k",
     fu_struct_tdx_sigstruct_get_pamt_entry_size_4k,
     fu_struct_tdx_sigstruct_set_pamt_entry_size_4k},
    {"pamt_entry_size_2m",
     fu_struct_tdx_sigstruct_get_pamt_entry_size_2m,
     fu_struct_tdx_sigstruct_set_pamt_entry_size_2m},
    {"pamt_entry_size_1g",
     fu_struct_tdx_sigstruct_get_pamt_entry_size_1g,
     fu_struct_tdx_sigstruct_set_pamt_entry_size_1g},
    {"module_hv", fu_struct_tdx_sigstruct_get_module_hv, fu_struct_tdx_sigstruct_set_module_hv},
    {"min_update_hv",
     fu_struct_tdx_sigstruct_get_min_update_hv,
     fu_struct_tdx_sigstruct_set_min_update_hv},
    {"num_handoff_pages",
     fu_struct_tdx_sigstruct_get_num_handoff_pages,
     fu_struct_tdx_sigstruct_set_num_handoff_pages},
    {"version_update",
     fu_struct_tdx_sigstruct_get_version_update,
     fu_struct_tdx_sigstruct_set_version_update},
};

static const FuTdxSigstructFieldU32 fu_tdx_sigstruct_fields_u32[] = {
    {"rip_offset", fu_struct_tdx_sigstruct_get_rip_offset, fu_struct_tdx_sigstruct_set_rip_offset},
    {"gdt_idt_offset",
     fu_struct_tdx_sigstruct_get_gdt_idt_offset,
     fu_struct_tdx_sigstruct_set_gdt_idt_offset},
    {"fault_wrapper_offset",
     fu_struct_tdx_sigstruct_get_fault_wrapper_offset,
     fu_struct_tdx_sigstruct_set_fault_wrapper_offset},
    {"version_build",
     fu_struct_tdx_sigstruct_get_version_build,
     fu_struct_tdx_sigstruct_set_version_build},
};

static const FuTdxSigstructFieldBuf fu_tdx_sigstruct_fields_buf[] = {
    {"modulus", fu_struct_tdx_sigstruct_get_modulus, fu_struct_tdx_sigstruct_set_modulus},
    {"signature", fu_struct_tdx_sigstruct_get_signature, fu_struct_tdx_sigstruct_set_signature},
    {"seamhash", fu_struct_tdx_sigstruct_get_seamhash, fu_struct_tdx_sigstruct_set_seamhash},
};

static gchar *
fu_tdx_sigstruct_firmware_buf_to_string(const guint8 *buf, gsize bufsz)
{
	g_autoptr(GBytes) blob = g_bytes_new(buf, bufsz);
	return fu_bytes_to_string(blob);
}

/**
 * fu_tdx_sigstruct_firmware_get_date:
 * @self: a #FuTdxSigstructFirmware
 *
 * Gets the day on which the module was signed.
 *
 * Returns: the date as YYYYMMDD in BCD, e.g. 0x20250219
 **/
guint32
fu_tdx_sigstruct_firmware_get_date(FuTdxSigstructFirmware *self)
{
	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), 0);
	return fu_struct_tdx_sigstruct_get_date(self->st);
}

/**
 * fu_tdx_sigstruct_firmware_get_seamsvn:
 * @self: a #FuTdxSigstructFirmware
 *
 * Gets the security version of the module.
 *
 * Returns: the SVN, with the minor number in the low byte and the major number in the high byte
 **/
guint16
fu_tdx_sigstruct_firmware_get_seamsvn(FuTdxSigstructFirmware *self)
{
	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), 0);
	return fu_struct_tdx_sigstruct_get_seamsvn(self->st);
}

/**
 * fu_tdx_sigstruct_firmware_get_min_update_hv:
 * @self: a #FuTdxSigstructFirmware
 *
 * Gets the oldest format of handed-over data that the module can take from the one before it.
 *
 * Returns: handoff version, 0 in all releases so far
 **/
guint16
fu_tdx_sigstruct_firmware_get_min_update_hv(FuTdxSigstructFirmware *self)
{
	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), 0);
	return fu_struct_tdx_sigstruct_get_min_update_hv(self->st);
}

/**
 * fu_tdx_sigstruct_firmware_get_debug:
 * @self: a #FuTdxSigstructFirmware
 *
 * Gets if the module is debug-signed; P-SEAMLDR loads those on unlocked CPUs only.
 *
 * Returns: %TRUE for a debug-signed module
 **/
gboolean
fu_tdx_sigstruct_firmware_get_debug(FuTdxSigstructFirmware *self)
{
	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), FALSE);
	return fu_struct_tdx_sigstruct_get_module_type(self->st) ==
	       FU_TDX_SIGSTRUCT_MODULE_TYPE_DEBUG;
}

/**
 * fu_tdx_sigstruct_firmware_get_mrseam:
 * @self: a #FuTdxSigstructFirmware
 *
 * Gets the measurement of the module that attestation quotes show.
 *
 * Returns: (transfer full): the SHA-384 of the module as 96 hexadecimal digits
 **/
gchar *
fu_tdx_sigstruct_firmware_get_mrseam(FuTdxSigstructFirmware *self)
{
	gsize bufsz = 0;
	const guint8 *buf;

	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), NULL);

	buf = fu_struct_tdx_sigstruct_get_seamhash(self->st, &bufsz);
	return fu_tdx_sigstruct_firmware_buf_to_string(buf, bufsz);
}

/**
 * fu_tdx_sigstruct_firmware_get_signer:
 * @self: a #FuTdxSigstructFirmware
 *
 * Gets the hash of the key that the module is signed with, as P-SEAMLDR compares it.
 *
 * Returns: (transfer full): the SHA-384 of the modulus as stored, in 96 hexadecimal digits
 **/
gchar *
fu_tdx_sigstruct_firmware_get_signer(FuTdxSigstructFirmware *self)
{
	gsize bufsz = 0;
	const guint8 *buf;

	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), NULL);

	buf = fu_struct_tdx_sigstruct_get_modulus(self->st, &bufsz);
	return g_compute_checksum_for_data(G_CHECKSUM_SHA384, buf, bufsz);
}

/**
 * fu_tdx_sigstruct_firmware_get_cpus:
 * @self: a #FuTdxSigstructFirmware
 *
 * Gets the CPUs that the module is for.
 *
 * Returns: (transfer full): comma-separated values of CPUID.1.EAX, e.g. `0x806f8,0xc06f0`
 **/
gchar *
fu_tdx_sigstruct_firmware_get_cpus(FuTdxSigstructFirmware *self)
{
	g_autoptr(GString) str = g_string_new(NULL);

	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), NULL);

	for (guint i = 0; i < fu_struct_tdx_sigstruct_get_cpuid_table_size(self->st); i++) {
		if (str->len > 0)
			g_string_append_c(str, ',');
		g_string_append_printf(str,
				       "0x%x",
				       fu_struct_tdx_sigstruct_get_cpuid_table(self->st, i));
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/**
 * fu_tdx_sigstruct_firmware_has_cpu:
 * @self: a #FuTdxSigstructFirmware
 * @signature: a value of CPUID.1.EAX
 *
 * Checks if the module is for a specific CPU; the stepping does not matter.
 *
 * Returns: %TRUE if P-SEAMLDR would load the module on such a CPU
 **/
gboolean
fu_tdx_sigstruct_firmware_has_cpu(FuTdxSigstructFirmware *self, guint32 signature)
{
	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), FALSE);

	for (guint i = 0; i < fu_struct_tdx_sigstruct_get_cpuid_table_size(self->st); i++) {
		guint32 tmp = fu_struct_tdx_sigstruct_get_cpuid_table(self->st, i);
		if (((tmp ^ signature) & FU_TDX_COMMON_CPU_SIGNATURE_MASK) == 0)
			return TRUE;
	}
	return FALSE;
}

/**
 * fu_tdx_sigstruct_firmware_check_module:
 * @self: a #FuTdxSigstructFirmware
 * @digest: the SHA-384 of the module pages
 * @digestsz: size of @digest, in bytes
 * @error: (nullable): optional return location for an error
 *
 * Checks that the module is the one that was signed. P-SEAMLDR asks this last, when the running
 * module is already gone.
 *
 * Returns: %TRUE for success
 **/
gboolean
fu_tdx_sigstruct_firmware_check_module(FuTdxSigstructFirmware *self,
				       const guint8 *digest,
				       gsize digestsz,
				       GError **error)
{
	g_autofree gchar *actual = NULL;
	g_autofree gchar *expected = NULL;

	g_return_val_if_fail(FU_IS_TDX_SIGSTRUCT_FIRMWARE(self), FALSE);
	g_return_val_if_fail(digest != NULL, FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	expected = fu_tdx_sigstruct_firmware_get_mrseam(self);
	actual = fu_tdx_sigstruct_firmware_buf_to_string(digest, digestsz);
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

#ifdef HAVE_GNUTLS
/* GnuTLS wants numbers in big-endian */
static GBytes *
fu_tdx_sigstruct_firmware_reverse(const guint8 *buf, gsize bufsz)
{
	g_autoptr(GByteArray) array = g_byte_array_sized_new(bufsz);
	for (gsize i = bufsz; i > 0; i--)
		fu_byte_array_append_uint8(array, buf[i - 1]);
	return g_bytes_new(array->data, array->len);
}

static void
fu_tdx_sigstruct_firmware_set_datum(gnutls_datum_t *datum, GBytes *blob)
{
	gsize bufsz = 0;
	datum->data = (guchar *)g_bytes_get_data(blob, &bufsz);
	datum->size = bufsz;
}

/* everything but the key and the signature themselves */
static GBytes *
fu_tdx_sigstruct_firmware_get_signed_bytes(FuTdxSigstructFirmware *self)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_byte_array_append(buf, self->st->buf->data, FU_STRUCT_TDX_SIGSTRUCT_OFFSET_MODULUS);
	g_byte_array_append(buf,
			    self->st->buf->data + FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH,
			    FU_STRUCT_TDX_SIGSTRUCT_SIZE - FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH);
	return g_bytes_new(buf->data, buf->len);
}

static GBytes *
fu_tdx_sigstruct_firmware_get_exponent(FuTdxSigstructFirmware *self)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();
	fu_byte_array_append_uint32(buf, FU_STRUCT_TDX_SIGSTRUCT_DEFAULT_EXPONENT, G_BIG_ENDIAN);
	return g_bytes_new(buf->data, buf->len);
}
#endif

/* RSASSA-PKCS1-v1_5 with SHA-384; this says nothing about the key itself, see
 * fu_tdx_sigstruct_firmware_get_signer() */
static gboolean
fu_tdx_sigstruct_firmware_check_signature(FuTdxSigstructFirmware *self, GError **error)
{
#ifdef HAVE_GNUTLS
	gint rc;
	gnutls_datum_t data = {0};
	gnutls_datum_t exponent = {0};
	gnutls_datum_t modulus = {0};
	gnutls_datum_t signature = {0};
	gsize modulussz = 0;
	gsize signaturesz = 0;
	const guint8 *buf;
	g_autoptr(GBytes) blob_data = NULL;
	g_autoptr(GBytes) blob_exponent = NULL;
	g_autoptr(GBytes) blob_modulus = NULL;
	g_autoptr(GBytes) blob_signature = NULL;
	g_auto(gnutls_pubkey_t) pubkey = NULL;

	buf = fu_struct_tdx_sigstruct_get_modulus(self->st, &modulussz);
	blob_modulus = fu_tdx_sigstruct_firmware_reverse(buf, modulussz);
	fu_tdx_sigstruct_firmware_set_datum(&modulus, blob_modulus);
	blob_exponent = fu_tdx_sigstruct_firmware_get_exponent(self);
	fu_tdx_sigstruct_firmware_set_datum(&exponent, blob_exponent);
	rc = gnutls_pubkey_init(&pubkey);
	if (rc == GNUTLS_E_SUCCESS)
		rc = gnutls_pubkey_import_rsa_raw(pubkey, &modulus, &exponent);
	if (rc != GNUTLS_E_SUCCESS) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_SIGNATURE_INVALID,
			    "modulus is not an RSA-3072 key: %s",
			    gnutls_strerror(rc));
		return FALSE;
	}
	blob_data = fu_tdx_sigstruct_firmware_get_signed_bytes(self);
	fu_tdx_sigstruct_firmware_set_datum(&data, blob_data);
	buf = fu_struct_tdx_sigstruct_get_signature(self->st, &signaturesz);
	blob_signature = fu_tdx_sigstruct_firmware_reverse(buf, signaturesz);
	fu_tdx_sigstruct_firmware_set_datum(&signature, blob_signature);
	rc = gnutls_pubkey_verify_data2(pubkey, GNUTLS_SIGN_RSA_SHA384, 0, &data, &signature);
	if (rc < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_SIGNATURE_INVALID,
			    "signature does not match the sigstruct and its modulus: %s",
			    gnutls_strerror(rc));
		return FALSE;
	}
	return TRUE;
#else
	g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED, "no GnuTLS support");
	return FALSE;
#endif
}

static gboolean
fu_tdx_sigstruct_firmware_check_zero(const gchar *key,
				     const guint8 *buf,
				     gsize bufsz,
				     GError **error)
{
	for (gsize i = 0; i < bufsz; i++) {
		if (buf[i] != 0x0) {
			g_set_error(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    "%s[%u] is 0x%02x, expected 0x00",
				    key,
				    (guint)i,
				    buf[i]);
			return FALSE;
		}
	}
	return TRUE;
}

/* modules of the 1.5 series have zeros there, which their P-SEAMLDR demands */
static gboolean
fu_tdx_sigstruct_firmware_check_version(FuTdxSigstructFirmware *self, GError **error)
{
	guint16 update = fu_struct_tdx_sigstruct_get_version_update(self->st);
	guint8 minor = fu_struct_tdx_sigstruct_get_version_minor(self->st);
	guint32 build = fu_struct_tdx_sigstruct_get_version_build(self->st);

	if (fu_struct_tdx_sigstruct_get_version_major(self->st) != 0)
		return TRUE;
	if (minor == 0 && update == 0 && build == 0)
		return TRUE;
	g_set_error(
	    error,
	    FWUPD_ERROR,
	    FWUPD_ERROR_INVALID_FILE,
	    "version_major is 0 and version_minor %u, version_update %u, version_build 0x%x, "
	    "expected all of them to be 0, or none",
	    minor,
	    update,
	    build);
	return FALSE;
}

static gboolean
fu_tdx_sigstruct_firmware_check_reserved(FuTdxSigstructFirmware *self, GError **error)
{
	gsize bufsz = 0;
	const guint8 *buf;
	guint8 reserved2 = fu_struct_tdx_sigstruct_get_reserved2(self->st);
	guint64 attributes = fu_struct_tdx_sigstruct_get_attributes(self->st);

	if (attributes != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "attributes is 0x%" G_GINT64_MODIFIER "x, expected 0x0",
			    attributes);
		return FALSE;
	}
	if (!fu_tdx_sigstruct_firmware_check_zero("reserved2",
						  &reserved2,
						  sizeof(reserved2),
						  error))
		return FALSE;
	buf = fu_struct_tdx_sigstruct_get_reserved0(self->st, &bufsz);
	if (!fu_tdx_sigstruct_firmware_check_zero("reserved0", buf, bufsz, error))
		return FALSE;
	buf = fu_struct_tdx_sigstruct_get_reserved1(self->st, &bufsz);
	if (!fu_tdx_sigstruct_firmware_check_zero("reserved1", buf, bufsz, error))
		return FALSE;
	buf = fu_struct_tdx_sigstruct_get_reserved3(self->st, &bufsz);
	return fu_tdx_sigstruct_firmware_check_zero("reserved3", buf, bufsz, error);
}

/* what the parser of the struct does not check, and the host does not matter for */
static gboolean
fu_tdx_sigstruct_firmware_check_fields(FuTdxSigstructFirmware *self, GError **error)
{
	guint32 cpuid_table_size = fu_struct_tdx_sigstruct_get_cpuid_table_size(self->st);
	guint32 module_type = fu_struct_tdx_sigstruct_get_module_type(self->st);
	guint16 module_hv = fu_struct_tdx_sigstruct_get_module_hv(self->st);
	guint16 min_update_hv = fu_struct_tdx_sigstruct_get_min_update_hv(self->st);
	guint16 seamsvn = fu_struct_tdx_sigstruct_get_seamsvn(self->st);

	if (module_type != FU_TDX_SIGSTRUCT_MODULE_TYPE_PRODUCTION &&
	    module_type != (guint32)FU_TDX_SIGSTRUCT_MODULE_TYPE_DEBUG) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "module_type is 0x%x, expected 0x%x, or 0x%x when debug-signed",
			    module_type,
			    (guint)FU_TDX_SIGSTRUCT_MODULE_TYPE_PRODUCTION,
			    (guint)FU_TDX_SIGSTRUCT_MODULE_TYPE_DEBUG);
		return FALSE;
	}
	if (seamsvn >> 8 == 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "seamsvn is 0x%04x, expected a major number in the high byte",
			    seamsvn);
		return FALSE;
	}
	if (min_update_hv > module_hv) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "min_update_hv is %u, expected at most module_hv, which is %u",
			    min_update_hv,
			    module_hv);
		return FALSE;
	}
	if (cpuid_table_size > FU_STRUCT_TDX_SIGSTRUCT_N_ELEMENTS_CPUID_TABLE) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "cpuid_table_size is %u, expected at most %u",
			    cpuid_table_size,
			    (guint)FU_STRUCT_TDX_SIGSTRUCT_N_ELEMENTS_CPUID_TABLE);
		return FALSE;
	}
	if (cpuid_table_size == 0 && !fu_tdx_sigstruct_firmware_get_debug(self)) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    "cpuid_table_size is 0, expected at least 1");
		return FALSE;
	}
	if (!fu_tdx_sigstruct_firmware_check_version(self, error))
		return FALSE;
	return fu_tdx_sigstruct_firmware_check_reserved(self, error);
}

/* modules before 2.0 do not tell their version */
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

static gboolean
fu_tdx_sigstruct_firmware_parse_padding(FuInputStream *stream, GError **error)
{
	gsize streamsz = 0;
	g_autoptr(GByteArray) buf = NULL;

	if (!fu_input_stream_size(stream, &streamsz, error))
		return FALSE;
	if (streamsz == FU_STRUCT_TDX_SIGSTRUCT_SIZE)
		return TRUE;
	buf = fu_input_stream_read_byte_array(stream,
					      FU_STRUCT_TDX_SIGSTRUCT_SIZE,
					      streamsz - FU_STRUCT_TDX_SIGSTRUCT_SIZE,
					      NULL,
					      error);
	if (buf == NULL)
		return FALSE;
	return fu_tdx_sigstruct_firmware_check_zero("padding", buf->data, buf->len, error);
}

static gboolean
fu_tdx_sigstruct_firmware_parse(FuFirmware *firmware,
				FuInputStream *stream,
				FuFirmwareParseFlags flags,
				GError **error)
{
	FuTdxSigstructFirmware *self = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	g_autoptr(FuStructTdxSigstruct) st = NULL;

	st = fu_struct_tdx_sigstruct_parse_stream(stream, 0x0, error);
	if (st == NULL)
		return FALSE;
	fu_struct_tdx_sigstruct_unref(self->st);
	self->st = g_steal_pointer(&st);
	if (!fu_tdx_sigstruct_firmware_check_fields(self, error))
		return FALSE;
	if (!fu_tdx_sigstruct_firmware_parse_padding(stream, error))
		return FALSE;
	if ((flags & FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM) == 0) {
		if (!fu_tdx_sigstruct_firmware_check_signature(self, error))
			return FALSE;
	}
	fu_tdx_sigstruct_firmware_ensure_version(self);
	return TRUE;
}

static GByteArray *
fu_tdx_sigstruct_firmware_write(FuFirmware *firmware, GError **error)
{
	FuTdxSigstructFirmware *self = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	g_autoptr(GByteArray) buf = g_byte_array_new();

	g_byte_array_append(buf, self->st->buf->data, self->st->buf->len);
	fu_byte_array_set_size(buf, FU_TDX_PAGE_SIZE, 0x0);
	return g_steal_pointer(&buf);
}

static void
fu_tdx_sigstruct_firmware_export(FuFirmware *firmware,
				 FuFirmwareExportFlags flags,
				 XbBuilderNode *bn)
{
	FuTdxSigstructFirmware *self = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	g_autofree gchar *cpus = fu_tdx_sigstruct_firmware_get_cpus(self);
	g_autofree gchar *date =
	    g_strdup_printf("%08x", fu_struct_tdx_sigstruct_get_date(self->st));

	fu_xmlb_builder_insert_kv(bn, "date", date);
	fu_xmlb_builder_insert_kv(bn, "cpus", cpus);
	fu_xmlb_builder_insert_kb(bn, "debug", fu_tdx_sigstruct_firmware_get_debug(self));
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_u8); i++) {
		const FuTdxSigstructFieldU8 *field = &fu_tdx_sigstruct_fields_u8[i];
		fu_xmlb_builder_insert_kx(bn, field->key, field->get(self->st));
	}
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_u16); i++) {
		const FuTdxSigstructFieldU16 *field = &fu_tdx_sigstruct_fields_u16[i];
		fu_xmlb_builder_insert_kx(bn, field->key, field->get(self->st));
	}
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_u32); i++) {
		const FuTdxSigstructFieldU32 *field = &fu_tdx_sigstruct_fields_u32[i];
		fu_xmlb_builder_insert_kx(bn, field->key, field->get(self->st));
	}
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_buf); i++) {
		const FuTdxSigstructFieldBuf *field = &fu_tdx_sigstruct_fields_buf[i];
		gsize bufsz = 0;
		const guint8 *buf = field->get(self->st, &bufsz);
		g_autofree gchar *str = fu_tdx_sigstruct_firmware_buf_to_string(buf, bufsz);
		fu_xmlb_builder_insert_kv(bn, field->key, str);
	}

	/* only for the reader: this follows from the modulus */
	if (flags & FU_FIRMWARE_EXPORT_FLAG_INCLUDE_DEBUG) {
		g_autofree gchar *signer = fu_tdx_sigstruct_firmware_get_signer(self);
		fu_xmlb_builder_insert_kv(bn, "signer", signer);
	}
}

static gboolean
fu_tdx_sigstruct_firmware_build_cpus(FuTdxSigstructFirmware *self,
				     const gchar *cpus,
				     GError **error)
{
	g_auto(GStrv) split = g_strsplit(cpus, ",", -1);
	guint len = g_strv_length(split);

	if (len > FU_STRUCT_TDX_SIGSTRUCT_N_ELEMENTS_CPUID_TABLE) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "cpus has %u entries, expected at most %u",
			    len,
			    (guint)FU_STRUCT_TDX_SIGSTRUCT_N_ELEMENTS_CPUID_TABLE);
		return FALSE;
	}
	for (guint i = 0; i < len; i++) {
		guint64 val = 0;
		if (!fu_strtoull(split[i], &val, 0, G_MAXUINT32, FU_INTEGER_BASE_AUTO, error)) {
			g_prefix_error_literal(error, "cpus: ");
			return FALSE;
		}
		fu_struct_tdx_sigstruct_set_cpuid_table(self->st, i, val);
	}
	fu_struct_tdx_sigstruct_set_cpuid_table_size(self->st, len);
	return TRUE;
}

static gboolean
fu_tdx_sigstruct_firmware_build_buf(FuTdxSigstructFirmware *self,
				    const FuTdxSigstructFieldBuf *field,
				    const gchar *value,
				    GError **error)
{
	gsize bufsz = 0;
	g_autoptr(GByteArray) buf = fu_byte_array_from_string(value, error);

	if (buf == NULL) {
		g_prefix_error(error, "%s: ", field->key);
		return FALSE;
	}
	(void)field->get(self->st, &bufsz);
	if (buf->len != bufsz) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "%s has %u bytes, expected %" G_GSIZE_FORMAT,
			    field->key,
			    buf->len,
			    bufsz);
		return FALSE;
	}
	return field->set(self->st, buf->data, buf->len, error);
}

static gboolean
fu_tdx_sigstruct_firmware_build_uint(XbNode *n,
				     const gchar *key,
				     guint64 max,
				     guint64 *value,
				     GError **error)
{
	const gchar *tmp = xb_node_query_text(n, key, NULL);
	if (tmp == NULL)
		return TRUE;
	if (!fu_strtoull(tmp, value, 0, max, FU_INTEGER_BASE_AUTO, error)) {
		g_prefix_error(error, "%s: ", key);
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_tdx_sigstruct_firmware_build_uints(FuTdxSigstructFirmware *self, XbNode *n, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_u8); i++) {
		const FuTdxSigstructFieldU8 *field = &fu_tdx_sigstruct_fields_u8[i];
		guint64 val = field->get(self->st);
		if (!fu_tdx_sigstruct_firmware_build_uint(n, field->key, G_MAXUINT8, &val, error))
			return FALSE;
		field->set(self->st, val);
	}
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_u16); i++) {
		const FuTdxSigstructFieldU16 *field = &fu_tdx_sigstruct_fields_u16[i];
		guint64 val = field->get(self->st);
		if (!fu_tdx_sigstruct_firmware_build_uint(n, field->key, G_MAXUINT16, &val, error))
			return FALSE;
		field->set(self->st, val);
	}
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_u32); i++) {
		const FuTdxSigstructFieldU32 *field = &fu_tdx_sigstruct_fields_u32[i];
		guint64 val = field->get(self->st);
		if (!fu_tdx_sigstruct_firmware_build_uint(n, field->key, G_MAXUINT32, &val, error))
			return FALSE;
		field->set(self->st, val);
	}
	return TRUE;
}

static gboolean
fu_tdx_sigstruct_firmware_build(FuFirmware *firmware, XbNode *n, GError **error)
{
	FuTdxSigstructFirmware *self = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	const gchar *tmp;
	gboolean debug = FALSE;

	tmp = xb_node_query_text(n, "date", NULL);
	if (tmp != NULL) {
		guint64 val = 0;
		if (!fu_strtoull(tmp, &val, 0, G_MAXUINT32, FU_INTEGER_BASE_16, error)) {
			g_prefix_error_literal(error, "date: ");
			return FALSE;
		}
		fu_struct_tdx_sigstruct_set_date(self->st, val);
	}
	tmp = xb_node_query_text(n, "cpus", NULL);
	if (tmp != NULL && !fu_tdx_sigstruct_firmware_build_cpus(self, tmp, error))
		return FALSE;
	tmp = xb_node_query_text(n, "debug", NULL);
	if (tmp != NULL && !fu_strtobool(tmp, &debug, error))
		return FALSE;
	if (debug) {
		fu_struct_tdx_sigstruct_set_module_type(self->st,
							FU_TDX_SIGSTRUCT_MODULE_TYPE_DEBUG);
	}
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_sigstruct_fields_buf); i++) {
		const FuTdxSigstructFieldBuf *field = &fu_tdx_sigstruct_fields_buf[i];
		tmp = xb_node_query_text(n, field->key, NULL);
		if (tmp != NULL && !fu_tdx_sigstruct_firmware_build_buf(self, field, tmp, error))
			return FALSE;
	}
	if (!fu_tdx_sigstruct_firmware_build_uints(self, n, error))
		return FALSE;
	fu_tdx_sigstruct_firmware_ensure_version(self);
	return TRUE;
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
	firmware_class->write = fu_tdx_sigstruct_firmware_write;
	firmware_class->export = fu_tdx_sigstruct_firmware_export;
	firmware_class->build = fu_tdx_sigstruct_firmware_build;
	fu_firmware_set_size_max(firmware_class, FU_TDX_PAGE_SIZE);
}

/**
 * fu_tdx_sigstruct_firmware_new:
 *
 * Creates the signed description of a TDX module, see seam_sigstruct.h in the source of P-SEAMLDR.
 *
 * Returns: (transfer full): a #FuTdxSigstructFirmware
 **/
FuFirmware *
fu_tdx_sigstruct_firmware_new(void)
{
	return FU_FIRMWARE(g_object_new(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, NULL));
}
