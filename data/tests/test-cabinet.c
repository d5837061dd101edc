/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the publisher's tool makes of versions, as fwupd would match it. */

#include "config.h"

#include "cabinet-requires.h"
#include "fu-tdx-preflight.h"
#include "tdx-released.h"

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

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cabinet/requires/minimum", test_cabinet_minimum_func);
	g_test_add_func("/cabinet/requires/alternatives", test_cabinet_alternatives_func);
	g_test_add_func("/cabinet/released", test_cabinet_released_func);
	g_test_add_func("/cabinet/claims", test_cabinet_claims_func);
	return g_test_run();
}
