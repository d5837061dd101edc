/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The report for node_exporter's textfile collector, and for node-feature-discovery. All states and
 * reasons are always there, as a rule that matches nothing looks as if all were well.
 */

#include "config.h"

#include "fu-tdx-preflight.h"
#include "status.h"

static void
metric_begin(GString *str, const gchar *name, const gchar *help)
{
	g_string_append_printf(str, "# HELP tdx_module_%s %s\n", name, help);
	g_string_append_printf(str, "# TYPE tdx_module_%s gauge\n", name);
}

static void
metric_add_label(GString *str, const gchar *name, const gchar *value)
{
	g_autoptr(GString) escaped = g_string_new(value);

	g_string_replace(escaped, "\\", "\\\\", 0);
	g_string_replace(escaped, "\"", "\\\"", 0);
	g_string_replace(escaped, "\n", "\\n", 0);
	if (str->str[str->len - 1] != '{')
		g_string_append_c(str, ',');
	g_string_append_printf(str, "%s=\"%s\"", name, escaped->str);
}

static void
metric_add(GString *str, const gchar *name, guint64 number)
{
	g_string_append_printf(str, "tdx_module_%s %" G_GUINT64_FORMAT "\n", name, number);
}

static void
metric_add_one(GString *str, const gchar *name, const gchar *key, const gchar *value, guint64 n)
{
	g_string_append_printf(str, "tdx_module_%s{", name);
	metric_add_label(str, key, value);
	g_string_append_printf(str, "} %" G_GUINT64_FORMAT "\n", n);
}

static void
metrics_add_states(GString *str, const StatusReport *report)
{
	metric_begin(str, "state", "What this host is, see docs/operators.md");
	for (guint i = 0; i < STATUS_STATE_LAST; i++) {
		const gchar *state = status_states[i].name;
		metric_add_one(str, "state", "state", state, i == report->state);
	}
	metric_begin(str, "boot_state", "What the next boot brings");
	for (guint i = 0; status_boot_states[i] != NULL; i++) {
		const gchar *state = status_boot_states[i];
		gboolean is_it = g_strcmp0(state, report->boot_state) == 0;
		metric_add_one(str, "boot_state", "state", state, is_it);
	}
	metric_begin(str, "reset_needed", "Why a full reset of the host is needed");
	for (guint i = 0; status_resets[i] != NULL; i++) {
		const gchar *reset = status_resets[i];
		gboolean is_it =
		    g_ptr_array_find_with_equal_func(report->resets, reset, g_str_equal, NULL);
		metric_add_one(str, "reset_needed", "reason", reset, is_it);
	}
}

static void
metrics_add_reason(GString *str, const StatusReport *report, const gchar *code)
{
	gboolean is_it = status_report_find_reason(report, code) != NULL;
	metric_add_one(str, "blocked", "reason", code, is_it);
}

static void
metrics_add_reasons(GString *str, const StatusReport *report)
{
	metric_begin(str, "blocked", "Why the TDX module cannot be updated now");
	for (guint i = 0; i <= FU_TDX_PREFLIGHT_RULE_GUESTS_RUNNING; i++)
		metrics_add_reason(str, report, fu_tdx_preflight_rule_to_string(i));
	metrics_add_reason(str, report, "fwupd");
}

static void
metrics_add_info(GString *str, const StatusReport *report)
{
	const TdxReleased *released = report->released;
	g_autofree gchar *cpu = g_strdup_printf("%X", report->facts->host.cpu);
	g_autofree gchar *svn_str = report->svn != 0 ? g_strdup_printf("%u", report->svn) : NULL;

	metric_begin(str, "info", "The TDX module that is running");
	g_string_append(str, "tdx_module_info{");
	metric_add_label(str, "version", report->version);
	metric_add_label(str, "svn", svn_str);
	metric_add_label(str, "mrseam", released != NULL ? released->mrseam : NULL);
	metric_add_label(str, "seamldr", report->seamldr);
	metric_add_label(str, "source", report->source);
	metric_add_label(str, "cpu", cpu);
	metric_add_label(str, "kernel", report->facts->kernel);
	g_string_append(str, "} 1\n");
}

