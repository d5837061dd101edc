/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef SEAMLDR_SIM_H
#define SEAMLDR_SIM_H

#include <linux/types.h>

#include "seamcall-sim.h"
#include "version.h"

/* Status of the P-SEAMLDR in RAX (its source, pseamldr_api_defs.h) */
#define SEAMLDR_EBADPARAM	0x8000000000000000ULL
#define SEAMLDR_EBADCALL	0x8000000000000003ULL
#define SEAMLDR_EBADHANDOFF	0x8000000000000004ULL
#define SEAMLDR_ECLEANUPREQ	0x8000000000000005ULL
#define SEAMLDR_EUNSUPPORTED	0x8000000000000006ULL
#define SEAMLDR_ENOMEM		0x8000000000010002ULL
#define SEAMLDR_EUNSPECERR	0x8000000000010003ULL
#define SEAMLDR_EUNSUPCPU	0x8000000000010004ULL
#define SEAMLDR_EBADSIG		0x8000000000020000ULL
#define SEAMLDR_EBADHASH	0x8000000000020001ULL
#define SEAMLDR_EINTERRUPT	0x8000000000030000ULL
#define SEAMLDR_ENOENTROPY	0x8000000000030001ULL

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

/**
 * struct seamldr_info - what SEAMLDR.INFO fills in, aligned to its size (Linux v4, asm/seamldr.h)
 * @version:	of the structure, 0
 * @attributes: bit 31 of a debug P-SEAMLDR
 * @vendor_id:	0x8086
 * @build_date: BCD YYYYMMDD
 * @build_num:	number of the build
 * @minor:	its version
 * @major:	its version
 * @update:	its version
 * @acm_x2apic: CPU on which it was loaded
 * @remaining:	updates that are left
 * @reserved:	SEAMEXTEND, features and zero
 */
struct seamldr_info {
	u32 version;
	u32 attributes;
	u32 vendor_id;
	u32 build_date;
	u16 build_num;
	u16 minor;
	u16 major;
	u16 update;
	u32 acm_x2apic;
	u32 remaining;
	u8 reserved[224];
} __packed;
static_assert(sizeof(struct seamldr_info) == 256);
static_assert(offsetof(struct seamldr_info, remaining) == 28);

void sim_boot(const struct tdx_firmware *bios);
u64 sim_seamldr(u64 fn, struct seamcall_args *args);
bool sim_seamldr_module_ready(void);

#endif
