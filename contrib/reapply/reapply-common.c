/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What is said, versions, and files that are read.
 */

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>

#include "reapply.h"

void
reapply_say(gint priority, const gchar *format, ...)
{
	va_list args;
	g_autofree gchar *text = NULL;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_strdelimit(text, "\n", ' ');
	if (g_getenv("JOURNAL_STREAM") != NULL)
		g_printerr("<%i>%s\n", priority, text);
	else
		(priority == LOG_ERR ? g_printerr : g_print)("%s\n", text);
}

gboolean
reapply_fail(GError **error, const gchar *format, ...)
{
	va_list args;

	va_start(args, format);
	g_propagate_error(error,
			  g_error_new_valist(FWUPD_ERROR, FWUPD_ERROR_INTERNAL, format, args));
	va_end(args);
	return FALSE;
}

void
reapply_take(gchar **field, gchar *value)
{
	g_free(*field);
	*field = value;
}

guint64
reapply_version_parse(const gchar *version, GError **error)
{
	const gchar *text = version != NULL ? version : "";
	guint64 value = 0;
	guint64 part = 0;
	g_auto(GStrv) split = g_strsplit(text, ".", -1);

	for (guint i = 0; i < 3; i++) {
		if (g_strv_length(split) != 3 ||
		    !g_ascii_string_to_unsigned(split[i], 10, 0, G_MAXUINT16, &part, NULL))
			return reapply_fail(error,
					    "the version is '%s', needed is one like 1.5.06",
					    text);
		value = value << 16 | part;
	}
	return value;
}

gboolean
reapply_version_equal(const gchar *version1, const gchar *version2)
{
	guint64 value = reapply_version_parse(version1, NULL);
	return value != 0 && value == reapply_version_parse(version2, NULL);
}

GBytes *
reapply_file_read(const gchar *filename, GError **error)
{
	gint fd = g_open(filename, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	struct stat st = {0};
	g_autoptr(GInputStream) stream = NULL;

	if (fd < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    errno == ENOENT ? FWUPD_ERROR_NOT_FOUND : FWUPD_ERROR_INTERNAL,
			    "cannot read %s: %s",
			    filename,
			    g_strerror(errno));
		return NULL;
	}
	stream = g_unix_input_stream_new(fd, TRUE);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= REAPPLY_FILE_SIZE_MAX)
		return g_input_stream_read_bytes(stream, st.st_size + 1, NULL, error);
	reapply_fail(error,
		     "%s is not a file of at most %d bytes",
		     filename,
		     REAPPLY_FILE_SIZE_MAX);
	return NULL;
}
