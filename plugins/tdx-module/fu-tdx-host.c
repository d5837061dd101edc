/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "fu-fw-upload.h"
#include "fu-tdx-host.h"

/* /proc/cpuinfo of a host with 8192 logical CPUs has less */
#define FU_TDX_HOST_FILE_MAX (32 * FU_MB)

/* a number or a version, with room for what is neither */
#define FU_TDX_HOST_ATTR_SIZE_MAX 64

static const struct {
	const gchar *attr_seamldr_version;
	const gchar *attr_remaining_updates;
	const gchar *upload_name;
	FuTdxBlobVersion blob_version;
} fu_tdx_host_kernels[] = {
    /* Linux 7.2 and later */
    {"seamldr_version", "num_remaining_updates", "tdx_module", FU_TDX_BLOB_VERSION_V2},
    /* series v4 to v7, and v2 and v3, which no release contained */
    {"seamldr/version", "seamldr/num_remaining_updates", "tdx_module", FU_TDX_BLOB_VERSION_V1},
    {"seamldr/version", "seamldr/num_remaining_updates", "seamldr_upload", FU_TDX_BLOB_VERSION_V1},
};

/* a sandbox is told apart from a kernel that does not answer */
static void
fu_tdx_host_prefix_error(GError **error, const gchar *filename)
{
	if (g_error_matches(*error, FWUPD_ERROR, FWUPD_ERROR_PERMISSION_DENIED))
		g_prefix_error(error,
			       "let fwupd read %s in its unit, container or security policy: ",
			       filename);
	else
		g_prefix_error(error, "failed to read %s: ", filename);
}

static gboolean
fu_tdx_host_parse_number(const gchar *str, guint64 max, guint64 *value, GError **error)
{
	if (!g_ascii_string_to_unsigned(str, 10, 0, max, value, NULL)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "'%s' is not a number up to %" G_GUINT64_FORMAT,
			    str,
			    max);
		return FALSE;
	}
	return TRUE;
}

/* the raw bytes, as only there INVALID_DATA is the error of the kernel */
static gchar *
fu_tdx_host_read_attr(FuUdevDevice *device, const gchar *attr, GError **error)
{
	gsize bufsz = 0;
	const gchar *buf;
	g_autofree gchar *value = NULL;
	g_autoptr(GBytes) blob = NULL;

	blob = fu_udev_device_read_sysfs_bytes(device,
					       attr,
					       FU_TDX_HOST_ATTR_SIZE_MAX,
					       FU_UDEV_DEVICE_ATTR_READ_TIMEOUT_DEFAULT,
					       error);
	if (blob == NULL) {
		fu_tdx_host_prefix_error(error, attr);
		return NULL;
	}
	buf = g_bytes_get_data(blob, &bufsz);
	value = g_utf8_make_valid(buf != NULL ? buf : "", bufsz);
	return g_strescape(g_strchomp(value), NULL);
}

static gchar *
fu_tdx_host_read_version(FuUdevDevice *device, const gchar *attr, GError **error)
{
	g_autofree gchar *value = fu_tdx_host_read_attr(device, attr, error);

	if (value == NULL)
		return NULL;
	if (!g_regex_match_simple("^[0-9]{1,5}[.][0-9]{1,5}[.][0-9]{1,5}$", value, 0, 0)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_READ,
			    "%s is '%s', expected three numbers such as '1.5.06'",
			    attr,
			    value);
		return NULL;
	}
	return g_steal_pointer(&value);
}

/* ENXIO if it is lost, which is not told from EINVAL; each failed read is replayed as no data */
static gboolean
fu_tdx_host_read_module(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	FwupdError code = FWUPD_ERROR_INVALID_DATA;
	g_autoptr(GError) error_local = NULL;

	self->module_version = fu_tdx_host_read_version(device, "version", &error_local);
	if (self->module_version != NULL)
		return TRUE;
	if (fu_device_has_flag(FU_DEVICE(device), FWUPD_DEVICE_FLAG_EMULATED))
		code = FWUPD_ERROR_NOT_FOUND;
	self->module_lost = g_error_matches(error_local, FWUPD_ERROR, code);
	g_propagate_error(error, g_steal_pointer(&error_local));
	return FALSE;
}

