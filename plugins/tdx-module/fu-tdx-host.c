/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-common.h"
#include "fu-tdx-host.h"

/* a host with 8192 logical CPUs has less */
#define FU_TDX_HOST_CPUINFO_SIZE_MAX (32 * FU_MB)
#define FU_TDX_HOST_FILE_SIZE_MAX    (64 * FU_KB)

/* Linux has no more, see NR_CPUS */
#define FU_TDX_HOST_CPUS_MAX 8192

/* the family and the extended family of CPUID.1.EAX */
#define FU_TDX_HOST_CPU_FAMILY_MAX (0xF + 0xFF)

/* mainline, and the series v2 and v3 before */
#define FU_TDX_HOST_UPLOAD_NAME	    "tdx_module"
#define FU_TDX_HOST_UPLOAD_NAME_OLD "seamldr_upload"

struct _FuTdxHost {
	GObject parent_instance;
	gchar *vendor;
	GArray *signatures;  /* (element-type guint32): CPUID.1.EAX of each kind of socket */
	gchar *cpus_offline; /* (nullable) */
	gboolean erratum;
	guint64 tds;
	FuTdxSeamldrLayout seamldr_layout;
	gchar *upload_name; /* (nullable) */
};

G_DEFINE_TYPE(FuTdxHost, fu_tdx_host, G_TYPE_OBJECT)

/**
 * fu_tdx_host_get_vendor:
 * @self: a #FuTdxHost
 *
 * Gets the CPU vendor.
 *
 * Returns: (nullable): e.g. `GenuineIntel`
 **/
const gchar *
fu_tdx_host_get_vendor(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), NULL);
	return self->vendor;
}

/**
 * fu_tdx_host_get_signatures:
 * @self: a #FuTdxHost
 *
 * Gets the kinds of CPU in all sockets; there should be only one.
 *
 * Returns: (transfer none) (element-type guint32): CPUID.1.EAX with the stepping masked
 **/
GArray *
fu_tdx_host_get_signatures(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), NULL);
	return self->signatures;
}

/**
 * fu_tdx_host_get_erratum:
 * @self: a #FuTdxHost
 *
 * Gets if the CPU has the erratum SEAMRET_INVD_VMCS, for which Linux hides the P-SEAMLDR.
 *
 * Returns: %TRUE if the CPU or its microcode has the erratum
 **/
gboolean
fu_tdx_host_get_erratum(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), FALSE);
	return self->erratum;
}

/**
 * fu_tdx_host_get_cpus_offline:
 * @self: a #FuTdxHost
 *
 * Gets the logical CPUs that are present but not online, be it because of hotplug or SMT.
 *
 * Returns: (nullable): a list in the kernel's syntax, e.g. `4-7,9`, or %NULL for none
 **/
const gchar *
fu_tdx_host_get_cpus_offline(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), NULL);
	return self->cpus_offline;
}

/**
 * fu_tdx_host_get_tds:
 * @self: a #FuTdxHost
 *
 * Gets how many TDs, i.e. confidential guests, hold a TDX key.
 *
 * Returns: number of TDs, or %FU_TDX_HOST_TDS_UNKNOWN
 **/
guint64
fu_tdx_host_get_tds(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), G_MAXUINT64);
	return self->tds;
}

/**
 * fu_tdx_host_get_seamldr_layout:
 * @self: a #FuTdxHost
 *
 * Gets where this kernel has the attributes of the P-SEAMLDR.
 *
 * Returns: a #FuTdxSeamldrLayout
 **/
FuTdxSeamldrLayout
fu_tdx_host_get_seamldr_layout(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), FU_TDX_SEAMLDR_LAYOUT_NONE);
	return self->seamldr_layout;
}

/**
 * fu_tdx_host_set_seamldr_layout:
 * @self: a #FuTdxHost
 * @seamldr_layout: a #FuTdxSeamldrLayout
 *
 * Sets where this kernel has the attributes of the P-SEAMLDR.
 **/
