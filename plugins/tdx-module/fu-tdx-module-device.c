/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>

#include "fu-fw-upload.h"
#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-common.h"
#include "fu-tdx-host.h"
#include "fu-tdx-module-device.h"
#include "fu-tdx-preflight.h"
#include "fu-tdx-seamldr-device.h"

#define FU_TDX_MODULE_DEVICE_SUMMARY "Isolates confidential guests from the host"

#define FU_TDX_MODULE_DEVICE_REQUEST_ID "com.intel.tdx-module.guests"

#define FU_TDX_MODULE_DEVICE_SYSFS_TIMEOUT 500 /* ms */

/* the kernel adds the attributes after it has announced the device */
#define FU_TDX_MODULE_DEVICE_APPEAR_COUNT 20
#define FU_TDX_MODULE_DEVICE_APPEAR_DELAY 100 /* ms */

/* how often to look what has changed, and whether what blocks the update has been mended */
#define FU_TDX_MODULE_DEVICE_POLL_INTERVAL	   30000 /* ms */
#define FU_TDX_MODULE_DEVICE_POLL_INTERVAL_BLOCKED 3000	 /* ms */

/* a TD that is being built makes some kernels busy, so try for seven seconds in all */
#define FU_TDX_MODULE_DEVICE_BUSY_DELAY_MIN 1000 /* ms */
#define FU_TDX_MODULE_DEVICE_BUSY_DELAY_MAX 4000 /* ms */

/* the kernel prints a short number or version, so this is not one of them */
#define FU_TDX_MODULE_DEVICE_ATTR_SIZE_MAX 32

struct _FuTdxModuleDevice {
	FuUdevDevice parent_instance;
	FuTdxHost *host;
	gchar *host_error;    /* (nullable) */
	FuDevice *seamldr;    /* (nullable) */
	gchar *seamldr_error; /* (nullable) */
	gboolean module_lost;
	gchar *module_error;  /* (nullable) */
	guint16 module_svn;   /* 0 if not known */
	guint16 module_hv;    /* 0 in all releases so far */
	gchar *module_mrseam; /* (nullable) */
	guint64 remaining_updates;
	gchar *remaining_updates_error; /* (nullable) */
	FuFwUploadStatus upload_status;
	GPtrArray *signers; /* (element-type utf8) */
	gchar *reasons;	    /* (nullable): of the inhibits */
};

G_DEFINE_TYPE(FuTdxModuleDevice, fu_tdx_module_device, FU_TYPE_UDEV_DEVICE)

static void
fu_tdx_module_device_to_string(FuDevice *device, guint idt, GString *str)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	fwupd_codec_string_append(
	    str,
	    idt,
	    "SeamldrLayout",
	    fu_tdx_seamldr_layout_to_string(fu_tdx_host_get_seamldr_layout(self->host)));
	fwupd_codec_string_append(str, idt, "UploadName", fu_tdx_host_get_upload_name(self->host));
	fwupd_codec_string_append(str,
				  idt,
				  "UploadStatus",
				  fu_fw_upload_status_to_string(self->upload_status));
	fwupd_codec_string_append(str,
				  idt,
				  "CpusOffline",
				  fu_tdx_host_get_cpus_offline(self->host));
	if (self->remaining_updates != FU_TDX_PREFLIGHT_UPDATES_UNKNOWN)
		fwupd_codec_string_append_int(str,
					      idt,
					      "RemainingUpdates",
					      self->remaining_updates);
	if (fu_tdx_host_get_tds(self->host) != FU_TDX_HOST_TDS_UNKNOWN)
		fwupd_codec_string_append_int(str, idt, "Tds", fu_tdx_host_get_tds(self->host));
	fwupd_codec_string_append_bool(str, idt, "ModuleLost", self->module_lost);
	fwupd_codec_string_append_hex(str, idt, "ModuleSvn", self->module_svn);
	fwupd_codec_string_append(str, idt, "ModuleMrseam", self->module_mrseam);
}

/**
 * fu_tdx_module_device_get_seamldr:
 * @self: a #FuTdxModuleDevice
 *
 * Gets the P-SEAMLDR, which is known once the device has been set up.
 *
 * Returns: (transfer none) (nullable): a #FuTdxSeamldrDevice, or %NULL if the kernel hides it
 **/
FuDevice *
fu_tdx_module_device_get_seamldr(FuTdxModuleDevice *self)
{
	g_return_val_if_fail(FU_IS_TDX_MODULE_DEVICE(self), NULL);
	return self->seamldr;
}

static gchar *
fu_tdx_module_device_read_attr(FuTdxModuleDevice *self, const gchar *attr, GError **error)
{
	g_autofree gchar *value = NULL;

	value = fu_udev_device_read_sysfs(FU_UDEV_DEVICE(self),
					  attr,
					  FU_TDX_MODULE_DEVICE_SYSFS_TIMEOUT,
					  error);
	if (value == NULL) {
		g_prefix_error(error, "failed to read %s: ", attr);
		return NULL;
	}
	if (strlen(value) > FU_TDX_MODULE_DEVICE_ATTR_SIZE_MAX) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "%s has %u bytes, expected at most %u",
			    attr,
			    (guint)strlen(value),
			    (guint)FU_TDX_MODULE_DEVICE_ATTR_SIZE_MAX);
		return NULL;
	}
	return g_strstrip(g_strdup(value));
}