static gboolean
fu_tdx_host_read_kernel(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autoptr(GPtrArray) attrs = fu_udev_device_list_sysfs(device, error);

	if (attrs == NULL)
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_host_kernels); i++) {
		g_auto(GStrv) split =
		    g_strsplit(fu_tdx_host_kernels[i].attr_seamldr_version, "/", 2);
		g_autoptr(GError) error_local = NULL;

		if (!g_ptr_array_find_with_equal_func(attrs, split[0], g_str_equal, NULL))
			continue;
		self->attr_seamldr_version = fu_tdx_host_kernels[i].attr_seamldr_version;
		self->attr_remaining_updates = fu_tdx_host_kernels[i].attr_remaining_updates;
		self->blob_version = fu_tdx_host_kernels[i].blob_version;
		if (!fu_fw_upload_read_status(device,
					      fu_tdx_host_kernels[i].upload_name,
					      &self->upload_status,
					      &error_local)) {
			if (g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND))
				continue;
			fu_tdx_host_prefix_error(&error_local, "the firmware upload");
			self->errors[FU_TDX_HOST_FACT_UPLOAD] = g_strdup(error_local->message);
		}
		self->upload_name = fu_tdx_host_kernels[i].upload_name;
		break;
	}
	return TRUE;
}

static gboolean
fu_tdx_host_read_seamldr(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	if (self->attr_seamldr_version == NULL)
		return TRUE;
	self->seamldr_version = fu_tdx_host_read_version(device, self->attr_seamldr_version, error);
	return self->seamldr_version != NULL;
}

static gboolean
fu_tdx_host_read_remaining_updates(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autofree gchar *str = NULL;

	if (self->attr_remaining_updates == NULL)
		return TRUE;
	str = fu_tdx_host_read_attr(device, self->attr_remaining_updates, error);
	if (str == NULL)
		return FALSE;
	if (!fu_tdx_host_parse_number(str, G_MAXUINT32, &self->remaining_updates, error)) {
		g_prefix_error(error, "%s: ", self->attr_remaining_updates);
		return FALSE;
	}
	return TRUE;
}

/* asked before anything is touched, as fwupd has no error code for EROFS */
static gboolean
fu_tdx_host_read_upload_access(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autofree gchar *filename = NULL;

	if (self->upload_name == NULL ||
	    fu_device_has_flag(FU_DEVICE(device), FWUPD_DEVICE_FLAG_EMULATED))
		return TRUE;
	filename = g_build_filename(fu_udev_device_get_sysfs_path(device),
				    "firmware",
				    self->upload_name,
				    "loading",
				    NULL);
	if (g_access(filename, W_OK) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_PERMISSION_DENIED,
			    "%s: %s",
			    filename,
			    fwupd_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

typedef struct {
	FuTdxHost *host;
	guint64 family;
	guint64 model;
} FuTdxHostCpuinfoHelper;

/* the inverse of what Linux does to show CPUID.1.EAX, but for the stepping */
static gboolean
fu_tdx_host_add_cpu(FuTdxHostCpuinfoHelper *helper, GError **error)
{
	guint32 cpu = 0;

	cpu |= (helper->family - MIN(helper->family, 0xF)) << 20;
	cpu |= (helper->model >> 4) << 16;
	cpu |= MIN(helper->family, 0xF) << 8;
	cpu |= (helper->model & 0xF) << 4;
	if (helper->host->cpu != 0 && helper->host->cpu != cpu) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "the processors are 0x%x and 0x%x, expected the same in all sockets",
			    helper->host->cpu,
			    cpu);
		return FALSE;
	}
	helper->host->cpu = cpu;
	helper->family = 0;
	helper->model = 0;
	return TRUE;
}

static gboolean
fu_tdx_host_parse_cpuinfo_cb(GString *token, guint token_idx, gpointer user_data, GError **error)
{
	FuTdxHostCpuinfoHelper *helper = (FuTdxHostCpuinfoHelper *)user_data;
	const gchar *key;
	const gchar *value;
	g_auto(GStrv) split = g_strsplit(token->str, ":", 2);

	if (g_strv_length(split) != 2)
		return TRUE;
	key = g_strstrip(split[0]);
	value = g_strstrip(split[1]);
	if (g_strcmp0(key, "vendor_id") == 0 && g_strcmp0(value, "GenuineIntel") != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "vendor_id is '%s', expected 'GenuineIntel'",
			    value);
		return FALSE;
	}
	if (g_strcmp0(key, "cpu family") == 0)
		return fu_tdx_host_parse_number(value, 0xF + 0xFF, &helper->family, error);
	if (g_strcmp0(key, "model") == 0)
		return fu_tdx_host_parse_number(value, G_MAXUINT8, &helper->model, error);
	if (g_strcmp0(key, "bugs") == 0) {
		g_auto(GStrv) bugs = g_strsplit(value, " ", -1);
		if (g_strv_contains((const gchar *const *)bugs, "seamret_invd_vmcs"))
			helper->host->erratum = TRUE;
	}

	/* the last of the three */
	if (g_strcmp0(key, "stepping") == 0)
		return fu_tdx_host_add_cpu(helper, error);
	return TRUE;
}

