/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * One look at the host, as fwupd sees it: what runs, what was installed, what a cabinet has for it.
 */

#include "reapply.h"

static void
reapply_host_clear(ReapplyHost *self)
{
	g_clear_object(&self->device);
	g_clear_object(&self->boot_device);
	g_clear_object(&self->entry);
	self->running = self->version = self->sha1 = self->ignored = NULL;
}

void
reapply_host_free(ReapplyHost *self)
{
	if (self == NULL)
		return;
	reapply_host_clear(self);
	g_clear_object(&self->client);
	g_clear_object(&self->cancellable);
	g_free(self);
}

gboolean
reapply_host_fail(ReapplyHost *self, GError **error, const GError *reason, const gchar *prefix)
{
	const gchar *why = reason != NULL ? reason->message : "libfwupd gives no reason";

	if (g_cancellable_is_cancelled(self->cancellable)) {
		prefix = "given up, as fwupd has not answered in time";
		why = "a remote on a network file system that does not answer keeps it from "
		      "starting, see tdx-module-reapply(8)";
	}
	return reapply_fail(error, "%s: %s", prefix, why);
}

/* D-Bus gives up on a slow start after 25 seconds, while systemd goes on with it */
static gboolean
reapply_host_is_slow(ReapplyHost *self, const GError *error)
{
	return !g_cancellable_is_cancelled(self->cancellable) &&
	       (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMED_OUT) ||
		g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT) ||
		g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) ||
		g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
}

/* anew each time, as fwupd may have been started again;
 * without the flags fwupd hides the releases of a device that cannot be updated at the moment */
static gboolean
reapply_host_connect(ReapplyHost *self, GError **error)
{
	const FwupdFeatureFlags flags =
	    FWUPD_FEATURE_FLAG_SHOW_PROBLEMS | FWUPD_FEATURE_FLAG_REQUESTS_NON_GENERIC;
	const gchar *prefix = "cannot talk to fwupd, see 'systemctl status dbus fwupd'";
	GCancellable *cancellable = self->cancellable;
	g_autoptr(GError) error_local = NULL;

	do {
		g_clear_error(&error_local);
		g_clear_object(&self->client);
		self->client = fwupd_client_new();
		if (fwupd_client_connect(self->client, cancellable, &error_local) &&
		    fwupd_client_set_feature_flags(self->client, flags, cancellable, &error_local))
			return TRUE;
	} while (reapply_host_is_slow(self, error_local));
	return reapply_host_fail(self, error, error_local, prefix);
}

/* only the last attempt for each device is there; SHA-1 is the only checksum that it has by itself,
 * others come from the metadata of the remotes, if they still have the release */
static gboolean
reapply_host_look_history(ReapplyHost *self, GError **error)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) entries =
	    fwupd_client_get_history(self->client, self->cancellable, &error_local);

	if (entries == NULL &&
	    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO))
		return reapply_host_fail(self, error, error_local, "fwupd has no history");
	for (guint i = 0; entries != NULL && i < entries->len; i++) {
		FwupdDevice *entry = g_ptr_array_index(entries, i);
		FwupdRelease *release = fwupd_device_get_release_default(entry);

		if (g_strcmp0(fwupd_device_get_id(entry), fwupd_device_get_id(self->device)) != 0 ||
		    release == NULL)
			continue;
		g_set_object(&self->entry, entry);
		self->version = fwupd_release_get_version(release);
		self->sha1 = fwupd_checksum_get_by_kind(fwupd_release_get_checksums(release),
							G_CHECKSUM_SHA1);
		break;
	}
	if (self->version == NULL || self->sha1 == NULL ||
	    fwupd_device_get_update_state(self->entry) != FWUPD_UPDATE_STATE_SUCCESS)
		self->version = self->sha1 = NULL;
	return TRUE;
}

gboolean
reapply_host_look(ReapplyHost *self, GError **error)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) devices =
	    fwupd_client_get_devices(self->client, self->cancellable, &error_local);

	reapply_host_clear(self);
	if (devices == NULL &&
	    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO))
		return reapply_host_fail(self, error, error_local, "fwupd has no list of devices");
	for (guint i = 0; devices != NULL && i < devices->len; i++) {
		FwupdDevice *device = g_ptr_array_index(devices, i);

		if (g_strcmp0(fwupd_device_get_plugin(device), "tdx_module") != 0 ||
		    !fwupd_device_has_protocol(device, "com.intel.tdx-module") ||
		    fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED))
			continue;
		if (fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_NEEDS_REBOOT))
			g_set_object(&self->boot_device, device);
		else
			g_set_object(&self->device, device);
	}
	if (self->device == NULL)
		return reapply_fail(error, "fwupd shows no TDX module");
	self->running = fwupd_device_get_version(self->device);
	return reapply_host_look_history(self, error);
}

static gpointer
reapply_host_timeout_cb(gpointer user_data)
{
	g_autoptr(GCancellable) cancellable = user_data;

	g_usleep(GPOINTER_TO_UINT(g_object_get_data(user_data, "timeout")) * G_USEC_PER_SEC);
	g_cancellable_cancel(cancellable);
	return NULL;
}

ReapplyHost *
reapply_host_new(gint timeout, gint wait, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + wait * G_TIME_SPAN_SECOND;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(ReapplyHost) self = g_new0(ReapplyHost, 1);

	/* since 2.1 libfwupd takes all that the daemon says for NOT_SUPPORTED before this */
	(void)fwupd_error_quark();
	self->cancellable = g_cancellable_new();
	g_object_set_data(G_OBJECT(self->cancellable), "timeout", GUINT_TO_POINTER(timeout));
	g_thread_unref(
	    g_thread_new("timeout", reapply_host_timeout_cb, g_object_ref(self->cancellable)));
	while (!reapply_host_connect(self, &error_local) ||
	       !reapply_host_look(self, &error_local)) {
		if (g_get_monotonic_time() >= deadline) {
			g_propagate_error(error, g_steal_pointer(&error_local));
			return NULL;
		}
		g_clear_error(&error_local);
		g_usleep(G_USEC_PER_SEC / 2);
	}
	return g_steal_pointer(&self);
}

static gboolean
reapply_host_has_guid_of(ReapplyHost *self, FwupdDevice *component)
{
	GPtrArray *guids = fwupd_device_get_guids(component);

	for (guint i = 0; i < guids->len; i++) {
		if (fwupd_device_has_guid(self->device, g_ptr_array_index(guids, i)))
			return TRUE;
	}
	return FALSE;
}

gboolean
reapply_host_check_cabinet(ReapplyHost *self, GBytes *blob, const gchar *version, GError **error)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) components = NULL;
	g_autoptr(GString) found = g_string_new(NULL);

	components =
	    fwupd_client_get_details_bytes(self->client, blob, self->cancellable, &error_local);
	if (components == NULL)
		return reapply_host_fail(self, error, error_local, "the cabinet is not known");
	for (guint i = 0; i < components->len; i++) {
		FwupdDevice *component = g_ptr_array_index(components, i);
		FwupdRelease *release = fwupd_device_get_release_default(component);

		if (!reapply_host_has_guid_of(self, component))
			continue;
		g_string_append(found, found->len > 0 ? ", " : "");
		g_string_append(found, release != NULL ? fwupd_release_get_version(release) : "?");
	}
	if (reapply_version_equal(found->str, version))
		return TRUE;
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "for this TDX module the cabinet has '%s', needed is %s and nothing "
		    "else, as fwupd would install that too",
		    found->str,
		    version);
	return FALSE;
}
