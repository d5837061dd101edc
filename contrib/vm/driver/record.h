/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_RECORD_H
#define TDX_RECORD_H

#include <linux/types.h>

struct dentry;

int record_init(void);
void record_exit(void);
struct dentry *record_dir(void);

__printf(1, 2) void record_log(const char *fmt, ...);
void record_upload(const u8 *data, u32 size);
u8 *record_pages(size_t count);

#endif
