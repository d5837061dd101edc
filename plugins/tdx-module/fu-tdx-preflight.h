/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fu-fw-upload-struct.h"
#include "fu-tdx-host.h"
#include "fu-tdx-sigstruct-firmware.h"

/* num_remaining_updates could not be read */
#define FU_TDX_PREFLIGHT_UPDATES_UNKNOWN G_MAXUINT64

/**
 * FuTdxPreflightFacts:
 * @host: (nullable): the machine, or %NULL to ask only what is the same on every machine
 * @host_error: (nullable): why not everything is known about @host
 * @module_version: (nullable): the running TDX module, e.g. `1.5.06`
 * @module_error: (nullable): why @module_version is not known
 * @module_lost: if the running TDX module is gone until the next reboot
 * @module_svn: the SVN of the running TDX module, or 0 if not known
 * @module_hv: the handoff version of the running TDX module, 0 in all releases so far
 * @seamldr_version: (nullable): the P-SEAMLDR, e.g. `1.5.06`, or %NULL if the kernel hides it
 * @seamldr_error: (nullable): why @seamldr_version is not known, although the kernel shows it
 * @remaining_updates: what the P-SEAMLDR still takes until the next reboot
 * @remaining_updates_error: (nullable): why @remaining_updates is not known
 * @upload_status: what the kernel is doing
 * @require_no_tds: if the administrator wants no update while TDs are running
 * @signers: (element-type utf8): SHA-384 of each trusted modulus, as 96 hexadecimal digits
 *
 * What the rules know. Nothing in here is owned.
 **/
typedef struct {
	FuTdxHost *host;
	const gchar *host_error;
	const gchar *module_version;
	const gchar *module_error;
	gboolean module_lost;
	guint16 module_svn;
	guint16 module_hv;
	const gchar *seamldr_version;
	const gchar *seamldr_error;
	guint64 remaining_updates;
	const gchar *remaining_updates_error;
	FuFwUploadStatus upload_status;
	gboolean require_no_tds;
	GPtrArray *signers;
} FuTdxPreflightFacts;

/**
 * FuTdxPreflightVerdict:
 * @rule: the #FuTdxPreflightRule that is broken
 * @code: the #FwupdError that fits
 * @reason: the value found, the value needed and what to do, for the user
 *
 * Why an update would fail.
 **/
typedef struct {
	FuTdxPreflightRule rule;
	FwupdError code;
	gchar *reason;
} FuTdxPreflightVerdict;

GPtrArray *
fu_tdx_preflight_check_host(const FuTdxPreflightFacts *facts) G_GNUC_NON_NULL(1);
GPtrArray *
fu_tdx_preflight_check_image(const FuTdxPreflightFacts *facts, FuTdxSigstructFirmware *sigstruct)
    G_GNUC_NON_NULL(1, 2);
GPtrArray *
fu_tdx_preflight_check_version(const FuTdxPreflightFacts *facts,
			       FuTdxSigstructFirmware *sigstruct,
			       const gchar *version,
			       gboolean reinstall) G_GNUC_NON_NULL(1, 2);
gboolean
fu_tdx_preflight_to_error(GPtrArray *verdicts, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
