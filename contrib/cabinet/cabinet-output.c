/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "cabinet-output.h"

static gboolean
cabinet_output_set_error(const gchar *what, const gchar *path, gint err, GError **error)
{
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_WRITE,
		    "failed to %s %s: %s",
		    what,
		    path,
		    g_strerror(err));
	return FALSE;
}

/* makes a folder in @parent, and @parent too; what is not published is removed with the object */
CabinetOutput *
cabinet_output_new(const gchar *parent, GError **error)
{
	g_autofree gchar *path = g_build_filename(parent, CABINET_OUTPUT_PREFIX "XXXXXX", NULL);
	CabinetOutput *self;

	if (g_mkdir_with_parents(parent, 0755) != 0) {
		cabinet_output_set_error("make the folder", parent, errno, error);
		return NULL;
	}
	if (g_mkdtemp_full(path, 0755) == NULL) {
		cabinet_output_set_error("make a folder in", parent, errno, error);
		return NULL;
	}
	self = g_new0(CabinetOutput, 1);
	self->parent = g_strdup(parent);
	self->path = g_steal_pointer(&path);
	self->names = g_ptr_array_new_with_free_func(g_free);
	return self;
}

/* with its files, as far as that is possible */
void
cabinet_output_remove_folder(const gchar *path)
{
	const gchar *basename;
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

	while (dir != NULL && (basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(path, basename, NULL);
		g_unlink(filename);
	}
	g_rmdir(path);
}

void
cabinet_output_free(CabinetOutput *self)
{
	if (self->path != NULL)
		cabinet_output_remove_folder(self->path);
	g_free(self->parent);
	g_free(self->path);
	g_ptr_array_unref(self->names);
	g_free(self);
}

/* up to the disk */
gboolean
cabinet_output_write(CabinetOutput *self, const gchar *name, GBytes *blob, GError **error)
{
	g_autofree gchar *filename = g_build_filename(self->path, name, NULL);

	if (!g_file_set_contents_full(filename,
				      g_bytes_get_data(blob, NULL),
				      g_bytes_get_size(blob),
				      G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
				      0644,
				      error))
		return FALSE;
	g_ptr_array_add(self->names, g_strdup(name));
	return TRUE;
}

/* takes a file that is there already, without a copy of its contents */
gboolean
cabinet_output_link(CabinetOutput *self, const gchar *name, const gchar *folder, GError **error)
{
	g_autofree gchar *source = g_build_filename(folder, name, NULL);
	g_autofree gchar *target = g_build_filename(self->path, name, NULL);

	if (link(source, target) != 0)
		return cabinet_output_set_error("link", source, errno, error);
	g_ptr_array_add(self->names, g_strdup(name));
	return TRUE;
}

/* each replaces an older one at once */
gboolean
cabinet_output_publish_files(CabinetOutput *self, GError **error)
{
	for (guint i = 0; i < self->names->len; i++) {
		const gchar *name = g_ptr_array_index(self->names, i);
		g_autofree gchar *source = g_build_filename(self->path, name, NULL);
		g_autofree gchar *target = g_build_filename(self->parent, name, NULL);
		if (g_rename(source, target) != 0)
			return cabinet_output_set_error("replace", target, errno, error);
	}
	return TRUE;
}

/* the folder with all the files gets its name */
gboolean
cabinet_output_publish_folder(CabinetOutput *self, const gchar *name, GError **error)
{
	g_autofree gchar *target = g_build_filename(self->parent, name, NULL);

	if (g_rename(self->path, target) != 0)
		return cabinet_output_set_error("make", target, errno, error);
	g_clear_pointer(&self->path, g_free);
	return TRUE;
}
