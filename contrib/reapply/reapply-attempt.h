/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

/**
 * ReapplyResult:
 * @REAPPLY_RESULT_NONE: there was no attempt
 * @REAPPLY_RESULT_STARTED: nothing is known of its end
 * @REAPPLY_RESULT_SUCCESS: the release has been applied
 * @REAPPLY_RESULT_UNCHANGED: it failed, and the TDX module is what it was
 * @REAPPLY_RESULT_REFUSED: fwupd has refused it, and the kernel was asked for nothing
 * @REAPPLY_RESULT_LOST: it failed, and the TDX module was lost or is an unexpected one
 *
 * What became of an attempt.
 **/
typedef enum {
	REAPPLY_RESULT_NONE,
	REAPPLY_RESULT_STARTED,
	REAPPLY_RESULT_SUCCESS,
	REAPPLY_RESULT_UNCHANGED,
	REAPPLY_RESULT_REFUSED,
	REAPPLY_RESULT_LOST,
} ReapplyResult;

ReapplyResult
reapply_attempt_get_last(const gchar *sha256, gboolean *this_boot);
gboolean
reapply_attempt_note(const gchar *sha256, ReapplyResult result, GError **error);
gboolean
reapply_attempt_forgive(const gchar *sha256, GError **error);
