/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <json-glib/json-glib.h>

#include "cabinet-map.h"
#include "fu-tdx-preflight.h"

#define CABINET_MAP_KEY_RELEASES "tdx_module_releases"
#define CABINET_MAP_KEY_VERSION	 "version"
#define CABINET_MAP_KEY_MIN	 "min_module_version_for_td_preserving"

static void
cabinet_map_release_free(CabinetMapRelease *self)
{
	g_free(self->version);
	g_free(self->min_version);
	if (self->seamldrs != NULL)
		g_ptr_array_unref(self->seamldrs);
	if (self->strict_from != NULL)
		g_ptr_array_unref(self->strict_from);
	g_free(self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetMapRelease, cabinet_map_release_free)

static gchar *
cabinet_map_parse_version(JsonNode *node, const gchar *key, GError **error)
{
	const gchar *version = NULL;
	g_autofree gchar *series = NULL;

	if (node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
	    json_node_get_value_type(node) == G_TYPE_STRING)
		version = json_node_get_string(node);
	if (version == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s has no version, expected a text such as \"1.5.06\"",
			    key);
		return NULL;
	}
	series = fu_tdx_preflight_version_to_series(version);
	if (series == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s is '%s', expected three numbers such as 1.5.06",
			    key,
			    version);
		return NULL;
	}
	return g_strdup(version);
}

static GPtrArray *
cabinet_map_parse_versions(JsonNode *node, const gchar *key, GError **error)
{
	JsonArray *array;
	g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);

	if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s is not a list of versions",
			    key);
		return NULL;
	}
	array = json_node_get_array(node);
	for (guint i = 0; i < json_array_get_length(array); i++) {
		gchar *version =
		    cabinet_map_parse_version(json_array_get_element(array, i), key, error);
		if (version == NULL)
			return NULL;
		g_ptr_array_add(versions, version);
	}
	return g_steal_pointer(&versions);
}

/* more than one for a series would leave open which one counts */
static gboolean
cabinet_map_check_seamldrs(GPtrArray *seamldrs, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	if (seamldrs->len == 0) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    CABINET_MAP_KEY_SEAMLDRS
				    " is empty, expected at least one P-SEAMLDR version");
		return FALSE;
	}
	for (guint i = 0; i < seamldrs->len; i++) {
		const gchar *version = g_ptr_array_index(seamldrs, i);
		gchar *series = fu_tdx_preflight_version_to_series(version);
		if (!g_hash_table_add(seen, series)) {
			g_set_error(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    CABINET_MAP_KEY_SEAMLDRS
				    " has two versions of the same series as %s, expected one",
				    version);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
cabinet_map_release_parse(CabinetMapRelease *self, JsonNode *node, GError **error)
{
	JsonObject *obj;

	if (!JSON_NODE_HOLDS_OBJECT(node)) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    "is not an object");
		return FALSE;
	}
	obj = json_node_get_object(node);
	self->version =
	    cabinet_map_parse_version(json_object_get_member(obj, CABINET_MAP_KEY_VERSION),
				      CABINET_MAP_KEY_VERSION,
				      error);
	if (self->version == NULL)
		return FALSE;
	self->min_version =
	    cabinet_map_parse_version(json_object_get_member(obj, CABINET_MAP_KEY_MIN),
				      CABINET_MAP_KEY_MIN,
				      error);
	if (self->min_version == NULL)
		return FALSE;
	self->seamldrs =
	    cabinet_map_parse_versions(json_object_get_member(obj, CABINET_MAP_KEY_SEAMLDRS),
				       CABINET_MAP_KEY_SEAMLDRS,
				       error);
	if (self->seamldrs == NULL || !cabinet_map_check_seamldrs(self->seamldrs, error))
		return FALSE;

	/* not in the first editions of the map */
	if (!json_object_has_member(obj, CABINET_MAP_KEY_STRICT))
		return TRUE;
	self->strict_from =
	    cabinet_map_parse_versions(json_object_get_member(obj, CABINET_MAP_KEY_STRICT),
				       CABINET_MAP_KEY_STRICT,
				       error);
	return self->strict_from != NULL;
}

static gboolean
cabinet_map_add_release(GPtrArray *map, JsonNode *node, GError **error)
{
	g_autoptr(CabinetMapRelease) release = g_new0(CabinetMapRelease, 1);

	if (!cabinet_map_release_parse(release, node, error)) {
		g_prefix_error(error,
			       "release %s (number %u): ",
			       release->version != NULL ? release->version : "unknown",
			       map->len + 1);
		return FALSE;
	}
	if (cabinet_map_find(map, release->version) != NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "release %s is listed twice",
			    release->version);
		return FALSE;
	}
	g_ptr_array_add(map, g_steal_pointer(&release));
	return TRUE;
}

static JsonArray *
cabinet_map_get_releases(JsonParser *parser)
{
	JsonNode *root = json_parser_get_root(parser);
	JsonNode *releases;

	if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
		return NULL;
	releases = json_object_get_member(json_node_get_object(root), CABINET_MAP_KEY_RELEASES);
	if (releases == NULL || !JSON_NODE_HOLDS_ARRAY(releases))
		return NULL;
	return json_node_get_array(releases);
}

/* all the releases in Intel's mapping_file.json, of any edition */
GPtrArray *
cabinet_map_load(const gchar *filename, GError **error)
{
	JsonArray *releases;
	g_autoptr(GPtrArray) map =
	    g_ptr_array_new_with_free_func((GDestroyNotify)cabinet_map_release_free);
	g_autoptr(JsonParser) parser = json_parser_new();

	if (!json_parser_load_from_file(parser, filename, error)) {
		g_prefix_error(error, "failed to read the compatibility map %s: ", filename);
		return NULL;
	}
	releases = cabinet_map_get_releases(parser);
	if (releases == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s has no list " CABINET_MAP_KEY_RELEASES
			    ", so it is not Intel's compatibility map",
			    filename);
		return NULL;
	}
	for (guint i = 0; i < json_array_get_length(releases); i++) {
		if (!cabinet_map_add_release(map, json_array_get_element(releases, i), error)) {
			g_prefix_error(error, "%s: ", filename);
			return NULL;
		}
	}
	return g_steal_pointer(&map);
}

CabinetMapRelease *
cabinet_map_find(GPtrArray *map, const gchar *version)
{
	for (guint i = 0; i < map->len; i++) {
		CabinetMapRelease *release = g_ptr_array_index(map, i);
		if (fu_version_compare(release->version, version, FWUPD_VERSION_FORMAT_TRIPLET) ==
		    0)
			return release;
	}
	return NULL;
}

/* a warning if there is something that cannot be meant */
gchar *
cabinet_map_release_check(const CabinetMapRelease *self)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(self->version);
	g_autofree gchar *series_min = fu_tdx_preflight_version_to_series(self->min_version);

	if (g_strcmp0(series, series_min) == 0 &&
	    fu_version_compare(self->min_version, self->version, FWUPD_VERSION_FORMAT_TRIPLET) <= 0)
		return NULL;
	return g_strdup_printf("the map lets TDX module %s follow %s or later, which no host can "
			       "do: an update stays in the series %s and never goes back",
			       self->version,
			       self->min_version,
			       series);
}
