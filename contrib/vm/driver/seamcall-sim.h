/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef SEAMCALL_SIM_H
#define SEAMCALL_SIM_H

#include <linux/bits.h>
#include <linux/irq_work.h>
#include <linux/types.h>

/* Of the P-SEAMLDR, all others are of the TDX module (Linux v3, asm/tdx.h) */
#define SEAMCALL_SEAMLDR		BIT_ULL(63)

/* What P-SEAMLDR calls SEAMLDR_*_LEAF (its source, pseamldr_api_defs.h) */
#define SEAMLDR_INFO			0x8000000000000000ULL
#define SEAMLDR_INSTALL			0x8000000000000001ULL
#define SEAMLDR_SHUTDOWN		0x8000000000000002ULL

/* Of the TDX module, as far as an update needs them (Linux v4, tdx.h) */
#define TDH_SYS_RD			34
#define TDH_SYS_LP_INIT			35
#define TDH_SYS_SHUTDOWN		52
#define TDH_SYS_UPDATE			53

/* Of TDH.SYS.SHUTDOWN, beside the handoff version (Linux v4, tdx.c) */
#define TDH_SYS_SHUTDOWN_AVOID_COMPAT	BIT_ULL(16)

/* What the kernel makes of an instruction that failed (Linux 6.7, asm/tdx.h) */
#define SEAMCALL_SW_ERROR		(BIT_ULL(63) | GENMASK_ULL(47, 40))
#define SEAMCALL_VMFAILINVALID		(SEAMCALL_SW_ERROR | 0xffff0000ULL)
#define SEAMCALL_GP			(SEAMCALL_SW_ERROR | 13)
#define SEAMCALL_UD			(SEAMCALL_SW_ERROR | 6)

/* What VMPTRST stores when there is no current VMCS (Intel SDM, VMPTRST) */
#define VMCS_NONE			(~0ULL)

/**
 * struct seamcall_args - registers of a SEAMCALL
 * @rcx: first argument
 * @rdx: of the P-SEAMLDR: 1 if a failed install has wiped the module
 * @r8:  result of TDH.SYS.RD
 */
struct seamcall_args {
	u64 rcx;
	u64 rdx;
	u64 r8;
};

/* What each SEAMCALL returns, if not 0; and whether each VMPTRST faults */
extern u64 sim_seamcall_fault;
extern bool sim_vmptrst_fault;

u64 sim_seamcall(u64 fn, struct seamcall_args *args);
int sim_vmptrst(u64 *vmcs);
int sim_vmptrld(u64 vmcs);
void sim_interrupt_after_seamret(struct irq_work *work);

#endif
