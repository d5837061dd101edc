/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "cabinet-file.h"
#include "cabinet-output.h"

/* what is left of a run that was killed has such a name */
#define CABINET_OUTPUT_PREFIX	".tdx-module-cabinet-"
#define CABINET_OUTPUT_LEFTOVER "^\\.tdx-module-cabinet-[0-9A-Za-z-]+$"

#define CABINET_OUTPUT_TRIES 10

/* from errno */
gboolean
cabinet_output_set_error(CabinetOutput *self, const gchar *what, const gchar *name, GError **error)
{
	return cabinet_fail(error,
			    "failed to %s %s/%s: %s",
			    what,
			    self->path,
			    name,
			    g_strerror(errno));
}

/* a file, or the link that is not in its place yet */
static gboolean
cabinet_output_is_ours(gint folder, const gchar *name)
{
	struct stat st = {0};
	const gchar *names[] = {CABINET_OUTPUT_METADATA,
				CABINET_OUTPUT_METADATA_SIG,
				CABINET_OUTPUT_MANIFEST,
				CABINET_OUTPUT_CONF,
				NULL};

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return FALSE;
	if (S_ISLNK(st.st_mode))
		return g_strcmp0(name, CABINET_OUTPUT_LINK) == 0;
	return S_ISREG(st.st_mode) &&
	       (g_strv_contains(names, name) ||
		g_regex_match_simple(CABINET_OUTPUT_CABINET, name, G_REGEX_DOLLAR_ENDONLY, 0));
}

/* (nullable): the names in a folder, if all of them are */
static GPtrArray *
cabinet_output_list_ours(gint folder)
{
	g_autoptr(GPtrArray) names = cabinet_file_list(folder);

	for (guint i = 0; i < names->len; i++) {
		if (!cabinet_output_is_ours(folder, g_ptr_array_index(names, i)))
			return NULL;
	}
	return g_steal_pointer(&names);
}

static void
cabinet_output_remove_open(gint parent, const gchar *name, gint fd)
{
	g_autofree gchar *name_new = g_str_has_prefix(name, CABINET_OUTPUT_PREFIX)
					 ? g_strdup(name)
					 : g_strconcat(CABINET_OUTPUT_PREFIX, name, NULL);
	g_autoptr(GPtrArray) names = cabinet_output_list_ours(fd);

	if (names == NULL || !cabinet_file_is_same(parent, name, fd) ||
	    renameat(parent, name, parent, name_new) != 0)
		return;
	for (guint i = 0; i < names->len; i++)
		unlinkat(fd, g_ptr_array_index(names, i), 0);
	if (cabinet_file_is_same(parent, name_new, fd))
		unlinkat(parent, name_new, AT_REMOVEDIR);
}

/* under a name that says so, as this may be interrupted; if anything in it is not from this tool,
 * all of it stays, and so does what another process is writing */
void
cabinet_output_remove_folder(gint parent, const gchar *name)
{
	gint fd = cabinet_file_open_folder(parent, name);

	if (fd < 0)
		return;

	/* NFS cannot lock folders; there the lock of the mirror has to do */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 ||
	    (errno != EWOULDBLOCK && !g_str_has_prefix(name, CABINET_OUTPUT_PREFIX)))
		cabinet_output_remove_open(parent, name, fd);
	g_close(fd, NULL);
}

/* of runs that were killed */
static void
cabinet_output_remove_leftovers(CabinetOutput *self)
{
	g_autoptr(GPtrArray) names = cabinet_file_list(self->parent);

	for (guint i = 0; i < names->len; i++) {
		const gchar *name = g_ptr_array_index(names, i);
		if (g_regex_match_simple(CABINET_OUTPUT_LEFTOVER, name, G_REGEX_DOLLAR_ENDONLY, 0))
			cabinet_output_remove_folder(self->parent, name);
	}
}

/* another process may remove it in the moment before it is locked */
static gboolean
cabinet_output_make_folder(CabinetOutput *self, GError **error)
{
	for (guint i = 0; i < CABINET_OUTPUT_TRIES; i++) {
		struct stat st = {0};
		g_autofree gchar *name =
		    g_strdup_printf(CABINET_OUTPUT_PREFIX "%08x", g_random_int());

		if (mkdirat(self->parent, name, 0755) != 0)
			return cabinet_output_set_error(self, "make the folder", name, error);
		self->fd = cabinet_file_open_folder(self->parent, name);
		if (self->fd < 0)
			continue;
		flock(self->fd, LOCK_EX);
		if (fstat(self->fd, &st) == 0 && st.st_nlink > 0) {
			self->name = g_steal_pointer(&name);
			return TRUE;
		}
		g_close(g_steal_fd(&self->fd), NULL);
	}
	return cabinet_output_set_error(self, "keep a folder in", ".", error);
}

/* makes the folder @path too; what is not published is removed with the object */
CabinetOutput *
cabinet_output_new(const gchar *path, GError **error)
{
	g_autoptr(CabinetOutput) self = g_new0(CabinetOutput, 1);

	self->fd = -1;
	self->path = g_strdup(path);
	self->names = g_ptr_array_new_with_free_func(g_free);
	self->made = !g_file_test(path, G_FILE_TEST_EXISTS);
	self->parent = g_mkdir_with_parents(path, 0755) == 0
			   ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			   : -1;
	if (self->parent < 0) {
		cabinet_fail(error, "failed to make the folder %s: %s", path, g_strerror(errno));
		return NULL;
	}
	cabinet_output_remove_leftovers(self);
	if (!cabinet_output_make_folder(self, error))
		return NULL;
	return g_steal_pointer(&self);
}

void
cabinet_output_free(CabinetOutput *self)
{
	if (self->fd >= 0)
		g_close(self->fd, NULL);
	if (self->name != NULL)
		cabinet_output_remove_folder(self->parent, self->name);
	if (self->parent >= 0)
		g_close(self->parent, NULL);
	if (self->made)
		g_rmdir(self->path);
	g_free(self->path);
	g_free(self->name);
	g_ptr_array_unref(self->names);
	g_free(self);
}

gboolean
cabinet_output_write(CabinetOutput *self, const gchar *name, GBytes *blob, GError **error)
{
	if (!cabinet_file_write(self->fd, name, blob, 0644, error)) {
		g_prefix_error(error, "%s: ", self->path);
		return FALSE;
	}
	g_ptr_array_add(self->names, g_strdup(name));
	return TRUE;
}

/* each replaces an older one at once */
gboolean
cabinet_output_publish_files(CabinetOutput *self, GError **error)
{
	for (guint i = 0; i < self->names->len; i++) {
		struct stat st = {0};
		const gchar *name = g_ptr_array_index(self->names, i);
		if (fstatat(self->parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !S_ISREG(st.st_mode))
			return cabinet_fail(
			    error,
			    "%s/%s is not a regular file, so it is not replaced; move it "
			    "away",
			    self->path,
			    name);
	}
	for (guint i = 0; i < self->names->len; i++) {
		const gchar *name = g_ptr_array_index(self->names, i);
		if (renameat(self->fd, name, self->parent, name) != 0)
			return cabinet_output_set_error(self, "replace", name, error);
	}
	return TRUE;
}

/* the folder with all the files gets its name */
gboolean
cabinet_output_publish_folder(CabinetOutput *self, const gchar *name, GError **error)
{
	if (fsync(self->fd) != 0 || renameat(self->parent, self->name, self->parent, name) != 0)
		return cabinet_output_set_error(self, "make", name, error);
	g_clear_pointer(&self->name, g_free);
	return TRUE;
}
