// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened, for tests: the folder tdx_host in debugfs.
 *
 *   log      a line for each event; whatever is written to it empties all records
 *   uploads  how many uploads reached the driver
 *   data     the last image, as the kernel handed it to the driver
 *   pages    the sigstruct page and the module pages of the last image, as the P-SEAMLDR found
 *            them; empty if it never looked
 *   selftest runs the test in selftest.c
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "record.h"
#include "seamldr-params.h"

#define RECORD_LOG_SIZE		SZ_256K
#define RECORD_PAGES_SIZE	((1 + SEAMLDR_MODULE_PAGES_MAX) * SZ_4K)

struct record {
	u8 *data;
	size_t size;
};

/* Guards what is read and freed; while the P-SEAMLDR writes, all CPUs stand still */
static DEFINE_MUTEX(lock);

/* Guards the log, which grows while all CPUs stand still too */
static DEFINE_RAW_SPINLOCK(lines_lock);

static struct dentry *dir;
static struct record lines, data, pages;
static u32 uploads;

static ssize_t record_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	const struct record *record = file_inode(file)->i_private;

	guard(mutex)(&lock);
	return simple_read_from_buffer(buf, count, pos, record->data, record->size);
}

/* Anything that is written makes all records empty */
static ssize_t record_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	guard(mutex)(&lock);
	scoped_guard(raw_spinlock_irqsave, &lines_lock)
		lines.size = 0;
	data.size = 0;
	pages.size = 0;
	uploads = 0;
	return count;
}

static const struct file_operations record_fops = {
	.owner = THIS_MODULE,
	.read = record_read,
	.llseek = default_llseek,
};

static const struct file_operations record_log_fops = {
	.owner = THIS_MODULE,
	.read = record_read,
	.write = record_write,
	.llseek = default_llseek,
};

/**
 * record_log() - add a line to the log, and to that of the kernel
 * @fmt: format without a newline
 */
void record_log(const char *fmt, ...)
{
	char line[160];
	size_t len;
	va_list args;

	va_start(args, fmt);
	len = vscnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	pr_info("tdx-host: %s\n", line);
	line[len++] = '\n';

	guard(raw_spinlock_irqsave)(&lines_lock);
	if (lines.size + len > RECORD_LOG_SIZE)
		return;
	memcpy(lines.data + lines.size, line, len);
	lines.size += len;
}

/**
 * record_upload() - keep what the kernel hands to the driver
 * @new_data: the image
 * @size:     of @new_data
 */
void record_upload(const u8 *new_data, u32 size)
{
	guard(mutex)(&lock);
	uploads++;
	vfree(data.data);
	data.data = vmalloc(size);
	data.size = data.data ? size : 0;
	if (data.data)
		memcpy(data.data, new_data, size);
	pages.size = 0;
}

/**
 * record_pages() - get memory for what the P-SEAMLDR reads
 * @count: how many pages, at most 1 of sigstruct and 496 of module
 *
 * Return: as many pages, which the caller fills and nobody frees.
 */
u8 *record_pages(size_t count)
{
	pages.size = count * SZ_4K;
	return pages.data;
}

/**
 * record_init() - make the folder
 *
 * Return: 0, or -ENOMEM.
 */
int record_init(void)
{
	lines.data = vzalloc(RECORD_LOG_SIZE);
	pages.data = vzalloc(RECORD_PAGES_SIZE);
	if (!lines.data || !pages.data) {
		record_exit();
		return -ENOMEM;
	}
	dir = debugfs_create_dir("tdx_host", NULL);
	debugfs_create_file("log", 0600, dir, &lines, &record_log_fops);
	debugfs_create_file("data", 0400, dir, &data, &record_fops);
	debugfs_create_file("pages", 0400, dir, &pages, &record_fops);
	debugfs_create_u32("uploads", 0400, dir, &uploads);
	return 0;
}

/**
 * record_exit() - remove the folder
 */
void record_exit(void)
{
	debugfs_remove_recursive(dir);
	vfree(lines.data);
	vfree(data.data);
	vfree(pages.data);
}

/**
 * record_dir() - get the folder
 *
 * Return: the folder, to add files that go with it.
 */
struct dentry *record_dir(void)
{
	return dir;
}
