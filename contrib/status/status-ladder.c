/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The report for a person: from the hardware up, and what to do where it does not hold.
 */

#include "config.h"

#include "fu-tdx-preflight.h"
#include "status.h"
#include "tdx-released.h"

/* fwupd refreshes metadata once a day */
#define STATUS_METADATA_DAYS_MAX 7
#define STATUS_SECONDS_PER_DAY	 (24 * 60 * 60)

#define PASS	STATUS_RESULT_PASS
#define WARN	STATUS_RESULT_WARN
#define FAIL	STATUS_RESULT_FAIL
#define SKIP	STATUS_RESULT_SKIP
#define UNKNOWN STATUS_RESULT_UNKNOWN

static const struct {
	const gchar *name;
	const gchar *color; /* as in ECMA-48 */
} status_results[] = {
    [PASS] = {"PASS", "32"},
    [WARN] = {"WARN", "33"},
    [FAIL] = {"FAIL", "31"},
    [SKIP] = {"SKIP", "2"},
    [UNKNOWN] = {"UNKNOWN", "35"},
};

/**
 * status_result_to_string:
 * @result: a #StatusResult
 *
 * Returns: e.g. `PASS`
 **/
const gchar *
status_result_to_string(StatusResult result)
{
	return status_results[result].name;
}

static void
status_rung_free(StatusRung *rung)
{
	g_free(rung->found);
	g_free(rung);
}

static void G_GNUC_PRINTF(4, 5) status_rung_say(StatusRung *rung,
						StatusResult result,
						const gchar *advice,
						const gchar *format,
						...)
{
	va_list args;

	va_start(args, format);
	rung->result = result;
	rung->advice = advice;
	rung->found = g_strdup_vprintf(format, args);
	va_end(args);
}

static gboolean
status_has_word(const gchar *text, const gchar *word)
{
	g_auto(GStrv) words = g_strsplit_set(text != NULL ? text : "", " \n", -1);
	return g_strv_contains((const gchar *const *)words, word);
}

static void
status_rung_check_cpu(StatusRung *rung, const StatusReport *report)
{
	const StatusFacts *facts = report->facts;
	gboolean does = facts->has_device || g_strcmp0(facts->kvm, "Y") == 0 ||
			status_has_word(facts->cpu_flags, "tdx_host_platform");

	if (does)
		status_rung_say(rung, PASS, NULL, "TDX is there and switched on");
	else if (facts->vendor == NULL)
		status_rung_say(rung,
				UNKNOWN,
				"run this where /proc is not hidden",
				"no CPU in /proc/cpuinfo");
	else if (g_strcmp0(facts->vendor, "GenuineIntel") != 0)
		status_rung_say(rung,
				FAIL,
				"run this on a host with Intel Xeon of the 4th generation or later",
				"the CPU is %s, and TDX is a feature of Intel's",
				facts->vendor);
	else if (status_has_word(facts->cpu_flags, "hypervisor"))
		status_rung_say(
		    rung,
		    FAIL,
		    "run this on the host of this virtual machine",
		    "this is a virtual machine, and the TDX module belongs to its host");
	else
		status_rung_say(
		    rung,
		    UNKNOWN,
		    "see if this CPU can do TDX, and switch it on in the BIOS",
		    "nothing says if this CPU can do TDX, and if it is switched on in the BIOS");
}

/* what it lacks, if that can be told */
static void
status_rung_check_kernel(StatusRung *rung, const StatusReport *report)
{
	const StatusFacts *facts = report->facts;

	if (facts->has_device)
		status_rung_say(rung, PASS, NULL, "Linux %s has tdx_host", facts->kernel);
	else if (g_strcmp0(facts->kvm, "Y") == 0)
		status_rung_say(
		    rung,
		    FAIL,
		    "modprobe tdx_host, or boot Linux 7.2 or later; or update what the next boot "
		    "loads",
		    "KVM does TDX, but Linux %s has no tdx_host, and neither shows nor replaces "
		    "the TDX module",
		    facts->kernel);
	else if (g_strcmp0(facts->config, "n") == 0)
		status_rung_say(rung,
				FAIL,
				"boot Linux 7.2 or later with CONFIG_INTEL_TDX_HOST",
				"Linux %s is built without CONFIG_INTEL_TDX_HOST",
				facts->kernel);
	else if (g_strcmp0(facts->hibernation, "y") == 0 && facts->cmdline != NULL &&
		 !status_has_word(facts->cmdline, "nohibernate"))
		status_rung_say(rung,
				FAIL,
				"boot with nohibernate and kvm_intel.tdx=1",
				"Linux %s could hibernate, and does no TDX then",
				facts->kernel);
	else
		status_rung_say(
		    rung,
		    FAIL,
		    "modprobe tdx_host; boot Linux 7.2 or later with CONFIG_INTEL_TDX_HOST, "
		    "nohibernate and kvm_intel.tdx=1; see journalctl -k -g tdx",
		    "Linux %s has no tdx_host",
		    facts->kernel != NULL ? facts->kernel : "");
}

