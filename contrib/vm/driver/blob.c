// SPDX-License-Identifier: GPL-2.0-only
/*
 * The image: what each kernel demands of the first page before anything is shut down.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "blob.h"
#include "record.h"
#include "seamldr-params.h"

#define TDX_BLOB_SIGNATURE	"TDX-BLOB"

struct tdx_header_v1 {
	u16 version;
	u16 checksum;
	u32 offset_of_module;
	u8 signature[8];
	u32 length;
	u32 reserved0;
	u8 reserved1[4072];
} __packed;
static_assert(sizeof(struct tdx_header_v1) == SZ_4K);

struct tdx_header_v2 {
	u16 version;
	u16 checksum;
	u8 signature[8];
	u32 sigstruct_nr_pages;
	u32 module_nr_pages;
	u8 reserved[4076];
} __packed;
static_assert(sizeof(struct tdx_header_v2) == SZ_4K);

static int refuse(const char *reason)
{
	record_log("kernel: refused: header: %s", reason);
	return -EINVAL;
}

static u16 sum_words(const u8 *data, u32 size)
{
	u16 sum = 0;

	for (u32 i = 0; i + 1 < size; i += 2)
		sum += data[i] | data[i + 1] << 8;
	return sum;
}

static int split_v1(struct tdx_blob *blob, const struct tdx_series *series, const u8 *data,
		    u32 size)
{
	const struct tdx_header_v1 *header = (const void *)data;
	u32 offset = header->offset_of_module;

	if (memcmp(header->signature, TDX_BLOB_SIGNATURE, sizeof(header->signature)))
		return refuse("wrong signature");
	if (header->length != size)
		return refuse("length is not the size of the image");
	if (header->reserved0 ||
	    memchr_inv(header->reserved1, 0, sizeof(header->reserved1)))
		return refuse("reserved bytes are not zero");
	if (series->header_checksum && sum_words(data, size))
		return refuse("wrong checksum");
	if (offset <= SZ_4K || offset >= size)
		return refuse("offset_of_module is outside");
	if (offset % SZ_4K || size % SZ_4K)
		return refuse("sigstruct or module is not whole pages");

	blob->sigstruct = data + SZ_4K;
	blob->sigstruct_pages = offset / SZ_4K - 1;
	blob->module = data + offset;
	blob->module_pages = (size - offset) / SZ_4K;
	return 0;
}

static int split_v2(struct tdx_blob *blob, const u8 *data, u32 size)
{
	const struct tdx_header_v2 *header = (const void *)data;
	u64 pages = 1ULL + header->sigstruct_nr_pages + header->module_nr_pages;

	if (pages * SZ_4K != size)
		return refuse("numbers of pages are not the size of the image");
	if (memcmp(header->signature, TDX_BLOB_SIGNATURE, sizeof(header->signature)))
		return refuse("wrong signature");
	if (memchr_inv(header->reserved, 0, sizeof(header->reserved)))
		return refuse("reserved bytes are not zero");

	blob->sigstruct = data + SZ_4K;
	blob->sigstruct_pages = header->sigstruct_nr_pages;
	blob->module = blob->sigstruct + (size_t)blob->sigstruct_pages * SZ_4K;
	blob->module_pages = header->module_nr_pages;
	return 0;
}

/**
 * tdx_blob_split() - check an image as a kernel does
 * @blob:   gets the parts
 * @series: the kernel
 * @data:   the image
 * @size:   of @data
 *
 * Return: 0, or -EINVAL after the reason was recorded.
 */
int tdx_blob_split(struct tdx_blob *blob, const struct tdx_series *series, const u8 *data,
		   u32 size)
{
	int ret;

	if (size < SZ_4K)
		return refuse("image is shorter than the header");
	if (*(const u16 *)data != series->header_version)
		return refuse("unsupported version");
	if (series->header_version == 0x100)
		ret = split_v1(blob, series, data, size);
	else
		ret = split_v2(blob, data, size);
	if (ret)
		return ret;

	if (blob->sigstruct_pages > series->sigstruct_pages_max)
		return refuse("too many sigstruct pages");
	if (blob->module_pages > SEAMLDR_MODULE_PAGES_MAX)
		return refuse("too many module pages");
	return 0;
}
