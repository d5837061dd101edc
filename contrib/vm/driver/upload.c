// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware upload, and what goes wrong there on request.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "install.h"
#include "record.h"
#include "upload.h"
#include "version.h"

/* Of which user space sees the names in status and error */
enum phase {
	PHASE_NONE,
	PHASE_PREPARING,
	PHASE_TRANSFERRING,
	PHASE_PROGRAMMING,
};

static const char * const phase_names[] = {
	[PHASE_NONE] = "",
	[PHASE_PREPARING] = "preparing",
	[PHASE_TRANSFERRING] = "transferring",
	[PHASE_PROGRAMMING] = "programming",
};

/* The last one is what the kernel calls an error that it does not know */
static const char * const error_names[] = {
	[FW_UPLOAD_ERR_NONE] = "",
	[FW_UPLOAD_ERR_HW_ERROR] = "hw-error",
	[FW_UPLOAD_ERR_TIMEOUT] = "timeout",
	[FW_UPLOAD_ERR_CANCELED] = "user-abort",
	[FW_UPLOAD_ERR_BUSY] = "device-busy",
	[FW_UPLOAD_ERR_INVALID_SIZE] = "invalid-file-size",
	[FW_UPLOAD_ERR_RW_ERROR] = "read-write-error",
	[FW_UPLOAD_ERR_WEAROUT] = "flash-wearout",
	[FW_UPLOAD_ERR_FW_INVALID] = "firmware-invalid",
	[FW_UPLOAD_ERR_MAX] = "unknown-error",
};

/**
 * struct fault - the error of a phase
 * @phase: PHASE_NONE if there is no fault
 * @error: what the upload then says
 */
struct fault {
	enum phase phase;
	enum fw_upload_err error;
};

static int fault_set(const char *val, const struct kernel_param *kp)
{
	struct fault *fault = kp->arg;
	char text[40];
	char *error = text;
	char *phase;
	int phase_index;
	int error_index;

	if (strscpy(text, val) < 0)
		return -EINVAL;
	phase = strsep(&error, ":");
	if (!error) {
		if (!sysfs_streq(phase, ""))
			return -EINVAL;
		*fault = (struct fault){};
		return 0;
	}
	phase_index = match_string(phase_names, ARRAY_SIZE(phase_names), phase);
	error_index = sysfs_match_string(error_names, error);
	if (phase_index <= PHASE_NONE || error_index <= FW_UPLOAD_ERR_NONE)
		return -EINVAL;
	fault->phase = phase_index;
	fault->error = error_index;
	return 0;
}

static int fault_get(char *buf, const struct kernel_param *kp)
{
	const struct fault *fault = kp->arg;

	if (!fault->phase)
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%s:%s\n", phase_names[fault->phase], error_names[fault->error]);
}

static const struct kernel_param_ops fault_ops = {
	.set = fault_set,
	.get = fault_get,
};

static int phase_set(const char *val, const struct kernel_param *kp)
{
	int phase = sysfs_match_string(phase_names, val);

	if (phase < 0 || phase == PHASE_PROGRAMMING)
		return -EINVAL;
	*(enum phase *)kp->arg = phase;
	return 0;
}

static int phase_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", phase_names[*(enum phase *)kp->arg]);
}

static const struct kernel_param_ops phase_ops = {
	.set = phase_set,
	.get = phase_get,
};

static struct fault fault;
module_param_cb(fault, &fault_ops, &fault, 0644);
MODULE_PARM_DESC(fault, "PHASE:ERROR as in error: uploads fail so, and nothing is installed");

static bool lost;
module_param(lost, bool, 0644);
MODULE_PARM_DESC(lost, "the fault loses the module");

static unsigned int delay_ms;
module_param(delay_ms, uint, 0644);
MODULE_PARM_DESC(delay_ms, "how long each phase waits before its work");

static bool write_zero;
module_param(write_zero, bool, 0644);
MODULE_PARM_DESC(write_zero, "no byte is transferred, and nothing is installed");

static enum phase disappear;
module_param_cb(disappear, &phase_ops, &disappear, 0644);
MODULE_PARM_DESC(disappear,
		 "preparing or transferring: the node is unregistered, and gone after the upload");

