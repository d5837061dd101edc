/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef SEAMLDR_PARAMS_H
#define SEAMLDR_PARAMS_H

#include <linux/types.h>

#include "blob.h"

#define SEAMLDR_MODULE_PAGES_MAX	496
#define SEAMLDR_SIGSTRUCT_PAGES_MAX	4

/* Replace the running module by a compatible one and keep the TDs */
#define SEAMLDR_SCENARIO_UPDATE		1

/**
 * struct seamldr_params - what the kernel hands to SEAMLDR.INSTALL, exactly one page
 * @version:	      of this structure, 0
 * @scenario:	      SEAMLDR_SCENARIO_UPDATE
 * @sigstruct_pa:     physical addresses; a P-SEAMLDR with 4 KiB sigstructs knows only the first
 *		      and demands zero in the others, which are reserved to it
 * @reserved:	      zero
 * @num_module_pages: how many of @module_pa are used
 * @module_pa:	      physical addresses of the module's pages
 */
struct seamldr_params {
	u32 version;
	u32 scenario;
	u64 sigstruct_pa[SEAMLDR_SIGSTRUCT_PAGES_MAX];
	u8 reserved[80];
	u64 num_module_pages;
	u64 module_pa[SEAMLDR_MODULE_PAGES_MAX];
} __packed;

struct seamldr_params *seamldr_params_new(const struct tdx_blob *blob);
void seamldr_params_free(struct seamldr_params *params);

#endif
