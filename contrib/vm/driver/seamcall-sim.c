// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated CPU: SEAMCALL, and the current VMCS, which each return from the P-SEAMLDR clears.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/percpu.h>

#include "module-sim.h"
#include "seamcall-sim.h"
#include "seamldr-sim.h"

u64 sim_seamcall_fault;
bool sim_vmptrst_fault;

/* Inverted, as that of each CPU is VMCS_NONE at first */
static DEFINE_PER_CPU(u64, vmcs_inverted);

/* Whoever calls while another CPU is in the P-SEAMLDR gets VMfailInvalid */
static atomic_t in_seamldr;

static struct irq_work *interrupt;

static u64 call_seamldr(u64 fn, struct seamcall_args *args)
{
	struct irq_work *work = READ_ONCE(interrupt);
	u64 status;

	if (atomic_cmpxchg(&in_seamldr, 0, 1))
		return SEAMCALL_VMFAILINVALID;
	status = sim_seamldr(fn, args);
	atomic_set(&in_seamldr, 0);

	/* SEAMRET from it: Intel's Trust Domain CPU Architectural Extensions, 2.3 */
	this_cpu_write(vmcs_inverted, ~VMCS_NONE);
	if (work)
		irq_work_queue(work);
	return status;
}

/**
 * sim_seamcall() - the instruction
 * @fn:   leaf
 * @args: registers
 *
 * Return: RAX, or what the kernel makes of a failed instruction.
 */
u64 sim_seamcall(u64 fn, struct seamcall_args *args)
{
	if (sim_seamcall_fault)
		return sim_seamcall_fault;
	if (fn & SEAMCALL_SEAMLDR)
		return call_seamldr(fn, args);
	return sim_module(fn, args);
}

/**
 * sim_vmptrst() - the instruction
 * @vmcs: gets the physical address of the current VMCS of this CPU, or VMCS_NONE
 *
 * Return: 0, or -EFAULT.
 */
int sim_vmptrst(u64 *vmcs)
{
	if (sim_vmptrst_fault)
		return -EFAULT;
	*vmcs = ~this_cpu_read(vmcs_inverted);
	return 0;
}

/**
 * sim_vmptrld() - the instruction
 * @vmcs: physical address of the VMCS that becomes the current one of this CPU
 *
 * Return: 0, or -EFAULT if there is no page at that address.
 */
int sim_vmptrld(u64 vmcs)
{
	if (vmcs & 0xfff)
		return -EFAULT;
	this_cpu_write(vmcs_inverted, ~vmcs);
	return 0;
}

/**
 * sim_interrupt_after_seamret() - let an interrupt arrive right after each P-SEAMLDR call
 * @work: what it does, NULL for no interrupt
 */
void sim_interrupt_after_seamret(struct irq_work *work)
{
	WRITE_ONCE(interrupt, work);
}