/* what the preflight says has also what to do */
static gboolean
status_rung_refuse(StatusRung *rung, const StatusReport *report, FuTdxPreflightRule rule)
{
	const StatusReason *reason =
	    status_report_find_reason(report, fu_tdx_preflight_rule_to_string(rule));

	if (reason == NULL)
		return FALSE;
	status_rung_say(rung,
			report->facts->hung != NULL ? UNKNOWN : FAIL,
			NULL,
			"%s",
			reason->message);
	return TRUE;
}

static void
status_rung_check_erratum(StatusRung *rung, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;

	if (status_rung_refuse(rung, report, FU_TDX_PREFLIGHT_RULE_CPU_ERRATUM))
		return;
	if (host->errors[FU_TDX_HOST_FACT_CPU] != NULL)
		status_rung_say(rung, UNKNOWN, NULL, "%s", host->errors[FU_TDX_HOST_FACT_CPU]);
	else
		status_rung_say(rung,
				PASS,
				NULL,
				"CPU 0x%X does not have SEAMRET_INVD_VMCS",
				host->cpu);
}

static const gchar *
status_describe_source(const StatusReport *report)
{
	if (g_strcmp0(report->source, "runtime") == 0)
		return "replaced at run time";
	if (g_strcmp0(report->source, "esp") == 0)
		return "the one on the EFI system partition";
	if (g_strcmp0(report->source, "bios") == 0)
		return "from the BIOS, as far as can be told";
	return "it is not known from where";
}

static void
status_rung_check_module(StatusRung *rung, const StatusReport *report)
{
	guint svn = fu_tdx_preflight_version_to_svn(report->version);
	const TdxReleased *released =
	    report->version != NULL ? tdx_released_find_by_version(report->version) : NULL;

	if (status_rung_refuse(rung, report, FU_TDX_PREFLIGHT_RULE_MODULE_LOST) ||
	    status_rung_refuse(rung, report, FU_TDX_PREFLIGHT_RULE_MODULE_UNKNOWN))
		return;
	if (released != NULL)
		status_rung_say(rung,
				PASS,
				NULL,
				"%s, %s, SVN %u.%u, MRSEAM %s",
				report->version,
				status_describe_source(report),
				svn >> 8,
				svn & 0xFF,
				released->mrseam);
	else
		status_rung_say(rung,
				WARN,
				"ask who published it for SVN and MRSEAM",
				"%s, %s, SVN at least %u.%u, and MRSEAM not known",
				report->version,
				status_describe_source(report),
				svn >> 8,
				svn & 0xFF);
}

static void
status_rung_check_seamldr(StatusRung *rung, const StatusReport *report)
{
	if (status_rung_refuse(rung, report, FU_TDX_PREFLIGHT_RULE_SEAMLDR_MISSING))
		return;
	if (report->seamldr != NULL)
		status_rung_say(rung, PASS, NULL, "%s", report->seamldr);
	else if (report->facts->host.attr_seamldr_version == NULL)
		status_rung_say(rung, SKIP, NULL, "the kernel does not show it, see Erratum");
	else
		status_rung_say(rung,
				UNKNOWN,
				"run this as root",
				"%s",
				report->facts->host.errors[FU_TDX_HOST_FACT_SEAMLDR]);
}

static void
status_rung_check_updates_left(StatusRung *rung, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;

	if (status_rung_refuse(rung, report, FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES))
		return;
	if (host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES] != NULL)
		status_rung_say(rung,
				UNKNOWN,
				"run this as root",
				"%s",
				host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES]);
	else if (host->remaining_updates == FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN)
		status_rung_say(rung, SKIP, NULL, "the kernel does not show it, see P-SEAMLDR");
	else if (host->remaining_updates == 1)
		status_rung_say(rung, WARN, "plan a full reset", "1 until the next full reset");
	else
		status_rung_say(rung,
				PASS,
				NULL,
				"%" G_GUINT64_FORMAT " until the next full reset",
				host->remaining_updates);
}

