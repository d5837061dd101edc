/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * After a full reset the TDX module that the boot brings is back. This keeps the release that was
 * last installed successfully, and has fwupd install that one again when the machine starts.
 */

#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reapply-fwupd.h"

#include "reapply-attempt.h"
#include "reapply-file.h"
#include "reapply-release.h"

#define REAPPLY_DEVICE_POLL_MS 500
/* the history may change while it is being looked at, but not for ever */
#define REAPPLY_STORE_ROUNDS_MAX 10

/**
 * ReapplyOptions:
 * @if_changed: (nullable): fwupd's history, to be looked at only if it has changed
 * @wait: how many seconds the device may be late
 * @timeout: how many seconds all may take, or 0
 *
 * What is given on the command line.
 **/
typedef struct {
	gchar *if_changed;
	gint wait;
	gint timeout;
} ReapplyOptions;

typedef enum {
	REAPPLY_PRIORITY_ERR = 3,
	REAPPLY_PRIORITY_NOTICE = 5,
	REAPPLY_PRIORITY_INFO = 6,
} ReapplyPriority;

/* one line for each outcome; the journal takes the priority from the line, see sd-daemon(3) */
static void G_GNUC_PRINTF(2, 3) reapply_say(ReapplyPriority priority, const gchar *format, ...)
{
	va_list args;
	g_autofree gchar *text = NULL;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_strdelimit(text, "\n", ' ');
	if (g_getenv("JOURNAL_STREAM") != NULL)
		g_printerr("<%u>%s\n", priority, text);
	else if (priority == REAPPLY_PRIORITY_ERR)
		g_printerr("%s\n", text);
	else
		g_print("%s\n", text);
}

static gboolean
reapply_version_parse(const gchar *version, guint64 *parts, GError **error)
{
	g_auto(GStrv) split = g_strsplit(version != NULL ? version : "", ".", -1);

	for (guint i = 0; i < 3; i++) {
		if (g_strv_length(split) != 3 ||
		    !g_ascii_string_to_unsigned(split[i], 10, 0, G_MAXUINT16, &parts[i], NULL)) {
			g_set_error(
			    error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "the version of the TDX module is '%s', needed is one like 1.5.06",
			    version != NULL ? version : "");
			return FALSE;
		}
	}
	return TRUE;
}

/* as numbers, because 1.5.6 is 1.5.06 */
static gboolean
reapply_version_compare(const gchar *version1, const gchar *version2, gint *rc, GError **error)
{
	guint64 parts1[3] = {0};
	guint64 parts2[3] = {0};

	if (!reapply_version_parse(version1, parts1, error) ||
	    !reapply_version_parse(version2, parts2, error))
		return FALSE;
	*rc = 0;
	for (guint i = 0; i < 3 && *rc == 0; i++)
		*rc = (parts1[i] > parts2[i]) - (parts1[i] < parts2[i]);
	return TRUE;
}

static gboolean
reapply_version_equal(const gchar *version1, const gchar *version2)
{
	gint rc = -1;
	return reapply_version_compare(version1, version2, &rc, NULL) && rc == 0;
}

static FwupdDevice *
reapply_wait_for_device(FwupdClient *client, gint seconds, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;

	while (TRUE) {
		g_autoptr(FwupdDevice) device = NULL;
		g_autoptr(GError) error_local = NULL;

		device = reapply_fwupd_get_device(client, &error_local);
		if (device != NULL)
			return g_steal_pointer(&device);
		if (!g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND) ||
		    g_get_monotonic_time() >= deadline) {
			g_propagate_error(error, g_steal_pointer(&error_local));
			return NULL;
		}
		g_usleep(REAPPLY_DEVICE_POLL_MS * 1000);
	}
}

static gboolean
reapply_device_is_running(FwupdClient *client, const gchar *version)
{
	g_autoptr(FwupdDevice) device = reapply_fwupd_get_device(client, NULL);
	return device != NULL && reapply_version_equal(fwupd_device_get_version(device), version);
}

