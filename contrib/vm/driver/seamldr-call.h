/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef SEAMLDR_CALL_H
#define SEAMLDR_CALL_H

#include <linux/types.h>

#include "seamcall-sim.h"
#include "seamldr-sim.h"

extern bool seamldr_vmcs_save;
extern bool seamldr_erratum;

int seamcall_error(u64 fn, u64 status, const struct seamcall_args *args);
int seamldr_call(u64 fn, struct seamcall_args *args);
int seamldr_get_info(struct seamldr_info *info);
const char *seamldr_error_name(u64 status);

#endif
