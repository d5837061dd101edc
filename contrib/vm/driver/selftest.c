// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no image and no file of sysfs can reach: the calls into the P-SEAMLDR, and its rules for
 * what only a kernel says. Reading the file selftest in the driver's folder in debugfs runs it, and
 * gives the result in the Test Anything Protocol. Then the machine is as after a boot.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/stop_machine.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "install.h"
#include "module-sim.h"
#include "record.h"
#include "seamcall-sim.h"
#include "seamldr-call.h"
#include "seamldr-params.h"
#include "selftest.h"
#include "series.h"

#define CONCURRENT_CALLS	100

static const struct tdx_firmware *selftest_bios;
static unsigned int number;

__printf(3, 4) static void check(struct seq_file *out, bool good, const char *fmt, ...)
{
	va_list args;

	seq_printf(out, "%s %u - ", good ? "ok" : "not ok", ++number);
	va_start(args, fmt);
	seq_vprintf(out, fmt, args);
	va_end(args);
	seq_putc(out, '\n');
}

static u64 current_vmcs(void)
{
	u64 vmcs = 0;

	return sim_vmptrst(&vmcs) ? 0 : vmcs;
}

static int call(u64 fn, u64 rcx)
{
	struct seamcall_args args = { .rcx = rcx };

	return seamldr_call(fn, &args);
}

/* What the P-SEAMLDR answers, whatever the kernel would make of it */
static u64 call_raw(u64 fn, u64 rcx)
{
	struct seamcall_args args = { .rcx = rcx };

	return sim_seamcall(fn, &args);
}

static void check_leaves(struct seq_file *out, u64 info)
{
	int ret = call(TDH_SYS_SHUTDOWN, 0);

	check(out, ret == -EINVAL, "a leaf of the TDX module is no P-SEAMLDR call: %d", ret);
	ret = call(SEAMCALL_SEAMLDR | 0x7f, 0);
	check(out, ret == -EIO, "an unknown leaf is refused by the P-SEAMLDR: %d, %s", ret,
	      seamldr_error_name(call_raw(SEAMCALL_SEAMLDR | 0x7f, 0)));
	ret = call(SEAMLDR_INFO, info + 128);
	check(out, ret == -EIO, "memory for SEAMLDR.INFO that is not aligned: %d", ret);
	ret = call(SEAMLDR_INFO, info);
	check(out, !ret, "SEAMLDR.INFO: %d", ret);
}

static void check_vmcs(struct seq_file *out, u64 info)
{
	u64 kept = seamldr_vmcs_save ? 0x5000 : VMCS_NONE;
	u64 after;

	guard(preempt)();
	sim_vmptrld(0x5000);
	call(SEAMLDR_INFO, info);
	after = current_vmcs();
	check(out, after == kept, "the current VMCS 0x5000 is %s after a call: %#llx",
	      after == 0x5000 ? "intact" : "clobbered", after);
	call(SEAMLDR_INFO, info);
	sim_vmptrld(0x5000);
	call(SEAMCALL_SEAMLDR | 0x7f, info);
	after = current_vmcs();
	check(out, after == kept, "and %s after one that fails: %#llx",
	      after == 0x5000 ? "intact" : "clobbered", after);
	call_raw(SEAMLDR_INFO, info);
	call(SEAMLDR_INFO, info);
	after = current_vmcs();
	check(out, after == VMCS_NONE, "where there was none there is none: %#llx", after);
}

struct interrupted {
	struct irq_work work;
	u64 vmcs;
	bool arrived;
};

static void on_interrupt(struct irq_work *work)
{
	struct interrupted *it = container_of(work, struct interrupted, work);

	it->vmcs = current_vmcs();
	WRITE_ONCE(it->arrived, true);
}