static gchar *
fu_tdx_module_device_read_version(FuTdxModuleDevice *self, const gchar *attr, GError **error)
{
	g_autofree gchar *series = NULL;
	g_autofree gchar *value = NULL;

	value = fu_tdx_module_device_read_attr(self, attr, error);
	if (value == NULL)
		return NULL;
	series = fu_tdx_common_version_to_series(value, error);
	if (series == NULL) {
		g_prefix_error(error, "%s: ", attr);
		return NULL;
	}
	return g_steal_pointer(&value);
}

/* the kernel says ENXIO when there is no TDX module any more; fwupd has no error code for it, and
 * replays each failed read as missing data */
static gboolean
fu_tdx_module_device_error_is_lost(FuTdxModuleDevice *self, const GError *error)
{
	if (fu_device_has_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_EMULATED))
		return g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND);
	return g_strstr_len(error->message, -1, fwupd_strerror(ENXIO)) != NULL;
}

static gboolean
fu_tdx_module_device_appear_cb(FuDevice *device, gpointer user_data, GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	g_autofree gchar *value = NULL;
	g_autoptr(GError) error_local = NULL;

	value = fu_tdx_module_device_read_attr(self, "version", &error_local);
	if (value == NULL && !fu_tdx_module_device_error_is_lost(self, error_local) &&
	    g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&error_local));
		return FALSE;
	}
	return TRUE;
}

/* the SVN and MRSEAM are known from the quirks of the exact version */
static gboolean
fu_tdx_module_device_add_version_instance_id(FuTdxModuleDevice *self,
					     const gchar *version,
					     GError **error)
{
	const gchar *version_old = fu_device_get_instance_str(FU_DEVICE(self), "VER");

	if (g_strcmp0(version, version_old) == 0)
		return TRUE;
	self->module_svn = 0;
	self->module_hv = 0;
	g_clear_pointer(&self->module_mrseam, g_free);

	/* the version that ran before must not satisfy the requirements of releases any more */
	if (version_old != NULL) {
		const gchar *series = fu_device_get_instance_str(FU_DEVICE(self), "SERIES");
		g_autofree gchar *instance_id =
		    g_strdup_printf("TDX\\SERIES_%s&VER_%s", series, version_old);
		g_autofree gchar *guid = fwupd_guid_hash_string(instance_id);
		GPtrArray *guids = fu_device_get_guids(FU_DEVICE(self));
		GPtrArray *instance_ids = fu_device_get_instance_ids(FU_DEVICE(self));
		guint idx = 0;

		if (g_ptr_array_find_with_equal_func(guids, guid, g_str_equal, &idx))
			g_ptr_array_remove_index(guids, idx);
		if (g_ptr_array_find_with_equal_func(instance_ids, instance_id, g_str_equal, &idx))
			g_ptr_array_remove_index(instance_ids, idx);
	}
	fu_device_add_instance_str(FU_DEVICE(self), "VER", version);
	return fu_device_build_instance_id(FU_DEVICE(self), error, "TDX", "SERIES", "VER", NULL);
}

static gboolean
fu_tdx_module_device_add_instance_ids(FuTdxModuleDevice *self, const gchar *version, GError **error)
{
	GArray *signatures = fu_tdx_host_get_signatures(self->host);
	g_autofree gchar *series = NULL;

	series = fu_tdx_common_version_to_series(version, error);
	if (series == NULL)
		return FALSE;
	fu_device_add_instance_str(FU_DEVICE(self), "SERIES", series);
	if (signatures->len > 0) {
		g_autofree gchar *fms =
		    g_strdup_printf("%X", g_array_index(signatures, guint32, 0));
		fu_device_add_instance_str(FU_DEVICE(self), "FMS", fms);
		if (!fu_device_build_instance_id(FU_DEVICE(self),
						 error,
						 "TDX",
						 "SERIES",
						 "FMS",
						 NULL))
			return FALSE;
	}
	return fu_tdx_module_device_add_version_instance_id(self, version, error);
}

static gboolean
fu_tdx_module_device_ensure_version(FuTdxModuleDevice *self, GError **error)
{
	g_autofree gchar *version = NULL;
	g_autoptr(GError) error_local = NULL;

	g_clear_pointer(&self->module_error, g_free);
	version = fu_tdx_module_device_read_version(self, "version", &error_local);
	self->module_lost =
	    version == NULL && fu_tdx_module_device_error_is_lost(self, error_local);
	if (version == NULL) {
		self->module_error = g_strdup(error_local->message);
		fu_device_set_version(FU_DEVICE(self), NULL);
		fu_device_set_version_lowest(FU_DEVICE(self), NULL);
		return TRUE;
	}
	fu_device_set_version(FU_DEVICE(self), version);

	/* there is no way back at run time */
	fu_device_set_version_lowest(FU_DEVICE(self), version);
	return fu_tdx_module_device_add_instance_ids(self, version, error);
}

/* the device is also shown when not everything is known */
static void
fu_tdx_module_device_ensure_host(FuTdxModuleDevice *self)
{
	g_autoptr(GError) error_local = NULL;

	g_clear_pointer(&self->host_error, g_free);
	if (!fu_tdx_host_load(self->host, FU_UDEV_DEVICE(self), &error_local))
		self->host_error = g_strdup(error_local->message);
}

