/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * A TDX host for tests: the files of the kernel's tdx-host driver and what fwupd reads around
 * them, as a FUSE file system, with a simulated P-SEAMLDR behind.
 *
 * mock-fw-upload.c has the kernel's firmware upload, mock-seamldr.c decides about images, and this
 * file has the tree, the driver between the two, the faults and the options; see --help.
 *
 * One lock guards everything. The FUSE handlers hold it, and the upload's worker while it does
 * not wait.
 */

#define _DEFAULT_SOURCE
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mock-fw-upload.h"
#include "mock-seamldr.h"

#define CPU_MAX 1024

typedef struct MockHost MockHost;

/* what has to be true for a node to exist */
typedef enum {
	NEEDS_NOTHING = 0,
	NEEDS_DEVICE = 1 << 0,
	NEEDS_PROBED = 1 << 1,
	NEEDS_SEAMLDR = 1 << 2,
	NEEDS_UPLOAD = 1 << 3,
} MockNodeNeeds;

#define NEEDS_ATTR	   (NEEDS_DEVICE | NEEDS_PROBED)
#define NEEDS_SEAMLDR_ATTR (NEEDS_ATTR | NEEDS_SEAMLDR)
#define NEEDS_UPLOAD_ATTR  (NEEDS_ATTR | NEEDS_UPLOAD)

/* what attr-errno= selects */
typedef enum {
	OPERATION_OPEN = 1 << 0,
	OPERATION_READ = 1 << 1,
	OPERATION_WRITE = 1 << 2,
} MockOperation;

typedef gint (*MockShowFunc)(MockHost *self, GString *str);
typedef gint (*MockStoreFunc)(MockHost *self, const gchar *buf, gsize bufsz, guint64 offset);

/**
 * MockNode:
 * @path: relative to the mount point
 * @mode: kind and permissions
 * @needs: a #MockNodeNeeds
 * @target: of a link
 * @show: appends the text, or returns a negative errno
 * @store: returns the number of bytes taken, or a negative errno
 * @writes: number of write() calls
 * @text: attr-text=
 * @fault_errno: attr-errno=, or 0
 * @fault_operations: a #MockOperation
 * @fault_count: how often @fault_errno is still returned, negative for ever
 *
 * A directory, link or attribute.
 **/
typedef struct {
	gchar *path;
	mode_t mode;
	MockNodeNeeds needs;
	gchar *target;
	MockShowFunc show;
	MockStoreFunc store;
	guint writes;
	GBytes *text;
	gint fault_errno;
	MockOperation fault_operations;
	gint fault_count;
} MockNode;

/* an open file; as in sysfs the text is made by the read at offset 0 */
typedef struct {
	MockNode *node;
	GString *text;
	guint64 written;
	guint written_logged;
	guint writes;
} MockFile;

struct MockHost {
	GMutex lock;
	GString *log;
	GPtrArray *nodes;
	GPtrArray *files; /* open ones */
	struct fuse *fuse;
	gchar *mountpoint;

	const MockKernel *kernel;
	MockSeamldr seamldr;
	MockFwUpload *upload;

	gchar *running;
	gchar *seamldr_version;
	gchar *install_version;
	GHashTable *version_map; /* seamhash -> version */
	gboolean lost;
	gboolean absent;
	gboolean erratum;
	gboolean no_upload;
	gboolean no_seamldr;
	gboolean seamldr_unpadded;
	gint64 probed_at;

	guint cpus;
	guint cpus_per_socket;
	gchar *vendor;
	gchar *online;
	gchar *present;
	gchar *smt;
	guint tds;

	/* faults that are not of one node or of the upload */
	gboolean fault_loses;
	gchar *fault_version;
	gchar *vanish;
	gchar *vanish_device;
	guint late_attrs_ms;
	guint online_reads_left;
	gchar *online_after_reads;
};

static void
mock_host_log(MockHost *self, const gchar *fmt, ...) G_GNUC_PRINTF(2, 3);

static void
mock_host_log(MockHost *self, const gchar *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	g_string_append_vprintf(self->log, fmt, args);
	va_end(args);
	g_string_append_c(self->log, '\n');
}

static void
replace_string(gchar **str, const gchar *value)
{
	g_free(*str);
	*str = g_strdup(value);
}

static gboolean
parse_uint(const gchar *str, guint64 max, guint *value)
{
	guint base = g_str_has_prefix(str, "0x") ? 16 : 10;
	guint64 tmp = 0;
	if (!g_ascii_string_to_unsigned(base == 16 ? str + 2 : str, base, 0, max, &tmp, NULL))
		return FALSE;
	*value = tmp;
	return TRUE;
}

/* a list of CPUs such as 0-3,5 */
static gboolean
parse_cpulist(const gchar *str, guint8 mask[CPU_MAX])
{
	g_auto(GStrv) ranges = g_strsplit(str, ",", -1);

	memset(mask, 0, CPU_MAX);
	for (guint i = 0; ranges[i] != NULL; i++) {
		g_auto(GStrv) ends = g_strsplit(ranges[i], "-", 2);
		guint first = 0;
		guint last = 0;
		if (ends[0] == NULL || !parse_uint(ends[0], CPU_MAX - 1, &first))
			return FALSE;
		last = first;
		if (ends[1] != NULL && !parse_uint(ends[1], CPU_MAX - 1, &last))
			return FALSE;
		if (last < first)
			return FALSE;
		memset(mask + first, 1, last - first + 1);
	}
	return TRUE;
}

/*
 * the driver between the upload and the P-SEAMLDR
 */

static gboolean
mock_host_all_cpus_online(MockHost *self)
{
	guint8 online[CPU_MAX];
	guint8 present[CPU_MAX];
	return parse_cpulist(self->online, online) && parse_cpulist(self->present, present) &&
	       memcmp(online, present, CPU_MAX) == 0;
}

static void
mock_host_set_running(MockHost *self, const gchar *version)
{
	mock_host_log(self, "module: %s", version);
	replace_string(&self->running, version);
}

static void
mock_host_lose(MockHost *self)
{
	mock_host_log(self, "module: lost");
	self->lost = TRUE;
}

static gchar *
mock_host_get_new_version(MockHost *self, GBytes *sigstruct)
{
	g_autofree gchar *seamhash = mock_sigstruct_get_seamhash(sigstruct);
	g_autofree gchar *version = mock_sigstruct_get_version(sigstruct);
	const gchar *mapped = g_hash_table_lookup(self->version_map, seamhash);

	if (mapped != NULL)
		return g_strdup(mapped);
	if (version != NULL)
		return g_steal_pointer(&version);
	return g_strdup(self->install_version != NULL ? self->install_version : "0.0.00");
}

