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

static const struct {
	const gchar *name;
	const gchar *color; /* as in ECMA-48 */
} status_results[] = {
    [STATUS_RESULT_PASS] = {"PASS", "32"},
    [STATUS_RESULT_WARN] = {"WARN", "33"},
    [STATUS_RESULT_FAIL] = {"FAIL", "31"},
    [STATUS_RESULT_SKIP] = {"SKIP", "2"},
    [STATUS_RESULT_UNKNOWN] = {"UNKNOWN", "35"},
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
	g_free(rung->advice);
	g_free(rung);
}

/* @found is taken */
static void
status_rung_set(StatusRung *rung, StatusResult result, gchar *found, const gchar *advice)
{
	rung->result = result;
	rung->found = found;
	rung->advice = g_strdup(advice);
}

static gboolean
status_has_flag(const StatusReport *report, const gchar *flag)
{
	g_auto(GStrv) flags =
	    g_strsplit(report->facts->cpu_flags != NULL ? report->facts->cpu_flags : "", " ", -1);
	return g_strv_contains((const gchar *const *)flags, flag);
}

static void
status_rung_check_cpu(StatusRung *rung, const StatusReport *report)
{
	const StatusFacts *facts = report->facts;

	if (facts->has_device || g_strcmp0(facts->kvm, "Y") == 0 ||
	    status_has_flag(report, "tdx_host_platform"))
		status_rung_set(rung, STATUS_RESULT_PASS, g_strdup("they do TDX"), NULL);
	else if (facts->vendor == NULL)
		status_rung_set(rung,
				STATUS_RESULT_UNKNOWN,
				g_strdup("/proc/cpuinfo does not tell the CPU"),
				"run this where /proc is not hidden");
	else if (g_strcmp0(facts->vendor, "GenuineIntel") != 0)
		status_rung_set(
		    rung,
		    STATUS_RESULT_FAIL,
		    g_strdup_printf("the CPU is of %s, and TDX is Intel's", facts->vendor),
		    "run this on a host with Intel Xeon of the 5th generation or later");
	else if (status_has_flag(report, "hypervisor"))
		status_rung_set(rung,
				STATUS_RESULT_FAIL,
				g_strdup("this is a virtual machine, and the TDX module belongs to "
					 "the host that it runs on"),
				"run this on that host");
	else
		status_rung_set(rung,
				STATUS_RESULT_UNKNOWN,
				g_strdup("the kernel shows no sign of TDX"),
				"see if the CPU has TDX, switch it on in the BIOS, and boot a "
				"kernel with CONFIG_INTEL_TDX_HOST");
}

static gboolean
status_has_word(const gchar *text, const gchar *word)
{
	g_auto(GStrv) words = g_strsplit_set(text != NULL ? text : "", " \n", -1);
	return g_strv_contains((const gchar *const *)words, word);
}

/* what it lacks, if that can be told */
static void
status_rung_check_kernel(StatusRung *rung, const StatusReport *report)
{
	const StatusFacts *facts = report->facts;

	if (facts->has_device)
		status_rung_set(rung, STATUS_RESULT_PASS, g_strdup("it has tdx_host"), NULL);
	else if (g_strcmp0(facts->kvm, "Y") == 0)
		status_rung_set(rung,
				STATUS_RESULT_FAIL,
				g_strdup("KVM does TDX, but there is no tdx_host, so that the TDX "
					 "module is neither shown nor replaced at run time"),
				"modprobe tdx_host, or boot Linux 7.2 or later; or update the "
				"module that the next boot loads");
	else if (g_strcmp0(facts->config, "n") == 0)
		status_rung_set(rung,
				STATUS_RESULT_FAIL,
				g_strdup("it is built without CONFIG_INTEL_TDX_HOST"),
				"boot a kernel that has it, Linux 7.2 or later");
	else if (g_strcmp0(facts->hibernation, "y") == 0 && facts->cmdline != NULL &&
		 !status_has_word(facts->cmdline, "nohibernate"))
		status_rung_set(rung,
				STATUS_RESULT_FAIL,
				g_strdup("there is no tdx_host, and Linux does no TDX where it "
					 "could hibernate"),
				"add nohibernate and kvm_intel.tdx=1 to the command line of the "
				"kernel");
	else
		status_rung_set(rung,
				STATUS_RESULT_FAIL,
				g_strdup("there is no tdx_host"),
				"modprobe tdx_host; boot Linux 7.2 or later with "
				"CONFIG_INTEL_TDX_HOST, nohibernate and kvm_intel.tdx=1; see "
				"journalctl -k -g tdx");
}

