/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fu-fw-upload.h"
#include "fu-tdx-host.h"

gboolean
fu_tdx_outcome_check(const FuTdxHost *before,
		     const FuFwUploadResult *result,
		     const FuTdxHost *after,
		     const gchar *version,
		     GError **error) G_GNUC_NON_NULL(1, 2, 3, 4);
gchar *
fu_tdx_outcome_check_boot(const FuTdxHost *after, const gchar *version) G_GNUC_NON_NULL(1);
