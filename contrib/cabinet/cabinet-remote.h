/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-options.h"

/* the file for /etc/fwupd/remotes.d of the hosts */
typedef struct {
	gchar *text;
	mode_t mode;
} CabinetRemote;

CabinetRemote *
cabinet_remote_new(const gchar *path,
		   const CabinetOptions *options,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
cabinet_remote_free(CabinetRemote *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetRemote, cabinet_remote_free)
