/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-preflight.h"

/* P-SEAMLDR decides this too, in seamldr_install.c, but then the running TDX module is gone */

/* the SVN of a running TDX module is not in sysfs, but it never falls within a series, so this also
 * is the least that later versions have */
static const struct {
	const gchar *version;
	guint16 svn;
} fu_tdx_preflight_svns[] = {
    {"1.5.00", 0x0100}, {"1.5.01", 0x0104}, {"1.5.05", 0x0105}, {"1.5.06", 0x0106},
    {"1.5.08", 0x0107}, {"1.5.09", 0x0108}, {"1.5.13", 0x010a}, {"1.5.16", 0x010b},
    {"1.5.20", 0x010c}, {"1.5.24", 0x010d}, {"1.5.28", 0x010e}, {"1.5.34", 0x010f},
    {"2.0.00", 0x0300}, {"2.0.02", 0x0303}, {"2.0.04", 0x0304}, {"2.0.08", 0x0305},
    {"2.0.12", 0x0306}, {"2.0.14", 0x0307}, {"2.0.16", 0x0308}, {"2.0.18", 0x0309},
};

static void
fu_tdx_preflight_reason_free(FuTdxPreflightReason *reason)
{
	g_free(reason->message);
	g_free(reason);
}

static GPtrArray *
fu_tdx_preflight_reasons_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)fu_tdx_preflight_reason_free);
}

static void G_GNUC_PRINTF(3, 4)
    fu_tdx_preflight_refuse(GPtrArray *reasons, FuTdxPreflightRule rule, const gchar *format, ...)
{
	FuTdxPreflightReason *reason = g_new0(FuTdxPreflightReason, 1);
	va_list args;

	reason->rule = rule;
	reason->lasting = rule <= FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES;
	va_start(args, format);
	reason->message = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(reasons, reason);
}

/* major and minor number, which updates at run time never leave */
gchar *
fu_tdx_preflight_version_to_series(const gchar *version)
{
	g_auto(GStrv) split = NULL;

	if (version == NULL ||
	    !fu_version_verify_format(version, FWUPD_VERSION_FORMAT_TRIPLET, NULL))
		return NULL;
	split = g_strsplit(version, ".", -1);
	return g_strdup_printf("%s.%s", split[0], split[1]);
}

/* the least that it can be, 0 for a series that is not known */
guint16
fu_tdx_preflight_version_to_svn(const gchar *version)
{
	guint16 svn = 0;
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version);

	if (series == NULL)
		return 0;
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_preflight_svns); i++) {
		const gchar *tmp = fu_tdx_preflight_svns[i].version;
		if (g_str_has_prefix(tmp, series) &&
		    fu_version_compare(tmp, version, FWUPD_VERSION_FORMAT_TRIPLET) <= 0)
			svn = fu_tdx_preflight_svns[i].svn;
	}
	return svn;
}

/* that of the image, or the least that it can be, NULL for a series that is not known */
gchar *
fu_tdx_preflight_sigstruct_to_version(const FuStructTdxSigstruct *st)
{
	const gchar *least = NULL;
	guint16 svn = fu_struct_tdx_sigstruct_get_seamsvn(st);
	g_autofree gchar *version = fu_tdx_sigstruct_get_version(st);

	if (version != NULL)
		return g_steal_pointer(&version);
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_preflight_svns); i++) {
		if (fu_tdx_preflight_svns[i].svn >> 8 == svn >> 8 &&
		    fu_tdx_preflight_svns[i].svn <= svn)
			least = fu_tdx_preflight_svns[i].version;
	}
	return g_strdup(least);
}

static void
fu_tdx_preflight_add_signers_cb(FuContext *ctx,
				const gchar *key,
				const gchar *value,
				FuContextQuirkSource source,
				gpointer user_data)
{
	g_auto(GStrv) split = g_strsplit(value, ",", -1);

	for (guint i = 0; split[i] != NULL; i++)
		g_ptr_array_add((GPtrArray *)user_data, g_ascii_strdown(g_strstrip(split[i]), -1));
}

/* of all quirk files, so that a key can be added */
GPtrArray *
fu_tdx_preflight_get_signers(FuContext *ctx)
{
	g_autofree gchar *guid = fwupd_guid_hash_string("TDX\\MODULE");
	g_autoptr(GPtrArray) signers = g_ptr_array_new_with_free_func(g_free);

	fu_context_lookup_quirk_by_id_iter(ctx,
					   guid,
					   "TdxModuleSigners",
					   fu_tdx_preflight_add_signers_cb,
					   signers);
	return g_steal_pointer(&signers);
}

