/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

gboolean
reapply_fwupd_fail(GError **error, GError *error_fwupd, const gchar *prefix);
FwupdClient *
reapply_fwupd_connect(GError **error);
FwupdDevice *
reapply_fwupd_get_device(FwupdClient *client, GError **error);
gboolean
reapply_fwupd_get_entry(FwupdClient *client,
			FwupdDevice *device,
			FwupdDevice **entry,
			GError **error);
gboolean
reapply_fwupd_is_success(FwupdDevice *entry);
const gchar *
reapply_fwupd_get_sha1(FwupdDevice *entry);
const gchar *
reapply_fwupd_get_version(FwupdDevice *entry);
gboolean
reapply_fwupd_check_cabinet(FwupdClient *client,
			    FwupdDevice *device,
			    GBytes *cabinet,
			    const gchar *version,
			    GError **error);
