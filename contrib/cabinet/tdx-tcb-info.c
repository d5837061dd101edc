/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which TDX modules Intel says are up to date; version 3 of the format, for TDX. */

#include "config.h"

#include <glib/gstdio.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <json-glib/json-glib.h>

#include "tdx-tcb-info.h"

#define TDX_TCB_INFO_SIZE_MAX	 0x100000 /* bytes; real ones have 6000 */
#define TDX_TCB_INFO_DEPTH_MAX	 16	  /* json-glib recurses; real ones have 6 */
#define TDX_TCB_INFO_CHAIN_MAX	 8
#define TDX_TCB_INFO_SCALAR_SIZE 32 /* bytes of r, and of s */

/* the signature is of the bytes of the object in between */
#define TDX_TCB_INFO_PATTERN                                                                       \
	"^\\s*\\{\\s*\"tcbInfo\"\\s*:\\s*(\\{.*\\})\\s*,\\s*\"signature\"\\s*:\\s*\""              \
	"([0-9A-Fa-f]{128})\"\\s*\\}\\s*$"

static void
tdx_tcb_level_free(TdxTcbLevel *level)
{
	g_free(level->status);
	g_free(level->date);
	g_ptr_array_unref(level->advisories);
	g_free(level);
}

void
tdx_tcb_info_free(TdxTcbInfo *self)
{
	g_free(self->date);
	g_free(self->fmspc);
	g_ptr_array_unref(self->levels);
	g_free(self);
}

static gboolean
tdx_tcb_info_refuse(GError **error, const gchar *reason)
{
	g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_INVALID_FILE, reason);
	return FALSE;
}

/* a regular file of text; what Intel sends is small */
static gchar *
tdx_tcb_info_read(const gchar *filename, GError **error)
{
	gsize bufsz = 0;
	GStatBuf st = {0};
	g_autofree gchar *buf = NULL;

	if (g_stat(filename, &st) == 0 &&
	    (!S_ISREG(st.st_mode) || st.st_size > TDX_TCB_INFO_SIZE_MAX)) {
		tdx_tcb_info_refuse(error, "expected a regular file of at most 1 MiB");
		return NULL;
	}
	if (!g_file_get_contents(filename, &buf, &bufsz, error))
		return NULL;
	if (!g_utf8_validate(buf, bufsz, NULL)) {
		tdx_tcb_info_refuse(error, "it is not text in UTF-8");
		return NULL;
	}
	return g_steal_pointer(&buf);
}

/*
 * who has signed it
 */

typedef struct {
	gnutls_x509_crt_t *certs; /* the signer first, the root last */
	guint n_certs;
} TdxTcbChain;

static void
tdx_tcb_chain_clear(TdxTcbChain *chain)
{
	for (guint i = 0; i < chain->n_certs; i++)
		gnutls_x509_crt_deinit(chain->certs[i]);
	gnutls_free(chain->certs);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TdxTcbChain, tdx_tcb_chain_clear)

static gboolean
tdx_tcb_chain_check_root(const TdxTcbChain *chain, const gchar *root, GError **error)
{
	guint8 buf[32] = {0};
	gsize bufsz = sizeof(buf);
	g_autofree gchar *key_id = NULL;
	g_autoptr(GByteArray) key = g_byte_array_new();

	if (gnutls_x509_crt_get_key_id(chain->certs[chain->n_certs - 1],
				       GNUTLS_KEYID_USE_SHA256,
				       buf,
				       &bufsz) < 0)
		return tdx_tcb_info_refuse(error, "the root has no key");
	g_byte_array_append(key, buf, bufsz);
	key_id = fu_byte_array_to_string(key);
	if (g_strcmp0(key_id, root) == 0)
		return TRUE;
	g_set_error(
	    error,
	    FWUPD_ERROR,
	    FWUPD_ERROR_INVALID_FILE,
	    "the SHA-256 of the key of its root is %s, expected %s as \"Intel SGX Root CA\" "
	    "has; use the chain that came with the TCB info",
	    key_id,
	    root);
	return FALSE;
}

