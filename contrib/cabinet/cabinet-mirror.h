/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-archive.h"
#include "cabinet-output.h"

/* a remote for fwupd; each edition is a folder of its own, and `current` is a link to the newest,
 * so that metadata and cabinets change at the same moment */
typedef struct CabinetMirror CabinetMirror;

CabinetMirror *
cabinet_mirror_new(const gchar *path,
		   const CabinetOptions *options,
		   const CabinetSigner *signer,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
void
cabinet_mirror_free(CabinetMirror *self);
gboolean
cabinet_mirror_add(CabinetMirror *self,
		   CabinetRelease *release,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gboolean
cabinet_mirror_publish(CabinetMirror *self,
		       gboolean *changed,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetMirror, cabinet_mirror_free)
