/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-common.h"
#include "fu-tdx-preflight.h"

/* P-SEAMLDR decides all of this too, see seamldr_install.c in its source that Intel has published,
 * but when it refuses, the running TDX module is already gone */

static void
fu_tdx_preflight_verdict_free(FuTdxPreflightVerdict *verdict)
{
	g_free(verdict->reason);
	g_free(verdict);
}

static GPtrArray *
fu_tdx_preflight_verdicts_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)fu_tdx_preflight_verdict_free);
}

static void G_GNUC_PRINTF(4, 5) fu_tdx_preflight_refuse(GPtrArray *verdicts,
							FuTdxPreflightRule rule,
							FwupdError code,
							const gchar *format,
							...)
{
	FuTdxPreflightVerdict *verdict = g_new0(FuTdxPreflightVerdict, 1);
	va_list args;

	verdict->rule = rule;
	verdict->code = code;
	va_start(args, format);
	verdict->reason = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(verdicts, verdict);
}

static gchar *
fu_tdx_preflight_signatures_to_string(GArray *signatures)
{
	g_autoptr(GString) str = g_string_new(NULL);
	for (guint i = 0; i < signatures->len; i++) {
		g_string_append_printf(str,
				       "%s0x%x",
				       str->len > 0 ? ", " : "",
				       g_array_index(signatures, guint32, i));
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}

static void
fu_tdx_preflight_check_module(const FuTdxPreflightFacts *facts, GPtrArray *verdicts)
{
	if (facts->module_lost) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_MODULE_LOST,
					FWUPD_ERROR_BROKEN_SYSTEM,
					"The TDX module is lost, and all TDs with it; reboot the "
					"host to load the TDX module of the BIOS again");
		return;
	}
	if (facts->module_version == NULL) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_MODULE_VERSION,
					FWUPD_ERROR_BROKEN_SYSTEM,
					"The version of the running TDX module is not known (%s), "
					"and an update needs it; see the log of the kernel",
					facts->module_error != NULL ? facts->module_error : "");
	}
}

/* one reason is enough: each of these hides the next ones */
static void
fu_tdx_preflight_check_kernel(const FuTdxPreflightFacts *facts, GPtrArray *verdicts)
{
	if (fu_tdx_host_get_erratum(facts->host)) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_CPU_ERRATUM,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "The CPU has the erratum SEAMRET_INVD_VMCS, for which Linux offers no update "
		    "of the TDX module at run time; install newer microcode, or update the BIOS");
		return;
	}
	if (facts->seamldr_error != NULL) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_SEAMLDR_VERSION,
					FWUPD_ERROR_BROKEN_SYSTEM,
					"The version of the P-SEAMLDR is not known (%s), and an "
					"update needs it; see the log of the kernel, then restart "
					"fwupd",
					facts->seamldr_error);
		return;
	}
	if (facts->seamldr_version == NULL) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_SEAMLDR_MISSING,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "The kernel shows no version of the P-SEAMLDR, so the TDX module cannot be "
		    "updated at run time; it needs Linux 7.2 or later and a BIOS with a P-SEAMLDR "
		    "that can update");
		return;
	}
	if (fu_tdx_host_get_upload_name(facts->host) == NULL) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_UPLOAD_MISSING,
					FWUPD_ERROR_NOT_SUPPORTED,
					"The kernel has no firmware upload for the TDX module, "
					"i.e. no folder tdx_module in /sys/class/firmware; it "
					"needs Linux 7.2 or later with CONFIG_FW_UPLOAD, and a TDX "
					"module that can be updated at run time");
		return;
	}
	if (facts->remaining_updates == FU_TDX_PREFLIGHT_UPDATES_UNKNOWN) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "The number of updates left is not known (%s), and an "
		    "update needs 1; see the log of the kernel",
		    facts->remaining_updates_error != NULL ? facts->remaining_updates_error : "");
		return;
	}
	if (facts->remaining_updates == 0) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES,
					FWUPD_ERROR_NEEDS_USER_ACTION,
					"The P-SEAMLDR has 0 updates left until the next reboot, "
					"and an update needs 1; reboot the host first, and if it "
					"is 0 even then, update the BIOS");
	}
}