/*
 * store
 */

/* a cabinet given by hand */
static GBytes *
reapply_store_read(const gchar *filename, FwupdDevice *installed, GError **error)
{
	FwupdRelease *release = fwupd_device_get_release_default(installed);
	const gchar *sha1 = reapply_fwupd_get_sha1(installed);
	g_autofree gchar *actual = NULL;
	g_autoptr(GBytes) blob = reapply_file_read(filename, error);

	if (blob == NULL)
		return NULL;
	actual = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, blob);
	if (g_strcmp0(actual, sha1) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s is not what was installed last: it has the SHA-1 %s, "
			    "needed is %s of version %s",
			    filename,
			    actual,
			    sha1,
			    fwupd_release_get_version(release));
		return NULL;
	}
	return g_steal_pointer(&blob);
}

/* the metadata of a remote, if it still has the release, gives a better checksum */
static gboolean
reapply_store_check(ReapplyRelease *release, FwupdDevice *installed, GError **error)
{
	GPtrArray *checksums =
	    fwupd_release_get_checksums(fwupd_device_get_release_default(installed));
	const gchar *sha256 = fwupd_checksum_get_by_kind(checksums, G_CHECKSUM_SHA256);

	if (sha256 != NULL && g_strcmp0(sha256, release->sha256) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s has the SHA-256 %s, needed is %s",
			    release->origin,
			    release->sha256,
			    sha256);
		return FALSE;
	}
	return TRUE;
}

static gboolean
reapply_is_stored(const gchar *sha1)
{
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(ReapplyRelease) release = reapply_release_load(NULL);

	if (release == NULL || g_strcmp0(release->sha1, sha1) != 0)
		return FALSE;
	cabinet = reapply_release_read_cabinet(release, NULL);
	return cabinet != NULL;
}

static gboolean
reapply_store_save(FwupdDevice *installed, const gchar *origin, GBytes *cabinet, GError **error)
{
	const gchar *version =
	    fwupd_release_get_version(fwupd_device_get_release_default(installed));
	g_autoptr(ReapplyRelease) release = reapply_release_new(version, origin, cabinet);

	if (!reapply_version_equal(version, version)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "fwupd's history has the version '%s', needed is one like 1.5.06",
			    version);
		return FALSE;
	}
	if (!reapply_store_check(release, installed, error) ||
	    !reapply_release_save(release, cabinet, error))
		return FALSE;
	reapply_say(REAPPLY_PRIORITY_NOTICE,
		    "stored TDX module %s from %s, SHA-256 %s",
		    version,
		    release->origin,
		    release->sha256);
	return TRUE;
}

/* an installation that was successful lifts what an attempt that was not has left */
static gboolean
reapply_store_forgive(FwupdClient *client, GError **error)
{
	g_autoptr(ReapplyRelease) release = reapply_release_load(error);

	if (release == NULL)
		return FALSE;
	if (!reapply_device_is_running(client, release->version))
		return TRUE;
	return reapply_attempt_forgive(release->sha256, error);
}

static gboolean
reapply_store_installed(FwupdClient *client,
			FwupdDevice *installed,
			const gchar *filename,
			GError **error)
{
	const gchar *sha1 = reapply_fwupd_get_sha1(installed);
	const gchar *version =
	    fwupd_release_get_version(fwupd_device_get_release_default(installed));
	gboolean ret = TRUE;
	gint lock;
	g_autofree gchar *origin = g_strdup(filename);
	g_autoptr(GBytes) cabinet = NULL;

	/* not while something is downloaded: the boot must not wait for that */
	if (filename != NULL)
		cabinet = reapply_store_read(filename, installed, error);
	else if (!reapply_is_stored(sha1))
		cabinet = reapply_fwupd_fetch(client, installed, &origin, error);
	if (cabinet == NULL && error != NULL && *error != NULL)
		return FALSE;

	lock = reapply_state_lock(error);
	if (lock < 0)
		return FALSE;
	if (reapply_is_stored(sha1))
		reapply_say(REAPPLY_PRIORITY_INFO, "TDX module %s is stored already", version);
	else
		ret = reapply_store_save(installed, origin, cabinet, error);
	if (ret)
		ret = reapply_store_forgive(client, error);
	g_close(lock, NULL);
	return ret;
}