gboolean
fu_tdx_host_parse_cpuinfo(FuTdxHost *self, const gchar *str, GError **error)
{
	FuTdxHostCpuinfoHelper helper = {.host = self};

	if (!fu_strsplit_full(str, -1, "\n", fu_tdx_host_parse_cpuinfo_cb, &helper, error)) {
		self->cpu = 0;
		return FALSE;
	}
	if (self->cpu == 0) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "no cpu family, model and stepping");
		return FALSE;
	}
	return TRUE;
}

static gchar *
fu_tdx_host_get_contents(FuUdevDevice *device, FuPathKind kind, const gchar *name, GError **error)
{
	const gchar *dirname =
	    fu_context_get_path(fu_device_get_context(FU_DEVICE(device)), kind, error);
	g_autofree gchar *path = NULL;
	g_autofree gchar *str = NULL;

	if (dirname == NULL)
		return NULL;
	path = g_build_filename(dirname, name, NULL);
	str = fu_device_get_contents(FU_DEVICE(device), path, FU_TDX_HOST_FILE_MAX, NULL, error);
	if (str == NULL) {
		fu_tdx_host_prefix_error(error, path);
		return NULL;
	}
	return g_strchomp(g_steal_pointer(&str));
}

static gboolean
fu_tdx_host_read_cpu(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autofree gchar *str =
	    fu_tdx_host_get_contents(device, FU_PATH_KIND_PROCFS, "cpuinfo", error);

	if (str == NULL) {
		g_prefix_error_literal(error, "fwupd has to see this, e.g. with ProcSubset=all: ");
		return FALSE;
	}
	return fu_tdx_host_parse_cpuinfo(self, str, error);
}

static gchar *
fu_tdx_host_get_sysfs(FuUdevDevice *device, const gchar *name, GError **error)
{
	return fu_tdx_host_get_contents(device, FU_PATH_KIND_SYSFSDIR, name, error);
}

/* both are printed alike, so the same CPUs give the same text */
static gboolean
fu_tdx_host_read_cpus_online(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	self->cpus_present = fu_tdx_host_get_sysfs(device, "devices/system/cpu/present", error);
	if (self->cpus_present == NULL)
		return FALSE;
	self->cpus_online = fu_tdx_host_get_sysfs(device, "devices/system/cpu/online", error);
	if (self->cpus_online == NULL)
		return FALSE;
	if (self->cpus_present[0] == '\0') {
		g_set_error_literal(error, FWUPD_ERROR, FWUPD_ERROR_INVALID_DATA, "none present");
		return FALSE;
	}
	return TRUE;
}

gboolean
fu_tdx_host_parse_misc(FuTdxHost *self, const gchar *str, GError **error)
{
	const gchar *value;
	g_auto(GStrv) lines = g_strsplit(str, "\n", -1);

	for (guint i = 0; lines[i] != NULL; i++) {
		if (!g_str_has_prefix(lines[i], "tdx "))
			continue;
		value = lines[i] + strlen("tdx ");
		if (!fu_tdx_host_parse_number(value, G_MAXUINT32, &self->tds, error))
			return FALSE;
		self->guests = FU_TDX_GUESTS_COUNTED;
		return TRUE;
	}
	g_set_error_literal(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_SUPPORTED,
			    "this kernel has no line 'tdx' in misc.current, so stop all guests and "
			    "remove the module kvm_intel");
	return FALSE;
}

/* only the root of the cgroup tree, which alone has misc.capacity, counts all TDs; an empty file is
 * read as an invalid one */
