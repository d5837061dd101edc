/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The kernel's firmware upload, as in its Documentation/ABI/testing/sysfs-class-firmware.
 *
 * There are two state machines: that of the buffer (unknown, loading, done), which `loading` and
 * `data` drive, and that of the worker (idle, receiving, preparing, transferring, programming),
 * which `status` shows.
 */

#include "mock-fw-upload.h"

#include <errno.h>
#include <string.h>

/* state of the buffer; the kernel leaves "aborted" at once for "unknown" */
enum { STATE_UNKNOWN, STATE_LOADING, STATE_DONE };

/* the kernel has no limit: stand in for its memory */
#define BUFFER_MAX (64 * 1024 * 1024)

static const gchar *progress_strings[] = {
    "idle",
    "receiving",
    "preparing",
    "transferring",
    "programming",
};

G_STATIC_ASSERT(G_N_ELEMENTS(progress_strings) == MOCK_FW_UPLOAD_PROGRESS_LAST);

/**
 * mock_fw_upload_progress_from_string:
 * @str: what `status` would show
 *
 * Returns: a #MockFwUploadProgress, or %MOCK_FW_UPLOAD_PROGRESS_LAST if there is no such status
 **/
MockFwUploadProgress
mock_fw_upload_progress_from_string(const gchar *str)
{
	guint i;
	for (i = 0; i < G_N_ELEMENTS(progress_strings); i++) {
		if (g_strcmp0(progress_strings[i], str) == 0)
			break;
	}
	return i;
}

static void
mock_fw_upload_set_error(MockFwUpload *self, const gchar *error)
{
	g_free(self->error);
	self->error = g_strdup(error);
	self->error_progress = self->progress;
}

static void
mock_fw_upload_set_progress(MockFwUpload *self, MockFwUploadProgress progress)
{
	self->progress = progress;
	g_string_append_printf(self->log, "status: %s\n", progress_strings[progress]);
	self->ops->phase(progress_strings[progress], self->user_data);
}

/* lets the phase last as long as it shall */
static void
mock_fw_upload_wait(MockFwUpload *self, guint ms)
{
	gint64 now = g_get_monotonic_time();
	gint64 end = now + ms * G_TIME_SPAN_MILLISECOND;

	while (!self->quit && (now < end || self->stuck == self->progress)) {
		if (self->stuck == self->progress)
			g_cond_wait(&self->cond, self->lock);
		else
			g_cond_wait_until(&self->cond, self->lock, end);
		now = g_get_monotonic_time();
	}
}

/* returns FALSE if the upload ends in this phase */
static gboolean
mock_fw_upload_enter(MockFwUpload *self, MockFwUploadProgress progress)
{
	mock_fw_upload_set_progress(self, progress);
	mock_fw_upload_wait(self, self->phase_ms);
	if (self->quit)
		return FALSE;

	if (self->fault_error != NULL && self->fault_progress == progress) {
		g_autofree gchar *error = g_steal_pointer(&self->fault_error);
		mock_fw_upload_set_error(self, error);
		self->ops->fault(self->user_data);
		return FALSE;
	}
	return TRUE;
}

/* tdx-host takes the whole image in one step, so remaining_size falls from all to nothing */
static gboolean
mock_fw_upload_transfer(MockFwUpload *self)
{
	gboolean fault_follows = self->fault_error != NULL &&
				 self->fault_progress == MOCK_FW_UPLOAD_PROGRESS_PROGRAMMING;
	const gchar *error = NULL;

	if (self->image == NULL)
		error = "firmware-invalid"; /* that of the second uploader */
	else if (!fault_follows)
		error = self->ops->write(self->image, self->user_data);
	if (error != NULL) {
		mock_fw_upload_set_error(self, error);
		return FALSE;
	}
	self->remaining_size = 0;
	return TRUE;
}

static gpointer
mock_fw_upload_worker(gpointer user_data)
{
	MockFwUpload *self = user_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(self->lock);

	/* still receiving until the work queue gets to it */
	mock_fw_upload_wait(self, 0);
	if (mock_fw_upload_enter(self, MOCK_FW_UPLOAD_PROGRESS_PREPARING) &&
	    mock_fw_upload_enter(self, MOCK_FW_UPLOAD_PROGRESS_TRANSFERRING) &&
	    mock_fw_upload_transfer(self))
		mock_fw_upload_enter(self, MOCK_FW_UPLOAD_PROGRESS_PROGRAMMING);

	/* remaining_size and the error stay until the next upload */
	g_clear_pointer(&self->image, g_bytes_unref);
	g_byte_array_set_size(self->buf, 0);
	self->state = STATE_UNKNOWN;
	self->progress = MOCK_FW_UPLOAD_PROGRESS_IDLE;
	if (self->error != NULL)
		g_string_append_printf(self->log,
				       "error: %s:%s\n",
				       progress_strings[self->error_progress],
				       self->error);
	g_string_append(self->log, "status: idle\n");
	return NULL;
}