static gboolean
reapply_store_once(const gchar *filename, gboolean automatic, GError **error)
{
	const gchar *version;
	g_autoptr(FwupdClient) client = reapply_fwupd_connect(error);
	g_autoptr(FwupdDevice) installed = NULL;
	g_autoptr(GError) error_local = NULL;

	if (client == NULL)
		return FALSE;
	installed = reapply_fwupd_get_installed(client, &error_local);
	if (installed == NULL &&
	    g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO) && automatic) {
		reapply_say(REAPPLY_PRIORITY_INFO, "nothing to store: %s", error_local->message);
		return TRUE;
	}
	if (installed == NULL) {
		g_propagate_error(error, g_steal_pointer(&error_local));
		return FALSE;
	}
	version = fwupd_release_get_version(fwupd_device_get_release_default(installed));
	if (automatic && reapply_release_is_forgotten(reapply_fwupd_get_sha1(installed))) {
		reapply_say(REAPPLY_PRIORITY_INFO,
			    "TDX module %s is not stored, as it was cleared",
			    version);
		return TRUE;
	}

	/* fwupd enters what it is about to install as it entered the installation before, so after
	 * a crash the history has a success that was none */
	if (automatic && !reapply_device_is_running(client, version) &&
	    !reapply_is_stored(reapply_fwupd_get_sha1(installed))) {
		reapply_say(
		    REAPPLY_PRIORITY_NOTICE,
		    "TDX module %s is not stored, as it is not running; if it was installed "
		    "successfully, run: tdx-module-reapply store",
		    version);
		return TRUE;
	}
	if (!reapply_store_installed(client, installed, filename, error)) {
		g_prefix_error(error, "TDX module %s could not be stored: ", version);
		return FALSE;
	}
	return TRUE;
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
reapply_store_if_changed(const gchar *history, GError **error)
{
	g_autofree gchar *seen_fn = reapply_runtime_path("history-seen");
	g_autofree gchar *seen = NULL;

	(void)g_file_get_contents(seen_fn, &seen, NULL, NULL);
	for (guint i = 0; i < REAPPLY_STORE_ROUNDS_MAX; i++) {
		g_autofree gchar *state = reapply_history_get_state(history);
		gboolean ret;

		if (g_strcmp0(seen, state) == 0)
			break;
		ret = reapply_store_once(NULL, TRUE, error);

		/* also if it failed: it would again, and again be a start of fwupd */
		if (!reapply_file_write(seen_fn, state, strlen(state), ret ? error : NULL))
			return FALSE;
		if (!ret)
			return FALSE;
		g_free(seen);
		seen = g_steal_pointer(&state);
	}
	return TRUE;
}

static gint
reapply_command_store(ReapplyOptions *options, const gchar *filename)
{
	gboolean ret;
	g_autoptr(GError) error = NULL;

	if (options->if_changed != NULL)
		ret = reapply_store_if_changed(options->if_changed, &error);
	else
		ret = reapply_store_once(filename, FALSE, &error);
	if (!ret) {
		reapply_say(REAPPLY_PRIORITY_ERR,
			    "%s%s",
			    error->message,
			    g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)
				? "; with the cabinet that was installed, run: "
				  "tdx-module-reapply store FILE.cab"
				: "");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/*
 * apply
 */

/* what forbids to apply the release, whatever is running */
static gboolean
reapply_check_attempt(ReapplyRelease *release, GError **error)
{
	gboolean this_boot = FALSE;
	ReapplyResult last = reapply_attempt_get_last(release->sha256, &this_boot);
	g_autofree gchar *filename = reapply_release_get_filename(release);

	if (last == REAPPLY_RESULT_LOST || (last == REAPPLY_RESULT_STARTED && !this_boot)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "the last attempt %s, and the next one may too; to try it by hand, "
			    "run: fwupdmgr install %s",
			    last == REAPPLY_RESULT_LOST ? "lost the TDX module"
							: "has not come to its end",
			    filename);
		return FALSE;
	}
	if (this_boot) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "there was an attempt since the machine has started; to try it again, "
			    "run: fwupdmgr install %s",
			    filename);
		return FALSE;
	}
	return TRUE;
}

