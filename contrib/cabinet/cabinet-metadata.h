/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-metainfo.h"

/* of a remote; compressed while it is written, so that its size does not matter */
typedef struct CabinetMetadata CabinetMetadata;

CabinetMetadata *
cabinet_metadata_new(void);
void
cabinet_metadata_free(CabinetMetadata *self);
gboolean
cabinet_metadata_add(CabinetMetadata *self,
		     const CabinetRelease *release,
		     const CabinetOptions *options,
		     const CabinetMetainfoContainer *container,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);
GBytes *
cabinet_metadata_finish(CabinetMetadata *self) G_GNUC_NON_NULL(1);
GHashTable *
cabinet_metadata_read_cabinets(GBytes *blob) G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetMetadata, cabinet_metadata_free)