static void
mock_fw_upload_start_worker(MockFwUpload *self, GBytes *image, guint size)
{
	self->state = STATE_DONE;
	mock_fw_upload_set_progress(self, MOCK_FW_UPLOAD_PROGRESS_RECEIVING);
	g_clear_pointer(&self->error, g_free);
	self->remaining_size = size;
	self->image = image;

	/* the worker before this one has let go of the lock for good */
	if (self->worker != NULL)
		g_thread_join(self->worker);
	self->worker = g_thread_new("fw-upload", mock_fw_upload_worker, self);
}

static void
mock_fw_upload_finish_loading(MockFwUpload *self)
{
	GBytes *image;

	/* trap: no upload, no error, and an older error stays */
	if (self->buf->len == 0) {
		g_string_append(self->log, "loading: zero length, nothing is uploaded\n");
		self->state = STATE_UNKNOWN;
		return;
	}
	image = g_bytes_new(self->buf->data, self->buf->len);
	self->uploads++;
	g_clear_pointer(&self->received, g_bytes_unref);
	self->received = g_bytes_ref(image);
	mock_fw_upload_start_worker(self, image, self->buf->len);
}

static gint
mock_fw_upload_loading_show(MockFwUpload *self, GString *str)
{
	g_string_append_printf(str, "%i\n", self->state == STATE_LOADING ? 1 : 0);
	return 0;
}

static gint
mock_fw_upload_loading_store(MockFwUpload *self,
			     const gchar *buf,
			     gsize bufsz,
			     guint64 offset G_GNUC_UNUSED)
{
	g_autofree gchar *value = g_strndup(buf, bufsz);
	gint64 loading = 0;

	if (g_str_has_suffix(value, "\n"))
		value[strlen(value) - 1] = '\0';
	g_string_append_printf(self->log, "loading: %s\n", value);
	if (!g_ascii_string_to_signed(value, 10, G_MININT, G_MAXINT, &loading, NULL))
		return -EINVAL;

	/* trap: success, whatever was written */
	if (self->state == STATE_DONE) {
		g_string_append(self->log, "loading: ignored, busy\n");
		return bufsz;
	}

	if (loading == 1) {
		g_byte_array_set_size(self->buf, 0);
		self->session_bytes = 0;
		self->state = STATE_LOADING;
		self->ops->phase("loading", self->user_data);
	} else if (loading == 0 && self->state == STATE_LOADING) {
		mock_fw_upload_finish_loading(self);
	} else {
		/* -1, any other number, and also 0 when not loading, which is a trap */
		g_string_append(self->log, "loading: aborted\n");
		self->state = STATE_UNKNOWN;
	}
	return bufsz;
}

static gint
mock_fw_upload_data_show(MockFwUpload *self, GString *str)
{
	if (self->state == STATE_DONE)
		return -ENODEV;
	g_string_append_len(str, (const gchar *)self->buf->data, self->buf->len);
	return 0;
}

/* the first data since loading=1; returns FALSE if somebody else was faster */
static gboolean
mock_fw_upload_start_data(MockFwUpload *self)
{
	if (self->second_uploader) {
		g_string_append(self->log, "data: a second uploader was faster\n");
		self->second_uploader = FALSE;
		g_byte_array_set_size(self->buf, 0);
		mock_fw_upload_start_worker(self, NULL, MOCK_FW_UPLOAD_WRITE_MAX);
		return FALSE;
	}
	self->ops->phase("data", self->user_data);
	return TRUE;
}

