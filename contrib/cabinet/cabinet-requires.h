/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-options.h"
#include "cabinet-release.h"

gchar *
cabinet_requires_minimum_to_regex(GPtrArray *versions) G_GNUC_NON_NULL(1);
gchar *
cabinet_requires_exact_to_regex(GPtrArray *versions) G_GNUC_NON_NULL(1);
gboolean
cabinet_requires_build(XbBuilderNode *requires,
		       const CabinetRelease *release,
		       const CabinetTarget *target,
		       const CabinetOptions *options,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);
gchar *
cabinet_requires_to_text(const CabinetRelease *release, const CabinetOptions *options)
    G_GNUC_NON_NULL(1, 2);
