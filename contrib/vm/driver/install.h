/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_INSTALL_H
#define TDX_INSTALL_H

#include <linux/mutex.h>

#include "series.h"

/* Nobody sees the time between two modules */
extern struct mutex tdx_install_lock;

int tdx_install(const struct tdx_series *series, const u8 *data, u32 size);

#endif
