/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * One look at the host: what runs, what fwupd knows, what is stored.
 */

#include "reapply.h"

#define REAPPLY_DEVICE_POLL_MS 500

/**
 * reapply_host_free:
 * Frees it.
 **/
void
reapply_host_free(ReapplyHost *self)
{
	if (self == NULL)
		return;
	g_clear_object(&self->client);
	g_clear_object(&self->device);
	g_clear_object(&self->entry);
	reapply_release_free(self->release);
	reapply_account_free(self->account);
	g_free(self);
}

/**
 * reapply_host_look:
 * Looks again. What is seen of installations is not saved by this.
 **/
gboolean
reapply_host_look(ReapplyHost *self, GError **error)
{
	g_clear_object(&self->device);
	g_clear_object(&self->entry);
	g_clear_pointer(&self->release, reapply_release_free);
	g_clear_pointer(&self->account, reapply_account_free);
	self->device = reapply_fwupd_get_device(self->client, error);
	if (self->device == NULL ||
	    !reapply_fwupd_get_entry(self->client, self->device, &self->entry, error))
		return FALSE;
	self->release = reapply_release_load(NULL);
	self->account = reapply_account_load();
	reapply_account_look(self->account, self->device, self->entry, self->release);
	return TRUE;
}

/**
 * reapply_host_new:
 * @wait: how many seconds the device may be late
 *
 * Looks at the host.
 *
 * Returns: (transfer full): a look, or %NULL
 **/
ReapplyHost *
reapply_host_new(gint wait, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + wait * G_TIME_SPAN_SECOND;
	g_autoptr(ReapplyHost) self = g_new0(ReapplyHost, 1);

	self->client = reapply_fwupd_connect(error);
	if (self->client == NULL)
		return NULL;
	while (TRUE) {
		g_autoptr(GError) error_local = NULL;

		if (reapply_host_look(self, &error_local))
			return g_steal_pointer(&self);
		if (!g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND) ||
		    g_get_monotonic_time() >= deadline) {
			g_propagate_error(error, g_steal_pointer(&error_local));
			return NULL;
		}
		g_usleep(REAPPLY_DEVICE_POLL_MS * 1000);
	}
}

/**
 * reapply_host_is_running:
 * @version: (nullable): a version
 *
 * Finds out if this is what runs.
 **/
gboolean
reapply_host_is_running(ReapplyHost *self, const gchar *version)
{
	return reapply_version_equal(fwupd_device_get_version(self->device), version);
}
