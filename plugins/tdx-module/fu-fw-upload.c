/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>

#include "fu-fw-upload.h"

/* the files are described in the kernel's Documentation/ABI/testing/sysfs-class-firmware */
#define FU_FW_UPLOAD_LOADING_START  "1"
#define FU_FW_UPLOAD_LOADING_FINISH "0"
#define FU_FW_UPLOAD_LOADING_ABORT  "-1"

#define FU_FW_UPLOAD_SYSFS_TIMEOUT 500 /* ms */

/* most uploads take a few milliseconds, so look often at first: half a second, then a minute */
#define FU_FW_UPLOAD_POLL_FAST_COUNT 250
#define FU_FW_UPLOAD_POLL_FAST_DELAY 2 /* ms */
#define FU_FW_UPLOAD_POLL_SLOW_COUNT 600
#define FU_FW_UPLOAD_POLL_SLOW_DELAY 100 /* ms */

struct _FuFwUpload {
	GObject parent_instance;
	FuUdevDevice *device;
	gchar *name;
	gboolean pending;
	FuFwUploadError error;
};

G_DEFINE_TYPE(FuFwUpload, fu_fw_upload, G_TYPE_OBJECT)

static gchar *
fu_fw_upload_build_attr(FuFwUpload *self, const gchar *attr)
{
	return g_build_filename("firmware", self->name, attr, NULL);
}

static gchar *
fu_fw_upload_read_attr(FuFwUpload *self, const gchar *attr, GError **error)
{
	g_autofree gchar *path = fu_fw_upload_build_attr(self, attr);
	return fu_udev_device_read_sysfs(self->device, path, FU_FW_UPLOAD_SYSFS_TIMEOUT, error);
}

/* fwupd.service has a read-only /sys on some versions of systemd */
static gchar *
fu_fw_upload_explain(FuFwUpload *self, const GError *error)
{
	g_autofree gchar *dirname = NULL;

	if (g_strstr_len(error->message, -1, fwupd_strerror(EROFS)) == NULL)
		return g_strdup("");
	dirname = g_path_get_dirname(fu_udev_device_get_sysfs_path(self->device));
	return g_strdup_printf("fwupd may not write to sysfs, so add ReadWritePaths=-%s to the "
			       "[Service] section of fwupd.service and restart it: ",
			       dirname);
}

static gboolean
fu_fw_upload_write_loading(FuFwUpload *self, const gchar *value, GError **error)
{
	g_autofree gchar *path = fu_fw_upload_build_attr(self, "loading");
	g_autoptr(GError) error_local = NULL;

	if (!fu_udev_device_write_sysfs(self->device,
					path,
					value,
					FU_FW_UPLOAD_SYSFS_TIMEOUT,
					&error_local)) {
		g_autofree gchar *prefix = fu_fw_upload_explain(self, error_local);
		g_propagate_prefixed_error(error, g_steal_pointer(&error_local), "%s", prefix);
		return FALSE;
	}
	return TRUE;
}

/**
 * fu_fw_upload_read_status:
 * @self: a #FuFwUpload
 * @status: (out): a #FuFwUploadStatus
 * @error: (nullable): optional return location for an error
 *
 * Reads what the kernel is doing.
 *
 * Returns: %TRUE for success
 **/
gboolean
fu_fw_upload_read_status(FuFwUpload *self, FuFwUploadStatus *status, GError **error)
{
	g_autofree gchar *value = NULL;

	g_return_val_if_fail(FU_IS_FW_UPLOAD(self), FALSE);
	g_return_val_if_fail(status != NULL, FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	value = fu_fw_upload_read_attr(self, "status", error);
	if (value == NULL)
		return FALSE;
	*status = fu_fw_upload_status_from_string(value);
	if (*status == FU_FW_UPLOAD_STATUS_UNKNOWN) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "firmware/%s/status is '%s', expected e.g. 'idle'",
			    self->name,
			    value);
		return FALSE;
	}
	return TRUE;
}

/**
 * fu_fw_upload_get_error:
 * @self: a #FuFwUpload
 *
 * Gets what the kernel said about the last fu_fw_upload_write_bytes().
 *
 * Returns: a #FuFwUploadError, %FU_FW_UPLOAD_ERROR_UNKNOWN if the kernel has not answered
 **/
FuFwUploadError
fu_fw_upload_get_error(FuFwUpload *self)
{
	g_return_val_if_fail(FU_IS_FW_UPLOAD(self), FU_FW_UPLOAD_ERROR_UNKNOWN);
	return self->error;
}

/**
 * fu_fw_upload_get_pending:
 * @self: a #FuFwUpload
 *
 * Gets if the last fu_fw_upload_write_bytes() has handed the image to the driver, but has not seen
 * the end of its work.
 *
 * Returns: %TRUE if the driver may still be working
 **/
gboolean
fu_fw_upload_get_pending(FuFwUpload *self)
{
	g_return_val_if_fail(FU_IS_FW_UPLOAD(self), FALSE);
	return self->pending;
}

