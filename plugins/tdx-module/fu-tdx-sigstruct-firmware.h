/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-module-struct.h"

#define FU_TYPE_TDX_SIGSTRUCT_FIRMWARE (fu_tdx_sigstruct_firmware_get_type())
G_DECLARE_FINAL_TYPE(FuTdxSigstructFirmware,
		     fu_tdx_sigstruct_firmware,
		     FU,
		     TDX_SIGSTRUCT_FIRMWARE,
		     FuFirmware)

#define FU_TDX_PAGE_SIZE      0x1000
#define FU_TDX_SIGSTRUCT_SIZE 0x800 /* without padding */

const FuStructTdxSigstruct *
fu_tdx_sigstruct_firmware_get_struct(FuTdxSigstructFirmware *self) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_sigstruct_firmware_get_mrseam(FuTdxSigstructFirmware *self) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_sigstruct_firmware_get_signer(FuTdxSigstructFirmware *self) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_sigstruct_firmware_get_cpus(FuTdxSigstructFirmware *self) G_GNUC_NON_NULL(1);
gboolean
fu_tdx_sigstruct_firmware_has_cpu(FuTdxSigstructFirmware *self, guint32 cpu) G_GNUC_NON_NULL(1);
gboolean
fu_tdx_sigstruct_firmware_check_module(FuTdxSigstructFirmware *self,
				       FuInputStream *stream,
				       gsize modulesz,
				       GError **error) G_GNUC_NON_NULL(1, 2);
