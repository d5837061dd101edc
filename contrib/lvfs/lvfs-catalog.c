/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lvfs-catalog.h"

#define LVFS_CATALOG_MAP_NAME	   "mapping_file.json"
#define LVFS_CATALOG_IMAGES_NAME   "joined_files"
#define LVFS_CATALOG_IMAGE_PATTERN "^tdx_module_([0-9]+\\.[0-9]+\\.[0-9]+)\\.blob$"

/* an image before it is read */
typedef struct {
	gchar *filename;
	gchar *version;
	GPtrArray *map;
} LvfsCatalogImage;

static void
lvfs_catalog_image_free(LvfsCatalogImage *image)
{
	g_free(image->filename);
	g_free(image->version);
	g_free(image);
}

static void
lvfs_catalog_skipped_free(LvfsCatalogSkipped *skipped)
{
	g_free(skipped->version);
	g_free(skipped->reason);
	g_free(skipped);
}

static LvfsCatalog *
lvfs_catalog_new(void)
{
	LvfsCatalog *self = g_new0(LvfsCatalog, 1);
	self->maps = g_hash_table_new_full(g_str_hash,
					   g_str_equal,
					   g_free,
					   (GDestroyNotify)g_ptr_array_unref);
	self->releases = g_ptr_array_new_with_free_func((GDestroyNotify)lvfs_release_free);
	self->skipped = g_ptr_array_new_with_free_func((GDestroyNotify)lvfs_catalog_skipped_free);
	return self;
}

void
lvfs_catalog_free(LvfsCatalog *self)
{
	g_ptr_array_unref(self->releases);
	g_ptr_array_unref(self->skipped);
	g_hash_table_unref(self->maps);
	g_free(self);
}

static void
lvfs_catalog_skip(LvfsCatalog *self, const gchar *version, const gchar *reason)
{
	LvfsCatalogSkipped *skipped = g_new0(LvfsCatalogSkipped, 1);
	skipped->version = g_strdup(version);
	skipped->reason = g_strdup(reason);
	g_ptr_array_add(self->skipped, skipped);
}

