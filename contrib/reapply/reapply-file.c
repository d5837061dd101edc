/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Files that are either the old or the new one, whenever the machine goes down.
 */

#include "reapply-file.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

/* a cabinet with the largest image has less than 4 MiB */
#define REAPPLY_FILE_SIZE_MAX (64 * 1024 * 1024)

static gboolean G_GNUC_PRINTF(3, 4)
    reapply_set_error_errno(GError **error, gint errsv, const gchar *format, ...)
{
	va_list args;
	g_autofree gchar *text = NULL;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error,
		    FWUPD_ERROR,
		    errsv == ENOENT ? FWUPD_ERROR_NOT_FOUND : FWUPD_ERROR_INTERNAL,
		    "%s: %s",
		    text,
		    g_strerror(errsv));
	return FALSE;
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
		return reapply_set_error_errno(error, errno, "cannot make the folder %s", dir);
	return TRUE;
}

/**
 * reapply_state_lock:
 * @error: (nullable): optional return location for an error
 *
 * Waits until no other instance changes the state, and keeps them from doing so.
 *
 * Returns: a file descriptor; closing it ends the lock, as does the end of the program; or -1
 **/
gint
reapply_state_lock(GError **error)
{
	gint fd;
	gint rc;
	g_autofree gchar *filename = reapply_state_path("lock");

	if (!reapply_mkdir_parent(filename, error))
		return -1;
	fd = g_open(filename, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		reapply_set_error_errno(error, errno, "cannot open %s", filename);
		return -1;
	}
	do {
		rc = flock(fd, LOCK_EX);
	} while (rc != 0 && errno == EINTR);
	if (rc != 0) {
		reapply_set_error_errno(error, errno, "cannot lock %s", filename);
		g_close(fd, NULL);
		return -1;
	}
	return fd;
}

static gboolean
reapply_write_all(gint fd, const gchar *filename, const guint8 *buf, gsize bufsz, GError **error)
{
	for (gsize done = 0; done < bufsz;) {
		gssize rc = write(fd, buf + done, bufsz - done);
		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return reapply_set_error_errno(
			    error,
			    errno,
			    "cannot write %s, which needs %" G_GSIZE_FORMAT " bytes",
			    filename,
			    bufsz);
		done += rc;
	}
	if (fsync(fd) != 0)
		return reapply_set_error_errno(error, errno, "cannot write %s to disk", filename);
	return TRUE;
}

static gboolean
reapply_sync_parent(const gchar *filename, GError **error)
{
	g_autofree gchar *dir = g_path_get_dirname(filename);
	gint fd = g_open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	gint rc;

	if (fd < 0)
		return reapply_set_error_errno(error, errno, "cannot open %s", dir);
	rc = fsync(fd);
	if (rc != 0)
		reapply_set_error_errno(error, errno, "cannot write %s to disk", dir);
	g_close(fd, NULL);
	return rc == 0;
}

/**
 * reapply_file_write:
 * @filename: where to
 * @buf: the new content
 * @bufsz: its size
 * @error: (nullable): optional return location for an error
 *
 * Writes a file so that after a crash the old one or the new one is there as a whole, and the new
 * one if this has returned. g_file_set_contents_full() does not wait for the disk if the file is
 * new. The caller has the lock.
 *
 * Returns: %TRUE for success
 **/
gboolean
reapply_file_write(const gchar *filename, gconstpointer buf, gsize bufsz, GError **error)
{
	gboolean ret;
	gint fd;
	g_autofree gchar *filename_new = g_strconcat(filename, ".new", NULL);

	if (!reapply_mkdir_parent(filename, error))
		return FALSE;
	fd =
	    g_open(filename_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (gint)0644);
	if (fd < 0)
		return reapply_set_error_errno(error, errno, "cannot write %s", filename_new);
	ret = reapply_write_all(fd, filename_new, buf, bufsz, error);
	g_close(fd, NULL);
	if (!ret) {
		(void)g_unlink(filename_new);
		return FALSE;
	}
	if (g_rename(filename_new, filename) != 0)
		return reapply_set_error_errno(error, errno, "cannot replace %s", filename);
	return reapply_sync_parent(filename, error);
}

/**
 * reapply_file_read:
 * @filename: where from
 * @error: (nullable): optional return location for an error
 *
 * Reads a regular file.
 *
 * Returns: (transfer full): its content, or %NULL; %FWUPD_ERROR_NOT_FOUND if there is none
 **/
GBytes *
reapply_file_read(const gchar *filename, GError **error)
{
	GStatBuf st = {0};
	gchar *buf = NULL;
	gsize bufsz = 0;
	g_autoptr(GError) error_local = NULL;

	if (g_stat(filename, &st) != 0) {
		reapply_set_error_errno(error, errno, "cannot read %s", filename);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > REAPPLY_FILE_SIZE_MAX) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s is not a file of at most %d bytes",
			    filename,
			    REAPPLY_FILE_SIZE_MAX);
		return NULL;
	}
	if (!g_file_get_contents(filename, &buf, &bufsz, &error_local)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "cannot read: %s",
			    error_local->message);
		return NULL;
	}
	return g_bytes_new_take(buf, bufsz);
}

/**
 * reapply_file_remove:
 * @filename: a path
 * @error: (nullable): optional return location for an error
 *
 * Removes a file, if it is there.
 *
 * Returns: %TRUE for success
 **/
gboolean
reapply_file_remove(const gchar *filename, GError **error)
{
	if (g_unlink(filename) != 0 && errno != ENOENT)
		return reapply_set_error_errno(error, errno, "cannot remove %s", filename);
	return TRUE;
}
