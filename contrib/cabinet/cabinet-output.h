/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#define CABINET_OUTPUT_METADATA	    "firmware.xml.zst"
#define CABINET_OUTPUT_METADATA_SIG CABINET_OUTPUT_METADATA ".jcat"
#define CABINET_OUTPUT_MANIFEST	    "PULP_MANIFEST"
#define CABINET_OUTPUT_CONF	    "tdx-module.conf"
#define CABINET_OUTPUT_LINK	    ".current"
#define CABINET_OUTPUT_CABINET	    "^tdx-module-[0-9.]+(-[0-9a-f]{16})?\\.cab$"

/* files that nobody sees until all of them are complete; everything is reached from open folders,
 * so that no link can lead elsewhere */
typedef struct {
	gchar *path;	  /* the folder that they are for */
	gint parent;	  /* the same */
	gchar *name;	  /* (nullable): of a folder in it, where they are prepared */
	gint fd;	  /* the same, locked as long as this process runs */
	gboolean made;	  /* if @path was not there before */
	GPtrArray *names; /* (element-type utf8) */
} CabinetOutput;

CabinetOutput *
cabinet_output_new(const gchar *path, GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1);
void
cabinet_output_free(CabinetOutput *self);
gboolean
cabinet_output_write(CabinetOutput *self, const gchar *name, GBytes *blob, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
cabinet_output_publish_files(CabinetOutput *self, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
gboolean
cabinet_output_publish_folder(CabinetOutput *self,
			      const gchar *name,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gboolean
cabinet_output_set_error(CabinetOutput *self, const gchar *what, const gchar *name, GError **error)
    G_GNUC_NON_NULL(1, 2, 3);
void
cabinet_output_remove_folder(gint parent, const gchar *name) G_GNUC_NON_NULL(2);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetOutput, cabinet_output_free)
