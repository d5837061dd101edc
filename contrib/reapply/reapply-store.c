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
#include <stdlib.h>
#include <string.h>

#include "reapply.h"

/* the history may change while it is being looked at, but not for ever */
#define REAPPLY_STORE_ROUNDS_MAX 10
#define REAPPLY_STORE_PAUSE_MAX	 3600 /* s */
#define REAPPLY_STORE_POLL	 5    /* s */

/**
 * ReapplyStore:
 * @host: what is seen
 * @automatic: nobody has asked for it
 * @version: (nullable): what is to be stored
 * @sha1: (nullable): of its cabinet
 * @needed: it is not stored yet
 *
 * What is to be done.
 **/
typedef struct {
	ReapplyHost *host;
	gboolean automatic;
	gchar *version;
	gchar *sha1;
	gboolean needed;
} ReapplyStore;

static void
reapply_store_clear(ReapplyStore *self)
{
	g_clear_pointer(&self->host, reapply_host_free);
	g_clear_pointer(&self->version, g_free);
	g_clear_pointer(&self->sha1, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ReapplyStore, reapply_store_clear)

static gboolean
reapply_store_is_stored(ReapplyStore *self)
{
	g_autoptr(GBytes) cabinet = NULL;

	if (!reapply_release_is(self->host->release, self->version, self->sha1))
		return FALSE;
	cabinet = reapply_release_read_cabinet(self->host->release, NULL);
	return cabinet != NULL;
}

/* an installation that was successful lifts what an attempt that was not has left */
static gboolean
reapply_store_forgive(ReapplyStore *self, ReapplyRelease *release, GError **error)
{
	if (!reapply_host_is_running(self->host, release->version))
		return TRUE;
	return reapply_attempt_forgive(release->sha256, error);
}

/* what was last installed; the history says nothing of it if there was a failure since */
static gboolean
reapply_store_ensure_installed(ReapplyStore *self, GError **error)
{
	ReapplyAccount *account = self->host->account;
	FwupdDevice *entry = self->host->entry;

	g_clear_pointer(&self->version, g_free);
	g_clear_pointer(&self->sha1, g_free);
	if (entry != NULL && reapply_fwupd_is_success(entry)) {
		self->version = g_strdup(reapply_fwupd_get_version(entry));
		self->sha1 = g_strdup(reapply_fwupd_get_sha1(entry));
	} else if (account->sha1 != NULL) {
		self->version = g_strdup(account->version);
		self->sha1 = g_strdup(account->sha1);
	} else
		return reapply_fail(error,
				    FWUPD_ERROR_NOTHING_TO_DO,
				    "the last entry of fwupd's history is not a successful "
				    "installation of a TDX module");
	return TRUE;
}

/* the caller has the lock */
static gboolean
reapply_store_decide(ReapplyStore *self, GError **error)
{
	self->needed = FALSE;
	if (!reapply_account_save(self->host->account, error) ||
	    !reapply_store_ensure_installed(self, error))
		return FALSE;
	if (self->automatic && reapply_release_is_forgotten(self->sha1)) {
		reapply_say(REAPPLY_PRIORITY_INFO,
			    "TDX module %s is not stored, as it was cleared",
			    self->version);
		return TRUE;
	}
	if (reapply_store_is_stored(self)) {
		reapply_say(REAPPLY_PRIORITY_INFO,
			    "TDX module %s is stored already",
			    self->version);
		return reapply_store_forgive(self, self->host->release, error);
	}
	if (self->automatic && !reapply_host_is_running(self->host, self->version)) {
		reapply_say(
		    REAPPLY_PRIORITY_NOTICE,
		    "TDX module %s is not stored, as it is not running; if it was installed "
		    "successfully, run: tdx-module-reapply store",
		    self->version);
		return TRUE;
	}
	self->needed = TRUE;
	return TRUE;
}

/* a cabinet given by hand */
static GBytes *
reapply_store_read(ReapplyStore *self, const gchar *filename, GError **error)
{
	g_autofree gchar *actual = NULL;
	g_autoptr(GBytes) blob = reapply_file_read(filename, error);

	if (blob == NULL)
		return NULL;
	actual = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, blob);
	if (g_strcmp0(actual, self->sha1) != 0) {
		reapply_fail(error,
			     FWUPD_ERROR_INVALID_FILE,
			     "%s is not what was installed last: it has the SHA-1 %s, "
			     "needed is %s of version %s",
			     filename,
			     actual,
			     self->sha1,
			     self->version);
		return NULL;
	}
	return g_steal_pointer(&blob);
}

