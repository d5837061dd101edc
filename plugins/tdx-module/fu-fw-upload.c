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

#define FU_FW_UPLOAD_SYSFS_TIMEOUT 500 /* ms */

/* most uploads take a few milliseconds, and the kernel is given a minute */
#define FU_FW_UPLOAD_POLL_COUNT 6000
#define FU_FW_UPLOAD_POLL_DELAY 10 /* ms */

static gchar *
fu_fw_upload_build_attr(const gchar *name, const gchar *attr)
{
	return g_build_filename("firmware", name, attr, NULL);
}

static gchar *
fu_fw_upload_read(FuUdevDevice *device, const gchar *name, const gchar *attr, GError **error)
{
	g_autofree gchar *path = fu_fw_upload_build_attr(name, attr);
	g_autofree gchar *value =
	    fu_udev_device_read_sysfs(device, path, FU_FW_UPLOAD_SYSFS_TIMEOUT, error);
	return value != NULL ? g_strescape(value, NULL) : NULL;
}

static gboolean
fu_fw_upload_write_loading(FuUdevDevice *device,
			   const gchar *name,
			   const gchar *value,
			   GError **error)
{
	g_autofree gchar *path = fu_fw_upload_build_attr(name, "loading");
	return fu_udev_device_write_sysfs(device, path, value, FU_FW_UPLOAD_SYSFS_TIMEOUT, error);
}

/* a program that writes its image is not seen by the driver, which is idle meanwhile */
gboolean
fu_fw_upload_read_status(FuUdevDevice *device,
			 const gchar *name,
			 FuFwUploadStatus *status,
			 GError **error)
{
	g_autofree gchar *loading = NULL;
	g_autofree gchar *value = fu_fw_upload_read(device, name, "status", error);

	*status = FU_FW_UPLOAD_STATUS_UNKNOWN;
	if (value == NULL)
		return FALSE;
	if (g_strcmp0(value, "idle") == 0) {
		loading = fu_fw_upload_read(device, name, "loading", error);
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
fu_fw_upload_check_idle(FuUdevDevice *device, const gchar *name, GError **error)
{
	FuFwUploadStatus status = FU_FW_UPLOAD_STATUS_UNKNOWN;

	if (!fu_fw_upload_read_status(device, name, &status, error))
		return FALSE;
	if (status != FU_FW_UPLOAD_STATUS_IDLE) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_BUSY,
			    "firmware/%s is '%s', expected 'idle': another program is uploading",
			    name,
			    fu_fw_upload_status_to_string(status));
		return FALSE;
	}
	return TRUE;
}

/* a mixture with what another program has written would be fatal, and so would be more than that */
static gboolean
fu_fw_upload_check_data(FuUdevDevice *device, const gchar *name, GBytes *blob, GError **error)
{
	g_autofree gchar *path = NULL;
	g_autoptr(FuInputStream) stream = NULL;
	g_autoptr(GBytes) blob_read = NULL;

	/* not recorded */
	if (fu_device_has_flag(FU_DEVICE(device), FWUPD_DEVICE_FLAG_EMULATED))
		return TRUE;
	path =
	    g_build_filename(fu_udev_device_get_sysfs_path(device), "firmware", name, "data", NULL);
	stream = fu_input_stream_from_path(path, error);
	if (stream == NULL)
		return FALSE;
	blob_read =
	    fu_input_stream_read_bytes(stream, 0x0, g_bytes_get_size(blob) + 1, NULL, error);
	if (blob_read == NULL)
		return FALSE;
	if (!fu_bytes_compare(blob_read, blob, error)) {
		g_prefix_error_literal(error, "another program has interfered: ");
		return FALSE;
	}
	return TRUE;
}

static gboolean
fu_fw_upload_write_data(FuUdevDevice *device, const gchar *name, GBytes *blob, GError **error)
{
	g_autofree gchar *loading = NULL;
	g_autofree gchar *path = fu_fw_upload_build_attr(name, "data");

	/* in one call: the kernel starts at offset 0 again when the file is opened again */
	if (!fu_udev_device_write_sysfs_bytes(device,
					      path,
					      blob,
					      FU_FW_UPLOAD_SYSFS_TIMEOUT,
					      error))
		return FALSE;
	if (!fu_fw_upload_check_data(device, name, blob, error)) {
		g_prefix_error(error, "firmware/%s/data: ", name);
		return FALSE;
	}

	/* some udev rules abort any upload when the node appears; all later writes would succeed */
	loading = fu_fw_upload_read(device, name, "loading", error);
	if (loading == NULL)
		return FALSE;
	if (g_strcmp0(loading, FU_FW_UPLOAD_LOADING_START) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "firmware/%s/loading is '%s', expected '%s': another program has "
			    "interfered",
			    name,
			    loading,
			    FU_FW_UPLOAD_LOADING_START);
		return FALSE;
	}
	return TRUE;
}

