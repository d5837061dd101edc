/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-outcome.h"

static gboolean
fu_tdx_outcome_runs(const FuTdxHost *host, const gchar *version)
{
	return fu_version_compare(host->module_version, version, FWUPD_VERSION_FORMAT_TRIPLET) == 0;
}

/* an upload that never reached the P-SEAMLDR costs no update */
static gboolean
fu_tdx_outcome_is_unchanged(const FuTdxHost *before, const FuTdxHost *after)
{
	return after->module_version != NULL &&
	       fu_tdx_outcome_runs(after, before->module_version) &&
	       after->remaining_updates == before->remaining_updates;
}

/* of an update that has changed nothing; what can just be tried again is reported to nobody */
static FwupdError
fu_tdx_outcome_code(const FuFwUploadResult *result)
{
	if (result->answer == FU_FW_UPLOAD_ERROR_FIRMWARE_INVALID)
		return FWUPD_ERROR_INVALID_FILE;
	if (result->answer == FU_FW_UPLOAD_ERROR_UNKNOWN ||
	    result->answer == FU_FW_UPLOAD_ERROR_DEVICE_BUSY)
		return FWUPD_ERROR_NEEDS_USER_ACTION;
	return FWUPD_ERROR_WRITE;
}

/* some kernels ask for a protection that TDX modules before 1.5.24 and 2.0.14 do not have, so only
 * a busy one is worth another try */
static const gchar *
fu_tdx_outcome_advice(const FuFwUploadResult *result)
{
	if (result->answer == FU_FW_UPLOAD_ERROR_DEVICE_BUSY)
		return "try again when no TD is being built or migrated";
	if (result->answer == FU_FW_UPLOAD_ERROR_UNKNOWN)
		return "mend that, e.g. let fwupd write to the upload, with CAP_SYS_RAWIO, in its "
		       "unit, container or security policy, then try again";
	return "see the log of the kernel";
}

static gchar *
fu_tdx_outcome_describe(const FuTdxHost *before,
			const FuFwUploadResult *result,
			const FuTdxHost *after,
			const gchar *version)
{
	gboolean unchanged = fu_tdx_outcome_is_unchanged(before, after);

	if (after->module_lost)
		return g_strdup("the TDX module is lost, and all TDs with it; only a full reset of "
				"the host loads a TDX module again");
	if (after->module_version == NULL)
		return g_strdup_printf("the version of the TDX module cannot be read after the "
				       "update (%s), expected %s; see the log of the kernel",
				       after->errors[FU_TDX_HOST_FACT_MODULE],
				       version);
	if (result->pending && (unchanged || !fu_tdx_outcome_runs(after, version)))
		return g_strdup_printf("it is not known if the kernel has taken TDX module %s, and "
				       "%s is running for now; see version in sysfs and the log of "
				       "the kernel",
				       version,
				       after->module_version);
	if (unchanged)
		return g_strdup_printf("nothing was changed, and TDX module %s is still running; "
				       "%s",
				       after->module_version,
				       fu_tdx_outcome_advice(result));
	if (!fu_tdx_outcome_runs(after, version))
		return g_strdup_printf("TDX module %s is running after the update, expected %s; "
				       "see the log of the kernel",
				       after->module_version,
				       version);
	if (after->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES] != NULL)
		return g_strdup_printf("TDX module %s is running as expected, but the number of "
				       "updates left is not known (%s); see the log of the kernel",
				       version,
				       after->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES]);
	if (after->remaining_updates != before->remaining_updates - 1)
		return g_strdup_printf("TDX module %s is running as expected, but %s is "
				       "%" G_GUINT64_FORMAT ", expected %" G_GUINT64_FORMAT
				       "; see the log of the kernel",
				       version,
				       before->attr_remaining_updates,
				       after->remaining_updates,
				       before->remaining_updates - 1);
	return NULL;
}

/* the answer of the kernel is a hint, only sysfs is the truth */
gboolean
fu_tdx_outcome_check(const FuTdxHost *before,
		     const FuFwUploadResult *result,
		     const FuTdxHost *after,
		     const gchar *version,
		     GError **error)
{
	FwupdError code = FWUPD_ERROR_WRITE;
	const gchar *why = result->error != NULL ? result->error->message : "no error reported";
	g_autofree gchar *str = fu_tdx_outcome_describe(before, result, after, version);

	if (str == NULL) {
		g_info("TDX module %s is running, and %s", version, why);
		return TRUE;
	}
	if (!result->pending && fu_tdx_outcome_is_unchanged(before, after))
		code = fu_tdx_outcome_code(result);
	g_set_error(error, FWUPD_ERROR, code, "%s (%s)", str, why);
	return FALSE;
}

/* which TDX module a boot has loaded is seen only afterwards */
gchar *
fu_tdx_outcome_check_boot(const FuTdxHost *after, const gchar *version)
{
	if (after->module_lost)
		return g_strdup(
		    "no TDX module is running after the boot; to boot with the old one "
		    "again, remove .fwupd-old from the names of the files in EFI/TDX of "
		    "the EFI system partition, then reset the host");
	if (after->module_version == NULL || fu_tdx_outcome_runs(after, version))
		return NULL;
	return g_strdup_printf("this firmware did not take the TDX module %s from the EFI system "
			       "partition, as %s is running after the boot; in the BIOS, let TDX "
			       "Secure Arbitration Mode Loader (SEAM Loader) take it from there",
			       version,
			       after->module_version);
}
