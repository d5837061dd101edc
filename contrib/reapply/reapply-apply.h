/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "reapply-host.h"

gboolean
reapply_apply_check(ReapplyHost *host, ReapplyRelease *release, GBytes **cabinet, GError **error);
