/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-metainfo.h"

gboolean
cabinet_requires_build(XbBuilderNode *requires,
		       const CabinetRelease *release,
		       const CabinetMetainfoOptions *options,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
