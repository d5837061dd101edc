// SPDX-License-Identifier: GPL-2.0-only
/*
 * Versions, and module parameters that are one.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "version.h"

/**
 * tdx_version_is_set() - tell whether there is a version
 * @v: a version
 *
 * Return: false if it is that of an empty parameter.
 */
bool tdx_version_is_set(const struct tdx_version *v)
{
	return v->major || v->minor || v->update;
}

static int tdx_version_param_set(const char *val, const struct kernel_param *kp)
{
	struct tdx_version *v = kp->arg;
	struct tdx_version tmp = {};
	int len = strcspn(val, "\n");
	int end = 0;

	if (len && (sscanf(val, "%hu.%hu.%hu%n", &tmp.major, &tmp.minor, &tmp.update, &end) != 3 ||
		    end != len))
		return -EINVAL;
	*v = tmp;
	return 0;
}

static int tdx_version_param_get(char *buf, const struct kernel_param *kp)
{
	const struct tdx_version *v = kp->arg;

	if (!tdx_version_is_set(v))
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, TDX_VERSION_FMT "\n", TDX_VERSION_ARGS(v));
}

const struct kernel_param_ops tdx_version_param_ops = {
	.set = tdx_version_param_set,
	.get = tdx_version_param_get,
};