/* As when KVM is told by another CPU to let go of a VMCS */
static void check_interrupt(struct seq_file *out, u64 info)
{
	struct interrupted it = { .work = IRQ_WORK_INIT_HARD(on_interrupt) };
	u64 kept = seamldr_vmcs_save ? 0x6000 : VMCS_NONE;

	sim_interrupt_after_seamret(&it.work);
	scoped_guard(preempt) {
		sim_vmptrld(0x6000);
		call(SEAMLDR_INFO, info);
	}
	sim_interrupt_after_seamret(NULL);
	irq_work_sync(&it.work);
	check(out, READ_ONCE(it.arrived) && it.vmcs == kept,
	      "an interrupt right after SEAMRET finds the current VMCS %s: %#llx",
	      it.vmcs == 0x6000 ? "intact" : "clobbered", it.vmcs);
}

struct concurrent {
	u64 info;
	atomic_t errors;
	atomic_t clobbered;
	atomic_t busy;
};

static int call_on_cpu(void *data)
{
	struct concurrent *it = data;
	u64 own = PFN_PHYS(smp_processor_id() + 1);

	for (int i = 0; i < CONCURRENT_CALLS; i++) {
		sim_vmptrld(own);
		if (call(SEAMLDR_INFO, it->info))
			atomic_inc(&it->errors);
		if (current_vmcs() != own)
			atomic_inc(&it->clobbered);
	}
	return 0;
}

static int call_raw_on_cpu(void *data)
{
	struct concurrent *it = data;

	for (int i = 0; i < CONCURRENT_CALLS; i++) {
		if (call_raw(SEAMLDR_INFO, it->info) == SEAMCALL_VMFAILINVALID)
			atomic_inc(&it->busy);
	}
	return 0;
}

static void check_concurrent(struct seq_file *out, u64 info)
{
	struct concurrent it = { .info = info };
	int clobbered = seamldr_vmcs_save ? 0 : num_online_cpus() * CONCURRENT_CALLS;

	stop_machine(call_on_cpu, &it, cpu_online_mask);
	stop_machine(call_raw_on_cpu, &it, cpu_online_mask);
	check(out, !atomic_read(&it.errors), "%u CPUs call at once: %d errors", num_online_cpus(),
	      atomic_read(&it.errors));
	check(out, atomic_read(&it.clobbered) == clobbered,
	      "and each has its own VMCS: %d of %d clobbered", atomic_read(&it.clobbered),
	      num_online_cpus() * CONCURRENT_CALLS);
	check(out, num_online_cpus() == 1 || atomic_read(&it.busy),
	      "while without the lock %d find the P-SEAMLDR busy", atomic_read(&it.busy));
}