static gboolean
reapply_check_history(FwupdClient *client, ReapplyRelease *release, GError **error)
{
	g_autoptr(FwupdDevice) installed = NULL;
	g_autoptr(GError) error_local = NULL;

	/* cleared, or it has failed attempts only */
	installed = reapply_fwupd_get_installed(client, &error_local);
	if (installed == NULL &&
	    g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO))
		return TRUE;
	if (installed == NULL) {
		g_propagate_error(error, g_steal_pointer(&error_local));
		return FALSE;
	}
	if (g_strcmp0(reapply_fwupd_get_sha1(installed), release->sha1) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "version %s with the SHA-1 %s was installed since, stored is %s; "
			    "with its cabinet, run: tdx-module-reapply store FILE.cab",
			    fwupd_release_get_version(fwupd_device_get_release_default(installed)),
			    reapply_fwupd_get_sha1(installed),
			    release->sha1);
		return FALSE;
	}
	return TRUE;
}

static gboolean
reapply_check_device(FwupdDevice *device, GError **error)
{
	if (fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE))
		return TRUE;
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "the device cannot be updated: %s",
		    fwupd_device_get_update_error(device) != NULL
			? fwupd_device_get_update_error(device)
			: "fwupd gives no reason");
	return FALSE;
}

/**
 * reapply_check:
 * @cabinet: (out) (nullable): what is to be installed, or %NULL if nothing is to be done
 *
 * Decides if the release is applied.
 *
 * Returns: %FALSE if it should be but must not be
 **/
static gboolean
reapply_check(FwupdClient *client,
	      FwupdDevice *device,
	      ReapplyRelease *release,
	      GBytes **cabinet,
	      GError **error)
{
	gint rc = 0;
	g_autoptr(GBytes) blob = NULL;

	/* an unreadable version comes with a reason */
	if (fwupd_device_get_version(device) == NULL && !reapply_check_device(device, error))
		return FALSE;
	if (!reapply_version_compare(fwupd_device_get_version(device),
				     release->version,
				     &rc,
				     error))
		return FALSE;
	if (rc >= 0)
		return TRUE;
	if (!reapply_check_history(client, release, error) ||
	    !reapply_check_attempt(release, error) || !reapply_check_device(device, error))
		return FALSE;
	blob = reapply_release_read_cabinet(release, error);
	if (blob == NULL)
		return FALSE;
	*cabinet = g_steal_pointer(&blob);
	return TRUE;
}

/* only the version tells what is left of the TDX module */
static gboolean
reapply_install(FwupdClient *client,
		FwupdDevice *device,
		ReapplyRelease *release,
		GBytes *cabinet,
		GError **error)
{
	ReapplyResult result = REAPPLY_RESULT_LOST;
	const gchar *version_new = NULL;
	gboolean installed;
	g_autoptr(FwupdDevice) device_new = NULL;
	g_autoptr(GError) error_local = NULL;

	if (!reapply_attempt_begin(release->sha256, error))
		return FALSE;
	installed = fwupd_client_install_bytes(client,
					       fwupd_device_get_id(device),
					       cabinet,
					       FWUPD_INSTALL_FLAG_NONE,
					       NULL,
					       &error_local);
	device_new = reapply_fwupd_get_device(client, NULL);
	if (device_new != NULL)
		version_new = fwupd_device_get_version(device_new);
	if (reapply_version_equal(version_new, release->version))
		result = REAPPLY_RESULT_SUCCESS;
	else if (reapply_version_equal(version_new, fwupd_device_get_version(device)))
		result = REAPPLY_RESULT_UNCHANGED;

	/* if this cannot be noted, then there is no next attempt */
	if (!reapply_attempt_end(release->sha256, result, installed ? error : NULL) && installed)
		return FALSE;
	if (!installed) {
		g_propagate_error(error, g_steal_pointer(&error_local));
		g_prefix_error(error,
			       "fwupd has not installed it, now %s is running: ",
			       version_new != NULL ? version_new : "no TDX module");
		return FALSE;
	}
	if (result != REAPPLY_RESULT_SUCCESS) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "fwupd has installed it, but now %s is running",
			    version_new != NULL ? version_new : "no TDX module");
		return FALSE;
	}
	return TRUE;
}

