// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's part of an update: it checks the image, stops all CPUs, shuts the module down, lets
 * every CPU call the P-SEAMLDR, and starts the new module.
 *
 * The steps and their order are those of Linux 7.2, seamldr.c, which are those of the series.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/nmi.h>
#include <linux/rcupdate.h>
#include <linux/stop_machine.h>

#include "blob.h"
#include "install.h"
#include "module-sim.h"
#include "record.h"
#include "seamldr-call.h"
#include "seamldr-params.h"
#include "version.h"

/* Nobody sees the time between two modules */
DEFINE_MUTEX(tdx_install_lock);

/* What the kernel has read of the module when that was started, and if it has lost it since */
static struct {
	struct tdx_version version;
	u16 hv;
	bool lost;
} sysinfo;

/* The steps that all CPUs take together */
enum step {
	STEP_START,
	STEP_SHUTDOWN,
	STEP_INSTALL,
	STEP_INIT,
	STEP_UPDATE,
	STEP_DONE,
};

static struct {
	enum step step;
	atomic_t cpus_left;
	bool failed;
} machine;

static int read_sysinfo(void)
{
	struct seamcall_args args = {};
	int ret;

	ret = seamcall_error(TDH_SYS_RD, sim_seamcall(TDH_SYS_RD, &args), &args);
	if (ret)
		return ret;
	sysinfo.hv = args.r8;
	sysinfo.version = sim_module_in_range.version;
	return 0;
}

/*
 * Of the handoff versions the highest that the module has, which a newer one is likely to know.
 * Mainline asks for it again, and without it does not shut down.
 */
static int shut_down(void)
{
	struct seamcall_args args = {};
	u64 status;
	int ret;

	ret = tdx_series->reads_handoff ? read_sysinfo() : 0;
	if (ret)
		return ret;
	args.rcx = sysinfo.hv;
	if (tdx_series->avoids_compat && sim_module_has_update_compat(&sysinfo.version))
		args.rcx |= TDH_SYS_SHUTDOWN_AVOID_COMPAT;
	status = sim_seamcall(TDH_SYS_SHUTDOWN, &args);
	if ((status & TDX_STATUS_MASK) == TDX_UPDATE_COMPAT_SENSITIVE) {
		record_log("kernel: refused: a TD is being built");
		return -EBUSY;
	}
	return seamcall_error(TDH_SYS_SHUTDOWN, status, &args);
}

static int call_module(u64 fn)
{
	struct seamcall_args args = {};

	return seamcall_error(fn, sim_seamcall(fn, &args), &args);
}

static int run_step(enum step step, struct seamldr_params *params)
{
	bool primary = cpumask_first(cpu_online_mask) == smp_processor_id();
	struct seamcall_args args = {};

	switch (step) {
	case STEP_SHUTDOWN:
		return primary ? shut_down() : 0;
	case STEP_INSTALL:
		args.rcx = virt_to_phys(params);
		return seamldr_call(SEAMLDR_INSTALL, &args);
	case STEP_INIT:
		return call_module(TDH_SYS_LP_INIT);
	case STEP_UPDATE:
		return primary ? call_module(TDH_SYS_UPDATE) : 0;
	default:
		return 0;
	}
}

static void begin_step(enum step step)
{
	atomic_set(&machine.cpus_left, num_online_cpus());
	/* Whoever sees the step has to see how many take it */
	smp_store_release(&machine.step, step);
}

/* From the first step after the shutdown on, whatever fails loses the module */
static int end_step(enum step step, int ret)
{
	if (ret) {
		if (step > STEP_SHUTDOWN)
			WRITE_ONCE(sysinfo.lost, true);
		WRITE_ONCE(machine.failed, true);
	} else if (atomic_dec_and_test(&machine.cpus_left)) {
		begin_step(step + 1);
	}
	return ret;
}

static int update_on_cpu(void *params)
{
	enum step done = STEP_START;
	int ret = 0;

	do {
		/* Pairs with that in begin_step() */
		enum step step = smp_load_acquire(&machine.step);

		cpu_relax();
		if (step != done) {
			done = step;
			ret = end_step(step, run_step(step, params));
		} else {
			touch_nmi_watchdog();
			rcu_momentary_eqs();
		}
	} while (done != STEP_DONE && !READ_ONCE(machine.failed));
	return ret;
}

static int update(struct seamldr_params *params)
{
	ktime_t begin = ktime_get();
	int ret;

	guard(mutex)(&tdx_install_lock);
	machine.failed = false;
	begin_step(STEP_START + 1);
	ret = stop_machine(update_on_cpu, params, cpu_online_mask);
	record_log("kernel: all CPUs were stopped for %lld ms: %d",
		   ktime_ms_delta(ktime_get(), begin), ret);
	if (ret)
		return ret;
	return read_sysinfo();
}

static int check_host(void)
{
	struct seamldr_info info;
	int ret = seamldr_get_info(&info);

	if (ret)
		return ret;
	if (!info.remaining) {
		record_log("kernel: refused: no updates remaining");
		return -ENOSPC;
	}
	return 0;
}

/* The series hold the lock over all of the update, for which a module has no function */
static int check_cpus(void)
{
	guard(cpus_read_lock)();
	if (!cpumask_equal(cpu_online_mask, cpu_present_mask)) {
		record_log("kernel: refused: a CPU is offline");
		return -EBUSY;
	}
	return 0;
}

/**
 * tdx_boot() - reset the machine
 * @bios: what the BIOS starts
 */
void tdx_boot(const struct tdx_firmware *bios)
{
	sim_boot(bios);
	sysinfo.lost = read_sysinfo();
}

/**
 * tdx_get_version() - get the version of the running module
 * @version: gets it
 *
 * Return: 0, or -ENXIO if the module was lost.
 */
int tdx_get_version(struct tdx_version *version)
{
	guard(mutex)(&tdx_install_lock);
	if (sysinfo.lost)
		return -ENXIO;
	*version = sysinfo.version;
	return 0;
}

/**
 * tdx_lose() - let no module run until the next boot
 */
void tdx_lose(void)
{
	guard(mutex)(&tdx_install_lock);
	sysinfo.lost = true;
	record_log("module: lost");
}

/**
 * tdx_set_version() - let another module run
 * @version: of that module
 */
void tdx_set_version(const struct tdx_version *version)
{
	guard(mutex)(&tdx_install_lock);
	sysinfo.version = *version;
	record_log("module: " TDX_VERSION_FMT " runs instead", TDX_VERSION_ARGS(version));
}

/**
 * tdx_install() - replace the running module
 * @series: the kernel that does it
 * @data:   the image, in memory of vmalloc()
 * @size:   of @data
 *
 * Return: 0, or a negative error number.
 */
int tdx_install(const struct tdx_series *series, const u8 *data, u32 size)
{
	struct seamldr_params *params;
	struct tdx_blob blob;
	int ret = 0;

	if (series->checks_host)
		ret = check_host();
	ret = ret ?: tdx_blob_split(&blob, series, data, size);
	if (ret)
		return ret;
	params = seamldr_params_new(series, &blob);
	if (IS_ERR(params))
		return PTR_ERR(params);
	if (series->checks_host)
		ret = check_cpus();
	ret = ret ?: update(params);
	seamldr_params_free(params);
	return ret;
}
