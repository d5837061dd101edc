/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the publisher's tool makes of versions, as fwupd would match it. */

#include "config.h"

#include <glib/gstdio.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "cabinet-requires.h"
#include "fu-tdx-preflight.h"
#include "tdx-released.h"
#include "tdx-tcb-info.h"

static GRegex *
test_cabinet_compile(gchar *(*to_regex)(GPtrArray *versions), const gchar *versions)
{
	g_autofree gchar *pattern = NULL;
	g_auto(GStrv) split = g_strsplit(versions, " ", -1);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) array = g_ptr_array_new();
	g_autoptr(GRegex) regex = NULL;

	for (guint i = 0; split[i] != NULL; i++)
		g_ptr_array_add(array, split[i]);
	pattern = to_regex(array);

	/* fwupd splits it there */
	g_assert_null(strpbrk(pattern, "|="));
	regex = g_regex_new(pattern, 0, 0, &error);
	g_assert_no_error(error);
	g_assert_false(g_regex_match(regex, "", 0, NULL));
	return g_steal_pointer(&regex);
}

static GRegex *
test_cabinet_compile_minimum(guint minimum)
{
	g_autofree gchar *version = g_strdup_printf("1.5.%02u", minimum);
	return test_cabinet_compile(cabinet_requires_minimum_to_regex, version);
}

/* with all that the kernel could print in front of a number */
static void
test_cabinet_assert_update(GRegex *regex, guint update, gboolean expected)
{
	for (gint width = 1; width <= 6; width++) {
		gchar version[32] = {'\0'};
		g_snprintf(version, sizeof(version), "1.5.%0*u", width, update);
		if (g_regex_match(regex, version, 0, NULL) != expected)
			g_error("%s and %s", version, g_regex_get_pattern(regex));
	}
}

static void
test_cabinet_minimum_func(void)
{
	const guint hard[] = {0, 10, 999, 1000, 10909, 59999, 65535};

	for (guint minimum = 0; minimum < 100; minimum++) {
		g_autoptr(GRegex) regex = test_cabinet_compile_minimum(minimum);
		for (guint update = 0; update <= 200; update++)
			test_cabinet_assert_update(regex, update, update >= minimum);
	}
	for (guint i = 0; i < G_N_ELEMENTS(hard); i++) {
		g_autoptr(GRegex) regex = test_cabinet_compile_minimum(hard[i]);
		for (guint update = 0; update <= G_MAXUINT16; update++)
			test_cabinet_assert_update(regex, update, update >= hard[i]);
	}
	for (guint minimum = 0; minimum <= G_MAXUINT16; minimum++) {
		g_autoptr(GRegex) regex = test_cabinet_compile_minimum(minimum);
		test_cabinet_assert_update(regex, minimum / 10, minimum / 10 >= minimum);
		if (minimum > 0)
			test_cabinet_assert_update(regex, minimum - 1, FALSE);
		test_cabinet_assert_update(regex, minimum, TRUE);
		test_cabinet_assert_update(regex, minimum + 1, TRUE);
		test_cabinet_assert_update(regex, minimum * 10 + 9, TRUE);
	}
}

static void
test_cabinet_assert_versions(GRegex *regex, const gchar *good, const gchar *bad)
{
	g_auto(GStrv) split_good = g_strsplit(good, " ", -1);
	g_auto(GStrv) split_bad = g_strsplit(bad, " ", -1);

	for (guint i = 0; split_good[i] != NULL; i++)
		g_assert_true(g_regex_match(regex, split_good[i], 0, NULL));
	for (guint i = 0; split_bad[i] != NULL; i++)
		g_assert_false(g_regex_match(regex, split_bad[i], 0, NULL));
}

