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

#include "status.h"

#define STATUS_JSON_VERSION 1

/* null, if it is not known */
static void
set_string(JsonObject *obj, const gchar *name, const gchar *value)
{
	if (value != NULL)
		json_object_set_string_member(obj, name, value);
	else
		json_object_set_null_member(obj, name);
}

static void
set_int(JsonObject *obj, const gchar *name, gboolean is_known, gint64 value)
{
	if (is_known)
		json_object_set_int_member(obj, name, value);
	else
		json_object_set_null_member(obj, name);
}

static void
set_tri(JsonObject *obj, const gchar *name, StatusTri value)
{
	if (value != STATUS_TRI_UNKNOWN)
		json_object_set_boolean_member(obj, name, value == STATUS_TRI_TRUE);
	else
		json_object_set_null_member(obj, name);
}

static void
set_strings(JsonObject *obj, const gchar *name, GPtrArray *values)
{
	JsonArray *array = json_array_new();

	for (guint i = 0; values != NULL && i < values->len; i++)
		json_array_add_string_element(array, g_ptr_array_index(values, i));
	json_object_set_array_member(obj, name, array);
}

typedef void (*StatusJsonFunc)(JsonObject *obj, gpointer value, const StatusReport *report);

static void
set_objects(JsonObject *obj,
	    const gchar *name,
	    GPtrArray *values,
	    StatusJsonFunc func,
	    const StatusReport *report)
{
	JsonArray *array = json_array_new();

	for (guint i = 0; i < values->len; i++) {
		JsonObject *element = json_object_new();
		func(element, g_ptr_array_index(values, i), report);
		json_array_add_object_element(array, element);
	}
	json_object_set_array_member(obj, name, array);
}

static JsonObject *
add_object(JsonObject *obj, const gchar *name)
{
	JsonObject *child = json_object_new();
	json_object_set_object_member(obj, name, child);
	return child;
}

static void
fill_reason(JsonObject *obj, gpointer value, const StatusReport *report)
{
	const StatusReason *reason = value;

	set_string(obj, "code", reason->code);
	json_object_set_boolean_member(obj, "lasting", reason->lasting);
	set_string(obj, "message", reason->message);
}

static void
fill_module(JsonObject *obj, const StatusReport *report)
{
	const FuTdxHost *host = &report->facts->host;
	const TdxReleased *released = report->released;
	guint64 left = host->remaining_updates;

	set_string(obj, "version", report->version);
	set_int(obj, "svn", report->svn != 0, report->svn);
	json_object_set_boolean_member(obj, "svn_exact", released != NULL);
	set_string(obj, "mrseam", released != NULL ? released->mrseam : NULL);
	set_string(obj, "source", report->source);
	set_string(obj, "seamldr", report->seamldr);
	set_int(obj, "updates_left", left != FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN, left);
}

static void
fill_host(JsonObject *obj, const FuTdxHost *host)
{
	const gchar *guests[] = {"unknown", "impossible", "counted"};
	StatusTri erratum = host->erratum ? STATUS_TRI_TRUE : STATUS_TRI_FALSE;
	g_autofree gchar *fms = host->cpu != 0 ? g_strdup_printf("%X", host->cpu) : NULL;

	set_string(obj, "cpu", fms);
	set_tri(obj, "erratum", host->cpu == 0 ? STATUS_TRI_UNKNOWN : erratum);
	set_string(obj, "cpus_online", host->cpus_online);
	set_string(obj, "cpus_present", host->cpus_present);
	set_string(obj, "guests", guests[host->guests]);
	set_int(obj, "guests_running", host->guests == FU_TDX_GUESTS_COUNTED, host->tds);
}

