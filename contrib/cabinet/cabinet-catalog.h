/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-release.h"

/* a release that is not published; no error, but worth to be known */
typedef struct {
	gchar *version;
	gchar *reason;
} CabinetCatalogSkipped;

/* all that was found in the sources */
typedef struct {
	GHashTable *maps; /* (element-type utf8 GPtrArray): by file name */
	GPtrArray
	    *releases; /* (element-type CabinetRelease): what is published, the newest first */
	GPtrArray *tcb_infos; /* (element-type TdxTcbInfo) */
	GPtrArray *skipped;   /* (element-type CabinetCatalogSkipped) */
} CabinetCatalog;

CabinetCatalog *
cabinet_catalog_load(gchar **sources,
		     const CabinetOptions *options,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
cabinet_catalog_free(CabinetCatalog *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetCatalog, cabinet_catalog_free)
