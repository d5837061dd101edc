/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef MODULE_SIM_H
#define MODULE_SIM_H

#include <linux/types.h>

#include "seamcall-sim.h"
#include "version.h"

/* Status of the TDX module in RAX (its source, error_codes_defs.h; the last: Linux v4) */
#define TDX_STATUS_MASK			GENMASK_ULL(63, 32)
#define TDX_OPERAND_INVALID		0xc000010000000000ULL
#define TDX_SYS_NOT_READY		0xc000050500000000ULL
#define TDX_SYS_SHUTDOWN		0xc000050600000000ULL
#define TDX_UPDATE_COMPAT_SENSITIVE	0x8000051200000000ULL

/**
 * struct sim_module - the SEAM range: the TDX module that is in it, if any
 * @version:	   of the module
 * @hv:		   its handoff version, the highest that it can write
 * @handoff_valid: it was shut down, and has left its data for the next one
 * @handoff_hv:	   the version of that data
 * @started:	   neither shut down nor just installed
 */
struct sim_module {
	struct tdx_version version;
	u16 hv;
	bool handoff_valid;
	u16 handoff_hv;
	bool started;
};

extern struct sim_module sim_module_in_range;

u64 sim_module(u64 fn, struct seamcall_args *args);
bool sim_module_has_update_compat(const struct tdx_version *version);

#endif
