/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#define CABINET_MAP_KEY_SEAMLDRS "min_seamldr_versions"
#define CABINET_MAP_KEY_STRICT	 "strict_compat_versions"

/* what Intel's compatibility map says about one release */
typedef struct {
	gchar *version;
	gchar *min_version;	/* the oldest running one that a guest survives */
	GPtrArray *seamldrs;	/* (element-type utf8): alternatives, the oldest of each series */
	GPtrArray *strict_from; /* (element-type utf8) (nullable): if the map is too old to say */
	gboolean has_image;	/* that is published, set by whoever looks for images */
} CabinetMapRelease;

GPtrArray *
cabinet_map_load(const gchar *filename, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
CabinetMapRelease *
cabinet_map_find(GPtrArray *map, const gchar *version) G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_map_release_check(const CabinetMapRelease *self) G_GNUC_NON_NULL(1);
