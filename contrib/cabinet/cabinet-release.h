/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-map.h"
#include "cabinet-quirks.h"
#include "fu-tdx-blob-firmware.h"

/**
 * CabinetRelease:
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
	const CabinetMapRelease *map;
	FuTdxSigstructFirmware *sigstruct;
	GBytes *payload;
	gchar *date;
	gchar *mrseam;
	GArray *signatures;
	GPtrArray *warnings;
} CabinetRelease;

CabinetRelease *
cabinet_release_load(const gchar *filename,
		     const CabinetMapRelease *map,
		     const CabinetQuirks *quirks,
		     FuTdxBlobVersion blob_version,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
void
cabinet_release_free(CabinetRelease *self);
gchar *
cabinet_release_get_svn_str(const CabinetRelease *self) G_GNUC_NON_NULL(1);
gint
cabinet_release_compare(gconstpointer a, gconstpointer b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetRelease, cabinet_release_free)
