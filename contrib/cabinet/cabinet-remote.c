/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-file.h"
#include "cabinet-output.h"
#include "cabinet-remote.h"

#define CABINET_REMOTE_GROUP "fwupd Remote"

void
cabinet_remote_free(CabinetRemote *self)
{
	g_free(self->text);
	g_free(self);
}

/* fwupd takes the path as it stands, and the file as GLib's key files have it */
static gchar *
cabinet_remote_build_uri(const gchar *path, GError **error)
{
	if (!g_utf8_validate(path, -1, NULL) ||
	    g_regex_match_simple("[[:cntrl:]\\\\]", path, 0, 0)) {
		g_autofree gchar *escaped = g_strescape(path, NULL);
		cabinet_fail(error,
			     "the path of the mirror is \"%s\", and hosts could not find it there; "
			     "expected UTF-8 without backslashes and control characters, or "
			     "--base-uri",
			     escaped);
		return NULL;
	}
	return g_strdup_printf("file://%s/current", path);
}

/* what the publisher wants to have in it too, as it stands in a file of the same format */
static gboolean
cabinet_remote_add_settings(CabinetRemote *self, const gchar *filename, GError **error)
{
	const gchar *known[] = {"NoPhasedUpdates", "Password", "ReportURI", "Username", NULL};
	g_auto(GStrv) keys = NULL;
	g_autoptr(GKeyFile) kf = cabinet_file_read_keys(filename, error);
	g_autoptr(GString) str = g_string_new(self->text);

	if (kf == NULL)
		return FALSE;
	keys = g_key_file_get_keys(kf, CABINET_REMOTE_GROUP, NULL, error);
	if (keys == NULL) {
		g_prefix_error(error, "failed to read %s: ", filename);
		return FALSE;
	}
	for (guint i = 0; keys[i] != NULL; i++) {
		g_autofree gchar *value =
		    g_key_file_get_value(kf, CABINET_REMOTE_GROUP, keys[i], NULL);
		if (!g_strv_contains(known, keys[i]))
			return cabinet_fail(
			    error,
			    "%s has %s, expected only ReportURI, Username, Password and "
			    "NoPhasedUpdates",
			    filename,
			    keys[i]);
		if (g_strcmp0(keys[i], "Password") == 0)
			self->mode = 0600;
		g_string_append_printf(str, "%s=%s\n", keys[i], value);
	}
	g_free(self->text);
	self->text = g_string_free(g_steal_pointer(&str), FALSE);
	return TRUE;
}

/* @path is that of the mirror; who has no web server sees it there */
CabinetRemote *
cabinet_remote_new(const gchar *path, const CabinetOptions *options, GError **error)
{
	g_autofree gchar *uri = NULL;
	g_autoptr(CabinetRemote) self = g_new0(CabinetRemote, 1);

	uri = options->base_uri != NULL ? g_strdup(options->base_uri)
					: cabinet_remote_build_uri(path, error);
	if (uri == NULL)
		return NULL;
	self->mode = 0644;
	self->text = g_strdup_printf("[" CABINET_REMOTE_GROUP "]\n"
				     "Enabled=true\n"
				     "Title=TDX modules\n"
				     "MetadataURI=%s/" CABINET_OUTPUT_METADATA "\n",
				     uri);
	if (options->remote_fn != NULL &&
	    !cabinet_remote_add_settings(self, options->remote_fn, error))
		return NULL;
	return g_steal_pointer(&self);
}