static void
fu_tdx_preflight_check_cpus(const FuTdxPreflightFacts *facts, GPtrArray *verdicts)
{
	GArray *signatures = fu_tdx_host_get_signatures(facts->host);
	const gchar *cpus_offline = fu_tdx_host_get_cpus_offline(facts->host);

	if (g_strcmp0(fu_tdx_host_get_vendor(facts->host), "GenuineIntel") != 0) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_CPU_VENDOR,
					FWUPD_ERROR_NOT_SUPPORTED,
					"The CPU vendor is %s, and a TDX module needs GenuineIntel",
					fu_tdx_host_get_vendor(facts->host));
	}
	if (signatures->len > 1) {
		g_autofree gchar *str = fu_tdx_preflight_signatures_to_string(signatures);
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_CPU_MIXED,
					FWUPD_ERROR_NOT_SUPPORTED,
					"The sockets have different CPUs (%s), and TDX needs the "
					"same CPU in all of them",
					str);
	}
	if (cpus_offline != NULL) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_CPU_OFFLINE,
		    FWUPD_ERROR_NEEDS_USER_ACTION,
		    "CPU %s is offline, and an update needs all CPUs online, as it would otherwise "
		    "destroy the running TDX module; write 1 to online in "
		    "/sys/devices/system/cpu/cpuN, or switch SMT on",
		    cpus_offline);
	}
}

static void
fu_tdx_preflight_check_guests(const FuTdxPreflightFacts *facts, GPtrArray *verdicts)
{
	guint64 tds = fu_tdx_host_get_tds(facts->host);

	if (!facts->require_no_tds || tds == 0)
		return;
	if (tds == FU_TDX_HOST_TDS_UNKNOWN) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_GUESTS_RUNNING,
		    FWUPD_ERROR_NEEDS_USER_ACTION,
		    "The kernel does not say how many TDs are running, and RequireNoGuests=true in "
		    "fwupd.conf needs 0; mount the cgroup tree with its misc controller, or set "
		    "RequireNoGuests=false");
		return;
	}
	fu_tdx_preflight_refuse(verdicts,
				FU_TDX_PREFLIGHT_RULE_GUESTS_RUNNING,
				FWUPD_ERROR_NEEDS_USER_ACTION,
				"TDs running: %" G_GUINT64_FORMAT
				", and RequireNoGuests=true in fwupd.conf needs 0; "
				"stop or migrate them, or set RequireNoGuests=false",
				tds);
}

static void
fu_tdx_preflight_check_upload(const FuTdxPreflightFacts *facts, GPtrArray *verdicts)
{
	if (fu_tdx_host_get_upload_name(facts->host) == NULL ||
	    facts->upload_status == FU_FW_UPLOAD_STATUS_IDLE)
		return;
	if (facts->upload_status == FU_FW_UPLOAD_STATUS_UNKNOWN) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_UPLOAD_BUSY,
					FWUPD_ERROR_BROKEN_SYSTEM,
					"The status of the firmware upload is not known, and an "
					"update needs 'idle'; see the log of fwupd");
		return;
	}
	fu_tdx_preflight_refuse(verdicts,
				FU_TDX_PREFLIGHT_RULE_UPLOAD_BUSY,
				FWUPD_ERROR_NEEDS_USER_ACTION,
				"The status of the firmware upload is '%s', and an update needs "
				"'idle'; wait until the other upload has finished",
				fu_fw_upload_status_to_string(facts->upload_status));
}

/**
 * fu_tdx_preflight_check_host:
 * @facts: what is known
 *
 * Checks if the machine can take any image at all.
 *
 * Returns: (transfer container) (element-type FuTdxPreflightVerdict): why not, empty if it can
 **/
GPtrArray *
fu_tdx_preflight_check_host(const FuTdxPreflightFacts *facts)
{
	g_autoptr(GPtrArray) verdicts = fu_tdx_preflight_verdicts_new();

	fu_tdx_preflight_check_module(facts, verdicts);
	if (facts->host_error != NULL) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_HOST_UNKNOWN,
					FWUPD_ERROR_BROKEN_SYSTEM,
					"Not everything is known about this machine (%s); see the "
					"log of fwupd",
					facts->host_error);
		return g_steal_pointer(&verdicts);
	}
	fu_tdx_preflight_check_kernel(facts, verdicts);
	fu_tdx_preflight_check_cpus(facts, verdicts);
	fu_tdx_preflight_check_guests(facts, verdicts);
	fu_tdx_preflight_check_upload(facts, verdicts);
	return g_steal_pointer(&verdicts);
}

static void
fu_tdx_preflight_check_signer(const FuTdxPreflightFacts *facts,
			      FuTdxSigstructFirmware *sigstruct,
			      GPtrArray *verdicts)
{
	g_autofree gchar *expected = NULL;
	g_autofree gchar *signer = fu_tdx_sigstruct_firmware_get_signer(sigstruct);

	for (guint i = 0; i < facts->signers->len; i++) {
		if (g_ascii_strcasecmp(signer, g_ptr_array_index(facts->signers, i)) == 0)
			return;
	}
	expected = fu_strjoin(" or ", facts->signers);
	fu_tdx_preflight_refuse(verdicts,
				FU_TDX_PREFLIGHT_RULE_IMAGE_SIGNER,
				FWUPD_ERROR_SIGNATURE_INVALID,
				"The image is signed with the key %s, and the P-SEAMLDR takes only "
				"%s; use an image that Intel has published",
				signer,
				expected);
}