static const StatusReason *
status_report_find_reason(const StatusReport *report, FuTdxPreflightRule rule)
{
	for (guint i = 0; i < report->reasons->len; i++) {
		const StatusReason *reason = g_ptr_array_index(report->reasons, i);
		if (g_strcmp0(reason->code, fu_tdx_preflight_rule_to_string(rule)) == 0)
			return reason;
	}
	return NULL;
}

/* what the preflight says has also what to do */
static gboolean
status_rung_set_reason(StatusRung *rung, const StatusReport *report, FuTdxPreflightRule rule)
{
	const StatusReason *reason = status_report_find_reason(report, rule);

	if (reason == NULL)
		return FALSE;
	status_rung_set(rung, STATUS_RESULT_FAIL, g_strdup(reason->message), NULL);
	return TRUE;
}

static void
status_rung_check_erratum(StatusRung *rung, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;

	if (status_rung_set_reason(rung, report, FU_TDX_PREFLIGHT_RULE_CPU_ERRATUM))
		return;
	if (host->errors[FU_TDX_HOST_FACT_CPU] != NULL)
		status_rung_set(rung,
				STATUS_RESULT_UNKNOWN,
				g_strdup(host->errors[FU_TDX_HOST_FACT_CPU]),
				NULL);
	else
		status_rung_set(rung,
				STATUS_RESULT_PASS,
				g_strdup_printf("CPU 0x%X without SEAMRET_INVD_VMCS", host->cpu),
				NULL);
}

static void
status_rung_check_module(StatusRung *rung, const StatusReport *report)
{
	guint16 svn = fu_tdx_preflight_version_to_svn(report->version);
	const TdxReleased *released =
	    report->version != NULL ? tdx_released_find_by_version(report->version) : NULL;

	if (status_rung_set_reason(rung, report, FU_TDX_PREFLIGHT_RULE_MODULE_LOST) ||
	    status_rung_set_reason(rung, report, FU_TDX_PREFLIGHT_RULE_MODULE_UNKNOWN))
		return;
	status_rung_set(rung,
			released != NULL ? STATUS_RESULT_PASS : STATUS_RESULT_WARN,
			g_strdup_printf("%s, SVN %s%u.%u, %s%s, from %s",
					report->version,
					released != NULL ? "" : "at least ",
					(guint)svn >> 8,
					(guint)svn & 0xFF,
					released != NULL ? "MRSEAM " : "MRSEAM not known here",
					released != NULL ? released->mrseam : "",
					report->source),
			released != NULL ? NULL : "get its MRSEAM from who has published it");
}

static void
status_rung_check_seamldr(StatusRung *rung, const StatusReport *report)
{
	if (status_rung_set_reason(rung, report, FU_TDX_PREFLIGHT_RULE_SEAMLDR_MISSING))
		return;
	if (report->seamldr != NULL)
		status_rung_set(rung, STATUS_RESULT_PASS, g_strdup(report->seamldr), NULL);
	else if (report->facts->host.erratum)
		status_rung_set(rung,
				STATUS_RESULT_SKIP,
				g_strdup("the kernel hides it because of the erratum"),
				NULL);
	else
		status_rung_set(rung,
				STATUS_RESULT_UNKNOWN,
				g_strdup(report->facts->host.errors[FU_TDX_HOST_FACT_SEAMLDR]),
				"run this as root");
}

static void
status_rung_check_updates_left(StatusRung *rung, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;

	if (status_rung_set_reason(rung, report, FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES))
		return;
	if (host->attr_remaining_updates == NULL)
		status_rung_set(rung,
				STATUS_RESULT_SKIP,
				g_strdup("the kernel does not show it"),
				NULL);
	else if (host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES] != NULL)
		status_rung_set(rung,
				STATUS_RESULT_UNKNOWN,
				g_strdup(host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES]),
				"run this as root");
	else
		status_rung_set(rung,
				host->remaining_updates > 1 ? STATUS_RESULT_PASS
							    : STATUS_RESULT_WARN,
				g_strdup_printf("%" G_GUINT64_FORMAT " until the next full reset",
						host->remaining_updates),
				host->remaining_updates > 1 ? NULL : "plan a full reset");
}

