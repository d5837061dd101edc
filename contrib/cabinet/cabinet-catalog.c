/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-catalog.h"
#include "cabinet-file.h"
#include "cabinet-quirks.h"

#define CABINET_CATALOG_MAP_NAME      "mapping_file.json"
#define CABINET_CATALOG_IMAGES_NAME   "joined_files"
#define CABINET_CATALOG_IMAGE_PATTERN "^tdx_module_([0-9]+\\.[0-9]+\\.[0-9]+)\\.blob$"

/* an image before it is read */
typedef struct {
	gchar *filename;
	gchar *version;
	CabinetMapRelease *map; /* (nullable): if it does not know the image */
} CabinetCatalogImage;

static void
cabinet_catalog_image_free(CabinetCatalogImage *image)
{
	g_free(image->filename);
	g_free(image->version);
	g_free(image);
}

static void
cabinet_catalog_skipped_free(CabinetCatalogSkipped *skipped)
{
	g_free(skipped->version);
	g_free(skipped->reason);
	g_free(skipped);
}

static CabinetCatalog *
cabinet_catalog_new(void)
{
	CabinetCatalog *self = g_new0(CabinetCatalog, 1);
	self->maps = g_hash_table_new_full(g_str_hash,
					   g_str_equal,
					   g_free,
					   (GDestroyNotify)g_ptr_array_unref);
	self->releases = g_ptr_array_new_with_free_func((GDestroyNotify)cabinet_release_free);
	self->tcb_infos = g_ptr_array_new_with_free_func((GDestroyNotify)tdx_tcb_info_free);
	self->skipped =
	    g_ptr_array_new_with_free_func((GDestroyNotify)cabinet_catalog_skipped_free);
	return self;
}

void
cabinet_catalog_free(CabinetCatalog *self)
{
	g_ptr_array_unref(self->releases);
	g_ptr_array_unref(self->skipped);
	g_ptr_array_unref(self->tcb_infos);
	g_hash_table_unref(self->maps);
	g_free(self);
}

static void
cabinet_catalog_skip(CabinetCatalog *self, const gchar *version, const gchar *reason)
{
	CabinetCatalogSkipped *skipped = g_new0(CabinetCatalogSkipped, 1);
	skipped->version = g_strdup(version);
	skipped->reason = g_strdup(reason);
	g_ptr_array_add(self->skipped, skipped);
}

