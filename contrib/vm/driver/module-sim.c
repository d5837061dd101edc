// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated TDX module, as far as an update calls it.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/module.h>

#include "module-sim.h"
#include "record.h"
#include "seamldr-sim.h"

static bool td_being_built;
module_param(td_being_built, bool, 0644);
MODULE_PARM_DESC(td_being_built, "a TD is being built, which a module from 1.5.24 on can protect");

struct sim_module sim_module_in_range;

/**
 * sim_module_has_update_compat() - tell whether a module protects a TD that is being built
 * @version: of the module
 *
 * Return: true for what Intel's map calls tdx_feature0 with that bit: since 1.5.24 and 2.0.14.
 */
bool sim_module_has_update_compat(const struct tdx_version *version)
{
	return version->update >= (version->major < 2 ? 24 : 14);
}

static u64 shut_down(u64 rcx)
{
	struct sim_module *module = &sim_module_in_range;

	if (!module->started)
		return TDX_SYS_SHUTDOWN;
	if ((rcx & TDH_SYS_SHUTDOWN_AVOID_COMPAT) &&
	    !sim_module_has_update_compat(&module->version))
		return TDX_OPERAND_INVALID;
	if ((rcx & TDH_SYS_SHUTDOWN_AVOID_COMPAT) && td_being_built)
		return TDX_UPDATE_COMPAT_SENSITIVE;
	if ((u16)rcx > module->hv)
		return TDX_OPERAND_INVALID;

	module->started = false;
	module->handoff_valid = true;
	module->handoff_hv = rcx;
	record_log("module: shut down, handoff version %u", module->handoff_hv);
	return 0;
}

static u64 take_over(void)
{
	struct sim_module *module = &sim_module_in_range;

	if (module->started)
		return TDX_SYS_NOT_READY;
	module->started = true;
	module->handoff_valid = false;
	record_log("module: " TDX_VERSION_FMT " runs", TDX_VERSION_ARGS(&module->version));
	return 0;
}

/**
 * sim_module() - the module's entry point
 * @fn:   leaf
 * @args: registers
 *
 * Return: RAX.
 */
u64 sim_module(u64 fn, struct seamcall_args *args)
{
	if (!sim_seamldr_module_ready())
		return SEAMCALL_VMFAILINVALID;

	switch (fn) {
	case TDH_SYS_RD:
		/* Only one field is ever asked for here: the handoff version */
		if (!sim_module_in_range.started)
			return TDX_SYS_SHUTDOWN;
		args->r8 = sim_module_in_range.hv;
		return 0;
	case TDH_SYS_LP_INIT:
		return sim_module_in_range.handoff_valid ? 0 : TDX_SYS_NOT_READY;
	case TDH_SYS_SHUTDOWN:
		return shut_down(args->rcx);
	case TDH_SYS_UPDATE:
		return take_over();
	default:
		return TDX_OPERAND_INVALID;
	}
}