static void
fu_tdx_preflight_check_module(const FuTdxHost *host, GPtrArray *reasons)
{
	if (host->module_lost)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_MODULE_LOST,
					"The TDX module is lost, and all TDs with it; only a full "
					"reset of the host loads a TDX module again");
	else if (host->module_version == NULL)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_MODULE_UNKNOWN,
					"The version of the running TDX module is not known (%s); "
					"see the log of the kernel, then restart fwupd",
					host->errors[FU_TDX_HOST_FACT_MODULE]);
	else if (fu_tdx_preflight_version_to_svn(host->module_version) == 0)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_MODULE_UNKNOWN,
					"The SVN of the running TDX module %s is not known, and an "
					"update needs the same or more; install a newer fwupd",
					host->module_version);
}

/* one reason is enough: each of these hides the next ones */
static void
fu_tdx_preflight_check_kernel(const FuTdxHost *host, GPtrArray *reasons)
{
	const gchar *kernel = host->errors[FU_TDX_HOST_FACT_KERNEL];
	const gchar *seamldr = host->errors[FU_TDX_HOST_FACT_SEAMLDR];

	if (host->erratum)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_CPU_ERRATUM,
		    "The CPU has the erratum SEAMRET_INVD_VMCS, for which Linux offers no update "
		    "of the TDX module at run time; install newer microcode, or update the BIOS");
	else if (host->seamldr_version == NULL)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_SEAMLDR_MISSING,
		    "The kernel shows no version of the P-SEAMLDR (%s), and an update at run time "
		    "needs it, Linux 7.2 or later, and a BIOS with a P-SEAMLDR that can update",
		    seamldr != NULL ? seamldr : (kernel != NULL ? kernel : "hidden"));
	else if (host->upload_name == NULL)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_UPLOAD_MISSING,
					"The kernel has no tdx_module in /sys/class/firmware; use "
					"Linux 7.2 or later with CONFIG_FW_UPLOAD");
	else if (host->remaining_updates == 0)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES,
		    "The P-SEAMLDR has 0 updates left until the next full reset, and an update "
		    "needs 1; reset the host first, and if it is 0 even then, update the BIOS");
	else if (host->remaining_updates == FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES,
					"The number of updates left is not known (%s); see the log "
					"of the kernel, then restart fwupd",
					host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES]);
}

static void
fu_tdx_preflight_check_upload(const FuTdxHost *host, GPtrArray *reasons)
{
	const gchar *why = host->errors[FU_TDX_HOST_FACT_UPLOAD];

	if (host->upload_name == NULL)
		return;
	if (host->errors[FU_TDX_HOST_FACT_UPLOAD_ACCESS] != NULL)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_UPLOAD_DENIED,
		    "fwupd may not write to %s, and an update needs that; add "
		    "ReadWritePaths=-/sys/devices/faux to the [Service] section of fwupd.service "
		    "and restart it, or see what else denies it",
		    host->errors[FU_TDX_HOST_FACT_UPLOAD_ACCESS]);
	if (host->upload_status != FU_FW_UPLOAD_STATUS_IDLE)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_UPLOAD_BUSY,
		    "The firmware upload is '%s' (%s), and an update needs 'idle'; wait for the "
		    "other program, or if none, write -1 to /sys/class/firmware/%s/loading",
		    why != NULL ? "unknown" : fu_fw_upload_status_to_string(host->upload_status),
		    why != NULL ? why : "another program is uploading",
		    host->upload_name);
}

static void
fu_tdx_preflight_check_cpu(const FuTdxHost *host, GPtrArray *reasons)
{
	if (host->cpu == 0)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_CPU_UNKNOWN,
					"The CPU in all sockets is not known (%s), and an update "
					"needs it; mend that, then restart fwupd",
					host->errors[FU_TDX_HOST_FACT_CPU]);
}

static void
fu_tdx_preflight_check_cpus(const FuTdxHost *host, GPtrArray *reasons)
{
	const gchar *why = host->errors[FU_TDX_HOST_FACT_CPUS_ONLINE];

	if (why != NULL || g_strcmp0(host->cpus_online, host->cpus_present) != 0)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_CPU_OFFLINE,
		    "CPUs %s are online, and an update needs all of %s, as it would otherwise "
		    "destroy the running TDX module; write 1 to online in "
		    "/sys/devices/system/cpu/cpuN, or switch SMT on%s%s",
		    host->cpus_online != NULL ? host->cpus_online : "unknown",
		    host->cpus_present != NULL ? host->cpus_present : "unknown",
		    why != NULL ? ": " : "",
		    why != NULL ? why : "");
}

