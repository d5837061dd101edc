/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The tests' own files below control/, and all that can be set with them; --help has the list.
 */

#include <errno.h>

#include "mock-host.h"
#include "mock-other.h"

static gint
mock_control_writes_show(MockHost *self, GString *str)
{
	g_string_append_printf(str,
			       "loading=%u data=%u uploads=%u\n",
			       self->loading->writes,
			       self->data->writes,
			       self->upload->uploads);
	return 0;
}

static gint
mock_control_log_show(MockHost *self, GString *str)
{
	g_string_append(str, self->log->str);
	return 0;
}

/* from the begin of the last upload until its version was read, in microseconds */
static gint
mock_control_elapsed_show(MockHost *self, GString *str)
{
	if (self->loading_at == 0 || self->running_at < self->loading_at || self->seen_at == 0)
		return -ENODATA;
	g_string_append_printf(str, "%" G_GINT64_FORMAT "\n", self->seen_at - self->loading_at);
	return 0;
}

static gint
mock_control_received_show(MockHost *self, GString *str)
{
	gsize bufsz = 0;
	const gchar *buf = NULL;

	if (self->upload->received != NULL)
		buf = g_bytes_get_data(self->upload->received, &bufsz);
	g_string_append_len(str, buf, bufsz);
	return 0;
}

/*
 * the setters in the table of keys; `field` is the third column
 */

static gboolean
mock_control_set_uint(MockHost *self G_GNUC_UNUSED, gpointer field, const gchar *value)
{
	return mock_str_to_uint(value, G_MAXUINT, field);
}

static gboolean
mock_control_set_flag(MockHost *self G_GNUC_UNUSED, gpointer field, const gchar *value)
{
	return mock_str_to_uint(value, 1, field);
}

static gboolean
mock_control_set_string(MockHost *self G_GNUC_UNUSED, gpointer field, const gchar *value)
{
	mock_str_replace(field, value[0] != '\0' ? value : NULL);
	return TRUE;
}

static gboolean
mock_control_set_cpus(MockHost *self G_GNUC_UNUSED, gpointer field, const gchar *value)
{
	guint8 cpus[MOCK_CPU_MAX];
	if (!mock_str_to_cpus(value, cpus))
		return FALSE;
	mock_str_replace(field, value);
	return TRUE;
}

/* absent and no-upload: what comes back is new */
static gboolean
mock_control_set_gone(MockHost *self, gpointer field, const gchar *value)
{
	gboolean *gone = field;
	gboolean was_gone = *gone;

	if (!mock_control_set_flag(self, gone, value))
		return FALSE;
	if (was_gone && !*gone) {
		mock_fw_upload_reset(self->upload);
		if (gone == &self->absent)
			self->probed_at =
			    g_get_monotonic_time() + self->late_attrs_ms * G_TIME_SPAN_MILLISECOND;
	}
	return TRUE;
}

/* where the upload or the device vanishes */
static gboolean
mock_control_set_phase(MockHost *self, gpointer field, const gchar *value)
{
	MockFwUploadProgress progress = mock_fw_upload_progress_from_string(value);
	if (value[0] != '\0' && g_strcmp0(value, "loading") != 0 && g_strcmp0(value, "data") != 0 &&
	    (progress == MOCK_FW_UPLOAD_PROGRESS_IDLE || progress == MOCK_FW_UPLOAD_PROGRESS_LAST))
		return FALSE;
	return mock_control_set_string(self, field, value);
}

static gboolean
mock_control_set_stuck(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	MockFwUploadProgress progress =
	    mock_fw_upload_progress_from_string(value[0] != '\0' ? value : "idle");
	if (progress == MOCK_FW_UPLOAD_PROGRESS_LAST)
		return FALSE;
	self->upload->stuck = progress;
	return TRUE;
}

/* of a released module more is known, for others give running-svn= and running-hv= after this */
static gboolean
mock_control_set_running(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	guint16 svn = mock_release_get_svn(value);
	if (svn != 0) {
		self->seamldr.running_svn = svn;
		self->seamldr.running_hv = 0;
	}
	mock_host_set_running(self, value);
	return TRUE;
}

