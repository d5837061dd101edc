/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Signs the images of tests and fuzzers as Intel signs the real ones. */

#include "tdx-signer.h"

#include <gnutls/x509.h>
#include <string.h>

#include "mock-sigstruct.h"

#define SIGNER_KEY_BITS (SIGSTRUCT_KEY_SIZE * 8)

static gboolean
tdx_signer_check(gint rc, const gchar *what, GError **error)
{
	if (rc >= 0)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what, gnutls_strerror(rc));
	return FALSE;
}

/**
 * tdx_signer_make_key:
 * @filename: what to write
 * @error: (nullable): optional return location for an error
 *
 * Makes an RSA-3072 key, which only its owner can read.
 *
 * Returns: %TRUE for success
 **/
gboolean
tdx_signer_make_key(const gchar *filename, GError **error)
{
	gboolean ret = FALSE;
	gnutls_datum_t pem = {0};
	gnutls_x509_privkey_t key = NULL;
	gint rc = gnutls_x509_privkey_init(&key);

	if (rc >= 0)
		rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, SIGNER_KEY_BITS, 0);
	if (rc >= 0)
		rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	if (tdx_signer_check(rc, "failed to make a key", error))
		ret = g_file_set_contents_full(filename,
					       (const gchar *)pem.data,
					       pem.size,
					       G_FILE_SET_CONTENTS_CONSISTENT,
					       0600,
					       error);
	gnutls_free(pem.data);
	gnutls_x509_privkey_deinit(key);
	return ret;
}

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
	guint bits = 0;
	g_autofree gchar *buf = NULL;

	if (!g_file_get_contents(filename, &buf, &bufsz, error))
		return FALSE;
	datum.data = (guchar *)buf;
	datum.size = bufsz;
	rc = gnutls_privkey_init(key);
	if (rc >= 0)
		rc = gnutls_privkey_import_x509_raw(*key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (!tdx_signer_check(rc, filename, error))
		return FALSE;
	if (gnutls_privkey_get_pk_algorithm(*key, &bits) != GNUTLS_PK_RSA ||
	    bits != SIGNER_KEY_BITS) {
		g_set_error(error,
			    G_FILE_ERROR,
			    G_FILE_ERROR_INVAL,
			    "%s has %u bits, and an RSA key of %i is needed",
			    filename,
			    bits,
			    SIGNER_KEY_BITS);
		return FALSE;
	}
	return TRUE;
}

/* big-endian, perhaps with a leading zero, to little-endian of a fixed size */
static void
tdx_signer_reverse(guint8 *dst, const gnutls_datum_t *datum)
{
	memset(dst, 0, SIGSTRUCT_KEY_SIZE);
	for (gsize i = 0; i < SIGSTRUCT_KEY_SIZE && i < datum->size; i++)
		dst[i] = datum->data[datum->size - 1 - i];
}

/**
 * tdx_signer_get_modulus:
 * @key: the key of a signer
 * @error: (nullable): optional return location for an error
 *
 * Gets the modulus as the sigstruct has it, i.e. 384 bytes, little-endian.
 *
 * Returns: (transfer full): the modulus
 **/
GByteArray *
tdx_signer_get_modulus(gnutls_privkey_t key, GError **error)
{
	gint rc;
	gnutls_datum_t exponent = {0};
	gnutls_datum_t modulus = {0};
	g_autoptr(GByteArray) buf = g_byte_array_new();

	rc = gnutls_privkey_export_rsa_raw(key,
					   &modulus,
					   &exponent,
					   NULL,
					   NULL,
					   NULL,
					   NULL,
					   NULL,
					   NULL);
	if (!tdx_signer_check(rc, "failed to get the modulus", error))
		return NULL;
	g_byte_array_set_size(buf, SIGSTRUCT_KEY_SIZE);
	tdx_signer_reverse(buf->data, &modulus);
	gnutls_free(modulus.data);
	gnutls_free(exponent.data);
	return g_steal_pointer(&buf);
}

/**
 * tdx_signer_sign:
 * @key: the key of a signer
 * @sigstruct: 2048 bytes
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

	g_byte_array_append(data, sigstruct, SIGSTRUCT_MODULUS);
	g_byte_array_append(data,
			    sigstruct + SIGSTRUCT_SEAMHASH,
			    SIGSTRUCT_SIZE - SIGSTRUCT_SEAMHASH);
	datum.data = data->data;
	datum.size = data->len;
	rc = gnutls_privkey_sign_data(key, GNUTLS_DIG_SHA384, 0, &datum, &signature);
	if (!tdx_signer_check(rc, "failed to sign", error))
		return FALSE;
	tdx_signer_reverse(sigstruct + SIGSTRUCT_SIGNATURE, &signature);
	gnutls_free(signature.data);
	return TRUE;
}
