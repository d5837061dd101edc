/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/* what is left of a run that was killed begins with this */
#define LVFS_OUTPUT_PREFIX ".tdx-module-cabinet-"

/**
 * LvfsOutput:
 * @parent: the folder that the files are for
 * @path: a folder in it, where they are prepared
 * @names: (element-type utf8): of the files
 *
 * Files that nobody sees until all of them are complete.
 **/
typedef struct {
	gchar *parent;
	gchar *path;
	GPtrArray *names;
} LvfsOutput;

LvfsOutput *
lvfs_output_new(const gchar *parent, GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1);
void
lvfs_output_free(LvfsOutput *self);
gboolean
lvfs_output_write(LvfsOutput *self, const gchar *name, GBytes *blob, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
lvfs_output_link(LvfsOutput *self, const gchar *name, const gchar *folder, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
lvfs_output_publish_files(LvfsOutput *self, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
gboolean
lvfs_output_publish_folder(LvfsOutput *self,
			   const gchar *name,
			   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
lvfs_output_remove_folder(const gchar *path) G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvfsOutput, lvfs_output_free)
