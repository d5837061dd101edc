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
#include "tdx-released.h"

static void
status_metric_begin(GString *str, const gchar *name, const gchar *help)
{
	g_string_append_printf(str, "# HELP tdx_module_%s %s\n", name, help);
	g_string_append_printf(str, "# TYPE tdx_module_%s gauge\n", name);
}

/* a value in quotes */
static void
status_metric_add_label(GString *str, const gchar *name, const gchar *value)
{
	g_string_append_printf(str, "%s%s=\"", str->str[str->len - 1] != '{' ? "," : "", name);
	for (; value != NULL && *value != '\0'; value++) {
		if (*value == '\n')
			g_string_append(str, "\\n");
		else if (*value == '"' || *value == '\\')
			g_string_append_printf(str, "\\%c", *value);
		else
			g_string_append_c(str, *value);
	}
	g_string_append_c(str, '"');
}

static void
status_metric_add(GString *str,
		  const gchar *name,
		  const gchar *label,
		  const gchar *value,
		  guint64 number)
{
	g_string_append_printf(str, "tdx_module_%s", name);
	if (label != NULL) {
		g_string_append_c(str, '{');
		status_metric_add_label(str, label, value);
		g_string_append_c(str, '}');
	}
	g_string_append_printf(str, " %" G_GUINT64_FORMAT "\n", number);
}

static void
status_metrics_add_states(GString *str, const StatusReport *report)
{
	status_metric_begin(str, "state", "What this host is, see docs/operators.md");
	for (guint i = 0; i < STATUS_STATE_LAST; i++)
		status_metric_add(str,
				  "state",
				  "state",
				  status_state_to_string(i),
				  i == report->state);
	status_metric_begin(str, "boot_state", "What the next boot brings");
	for (guint i = 0; status_boot_states[i] != NULL; i++)
		status_metric_add(str,
				  "boot_state",
				  "state",
				  status_boot_states[i],
				  g_strcmp0(status_boot_states[i], report->boot_state) == 0);
	status_metric_begin(str, "reset_needed", "Why a full reset of the host is needed");
	for (guint i = 0; status_resets[i] != NULL; i++)
		status_metric_add(str,
				  "reset_needed",
				  "reason",
				  status_resets[i],
				  g_ptr_array_find_with_equal_func(report->resets,
								   status_resets[i],
								   g_str_equal,
								   NULL));
}

static void
status_metrics_add_reasons(GString *str, const StatusReport *report)
{
	status_metric_begin(str, "blocked", "Why the TDX module cannot be updated now");
	for (guint i = 0; i <= FU_TDX_PREFLIGHT_RULE_GUESTS_RUNNING; i++) {
		const gchar *code = fu_tdx_preflight_rule_to_string(i);
		status_metric_add(str,
				  "blocked",
				  "reason",
				  code,
				  status_report_find_reason(report, code) != NULL);
	}
	status_metric_add(str,
			  "blocked",
			  "reason",
			  "fwupd",
			  status_report_find_reason(report, "fwupd") != NULL);
}

static void
status_metrics_add_info(GString *str, const StatusReport *report)
{
	const TdxReleased *released =
	    report->version != NULL ? tdx_released_find_by_version(report->version) : NULL;
	guint16 svn = fu_tdx_preflight_version_to_svn(report->version);
	g_autofree gchar *cpu = g_strdup_printf("%X", report->facts->host.cpu);
	g_autofree gchar *svn_str = svn != 0 ? g_strdup_printf("%u", (guint)svn) : NULL;

	status_metric_begin(str, "info", "The TDX module that is running");
	g_string_append(str, "tdx_module_info{");
	status_metric_add_label(str, "version", report->version);
	status_metric_add_label(str, "svn", svn_str);
	status_metric_add_label(str, "mrseam", released != NULL ? released->mrseam : NULL);
	status_metric_add_label(str, "seamldr", report->seamldr);
	status_metric_add_label(str, "source", report->source);
	status_metric_add_label(str, "cpu", cpu);
	status_metric_add_label(str, "kernel", report->facts->kernel);
	g_string_append(str, "} 1\n");
}

