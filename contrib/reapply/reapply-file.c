/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Files that are either the old or the new one, whenever the machine goes down.
 */

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "reapply.h"

static gboolean G_GNUC_PRINTF(2, 3)
    reapply_set_error_errno(GError **error, const gchar *format, ...)
{
	gint errsv = errno;
	va_list args;
	g_autofree gchar *text = NULL;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	return reapply_fail(error,
			    errsv == ENOENT ? FWUPD_ERROR_NOT_FOUND : FWUPD_ERROR_INTERNAL,
			    "%s: %s",
			    text,
			    g_strerror(errsv));
}

static gchar *
reapply_path(const gchar *env, const gchar *fallback, const gchar *name)
{
	const gchar *dir = g_getenv(env);
	return g_build_filename(dir != NULL && dir[0] != '\0' ? dir : fallback, name, NULL);
}

/**
 * reapply_state_path:
 * @name: a file name
 *
 * Gets where something is kept for the boots to come; systemd gives the folder.
 *
 * Returns: (transfer full): a path
 **/
gchar *
reapply_state_path(const gchar *name)
{
	return reapply_path("STATE_DIRECTORY", "/var/lib/tdx-module", name);
}

/**
 * reapply_runtime_path:
 * @name: a file name
 *
 * Gets where something is kept until the next boot; systemd gives the folder.
 *
 * Returns: (transfer full): a path
 **/
gchar *
reapply_runtime_path(const gchar *name)
{
	return reapply_path("RUNTIME_DIRECTORY", "/run/tdx-module", name);
}

static gboolean
reapply_mkdir_parent(const gchar *filename, GError **error)
{
	g_autofree gchar *dir = g_path_get_dirname(filename);
	if (g_mkdir_with_parents(dir, 0755) != 0)
		return reapply_set_error_errno(error, "cannot make the folder %s", dir);
	return TRUE;
}

/**
 * reapply_lock_release:
 * @self: a lock, or -1
 *
 * Lets other instances change the state, as does the end of the program.
 **/
void
reapply_lock_release(ReapplyLock self)
{
	if (self >= 0)
		(void)close(self);
}

/**
 * reapply_state_lock:
 * Waits until no other instance changes the state, and keeps them from doing so.
 *
 * Returns: a lock, or -1
 **/
ReapplyLock
reapply_state_lock(GError **error)
{
	g_auto(ReapplyLock) self = -1;
	g_autofree gchar *filename = reapply_state_path("lock");

	if (!reapply_mkdir_parent(filename, error))
		return -1;
	self = g_open(filename, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (self < 0) {
		reapply_set_error_errno(error, "cannot open %s", filename);
		return -1;
	}
	if (TEMP_FAILURE_RETRY(flock(self, LOCK_EX)) != 0) {
		reapply_set_error_errno(error, "cannot lock %s", filename);
		return -1;
	}
	return g_steal_fd(&self);
}

/**
 * reapply_file_write:
 * @filename: where to
 * @buf: the new content
 * @bufsz: its size
 *
 * Writes a file so that after a crash the old one or the new one is there as a whole, and the new
 * one if this has returned. The caller has the lock.
 **/
gboolean
reapply_file_write(const gchar *filename, gconstpointer buf, gsize bufsz, GError **error)
{
	g_autoptr(GError) error_local = NULL;

	if (!reapply_mkdir_parent(filename, error))
		return FALSE;
	if (!g_file_set_contents_full(filename,
				      buf,
				      bufsz,
				      G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
				      0644,
				      &error_local))
		return reapply_fail(error,
				    FWUPD_ERROR_INTERNAL,
				    "cannot write %s, which needs %" G_GSIZE_FORMAT " bytes: %s",
				    filename,
				    bufsz,
				    error_local->message);
	return TRUE;
}

static GBytes *
reapply_file_read_fd(gint fd, const gchar *filename, GError **error)
{
	gsize bufsz = 0;
	struct stat st = {0};
	g_autofree gchar *buf = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GInputStream) stream = g_unix_input_stream_new(fd, TRUE);

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > REAPPLY_FILE_SIZE_MAX) {
		reapply_fail(error,
			     FWUPD_ERROR_INVALID_FILE,
			     "%s is not a file of at most %d bytes",
			     filename,
			     REAPPLY_FILE_SIZE_MAX);
		return NULL;
	}
	buf = g_malloc0(st.st_size + 1);
	if (!g_input_stream_read_all(stream, buf, st.st_size, &bufsz, NULL, &error_local)) {
		reapply_fail(error,
			     FWUPD_ERROR_INTERNAL,
			     "cannot read %s: %s",
			     filename,
			     error_local->message);
		return NULL;
	}
	return g_bytes_new_take(g_steal_pointer(&buf), bufsz);
}

/**
 * reapply_file_read:
 * @filename: where from
 *
 * Reads a regular file of at most %REAPPLY_FILE_SIZE_MAX bytes; nothing else is waited for.
 *
 * Returns: (transfer full): its content, or %NULL; %FWUPD_ERROR_NOT_FOUND if there is none
 **/
GBytes *
reapply_file_read(const gchar *filename, GError **error)
{
	gint fd = g_open(filename, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);

	if (fd < 0) {
		reapply_set_error_errno(error, "cannot read %s", filename);
		return NULL;
	}
	return reapply_file_read_fd(fd, filename, error);
}

/**
 * reapply_record_load:
 * @name: a file name
 *
 * Reads a record of the state.
 *
 * Returns: (transfer full): its keys, or %NULL; %FWUPD_ERROR_NOT_FOUND if there is none
 **/
GKeyFile *
reapply_record_load(const gchar *name, GError **error)
{
	g_autofree gchar *filename = reapply_state_path(name);
	g_autoptr(GBytes) blob = reapply_file_read(filename, error);
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GKeyFile) kf = g_key_file_new();

	if (blob == NULL)
		return NULL;
	if (!g_key_file_load_from_bytes(kf, blob, G_KEY_FILE_NONE, &error_local)) {
		reapply_fail(error,
			     FWUPD_ERROR_INVALID_FILE,
			     "%s is damaged: %s; run: tdx-module-reapply store",
			     filename,
			     error_local->message);
		return NULL;
	}
	return g_steal_pointer(&kf);
}

/**
 * reapply_record_save:
 * @name: a file name
 * @kf: its keys
 *
 * Writes a record of the state. The caller has the lock.
 *
 * Returns: %TRUE for success; else the old one is still there
 **/
gboolean
reapply_record_save(const gchar *name, GKeyFile *kf, GError **error)
{
	g_autofree gchar *data = g_key_file_to_data(kf, NULL, NULL);
	g_autofree gchar *filename = reapply_state_path(name);
	return reapply_file_write(filename, data, strlen(data), error);
}