static gchar *
cabinet_catalog_parse_name(const gchar *basename)
{
	g_autoptr(GMatchInfo) match = NULL;
	g_autoptr(GRegex) regex = g_regex_new(CABINET_CATALOG_IMAGE_PATTERN, 0, 0, NULL);

	if (!g_regex_match(regex, basename, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 1);
}

static void
cabinet_catalog_add_image(GPtrArray *images,
			  const gchar *filename,
			  const gchar *version,
			  GPtrArray *map)
{
	CabinetCatalogImage *image = g_new0(CabinetCatalogImage, 1);
	image->filename = g_strdup(filename);
	image->version = g_strdup(version);
	image->map = cabinet_map_find(map, version);
	if (image->map != NULL)
		image->map->has_image = TRUE;
	g_ptr_array_add(images, image);
}

/* in the folder itself, or in those that it has for each series */
static gboolean
cabinet_catalog_find_images(GPtrArray *images,
			    const gchar *folder,
			    guint depth,
			    GPtrArray *map,
			    GError **error)
{
	const gchar *basename;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, error);

	if (dir == NULL)
		return FALSE;
	while ((basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(folder, basename, NULL);
		g_autofree gchar *version = cabinet_catalog_parse_name(basename);
		if (depth == 0 && version != NULL)
			cabinet_catalog_add_image(images, filename, version, map);
		if (depth > 0 && g_file_test(filename, G_FILE_TEST_IS_DIR) &&
		    !cabinet_catalog_find_images(images, filename, depth - 1, map, error))
			return FALSE;
	}
	return TRUE;
}

/* one map may be for several images */
static GPtrArray *
cabinet_catalog_ensure_map(CabinetCatalog *self, const gchar *filename, GError **error)
{
	GPtrArray *map = g_hash_table_lookup(self->maps, filename);

	if (map != NULL)
		return map;
	map = cabinet_map_load(filename, error);
	if (map != NULL)
		g_hash_table_insert(self->maps, g_strdup(filename), map);
	return map;
}

/* a checkout of Intel's repository, or the same without folders */
static gboolean
cabinet_catalog_add_checkout(CabinetCatalog *self,
			     GPtrArray *images,
			     const gchar *folder,
			     const CabinetOptions *options,
			     GError **error)
{
	GPtrArray *map;
	gboolean joined;
	guint images_len = images->len;
	g_autofree gchar *joined_files =
	    g_build_filename(folder, CABINET_CATALOG_IMAGES_NAME, NULL);
	g_autofree gchar *map_fn = g_build_filename(folder, CABINET_CATALOG_MAP_NAME, NULL);

	map = cabinet_catalog_ensure_map(self,
					 options->map_fn != NULL ? options->map_fn : map_fn,
					 error);
	if (map == NULL)
		return FALSE;
	joined = g_file_test(joined_files, G_FILE_TEST_IS_DIR);
	if (!cabinet_catalog_find_images(images,
					 joined ? joined_files : folder,
					 joined ? 1 : 0,
					 map,
					 error))
		return FALSE;
	if (images->len == images_len)
		return cabinet_fail(error,
				    "%s has no images, expected files such as "
				    "joined_files/1.5/tdx_module_1.5.16.blob",
				    folder);
	for (guint i = 0; i < map->len; i++) {
		const CabinetMapRelease *release = g_ptr_array_index(map, i);
		if (!release->has_image)
			cabinet_catalog_skip(self,
					     release->version,
					     "the map has it but there is no image");
	}
	return TRUE;
}

static gboolean
cabinet_catalog_add_file(CabinetCatalog *self,
			 GPtrArray *images,
			 const gchar *filename,
			 const CabinetOptions *options,
			 GError **error)
{
	GPtrArray *map;
	g_autofree gchar *basename = g_path_get_basename(filename);
	g_autofree gchar *version = options->release_version != NULL
					? g_strdup(options->release_version)
					: cabinet_catalog_parse_name(basename);

	if (!g_file_test(filename, G_FILE_TEST_EXISTS))
		return cabinet_fail(error,
				    "there is no %s, needed is an image, or a checkout of Intel's "
				    "repository",
				    filename);
	if (version == NULL)
		return cabinet_fail(
		    error,
		    "the version of %s does not follow from its name, so give it with "
		    "--release-version",
		    filename);
	if (options->map_fn == NULL)
		return cabinet_fail(error,
				    "%s needs Intel's compatibility map, so give it with --map "
				    "mapping_file.json",
				    filename);
	map = cabinet_catalog_ensure_map(self, options->map_fn, error);
	if (map == NULL)
		return FALSE;
	cabinet_catalog_add_image(images, filename, version, map);
	return TRUE;
}

static GPtrArray *
cabinet_catalog_collect(CabinetCatalog *self,
			gchar **sources,
			const CabinetOptions *options,
			GError **error)
{
	g_autoptr(GPtrArray) images =
	    g_ptr_array_new_with_free_func((GDestroyNotify)cabinet_catalog_image_free);

	if (options->release_version != NULL && g_file_test(sources[0], G_FILE_TEST_IS_DIR)) {
		cabinet_fail(error,
			     "--release-version is for a single image, and %s is a folder",
			     sources[0]);
		return NULL;
	}
	for (guint i = 0; sources[i] != NULL; i++) {
		gboolean ret;
		if (g_file_test(sources[i], G_FILE_TEST_IS_DIR))
			ret =
			    cabinet_catalog_add_checkout(self, images, sources[i], options, error);
		else
			ret = cabinet_catalog_add_file(self, images, sources[i], options, error);
		if (!ret)
			return NULL;
	}
	if (!cabinet_options_check_images(options, images->len, error))
		return NULL;
	return g_steal_pointer(&images);
}

static gboolean
cabinet_catalog_load_tcb_infos(CabinetCatalog *self, const CabinetOptions *options, GError **error)
{
	guint last = options->tcb_chains != NULL ? g_strv_length(options->tcb_chains) - 1 : 0;

	for (guint i = 0; options->tcb_infos != NULL && options->tcb_infos[i] != NULL; i++) {
		TdxTcbInfo *tcb_info = tdx_tcb_info_load(options->tcb_infos[i],
							 options->tcb_chains[MIN(i, last)],
							 TDX_TCB_INFO_ROOT,
							 options->tcb_expired,
							 error);
		if (tcb_info == NULL)
			return FALSE;
		g_ptr_array_add(self->tcb_infos, tcb_info);
	}
	return TRUE;
}

/* the newest set that knows it; the platforms of one set all say the same */
static void
cabinet_catalog_ensure_tcb_info(CabinetCatalog *self, CabinetRelease *release)
{
	for (guint i = 0; i < self->tcb_infos->len; i++) {
		const TdxTcbInfo *tcb_info = g_ptr_array_index(self->tcb_infos, i);
		if (tdx_tcb_info_find_level(tcb_info, release->svn) != NULL &&
		    (release->tcb_info == NULL || tcb_info->set > release->tcb_info->set))
			release->tcb_info = tcb_info;
	}
	if (release->tcb_info != NULL && release->tcb_info->stale)
		g_ptr_array_add(release->warnings,
				g_strdup_printf("what TDX module %s fixes is said by a TCB info of "
						"%s, which has expired",
						release->version,
						release->tcb_info->date));
}

static gboolean
cabinet_catalog_add_release(CabinetCatalog *self,
			    const CabinetCatalogImage *image,
			    GPtrArray *signers,
			    const CabinetOptions *options,
			    GError **error)
{
	const CabinetMapRelease *map = image->map;
	g_autoptr(CabinetRelease) release = NULL;

	if (options->strict && map != NULL && map->strict_from == NULL)
		return cabinet_fail(
		    error,
		    "the map has no strict_compat_versions for %s, so --strict needs a newer "
		    "edition of it",
		    map->version);
	if (map == NULL) {
		cabinet_catalog_skip(
		    self,
		    image->version,
		    "the map does not have it, so nothing is known about compatibility");
		return TRUE;
	}
	if (options->strict && map->strict_from->len == 0)
		cabinet_catalog_skip(self,
				     image->version,
				     "the map has no version that it is strictly compatible with, "
				     "for all but the next boot");
	release = cabinet_release_load(image->filename, map, signers, options, error);
	if (release == NULL)
		return FALSE;
	cabinet_catalog_ensure_tcb_info(self, release);
	g_ptr_array_add(self->releases, g_steal_pointer(&release));
	return TRUE;
}

/* the newest is the first; if SVNs fell, the P-SEAMLDR would refuse an update that fwupd offers */
static gboolean
cabinet_catalog_check_releases(CabinetCatalog *self, GError **error)
{
	if (self->releases->len == 0) {
		const CabinetCatalogSkipped *skipped = g_ptr_array_index(self->skipped, 0);
		return cabinet_fail(
		    error,
		    "there is nothing to publish; for example, TDX module %s is left out, as %s",
		    skipped->version,
		    skipped->reason);
	}
	for (guint i = 1; i < self->releases->len; i++) {
		CabinetRelease *newer = g_ptr_array_index(self->releases, i - 1);
		CabinetRelease *older = g_ptr_array_index(self->releases, i);
		if (cabinet_release_compare(&newer, &older) == 0)
			return cabinet_fail(
			    error,
			    "%s and %s are both TDX module %s, so give only one of them",
			    newer->source,
			    older->source,
			    older->version);
		if (g_strcmp0(newer->series, older->series) == 0 && newer->svn < older->svn)
			return cabinet_fail(
			    error,
			    "the SVN of %s is 0x%04x, expected at least the 0x%04x of %s, as it "
			    "never falls within a series; give each image the version that it is",
			    newer->source,
			    newer->svn,
			    older->svn,
			    older->source);
	}
	return TRUE;
}

static gboolean
cabinet_catalog_is_version(gconstpointer release, gconstpointer version)
{
	return g_strcmp0(((const CabinetRelease *)release)->version, version) == 0;
}

static gboolean
cabinet_catalog_check_notes(CabinetCatalog *self, const CabinetOptions *options, GError **error)
{
	g_auto(GStrv) versions = g_key_file_get_groups(options->notes, NULL);

	for (guint i = 0; versions[i] != NULL; i++) {
		if (!g_ptr_array_find_with_equal_func(self->releases,
						      versions[i],
						      cabinet_catalog_is_version,
						      NULL))
			return cabinet_fail(
			    error,
			    "--notes=%s: [%s]: expected the version of a release that is "
			    "published, as the map has it",
			    options->notes_fn,
			    versions[i]);
	}
	return TRUE;
}

static gint
cabinet_catalog_skipped_compare(gconstpointer a, gconstpointer b)
{
	const CabinetCatalogSkipped *skipped_a = *(CabinetCatalogSkipped *const *)a;
	const CabinetCatalogSkipped *skipped_b = *(CabinetCatalogSkipped *const *)b;
	gint rc = g_strcmp0(skipped_a->reason, skipped_b->reason);

	if (rc != 0)
		return rc;
	return fu_version_compare(skipped_b->version,
				  skipped_a->version,
				  FWUPD_VERSION_FORMAT_TRIPLET);
}

/* reads and verifies everything that is to be published; no catalog if a host would refuse any, or
 * if there is nothing */
CabinetCatalog *
cabinet_catalog_load(gchar **sources, const CabinetOptions *options, GError **error)
{
	g_autoptr(GPtrArray) images = NULL;
	g_autoptr(GPtrArray) signers = NULL;
	g_autoptr(CabinetCatalog) self = cabinet_catalog_new();

	signers = cabinet_quirks_load_signers(options->quirks, error);
	if (signers == NULL || !cabinet_catalog_load_tcb_infos(self, options, error))
		return NULL;
	images = cabinet_catalog_collect(self, sources, options, error);
	if (images == NULL)
		return NULL;
	for (guint i = 0; i < images->len; i++) {
		CabinetCatalogImage *image = g_ptr_array_index(images, i);
		options->progress(options, i, images->len, image->filename);
		if (!cabinet_catalog_add_release(self, image, signers, options, error))
			return NULL;
	}
	g_ptr_array_sort(self->releases, cabinet_release_compare);
	g_ptr_array_sort(self->skipped, cabinet_catalog_skipped_compare);
	if (!cabinet_catalog_check_releases(self, error) ||
	    !cabinet_catalog_check_notes(self, options, error))
		return NULL;
	return g_steal_pointer(&self);
}