static void check_errors(struct seq_file *out, u64 info)
{
	static const struct {
		u64 status;
		int ret;
	} errors[] = {
		{ SEAMCALL_VMFAILINVALID, -ENODEV },
		{ SEAMCALL_GP, -EOPNOTSUPP },
		{ SEAMCALL_UD, -EACCES },
		{ SEAMLDR_EBADPARAM, -EIO },
		{ SEAMLDR_EBADCALL, -EIO },
		{ SEAMLDR_EBADHANDOFF, -EIO },
		{ SEAMLDR_ECLEANUPREQ, -EIO },
		{ SEAMLDR_EUNSUPPORTED, -EIO },
		{ SEAMLDR_ENOMEM, -EIO },
		{ SEAMLDR_EUNSPECERR, -EIO },
		{ SEAMLDR_EUNSUPCPU, -EIO },
		{ SEAMLDR_EBADSIG, -EIO },
		{ SEAMLDR_EBADHASH, -EIO },
		{ SEAMLDR_EINTERRUPT, -EIO },
		{ SEAMLDR_ENOENTROPY, -EIO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		int ret;

		sim_seamcall_fault = errors[i].status;
		ret = call(SEAMLDR_INFO, info);
		sim_seamcall_fault = 0;
		check(out, ret == errors[i].ret, "%#018llx is %s: %d", errors[i].status,
		      seamldr_error_name(errors[i].status), ret);
	}
}

static void check_vmptrst(struct seq_file *out, u64 info)
{
	int expected = seamldr_vmcs_save ? -EIO : 0;
	int ret;

	sim_vmptrst_fault = true;
	ret = call(SEAMLDR_INFO, info);
	sim_vmptrst_fault = false;
	check(out, ret == expected, "the current VMCS cannot be saved: %d", ret);
}

static void check_blob(struct seq_file *out, const struct tdx_blob *blob, int expected,
		       const char *what)
{
	struct seamldr_params *params = seamldr_params_new(tdx_series, blob);
	int ret = PTR_ERR_OR_ZERO(params);

	if (!ret)
		seamldr_params_free(params);
	check(out, ret == expected, "%s: %d", what, ret);
}

static void check_memory(struct seq_file *out, const u8 *image, const u8 *other)
{
	struct tdx_blob blob = {
		.sigstruct = image,
		.sigstruct_size = SZ_4K,
		.module = image + SZ_4K,
		.module_size = SZ_4K,
	};

	check_blob(out, &blob, 0, "memory of vmalloc()");
	blob.module_size--;
	check_blob(out, &blob, -EINVAL, "a part of a page");
	blob.module_size = 497 * SZ_4K;
	check_blob(out, &blob, -EINVAL, "497 pages");
	blob.module_size = SZ_4K;
	blob.module++;
	check_blob(out, &blob, -EINVAL, "memory that is not aligned");
	blob.module = other;
	check_blob(out, &blob, -EINVAL, "memory that is not of vmalloc(), with a warning");
}

/* A sigstruct of two pages, which the series v4 to v7 take, lies in what is reserved to others */
static void check_layouts(struct seq_file *out, const u8 *image)
{
	struct tdx_blob blob = {
		.sigstruct = image,
		.sigstruct_size = 2 * SZ_4K,
		.module = image + 2 * SZ_4K,
		.module_size = SZ_4K,
	};
	struct seamldr_params *params = seamldr_params_new(tdx_series, &blob);
	u64 second;

	if (tdx_series->sigstruct_pages_max < 2) {
		check(out, PTR_ERR(params) == -EINVAL, "two sigstruct pages: %ld",
		      PTR_ERR(params));
		return;
	}
	memcpy(&second, params->one.reserved, sizeof(second));
	check(out, second == PFN_PHYS(vmalloc_to_pfn(image + SZ_4K)),
	      "the second of two sigstruct pages is reserved to the P-SEAMLDR 1.5");
	seamldr_params_free(params);
}

struct installing {
	u64 params;
	u64 status;
};

static long install_on_cpu(void *data)
{
	struct installing *it = data;

	guard(irqsave)();
	it->status = call_raw(SEAMLDR_INSTALL, it->params);
	return 0;
}

static u64 install_on_all(struct seamldr_params *params)
{
	struct installing it = { .params = virt_to_phys(params) };
	unsigned int cpu;

	for_each_present_cpu(cpu)
		work_on_cpu(cpu, install_on_cpu, &it);
	return it.status;
}

static void check_install(struct seq_file *out, struct seamldr_params *params, u64 expected,
			  const char *what)
{
	u64 status = install_on_all(params);

	check(out, status == expected, "%s: %s", what, seamldr_error_name(status));
	tdx_boot(selftest_bios);
}

static void params_reset(struct seamldr_params *params)
{
	memset(params, 0, sizeof(*params));
	params->scenario = SEAMLDR_SCENARIO_UPDATE;
}

static void check_params(struct seq_file *out, struct seamldr_params *params)
{
	params_reset(params);
	params->version = 1;
	check_install(out, params, SEAMLDR_EBADPARAM, "parameters of another version");
	params_reset(params);
	params->one.reserved[103] = 1;
	check_install(out, params, SEAMLDR_EBADPARAM, "reserved parameters");
	params_reset(params);
	params->scenario = 2;
	check_install(out, params, SEAMLDR_EBADPARAM, "an unknown scenario");
	params_reset(params);
	params->num_module_pages = 497;
	check_install(out, params, SEAMLDR_EBADPARAM, "497 pages for the P-SEAMLDR");
	params_reset(params);
	params->num_module_pages = 1;
	params->module_pa[0] = 1;
	check_install(out, params, SEAMLDR_EBADPARAM, "a page that is not aligned");
	params_reset(params);
	params->sigstruct_pa[0] = BIT_ULL(51);
	check_install(out, params, SEAMLDR_EBADPARAM, "a sigstruct that is not in memory");
}

static void check_sessions(struct seq_file *out, struct seamldr_params *params)
{
	struct installing it = { .params = virt_to_phys(params) };
	u64 status;

	params_reset(params);
	if (num_present_cpus() > 1) {
		work_on_cpu(0, install_on_cpu, &it);
		work_on_cpu(0, install_on_cpu, &it);
		check(out, it.status == SEAMLDR_EBADCALL, "a CPU calls twice: %s",
		      seamldr_error_name(it.status));
		status = call_raw(TDH_SYS_RD, 0);
		check(out, status == SEAMCALL_VMFAILINVALID, "meanwhile the module is blocked: %s",
		      seamldr_error_name(status));
		tdx_boot(selftest_bios);

		scoped_guard(preempt)
			call_raw(SEAMLDR_SHUTDOWN, 0);
		check_install(out, params, SEAMLDR_EBADCALL, "an install after SEAMLDR.SHUTDOWN");
	}
}

static long shut_down_on_cpu(void *data)
{
	guard(irqsave)();
	*(u64 *)data = call_raw(SEAMLDR_SHUTDOWN, 0);
	return 0;
}

/* The last CPU has to be that on which the P-SEAMLDR was loaded */
static void check_shutdown(struct seq_file *out, u64 info)
{
	u64 status = 0;
	int cpu;
	int ret;

	for (cpu = nr_cpu_ids - 1; cpu >= 0; cpu--) {
		if (cpu_present(cpu))
			work_on_cpu(cpu, shut_down_on_cpu, &status);
	}
	ret = call(SEAMLDR_INFO, info);
	check(out, !status && ret == -ENODEV, "after SEAMLDR.SHUTDOWN of all CPUs: %s, then %d",
	      seamldr_error_name(status), ret);
	tdx_boot(selftest_bios);
}

static int selftest_show(struct seq_file *out, void *unused)
{
	struct seamldr_params *params = (void *)get_zeroed_page(GFP_KERNEL);
	void *info_page = (void *)get_zeroed_page(GFP_KERNEL);
	u8 *image = vzalloc(4 * SZ_4K);
	u64 info = info_page ? virt_to_phys(info_page) : 0;

	if (params && info_page && image) {
		guard(mutex)(&tdx_install_lock);
		number = 0;
		seq_printf(out, "# the current VMCS is %s\n",
			   seamldr_vmcs_save ? "saved and restored" : "left alone");
		check_leaves(out, info);
		check_vmcs(out, info);
		check_interrupt(out, info);
		check_concurrent(out, info);
		check_errors(out, info);
		check_vmptrst(out, info);
		check_memory(out, image, info_page);
		check_layouts(out, image);
		check_params(out, params);
		check_sessions(out, params);
		check_shutdown(out, info);
		seq_printf(out, "1..%u\n", number);
	}
	vfree(image);
	free_page((unsigned long)info_page);
	free_page((unsigned long)params);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(selftest);

/**
 * selftest_init() - make the file
 * @bios: what runs after the test
 */
void selftest_init(const struct tdx_firmware *bios)
{
	selftest_bios = bios;
	debugfs_create_file("selftest", 0400, record_dir(), NULL, &selftest_fops);
}