/* MockFwUploadOps.write */
static const gchar *
mock_host_install(GBytes *image, gpointer user_data)
{
	MockHost *self = user_data;
	g_autoptr(GBytes) sigstruct = NULL;
	g_autoptr(GBytes) module = NULL;
	g_autofree gchar *refusal = NULL;
	g_autofree gchar *version = NULL;

	/* what the kernel refuses costs nothing */
	if (self->kernel->checks_host && self->seamldr.remaining == 0) {
		mock_host_log(self, "kernel: refused: no updates remaining");
		return self->kernel->error_full_log;
	}
	refusal = mock_kernel_check_header(self->kernel, image, &sigstruct, &module);
	if (refusal != NULL) {
		mock_host_log(self, "kernel: refused: header: %s", refusal);
		return "firmware-invalid";
	}
	if (self->kernel->checks_host && !mock_host_all_cpus_online(self)) {
		mock_host_log(self, "kernel: refused: a CPU is offline");
		return self->kernel->error_offline_cpu;
	}
	if (self->lost) {
		mock_host_log(self, "kernel: refused: there is no module to shut down");
		return self->kernel->error_seamldr;
	}

	/* the running module is shut down now, so what the P-SEAMLDR refuses costs everything */
	refusal = mock_seamldr_install(&self->seamldr,
				       sigstruct,
				       module,
				       mock_host_all_cpus_online(self));
	if (refusal != NULL) {
		mock_host_log(self, "seamldr: refused: %s", refusal);
		mock_host_lose(self);
		return self->kernel->error_seamldr;
	}
	mock_host_log(self, "seamldr: installed, %u updates remaining", self->seamldr.remaining);
	if (self->fault_version != NULL)
		version = g_steal_pointer(&self->fault_version);
	else
		version = mock_host_get_new_version(self, sigstruct);
	mock_host_set_running(self, version);
	return NULL;
}

/* MockFwUploadOps.fault */
static void
mock_host_fault(gpointer user_data)
{
	MockHost *self = user_data;
	g_autofree gchar *version = g_steal_pointer(&self->fault_version);

	mock_host_log(self, "fault: injected");
	if (version != NULL)
		mock_host_set_running(self, version);
	if (self->fault_loses)
		mock_host_lose(self);
	self->fault_loses = FALSE;
}

/* MockFwUploadOps.phase */
static void
mock_host_phase(const gchar *phase, gpointer user_data)
{
	MockHost *self = user_data;

	if (g_strcmp0(self->vanish, phase) == 0) {
		mock_host_log(self, "fault: the upload vanishes");
		g_clear_pointer(&self->vanish, g_free);
		self->no_upload = TRUE;
	}
	if (g_strcmp0(self->vanish_device, phase) == 0) {
		mock_host_log(self, "fault: the device vanishes");
		g_clear_pointer(&self->vanish_device, g_free);
		self->absent = TRUE;
	}
}

static const MockFwUploadOps mock_host_upload_ops = {
    .write = mock_host_install,
    .fault = mock_host_fault,
    .phase = mock_host_phase,
};

/*
 * sys/devices/faux/tdx_host
 */

static gint
mock_host_empty_show(MockHost *self G_GNUC_UNUSED, GString *str G_GNUC_UNUSED)
{
	return 0;
}

static gint
mock_host_uevent_show(MockHost *self G_GNUC_UNUSED, GString *str)
{
	g_string_append(str, "DRIVER=faux_driver\n");
	return 0;
}

static gint
mock_host_uevent_store(MockHost *self G_GNUC_UNUSED,
		       const gchar *buf G_GNUC_UNUSED,
		       gsize bufsz,
		       guint64 offset G_GNUC_UNUSED)
{
	return bufsz;
}

static gint
mock_host_version_show(MockHost *self, GString *str)
{
	if (self->lost)
		return -ENXIO;
	g_string_append_printf(str, "%s\n", self->running);
	return 0;
}

static gint
mock_host_seamldr_version_show(MockHost *self, GString *str)
{
	g_auto(GStrv) parts = g_strsplit(self->seamldr_version, ".", -1);

	for (guint i = 0; self->seamldr_unpadded && parts[i] != NULL; i++) {
		while (parts[i][0] == '0' && parts[i][1] != '\0')
			memmove(parts[i], parts[i] + 1, strlen(parts[i]));
	}
	for (guint i = 0; parts[i] != NULL; i++)
		g_string_append_printf(str, "%s%s", i > 0 ? "." : "", parts[i]);
	g_string_append_c(str, '\n');
	return 0;
}

static gint
mock_host_num_remaining_updates_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%u\n", self->seamldr.remaining);
	return 0;
}

static gint
mock_host_loading_show(MockHost *self, GString *str)
{
	return mock_fw_upload_loading_show(self->upload, str);
}

static gint
mock_host_loading_store(MockHost *self, const gchar *buf, gsize bufsz, guint64 offset G_GNUC_UNUSED)
{
	return mock_fw_upload_loading_store(self->upload, buf, bufsz);
}

static gint
mock_host_data_show(MockHost *self, GString *str)
{
	return mock_fw_upload_data_show(self->upload, str);
}

static gint
mock_host_data_store(MockHost *self, const gchar *buf, gsize bufsz, guint64 offset)
{
	return mock_fw_upload_data_store(self->upload, buf, bufsz, offset);
}

static gint
mock_host_status_show(MockHost *self, GString *str)
{
	return mock_fw_upload_status_show(self->upload, str);
}

static gint
mock_host_error_show(MockHost *self, GString *str)
{
	return mock_fw_upload_error_show(self->upload, str);
}

static gint
mock_host_remaining_size_show(MockHost *self, GString *str)
{
	return mock_fw_upload_remaining_size_show(self->upload, str);
}

static gint
mock_host_cancel_store(MockHost *self, const gchar *buf, gsize bufsz, guint64 offset G_GNUC_UNUSED)
{
	return mock_fw_upload_cancel_store(self->upload, buf, bufsz);
}

/*
 * CPUs and TDs
 */

static gint
mock_host_online_show(MockHost *self, GString *str)
{
	if (self->online_after_reads != NULL && self->online_reads_left-- == 0) {
		replace_string(&self->online, self->online_after_reads);
		g_clear_pointer(&self->online_after_reads, g_free);
		mock_host_log(self, "fault: online CPUs are now %s", self->online);
	}
	g_string_append_printf(str, "%s\n", self->online);
	return 0;
}

static gint
mock_host_present_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%s\n", self->present);
	return 0;
}

static gint
mock_host_smt_active_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%i\n", g_strcmp0(self->smt, "on") == 0 ? 1 : 0);
	return 0;
}

static gint
mock_host_smt_control_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%s\n", self->smt);
	return 0;
}

static gint
mock_host_misc_current_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "tdx %u\n", self->tds);
	return 0;
}

static gint
mock_host_misc_capacity_show(MockHost *self G_GNUC_UNUSED, GString *str)
{
	g_string_append(str, "tdx 63\n");
	return 0;
}

static void
mock_host_cpuinfo_append(MockHost *self, GString *str, guint cpu)
{
	guint socket = MIN(cpu / self->cpus_per_socket, self->seamldr.cpus->len - 1);
	guint32 eax = g_array_index(self->seamldr.cpus, guint32, socket);
	guint family = (eax >> 8) & 0xF;
	guint model = (eax >> 4) & 0xF;

	/* the extended fields of CPUID.1.EAX */
	if (family == 0x6 || family == 0xF)
		model |= ((eax >> 16) & 0xF) << 4;
	if (family == 0xF)
		family += (eax >> 20) & 0xFF;

	g_string_append_printf(str, "processor\t: %u\n", cpu);
	g_string_append_printf(str, "vendor_id\t: %s\n", self->vendor);
	g_string_append_printf(str, "cpu family\t: %u\n", family);
	g_string_append_printf(str, "model\t\t: %u\n", model);
	g_string_append_printf(str, "model name\t: Mock CPU %X\n", eax);
	g_string_append_printf(str, "stepping\t: %u\n", eax & 0xF);
	g_string_append_printf(str, "physical id\t: %u\n", socket);
	g_string_append_printf(str, "siblings\t: %u\n", self->cpus_per_socket);
	g_string_append_printf(str, "core id\t\t: %u\n", cpu % self->cpus_per_socket);
	g_string_append(str, "flags\t\t: fpu vme msr apic tdx_host_platform\n");
	g_string_append_printf(str,
			       "bugs\t\t: spectre_v1 spectre_v2%s\n\n",
			       self->erratum ? " seamret_invd_vmcs" : "");
}