static gboolean
fu_fw_upload_check_idle(FuFwUpload *self, GError **error)
{
	FuFwUploadStatus status = FU_FW_UPLOAD_STATUS_UNKNOWN;

	if (!fu_fw_upload_read_status(self, &status, error))
		return FALSE;
	if (status != FU_FW_UPLOAD_STATUS_IDLE) {
		g_set_error(
		    error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_BUSY,
		    "firmware/%s/status is '%s', expected 'idle': another upload is running",
		    self->name,
		    fu_fw_upload_status_to_string(status));
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_fw_upload_write_data(FuFwUpload *self, GBytes *blob, GError **error)
{
	g_autofree gchar *loading = NULL;
	g_autofree gchar *path = fu_fw_upload_build_attr(self, "data");

	/* in one call: the kernel starts at offset 0 again when the file is opened again */
	if (!fu_udev_device_write_sysfs_bytes(self->device,
					      path,
					      blob,
					      FU_FW_UPLOAD_SYSFS_TIMEOUT,
					      error))
		return FALSE;

	/* some udev rules abort any upload when the node appears; all later writes would succeed */
	loading = fu_fw_upload_read_attr(self, "loading", error);
	if (loading == NULL)
		return FALSE;
	if (g_strcmp0(loading, FU_FW_UPLOAD_LOADING_START) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "firmware/%s/loading is '%s', expected '%s': the upload was aborted by "
			    "another program, so try again",
			    self->name,
			    loading,
			    FU_FW_UPLOAD_LOADING_START);
		return FALSE;
	}
	return TRUE;
}

typedef struct {
	FuFwUpload *self;
	FuProgress *progress;
	gsize size; /* of the image, in bytes */
	GError *error;
} FuFwUploadPollHelper;

static void
fu_fw_upload_poll_progress(FuFwUploadPollHelper *helper)
{
	guint64 remaining = 0;
	g_autofree gchar *value = NULL;

	/* optional */
	value = fu_fw_upload_read_attr(helper->self, "remaining_size", NULL);
	if (value == NULL ||
	    !fu_strtoull(value, &remaining, 0, helper->size, FU_INTEGER_BASE_10, NULL))
		return;
	if (remaining > 0)
		fu_progress_set_percentage_full(helper->progress,
						helper->size - remaining,
						helper->size);
}

/* only BUSY asks for another try */
static gboolean
fu_fw_upload_poll_cb(FuDevice *device, gpointer user_data, GError **error)
{
	FuFwUploadPollHelper *helper = (FuFwUploadPollHelper *)user_data;
	FuFwUploadStatus status = FU_FW_UPLOAD_STATUS_UNKNOWN;

	if (!fu_fw_upload_read_status(helper->self, &status, &helper->error))
		return TRUE;
	if (status != FU_FW_UPLOAD_STATUS_IDLE) {
		if (status == FU_FW_UPLOAD_STATUS_TRANSFERRING)
			fu_fw_upload_poll_progress(helper);
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_BUSY,
			    "firmware/%s/status is still '%s'",
			    helper->self->name,
			    fu_fw_upload_status_to_string(status));
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_fw_upload_wait(FuFwUpload *self, gsize size, FuProgress *progress, GError **error)
{
	FuFwUploadPollHelper helper = {.self = self, .progress = progress, .size = size};

	if (!fu_device_retry_full(FU_DEVICE(self->device),
				  fu_fw_upload_poll_cb,
				  FU_FW_UPLOAD_POLL_FAST_COUNT,
				  FU_FW_UPLOAD_POLL_FAST_DELAY,
				  &helper,
				  NULL) &&
	    !fu_device_retry_full(FU_DEVICE(self->device),
				  fu_fw_upload_poll_cb,
				  FU_FW_UPLOAD_POLL_SLOW_COUNT,
				  FU_FW_UPLOAD_POLL_SLOW_DELAY,
				  &helper,
				  error))
		return FALSE;
	if (helper.error != NULL) {
		g_propagate_error(error, helper.error);
		return FALSE;
	}
	return TRUE;
}

static FwupdError
fu_fw_upload_error_to_fwupd_error(FuFwUploadError error)
{
	if (error == FU_FW_UPLOAD_ERROR_TIMEOUT)
		return FWUPD_ERROR_TIMED_OUT;
	if (error == FU_FW_UPLOAD_ERROR_DEVICE_BUSY)
		return FWUPD_ERROR_BUSY;
	if (error == FU_FW_UPLOAD_ERROR_FIRMWARE_INVALID ||
	    error == FU_FW_UPLOAD_ERROR_INVALID_FILE_SIZE)
		return FWUPD_ERROR_INVALID_FILE;
	if (error == FU_FW_UPLOAD_ERROR_FLASH_WEAROUT)
		return FWUPD_ERROR_NOT_SUPPORTED;
	return FWUPD_ERROR_WRITE;
}

/* `error` is empty, or `<status>:<error>` */
static gboolean
fu_fw_upload_ensure_error(FuFwUpload *self, GError **error)
{
	g_autofree gchar *value = NULL;
	g_auto(GStrv) split = NULL;
	g_autoptr(GError) error_local = NULL;

	value = fu_fw_upload_read_attr(self, "error", &error_local);
	if (value == NULL) {
		/* an empty file is read as a timeout, and replayed as missing data; so is EBUSY,
		 * which the kernel says when there is another upload by now */
		if (!g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_TIMED_OUT) &&
		    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)) {
			g_propagate_prefixed_error(error,
						   g_steal_pointer(&error_local),
						   "failed to read the result of the upload: ");
			return FALSE;
		}
		if (!fu_fw_upload_check_idle(self, error))
			return FALSE;
		self->error = FU_FW_UPLOAD_ERROR_NONE;
		return TRUE;
	}
	split = g_strsplit(value, ":", 2);
	if (g_strv_length(split) == 0) {
		self->error = FU_FW_UPLOAD_ERROR_NONE;
		return TRUE;
	}
	if (split[1] != NULL)
		self->error = fu_fw_upload_error_from_string(split[1]);
	if (self->error == FU_FW_UPLOAD_ERROR_UNKNOWN)
		self->error = FU_FW_UPLOAD_ERROR_UNKNOWN_ERROR;
	g_set_error(error,
		    FWUPD_ERROR,
		    fu_fw_upload_error_to_fwupd_error(self->error),
		    "the kernel said '%s'",
		    value);
	return FALSE;
}

