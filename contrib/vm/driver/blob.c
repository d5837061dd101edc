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
static_assert(offsetof(struct tdx_header_v1, length) == 16);

struct tdx_header_v2 {
	u16 version;
	u16 checksum;
	u8 signature[8];
	u32 sigstruct_nr_pages;
	u32 module_nr_pages;
	u8 reserved[4076];
} __packed;
static_assert(sizeof(struct tdx_header_v2) == SZ_4K);
static_assert(offsetof(struct tdx_header_v2, module_nr_pages) == 16);

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

/* The series v2 to v8 checked each in the order of v4, and the checksum up to v3 */
static int split_v1(struct tdx_blob *blob, const struct tdx_series *series, const u8 *data,
		    u32 size)
{
	const struct tdx_header_v1 *header = (const void *)data;
	u32 offset = header->offset_of_module;

	if (offset >= size)
		return refuse("offset_of_module is outside");
	if (header->version != 0x100)
		return refuse("unsupported version");
	if (header->reserved0 ||
	    memchr_inv(header->reserved1, 0, sizeof(header->reserved1)))
		return refuse("reserved bytes are not zero");
	if (offset <= SZ_4K)
		return refuse("offset_of_module is outside");
	if (header->length != size)
		return refuse("length is not the size of the image");
	if (memcmp(header->signature, TDX_BLOB_SIGNATURE, sizeof(header->signature)))
		return refuse("wrong signature");
	if (series->header_checksum && sum_words(data, size))
		return refuse("wrong checksum");

	blob->sigstruct = data + SZ_4K;
	blob->sigstruct_size = offset - SZ_4K;
	blob->module = data + offset;
	blob->module_size = size - offset;
	return 0;
}

/* In the order of Linux 7.2 */
static int split_v2(struct tdx_blob *blob, const u8 *data, u32 size)
{
	const struct tdx_header_v2 *header = (const void *)data;

	/* The lengths are as wide as there, so that products that wrap pass here too */
	blob->sigstruct_size = header->sigstruct_nr_pages * SZ_4K;
	blob->module_size = header->module_nr_pages * SZ_4K;
	if ((u64)SZ_4K + blob->sigstruct_size + blob->module_size != size)
		return refuse("numbers of pages are not the size of the image");
	if (header->version != 0x200)
		return refuse("unsupported version");
	if (header->sigstruct_nr_pages > 1)
		return refuse("too many sigstruct pages");
	if (header->module_nr_pages > SEAMLDR_MODULE_PAGES_MAX)
		return refuse("too many module pages");
	if (memcmp(header->signature, TDX_BLOB_SIGNATURE, sizeof(header->signature)))
		return refuse("wrong signature");
	if (memchr_inv(header->reserved, 0, sizeof(header->reserved)))
		return refuse("reserved bytes are not zero");

	blob->sigstruct = data + SZ_4K;
	blob->module = blob->sigstruct + blob->sigstruct_size;
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
	if (size < SZ_4K)
		return refuse("image is shorter than the header");
	if (series->header_version == 0x100)
		return split_v1(blob, series, data, size);
	return split_v2(blob, data, size);
}
