// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page that tells the P-SEAMLDR where the parts of the new module are in memory.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/align.h>
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "record.h"
#include "seamldr-params.h"

static int refuse(const char *reason)
{
	record_log("kernel: refused: %s", reason);
	return -EINVAL;
}

/* In the order of the series v4; mainline has checked the numbers with the header */
static int check_parts(const struct tdx_series *series, const struct tdx_blob *blob)
{
	if (WARN_ON_ONCE(!is_vmalloc_addr(blob->module) || !is_vmalloc_addr(blob->sigstruct)))
		return refuse("memory is not of vmalloc()");
	if (blob->module_size > SEAMLDR_MODULE_PAGES_MAX * SZ_4K)
		return refuse("header: too many module pages");
	if (blob->sigstruct_size > series->sigstruct_pages_max * SZ_4K)
		return refuse("header: too many sigstruct pages");
	if (!IS_ALIGNED(blob->module_size, SZ_4K) || !IS_ALIGNED(blob->sigstruct_size, SZ_4K) ||
	    !IS_ALIGNED((unsigned long)blob->module, SZ_4K) ||
	    !IS_ALIGNED((unsigned long)blob->sigstruct, SZ_4K))
		return refuse("header: sigstruct or module is not whole pages");
	return 0;
}

/* A page of the kernel may be larger than the 4 KiB of the P-SEAMLDR */
static void fill_pa_list(u64 *list, const u8 *data, u32 size)
{
	for (u32 i = 0; i < size / SZ_4K; i++) {
		list[i] = PFN_PHYS(vmalloc_to_pfn(data)) + offset_in_page(data);
		data += SZ_4K;
	}
}

/**
 * seamldr_params_new() - describe an image to the P-SEAMLDR
 * @series: the kernel
 * @blob:   parts of an image in memory of vmalloc(), which has to stay as long as the page
 *
 * Return: the page; -EINVAL if the P-SEAMLDR cannot take the parts as they are, -ENOMEM.
 */
struct seamldr_params *seamldr_params_new(const struct tdx_series *series,
					  const struct tdx_blob *blob)
{
	struct seamldr_params *params;
	int ret;

	ret = check_parts(series, blob);
	if (ret)
		return ERR_PTR(ret);
	params = (void *)get_zeroed_page(GFP_KERNEL);
	if (!params)
		return ERR_PTR(-ENOMEM);
	params->scenario = SEAMLDR_SCENARIO_UPDATE;
	params->num_module_pages = blob->module_size / SZ_4K;
	fill_pa_list(params->sigstruct_pa, blob->sigstruct, blob->sigstruct_size);
	fill_pa_list(params->module_pa, blob->module, blob->module_size);
	return params;
}

/**
 * seamldr_params_free() - free the page, but not what it describes
 * @params: of seamldr_params_new()
 */
void seamldr_params_free(struct seamldr_params *params)
{
	free_page((unsigned long)params);
}