static gboolean
tdx_tcb_chain_verify(const TdxTcbChain *chain, gboolean allow_expired, GError **error)
{
	guint status = 0;
	gnutls_datum_t text = {0};
	gint rc = gnutls_x509_crt_list_verify(chain->certs,
					      chain->n_certs - 1,
					      &chain->certs[chain->n_certs - 1],
					      1,
					      NULL,
					      0,
					      allow_expired ? GNUTLS_VERIFY_DISABLE_TIME_CHECKS : 0,
					      &status);

	if (rc == 0 && status == 0)
		return TRUE;
	gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_FILE,
		    "the chain does not hold: %s",
		    text.data != NULL ? (const gchar *)text.data : gnutls_strerror(rc));
	gnutls_free(text.data);
	return FALSE;
}

static gboolean
tdx_tcb_chain_load(TdxTcbChain *chain,
		   const gchar *filename,
		   const gchar *root,
		   gboolean allow_expired,
		   GError **error)
{
	gnutls_datum_t data = {0};
	g_autofree gchar *pem = tdx_tcb_info_read(filename, error);

	if (pem == NULL)
		return FALSE;
	data.data = (guint8 *)pem;
	data.size = strlen(pem);
	if (gnutls_x509_crt_list_import2(&chain->certs,
					 &chain->n_certs,
					 &data,
					 GNUTLS_X509_FMT_PEM,
					 0) < 0 ||
	    chain->n_certs < 2 || chain->n_certs > TDX_TCB_INFO_CHAIN_MAX)
		return tdx_tcb_info_refuse(error,
					   "expected the certificate of the signer and then its "
					   "root, as PEM");
	return tdx_tcb_chain_check_root(chain, root, error) &&
	       tdx_tcb_chain_verify(chain, allow_expired, error);
}

static gboolean
tdx_tcb_chain_verify_data(const TdxTcbChain *chain,
			  const gchar *text,
			  const gchar *signature,
			  GError **error)
{
	gint rc;
	gnutls_datum_t data = {.data = (guint8 *)text, .size = strlen(text)};
	gnutls_datum_t der = {0};
	gnutls_datum_t r = {.size = TDX_TCB_INFO_SCALAR_SIZE};
	gnutls_datum_t s = {.size = TDX_TCB_INFO_SCALAR_SIZE};
	gnutls_pubkey_t pubkey = NULL;
	g_autoptr(GByteArray) raw = fu_byte_array_from_string(signature, error);

	if (raw == NULL)
		return FALSE;
	r.data = raw->data;
	s.data = raw->data + TDX_TCB_INFO_SCALAR_SIZE;
	rc = gnutls_encode_rs_value(&der, &r, &s);
	if (rc >= 0)
		rc = gnutls_pubkey_init(&pubkey);
	if (rc >= 0)
		rc = gnutls_pubkey_import_x509(pubkey, chain->certs[0], 0);
	if (rc >= 0)
		rc = gnutls_pubkey_verify_data2(pubkey, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der);
	gnutls_pubkey_deinit(pubkey);
	gnutls_free(der.data);
	if (rc < 0)
		return tdx_tcb_info_refuse(error,
					   "its signature is not that of the signer in the chain; "
					   "use the bytes as they came, and the chain with them");
	return TRUE;
}

/*
 * what it says
 */

static gboolean
tdx_tcb_info_check_depth(const gchar *text, GError **error)
{
	gboolean quoted = FALSE;
	guint depth = 0;

	for (; *text != '\0'; text++) {
		if (quoted && *text == '\\' && text[1] != '\0')
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (!quoted && strchr("[{", *text) != NULL)
			depth++;
		else if (!quoted && strchr("]}", *text) != NULL && depth > 0)
			depth--;
		if (depth > TDX_TCB_INFO_DEPTH_MAX)
			return tdx_tcb_info_refuse(error, "it is nested too deeply");
	}
	return TRUE;
}

static JsonArray *
tdx_tcb_info_get_array(JsonObject *obj, const gchar *name)
{
	return json_object_has_member(obj, name) ? json_object_get_array_member(obj, name) : NULL;
}

static gboolean
tdx_tcb_info_add_level(TdxTcbInfo *self, guint8 svn_major, JsonObject *obj, GError **error)
{
	JsonArray *advisories = tdx_tcb_info_get_array(obj, "advisoryIDs");
	JsonObject *tcb = json_object_get_object_member(obj, "tcb");
	TdxTcbLevel *level = g_new0(TdxTcbLevel, 1);
	gint64 svn_minor = json_object_get_int_member_with_default(tcb, "isvsvn", -1);

	level->svn = (guint16)svn_major << 8 | (svn_minor & 0xFF);
	level->status = g_strdup(json_object_get_string_member_with_default(obj, "tcbStatus", ""));
	level->date = g_strndup(json_object_get_string_member_with_default(obj, "tcbDate", ""), 10);
	level->advisories = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(self->levels, level);
	for (guint i = 0; advisories != NULL && i < json_array_get_length(advisories); i++)
		g_ptr_array_add(level->advisories,
				g_strdup(json_array_get_string_element(advisories, i)));
	if (svn_minor < 0 || svn_minor > G_MAXUINT8 || level->status[0] == '\0')
		return tdx_tcb_info_refuse(error, "a level has no isvsvn or no tcbStatus");
	return TRUE;
}

