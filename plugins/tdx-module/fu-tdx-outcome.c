/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-outcome.h"

static gboolean
fu_tdx_outcome_version_equal(const gchar *version1, const gchar *version2)
{
	return fu_version_compare(version1, version2, FWUPD_VERSION_FORMAT_TRIPLET) == 0;
}

/* an upload that never reached the P-SEAMLDR costs no update */
static gboolean
fu_tdx_outcome_is_unchanged(const FuTdxHost *before, const FuTdxHost *after)
{
	return fu_tdx_outcome_version_equal(after->module_version, before->module_version) &&
	       after->remaining_updates == before->remaining_updates;
}

static const gchar *
fu_tdx_outcome_why(const FuFwUploadResult *result)
{
	return result->error != NULL ? result->error->message : "the kernel reported no error";
}

/* what the user can just try again is reported to nobody */
static FwupdError
fu_tdx_outcome_code(const FuFwUploadResult *result)
{
	if (result->answer == FU_FW_UPLOAD_ERROR_UNKNOWN ||
	    result->answer == FU_FW_UPLOAD_ERROR_DEVICE_BUSY)
		return FWUPD_ERROR_NEEDS_USER_ACTION;
	if (result->answer == FU_FW_UPLOAD_ERROR_FIRMWARE_INVALID ||
	    result->answer == FU_FW_UPLOAD_ERROR_INVALID_FILE_SIZE)
		return FWUPD_ERROR_INVALID_FILE;
	if (result->answer == FU_FW_UPLOAD_ERROR_FLASH_WEAROUT)
		return FWUPD_ERROR_NOT_SUPPORTED;
	return FWUPD_ERROR_WRITE;
}

/* some kernels ask for a protection that TDX modules before 1.5.24 and 2.0.14 do not have, so that
 * only a busy one is worth another try */
static const gchar *
fu_tdx_outcome_advice(const FuFwUploadResult *result)
{
	if (result->answer == FU_FW_UPLOAD_ERROR_DEVICE_BUSY)
		return "try again when no TD is being built or migrated";
	if (result->answer == FU_FW_UPLOAD_ERROR_UNKNOWN)
		return "mend that, then try again";
	return "see the log of the kernel";
}

/* is there still a TDX module? */
static gboolean
fu_tdx_outcome_check_alive(const FuFwUploadResult *result,
			   const FuTdxHost *after,
			   const gchar *version,
			   GError **error)
{
	if (after->module_lost) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "the TDX module is lost, and all TDs with it; only a full reset of the "
			    "host loads a TDX module again (%s)",
			    fu_tdx_outcome_why(result));
		return FALSE;
	}
	if (after->module_version == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "the version of the TDX module cannot be read after the update (%s), "
			    "expected %s; see the log of the kernel (%s)",
			    after->errors[FU_TDX_HOST_FACT_MODULE],
			    version,
			    fu_tdx_outcome_why(result));
		return FALSE;
	}
	return TRUE;
}

/* has the P-SEAMLDR done anything? */
static gboolean
fu_tdx_outcome_check_changed(const FuTdxHost *before,
			     const FuFwUploadResult *result,
			     const FuTdxHost *after,
			     const gchar *version,
			     GError **error)
{
	gboolean unchanged = fu_tdx_outcome_is_unchanged(before, after);

	if (result->pending &&
	    (unchanged || !fu_tdx_outcome_version_equal(after->module_version, version))) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "the kernel was given TDX module %s, but its answer is not known and "
			    "%s is running for now; see version in sysfs and the log of the kernel "
			    "(%s)",
			    version,
			    after->module_version,
			    fu_tdx_outcome_why(result));
		return FALSE;
	}
	if (unchanged) {
		g_set_error(error,
			    FWUPD_ERROR,
			    fu_tdx_outcome_code(result),
			    "%s; nothing was changed, and TDX module %s is still running; %s",
			    fu_tdx_outcome_why(result),
			    after->module_version,
			    fu_tdx_outcome_advice(result));
		return FALSE;
	}
	return TRUE;
}

/* is it the expected TDX module, for the price of one update? */
static gboolean
fu_tdx_outcome_check_installed(const FuTdxHost *before,
			       const FuFwUploadResult *result,
			       const FuTdxHost *after,
			       const gchar *version,
			       GError **error)
{
	if (!fu_tdx_outcome_version_equal(after->module_version, version)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "TDX module %s is running after the update, expected %s; see the log "
			    "of the kernel (%s)",
			    after->module_version,
			    version,
			    fu_tdx_outcome_why(result));
		return FALSE;
	}
	if (after->remaining_updates != before->remaining_updates - 1) {
		const gchar *why = after->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES];
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "TDX module %s is running as expected, but %s is %" G_GINT64_FORMAT
			    ", expected %" G_GUINT64_FORMAT "; see the log of the kernel (%s)",
			    version,
			    before->attr_remaining_updates,
			    (gint64)after->remaining_updates,
			    before->remaining_updates - 1,
			    why != NULL ? why : fu_tdx_outcome_why(result));
		return FALSE;
	}
	return TRUE;
}

/* the answer of the kernel is a hint, only sysfs is the truth */
gboolean
fu_tdx_outcome_check(const FuTdxHost *before,
		     const FuFwUploadResult *result,
		     const FuTdxHost *after,
		     const gchar *version,
		     GError **error)
{
	if (!fu_tdx_outcome_check_alive(result, after, version, error) ||
	    !fu_tdx_outcome_check_changed(before, result, after, version, error) ||
	    !fu_tdx_outcome_check_installed(before, result, after, version, error))
		return FALSE;
	if (result->error != NULL)
		g_info("TDX module %s is running, although %s", version, result->error->message);
	return TRUE;
}