/* the same, but for what stays as it is until the next reboot */
static void
fu_tdx_module_device_ensure_host_state(FuTdxModuleDevice *self)
{
	g_autoptr(GError) error_local = NULL;

	if (self->host_error != NULL) {
		fu_tdx_module_device_ensure_host(self);
		return;
	}
	if (!fu_tdx_host_load_state(self->host, FU_UDEV_DEVICE(self), &error_local))
		self->host_error = g_strdup(error_local->message);
}

/* the version only changes with the BIOS; fwupd is told of the device after the setup, and not
 * later */
static void
fu_tdx_module_device_ensure_seamldr(FuTdxModuleDevice *self)
{
	const gchar *attr = "seamldr_version";
	g_autofree gchar *version = NULL;
	g_autoptr(GError) error_local = NULL;

	g_clear_pointer(&self->seamldr_error, g_free);
	if (self->seamldr != NULL ||
	    fu_tdx_host_get_seamldr_layout(self->host) == FU_TDX_SEAMLDR_LAYOUT_NONE)
		return;
	if (fu_tdx_host_get_seamldr_layout(self->host) == FU_TDX_SEAMLDR_LAYOUT_DIRECTORY)
		attr = "seamldr/version";
	version = fu_tdx_module_device_read_version(self, attr, &error_local);
	if (version != NULL) {
		self->seamldr =
		    fu_tdx_seamldr_device_new(FU_UDEV_DEVICE(self), version, &error_local);
	}
	if (self->seamldr == NULL)
		self->seamldr_error = g_strdup(error_local->message);
}

static void
fu_tdx_module_device_ensure_remaining_updates(FuTdxModuleDevice *self)
{
	const gchar *attr = "num_remaining_updates";
	g_autofree gchar *value = NULL;
	g_autoptr(GError) error_local = NULL;

	self->remaining_updates = FU_TDX_PREFLIGHT_UPDATES_UNKNOWN;
	g_clear_pointer(&self->remaining_updates_error, g_free);
	if (fu_tdx_host_get_seamldr_layout(self->host) == FU_TDX_SEAMLDR_LAYOUT_NONE)
		return;
	if (fu_tdx_host_get_seamldr_layout(self->host) == FU_TDX_SEAMLDR_LAYOUT_DIRECTORY)
		attr = "seamldr/num_remaining_updates";
	value = fu_tdx_module_device_read_attr(self, attr, &error_local);
	if (value != NULL &&
	    !fu_tdx_common_parse_number(value, G_MAXUINT32, &self->remaining_updates, &error_local))
		g_prefix_error(&error_local, "%s: ", attr);
	if (error_local != NULL) {
		self->remaining_updates = FU_TDX_PREFLIGHT_UPDATES_UNKNOWN;
		self->remaining_updates_error = g_strdup(error_local->message);
	}
}

static void
fu_tdx_module_device_ensure_upload_status(FuTdxModuleDevice *self)
{
	const gchar *upload_name = fu_tdx_host_get_upload_name(self->host);
	g_autoptr(FuFwUpload) upload = NULL;
	g_autoptr(GError) error_local = NULL;

	self->upload_status = FU_FW_UPLOAD_STATUS_UNKNOWN;
	if (upload_name == NULL)
		return;
	upload = fu_fw_upload_new(FU_UDEV_DEVICE(self), upload_name);
	if (!fu_fw_upload_read_status(upload, &self->upload_status, &error_local))
		g_info("status of the upload is unknown: %s", error_local->message);
}

static void
fu_tdx_module_device_get_facts(FuTdxModuleDevice *self, FuTdxPreflightFacts *facts)
{
	facts->host = self->host;
	facts->host_error = self->host_error;
	facts->module_version = fu_device_get_version(FU_DEVICE(self));
	facts->module_error = self->module_error;
	facts->module_lost = self->module_lost;
	facts->module_svn = self->module_svn;
	facts->module_hv = self->module_hv;
	facts->seamldr_version = self->seamldr != NULL ? fu_device_get_version(self->seamldr)
						       : NULL;
	facts->seamldr_error = self->seamldr_error;
	facts->remaining_updates = self->remaining_updates;
	facts->remaining_updates_error = self->remaining_updates_error;
	facts->upload_status = self->upload_status;
	facts->require_no_tds =
	    fu_device_has_private_flag(FU_DEVICE(self),
				       FU_TDX_MODULE_DEVICE_FLAG_REQUIRE_NO_GUESTS);
	facts->signers = self->signers;
}

static void
fu_tdx_module_device_ensure_summary(FuTdxModuleDevice *self)
{
	guint64 tds = fu_tdx_host_get_tds(self->host);
	g_autofree gchar *summary = NULL;

	if (tds == FU_TDX_HOST_TDS_UNKNOWN) {
		summary = g_strdup(FU_TDX_MODULE_DEVICE_SUMMARY);
	} else {
		summary = g_strdup_printf("%s; TDs running: %" G_GUINT64_FORMAT,
					  FU_TDX_MODULE_DEVICE_SUMMARY,
					  tds);
	}
	if (g_strcmp0(summary, fu_device_get_summary(FU_DEVICE(self))) != 0)
		fu_device_set_summary(FU_DEVICE(self), summary);
}