static void
fu_tdx_preflight_check_guests(const FuTdxHost *host, GPtrArray *reasons)
{
	if (host->guests == FU_TDX_GUESTS_UNKNOWN)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_GUESTS_RUNNING,
					"It is not known how many TDs are running, and "
					"RequireNoGuests=true in fwupd.conf needs 0: %s",
					host->errors[FU_TDX_HOST_FACT_GUESTS]);
	else if (host->guests == FU_TDX_GUESTS_COUNTED && host->tds > 0)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_GUESTS_RUNNING,
					"TDs running: %" G_GUINT64_FORMAT
					", and RequireNoGuests=true in fwupd.conf needs 0; stop or "
					"migrate them, or set RequireNoGuests=false",
					host->tds);
}

/* can this machine take any image at all? */
GPtrArray *
fu_tdx_preflight_check_host(const FuTdxHost *host, gboolean require_no_guests)
{
	g_autoptr(GPtrArray) reasons = fu_tdx_preflight_reasons_new();

	fu_tdx_preflight_check_module(host, reasons);
	fu_tdx_preflight_check_kernel(host, reasons);
	fu_tdx_preflight_check_upload(host, reasons);
	fu_tdx_preflight_check_cpu(host, reasons);
	fu_tdx_preflight_check_cpus(host, reasons);
	if (require_no_guests)
		fu_tdx_preflight_check_guests(host, reasons);
	return g_steal_pointer(&reasons);
}

/* loaders of the 1.5 series want zero where the modules of 2.0 and later have their version */
static void
fu_tdx_preflight_check_image_host(const FuTdxHost *host,
				  const FuStructTdxSigstruct *st,
				  GPtrArray *reasons)
{
	g_autofree gchar *version = fu_tdx_sigstruct_get_version(st);

	if (host->cpu != 0 && !fu_tdx_sigstruct_has_cpu(st, host->cpu)) {
		g_autofree gchar *cpus = fu_tdx_sigstruct_get_cpus(st);
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_IMAGE_CPU,
					"The image is for the CPUs %s, and this machine has 0x%x; "
					"use the image for this CPU",
					cpus,
					host->cpu);
	}
	if (version != NULL && host->seamldr_version != NULL &&
	    g_str_has_prefix(host->seamldr_version, "1."))
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_IMAGE_SEAMLDR,
					"The P-SEAMLDR is %s, and the image of the TDX module %s "
					"needs 2.0.00 or later; update the BIOS first",
					host->seamldr_version,
					version);
}

/* would P-SEAMLDR take a verified image? Without @host only what is the same on every machine */
GPtrArray *
fu_tdx_preflight_check_image(const FuTdxHost *host, const FuStructTdxSigstruct *st, GPtrArray *keys)
{
	guint16 min_update_hv = fu_struct_tdx_sigstruct_get_min_update_hv(st);
	g_autofree gchar *signer = fu_tdx_sigstruct_get_signer(st);
	g_autoptr(GPtrArray) reasons = fu_tdx_preflight_reasons_new();

	if (!g_ptr_array_find_with_equal_func(keys, signer, g_str_equal, NULL)) {
		g_autofree gchar *expected = fu_strjoin(" or ", keys);
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_IMAGE_SIGNER,
					"The image is signed with the key %s, and the P-SEAMLDR "
					"takes only %s; use an image that Intel has published",
					signer,
					expected);
	}
	if (fu_struct_tdx_sigstruct_get_module_type(st) != FU_TDX_SIGSTRUCT_MODULE_TYPE_PRODUCTION)
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_IMAGE_DEBUG,
					"The image is debug-signed, and only unlocked CPUs take "
					"that; use a production image");
	if (host != NULL)
		fu_tdx_preflight_check_image_host(host, st, reasons);

	/* that of a running TDX module is not in sysfs */
	if (host != NULL && min_update_hv > 0)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_IMAGE_HANDOFF,
		    "The image takes over from handoff versions %u to %u, and TDX modules so far "
		    "have 0; update to a release in between first, or update the BIOS",
		    min_update_hv,
		    fu_struct_tdx_sigstruct_get_module_hv(st));
	return g_steal_pointer(&reasons);
}

static void
fu_tdx_preflight_check_svn(const FuStructTdxSigstruct *st,
			   guint16 svn_old,
			   const gchar *old,
			   GPtrArray *reasons)
{
	guint16 svn = fu_struct_tdx_sigstruct_get_seamsvn(st);

	if (svn < svn_old || svn >> 8 != svn_old >> 8)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_SVN_OLDER,
		    "The SVN of the image is 0x%04x, and %s has at least 0x%04x; use a newer image "
		    "of this series, with the same high byte",
		    svn,
		    old,
		    svn_old);
}

