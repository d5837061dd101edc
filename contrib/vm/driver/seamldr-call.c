// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's one way into the P-SEAMLDR, as the series had it up to v3: SEAMRET clears the
 * current VMCS, which KVM needs, so it is saved before and restored after. Mainline has no save,
 * and does not call at all where the CPU has that erratum.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/bug.h>
#include <linux/cleanup.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "record.h"
#include "seamldr-call.h"
#include "series.h"

/* As many as the kernel asks the random number generator (Linux, RDRAND_RETRY_LOOPS) */
#define ENTROPY_TRIES	10

bool seamldr_vmcs_save = true;
module_param_named(vmcs_save, seamldr_vmcs_save, bool, 0644);
MODULE_PARM_DESC(vmcs_save, "calls keep the current VMCS as up to v3 (default), not as mainline");

bool seamldr_erratum;
module_param_named(erratum, seamldr_erratum, bool, 0444);
MODULE_PARM_DESC(erratum, "P-SEAMLDR attributes and upload are hidden, as with SEAMRET_INVD_VMCS");

/* One CPU at a time, also with interrupts off, where a PREEMPT_RT kernel cannot sleep */
static DEFINE_RAW_SPINLOCK(lock);

static const struct {
	u64 status;
	const char *name;
} error_names[] = {
	{ 0, "SUCCESS" },
	{ SEAMLDR_EBADPARAM, "EBADPARAM" },
	{ SEAMLDR_EBADCALL, "EBADCALL" },
	{ SEAMLDR_EBADHANDOFF, "EBADHANDOFF" },
	{ SEAMLDR_ECLEANUPREQ, "ECLEANUPREQ" },
	{ SEAMLDR_EUNSUPPORTED, "EUNSUPPORTED" },
	{ SEAMLDR_ENOMEM, "ENOMEM" },
	{ SEAMLDR_EUNSPECERR, "EUNSPECERR" },
	{ SEAMLDR_EUNSUPCPU, "EUNSUPCPU" },
	{ SEAMLDR_EBADSIG, "EBADSIG" },
	{ SEAMLDR_EBADHASH, "EBADHASH" },
	{ SEAMLDR_EINTERRUPT, "EINTERRUPT" },
	{ SEAMLDR_ENOENTROPY, "ENOENTROPY" },
	{ SEAMCALL_VMFAILINVALID, "VMFAILINVALID" },
	{ SEAMCALL_GP, "#GP" },
	{ SEAMCALL_UD, "#UD" },
};

/**
 * seamldr_error_name() - get the name of what the P-SEAMLDR returned
 * @status: RAX
 *
 * Return: as in Intel's source, without PSEAMLDR_.
 */
const char *seamldr_error_name(u64 status)
{
	for (size_t i = 0; i < ARRAY_SIZE(error_names); i++) {
		if (error_names[i].status == status)
			return error_names[i].name;
	}
	return "unknown";
}

/**
 * seamcall_error() - get what the kernel makes of a SEAMCALL (Linux 6.7, sc_retry_prerr())
 * @fn:	    leaf
 * @status: RAX
 * @args:   registers
 *
 * Return: 0; -ENODEV if nothing is loaded, -EOPNOTSUPP if the BIOS has not enabled it, -EACCES
 * outside of VMX operation, else -EIO.
 */
int seamcall_error(u64 fn, u64 status, const struct seamcall_args *args)
{
	switch (status) {
	case 0:
		return 0;
	case SEAMCALL_VMFAILINVALID:
		return -ENODEV;
	case SEAMCALL_GP:
		return -EOPNOTSUPP;
	case SEAMCALL_UD:
		return -EACCES;
	}
	if (fn & SEAMCALL_SEAMLDR)
		record_log("kernel: P-SEAMLDR (%llu) failed: %s %#018llx, rdx %llu",
			   fn & ~SEAMCALL_SEAMLDR, seamldr_error_name(status), status, args->rdx);
	else
		record_log("kernel: SEAMCALL (%llu) failed: %#018llx", fn, status);
	return -EIO;
}

/* Only up to v3: lack of entropy is an answer to ask again for */
static u64 call_again(u64 fn, struct seamcall_args *args)
{
	int tries = tdx_series->entropy_retry ? ENTROPY_TRIES : 1;
	u64 status;

	do {
		status = sim_seamcall(fn, args);
	} while (status == SEAMLDR_ENOENTROPY && --tries);
	return status;
}

/**
 * seamldr_call() - call the P-SEAMLDR
 * @fn:   leaf
 * @args: registers
 *
 * KVM uses the current VMCS in interrupts too, so they are off until it is back.
 *
 * Return: as seamcall_error(); -EINVAL if @fn is not of the P-SEAMLDR, -EIO if the VMCS could not
 * be saved or restored.
 */
int seamldr_call(u64 fn, struct seamcall_args *args)
{
	u64 vmcs = VMCS_NONE;
	int ret;

	if (!(fn & SEAMCALL_SEAMLDR))
		return -EINVAL;
	if (!seamldr_vmcs_save && WARN_ON_ONCE(seamldr_erratum))
		return -EINVAL;

	guard(raw_spinlock_irqsave)(&lock);
	if (seamldr_vmcs_save && WARN_ON_ONCE(sim_vmptrst(&vmcs)))
		return -EIO;
	ret = seamcall_error(fn, call_again(fn, args), args);
	if (vmcs != VMCS_NONE && WARN_ON_ONCE(sim_vmptrld(vmcs)))
		return -EIO;
	return ret;
}

/**
 * seamldr_get_info() - SEAMLDR.INFO
 * @info: gets it
 *
 * Return: 0, or a negative error number.
 */
int seamldr_get_info(struct seamldr_info *info)
{
	/* kmalloc() aligns what is a power of two to its size */
	struct seamldr_info *buf __free(kfree) = kzalloc(sizeof(*buf), GFP_KERNEL);
	struct seamcall_args args = {};
	int ret;

	if (!buf)
		return -ENOMEM;
	args.rcx = virt_to_phys(buf);
	ret = seamldr_call(SEAMLDR_INFO, &args);
	if (!ret)
		*info = *buf;
	return ret;
}
