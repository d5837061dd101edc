/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-release.h"

/**
 * CabinetMetainfoOptions:
 * @strict: only for running versions that are strictly compatible
 * @urgency: as AppStream has it, e.g. `medium`
 * @fwupd_version: the oldest fwupd that may install it
 * @description: (nullable): what is new
 * @issues: (element-type utf8) (nullable): CVEs that are fixed
 *
 * What the publisher decides.
 **/
typedef struct {
	gboolean strict;
	const gchar *urgency;
	const gchar *fwupd_version;
	const gchar *description;
	gchar **issues;
} CabinetMetainfoOptions;

/**
 * CabinetMetainfoContainer:
 * @filename: of the cabinet
 * @sha1: its checksum
 * @sha256: its checksum
 * @size: its size in bytes
 *
 * What the metadata of a remote says about a cabinet, but the metainfo in it cannot.
 **/
typedef struct {
	const gchar *filename;
	const gchar *sha1;
	const gchar *sha256;
	gsize size;
} CabinetMetainfoContainer;

gboolean
cabinet_metainfo_check_options(const CabinetMetainfoOptions *options,
			       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1);
gchar *
cabinet_metainfo_get_name(const CabinetRelease *release, guint32 signature) G_GNUC_NON_NULL(1);
gchar *
cabinet_metainfo_get_payload_name(const CabinetRelease *release) G_GNUC_NON_NULL(1);
XbBuilderNode *
cabinet_metainfo_build(const CabinetRelease *release,
		       guint32 signature,
		       const CabinetMetainfoOptions *options,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 3);
XbBuilderNode *
cabinet_metainfo_build_for_remote(const CabinetRelease *release,
				  guint32 signature,
				  const CabinetMetainfoOptions *options,
				  const CabinetMetainfoContainer *container,
				  GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1, 3, 4);