typedef struct {
	const gchar *name;
	GError *error;
} FuFwUploadPollHelper;

/* only BUSY asks for another try */
static gboolean
fu_fw_upload_poll_cb(FuDevice *device, gpointer user_data, GError **error)
{
	FuFwUploadPollHelper *helper = (FuFwUploadPollHelper *)user_data;
	FuFwUploadStatus status = FU_FW_UPLOAD_STATUS_UNKNOWN;

	if (!fu_fw_upload_read_status(FU_UDEV_DEVICE(device),
				      helper->name,
				      &status,
				      &helper->error) ||
	    status <= FU_FW_UPLOAD_STATUS_LOADING)
		return TRUE;
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_BUSY,
		    "firmware/%s/status is still '%s'",
		    helper->name,
		    fu_fw_upload_status_to_string(status));
	return FALSE;
}

static gboolean
fu_fw_upload_wait(FuUdevDevice *device, const gchar *name, GError **error)
{
	FuFwUploadPollHelper helper = {.name = name};

	if (!fu_device_retry_full(FU_DEVICE(device),
				  fu_fw_upload_poll_cb,
				  FU_FW_UPLOAD_POLL_COUNT,
				  FU_FW_UPLOAD_POLL_DELAY,
				  &helper,
				  error))
		return FALSE;
	if (helper.error != NULL) {
		g_propagate_error(error, helper.error);
		return FALSE;
	}
	return TRUE;
}

/* `error` is empty, or `<status>:<error>` */
static gboolean
fu_fw_upload_read_answer(FuUdevDevice *device,
			 const gchar *name,
			 FuFwUploadError *answer,
			 GError **error)
{
	const gchar *colon;
	g_autofree gchar *value = NULL;
	g_autoptr(GError) error_local = NULL;

	value = fu_fw_upload_read(device, name, "error", &error_local);
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
		if (!fu_fw_upload_check_idle(device, name, error))
			return FALSE;
	}
	if (value == NULL || value[0] == '\0') {
		*answer = FU_FW_UPLOAD_ERROR_NONE;
		return TRUE;
	}
	colon = strchr(value, ':');
	*answer = fu_fw_upload_error_from_string(colon != NULL ? colon + 1 : value);
	if (*answer == FU_FW_UPLOAD_ERROR_UNKNOWN)
		*answer = FU_FW_UPLOAD_ERROR_UNKNOWN_ERROR;
	g_set_error(error, FWUPD_ERROR, FWUPD_ERROR_WRITE, "the kernel said '%s'", value);
	return FALSE;
}

/* another program may have ended our upload already, which then goes on */
static void
fu_fw_upload_abort(FuUdevDevice *device, const gchar *name, FuFwUploadResult *result)
{
	fu_fw_upload_write_loading(device, name, FU_FW_UPLOAD_LOADING_ABORT, NULL);
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

	if (!fu_fw_upload_check_idle(device, name, &result->error) ||
	    !fu_fw_upload_write_loading(device, name, FU_FW_UPLOAD_LOADING_START, &result->error))
		return g_steal_pointer(&result);
	if (!fu_fw_upload_write_data(device, name, blob, &result->error) ||
	    !fu_fw_upload_write_loading(device,
					name,
					FU_FW_UPLOAD_LOADING_FINISH,
					&result->error)) {
		fu_fw_upload_abort(device, name, result);
		return g_steal_pointer(&result);
	}
	result->pending = TRUE;
	if (!fu_fw_upload_wait(device, name, &result->error))
		return g_steal_pointer(&result);
	result->pending = FALSE;
	if (!fu_fw_upload_read_answer(device, name, &result->answer, &result->error))
		g_debug("upload failed: %s", result->error->message);
	return g_steal_pointer(&result);
}
