/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#define FU_TYPE_TDX_BOOT_DEVICE (fu_tdx_boot_device_get_type())
G_DECLARE_FINAL_TYPE(FuTdxBootDevice, fu_tdx_boot_device, FU, TDX_BOOT_DEVICE, FuDevice)

#define FU_TDX_BOOT_DEVICE_FLAG_ASKED_FOR "asked-for"
