/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

typedef enum {
	MOCK_FW_UPLOAD_PROGRESS_IDLE,
	MOCK_FW_UPLOAD_PROGRESS_RECEIVING,
	MOCK_FW_UPLOAD_PROGRESS_PREPARING,
	MOCK_FW_UPLOAD_PROGRESS_TRANSFERRING,
	MOCK_FW_UPLOAD_PROGRESS_PROGRAMMING,
	MOCK_FW_UPLOAD_PROGRESS_LAST
} MockFwUploadProgress;

/**
 * MockFwUploadOps:
 * @write: the driver's write-op; takes the whole image, returns %NULL or what `error` shall say
 * @fault: an injected fault ended the upload
 * @phase: loading, data or a status was reached
 *
 * What the driver behind the upload does. All are called with the lock held.
 **/
typedef struct {
	const gchar *(*write)(GBytes *image, gpointer user_data);
	void (*fault)(gpointer user_data);
	void (*phase)(const gchar *phase, gpointer user_data);
} MockFwUploadOps;

/* as much as goes into one write() of a binary sysfs attribute */
#define MOCK_FW_UPLOAD_WRITE_MAX 4096

/**
 * MockFwUpload:
 * @phase_ms: duration of preparing, transferring and programming each
 * @stuck: the worker stays in this phase, IDLE for none
 * @write_max: most bytes that `data` takes at once
 * @abort_after: one shot: somebody aborts after so many bytes of data, %G_MAXUINT for nobody
 * @second_uploader: one shot: somebody else uploads when our first data comes
 * @fault_progress: one shot: where @fault_error hits
 * @fault_error: (nullable): what `error` says then
 * @uploads: how many uploads reached the work queue
 * @received: (nullable): the last image that reached the work queue
 *
 * One directory of /sys/class/firmware. The owner holds the lock around every call and around
 * every access to the public fields, and calls mock_fw_upload_wake() after changing one.
 **/
typedef struct {
	guint phase_ms;
	MockFwUploadProgress stuck;
	guint write_max;
	guint abort_after;
	gboolean second_uploader;
	MockFwUploadProgress fault_progress;
	gchar *fault_error;
	guint uploads;
	GBytes *received;
	/*< private >*/
	GMutex *lock;
	GCond cond;
	GString *log;
	const MockFwUploadOps *ops;
	gpointer user_data;
	GThread *worker;
	gboolean quit;
	gint state;
	GByteArray *buf;
	guint64 session_bytes;
	GBytes *image;
	MockFwUploadProgress progress;
	MockFwUploadProgress error_progress;
	gchar *error;
	guint remaining_size;
} MockFwUpload;

/**
 * MockFwUploadAttr:
 * @name: of the file
 * @mode: its permissions
 * @show: (nullable): appends the text, or returns a negative errno
 * @store: (nullable): returns the number of bytes taken, or a negative errno
 *
 * A file in that directory. The last of #mock_fw_upload_attrs has no name.
 **/
typedef struct {
	const gchar *name;
	guint mode;
	gint (*show)(MockFwUpload *self, GString *str);
	gint (*store)(MockFwUpload *self, const gchar *buf, gsize bufsz, guint64 offset);
} MockFwUploadAttr;

extern const MockFwUploadAttr mock_fw_upload_attrs[];

MockFwUpload *
mock_fw_upload_new(GMutex *lock, GString *log, const MockFwUploadOps *ops, gpointer user_data);
void
mock_fw_upload_free(MockFwUpload *self);
void
mock_fw_upload_wake(MockFwUpload *self);
void
mock_fw_upload_reset(MockFwUpload *self);

MockFwUploadProgress
mock_fw_upload_progress_from_string(const gchar *str);
