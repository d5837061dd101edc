/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

typedef enum {
	REAPPLY_PRIORITY_ERR = 3,
	REAPPLY_PRIORITY_NOTICE = 5,
	REAPPLY_PRIORITY_INFO = 6,
} ReapplyPriority;

void
reapply_say(ReapplyPriority priority, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
gchar *
reapply_now(void);
gboolean
reapply_version_compare(const gchar *version1, const gchar *version2, gint *rc, GError **error);
gboolean
reapply_version_equal(const gchar *version1, const gchar *version2);
