/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-module-device.h"
#include "fu-tdx-outcome.h"
#include "fu-tdx-preflight.h"

/* the kernel adds the attributes after it has announced the device */
#define FU_TDX_MODULE_DEVICE_APPEAR_COUNT 20
#define FU_TDX_MODULE_DEVICE_APPEAR_DELAY 100 /* ms */

struct _FuTdxModuleDevice {
	FuUdevDevice parent_instance;
	FuTdxHost *host; /* as of the last look */
};

G_DEFINE_TYPE(FuTdxModuleDevice, fu_tdx_module_device, FU_TYPE_UDEV_DEVICE)

/* what passes is only asked for just before the write */
static void
fu_tdx_module_device_ensure_inhibits(FuTdxModuleDevice *self)
{
	g_autoptr(GPtrArray) reasons = fu_tdx_preflight_check_host(self->host, FALSE);

	for (guint i = 0; i <= FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES; i++)
		fu_device_uninhibit(FU_DEVICE(self), fu_tdx_preflight_rule_to_string(i));
	for (guint i = 0; i < reasons->len; i++) {
		FuTdxPreflightReason *reason = g_ptr_array_index(reasons, i);
		if (!reason->lasting)
			continue;
		fu_device_inhibit(FU_DEVICE(self),
				  fu_tdx_preflight_rule_to_string(reason->rule),
				  reason->message);
	}
}

static void
fu_tdx_module_device_look(FuTdxModuleDevice *self)
{
	g_clear_pointer(&self->host, fu_tdx_host_free);
	self->host = fu_tdx_host_new(FU_UDEV_DEVICE(self));
}

static gboolean
fu_tdx_module_device_ensure_host(FuTdxModuleDevice *self, GError **error)
{
	g_autofree gchar *fms = NULL;
	g_autofree gchar *series = NULL;

	fu_device_set_version(FU_DEVICE(self), self->host->module_version);
	fu_device_set_version_bootloader(FU_DEVICE(self), self->host->seamldr_version);
	fu_tdx_module_device_ensure_inhibits(self);
	if (self->host->module_version == NULL || self->host->cpu == 0)
		return TRUE;
	fms = g_strdup_printf("%X", self->host->cpu);
	series = fu_tdx_preflight_version_to_series(self->host->module_version);
	fu_device_add_instance_str(FU_DEVICE(self), "FMS", fms);
	fu_device_add_instance_str(FU_DEVICE(self), "SERIES", series);
	return fu_device_build_instance_id(FU_DEVICE(self), error, "TDX", "SERIES", "FMS", NULL);
}

static gboolean
fu_tdx_module_device_probe(FuDevice *device, GError **error)
{
	g_autofree gchar *name = NULL;

	/* FuUdevDevice->probe */
	if (!FU_DEVICE_CLASS(fu_tdx_module_device_parent_class)->probe(device, error))
		return FALSE;

	/* the driver is the same for all devices on the faux bus */
	name = g_path_get_basename(fu_udev_device_get_sysfs_path(FU_UDEV_DEVICE(device)));
	if (g_strcmp0(name, "tdx_host") != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "name is '%s', expected 'tdx_host'",
			    name);
		return FALSE;
	}
	fu_device_set_physical_id(device, "faux/tdx_host");
	fu_device_add_instance_id_full(device, "TDX\\MODULE", FU_DEVICE_INSTANCE_FLAG_QUIRKS);

	/* nothing re-enumerates after an update, but the donor has set a delay */
	fu_device_set_acquiesce_delay(device, 0);
	return TRUE;
}

static gboolean
fu_tdx_module_device_look_cb(FuDevice *device, gpointer user_data, GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);

	fu_tdx_module_device_look(self);
	if (self->host->module_version == NULL && !self->host->module_lost) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_BUSY,
				    self->host->errors[FU_TDX_HOST_FACT_MODULE]);
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_tdx_module_device_setup(FuDevice *device, GError **error)
{
	g_autoptr(GError) error_local = NULL;

	/* also shown if not everything is known */
	if (!fu_device_retry_full(device,
				  fu_tdx_module_device_look_cb,
				  FU_TDX_MODULE_DEVICE_APPEAR_COUNT,
				  FU_TDX_MODULE_DEVICE_APPEAR_DELAY,
				  NULL,
				  &error_local))
		g_info("no version of the TDX module: %s", error_local->message);
	return fu_tdx_module_device_ensure_host(FU_TDX_MODULE_DEVICE(device), error);
}

static gboolean
fu_tdx_module_device_reload(FuDevice *device, GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	fu_tdx_module_device_look(self);
	return fu_tdx_module_device_ensure_host(self, error);
}