static gboolean
mock_control_set_u16(MockHost *self G_GNUC_UNUSED, gpointer field, const gchar *value)
{
	guint16 *number = field;
	guint tmp = 0;
	if (!mock_str_to_uint(value, G_MAXUINT16, &tmp))
		return FALSE;
	*number = tmp;
	return TRUE;
}

static gboolean
mock_control_set_seamldr(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	guint64 major = g_ascii_strtoull(value, NULL, 10);
	if (major == 0)
		return FALSE;
	self->seamldr.version_major = major;
	mock_str_replace(&self->seamldr_version, value);
	return TRUE;
}

static gboolean
mock_control_set_short_write(MockHost *self, gpointer field, const gchar *value)
{
	self->upload->write_max = MOCK_FW_UPLOAD_CALL_MAX;
	return value[0] == '\0' || mock_control_set_uint(self, field, value);
}

/* WHEN:WRITE[,WRITE...] */
static gboolean
mock_control_set_other(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	if (value[0] != '\0')
		return mock_other_add(self->upload, value);
	g_ptr_array_set_size(self->upload->others, 0);
	return TRUE;
}

static gboolean
mock_control_set_abort_after(MockHost *self, gpointer field, const gchar *value)
{
	g_autofree gchar *other = g_strdup_printf("%s:-1", value);
	return mock_control_set_other(self, field, value[0] != '\0' ? other : "");
}

static gboolean
mock_control_set_second_uploader(MockHost *self, gpointer field, const gchar *value)
{
	guint flag = 0;
	return mock_str_to_uint(value, 1, &flag) &&
	       mock_control_set_other(self, field, flag > 0 ? "data:1,4096@0,0" : "");
}

static gboolean
mock_control_set_kvm_tdx(MockHost *self, gpointer field, const gchar *value)
{
	const gchar *const values[] = {"Y", "N", "", NULL};
	return g_strv_contains(values, value) && mock_control_set_string(self, field, value);
}

/* ATTR, or all when empty */
static gboolean
mock_control_set_hang(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	MockNode *node;

	if (value[0] == '\0') {
		mock_tree_release(self);
		return TRUE;
	}
	node = mock_tree_find_attr(self, value);
	if (node == NULL)
		return FALSE;
	node->hangs = TRUE;
	return TRUE;
}

/* N:LIST */
static gboolean
mock_control_set_cpu_offline(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ":", 2);
	return g_strv_length(parts) == 2 &&
	       mock_str_to_uint(parts[0], G_MAXUINT, &self->online_reads_left) &&
	       mock_control_set_cpus(self, &self->online_after_reads, parts[1]);
}

/* STATUS:ERROR */
static gboolean
mock_control_set_fault(MockHost *self, gpointer field, const gchar *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ":", 2);
	MockFwUploadProgress progress;

	if (value[0] == '\0')
		return mock_control_set_string(self, field, value);
	progress = mock_fw_upload_progress_from_string(parts[0]);
	if (parts[1] == NULL || progress < MOCK_FW_UPLOAD_PROGRESS_PREPARING ||
	    progress > MOCK_FW_UPLOAD_PROGRESS_PROGRAMMING)
		return FALSE;
	self->upload->fault_progress = progress;
	mock_str_replace(field, parts[1]);
	return TRUE;
}

static const struct {
	const gchar *name;
	gint value;
} errnos[] = {
    {"0", 0},
    {"EACCES", EACCES},
    {"EAGAIN", EAGAIN},
    {"EBUSY", EBUSY},
    {"EINTR", EINTR},
    {"EINVAL", EINVAL},
    {"EIO", EIO},
    {"ENODEV", ENODEV},
    {"ENOENT", ENOENT},
    {"ENOMEM", ENOMEM},
    {"ENOSPC", ENOSPC},
    {"ENXIO", ENXIO},
    {"EPERM", EPERM},
    {"EROFS", EROFS},
    {"ETIMEDOUT", ETIMEDOUT},
};