/* what its publisher says of this release, and not what a release of that version should be */
static gchar *
get_mrseam(FwupdRelease *release)
{
	const gchar *description = fwupd_release_get_description(release);
	g_autoptr(GRegex) regex = g_regex_new("MRSEAM: ([0-9a-f]{96})\\b", 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	if (description == NULL || !g_regex_match(regex, description, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 1);
}

static void
fill_release(JsonObject *obj, gpointer value, const StatusReport *report)
{
	FwupdReleaseUrgency urgency = fwupd_release_get_urgency(value);
	g_autofree gchar *mrseam = get_mrseam(value);

	set_string(obj, "version", fwupd_release_get_version(value));
	set_string(obj, "urgency", fwupd_release_urgency_to_string(urgency));
	set_string(obj, "mrseam", mrseam);
	set_string(obj, "remote", fwupd_release_get_remote_id(value));
}

static void
fill_remote(JsonObject *obj, gpointer value, const StatusReport *report)
{
	gboolean is_downloaded = fwupd_remote_get_kind(value) == FWUPD_REMOTE_KIND_DOWNLOAD;
	guint64 age = fwupd_remote_get_age(value);

	set_string(obj, "id", fwupd_remote_get_id(value));
	set_int(obj, "age", is_downloaded && age != G_MAXUINT64, age);
	set_tri(obj, "tdx", status_report_has_tdx(report, value));
}

static void
fill_fwupd(JsonObject *obj, const StatusReport *report)
{
	const StatusFwupd *fwupd = report->fwupd;
	const gchar *states[] = {"running", "missing", "unknown"};

	set_string(obj, "state", states[fwupd->state]);
	set_string(obj, "version", fwupd->version);
	json_object_set_boolean_member(obj, "plugin", fwupd->has_plugin);
	set_string(obj,
		   "device_id",
		   fwupd->device != NULL ? fwupd_device_get_id(fwupd->device) : NULL);
	set_objects(obj, "remotes", fwupd->remotes, fill_remote, report);
}

static void
add_refused(JsonObject *obj, const StatusReport *report)
{
	if (!report->is_refused) {
		json_object_set_null_member(obj, "refused");
		return;
	}
	obj = add_object(obj, "refused");
	set_string(obj, "version", report->metadata->newest);
	set_string(obj, "reason", report->metadata->reason);
}

static void
add_update(JsonObject *obj, FwupdDevice *entry)
{
	const gchar *result;
	g_autoptr(GDateTime) modified = NULL;
	g_autofree gchar *date = NULL;

	if (entry == NULL) {
		json_object_set_null_member(obj, "last_update");
		return;
	}
	obj = add_object(obj, "last_update");
	modified = g_date_time_new_from_unix_utc(fwupd_device_get_modified(entry));
	date = g_date_time_format_iso8601(modified);
	result = fwupd_update_state_to_string(fwupd_device_get_update_state(entry));
	set_string(obj,
		   "version",
		   fwupd_release_get_version(fwupd_device_get_release_default(entry)));
	set_string(obj, "result", result != NULL ? result : "unknown");
	set_string(obj, "error", fwupd_device_get_update_error(entry));
	set_string(obj, "date", date);
}

static void
fill_boot(JsonObject *obj, const StatusReport *report)
{
	const StatusFwupd *fwupd = report->fwupd;
	FwupdDevice *boot = fwupd->boot;

	set_string(obj, "state", report->boot_state);
	set_string(obj, "version", boot != NULL ? fwupd_device_get_version(boot) : NULL);
	set_string(obj, "message", boot != NULL ? fwupd_device_get_summary(boot) : NULL);
	set_string(obj, "device_id", boot != NULL ? fwupd_device_get_id(boot) : NULL);
	set_objects(obj, "releases", fwupd->boot_releases, fill_release, report);
	add_update(obj, fwupd->boot_entry);
}

static void
fill_reapply(JsonObject *obj, const StatusReapply *reapply)
{
	json_object_set_boolean_member(obj, "enabled", reapply->enabled);
	set_string(obj, "state", reapply->state != NULL ? reapply->state : "unknown");
	set_string(obj, "reason", reapply->reason);
	set_string(obj, "stored", reapply->stored);
	set_string(obj, "missing", reapply->missing);
}

static void
fill_tcb(JsonObject *obj, gpointer value, const StatusReport *report)
{
	const StatusTcb *tcb = value;

	set_string(obj, "file", tcb->filename);
	set_string(obj, "status", tcb->status);
	set_string(obj, "error", tcb->error);
	set_int(obj, "set", tcb->info != NULL, tcb->info != NULL ? tcb->info->set : 0);
	set_string(obj, "date", tcb->info != NULL ? tcb->info->date : NULL);
	set_string(obj, "since", tcb->level != NULL ? tcb->level->date : NULL);
	set_strings(obj, "advisories", tcb->level != NULL ? tcb->level->advisories : NULL);
	set_int(obj, "up_to_date_svn", tcb->svn != 0, tcb->svn);
	set_string(obj, "up_to_date_version", tcb->version);
}

static void
fill_rung(JsonObject *obj, gpointer value, const StatusReport *report)
{
	const StatusRung *rung = value;

	set_string(obj, "rung", rung->name);
	set_string(obj, "result", status_results[rung->result].name);
	set_string(obj, "found", rung->found);
	set_string(obj, "advice", rung->advice);
}

gchar *
status_json_build(const StatusReport *report)
{
	g_autofree gchar *text = NULL;
	g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
	JsonObject *obj = json_object_new();

	json_node_take_object(root, obj);
	json_object_set_int_member(obj, "schema", STATUS_JSON_VERSION);
	set_string(obj, "state", status_states[report->state].name);
	set_string(obj, "verdict", report->verdict);
	json_object_set_boolean_member(obj, "root", report->facts->is_root);
	set_tri(obj, "updatable", report->updatable);
	set_objects(obj, "reasons", report->reasons, fill_reason, report);
	set_strings(obj, "unknown", report->unknown);
	set_strings(obj, "resets", report->resets);
	fill_module(add_object(obj, "module"), report);
	fill_host(add_object(obj, "host"), &report->facts->host);
	fill_fwupd(add_object(obj, "fwupd"), report);
	set_objects(obj, "releases", report->fwupd->releases, fill_release, report);
	add_refused(obj, report);
	add_update(obj, report->fwupd->entry);
	fill_boot(add_object(obj, "boot"), report);
	fill_reapply(add_object(obj, "reapply"), report->reapply);
	set_objects(obj, "tcb", report->tcbs, fill_tcb, report);
	set_objects(obj, "ladder", report->rungs, fill_rung, report);
	text = json_to_string(root, TRUE);
	return g_strconcat(text, "\n", NULL);
}
