/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "lvfs-metainfo.h"
#include "lvfs-output.h"
#include "lvfs-signer.h"

/**
 * LvfsMirror:
 * @path: the folder that is served
 * @current: (nullable): what is served now: a folder in @path
 * @lock: an open file, so that there is one writer
 * @base_uri: (nullable): where clients see `current`, or %NULL if in the file system
 * @signer: who signs
 *
 * A remote for fwupd. Each edition of it is a folder of its own, and `current` is a link to the
 * newest, so that metadata and cabinets change at the same moment.
 **/
typedef struct {
	gchar *path;
	gchar *current;
	gint lock;
	gchar *base_uri;
	const LvfsSigner *signer;
} LvfsMirror;

/**
 * LvfsMirrorEntry:
 * @release: what is published
 * @filename: of the cabinet, below `current`
 * @sha256: of the cabinet
 * @components: (element-type XbBuilderNode): the release in the metadata, for each CPU
 * @kept: if the cabinet is the one that was there before
 *
 * A release in the mirror.
 **/
typedef struct {
	const LvfsRelease *release;
	gchar *filename;
	gchar *sha256;
	GPtrArray *components;
	gboolean kept;
} LvfsMirrorEntry;

LvfsMirror *
lvfs_mirror_new(const gchar *path, const gchar *base_uri, const LvfsSigner *signer, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 3);
void
lvfs_mirror_free(LvfsMirror *self);
void
lvfs_mirror_entry_free(LvfsMirrorEntry *entry);
LvfsMirrorEntry *
lvfs_mirror_add(LvfsMirror *self,
		LvfsOutput *output,
		const LvfsRelease *release,
		const LvfsMetainfoOptions *options,
		GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);
gboolean
lvfs_mirror_publish(LvfsMirror *self,
		    LvfsOutput *output,
		    GPtrArray *entries,
		    gboolean *changed,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvfsMirror, lvfs_mirror_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvfsMirrorEntry, lvfs_mirror_entry_free)