static gboolean
mock_control_parse_errno(const gchar *str, gint *value)
{
	for (guint i = 0; i < G_N_ELEMENTS(errnos); i++) {
		if (g_strcmp0(errnos[i].name, str) == 0) {
			*value = errnos[i].value;
			return TRUE;
		}
	}
	return FALSE;
}

/* ATTR:[open:|read:|write:|open-read:]ERRNO[:COUNT] */
static gboolean
mock_control_set_attr_errno(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	const gchar *names[] = {"open", "read", "write", "open-read"};
	g_auto(GStrv) parts = g_strsplit(value, ":", -1);
	MockNode *node = parts[0] != NULL ? mock_tree_find_attr(self, parts[0]) : NULL;
	MockOperation operations = 0;
	guint count = 0;
	guint i = 1;

	if (node == NULL || parts[1] == NULL)
		return FALSE;
	for (guint j = 0; j < G_N_ELEMENTS(names); j++) {
		if (g_strcmp0(parts[1], names[j]) == 0)
			operations = 1 << j;
	}
	if (operations != 0)
		i++;
	else
		operations = OPERATION_OPEN | OPERATION_READ | OPERATION_WRITE;
	if (parts[i] == NULL || !mock_control_parse_errno(parts[i], &node->fault_errno))
		return FALSE;
	if (parts[i + 1] != NULL && !mock_str_to_uint(parts[i + 1], G_MAXINT, &count))
		return FALSE;
	node->fault_operations = operations;
	node->fault_count = parts[i + 1] != NULL ? (gint)count : -1;
	return TRUE;
}

static GBytes *
mock_control_unescape(const gchar *str)
{
	GByteArray *buf = g_byte_array_new();

	for (const gchar *p = str; *p != '\0'; p++) {
		guint8 byte = *p;
		if (p[0] == '\\' && p[1] == 'x' && g_ascii_isxdigit(p[2]) &&
		    g_ascii_isxdigit(p[3])) {
			byte = g_ascii_xdigit_value(p[2]) << 4 | g_ascii_xdigit_value(p[3]);
			p += 3;
		} else if (p[0] == '\\' && p[1] != '\0') {
			byte = p[1] == 'n' ? '\n' : p[1] == 't' ? '\t' : p[1];
			p++;
		}
		g_byte_array_append(buf, &byte, 1);
	}
	return g_byte_array_free_to_bytes(buf);
}

/* neither text nor short */
static GBytes *
mock_control_make_garbage(void)
{
	guint8 buf[4096];
	for (guint i = 0; i < sizeof(buf); i++)
		buf[i] = 0x80 + i * 167;
	return g_bytes_new(buf, sizeof(buf));
}

/* ATTR:TEXT */
static gboolean
mock_control_set_attr_text(MockHost *self, gpointer field G_GNUC_UNUSED, const gchar *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ":", 2);
	MockNode *node = parts[0] != NULL ? mock_tree_find_attr(self, parts[0]) : NULL;

	if (node == NULL || parts[1] == NULL)
		return FALSE;
	g_clear_pointer(&node->text, g_bytes_unref);
	if (g_strcmp0(parts[1], "@empty") == 0)
		node->text = g_bytes_new(NULL, 0);
	else if (g_strcmp0(parts[1], "@garbage") == 0)
		node->text = mock_control_make_garbage();
	else if (parts[1][0] != '\0')
		node->text = mock_control_unescape(parts[1]);
	return TRUE;
}

/**
 * mock_control_set:
 * @self: a #MockHost
 * @key: one of those that --help describes
 * @value: its value
 *
 * Changes the machine.
 *
 * Returns: %TRUE if both are valid
 **/