static gboolean
fu_tdx_host_read_misc(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	const gchar *names[] = {"fs/cgroup/misc.capacity", "fs/cgroup/misc.current"};
	g_autofree gchar *str = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error_local = NULL;
		g_free(str);
		str = fu_tdx_host_get_sysfs(device, names[i], &error_local);
		if (str == NULL &&
		    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_INVALID_FILE)) {
			g_propagate_prefixed_error(error,
						   g_steal_pointer(&error_local),
						   "let fwupd see the root of the cgroup tree "
						   "with its misc controller: ");
			return FALSE;
		}
	}
	return fu_tdx_host_parse_misc(self, str != NULL ? str : "", error);
}

/* a number is believed more than a parameter that is perhaps only hidden */
static gboolean
fu_tdx_host_read_guests(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autofree gchar *kvm = NULL;
	g_autoptr(GError) error_local = NULL;

	if (fu_tdx_host_read_misc(self, device, error))
		return TRUE;
	kvm = fu_tdx_host_get_sysfs(device, "module/kvm_intel/parameters/tdx", &error_local);
	if (g_strcmp0(kvm, "N") != 0 &&
	    !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND))
		return FALSE;
	g_clear_error(error);
	self->guests = FU_TDX_GUESTS_IMPOSSIBLE;
	return TRUE;
}

/* in the order of reading: what may change at any moment comes last */
static gboolean (*const fu_tdx_host_funcs[])(FuTdxHost *, FuUdevDevice *, GError **) = {
    [FU_TDX_HOST_FACT_MODULE] = fu_tdx_host_read_module,
    [FU_TDX_HOST_FACT_KERNEL] = fu_tdx_host_read_kernel,
    [FU_TDX_HOST_FACT_SEAMLDR] = fu_tdx_host_read_seamldr,
    [FU_TDX_HOST_FACT_CPU] = fu_tdx_host_read_cpu,
    [FU_TDX_HOST_FACT_GUESTS] = fu_tdx_host_read_guests,
    [FU_TDX_HOST_FACT_REMAINING_UPDATES] = fu_tdx_host_read_remaining_updates,
    [FU_TDX_HOST_FACT_UPLOAD_ACCESS] = fu_tdx_host_read_upload_access,
    [FU_TDX_HOST_FACT_CPUS_ONLINE] = fu_tdx_host_read_cpus_online,
};

static void
fu_tdx_host_read(FuTdxHost *self, FuUdevDevice *device, FuTdxHostFact fact)
{
	g_autoptr(GError) error_local = NULL;

	if (!fu_tdx_host_funcs[fact](self, device, &error_local))
		self->errors[fact] = g_strdup(error_local->message);
}

FuTdxHost *
fu_tdx_host_new(FuUdevDevice *device)
{
	g_autoptr(FuTdxHost) self = g_new0(FuTdxHost, 1);

	self->remaining_updates = FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN;
	for (guint i = 0; i < G_N_ELEMENTS(fu_tdx_host_funcs); i++)
		fu_tdx_host_read(self, device, i);
	return g_steal_pointer(&self);
}

/* also of a kernel without the device */
static FuUdevDevice *
fu_tdx_host_device_new(FuContext *ctx)
{
	const gchar *dirname = fu_context_get_path(ctx, FU_PATH_KIND_SYSFSDIR, NULL);
	g_autofree gchar *sysfs_path =
	    g_build_filename(dirname != NULL ? dirname : "/sys", "devices/faux/tdx_host", NULL);
	return g_object_new(FU_TYPE_UDEV_DEVICE, "context", ctx, "backend-id", sysfs_path, NULL);
}

FuTdxHost *
fu_tdx_host_new_from_context(FuContext *ctx)
{
	g_autoptr(FuUdevDevice) device = fu_tdx_host_device_new(ctx);
	return fu_tdx_host_new(device);
}

/* only what an update changes */
FuTdxHost *
fu_tdx_host_new_after(FuUdevDevice *device, const FuTdxHost *before)
{
	g_autoptr(FuTdxHost) self = g_new0(FuTdxHost, 1);

	self->attr_remaining_updates = before->attr_remaining_updates;
	self->remaining_updates = FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN;
	fu_tdx_host_read(self, device, FU_TDX_HOST_FACT_MODULE);
	fu_tdx_host_read(self, device, FU_TDX_HOST_FACT_REMAINING_UPDATES);
	return g_steal_pointer(&self);
}

void
fu_tdx_host_free(FuTdxHost *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(self->errors); i++)
		g_free(self->errors[i]);
	g_free(self->module_version);
	g_free(self->seamldr_version);
	g_free(self->cpus_online);
	g_free(self->cpus_present);
	g_free(self);
}