static void
test_cabinet_alternatives_func(void)
{
	g_autoptr(GRegex) minimum =
	    test_cabinet_compile(cabinet_requires_minimum_to_regex, "1.5.13 2.0.03");
	g_autoptr(GRegex) exact =
	    test_cabinet_compile(cabinet_requires_exact_to_regex, "1.5.06 1.5.13");
	g_autoptr(GRegex) none = test_cabinet_compile(cabinet_requires_exact_to_regex, "");

	test_cabinet_assert_versions(minimum,
				     "1.5.13 1.5.20 1.5.100 2.0.03 2.0.3 2.0.10",
				     "1.5.12 1.5.9 2.0.02 2.0.2 1.6.20 2.1.10 11.5.13 1x5x13 1.5. "
				     "1.5.13.1 1.5.13x x1.5.13 0.0.0");
	test_cabinet_assert_versions(exact,
				     "1.5.06 1.5.6 1.5.13 1.5.013",
				     "1.5.05 1.5.60 1.5.1 1.5.3 1.5.130 2.5.06 1.50.6");
	test_cabinet_assert_versions(none, "", "1.5.06 0");
}

/* the plugin has the SVNs too, as it must not need more than itself */
static void
test_cabinet_released_func(void)
{
	const gchar *versions[] = {"1.5.01", "1.5.05", "1.5.06", "1.5.08", "1.5.09",
				   "1.5.13", "1.5.16", "1.5.20", "1.5.24", "1.5.25",
				   "1.5.28", "1.5.34", "2.0.02", "2.0.04", "2.0.05",
				   "2.0.08", "2.0.12", "2.0.14", "2.0.16", "2.0.18"};

	for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
		g_autoptr(GError) error = NULL;
		const TdxReleased *known = tdx_released_find_by_version(versions[i]);
		g_assert_nonnull(known);
		g_assert_cmpstr(known->version, ==, versions[i]);
		g_assert_cmpuint(known->svn, ==, fu_tdx_preflight_version_to_svn(versions[i]));
		g_assert_cmpuint(strlen(known->mrseam), ==, 96);
		g_assert_true(tdx_released_find_by_mrseam(known->mrseam) == known);
		g_assert_true(
		    tdx_released_check(known->version, known->svn, known->mrseam, &error));
		g_assert_no_error(error);
	}
	g_assert_true(tdx_released_find_by_version("1.5.6") ==
		      tdx_released_find_by_version("1.5.06"));
	g_assert_null(tdx_released_find_by_version("1.5.07"));
	g_assert_null(tdx_released_find_by_mrseam(""));
}

static void
test_cabinet_claims_func(void)
{
	const struct {
		const gchar *version;
		guint16 svn;
		gboolean expected;
	} claims[] = {
	    {"1.5.16", 0x010b, TRUE},
	    {"1.5.16", 0x010a, FALSE},
	    {"1.5.16", 0x010c, FALSE},
	    {"1.5.16", 0x020b, FALSE},
	    {"1.5.10", 0x0107, FALSE},
	    {"1.5.10", 0x0108, TRUE}, /* as 1.5.25 has that of 1.5.24 */
	    {"1.5.10", 0x0109, TRUE},
	    {"1.5.10", 0x010b, FALSE},
	    {"1.5.99", 0x010e, FALSE},
	    {"1.5.99", 0x0110, TRUE},
	    {"1.5.00", 0x0105, FALSE},
	    {"2.0.08", 0x0108, FALSE},
	    {"2.5.00", 0x0401, TRUE},
	};
	const TdxReleased *known = tdx_released_find_by_version("1.5.13");

	for (guint i = 0; i < G_N_ELEMENTS(claims); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_cmpint(
		    tdx_released_check(claims[i].version, claims[i].svn, "unknown", &error),
		    ==,
		    claims[i].expected);
		g_assert_cmpint(error == NULL, ==, claims[i].expected);
	}

	/* whatever the SVN */
	g_assert_false(tdx_released_check("1.5.12", known->svn, known->mrseam, NULL));
	g_assert_false(tdx_released_check("2.5.00", 0x0401, known->mrseam, NULL));
}

/* somebody who signs TCB infos, and is not Intel */
typedef struct {
	gnutls_privkey_t key;
	gnutls_x509_privkey_t x509_key;
	gnutls_x509_crt_t crt;
} TestTcbSigner;

