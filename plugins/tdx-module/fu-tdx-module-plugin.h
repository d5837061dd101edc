/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

G_DECLARE_FINAL_TYPE(FuTdxModulePlugin, fu_tdx_module_plugin, FU, TDX_MODULE_PLUGIN, FuPlugin)
