/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-metainfo.h"
#include "cabinet-signer.h"

/* what is in a cabinet, besides the image and signatures */
typedef struct {
	const CabinetRelease *release;
	GPtrArray *components; /* (element-type XbBuilderNode): one for each device */
	GPtrArray *files;      /* (element-type CabinetArchiveFile): the text of each */
} CabinetArchive;

CabinetArchive *
cabinet_archive_new(const CabinetRelease *release,
		    const CabinetOptions *options,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
cabinet_archive_free(CabinetArchive *self);
GBytes *
cabinet_archive_write(const CabinetArchive *self,
		      const CabinetOptions *options,
		      const CabinetSigner *signer,
		      GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_archive_get_key(const CabinetArchive *self, const CabinetSigner *signer)
    G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_archive_export(XbBuilderNode *component,
		       XbNodeExportFlags flags,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetArchive, cabinet_archive_free)
