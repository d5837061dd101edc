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

#include "mock-other.h"

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

	if (!fault_follows)
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
mock_fw_upload_start_worker(MockFwUpload *self)
{
	self->state = STATE_DONE;
	mock_fw_upload_set_progress(self, MOCK_FW_UPLOAD_PROGRESS_RECEIVING);
	g_clear_pointer(&self->error, g_free);
	self->remaining_size = self->buf->len;
	self->image = g_bytes_new(self->buf->data, self->buf->len);
	g_clear_pointer(&self->received, g_bytes_unref);
	self->received = g_bytes_ref(self->image);

	/* the worker before this one has let go of the lock for good */
	if (self->worker != NULL)
		g_thread_join(self->worker);
	self->worker = g_thread_new("fw-upload", mock_fw_upload_worker, self);
}

static void
mock_fw_upload_finish_loading(MockFwUpload *self)
{
	/* trap: no upload, no error, and an older error stays */
	if (self->buf->len == 0) {
		g_string_append(self->log, "loading: zero length, nothing is uploaded\n");
		self->state = STATE_UNKNOWN;
		return;
	}
	if (!self->is_other)
		self->uploads++;
	mock_fw_upload_start_worker(self);
}

/* our own program got this far, so it is the turn of what waits for that */
static void
mock_fw_upload_reach(MockFwUpload *self, const gchar *step)
{
	if (self->is_other)
		return;
	self->ops->phase(step, self->user_data);
	mock_other_act(self, step);
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
	gboolean valid;
	gint64 loading = 0;
	g_autofree gchar *value = g_strndup(buf, bufsz);

	if (g_str_has_suffix(value, "\n"))
		value[strlen(value) - 1] = '\0';
	valid = g_ascii_string_to_signed(value, 10, G_MININT, G_MAXINT, &loading, NULL);
	if (valid && loading == 1 && self->state != STATE_DONE)
		mock_fw_upload_reach(self, "begin");
	if (valid && loading == 0 && self->state == STATE_LOADING)
		mock_fw_upload_reach(self, "end");
	g_string_append_printf(self->log,
			       "%sloading: %s\n",
			       self->is_other ? "other: " : "",
			       value);
	if (!valid)
		return -EINVAL;

	/* trap: success, whatever was written */
	if (self->state == STATE_DONE) {
		g_string_append(self->log, "loading: ignored, busy\n");
		return bufsz;
	}

	if (loading == 1) {
		/* whoever has begun before has lost what was written */
		g_byte_array_set_size(self->buf, 0);
		if (!self->is_other)
			self->our_bytes = 0;
		self->state = STATE_LOADING;
		mock_fw_upload_reach(self, "loading");
	} else if (loading == 0 && self->state == STATE_LOADING) {
		mock_fw_upload_finish_loading(self);
	} else {
		/* -1, any other number, and also 0 when not loading, which is a trap */
		g_string_append(self->log, "loading: aborted\n");
		self->state = STATE_UNKNOWN;
	}
	return bufsz;
}

/* any part at any time, but as in the kernel also what was written before an abort */
static gint
mock_fw_upload_data_read(MockFwUpload *self, gchar *buf, gsize bufsz, guint64 offset)
{
	gsize size;

	if (self->state == STATE_DONE)
		return -ENODEV;
	if (offset >= self->buf->len)
		return 0;
	size = MIN(MIN(bufsz, MOCK_FW_UPLOAD_CALL_MAX), self->buf->len - offset);
	memcpy(buf, self->buf->data + offset, size);
	if (self->state == STATE_LOADING && offset + size == self->buf->len)
		mock_fw_upload_reach(self, "read");
	return size;
}

static gint
mock_fw_upload_data_store(MockFwUpload *self, const gchar *buf, gsize bufsz, guint64 offset)
{
	gsize size = MIN(bufsz, self->write_max);

	if (self->state == STATE_LOADING && self->our_bytes == 0)
		mock_fw_upload_reach(self, "data");
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
	if (!self->is_other) {
		self->our_bytes += size;
		mock_fw_upload_reach(self, "taken");
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
    {"data", 0644, NULL, mock_fw_upload_data_store, mock_fw_upload_data_read},
    {"status", 0444, mock_fw_upload_status_show},
    {"error", 0444, mock_fw_upload_error_show},
    {"remaining_size", 0444, mock_fw_upload_remaining_size_show},
    {"cancel", 0200, NULL, mock_fw_upload_cancel_store},
    {NULL},
};

/**
 * mock_fw_upload_store:
 * @self: a #MockFwUpload
 * @name: loading or data
 * @buf: what to write
 * @bufsz: how much
 * @offset: where
 *
 * Writes into a file as another program.
 *
 * Returns: the number of bytes taken, or a negative errno
 **/
gint
mock_fw_upload_store(MockFwUpload *self,
		     const gchar *name,
		     const gchar *buf,
		     gsize bufsz,
		     guint64 offset)
{
	gint rc = -ENOENT;

	self->is_other = TRUE;
	for (const MockFwUploadAttr *attr = mock_fw_upload_attrs; attr->name != NULL; attr++) {
		if (g_strcmp0(attr->name, name) == 0)
			rc = attr->store(self, buf, bufsz, offset);
	}
	self->is_other = FALSE;
	return rc;
}

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
	self->write_max = MOCK_FW_UPLOAD_CALL_MAX;
	self->others = mock_other_array_new();
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
	g_ptr_array_unref(self->others);
	g_free(self->fault_error);
	g_free(self->error);
	g_free(self);
}
