/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What fwupd knows: the device, what was installed on it, and where that came from.
 */

#include "reapply-fwupd.h"

#include "reapply-file.h"

#define REAPPLY_PLUGIN	 "tdx_module"
#define REAPPLY_PROTOCOL "com.intel.tdx-module"

/* D-Bus gives up on a slow start after 25 seconds, while systemd goes on with it */
#define REAPPLY_CONNECT_TRIES 4

static gboolean
reapply_error_is_timeout(const GError *error)
{
	return g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMED_OUT) ||
	       g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT) ||
	       g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) ||
	       g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

/* else fwupd hides the releases of a device that cannot be updated at the moment */
static gboolean
reapply_fwupd_ask_for_all(FwupdClient *client, GError **error)
{
	return fwupd_client_set_feature_flags(client,
					      FWUPD_FEATURE_FLAG_SHOW_PROBLEMS |
						  FWUPD_FEATURE_FLAG_REQUESTS_NON_GENERIC,
					      NULL,
					      error);
}

/**
 * reapply_fwupd_connect:
 * @error: (nullable): optional return location for an error
 *
 * Connects to fwupd, which D-Bus starts if it is not running.
 *
 * Returns: (transfer full): a client, or %NULL
 **/
FwupdClient *
reapply_fwupd_connect(GError **error)
{
	g_autoptr(FwupdClient) client = fwupd_client_new();

	fwupd_client_set_user_agent_for_package(client, "tdx-module-reapply", PACKAGE_VERSION);
	for (guint i = 1;; i++) {
		g_autoptr(GError) error_local = NULL;

		if (fwupd_client_connect(client, NULL, &error_local) &&
		    reapply_fwupd_ask_for_all(client, &error_local))
			return g_steal_pointer(&client);
		if (i == REAPPLY_CONNECT_TRIES || !reapply_error_is_timeout(error_local)) {
			g_propagate_prefixed_error(
			    error,
			    g_steal_pointer(&error_local),
			    "cannot talk to fwupd, see 'systemctl status dbus fwupd': ");
			return NULL;
		}
	}
}

/**
 * reapply_fwupd_get_device:
 * @client: a client
 * @error: (nullable): optional return location for an error
 *
 * Gets the TDX module of this machine, not one that is emulated.
 *
 * Returns: (transfer full): a device, or %NULL; %FWUPD_ERROR_NOT_FOUND if there is none
 **/
FwupdDevice *
reapply_fwupd_get_device(FwupdClient *client, GError **error)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) devices = fwupd_client_get_devices(client, NULL, &error_local);

	if (devices == NULL &&
	    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO)) {
		g_propagate_prefixed_error(error,
					   g_steal_pointer(&error_local),
					   "fwupd has no list of devices: ");
		return NULL;
	}
	for (guint i = 0; devices != NULL && i < devices->len; i++) {
		FwupdDevice *device = g_ptr_array_index(devices, i);
		if (g_strcmp0(fwupd_device_get_plugin(device), REAPPLY_PLUGIN) == 0 &&
		    fwupd_device_has_protocol(device, REAPPLY_PROTOCOL) &&
		    !fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED))
			return g_object_ref(device);
	}
	g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND, "fwupd shows no TDX module");
	return NULL;
}

/**
 * reapply_fwupd_get_installed:
 * @client: a client
 * @error: (nullable): optional return location for an error
 *
 * Gets what was last installed successfully on the TDX module. The history has only the last
 * attempt for each device, so after one that failed there is nothing.
 *
 * Returns: (transfer full): a device with its release, or %NULL; %FWUPD_ERROR_NOTHING_TO_DO if the
 * history has none
 **/
