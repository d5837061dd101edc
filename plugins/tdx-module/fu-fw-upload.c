/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-fw-upload.h"

/* see Documentation/ABI/testing/sysfs-class-firmware of the kernel */
#define FU_FW_UPLOAD_LOADING_START  "1"
#define FU_FW_UPLOAD_LOADING_FINISH "0"
#define FU_FW_UPLOAD_LOADING_ABORT  "-1"

#define FU_FW_UPLOAD_TIMEOUT 500 /* ms */

/* most uploads take a few milliseconds, and the kernel is given a minute */
#define FU_FW_UPLOAD_POLL_COUNT 6000
#define FU_FW_UPLOAD_POLL_DELAY 10 /* ms */

static gchar *
fu_fw_upload_read(FuUdevDevice *device, const gchar *name, const gchar *attr, GError **error)
{
	g_autofree gchar *path = g_build_filename("firmware", name, attr, NULL);
	g_autofree gchar *value =
	    fu_udev_device_read_sysfs(device, path, FU_FW_UPLOAD_TIMEOUT, error);
	return value != NULL ? g_strescape(value, NULL) : NULL;
}

static gboolean
fu_fw_upload_set_loading(FuUdevDevice *device, const gchar *name, const gchar *str, GError **error)
{
	g_autofree gchar *path = g_build_filename("firmware", name, "loading", NULL);
	return fu_udev_device_write_sysfs(device, path, str, FU_FW_UPLOAD_TIMEOUT, error);
}

/* a program that writes its image is not seen by the driver, which is idle meanwhile */
gboolean
fu_fw_upload_read_status(FuUdevDevice *device,
			 const gchar *name,
			 FuFwUploadStatus *status,
			 GError **error)
{
	g_autofree gchar *value = fu_fw_upload_read(device, name, "status", error);

	*status = FU_FW_UPLOAD_STATUS_UNKNOWN;
	if (value == NULL)
		return FALSE;
	if (g_strcmp0(value, "idle") == 0) {
		g_autofree gchar *loading = fu_fw_upload_read(device, name, "loading", error);
		if (loading == NULL)
			return FALSE;
		*status = g_strcmp0(loading, FU_FW_UPLOAD_LOADING_FINISH) == 0
			      ? FU_FW_UPLOAD_STATUS_IDLE
			      : FU_FW_UPLOAD_STATUS_LOADING;
		return TRUE;
	}
	*status = fu_fw_upload_status_from_string(value);
	if (*status <= FU_FW_UPLOAD_STATUS_LOADING) {
		*status = FU_FW_UPLOAD_STATUS_UNKNOWN;
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "firmware/%s/status is '%s', expected e.g. 'idle'",
			    name,
			    value);
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_fw_upload_check(FuUdevDevice *device, const gchar *name, FuFwUploadStatus status, GError **error)
{
	FuFwUploadStatus actual = FU_FW_UPLOAD_STATUS_UNKNOWN;

	if (!fu_fw_upload_read_status(device, name, &actual, error))
		return FALSE;
	if (actual != status) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_BUSY,
			    "firmware/%s is '%s', expected '%s': another program has interfered",
			    name,
			    fu_fw_upload_status_to_string(actual),
			    fu_fw_upload_status_to_string(status));
		return FALSE;
	}
	return TRUE;
}

