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

/* fwupd refreshes metadata once a day */
#define STATUS_METADATA_DAYS_MAX 7
#define STATUS_SECONDS_PER_DAY	 (24 * 60 * 60)

#define PASS	STATUS_RESULT_PASS
#define WARN	STATUS_RESULT_WARN
#define FAIL	STATUS_RESULT_FAIL
#define SKIP	STATUS_RESULT_SKIP
#define UNKNOWN STATUS_RESULT_UNKNOWN

const StatusResultInfo status_results[] = {
    [PASS] = {"PASS", "32"},
    [WARN] = {"WARN", "33"},
    [FAIL] = {"FAIL", "31"},
    [SKIP] = {"SKIP", "2"},
    [UNKNOWN] = {"UNKNOWN", "35"},
};

static StatusResult G_GNUC_PRINTF(3, 4)
    say(StatusRung *rung, StatusResult result, const gchar *format, ...)
{
	va_list args;

	va_start(args, format);
	rung->found = g_strdup_vprintf(format, args);
	va_end(args);
	return result;
}

static gboolean
has_word(const gchar *text, const gchar *word)
{
	g_auto(GStrv) words = g_strsplit_set(text != NULL ? text : "", " \n", -1);
	return g_strv_contains((const gchar *const *)words, word);
}

/*
 * Each rung says what was found and returns its result. Advice is set before the condition that it
 * is for.
 */

static StatusResult
check_cpu(StatusRung *rung, const StatusReport *report)
{
	const StatusFacts *facts = report->facts;

	if (facts->has_device || g_strcmp0(facts->kvm, "Y") == 0 ||
	    has_word(facts->cpu_flags, "tdx_host_platform"))
		return say(rung, PASS, "TDX is there and switched on");
	rung->advice = "run this where /proc is not hidden";
	if (facts->vendor == NULL)
		return say(rung, UNKNOWN, "no CPU in /proc/cpuinfo");
	rung->advice = "run this on a host with Intel Xeon of the 4th generation or later";
	if (g_strcmp0(facts->vendor, "GenuineIntel") != 0)
		return say(rung,
			   FAIL,
			   "the CPU is %s, and TDX is a feature of Intel's",
			   facts->vendor);
	rung->advice = "run this on the host of this virtual machine";
	if (has_word(facts->cpu_flags, "hypervisor"))
		return say(rung,
			   FAIL,
			   "this is a virtual machine, and the TDX module belongs to its host");
	rung->advice = "see if this CPU can do TDX, and switch it on in the BIOS";
	return say(rung,
		   UNKNOWN,
		   "nothing says if this CPU can do TDX, and if it is switched on in the BIOS");
}

/* what it lacks, if that can be told */
static StatusResult
check_kernel(StatusRung *rung, const StatusReport *report)
{
	const StatusFacts *facts = report->facts;
	const gchar *kernel = facts->kernel != NULL ? facts->kernel : "";

	if (facts->has_device)
		return say(rung, PASS, "Linux %s has tdx_host", kernel);
	rung->advice =
	    "modprobe tdx_host, or boot Linux 7.2 or later; or update what the next boot loads";
	if (g_strcmp0(facts->kvm, "Y") == 0)
		return say(
		    rung,
		    FAIL,
		    "KVM does TDX, but Linux %s has no tdx_host, and neither shows nor replaces "
		    "the TDX module",
		    kernel);
	rung->advice = "boot Linux 7.2 or later with CONFIG_INTEL_TDX_HOST";
	if (g_strcmp0(facts->config, "n") == 0)
		return say(rung, FAIL, "Linux %s is built without CONFIG_INTEL_TDX_HOST", kernel);
	rung->advice = "boot with nohibernate and kvm_intel.tdx=1";
	if (g_strcmp0(facts->hibernation, "y") == 0 && facts->cmdline != NULL &&
	    !has_word(facts->cmdline, "nohibernate"))
		return say(rung, FAIL, "Linux %s could hibernate, and does no TDX then", kernel);
	rung->advice = "modprobe tdx_host; boot Linux 7.2 or later with CONFIG_INTEL_TDX_HOST, "
		       "nohibernate and kvm_intel.tdx=1; see journalctl -k -g tdx";
	return say(rung, FAIL, "Linux %s has no tdx_host", kernel);
}

