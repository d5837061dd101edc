/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-release.h"

/**
 * CabinetCatalogOptions:
 * @map_fn: (nullable): the compatibility map, or %NULL for that of the checkout
 * @release_version: (nullable): of a single image, or %NULL to take it from the file's name
 * @strict: if only releases are wanted that are strictly compatible with some other
 * @blob_version: header of the images that are to be published
 * @progress: (nullable): called before each image
 * @user_data: for @progress
 *
 * How sources are read.
 **/
typedef struct {
	const gchar *map_fn;
	const gchar *release_version;
	gboolean strict;
	FuTdxBlobVersion blob_version;
	void (*progress)(guint done, guint total, const gchar *name, gpointer user_data);
	gpointer user_data;
} CabinetCatalogOptions;

/**
 * CabinetCatalogSkipped:
 * @version: of a release that is not published
 * @reason: why not
 *
 * No error, but worth to be known.
 **/
typedef struct {
	gchar *version;
	gchar *reason;
} CabinetCatalogSkipped;

/**
 * CabinetCatalog:
 * @maps: (element-type utf8 GPtrArray): by file name, each as from cabinet_map_load()
 * @releases: (element-type CabinetRelease): what is published, the newest first
 * @skipped: (element-type CabinetCatalogSkipped): what is not
 *
 * All that was found in the sources.
 **/
typedef struct {
	GHashTable *maps;
	GPtrArray *releases;
	GPtrArray *skipped;
} CabinetCatalog;

CabinetCatalog *
cabinet_catalog_load(gchar **sources,
		     const CabinetQuirks *quirks,
		     const CabinetCatalogOptions *options,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
void
cabinet_catalog_free(CabinetCatalog *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetCatalog, cabinet_catalog_free)