gboolean
mock_control_set(MockHost *self, const gchar *key, const gchar *value)
{
	const struct {
		const gchar *key;
		gboolean (*set)(MockHost *self, gpointer field, const gchar *value);
		gpointer field;
	} keys[] = {
	    {"abort-after", mock_control_set_abort_after, NULL},
	    {"absent", mock_control_set_gone, &self->absent},
	    {"attr-errno", mock_control_set_attr_errno, NULL},
	    {"attr-text", mock_control_set_attr_text, NULL},
	    {"cgroup-namespace", mock_control_set_flag, &self->cgroup_namespace},
	    {"cpu-offline-after-reads", mock_control_set_cpu_offline, NULL},
	    {"erratum", mock_control_set_flag, &self->erratum},
	    {"fault", mock_control_set_fault, &self->upload->fault_error},
	    {"fault-after", mock_control_set_string, &self->fault_after},
	    {"fault-loses", mock_control_set_flag, &self->fault_loses},
	    {"fault-version", mock_control_set_string, &self->fault_version},
	    {"hang", mock_control_set_hang, NULL},
	    {"install-version", mock_control_set_string, &self->install_version},
	    {"kvm-tdx", mock_control_set_kvm_tdx, &self->kvm_tdx},
	    {"late-attrs-ms", mock_control_set_uint, &self->late_attrs_ms},
	    {"lost", mock_control_set_flag, &self->lost},
	    {"no-kvm-intel", mock_control_set_flag, &self->no_kvm_intel},
	    {"no-tds-line", mock_control_set_flag, &self->no_tds_line},
	    {"no-upload", mock_control_set_gone, &self->no_upload},
	    {"online", mock_control_set_cpus, &self->online},
	    {"other", mock_control_set_other, NULL},
	    {"phase-ms", mock_control_set_uint, &self->upload->phase_ms},
	    {"present", mock_control_set_cpus, &self->present},
	    {"remaining", mock_control_set_uint, &self->seamldr.remaining},
	    {"running", mock_control_set_running, NULL},
	    {"running-hv", mock_control_set_u16, &self->seamldr.running_hv},
	    {"running-svn", mock_control_set_u16, &self->seamldr.running_svn},
	    {"seamldr", mock_control_set_seamldr, NULL},
	    {"second-uploader", mock_control_set_second_uploader, NULL},
	    {"short-write", mock_control_set_short_write, &self->upload->write_max},
	    {"smt", mock_control_set_string, &self->smt},
	    {"stuck", mock_control_set_stuck, NULL},
	    {"tds", mock_control_set_uint, &self->tds},
	    {"vanish", mock_control_set_phase, &self->vanish},
	    {"vanish-device", mock_control_set_phase, &self->vanish_device},
	};

	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (g_strcmp0(keys[i].key, key) == 0)
			return keys[i].set(self, keys[i].field, value);
	}
	return FALSE;
}

static gint
mock_control_set_store(MockHost *self, const gchar *buf, gsize bufsz)
{
	g_autofree gchar *text = g_strndup(buf, bufsz);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = 0; lines[i] != NULL; i++) {
		g_auto(GStrv) parts = g_strsplit(lines[i], "=", 2);
		if (lines[i][0] == '\0')
			continue;
		mock_host_log(self, "set: %s", lines[i]);
		if (parts[1] == NULL || !mock_control_set(self, parts[0], parts[1])) {
			mock_host_log(self, "set: invalid");
			return -EINVAL;
		}
		mock_fw_upload_wake(self->upload);
	}
	return bufsz;
}

/**
 * mock_control_add:
 * @self: a #MockHost
 *
 * Adds control/ to the tree.
 **/
void
mock_control_add(MockHost *self)
{
	const MockNode nodes[] = {
	    ATTR("/control/elapsed", 0444, NEEDS_NOTHING, mock_control_elapsed_show, NULL),
	    ATTR("/control/log", 0444, NEEDS_NOTHING, mock_control_log_show, NULL),
	    ATTR("/control/received", 0444, NEEDS_NOTHING, mock_control_received_show, NULL),
	    ATTR("/control/set", 0200, NEEDS_NOTHING, NULL, mock_control_set_store),
	    ATTR("/control/writes", 0444, NEEDS_NOTHING, mock_control_writes_show, NULL),
	};
	mock_tree_add(self, nodes, G_N_ELEMENTS(nodes));
}