static gboolean
reapply_apply_release(ReapplyRelease *release, gint wait, GError **error)
{
	g_autoptr(FwupdClient) client = NULL;
	g_autoptr(FwupdDevice) device = NULL;
	g_autoptr(GBytes) cabinet = NULL;

	client = reapply_fwupd_connect(error);
	if (client == NULL)
		return FALSE;
	device = reapply_wait_for_device(client, wait, error);
	if (device == NULL)
		return FALSE;
	if (!reapply_check(client, device, release, &cabinet, error))
		return FALSE;
	if (cabinet == NULL) {
		reapply_say(REAPPLY_PRIORITY_INFO,
			    "nothing to do: TDX module %s is running, stored is %s",
			    fwupd_device_get_version(device),
			    release->version);
		return TRUE;
	}
	if (!reapply_install(client, device, release, cabinet, error))
		return FALSE;
	reapply_say(REAPPLY_PRIORITY_NOTICE,
		    "TDX module %s has been applied again, %s was running",
		    release->version,
		    fwupd_device_get_version(device));
	return TRUE;
}

static gboolean
reapply_apply(gint wait, GError **error)
{
	gboolean ret;
	gint lock;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(ReapplyRelease) release = NULL;

	/* an instance that comes second sees what the first one has done */
	lock = reapply_state_lock(error);
	if (lock < 0)
		return FALSE;
	release = reapply_release_load(&error_local);
	if (release != NULL) {
		ret = reapply_apply_release(release, wait, error);
		if (!ret)
			g_prefix_error(error,
				       "TDX module %s is not applied again: ",
				       release->version);
	} else if (g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)) {
		reapply_say(REAPPLY_PRIORITY_INFO, "nothing to do: no release is stored");
		ret = TRUE;
	} else {
		g_propagate_error(error, g_steal_pointer(&error_local));
		ret = FALSE;
	}
	g_close(lock, NULL);
	return ret;
}

static gint
reapply_command_apply(ReapplyOptions *options, const gchar *filename G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;

	if (!reapply_apply(options->wait, &error)) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/*
 * status and clear
 */

static void
reapply_status_verdict(ReapplyRelease *release)
{
	g_autoptr(FwupdClient) client = NULL;
	g_autoptr(FwupdDevice) device = NULL;
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(GError) error = NULL;

	client = reapply_fwupd_connect(&error);
	if (client != NULL)
		device = reapply_fwupd_get_device(client, &error);
	if (device != NULL)
		g_print("running:  %s\n",
			fwupd_device_get_version(device) != NULL ? fwupd_device_get_version(device)
								 : "unknown");
	if (device == NULL || !reapply_check(client, device, release, &cabinet, &error))
		g_print("apply:    no, %s\n", error->message);
	else if (cabinet == NULL)
		g_print("apply:    nothing to do\n");
	else
		g_print("apply:    would install %s\n", release->version);
}

static gint
reapply_command_status(ReapplyOptions *options G_GNUC_UNUSED, const gchar *filename G_GNUC_UNUSED)
{
	g_autofree gchar *path = NULL;
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(ReapplyRelease) release = reapply_release_load(&error);

	if (release == NULL && g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)) {
		g_print("stored:   nothing\n");
		return EXIT_SUCCESS;
	}
	if (release == NULL) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
		return EXIT_FAILURE;
	}
	path = reapply_release_get_filename(release);
	g_print("stored:   %s from %s on %s\n", release->version, release->origin, release->stored);
	g_print("cabinet:  %s\n", path);
	cabinet = reapply_release_read_cabinet(release, &error);
	if (cabinet == NULL) {
		g_print("damaged:  %s\n", error->message);
		return EXIT_FAILURE;
	}
	reapply_status_verdict(release);
	return EXIT_SUCCESS;
}