static void
status_rung_check_fwupd(StatusRung *rung, const StatusReport *report)
{
	const StatusFwupd *fwupd = report->fwupd;

	if (fwupd->state == STATUS_FWUPD_STATE_MISSING)
		status_rung_say(rung,
				FAIL,
				"apt install fwupd fwupd-plugin-tdx-module; systemctl unmask fwupd",
				"it is not installed, or masked");
	else if (fwupd->state == STATUS_FWUPD_STATE_UNKNOWN)
		status_rung_say(rung,
				UNKNOWN,
				"see systemctl status dbus fwupd",
				"%s",
				fwupd->error);
	else if (!fwupd->has_plugin)
		status_rung_say(
		    rung,
		    FAIL,
		    "install fwupd-plugin-tdx-module for just this fwupd, then systemctl restart "
		    "fwupd",
		    "fwupd %s has no plugin tdx_module, or it was built for another fwupd",
		    fwupd->version);
	else if (fwupd->device == NULL && report->facts->has_device)
		status_rung_say(rung,
				FAIL,
				"systemctl restart fwupd; see journalctl -u fwupd -b",
				"fwupd %s has the plugin, and does not show the TDX module",
				fwupd->version);
	else
		status_rung_say(rung, PASS, NULL, "fwupd %s has the plugin", fwupd->version);
}

/* those with TDX modules; returns the age of the oldest in days */
static guint64
status_append_remotes(GString *str, const StatusReport *report)
{
	guint64 days_max = 0;

	for (guint i = 0; i < report->fwupd->remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(report->fwupd->remotes, i);
		guint64 days = fwupd_remote_get_age(remote) / STATUS_SECONDS_PER_DAY;

		if (status_report_has_tdx(report, remote) != STATUS_TRI_TRUE)
			continue;
		g_string_append_printf(str, " %s", fwupd_remote_get_id(remote));
		if (fwupd_remote_get_kind(remote) != FWUPD_REMOTE_KIND_DOWNLOAD)
			continue;
		g_string_append_printf(str, " (%" G_GUINT64_FORMAT " days old)", days);
		days_max = MAX(days_max, days);
	}
	return days_max;
}

static void
status_rung_check_metadata(StatusRung *rung, const StatusReport *report)
{
	g_autoptr(GString) str = g_string_new(NULL);
	guint64 days = status_append_remotes(str, report);

	if (report->metadata->error != NULL)
		status_rung_say(rung, UNKNOWN, "run this as root", "%s", report->metadata->error);
	else if (str->len == 0)
		status_rung_say(
		    rung,
		    FAIL,
		    "fwupdmgr refresh; fwupdmgr enable-remote lvfs, or that of a mirror",
		    "none of the remotes that are enabled (%u) has TDX modules",
		    report->fwupd->remotes->len);
	else if (days > STATUS_METADATA_DAYS_MAX)
		status_rung_say(rung, WARN, "fwupdmgr refresh", "TDX modules are in%s", str->str);
	else
		status_rung_say(rung, PASS, NULL, "TDX modules are in%s", str->str);
}

static void
status_rung_check_release(StatusRung *rung, const StatusReport *report)
{
	const gchar *newest = report->metadata->newest;
	const gchar *offered = report->newest != NULL ? fwupd_release_get_version(report->newest)
						      : NULL;

	if (report->is_refused)
		status_rung_say(rung,
				WARN,
				"mend that, e.g. with a newer BIOS",
				"this host cannot take %s: %s%s%s",
				newest,
				report->metadata->reason,
				offered != NULL ? "; the newest that it can take is " : "",
				offered != NULL ? offered : "");
	else if (offered != NULL)
		status_rung_say(
		    rung,
		    WARN,
		    report->reasons->len > 0 ? "see Update now" : "fwupdmgr update",
		    "%s is newer, urgency %s",
		    offered,
		    fwupd_release_urgency_to_string(fwupd_release_get_urgency(report->newest)));
	else if (newest != NULL)
		status_rung_say(rung,
				PASS,
				NULL,
				"the newest for this CPU and series is %s",
				newest);
	else
		status_rung_say(rung,
				FAIL,
				"ask who publishes them; another series comes with a BIOS",
				"there is none for this CPU and series");
}

static void
status_append_tcb(GString *str, const StatusTcb *tcb, const gchar *version)
{
	if (tcb->error != NULL) {
		g_string_append(str, tcb->error);
		return;
	}
	if (tcb->info->stale)
		g_string_append(str, "the TCB info has expired, and said: ");
	g_string_append_printf(str, "set %" G_GUINT64_FORMAT ": %s is ", tcb->info->set, version);
	if (tcb->level == NULL) {
		g_string_append(str, "not known");
		return;
	}
	g_string_append_printf(str, "%s since %s", tcb->level->status, tcb->level->date);
	if (tcb->level->advisories->len > 0) {
		g_autofree gchar *advisories = fu_strjoin(", ", tcb->level->advisories);
		g_string_append_printf(str, " (%s)", advisories);
	}
	if (tcb->svn > tcb->level->svn && tcb->version != NULL)
		g_string_append_printf(str, ", and %s would be UpToDate", tcb->version);
}

