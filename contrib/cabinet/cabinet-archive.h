/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-metainfo.h"
#include "cabinet-signer.h"

FuFirmware *
cabinet_archive_new(const CabinetRelease *release,
		    const CabinetOptions *options,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_archive_get_key(FuFirmware *cab, const CabinetRelease *release, const CabinetSigner *signer)
    G_GNUC_NON_NULL(1, 2, 3);
GBytes *
cabinet_archive_write(FuFirmware *cab,
		      const CabinetRelease *release,
		      const CabinetOptions *options,
		      const CabinetSigner *signer,
		      GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
