/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * At boot: what is stored is installed again, for at most one upload, or there is a reason.
 */

#include <stdlib.h>

#include "reapply.h"

/* what forbids to apply the release, whatever is running */
static gboolean
reapply_apply_check_attempt(ReapplyRelease *release, GError **error)
{
	gboolean this_boot = FALSE;
	ReapplyResult last = reapply_attempt_get_last(release->sha256, &this_boot);
	const gchar *why = "there was an attempt since the machine has started; to try it again";
	g_autofree gchar *filename = reapply_release_get_filename(release);

	if (last == REAPPLY_RESULT_LOST)
		why = "the last attempt lost the TDX module, and the next one may too; to try it "
		      "by hand";
	else if (last == REAPPLY_RESULT_STARTED && !this_boot)
		why = "the last attempt has not come to its end, and the next one may not either; "
		      "to try it by hand";
	else if (!this_boot)
		return TRUE;
	return reapply_fail(error,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "%s, run: fwupdmgr install %s",
			    why,
			    filename);
}

static gboolean
reapply_apply_check_device(FwupdDevice *device, GError **error)
{
	const gchar *why = fwupd_device_get_update_error(device);

	if (fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE))
		return TRUE;
	return reapply_fail(error,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "the device cannot be updated: %s",
			    why != NULL ? why : "fwupd gives no reason");
}

/**
 * reapply_apply_check:
 * @host: what is seen
 * @release: what is stored
 * @cabinet: (out) (nullable): what is to be installed, or %NULL if nothing is to be done
 *
 * Decides if the release is applied.
 *
 * Returns: %FALSE if it should be but must not be
 **/
gboolean
reapply_apply_check(ReapplyHost *host, ReapplyRelease *release, GBytes **cabinet, GError **error)
{
	const gchar *version = fwupd_device_get_version(host->device);
	gint rc = 0;
	g_autoptr(GBytes) blob = NULL;

	/* an unreadable version comes with a reason */
	if (version == NULL && !reapply_apply_check_device(host->device, error))
		return FALSE;
	if (!reapply_version_compare(version, release->version, &rc, error))
		return FALSE;
	if (rc >= 0)
		return TRUE;
	if (!reapply_apply_check_attempt(release, error) ||
	    !reapply_account_check(host->account, release, error) ||
	    !reapply_apply_check_device(host->device, error))
		return FALSE;
	blob = reapply_release_read_cabinet(release, error);
	if (blob == NULL ||
	    !reapply_fwupd_check_cabinet(host->client, host->device, blob, release->version, error))
		return FALSE;
	*cabinet = g_steal_pointer(&blob);
	return TRUE;
}

/* only the version tells what is left of the TDX module */
static ReapplyResult
reapply_apply_get_result(ReapplyHost *host,
			 ReapplyRelease *release,
			 const gchar *version_old,
			 const GError *error)
{
	if (host->device == NULL)
		return REAPPLY_RESULT_LOST;
	if (reapply_host_is_running(host, release->version))
		return REAPPLY_RESULT_SUCCESS;
	if (!reapply_host_is_running(host, version_old))
		return REAPPLY_RESULT_LOST;
	if (g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NEEDS_USER_ACTION) &&
	    !reapply_boot_has_upload())
		return REAPPLY_RESULT_REFUSED;
	return REAPPLY_RESULT_UNCHANGED;
}

static gboolean
reapply_apply_install(ReapplyHost *host, ReapplyRelease *release, GBytes *cabinet, GError **error)
{
	ReapplyResult result;
	const gchar *running;
	g_autofree gchar *version_old = g_strdup(fwupd_device_get_version(host->device));
	g_autoptr(GError) error_install = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GError) error_note = NULL;

	if (!reapply_attempt_note(release->sha256, REAPPLY_RESULT_STARTED, error))
		return FALSE;
	if (!fwupd_client_install_bytes(host->client,
					fwupd_device_get_id(host->device),
					cabinet,
					FWUPD_INSTALL_FLAG_NONE,
					NULL,
					&error_local))
		reapply_fwupd_fail(&error_install,
				   g_steal_pointer(&error_local),
				   "installation failed");
	if (reapply_host_look(host, NULL))
		(void)reapply_account_save(host->account, NULL);
	result = reapply_apply_get_result(host, release, version_old, error_install);
	running = host->device != NULL ? fwupd_device_get_version(host->device) : NULL;
	if (running == NULL)
		running = "no TDX module";
	if (!reapply_attempt_note(release->sha256, result, &error_note))
		reapply_say(REAPPLY_PRIORITY_ERR,
			    "as this cannot be noted, TDX module %s is not applied again at the "
			    "next boot: %s",
			    release->version,
			    error_note->message);
	if (error_install == NULL && result == REAPPLY_RESULT_SUCCESS) {
		reapply_say(REAPPLY_PRIORITY_NOTICE,
			    "TDX module %s has been applied again, %s was running",
			    release->version,
			    version_old);
		return TRUE;
	}
	if (error_install != NULL)
		reapply_fail(error,
			     FWUPD_ERROR_INTERNAL,
			     "fwupd has not installed it, now %s is running: %s",
			     running,
			     error_install->message);
	else
		reapply_fail(error,
			     FWUPD_ERROR_INTERNAL,
			     "fwupd has installed it, but now %s is running",
			     running);
	return FALSE;
}

static gboolean
reapply_apply_release(ReapplyRelease *release, gint wait, GError **error)
{
	g_autoptr(GBytes) cabinet = NULL;
	g_autoptr(ReapplyHost) host = NULL;

	if (!reapply_boot_check(error))
		return FALSE;
	host = reapply_host_new(wait, error);
	if (host == NULL || !reapply_account_save(host->account, error) ||
	    !reapply_apply_check(host, release, &cabinet, error))
		return FALSE;
	if (cabinet == NULL) {
		reapply_say(REAPPLY_PRIORITY_INFO,
			    "nothing to do: TDX module %s is running, stored is %s",
			    fwupd_device_get_version(host->device),
			    release->version);
		return TRUE;
	}
	return reapply_apply_install(host, release, cabinet, error);
}

/**
 * reapply_command_apply:
 * Has what is stored installed again. An instance that comes second sees what the first has done.
 **/
gint
reapply_command_apply(ReapplyOptions *options, const gchar *unused G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_auto(ReapplyLock) lock = reapply_state_lock(&error);
	g_autoptr(ReapplyRelease) release = NULL;

	if (lock >= 0)
		release = reapply_release_load(&error);
	if (release == NULL && g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)) {
		reapply_say(REAPPLY_PRIORITY_INFO, "nothing to do: no release is stored");
		return EXIT_SUCCESS;
	}
	if (release == NULL) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s", error->message);
		return EXIT_FAILURE;
	}
	if (reapply_apply_release(release, options->wait, &error))
		return EXIT_SUCCESS;
	if (g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO)) {
		reapply_say(REAPPLY_PRIORITY_NOTICE, "nothing to do: %s", error->message);
		return EXIT_SUCCESS;
	}
	reapply_say(REAPPLY_PRIORITY_ERR,
		    "TDX module %s is not applied again: %s",
		    release->version,
		    error->message);
	return EXIT_FAILURE;
}