static void
fu_tdx_preflight_check_release(const FuStructTdxSigstruct *st,
			       const gchar *version,
			       GPtrArray *reasons)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version);
	g_autofree gchar *version_img = fu_tdx_sigstruct_get_version(st);

	if (series == NULL ||
	    (version_img != NULL &&
	     fu_version_compare(version, version_img, FWUPD_VERSION_FORMAT_TRIPLET) != 0))
		fu_tdx_preflight_refuse(reasons,
					FU_TDX_PREFLIGHT_RULE_IMAGE_VERSION,
					"The version of the release is '%s', expected %s; use a "
					"cabinet archive that gives the right one",
					version != NULL ? version : "",
					version_img != NULL ? version_img
							    : "three numbers such as '1.5.06'");
}

/* can the running TDX module be replaced by that of a verified image? */
GPtrArray *
fu_tdx_preflight_check_version(const FuTdxHost *host,
			       const FuStructTdxSigstruct *st,
			       const gchar *version)
{
	const gchar *running = host->module_version;
	guint16 svn = fu_tdx_preflight_version_to_svn(running);
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version);
	g_autofree gchar *series_running = fu_tdx_preflight_version_to_series(running);
	g_autoptr(GPtrArray) reasons = fu_tdx_preflight_reasons_new();

	/* without a version that is running, the host rules have refused already */
	fu_tdx_preflight_check_release(st, version, reasons);
	if (reasons->len > 0 || running == NULL)
		return g_steal_pointer(&reasons);
	fu_tdx_preflight_check_svn(st, svn, "the running TDX module", reasons);

	/* the engine refuses older ones too, but not in install-blob */
	if (g_strcmp0(series, series_running) != 0 ||
	    fu_version_compare(version, running, FWUPD_VERSION_FORMAT_TRIPLET) <= 0)
		fu_tdx_preflight_refuse(
		    reasons,
		    FU_TDX_PREFLIGHT_RULE_VERSION_OLDER,
		    "The image is TDX module %s, and %s is running; an update at run time needs a "
		    "newer one of the series %s, and another one comes with the next boot or BIOS",
		    version,
		    running,
		    series_running);
	return g_steal_pointer(&reasons);
}

/* would P-SEAMLDR load a verified image at boot, when there is nothing to take over from? */
GPtrArray *
fu_tdx_preflight_check_boot(const FuTdxHost *host, const FuStructTdxSigstruct *st, GPtrArray *keys)
{
	g_autoptr(GPtrArray) reasons = fu_tdx_preflight_check_image(NULL, st, keys);

	fu_tdx_preflight_check_cpu(host, reasons);
	fu_tdx_preflight_check_image_host(host, st, reasons);
	return g_steal_pointer(&reasons);
}

/* and not go back behind what is there, or what runs? */
GPtrArray *
fu_tdx_preflight_check_boot_version(const FuTdxHost *host,
				    const FuStructTdxSigstruct *st,
				    const FuStructTdxSigstruct *st_old,
				    GPtrArray *keys,
				    const gchar *version)
{
	guint16 svn = fu_tdx_preflight_version_to_svn(host->module_version);
	g_autoptr(GPtrArray) reasons = fu_tdx_preflight_check_boot(host, st, keys);

	fu_tdx_preflight_check_release(st, version, reasons);
	if (svn != 0)
		fu_tdx_preflight_check_svn(st, svn, "the running TDX module", reasons);
	if (st_old != NULL) {
		svn = fu_struct_tdx_sigstruct_get_seamsvn(st_old);
		fu_tdx_preflight_check_svn(st, svn, "that on the EFI system partition", reasons);
	}
	return g_steal_pointer(&reasons);
}

/* only an image can be exchanged for another; for what passes, nothing is reported to LVFS */
static FwupdError
fu_tdx_preflight_rule_to_code(FuTdxPreflightRule rule)
{
	if (rule <= FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES)
		return FWUPD_ERROR_NOT_SUPPORTED;
	if (rule < FU_TDX_PREFLIGHT_RULE_IMAGE_SIGNER)
		return FWUPD_ERROR_NEEDS_USER_ACTION;
	return FWUPD_ERROR_INVALID_FILE;
}

/* all the reasons in one error, with the code of the first */
gboolean
fu_tdx_preflight_to_error(GPtrArray *reasons, GError **error)
{
	FuTdxPreflightReason *first;
	g_autofree gchar *str = NULL;
	g_autoptr(GPtrArray) messages = g_ptr_array_new();

	if (reasons->len == 0)
		return TRUE;
	for (guint i = 0; i < reasons->len; i++) {
		FuTdxPreflightReason *reason = g_ptr_array_index(reasons, i);
		g_ptr_array_add(messages, reason->message);
	}
	first = g_ptr_array_index(reasons, 0);
	str = fu_strjoin(". ", messages);
	g_set_error_literal(error, FWUPD_ERROR, fu_tdx_preflight_rule_to_code(first->rule), str);
	return FALSE;
}
