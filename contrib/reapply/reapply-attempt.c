/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The last attempt, written before the update begins: at most one per boot, and none at all with a
 * release that has taken the TDX module or the machine down, as that would happen at each boot.
 */

#include "reapply.h"

#define REAPPLY_ATTEMPT_RECORD "attempt.conf"
#define REAPPLY_ATTEMPT_GROUP  "Attempt"

static const gchar *const reapply_results[] = {
    [REAPPLY_RESULT_NONE] = "none",
    [REAPPLY_RESULT_STARTED] = "started",
    [REAPPLY_RESULT_SUCCESS] = "success",
    [REAPPLY_RESULT_UNCHANGED] = "unchanged",
    [REAPPLY_RESULT_REFUSED] = "refused",
    [REAPPLY_RESULT_LOST] = "lost",
};

/* what cannot be read is what is not repeated */
static ReapplyResult
reapply_result_from_string(const gchar *text)
{
	for (guint i = REAPPLY_RESULT_STARTED; i < G_N_ELEMENTS(reapply_results); i++) {
		if (g_strcmp0(text, reapply_results[i]) == 0)
			return i;
	}
	return REAPPLY_RESULT_STARTED;
}

/**
 * reapply_attempt_get_last:
 * @sha256: of a cabinet
 * @this_boot: (out): if any attempt was made since the machine has started
 *
 * Gets what became of the last attempt with this cabinet. One that was refused was none.
 *
 * Returns: the result, or %REAPPLY_RESULT_NONE
 **/
ReapplyResult
reapply_attempt_get_last(const gchar *sha256, gboolean *this_boot)
{
	ReapplyResult result;
	g_autofree gchar *boot_id = reapply_boot_get_id(NULL);
	g_autofree gchar *last_boot_id = NULL;
	g_autofree gchar *last_result = NULL;
	g_autofree gchar *last_sha256 = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GKeyFile) kf = reapply_record_load(REAPPLY_ATTEMPT_RECORD, &error_local);

	*this_boot = FALSE;
	if (kf == NULL && g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND))
		return REAPPLY_RESULT_NONE;
	if (kf == NULL)
		return REAPPLY_RESULT_STARTED;
	last_boot_id = g_key_file_get_string(kf, REAPPLY_ATTEMPT_GROUP, "BootId", NULL);
	last_result = g_key_file_get_string(kf, REAPPLY_ATTEMPT_GROUP, "Result", NULL);
	last_sha256 = g_key_file_get_string(kf, REAPPLY_ATTEMPT_GROUP, "Sha256", NULL);
	result = reapply_result_from_string(last_result);
	if (result == REAPPLY_RESULT_REFUSED)
		return REAPPLY_RESULT_NONE;
	*this_boot = boot_id != NULL && g_strcmp0(last_boot_id, boot_id) == 0;
	if (last_sha256 != NULL && g_strcmp0(last_sha256, sha256) != 0)
		return REAPPLY_RESULT_NONE;
	return result;
}

/**
 * reapply_attempt_note:
 * @sha256: of the cabinet
 * @result: what became of it; %REAPPLY_RESULT_STARTED if it begins
 *
 * Notes an attempt of this boot. If its begin cannot be noted, it must not be made. The caller has
 * the lock.
 **/
gboolean
reapply_attempt_note(const gchar *sha256, ReapplyResult result, GError **error)
{
	g_autofree gchar *boot_id = reapply_boot_get_id(error);
	g_autoptr(GKeyFile) kf = g_key_file_new();

	if (boot_id == NULL)
		return FALSE;
	g_key_file_set_string(kf, REAPPLY_ATTEMPT_GROUP, "BootId", boot_id);
	g_key_file_set_string(kf, REAPPLY_ATTEMPT_GROUP, "Sha256", sha256);
	g_key_file_set_string(kf, REAPPLY_ATTEMPT_GROUP, "Result", reapply_results[result]);
	return reapply_record_save(REAPPLY_ATTEMPT_RECORD, kf, error);
}

/**
 * reapply_attempt_forgive:
 * @sha256: of a cabinet
 *
 * Lets a release be applied again at the next boot, as it has been installed since. The caller has
 * the lock.
 **/
gboolean
reapply_attempt_forgive(const gchar *sha256, GError **error)
{
	gboolean this_boot = FALSE;
	ReapplyResult last = reapply_attempt_get_last(sha256, &this_boot);

	if (last != REAPPLY_RESULT_STARTED && last != REAPPLY_RESULT_LOST)
		return TRUE;
	return reapply_attempt_note(sha256,
				    this_boot ? REAPPLY_RESULT_UNCHANGED : REAPPLY_RESULT_REFUSED,
				    error);
}