static gint
mock_host_cpuinfo_show(MockHost *self, GString *str)
{
	guint8 online[CPU_MAX];

	if (!parse_cpulist(self->online, online))
		return -EIO;
	for (guint cpu = 0; cpu < CPU_MAX; cpu++) {
		if (online[cpu])
			mock_host_cpuinfo_append(self, str, cpu);
	}
	return 0;
}

/* those that the sockets have; more may be present */
static gint
mock_host_possible_show(MockHost *self, GString *str)
{
	guint8 present[CPU_MAX];
	guint last = self->cpus - 1;

	if (!parse_cpulist(self->present, present))
		return -EIO;
	for (guint cpu = last; cpu < CPU_MAX; cpu++) {
		if (present[cpu])
			last = cpu;
	}
	g_string_append_printf(str, last > 0 ? "0-%u\n" : "%u\n", last);
	return 0;
}

/*
 * nodes
 */

static gboolean
mock_host_node_exists(MockHost *self, MockNode *node)
{
	if ((node->needs & NEEDS_DEVICE) && self->absent)
		return FALSE;
	if ((node->needs & NEEDS_PROBED) && g_get_monotonic_time() < self->probed_at)
		return FALSE;
	if ((node->needs & NEEDS_SEAMLDR) && (self->erratum || self->no_seamldr))
		return FALSE;
	if ((node->needs & NEEDS_UPLOAD) && (self->erratum || self->no_upload))
		return FALSE;
	return TRUE;
}

static MockNode *
mock_host_find_node(MockHost *self, const gchar *path)
{
	for (guint i = 0; i < self->nodes->len; i++) {
		MockNode *node = g_ptr_array_index(self->nodes, i);
		if (g_strcmp0(node->path, path) == 0 && mock_host_node_exists(self, node))
			return node;
	}
	return NULL;
}

/* faults name a node by its path relative to the device, or without the usual directory */
static MockNode *
mock_host_find_attr(MockHost *self, const gchar *name)
{
	const gchar *dirs[] = {"sys/devices/faux/tdx_host/",
			       "sys/devices/system/",
			       "sys/fs/",
			       "proc/"};
	for (guint i = 0; i < self->nodes->len; i++) {
		MockNode *node = g_ptr_array_index(self->nodes, i);
		for (guint j = 0; S_ISREG(node->mode) && j < G_N_ELEMENTS(dirs); j++) {
			if (g_str_has_prefix(node->path, dirs[j]) &&
			    g_strcmp0(node->path + strlen(dirs[j]), name) == 0)
				return node;
		}
	}
	return NULL;
}

static gint
mock_node_take_fault(MockNode *node, MockOperation operation)
{
	if (node->fault_errno == 0 || (node->fault_operations & operation) == 0 ||
	    node->fault_count == 0)
		return 0;
	if (node->fault_count > 0)
		node->fault_count--;
	return -node->fault_errno;
}

static gint
mock_host_node_show(MockHost *self, MockNode *node, GString *str)
{
	gint rc = mock_node_take_fault(node, OPERATION_READ);
	if (rc < 0)
		return rc;
	if (node->text != NULL) {
		gsize bufsz = 0;
		const gchar *buf = g_bytes_get_data(node->text, &bufsz);
		g_string_append_len(str, buf, bufsz);
		return 0;
	}
	if (node->show == NULL)
		return -EIO;
	return node->show(self, str);
}

/*
 * control/: what the tests see and set
 */

static gint
mock_host_writes_show(MockHost *self, GString *str)
{
	guint loading = 0;
	guint data = 0;

	for (guint i = 0; i < self->nodes->len; i++) {
		MockNode *node = g_ptr_array_index(self->nodes, i);
		if (node->store == mock_host_loading_store)
			loading += node->writes;
		if (node->store == mock_host_data_store)
			data += node->writes;
	}
	g_string_append_printf(str,
			       "loading=%u data=%u uploads=%u\n",
			       loading,
			       data,
			       self->upload->uploads);
	return 0;
}

static gint
mock_host_log_show(MockHost *self, GString *str)
{
	g_string_append(str, self->log->str);
	return 0;
}

static gint
mock_host_received_show(MockHost *self, GString *str)
{
	gsize bufsz = 0;
	const gchar *buf = NULL;

	if (self->upload->received != NULL)
		buf = g_bytes_get_data(self->upload->received, &bufsz);
	g_string_append_len(str, buf, bufsz);
	return 0;
}

static gboolean
mock_host_set_seamldr(MockHost *self, const gchar *value)
{
	self->seamldr.version_major = g_ascii_strtoull(value, NULL, 10);
	if (self->seamldr.version_major == 0)
		return FALSE;
	replace_string(&self->seamldr_version, value);
	return TRUE;
}

/* of a released module the SVN is known, for others give running-svn= after this */
static gboolean
mock_host_set_running_release(MockHost *self, const gchar *value)
{
	guint16 svn = mock_release_get_svn(value);
	if (svn != 0)
		self->seamldr.running_svn = svn;
	mock_host_set_running(self, value);
	return TRUE;
}

static gboolean
mock_host_set_running_svn(MockHost *self, const gchar *value)
{
	guint svn = 0;
	if (!parse_uint(value, G_MAXUINT16, &svn))
		return FALSE;
	self->seamldr.running_svn = svn;
	return TRUE;
}

static gboolean
set_cpulist(gchar **cpulist, const gchar *value)
{
	guint8 mask[CPU_MAX];
	if (!parse_cpulist(value, mask))
		return FALSE;
	replace_string(cpulist, value);
	return TRUE;
}

static gboolean
mock_host_set_online(MockHost *self, const gchar *value)
{
	return set_cpulist(&self->online, value);
}

static gboolean
mock_host_set_present(MockHost *self, const gchar *value)
{
	return set_cpulist(&self->present, value);
}

static gboolean
mock_host_set_smt(MockHost *self, const gchar *value)
{
	replace_string(&self->smt, value);
	return TRUE;
}

static gboolean
mock_host_set_absent(MockHost *self, const gchar *value)
{
	guint absent = 0;
	if (!parse_uint(value, 1, &absent))
		return FALSE;
	if (self->absent && !absent) {
		self->probed_at =
		    g_get_monotonic_time() + self->late_attrs_ms * G_TIME_SPAN_MILLISECOND;
		mock_fw_upload_reset(self->upload);
	}
	self->absent = absent;
	return TRUE;
}

static gboolean
mock_host_set_no_upload(MockHost *self, const gchar *value)
{
	guint no_upload = 0;
	if (!parse_uint(value, 1, &no_upload))
		return FALSE;
	if (self->no_upload && !no_upload)
		mock_fw_upload_reset(self->upload);
	self->no_upload = no_upload;
	return TRUE;
}