static void
test_tcb_signer_make(TestTcbSigner *self,
		     const gchar *name,
		     const TestTcbSigner *issuer,
		     time_t until)
{
	const TestTcbSigner *signer = issuer != NULL ? issuer : self;

	gnutls_x509_privkey_init(&self->x509_key);
	gnutls_x509_privkey_generate(self->x509_key,
				     GNUTLS_PK_ECDSA,
				     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
				     0);
	gnutls_privkey_init(&self->key);
	gnutls_privkey_import_x509(self->key, self->x509_key, 0);
	gnutls_x509_crt_init(&self->crt);
	gnutls_x509_crt_set_version(self->crt, 3);
	gnutls_x509_crt_set_serial(self->crt, name, strlen(name));
	gnutls_x509_crt_set_dn_by_oid(self->crt,
				      GNUTLS_OID_X520_COMMON_NAME,
				      0,
				      name,
				      strlen(name));
	gnutls_x509_crt_set_activation_time(self->crt, 1000000000);
	gnutls_x509_crt_set_expiration_time(self->crt, until);
	gnutls_x509_crt_set_key(self->crt, self->x509_key);
	gnutls_x509_crt_set_ca_status(self->crt, issuer == NULL);
	gnutls_x509_crt_set_key_usage(self->crt,
				      issuer == NULL ? GNUTLS_KEY_KEY_CERT_SIGN
						     : GNUTLS_KEY_DIGITAL_SIGNATURE);
	g_assert_cmpint(
	    gnutls_x509_crt_sign2(self->crt, signer->crt, signer->x509_key, GNUTLS_DIG_SHA256, 0),
	    ==,
	    0);
}

