/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#define FU_TYPE_TDX_SEAMLDR_DEVICE (fu_tdx_seamldr_device_get_type())
G_DECLARE_FINAL_TYPE(FuTdxSeamldrDevice, fu_tdx_seamldr_device, FU, TDX_SEAMLDR_DEVICE, FuDevice)

FuDevice *
fu_tdx_seamldr_device_new(FuUdevDevice *donor,
			  const gchar *version,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
