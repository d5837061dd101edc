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

/* fwupd 2.1.7 and later take no more */
#define CABINET_REQUIRES_REGEX_MAX 1024

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

static gboolean
cabinet_requires_add_regex(XbBuilderNode *requires,
			   const gchar *text,
			   const gchar *key,
			   const gchar *regex,
			   GError **error)
{
	if (strlen(regex) > CABINET_REQUIRES_REGEX_MAX) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "%s makes a requirement of %zu characters, expected at most %u, as "
			    "fwupd takes no more; correct the map: %s",
			    key,
			    strlen(regex),
			    (guint)CABINET_REQUIRES_REGEX_MAX,
			    regex);
		return FALSE;
	}
	xb_builder_node_insert_text(requires,
				    "firmware",
				    text,
				    "compare",
				    "regex",
				    "version",
				    regex,
				    NULL);
	return TRUE;
}

/* a new enough fwupd; if it is to replace the one that runs, a running TDX module that may be
 * followed by this one, and one of the P-SEAMLDRs; that series and CPU are the same is said by the
 * GUIDs that the release is for */
gboolean
cabinet_requires_build(XbBuilderNode *requires,
		       const CabinetRelease *release,
		       const CabinetTarget *target,
		       const CabinetOptions *options,
		       GError **error)
{
	g_autofree gchar *seamldrs = cabinet_requires_minimum_to_regex(release->map->seamldrs);
	g_autofree gchar *strict = NULL;

	xb_builder_node_insert_text(requires,
				    "id",
				    FWUPD_DBUS_SERVICE,
				    "compare",
				    "ge",
				    "version",
				    options->fwupd_version,
				    NULL);
	if (target->boot)
		return TRUE;
	xb_builder_node_insert_text(requires,
				    "firmware",
				    NULL,
				    "compare",
				    "ge",
				    "version",
				    release->map->min_version,
				    NULL);
	if (!cabinet_requires_add_regex(requires,
					"bootloader",
					CABINET_MAP_KEY_SEAMLDRS,
					seamldrs,
					error))
		return FALSE;
	if (!options->strict)
		return TRUE;
	strict = cabinet_requires_exact_to_regex(release->map->strict_from);
	return cabinet_requires_add_regex(requires, NULL, CABINET_MAP_KEY_STRICT, strict, error);
}

static gchar *
cabinet_requires_minimum_to_text(const gchar *version)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version);
	return g_strdup_printf("%s or a later %s", version, series);
}

/* the same for those who read that fwupd finds something not compatible */
gchar *
cabinet_requires_to_text(const CabinetRelease *release, const CabinetOptions *options)
{
	g_autofree gchar *running = cabinet_requires_minimum_to_text(release->map->min_version);
	g_autofree gchar *seamldrs = NULL;
	g_autofree gchar *strict = NULL;
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < release->map->seamldrs->len; i++) {
		const gchar *version = g_ptr_array_index(release->map->seamldrs, i);
		g_ptr_array_add(texts, cabinet_requires_minimum_to_text(version));
	}
	seamldrs = fu_strjoin(", or ", texts);
	if (options->strict)
		strict = fu_strjoin(" or ", release->map->strict_from);
	return g_strdup_printf("It can be installed where TDX module %s is running%s%s, and the "
			       "P-SEAMLDR is %s.",
			       running,
			       strict != NULL ? ", but only " : "",
			       strict != NULL ? strict : "",
			       seamldrs);
}
