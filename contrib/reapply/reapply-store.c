/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * After an update: what was installed is stored. All is decided with the lock, but the cabinet is
 * fetched without it, as the boot must not wait for that.
 */

#include <glib/gstdio.h>

#include "reapply.h"

/* the history may change while it is being looked at, but not for ever */
#define REAPPLY_STORE_ROUNDS_MAX 10
#define REAPPLY_STORE_PAUSE_MAX	 3600 /* s */
#define REAPPLY_STORE_POLL	 5    /* s */

/* what is to be stored */
typedef struct {
	ReapplyOptions *options; /* with a history to look at, nobody has asked for it */
	ReapplyHost *host;
	gchar *version;
	gchar *sha1;
	gboolean needed; /* it is not stored yet */
} ReapplyStore;

static void
reapply_store_clear(ReapplyStore *self)
{
	reapply_host_free(self->host);
	g_free(self->version);
	g_free(self->sha1);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReapplyStore, reapply_store_clear)

static gboolean
reapply_store_decide(ReapplyStore *self, ReapplyState *state, GError **error)
{
	ReapplyHost *host = self->host;
	gboolean automatic = self->options->if_changed != NULL;
	g_autoptr(GBytes) cabinet = NULL;

	reapply_account_look(state, host);

	/* an installation that was successful lifts what an attempt that was not has left */
	if (state->attempt_result != NULL && reapply_version_equal(host->running, host->version) &&
	    reapply_state_is_stored(state, host->version, host->sha1))
		reapply_take(&state->attempt_result, g_strdup(REAPPLY_ATTEMPT_DONE));
	if (!reapply_state_save(state, error))
		return FALSE;

	/* the history says nothing of what was installed if there was a failure since */
	reapply_take(&self->version, g_strdup(host->sha1 ? host->version : state->missing_version));
	reapply_take(&self->sha1, g_strdup(host->sha1 ? host->sha1 : state->missing_sha1));
	if (self->sha1 == NULL) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_NOTHING_TO_DO,
				    "the last entry of fwupd's history is not a successful "
				    "installation of a TDX module");
		return FALSE;
	}
	self->needed = FALSE;
	if (automatic && g_strcmp0(state->forgotten, self->sha1) == 0) {
		reapply_say(LOG_INFO,
			    "TDX module %s is not stored, as it was cleared",
			    self->version);
		return TRUE;
	}
	if (reapply_state_is_stored(state, self->version, self->sha1))
		cabinet = reapply_state_read_cabinet(state, NULL);
	if (cabinet != NULL) {
		reapply_say(LOG_INFO, "TDX module %s is stored already", self->version);
		return TRUE;
	}
	self->needed = !automatic || reapply_version_equal(host->running, self->version);
	if (!self->needed)
		reapply_say(LOG_NOTICE,
			    "TDX module %s is not stored, as it is not running; if it was "
			    "installed successfully, run: tdx-module-reapply store",
			    self->version);
	return TRUE;
}

/* the metadata of a remote, if it still has the release, gives a better checksum */
static gboolean
reapply_store_check(ReapplyStore *self, const gchar *origin, GBytes *cabinet, GError **error)
{
	FwupdDevice *entry = self->host->entry;
	const gchar *needed = NULL;
	g_autofree gchar *sha1 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, cabinet);
	g_autofree gchar *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, cabinet);

	if (g_strcmp0(sha1, self->sha1) != 0)
		return reapply_fail(error,
				    "%s is not what was installed last: it has the SHA-1 %s, "
				    "needed is %s of version %s",
				    origin,
				    sha1,
				    self->sha1,
				    self->version);
	if (g_strcmp0(sha1, self->host->sha1) == 0)
		needed = fwupd_checksum_get_by_kind(
		    fwupd_release_get_checksums(fwupd_device_get_release_default(entry)),
		    G_CHECKSUM_SHA256);
	if (needed != NULL && g_strcmp0(needed, sha256) != 0)
		return reapply_fail(error,
				    "%s has SHA-256 %s, needed is %s",
				    origin,
				    sha256,
				    needed);
	return reapply_host_check_cabinet(self->host, cabinet, self->version, error);
}

/* decides, with the lock, and with a cabinet does it */
static gboolean
reapply_store_locked(ReapplyStore *self, const gchar *origin, GBytes *cabinet, GError **error)
{
	g_autoptr(ReapplyState) state = NULL;

	reapply_host_free(self->host);
	self->host = reapply_host_new(self->options->timeout, 0, error);
	if (self->host == NULL)
		return FALSE;
	state = reapply_state_new(TRUE, error);
	if (state == NULL || !reapply_host_look(self->host, error) ||
	    !reapply_store_decide(self, state, error))
		return FALSE;
	if (cabinet == NULL)
		return TRUE;
	if (!reapply_store_check(self, origin, cabinet, error))
		return FALSE;
	if (!self->needed)
		return TRUE;
	reapply_take(&state->origin, g_filename_display_basename(origin));
	if (!reapply_state_store(state, self->version, cabinet, error))
		return FALSE;
	reapply_say(LOG_NOTICE,
		    "stored TDX module %s from %s, SHA-256 %s",
		    state->version,
		    state->origin,
		    state->sha256);
	return TRUE;
}