/* STATUS:ERROR */
static gboolean
mock_host_set_fault(MockHost *self, const gchar *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ":", 2);
	MockFwUploadProgress progress;

	if (g_strv_length(parts) == 0) {
		g_clear_pointer(&self->upload->fault_error, g_free);
		return TRUE;
	}
	progress = mock_fw_upload_progress_from_string(parts[0]);
	if (parts[1] == NULL || progress < MOCK_FW_UPLOAD_PROGRESS_PREPARING ||
	    progress > MOCK_FW_UPLOAD_PROGRESS_PROGRAMMING)
		return FALSE;
	self->upload->fault_progress = progress;
	replace_string(&self->upload->fault_error, parts[1]);
	return TRUE;
}

static gboolean
mock_host_set_fault_version(MockHost *self, const gchar *value)
{
	replace_string(&self->fault_version, value[0] != '\0' ? value : NULL);
	return TRUE;
}

static gboolean
parse_errno(const gchar *str, gint *value)
{
	const struct {
		const gchar *name;
		gint value;
	} names[] = {
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
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if (g_strcmp0(names[i].name, str) == 0) {
			*value = names[i].value;
			return TRUE;
		}
	}
	return FALSE;
}

static MockOperation
parse_operation(const gchar *str)
{
	if (g_strcmp0(str, "open") == 0)
		return OPERATION_OPEN;
	if (g_strcmp0(str, "read") == 0)
		return OPERATION_READ;
	if (g_strcmp0(str, "write") == 0)
		return OPERATION_WRITE;
	return 0;
}

/* ATTR:[open:|read:|write:]ERRNO[:COUNT] */
static gboolean
mock_host_set_attr_errno(MockHost *self, const gchar *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ":", -1);
	MockNode *node;
	MockOperation operations;
	guint count = 0;
	guint i = 1;

	if (g_strv_length(parts) < 2)
		return FALSE;
	operations = parse_operation(parts[1]);
	if (operations != 0)
		i++;
	else
		operations = OPERATION_OPEN | OPERATION_READ | OPERATION_WRITE;
	node = mock_host_find_attr(self, parts[0]);
	if (node == NULL || parts[i] == NULL || !parse_errno(parts[i], &node->fault_errno))
		return FALSE;
	node->fault_operations = operations;
	node->fault_count = -1;
	if (parts[i + 1] != NULL) {
		if (!parse_uint(parts[i + 1], G_MAXINT, &count))
			return FALSE;
		node->fault_count = count;
	}
	return TRUE;
}

static GBytes *
unescape(const gchar *str)
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

static GBytes *
make_garbage(void)
{
	guint8 buf[4096];
	guint32 seed = 1;
	for (guint i = 0; i < sizeof(buf); i++) {
		seed = seed * 1103515245 + 12345;
		buf[i] = seed >> 16;
	}
	return g_bytes_new(buf, sizeof(buf));
}

/* ATTR:TEXT */
static gboolean
mock_host_set_attr_text(MockHost *self, const gchar *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ":", 2);
	MockNode *node;

	if (g_strv_length(parts) != 2)
		return FALSE;
	node = mock_host_find_attr(self, parts[0]);
	if (node == NULL)
		return FALSE;
	g_clear_pointer(&node->text, g_bytes_unref);
	if (g_strcmp0(parts[1], "@empty") == 0)
		node->text = g_bytes_new(NULL, 0);
	else if (g_strcmp0(parts[1], "@garbage") == 0)
		node->text = make_garbage();
	else if (parts[1][0] != '\0')
		node->text = unescape(parts[1]);
	return TRUE;
}

static gboolean
mock_host_set_short_write(MockHost *self, const gchar *value)
{
	self->upload->write_max = MOCK_FW_UPLOAD_WRITE_MAX;
	return value[0] == '\0' || parse_uint(value, G_MAXUINT, &self->upload->write_max);
}

static gboolean
mock_host_set_abort_after(MockHost *self, const gchar *value)
{
	guint bytes = 0;
	self->upload->abort_after = -1;
	if (value[0] == '\0')
		return TRUE;
	if (!parse_uint(value, G_MAXUINT, &bytes))
		return FALSE;
	self->upload->abort_after = bytes;
	return TRUE;
}

static gboolean
set_phase(gchar **phase, const gchar *value)
{
	MockFwUploadProgress progress = mock_fw_upload_progress_from_string(value);
	if (value[0] != '\0' && g_strcmp0(value, "loading") != 0 && g_strcmp0(value, "data") != 0 &&
	    (progress == MOCK_FW_UPLOAD_PROGRESS_IDLE || progress == MOCK_FW_UPLOAD_PROGRESS_LAST))
		return FALSE;
	replace_string(phase, value);
	return TRUE;
}

static gboolean
mock_host_set_vanish(MockHost *self, const gchar *value)
{
	return set_phase(&self->vanish, value);
}

static gboolean
mock_host_set_vanish_device(MockHost *self, const gchar *value)
{
	return set_phase(&self->vanish_device, value);
}

/* N:LIST */
static gboolean
mock_host_set_cpu_offline_after_reads(MockHost *self, const gchar *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ":", 2);
	guint8 mask[CPU_MAX];

	if (g_strv_length(parts) != 2 || !parse_cpulist(parts[1], mask) ||
	    !parse_uint(parts[0], G_MAXUINT, &self->online_reads_left))
		return FALSE;
	replace_string(&self->online_after_reads, parts[1]);
	return TRUE;
}

static gboolean
mock_host_set_stuck(MockHost *self, const gchar *value)
{
	MockFwUploadProgress progress = MOCK_FW_UPLOAD_PROGRESS_IDLE;
	if (value[0] != '\0')
		progress = mock_fw_upload_progress_from_string(value);
	if (progress == MOCK_FW_UPLOAD_PROGRESS_LAST)
		return FALSE;
	self->upload->stuck = progress;
	return TRUE;
}

/* one KEY=VALUE of control/set */
static gboolean
mock_host_set(MockHost *self, const gchar *key, const gchar *value)
{
	const struct {
		const gchar *key;
		gboolean (*set)(MockHost *self, const gchar *value);
	} funcs[] = {
	    {"abort-after", mock_host_set_abort_after},
	    {"absent", mock_host_set_absent},
	    {"attr-errno", mock_host_set_attr_errno},
	    {"attr-text", mock_host_set_attr_text},
	    {"cpu-offline-after-reads", mock_host_set_cpu_offline_after_reads},
	    {"fault", mock_host_set_fault},
	    {"fault-version", mock_host_set_fault_version},
	    {"no-upload", mock_host_set_no_upload},
	    {"online", mock_host_set_online},
	    {"present", mock_host_set_present},
	    {"running", mock_host_set_running_release},
	    {"running-svn", mock_host_set_running_svn},
	    {"seamldr", mock_host_set_seamldr},
	    {"short-write", mock_host_set_short_write},
	    {"smt", mock_host_set_smt},
	    {"stuck", mock_host_set_stuck},
	    {"vanish", mock_host_set_vanish},
	    {"vanish-device", mock_host_set_vanish_device},
	};
	const struct {
		const gchar *key;
		guint *value;
		guint max;
	} numbers[] = {
	    {"late-attrs-ms", &self->late_attrs_ms, G_MAXINT},
	    {"phase-ms", &self->upload->phase_ms, G_MAXINT},
	    {"remaining", &self->seamldr.remaining, G_MAXUINT},
	    {"tds", &self->tds, G_MAXUINT},
	};
	const struct {
		const gchar *key;
		gboolean *value;
	} flags[] = {
	    {"erratum", &self->erratum},
	    {"fault-loses", &self->fault_loses},
	    {"lost", &self->lost},
	    {"second-uploader", &self->upload->second_uploader},
	};

	for (guint i = 0; i < G_N_ELEMENTS(funcs); i++) {
		if (g_strcmp0(funcs[i].key, key) == 0)
			return funcs[i].set(self, value);
	}
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		if (g_strcmp0(numbers[i].key, key) == 0)
			return parse_uint(value, numbers[i].max, numbers[i].value);
	}
	for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
		guint flag = 0;
		if (g_strcmp0(flags[i].key, key) == 0 && parse_uint(value, 1, &flag)) {
			*flags[i].value = flag;
			return TRUE;
		}
	}
	return FALSE;
}

