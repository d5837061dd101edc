/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The last attempt, written before the update begins: at most one per boot, and none at all with a
 * release that has taken the TDX module or the machine down, as that would happen at each boot.
 */

#include "reapply-attempt.h"

#include <string.h>

#include "reapply-file.h"

#define REAPPLY_ATTEMPT_FILENAME "attempt.conf"
#define REAPPLY_ATTEMPT_GROUP	 "Attempt"
#define REAPPLY_BOOT_ID		 "/proc/sys/kernel/random/boot_id"

static const gchar *
reapply_result_to_string(ReapplyResult result)
{
	if (result == REAPPLY_RESULT_STARTED)
		return "started";
	if (result == REAPPLY_RESULT_SUCCESS)
		return "success";
	if (result == REAPPLY_RESULT_UNCHANGED)
		return "unchanged";
	return "lost";
}

/* what cannot be read is what is not repeated */
static ReapplyResult
reapply_result_from_string(const gchar *text)
{
	for (ReapplyResult r = REAPPLY_RESULT_STARTED; r <= REAPPLY_RESULT_LOST; r++) {
		if (g_strcmp0(text, reapply_result_to_string(r)) == 0)
			return r;
	}
	return REAPPLY_RESULT_STARTED;
}

static gchar *
reapply_boot_id(GError **error)
{
	g_autofree gchar *text = NULL;
	g_autoptr(GError) error_local = NULL;

	if (!g_file_get_contents(REAPPLY_BOOT_ID, &text, NULL, &error_local)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "the boots cannot be told apart: %s",
			    error_local->message);
		return NULL;
	}
	return g_strdup(g_strstrip(text));
}

/**
 * reapply_attempt_get_last:
 * @sha256: of a cabinet
 * @this_boot: (out): if any attempt was made since the machine has started
 *
 * Gets what became of the last attempt with this cabinet.
 *
 * Returns: the result, or %REAPPLY_RESULT_NONE
 **/
ReapplyResult
reapply_attempt_get_last(const gchar *sha256, gboolean *this_boot)
{
	g_autofree gchar *boot_id = reapply_boot_id(NULL);
	g_autofree gchar *filename = reapply_state_path(REAPPLY_ATTEMPT_FILENAME);
	g_autofree gchar *last_boot_id = NULL;
	g_autofree gchar *last_result = NULL;
	g_autofree gchar *last_sha256 = NULL;
	g_autoptr(GKeyFile) kf = g_key_file_new();

	*this_boot = FALSE;
	if (!g_file_test(filename, G_FILE_TEST_EXISTS))
		return REAPPLY_RESULT_NONE;
	if (!g_key_file_load_from_file(kf, filename, G_KEY_FILE_NONE, NULL))
		return REAPPLY_RESULT_STARTED;
	last_boot_id = g_key_file_get_string(kf, REAPPLY_ATTEMPT_GROUP, "BootId", NULL);
	last_result = g_key_file_get_string(kf, REAPPLY_ATTEMPT_GROUP, "Result", NULL);
	last_sha256 = g_key_file_get_string(kf, REAPPLY_ATTEMPT_GROUP, "Sha256", NULL);
	*this_boot = boot_id != NULL && g_strcmp0(last_boot_id, boot_id) == 0;
	if (last_sha256 != NULL && g_strcmp0(last_sha256, sha256) != 0)
		return REAPPLY_RESULT_NONE;
	return reapply_result_from_string(last_result);
}

/**
 * reapply_attempt_begin:
 * @sha256: of the cabinet
 * @error: (nullable): optional return location for an error
 *
 * Notes that an attempt begins. Without that it must not be made. The caller has the lock.
 *
 * Returns: %TRUE for success
 **/
gboolean
reapply_attempt_begin(const gchar *sha256, GError **error)
{
	return reapply_attempt_end(sha256, REAPPLY_RESULT_STARTED, error);
}

/**
 * reapply_attempt_end:
 * @sha256: of the cabinet
 * @result: what became of it
 * @error: (nullable): optional return location for an error
 *
 * Notes what became of an attempt that was made since the machine has started.
 *
 * Returns: %TRUE for success
 **/
gboolean
reapply_attempt_end(const gchar *sha256, ReapplyResult result, GError **error)
{
	g_autofree gchar *boot_id = reapply_boot_id(error);
	g_autofree gchar *data = NULL;
	g_autofree gchar *filename = reapply_state_path(REAPPLY_ATTEMPT_FILENAME);
	g_autoptr(GKeyFile) kf = g_key_file_new();

	if (boot_id == NULL)
		return FALSE;
	g_key_file_set_string(kf, REAPPLY_ATTEMPT_GROUP, "BootId", boot_id);
	g_key_file_set_string(kf, REAPPLY_ATTEMPT_GROUP, "Sha256", sha256);
	g_key_file_set_string(kf,
			      REAPPLY_ATTEMPT_GROUP,
			      "Result",
			      reapply_result_to_string(result));
	data = g_key_file_to_data(kf, NULL, NULL);
	return reapply_file_write(filename, data, strlen(data), error);
}

/**
 * reapply_attempt_forgive:
 * @sha256: of a cabinet
 * @error: (nullable): optional return location for an error
 *
 * Lets a release be applied again at the next boot, as it has been installed since. The caller has
 * the lock.
 *
 * Returns: %TRUE for success
 **/
gboolean
reapply_attempt_forgive(const gchar *sha256, GError **error)
{
	gboolean this_boot = FALSE;
	g_autofree gchar *filename = reapply_state_path(REAPPLY_ATTEMPT_FILENAME);
	ReapplyResult last = reapply_attempt_get_last(sha256, &this_boot);

	if (last != REAPPLY_RESULT_STARTED && last != REAPPLY_RESULT_LOST)
		return TRUE;
	if (this_boot)
		return reapply_attempt_end(sha256, REAPPLY_RESULT_UNCHANGED, error);
	return reapply_file_remove(filename, error);
}
