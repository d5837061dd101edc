/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "lvfs-release.h"

/**
 * LvfsMetainfoOptions:
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
} LvfsMetainfoOptions;

/**
 * LvfsMetainfoContainer:
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
} LvfsMetainfoContainer;

gboolean
lvfs_metainfo_check_options(const LvfsMetainfoOptions *options,
			    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1);
gchar *
lvfs_metainfo_get_name(const LvfsRelease *release, guint32 signature) G_GNUC_NON_NULL(1);
gchar *
lvfs_metainfo_get_payload_name(const LvfsRelease *release) G_GNUC_NON_NULL(1);
XbBuilderNode *
lvfs_metainfo_build(const LvfsRelease *release,
		    guint32 signature,
		    const LvfsMetainfoOptions *options,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 3);
XbBuilderNode *
lvfs_metainfo_build_for_remote(const LvfsRelease *release,
			       guint32 signature,
			       const LvfsMetainfoOptions *options,
			       const LvfsMetainfoContainer *container,
			       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 3, 4);