void
fu_tdx_host_set_seamldr_layout(FuTdxHost *self, FuTdxSeamldrLayout seamldr_layout)
{
	g_return_if_fail(FU_IS_TDX_HOST(self));
	self->seamldr_layout = seamldr_layout;
}

/**
 * fu_tdx_host_get_upload_name:
 * @self: a #FuTdxHost
 *
 * Gets the name of the firmware-upload node.
 *
 * Returns: (nullable): e.g. `tdx_module`, or %NULL if the kernel offers no upload
 **/
const gchar *
fu_tdx_host_get_upload_name(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), NULL);
	return self->upload_name;
}

/**
 * fu_tdx_host_set_upload_name:
 * @self: a #FuTdxHost
 * @upload_name: (nullable): e.g. `tdx_module`
 *
 * Sets the name of the firmware-upload node.
 **/
void
fu_tdx_host_set_upload_name(FuTdxHost *self, const gchar *upload_name)
{
	g_return_if_fail(FU_IS_TDX_HOST(self));
	g_free(self->upload_name);
	self->upload_name = g_strdup(upload_name);
}

/**
 * fu_tdx_host_get_blob_version:
 * @self: a #FuTdxHost
 *
 * Gets the version of the image header to offer to this kernel first. The series v8 takes
 * %FU_TDX_BLOB_VERSION_V1 only, but looks like Linux 7.2, which takes %FU_TDX_BLOB_VERSION_V2 only.
 *
 * Returns: a #FuTdxBlobVersion
 **/
FuTdxBlobVersion
fu_tdx_host_get_blob_version(FuTdxHost *self)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), FU_TDX_BLOB_VERSION_UNKNOWN);
	if (self->seamldr_layout == FU_TDX_SEAMLDR_LAYOUT_DIRECTORY)
		return FU_TDX_BLOB_VERSION_V1;
	return FU_TDX_BLOB_VERSION_V2;
}

typedef struct {
	guint64 family; /* or G_MAXUINT64 */
	guint64 model;	/* or G_MAXUINT64 */
} FuTdxHostCpu;

/* the inverse of what Linux does to show CPUID.1.EAX, but for the stepping */
static guint32
fu_tdx_host_cpu_to_signature(const FuTdxHostCpu *cpu)
{
	guint32 family = MIN(cpu->family, 0xF);
	guint32 family_ext = cpu->family - family;
	guint32 signature = 0;

	signature |= (family_ext & 0xFF) << 20;
	signature |= ((cpu->model >> 4) & 0xF) << 16;
	signature |= family << 8;
	signature |= (cpu->model & 0xF) << 4;
	return signature;
}

static void
fu_tdx_host_add_signature(FuTdxHost *self, guint32 signature)
{
	for (guint i = 0; i < self->signatures->len; i++) {
		if (g_array_index(self->signatures, guint32, i) == signature)
			return;
	}
	g_array_append_val(self->signatures, signature);
}

typedef struct {
	FuTdxHost *self;
	FuTdxHostCpu cpu;
} FuTdxHostCpuinfoHelper;