/* what the preflight says has also what to do */
static gboolean
refuse(StatusRung *rung, const StatusReport *report, FuTdxPreflightRule rule)
{
	const gchar *code = fu_tdx_preflight_rule_to_string(rule);
	const StatusReason *reason = status_report_find_reason(report, code);

	if (reason == NULL)
		return FALSE;
	rung->result =
	    say(rung, report->facts->hung != NULL ? UNKNOWN : FAIL, "%s", reason->message);
	return TRUE;
}

static StatusResult
check_erratum(StatusRung *rung, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;

	if (refuse(rung, report, FU_TDX_PREFLIGHT_RULE_CPU_ERRATUM))
		return rung->result;
	if (host->errors[FU_TDX_HOST_FACT_CPU] != NULL)
		return say(rung, UNKNOWN, "%s", host->errors[FU_TDX_HOST_FACT_CPU]);
	return say(rung, PASS, "CPU 0x%X does not have SEAMRET_INVD_VMCS", host->cpu);
}

static const gchar *
describe_source(const StatusReport *report)
{
	if (g_strcmp0(report->source, "runtime") == 0)
		return "replaced at run time";
	if (g_strcmp0(report->source, "esp") == 0)
		return "the one on the EFI system partition";
	if (g_strcmp0(report->source, "bios") == 0)
		return "from the BIOS, as far as can be told";
	return "it is not known from where";
}

static StatusResult
check_module(StatusRung *rung, const StatusReport *report)
{
	const gchar *source = describe_source(report);
	g_autofree gchar *svn = g_strdup_printf("%u.%u", report->svn >> 8, report->svn & 0xFF);

	if (refuse(rung, report, FU_TDX_PREFLIGHT_RULE_MODULE_LOST) ||
	    refuse(rung, report, FU_TDX_PREFLIGHT_RULE_MODULE_UNKNOWN))
		return rung->result;
	if (report->released != NULL)
		return say(rung,
			   PASS,
			   "%s, %s, SVN %s, MRSEAM %s",
			   report->version,
			   source,
			   svn,
			   report->released->mrseam);
	rung->advice = "ask who published it for SVN and MRSEAM";
	return say(rung,
		   WARN,
		   "%s, %s, SVN at least %s, and MRSEAM not known",
		   report->version,
		   source,
		   svn);
}

static StatusResult
check_seamldr(StatusRung *rung, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;

	if (refuse(rung, report, FU_TDX_PREFLIGHT_RULE_SEAMLDR_MISSING))
		return rung->result;
	if (report->seamldr != NULL)
		return say(rung, PASS, "%s", report->seamldr);
	if (host->attr_seamldr_version == NULL)
		return say(rung, SKIP, "the kernel does not show it, see Erratum");
	rung->advice = "run this as root";
	return say(rung, UNKNOWN, "%s", host->errors[FU_TDX_HOST_FACT_SEAMLDR]);
}

static StatusResult
check_updates_left(StatusRung *rung, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;
	guint64 left = host->remaining_updates;

	if (refuse(rung, report, FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES))
		return rung->result;
	if (host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES] != NULL) {
		rung->advice = "run this as root";
		return say(rung, UNKNOWN, "%s", host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES]);
	}
	if (left == FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN)
		return say(rung, SKIP, "the kernel does not show it, see P-SEAMLDR");
	rung->advice = left == 1 ? "plan a full reset" : NULL;
	return say(rung,
		   left == 1 ? WARN : PASS,
		   "%" G_GUINT64_FORMAT " until the next full reset",
		   left);
}

static StatusResult
check_fwupd(StatusRung *rung, const StatusReport *report)
{
	const StatusFwupd *fwupd = report->fwupd;

	rung->advice = "apt install fwupd fwupd-plugin-tdx-module; systemctl unmask fwupd";
	if (fwupd->state == STATUS_FWUPD_STATE_MISSING)
		return say(rung, FAIL, "it is not installed, or masked");
	rung->advice = "see systemctl status dbus fwupd";
	if (fwupd->state == STATUS_FWUPD_STATE_UNKNOWN)
		return say(rung, UNKNOWN, "%s", fwupd->error);
	rung->advice =
	    "install fwupd-plugin-tdx-module for just this fwupd, then systemctl restart fwupd";
	if (!fwupd->has_plugin)
		return say(rung,
			   FAIL,
			   "fwupd %s has no plugin tdx_module, or it was built for another fwupd",
			   fwupd->version);
	rung->advice = "systemctl restart fwupd; see journalctl -u fwupd -b";
	if (fwupd->device == NULL && report->facts->has_device)
		return say(rung,
			   FAIL,
			   "fwupd %s has the plugin, and does not show the TDX module",
			   fwupd->version);
	rung->advice = NULL;
	return say(rung, PASS, "fwupd %s has the plugin", fwupd->version);
}

