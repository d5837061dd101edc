/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

/**
 * ReapplyOptions:
 * @if_changed: (nullable): fwupd's history, to be looked at only if it has changed
 * @json: print JSON
 * @retry: after how many seconds to try again the first time, or 0
 * @timeout: how many seconds all may take, or 0
 * @wait: how many seconds the device may be late
 *
 * What is given on the command line.
 **/
typedef struct {
	gchar *if_changed;
	gboolean json;
	gint retry;
	gint timeout;
	gint wait;
} ReapplyOptions;

/* each does what its name says, and returns an exit status */
gint
reapply_command_apply(ReapplyOptions *options, const gchar *unused);
gint
reapply_command_clear(ReapplyOptions *options, const gchar *unused);
gint
reapply_command_fetch(ReapplyOptions *options, const gchar *sha1);
gint
reapply_command_status(ReapplyOptions *options, const gchar *unused);
gint
reapply_command_store(ReapplyOptions *options, const gchar *filename);
