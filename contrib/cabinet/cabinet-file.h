/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include <sys/stat.h>

/* of a map, a key and whatever else is no image: far more than any of them has */
#define CABINET_FILE_SIZE_MAX (16 * 1024 * 1024) /* bytes */

gboolean
cabinet_fail(GError **error, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
gint
cabinet_file_open_folder(gint folder, const gchar *name) G_GNUC_NON_NULL(2);
GPtrArray *
cabinet_file_list(gint folder);
GBytes *
cabinet_file_read(gint folder,
		  const gchar *name,
		  gint flags,
		  gsize size_max,
		  struct stat *st,
		  GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(2);
GKeyFile *
cabinet_file_read_keys(const gchar *filename, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
gboolean
cabinet_file_write(gint folder, const gchar *name, GBytes *blob, mode_t mode, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(2, 3);
gboolean
cabinet_file_is_same(gint folder, const gchar *name, gint fd) G_GNUC_NON_NULL(2);
gchar *
cabinet_file_hash(GChecksumType kind, GBytes *blob) G_GNUC_NON_NULL(2);
