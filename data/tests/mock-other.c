/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Another program that uses the upload while our own does. What it does is nothing but writes to
 * the same two files, so that what comes of them is the kernel's business, here too.
 */

#include "mock-other.h"

#include <string.h>

/* what it writes if that is no file: no part of an image */
#define FILLER 0xA5

/* the most that it writes */
#define DATA_MAX (4 * 1024 * 1024)

/* a write to loading if there is a value, else to data */
typedef struct {
	gchar *loading;
	GBytes *data;
	guint64 offset;
} MockOtherWrite;

/**
 * MockOther:
 * @step: what our program does when this one starts, or %NULL
 * @bytes: how much data our program has written when this one starts, if there is no @step
 * @writes: (element-type MockOtherWrite): all that it does
 *
 * What another program does at one moment.
 **/
typedef struct {
	gchar *step;
	guint64 bytes;
	GPtrArray *writes;
} MockOther;

static void
mock_other_write_free(MockOtherWrite *self)
{
	g_free(self->loading);
	g_clear_pointer(&self->data, g_bytes_unref);
	g_free(self);
}

static void
mock_other_free(MockOther *self)
{
	g_free(self->step);
	g_ptr_array_unref(self->writes);
	g_free(self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MockOther, mock_other_free)

GPtrArray *
mock_other_array_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)mock_other_free);
}

/* LEN@OFFSET, or the name of a file */
static GBytes *
mock_other_parse_data(const gchar *str, guint64 *offset)
{
	gchar *buf = NULL;
	gsize bufsz = 0;
	guint64 len = 0;
	g_auto(GStrv) parts = g_strsplit(str, "@", 2);

	if (str[0] == '/') {
		if (!g_file_get_contents(str, &buf, &bufsz, NULL))
			return NULL;
		return g_bytes_new_take(buf, bufsz);
	}
	if (g_strv_length(parts) != 2 ||
	    !g_ascii_string_to_unsigned(parts[0], 10, 1, DATA_MAX, &len, NULL) ||
	    !g_ascii_string_to_unsigned(parts[1], 10, 0, DATA_MAX, offset, NULL))
		return NULL;
	buf = g_malloc(len);
	memset(buf, FILLER, len);
	return g_bytes_new_take(buf, len);
}

static gboolean
mock_other_add_write(MockOther *self, const gchar *str)
{
	MockOtherWrite *write = g_new0(MockOtherWrite, 1);
	const gchar *const values[] = {"1", "0", "-1", NULL};

	g_ptr_array_add(self->writes, write);
	if (g_strv_contains(values, str)) {
		write->loading = g_strdup(str);
		return TRUE;
	}
	write->data = mock_other_parse_data(str, &write->offset);
	return write->data != NULL;
}

/**
 * mock_other_add:
 * @upload: a #MockFwUpload
 * @str: `WHEN:WRITE[,WRITE...]`, see --help
 *
 * Lets another program act once, either now or as soon as our own gets there.
 *
 * Returns: %TRUE if valid
 **/
gboolean
mock_other_add(MockFwUpload *upload, const gchar *str)
{
	const gchar *const steps[] = {"now", "begin", "loading", "data", "read", "end", NULL};
	g_autoptr(MockOther) self = g_new0(MockOther, 1);
	g_auto(GStrv) parts = g_strsplit(str, ":", 2);
	g_auto(GStrv) writes =
	    g_strsplit(parts[0] != NULL && parts[1] != NULL ? parts[1] : "", ",", -1);

	self->writes = g_ptr_array_new_with_free_func((GDestroyNotify)mock_other_write_free);
	if (parts[0] == NULL || writes[0] == NULL)
		return FALSE;
	if (g_strv_contains(steps, parts[0]))
		self->step = g_strdup(parts[0]);
	else if (!g_ascii_string_to_unsigned(parts[0], 10, 1, DATA_MAX, &self->bytes, NULL))
		return FALSE;
	for (guint i = 0; writes[i] != NULL; i++) {
		if (!mock_other_add_write(self, writes[i]))
			return FALSE;
	}
	g_ptr_array_add(upload->others, g_steal_pointer(&self));
	mock_other_act(upload, "now");
	return TRUE;
}

static void
mock_other_write_data(MockFwUpload *upload, GBytes *data, guint64 offset)
{
	gsize bufsz = 0;
	gsize done = 0;
	const gchar *buf = g_bytes_get_data(data, &bufsz);
	gint rc = 1;

	while (done < bufsz && rc > 0) {
		rc = mock_fw_upload_store(upload, "data", buf + done, bufsz - done, offset + done);
		done += MAX(rc, 0);
	}
	g_string_append_printf(upload->log,
			       "other: data: %" G_GSIZE_FORMAT " bytes at %" G_GUINT64_FORMAT
			       "%s%s\n",
			       done,
			       offset,
			       rc < 0 ? ", then " : "",
			       rc < 0 ? g_strerror(-rc) : "");
}

static void
mock_other_run(MockOther *self, MockFwUpload *upload)
{
	for (guint i = 0; i < self->writes->len; i++) {
		MockOtherWrite *write = g_ptr_array_index(self->writes, i);
		if (write->loading != NULL)
			mock_fw_upload_store(upload,
					     "loading",
					     write->loading,
					     strlen(write->loading),
					     0);
		else
			mock_other_write_data(upload, write->data, write->offset);
	}
}

/**
 * mock_other_act:
 * @upload: a #MockFwUpload
 * @step: what our own program does: `begin`, its loading=1 comes; `loading`, that was taken;
 *     `data`, its first data comes; `taken`, some more data was taken; `read`, it has read back
 *     data up to its end; `end`, its loading=0 comes; or `now` for nothing
 *
 * Does what waits for that.
 **/
void
mock_other_act(MockFwUpload *upload, const gchar *step)
{
	gboolean taken = g_str_equal(step, "taken");

	for (guint i = 0; i < upload->others->len;) {
		MockOther *other = g_ptr_array_index(upload->others, i);
		g_autoptr(MockOther) due = NULL;

		if (taken ? other->step != NULL || upload->our_bytes < other->bytes
			  : g_strcmp0(other->step, step) != 0) {
			i++;
			continue;
		}
		due = g_ptr_array_steal_index(upload->others, i);
		mock_other_run(due, upload);
	}
}