/* all that an update changes */
static gboolean
fu_tdx_module_device_ensure_module(FuTdxModuleDevice *self, GError **error)
{
	if (!fu_tdx_module_device_ensure_version(self, error))
		return FALSE;
	fu_tdx_module_device_ensure_remaining_updates(self);
	return TRUE;
}

/* what is known about the host has been read before */
static gboolean
fu_tdx_module_device_ensure_facts(FuTdxModuleDevice *self, GError **error)
{
	fu_tdx_module_device_ensure_seamldr(self);
	fu_tdx_module_device_ensure_upload_status(self);
	fu_tdx_module_device_ensure_summary(self);
	return fu_tdx_module_device_ensure_module(self, error);
}

/* things that an operator mends while fwupd is running */
static gboolean
fu_tdx_module_device_rule_is_transient(FuTdxPreflightRule rule)
{
	return rule == FU_TDX_PREFLIGHT_RULE_CPU_OFFLINE ||
	       rule == FU_TDX_PREFLIGHT_RULE_GUESTS_RUNNING ||
	       rule == FU_TDX_PREFLIGHT_RULE_UPLOAD_BUSY ||
	       rule == FU_TDX_PREFLIGHT_RULE_UPLOAD_MISSING;
}

static void
fu_tdx_module_device_set_inhibits(FuTdxModuleDevice *self, GPtrArray *verdicts)
{
	for (guint i = 0; fu_tdx_preflight_rule_to_string(i) != NULL; i++)
		fu_device_uninhibit(FU_DEVICE(self), fu_tdx_preflight_rule_to_string(i));
	for (guint i = 0; i < verdicts->len; i++) {
		FuTdxPreflightVerdict *verdict = g_ptr_array_index(verdicts, i);
		fu_device_inhibit(FU_DEVICE(self),
				  fu_tdx_preflight_rule_to_string(verdict->rule),
				  verdict->reason);
	}
}

static void
fu_tdx_module_device_ensure_inhibits(FuTdxModuleDevice *self)
{
	gboolean transient = FALSE;
	FuTdxPreflightFacts facts = {0};
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) verdicts = NULL;

	fu_tdx_module_device_get_facts(self, &facts);
	verdicts = fu_tdx_preflight_check_host(&facts);
	for (guint i = 0; i < verdicts->len; i++) {
		FuTdxPreflightVerdict *verdict = g_ptr_array_index(verdicts, i);
		transient = transient || fu_tdx_module_device_rule_is_transient(verdict->rule);
	}
	if (!fu_device_has_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_EMULATED)) {
		fu_device_set_poll_interval(FU_DEVICE(self),
					    transient ? FU_TDX_MODULE_DEVICE_POLL_INTERVAL_BLOCKED
						      : FU_TDX_MODULE_DEVICE_POLL_INTERVAL);
	}

	/* clients are told about each change, so make none when there is nothing new */
	if (!fu_tdx_preflight_to_error(verdicts, &error_local) && self->reasons != NULL &&
	    g_strcmp0(error_local->message, self->reasons) == 0)
		return;
	g_free(self->reasons);
	self->reasons = g_strdup(error_local != NULL ? error_local->message : NULL);
	fu_tdx_module_device_set_inhibits(self, verdicts);
}

static gboolean
fu_tdx_module_device_refresh(FuTdxModuleDevice *self, GError **error)
{
	if (!fu_tdx_module_device_ensure_facts(self, error))
		return FALSE;
	fu_tdx_module_device_ensure_inhibits(self);
	return TRUE;
}

/* nothing is remembered across an update */
static gboolean
fu_tdx_module_device_refresh_all(FuTdxModuleDevice *self, GError **error)
{
	fu_tdx_module_device_ensure_host(self);
	return fu_tdx_module_device_refresh(self, error);
}

static gboolean
fu_tdx_module_device_probe(FuDevice *device, GError **error)
{
	/* FuUdevDevice->probe */
	if (!FU_DEVICE_CLASS(fu_tdx_module_device_parent_class)->probe(device, error))
		return FALSE;

	/* there is one per machine, and the faux bus has no better name for it */
	fu_device_set_physical_id(device, "faux/" FU_TDX_MODULE_DEVICE_SYSFS_NAME);

	/* nothing re-enumerates after an update, but the donor has set a delay */
	fu_device_set_acquiesce_delay(device, 0);
	fu_device_add_instance_id_full(device, "TDX\\MODULE", FU_DEVICE_INSTANCE_FLAG_QUIRKS);
	return TRUE;
}

static gboolean
fu_tdx_module_device_setup(FuDevice *device, GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	g_autoptr(GError) error_local = NULL;

	if (!fu_device_retry_full(device,
				  fu_tdx_module_device_appear_cb,
				  FU_TDX_MODULE_DEVICE_APPEAR_COUNT,
				  FU_TDX_MODULE_DEVICE_APPEAR_DELAY,
				  NULL,
				  &error_local))
		g_info("attributes did not appear: %s", error_local->message);
	return fu_tdx_module_device_refresh_all(self, error);
}

static gboolean
fu_tdx_module_device_reload(FuDevice *device, GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	return fu_tdx_module_device_refresh_all(self, error);
}

