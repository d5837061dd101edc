/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef SEAMLDR_PARAMS_H
#define SEAMLDR_PARAMS_H

#include <linux/sizes.h>
#include <linux/types.h>

#include "blob.h"

#define SEAMLDR_MODULE_PAGES_MAX	496
#define SEAMLDR_SIGSTRUCT_PAGES_MAX	4

/* A module where there was none, which a kernel never does; or one that keeps the TDs */
#define SEAMLDR_SCENARIO_LOAD		0
#define SEAMLDR_SCENARIO_UPDATE		1

/**
 * struct seamldr_params - what the kernel hands to SEAMLDR.INSTALL, exactly one page
 * @version:	      of this structure, 0
 * @scenario:	      SEAMLDR_SCENARIO_UPDATE
 * @sigstruct_pa:     of the series v4 to v7: physical addresses (Linux v4, seamldr.c)
 * @reserved:	      of those too, zero
 * @one:	      the same bytes for mainline, and for the P-SEAMLDR 1.5, which demands zero in
 *		      all that is reserved (Linux 7.2, seamldr.c; pseamldr_api_defs.h)
 * @num_module_pages: how many of @module_pa are used
 * @module_pa:	      physical addresses of the module's pages
 */
struct seamldr_params {
	u32 version;
	u32 scenario;
	union {
		struct {
			u64 sigstruct_pa[SEAMLDR_SIGSTRUCT_PAGES_MAX];
			u8 reserved[80];
		} __packed;
		struct {
			u64 sigstruct_pa[1];
			u8 reserved[104];
		} __packed one;
	};
	u64 num_module_pages;
	u64 module_pa[SEAMLDR_MODULE_PAGES_MAX];
} __packed;
static_assert(sizeof(struct seamldr_params) == SZ_4K);
static_assert(offsetof(struct seamldr_params, scenario) == 4);
static_assert(offsetof(struct seamldr_params, sigstruct_pa) == 8);
static_assert(offsetof(struct seamldr_params, reserved) == 40);
static_assert(offsetof(struct seamldr_params, one.sigstruct_pa) == 8);
static_assert(offsetof(struct seamldr_params, one.reserved) == 16);
static_assert(offsetof(struct seamldr_params, num_module_pages) == 120);
static_assert(offsetof(struct seamldr_params, module_pa) == 128);

struct seamldr_params *seamldr_params_new(const struct tdx_series *series,
					  const struct tdx_blob *blob);
void seamldr_params_free(struct seamldr_params *params);

#endif
