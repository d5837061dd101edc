/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What is stored, and what would be done now.
 */

#include <stdlib.h>

#include "reapply.h"

/* the keys of JSON, and where a person reads them; all are documented in the manual */
typedef struct {
	gchar *state;
	gchar *reason;
	gchar *running;
	ReapplyRelease *release;
	ReapplyAccount *account;
} ReapplyStatus;

static void
reapply_status_clear(ReapplyStatus *self)
{
	g_free(self->state);
	g_free(self->reason);
	g_free(self->running);
	reapply_release_free(self->release);
	reapply_account_free(self->account);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReapplyStatus, reapply_status_clear)

static void
reapply_status_set(ReapplyStatus *self, const gchar *state, const GError *error)
{
	self->state = g_strdup(state);
	self->reason = g_strdup(error != NULL ? error->message : NULL);
}

static void
reapply_status_ensure_verdict(ReapplyStatus *self)
{
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(ReapplyHost) host = reapply_host_new(0, &error);

	if (host != NULL) {
		self->running = g_strdup(fwupd_device_get_version(host->device));
		g_clear_pointer(&self->account, reapply_account_free);
		self->account = g_steal_pointer(&host->account);
		host->account = reapply_account_load();
		reapply_account_look(host->account, host->device, host->entry, host->release);
	}
	if (self->release == NULL)
		reapply_status_set(self, "nothing", NULL);
	else if (host == NULL || !reapply_boot_check(&error) ||
		 !reapply_apply_check(host, self->release, &cabinet, &error))
		reapply_status_set(self, host != NULL ? "refused" : "unknown", error);
	else
		reapply_status_set(self, cabinet != NULL ? "would-apply" : "current", NULL);
}

static void
reapply_status_print(ReapplyStatus *self)
{
	ReapplyAccount *account = self->account;
	ReapplyRelease *release = self->release;
	g_autofree gchar *path = NULL;

	if (release == NULL)
		g_print("stored:   nothing\n");
	else
		g_print("stored:   %s from %s on %s\ncabinet:  %s\n",
			release->version,
			release->origin,
			release->stored,
			(path = reapply_release_get_filename(release)));
	if (account->since != NULL)
		g_print("missing:  %s was installed but is not stored, seen %s, failed %u "
			"times: %s\n",
			account->version != NULL ? account->version : "what is not known",
			account->since,
			(guint)account->tries,
			account->reason);
	if (g_strcmp0(self->state, "damaged") == 0)
		g_print("damaged:  %s\n", self->reason);
	if (release == NULL || g_strcmp0(self->state, "damaged") == 0)
		return;
	if (self->running != NULL)
		g_print("running:  %s\n", self->running);
	if (g_strcmp0(self->state, "would-apply") == 0)
		g_print("apply:    would install %s\n", release->version);
	else if (self->reason != NULL)
		g_print("apply:    no, %s\n", self->reason);
	else
		g_print("apply:    nothing to do\n");
}

static void
reapply_json_append(GString *str, const gchar *key, const gchar *value)
{
	if (value == NULL)
		return;
	g_string_append_printf(str, "%s\n  \"%s\": \"", str->len > 1 ? "," : "", key);
	for (const gchar *c = value; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_c(str, '\\');
		if ((guchar)*c < 0x20)
			g_string_append_printf(str, "\\u%04x", (guint)*c);
		else
			g_string_append_c(str, *c);
	}
	g_string_append_c(str, '"');
}

static void
reapply_status_print_json(ReapplyStatus *self)
{
	ReapplyAccount *account = self->account;
	ReapplyRelease *release = self->release;
	g_autofree gchar *tries = g_strdup_printf("%u", (guint)account->tries);
	g_autoptr(GString) str = g_string_new("{");

	reapply_json_append(str, "state", self->state);
	reapply_json_append(str, "reason", self->reason);
	reapply_json_append(str, "running", self->running);
	if (release != NULL) {
		reapply_json_append(str, "stored_version", release->version);
		reapply_json_append(str, "stored_sha256", release->sha256);
		reapply_json_append(str, "stored_since", release->stored);
	}
	if (account->since != NULL) {
		reapply_json_append(str, "missing_version", account->version);
		reapply_json_append(str, "missing_since", account->since);
		reapply_json_append(str, "missing_tries", tries);
		reapply_json_append(str, "missing_reason", account->reason);
	}
	g_print("%s\n}\n", str->str);
}

/**
 * reapply_command_status:
 * Prints what is stored, and what would be done now. Nothing is changed.
 **/
gint
reapply_command_status(ReapplyOptions *options, const gchar *unused G_GNUC_UNUSED)
{
	g_auto(ReapplyStatus) self = {0};
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(GError) error = NULL;

	self.account = reapply_account_load();
	self.release = reapply_release_load(&error);
	if (self.release != NULL)
		cabinet = reapply_release_read_cabinet(self.release, &error);
	if (cabinet != NULL ||
	    (self.release == NULL && g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)))
		reapply_status_ensure_verdict(&self);
	else
		reapply_status_set(&self, "damaged", error);
	if (options->json)
		reapply_status_print_json(&self);
	else
		reapply_status_print(&self);
	return g_strcmp0(self.state, "damaged") == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
