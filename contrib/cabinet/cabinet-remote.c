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
cabinet_remote_add_settings(GKeyFile *self, const gchar *filename, GError **error)
{
	const gchar *known[] = {"NoPhasedUpdates", "Password", "ReportURI", "Username", NULL};
	g_auto(GStrv) keys = NULL;
	g_autoptr(GKeyFile) kf = cabinet_file_read_keys(filename, error);

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
		g_key_file_set_value(self, CABINET_REMOTE_GROUP, keys[i], value);
	}
	return TRUE;
}

/* the file for /etc/fwupd/remotes.d of the hosts; @path is that of the mirror, which who has no web
 * server sees there; @mode is what it is to have */
GBytes *
cabinet_remote_build(const gchar *path, const CabinetOptions *options, mode_t *mode, GError **error)
{
	gchar *text;
	gsize textsz = 0;
	g_autofree gchar *metadata_uri = NULL;
	g_autofree gchar *uri = NULL;
	g_autoptr(GKeyFile) self = g_key_file_new();

	uri = options->base_uri != NULL ? g_strdup(options->base_uri)
					: cabinet_remote_build_uri(path, error);
	if (uri == NULL)
		return NULL;
	metadata_uri = g_strdup_printf("%s/" CABINET_OUTPUT_METADATA, uri);
	g_key_file_set_value(self, CABINET_REMOTE_GROUP, "Enabled", "true");
	g_key_file_set_value(self, CABINET_REMOTE_GROUP, "Title", "TDX modules");
	g_key_file_set_value(self, CABINET_REMOTE_GROUP, "MetadataURI", metadata_uri);
	if (options->remote_fn != NULL &&
	    !cabinet_remote_add_settings(self, options->remote_fn, error))
		return NULL;
	*mode = g_key_file_has_key(self, CABINET_REMOTE_GROUP, "Password", NULL) ? 0600 : 0644;
	text = g_key_file_to_data(self, &textsz, NULL);
	return g_bytes_new_take(text, textsz);
}