/* also after a failed update, to show what is left */
static gboolean
fu_tdx_module_device_cleanup(FuDevice *device,
			     FuProgress *progress,
			     FwupdInstallFlags flags,
			     GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);

	if (!fu_tdx_module_device_refresh_all(self, error))
		return FALSE;

	/* a success clears the reason why there can be no other update, so set it again then */
	if (self->reasons != NULL) {
		g_clear_pointer(&self->reasons, g_free);
		if (!fu_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED)) {
			fu_device_set_poll_interval(device,
						    FU_TDX_MODULE_DEVICE_POLL_INTERVAL_BLOCKED);
		}
	}
	return TRUE;
}

static gboolean
fu_tdx_module_device_poll(FuDevice *device, GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	fu_tdx_module_device_ensure_host_state(self);
	return fu_tdx_module_device_refresh(self, error);
}

static gboolean
fu_tdx_module_device_check_firmware(FuDevice *device,
				    FuFirmware *firmware,
				    FuFirmwareParseFlags flags,
				    GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	FuTdxPreflightFacts facts = {0};
	g_autoptr(FuTdxSigstructFirmware) sigstruct = NULL;
	g_autoptr(GPtrArray) verdicts = NULL;

	sigstruct = fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware), error);
	if (sigstruct == NULL)
		return FALSE;
	fu_tdx_module_device_get_facts(self, &facts);
	verdicts = fu_tdx_preflight_check_image(&facts, sigstruct);
	return fu_tdx_preflight_to_error(verdicts, error);
}

typedef struct {
	FuFirmware *firmware;
	FuTdxBlobVersion blob_version;
	gboolean reinstall;
	FuFwUploadError upload_error; /* what the kernel said */
	gboolean unchanged;	      /* and whether it is safe to try again */
} FuTdxModuleDeviceAttempt;

/* the bytes for the kernel, verified as they are: the file behind @firmware may have changed */
static GBytes *
fu_tdx_module_device_build_blob(FuTdxModuleDevice *self,
				const FuTdxModuleDeviceAttempt *attempt,
				GError **error)
{
	FuTdxPreflightFacts facts = {0};
	g_autoptr(FuFirmware) firmware_blob = fu_tdx_blob_firmware_new();
	g_autoptr(FuTdxSigstructFirmware) sigstruct = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GPtrArray) verdicts_host = NULL;
	g_autoptr(GPtrArray) verdicts_image = NULL;
	g_autoptr(GPtrArray) verdicts_version = NULL;

	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(attempt->firmware),
					      attempt->blob_version);
	blob = fu_firmware_write(attempt->firmware, error);
	if (blob == NULL)
		return NULL;
	if (!fu_firmware_parse_bytes(firmware_blob,
				     blob,
				     0x0,
				     FU_FIRMWARE_PARSE_FLAG_NO_SEARCH,
				     error))
		return NULL;
	sigstruct = fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware_blob), error);
	if (sigstruct == NULL)
		return NULL;

	/* as late as possible */
	fu_tdx_module_device_ensure_host(self);
	if (!fu_tdx_module_device_ensure_facts(self, error))
		return NULL;
	fu_tdx_module_device_get_facts(self, &facts);
	if (facts.module_svn == 0)
		g_info("the running TDX module has no quirk with its SVN to compare with");
	verdicts_host = fu_tdx_preflight_check_host(&facts);
	if (!fu_tdx_preflight_to_error(verdicts_host, error))
		return NULL;
	verdicts_image = fu_tdx_preflight_check_image(&facts, sigstruct);
	if (!fu_tdx_preflight_to_error(verdicts_image, error))
		return NULL;
	verdicts_version =
	    fu_tdx_preflight_check_version(&facts,
					   sigstruct,
					   fu_firmware_get_version(attempt->firmware),
					   attempt->reinstall);
	if (!fu_tdx_preflight_to_error(verdicts_version, error))
		return NULL;
	return g_steal_pointer(&blob);
}

/* what was running before, to compare with, and how the upload went */
typedef struct {
	const gchar *version;
	guint64 remaining_updates;
	const gchar *version_new;
	const GError *error_upload;   /* (nullable) */
	FuFwUploadError upload_error; /* the answer of the kernel, if there is one */
	gboolean pending;	      /* the kernel may still be working */
} FuTdxModuleDeviceResult;

static gboolean
fu_tdx_module_device_version_equal(const gchar *version1, const gchar *version2)
{
	return fu_version_compare(version1, version2, FWUPD_VERSION_FORMAT_TRIPLET) == 0;
}

/* an upload that never reached the P-SEAMLDR costs no update */
static gboolean
fu_tdx_module_device_is_unchanged(FuTdxModuleDevice *self, const FuTdxModuleDeviceResult *result)
{
	const gchar *version = fu_device_get_version(FU_DEVICE(self));
	return version != NULL && fu_tdx_module_device_version_equal(version, result->version) &&
	       self->remaining_updates == result->remaining_updates;
}

static const gchar *
fu_tdx_module_device_result_get_why(const FuTdxModuleDeviceResult *result)
{
	return result->error_upload != NULL ? result->error_upload->message
					    : "the kernel reported no error";
}

/* by the kernel, before it has done anything */
static gboolean
fu_tdx_module_device_result_is_refused(const FuTdxModuleDeviceResult *result)
{
	return result->upload_error != FU_FW_UPLOAD_ERROR_UNKNOWN &&
	       result->upload_error != FU_FW_UPLOAD_ERROR_NONE;
}

