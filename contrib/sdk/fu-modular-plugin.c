/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* In fwupd's own tree the plugin is built in, and this file does not exist. */

#include "config.h"

#include <fwupdplugin.h>

#include "fu-plugin-private.h"
#include "fu-plugin-vfuncs.h"
#include "fu-tdx-module-device.h"
#include "fu-tdx-module-plugin.h"
#include "fu-udev-device-private.h"

/*
 * Stock fwupd 2.0.20 on Debian 12 has no udev devices at all: its udev backend cannot bind its
 * netlink socket because libusb before 1.0.27 has taken the same address. A host that is there when
 * the daemon starts is found without the backend.
 */
static gboolean
fu_modular_plugin_ready(FuPlugin *plugin, FuProgress *progress, GError **error)
{
	FuContext *ctx = fu_plugin_get_context(plugin);
	GPtrArray *devices = fu_plugin_get_devices(plugin);
	const gchar *sysfsdir;
	g_autofree gchar *path = NULL;
	g_autoptr(FuUdevDevice) device = NULL;

	for (guint i = 0; i < devices->len; i++) {
		if (FU_IS_TDX_MODULE_DEVICE(g_ptr_array_index(devices, i)))
			return TRUE;
	}
	sysfsdir = fu_context_get_path(ctx, FU_PATH_KIND_SYSFSDIR, error);
	if (sysfsdir == NULL)
		return FALSE;
	path = g_build_filename(sysfsdir, "devices", "faux", "tdx_host", NULL);
	if (!g_file_test(path, G_FILE_TEST_IS_DIR))
		return TRUE;
	device = fu_udev_device_new(ctx, path);
	if (!fu_device_probe(FU_DEVICE(device), error))
		return FALSE;
	return fu_plugin_runner_backend_device_added(plugin, FU_DEVICE(device), progress, error);
}

void
fu_plugin_init_vfuncs(FuPluginVfuncs *vfuncs)
{
	/* the class is never unloaded, like the module that holds its code */
	*vfuncs = *(FuPluginClass *)g_type_class_ref(fu_tdx_module_plugin_get_type());
	vfuncs->ready = fu_modular_plugin_ready;
}
