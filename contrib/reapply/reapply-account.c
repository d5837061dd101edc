/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What was last installed successfully on this host, as far as it was seen. The history has one
 * entry for the device: a later attempt that fails replaces that of the installation before it.
 * So each entry is looked at when it comes; what was missed is unknown, and unknown is not applied.
 */

#include "reapply.h"

/* two that are the same have nothing between them */
static gchar *
reapply_account_describe(FwupdDevice *entry)
{
	FwupdRelease *release;

	if (entry == NULL)
		return g_strdup("none");
	release = fwupd_device_get_release_default(entry);
	return g_strdup_printf(
	    "%s %s from %s %s %" G_GUINT64_FORMAT,
	    fwupd_checksum_get_by_kind(fwupd_release_get_checksums(release), G_CHECKSUM_SHA1),
	    fwupd_release_get_version(release),
	    fwupd_device_get_version(entry),
	    fwupd_update_state_to_string(fwupd_device_get_update_state(entry)),
	    fwupd_device_get_modified(entry));
}

static void
reapply_account_look_success(ReapplyState *state, gboolean same_boot, ReapplyHost *host)
{
	gboolean runs = reapply_version_equal(host->running, host->version);

	/* fwupd enters what it is about to install as it entered the installation before, so after
	 * a crash the history has a success that was none */
	if (reapply_state_is_stored(state, host->version, host->sha1)) {
		if (runs)
			reapply_state_miss(state, NULL, NULL, NULL);
		return;
	}
	if (g_strcmp0(state->forgotten, host->sha1) == 0 ||
	    (g_strcmp0(state->missing_sha1, host->sha1) == 0 &&
	     reapply_version_equal(state->missing_version, host->version)))
		return;

	/* or it is being installed: within a boot a success would have raised the version */
	if (same_boot && !runs && reapply_version_equal(host->running, state->seen_running) &&
	    reapply_version_equal(host->running, fwupd_device_get_version(host->entry)))
		return;
	reapply_state_miss(state,
			   host->version,
			   host->sha1,
			   runs ? "this has just been seen"
				: "it is not running, and may not have come to its end");
}

/* within a boot each installation is newer than the one before */
static gboolean
reapply_account_has_missed(ReapplyState *state, gboolean same_boot, ReapplyHost *host)
{
	guint64 running = reapply_version_parse(host->running, NULL);

	/* what a failure was tried on is what was there before it */
	if (host->entry != NULL && host->version == NULL)
		return !same_boot || !reapply_version_equal(fwupd_device_get_version(host->entry),
							    state->seen_running);
	return same_boot && host->running != NULL &&
	       !reapply_version_equal(host->running, host->version) &&
	       (running == 0 || running > reapply_version_parse(state->seen_running, NULL));
}

void
reapply_account_look(ReapplyState *state, ReapplyHost *host)
{
	g_autofree gchar *history = reapply_account_describe(host->entry);
	gboolean same_boot = g_strcmp0(state->seen_boot_id, state->boot_id) == 0;
	gboolean same_failure = host->entry != NULL && host->version == NULL &&
				g_strcmp0(state->seen_history, history) == 0;

	/* if nothing is stored, nothing can be applied in its place */
	if ((state->version != NULL || state->missing_since != NULL) && !same_failure &&
	    reapply_account_has_missed(state, same_boot, host))
		reapply_state_miss(state, NULL, NULL, "fwupd's history does not tell");
	if (host->version != NULL)
		reapply_account_look_success(state, same_boot, host);
	if (reapply_state_is_stored(state, state->missing_version, state->missing_sha1))
		reapply_state_miss(state, NULL, NULL, NULL);
	reapply_take(&state->seen_boot_id, g_strdup(state->boot_id));
	reapply_take(&state->seen_running, g_strdup(host->running));
	reapply_take(&state->seen_history, g_steal_pointer(&history));
}

gboolean
reapply_account_check(ReapplyState *state, GError **error)
{
	if (state->missing_since == NULL)
		return TRUE;
	if (state->missing_sha1 == NULL)
		return reapply_fail(error,
				    "it is not certain to be what was installed last: %s, seen %s; "
				    "to settle that, run: fwupdmgr install FILE.cab",
				    state->missing_reason,
				    state->missing_since);
	return reapply_fail(error,
			    "version %s with the SHA-1 %s was installed since, seen %s, and is not "
			    "stored: %s; with its cabinet, run: tdx-module-reapply store FILE.cab",
			    state->missing_version,
			    state->missing_sha1,
			    state->missing_since,
			    state->missing_reason);
}
