/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The cabinet that was installed, again from the remote that it came from. What a server sends, and
 * what a network file system does not answer, is left to other processes with bounds: it costs an
 * attempt and nothing else.
 */

#include <glib/gstdio.h>
#include <string.h>

#include "reapply.h"

#define REAPPLY_FETCH_IS_HTTP(uri) g_regex_match_simple("^https?://", uri, G_REGEX_CASELESS, 0)

/* libfwupd keeps all that a server sends in memory, twice at the end */
#define REAPPLY_FETCH_BOUNDS "timeout -sKILL 300 prlimit -c0 -d268435456 -f67108864 "

/* what it has printed is there also if it has failed */
static gboolean
reapply_fetch_run(const gchar *command, gchar **out, GError **error)
{
	gint status = 0;
	g_autofree gchar *err = NULL;

	if (!g_spawn_command_line_sync(command, out, &err, &status, error))
		return FALSE;
	if (g_spawn_check_wait_status(status, error))
		return TRUE;
	g_strdelimit(err, "\n", ' ');
	g_prefix_error(error, "it may use 256 MiB and 300 seconds, and says: %s: ", err);
	return FALSE;
}

static GBytes *
reapply_fetch_download(const gchar *uri, const gchar *sha1, GError **error)
{
	g_autofree gchar *actual = NULL;
	g_autofree gchar *basename = g_path_get_basename(uri);
	g_autofree gchar *quoted = g_shell_quote(uri);
	g_autofree gchar *dirname = g_dir_make_tmp("tdx-module-XXXXXX", error);
	g_autofree gchar *filename = g_build_filename(dirname, basename, NULL);
	g_autofree gchar *prefix =
	    g_strconcat("env --chdir=", dirname, " " REAPPLY_FETCH_BOUNDS, NULL);
	g_autofree gchar *command = g_strconcat(prefix, "fwupdmgr download ", quoted, NULL);
	g_autofree gchar *out = NULL;
	g_autoptr(GBytes) blob = NULL;

	if (dirname == NULL)
		return NULL;
	if (reapply_fetch_run(command, &out, error))
		blob = reapply_file_read(filename, error);
	(void)g_unlink(filename);
	(void)g_rmdir(dirname);
	if (blob == NULL)
		return NULL;
	actual = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, blob);
	if (g_strcmp0(actual, sha1) == 0)
		return g_steal_pointer(&blob);
	reapply_fail(error, "it has the SHA-1 %s, installed was %s", actual, sha1);
	return NULL;
}

static GBytes *
reapply_fetch_location(FwupdRemote *remote, const gchar *uri, const gchar *sha1, GError **error)
{
	g_autofree gchar *uri_full = NULL;

	/* libfwupd does not always give a reason */
	if (REAPPLY_FETCH_IS_HTTP(uri) ||
	    fwupd_remote_get_kind(remote) != FWUPD_REMOTE_KIND_LOCAL) {
		uri_full = fwupd_remote_build_firmware_uri(remote, uri, error);
		if (uri_full == NULL && (error == NULL || *error == NULL))
			reapply_fail(error, "libfwupd gives no reason");
		if (uri_full == NULL)
			return NULL;
		if (REAPPLY_FETCH_IS_HTTP(uri_full))
			return reapply_fetch_download(uri_full, sha1, error);
	}
	reapply_fail(error,
		     "location %s of remote %s is not read, needed is http or https, or a file "
		     "below the metadata of a local remote",
		     uri,
		     fwupd_remote_get_id(remote));
	return NULL;
}

