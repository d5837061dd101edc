/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/* the bits of CPUID.1.EAX that P-SEAMLDR compares: all but the stepping */
#define FU_TDX_CPU_SIGNATURE_MASK 0xFFFFFFF0