static void
test_tcb_signer_clear(TestTcbSigner *self)
{
	gnutls_x509_crt_deinit(self->crt);
	gnutls_privkey_deinit(self->key);
	gnutls_x509_privkey_deinit(self->x509_key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestTcbSigner, test_tcb_signer_clear)

static gchar *
test_tcb_signer_to_pem(const TestTcbSigner *self)
{
	gchar *pem;
	gnutls_datum_t data = {0};

	gnutls_x509_crt_export2(self->crt, GNUTLS_X509_FMT_PEM, &data);
	pem = g_strndup((const gchar *)data.data, data.size);
	gnutls_free(data.data);
	return pem;
}

static gchar *
test_tcb_signer_get_root(const TestTcbSigner *self)
{
	guint8 buf[32] = {0};
	gsize bufsz = sizeof(buf);
	g_autoptr(GString) str = g_string_new(NULL);

	gnutls_x509_crt_get_key_id(self->crt, GNUTLS_KEYID_USE_SHA256, buf, &bufsz);
	for (gsize i = 0; i < bufsz; i++)
		g_string_append_printf(str, "%02x", buf[i]);
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/* as Intel's service sends it */
static gchar *
test_tcb_signer_sign(const TestTcbSigner *self, const gchar *text)
{
	gnutls_datum_t data = {.data = (guint8 *)text, .size = strlen(text)};
	gnutls_datum_t scalars[2] = {0};
	gnutls_datum_t der = {0};
	g_autoptr(GString) str = g_string_new(NULL);

	gnutls_privkey_sign_data2(self->key, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der);
	g_assert_cmpint(gnutls_decode_rs_value(&der, &scalars[0], &scalars[1]), ==, 0);
	g_string_append_printf(str, "{\"tcbInfo\":%s,\"signature\":\"", text);
	for (guint i = 0; i < G_N_ELEMENTS(scalars); i++) {
		/* in DER it has no zeros in front, but for one when it would be negative */
		for (guint j = scalars[i].size; j < 32; j++)
			g_string_append(str, "00");
		for (guint j = scalars[i].size > 32 ? scalars[i].size - 32 : 0; j < scalars[i].size;
		     j++)
			g_string_append_printf(str, "%02x", scalars[i].data[j]);
		gnutls_free(scalars[i].data);
	}
	g_string_append(str, "\"}");
	gnutls_free(der.data);
	return g_string_free(g_steal_pointer(&str), FALSE);
}

#define TEST_TCB_TEXT(next, extra)                                                                 \
	"{\"id\":\"TDX\",\"version\":3,\"issueDate\":\"2026-08-13T10:45:38Z\",\"nextUpdate\":"     \
	"\"" next "\",\"tcbEvaluationDataNumber\":20,\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"," \
	"\"tcbLevels\":[{\"tcb\":{\"isvsvn\":11},\"tcbDate\":\"2025-08-13T00:00:00Z\","            \
	"\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"isvsvn\":6},\"tcbDate\":\"2025-05-14T00:00:"      \
	"00Z\","                                                                                   \
	"\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":[\"INTEL-SA-01192\",\"INTEL-SA-01245\"]},"    \
	"{\"tcb\":{\"isvsvn\":2},\"tcbDate\":\"2023-08-09T00:00:00Z\",\"tcbStatus\":"              \
	"\"OutOfDate\","                                                                           \
	"\"advisoryIDs\":[\"INTEL-SA-01036\",\"INTEL-SA-01192\",\"INTEL-SA-01245\"]}]}]" extra "}"

#define TEST_TCB_GOOD TEST_TCB_TEXT("2099-01-01T00:00:00Z", "")
#define TEST_TCB_OLD  TEST_TCB_TEXT("2026-09-12T10:45:38Z", "")

typedef struct {
	TestTcbSigner root;
	TestTcbSigner leaf;
	gchar *root_id;
	gchar *chain; /* as PEM */
	gchar *folder;
	gchar *info_fn;
	gchar *chain_fn;
} TestTcb;

static void
test_tcb_setup(TestTcb *self, gconstpointer user_data)
{
	g_autofree gchar *pem_leaf = NULL;
	g_autofree gchar *pem_root = NULL;

	test_tcb_signer_make(&self->root, "Root", NULL, 4000000000);
	test_tcb_signer_make(&self->leaf, "Leaf", &self->root, GPOINTER_TO_UINT(user_data));
	self->root_id = test_tcb_signer_get_root(&self->root);
	pem_leaf = test_tcb_signer_to_pem(&self->leaf);
	pem_root = test_tcb_signer_to_pem(&self->root);
	self->chain = g_strconcat(pem_leaf, pem_root, NULL);
	self->folder = g_dir_make_tmp("tdx-tcb-XXXXXX", NULL);
	self->info_fn = g_build_filename(self->folder, "info.json", NULL);
	self->chain_fn = g_build_filename(self->folder, "chain.pem", NULL);
}

static void
test_tcb_teardown(TestTcb *self, gconstpointer user_data)
{
	test_tcb_signer_clear(&self->root);
	test_tcb_signer_clear(&self->leaf);
	g_unlink(self->info_fn);
	g_unlink(self->chain_fn);
	g_rmdir(self->folder);
	g_free(self->root_id);
	g_free(self->chain);
	g_free(self->folder);
	g_free(self->info_fn);
	g_free(self->chain_fn);
}

static TdxTcbInfo *
test_tcb_load(TestTcb *self,
	      const gchar *info,
	      const gchar *chain,
	      const gchar *root,
	      gboolean allow_expired,
	      GError **error)
{
	g_assert_true(g_file_set_contents(self->info_fn, info, -1, NULL));
	g_assert_true(g_file_set_contents(self->chain_fn, chain, -1, NULL));
	return tdx_tcb_info_load(self->info_fn, self->chain_fn, root, allow_expired, error);
}

/* an error that names the file and has this in it */
static void
test_tcb_assert_refused(TestTcb *self,
			const gchar *info,
			const gchar *chain,
			const gchar *root,
			const gchar *reason)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(TdxTcbInfo) tcb_info = test_tcb_load(self, info, chain, root, FALSE, &error);

	g_assert_null(tcb_info);
	g_assert_nonnull(strstr(error->message, self->folder));
	if (strstr(error->message, reason) == NULL)
		g_error("%s, expected %s", error->message, reason);
}

static void
test_tcb_levels_func(TestTcb *self, gconstpointer user_data)
{
	g_autofree gchar *info = test_tcb_signer_sign(&self->leaf, TEST_TCB_GOOD);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) fixed = NULL;
	g_autoptr(GPtrArray) fixed_old = NULL;
	g_autoptr(GPtrArray) fixed_other = NULL;
	g_autoptr(TdxTcbInfo) tcb_info =
	    test_tcb_load(self, info, self->chain, self->root_id, FALSE, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(tcb_info->set, ==, 20);
	g_assert_cmpstr(tcb_info->date, ==, "2026-08-13");
	g_assert_false(tcb_info->stale);
	g_assert_cmpstr(tdx_tcb_info_find_level(tcb_info, 0x010c)->status, ==, "UpToDate");
	g_assert_cmpstr(tdx_tcb_info_find_level(tcb_info, 0x010b)->date, ==, "2025-08-13");
	g_assert_cmpstr(tdx_tcb_info_find_level(tcb_info, 0x010a)->status, ==, "OutOfDate");
	g_assert_cmphex(tdx_tcb_info_find_level(tcb_info, 0x0106)->svn, ==, 0x0106);
	g_assert_cmphex(tdx_tcb_info_find_level(tcb_info, 0x0105)->svn, ==, 0x0102);
	g_assert_null(tdx_tcb_info_find_level(tcb_info, 0x0101));
	g_assert_null(tdx_tcb_info_find_level(tcb_info, 0x030b));
	fixed = tdx_tcb_info_get_fixed(tcb_info, 0x010b);
	g_assert_cmpuint(fixed->len, ==, 3);
	fixed_old = tdx_tcb_info_get_fixed(tcb_info, 0x0107);
	g_assert_cmpuint(fixed_old->len, ==, 1);
	g_assert_cmpstr(g_ptr_array_index(fixed_old, 0), ==, "INTEL-SA-01036");
	fixed_other = tdx_tcb_info_get_fixed(tcb_info, 0x0305);
	g_assert_cmpuint(fixed_other->len, ==, 0);
	g_assert_true(tdx_tcb_info_mends_out_of_date(tcb_info, 0x010b));
	g_assert_false(tdx_tcb_info_mends_out_of_date(tcb_info, 0x0107));
	g_assert_false(tdx_tcb_info_mends_out_of_date(tcb_info, 0x0305));
}

static void
test_tcb_refused_func(TestTcb *self, gconstpointer user_data)
{
	const gchar *root = self->root_id;
	g_autofree gchar *good = test_tcb_signer_sign(&self->leaf, TEST_TCB_GOOD);
	g_autofree gchar *by_root = test_tcb_signer_sign(&self->root, TEST_TCB_GOOD);
	g_autofree gchar *deep = g_strnfill(100000, '[');
	g_autofree gchar *deep_text = g_strdup_printf("{\"a\":%s}", deep);
	g_autofree gchar *deep_info = test_tcb_signer_sign(&self->leaf, deep_text);
	g_autofree gchar *twice = g_strconcat(good, good, NULL);
	g_autofree gchar *empty = test_tcb_signer_sign(&self->leaf, "{}");
	g_autofree gchar *pem_root = test_tcb_signer_to_pem(&self->root);
	g_autofree gchar *pem_leaf = test_tcb_signer_to_pem(&self->leaf);
	g_autofree gchar *swapped = g_strconcat(pem_root, pem_leaf, NULL);
	g_auto(GStrv) split = g_strsplit(good, "\"isvsvn\":11", 2);
	g_autofree gchar *changed = g_strjoinv("\"isvsvn\":10", split);
	g_autofree gchar *spaced = g_strjoinv("\"isvsvn\": 11", split);
	g_auto(TestTcbSigner) other_root = {0};
	g_autofree gchar *pem_other = NULL;
	g_autofree gchar *other_id = NULL;
	g_autofree gchar *other = NULL;

	test_tcb_signer_make(&other_root, "Root", NULL, 4000000000);
	pem_other = test_tcb_signer_to_pem(&other_root);
	other_id = test_tcb_signer_get_root(&other_root);
	other = g_strconcat(pem_leaf, pem_other, NULL);
	test_tcb_assert_refused(self, good, self->chain, TDX_TCB_INFO_ROOT, TDX_TCB_INFO_ROOT);
	test_tcb_assert_refused(self, good, other, other_id, "the chain does not hold");
	test_tcb_assert_refused(self, good, swapped, root, "the key of its root is");
	test_tcb_assert_refused(self, good, pem_root, root, "certificate of the signer");
	test_tcb_assert_refused(self, good, "", root, "certificate of the signer");
	test_tcb_assert_refused(self, by_root, self->chain, root, "its signature is not that of");
	test_tcb_assert_refused(self, changed, self->chain, root, "its signature is not that of");
	test_tcb_assert_refused(self, spaced, self->chain, root, "its signature is not that of");
	test_tcb_assert_refused(self, twice, self->chain, root, "its signature is not that of");
	test_tcb_assert_refused(self, deep, self->chain, root, "expected {\"tcbInfo\"");
	test_tcb_assert_refused(self, deep_info, self->chain, root, "nested too deeply");
	test_tcb_assert_refused(self, empty, self->chain, root, "expected the id TDX, version 3");
	test_tcb_assert_refused(self, "\xff", self->chain, root, "not text in UTF-8");
}

/* what is not valid any more can still be taken, but says so */
static void
test_tcb_expired_func(TestTcb *self, gconstpointer user_data)
{
	g_autofree gchar *good = test_tcb_signer_sign(&self->leaf, TEST_TCB_GOOD);
	g_autofree gchar *old = test_tcb_signer_sign(&self->leaf, TEST_TCB_OLD);
	gboolean leaf_expired = GPOINTER_TO_UINT(user_data) < 2000000000;
	g_autoptr(GError) error = NULL;
	g_autoptr(TdxTcbInfo) tcb_info =
	    test_tcb_load(self, old, self->chain, self->root_id, TRUE, &error);

	g_assert_no_error(error);
	g_assert_true(tcb_info->stale);
	if (leaf_expired)
		test_tcb_assert_refused(self, good, self->chain, self->root_id, "expired");
	else
		test_tcb_assert_refused(self,
					old,
					self->chain,
					self->root_id,
					"it expired on 2026-09-12T10:45:38Z");
}

/* Intel's own, if it is at hand */
static void
test_tcb_real_func(void)
{
	g_autofree gchar *info_fn =
	    g_build_filename(TCB_SAMPLES, "tcbinfo-tdx-B0C06F000000-set20.json", NULL);
	g_autofree gchar *chain_fn = g_build_filename(TCB_SAMPLES, "tcb-signing-chain.pem", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(TdxTcbInfo) tcb_info = NULL;

	if (!g_file_test(info_fn, G_FILE_TEST_EXISTS)) {
		g_test_skip("no sample of Intel's");
		return;
	}
	tcb_info = tdx_tcb_info_load(info_fn, chain_fn, TDX_TCB_INFO_ROOT, TRUE, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(tcb_info->set, ==, 20);
	for (guint16 svn = 0x0102; svn < 0x0110; svn++)
		g_assert_cmpstr(tdx_tcb_info_find_level(tcb_info, svn)->status,
				==,
				svn < 0x010b ? "OutOfDate" : "UpToDate");
	g_assert_cmpstr(tdx_tcb_info_find_level(tcb_info, 0x0304)->status, ==, "OutOfDate");
	g_assert_cmpstr(tdx_tcb_info_find_level(tcb_info, 0x0305)->status, ==, "UpToDate");
}

static void
test_tcb_add(const gchar *path, guint until, void (*func)(TestTcb *self, gconstpointer user_data))
{
	g_test_add(path, TestTcb, GUINT_TO_POINTER(until), test_tcb_setup, func, test_tcb_teardown);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cabinet/requires/minimum", test_cabinet_minimum_func);
	g_test_add_func("/cabinet/requires/alternatives", test_cabinet_alternatives_func);
	g_test_add_func("/cabinet/released", test_cabinet_released_func);
	g_test_add_func("/cabinet/claims", test_cabinet_claims_func);
	test_tcb_add("/cabinet/tcb-info/levels", 4000000000, test_tcb_levels_func);
	test_tcb_add("/cabinet/tcb-info/refused", 4000000000, test_tcb_refused_func);
	test_tcb_add("/cabinet/tcb-info/expired", 4000000000, test_tcb_expired_func);
	test_tcb_add("/cabinet/tcb-info/expired-signer", 1700000000, test_tcb_expired_func);
	g_test_add_func("/cabinet/tcb-info/real", test_tcb_real_func);
	return g_test_run();
}