static StatusResult
status_tcb_get_result(const StatusTcb *tcb)
{
	if (g_strcmp0(tcb->status, "refused") == 0)
		return FAIL;
	if (g_strcmp0(tcb->status, "unknown") == 0 || g_strcmp0(tcb->status, "stale") == 0)
		return UNKNOWN;
	return g_strcmp0(tcb->status, "UpToDate") == 0 ? PASS : WARN;
}

/* the worst of all, which is not what is not known */
static void
status_rung_check_tcb(StatusRung *rung, const StatusReport *report)
{
	const StatusResult order[] = {PASS, UNKNOWN, WARN, FAIL};
	StatusResult result = SKIP;
	g_autoptr(GString) str = g_string_new(NULL);

	if (report->tcbs->len == 0) {
		status_rung_say(rung,
				SKIP,
				"see TCB INFO in tdx-module-status(8)",
				"no TCB info is there");
		return;
	}
	for (guint i = 0; i < report->tcbs->len; i++) {
		if (i > 0)
			g_string_append(str, "; ");
		status_append_tcb(str, g_ptr_array_index(report->tcbs, i), report->version);
	}
	for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
		for (guint j = 0; j < report->tcbs->len; j++) {
			if (status_tcb_get_result(g_ptr_array_index(report->tcbs, j)) == order[i])
				result = order[i];
		}
	}
	status_rung_say(rung,
			result,
			"this is the TDX module's half: CPU and BIOS have levels of their own",
			"%s",
			str->str);
}

static void
status_rung_check_update(StatusRung *rung, const StatusReport *report)
{
	g_autoptr(GPtrArray) messages = g_ptr_array_new();
	g_autofree gchar *str = NULL;

	for (guint i = 0; i < report->reasons->len; i++) {
		StatusReason *reason = g_ptr_array_index(report->reasons, i);
		g_ptr_array_add(messages, reason->message);
	}
	str = fu_strjoin(". ", messages);
	if (report->updatable == STATUS_TRI_UNKNOWN)
		status_rung_say(rung,
				UNKNOWN,
				NULL,
				"not all is known that this depends on. %s",
				str);
	else if (messages->len > 0)
		status_rung_say(rung, FAIL, NULL, "%s", str);
	else if (report->updatable == STATUS_TRI_FALSE)
		status_rung_say(rung, SKIP, NULL, "see fwupd");
	else if (report->facts->is_root)
		status_rung_say(rung, PASS, NULL, "nothing is in the way");
	else
		status_rung_say(rung,
				PASS,
				"root learns more",
				"nothing that a user can see is in the way");
}

static const struct {
	const gchar *state;
	StatusResult result;
	const gchar *advice;
} status_boots[] = {
    {"damaged", FAIL, "fwupdmgr update replaces it"},
    {"ignored", FAIL, "see 'The module that the boot loads' in docs/operators.md"},
    {"reset_needed", WARN, "do a full reset when that suits you"},
    {"available", WARN, "fwupdmgr update"},
    {"current", PASS, NULL},
};

static void
status_rung_check_boot(StatusRung *rung, const StatusReport *report)
{
	FwupdDevice *boot = report->fwupd->boot;
	const gchar *error;

	if (boot == NULL) {
		status_rung_say(rung,
				SKIP,
				NULL,
				"fwupd sees no TDX module on the EFI system partition");
		return;
	}
	error = fwupd_device_get_update_error(
	    report->fwupd->boot_entry != NULL ? report->fwupd->boot_entry : boot);
	for (guint i = 0; i < G_N_ELEMENTS(status_boots); i++) {
		if (g_strcmp0(status_boots[i].state, report->boot_state) != 0)
			continue;
		status_rung_say(rung,
				status_boots[i].result,
				status_boots[i].advice,
				"%s%s%s, %s",
				fwupd_device_get_version(boot),
				report->newest_boot != NULL ? ", and there is " : "",
				report->newest_boot != NULL
				    ? fwupd_release_get_version(report->newest_boot)
				    : "",
				error != NULL ? error : fwupd_device_get_summary(boot));
	}
}

