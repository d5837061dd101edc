/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What fwupd knows: the device, what was installed on it, and what a cabinet has for it.
 */

#include "reapply.h"

#define REAPPLY_PLUGIN	 "tdx_module"
#define REAPPLY_PROTOCOL "com.intel.tdx-module"

/* D-Bus gives up on a slow start after 25 seconds, while systemd goes on with it */
#define REAPPLY_CONNECT_TRIES 4

/**
 * reapply_fwupd_fail:
 * @error_fwupd: (transfer full) (nullable): an error of libfwupd, which sometimes gives none
 * @prefix: what to begin it with
 *
 * Makes an error of one of libfwupd.
 *
 * Returns: %FALSE
 **/
gboolean
reapply_fwupd_fail(GError **error, GError *error_fwupd, const gchar *prefix)
{
	if (error_fwupd != NULL)
		g_propagate_prefixed_error(error, error_fwupd, "%s: ", prefix);
	else
		reapply_fail(error, FWUPD_ERROR_INTERNAL, "%s: libfwupd gives no reason", prefix);
	return FALSE;
}

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
			reapply_fwupd_fail(
			    error,
			    g_steal_pointer(&error_local),
			    "cannot talk to fwupd, see 'systemctl status dbus fwupd'");
			return NULL;
		}
	}
}

/**
 * reapply_fwupd_get_device:
 * @client: a client
 *
 * Gets the TDX module that is running on this machine, not one that is emulated or that the next
 * boot loads.
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
		reapply_fwupd_fail(error,
				   g_steal_pointer(&error_local),
				   "fwupd has no list of devices");
		return NULL;
	}
	for (guint i = 0; devices != NULL && i < devices->len; i++) {
		FwupdDevice *device = g_ptr_array_index(devices, i);
		if (g_strcmp0(fwupd_device_get_plugin(device), REAPPLY_PLUGIN) == 0 &&
		    fwupd_device_has_protocol(device, REAPPLY_PROTOCOL) &&
		    !fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_NEEDS_REBOOT) &&
		    !fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED))
			return g_object_ref(device);
	}
	reapply_fail(error, FWUPD_ERROR_NOT_FOUND, "fwupd shows no TDX module");
	return NULL;
}

/**
 * reapply_fwupd_get_entry:
 * @client: a client
 * @device: the TDX module
 * @entry: (out) (nullable) (transfer full): its entry, with a release
 *
 * Gets the entry of the history, which has only the last attempt for each device.
 *
 * Returns: %TRUE for success, also if there is no entry
 **/
gboolean
reapply_fwupd_get_entry(FwupdClient *client,
			FwupdDevice *device,
			FwupdDevice **entry,
			GError **error)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) devices = fwupd_client_get_history(client, NULL, &error_local);

	if (devices == NULL &&
	    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO))
		return reapply_fwupd_fail(error,
					  g_steal_pointer(&error_local),
					  "fwupd has no history");
	for (guint i = 0; devices != NULL && i < devices->len; i++) {
		FwupdDevice *tmp = g_ptr_array_index(devices, i);
		if (g_strcmp0(fwupd_device_get_id(tmp), fwupd_device_get_id(device)) == 0 &&
		    fwupd_device_get_release_default(tmp) != NULL) {
			*entry = g_object_ref(tmp);
			return TRUE;
		}
	}
	return TRUE;
}

/**
 * reapply_fwupd_is_success:
 * @entry: of the history
 *
 * Finds out if it says that something was installed successfully, and what.
 **/
gboolean
reapply_fwupd_is_success(FwupdDevice *entry)
{
	return fwupd_device_get_update_state(entry) == FWUPD_UPDATE_STATE_SUCCESS &&
	       reapply_fwupd_get_sha1(entry) != NULL && reapply_fwupd_get_version(entry) != NULL;
}

/**
 * reapply_fwupd_get_sha1:
 * @entry: of the history
 *
 * Gets the checksum of the cabinet. This is the only kind that the history has by itself; the
 * others come from the metadata of the remotes, if they still have the release.
 *
 * Returns: a SHA-1, or %NULL
 **/
const gchar *
reapply_fwupd_get_sha1(FwupdDevice *entry)
{
	FwupdRelease *release = fwupd_device_get_release_default(entry);
	return fwupd_checksum_get_by_kind(fwupd_release_get_checksums(release), G_CHECKSUM_SHA1);
}

/**
 * reapply_fwupd_get_version:
 * @entry: of the history
 *
 * Gets what was installed; the version of the entry itself is that from before.
 *
 * Returns: a version, or %NULL
 **/
const gchar *
reapply_fwupd_get_version(FwupdDevice *entry)
{
	return fwupd_release_get_version(fwupd_device_get_release_default(entry));
}

static gboolean
reapply_fwupd_has_guid_of(FwupdDevice *component, FwupdDevice *device)
{
	GPtrArray *guids = fwupd_device_get_guids(component);

	for (guint i = 0; i < guids->len; i++) {
		if (fwupd_device_has_guid(device, g_ptr_array_index(guids, i)))
			return TRUE;
	}
	return FALSE;
}

/**
 * reapply_fwupd_check_cabinet:
 * @client: a client
 * @device: the TDX module
 * @cabinet: a cabinet
 * @version: what is to run
 *
 * Finds out if just this version can be installed from a cabinet. Of each component for the device
 * fwupd installs the first release, one after the other, if it can at that time.
 *
 * Returns: %TRUE if so; else %FWUPD_ERROR_NOT_SUPPORTED if there are others
 **/
gboolean
reapply_fwupd_check_cabinet(FwupdClient *client,
			    FwupdDevice *device,
			    GBytes *cabinet,
			    const gchar *version,
			    GError **error)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) components = NULL;
	g_autoptr(GString) found = g_string_new(NULL);

	components = fwupd_client_get_details_bytes(client, cabinet, NULL, &error_local);
	if (components == NULL)
		return reapply_fwupd_fail(error,
					  g_steal_pointer(&error_local),
					  "fwupd cannot tell what the cabinet has");
	for (guint i = 0; i < components->len; i++) {
		FwupdDevice *component = g_ptr_array_index(components, i);
		FwupdRelease *release = fwupd_device_get_release_default(component);

		if (!reapply_fwupd_has_guid_of(component, device))
			continue;
		g_string_append_printf(found,
				       "%s%s",
				       found->len > 0 ? ", " : "",
				       release != NULL ? fwupd_release_get_version(release) : "");
	}
	if (!reapply_version_equal(found->str, version))
		return reapply_fail(
		    error,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "for this TDX module the cabinet has '%s', needed is %s and nothing "
		    "else, as fwupd would install that too",
		    found->str,
		    version);
	return TRUE;
}
