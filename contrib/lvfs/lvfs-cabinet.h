/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "lvfs-metainfo.h"
#include "lvfs-signer.h"

/**
 * LvfsCabinet:
 * @files: (element-type LvfsCabinetFile): the metainfo for each CPU, and the image
 * @date: of all of them
 *
 * What is in a cabinet, besides signatures.
 **/
typedef struct {
	GPtrArray *files;
	gchar *date;
} LvfsCabinet;

LvfsCabinet *
lvfs_cabinet_new(const LvfsRelease *release,
		 const LvfsMetainfoOptions *options,
		 GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
lvfs_cabinet_free(LvfsCabinet *self);
GBytes *
lvfs_cabinet_write(const LvfsCabinet *self,
		   const LvfsSigner *signer,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1);
gchar *
lvfs_cabinet_get_key(const LvfsCabinet *self, const LvfsSigner *signer) G_GNUC_NON_NULL(1, 2);
gboolean
lvfs_cabinet_matches(const LvfsCabinet *self, const LvfsSigner *signer, GBytes *blob)
    G_GNUC_NON_NULL(1, 2, 3);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvfsCabinet, lvfs_cabinet_free)
