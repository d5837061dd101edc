/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-fw-upload-struct.h"

#define FU_TYPE_FW_UPLOAD (fu_fw_upload_get_type())
G_DECLARE_FINAL_TYPE(FuFwUpload, fu_fw_upload, FU, FW_UPLOAD, GObject)

FuFwUpload *
fu_fw_upload_new(FuUdevDevice *device, const gchar *name) G_GNUC_NON_NULL(1, 2);
gboolean
fu_fw_upload_read_status(FuFwUpload *self,
			 FuFwUploadStatus *status,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gboolean
fu_fw_upload_write_bytes(FuFwUpload *self, GBytes *blob, FuProgress *progress, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
fu_fw_upload_get_pending(FuFwUpload *self) G_GNUC_NON_NULL(1);
FuFwUploadError
fu_fw_upload_get_error(FuFwUpload *self) G_GNUC_NON_NULL(1);
