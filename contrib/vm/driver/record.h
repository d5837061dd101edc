/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_RECORD_H
#define TDX_RECORD_H

#include <linux/types.h>

int record_init(void);
void record_exit(void);

__printf(1, 2) void record_log(const char *fmt, ...);
void record_upload(const u8 *data, u32 size);
void record_pages(void *pages, size_t size);

#endif
