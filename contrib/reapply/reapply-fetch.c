/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The cabinet that was installed, again from the remote that it came from. This is done by another
 * process, so that what libfwupd does with what a server sends, and what a network file system does
 * not answer, costs an attempt and nothing else.
 */

#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "reapply.h"

/* libfwupd keeps all that a server sends in memory, twice at the end */
#define REAPPLY_FETCH_DATA_MAX (REAPPLY_FILE_SIZE_MAX * G_GUINT64_CONSTANT(4))
#define REAPPLY_FETCH_SECONDS  300

static GBytes *
reapply_fetch_http(FwupdClient *client, FwupdRemote *remote, const gchar *uri, GError **error)
{
	g_autofree gchar *scheme = NULL;
	g_autofree gchar *uri_full = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error_local = NULL;

	uri_full = fwupd_remote_build_firmware_uri(remote, uri, &error_local);
	if (uri_full != NULL)
		scheme = g_uri_parse_scheme(uri_full);
	if (uri_full != NULL && g_strcmp0(scheme, "http") != 0 && g_strcmp0(scheme, "https") != 0) {
		reapply_fail(error,
			     FWUPD_ERROR_NOT_SUPPORTED,
			     "the location %s is not read, needed is http or https",
			     uri_full);
		return NULL;
	}
	if (uri_full != NULL)
		blob = fwupd_client_download_bytes(client,
						   uri_full,
						   FWUPD_CLIENT_DOWNLOAD_FLAG_NONE,
						   NULL,
						   &error_local);
	if (blob == NULL)
		reapply_fwupd_fail(error, g_steal_pointer(&error_local), uri);
	return g_steal_pointer(&blob);
}

/* beside the metadata, or below that */
static GBytes *
reapply_fetch_local(FwupdRemote *remote, const gchar *uri, GError **error)
{
	g_autofree gchar *scheme = g_uri_parse_scheme(uri);
	g_auto(GStrv) parts = g_strsplit(uri, "/", -1);
	g_autofree gchar *dirname = NULL;
	g_autofree gchar *filename = NULL;

	if (scheme != NULL || fwupd_remote_get_kind(remote) != FWUPD_REMOTE_KIND_LOCAL ||
	    fwupd_remote_get_filename_cache(remote) == NULL || g_path_is_absolute(uri) ||
	    g_strv_contains((const gchar *const *)parts, "..")) {
		reapply_fail(
		    error,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "the location %s of remote %s is not read, needed is a file beside the "
		    "metadata of a local remote, or http or https",
		    uri,
		    fwupd_remote_get_id(remote));
		return NULL;
	}
	dirname = g_path_get_dirname(fwupd_remote_get_filename_cache(remote));
	filename = g_build_filename(dirname, uri, NULL);
	return reapply_file_read(filename, error);
}

static GBytes *
reapply_fetch_location(FwupdClient *client,
		       FwupdRemote *remote,
		       const gchar *uri,
		       const gchar *sha1,
		       GError **error)
{
	g_autofree gchar *actual = NULL;
	g_autofree gchar *scheme = g_uri_parse_scheme(uri);
	g_autoptr(GBytes) blob = NULL;

	if (g_strcmp0(scheme, "http") == 0 || g_strcmp0(scheme, "https") == 0 ||
	    (scheme == NULL && fwupd_remote_get_kind(remote) == FWUPD_REMOTE_KIND_DOWNLOAD))
		blob = reapply_fetch_http(client, remote, uri, error);
	else
		blob = reapply_fetch_local(remote, uri, error);
	if (blob == NULL)
		return NULL;
	actual = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, blob);
	if (g_strcmp0(actual, sha1) == 0)
		return g_steal_pointer(&blob);
	reapply_fail(error,
		     FWUPD_ERROR_NOT_FOUND,
		     "%s has the SHA-1 %s, installed was %s",
		     uri,
		     actual,
		     sha1);
	return NULL;
}

/* the reasons of all that did not work, for one message */
static void
reapply_collect(GString *reasons, const GError *error)
{
	g_string_append_printf(reasons, "%s%s", reasons->len > 0 ? "; " : "", error->message);
}

