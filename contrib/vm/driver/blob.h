/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_BLOB_H
#define TDX_BLOB_H

#include <linux/types.h>

#include "series.h"

/**
 * struct tdx_blob - the two parts of an image, which are not copied
 * @sigstruct:	    first byte of the sigstruct pages
 * @sigstruct_size: in bytes, mainline lets 0 pass
 * @module:	    first byte of the module pages
 * @module_size:    in bytes, mainline lets 0 pass
 */
struct tdx_blob {
	const u8 *sigstruct;
	u32 sigstruct_size;
	const u8 *module;
	u32 module_size;
};

int tdx_blob_split(struct tdx_blob *blob, const struct tdx_series *series, const u8 *data,
		   u32 size);

#endif
