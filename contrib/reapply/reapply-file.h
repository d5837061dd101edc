/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

gchar *
reapply_state_path(const gchar *name);
gchar *
reapply_runtime_path(const gchar *name);
gint
reapply_state_lock(GError **error);
gboolean
reapply_file_write(const gchar *filename, gconstpointer buf, gsize bufsz, GError **error);
GBytes *
reapply_file_read(const gchar *filename, GError **error);
gboolean
reapply_file_remove(const gchar *filename, GError **error);
