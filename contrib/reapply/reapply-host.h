/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "reapply-account.h"

/**
 * ReapplyHost:
 * @client: of fwupd
 * @device: the TDX module
 * @entry: (nullable): its entry in the history
 * @release: (nullable): what is stored
 * @account: what was installed
 *
 * One look at the host.
 **/
typedef struct {
	FwupdClient *client;
	FwupdDevice *device;
	FwupdDevice *entry;
	ReapplyRelease *release;
	ReapplyAccount *account;
} ReapplyHost;

void
reapply_host_free(ReapplyHost *self);
ReapplyHost *
reapply_host_new(gint wait, GError **error);
gboolean
reapply_host_look(ReapplyHost *self, GError **error);
gboolean
reapply_host_is_running(ReapplyHost *self, const gchar *version);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReapplyHost, reapply_host_free)
