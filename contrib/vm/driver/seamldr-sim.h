/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef SEAMLDR_SIM_H
#define SEAMLDR_SIM_H

#include <linux/types.h>

#include "version.h"

/**
 * struct tdx_firmware - what the BIOS started
 * @module_version:  of the TDX module
 * @module_svn:	     its security version, major in the high byte
 * @module_hv:	     its handoff version
 * @seamldr_version: of the P-SEAMLDR
 * @remaining:	     how many updates fit in the P-SEAMLDR's log
 */
struct tdx_firmware {
	struct tdx_version module_version;
	u16 module_svn;
	u16 module_hv;
	struct tdx_version seamldr_version;
	u32 remaining;
};

void sim_boot(const struct tdx_firmware *bios);

/* Calls to the TDX module */
int sim_module_version(struct tdx_version *version);
int sim_module_shutdown(void);
int sim_module_start(const struct tdx_version *default_version);

/* Calls to the P-SEAMLDR */
void sim_seamldr_info(struct tdx_version *version, u32 *remaining);
int sim_seamldr_install(phys_addr_t params);

/* Faults */
void sim_module_lose(void);
void sim_module_replace(const struct tdx_version *version);

#endif
