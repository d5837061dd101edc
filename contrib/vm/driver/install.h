/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_INSTALL_H
#define TDX_INSTALL_H

#include <linux/mutex.h>

#include "seamldr-sim.h"
#include "series.h"
#include "version.h"

extern struct mutex tdx_install_lock;

void tdx_boot(const struct tdx_firmware *bios);
int tdx_get_version(struct tdx_version *version);
int tdx_install(const struct tdx_series *series, const u8 *data, u32 size);

/* Faults */
void tdx_lose(void);
void tdx_set_version(const struct tdx_version *version);

#endif