/* the metadata of a remote, if it still has the release, gives a better checksum */
static gboolean
reapply_store_check(ReapplyStore *self, ReapplyRelease *release, GBytes *cabinet, GError **error)
{
	const gchar *sha256 = NULL;
	FwupdDevice *entry = self->host->entry;

	if (entry != NULL && g_strcmp0(reapply_fwupd_get_sha1(entry), self->sha1) == 0)
		sha256 = fwupd_checksum_get_by_kind(
		    fwupd_release_get_checksums(fwupd_device_get_release_default(entry)),
		    G_CHECKSUM_SHA256);
	if (sha256 != NULL && g_strcmp0(sha256, release->sha256) != 0)
		return reapply_fail(error,
				    FWUPD_ERROR_INVALID_FILE,
				    "%s has the SHA-256 %s, needed is %s",
				    release->origin,
				    release->sha256,
				    sha256);
	return reapply_fwupd_check_cabinet(self->host->client,
					   self->host->device,
					   cabinet,
					   self->version,
					   error);
}

/* the caller has the lock */
static gboolean
reapply_store_save(ReapplyStore *self, const gchar *origin, GBytes *cabinet, GError **error)
{
	g_autoptr(ReapplyRelease) release = reapply_release_new(self->version, origin, cabinet);

	if (g_strcmp0(release->sha1, self->sha1) != 0)
		return reapply_fail(error,
				    FWUPD_ERROR_INVALID_FILE,
				    "%s was installed while %s was fetched",
				    self->sha1,
				    release->sha1);
	if (!reapply_store_check(self, release, cabinet, error) ||
	    !reapply_release_save(release, cabinet, error))
		return FALSE;
	reapply_say(REAPPLY_PRIORITY_NOTICE,
		    "stored TDX module %s from %s, SHA-256 %s",
		    release->version,
		    release->origin,
		    release->sha256);
	reapply_account_settle(self->host->account);
	return reapply_account_save(self->host->account, error) &&
	       reapply_store_forgive(self, release, error);
}

static gboolean
reapply_store_locked(ReapplyStore *self, const gchar *origin, GBytes *cabinet, GError **error)
{
	g_auto(ReapplyLock) lock = reapply_state_lock(error);

	if (lock < 0 || !reapply_host_look(self->host, error) || !reapply_store_decide(self, error))
		return FALSE;
	if (!self->needed || cabinet == NULL)
		return TRUE;
	return reapply_store_save(self, origin, cabinet, error);
}

/* for what tells why it is not stored; the reason is more important than that it is noted */
static void
reapply_store_fail(ReapplyStore *self, const gchar *reason)
{
	g_auto(ReapplyLock) lock = reapply_state_lock(NULL);
	g_autoptr(ReapplyAccount) account = reapply_account_load();

	if (lock < 0 || account->sha1 == NULL || g_strcmp0(account->sha1, self->sha1) != 0)
		return;
	reapply_account_fail(account, reason);
	(void)reapply_account_save(account, NULL);
}

static gboolean
reapply_store_installed(ReapplyStore *self, const gchar *filename, GError **error)
{
	g_autofree gchar *origin = g_strdup(filename);
	g_autoptr(GBytes) cabinet = NULL;

	if (filename != NULL)
		cabinet = reapply_store_read(self, filename, error);
	else
		cabinet = reapply_fetch(self->sha1, &origin, error);
	return cabinet != NULL && reapply_store_locked(self, origin, cabinet, error);
}

static gboolean
reapply_store_once(const gchar *filename, gboolean automatic, GError **error)
{
	g_auto(ReapplyStore) self = {.automatic = automatic};
	g_autoptr(GError) error_local = NULL;

	self.host = reapply_host_new(0, error);
	if (self.host == NULL)
		return FALSE;
	if (!reapply_store_locked(&self, NULL, NULL, &error_local)) {
		if (automatic &&
		    g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO)) {
			reapply_say(REAPPLY_PRIORITY_INFO,
				    "nothing to store: %s",
				    error_local->message);
			return TRUE;
		}
		g_propagate_error(error, g_steal_pointer(&error_local));
		return FALSE;
	}
	if ((!self.needed && filename == NULL) ||
	    reapply_store_installed(&self, filename, &error_local))
		return TRUE;
	reapply_store_fail(&self, error_local->message);
	g_propagate_prefixed_error(error,
				   g_steal_pointer(&error_local),
				   "TDX module %s could not be stored: ",
				   self.version);
	return FALSE;
}