static void
status_rung_check_fwupd(StatusRung *rung, const StatusReport *report)
{
	const StatusFwupd *fwupd = report->fwupd;

	if (fwupd->state == STATUS_FWUPD_STATE_MISSING)
		status_rung_set(rung,
				STATUS_RESULT_FAIL,
				g_strdup("it is not installed, or masked"),
				"apt install fwupd; systemctl unmask fwupd");
	else if (fwupd->state == STATUS_FWUPD_STATE_UNKNOWN)
		status_rung_set(rung,
				STATUS_RESULT_UNKNOWN,
				g_strdup(fwupd->error),
				"see systemctl status dbus fwupd");
	else if (!fwupd->has_plugin)
		status_rung_set(
		    rung,
		    STATUS_RESULT_FAIL,
		    g_strdup_printf("fwupd %s has no plugin tdx_module", fwupd->version),
		    "install the package fwupd-plugin-tdx-module for just this fwupd, "
		    "then systemctl restart fwupd");
	else if (fwupd->device == NULL && report->facts->has_device)
		status_rung_set(rung,
				STATUS_RESULT_FAIL,
				g_strdup_printf("fwupd %s has the plugin, but not the TDX module",
						fwupd->version),
				"systemctl restart fwupd; see journalctl -u fwupd -b");
	else
		status_rung_set(rung,
				STATUS_RESULT_PASS,
				g_strdup_printf("fwupd %s with the plugin", fwupd->version),
				NULL);
}

static void
status_rung_check_update(StatusRung *rung, const StatusReport *report)
{
	g_autoptr(GString) found = g_string_new(NULL);

	for (guint i = 0; i < report->reasons->len; i++) {
		StatusReason *reason = g_ptr_array_index(report->reasons, i);
		g_string_append_printf(found, "%s%s", i > 0 ? ". " : "", reason->message);
	}
	if (report->updatable == STATUS_TRI_FALSE)
		status_rung_set(rung, STATUS_RESULT_FAIL, g_strdup(found->str), NULL);
	else if (report->updatable == STATUS_TRI_UNKNOWN)
		status_rung_set(rung,
				STATUS_RESULT_UNKNOWN,
				g_strdup("not everything is known that this depends on"),
				NULL);
	else
		status_rung_set(rung, STATUS_RESULT_PASS, g_strdup("nothing is in the way"), NULL);
}

static const struct {
	const gchar *name;
	const gchar *title;
	gint needs; /* the rung without which this one says nothing, or -1 */
	void (*func)(StatusRung *rung, const StatusReport *report);
} status_rungs[] = {
    {"cpu", "CPU and BIOS", -1, status_rung_check_cpu},
    {"kernel", "Kernel", -1, status_rung_check_kernel},
    {"erratum", "Erratum", 1, status_rung_check_erratum},
    {"module", "TDX module", 1, status_rung_check_module},
    {"seamldr", "P-SEAMLDR", 1, status_rung_check_seamldr},
    {"updates-left", "Updates left", 1, status_rung_check_updates_left},
    {"fwupd", "fwupd", -1, status_rung_check_fwupd},
    {"update", "Update now", 6, status_rung_check_update},
};

static gboolean
status_rung_holds(const StatusRung *rung)
{
	return rung->result == STATUS_RESULT_PASS || rung->result == STATUS_RESULT_WARN;
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
		if (needs >= 0 && !status_rung_holds(g_ptr_array_index(rungs, needs)))
			status_rung_set(rung,
					STATUS_RESULT_SKIP,
					g_strdup_printf("see %s", status_rungs[needs].title),
					NULL);
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
	g_autoptr(GPtrArray) rungs = status_ladder_build(report);
	g_autoptr(GString) str = g_string_new(report->verdict);

	g_string_append(str, "\n\n");
	for (guint i = 0; i < rungs->len; i++) {
		StatusRung *rung = g_ptr_array_index(rungs, i);
		if (colors)
			g_string_append_printf(str, "\033[%sm", status_results[rung->result].color);
		g_string_append_printf(str, "%-7s", status_results[rung->result].name);
		if (colors)
			g_string_append(str, "\033[0m");
		g_string_append_printf(str, "  %-13s %s\n", rung->title, rung->found);
		if (rung->advice != NULL)
			g_string_append_printf(str, "%24s%s\n", "", rung->advice);
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}