static void
status_metrics_add_numbers(GString *str, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;
	FwupdDevice *entry = report->fwupd->entry;

	status_metric_begin(str, "updates_left", "Updates at run time until the next full reset");
	if (host->attr_remaining_updates != NULL &&
	    host->remaining_updates != FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN)
		status_metric_add(str, "updates_left", NULL, NULL, host->remaining_updates);
	status_metric_begin(str, "guests_running", "TDs");
	if (host->guests != FU_TDX_GUESTS_UNKNOWN)
		status_metric_add(str, "guests_running", NULL, NULL, host->tds);
	status_metric_begin(str, "reapply_enabled", "If it is applied again after a reset");
	status_metric_add(str, "reapply_enabled", NULL, NULL, report->reapply->enabled);
	status_metric_begin(str, "last_update_failed", "If fwupd's last update failed");
	status_metric_add(str,
			  "last_update_failed",
			  NULL,
			  NULL,
			  entry != NULL &&
			      fwupd_device_get_update_state(entry) == FWUPD_UPDATE_STATE_FAILED);
}

static void
status_metrics_add_releases(GString *str, const StatusReport *report)
{
	status_metric_begin(str, "update_offered", "The newest release that this host can take");
	if (report->newest != NULL) {
		g_string_append(str, "tdx_module_update_offered{");
		status_metric_add_label(str, "version", fwupd_release_get_version(report->newest));
		status_metric_add_label(
		    str,
		    "urgency",
		    fwupd_release_urgency_to_string(fwupd_release_get_urgency(report->newest)));
		g_string_append(str, "} 1\n");
	}
	status_metric_begin(str, "metadata_age_seconds", "Of a remote that is downloaded");
	for (guint i = 0; i < report->fwupd->remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(report->fwupd->remotes, i);
		if (fwupd_remote_get_kind(remote) == FWUPD_REMOTE_KIND_DOWNLOAD &&
		    fwupd_remote_get_age(remote) != G_MAXUINT64)
			status_metric_add(str,
					  "metadata_age_seconds",
					  "remote",
					  fwupd_remote_get_id(remote),
					  fwupd_remote_get_age(remote));
	}
}

static void
status_metrics_add_tcbs(GString *str, const StatusReport *report)
{
	const gchar *statuses[] = {"UpToDate", "OutOfDate", "stale", "unknown", "refused"};

	status_metric_begin(str, "tcb_status", "The module's half of Intel's TCB info");
	for (guint i = 0; i < report->tcbs->len; i++) {
		const StatusTcb *tcb = g_ptr_array_index(report->tcbs, i);
		g_autofree gchar *set = tcb->info != NULL
					    ? g_strdup_printf("%" G_GUINT64_FORMAT, tcb->info->set)
					    : NULL;
		g_autofree gchar *basename = g_path_get_basename(tcb->filename);
		gboolean known = FALSE;

		for (guint j = 0; j <= G_N_ELEMENTS(statuses); j++) {
			const gchar *status = j < G_N_ELEMENTS(statuses) ? statuses[j]
									 : tcb->status;
			gboolean is_it = g_strcmp0(status, tcb->status) == 0;

			if (j == G_N_ELEMENTS(statuses) && known)
				break;
			known |= is_it;
			g_string_append(str, "tdx_module_tcb_status{");
			status_metric_add_label(str, "file", basename);
			status_metric_add_label(str, "set", set);
			status_metric_add_label(str, "status", status);
			g_string_append_printf(str, "} %i\n", is_it);
		}
	}
}

/**
 * status_metrics_build:
 * @report: a #StatusReport
 *
 * Returns: (transfer full): metrics in Prometheus' text format
 **/
gchar *
status_metrics_build(const StatusReport *report)
{
	g_autoptr(GString) str = g_string_new(NULL);

	status_metrics_add_states(str, report);
	status_metrics_add_reasons(str, report);
	status_metrics_add_info(str, report);
	status_metrics_add_numbers(str, report);
	status_metrics_add_releases(str, report);
	status_metrics_add_tcbs(str, report);
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/**
 * status_features_build:
 * @report: a #StatusReport
 *
 * The version of the TDX module is not among them, as node-feature-discovery is about to have it.
 *
 * Returns: (transfer full): a feature file that expires after a day
 **/
gchar *
status_features_build(const StatusReport *report)
{
	g_autofree gchar *date = NULL;
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autoptr(GDateTime) expiry = g_date_time_add_days(now, 1);
	g_autoptr(GString) str = g_string_new(NULL);

	date = g_date_time_format(expiry, "%Y-%m-%dT%H:%M:%SZ");
	g_string_append_printf(str, "# +expiry-time=%s\n", date);
	g_string_append_printf(str, "tdx-module.state=%s\n", status_state_to_string(report->state));
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
