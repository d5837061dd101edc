/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>
#include <gnutls/crypto.h>
#include <unistd.h>

#include "cabinet-file.h"

/* the message is all that a user sees of an error; always FALSE */
gboolean
cabinet_fail(GError **error, const gchar *format, ...)
{
	va_list args;

	va_start(args, format);
	g_propagate_error(error,
			  g_error_new_valist(FWUPD_ERROR, FWUPD_ERROR_INVALID_DATA, format, args));
	va_end(args);
	return FALSE;
}

/* never through a link; -1 if it is no folder */
gint
cabinet_file_open_folder(gint folder, const gchar *name)
{
	return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* (element-type utf8): the names in an open folder, in no order */
GPtrArray *
cabinet_file_list(gint folder)
{
	const gchar *name;
	g_autofree gchar *path = g_strdup_printf("/proc/self/fd/%d", folder);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(names, g_strdup(name));
	return g_steal_pointer(&names);
}

static GBytes *
cabinet_file_read_fd(gint fd, const gchar *name, gsize size_max, struct stat *st, GError **error)
{
	gsize size = 0;
	g_autofree guint8 *buf = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GInputStream) stream = g_unix_input_stream_new(fd, FALSE);

	if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
		cabinet_fail(error, "%s is not a regular file", name);
		return NULL;
	}
	if ((guint64)st->st_size > size_max) {
		cabinet_fail(error,
			     "%s has %" G_GUINT64_FORMAT
			     " bytes, expected at most %" G_GSIZE_FORMAT,
			     name,
			     (guint64)st->st_size,
			     size_max);
		return NULL;
	}

	/* one more, to see that it ends */
	buf = g_malloc(st->st_size + 1);
	if (!g_input_stream_read_all(stream, buf, st->st_size + 1, &size, NULL, &error_local) ||
	    size != (gsize)st->st_size) {
		cabinet_fail(error,
			     "failed to read %s: %s",
			     name,
			     error_local != NULL ? error_local->message : "it changes meanwhile");
		return NULL;
	}
	return g_bytes_new_take(g_steal_pointer(&buf), size);
}

/* only of a regular file of at most @size_max bytes, whatever @name is; @folder may be AT_FDCWD,
 * @flags are more of those of open(2) */
GBytes *
cabinet_file_read(gint folder,
		  const gchar *name,
		  gint flags,
		  gsize size_max,
		  struct stat *st,
		  GError **error)
{
	gint fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
	struct stat st_unused = {0};
	GBytes *blob;

	if (fd < 0) {
		cabinet_fail(error, "failed to open %s: %s", name, g_strerror(errno));
		return NULL;
	}
	blob = cabinet_file_read_fd(fd, name, size_max, st != NULL ? st : &st_unused, error);
	g_close(fd, NULL);
	return blob;
}

/* (nullable): what is in a file of groups with keys */
GKeyFile *
cabinet_file_read_keys(const gchar *filename, GError **error)
{
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GKeyFile) kf = g_key_file_new();

	blob = cabinet_file_read(AT_FDCWD, filename, 0, CABINET_FILE_SIZE_MAX, NULL, error);
	if (blob == NULL || !g_key_file_load_from_bytes(kf, blob, G_KEY_FILE_NONE, error)) {
		g_prefix_error(error, "failed to read %s: ", filename);
		return NULL;
	}
	return g_steal_pointer(&kf);
}

/* a new file, up to the disk */
gboolean
cabinet_file_write(gint folder, const gchar *name, GBytes *blob, mode_t mode, GError **error)
{
	gsize bufsz = 0;
	gssize rc = 0;
	const guint8 *buf = g_bytes_get_data(blob, &bufsz);
	gint fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	gboolean done;

	for (gsize size = 0; fd >= 0 && size < bufsz && rc >= 0; size += MAX(rc, 0))
		rc = write(fd, buf + size, bufsz - size);
	done = fd >= 0 && rc >= 0 && fsync(fd) == 0;
	if (!done) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "failed to write %s: %s",
			    name,
			    g_strerror(errno));
	}
	if (fd >= 0)
		g_close(fd, NULL);
	return done;
}

/* is that still the name of what was opened? */
gboolean
cabinet_file_is_same(gint folder, const gchar *name, gint fd)
{
	struct stat st_fd = {0};
	struct stat st_name = {0};

	return fstat(fd, &st_fd) == 0 &&
	       fstatat(folder, name, &st_name, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st_fd.st_dev == st_name.st_dev && st_fd.st_ino == st_name.st_ino;
}

/* hexadecimal; four times as fast as GLib, which matters for hundreds of images */
gchar *
cabinet_file_hash(GChecksumType kind, GBytes *blob)
{
	g_autoptr(GByteArray) hash = g_byte_array_new();

	g_byte_array_set_size(hash, g_checksum_type_get_length(kind));
	if (gnutls_hash_fast(kind == G_CHECKSUM_SHA1 ? GNUTLS_DIG_SHA1 : GNUTLS_DIG_SHA256,
			     g_bytes_get_data(blob, NULL),
			     g_bytes_get_size(blob),
			     hash->data) != 0)
		g_error("GnuTLS cannot hash");
	return fu_byte_array_to_string(hash);
}
