/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-boot-device.h"
#include "fu-tdx-module-device.h"
#include "fu-tdx-module-plugin.h"
#include "fu-tdx-outcome.h"

struct _FuTdxModulePlugin {
	FuPlugin parent_instance;
};

G_DEFINE_TYPE(FuTdxModulePlugin, fu_tdx_module_plugin, FU_TYPE_PLUGIN)

static gboolean
fu_tdx_module_plugin_modify_config(FuPlugin *plugin,
				   const gchar *key,
				   const gchar *value,
				   GError **error)
{
	const gchar *keys[] = {"RequireNoGuests", "BootModule", NULL};
	gboolean value_bool = FALSE;

	if (!g_strv_contains(keys, key)) {
		g_autofree gchar *expected = g_strjoinv(" or ", (gchar **)keys);
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "config key %s not supported, expected %s",
			    key,
			    expected);
		return FALSE;
	}
	if (!fu_strtobool(value, &value_bool, error))
		return FALSE;
	return fu_plugin_set_config_value(plugin, key, value, error);
}

static gboolean
fu_tdx_module_plugin_device_created(FuPlugin *plugin, FuDevice *device, GError **error)
{
	gboolean value_bool = TRUE;
	g_autofree gchar *value = fu_plugin_get_config_value(plugin, "RequireNoGuests");
	g_autoptr(GError) error_local = NULL;

	/* a typing error must not cost the guests */
	if (!fu_strtobool(value, &value_bool, &error_local))
		g_warning("RequireNoGuests is taken as true: %s", error_local->message);
	if (value_bool)
		fu_device_add_private_flag(device, FU_TDX_MODULE_DEVICE_FLAG_REQUIRE_NO_GUESTS);
	return TRUE;
}

/* what is wrong there does not disable the plugin */
static gboolean
fu_tdx_module_plugin_coldplug(FuPlugin *plugin, FuProgress *progress, GError **error)
{
	g_autoptr(FuDevice) device =
	    g_object_new(FU_TYPE_TDX_BOOT_DEVICE, "context", fu_plugin_get_context(plugin), NULL);
	g_autoptr(GError) error_local = NULL;

	if (fu_plugin_get_config_value_boolean(plugin, "BootModule"))
		fu_device_add_private_flag(device, FU_TDX_BOOT_DEVICE_FLAG_ASKED_FOR);
	if (fu_device_setup(device, &error_local))
		fu_plugin_add_device(plugin, device);
	else
		g_info("no TDX module at boot: %s", error_local->message);
	return TRUE;
}

/* the engine only asks for the reason if the version is not the expected one */
static gboolean
fu_tdx_module_plugin_reboot_cleanup(FuPlugin *plugin, FuDevice *device, GError **error)
{
	g_autofree gchar *str = NULL;
	g_autoptr(FuTdxHost) host = fu_tdx_host_new_from_context(fu_plugin_get_context(plugin));

	if (FU_IS_TDX_BOOT_DEVICE(device))
		str = fu_tdx_outcome_check_boot(host, fu_device_get_version(device));
	if (str != NULL) {
		fu_device_set_update_state(device, FWUPD_UPDATE_STATE_FAILED);
		fu_device_set_update_error(device, str);
		fu_device_set_version(device, host->module_version);
	}
	return TRUE;
}

/* also after a failure; and a success has cleared the reason why there cannot be another update */
static gboolean
fu_tdx_module_plugin_composite_cleanup(FuPlugin *plugin, GPtrArray *devices, GError **error)
{
	for (guint i = 0; i < devices->len; i++) {
		FuDevice *device = g_ptr_array_index(devices, i);
		if (FU_IS_TDX_MODULE_DEVICE(device) &&
		    !fu_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED) &&
		    !fu_device_reload(device, error))
			return FALSE;
	}
	return TRUE;
}

static void
fu_tdx_module_plugin_init(FuTdxModulePlugin *self)
{
}

static void
fu_tdx_module_plugin_constructed(GObject *obj)
{
	FuPlugin *plugin = FU_PLUGIN(obj);
	FuContext *ctx = fu_plugin_get_context(plugin);

	fu_context_add_quirk_key(ctx, "TdxModuleSigners");
	fu_plugin_add_device_udev_subsystem(plugin, "faux");
	fu_plugin_set_device_gtype_default(plugin, FU_TYPE_TDX_MODULE_DEVICE);
	fu_plugin_add_device_gtype(plugin, FU_TYPE_TDX_BOOT_DEVICE);
	fu_plugin_add_firmware_gtype(plugin, FU_TYPE_TDX_BLOB_FIRMWARE);

	/* defaults changed here will also be reflected in the fwupd.conf man page */
	fu_plugin_set_config_default(plugin, "BootModule", "false");
	fu_plugin_set_config_default(plugin, "RequireNoGuests", "false");

	/* chain up to parent */
	G_OBJECT_CLASS(fu_tdx_module_plugin_parent_class)->constructed(obj);
}

static void
fu_tdx_module_plugin_class_init(FuTdxModulePluginClass *klass)
{
	FuPluginClass *plugin_class = FU_PLUGIN_CLASS(klass);
	plugin_class->constructed = fu_tdx_module_plugin_constructed;
	plugin_class->modify_config = fu_tdx_module_plugin_modify_config;
	plugin_class->coldplug = fu_tdx_module_plugin_coldplug;
	plugin_class->reboot_cleanup = fu_tdx_module_plugin_reboot_cleanup;
	plugin_class->composite_cleanup = fu_tdx_module_plugin_composite_cleanup;
	plugin_class->device_created = fu_tdx_module_plugin_device_created;
}
