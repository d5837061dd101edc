// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in for the tdx-host driver and the hardware below it, for tests in a VM: the device
 * tdx_host on the faux bus and its attributes. Loading the driver is a boot: the BIOS' module runs.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/delay.h>
#include <linux/device/faux.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "install.h"
#include "record.h"
#include "seamldr-call.h"
#include "seamldr-sim.h"
#include "selftest.h"
#include "series.h"
#include "upload.h"
#include "version.h"

static struct tdx_firmware bios = {
	.module_version = { 1, 5, 6 },
	.module_svn = 0x0106,
	.seamldr_version = { 1, 5, 6 },
	.remaining = 10,
};
module_param_cb(bios_version, &tdx_version_param_ops, &bios.module_version, 0444);
MODULE_PARM_DESC(bios_version, "of the module that the BIOS started (1.5.06)");
module_param_named(bios_svn, bios.module_svn, ushort, 0444);
MODULE_PARM_DESC(bios_svn, "its security version (0x0106)");
module_param_named(bios_hv, bios.module_hv, ushort, 0444);
MODULE_PARM_DESC(bios_hv, "its handoff version (0, as of all that were released)");
module_param_cb(seamldr_version, &tdx_version_param_ops, &bios.seamldr_version, 0444);
MODULE_PARM_DESC(seamldr_version, "of the P-SEAMLDR (1.5.06)");
module_param_named(remaining, bios.remaining, uint, 0444);
MODULE_PARM_DESC(remaining, "updates that are left (10)");

static unsigned int late_ms;
module_param(late_ms, uint, 0444);
MODULE_PARM_DESC(late_ms, "the attributes come that long after the device and the upload");

static ssize_t version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct tdx_version version;
	int ret = tdx_get_version(&version);

	if (ret)
		return ret;
	return sysfs_emit(buf, TDX_VERSION_FMT "\n", TDX_VERSION_ARGS(&version));
}

static ssize_t seamldr_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct seamldr_info info;
	int ret = seamldr_get_info(&info);

	if (ret)
		return ret;
	return sysfs_emit(buf, tdx_series->version_padded ? "%u.%u.%02u\n" : "%u.%u.%u\n",
			  info.major, info.minor, info.update);
}

static ssize_t num_remaining_updates_show(struct device *dev, struct device_attribute *attr,
					  char *buf)
{
	struct seamldr_info info;
	int ret = seamldr_get_info(&info);

	if (ret)
		return ret;
	return sysfs_emit(buf, "%u\n", info.remaining);
}

static DEVICE_ATTR_RO(version);
static DEVICE_ATTR_ADMIN_RO(seamldr_version);
static DEVICE_ATTR_ADMIN_RO(num_remaining_updates);

/* In a folder, the name is shorter */
static struct device_attribute dev_attr_dir_version = __ATTR(version, 0400, seamldr_version_show,
							     NULL);

static struct attribute *host_attrs[] = {
	&dev_attr_version.attr,
	NULL,
};

static struct attribute *seamldr_attrs[] = {
	&dev_attr_seamldr_version.attr,
	&dev_attr_num_remaining_updates.attr,
	NULL,
};

static struct attribute *seamldr_dir_attrs[] = {
	&dev_attr_dir_version.attr,
	&dev_attr_num_remaining_updates.attr,
	NULL,
};

static umode_t seamldr_is_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	return tdx_series->seamldr_mode;
}

static const struct attribute_group host_group = {
	.attrs = host_attrs,
};

static const struct attribute_group seamldr_group = {
	.attrs = seamldr_attrs,
	.is_visible = seamldr_is_visible,
};

static const struct attribute_group seamldr_dir_group = {
	.name = "seamldr",
	.attrs = seamldr_dir_attrs,
	.is_visible = seamldr_is_visible,
};

static const struct attribute_group *erratum_groups[] = { &host_group, NULL };
static const struct attribute_group *flat_groups[] = { &host_group, &seamldr_group, NULL };
static const struct attribute_group *dir_groups[] = { &host_group, &seamldr_dir_group, NULL };

/* The bus adds the attributes after this, and tells udev of the device before */
static int host_probe(struct faux_device *fdev)
{
	int ret = 0;

	if (!seamldr_erratum)
		ret = upload_register(&fdev->dev, tdx_series);
	if (!ret)
		msleep(late_ms);
	return ret;
}

static void host_remove(struct faux_device *fdev)
{
	upload_unregister();
}

static const struct faux_device_ops host_ops = {
	.probe = host_probe,
	.remove = host_remove,
};

static struct faux_device *host;

static int __init host_init(void)
{
	const struct attribute_group **groups = flat_groups;
	int ret;

	if (seamldr_erratum)
		groups = erratum_groups;
	else if (tdx_series->seamldr_dir)
		groups = dir_groups;

	ret = record_init();
	if (ret)
		return ret;
	tdx_boot(&bios);
	selftest_init(&bios);
	host = faux_device_create_with_groups("tdx_host", NULL, &host_ops, groups);
	if (!host) {
		record_exit();
		return -ENODEV;
	}
	return 0;
}
module_init(host_init);

static void __exit host_exit(void)
{
	upload_wake();
	faux_device_destroy(host);
	record_exit();
}
module_exit(host_exit);

MODULE_DESCRIPTION("Simulated TDX host for tests");
MODULE_AUTHOR("The fwupd-plugin-tdx-module authors");
MODULE_LICENSE("GPL");
