/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include "mock-fw-upload.h"

/**
 * MockKernel:
 * @name: value of --kernel
 * @upload_name: directory below /sys/class/firmware
 * @seamldr_dir: the P-SEAMLDR attributes are in a directory of their own
 * @seamldr_mode: mode of the P-SEAMLDR attributes
 * @header_version: the only image header that it takes
 * @header_checksum: the checksum has to be right
 * @sigstruct_pages_max: most sigstruct pages that pass the header check
 * @error_full_log: (nullable): what `error` says, %NULL if only the P-SEAMLDR looks
 * @error_offline_cpu: (nullable): what `error` says, %NULL if only the P-SEAMLDR looks
 * @error_seamldr: what `error` says when the P-SEAMLDR refused
 *
 * What differs between the kernels that a user may run.
 **/
typedef struct {
	const gchar *name;
	const gchar *upload_name;
	gboolean seamldr_dir;
	guint seamldr_mode;
	guint16 header_version;
	gboolean header_checksum;
	guint sigstruct_pages_max;
	const gchar *error_full_log;
	const gchar *error_offline_cpu;
	const gchar *error_seamldr;
} MockKernel;

extern const MockFwUploadOps mock_kernel_upload_ops;

const MockKernel *
mock_kernel_find(const gchar *name);
