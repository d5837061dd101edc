/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#define FU_TYPE_TDX_MODULE_DEVICE (fu_tdx_module_device_get_type())
G_DECLARE_FINAL_TYPE(FuTdxModuleDevice, fu_tdx_module_device, FU, TDX_MODULE_DEVICE, FuUdevDevice)

#define FU_TDX_MODULE_DEVICE_FLAG_REQUIRE_NO_GUESTS "require-no-guests"