static gint
mock_fw_upload_data_store(MockFwUpload *self, const gchar *buf, gsize bufsz, guint64 offset)
{
	gsize size = MIN(bufsz, self->write_max);

	if (self->state == STATE_LOADING && self->session_bytes == 0 &&
	    !mock_fw_upload_start_data(self))
		return -ENODEV;
	if (self->state == STATE_DONE)
		return -ENODEV;
	if (offset > BUFFER_MAX - size)
		return -ENOMEM;

	/* trap: this works without loading=1 too, but it is never uploaded */
	if (size > 0 && offset + size > self->buf->len) {
		guint len = self->buf->len;
		g_byte_array_set_size(self->buf, offset + size);
		memset(self->buf->data + len, 0, self->buf->len - len);
	}
	if (size > 0)
		memcpy(self->buf->data + offset, buf, size);
	self->session_bytes += size;

	if (self->state == STATE_LOADING && self->abort_after != G_MAXUINT &&
	    self->session_bytes >= self->abort_after) {
		g_string_append(self->log, "loading: -1, by a udev rule\n");
		self->abort_after = G_MAXUINT;
		self->state = STATE_UNKNOWN;
	}
	return size;
}

static gint
mock_fw_upload_status_show(MockFwUpload *self, GString *str)
{
	g_string_append_printf(str, "%s\n", progress_strings[self->progress]);
	return 0;
}

static gint
mock_fw_upload_error_show(MockFwUpload *self, GString *str)
{
	if (self->progress != MOCK_FW_UPLOAD_PROGRESS_IDLE)
		return -EBUSY;
	if (self->error != NULL)
		g_string_append_printf(str,
				       "%s:%s\n",
				       progress_strings[self->error_progress],
				       self->error);
	return 0;
}

static gint
mock_fw_upload_remaining_size_show(MockFwUpload *self, GString *str)
{
	g_string_append_printf(str, "%u\n", self->remaining_size);
	return 0;
}

static gint
mock_fw_upload_cancel_store(MockFwUpload *self,
			    const gchar *buf,
			    gsize bufsz,
			    guint64 offset G_GNUC_UNUSED)
{
	if (bufsz == 0 || strchr("1yYtT", buf[0]) == NULL)
		return -EINVAL;
	if (self->progress == MOCK_FW_UPLOAD_PROGRESS_IDLE)
		return -ENODEV;

	/* the driver does nothing */
	g_string_append(self->log, "cancel: ignored\n");
	return bufsz;
}

const MockFwUploadAttr mock_fw_upload_attrs[] = {
    {"loading", 0644, mock_fw_upload_loading_show, mock_fw_upload_loading_store},
    {"data", 0644, mock_fw_upload_data_show, mock_fw_upload_data_store},
    {"status", 0444, mock_fw_upload_status_show, NULL},
    {"error", 0444, mock_fw_upload_error_show, NULL},
    {"remaining_size", 0444, mock_fw_upload_remaining_size_show, NULL},
    {"cancel", 0200, NULL, mock_fw_upload_cancel_store},
    {NULL, 0, NULL, NULL},
};

/**
 * mock_fw_upload_wake:
 * @self: a #MockFwUpload
 *
 * Makes the worker look at the public fields again.
 **/
void
mock_fw_upload_wake(MockFwUpload *self)
{
	g_cond_broadcast(&self->cond);
}

/**
 * mock_fw_upload_reset:
 * @self: a #MockFwUpload
 *
 * Registers the upload anew, unless the worker is busy: nothing of older uploads is left.
 **/
void
mock_fw_upload_reset(MockFwUpload *self)
{
	if (self->progress != MOCK_FW_UPLOAD_PROGRESS_IDLE)
		return;
	g_byte_array_set_size(self->buf, 0);
	g_clear_pointer(&self->error, g_free);
	self->remaining_size = 0;
	self->state = STATE_UNKNOWN;
}

MockFwUpload *
mock_fw_upload_new(GMutex *lock, GString *log, const MockFwUploadOps *ops, gpointer user_data)
{
	MockFwUpload *self = g_new0(MockFwUpload, 1);
	self->lock = lock;
	self->log = log;
	self->ops = ops;
	self->user_data = user_data;
	self->write_max = MOCK_FW_UPLOAD_WRITE_MAX;
	self->abort_after = G_MAXUINT;
	self->buf = g_byte_array_new();
	g_cond_init(&self->cond);
	return self;
}

/**
 * mock_fw_upload_free:
 * @self: a #MockFwUpload
 *
 * Ends the worker and frees everything. The lock must not be held.
 **/
void
mock_fw_upload_free(MockFwUpload *self)
{
	g_mutex_lock(self->lock);
	self->quit = TRUE;
	mock_fw_upload_wake(self);
	g_mutex_unlock(self->lock);
	if (self->worker != NULL)
		g_thread_join(self->worker);
	g_cond_clear(&self->cond);
	g_byte_array_unref(self->buf);
	g_clear_pointer(&self->received, g_bytes_unref);
	g_free(self->fault_error);
	g_free(self->error);
	g_free(self);
}
