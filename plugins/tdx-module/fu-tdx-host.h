/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-module-struct.h"

#define FU_TYPE_TDX_HOST (fu_tdx_host_get_type())
G_DECLARE_FINAL_TYPE(FuTdxHost, fu_tdx_host, FU, TDX_HOST, GObject)

/* the kernel does not say how many TDs are running */
#define FU_TDX_HOST_TDS_UNKNOWN G_MAXUINT64

FuTdxHost *
fu_tdx_host_new(void);
gboolean
fu_tdx_host_load(FuTdxHost *self, FuUdevDevice *device, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1, 2);
gboolean
fu_tdx_host_load_state(FuTdxHost *self,
		       FuUdevDevice *device,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);

gboolean
fu_tdx_host_parse_cpuinfo(FuTdxHost *self,
			  const gchar *str,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gboolean
fu_tdx_host_parse_cpus(FuTdxHost *self, const gchar *present, const gchar *online, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
fu_tdx_host_parse_misc(FuTdxHost *self, const gchar *str, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1, 2);
void
fu_tdx_host_set_seamldr_layout(FuTdxHost *self, FuTdxSeamldrLayout seamldr_layout)
    G_GNUC_NON_NULL(1);
void
fu_tdx_host_set_upload_name(FuTdxHost *self, const gchar *upload_name) G_GNUC_NON_NULL(1);

const gchar *
fu_tdx_host_get_vendor(FuTdxHost *self) G_GNUC_NON_NULL(1);
GArray *
fu_tdx_host_get_signatures(FuTdxHost *self) G_GNUC_NON_NULL(1);
gboolean
fu_tdx_host_get_erratum(FuTdxHost *self) G_GNUC_NON_NULL(1);
const gchar *
fu_tdx_host_get_cpus_offline(FuTdxHost *self) G_GNUC_NON_NULL(1);
guint64
fu_tdx_host_get_tds(FuTdxHost *self) G_GNUC_NON_NULL(1);
FuTdxSeamldrLayout
fu_tdx_host_get_seamldr_layout(FuTdxHost *self) G_GNUC_NON_NULL(1);
const gchar *
fu_tdx_host_get_upload_name(FuTdxHost *self) G_GNUC_NON_NULL(1);
FuTdxBlobVersion
fu_tdx_host_get_blob_version(FuTdxHost *self) G_GNUC_NON_NULL(1);
