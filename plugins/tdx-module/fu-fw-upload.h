/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-module-struct.h"

typedef struct {
	gboolean pending;	/* the kernel has the image, and was not seen to finish */
	FuFwUploadError answer; /* of the kernel, if there is one */
	GError *error;		/* (nullable) */
} FuFwUploadResult;

gboolean
fu_fw_upload_read_status(FuUdevDevice *device,
			 const gchar *name,
			 FuFwUploadStatus *status,
			 GError **error) G_GNUC_NON_NULL(1, 2, 3);
FuFwUploadResult *
fu_fw_upload_write_bytes(FuUdevDevice *device, const gchar *name, GBytes *blob)
    G_GNUC_NON_NULL(1, 2, 3);
void
fu_fw_upload_result_free(FuFwUploadResult *result);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FuFwUploadResult, fu_fw_upload_result_free)
