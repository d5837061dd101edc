/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What is said, and versions.
 */

#include "reapply.h"

/**
 * reapply_say:
 * @priority: of syslog
 * @format: of printf
 *
 * Prints one line for each outcome; the journal takes the priority from the line, see
 * sd-daemon(3).
 **/
void
reapply_say(ReapplyPriority priority, const gchar *format, ...)
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

/**
 * reapply_fail:
 * @error: (nullable): optional return location for an error
 * @code: of fwupd
 * @format: of printf
 *
 * Sets an error.
 *
 * Returns: %FALSE
 **/
gboolean
reapply_fail(GError **error, FwupdError code, const gchar *format, ...)
{
	va_list args;
	g_autofree gchar *text = NULL;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, FWUPD_ERROR, code, text);
	return FALSE;
}

/**
 * reapply_now:
 * Gets the time for a record.
 *
 * Returns: (transfer full): in the form of ISO 8601, in UTC
 **/
gchar *
reapply_now(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	return g_date_time_format_iso8601(now);
}

static gboolean
reapply_version_parse(const gchar *version, guint64 *parts, GError **error)
{
	g_auto(GStrv) split = g_strsplit(version != NULL ? version : "", ".", -1);

	for (guint i = 0; i < 3; i++) {
		if (g_strv_length(split) != 3 ||
		    !g_ascii_string_to_unsigned(split[i], 10, 0, G_MAXUINT16, &parts[i], NULL))
			return reapply_fail(
			    error,
			    FWUPD_ERROR_INVALID_DATA,
			    "the version of the TDX module is '%s', needed is one like 1.5.06",
			    version != NULL ? version : "");
	}
	return TRUE;
}

/**
 * reapply_version_compare:
 * @version1: (nullable): a version
 * @version2: (nullable): a version
 * @rc: (out): negative if @version1 is older, 0 if both are the same, positive if it is newer
 *
 * Compares two versions as numbers, because 1.5.6 is 1.5.06.
 **/
gboolean
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

/**
 * reapply_version_equal:
 * @version1: (nullable): a version
 * @version2: (nullable): a version
 *
 * Finds out if both are known, and are the same.
 **/
gboolean
reapply_version_equal(const gchar *version1, const gchar *version2)
{
	gint rc = -1;
	return reapply_version_compare(version1, version2, &rc, NULL) && rc == 0;
}
