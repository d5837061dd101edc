/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-metainfo.h"
#include "cabinet-output.h"
#include "cabinet-signer.h"

/* a remote for fwupd; each edition is a folder of its own, and `current` is a link to the newest,
 * so that metadata and cabinets change at the same moment */
typedef struct {
	gchar *path;
	gchar *current;	 /* (nullable): what is served now: a folder in @path */
	gint lock;	 /* an open file, so that there is one writer */
	gchar *base_uri; /* (nullable): where clients see `current`, if not in the file system */
	const CabinetSigner *signer;
} CabinetMirror;

/* a release in the mirror */
typedef struct {
	const CabinetRelease *release;
	gchar *filename; /* of the cabinet, below `current` */
	gchar *sha256;	 /* of the cabinet */
	GPtrArray
	    *components; /* (element-type XbBuilderNode): for the metadata, one for each CPU */
	gboolean kept;	 /* if the cabinet is the one that was there before */
} CabinetMirrorEntry;

CabinetMirror *
cabinet_mirror_new(const gchar *path,
		   const gchar *base_uri,
		   const CabinetSigner *signer,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 3);
void
cabinet_mirror_free(CabinetMirror *self);
void
cabinet_mirror_entry_free(CabinetMirrorEntry *entry);
CabinetMirrorEntry *
cabinet_mirror_add(CabinetMirror *self,
		   CabinetOutput *output,
		   const CabinetRelease *release,
		   const CabinetOptions *options,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);
gboolean
cabinet_mirror_publish(CabinetMirror *self,
		       CabinetOutput *output,
		       GPtrArray *entries,
		       gboolean *changed,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetMirror, cabinet_mirror_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetMirrorEntry, cabinet_mirror_entry_free)