/* the bytes for the kernel are made here, proved as they are, and written as they are */
static FuFirmware *
fu_tdx_module_device_prepare_firmware(FuDevice *device,
				      FuInputStream *stream,
				      FuProgress *progress,
				      FuFirmwareParseFlags flags,
				      GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	return fu_tdx_blob_firmware_new_converted(stream, self->host->blob_version, error);
}

/* nothing but the image is remembered from before */
static gboolean
fu_tdx_module_device_check(FuTdxModuleDevice *self, FuFirmware *firmware, GError **error)
{
	const FuStructTdxSigstruct *st =
	    fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware));
	const gchar *version = fu_firmware_get_version(firmware);
	gboolean require_no_guests =
	    fu_device_has_private_flag(FU_DEVICE(self),
				       FU_TDX_MODULE_DEVICE_FLAG_REQUIRE_NO_GUESTS);
	g_autoptr(GPtrArray) reasons = NULL;
	g_autoptr(GPtrArray) keys =
	    fu_tdx_preflight_get_signers(fu_device_get_context(FU_DEVICE(self)));

	fu_tdx_module_device_look(self);
	reasons = fu_tdx_preflight_check_host(self->host, require_no_guests);
	g_ptr_array_extend_and_steal(reasons, fu_tdx_preflight_check_image(self->host, st, keys));
	g_ptr_array_extend_and_steal(reasons,
				     fu_tdx_preflight_check_version(self->host, st, version));
	return fu_tdx_preflight_to_error(reasons, error);
}

static gboolean
fu_tdx_module_device_write_firmware(FuDevice *device,
				    FuFirmware *firmware,
				    FuProgress *progress,
				    FwupdInstallFlags flags,
				    GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	const gchar *version = fu_firmware_get_version(firmware);
	g_autoptr(FuFwUploadResult) result = NULL;
	g_autoptr(FuTdxHost) after = NULL;
	g_autoptr(GBytes) blob = fu_firmware_get_bytes(firmware, error);

	if (blob == NULL)
		return FALSE;
	if (!fu_tdx_module_device_check(self, firmware, error))
		return FALSE;
	result = fu_fw_upload_write_bytes(FU_UDEV_DEVICE(self), self->host->upload_name, blob);

	/* in a replay, what is read now is from the recording, whatever has been written */
	if (fu_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED) &&
	    result->answer == FU_FW_UPLOAD_ERROR_UNKNOWN) {
		g_propagate_error(error, g_steal_pointer(&result->error));
		return FALSE;
	}
	after = fu_tdx_host_new_after(FU_UDEV_DEVICE(self), self->host);
	return fu_tdx_outcome_check(self->host, result, after, version, error);
}

static void
fu_tdx_module_device_set_progress(FuDevice *device, FuProgress *progress)
{
	fu_progress_set_id(progress, G_STRLOC);
	fu_progress_add_step(progress, FWUPD_STATUS_DECOMPRESSING, 2, "prepare-fw");
	fu_progress_add_step(progress, FWUPD_STATUS_DEVICE_RESTART, 0, "detach");
	fu_progress_add_step(progress, FWUPD_STATUS_DEVICE_WRITE, 97, "write");
	fu_progress_add_step(progress, FWUPD_STATUS_DEVICE_RESTART, 0, "attach");
	fu_progress_add_step(progress, FWUPD_STATUS_DEVICE_BUSY, 1, "reload");
}

static void
fu_tdx_module_device_finalize(GObject *object)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(object);
	g_clear_pointer(&self->host, fu_tdx_host_free);
	G_OBJECT_CLASS(fu_tdx_module_device_parent_class)->finalize(object);
}

static void
fu_tdx_module_device_init(FuTdxModuleDevice *self)
{
	self->host = g_new0(FuTdxHost, 1);
	fu_device_set_name(FU_DEVICE(self), "TDX Module");
	fu_device_set_summary(FU_DEVICE(self), "Isolates confidential guests from the host");
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_VERSION_CHECK_REQUIRED);
}

static void
fu_tdx_module_device_class_init(FuTdxModuleDeviceClass *klass)
{
	GObjectClass *object_class = G_OBJECT_CLASS(klass);
	FuDeviceClass *device_class = FU_DEVICE_CLASS(klass);
	object_class->finalize = fu_tdx_module_device_finalize;
	fu_device_register_private_flag(device_class, FU_TDX_MODULE_DEVICE_FLAG_REQUIRE_NO_GUESTS);
	device_class->probe = fu_tdx_module_device_probe;
	device_class->setup = fu_tdx_module_device_setup;
	device_class->reload = fu_tdx_module_device_reload;
	device_class->prepare_firmware = fu_tdx_module_device_prepare_firmware;
	device_class->write_firmware = fu_tdx_module_device_write_firmware;
	device_class->set_progress = fu_tdx_module_device_set_progress;
}
