/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>

#include "cabinet-file.h"
#include "cabinet-map.h"
#include "fu-tdx-preflight.h"

#define CABINET_MAP_KEY_RELEASES "tdx_module_releases"
#define CABINET_MAP_KEY_VERSION	 "version"
#define CABINET_MAP_KEY_MIN	 "min_module_version_for_td_preserving"

/* json-glib goes as deep as the text; Intel's maps have four levels */
#define CABINET_MAP_DEPTH_MAX 16

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

	if (node != NULL && json_node_get_value_type(node) == G_TYPE_STRING)
		version = json_node_get_string(node);
	if (version == NULL) {
		cabinet_fail(error, "%s has no version, expected a text such as \"1.5.06\"", key);
		return NULL;
	}
	series = fu_tdx_preflight_version_to_series(version);
	if (series == NULL) {
		cabinet_fail(error,
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
	g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);

	if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node)) {
		cabinet_fail(error, "%s is not a list of versions", key);
		return NULL;
	}
	for (guint i = 0; i < json_array_get_length(json_node_get_array(node)); i++) {
		JsonNode *element = json_array_get_element(json_node_get_array(node), i);
		gchar *version = cabinet_map_parse_version(element, key, error);
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

	if (seamldrs->len == 0)
		return cabinet_fail(error,
				    CABINET_MAP_KEY_SEAMLDRS
				    " is empty, expected at least one P-SEAMLDR version");
	for (guint i = 0; i < seamldrs->len; i++) {
		const gchar *version = g_ptr_array_index(seamldrs, i);
		gchar *series = fu_tdx_preflight_version_to_series(version);
		if (!g_hash_table_add(seen, series))
			return cabinet_fail(
			    error,
			    CABINET_MAP_KEY_SEAMLDRS
			    " has two versions of the same series as %s, expected one",
			    version);
	}
	return TRUE;
}

