/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * At boot: what is stored is installed again, for at most one upload, or there is a reason. The
 * attempt is noted before the update begins: none is made with a release that has taken the TDX
 * module or the machine down, as that would happen at each boot.
 */

#include "reapply.h"

static gboolean
reapply_plan_check_attempt(ReapplyState *state, GError **error)
{
	const gchar *why = "there was an attempt since the machine has started; to try it again";
	gboolean this_boot = g_strcmp0(state->attempt_boot_id, state->boot_id) == 0;
	gboolean done = g_strcmp0(state->attempt_result, REAPPLY_ATTEMPT_DONE) == 0;
	g_autofree gchar *filename = reapply_state_get_cabinet(state);

	if (state->attempt_result == NULL || (done && !this_boot))
		return TRUE;
	if (g_strcmp0(state->attempt_result, REAPPLY_ATTEMPT_LOST) == 0)
		why = "the last attempt lost the TDX module, and the next one may too; to try it "
		      "by hand";
	else if (!this_boot)
		why = "the last attempt has not come to its end, and the next one may not either; "
		      "to try it by hand";
	return reapply_fail(error, "%s, run: fwupdmgr install %s", why, filename);
}

static gboolean
reapply_plan_check_device(FwupdDevice *device, GError **error)
{
	const gchar *why = fwupd_device_get_update_error(device);

	if (fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE))
		return TRUE;
	return reapply_fail(error,
			    "the device cannot be updated: %s",
			    why != NULL ? why : "fwupd gives no reason");
}

/* nothing is to be done without a cabinet; it fails if something should be but must not be, or with
 * NOTHING_TO_DO if that is as it should be */
static gboolean
reapply_plan_make(ReapplyState *state, ReapplyHost *host, GBytes **cabinet, GError **error)
{
	guint64 running;
	guint64 stored = reapply_version_parse(state->version, error);
	g_autoptr(GBytes) blob = NULL;

	/* an unreadable version comes with a reason */
	if (stored == 0 ||
	    (host->running == NULL && !reapply_plan_check_device(host->device, error)))
		return FALSE;
	running = reapply_version_parse(host->running, error);
	if (running == 0 || running >= stored)
		return running != 0;
	if (!reapply_boot_check_module(host, error) || !reapply_plan_check_attempt(state, error) ||
	    !reapply_account_check(state, error) || !reapply_plan_check_device(host->device, error))
		return FALSE;
	blob = reapply_state_read_cabinet(state, error);
	if (blob == NULL || !reapply_host_check_cabinet(host, blob, state->version, error))
		return FALSE;
	*cabinet = g_steal_pointer(&blob);
	return TRUE;
}

/* only the version tells what is left of the TDX module; what fwupd has refused, without that the
 * kernel was asked for anything, was no attempt */
static void
reapply_apply_note(ReapplyState *state, ReapplyHost *host, const gchar *old, const GError *why)
{
	gboolean unchanged = reapply_version_equal(host->running, old);
	gboolean success = reapply_version_equal(host->running, state->version);
	const gchar *result = unchanged || success ? REAPPLY_ATTEMPT_DONE : REAPPLY_ATTEMPT_LOST;
	g_autoptr(GError) error = NULL;

	if (unchanged && !reapply_boot_has_upload() &&
	    g_error_matches(why, FWUPD_ERROR, FWUPD_ERROR_NEEDS_USER_ACTION))
		result = NULL;
	reapply_take(&state->attempt_result, g_strdup(result));
	if (!reapply_state_save(state, &error))
		reapply_say(LOG_ERR,
			    "as this cannot be noted, TDX module %s is not applied again at the "
			    "next boot: %s",
			    state->version,
			    error->message);
}

static gboolean
reapply_apply_install(ReapplyState *state, ReapplyHost *host, GBytes *cabinet, GError **error)
{
	const gchar *running;
	g_autofree gchar *version_old = g_strdup(host->running);
	g_autoptr(GError) error_install = NULL;
	g_autoptr(GError) error_local = NULL;

	reapply_take(&state->attempt_boot_id, g_strdup(state->boot_id));
	reapply_take(&state->attempt_result, g_strdup(REAPPLY_ATTEMPT_STARTED));
	if (!reapply_state_save(state, error))
		return FALSE;
	if (!fwupd_client_install_bytes(host->client,
					fwupd_device_get_id(host->device),
					cabinet,
					FWUPD_INSTALL_FLAG_NONE,
					host->cancellable,
					&error_local))
		reapply_host_fail(host, &error_install, error_local, "installation failed");
	if (reapply_host_look(host, NULL))
		reapply_account_look(state, host);

	/* it goes on, and nobody waits for its end */
	if (g_cancellable_is_cancelled(host->cancellable))
		return reapply_host_fail(host, error, NULL, NULL);
	reapply_apply_note(state, host, version_old, error_local);
	running = host->running != NULL ? host->running : "no TDX module";
	if (error_install != NULL || !reapply_version_equal(running, state->version))
		return reapply_fail(error,
				    "fwupd has not installed it, now %s is running: %s",
				    running,
				    error_install != NULL ? error_install->message : "it says so");
	reapply_say(LOG_NOTICE,
		    "TDX module %s has been applied again, %s was running",
		    state->version,
		    version_old);
	return TRUE;
}