/* those with TDX modules; returns the age of the oldest in days */
static guint64
append_remotes(GString *str, const StatusReport *report)
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

static StatusResult
check_metadata(StatusRung *rung, const StatusReport *report)
{
	g_autoptr(GString) str = g_string_new(NULL);
	guint64 days = append_remotes(str, report);
	guint n_remotes = report->fwupd->remotes->len;

	rung->advice = "run this as root";
	if (report->metadata->error != NULL)
		return say(rung, UNKNOWN, "%s", report->metadata->error);
	rung->advice = "fwupdmgr refresh; fwupdmgr enable-remote lvfs, or that of a mirror";
	if (str->len == 0)
		return say(rung,
			   FAIL,
			   "none of the remotes that are enabled (%u) has TDX modules",
			   n_remotes);
	rung->advice = days > STATUS_METADATA_DAYS_MAX ? "fwupdmgr refresh" : NULL;
	return say(rung, rung->advice != NULL ? WARN : PASS, "TDX modules are in%s", str->str);
}

static StatusResult
check_release(StatusRung *rung, const StatusReport *report)
{
	const gchar *newest = report->metadata->newest;
	const gchar *offered = report->offered;

	rung->advice = "mend that, e.g. with a newer BIOS";
	if (report->is_refused)
		return say(rung,
			   WARN,
			   "this host cannot take %s: %s%s%s",
			   newest,
			   report->metadata->reason,
			   offered != NULL ? "; the newest that it can take is " : "",
			   offered != NULL ? offered : "");
	rung->advice = report->reasons->len > 0 ? "see Update now" : "fwupdmgr update";
	if (offered != NULL)
		return say(rung, WARN, "%s is newer, urgency %s", offered, report->urgency);
	rung->advice = "ask who publishes them; another series comes with a BIOS";
	if (newest == NULL)
		return say(rung, FAIL, "there is none for this CPU and series");
	rung->advice = NULL;
	return say(rung, PASS, "the newest for this CPU and series is %s", newest);
}

static void
append_tcb(GString *str, const StatusTcb *tcb, const gchar *version)
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

/* the graver, the higher: what is not known is less than what is known to be bad */
static const StatusResult status_tcb_results[] = {SKIP, PASS, UNKNOWN, WARN, FAIL};

static guint
tcb_get_gravity(const StatusTcb *tcb)
{
	if (g_strcmp0(tcb->status, "refused") == 0)
		return 4;
	if (g_strcmp0(tcb->status, "unknown") == 0 || g_strcmp0(tcb->status, "stale") == 0)
		return 2;
	return g_strcmp0(tcb->status, "UpToDate") == 0 ? 1 : 3;
}

static StatusResult
check_tcb(StatusRung *rung, const StatusReport *report)
{
	guint gravity = 0;
	g_autoptr(GString) str = g_string_new(NULL);

	rung->advice = "see TCB INFO in tdx-module-status(8)";
	if (report->tcbs->len == 0)
		return say(rung, SKIP, "no TCB info is there");
	for (guint i = 0; i < report->tcbs->len; i++) {
		const StatusTcb *tcb = g_ptr_array_index(report->tcbs, i);
		if (i > 0)
			g_string_append(str, "; ");
		append_tcb(str, tcb, report->version);
		gravity = MAX(gravity, tcb_get_gravity(tcb));
	}
	rung->advice = "this is the TDX module's half: CPU and BIOS have levels of their own";
	return say(rung, status_tcb_results[gravity], "%s", str->str);
}

