/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fu-tdx-blob-firmware.h"
#include "lvfs-map.h"
#include "lvfs-quirks.h"

/**
 * LvfsRelease:
 * @version: e.g. `1.5.16`
 * @series: e.g. `1.5`
 * @source: file that the image came from
 * @map: what the map says about it
 * @sigstruct: what the image says about itself
 * @payload: the image with the wanted header
 * @date: when it was signed, e.g. `2025-02-19`
 * @mrseam: the MRSEAM, as 96 hexadecimal digits
 * @signatures: (element-type guint32): CPUID.1.EAX of each CPU, stepping masked
 * @warnings: (element-type utf8): where map, image and what is known about releases disagree
 *
 * An image that has been verified, with all that is to be published about it.
 **/
typedef struct {
	gchar *version;
	gchar *series;
	gchar *source;
	const LvfsMapRelease *map;
	FuTdxSigstructFirmware *sigstruct;
	GBytes *payload;
	gchar *date;
	gchar *mrseam;
	GArray *signatures;
	GPtrArray *warnings;
} LvfsRelease;

LvfsRelease *
lvfs_release_load(const gchar *filename,
		  const LvfsMapRelease *map,
		  const LvfsQuirks *quirks,
		  FuTdxBlobVersion blob_version,
		  GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
void
lvfs_release_free(LvfsRelease *self);
gchar *
lvfs_release_get_svn_str(const LvfsRelease *self) G_GNUC_NON_NULL(1);
gint
lvfs_release_compare(gconstpointer a, gconstpointer b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvfsRelease, lvfs_release_free)
