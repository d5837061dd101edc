/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/**
 * CabinetMapRelease:
 * @version: of the release, e.g. `1.5.16`
 * @min_version: the oldest running version that a guest survives
 * @seamldrs: (element-type utf8): alternatives, the oldest P-SEAMLDR of each series
 * @strict_from: (element-type utf8) (nullable): running versions that are strictly compatible, or
 * %NULL if the map is too old to say
 *
 * What Intel's compatibility map says about one release.
 **/
typedef struct {
	gchar *version;
	gchar *min_version;
	GPtrArray *seamldrs;
	GPtrArray *strict_from;
} CabinetMapRelease;

GPtrArray *
cabinet_map_load(const gchar *filename, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
CabinetMapRelease *
cabinet_map_find(GPtrArray *map, const gchar *version) G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_map_release_check(const CabinetMapRelease *self) G_GNUC_NON_NULL(1);
