/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/* what is left of a run that was killed begins with this */
#define CABINET_OUTPUT_PREFIX ".tdx-module-cabinet-"

/* files that nobody sees until all of them are complete */
typedef struct {
	gchar *parent;	  /* the folder that they are for */
	gchar *path;	  /* a folder in it, where they are prepared */
	GPtrArray *names; /* (element-type utf8) */
} CabinetOutput;

CabinetOutput *
cabinet_output_new(const gchar *parent, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
void
cabinet_output_free(CabinetOutput *self);
gboolean
cabinet_output_write(CabinetOutput *self, const gchar *name, GBytes *blob, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
cabinet_output_link(CabinetOutput *self, const gchar *name, const gchar *folder, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
cabinet_output_publish_files(CabinetOutput *self, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
gboolean
cabinet_output_publish_folder(CabinetOutput *self,
			      const gchar *name,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
cabinet_output_remove_folder(const gchar *path) G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetOutput, cabinet_output_free)