static struct tdx_version wrong_version;
module_param_cb(wrong_version, &tdx_version_param_ops, &wrong_version, 0644);
MODULE_PARM_DESC(wrong_version, "version that runs after every update, and after a fault");

static const struct tdx_series *upload_series;
static struct fw_upload *upload;
static bool cancelled;

/* The driver goes: no delay any more */
static DECLARE_COMPLETION(going);

/* The node goes: firmware_upload_unregister() called cancel and waits for us */
static DECLARE_COMPLETION(unregistering);

static void disappear_now(struct work_struct *work)
{
	record_log("fault: the node is unregistered");
	upload_unregister();
	record_log("fault: the node is gone");
}

static DECLARE_WORK(disappear_work, disappear_now);

static enum fw_upload_err enter(enum phase phase)
{
	if (disappear == phase) {
		schedule_work(&disappear_work);
		wait_for_completion(&unregistering);
	}
	wait_for_completion_interruptible_timeout(&going, msecs_to_jiffies(delay_ms));
	if (fault.phase != phase)
		return FW_UPLOAD_ERR_NONE;

	record_log("fault: %s:%s", phase_names[phase], error_names[fault.error]);
	if (tdx_version_is_set(&wrong_version))
		tdx_set_version(&wrong_version);
	if (lost)
		tdx_lose();
	return fault.error;
}

static enum fw_upload_err upload_prepare(struct fw_upload *fwl, const u8 *data, u32 size)
{
	cancelled = false;
	record_upload(data, size);
	record_log("prepare: %u bytes", size);
	return enter(PHASE_PREPARING);
}

static enum fw_upload_err upload_write(struct fw_upload *fwl, const u8 *data, u32 offset,
				       u32 size, u32 *written)
{
	enum fw_upload_err error;
	int ret;

	record_log("write: offset %u, %u bytes", offset, size);
	error = enter(PHASE_TRANSFERRING);
	if (error)
		return error;
	if (upload_series->cancellable && cancelled)
		return FW_UPLOAD_ERR_CANCELED;
	if (write_zero) {
		record_log("fault: zero bytes written");
		*written = 0;
		return FW_UPLOAD_ERR_NONE;
	}

	/* As if it was installed only after the transfer */
	*written = size;
	if (fault.phase == PHASE_PROGRAMMING)
		return FW_UPLOAD_ERR_NONE;

	ret = tdx_install(upload_series, data, size);
	if (!ret && tdx_version_is_set(&wrong_version))
		tdx_set_version(&wrong_version);
	return tdx_series_error(upload_series, ret);
}

static enum fw_upload_err upload_poll_complete(struct fw_upload *fwl)
{
	record_log("poll_complete");
	return enter(PHASE_PROGRAMMING);
}

static void upload_cancel(struct fw_upload *fwl)
{
	cancelled = true;
	complete_all(&unregistering);
	record_log("cancel");
}

static const struct fw_upload_ops upload_ops = {
	.prepare = upload_prepare,
	.write = upload_write,
	.poll_complete = upload_poll_complete,
	.cancel = upload_cancel,
};

/**
 * upload_register() - make the node in /sys/class/firmware
 * @dev:    its parent
 * @series: the kernel that defines its name and behaviour
 *
 * Return: 0, or a negative error number.
 */
int upload_register(struct device *dev, const struct tdx_series *series)
{
	struct fw_upload *fwl;

	upload_series = series;

	/* With THIS_MODULE, as mainline has it, the module could never be removed */
	fwl = firmware_upload_register(NULL, dev, series->upload_name, &upload_ops, NULL);
	if (IS_ERR(fwl))
		return PTR_ERR(fwl);
	upload = fwl;
	return 0;
}

/**
 * upload_unregister() - remove the node, after the end of an upload
 */
void upload_unregister(void)
{
	struct fw_upload *fwl = xchg(&upload, NULL);

	if (fwl)
		firmware_upload_unregister(fwl);
}

/**
 * upload_wake() - end all delays for good, for the removal of the driver
 */
void upload_wake(void)
{
	complete_all(&going);
	complete_all(&unregistering);
	flush_work(&disappear_work);
}
