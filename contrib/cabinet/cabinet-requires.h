/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-map.h"

gchar *
cabinet_requires_minimum_to_regex(GPtrArray *versions) G_GNUC_NON_NULL(1);
gchar *
cabinet_requires_exact_to_regex(GPtrArray *versions) G_GNUC_NON_NULL(1);
gchar *
cabinet_requires_to_text(const CabinetMapRelease *map, gboolean strict) G_GNUC_NON_NULL(1);
