/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_UPLOAD_H
#define TDX_UPLOAD_H

#include <linux/device.h>

#include "series.h"

int upload_register(struct device *dev, const struct tdx_series *series);
void upload_unregister(void);
void upload_wake(void);

#endif
