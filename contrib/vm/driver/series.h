/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright 2026 The fwupd-plugin-tdx-module authors */
#ifndef TDX_SERIES_H
#define TDX_SERIES_H

#include <linux/firmware.h>
#include <linux/types.h>

/* Which errors reach user space, all others are firmware-invalid */
enum tdx_errors {
	TDX_ERRORS_INVALID,
	TDX_ERRORS_BUSY,
	TDX_ERRORS_ALL,
};

/**
 * struct tdx_series - what differs between the kernels that a user may run
 * @name:		 value of the parameter layout
 * @upload_name:	 folder in /sys/class/firmware
 * @seamldr_dir:	 the P-SEAMLDR attributes are in a folder of their own
 * @seamldr_mode:	 mode of the P-SEAMLDR attributes
 * @version_padded:	 the P-SEAMLDR version is 1.5.06, else 1.5.6
 * @header_version:	 the only image header that is taken
 * @header_checksum:	 the checksum has to be right
 * @sigstruct_pages_max: most sigstruct pages that are taken
 * @checks_host:	 a full log of updates and offline CPUs are refused beforehand
 * @cancellable:	 cancel works until the transfer begins
 * @entropy_retry:	 P-SEAMLDR calls are repeated when they lack entropy
 * @reads_handoff:	 the handoff version is read right before the shutdown
 * @avoids_compat:	 a module that can is asked not to shut down while a TD is being built
 * @errors:		 what user space is told
 */
struct tdx_series {
	const char *name;
	const char *upload_name;
	bool seamldr_dir;
	umode_t seamldr_mode;
	bool version_padded;
	u16 header_version;
	bool header_checksum;
	u32 sigstruct_pages_max;
	bool checks_host;
	bool cancellable;
	bool entropy_retry;
	bool reads_handoff;
	bool avoids_compat;
	enum tdx_errors errors;
};

extern const struct tdx_series *tdx_series;

enum fw_upload_err tdx_series_error(const struct tdx_series *series, int ret);

#endif