/**
 * fu_fw_upload_write_bytes:
 * @self: a #FuFwUpload
 * @blob: the image, of any size but 0
 * @progress: a #FuProgress
 * @error: (nullable): optional return location for an error
 *
 * Writes an image to the kernel, waits up to a minute until the driver has done its work with it,
 * and reads what the kernel says about that.
 *
 * A driver that is idle again without an error is no proof that the device runs the new image: the
 * caller has to ask the device.
 *
 * Returns: %TRUE if the kernel reports no error
 **/
gboolean
fu_fw_upload_write_bytes(FuFwUpload *self, GBytes *blob, FuProgress *progress, GError **error)
{
	g_return_val_if_fail(FU_IS_FW_UPLOAD(self), FALSE);
	g_return_val_if_fail(blob != NULL, FALSE);
	g_return_val_if_fail(FU_IS_PROGRESS(progress), FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	self->pending = FALSE;
	self->error = FU_FW_UPLOAD_ERROR_UNKNOWN;

	/* the kernel does nothing with that, and keeps the error of the last upload */
	if (g_bytes_get_size(blob) == 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "image for firmware/%s has no bytes, expected at least 1",
			    self->name);
		return FALSE;
	}
	if (!fu_fw_upload_check_idle(self, error))
		return FALSE;
	if (!fu_fw_upload_write_loading(self, FU_FW_UPLOAD_LOADING_START, error))
		return FALSE;
	if (!fu_fw_upload_write_data(self, blob, error) ||
	    !fu_fw_upload_write_loading(self, FU_FW_UPLOAD_LOADING_FINISH, error)) {
		g_autoptr(GError) error_local = NULL;
		if (!fu_fw_upload_write_loading(self, FU_FW_UPLOAD_LOADING_ABORT, &error_local))
			g_debug("failed to abort the upload: %s", error_local->message);
		return FALSE;
	}
	self->pending = TRUE;
	if (!fu_fw_upload_wait(self, g_bytes_get_size(blob), progress, error))
		return FALSE;
	self->pending = FALSE;
	return fu_fw_upload_ensure_error(self, error);
}

static void
fu_fw_upload_finalize(GObject *object)
{
	FuFwUpload *self = FU_FW_UPLOAD(object);
	g_object_unref(self->device);
	g_free(self->name);
	G_OBJECT_CLASS(fu_fw_upload_parent_class)->finalize(object);
}

static void
fu_fw_upload_init(FuFwUpload *self)
{
}

static void
fu_fw_upload_class_init(FuFwUploadClass *klass)
{
	GObjectClass *object_class = G_OBJECT_CLASS(klass);
	object_class->finalize = fu_fw_upload_finalize;
}

/**
 * fu_fw_upload_new:
 * @device: the #FuUdevDevice that registered the firmware-upload node
 * @name: the name of the node, e.g. `tdx_module`
 *
 * Creates an object that speaks the kernel's firmware-upload protocol.
 *
 * Returns: (transfer full): a #FuFwUpload
 **/
FuFwUpload *
fu_fw_upload_new(FuUdevDevice *device, const gchar *name)
{
	g_autoptr(FuFwUpload) self = g_object_new(FU_TYPE_FW_UPLOAD, NULL);

	g_return_val_if_fail(FU_IS_UDEV_DEVICE(device), NULL);
	g_return_val_if_fail(name != NULL, NULL);

	self->device = g_object_ref(device);
	self->name = g_strdup(name);
	return g_steal_pointer(&self);
}
