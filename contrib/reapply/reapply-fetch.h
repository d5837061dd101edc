/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

GBytes *
reapply_fetch(const gchar *sha1, gchar **origin, GError **error);