static GBytes *
reapply_fetch_release(FwupdClient *client,
		      FwupdRelease *release,
		      const gchar *sha1,
		      gchar **origin,
		      GString *reasons)
{
	GPtrArray *locations = fwupd_release_get_locations(release);
	g_autoptr(FwupdRemote) remote = NULL;
	g_autoptr(GError) error_remote = NULL;
	g_autoptr(GError) error_reason = NULL;

	if (fwupd_release_get_remote_id(release) == NULL)
		return NULL;
	remote = fwupd_client_get_remote_by_id(client,
					       fwupd_release_get_remote_id(release),
					       NULL,
					       &error_remote);
	if (remote == NULL) {
		reapply_fwupd_fail(&error_reason,
				   g_steal_pointer(&error_remote),
				   fwupd_release_get_remote_id(release));
		reapply_collect(reasons, error_reason);
		return NULL;
	}
	for (guint i = 0; i < locations->len; i++) {
		const gchar *uri = g_ptr_array_index(locations, i);
		g_autoptr(GBytes) blob = NULL;
		g_autoptr(GError) error_local = NULL;

		blob = reapply_fetch_location(client, remote, uri, sha1, &error_local);
		if (blob != NULL) {
			*origin = g_path_get_basename(uri);
			return g_steal_pointer(&blob);
		}
		reapply_collect(reasons, error_local);
	}
	return NULL;
}

/* the metadata of a folder has no SHA-1, and of its releases fwupd only shows those that are newer
 */
static GBytes *
reapply_fetch_folder(const gchar *dirname, const gchar *sha1, gchar **origin)
{
	const gchar *name;
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *actual = NULL;
		g_autofree gchar *filename = g_build_filename(dirname, name, NULL);
		g_autofree gchar *name_lower = g_ascii_strdown(name, -1);
		g_autoptr(GBytes) blob = NULL;

		if (g_file_test(filename, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(filename, G_FILE_TEST_IS_SYMLINK)) {
			blob = reapply_fetch_folder(filename, sha1, origin);
			if (blob != NULL)
				return g_steal_pointer(&blob);
			continue;
		}
		if (!g_str_has_suffix(name_lower, ".cab"))
			continue;
		blob = reapply_file_read(filename, NULL);
		if (blob == NULL)
			continue;
		actual = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, blob);
		if (g_strcmp0(actual, sha1) == 0) {
			*origin = g_strdup(name);
			return g_steal_pointer(&blob);
		}
	}
	return NULL;
}

static GBytes *
reapply_fetch_folders(FwupdClient *client, const gchar *sha1, gchar **origin, GString *reasons)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GError) error_reason = NULL;
	g_autoptr(GPtrArray) remotes = fwupd_client_get_remotes(client, NULL, &error_local);

	if (remotes == NULL) {
		reapply_fwupd_fail(&error_reason, g_steal_pointer(&error_local), "no remotes");
		reapply_collect(reasons, error_reason);
	}
	for (guint i = 0; remotes != NULL && i < remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(remotes, i);
		g_autoptr(GBytes) blob = NULL;

		if (fwupd_remote_get_kind(remote) != FWUPD_REMOTE_KIND_DIRECTORY ||
		    !fwupd_remote_has_flag(remote, FWUPD_REMOTE_FLAG_ENABLED) ||
		    fwupd_remote_get_filename_cache(remote) == NULL)
			continue;
		blob = reapply_fetch_folder(fwupd_remote_get_filename_cache(remote), sha1, origin);
		if (blob != NULL)
			return g_steal_pointer(&blob);
	}
	return NULL;
}

static GBytes *
reapply_fetch_here(const gchar *sha1, gchar **origin, GError **error)
{
	g_autoptr(FwupdClient) client = reapply_fwupd_connect(error);
	g_autoptr(FwupdDevice) device = NULL;
	g_autoptr(FwupdDevice) entry = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GString) reasons = g_string_new(NULL);

	if (client == NULL)
		return NULL;
	device = reapply_fwupd_get_device(client, error);
	if (device == NULL || !reapply_fwupd_get_entry(client, device, &entry, error))
		return NULL;

	/* fwupd adds the remote to the history if it has metadata with this SHA-1 */
	if (entry != NULL && g_strcmp0(reapply_fwupd_get_sha1(entry), sha1) == 0)
		blob = reapply_fetch_release(client,
					     fwupd_device_get_release_default(entry),
					     sha1,
					     origin,
					     reasons);
	if (blob == NULL)
		blob = reapply_fetch_folders(client, sha1, origin, reasons);
	if (blob == NULL)
		reapply_fail(error,
			     FWUPD_ERROR_NOT_FOUND,
			     "no remote has the cabinet with the SHA-1 %s that was installed%s%s",
			     sha1,
			     reasons->len > 0 ? ": " : "",
			     reasons->str);
	return g_steal_pointer(&blob);
}

