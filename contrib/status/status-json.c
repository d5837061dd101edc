/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The report for other programs, as tdx-module-status.schema.json describes it.
 */

#include "config.h"

#include <json-glib/json-glib.h>

#include "fu-tdx-preflight.h"
#include "status.h"
#include "tdx-released.h"

#define STATUS_JSON_VERSION 1

static void
status_json_add_string(JsonBuilder *builder, const gchar *name, const gchar *value)
{
	json_builder_set_member_name(builder, name);
	if (value != NULL)
		json_builder_add_string_value(builder, value);
	else
		json_builder_add_null_value(builder);
}

static void
status_json_add_int(JsonBuilder *builder, const gchar *name, gint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, value);
}

static void
status_json_add_boolean(JsonBuilder *builder, const gchar *name, gboolean value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_boolean_value(builder, value);
}

static void
status_json_add_null(JsonBuilder *builder, const gchar *name)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_null_value(builder);
}

static void
status_json_add_tri(JsonBuilder *builder, const gchar *name, StatusTri value)
{
	if (value == STATUS_TRI_UNKNOWN)
		status_json_add_null(builder, name);
	else
		status_json_add_boolean(builder, name, value == STATUS_TRI_TRUE);
}

static void
status_json_add_strings(JsonBuilder *builder, const gchar *name, GPtrArray *values)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (guint i = 0; i < values->len; i++)
		json_builder_add_string_value(builder, g_ptr_array_index(values, i));
	json_builder_end_array(builder);
}

static void
status_json_begin(JsonBuilder *builder, const gchar *name)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_object(builder);
}