/* what tells one state of the history from another */
static gchar *
reapply_history_get_state(const gchar *filename)
{
	GStatBuf st = {0};

	if (g_stat(filename, &st) != 0)
		return g_strdup("none");
	return g_strdup_printf("%" G_GINT64_FORMAT ".%09ld %" G_GINT64_FORMAT,
			       (gint64)st.st_mtim.tv_sec,
			       st.st_mtim.tv_nsec,
			       (gint64)st.st_size);
}

/* fwupd closes its history when it ends, which looks like a change: asking it then would start it
 * again, and so on */
static gboolean
reapply_store_if_changed(ReapplyOptions *options, GError **error)
{
	g_autofree gchar *seen_fn = reapply_runtime_path("history-seen");
	g_autofree gchar *seen = NULL;

	(void)g_file_get_contents(seen_fn, &seen, NULL, NULL);
	for (guint i = 0; i < REAPPLY_STORE_ROUNDS_MAX; i++) {
		g_autofree gchar *state = reapply_history_get_state(options->if_changed);
		gboolean ret;

		if (g_strcmp0(seen, state) == 0)
			break;
		ret = reapply_store_once(NULL, TRUE, error);

		/* also if it failed and is not tried again: it would again be a start of fwupd */
		if ((ret || options->retry == 0) &&
		    !reapply_file_write(seen_fn, state, strlen(state), ret ? error : NULL))
			return FALSE;
		if (!ret)
			return FALSE;
		g_free(seen);
		seen = g_steal_pointer(&state);
	}
	return TRUE;
}

static void
reapply_store_pause(const gchar *history, const gchar *state, gint seconds)
{
	for (gint left = seconds; left > 0; left -= REAPPLY_STORE_POLL) {
		g_autofree gchar *now = reapply_history_get_state(history);

		if (g_strcmp0(now, state) != 0)
			return;
		g_usleep(MIN(left, REAPPLY_STORE_POLL) * G_USEC_PER_SEC);
	}
}

static gboolean
reapply_store_retry(ReapplyOptions *options)
{
	for (gint pause = options->retry;; pause = MIN(pause * 2, REAPPLY_STORE_PAUSE_MAX)) {
		g_autofree gchar *next = NULL;
		g_autofree gchar *state = reapply_history_get_state(options->if_changed);
		g_autoptr(GError) error = NULL;

		if (reapply_store_if_changed(options, &error))
			return TRUE;
		if (pause > 0 && !g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED))
			next = g_strdup_printf("; next try in %i seconds", pause);
		reapply_say(REAPPLY_PRIORITY_ERR, "%s%s", error->message, next != NULL ? next : "");
		if (next == NULL)
			return FALSE;
		reapply_store_pause(options->if_changed, state, pause);
	}
}

/**
 * reapply_command_store:
 * @filename: (nullable): a cabinet, or %NULL to fetch it
 *
 * Stores what was last installed.
 **/
gint
reapply_command_store(ReapplyOptions *options, const gchar *filename)
{
	g_autoptr(GError) error = NULL;

	if (options->if_changed != NULL)
		return reapply_store_retry(options) ? EXIT_SUCCESS : EXIT_FAILURE;
	if (reapply_store_once(filename, FALSE, &error))
		return EXIT_SUCCESS;
	reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
	return EXIT_FAILURE;
}

/**
 * reapply_command_clear:
 * Removes what is stored.
 **/
gint
reapply_command_clear(ReapplyOptions *options G_GNUC_UNUSED, const gchar *unused G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_auto(ReapplyLock) lock = reapply_state_lock(&error);
	g_autoptr(ReapplyAccount) account = reapply_account_load();
	g_autoptr(ReapplyRelease) release = reapply_release_load(NULL);
	const gchar *sha1 = account->sha1;

	if (sha1 == NULL && release != NULL)
		sha1 = release->sha1;
	if (lock < 0 || !reapply_release_forget(sha1, &error)) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
		return EXIT_FAILURE;
	}
	reapply_account_settle(account);
	if (account->boot_id != NULL && !reapply_account_save(account, &error)) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
		return EXIT_FAILURE;
	}
	reapply_say(REAPPLY_PRIORITY_NOTICE, "no release is stored now");
	return EXIT_SUCCESS;
}
