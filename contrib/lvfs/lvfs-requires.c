/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-preflight.h"
#include "lvfs-requires.h"

/*
 * What the map says in the words of fwupd. All requirements of a component have to hold, so each
 * alternative has to be within one of them.
 */

/* versions are written with two digits, so there is no update beyond */
#define LVFS_REQUIRES_UPDATE_MAX 99

static gchar *
lvfs_requires_join_guids(GPtrArray *instance_ids)
{
	g_autoptr(GPtrArray) guids = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < instance_ids->len; i++) {
		const gchar *instance_id = g_ptr_array_index(instance_ids, i);
		g_ptr_array_add(guids, fwupd_guid_hash_string(instance_id));
	}
	return fu_strjoin("|", guids);
}

/* a series without a comparison of versions is enough where any update of it will do */
static void
lvfs_requires_add_any(XbBuilderNode *requires, GPtrArray *instance_ids)
{
	g_autofree gchar *guids = lvfs_requires_join_guids(instance_ids);
	xb_builder_node_insert_text(requires, "firmware", guids, NULL);
}

static gboolean
lvfs_requires_get_update(const gchar *version, guint64 *update, GError **error)
{
	g_auto(GStrv) split = g_strsplit(version, ".", -1);
	if (!fu_strtoull(split[2],
			 update,
			 0,
			 LVFS_REQUIRES_UPDATE_MAX,
			 FU_INTEGER_BASE_10,
			 error)) {
		g_prefix_error(error, "P-SEAMLDR version %s: ", version);
		return FALSE;
	}
	return TRUE;
}

/* fwupd splits at each bar, so there is no "or": say of each older version that it is not that one
 */
static gchar *
lvfs_requires_build_regex(const gchar *series, guint64 update)
{
	guint tens = update / 10;
	guint ones = update % 10;
	g_auto(GStrv) split = g_strsplit(series, ".", -1);
	g_autofree gchar *prefix = g_strdup_printf("(?!%s\\.%s\\.0*", split[0], split[1]);
	g_autoptr(GString) str = g_string_new("^");

	if (tens > 0)
		g_string_append_printf(str, "%s[0-9]$)", prefix);
	if (tens > 1)
		g_string_append_printf(str, "%s[1-%u][0-9]$)", prefix, tens - 1);
	if (ones > 0 && tens == 0)
		g_string_append_printf(str, "%s[0-%u]$)", prefix, ones - 1);
	if (ones > 0 && tens > 0)
		g_string_append_printf(str, "%s%u[0-%u]$)", prefix, tens, ones - 1);
	return g_string_free(g_steal_pointer(&str), FALSE);
}

static gboolean
lvfs_requires_add_seamldr_minimum(XbBuilderNode *requires, const gchar *version, GError **error)
{
	guint64 update = 0;
	g_autofree gchar *guid = fwupd_guid_hash_string("TDX\\SEAMLDR");
	g_autofree gchar *regex = NULL;
	g_autofree gchar *series = NULL;

	if (!lvfs_requires_get_update(version, &update, error))
		return FALSE;
	if (update == 0)
		return TRUE;
	series = fu_tdx_preflight_version_to_series(version, error);
	if (series == NULL)
		return FALSE;
	regex = lvfs_requires_build_regex(series, update);
	xb_builder_node_insert_text(requires,
				    "firmware",
				    guid,
				    "compare",
				    "regex",
				    "version",
				    regex,
				    NULL);
	return TRUE;
}

static gchar *
lvfs_requires_build_seamldr_id(const gchar *version, GError **error)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version, error);
	if (series == NULL)
		return NULL;
	return g_strdup_printf("TDX\\SEAMLDR&SERIES_%s", series);
}

/* the usual form, which fwupd explains best when it is not met */
static gboolean
lvfs_requires_add_seamldr_single(XbBuilderNode *requires, const gchar *version, GError **error)
{
	g_autofree gchar *guid = NULL;
	g_autofree gchar *instance_id = lvfs_requires_build_seamldr_id(version, error);

	if (instance_id == NULL)
		return FALSE;
	guid = fwupd_guid_hash_string(instance_id);
	xb_builder_node_insert_text(requires,
				    "firmware",
				    guid,
				    "compare",
				    "ge",
				    "version",
				    version,
				    NULL);
	return TRUE;
}

/* there is one P-SEAMLDR: it has to be of one of the series, and if of this one, then not older */
static gboolean
lvfs_requires_add_seamldr_any(XbBuilderNode *requires, GPtrArray *versions, GError **error)
{
	g_autoptr(GPtrArray) instance_ids = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < versions->len; i++) {
		gchar *instance_id =
		    lvfs_requires_build_seamldr_id(g_ptr_array_index(versions, i), error);
		if (instance_id == NULL)
			return FALSE;
		g_ptr_array_add(instance_ids, instance_id);
	}
	lvfs_requires_add_any(requires, instance_ids);
	for (guint i = 0; i < versions->len; i++) {
		if (!lvfs_requires_add_seamldr_minimum(requires,
						       g_ptr_array_index(versions, i),
						       error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
lvfs_requires_add_seamldr(XbBuilderNode *requires, const LvfsRelease *release, GError **error)
{
	GPtrArray *versions = release->map->seamldrs;
	if (versions->len == 1)
		return lvfs_requires_add_seamldr_single(requires,
							g_ptr_array_index(versions, 0),
							error);
	return lvfs_requires_add_seamldr_any(requires, versions, error);
}

/* the running TDX module has a GUID of its own for the exact version */
static void
lvfs_requires_add_strict(XbBuilderNode *requires, const LvfsRelease *release)
{
	g_autoptr(GPtrArray) instance_ids = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < release->map->strict_from->len; i++) {
		const gchar *version = g_ptr_array_index(release->map->strict_from, i);
		g_ptr_array_add(instance_ids,
				g_strdup_printf("TDX\\SERIES_%s&VER_%s", release->series, version));
	}
	lvfs_requires_add_any(requires, instance_ids);
}

/**
 * lvfs_requires_build:
 * @requires: the node of that name
 * @release: what is published
 * @options: what the publisher decides
 * @error: (nullable): optional return location for an error
 *
 * Adds what a host has to have: a new enough fwupd, a running TDX module that may be followed by
 * this one, and one of the P-SEAMLDRs. That the series and the CPU are the same is said by the
 *GUIDs that the release is for.
 *
 * Returns: %TRUE for success
 **/
gboolean
lvfs_requires_build(XbBuilderNode *requires,
		    const LvfsRelease *release,
		    const LvfsMetainfoOptions *options,
		    GError **error)
{
	xb_builder_node_insert_text(requires,
				    "id",
				    FWUPD_DBUS_SERVICE,
				    "compare",
				    "ge",
				    "version",
				    options->fwupd_version,
				    NULL);
	xb_builder_node_insert_text(requires,
				    "firmware",
				    NULL,
				    "compare",
				    "ge",
				    "version",
				    release->map->min_version,
				    NULL);
	if (!lvfs_requires_add_seamldr(requires, release, error))
		return FALSE;
	if (options->strict)
		lvfs_requires_add_strict(requires, release);
	return TRUE;
}
