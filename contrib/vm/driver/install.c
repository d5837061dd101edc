// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's part of an update: it checks the image, shuts the module down, lets every CPU call
 * the P-SEAMLDR, and starts the new module.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "blob.h"
#include "install.h"
#include "record.h"
#include "seamldr-params.h"
#include "seamldr-sim.h"
#include "version.h"

DEFINE_MUTEX(tdx_install_lock);

static struct tdx_version install_version = { 1, 5, 16 };
module_param_cb(install_version, &tdx_version_param_ops, &install_version, 0644);
MODULE_PARM_DESC(install_version,
		 "version after an update, if the sigstruct carries none (1.5.16)");

static long install_on_cpu(void *params)
{
	return sim_seamldr_install(virt_to_phys(params));
}

/* From here on, whatever fails loses the module */
static int replace_module(struct seamldr_params *params)
{
	int cpu;

	for_each_online_cpu(cpu) {
		int ret = work_on_cpu(cpu, install_on_cpu, params);

		if (ret)
			return ret;
	}

	return sim_module_start(&install_version);
}

static int install(const struct tdx_series *series, struct seamldr_params *params)
{
	int ret;

	/* No CPU comes or goes during the update */
	guard(cpus_read_lock)();
	if (series->checks_host && !cpumask_equal(cpu_online_mask, cpu_present_mask)) {
		record_log("kernel: refused: a CPU is offline");
		return -EBUSY;
	}

	guard(mutex)(&tdx_install_lock);
	ret = sim_module_shutdown();
	if (ret)
		return ret;
	ret = replace_module(params);
	if (ret)
		sim_module_lose();
	return ret;
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
	struct tdx_version version;
	struct tdx_blob blob;
	u32 remaining;
	int ret;

	sim_seamldr_info(&version, &remaining);
	if (series->checks_host && !remaining) {
		record_log("kernel: refused: no updates remaining");
		return -ENOSPC;
	}
	ret = tdx_blob_split(&blob, series, data, size);
	if (ret)
		return ret;

	params = seamldr_params_new(&blob);
	if (!params)
		return -ENOMEM;
	ret = install(series, params);
	seamldr_params_free(params);
	return ret;
}