/* fwupd adds the remote to the history if it has metadata with this SHA-1 */
static GBytes *
reapply_fetch_from_server(ReapplyHost *host, GPtrArray *remotes, gchar **origin, GString *reasons)
{
	FwupdRelease *release = fwupd_device_get_release_default(host->entry);
	GPtrArray *locations = fwupd_release_get_locations(release);
	const gchar *id = fwupd_release_get_remote_id(release);

	for (guint i = 0; i < remotes->len * locations->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(remotes, i / locations->len);
		const gchar *uri = g_ptr_array_index(locations, i % locations->len);
		g_autoptr(GBytes) blob = NULL;
		g_autoptr(GError) error_local = NULL;

		if (g_strcmp0(fwupd_remote_get_id(remote), id) != 0)
			continue;
		blob = reapply_fetch_location(remote, uri, host->sha1, &error_local);
		if (blob != NULL) {
			reapply_take(origin, g_path_get_basename(uri));
			return g_steal_pointer(&blob);
		}
		g_string_append_printf(reasons, "; %s: %s", uri, error_local->message);
	}
	return NULL;
}

/* the metadata of a folder has no SHA-1, and of its releases fwupd only shows those that are newer;
 * what is no file is not read, as it may block */
static GBytes *
reapply_fetch_from_folder(const gchar *path, const gchar *sha1, gchar **origin, GError **error)
{
	g_auto(GStrv) lines = NULL;
	g_autofree gchar *quoted = g_shell_quote(path);
	g_autofree gchar *command = g_strdup_printf(
	    REAPPLY_FETCH_BOUNDS "find %s -iname '*.cab' -xtype f -exec sha1sum {} +",
	    quoted);
	g_autofree gchar *out = NULL;

	if (!reapply_fetch_run(command, &out, error) && out == NULL)
		return NULL;
	lines = g_strsplit(out, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		const gchar *filename = lines[i] + strlen(sha1) + strlen("  ");

		if (!g_str_has_prefix(lines[i], sha1))
			continue;
		g_clear_error(error);
		reapply_take(origin, g_path_get_basename(filename));
		return reapply_file_read(filename, error);
	}
	return NULL;
}

static GBytes *
reapply_fetch_from_folders(GPtrArray *remotes, const gchar *sha1, gchar **origin, GString *reasons)
{
	for (guint i = 0; i < remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(remotes, i);
		FwupdRemoteKind kind = fwupd_remote_get_kind(remote);
		g_autofree gchar *path = g_strdup(fwupd_remote_get_filename_cache(remote));
		g_autoptr(GBytes) blob = NULL;
		g_autoptr(GError) error_local = NULL;

		if (path == NULL || kind == FWUPD_REMOTE_KIND_DOWNLOAD ||
		    !fwupd_remote_has_flag(remote, FWUPD_REMOTE_FLAG_ENABLED))
			continue;
		if (kind == FWUPD_REMOTE_KIND_LOCAL)
			reapply_take(&path, g_path_get_dirname(path));
		blob = reapply_fetch_from_folder(path, sha1, origin, &error_local);
		if (blob != NULL)
			return g_steal_pointer(&blob);
		if (error_local != NULL)
			g_string_append_printf(reasons, "; %s: %s", path, error_local->message);
	}
	return NULL;
}

GBytes *
reapply_fetch(ReapplyHost *host, const gchar *sha1, gchar **origin, GError **error)
{
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GString) reasons = g_string_new(NULL);
	g_autoptr(GPtrArray) remotes =
	    fwupd_client_get_remotes(host->client, host->cancellable, &error_local);

	if (remotes == NULL) {
		reapply_host_fail(host, error, error_local, "fwupd has no list of remotes");
		return NULL;
	}

	/* libfwupd would ask the network in ways that a proxy does not know */
	(void)g_setenv("FWUPD_IGNORE_NETWORK_REACHABLE", "1", TRUE);
	if (g_strcmp0(host->sha1, sha1) == 0)
		blob = reapply_fetch_from_server(host, remotes, origin, reasons);
	if (blob == NULL)
		blob = reapply_fetch_from_folders(remotes, sha1, origin, reasons);
	if (blob == NULL)
		reapply_fail(error,
			     "no remote has the cabinet with the SHA-1 %s%s; with it, run: "
			     "tdx-module-reapply store FILE.cab",
			     sha1,
			     reasons->str);
	return g_steal_pointer(&blob);
}
