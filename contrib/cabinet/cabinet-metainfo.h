/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-release.h"

/* what the metadata of a remote says about a cabinet, but the metainfo in it cannot */
typedef struct {
	const gchar *filename;
	const gchar *sha1;
	const gchar *sha256;
	gsize size;
} CabinetMetainfoContainer;

gchar *
cabinet_metainfo_get_name(const CabinetRelease *release, const CabinetTarget *target)
    G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_metainfo_get_payload_name(const CabinetRelease *release) G_GNUC_NON_NULL(1);
gchar *
cabinet_metainfo_build(const CabinetRelease *release,
		       const CabinetTarget *target,
		       const CabinetOptions *options,
		       const CabinetMetainfoContainer *container,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
