/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-sigstruct.h"

#define FU_TYPE_TDX_BLOB_FIRMWARE (fu_tdx_blob_firmware_get_type())
G_DECLARE_FINAL_TYPE(FuTdxBlobFirmware, fu_tdx_blob_firmware, FU, TDX_BLOB_FIRMWARE, FuFirmware)

/* header, sigstruct, and as many pages of the module as the kernel can list for P-SEAMLDR */
#define FU_TDX_BLOB_SIZE_MAX ((1 + 1 + 496) * FU_TDX_PAGE_SIZE)

FuTdxBlobVersion
fu_tdx_blob_firmware_get_blob_version(FuTdxBlobFirmware *self) G_GNUC_NON_NULL(1);
void
fu_tdx_blob_firmware_set_blob_version(FuTdxBlobFirmware *self, FuTdxBlobVersion blob_version)
    G_GNUC_NON_NULL(1);
FuFirmware *
fu_tdx_blob_firmware_new_verified(GBytes *blob, GError **error) G_GNUC_NON_NULL(1);
FuFirmware *
fu_tdx_blob_firmware_new_converted(FuInputStream *stream, FuTdxBlobVersion version, GError **error)
    G_GNUC_NON_NULL(1);
FuStructTdxSigstruct *
fu_tdx_blob_firmware_get_sigstruct(FuTdxBlobFirmware *self) G_GNUC_NON_NULL(1);
GBytes *
fu_tdx_blob_firmware_get_module(FuTdxBlobFirmware *self, GError **error) G_GNUC_NON_NULL(1);