static gboolean
tdx_tcb_info_add_identity(TdxTcbInfo *self, JsonObject *obj, GError **error)
{
	JsonArray *levels = tdx_tcb_info_get_array(obj, "tcbLevels");
	const gchar *id = json_object_get_string_member_with_default(obj, "id", "");
	guint64 svn_major = 0;

	if (levels == NULL || !g_str_has_prefix(id, "TDX_") ||
	    !fu_strtoull(id + 4, &svn_major, 0, G_MAXUINT8, FU_INTEGER_BASE_10, NULL))
		return tdx_tcb_info_refuse(error, "an identity is not like TDX_01 with levels");
	for (guint i = 0; i < json_array_get_length(levels); i++) {
		JsonObject *level = json_array_get_object_element(levels, i);
		if (!tdx_tcb_info_add_level(self, svn_major, level, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
tdx_tcb_info_check_dates(TdxTcbInfo *self, JsonObject *obj, gboolean allow_expired, GError **error)
{
	const gchar *issued = json_object_get_string_member_with_default(obj, "issueDate", "");
	const gchar *next = json_object_get_string_member_with_default(obj, "nextUpdate", "");
	g_autoptr(GDateTime) dt_issued = g_date_time_new_from_iso8601(issued, NULL);
	g_autoptr(GDateTime) dt_next = g_date_time_new_from_iso8601(next, NULL);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();

	if (dt_issued == NULL || dt_next == NULL)
		return tdx_tcb_info_refuse(error, "it has no issueDate or no nextUpdate");
	self->date = g_strndup(issued, 10);
	self->stale = g_date_time_compare(dt_next, now) < 0;
	if (!self->stale || allow_expired)
		return TRUE;
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_FILE,
		    "it expired on %s; get a new one, with its chain",
		    next);
	return FALSE;
}

static gboolean
tdx_tcb_info_parse(TdxTcbInfo *self, const gchar *text, gboolean allow_expired, GError **error)
{
	JsonArray *identities;
	JsonObject *obj;
	g_autoptr(JsonParser) parser = json_parser_new();

	if (!tdx_tcb_info_check_depth(text, error) ||
	    !json_parser_load_from_data(parser, text, -1, error))
		return FALSE;
	obj = json_node_get_object(json_parser_get_root(parser));
	identities = tdx_tcb_info_get_array(obj, "tdxModuleIdentities");
	self->set = json_object_get_int_member_with_default(obj, "tcbEvaluationDataNumber", 0);
	if (g_strcmp0(json_object_get_string_member_with_default(obj, "id", ""), "TDX") != 0 ||
	    json_object_get_int_member_with_default(obj, "version", 0) != 3 || self->set == 0 ||
	    identities == NULL)
		return tdx_tcb_info_refuse(error,
					   "expected the id TDX, version 3, "
					   "tcbEvaluationDataNumber and tdxModuleIdentities");
	self->fmspc = g_strdup(json_object_get_string_member_with_default(obj, "fmspc", ""));
	for (guint i = 0; i < json_array_get_length(identities); i++) {
		JsonObject *identity = json_array_get_object_element(identities, i);
		if (!tdx_tcb_info_add_identity(self, identity, error))
			return FALSE;
	}
	return tdx_tcb_info_check_dates(self, obj, allow_expired, error);
}

static gboolean
tdx_tcb_info_verify(TdxTcbInfo *self,
		    const gchar *text,
		    const TdxTcbChain *chain,
		    gboolean allow_expired,
		    GError **error)
{
	g_autofree gchar *signature = NULL;
	g_autofree gchar *signed_text = NULL;
	g_autoptr(GMatchInfo) match = NULL;
	g_autoptr(GRegex) regex = g_regex_new(TDX_TCB_INFO_PATTERN, G_REGEX_DOTALL, 0, NULL);

	if (!g_regex_match(regex, text, 0, &match))
		return tdx_tcb_info_refuse(error,
					   "expected {\"tcbInfo\":{...},\"signature\":\"...\"}, as "
					   "Intel's service and a PCCS send it");
	signed_text = g_match_info_fetch(match, 1);
	signature = g_match_info_fetch(match, 2);
	return tdx_tcb_chain_verify_data(chain, signed_text, signature, error) &&
	       tdx_tcb_info_parse(self, signed_text, allow_expired, error);
}

/**
 * tdx_tcb_info_load:
 * @filename: the answer of Intel's service or of a PCCS, as it came
 * @chain_fn: the certificates that came with it, PEM, the signer first and the root last
 * @root: SHA-256 of the public key of the root, normally TDX_TCB_INFO_ROOT
 * @allow_expired: take also what is not valid any more
 * @error: (nullable): optional return location for an error
 *
 * Nothing is parsed before its signature is verified.
 *
 * Returns: (transfer full): what is known, or %NULL with an error that names the file
 **/
TdxTcbInfo *
tdx_tcb_info_load(const gchar *filename,
		  const gchar *chain_fn,
		  const gchar *root,
		  gboolean allow_expired,
		  GError **error)
{
	g_auto(TdxTcbChain) chain = {0};
	g_autofree gchar *text = NULL;
	g_autoptr(TdxTcbInfo) self = g_new0(TdxTcbInfo, 1);

	self->levels = g_ptr_array_new_with_free_func((GDestroyNotify)tdx_tcb_level_free);
	if (!tdx_tcb_chain_load(&chain, chain_fn, root, allow_expired, error)) {
		g_prefix_error(error, "the chain %s of a TCB info: ", chain_fn);
		return NULL;
	}
	text = tdx_tcb_info_read(filename, error);
	if (text == NULL || !tdx_tcb_info_verify(self, text, &chain, allow_expired, error)) {
		g_prefix_error(error, "the TCB info %s: ", filename);
		return NULL;
	}
	return g_steal_pointer(&self);
}

/* (nullable): of a module with this SVN, if it has any */
const TdxTcbLevel *
tdx_tcb_info_find_level(const TdxTcbInfo *self, guint16 svn)
{
	for (guint i = 0; i < self->levels->len; i++) {
		const TdxTcbLevel *level = g_ptr_array_index(self->levels, i);
		if (level->svn >> 8 == svn >> 8 && level->svn <= svn)
			return level;
	}
	return NULL;
}

static gboolean
tdx_tcb_level_is_left_behind(const TdxTcbLevel *level, const TdxTcbLevel *own)
{
	return own != NULL && level->svn >> 8 == own->svn >> 8 && level->svn < own->svn;
}

/* (element-type utf8) (transfer container): advisories of lower levels that its own has not */
GPtrArray *
tdx_tcb_info_get_fixed(const TdxTcbInfo *self, guint16 svn)
{
	const TdxTcbLevel *own = tdx_tcb_info_find_level(self, svn);
	GPtrArray *fixed = g_ptr_array_new();

	for (guint i = 0; i < self->levels->len; i++) {
		const TdxTcbLevel *level = g_ptr_array_index(self->levels, i);
		if (!tdx_tcb_level_is_left_behind(level, own))
			continue;
		for (guint j = 0; j < level->advisories->len; j++) {
			gpointer id = g_ptr_array_index(level->advisories, j);
			if (!g_ptr_array_find_with_equal_func(own->advisories,
							      id,
							      g_str_equal,
							      NULL) &&
			    !g_ptr_array_find_with_equal_func(fixed, id, g_str_equal, NULL))
				g_ptr_array_add(fixed, id);
		}
	}
	return fixed;
}

/* is a module with this SVN up to date, and lower ones are not? */
gboolean
tdx_tcb_info_mends_out_of_date(const TdxTcbInfo *self, guint16 svn)
{
	const TdxTcbLevel *own = tdx_tcb_info_find_level(self, svn);

	if (own == NULL || g_strcmp0(own->status, "UpToDate") != 0)
		return FALSE;
	for (guint i = 0; i < self->levels->len; i++) {
		const TdxTcbLevel *level = g_ptr_array_index(self->levels, i);
		if (tdx_tcb_level_is_left_behind(level, own) &&
		    g_strcmp0(level->status, "UpToDate") != 0)
			return TRUE;
	}
	return FALSE;
}