static gboolean
fu_tdx_host_parse_cpuinfo_cb(GString *token, guint token_idx, gpointer user_data, GError **error)
{
	FuTdxHostCpuinfoHelper *helper = (FuTdxHostCpuinfoHelper *)user_data;
	g_autofree gchar *key = NULL;
	g_autofree gchar *value = NULL;
	g_auto(GStrv) split = g_strsplit(token->str, ":", 2);

	if (g_strv_length(split) != 2)
		return TRUE;
	key = g_strstrip(g_strdup(split[0]));
	value = g_strstrip(g_strdup(split[1]));
	if (g_strcmp0(key, "vendor_id") == 0) {
		g_free(helper->self->vendor);
		helper->self->vendor = g_steal_pointer(&value);
		return TRUE;
	}
	if (g_strcmp0(key, "bugs") == 0) {
		g_auto(GStrv) bugs = g_strsplit(value, " ", -1);
		if (g_strv_contains((const gchar *const *)bugs, "seamret_invd_vmcs"))
			helper->self->erratum = TRUE;
		return TRUE;
	}
	if (g_strcmp0(key, "processor") == 0) {
		helper->cpu.family = G_MAXUINT64;
		helper->cpu.model = G_MAXUINT64;
		return TRUE;
	}
	if (g_strcmp0(key, "cpu family") == 0) {
		return fu_tdx_common_parse_number(value,
						  FU_TDX_HOST_CPU_FAMILY_MAX,
						  &helper->cpu.family,
						  error);
	}
	if (g_strcmp0(key, "model") == 0)
		return fu_tdx_common_parse_number(value, G_MAXUINT8, &helper->cpu.model, error);

	/* the last of the three */
	if (g_strcmp0(key, "stepping") == 0) {
		if (helper->cpu.family == G_MAXUINT64 || helper->cpu.model == G_MAXUINT64) {
			g_set_error_literal(error,
					    FWUPD_ERROR,
					    FWUPD_ERROR_INVALID_DATA,
					    "cpuinfo has no cpu family or model");
			return FALSE;
		}
		fu_tdx_host_add_signature(helper->self, fu_tdx_host_cpu_to_signature(&helper->cpu));
	}
	return TRUE;
}

/**
 * fu_tdx_host_parse_cpuinfo:
 * @self: a #FuTdxHost
 * @str: the text of /proc/cpuinfo
 * @error: (nullable): optional return location for an error
 *
 * Finds the vendor, the kinds of CPU in all sockets, and the erratum.
 *
 * Returns: %TRUE for success
 **/
gboolean
fu_tdx_host_parse_cpuinfo(FuTdxHost *self, const gchar *str, GError **error)
{
	FuTdxHostCpuinfoHelper helper = {.self = self,
					 .cpu = {.family = G_MAXUINT64, .model = G_MAXUINT64}};

	g_return_val_if_fail(FU_IS_TDX_HOST(self), FALSE);
	g_return_val_if_fail(str != NULL, FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	g_clear_pointer(&self->vendor, g_free);
	g_array_set_size(self->signatures, 0);
	self->erratum = FALSE;
	if (!fu_strsplit_full(str, -1, "\n", fu_tdx_host_parse_cpuinfo_cb, &helper, error)) {
		g_prefix_error_literal(error, "failed to parse cpuinfo: ");
		return FALSE;
	}
	if (self->vendor == NULL || self->signatures->len == 0) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "cpuinfo has no vendor_id, cpu family, model and stepping");
		return FALSE;
	}
	return TRUE;
}

/* sets a byte for each CPU of a list such as `0-3,5,7-9` */
static GByteArray *
fu_tdx_host_parse_cpulist(const gchar *str, GError **error)
{
	g_autofree gchar *str_strip = g_strstrip(g_strdup(str));
	g_auto(GStrv) ranges = g_strsplit(str_strip, ",", -1);
	g_autoptr(GByteArray) cpus = g_byte_array_new();

	/* there is at least the CPU that we are running on */
	if (ranges[0] == NULL) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "CPU list '' is invalid: expected e.g. '0-3'");
		return NULL;
	}
	fu_byte_array_set_size(cpus, FU_TDX_HOST_CPUS_MAX, 0x0);
	for (guint i = 0; ranges[i] != NULL; i++) {
		guint64 first = 0;
		guint64 last = 0;
		g_auto(GStrv) range = g_strsplit(ranges[i], "-", 2);

		if (!fu_tdx_common_parse_number(range[0],
						FU_TDX_HOST_CPUS_MAX - 1,
						&first,
						error)) {
			g_prefix_error(error, "CPU list '%.64s' is invalid: ", str_strip);
			return NULL;
		}
		last = first;
		if (range[1] != NULL &&
		    !fu_tdx_common_parse_number(range[1], FU_TDX_HOST_CPUS_MAX - 1, &last, error)) {
			g_prefix_error(error, "CPU list '%.64s' is invalid: ", str_strip);
			return NULL;
		}
		if (last < first) {
			g_set_error(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "CPU list '%.64s' is invalid: %.64s ends before it starts",
				    str_strip,
				    ranges[i]);
			return NULL;
		}
		for (guint64 j = first; j <= last; j++)
			cpus->data[j] = 0x1;
	}
	return g_steal_pointer(&cpus);
}