static gint
mock_host_set_store(MockHost *self, const gchar *buf, gsize bufsz, guint64 offset G_GNUC_UNUSED)
{
	g_autofree gchar *text = g_strndup(buf, bufsz);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = 0; lines[i] != NULL; i++) {
		g_auto(GStrv) parts = g_strsplit(lines[i], "=", 2);
		if (lines[i][0] == '\0')
			continue;
		mock_host_log(self, "set: %s", lines[i]);
		if (parts[1] == NULL || !mock_host_set(self, parts[0], parts[1])) {
			mock_host_log(self, "set: invalid");
			return -EINVAL;
		}
		mock_fw_upload_wake(self->upload);
	}
	return bufsz;
}

/*
 * the tree
 */

static void
mock_node_free(MockNode *node)
{
	g_clear_pointer(&node->text, g_bytes_unref);
	g_free(node->path);
	g_free(node->target);
	g_free(node);
}

static void
mock_file_free(MockFile *file)
{
	if (file->text != NULL)
		g_string_free(file->text, TRUE);
	g_free(file);
}

static MockNode *
mock_host_add_node(MockHost *self, MockNodeNeeds needs, mode_t mode, const gchar *path)
{
	MockNode *node = g_new0(MockNode, 1);
	node->path = g_strdup(path);
	node->mode = mode;
	node->needs = needs;
	g_ptr_array_add(self->nodes, node);
	return node;
}

static void
mock_host_add_dir(MockHost *self, MockNodeNeeds needs, const gchar *path)
{
	mock_host_add_node(self, needs, S_IFDIR | 0755, path);
}

static void
mock_host_add_link(MockHost *self, MockNodeNeeds needs, const gchar *path, const gchar *target)
{
	MockNode *node = mock_host_add_node(self, needs, S_IFLNK | 0777, path);
	node->target = g_strdup(target);
}

static void
mock_host_add_attr(MockHost *self,
		   MockNodeNeeds needs,
		   mode_t mode,
		   const gchar *path,
		   MockShowFunc show,
		   MockStoreFunc store)
{
	MockNode *node = mock_host_add_node(self, needs, S_IFREG | mode, path);
	node->show = show;
	node->store = store;
}

#define FAUX	 "sys/devices/faux"
#define TDX_HOST "sys/devices/faux/tdx_host"
#define CPU	 "sys/devices/system/cpu"

static void
mock_host_add_upload(MockHost *self)
{
	const gchar *name = self->kernel->upload_name;
	MockNodeNeeds needs = NEEDS_UPLOAD_ATTR;
	g_autofree gchar *class_path = g_strdup_printf("sys/class/firmware/%s", name);
	g_autofree gchar *class_target =
	    g_strdup_printf("../../devices/faux/tdx_host/firmware/%s", name);
	g_autofree gchar *dir = g_strdup_printf(TDX_HOST "/firmware/%s", name);
	const struct {
		const gchar *name;
		mode_t mode;
		MockShowFunc show;
		MockStoreFunc store;
	} attrs[] = {
	    {"uevent", 0644, mock_host_empty_show, mock_host_uevent_store},
	    {"loading", 0644, mock_host_loading_show, mock_host_loading_store},
	    {"data", 0644, mock_host_data_show, mock_host_data_store},
	    {"status", 0444, mock_host_status_show, NULL},
	    {"error", 0444, mock_host_error_show, NULL},
	    {"remaining_size", 0444, mock_host_remaining_size_show, NULL},
	    {"cancel", 0200, NULL, mock_host_cancel_store},
	};
	const struct {
		const gchar *name;
		const gchar *target;
	} links[] = {
	    {"subsystem", "../../../../../class/firmware"},
	    {"device", "../../../tdx_host"},
	};

	mock_host_add_link(self, needs, class_path, class_target);
	mock_host_add_dir(self, needs, TDX_HOST "/firmware");
	mock_host_add_dir(self, needs, dir);
	for (guint i = 0; i < G_N_ELEMENTS(attrs); i++) {
		g_autofree gchar *path = g_build_filename(dir, attrs[i].name, NULL);
		mock_host_add_attr(self, needs, attrs[i].mode, path, attrs[i].show, attrs[i].store);
	}
	for (guint i = 0; i < G_N_ELEMENTS(links); i++) {
		g_autofree gchar *path = g_build_filename(dir, links[i].name, NULL);
		mock_host_add_link(self, needs, path, links[i].target);
	}
}

static void
mock_host_add_seamldr(MockHost *self)
{
	const gchar *version = TDX_HOST "/seamldr_version";
	const gchar *remaining = TDX_HOST "/num_remaining_updates";

	if (self->kernel->seamldr_dir) {
		version = TDX_HOST "/seamldr/version";
		remaining = TDX_HOST "/seamldr/num_remaining_updates";
		mock_host_add_dir(self, NEEDS_SEAMLDR_ATTR, TDX_HOST "/seamldr");
	}
	mock_host_add_attr(self,
			   NEEDS_SEAMLDR_ATTR,
			   self->kernel->seamldr_mode,
			   version,
			   mock_host_seamldr_version_show,
			   NULL);
	mock_host_add_attr(self,
			   NEEDS_SEAMLDR_ATTR,
			   self->kernel->seamldr_mode,
			   remaining,
			   mock_host_num_remaining_updates_show,
			   NULL);
}

