/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/* the bits of CPUID.1.EAX that P-SEAMLDR compares: all but the stepping */
#define FU_TDX_COMMON_CPU_SIGNATURE_MASK 0xFFFFFFF0

gboolean
fu_tdx_common_parse_number(const gchar *str, guint64 max, guint64 *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(3);
gchar *
fu_tdx_common_version_to_series(const gchar *version, GError **error) G_GNUC_WARN_UNUSED_RESULT;