static gchar *
fu_tdx_host_cpulist_to_string(GByteArray *cpus)
{
	g_autoptr(GString) str = g_string_new(NULL);

	for (guint i = 0; i < cpus->len; i++) {
		guint last = i;
		if (cpus->data[i] == 0x0)
			continue;
		while (last + 1 < cpus->len && cpus->data[last + 1] != 0x0)
			last++;
		g_string_append_printf(str, "%s%u", str->len > 0 ? "," : "", i);
		if (last > i)
			g_string_append_printf(str, "-%u", last);
		i = last;
	}
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/**
 * fu_tdx_host_parse_cpus:
 * @self: a #FuTdxHost
 * @present: the text of /sys/devices/system/cpu/present
 * @online: the text of /sys/devices/system/cpu/online
 * @error: (nullable): optional return location for an error
 *
 * Finds the logical CPUs that P-SEAMLDR would miss.
 *
 * Returns: %TRUE for success
 **/
gboolean
fu_tdx_host_parse_cpus(FuTdxHost *self, const gchar *present, const gchar *online, GError **error)
{
	g_autoptr(GByteArray) cpus_online = NULL;
	g_autoptr(GByteArray) cpus_present = NULL;

	g_return_val_if_fail(FU_IS_TDX_HOST(self), FALSE);
	g_return_val_if_fail(present != NULL, FALSE);
	g_return_val_if_fail(online != NULL, FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	cpus_present = fu_tdx_host_parse_cpulist(present, error);
	if (cpus_present == NULL)
		return FALSE;
	cpus_online = fu_tdx_host_parse_cpulist(online, error);
	if (cpus_online == NULL)
		return FALSE;
	for (guint i = 0; i < cpus_present->len; i++) {
		if (cpus_online->data[i] != 0x0)
			cpus_present->data[i] = 0x0;
	}
	g_clear_pointer(&self->cpus_offline, g_free);
	self->cpus_offline = fu_tdx_host_cpulist_to_string(cpus_present);
	if (self->cpus_offline[0] == '\0')
		g_clear_pointer(&self->cpus_offline, g_free);
	return TRUE;
}

/**
 * fu_tdx_host_parse_misc:
 * @self: a #FuTdxHost
 * @str: the text of misc.current in the root of the cgroup tree
 * @error: (nullable): optional return location for an error
 *
 * Finds the number of running TDs, from a line such as `tdx 3`.
 *
 * Returns: %TRUE for success, also when there is no such line
 **/
gboolean
fu_tdx_host_parse_misc(FuTdxHost *self, const gchar *str, GError **error)
{
	g_auto(GStrv) lines = NULL;

	g_return_val_if_fail(FU_IS_TDX_HOST(self), FALSE);
	g_return_val_if_fail(str != NULL, FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	self->tds = FU_TDX_HOST_TDS_UNKNOWN;
	lines = g_strsplit(str, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_autofree gchar *value = NULL;
		if (!g_str_has_prefix(lines[i], "tdx "))
			continue;
		value = g_strstrip(g_strdup(lines[i] + strlen("tdx ")));
		if (!fu_tdx_common_parse_number(value, G_MAXUINT32, &self->tds, error)) {
			g_prefix_error(error, "misc.current has '%.64s': ", lines[i]);
			return FALSE;
		}
	}
	return TRUE;
}

static gchar *
fu_tdx_host_get_contents(FuUdevDevice *device, const gchar *filename, gsize count, GError **error)
{
	g_autofree gchar *str = NULL;

	str = fu_device_get_contents(FU_DEVICE(device), filename, count, NULL, error);
	if (str == NULL) {
		g_prefix_error(error, "failed to read %s: ", filename);
		return NULL;
	}
	return g_steal_pointer(&str);
}

static gchar *
fu_tdx_host_get_contents_sysfs(FuUdevDevice *device, const gchar *name, GError **error)
{
	FuContext *ctx = fu_device_get_context(FU_DEVICE(device));
	const gchar *sysfsdir;
	g_autofree gchar *filename = NULL;

	sysfsdir = fu_context_get_path(ctx, FU_PATH_KIND_SYSFSDIR, error);
	if (sysfsdir == NULL)
		return NULL;
	filename = g_build_filename(sysfsdir, name, NULL);
	return fu_tdx_host_get_contents(device, filename, FU_TDX_HOST_FILE_SIZE_MAX, error);
}

static gboolean
fu_tdx_host_load_cpus(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autofree gchar *online = NULL;
	g_autofree gchar *present = NULL;

	present = fu_tdx_host_get_contents_sysfs(device, "devices/system/cpu/present", error);
	if (present == NULL)
		return FALSE;
	online = fu_tdx_host_get_contents_sysfs(device, "devices/system/cpu/online", error);
	if (online == NULL)
		return FALSE;
	return fu_tdx_host_parse_cpus(self, present, online, error);
}

static gboolean
fu_tdx_host_load_cpuinfo(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	FuContext *ctx = fu_device_get_context(FU_DEVICE(device));
	const gchar *procfsdir;
	g_autofree gchar *filename = NULL;
	g_autofree gchar *str = NULL;

	procfsdir = fu_context_get_path(ctx, FU_PATH_KIND_PROCFS, error);
	if (procfsdir == NULL)
		return FALSE;
	filename = g_build_filename(procfsdir, "cpuinfo", NULL);
	str = fu_tdx_host_get_contents(device, filename, FU_TDX_HOST_CPUINFO_SIZE_MAX, error);
	if (str == NULL)
		return FALSE;
	return fu_tdx_host_parse_cpuinfo(self, str, error);
}

/* optional: the misc controller may be built out, or the cgroup tree mounted elsewhere */
static gboolean
fu_tdx_host_load_misc(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autofree gchar *str = NULL;
	g_autoptr(GError) error_local = NULL;

	str = fu_tdx_host_get_contents_sysfs(device, "fs/cgroup/misc.current", &error_local);
	if (str == NULL) {
		g_debug("number of TDs is unknown: %s", error_local->message);
		self->tds = FU_TDX_HOST_TDS_UNKNOWN;
		return TRUE;
	}
	return fu_tdx_host_parse_misc(self, str, error);
}

/* one that cannot be read is there all the same */
static gboolean
fu_tdx_host_has_upload(FuUdevDevice *device, const gchar *name)
{
	g_autofree gchar *attr = g_build_filename("firmware", name, "status", NULL);
	g_autofree gchar *value = NULL;
	g_autoptr(GError) error_local = NULL;

	value = fu_udev_device_read_sysfs(device,
					  attr,
					  FU_UDEV_DEVICE_ATTR_READ_TIMEOUT_DEFAULT,
					  &error_local);
	return value != NULL || !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND);
}

static void
fu_tdx_host_ensure_seamldr_layout(FuTdxHost *self, GPtrArray *attrs)
{
	self->seamldr_layout = FU_TDX_SEAMLDR_LAYOUT_NONE;
	for (guint i = 0; i < attrs->len; i++) {
		const gchar *attr = g_ptr_array_index(attrs, i);
		if (g_strcmp0(attr, "seamldr_version") == 0)
			self->seamldr_layout = FU_TDX_SEAMLDR_LAYOUT_FLAT;
		else if (g_strcmp0(attr, "seamldr") == 0)
			self->seamldr_layout = FU_TDX_SEAMLDR_LAYOUT_DIRECTORY;
	}
}

static gboolean
fu_tdx_host_load_abi(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_autoptr(GPtrArray) attrs = NULL;

	attrs = fu_udev_device_list_sysfs(device, error);
	if (attrs == NULL)
		return FALSE;
	fu_tdx_host_ensure_seamldr_layout(self, attrs);
	if (fu_tdx_host_has_upload(device, FU_TDX_HOST_UPLOAD_NAME))
		fu_tdx_host_set_upload_name(self, FU_TDX_HOST_UPLOAD_NAME);
	else if (fu_tdx_host_has_upload(device, FU_TDX_HOST_UPLOAD_NAME_OLD))
		fu_tdx_host_set_upload_name(self, FU_TDX_HOST_UPLOAD_NAME_OLD);
	else
		fu_tdx_host_set_upload_name(self, NULL);
	return TRUE;
}

/**
 * fu_tdx_host_load_state:
 * @self: a #FuTdxHost
 * @device: the #FuUdevDevice of the TDX host
 * @error: (nullable): optional return location for an error
 *
 * Reads what may change at any time: kernel interface, CPUs that are online, and running TDs. If
 * that fails, CPUs and TDs are not known any more.
 *
 * Returns: %TRUE for success
 **/
gboolean
fu_tdx_host_load_state(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), FALSE);
	g_return_val_if_fail(FU_IS_UDEV_DEVICE(device), FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	g_clear_pointer(&self->cpus_offline, g_free);
	self->tds = FU_TDX_HOST_TDS_UNKNOWN;
	if (!fu_tdx_host_load_abi(self, device, error))
		return FALSE;
	if (!fu_tdx_host_load_cpus(self, device, error))
		return FALSE;
	return fu_tdx_host_load_misc(self, device, error);
}

/**
 * fu_tdx_host_load:
 * @self: a #FuTdxHost
 * @device: the #FuUdevDevice of the TDX host
 * @error: (nullable): optional return location for an error
 *
 * Reads everything about the machine that decides whether it can be updated: what
 * fu_tdx_host_load_state() reads, and /proc/cpuinfo, which is long on large hosts.
 *
 * Returns: %TRUE for success
 **/
gboolean
fu_tdx_host_load(FuTdxHost *self, FuUdevDevice *device, GError **error)
{
	g_return_val_if_fail(FU_IS_TDX_HOST(self), FALSE);
	g_return_val_if_fail(FU_IS_UDEV_DEVICE(device), FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	if (!fu_tdx_host_load_state(self, device, error))
		return FALSE;
	return fu_tdx_host_load_cpuinfo(self, device, error);
}

static void
fu_tdx_host_finalize(GObject *object)
{
	FuTdxHost *self = FU_TDX_HOST(object);
	g_free(self->vendor);
	g_free(self->cpus_offline);
	g_free(self->upload_name);
	g_array_unref(self->signatures);
	G_OBJECT_CLASS(fu_tdx_host_parent_class)->finalize(object);
}

static void
fu_tdx_host_init(FuTdxHost *self)
{
	self->signatures = g_array_new(FALSE, FALSE, sizeof(guint32));
	self->tds = FU_TDX_HOST_TDS_UNKNOWN;
}

static void
fu_tdx_host_class_init(FuTdxHostClass *klass)
{
	GObjectClass *object_class = G_OBJECT_CLASS(klass);
	object_class->finalize = fu_tdx_host_finalize;
}

/**
 * fu_tdx_host_new:
 *
 * Creates the facts about a machine, all unknown.
 *
 * Returns: (transfer full): a #FuTdxHost
 **/
FuTdxHost *
fu_tdx_host_new(void)
{
	return g_object_new(FU_TYPE_TDX_HOST, NULL);
}