/* a mixture with what another program has written would be fatal, and so would be more than that */
static gboolean
fu_fw_upload_check_data(FuUdevDevice *device, const gchar *name, GBytes *blob, GError **error)
{
	g_autofree gchar *path =
	    g_build_filename(fu_udev_device_get_sysfs_path(device), "firmware", name, "data", NULL);
	g_autoptr(FuInputStream) stream = NULL;
	g_autoptr(GBytes) actual = NULL;

	/* not recorded */
	if (fu_device_has_flag(FU_DEVICE(device), FWUPD_DEVICE_FLAG_EMULATED))
		return TRUE;
	stream = fu_input_stream_from_path(path, error);
	if (stream == NULL)
		return FALSE;
	actual = fu_input_stream_read_bytes(stream, 0x0, g_bytes_get_size(blob) + 1, NULL, error);
	if (actual == NULL)
		return FALSE;
	if (!fu_bytes_compare(actual, blob, error)) {
		g_prefix_error_literal(error, "another program has interfered: ");
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_fw_upload_write_data(FuUdevDevice *device, const gchar *name, GBytes *blob, GError **error)
{
	g_autofree gchar *path = g_build_filename("firmware", name, "data", NULL);

	/* in one call: the kernel starts at offset 0 again when the file is opened again */
	if (!fu_udev_device_write_sysfs_bytes(device, path, blob, FU_FW_UPLOAD_TIMEOUT, error))
		return FALSE;
	if (!fu_fw_upload_check_data(device, name, blob, error)) {
		g_prefix_error(error, "firmware/%s/data: ", name);
		return FALSE;
	}

	/* some udev rules abort any upload when the node appears; all later writes would succeed */
	return fu_fw_upload_check(device, name, FU_FW_UPLOAD_STATUS_LOADING, error);
}

static gboolean
fu_fw_upload_wait(FuUdevDevice *device, const gchar *name, GError **error)
{
	FuFwUploadStatus status = FU_FW_UPLOAD_STATUS_UNKNOWN;

	for (guint i = 0; i < FU_FW_UPLOAD_POLL_COUNT; i++) {
		if (!fu_fw_upload_read_status(device, name, &status, error))
			return FALSE;
		if (status <= FU_FW_UPLOAD_STATUS_LOADING)
			return TRUE;
		g_info("firmware/%s is still '%s'", name, fu_fw_upload_status_to_string(status));
		fu_device_sleep(FU_DEVICE(device), FU_FW_UPLOAD_POLL_DELAY);
	}
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_TIMED_OUT,
		    "firmware/%s is still '%s'",
		    name,
		    fu_fw_upload_status_to_string(status));
	return FALSE;
}

/* `error` is empty, or `<status>:<error>` */
static void
fu_fw_upload_read_answer(FuUdevDevice *device, const gchar *name, FuFwUploadResult *result)
{
	const gchar *colon;
	g_autoptr(GError) error_local = NULL;
	g_autofree gchar *value = fu_fw_upload_read(device, name, "error", &error_local);

	/* an empty file is read as a timeout, and replayed as missing data; so is EBUSY, which the
	 * kernel says when there is another upload by now */
	if (value == NULL && !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_TIMED_OUT) &&
	    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND)) {
		g_propagate_prefixed_error(&result->error,
					   g_steal_pointer(&error_local),
					   "failed to read the result of the upload: ");
		return;
	}
	if (value == NULL || value[0] == '\0') {
		if (fu_fw_upload_check(device, name, FU_FW_UPLOAD_STATUS_IDLE, &result->error))
			result->answer = FU_FW_UPLOAD_ERROR_NONE;
		return;
	}
	colon = strchr(value, ':');
	result->answer = fu_fw_upload_error_from_string(colon != NULL ? colon + 1 : value);
	if (result->answer == FU_FW_UPLOAD_ERROR_UNKNOWN)
		result->answer = FU_FW_UPLOAD_ERROR_UNKNOWN_ERROR;
	g_set_error(&result->error, FWUPD_ERROR, FWUPD_ERROR_WRITE, "the kernel said '%s'", value);
}

/* another program may have ended our upload already, which then goes on */
static void
fu_fw_upload_abort(FuUdevDevice *device, const gchar *name, FuFwUploadResult *result)
{
	fu_fw_upload_set_loading(device, name, FU_FW_UPLOAD_LOADING_ABORT, NULL);
	result->pending = !fu_fw_upload_wait(device, name, NULL);
}

void
fu_fw_upload_result_free(FuFwUploadResult *result)
{
	g_clear_error(&result->error);
	g_free(result);
}

/* a driver that is idle again without an error is no proof: the caller has to ask the device */
FuFwUploadResult *
fu_fw_upload_write_bytes(FuUdevDevice *device, const gchar *name, GBytes *blob)
{
	g_autoptr(FuFwUploadResult) result = g_new0(FuFwUploadResult, 1);

	if (!fu_fw_upload_check(device, name, FU_FW_UPLOAD_STATUS_IDLE, &result->error) ||
	    !fu_fw_upload_set_loading(device, name, FU_FW_UPLOAD_LOADING_START, &result->error))
		return g_steal_pointer(&result);
	if (!fu_fw_upload_write_data(device, name, blob, &result->error) ||
	    !fu_fw_upload_set_loading(device, name, FU_FW_UPLOAD_LOADING_FINISH, &result->error)) {
		fu_fw_upload_abort(device, name, result);
		return g_steal_pointer(&result);
	}
	result->pending = TRUE;
	if (!fu_fw_upload_wait(device, name, &result->error))
		return g_steal_pointer(&result);
	result->pending = FALSE;
	fu_fw_upload_read_answer(device, name, result);
	return g_steal_pointer(&result);
}
