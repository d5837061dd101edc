/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "cabinet-file.h"
#include "cabinet-signer.h"

typedef struct {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t privkey;
} CabinetSignerPair;

static void
cabinet_signer_pair_clear(CabinetSignerPair *pair)
{
	gnutls_x509_crt_deinit(pair->crt);
	gnutls_x509_privkey_deinit(pair->privkey);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CabinetSignerPair, cabinet_signer_pair_clear)

void
cabinet_signer_free(CabinetSigner *self)
{
	if (self->certificate != NULL)
		g_bytes_unref(self->certificate);
	if (self->key != NULL)
		g_bytes_unref(self->key);
	g_free(self->warning);
	g_free(self);
}

static gboolean
cabinet_signer_set_error(gint rc, const gchar *filename, const gchar *what, GError **error)
{
	if (rc >= 0)
		return TRUE;
	return cabinet_fail(error,
			    "%s has no %s in the format PEM: %s",
			    filename,
			    what,
			    gnutls_strerror(rc));
}

/* libjcat on the hosts wants to know what a certificate is for, and takes none that does not say */
static gboolean
cabinet_signer_check_usage(gnutls_x509_crt_t crt, const gchar *certificate_fn, GError **error)
{
	guint usage = 0;
	gint rc = gnutls_x509_crt_get_key_usage(crt, &usage, NULL);

	if (rc >= 0 && (usage & (GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_CERT_SIGN)) > 0)
		return TRUE;
	return cabinet_fail(
	    error,
	    "the certificate %s has no keyUsage digitalSignature, and fwupd would refuse "
	    "what it signs; make it with openssl req -x509 -addext "
	    "keyUsage=digitalSignature",
	    certificate_fn);
}

static gboolean
cabinet_signer_check_time(gnutls_x509_crt_t crt, const gchar *certificate_fn, GError **error)
{
	time_t now = time(NULL);
	g_autoptr(GDateTime) begin = NULL;
	g_autoptr(GDateTime) end = NULL;
	g_autofree gchar *begin_str = NULL;
	g_autofree gchar *end_str = NULL;

	if (now >= gnutls_x509_crt_get_activation_time(crt) &&
	    now <= gnutls_x509_crt_get_expiration_time(crt))
		return TRUE;
	begin = g_date_time_new_from_unix_utc(gnutls_x509_crt_get_activation_time(crt));
	end = g_date_time_new_from_unix_utc(gnutls_x509_crt_get_expiration_time(crt));
	begin_str = g_date_time_format(begin, "%F");
	end_str = g_date_time_format(end, "%F");
	return cabinet_fail(
	    error,
	    "the certificate %s is valid from %s to %s, but not now, and fwupd would "
	    "refuse what it signs; make a new one",
	    certificate_fn,
	    begin_str,
	    end_str);
}

static gboolean
cabinet_signer_check_pair(CabinetSignerPair *pair,
			  const gchar *certificate_fn,
			  const gchar *key_fn,
			  GError **error)
{
	guint8 id_crt[64] = {0};
	guint8 id_key[64] = {0};
	gsize id_crtsz = sizeof(id_crt);
	gsize id_keysz = sizeof(id_key);

	if (gnutls_x509_crt_get_key_id(pair->crt, 0, id_crt, &id_crtsz) >= 0 &&
	    gnutls_x509_privkey_get_key_id(pair->privkey, 0, id_key, &id_keysz) >= 0 &&
	    id_crtsz == id_keysz && memcmp(id_crt, id_key, id_crtsz) == 0)
		return TRUE;
	return cabinet_fail(error,
			    "the key %s is not the one of the certificate %s",
			    key_fn,
			    certificate_fn);
}