static void
fu_tdx_preflight_check_image_cpus(const FuTdxPreflightFacts *facts,
				  FuTdxSigstructFirmware *sigstruct,
				  GPtrArray *verdicts)
{
	GArray *signatures = fu_tdx_host_get_signatures(facts->host);

	for (guint i = 0; i < signatures->len; i++) {
		guint32 signature = g_array_index(signatures, guint32, i);
		g_autofree gchar *cpus = NULL;

		if (fu_tdx_sigstruct_firmware_has_cpu(sigstruct, signature))
			continue;
		cpus = fu_tdx_sigstruct_firmware_get_cpus(sigstruct);
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_IMAGE_CPU,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "The image is for the CPUs %s, and this machine has 0x%x; use the image for "
		    "this CPU",
		    cpus,
		    signature);
	}
}

/* loaders of the 1.5 series want zero where the modules of 2.0 and later have their version */
static void
fu_tdx_preflight_check_image_seamldr(const FuTdxPreflightFacts *facts,
				     FuTdxSigstructFirmware *sigstruct,
				     GPtrArray *verdicts)
{
	const gchar *version = fu_firmware_get_version(FU_FIRMWARE(sigstruct));

	if (facts->seamldr_version == NULL || version == NULL)
		return;
	if (!g_str_has_prefix(facts->seamldr_version, "1."))
		return;
	fu_tdx_preflight_refuse(verdicts,
				FU_TDX_PREFLIGHT_RULE_IMAGE_SEAMLDR,
				FWUPD_ERROR_NOT_SUPPORTED,
				"The P-SEAMLDR is %s, and the image of the TDX module %s needs "
				"2.0.00 or later; update the BIOS first",
				facts->seamldr_version,
				version);
}

static void
fu_tdx_preflight_check_image_handoff(const FuTdxPreflightFacts *facts,
				     FuTdxSigstructFirmware *sigstruct,
				     GPtrArray *verdicts)
{
	guint16 min_update_hv = fu_tdx_sigstruct_firmware_get_min_update_hv(sigstruct);

	if (min_update_hv <= facts->module_hv)
		return;
	fu_tdx_preflight_refuse(verdicts,
				FU_TDX_PREFLIGHT_RULE_IMAGE_HANDOFF,
				FWUPD_ERROR_NOT_SUPPORTED,
				"The image takes over from TDX modules with handoff version %u or "
				"later, and the running one has %u; update to a release in between "
				"first, or update the BIOS",
				min_update_hv,
				facts->module_hv);
}

/**
 * fu_tdx_preflight_check_image:
 * @facts: what is known; without a host only what is the same on every machine is checked
 * @sigstruct: the signed description of the module, already verified
 *
 * Checks if the P-SEAMLDR would take an image on this machine.
 *
 * Returns: (transfer container) (element-type FuTdxPreflightVerdict): why not, empty if it would
 **/
GPtrArray *
fu_tdx_preflight_check_image(const FuTdxPreflightFacts *facts, FuTdxSigstructFirmware *sigstruct)
{
	g_autoptr(GPtrArray) verdicts = fu_tdx_preflight_verdicts_new();

	fu_tdx_preflight_check_signer(facts, sigstruct, verdicts);
	if (fu_tdx_sigstruct_firmware_get_debug(sigstruct)) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_IMAGE_DEBUG,
					FWUPD_ERROR_NOT_SUPPORTED,
					"The image is debug-signed, and only unlocked CPUs take "
					"that; use a production image");
	}
	if (facts->host == NULL)
		return g_steal_pointer(&verdicts);
	fu_tdx_preflight_check_image_cpus(facts, sigstruct, verdicts);
	fu_tdx_preflight_check_image_seamldr(facts, sigstruct, verdicts);
	fu_tdx_preflight_check_image_handoff(facts, sigstruct, verdicts);
	return g_steal_pointer(&verdicts);
}

static void
fu_tdx_preflight_check_svn(const FuTdxPreflightFacts *facts,
			   FuTdxSigstructFirmware *sigstruct,
			   GPtrArray *verdicts)
{
	guint16 svn = fu_tdx_sigstruct_firmware_get_seamsvn(sigstruct);

	if (facts->module_svn == 0)
		return;
	if (svn >= facts->module_svn && svn >> 8 == facts->module_svn >> 8)
		return;
	fu_tdx_preflight_refuse(verdicts,
				FU_TDX_PREFLIGHT_RULE_SVN_OLDER,
				FWUPD_ERROR_VERSION_NEWER,
				"The SVN of the image is 0x%04x, and the running TDX module has "
				"0x%04x; the P-SEAMLDR takes only the same high byte and at least "
				"the same low byte, so use a newer image of this series",
				svn,
				facts->module_svn);
}