static void
metrics_add_numbers(GString *str, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;
	FwupdDevice *entry = report->fwupd->entry;
	gboolean has_failed =
	    entry != NULL && fwupd_device_get_update_state(entry) == FWUPD_UPDATE_STATE_FAILED;

	metric_begin(str, "updates_left", "Updates at run time until the next full reset");
	if (host->remaining_updates != FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN)
		metric_add(str, "updates_left", host->remaining_updates);
	metric_begin(str, "guests_running", "TDs");
	if (host->guests != FU_TDX_GUESTS_UNKNOWN)
		metric_add(str, "guests_running", host->tds);
	metric_begin(str, "reapply_enabled", "If it is applied again after a reset");
	metric_add(str, "reapply_enabled", report->reapply->enabled);
	metric_begin(str, "last_update_failed", "If fwupd's last update failed");
	metric_add(str, "last_update_failed", has_failed);
}

static void
metrics_add_releases(GString *str, const StatusReport *report)
{
	metric_begin(str, "update_offered", "The newest release that this host can take");
	if (report->offered != NULL) {
		g_string_append(str, "tdx_module_update_offered{");
		metric_add_label(str, "version", report->offered);
		metric_add_label(str, "urgency", report->urgency);
		g_string_append(str, "} 1\n");
	}
	metric_begin(str, "metadata_age_seconds", "Of a remote that is downloaded");
	for (guint i = 0; i < report->fwupd->remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(report->fwupd->remotes, i);
		const gchar *id = fwupd_remote_get_id(remote);
		guint64 age = fwupd_remote_get_age(remote);

		if (fwupd_remote_get_kind(remote) == FWUPD_REMOTE_KIND_DOWNLOAD &&
		    age != G_MAXUINT64)
			metric_add_one(str, "metadata_age_seconds", "remote", id, age);
	}
}

static void
metrics_add_tcb(GString *str, const StatusTcb *tcb, const gchar *status)
{
	g_autofree gchar *basename = g_path_get_basename(tcb->filename);
	g_autofree gchar *set = NULL;

	if (tcb->info != NULL)
		set = g_strdup_printf("%" G_GUINT64_FORMAT, tcb->info->set);
	g_string_append(str, "tdx_module_tcb_status{");
	metric_add_label(str, "file", basename);
	metric_add_label(str, "set", set);
	metric_add_label(str, "status", status);
	g_string_append_printf(str, "} %i\n", g_strcmp0(status, tcb->status) == 0);
}

/* Intel has others, too */
static void
metrics_add_tcbs(GString *str, const StatusReport *report)
{
	const gchar *const statuses[] =
	    {"UpToDate", "OutOfDate", "stale", "unknown", "refused", NULL};

	metric_begin(str, "tcb_status", "The module's half of Intel's TCB info");
	for (guint i = 0; i < report->tcbs->len; i++) {
		const StatusTcb *tcb = g_ptr_array_index(report->tcbs, i);
		for (guint j = 0; statuses[j] != NULL; j++)
			metrics_add_tcb(str, tcb, statuses[j]);
		if (!g_strv_contains(statuses, tcb->status))
			metrics_add_tcb(str, tcb, tcb->status);
	}
}

gchar *
status_metrics_build(const StatusReport *report)
{
	g_autoptr(GString) str = g_string_new(NULL);

	metrics_add_states(str, report);
	metrics_add_reasons(str, report);
	metrics_add_info(str, report);
	metrics_add_numbers(str, report);
	metrics_add_releases(str, report);
	metrics_add_tcbs(str, report);
	return g_string_free(g_steal_pointer(&str), FALSE);
}

gchar *
status_features_build(const StatusReport *report)
{
	g_autofree gchar *date = NULL;
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autoptr(GDateTime) expiry = g_date_time_add_days(now, 1);
	g_autoptr(GString) str = g_string_new(NULL);

	date = g_date_time_format(expiry, "%Y-%m-%dT%H:%M:%SZ");
	g_string_append_printf(str, "# +expiry-time=%s\n", date);
	g_string_append_printf(str, "tdx-module.state=%s\n", status_states[report->state].name);
	g_string_append_printf(str,
			       "tdx-module.reset-needed=%s\n",
			       report->resets->len > 0 ? "true" : "false");
	for (guint i = 0; i < report->reasons->len; i++) {
		const StatusReason *reason = g_ptr_array_index(report->reasons, i);
		g_string_append_printf(str, "tdx-module.blocked.%s=true\n", reason->code);
	}
	for (guint i = 0; i < report->tcbs->len; i++) {
		const StatusTcb *tcb = g_ptr_array_index(report->tcbs, i);
		if (tcb->info != NULL)
			g_string_append_printf(str,
					       "tdx-module.tcb.%" G_GUINT64_FORMAT "=%s\n",
					       tcb->info->set,
					       tcb->status);
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}
