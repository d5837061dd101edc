/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

/* a cabinet with the largest image has less than 4 MiB */
#define REAPPLY_FILE_SIZE_MAX (64 * 1024 * 1024)

/**
 * ReapplyLock:
 *
 * A file descriptor; while it is open no other instance changes the state.
 **/
typedef gint ReapplyLock;

void
reapply_lock_release(ReapplyLock self);

G_DEFINE_AUTO_CLEANUP_FREE_FUNC(ReapplyLock, reapply_lock_release, -1)

gchar *
reapply_state_path(const gchar *name);
gchar *
reapply_runtime_path(const gchar *name);
ReapplyLock
reapply_state_lock(GError **error);
gboolean
reapply_file_write(const gchar *filename, gconstpointer buf, gsize bufsz, GError **error);
GBytes *
reapply_file_read(const gchar *filename, GError **error);
GKeyFile *
reapply_record_load(const gchar *name, GError **error);
gboolean
reapply_record_save(const gchar *name, GKeyFile *kf, GError **error);
