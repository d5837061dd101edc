/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

GPtrArray *
cabinet_quirks_load_signers(gchar **filenames, GError **error) G_GNUC_WARN_UNUSED_RESULT;
