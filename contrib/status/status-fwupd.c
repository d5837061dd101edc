/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What fwupd knows. All questions together have one bound in time; fwupd itself goes on with what
 * it does.
 */

#include "config.h"

#include "status.h"

#define STATUS_FWUPD_PLUGIN "tdx_module"

typedef struct {
	FwupdClient *client;
	GCancellable *cancellable;
} StatusFwupdHelper;

gboolean
status_cancel_cb(gpointer user_data)
{
	g_cancellable_cancel(G_CANCELLABLE(user_data));
	return G_SOURCE_REMOVE;
}

/* that there is nothing is no error */
static gboolean
forgive(GError **error)
{
	if (!g_error_matches(*error, FWUPD_ERROR, FWUPD_ERROR_NOTHING_TO_DO) &&
	    !g_error_matches(*error, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED))
		return FALSE;
	g_clear_error(error);
	return TRUE;
}

/* one of each kind, as another is that of an emulation */
static gboolean
ask_devices(StatusFwupd *self, StatusFwupdHelper *helper, GError **error)
{
	GPtrArray *devices = fwupd_client_get_devices(helper->client, helper->cancellable, error);

	if (devices == NULL)
		return forgive(error);
	for (guint i = 0; i < devices->len; i++) {
		FwupdDevice *device = g_ptr_array_index(devices, i);
		if (g_strcmp0(fwupd_device_get_plugin(device), STATUS_FWUPD_PLUGIN) != 0 ||
		    fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED))
			continue;
		if (fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_NEEDS_REBOOT))
			self->boot = device;
		else
			self->device = device;
	}
	return TRUE;
}

static gboolean
ask_plugins(StatusFwupd *self, StatusFwupdHelper *helper, GError **error)
{
	g_autoptr(GPtrArray) plugins =
	    fwupd_client_get_plugins(helper->client, helper->cancellable, error);

	for (guint i = 0; plugins != NULL && i < plugins->len; i++) {
		FwupdPlugin *plugin = g_ptr_array_index(plugins, i);
		if (g_strcmp0(fwupd_plugin_get_name(plugin), STATUS_FWUPD_PLUGIN) == 0 &&
		    !fwupd_plugin_has_flag(plugin, FWUPD_PLUGIN_FLAG_DISABLED))
			self->has_plugin = TRUE;
	}
	return plugins != NULL;
}

static gboolean
ask_releases(FwupdDevice *device, GPtrArray **releases, StatusFwupdHelper *helper, GError **error)
{
	GPtrArray *found;

	if (device == NULL)
		return TRUE;
	found = fwupd_client_get_releases(helper->client,
					  fwupd_device_get_id(device),
					  helper->cancellable,
					  error);
	if (found == NULL)
		return forgive(error);
	*releases = found;
	return TRUE;
}

static FwupdDevice *
find_entry(GPtrArray *history, FwupdDevice *device)
{
	FwupdDevice *found = NULL;

	for (guint i = 0; device != NULL && i < history->len; i++) {
		FwupdDevice *entry = g_ptr_array_index(history, i);
		if (fwupd_device_get_release_default(entry) != NULL &&
		    g_strcmp0(fwupd_device_get_id(device), fwupd_device_get_id(entry)) == 0)
			found = entry;
	}
	return found;
}

static gboolean
ask_history(StatusFwupd *self, StatusFwupdHelper *helper, GError **error)
{
	GPtrArray *history = fwupd_client_get_history(helper->client, helper->cancellable, error);

	if (history == NULL)
		return forgive(error);
	self->entry = find_entry(history, self->device);
	self->boot_entry = find_entry(history, self->boot);
	return TRUE;
}

static gboolean
ask_remotes(StatusFwupd *self, StatusFwupdHelper *helper, GError **error)
{
	GPtrArray *remotes = fwupd_client_get_remotes(helper->client, helper->cancellable, error);

	for (guint i = 0; remotes != NULL && i < remotes->len; i++) {
		FwupdRemote *remote = g_ptr_array_index(remotes, i);
		if (fwupd_remote_has_flag(remote, FWUPD_REMOTE_FLAG_ENABLED))
			g_ptr_array_add(self->remotes, remote);
	}
	return remotes != NULL;
}

/* else it hides the releases of a device that cannot be updated at the moment */
static gboolean
connect_client(StatusFwupd *self, StatusFwupdHelper *helper, GError **error)
{
	const FwupdFeatureFlags flags =
	    FWUPD_FEATURE_FLAG_SHOW_PROBLEMS | FWUPD_FEATURE_FLAG_REQUESTS_NON_GENERIC;

	if (!fwupd_client_connect(helper->client, helper->cancellable, error) ||
	    !fwupd_client_set_feature_flags(helper->client, flags, helper->cancellable, error))
		return FALSE;
	self->version = g_strdup(fwupd_client_get_daemon_version(helper->client));
	return TRUE;
}

static gboolean
ask_all(StatusFwupd *self, StatusFwupdHelper *helper, GError **error)
{
	return connect_client(self, helper, error) && ask_plugins(self, helper, error) &&
	       ask_devices(self, helper, error) &&
	       ask_releases(self->device, &self->releases, helper, error) &&
	       ask_releases(self->boot, &self->boot_releases, helper, error) &&
	       ask_history(self, helper, error) && ask_remotes(self, helper, error);
}

StatusFwupd *
status_fwupd_new(guint timeout)
{
	StatusFwupd *self = g_new0(StatusFwupd, 1);
	StatusFwupdHelper helper = {fwupd_client_new(), g_cancellable_new()};
	GMainContext *main_ctx = g_main_context_new();
	GSource *source = g_timeout_source_new_seconds(timeout);
	g_autoptr(GError) error = NULL;

	self->releases = g_ptr_array_new();
	self->boot_releases = g_ptr_array_new();
	self->remotes = g_ptr_array_new();

	/* the functions of libfwupd that wait do so in this context */
	g_source_set_callback(source, status_cancel_cb, helper.cancellable, NULL);
	g_source_attach(source, main_ctx);
	fwupd_client_set_main_context(helper.client, main_ctx);
	fwupd_client_set_user_agent_for_package(helper.client, "tdx-module-status", TOOL_VERSION);

	/* since 2.1 libfwupd takes all that the daemon says for NOT_SUPPORTED before this */
	(void)fwupd_error_quark();
	if (ask_all(self, &helper, &error))
		return self;

	/* libfwupd sometimes gives no error, and has its own for some of D-Bus */
	if (g_cancellable_is_cancelled(helper.cancellable))
		self->error = g_strdup_printf("it has not answered within %u s", timeout);
	else
		self->error = g_strdup(error != NULL ? error->message : "libfwupd gives no reason");

	/* since 2.1 libfwupd takes the one for the other */
	if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
	    g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_SUPPORTED))
		self->state = STATUS_FWUPD_STATE_MISSING;
	else
		self->state = STATUS_FWUPD_STATE_UNKNOWN;
	return self;
}