/**
 * reapply_command_fetch:
 * @sha1: of a cabinet
 *
 * Writes the name of the cabinet, a new line and the cabinet to standard output, or else what has
 * failed. It may use %REAPPLY_FETCH_DATA_MAX bytes and %REAPPLY_FETCH_SECONDS, whatever it does.
 **/
gint
reapply_command_fetch(ReapplyOptions *options G_GNUC_UNUSED, const gchar *sha1)
{
	const struct rlimit no_core = {0};
	g_autofree gchar *origin = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error = NULL;
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit data = {REAPPLY_FETCH_DATA_MAX, REAPPLY_FETCH_DATA_MAX};
	(void)setrlimit(RLIMIT_DATA, &data);
#endif
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)alarm(REAPPLY_FETCH_SECONDS);

	/* it would ask the network in ways that a proxy does not know */
	(void)g_setenv("FWUPD_IGNORE_NETWORK_REACHABLE", "1", TRUE);
	blob = reapply_fetch_here(sha1, &origin, &error);
	if (blob == NULL) {
		g_print("%s\n", error->message);
		return EXIT_FAILURE;
	}
	g_print("%s\n", origin);
	if (fwrite(g_bytes_get_data(blob, NULL), 1, g_bytes_get_size(blob), stdout) !=
		g_bytes_get_size(blob) ||
	    fflush(stdout) != 0)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

static gboolean
reapply_fetch_check_end(GSubprocess *process, const gchar *text, GError **error)
{
	if (g_subprocess_get_if_signaled(process))
		reapply_fail(error,
			     FWUPD_ERROR_INTERNAL,
			     "what fetches the cabinet was ended by the signal '%s'; it may use "
			     "%d MiB and %d seconds",
			     g_strsignal(g_subprocess_get_term_sig(process)),
			     (gint)(REAPPLY_FETCH_DATA_MAX / 1024 / 1024),
			     REAPPLY_FETCH_SECONDS);
	else if (!g_subprocess_get_successful(process))
		reapply_fail(error,
			     FWUPD_ERROR_NOT_FOUND,
			     "%s; with the cabinet that was installed, run: "
			     "tdx-module-reapply store FILE.cab",
			     text[0] != '\0' ? text
					     : "what fetches the cabinet ended without a word");
	else
		return TRUE;
	return FALSE;
}

/**
 * reapply_fetch:
 * @sha1: of a cabinet
 * @origin: (out): its name
 *
 * Gets the cabinet that was installed from the remote that it came from.
 *
 * Returns: (transfer full): the cabinet, or %NULL
 **/
GBytes *
reapply_fetch(const gchar *sha1, gchar **origin, GError **error)
{
	gsize bufsz = 0;
	gsize skip;
	const gchar *buf;
	g_autofree gchar *line = NULL;
	g_autofree gchar *self = g_file_read_link("/proc/self/exe", error);
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GSubprocess) process = NULL;

	if (self == NULL)
		return NULL;
	process =
	    g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, error, self, "fetch", sha1, NULL);
	if (process == NULL || !g_subprocess_communicate(process, NULL, NULL, &blob, NULL, error))
		return NULL;
	buf = g_bytes_get_data(blob, &bufsz);
	for (skip = 0; skip < bufsz && buf[skip] != '\n'; skip++)
		;
	line = g_strndup(bufsz > 0 ? buf : "", skip);
	if (!reapply_fetch_check_end(process, line, error))
		return NULL;
	*origin = g_steal_pointer(&line);
	return g_bytes_new_from_bytes(blob, skip + 1, bufsz - skip - 1);
}