static StatusResult
check_update(StatusRung *rung, const StatusReport *report)
{
	g_autoptr(GPtrArray) messages = g_ptr_array_new();
	g_autofree gchar *str = NULL;

	for (guint i = 0; i < report->reasons->len; i++) {
		StatusReason *reason = g_ptr_array_index(report->reasons, i);
		g_ptr_array_add(messages, reason->message);
	}
	str = fu_strjoin(". ", messages);
	if (report->updatable == STATUS_TRI_UNKNOWN)
		return say(rung, UNKNOWN, "not all is known that this depends on. %s", str);
	if (messages->len > 0)
		return say(rung, FAIL, "%s", str);
	if (report->updatable == STATUS_TRI_FALSE)
		return say(rung, SKIP, "see fwupd");
	if (report->facts->is_root)
		return say(rung, PASS, "nothing is in the way");
	rung->advice = "root learns more";
	return say(rung, PASS, "nothing that a user can see is in the way");
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

static StatusResult
check_boot(StatusRung *rung, const StatusReport *report)
{
	FwupdDevice *boot = report->fwupd->boot;
	FwupdDevice *entry = report->fwupd->boot_entry;
	const gchar *offer = report->boot_offer;
	const gchar *error;
	guint i = 0;

	if (boot == NULL)
		return say(rung, SKIP, "fwupd sees no TDX module on the EFI system partition");
	error = fwupd_device_get_update_error(entry != NULL ? entry : boot);
	while (i < G_N_ELEMENTS(status_boots) - 1 &&
	       g_strcmp0(status_boots[i].state, report->boot_state) != 0)
		i++;
	rung->advice = status_boots[i].advice;
	return say(rung,
		   status_boots[i].result,
		   "%s%s%s, %s",
		   fwupd_device_get_version(boot),
		   offer != NULL ? ", and there is " : "",
		   offer != NULL ? offer : "",
		   error != NULL ? error : fwupd_device_get_summary(boot));
}

static StatusResult
check_reset(StatusRung *rung, const StatusReport *report)
{
	const StatusReapply *reapply = report->reapply;

	if (reapply->state == NULL || g_strcmp0(reapply->state, "unknown") == 0)
		return say(rung, UNKNOWN, "%s", reapply->reason);
	rung->advice = "systemctl enable --now tdx-module-reapply.service";
	if (!reapply->enabled && g_strcmp0(report->source, "runtime") == 0)
		return say(rung, WARN, "the TDX module that the boot brings is back");
	rung->advice = "see tdx-module-reapply status";
	if (reapply->enabled &&
	    (g_strcmp0(reapply->state, "damaged") == 0 || reapply->missing != NULL))
		return say(rung,
			   FAIL,
			   "%s would not be applied again%s%s",
			   reapply->missing != NULL ? reapply->missing : "what is stored",
			   reapply->reason != NULL ? ": " : "",
			   reapply->reason != NULL ? reapply->reason : "");
	rung->advice = NULL;
	if (!reapply->enabled)
		return say(rung, SKIP, "the boot brings the TDX module, nothing is applied again");
	if (reapply->stored == NULL)
		return say(rung, PASS, "nothing was installed that would be applied again");
	return say(rung,
		   PASS,
		   "%s is applied again, if the boot brings an older one",
		   reapply->stored);
}

static const struct {
	const gchar *name;
	const gchar *title;
	gint needs; /* the rung without which this one says nothing, or -1 */
	StatusResult (*func)(StatusRung *rung, const StatusReport *report);
} status_rungs[] = {
    {"cpu", "CPU and BIOS", -1, check_cpu},
    {"kernel", "Kernel", 0, check_kernel},
    {"erratum", "Erratum", 1, check_erratum},
    {"module", "TDX module", 1, check_module},
    {"seamldr", "P-SEAMLDR", 1, check_seamldr},
    {"updates-left", "Updates left", 1, check_updates_left},
    {"fwupd", "fwupd", -1, check_fwupd},
    {"metadata", "Metadata", 6, check_metadata},
    {"release", "Release", 7, check_release},
    {"tcb", "TCB info", 3, check_tcb},
    {"update", "Update now", 3, check_update},
    {"boot", "Next boot", 6, check_boot},
    {"reset", "After a reset", 3, check_reset},
};

/* a kernel tells more of TDX than a CPU of which nothing is known */
static gboolean
carries(const StatusRung *rung)
{
	return rung->result <= WARN ||
	       (rung->result == UNKNOWN && g_strcmp0(rung->name, "cpu") == 0);
}

GPtrArray *
status_ladder_build(const StatusReport *report)
{
	GPtrArray *rungs = g_ptr_array_new();

	for (guint i = 0; i < G_N_ELEMENTS(status_rungs); i++) {
		StatusRung *rung = g_new0(StatusRung, 1);
		gint needs = status_rungs[i].needs;

		rung->name = status_rungs[i].name;
		rung->title = status_rungs[i].title;
		g_ptr_array_add(rungs, rung);
		if (needs >= 0 && !carries(g_ptr_array_index(rungs, needs)))
			rung->result = say(rung, SKIP, "see %s", status_rungs[needs].title);
		else
			rung->result = status_rungs[i].func(rung, report);
	}
	return rungs;
}

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
