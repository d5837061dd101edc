/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "lvfs-metainfo.h"

gboolean
lvfs_requires_build(XbBuilderNode *requires,
		    const LvfsRelease *release,
		    const LvfsMetainfoOptions *options,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