static void
mock_host_add_tree(MockHost *self)
{
	const gchar *dirs[] = {"",
			       "control",
			       "proc",
			       "sys",
			       "sys/bus",
			       "sys/bus/faux",
			       "sys/bus/faux/devices",
			       "sys/bus/faux/drivers",
			       "sys/bus/faux/drivers/faux_driver",
			       "sys/class",
			       "sys/class/firmware",
			       "sys/devices",
			       FAUX,
			       "sys/devices/system",
			       CPU,
			       CPU "/smt",
			       "sys/firmware",
			       "sys/fs",
			       "sys/fs/cgroup"};
	const struct {
		const gchar *path;
		mode_t mode;
		MockShowFunc show;
		MockStoreFunc store;
	} attrs[] = {
	    {"control/log", 0444, mock_host_log_show, NULL},
	    {"control/received", 0444, mock_host_received_show, NULL},
	    {"control/set", 0200, NULL, mock_host_set_store},
	    {"control/writes", 0444, mock_host_writes_show, NULL},
	    {"proc/cpuinfo", 0444, mock_host_cpuinfo_show, NULL},
	    {FAUX "/uevent", 0644, mock_host_empty_show, mock_host_uevent_store},
	    {CPU "/online", 0444, mock_host_online_show, NULL},
	    {CPU "/possible", 0444, mock_host_possible_show, NULL},
	    {CPU "/present", 0444, mock_host_present_show, NULL},
	    {CPU "/smt/active", 0444, mock_host_smt_active_show, NULL},
	    {CPU "/smt/control", 0644, mock_host_smt_control_show, NULL},
	    {"sys/fs/cgroup/misc.capacity", 0444, mock_host_misc_capacity_show, NULL},
	    {"sys/fs/cgroup/misc.current", 0444, mock_host_misc_current_show, NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(dirs); i++)
		mock_host_add_dir(self, NEEDS_NOTHING, dirs[i]);
	for (guint i = 0; i < G_N_ELEMENTS(attrs); i++) {
		mock_host_add_attr(self,
				   NEEDS_NOTHING,
				   attrs[i].mode,
				   attrs[i].path,
				   attrs[i].show,
				   attrs[i].store);
	}

	mock_host_add_link(self,
			   NEEDS_DEVICE,
			   "sys/bus/faux/devices/tdx_host",
			   "../../../devices/faux/tdx_host");
	mock_host_add_dir(self, NEEDS_DEVICE, TDX_HOST);
	mock_host_add_link(self, NEEDS_DEVICE, TDX_HOST "/subsystem", "../../../bus/faux");
	mock_host_add_attr(self,
			   NEEDS_DEVICE,
			   0644,
			   TDX_HOST "/uevent",
			   mock_host_uevent_show,
			   mock_host_uevent_store);
	mock_host_add_link(self,
			   NEEDS_ATTR,
			   TDX_HOST "/driver",
			   "../../../bus/faux/drivers/faux_driver");
	mock_host_add_attr(self,
			   NEEDS_ATTR,
			   0444,
			   TDX_HOST "/version",
			   mock_host_version_show,
			   NULL);
	mock_host_add_seamldr(self);
	mock_host_add_upload(self);
}

/*
 * FUSE
 */

/* nothing is cached: nodes appear and vanish */
static void *
mock_host_fuse_init(struct fuse_conn_info *conn G_GNUC_UNUSED, struct fuse_config *cfg)
{
	cfg->entry_timeout = 0;
	cfg->negative_timeout = 0;
	cfg->attr_timeout = 0;
	printf("ready\n");
	fflush(stdout);
	return fuse_get_context()->private_data;
}

static gint
mock_host_fuse_getattr(const gchar *path, struct stat *st, struct fuse_file_info *fi G_GNUC_UNUSED)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockNode *node = mock_host_find_node(self, path + 1);

	if (node == NULL)
		return -ENOENT;
	st->st_mode = node->mode;
	st->st_nlink = S_ISDIR(node->mode) ? 2 : 1;
	st->st_uid = getuid();
	st->st_gid = getgid();

	/* sysfs says that its text attributes are one page, /proc and /sys/fs/cgroup say nothing */
	if (S_ISREG(node->mode) && g_str_has_prefix(path, "/sys/devices/") &&
	    node->store != mock_host_data_store)
		st->st_size = 4096;
	if (S_ISLNK(node->mode))
		st->st_size = strlen(node->target);
	return 0;
}

static gint
mock_host_fuse_readlink(const gchar *path, gchar *buf, gsize bufsz)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockNode *node = mock_host_find_node(self, path + 1);

	if (node == NULL)
		return -ENOENT;
	if (node->target == NULL)
		return -EINVAL;
	g_strlcpy(buf, node->target, bufsz);
	return 0;
}

static gint
mock_host_fuse_readdir(const gchar *path,
		       void *buf,
		       fuse_fill_dir_t filler,
		       off_t offset G_GNUC_UNUSED,
		       struct fuse_file_info *fi G_GNUC_UNUSED,
		       enum fuse_readdir_flags flags G_GNUC_UNUSED)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	g_autofree gchar *prefix = g_strdup_printf("%s%s", path + 1, path[1] != '\0' ? "/" : "");

	if (mock_host_find_node(self, path + 1) == NULL)
		return -ENOENT;
	filler(buf, ".", NULL, 0, 0);
	filler(buf, "..", NULL, 0, 0);
	for (guint i = 0; i < self->nodes->len; i++) {
		MockNode *node = g_ptr_array_index(self->nodes, i);
		const gchar *name;
		if (!g_str_has_prefix(node->path, prefix) || !mock_host_node_exists(self, node))
			continue;
		name = node->path + strlen(prefix);
		if (name[0] != '\0' && strchr(name, '/') == NULL)
			filler(buf, name, NULL, 0, 0);
	}
	return 0;
}

static gint
mock_host_fuse_open(const gchar *path, struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockNode *node = mock_host_find_node(self, path + 1);
	MockFile *file;
	gint access_mode = fi->flags & O_ACCMODE;
	gint rc;

	if (node == NULL)
		return -ENOENT;
	if (node->store == mock_host_loading_store)
		mock_host_log(self, "loading: open");

	/* sysfs refuses this even to root */
	if ((access_mode != O_RDONLY && (node->mode & 0222) == 0) ||
	    (access_mode != O_WRONLY && (node->mode & 0444) == 0))
		return -EACCES;
	rc = mock_node_take_fault(node, OPERATION_OPEN);
	if (rc < 0)
		return rc;

	file = g_new0(MockFile, 1);
	file->node = node;
	g_ptr_array_add(self->files, file);
	fi->fh = (guint64)(gsize)file;
	fi->direct_io = 1;
	return 0;
}

static gint
mock_host_fuse_read(const gchar *path G_GNUC_UNUSED,
		    gchar *buf,
		    gsize bufsz,
		    off_t offset,
		    struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockFile *file = (MockFile *)(gsize)fi->fh;
	gsize size;

	if (!mock_host_node_exists(self, file->node))
		return -ENODEV;
	if (offset == 0 || file->text == NULL) {
		g_autoptr(GString) text = g_string_new(NULL);
		gint rc = mock_host_node_show(self, file->node, text);
		if (rc < 0)
			return rc;
		if (file->text != NULL)
			g_string_free(file->text, TRUE);
		file->text = g_steal_pointer(&text);
	}
	if ((gsize)offset >= file->text->len)
		return 0;
	size = MIN(bufsz, file->text->len - offset);
	memcpy(buf, file->text->str + offset, size);
	return size;
}

static gint
mock_host_fuse_write(const gchar *path G_GNUC_UNUSED,
		     const gchar *buf,
		     gsize bufsz,
		     off_t offset,
		     struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockFile *file = (MockFile *)(gsize)fi->fh;
	MockNode *node = file->node;
	gint rc;

	node->writes++;
	file->writes++;
	if (!mock_host_node_exists(self, node))
		return -ENODEV;
	rc = mock_node_take_fault(node, OPERATION_WRITE);
	if (rc < 0)
		return rc;
	if (node->store == NULL)
		return -EIO;
	rc = node->store(self, buf, bufsz, offset);
	if (rc > 0)
		file->written += rc;
	return rc;
}

/* close(): in time for who reads the log next, which the release is not */
static gint
mock_host_fuse_flush(const gchar *path G_GNUC_UNUSED, struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockFile *file = (MockFile *)(gsize)fi->fh;

	if (file->node->store == mock_host_data_store && file->writes != file->written_logged) {
		mock_host_log(self,
			      "data: %" G_GUINT64_FORMAT " bytes in %u writes",
			      file->written,
			      file->writes);
		file->written_logged = file->writes;
	}
	return 0;
}