static gchar *
lvfs_catalog_parse_name(const gchar *basename)
{
	g_autoptr(GMatchInfo) match = NULL;
	g_autoptr(GRegex) regex = g_regex_new(LVFS_CATALOG_IMAGE_PATTERN, 0, 0, NULL);

	if (!g_regex_match(regex, basename, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 1);
}

static void
lvfs_catalog_add_image(GPtrArray *images, const gchar *filename, const gchar *version)
{
	LvfsCatalogImage *image = g_new0(LvfsCatalogImage, 1);
	image->filename = g_strdup(filename);
	image->version = g_strdup(version);
	g_ptr_array_add(images, image);
}

static gboolean
lvfs_catalog_find_images(GPtrArray *images, const gchar *folder, GError **error)
{
	const gchar *basename;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, error);

	if (dir == NULL)
		return FALSE;
	while ((basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(folder, basename, NULL);
		g_autofree gchar *version = lvfs_catalog_parse_name(basename);
		if (version != NULL)
			lvfs_catalog_add_image(images, filename, version);
	}
	return TRUE;
}

/* each series has a folder there */
static gboolean
lvfs_catalog_find_joined_files(GPtrArray *images, const gchar *folder, GError **error)
{
	const gchar *basename;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, error);

	if (dir == NULL)
		return FALSE;
	while ((basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(folder, basename, NULL);
		if (!g_file_test(filename, G_FILE_TEST_IS_DIR))
			continue;
		if (!lvfs_catalog_find_images(images, filename, error))
			return FALSE;
	}
	return TRUE;
}

/* one map may be for several images */
static GPtrArray *
lvfs_catalog_ensure_map(LvfsCatalog *self, const gchar *filename, GError **error)
{
	GPtrArray *map = g_hash_table_lookup(self->maps, filename);

	if (map != NULL)
		return map;
	map = lvfs_map_load(filename, error);
	if (map != NULL)
		g_hash_table_insert(self->maps, g_strdup(filename), map);
	return map;
}

static gboolean
lvfs_catalog_has_image(GPtrArray *images, const gchar *version)
{
	for (guint i = 0; i < images->len; i++) {
		LvfsCatalogImage *image = g_ptr_array_index(images, i);
		if (fu_version_compare(image->version, version, FWUPD_VERSION_FORMAT_TRIPLET) == 0)
			return TRUE;
	}
	return FALSE;
}

static void
lvfs_catalog_skip_without_image(LvfsCatalog *self, GPtrArray *map, GPtrArray *images)
{
	for (guint i = 0; i < map->len; i++) {
		LvfsMapRelease *release = g_ptr_array_index(map, i);
		if (!lvfs_catalog_has_image(images, release->version))
			lvfs_catalog_skip(self,
					  release->version,
					  "the map has it but there is no image");
	}
}

/* a checkout of Intel's repository, or the same without folders */
static gboolean
lvfs_catalog_add_checkout(LvfsCatalog *self,
			  GPtrArray *images,
			  const gchar *folder,
			  const LvfsCatalogOptions *options,
			  GError **error)
{
	GPtrArray *map;
	g_autofree gchar *joined_files = g_build_filename(folder, LVFS_CATALOG_IMAGES_NAME, NULL);
	g_autofree gchar *map_fn = g_build_filename(folder, LVFS_CATALOG_MAP_NAME, NULL);
	g_autoptr(GPtrArray) found =
	    g_ptr_array_new_with_free_func((GDestroyNotify)lvfs_catalog_image_free);

	map = lvfs_catalog_ensure_map(self,
				      options->map_fn != NULL ? options->map_fn : map_fn,
				      error);
	if (map == NULL)
		return FALSE;
	if (g_file_test(joined_files, G_FILE_TEST_IS_DIR)) {
		if (!lvfs_catalog_find_joined_files(found, joined_files, error))
			return FALSE;
	} else {
		if (!lvfs_catalog_find_images(found, folder, error))
			return FALSE;
	}
	if (found->len == 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_FOUND,
			    "%s has no images, expected files such as "
			    "joined_files/1.5/tdx_module_1.5.16.blob",
			    folder);
		return FALSE;
	}
	lvfs_catalog_skip_without_image(self, map, found);
	for (guint i = 0; i < found->len; i++) {
		LvfsCatalogImage *image = g_ptr_array_index(found, i);
		image->map = map;
	}
	g_ptr_array_extend_and_steal(images, g_steal_pointer(&found));
	return TRUE;
}

static gboolean
lvfs_catalog_add_file(LvfsCatalog *self,
		      GPtrArray *images,
		      const gchar *filename,
		      const LvfsCatalogOptions *options,
		      GError **error)
{
	LvfsCatalogImage *image;
	g_autofree gchar *basename = g_path_get_basename(filename);
	g_autofree gchar *version = g_strdup(options->release_version);

	if (version == NULL)
		version = lvfs_catalog_parse_name(basename);
	if (version == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "the version of %s does not follow from its name, so give it with "
			    "--release-version",
			    filename);
		return FALSE;
	}
	if (options->map_fn == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "%s needs Intel's compatibility map, so give it with --map "
			    "mapping_file.json",
			    filename);
		return FALSE;
	}
	lvfs_catalog_add_image(images, filename, version);
	image = g_ptr_array_index(images, images->len - 1);
	image->map = lvfs_catalog_ensure_map(self, options->map_fn, error);
	return image->map != NULL;
}

static GPtrArray *
lvfs_catalog_collect(LvfsCatalog *self,
		     gchar **sources,
		     const LvfsCatalogOptions *options,
		     GError **error)
{
	g_autoptr(GPtrArray) images =
	    g_ptr_array_new_with_free_func((GDestroyNotify)lvfs_catalog_image_free);

	if (options->release_version != NULL &&
	    (g_strv_length(sources) != 1 || g_file_test(sources[0], G_FILE_TEST_IS_DIR))) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "--release-version is for a single image");
		return NULL;
	}
	for (guint i = 0; sources[i] != NULL; i++) {
		gboolean ret;
		if (g_file_test(sources[i], G_FILE_TEST_IS_DIR))
			ret = lvfs_catalog_add_checkout(self, images, sources[i], options, error);
		else
			ret = lvfs_catalog_add_file(self, images, sources[i], options, error);
		if (!ret)
			return NULL;
	}
	return g_steal_pointer(&images);
}