FwupdDevice *
reapply_fwupd_get_installed(FwupdClient *client, GError **error)
{
	FwupdDevice *newest = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) devices = fwupd_client_get_history(client, NULL, &error_local);

	if (devices == NULL &&
	    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO)) {
		g_propagate_prefixed_error(error,
					   g_steal_pointer(&error_local),
					   "fwupd has no history: ");
		return NULL;
	}
	for (guint i = 0; devices != NULL && i < devices->len; i++) {
		FwupdDevice *device = g_ptr_array_index(devices, i);
		FwupdRelease *release = fwupd_device_get_release_default(device);

		if (g_strcmp0(fwupd_device_get_plugin(device), REAPPLY_PLUGIN) != 0 ||
		    release == NULL ||
		    g_strcmp0(fwupd_release_get_protocol(release), REAPPLY_PROTOCOL) != 0 ||
		    fwupd_release_get_version(release) == NULL ||
		    reapply_fwupd_get_sha1(device) == NULL ||
		    fwupd_device_get_update_state(device) != FWUPD_UPDATE_STATE_SUCCESS)
			continue;
		if (newest == NULL ||
		    fwupd_device_get_modified(device) >= fwupd_device_get_modified(newest))
			newest = device;
	}
	if (newest == NULL) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_NOTHING_TO_DO,
				    "the last entry of fwupd's history is not a successful "
				    "installation of a TDX module");
		return NULL;
	}
	return g_object_ref(newest);
}

/**
 * reapply_fwupd_get_sha1:
 * @installed: a device from the history
 *
 * Gets the checksum of the cabinet. This is the only kind that the history has by itself; the
 * others come from the metadata of the remotes, if they still have the release.
 *
 * Returns: a SHA-1, or %NULL
 **/
const gchar *
reapply_fwupd_get_sha1(FwupdDevice *installed)
{
	FwupdRelease *release = fwupd_device_get_release_default(installed);
	return fwupd_checksum_get_by_kind(fwupd_release_get_checksums(release), G_CHECKSUM_SHA1);
}

static gboolean
reapply_uri_is_remote(const gchar *uri)
{
	g_autofree gchar *scheme = g_uri_parse_scheme(uri);
	return scheme != NULL && g_strcmp0(scheme, "file") != 0;
}

/* as fwupd_client_install_release() does it */
static GBytes *
reapply_fwupd_fetch_location(FwupdClient *client,
			     FwupdRemote *remote,
			     const gchar *uri,
			     GError **error)
{
	g_autofree gchar *dirname = NULL;
	g_autofree gchar *filename = NULL;
	g_autofree gchar *uri_full = NULL;

	if (g_str_has_prefix(uri, "file://")) {
		/* fwupd does not escape it */
		return reapply_file_read(uri + strlen("file://"), error);
	}
	if (reapply_uri_is_remote(uri)) {
		uri_full = fwupd_remote_build_firmware_uri(remote, uri, error);
		if (uri_full == NULL)
			return NULL;
		return fwupd_client_download_bytes(client,
						   uri_full,
						   FWUPD_CLIENT_DOWNLOAD_FLAG_NONE,
						   NULL,
						   error);
	}
	if (fwupd_remote_get_filename_cache(remote) == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_FOUND,
			    "the location %s of remote %s is relative to nothing",
			    uri,
			    fwupd_remote_get_id(remote));
		return NULL;
	}
	dirname = g_path_get_dirname(fwupd_remote_get_filename_cache(remote));
	filename = g_build_filename(dirname, uri, NULL);
	return reapply_file_read(filename, error);
}

/* only the cabinet that was installed will do */
static gboolean
reapply_fwupd_check(GBytes *blob, const gchar *uri, const gchar *sha1, GError **error)
{
	g_autofree gchar *actual = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, blob);

	if (g_strcmp0(actual, sha1) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_FOUND,
			    "%s has the SHA-1 %s, installed was %s",
			    uri,
			    actual,
			    sha1);
		return FALSE;
	}
	return TRUE;
}

/* the reasons of all that did not work, for one message */
static void
reapply_collect(GString *reasons, const GError *error)
{
	g_string_append_printf(reasons, "%s%s", reasons->len > 0 ? "; " : "", error->message);
}

