/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-module-struct.h"

#define FU_TDX_PAGE_SIZE      0x1000
#define FU_TDX_SIGSTRUCT_SIZE 0x800 /* without padding */

FuStructTdxSigstruct *
fu_tdx_sigstruct_parse(FuInputStream *stream,
		       gsize offset,
		       FuFirmwareParseFlags flags,
		       GError **error) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_sigstruct_get_version(const FuStructTdxSigstruct *st) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_sigstruct_get_mrseam(const FuStructTdxSigstruct *st) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_sigstruct_get_signer(const FuStructTdxSigstruct *st) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_sigstruct_get_cpus(const FuStructTdxSigstruct *st) G_GNUC_NON_NULL(1);
gboolean
fu_tdx_sigstruct_has_cpu(const FuStructTdxSigstruct *st, guint32 cpu) G_GNUC_NON_NULL(1);
gboolean
fu_tdx_sigstruct_check_module(const FuStructTdxSigstruct *st, GBytes *module, GError **error)
    G_GNUC_NON_NULL(1, 2);