static gboolean
cabinet_map_release_parse(CabinetMapRelease *self, JsonNode *node, GError **error)
{
	JsonObject *obj;
	JsonNode *min_version;
	JsonNode *seamldrs;
	JsonNode *strict_from;
	JsonNode *version;

	if (!JSON_NODE_HOLDS_OBJECT(node))
		return cabinet_fail(error, "is not an object");
	obj = json_node_get_object(node);
	version = json_object_get_member(obj, CABINET_MAP_KEY_VERSION);
	min_version = json_object_get_member(obj, CABINET_MAP_KEY_MIN);
	seamldrs = json_object_get_member(obj, CABINET_MAP_KEY_SEAMLDRS);
	strict_from = json_object_get_member(obj, CABINET_MAP_KEY_STRICT);
	self->version = cabinet_map_parse_version(version, CABINET_MAP_KEY_VERSION, error);
	if (self->version == NULL)
		return FALSE;
	self->min_version = cabinet_map_parse_version(min_version, CABINET_MAP_KEY_MIN, error);
	if (self->min_version == NULL)
		return FALSE;
	self->seamldrs = cabinet_map_parse_versions(seamldrs, CABINET_MAP_KEY_SEAMLDRS, error);
	if (self->seamldrs == NULL || !cabinet_map_check_seamldrs(self->seamldrs, error))
		return FALSE;

	/* not in the first editions of the map */
	if (strict_from == NULL)
		return TRUE;
	self->strict_from = cabinet_map_parse_versions(strict_from, CABINET_MAP_KEY_STRICT, error);
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

/* what json-glib would take nevertheless, each of which could hide something from whoever looks at
 * the file; returns what is wrong, and the number of names in the objects */
static const gchar *
cabinet_map_find_fault(const gchar *text, gsize textsz, guint *members)
{
	gboolean done = FALSE;
	gboolean string = FALSE;
	guint depth = 0;

	if (!g_utf8_validate(text, textsz, NULL))
		return "is not UTF-8, or has NULs";
	for (gsize i = 0; i < textsz; i++) {
		if ((guchar)text[i] < ' ' && (string || !g_ascii_isspace(text[i])))
			return "has control characters";
		if (string && strncmp(text + i, "\\u0000", 6) == 0)
			return "has NULs in a text";
		if (string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			string = !string;
		if (string || g_ascii_isspace(text[i]))
			continue;
		if (done)
			return "has something after its end";
		*members += text[i] == ':';
		if (text[i] == '{' || text[i] == '[')
			depth++;
		else if (text[i] == '}' || text[i] == ']')
			done = depth-- <= 1;
		else if (!g_ascii_isalnum(text[i]) && strchr("\",:+-.", text[i]) == NULL)
			return "has characters that JSON has not";
		if (depth > CABINET_MAP_DEPTH_MAX)
			return "has too many levels";
	}
	return NULL;
}

static void
cabinet_map_object_end_cb(JsonParser *parser, JsonObject *obj, guint *members)
{
	*members -= json_object_get_size(obj);
}

/* of two members with the same name, json-glib takes the last */
static gboolean
cabinet_map_parse_text(JsonParser *parser, GBytes *blob, GError **error)
{
	gsize textsz = 0;
	guint members = 0;
	const gchar *text = g_bytes_get_data(blob, &textsz);
	const gchar *fault = cabinet_map_find_fault(text, textsz, &members);

	if (fault == NULL) {
		g_signal_connect(parser,
				 "object-end",
				 G_CALLBACK(cabinet_map_object_end_cb),
				 &members);
		if (!json_parser_load_from_data(parser, text, textsz, error))
			return FALSE;
		if (members > 0)
			fault = "has a name twice in the same object";
	}
	if (fault != NULL)
		return cabinet_fail(error, "it %s, so get it again from Intel", fault);
	return TRUE;
}

static gint
cabinet_map_release_compare(gconstpointer a, gconstpointer b)
{
	const CabinetMapRelease *release_a = *(CabinetMapRelease *const *)a;
	const CabinetMapRelease *release_b = *(CabinetMapRelease *const *)b;
	return fu_version_compare(release_a->version,
				  release_b->version,
				  FWUPD_VERSION_FORMAT_TRIPLET);
}

/* so that they can be looked up */
static gboolean
cabinet_map_sort(GPtrArray *map, GError **error)
{
	g_ptr_array_sort(map, cabinet_map_release_compare);
	for (guint i = 1; i < map->len; i++) {
		CabinetMapRelease *release = g_ptr_array_index(map, i);
		if (cabinet_map_release_compare(&map->pdata[i - 1], &map->pdata[i]) != 0)
			continue;
		return cabinet_fail(error, "release %s is listed twice", release->version);
	}
	return TRUE;
}

static gboolean
cabinet_map_add_releases(GPtrArray *map, JsonArray *releases, GError **error)
{
	for (guint i = 0; i < json_array_get_length(releases); i++) {
		if (!cabinet_map_add_release(map, json_array_get_element(releases, i), error))
			return FALSE;
	}
	return cabinet_map_sort(map, error);
}

/* all the releases in Intel's mapping_file.json, of any edition, the oldest first */
GPtrArray *
cabinet_map_load(const gchar *filename, GError **error)
{
	JsonArray *releases;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GPtrArray) map =
	    g_ptr_array_new_with_free_func((GDestroyNotify)cabinet_map_release_free);
	g_autoptr(JsonParser) parser = json_parser_new();

	blob = cabinet_file_read(AT_FDCWD, filename, 0, CABINET_FILE_SIZE_MAX, NULL, error);
	if (blob == NULL || !cabinet_map_parse_text(parser, blob, error)) {
		g_prefix_error(error, "failed to read the compatibility map %s: ", filename);
		return NULL;
	}
	releases = cabinet_map_get_releases(parser);
	if (releases == NULL) {
		cabinet_fail(error,
			     "%s has no list " CABINET_MAP_KEY_RELEASES
			     ", so it is not Intel's compatibility map",
			     filename);
		return NULL;
	}
	if (!cabinet_map_add_releases(map, releases, error)) {
		g_prefix_error(error, "%s: ", filename);
		return NULL;
	}
	return g_steal_pointer(&map);
}

CabinetMapRelease *
cabinet_map_find(GPtrArray *map, const gchar *version)
{
	const CabinetMapRelease key = {.version = (gchar *)version};
	const CabinetMapRelease *key_ptr = &key;
	CabinetMapRelease **found =
	    bsearch(&key_ptr, map->pdata, map->len, sizeof(gpointer), cabinet_map_release_compare);
	return found != NULL ? *found : NULL;
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