static gint
reapply_command_clear(ReapplyOptions *options G_GNUC_UNUSED, const gchar *filename G_GNUC_UNUSED)
{
	gboolean ret;
	gint lock;
	g_autoptr(GError) error = NULL;
	g_autoptr(ReapplyRelease) release = NULL;

	lock = reapply_state_lock(&error);
	if (lock < 0) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
		return EXIT_FAILURE;
	}
	release = reapply_release_load(NULL);
	ret = reapply_release_forget(release, &error);
	if (ret)
		reapply_say(REAPPLY_PRIORITY_NOTICE, "no release is stored now");
	else
		reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
	g_close(lock, NULL);
	return ret ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* fwupd goes on with what it does; here nothing else is allowed than these two */
static void
reapply_alarm_cb(int signum G_GNUC_UNUSED)
{
	const gchar msg[] = "<3>given up, as fwupd has not answered in time\n";
	gsize skip = g_getenv("JOURNAL_STREAM") != NULL ? 0 : strlen("<3>");

	if (write(STDERR_FILENO, msg + skip, sizeof(msg) - 1 - skip) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

static const struct {
	const gchar *name;
	gint (*func)(ReapplyOptions *options, const gchar *filename);
	gint args_max;
} reapply_commands[] = {
    {"store", reapply_command_store, 1},
    {"apply", reapply_command_apply, 0},
    {"status", reapply_command_status, 0},
    {"clear", reapply_command_clear, 0},
};

int
main(int argc, char *argv[])
{
	ReapplyOptions options = {0};
	gint rc = 2;
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context =
	    g_option_context_new("store [FILE.cab]|apply|status|clear");
	const GOptionEntry entries[] = {
	    {"if-changed",
	     0,
	     0,
	     G_OPTION_ARG_FILENAME,
	     &options.if_changed,
	     "store only if fwupd's history in FILE has changed",
	     "FILE"},
	    {"wait",
	     0,
	     0,
	     G_OPTION_ARG_INT,
	     &options.wait,
	     "apply waits for the device",
	     "SECONDS"},
	    {"timeout", 0, 0, G_OPTION_ARG_INT, &options.timeout, "give up after that", "SECONDS"},
	    {NULL}};

	setlocale(LC_ALL, "");
	g_option_context_set_summary(context,
				     "Keeps the TDX module that was last installed successfully, "
				     "and applies it again after a reset.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s; see --help", error->message);
		return rc;
	}
	if (options.timeout > 0) {
		(void)signal(SIGALRM, reapply_alarm_cb);
		(void)alarm(options.timeout);
	}
	for (guint i = 0; argc > 1 && i < G_N_ELEMENTS(reapply_commands); i++) {
		if (g_strcmp0(argv[1], reapply_commands[i].name) == 0 &&
		    argc - 2 <= reapply_commands[i].args_max &&
		    !(argc > 2 && options.if_changed != NULL)) {
			rc = reapply_commands[i].func(&options, argc > 2 ? argv[2] : NULL);
			g_free(options.if_changed);
			return rc;
		}
	}
	g_free(options.if_changed);
	reapply_say(REAPPLY_PRIORITY_ERR,
		    "needed is one of: store [FILE.cab], apply, status, clear; see --help");
	return rc;
}
