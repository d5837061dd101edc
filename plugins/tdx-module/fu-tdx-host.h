/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-module-struct.h"

#define FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN G_MAXUINT64

/* one look at this machine; what is not known has an error */
typedef struct {
	gchar *errors[FU_TDX_HOST_FACT_LAST]; /* (nullable) */

	/* as this kernel has them */
	const gchar *attr_seamldr_version;   /* (nullable): if the P-SEAMLDR is hidden */
	const gchar *attr_remaining_updates; /* (nullable) */
	const gchar *upload_name;	     /* (nullable): if there is no upload */
	FuTdxBlobVersion blob_version;

	gchar *module_version; /* (nullable) */
	gboolean module_lost;
	gchar *seamldr_version; /* (nullable) */
	guint64 remaining_updates;
	FuFwUploadStatus upload_status;

	guint32 cpu; /* CPUID.1.EAX of all sockets, with the stepping masked */
	gboolean erratum;
	gchar *cpus_online;  /* (nullable) */
	gchar *cpus_present; /* (nullable) */
	FuTdxGuests guests;
	guint64 tds; /* if counted */
} FuTdxHost;

FuTdxHost *
fu_tdx_host_new(FuUdevDevice *device) G_GNUC_NON_NULL(1);
FuTdxHost *
fu_tdx_host_new_from_context(FuContext *ctx) G_GNUC_NON_NULL(1);
FuTdxHost *
fu_tdx_host_new_after(FuUdevDevice *device, const FuTdxHost *before) G_GNUC_NON_NULL(1, 2);
void
fu_tdx_host_free(FuTdxHost *self);
gboolean
fu_tdx_host_parse_cpuinfo(FuTdxHost *self, const gchar *str, GError **error) G_GNUC_NON_NULL(1, 2);
gboolean
fu_tdx_host_parse_misc(FuTdxHost *self, const gchar *str, GError **error) G_GNUC_NON_NULL(1, 2);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FuTdxHost, fu_tdx_host_free)
