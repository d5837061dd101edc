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
 * @phase: a status was reached, or one of those steps of our own program that
 *     mock_other_act() lists
 *
 * What the driver behind the upload does. All are called with the lock held.
 **/
typedef struct {
	const gchar *(*write)(GBytes *image, gpointer user_data);
	void (*fault)(gpointer user_data);
	void (*phase)(const gchar *phase, gpointer user_data);
} MockFwUploadOps;

/* as much as one read() or write() of a binary sysfs attribute moves */
#define MOCK_FW_UPLOAD_CALL_MAX 4096

/**
 * MockFwUpload:
 * @phase_ms: duration of preparing, transferring and programming each
 * @stuck: the worker stays in this phase, IDLE for none
 * @write_max: most bytes that `data` takes at once
 * @fault_progress: one shot: where @fault_error hits
 * @fault_error: (nullable): what `error` says then
 * @uploads: how many uploads of our own program reached the work queue
 * @received: (nullable): the last image that reached the work queue
 * @others: (element-type MockOther): what another program will do
 * @is_other: it is that program that calls now
 * @our_bytes: how much data our own program has written since its loading=1
 *
 * One directory of /sys/class/firmware. The owner holds the lock around every call and around
 * every access to the public fields, and calls mock_fw_upload_wake() after changing one.
 **/
typedef struct {
	guint phase_ms;
	MockFwUploadProgress stuck;
	guint write_max;
	MockFwUploadProgress fault_progress;
	gchar *fault_error;
	guint uploads;
	GBytes *received;
	GPtrArray *others;
	gboolean is_other;
	guint64 our_bytes;
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
 * @read: (nullable): of a binary one; returns the number of bytes, or a negative errno
 *
 * A file in that directory. The last of #mock_fw_upload_attrs has no name.
 **/
typedef struct {
	const gchar *name;
	guint mode;
	gint (*show)(MockFwUpload *self, GString *str);
	gint (*store)(MockFwUpload *self, const gchar *buf, gsize bufsz, guint64 offset);
	gint (*read)(MockFwUpload *self, gchar *buf, gsize bufsz, guint64 offset);
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

gint
mock_fw_upload_store(MockFwUpload *self,
		     const gchar *name,
		     const gchar *buf,
		     gsize bufsz,
		     guint64 offset);
MockFwUploadProgress
mock_fw_upload_progress_from_string(const gchar *str);