static gboolean
reapply_apply_stored(ReapplyOptions *options, ReapplyState *state, GError **error)
{
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(ReapplyHost) host = NULL;

	if (!reapply_boot_check_reset(error))
		return FALSE;
	host = reapply_host_new(options->timeout, options->wait, error);
	if (host == NULL)
		return FALSE;
	reapply_account_look(state, host);
	if (!reapply_state_save(state, error) || !reapply_plan_make(state, host, &cabinet, error))
		return FALSE;
	if (host->ignored != NULL)
		reapply_say(LOG_NOTICE, "%s", host->ignored);
	if (cabinet != NULL)
		return reapply_apply_install(state, host, cabinet, error);
	reapply_say(LOG_INFO,
		    "nothing to do: TDX module %s is running, stored is %s",
		    host->running,
		    state->version);
	return TRUE;
}

gboolean
reapply_command_apply(ReapplyOptions *options, GError **error)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(ReapplyState) state = reapply_state_new(TRUE, error);

	if (state == NULL)
		return FALSE;
	if (state->damage != NULL)
		return reapply_fail(error, "%s", state->damage);
	if (state->version == NULL && state->missing_since == NULL) {
		reapply_say(LOG_INFO, "nothing to do: no release is stored");
		return TRUE;
	}
	if (state->version == NULL)
		return reapply_account_check(state, error);
	if (reapply_apply_stored(options, state, &error_local))
		return TRUE;
	if (g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO)) {
		reapply_say(LOG_NOTICE, "nothing to do: %s", error_local->message);
		return TRUE;
	}
	g_propagate_prefixed_error(error,
				   g_steal_pointer(&error_local),
				   "TDX module %s is not applied again: ",
				   state->version);
	return FALSE;
}

static const gchar *
reapply_status_get_verdict(ReapplyState *state, ReapplyHost *host, GError **error)
{
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(GBytes) planned = NULL;

	if (state->version == NULL)
		return "nothing";
	cabinet = reapply_state_read_cabinet(state, error);
	if (cabinet == NULL)
		return "damaged";
	if (host == NULL)
		return "unknown";
	if (!reapply_boot_check_reset(error) || !reapply_plan_make(state, host, &planned, error))
		return "refused";
	return planned != NULL ? "would-apply" : "current";
}

static void
reapply_status_print_json(const gchar *const pairs[][2])
{
	const gchar *separator = "{";

	for (guint i = 0; pairs[i][0] != NULL; i++) {
		g_autoptr(GString) str = g_string_new(pairs[i][1]);

		if (pairs[i][1] == NULL)
			continue;
		for (gchar *c = str->str; *c != '\0'; c++)
			*c = g_ascii_iscntrl(*c) ? ' ' : *c;
		g_string_replace(str, "\\", "\\\\", 0);
		g_string_replace(str, "\"", "\\\"", 0);
		g_print("%s\n  \"%s\": \"%s\"", separator, pairs[i][0], str->str);
		separator = ",";
	}
	g_print("\n}\n");
}

static void
reapply_status_say(ReapplyState *state, ReapplyHost *host, const gchar *verdict, const gchar *why)
{
	const gchar *missing = state->missing_version;
	g_autofree gchar *cabinet = reapply_state_get_cabinet(state);

	if (state->version == NULL)
		g_print("stored:   nothing\n");
	else
		g_print("stored:   %s from %s on %s\ncabinet:  %s\n",
			state->version,
			state->origin,
			state->stored,
			cabinet);
	if (state->missing_since != NULL)
		g_print("missing:  %s was installed but is not stored, seen %s, failed %s times: "
			"%s\n",
			missing != NULL ? missing : "what is not known",
			state->missing_since,
			state->missing_tries,
			state->missing_reason);
	if (g_strcmp0(verdict, "damaged") == 0)
		g_print("damaged:  %s\n", why);
	if (state->version == NULL || g_strcmp0(verdict, "damaged") == 0)
		return;
	if (host != NULL && host->running != NULL)
		g_print("running:  %s\n", host->running);
	if (host != NULL && host->ignored != NULL)
		g_print("boot:     %s\n", host->ignored);
	if (why != NULL)
		g_print("apply:    no, %s\n", why);
	else if (g_strcmp0(verdict, "current") == 0)
		g_print("apply:    nothing to do\n");
	else
		g_print("apply:    would install %s\n", state->version);
}

gboolean
reapply_command_status(ReapplyOptions *options, GError **error)
{
	const gchar *why = NULL;
	const gchar *verdict = "damaged";
	g_autoptr(GError) error_host = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(ReapplyHost) host = NULL;
	g_autoptr(ReapplyState) state = reapply_state_new(FALSE, error);

	if (state == NULL)
		return FALSE;
	if (state->damage == NULL) {
		host = reapply_host_new(options->timeout, 0, &error_host);
		if (host != NULL)
			reapply_account_look(state, host);
		verdict = reapply_status_get_verdict(state, host, &error_local);
		why = g_strcmp0(verdict, "unknown") == 0 ? error_host->message : NULL;
	} else {
		why = state->damage;
		reapply_state_miss(state, NULL, NULL, NULL);
	}
	if (error_local != NULL)
		why = error_local->message;
	if (options->json)
		reapply_status_print_json((const gchar *const[][2]){
		    {"state", verdict},
		    {"reason", why},
		    {"running", host != NULL ? host->running : NULL},
		    {"stored_version", state->version},
		    {"stored_sha256", state->sha256},
		    {"stored_since", state->stored},
		    {"missing_version", state->missing_version},
		    {"missing_since", state->missing_since},
		    {"missing_tries", state->missing_tries},
		    {"missing_reason", state->missing_reason},
		    {NULL},
		});
	else
		reapply_status_say(state, host, verdict, why);
	return g_strcmp0(verdict, "damaged") != 0;
}
