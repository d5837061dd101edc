/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-common.h"
#include "fu-tdx-seamldr-device.h"

struct _FuTdxSeamldrDevice {
	FuDevice parent_instance;
};

G_DEFINE_TYPE(FuTdxSeamldrDevice, fu_tdx_seamldr_device, FU_TYPE_DEVICE)

static void
fu_tdx_seamldr_device_init(FuTdxSeamldrDevice *self)
{
	fu_device_set_name(FU_DEVICE(self), "P-SEAMLDR");
	fu_device_set_summary(FU_DEVICE(self),
			      "Intel loader that verifies and installs TDX modules");
	fu_device_set_vendor(FU_DEVICE(self), "Intel");
	fu_device_build_vendor_id_u16(FU_DEVICE(self), "PCI", 0x8086);
	fu_device_set_version_format(FU_DEVICE(self), FWUPD_VERSION_FORMAT_TRIPLET);
	fu_device_add_icon(FU_DEVICE(self), FU_DEVICE_ICON_COMPUTER);
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_INTERNAL);
	fu_device_add_private_flag(FU_DEVICE(self), FU_DEVICE_PRIVATE_FLAG_HOST_CPU_CHILD);
	fu_device_set_logical_id(FU_DEVICE(self), "seamldr");
}

static void
fu_tdx_seamldr_device_class_init(FuTdxSeamldrDeviceClass *klass)
{
}

/**
 * fu_tdx_seamldr_device_new:
 * @donor: the #FuUdevDevice of the TDX host
 * @version: the version of the P-SEAMLDR, e.g. `1.5.06`
 * @error: (nullable): optional return location for an error
 *
 * Creates the P-SEAMLDR. It comes with the BIOS and is here for releases of the TDX module that
 * require specific versions of it.
 *
 * Returns: (transfer full): a #FuTdxSeamldrDevice, or %NULL if @version is invalid
 **/
FuDevice *
fu_tdx_seamldr_device_new(FuUdevDevice *donor, const gchar *version, GError **error)
{
	g_autofree gchar *instance_id = NULL;
	g_autofree gchar *series = NULL;
	g_autoptr(FuDevice) self = NULL;

	g_return_val_if_fail(FU_IS_UDEV_DEVICE(donor), NULL);
	g_return_val_if_fail(version != NULL, NULL);
	g_return_val_if_fail(error == NULL || *error == NULL, NULL);

	series = fu_tdx_common_version_to_series(version, error);
	if (series == NULL)
		return NULL;
	self = g_object_new(FU_TYPE_TDX_SEAMLDR_DEVICE,
			    "context",
			    fu_device_get_context(FU_DEVICE(donor)),
			    NULL);
	fu_device_incorporate(self,
			      FU_DEVICE(donor),
			      FU_DEVICE_INCORPORATE_FLAG_PHYSICAL_ID |
				  FU_DEVICE_INCORPORATE_FLAG_BACKEND_ID);
	if (fu_device_has_flag(FU_DEVICE(donor), FWUPD_DEVICE_FLAG_EMULATED))
		fu_device_add_flag(self, FWUPD_DEVICE_FLAG_EMULATED);
	fu_device_set_version(self, version);
	fu_device_add_instance_id(self, "TDX\\SEAMLDR");
	instance_id = g_strdup_printf("TDX\\SEAMLDR&SERIES_%s", series);
	fu_device_add_instance_id(self, instance_id);
	return g_steal_pointer(&self);
}
