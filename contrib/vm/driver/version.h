/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_VERSION_H
#define TDX_VERSION_H

#include <linux/moduleparam.h>
#include <linux/types.h>

/* As the kernel prints versions; the arguments are a list, so without parentheses */
#define TDX_VERSION_FMT		"%u.%u.%02u"
#define TDX_VERSION_ARGS(v)	(v)->major, (v)->minor, (v)->update

struct tdx_version {
	u16 major;
	u16 minor;
	u16 update;
};

bool tdx_version_is_set(const struct tdx_version *v);

/* Of module parameters that are a struct tdx_version, empty if not set */
extern const struct kernel_param_ops tdx_version_param_ops;

#endif
