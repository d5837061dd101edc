/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_SELFTEST_H
#define TDX_SELFTEST_H

#include "seamldr-sim.h"

void selftest_init(const struct tdx_firmware *bios);

#endif