static void
status_rung_check_reset(StatusRung *rung, const StatusReport *report)
{
	const StatusReapply *reapply = report->reapply;

	if (reapply->state == NULL || g_strcmp0(reapply->state, "unknown") == 0)
		status_rung_say(rung, UNKNOWN, NULL, "%s", reapply->reason);
	else if (!reapply->enabled && g_strcmp0(report->source, "runtime") == 0)
		status_rung_say(rung,
				WARN,
				"systemctl enable --now tdx-module-reapply.service",
				"the TDX module that the boot brings is back");
	else if (!reapply->enabled)
		status_rung_say(rung,
				SKIP,
				NULL,
				"the boot brings the TDX module, nothing is applied again");
	else if (g_strcmp0(reapply->state, "damaged") == 0 || reapply->missing != NULL)
		status_rung_say(rung,
				FAIL,
				"see tdx-module-reapply status",
				"%s would not be applied again%s%s",
				reapply->missing != NULL ? reapply->missing : "what is stored",
				reapply->reason != NULL ? ": " : "",
				reapply->reason != NULL ? reapply->reason : "");
	else if (reapply->stored == NULL)
		status_rung_say(rung,
				PASS,
				NULL,
				"nothing was installed that would be applied again");
	else
		status_rung_say(rung,
				PASS,
				NULL,
				"%s is applied again, if the boot brings an older one",
				reapply->stored);
}

static const struct {
	const gchar *name;
	const gchar *title;
	gint needs; /* the rung without which this one says nothing, or -1 */
	void (*func)(StatusRung *rung, const StatusReport *report);
} status_rungs[] = {
    {"cpu", "CPU and BIOS", -1, status_rung_check_cpu},
    {"kernel", "Kernel", 0, status_rung_check_kernel},
    {"erratum", "Erratum", 1, status_rung_check_erratum},
    {"module", "TDX module", 1, status_rung_check_module},
    {"seamldr", "P-SEAMLDR", 1, status_rung_check_seamldr},
    {"updates-left", "Updates left", 1, status_rung_check_updates_left},
    {"fwupd", "fwupd", -1, status_rung_check_fwupd},
    {"metadata", "Metadata", 6, status_rung_check_metadata},
    {"release", "Release", 7, status_rung_check_release},
    {"tcb", "TCB info", 3, status_rung_check_tcb},
    {"update", "Update now", 3, status_rung_check_update},
    {"boot", "Next boot", 6, status_rung_check_boot},
    {"reset", "After a reset", 3, status_rung_check_reset},
};

/* a kernel tells more of TDX than a CPU of which nothing is known */
static gboolean
status_rung_carries(const StatusRung *rung)
{
	return rung->result <= WARN ||
	       (rung->result == UNKNOWN && g_strcmp0(rung->name, "cpu") == 0);
}

/**
 * status_ladder_build:
 * @report: a #StatusReport
 *
 * Returns: (transfer full) (element-type StatusRung): from the ground up
 **/
GPtrArray *
status_ladder_build(const StatusReport *report)
{
	GPtrArray *rungs = g_ptr_array_new_with_free_func((GDestroyNotify)status_rung_free);

	for (guint i = 0; i < G_N_ELEMENTS(status_rungs); i++) {
		StatusRung *rung = g_new0(StatusRung, 1);
		gint needs = status_rungs[i].needs;

		rung->name = status_rungs[i].name;
		rung->title = status_rungs[i].title;
		g_ptr_array_add(rungs, rung);
		if (needs >= 0 && !status_rung_carries(g_ptr_array_index(rungs, needs)))
			status_rung_say(rung, SKIP, NULL, "see %s", status_rungs[needs].title);
		else
			status_rungs[i].func(rung, report);
	}
	return rungs;
}

/**
 * status_ladder_print:
 * @report: a #StatusReport
 * @colors: for a terminal
 *
 * Returns: (transfer full): the verdict, and each rung
 **/
gchar *
status_ladder_print(const StatusReport *report, gboolean colors)
{
	g_autoptr(GString) str = g_string_new(report->verdict);

	g_string_append(str, "\n\n");
	for (guint i = 0; i < report->rungs->len; i++) {
		StatusRung *rung = g_ptr_array_index(report->rungs, i);
		if (colors)
			g_string_append_printf(str, "\033[%sm", status_results[rung->result].color);
		g_string_append_printf(str, "%-7s", status_results[rung->result].name);
		if (colors)
			g_string_append(str, "\033[0m");
		g_string_append_printf(str, "  %-13s  %s\n", rung->title, rung->found);
		if (rung->advice != NULL)
			g_string_append_printf(str, "%24s%s\n", "", rung->advice);
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}
