/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Signs the images of tests and fuzzers as Intel signs the real ones. */

#include "config.h"

#include "fu-tdx-module-struct.h"
#include "tdx-signer.h"

/**
 * tdx_signer_load_key:
 * @filename: an RSA-3072 key in PEM
 * @key: (out): the key, to free with gnutls_privkey_deinit()
 * @error: (nullable): optional return location for an error
 *
 * Loads the key of a signer.
 *
 * Returns: %TRUE for success
 **/
gboolean
tdx_signer_load_key(const gchar *filename, gnutls_privkey_t *key, GError **error)
{
	gint rc;
	gnutls_datum_t datum = {0};
	gsize bufsz = 0;
	g_autofree gchar *buf = NULL;

	if (!g_file_get_contents(filename, &buf, &bufsz, error))
		return FALSE;
	datum.data = (guchar *)buf;
	datum.size = bufsz;
	rc = gnutls_privkey_init(key);
	if (rc >= 0)
		rc = gnutls_privkey_import_x509_raw(*key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s: %s",
			    filename,
			    gnutls_strerror(rc));
		return FALSE;
	}
	return TRUE;
}

/* big-endian, perhaps with a leading zero, to little-endian of a fixed size */
static GByteArray *
tdx_signer_reverse(const gnutls_datum_t *datum, gsize size)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();
	for (gsize i = 0; i < size; i++)
		fu_byte_array_append_uint8(buf, datum->data[datum->size - 1 - i]);
	return g_steal_pointer(&buf);
}

/**
 * tdx_signer_get_modulus:
 * @key: the key of a signer
 * @error: (nullable): optional return location for an error
 *
 * Gets the modulus as the sigstruct has it, i.e. 384 bytes, little-endian.
 *
 * Returns: (transfer full): the modulus, or %NULL if the key is not an RSA-3072 key
 **/
GByteArray *
tdx_signer_get_modulus(gnutls_privkey_t key, GError **error)
{
	gint rc;
	gnutls_datum_t exponent = {0};
	gnutls_datum_t modulus = {0};
	g_autoptr(GByteArray) buf = NULL;

	rc = gnutls_privkey_export_rsa_raw(key,
					   &modulus,
					   &exponent,
					   NULL,
					   NULL,
					   NULL,
					   NULL,
					   NULL,
					   NULL);
	if (rc < 0 || modulus.size < FU_STRUCT_TDX_SIGSTRUCT_SIZE_MODULUS) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    "the key is not an RSA-3072 key");
		return NULL;
	}
	buf = tdx_signer_reverse(&modulus, FU_STRUCT_TDX_SIGSTRUCT_SIZE_MODULUS);
	gnutls_free(modulus.data);
	gnutls_free(exponent.data);
	return g_steal_pointer(&buf);
}

/**
 * tdx_signer_sign:
 * @key: the key of a signer
 * @sigstruct: %FU_STRUCT_TDX_SIGSTRUCT_SIZE bytes
 * @error: (nullable): optional return location for an error
 *
 * Writes the signature of all that is signed of a sigstruct into it.
 *
 * Returns: %TRUE for success
 **/
gboolean
tdx_signer_sign(gnutls_privkey_t key, guint8 *sigstruct, GError **error)
{
	gint rc;
	gnutls_datum_t datum = {0};
	gnutls_datum_t signature = {0};
	g_autoptr(GByteArray) data = g_byte_array_new();
	g_autoptr(GByteArray) reversed = NULL;

	g_byte_array_append(data, sigstruct, FU_STRUCT_TDX_SIGSTRUCT_OFFSET_MODULUS);
	g_byte_array_append(data,
			    sigstruct + FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH,
			    FU_STRUCT_TDX_SIGSTRUCT_SIZE - FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH);
	datum.data = data->data;
	datum.size = data->len;
	rc = gnutls_privkey_sign_data(key, GNUTLS_DIG_SHA384, 0, &datum, &signature);
	if (rc < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "failed to sign: %s",
			    gnutls_strerror(rc));
		return FALSE;
	}
	reversed = tdx_signer_reverse(&signature, FU_STRUCT_TDX_SIGSTRUCT_SIZE_SIGNATURE);
	gnutls_free(signature.data);
	return fu_memcpy_safe(sigstruct,
			      FU_STRUCT_TDX_SIGSTRUCT_SIZE,
			      FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SIGNATURE,
			      reversed->data,
			      reversed->len,
			      0x0,
			      reversed->len,
			      error);
}
