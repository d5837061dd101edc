/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-requires.h"
#include "fu-tdx-preflight.h"

/*
 * What the map says in the words of fwupd, and in those of people. All requirements of a component
 * have to hold, so what is an "or" in the map has to be within one of them: a regular expression
 * with a group for each alternative, all optional, but one has to be there. It has neither `|` nor
 * `=`, at which fwupd would split it, and needs no <client> element, which the LVFS server drops.
 */

/* numbers from @minimum on, which may have zeros in front: none that has fewer digits, and none
 * that is like it up to a digit that is lower */
static void
cabinet_requires_append_minimum(GString *str, guint64 minimum)
{
	g_autofree gchar *digits = g_strdup_printf("%" G_GUINT64_FORMAT, minimum);
	gsize len = strlen(digits);

	if (len > 1) {
		g_string_append(str, "(?!0*\\d");
		for (gsize i = 2; i < len; i++)
			g_string_append(str, "\\d?");
		g_string_append(str, "$)");
	}
	for (gsize i = 0; i < len; i++) {
		gchar lowest = i == 0 && len > 1 ? '1' : '0';
		if (digits[i] == lowest)
			continue;
		g_string_append_printf(str,
				       "(?!0*%.*s[%c-%c]",
				       (gint)i,
				       digits,
				       lowest,
				       digits[i] - 1);
		for (gsize j = i + 1; j < len; j++)
			g_string_append(str, "\\d");
		g_string_append(str, "$)");
	}
	g_string_append(str, "\\d+");
}

static void
cabinet_requires_append_exact(GString *str, guint64 update)
{
	g_string_append_printf(str, "0*%" G_GUINT64_FORMAT, update);
}

/* without a bar, at which fwupd splits: contrib/upstream/fwupd/0005 */
static gchar *
cabinet_requires_build_regex(GPtrArray *versions, void (*append)(GString *str, guint64 update))
{
	g_autoptr(GString) str = g_string_new("^(?!$)");

	for (guint i = 0; i < versions->len; i++) {
		g_auto(GStrv) split = g_strsplit(g_ptr_array_index(versions, i), ".", 3);
		g_string_append_printf(str,
				       "(%u\\.%u\\.",
				       (guint)g_ascii_strtoull(split[0], NULL, 10),
				       (guint)g_ascii_strtoull(split[1], NULL, 10));
		append(str, g_ascii_strtoull(split[2], NULL, 10));
		g_string_append(str, ")?");
	}
	g_string_append_c(str, '$');
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/* any of @versions or a later one of its series; nothing if there are none */
gchar *
cabinet_requires_minimum_to_regex(GPtrArray *versions)
{
	return cabinet_requires_build_regex(versions, cabinet_requires_append_minimum);
}

/* any of @versions; nothing if there are none */
gchar *
cabinet_requires_exact_to_regex(GPtrArray *versions)
{
	return cabinet_requires_build_regex(versions, cabinet_requires_append_exact);
}

static gchar *
cabinet_requires_minimum_to_text(const gchar *version)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version);
	return g_strdup_printf("%s or a later %s", version, series);
}

/* the same for those who read that fwupd finds something not compatible */
gchar *
cabinet_requires_to_text(const CabinetMapRelease *map, gboolean strict)
{
	g_autofree gchar *exact = strict ? fu_strjoin(" or ", map->strict_from) : g_strdup("");
	g_autofree gchar *running = cabinet_requires_minimum_to_text(map->min_version);
	g_autofree gchar *seamldrs = NULL;
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < map->seamldrs->len; i++)
		g_ptr_array_add(
		    texts,
		    cabinet_requires_minimum_to_text(g_ptr_array_index(map->seamldrs, i)));
	seamldrs = fu_strjoin(", or ", texts);
	return g_strdup_printf("It can be installed where TDX module %s is running%s%s, and the "
			       "P-SEAMLDR is %s.",
			       running,
			       strict ? ", but only " : "",
			       exact,
			       seamldrs);
}
