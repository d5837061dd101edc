/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

FwupdClient *
reapply_fwupd_connect(GError **error);
FwupdDevice *
reapply_fwupd_get_device(FwupdClient *client, GError **error);
FwupdDevice *
reapply_fwupd_get_installed(FwupdClient *client, GError **error);
const gchar *
reapply_fwupd_get_sha1(FwupdDevice *installed);
GBytes *
reapply_fwupd_fetch(FwupdClient *client, FwupdDevice *installed, gchar **origin, GError **error);