static void
status_json_add_reasons(JsonBuilder *builder, const StatusReport *report)
{
	json_builder_set_member_name(builder, "reasons");
	json_builder_begin_array(builder);
	for (guint i = 0; i < report->reasons->len; i++) {
		StatusReason *reason = g_ptr_array_index(report->reasons, i);
		json_builder_begin_object(builder);
		status_json_add_string(builder, "code", reason->code);
		status_json_add_boolean(builder, "lasting", reason->lasting);
		status_json_add_string(builder, "message", reason->message);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void
status_json_add_module(JsonBuilder *builder, const StatusReport *report)
{
	guint16 svn = fu_tdx_preflight_version_to_svn(report->version);
	const TdxReleased *released =
	    report->version != NULL ? tdx_released_find_by_version(report->version) : NULL;

	status_json_begin(builder, "module");
	status_json_add_string(builder, "version", report->version);
	if (svn != 0)
		status_json_add_int(builder, "svn", svn);
	else
		status_json_add_null(builder, "svn");
	status_json_add_boolean(builder, "svn_exact", released != NULL);
	status_json_add_string(builder, "mrseam", released != NULL ? released->mrseam : NULL);
	status_json_add_string(builder, "source", report->source);
	status_json_add_string(builder, "seamldr", report->seamldr);
	if (report->facts->host.attr_remaining_updates != NULL &&
	    report->facts->host.remaining_updates != FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN)
		status_json_add_int(builder, "updates_left", report->facts->host.remaining_updates);
	else
		status_json_add_null(builder, "updates_left");
	json_builder_end_object(builder);
}

static void
status_json_add_host(JsonBuilder *builder, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;
	const gchar *guests[] = {"unknown", "impossible", "counted"};
	g_autofree gchar *fms = host->cpu != 0 ? g_strdup_printf("%X", host->cpu) : NULL;

	status_json_begin(builder, "host");
	status_json_add_string(builder, "cpu", fms);
	status_json_add_tri(builder,
			    "erratum",
			    host->cpu == 0 ? STATUS_TRI_UNKNOWN
					   : (host->erratum ? STATUS_TRI_TRUE : STATUS_TRI_FALSE));
	status_json_add_string(builder, "cpus_online", host->cpus_online);
	status_json_add_string(builder, "cpus_present", host->cpus_present);
	status_json_add_string(builder, "guests", guests[host->guests]);
	if (host->guests == FU_TDX_GUESTS_COUNTED)
		status_json_add_int(builder, "guests_running", host->tds);
	else
		status_json_add_null(builder, "guests_running");
	json_builder_end_object(builder);
}

/* what its publisher says of this release, and not what a release of that version should be */
static gchar *
status_json_get_mrseam(FwupdRelease *release)
{
	const gchar *description = fwupd_release_get_description(release);
	g_autoptr(GRegex) regex = g_regex_new("MRSEAM: ([0-9a-f]{96})\\b", 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	if (description == NULL || !g_regex_match(regex, description, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 1);
}

static void
status_json_add_release(JsonBuilder *builder, FwupdRelease *release)
{
	const gchar *version = fwupd_release_get_version(release);
	g_autofree gchar *mrseam = status_json_get_mrseam(release);

	json_builder_begin_object(builder);
	status_json_add_string(builder, "version", version);
	status_json_add_string(builder,
			       "urgency",
			       fwupd_release_urgency_to_string(fwupd_release_get_urgency(release)));
	status_json_add_string(builder, "mrseam", mrseam);
	status_json_add_string(builder, "remote", fwupd_release_get_remote_id(release));
	json_builder_end_object(builder);
}

static void
status_json_add_releases(JsonBuilder *builder, const gchar *name, GPtrArray *releases)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (guint i = 0; i < releases->len; i++)
		status_json_add_release(builder, g_ptr_array_index(releases, i));
	json_builder_end_array(builder);
}

static void
status_json_add_remotes(JsonBuilder *builder, const StatusReport *report)
{
	json_builder_set_member_name(builder, "remotes");
	json_builder_begin_array(builder);
	for (guint i = 0; i < report->fwupd->remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(report->fwupd->remotes, i);
		guint64 age = fwupd_remote_get_age(remote);
		json_builder_begin_object(builder);
		status_json_add_string(builder, "id", fwupd_remote_get_id(remote));
		if (fwupd_remote_get_kind(remote) == FWUPD_REMOTE_KIND_DOWNLOAD &&
		    age != G_MAXUINT64)
			status_json_add_int(builder, "age", age);
		else
			status_json_add_null(builder, "age");
		status_json_add_tri(builder, "tdx", status_report_has_tdx(report, remote));
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void
status_json_add_fwupd(JsonBuilder *builder, const StatusReport *report)
{
	const gchar *states[] = {"running", "missing", "unknown"};

	status_json_begin(builder, "fwupd");
	status_json_add_string(builder, "state", states[report->fwupd->state]);
	status_json_add_string(builder, "version", report->fwupd->version);
	status_json_add_boolean(builder, "plugin", report->fwupd->has_plugin);
	status_json_add_string(
	    builder,
	    "device_id",
	    report->fwupd->device != NULL ? fwupd_device_get_id(report->fwupd->device) : NULL);
	status_json_add_remotes(builder, report);
	json_builder_end_object(builder);
}

static void
status_json_add_refused(JsonBuilder *builder, const StatusReport *report)
{
	if (!report->is_refused) {
		status_json_add_null(builder, "refused");
		return;
	}
	status_json_begin(builder, "refused");
	status_json_add_string(builder, "version", report->metadata->newest);
	status_json_add_string(builder, "reason", report->metadata->reason);
	json_builder_end_object(builder);
}

static void
status_json_add_update(JsonBuilder *builder, const gchar *name, FwupdDevice *entry)
{
	const gchar *result;
	g_autoptr(GDateTime) modified = NULL;
	g_autofree gchar *date = NULL;

	if (entry == NULL) {
		status_json_add_null(builder, name);
		return;
	}
	modified = g_date_time_new_from_unix_utc(fwupd_device_get_modified(entry));
	date = g_date_time_format_iso8601(modified);
	status_json_begin(builder, name);
	status_json_add_string(builder,
			       "version",
			       fwupd_release_get_version(fwupd_device_get_release_default(entry)));
	result = fwupd_update_state_to_string(fwupd_device_get_update_state(entry));
	status_json_add_string(builder, "result", result != NULL ? result : "unknown");
	status_json_add_string(builder, "error", fwupd_device_get_update_error(entry));
	status_json_add_string(builder, "date", date);
	json_builder_end_object(builder);
}

static void
status_json_add_boot(JsonBuilder *builder, const StatusReport *report)
{
	FwupdDevice *boot = report->fwupd->boot;

	status_json_begin(builder, "boot");
	status_json_add_string(builder, "state", report->boot_state);
	status_json_add_string(builder,
			       "version",
			       boot != NULL ? fwupd_device_get_version(boot) : NULL);
	status_json_add_string(builder,
			       "message",
			       boot != NULL ? fwupd_device_get_summary(boot) : NULL);
	status_json_add_string(builder,
			       "device_id",
			       boot != NULL ? fwupd_device_get_id(boot) : NULL);
	status_json_add_releases(builder, "releases", report->fwupd->boot_releases);
	status_json_add_update(builder, "last_update", report->fwupd->boot_entry);
	json_builder_end_object(builder);
}

static void
status_json_add_reapply(JsonBuilder *builder, const StatusReport *report)
{
	status_json_begin(builder, "reapply");
	status_json_add_boolean(builder, "enabled", report->reapply->enabled);
	status_json_add_string(builder,
			       "state",
			       report->reapply->state != NULL ? report->reapply->state : "unknown");
	status_json_add_string(builder, "reason", report->reapply->reason);
	status_json_add_string(builder, "stored", report->reapply->stored);
	status_json_add_string(builder, "missing", report->reapply->missing);
	json_builder_end_object(builder);
}

static void
status_json_add_tcb(JsonBuilder *builder, const StatusTcb *tcb)
{
	g_autoptr(GPtrArray) none = g_ptr_array_new();

	json_builder_begin_object(builder);
	status_json_add_string(builder, "file", tcb->filename);
	status_json_add_string(builder, "status", tcb->status);
	status_json_add_string(builder, "error", tcb->error);
	if (tcb->info != NULL)
		status_json_add_int(builder, "set", tcb->info->set);
	else
		status_json_add_null(builder, "set");
	status_json_add_string(builder, "date", tcb->info != NULL ? tcb->info->date : NULL);
	status_json_add_string(builder, "since", tcb->level != NULL ? tcb->level->date : NULL);
	status_json_add_strings(builder,
				"advisories",
				tcb->level != NULL ? tcb->level->advisories : none);
	if (tcb->svn != 0)
		status_json_add_int(builder, "up_to_date_svn", tcb->svn);
	else
		status_json_add_null(builder, "up_to_date_svn");
	status_json_add_string(builder, "up_to_date_version", tcb->version);
	json_builder_end_object(builder);
}

static void
status_json_add_tcbs(JsonBuilder *builder, const StatusReport *report)
{
	json_builder_set_member_name(builder, "tcb");
	json_builder_begin_array(builder);
	for (guint i = 0; i < report->tcbs->len; i++)
		status_json_add_tcb(builder, g_ptr_array_index(report->tcbs, i));
	json_builder_end_array(builder);
}

static void
status_json_add_ladder(JsonBuilder *builder, const StatusReport *report)
{
	json_builder_set_member_name(builder, "ladder");
	json_builder_begin_array(builder);
	for (guint i = 0; i < report->rungs->len; i++) {
		StatusRung *rung = g_ptr_array_index(report->rungs, i);
		json_builder_begin_object(builder);
		status_json_add_string(builder, "rung", rung->name);
		status_json_add_string(builder, "result", status_result_to_string(rung->result));
		status_json_add_string(builder, "found", rung->found);
		status_json_add_string(builder, "advice", rung->advice);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

/**
 * status_json_build:
 * @report: a #StatusReport
 *
 * Returns: (transfer full): JSON, with a newline
 **/
gchar *
status_json_build(const StatusReport *report)
{
	g_autofree gchar *text = NULL;
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	json_builder_begin_object(builder);
	status_json_add_int(builder, "schema", STATUS_JSON_VERSION);
	status_json_add_string(builder, "state", status_state_to_string(report->state));
	status_json_add_string(builder, "verdict", report->verdict);
	status_json_add_boolean(builder, "root", report->facts->is_root);
	status_json_add_tri(builder, "updatable", report->updatable);
	status_json_add_reasons(builder, report);
	status_json_add_strings(builder, "unknown", report->unknown);
	status_json_add_strings(builder, "resets", report->resets);
	status_json_add_module(builder, report);
	status_json_add_host(builder, report);
	status_json_add_fwupd(builder, report);
	status_json_add_releases(builder, "releases", report->fwupd->releases);
	status_json_add_refused(builder, report);
	status_json_add_update(builder, "last_update", report->fwupd->entry);
	status_json_add_boot(builder, report);
	status_json_add_reapply(builder, report);
	status_json_add_tcbs(builder, report);
	status_json_add_ladder(builder, report);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	text = json_to_string(root, TRUE);
	return g_strconcat(text, "\n", NULL);
}