static gboolean
cabinet_signer_check(CabinetSigner *self,
		     const gchar *certificate_fn,
		     const gchar *key_fn,
		     GError **error)
{
	gint rc;
	gnutls_datum_t crt = {.data = (guint8 *)g_bytes_get_data(self->certificate, NULL),
			      .size = g_bytes_get_size(self->certificate)};
	gnutls_datum_t key = {.data = (guint8 *)g_bytes_get_data(self->key, NULL),
			      .size = g_bytes_get_size(self->key)};
	g_auto(CabinetSignerPair) pair = {0};

	gnutls_x509_crt_init(&pair.crt);
	gnutls_x509_privkey_init(&pair.privkey);
	rc = gnutls_x509_crt_import(pair.crt, &crt, GNUTLS_X509_FMT_PEM);
	if (!cabinet_signer_set_error(rc, certificate_fn, "certificate", error))
		return FALSE;
	rc = gnutls_x509_privkey_import2(pair.privkey, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (!cabinet_signer_set_error(rc, key_fn, "private key without a password", error))
		return FALSE;
	return cabinet_signer_check_pair(&pair, certificate_fn, key_fn, error) &&
	       cabinet_signer_check_usage(pair.crt, certificate_fn, error) &&
	       cabinet_signer_check_time(pair.crt, certificate_fn, error);
}

static gchar *
cabinet_signer_check_mode(const gchar *key_fn, const struct stat *st)
{
	const gchar *what = st->st_mode & 0022 ? "replaced" : "read";

	if ((st->st_mode & 0066) == 0)
		return NULL;
	return g_strdup_printf("the key %s can be %s by others than its owner, who could then "
			       "decide what hosts run: chmod 600, and make a new one if others "
			       "have been there",
			       key_fn,
			       what);
}

/* fails if fwupd would not take what they sign */
CabinetSigner *
cabinet_signer_new(const gchar *certificate_fn, const gchar *key_fn, GError **error)
{
	struct stat st = {0};
	g_autoptr(CabinetSigner) self = g_new0(CabinetSigner, 1);

	self->certificate =
	    cabinet_file_read(AT_FDCWD, certificate_fn, 0, CABINET_FILE_SIZE_MAX, NULL, error);
	if (self->certificate == NULL)
		return NULL;
	self->key = cabinet_file_read(AT_FDCWD, key_fn, 0, CABINET_FILE_SIZE_MAX, &st, error);
	if (self->key == NULL)
		return NULL;
	if (!cabinet_signer_check(self, certificate_fn, key_fn, error))
		return NULL;
	self->warning = cabinet_signer_check_mode(key_fn, &st);
	return g_steal_pointer(&self);
}

/* fwupd wants both a checksum and a PKCS#7 signature; @sha256 is that of @blob, if it is known */
gboolean
cabinet_signer_sign(const CabinetSigner *self,
		    JcatFile *jcat_file,
		    const gchar *id,
		    GBytes *blob,
		    const gchar *sha256,
		    GError **error)
{
	g_autofree gchar *sha256_new = sha256 == NULL ? cabinet_file_hash(G_CHECKSUM_SHA256, blob)
						      : NULL;
	g_autoptr(JcatBlob) blob_csum = NULL;
	g_autoptr(JcatBlob) blob_sig = NULL;
	g_autoptr(JcatContext) context = jcat_context_new();
	g_autoptr(JcatEngine) engine_sig = NULL;
	g_autoptr(JcatItem) item = jcat_item_new(id);

	blob_csum = jcat_blob_new_utf8(JCAT_BLOB_KIND_SHA256, sha256 != NULL ? sha256 : sha256_new);
	engine_sig = jcat_context_get_engine(context, JCAT_BLOB_KIND_PKCS7, error);
	if (engine_sig == NULL)
		return FALSE;
	blob_sig = jcat_engine_pubkey_sign(engine_sig,
					   blob,
					   self->certificate,
					   self->key,
					   JCAT_SIGN_FLAG_ADD_TIMESTAMP | JCAT_SIGN_FLAG_ADD_CERT,
					   error);
	if (blob_sig == NULL)
		return FALSE;
	jcat_item_add_blob(item, blob_csum);
	jcat_item_add_blob(item, blob_sig);
	jcat_file_add_item(jcat_file, item);
	return TRUE;
}

/* (nullable): what is said about one file */
static JcatItem *
cabinet_signer_import(GBytes *jcat)
{
	g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_bytes(jcat);
	g_autoptr(JcatFile) jcat_file = jcat_file_new();

	if (!jcat_file_import_stream(jcat_file, stream, JCAT_IMPORT_FLAG_NONE, NULL, NULL))
		return NULL;
	return jcat_file_get_item_default(jcat_file, NULL);
}

/* would hosts that trust this signer take it with what is in the jcat file? */
gboolean
cabinet_signer_has_signed(const CabinetSigner *self, GBytes *jcat, const gchar *id, GBytes *blob)
{
	g_autoptr(GPtrArray) results = NULL;
	g_autoptr(JcatContext) context = jcat_context_new();
	g_autoptr(JcatEngine) engine = NULL;
	g_autoptr(JcatItem) item = cabinet_signer_import(jcat);

	engine = jcat_context_get_engine(context, JCAT_BLOB_KIND_PKCS7, NULL);
	if (item == NULL || g_strcmp0(jcat_item_get_id(item), id) != 0 || engine == NULL ||
	    !jcat_engine_add_public_key_raw(engine, self->certificate, NULL))
		return FALSE;
	results = jcat_context_verify_item(context,
					   blob,
					   item,
					   JCAT_VERIFY_FLAG_REQUIRE_CHECKSUM |
					       JCAT_VERIFY_FLAG_REQUIRE_SIGNATURE,
					   NULL);
	return results != NULL;
}

/* when it was signed, whoever has done that, in seconds; 0 if nobody has */
gint64
cabinet_signer_get_time(GBytes *jcat)
{
	g_autoptr(GPtrArray) blobs = NULL;
	g_autoptr(JcatItem) item = cabinet_signer_import(jcat);

	if (item == NULL)
		return 0;
	blobs = jcat_item_get_blobs_by_kind(item, JCAT_BLOB_KIND_PKCS7);
	return blobs->len > 0 ? jcat_blob_get_timestamp(g_ptr_array_index(blobs, 0)) : 0;
}

GBytes *
cabinet_signer_export(JcatFile *jcat_file, GError **error)
{
	g_autoptr(GOutputStream) stream = g_memory_output_stream_new_resizable();

	if (!jcat_file_export_stream(jcat_file, stream, JCAT_EXPORT_FLAG_NONE, NULL, error) ||
	    !g_output_stream_close(stream, NULL, error))
		return NULL;
	return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(stream));
}