static gint
mock_host_fuse_release(const gchar *path G_GNUC_UNUSED, struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);

	g_ptr_array_remove_fast(self->files, (MockFile *)(gsize)fi->fh);
	return 0;
}

/* O_TRUNC has no effect in sysfs */
static gint
mock_host_fuse_truncate(const gchar *path G_GNUC_UNUSED,
			off_t size G_GNUC_UNUSED,
			struct fuse_file_info *fi G_GNUC_UNUSED)
{
	return 0;
}

static const struct fuse_operations mock_host_fuse_operations = {
    .init = mock_host_fuse_init,
    .getattr = mock_host_fuse_getattr,
    .readlink = mock_host_fuse_readlink,
    .readdir = mock_host_fuse_readdir,
    .open = mock_host_fuse_open,
    .read = mock_host_fuse_read,
    .write = mock_host_fuse_write,
    .flush = mock_host_fuse_flush,
    .release = mock_host_fuse_release,
    .truncate = mock_host_fuse_truncate,
};

static gpointer
mock_host_signal_thread(gpointer user_data)
{
	MockHost *self = user_data;
	g_autofree gchar *path = g_build_filename(self->mountpoint, "control", NULL);
	sigset_t set;
	gint signum = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigwait(&set, &signum);

	/* the loop looks at this after its next request only, so make one */
	fuse_session_exit(fuse_get_session(self->fuse));
	g_access(path, F_OK);
	return NULL;
}

/* serves until SIGTERM, SIGINT or umount */
static gboolean
mock_host_run(MockHost *self)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	sigset_t set;
	gint rc = -1;

	/* of all threads but the one that waits for them */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);

	fuse_opt_add_arg(&args, g_get_prgname());
	fuse_opt_add_arg(&args, "-ofsname=mock-tdx-host,default_permissions");
	if (getuid() == 0)
		fuse_opt_add_arg(&args, "-oallow_other");
	self->fuse =
	    fuse_new(&args, &mock_host_fuse_operations, sizeof(mock_host_fuse_operations), self);
	fuse_opt_free_args(&args);
	if (self->fuse == NULL)
		return FALSE;
	if (fuse_mount(self->fuse, self->mountpoint) == 0) {
		GThread *thread = g_thread_new("signal", mock_host_signal_thread, self);
		rc = fuse_loop(self->fuse);
		fuse_unmount(self->fuse);

		/* after an umount it still waits */
		kill(getpid(), SIGTERM);
		g_thread_join(thread);
	}
	return rc == 0;
}

/*
 * options
 */

typedef struct {
	gchar *kernel;
	gchar *running;
	gchar *running_svn;
	gchar *seamldr;
	gchar **cpus;
	gchar **signers;
	gchar *online;
	gchar *present;
	gchar *smt;
	gchar *version_map;
	gint remaining;
	gint sockets;
	gint cpus_per_socket;
	gint tds;
	gint phase_ms;
} MockOptions;

static void
mock_options_clear(MockOptions *self)
{
	g_free(self->kernel);
	g_free(self->running);
	g_free(self->running_svn);
	g_free(self->seamldr);
	g_strfreev(self->cpus);
	g_strfreev(self->signers);
	g_free(self->online);
	g_free(self->present);
	g_free(self->smt);
	g_free(self->version_map);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MockOptions, mock_options_clear)

static const gchar *mock_options_description =
    "KIND is mainline, v10, v9, v8, v7, v6, v4, v3 or v2. --cpu and --signer may be repeated;\n"
    "--signer is the SHA-384 of a modulus and replaces Intel's production key.\n"
    "\n"
    "After an install the version is, in this order: of the line SEAMHASH VERSION in FILE, the "
    "one\n"
    "in the sigstruct (2.0 modules), that of the released module, --install-version, 0.0.00.\n"
    "\n"
    "Files for the tests, below MOUNTPOINT/control:\n"
    "  writes    write() calls on loading and data, and uploads that reached the work queue\n"
    "  log       one line per event; 'kernel: refused' was harmless, 'seamldr: refused' was not\n"
    "  received  the last image that reached the work queue\n"
    "  set       takes lines KEY=VALUE, and EINVAL for what it does not know:\n"
    "\n"
    "    running (of a release: also its SVN), running-svn, seamldr, remaining, online, present,\n"
    "    tds, smt, phase-ms, lost, absent, erratum, no-upload   as the options\n"
    "    fault=STATUS:ERROR       once, the upload ends so, and nothing happens to the module\n"
    "    fault-loses=0|1          but with this it is lost, by the next fault=\n"
    "    fault-version=V          once, a fault or a success leaves this version\n"
    "    attr-errno=ATTR:[OP:]ERRNO[:COUNT]  OP is open, read or write; ATTR:0 resets\n"
    "    attr-text=ATTR:TEXT      with \\n \\t \\x00, or @empty, or @garbage; ATTR: resets\n"
    "    short-write=N            data takes at most N bytes per write; empty resets\n"
    "    abort-after=BYTES        once, somebody writes -1 to loading after so much data\n"
    "    second-uploader=1        once, somebody else uploads as our first data comes; the kernel\n"
    "                             refuses what he uploads\n"
    "    vanish=PHASE             once, the upload is gone from loading, data, receiving,\n"
    "    vanish-device=PHASE      preparing, transferring or programming on, or all of the\n"
    "                             device; the worker still does its work, as in the kernel\n"
    "    stuck=PHASE              the worker stays there until stuck= is empty\n"
    "    cpu-offline-after-reads=N:LIST  online reads LIST after N more reads\n"
    "    late-attrs-ms=N          after absent=0 only uevent and subsystem are there at once\n"
    "\n"
    "ATTR is relative to the device, or one of cpu/online, cpu/present, cpu/possible,\n"
    "cpu/smt/active, cpu/smt/control, cgroup/misc.current, cgroup/misc.capacity, cpuinfo.";

static gboolean
mock_host_load_version_map(MockHost *self, const gchar *filename, GError **error)
{
	g_autofree gchar *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(filename, &text, NULL, error))
		return FALSE;
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_auto(GStrv) parts = g_strsplit(g_strstrip(lines[i]), " ", 2);
		if (g_strv_length(parts) == 2)
			g_hash_table_insert(self->version_map,
					    g_ascii_strdown(parts[0], -1),
					    g_strdup(g_strstrip(parts[1])));
	}
	return TRUE;
}

static gboolean
mock_host_add_cpus(MockHost *self, const MockOptions *options)
{
	guint n = g_strv_length(options->cpus);
	guint sockets = n > 1 ? n : (guint)options->sockets;

	for (guint i = 0; i < sockets; i++) {
		guint eax = 0;
		if (!parse_uint(options->cpus[n > 1 ? i : 0], G_MAXUINT32, &eax))
			return FALSE;
		g_array_append_val(self->seamldr.cpus, eax);
	}
	self->cpus_per_socket = options->cpus_per_socket;
	self->cpus = sockets * self->cpus_per_socket;
	return sockets > 0 && self->cpus_per_socket > 0 && self->cpus <= CPU_MAX;
}