/* returns the reason if a release is not published although nothing is wrong with it */
static const gchar *
lvfs_catalog_get_skip_reason(const LvfsMapRelease *map, gboolean strict)
{
	if (map == NULL)
		return "the map does not have it, so nothing is known about compatibility";
	if (strict && map->strict_from->len == 0)
		return "the map has no version that it is strictly compatible with";
	return NULL;
}

static gboolean
lvfs_catalog_check_duplicate(LvfsCatalog *self, const LvfsRelease *release, GError **error)
{
	for (guint i = 0; i < self->releases->len; i++) {
		LvfsRelease *other = g_ptr_array_index(self->releases, i);
		if (fu_version_compare(other->version,
				       release->version,
				       FWUPD_VERSION_FORMAT_TRIPLET) != 0)
			continue;
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "%s and %s are both TDX module %s, so give only one of them",
			    other->source,
			    release->source,
			    release->version);
		return FALSE;
	}
	return TRUE;
}

static gboolean
lvfs_catalog_add_release(LvfsCatalog *self,
			 const LvfsCatalogImage *image,
			 const LvfsQuirks *quirks,
			 const LvfsCatalogOptions *options,
			 GError **error)
{
	const gchar *reason;
	const LvfsMapRelease *map = lvfs_map_find(image->map, image->version);
	g_autoptr(LvfsRelease) release = NULL;

	if (options->strict && map != NULL && map->strict_from == NULL) {
		g_set_error(
		    error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "the map has no strict_compat_versions for %s, so --strict needs a newer "
		    "edition of it",
		    map->version);
		return FALSE;
	}
	reason = lvfs_catalog_get_skip_reason(map, options->strict);
	if (reason != NULL) {
		lvfs_catalog_skip(self, image->version, reason);
		return TRUE;
	}
	release = lvfs_release_load(image->filename, map, quirks, options->blob_version, error);
	if (release == NULL || !lvfs_catalog_check_duplicate(self, release, error))
		return FALSE;
	g_ptr_array_add(self->releases, g_steal_pointer(&release));
	return TRUE;
}

static gint
lvfs_catalog_skipped_compare(gconstpointer a, gconstpointer b)
{
	const LvfsCatalogSkipped *skipped_a = *(LvfsCatalogSkipped *const *)a;
	const LvfsCatalogSkipped *skipped_b = *(LvfsCatalogSkipped *const *)b;
	gint rc = g_strcmp0(skipped_a->reason, skipped_b->reason);

	if (rc != 0)
		return rc;
	return fu_version_compare(skipped_b->version,
				  skipped_a->version,
				  FWUPD_VERSION_FORMAT_TRIPLET);
}

/**
 * lvfs_catalog_load:
 * @sources: (array zero-terminated=1): images, or checkouts of Intel's repository
 * @quirks: the keys that hosts trust
 * @options: how they are read
 * @error: (nullable): optional return location for an error
 *
 * Reads and verifies everything that is to be published.
 *
 * Returns: (transfer full): a #LvfsCatalog, or %NULL if there is anything that a host would refuse
 **/
LvfsCatalog *
lvfs_catalog_load(gchar **sources,
		  const LvfsQuirks *quirks,
		  const LvfsCatalogOptions *options,
		  GError **error)
{
	g_autoptr(GPtrArray) images = NULL;
	g_autoptr(LvfsCatalog) self = lvfs_catalog_new();

	images = lvfs_catalog_collect(self, sources, options, error);
	if (images == NULL)
		return NULL;
	for (guint i = 0; i < images->len; i++) {
		LvfsCatalogImage *image = g_ptr_array_index(images, i);
		if (options->progress != NULL)
			options->progress(i, images->len, image->filename, options->user_data);
		if (!lvfs_catalog_add_release(self, image, quirks, options, error))
			return NULL;
	}
	g_ptr_array_sort(self->releases, lvfs_release_compare);
	g_ptr_array_sort(self->skipped, lvfs_catalog_skipped_compare);
	return g_steal_pointer(&self);
}