/* of an update that has changed nothing; what the user can just try again is reported to nobody */
static FwupdError
fu_tdx_module_device_result_get_code(const FuTdxModuleDeviceResult *result)
{
	if (result->upload_error == FU_FW_UPLOAD_ERROR_UNKNOWN ||
	    result->upload_error == FU_FW_UPLOAD_ERROR_DEVICE_BUSY)
		return FWUPD_ERROR_NEEDS_USER_ACTION;
	if (result->error_upload == NULL)
		return FWUPD_ERROR_WRITE;
	return result->error_upload->code;
}

/* is there still a TDX module? */
static gboolean
fu_tdx_module_device_check_alive(FuTdxModuleDevice *self,
				 const FuTdxModuleDeviceResult *result,
				 GError **error)
{
	const gchar *why = fu_tdx_module_device_result_get_why(result);

	if (self->module_lost) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "the TDX module is lost, and all TDs with it; reboot the host to load "
			    "the TDX module of the BIOS again (%s)",
			    why);
		return FALSE;
	}
	if (fu_device_get_version(FU_DEVICE(self)) == NULL) {
		g_set_error(
		    error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_WRITE,
		    "the version of the TDX module cannot be read after the update, expected "
		    "%s; see the log of the kernel (%s)",
		    result->version_new,
		    why);
		return FALSE;
	}
	return TRUE;
}

/* has the P-SEAMLDR done anything? */
static gboolean
fu_tdx_module_device_check_changed(FuTdxModuleDevice *self,
				   const FuTdxModuleDeviceResult *result,
				   GError **error)
{
	const gchar *version = fu_device_get_version(FU_DEVICE(self));
	const gchar *why = fu_tdx_module_device_result_get_why(result);

	if (result->pending &&
	    (fu_tdx_module_device_is_unchanged(self, result) ||
	     !fu_tdx_module_device_version_equal(version, result->version_new))) {
		g_set_error(
		    error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_WRITE,
		    "the kernel was given TDX module %s, but its answer is not known and %s is "
		    "running for now; see version in %s and the log of the kernel (%s)",
		    result->version_new,
		    version,
		    fu_udev_device_get_sysfs_path(FU_UDEV_DEVICE(self)),
		    why);
		return FALSE;
	}
	if (fu_tdx_module_device_is_unchanged(self, result)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    fu_tdx_module_device_result_get_code(result),
			    "%s; nothing was changed, and TDX module %s is still running%s",
			    why,
			    version,
			    fu_tdx_module_device_result_is_refused(result)
				? ", so try again when no TD is being built or migrated"
				: "");
		return FALSE;
	}
	return TRUE;
}

/* is it the expected TDX module, for the price of one update? */
static gboolean
fu_tdx_module_device_check_installed(FuTdxModuleDevice *self,
				     const FuTdxModuleDeviceResult *result,
				     GError **error)
{
	const gchar *version = fu_device_get_version(FU_DEVICE(self));

	if (!fu_tdx_module_device_version_equal(version, result->version_new)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "TDX module %s is running after the update, expected %s (%s)",
			    version,
			    result->version_new,
			    fu_tdx_module_device_result_get_why(result));
		return FALSE;
	}
	if (self->remaining_updates_error != NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "TDX module %s is running as expected, but the number of updates left "
			    "is not known (%s); see the log of the kernel",
			    version,
			    self->remaining_updates_error);
		return FALSE;
	}
	if (self->remaining_updates != result->remaining_updates - 1) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "TDX module %s is running as expected, but num_remaining_updates is "
			    "%" G_GUINT64_FORMAT ", expected %" G_GUINT64_FORMAT
			    "; see the log of the kernel",
			    version,
			    self->remaining_updates,
			    result->remaining_updates - 1);
		return FALSE;
	}
	return TRUE;
}

/* only the device itself can tell what has happened */
static gboolean
fu_tdx_module_device_check_result(FuTdxModuleDevice *self,
				  const FuTdxModuleDeviceResult *result,
				  GError **error)
{
	/* in a replay, what is read now is from the recording, whatever has been written */
	if (fu_device_has_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_EMULATED) &&
	    result->error_upload != NULL && result->upload_error == FU_FW_UPLOAD_ERROR_UNKNOWN) {
		g_propagate_error(error, g_error_copy(result->error_upload));
		return FALSE;
	}
	if (!fu_tdx_module_device_check_alive(self, result, error) ||
	    !fu_tdx_module_device_check_changed(self, result, error) ||
	    !fu_tdx_module_device_check_installed(self, result, error))
		return FALSE;
	if (result->error_upload != NULL) {
		g_info("TDX module %s is running, although %s",
		       result->version_new,
		       result->error_upload->message);
	}
	return TRUE;
}

