// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page that tells the P-SEAMLDR where the parts of the new module are in memory.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "seamldr-params.h"

static_assert(sizeof(struct seamldr_params) == SZ_4K);

static void fill_pa_list(u64 *list, const u8 *data, u32 pages)
{
	for (u32 i = 0; i < pages; i++)
		list[i] = PFN_PHYS(vmalloc_to_pfn(data + (size_t)i * SZ_4K));
}

/**
 * seamldr_params_new() - describe an image to the P-SEAMLDR
 * @blob: parts of an image in memory of vmalloc(), which has to stay as long as the page
 *
 * Return: the page, or NULL if there is no memory.
 */
struct seamldr_params *seamldr_params_new(const struct tdx_blob *blob)
{
	struct seamldr_params *params = (void *)get_zeroed_page(GFP_KERNEL);

	if (!params)
		return NULL;
	params->scenario = SEAMLDR_SCENARIO_UPDATE;
	params->num_module_pages = blob->module_pages;
	fill_pa_list(params->sigstruct_pa, blob->sigstruct, blob->sigstruct_pages);
	fill_pa_list(params->module_pa, blob->module, blob->module_pages);
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