static void
fu_tdx_preflight_check_newer(const FuTdxPreflightFacts *facts,
			     const gchar *version,
			     gboolean reinstall,
			     GPtrArray *verdicts)
{
	gint rc = fu_version_compare(version, facts->module_version, FWUPD_VERSION_FORMAT_TRIPLET);

	if (rc > 0 || (rc == 0 && reinstall))
		return;
	if (rc == 0) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_VERSION_OLDER,
		    FWUPD_ERROR_VERSION_SAME,
		    "The TDX module %s is already running, and to install it again would cost 1 of "
		    "%" G_GUINT64_FORMAT " updates left; use --allow-reinstall if you want that",
		    version,
		    facts->remaining_updates);
		return;
	}
	fu_tdx_preflight_refuse(verdicts,
				FU_TDX_PREFLIGHT_RULE_VERSION_OLDER,
				FWUPD_ERROR_VERSION_NEWER,
				"The image is TDX module %s, and %s is running; a downgrade at run "
				"time is not possible, so reboot to get the TDX module of the BIOS",
				version,
				facts->module_version);
}

/**
 * fu_tdx_preflight_check_version:
 * @facts: what is known
 * @sigstruct: the signed description of the module, already verified
 * @version: (nullable): the version of the release, e.g. `1.5.16`
 * @reinstall: if the user has asked for the running version again
 *
 * Checks if the running TDX module can be replaced by that of an image.
 *
 * Returns: (transfer container) (element-type FuTdxPreflightVerdict): why not, empty if it can
 **/
GPtrArray *
fu_tdx_preflight_check_version(const FuTdxPreflightFacts *facts,
			       FuTdxSigstructFirmware *sigstruct,
			       const gchar *version,
			       gboolean reinstall)
{
	const gchar *version_img = fu_firmware_get_version(FU_FIRMWARE(sigstruct));
	g_autofree gchar *series = NULL;
	g_autofree gchar *series_running = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) verdicts = fu_tdx_preflight_verdicts_new();

	series = fu_tdx_common_version_to_series(version, &error_local);
	if (series == NULL) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_IMAGE_VERSION,
		    FWUPD_ERROR_INVALID_FILE,
		    "The %s; install the image from a cabinet archive that gives its version",
		    error_local->message);
		return g_steal_pointer(&verdicts);
	}
	if (version_img != NULL &&
	    fu_version_compare(version, version_img, FWUPD_VERSION_FORMAT_TRIPLET) != 0) {
		fu_tdx_preflight_refuse(verdicts,
					FU_TDX_PREFLIGHT_RULE_IMAGE_VERSION,
					FWUPD_ERROR_INVALID_FILE,
					"The release is %s, but its image is TDX module %s; the "
					"publisher has to correct the cabinet archive",
					version,
					version_img);
	}
	fu_tdx_preflight_check_svn(facts, sigstruct, verdicts);

	/* the host rules have refused already */
	series_running = fu_tdx_common_version_to_series(facts->module_version, NULL);
	if (series_running == NULL)
		return g_steal_pointer(&verdicts);
	if (g_strcmp0(series, series_running) != 0) {
		fu_tdx_preflight_refuse(
		    verdicts,
		    FU_TDX_PREFLIGHT_RULE_VERSION_SERIES,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "The image is TDX module %s, and %s is running; an update at run time stays in "
		    "the series %s, so update the BIOS to get another one",
		    version,
		    facts->module_version,
		    series_running);
		return g_steal_pointer(&verdicts);
	}
	fu_tdx_preflight_check_newer(facts, version, reinstall, verdicts);
	return g_steal_pointer(&verdicts);
}

/**
 * fu_tdx_preflight_to_error:
 * @verdicts: (element-type FuTdxPreflightVerdict): what a check found
 * @error: (nullable): optional return location for an error
 *
 * Converts all the reasons into one error, with the code of the first.
 *
 * Returns: %TRUE if there are none
 **/
gboolean
fu_tdx_preflight_to_error(GPtrArray *verdicts, GError **error)
{
	FuTdxPreflightVerdict *first;
	g_autofree gchar *str = NULL;
	g_autoptr(GPtrArray) reasons = g_ptr_array_new();

	g_return_val_if_fail(verdicts != NULL, FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	if (verdicts->len == 0)
		return TRUE;
	for (guint i = 0; i < verdicts->len; i++) {
		FuTdxPreflightVerdict *verdict = g_ptr_array_index(verdicts, i);
		g_ptr_array_add(reasons, verdict->reason);
	}
	first = g_ptr_array_index(verdicts, 0);
	str = fu_strjoin(". ", reasons);
	g_set_error_literal(error, FWUPD_ERROR, first->code, str);
	return FALSE;
}