static GBytes *
reapply_fwupd_fetch_release(FwupdClient *client,
			    FwupdRelease *release,
			    const gchar *sha1,
			    gchar **origin,
			    GString *reasons)
{
	GPtrArray *locations = fwupd_release_get_locations(release);
	g_autoptr(FwupdRemote) remote = NULL;
	g_autoptr(GError) error_remote = NULL;

	if (fwupd_release_get_remote_id(release) == NULL)
		return NULL;
	remote = fwupd_client_get_remote_by_id(client,
					       fwupd_release_get_remote_id(release),
					       NULL,
					       &error_remote);
	if (remote == NULL) {
		reapply_collect(reasons, error_remote);
		return NULL;
	}
	for (guint i = 0; i < locations->len; i++) {
		const gchar *uri = g_ptr_array_index(locations, i);
		g_autoptr(GBytes) blob = NULL;
		g_autoptr(GError) error_local = NULL;

		blob = reapply_fwupd_fetch_location(client, remote, uri, &error_local);
		if (blob != NULL && reapply_fwupd_check(blob, uri, sha1, &error_local)) {
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
reapply_fwupd_fetch_folder(const gchar *dirname, const gchar *sha1, gchar **origin)
{
	const gchar *name;
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(dirname, name, NULL);
		g_autofree gchar *name_lower = g_ascii_strdown(name, -1);
		g_autoptr(GBytes) blob = NULL;

		if (g_file_test(filename, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(filename, G_FILE_TEST_IS_SYMLINK)) {
			blob = reapply_fwupd_fetch_folder(filename, sha1, origin);
			if (blob != NULL)
				return g_steal_pointer(&blob);
			continue;
		}
		if (!g_str_has_suffix(name_lower, ".cab"))
			continue;
		blob = reapply_file_read(filename, NULL);
		if (blob != NULL && reapply_fwupd_check(blob, filename, sha1, NULL)) {
			*origin = g_strdup(name);
			return g_steal_pointer(&blob);
		}
	}
	return NULL;
}

static GBytes *
reapply_fwupd_fetch_folders(FwupdClient *client,
			    const gchar *sha1,
			    gchar **origin,
			    GString *reasons)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) remotes = fwupd_client_get_remotes(client, NULL, &error_local);

	if (remotes == NULL)
		reapply_collect(reasons, error_local);
	for (guint i = 0; remotes != NULL && i < remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(remotes, i);
		g_autoptr(GBytes) blob = NULL;

		if (fwupd_remote_get_kind(remote) != FWUPD_REMOTE_KIND_DIRECTORY ||
		    !fwupd_remote_has_flag(remote, FWUPD_REMOTE_FLAG_ENABLED))
			continue;
		blob = reapply_fwupd_fetch_folder(fwupd_remote_get_filename_cache(remote),
						  sha1,
						  origin);
		if (blob != NULL)
			return g_steal_pointer(&blob);
	}
	return NULL;
}

/**
 * reapply_fwupd_fetch:
 * @client: a client
 * @installed: a device from the history
 * @origin: (out): the name of the cabinet
 * @error: (nullable): optional return location for an error
 *
 * Gets the cabinet that was installed from the remote that it came from.
 *
 * Returns: (transfer full): the cabinet, or %NULL
 **/
GBytes *
reapply_fwupd_fetch(FwupdClient *client, FwupdDevice *installed, gchar **origin, GError **error)
{
	FwupdRelease *release = fwupd_device_get_release_default(installed);
	const gchar *sha1 = reapply_fwupd_get_sha1(installed);
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GString) reasons = g_string_new(NULL);

	/* fwupd adds the remote to the history if it has metadata with this SHA-1 */
	blob = reapply_fwupd_fetch_release(client, release, sha1, origin, reasons);
	if (blob != NULL)
		return g_steal_pointer(&blob);

	blob = reapply_fwupd_fetch_folders(client, sha1, origin, reasons);
	if (blob != NULL)
		return g_steal_pointer(&blob);
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_NOT_FOUND,
		    "no remote has the cabinet with the SHA-1 %s that was installed%s%s",
		    sha1,
		    reasons->len > 0 ? ": " : "",
		    reasons->str);
	return NULL;
}