/* for what tells why it is not stored; the reason is more important than that it is noted */
static void
reapply_store_note_failure(ReapplyStore *self, const gchar *reason)
{
	guint64 tries = 0;
	g_autoptr(ReapplyState) state = reapply_state_new(TRUE, NULL);

	if (state == NULL || state->missing_sha1 == NULL ||
	    g_strcmp0(state->missing_sha1, self->sha1) != 0)
		return;
	(void)g_ascii_string_to_unsigned(state->missing_tries, 10, 0, G_MAXINT32, &tries, NULL);
	reapply_take(&state->missing_tries, g_strdup_printf("%u", (guint)tries + 1));
	reapply_take(&state->missing_reason, g_strdup(reason));
	(void)reapply_state_save(state, NULL);
}

static gboolean
reapply_store_once(ReapplyOptions *options, GError **error)
{
	g_auto(ReapplyStore) self = {.options = options};
	g_autofree gchar *origin = g_strdup(options->filename);
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(GError) error_local = NULL;

	if (origin != NULL) {
		cabinet = reapply_file_read(origin, error);
		if (cabinet == NULL)
			return FALSE;
	}
	if (!reapply_store_locked(&self, origin, cabinet, &error_local) && self.version == NULL) {
		g_propagate_error(error, g_steal_pointer(&error_local));
		return FALSE;
	}
	if (error_local == NULL && self.needed && origin == NULL) {
		cabinet = reapply_fetch(self.host, self.sha1, &origin, &error_local);
		if (cabinet != NULL)
			(void)reapply_store_locked(&self, origin, cabinet, &error_local);
	}
	if (error_local == NULL)
		return TRUE;
	reapply_store_note_failure(&self, error_local->message);
	g_propagate_prefixed_error(error,
				   g_steal_pointer(&error_local),
				   "TDX module %s could not be stored: ",
				   self.version);
	return FALSE;
}

/* what tells one state of the history from another */
static gchar *
reapply_store_describe_history(const gchar *filename)
{
	GStatBuf st = {0};

	if (g_stat(filename, &st) != 0)
		return g_strdup("none");
	return g_strdup_printf("%li.%09li %li", st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size);
}

static gboolean
reapply_store_set_seen(const gchar *history, GError **error)
{
	g_autoptr(ReapplyState) state = reapply_state_new(TRUE, error);

	if (state == NULL)
		return FALSE;
	reapply_take(&state->seen_database, g_strdup(history));
	return reapply_state_save(state, error);
}

static void
reapply_store_pause(const gchar *filename, const gchar *history, gint seconds)
{
	for (gint left = seconds; left > 0; left -= REAPPLY_STORE_POLL) {
		g_autofree gchar *now = reapply_store_describe_history(filename);

		if (g_strcmp0(now, history) != 0)
			return;
		g_usleep(MIN(left, REAPPLY_STORE_POLL) * G_USEC_PER_SEC);
	}
}

/* also a failure has been dealt with if it is not tried again: it would be a start of fwupd again
 */
static gboolean
reapply_store_changed(ReapplyOptions *options, const gchar *history, GError **error)
{
	for (gint pause = options->retry;; pause = MIN(pause * 2, REAPPLY_STORE_PAUSE_MAX)) {
		g_autoptr(GError) why = NULL;

		if (!reapply_store_once(options, &why) && pause > 0 &&
		    !g_error_matches(why, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO) &&
		    !g_error_matches(why, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED)) {
			reapply_say(LOG_ERR, "%s; next try in %i seconds", why->message, pause);
			reapply_store_pause(options->if_changed, history, pause);
			continue;
		}
		if (g_error_matches(why, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO)) {
			reapply_say(LOG_INFO, "nothing to store: %s", why->message);
			g_clear_error(&why);
		}
		if (why == NULL)
			return reapply_store_set_seen(history, error);
		(void)reapply_store_set_seen(history, NULL);
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
}

gboolean
reapply_command_store(ReapplyOptions *options, GError **error)
{
	if (options->if_changed == NULL)
		return reapply_store_once(options, error);

	/* fwupd closes its history when it ends, which looks like a change: asking it then would
	 * start it again, and so on */
	for (guint i = 0; i < REAPPLY_STORE_ROUNDS_MAX; i++) {
		g_autofree gchar *history = reapply_store_describe_history(options->if_changed);
		g_autoptr(ReapplyState) state = reapply_state_new(FALSE, NULL);

		if (state != NULL && g_strcmp0(state->seen_database, history) == 0)
			break;
		if (!reapply_store_changed(options, history, error))
			return FALSE;
	}
	return TRUE;
}

gboolean
reapply_command_clear(ReapplyOptions *options, GError **error)
{
	const gchar *sha1;
	g_autoptr(ReapplyHost) host = NULL;
	g_autoptr(ReapplyState) state = reapply_state_new(TRUE, error);

	if (state == NULL)
		return FALSE;

	/* of what is damaged, only fwupd can tell what it was */
	if (state->damage != NULL)
		host = reapply_host_new(options->timeout, 0, NULL);
	sha1 = host != NULL ? host->sha1 : state->sha1;
	if (state->missing_sha1 != NULL)
		sha1 = state->missing_sha1;
	if (sha1 != NULL)
		reapply_take(&state->forgotten, g_strdup(sha1));
	if (!reapply_state_store(state, NULL, NULL, error))
		return FALSE;
	reapply_say(LOG_NOTICE, "no release is stored now");
	return TRUE;
}
