// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernels that a user may run: mainline, and the series that were posted before it and that
 * vendors ship.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/array_size.h>
#include <linux/module.h>
#include <linux/string.h>

#include "series.h"

static const struct tdx_series known[] = {
	{
		.name = "mainline",
		.upload_name = "tdx_module",
		.seamldr_mode = 0400,
		.version_padded = true,
		.header_version = 0x200,
		.sigstruct_pages_max = 1,
		.reads_handoff = true,
		.errors = TDX_ERRORS_INVALID,
	},
	{
		.name = "v9",
		.upload_name = "tdx_module",
		.seamldr_mode = 0400,
		.version_padded = true,
		.header_version = 0x200,
		.sigstruct_pages_max = 1,
		.reads_handoff = true,
		.errors = TDX_ERRORS_BUSY,
	},
	{
		.name = "v4",
		.upload_name = "tdx_module",
		.seamldr_dir = true,
		.seamldr_mode = 0400,
		.header_version = 0x100,
		.sigstruct_pages_max = 4,
		.checks_host = true,
		.avoids_compat = true,
		.errors = TDX_ERRORS_ALL,
	},
	{
		.name = "v3",
		.upload_name = "seamldr_upload",
		.seamldr_dir = true,
		.seamldr_mode = 0444,
		.header_version = 0x100,
		.header_checksum = true,
		.sigstruct_pages_max = 1,
		.checks_host = true,
		.cancellable = true,
		.entropy_retry = true,
		.errors = TDX_ERRORS_ALL,
	},
};

const struct tdx_series *tdx_series = &known[0];

static int series_set(const char *val, const struct kernel_param *kp)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (sysfs_streq(known[i].name, val)) {
			tdx_series = &known[i];
			return 0;
		}
	}
	return -EINVAL;
}

static int series_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", tdx_series->name);
}

static const struct kernel_param_ops series_ops = {
	.set = series_set,
	.get = series_get,
};
module_param_cb(layout, &series_ops, NULL, 0444);
MODULE_PARM_DESC(layout, "the kernel: mainline (default), v9, v4 or v3");

/**
 * tdx_series_error() - get what a kernel tells user space
 * @series: the kernel
 * @ret:    what tdx_install() returned
 *
 * Return: an error of the firmware upload.
 */
enum fw_upload_err tdx_series_error(const struct tdx_series *series, int ret)
{
	if (!ret)
		return FW_UPLOAD_ERR_NONE;
	if (ret == -EBUSY && series->errors != TDX_ERRORS_INVALID)
		return FW_UPLOAD_ERR_BUSY;
	if (series->errors != TDX_ERRORS_ALL)
		return FW_UPLOAD_ERR_FW_INVALID;

	switch (ret) {
	case -EIO:
		return FW_UPLOAD_ERR_HW_ERROR;
	case -ENOMEM:
		return FW_UPLOAD_ERR_RW_ERROR;
	case -ENOSPC:
		return FW_UPLOAD_ERR_WEAROUT;
	default:
		return FW_UPLOAD_ERR_FW_INVALID;
	}
}