/* what the new version means for the guests; a success also if no client answers */
static void
fu_tdx_module_device_emit_guests(FuTdxModuleDevice *self, FuProgress *progress)
{
	guint64 tds = fu_tdx_host_get_tds(self->host);
	g_autofree gchar *message = NULL;
	g_autoptr(FwupdRequest) request = fwupd_request_new();
	g_autoptr(GError) error_local = NULL;

	if (tds == 0 || tds == FU_TDX_HOST_TDS_UNKNOWN)
		return;
	message = g_strdup_printf(
	    "Tell whoever checks attestation the new values: the TEE_TCB_SVN_2 of the TDs that "
	    "keep running (%" G_GUINT64_FORMAT ") and the MRSEAM of new TDs have changed.",
	    tds);
	fwupd_request_set_kind(request, FWUPD_REQUEST_KIND_POST);
	fwupd_request_set_id(request, FU_TDX_MODULE_DEVICE_REQUEST_ID);
	fwupd_request_set_message(request, message);

	/* left behind, this would hide releases from clients that nobody looks at */
	fu_device_add_request_flag(FU_DEVICE(self), FWUPD_REQUEST_FLAG_NON_GENERIC_MESSAGE);
	if (!fu_device_emit_request(FU_DEVICE(self), request, progress, &error_local))
		g_info("nobody was told about the TDs: %s", error_local->message);
	fwupd_device_remove_request_flag(FWUPD_DEVICE(self),
					 FWUPD_REQUEST_FLAG_NON_GENERIC_MESSAGE);
}

static gboolean
fu_tdx_module_device_upload(FuTdxModuleDevice *self,
			    FuTdxModuleDeviceAttempt *attempt,
			    FuProgress *progress,
			    GError **error)
{
	FuTdxModuleDeviceResult result = {0};
	g_autofree gchar *version = NULL;
	g_autoptr(FuFwUpload) upload = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error_upload = NULL;

	fu_progress_set_id(progress, G_STRLOC);
	fu_progress_add_step(progress, FWUPD_STATUS_DEVICE_VERIFY, 5, "verify-image");
	fu_progress_add_step(progress, FWUPD_STATUS_DEVICE_WRITE, 90, "upload");
	fu_progress_add_step(progress, FWUPD_STATUS_DEVICE_VERIFY, 5, "verify-version");

	attempt->unchanged = FALSE;
	blob = fu_tdx_module_device_build_blob(self, attempt, error);
	if (blob == NULL)
		return FALSE;
	fu_progress_step_done(progress);

	version = g_strdup(fu_device_get_version(FU_DEVICE(self)));
	result.version = version;
	result.version_new = fu_firmware_get_version(attempt->firmware);
	result.remaining_updates = self->remaining_updates;
	if (fu_tdx_module_device_version_equal(version, result.version_new)) {
		g_warning(
		    "TDX module %s is installed again, which costs one of the %" G_GUINT64_FORMAT
		    " updates that are left until the next reboot",
		    version,
		    result.remaining_updates);
	}
	upload = fu_fw_upload_new(FU_UDEV_DEVICE(self), fu_tdx_host_get_upload_name(self->host));
	if (!fu_fw_upload_write_bytes(upload, blob, fu_progress_get_child(progress), &error_upload))
		g_info("upload failed: %s", error_upload->message);
	fu_progress_step_done(progress);

	if (!fu_tdx_module_device_ensure_module(self, error)) {
		g_prefix_error_literal(error, "nothing is known after the update: ");
		return FALSE;
	}
	attempt->upload_error = fu_fw_upload_get_error(upload);
	attempt->unchanged = fu_tdx_module_device_is_unchanged(self, &result);
	result.error_upload = error_upload;
	result.upload_error = attempt->upload_error;
	result.pending = fu_fw_upload_get_pending(upload);
	if (!fu_tdx_module_device_check_result(self, &result, error))
		return FALSE;
	fu_progress_step_done(progress);
	if (!fu_tdx_module_device_version_equal(version, result.version_new))
		fu_tdx_module_device_emit_guests(self, progress);
	return TRUE;
}

static gboolean
fu_tdx_module_device_write_firmware(FuDevice *device,
				    FuFirmware *firmware,
				    FuProgress *progress,
				    FwupdInstallFlags flags,
				    GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);
	FuTdxModuleDeviceAttempt attempt = {
	    .firmware = firmware,
	    .blob_version = fu_tdx_host_get_blob_version(self->host),
	    .reinstall = (flags & FWUPD_INSTALL_FLAG_ALLOW_REINSTALL) > 0,
	};
	guint delay = FU_TDX_MODULE_DEVICE_BUSY_DELAY_MIN;

	/* of the last update */
	fu_device_set_update_message(device, NULL);

	while (TRUE) {
		g_autoptr(GError) error_local = NULL;

		if (fu_tdx_module_device_upload(self, &attempt, progress, &error_local))
			return TRUE;
		if (attempt.unchanged &&
		    attempt.upload_error == FU_FW_UPLOAD_ERROR_FIRMWARE_INVALID &&
		    attempt.blob_version == FU_TDX_BLOB_VERSION_V2) {
			/* the series v8 looks like Linux 7.2 but wants the old header */
			attempt.blob_version = FU_TDX_BLOB_VERSION_V1;
		} else if (attempt.unchanged &&
			   attempt.upload_error == FU_FW_UPLOAD_ERROR_DEVICE_BUSY &&
			   delay <= FU_TDX_MODULE_DEVICE_BUSY_DELAY_MAX) {
			fu_device_sleep(device, delay);
			delay *= 2;
		} else {
			g_propagate_error(error, g_steal_pointer(&error_local));
			return FALSE;
		}
		g_info("trying again: %s", error_local->message);
		fu_progress_reset(progress);
	}
}

