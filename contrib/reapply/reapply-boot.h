/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

gchar *
reapply_boot_get_id(GError **error);
gboolean
reapply_boot_check(GError **error);
gboolean
reapply_boot_has_upload(void);
