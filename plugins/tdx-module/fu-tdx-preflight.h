/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fu-tdx-host.h"
#include "fu-tdx-sigstruct.h"

/* why an update would fail: the value found, the value needed and what to do */
typedef struct {
	FuTdxPreflightRule rule;
	gboolean lasting; /* until a reset */
	gchar *message;
} FuTdxPreflightReason;

GPtrArray *
fu_tdx_preflight_check_host(const FuTdxHost *host, gboolean require_no_guests) G_GNUC_NON_NULL(1);
GPtrArray *
fu_tdx_preflight_check_image(const FuTdxHost *host, const FuStructTdxSigstruct *st, GPtrArray *keys)
    G_GNUC_NON_NULL(2, 3);
GPtrArray *
fu_tdx_preflight_check_version(const FuTdxHost *host,
			       const FuStructTdxSigstruct *st,
			       const gchar *version) G_GNUC_NON_NULL(1, 2);
GPtrArray *
fu_tdx_preflight_check_boot(const FuTdxHost *host, const FuStructTdxSigstruct *st, GPtrArray *keys)
    G_GNUC_NON_NULL(1, 2, 3);
GPtrArray *
fu_tdx_preflight_check_boot_version(const FuTdxHost *host,
				    const FuStructTdxSigstruct *st,
				    const FuStructTdxSigstruct *st_old,
				    GPtrArray *keys,
				    const gchar *version) G_GNUC_NON_NULL(1, 2, 4);
GPtrArray *
fu_tdx_preflight_get_signers(FuContext *ctx) G_GNUC_NON_NULL(1);
gboolean
fu_tdx_preflight_to_error(GPtrArray *reasons, GError **error) G_GNUC_NON_NULL(1);
gchar *
fu_tdx_preflight_version_to_series(const gchar *version);
gchar *
fu_tdx_preflight_sigstruct_to_version(const FuStructTdxSigstruct *st) G_GNUC_NON_NULL(1);
guint16
fu_tdx_preflight_version_to_svn(const gchar *version);