static gboolean
fu_tdx_module_device_set_quirk_kv(FuDevice *device,
				  const gchar *key,
				  const gchar *value,
				  GError **error)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);

	if (g_strcmp0(key, "TdxModuleSigners") == 0) {
		g_auto(GStrv) signers = g_strsplit(value, ",", -1);
		for (guint i = 0; signers[i] != NULL; i++)
			g_ptr_array_add(self->signers, g_strstrip(g_strdup(signers[i])));
		return TRUE;
	}
	if (g_strcmp0(key, "TdxModuleSvn") == 0) {
		guint64 val = 0;
		if (!fu_strtoull(value, &val, 0, G_MAXUINT16, FU_INTEGER_BASE_AUTO, error))
			return FALSE;
		self->module_svn = val;
		return TRUE;
	}
	if (g_strcmp0(key, "TdxModuleHandoffVersion") == 0) {
		guint64 val = 0;
		if (!fu_strtoull(value, &val, 0, G_MAXUINT16, FU_INTEGER_BASE_AUTO, error))
			return FALSE;
		self->module_hv = val;
		return TRUE;
	}
	if (g_strcmp0(key, "TdxModuleMrseam") == 0) {
		g_free(self->module_mrseam);
		self->module_mrseam = g_strdup(value);
		return TRUE;
	}

	/* failed */
	g_set_error_literal(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "quirk key not supported");
	return FALSE;
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

/* what was running; fwupd does not ask again after an update without a reboot */
static void
fu_tdx_module_device_report_metadata_pre(FuDevice *device, GHashTable *metadata)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(device);

	if (self->module_svn != 0) {
		g_hash_table_insert(metadata,
				    g_strdup("TdxModuleSvnOld"),
				    g_strdup_printf("0x%04x", self->module_svn));
	}
	if (self->module_mrseam != NULL) {
		g_hash_table_insert(metadata,
				    g_strdup("TdxModuleMrseamOld"),
				    g_strdup(self->module_mrseam));
	}
}

static void
fu_tdx_module_device_finalize(GObject *object)
{
	FuTdxModuleDevice *self = FU_TDX_MODULE_DEVICE(object);
	g_object_unref(self->host);
	g_free(self->host_error);
	g_clear_object(&self->seamldr);
	g_free(self->seamldr_error);
	g_free(self->module_error);
	g_free(self->module_mrseam);
	g_free(self->remaining_updates_error);
	g_free(self->reasons);
	g_ptr_array_unref(self->signers);
	G_OBJECT_CLASS(fu_tdx_module_device_parent_class)->finalize(object);
}

static void
fu_tdx_module_device_init(FuTdxModuleDevice *self)
{
	self->host = fu_tdx_host_new();
	self->signers = g_ptr_array_new_with_free_func(g_free);
	self->remaining_updates = FU_TDX_PREFLIGHT_UPDATES_UNKNOWN;
	fu_device_set_name(FU_DEVICE(self), "TDX Module");
	fu_device_set_summary(FU_DEVICE(self), FU_TDX_MODULE_DEVICE_SUMMARY);
	fu_device_set_vendor(FU_DEVICE(self), "Intel");
	fu_device_build_vendor_id_u16(FU_DEVICE(self), "PCI", 0x8086);
	fu_device_set_version_format(FU_DEVICE(self), FWUPD_VERSION_FORMAT_TRIPLET);
	fu_device_set_firmware_gtype(FU_DEVICE(self), FU_TYPE_TDX_BLOB_FIRMWARE);
	fu_device_set_install_duration(FU_DEVICE(self), 5);
	fu_device_add_protocol(FU_DEVICE(self), "com.intel.tdx-module");
	fu_device_add_icon(FU_DEVICE(self), FU_DEVICE_ICON_COMPUTER);
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_INTERNAL);
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_UPDATABLE);
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_SIGNED_PAYLOAD);
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_USABLE_DURING_UPDATE);
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_VERSION_CHECK_REQUIRED);
	fu_device_add_private_flag(FU_DEVICE(self), FU_DEVICE_PRIVATE_FLAG_HOST_CPU_CHILD);
	fu_device_add_private_flag(FU_DEVICE(self), FU_DEVICE_PRIVATE_FLAG_AUTO_PAUSE_POLLING);
	fu_device_set_logical_id(FU_DEVICE(self), "module");
}

static void
fu_tdx_module_device_class_init(FuTdxModuleDeviceClass *klass)
{
	GObjectClass *object_class = G_OBJECT_CLASS(klass);
	FuDeviceClass *device_class = FU_DEVICE_CLASS(klass);
	object_class->finalize = fu_tdx_module_device_finalize;
	fu_device_register_private_flag(device_class, FU_TDX_MODULE_DEVICE_FLAG_REQUIRE_NO_GUESTS);
	device_class->to_string = fu_tdx_module_device_to_string;
	device_class->probe = fu_tdx_module_device_probe;
	device_class->setup = fu_tdx_module_device_setup;
	device_class->reload = fu_tdx_module_device_reload;
	device_class->poll = fu_tdx_module_device_poll;
	device_class->cleanup = fu_tdx_module_device_cleanup;
	device_class->check_firmware = fu_tdx_module_device_check_firmware;
	device_class->write_firmware = fu_tdx_module_device_write_firmware;
	device_class->set_quirk_kv = fu_tdx_module_device_set_quirk_kv;
	device_class->set_progress = fu_tdx_module_device_set_progress;
	device_class->report_metadata_pre = fu_tdx_module_device_report_metadata_pre;
}