static gboolean
mock_host_apply(MockHost *self, const MockOptions *options, GError **error)
{
	g_autofree gchar *all_cpus = NULL;

	for (guint i = 0; options->signers[i] != NULL; i++)
		g_ptr_array_add(self->seamldr.signers, g_ascii_strdown(options->signers[i], -1));
	if (options->version_map != NULL &&
	    !mock_host_load_version_map(self, options->version_map, error))
		return FALSE;
	if (!mock_host_add_cpus(self, options)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "invalid CPUs");
		return FALSE;
	}
	all_cpus = g_strdup_printf(self->cpus > 1 ? "0-%u" : "%u", self->cpus - 1);
	self->seamldr.remaining = options->remaining;
	self->seamldr.running_svn = 0x0106;
	self->upload->phase_ms = options->phase_ms;
	self->tds = options->tds;
	if (!mock_host_set_running_release(self, options->running) ||
	    (options->running_svn != NULL &&
	     !mock_host_set_running_svn(self, options->running_svn)) ||
	    !mock_host_set_seamldr(self, options->seamldr) ||
	    !mock_host_set_online(self, options->online != NULL ? options->online : all_cpus) ||
	    !mock_host_set_present(self, options->present != NULL ? options->present : all_cpus) ||
	    !mock_host_set_smt(self, options->smt)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "invalid value");
		return FALSE;
	}
	return TRUE;
}

#define OPTION(name, type, pointer, value, help)                                                   \
	{                                                                                          \
		name, 0, 0, G_OPTION_ARG_##type, pointer, help, value                              \
	}

static gboolean
mock_host_parse(MockHost *self, gint *argc, gchar ***argv, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new("MOUNTPOINT");
	g_auto(MockOptions) options = {
	    .remaining = 10,
	    .sockets = 2,
	    .cpus_per_socket = 2,
	    .phase_ms = 5,
	};
	const GOptionEntry entries[] = {
	    OPTION("kernel", STRING, &options.kernel, "KIND", "mainline (default), v10 .. v2"),
	    OPTION("running", STRING, &options.running, "VERSION", "TDX module (1.5.06)"),
	    OPTION("running-svn", STRING, &options.running_svn, "SVN", "Its SVN (the release's)"),
	    OPTION("seamldr", STRING, &options.seamldr, "VERSION", "P-SEAMLDR (1.5.06)"),
	    OPTION("seamldr-unpadded", NONE, &self->seamldr_unpadded, NULL, "Show it as 1.5.6"),
	    OPTION("remaining", INT, &options.remaining, "N", "Updates left (10)"),
	    OPTION("cpu",
		   STRING_ARRAY,
		   &options.cpus,
		   "EAX",
		   "CPUID.1.EAX of each socket (0x806F8)"),
	    OPTION("sockets", INT, &options.sockets, "N", "Sockets, all with the one --cpu (2)"),
	    OPTION("cpus-per-socket",
		   INT,
		   &options.cpus_per_socket,
		   "N",
		   "Logical CPUs of each (2)"),
	    OPTION("vendor", STRING, &self->vendor, "ID", "CPU vendor (GenuineIntel)"),
	    OPTION("online", STRING, &options.online, "LIST", "CPUs online (all)"),
	    OPTION("present", STRING, &options.present, "LIST", "CPUs present (all)"),
	    OPTION("smt", STRING, &options.smt, "STATE", "on (default), off, notsupported ..."),
	    OPTION("tds", INT, &options.tds, "N", "Running TDs (0)"),
	    OPTION("erratum", NONE, &self->erratum, NULL, "CPUs with seamret_invd_vmcs"),
	    OPTION("no-upload", NONE, &self->no_upload, NULL, "No upload"),
	    OPTION("no-seamldr", NONE, &self->no_seamldr, NULL, "No P-SEAMLDR attributes"),
	    OPTION("lost", NONE, &self->lost, NULL, "The module was lost"),
	    OPTION("absent", NONE, &self->absent, NULL, "No device until absent=0"),
	    OPTION("phase-ms", INT, &options.phase_ms, "MS", "Duration of each phase (5)"),
	    OPTION("signer", STRING_ARRAY, &options.signers, "HEX", "Trusted key hash (Intel's)"),
	    OPTION("new-version-map", FILENAME, &options.version_map, "FILE", "See below"),
	    OPTION("install-version", STRING, &self->install_version, "VERSION", "See below"),
	    G_OPTION_ENTRY_NULL,
	};
	const gchar *default_cpus[] = {"0x806F8", NULL};
	const gchar *default_signers[] = {MOCK_SEAMLDR_SIGNER_INTEL, NULL};

	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_summary(context, "A TDX host for tests, in FUSE");
	g_option_context_set_description(context, mock_options_description);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	if (*argc != 2) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "MOUNTPOINT required");
		return FALSE;
	}
	self->mountpoint = g_strdup((*argv)[1]);

	self->kernel = mock_kernel_find(options.kernel != NULL ? options.kernel : "mainline");
	if (self->kernel == NULL) {
		g_set_error(error,
			    G_OPTION_ERROR,
			    G_OPTION_ERROR_BAD_VALUE,
			    "no such kernel: %s",
			    options.kernel);
		return FALSE;
	}
	if (options.running == NULL)
		options.running = g_strdup("1.5.06");
	if (options.seamldr == NULL)
		options.seamldr = g_strdup("1.5.06");
	if (options.smt == NULL)
		options.smt = g_strdup("on");
	if (options.cpus == NULL)
		options.cpus = g_strdupv((gchar **)default_cpus);
	if (options.signers == NULL)
		options.signers = g_strdupv((gchar **)default_signers);
	if (self->vendor == NULL)
		self->vendor = g_strdup("GenuineIntel");
	return mock_host_apply(self, &options, error);
}

static MockHost *
mock_host_new(void)
{
	MockHost *self = g_new0(MockHost, 1);
	g_mutex_init(&self->lock);
	self->log = g_string_new(NULL);
	self->nodes = g_ptr_array_new_with_free_func((GDestroyNotify)mock_node_free);
	self->files = g_ptr_array_new_with_free_func((GDestroyNotify)mock_file_free);
	self->version_map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->seamldr.cpus = g_array_new(FALSE, FALSE, sizeof(guint32));
	self->seamldr.signers = g_ptr_array_new_with_free_func(g_free);
	self->upload = mock_fw_upload_new(&self->lock, self->log, &mock_host_upload_ops, self);
	return self;
}

static void
mock_host_free(MockHost *self)
{
	mock_fw_upload_free(self->upload);
	if (self->fuse != NULL)
		fuse_destroy(self->fuse);
	g_array_unref(self->seamldr.cpus);
	g_ptr_array_unref(self->seamldr.signers);
	g_ptr_array_unref(self->files);
	g_ptr_array_unref(self->nodes);
	g_hash_table_unref(self->version_map);
	g_string_free(self->log, TRUE);
	g_free(self->mountpoint);
	g_free(self->running);
	g_free(self->seamldr_version);
	g_free(self->install_version);
	g_free(self->vendor);
	g_free(self->online);
	g_free(self->present);
	g_free(self->smt);
	g_free(self->fault_version);
	g_free(self->vanish);
	g_free(self->vanish_device);
	g_free(self->online_after_reads);
	g_mutex_clear(&self->lock);
	g_free(self);
}

gint
main(gint argc, gchar **argv)
{
	MockHost *self = mock_host_new();
	gint rc = EXIT_SUCCESS;
	g_autoptr(GError) error = NULL;

	if (!mock_host_parse(self, &argc, &argv, &error)) {
		g_printerr("%s\n", error->message);
		rc = EXIT_FAILURE;
	} else {
		mock_host_add_tree(self);
		if (!mock_host_run(self))
			rc = EXIT_FAILURE;
	}
	mock_host_free(self);
	return rc;
}
