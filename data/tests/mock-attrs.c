/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The kernel's files and what is in them, but for those of the upload.
 */

#include <errno.h>

#include "mock-host.h"

#define CGROUP	"/sys/fs/cgroup"
#define CPU	"/sys/devices/system/cpu"
#define FAUX	"/sys/devices/faux"
#define KVM	"/sys/module/kvm_intel/parameters"
#define SEAMLDR TDX_HOST "/seamldr"

static gint
mock_attrs_uevent_show(MockHost *self G_GNUC_UNUSED, GString *str)
{
	g_string_append(str, "DRIVER=faux_driver\n");
	return 0;
}

static gint
mock_attrs_uevent_store(MockHost *self G_GNUC_UNUSED, const gchar *buf G_GNUC_UNUSED, gsize bufsz)
{
	return bufsz;
}

static gint
mock_attrs_version_show(MockHost *self, GString *str)
{
	if (self->lost)
		return -ENXIO;
	g_string_append_printf(str, "%s\n", self->running);
	if (self->seen_at == 0)
		self->seen_at = g_get_monotonic_time();
	return 0;
}

static gint
mock_attrs_seamldr_version_show(MockHost *self, GString *str)
{
	g_auto(GStrv) parts = g_strsplit(self->seamldr_version, ".", -1);

	for (guint i = 0; parts[i] != NULL; i++) {
		const gchar *part = parts[i];
		while (self->seamldr_unpadded && part[0] == '0' && part[1] != '\0')
			part++;
		g_string_append_printf(str, "%s%s", i > 0 ? "." : "", part);
	}
	g_string_append_c(str, '\n');
	return 0;
}

static gint
mock_attrs_remaining_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%u\n", self->seamldr.remaining);
	return 0;
}

static gint
mock_attrs_online_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%s\n", self->online);

	/* whoever has read this will be surprised */
	if (self->online_after_reads != NULL && self->online_reads_left-- <= 1) {
		g_free(self->online);
		self->online = g_steal_pointer(&self->online_after_reads);
		mock_host_log(self, "fault: online CPUs are now %s", self->online);
	}
	return 0;
}

static gint
mock_attrs_present_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%s\n", self->present);
	return 0;
}

/* those that the sockets have; more may be present */
static gint
mock_attrs_possible_show(MockHost *self, GString *str)
{
	guint8 present[MOCK_CPU_MAX];
	guint last = self->cpus - 1;

	if (!mock_str_to_cpus(self->present, present))
		return -EIO;
	for (guint cpu = last; cpu < MOCK_CPU_MAX; cpu++) {
		if (present[cpu])
			last = cpu;
	}
	g_string_append_printf(str, last > 0 ? "0-%u\n" : "%u\n", last);
	return 0;
}

static gint
mock_attrs_smt_active_show(MockHost *self, GString *str)
{
	g_string_append(str, g_strcmp0(self->smt, "on") == 0 ? "1\n" : "0\n");
	return 0;
}

static gint
mock_attrs_smt_control_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%s\n", self->smt != NULL ? self->smt : "");
	return 0;
}

/* KVM counts its TDs, so that without KVM there are none to count */
static guint
mock_attrs_get_capacity(MockHost *self)
{
	return self->no_kvm_intel || g_strcmp0(self->kvm_tdx, "Y") != 0 ? 0 : 63;
}

/* a namespace has a count of its own, and has begun none of the TDs */
static gint
mock_attrs_current_show(MockHost *self, GString *str)
{
	guint tds = self->cgroup_namespace ? 0 : self->tds;
	if (!self->no_tds_line && (tds > 0 || mock_attrs_get_capacity(self) > 0))
		g_string_append_printf(str, "tdx %u\n", tds);
	return 0;
}

static gint
mock_attrs_capacity_show(MockHost *self, GString *str)
{
	guint capacity = mock_attrs_get_capacity(self);
	if (!self->no_tds_line && capacity > 0)
		g_string_append_printf(str, "tdx %u\n", capacity);
	return 0;
}

static gint
mock_attrs_kvm_tdx_show(MockHost *self, GString *str)
{
	g_string_append_printf(str, "%s\n", self->kvm_tdx);
	return 0;
}

static void
mock_attrs_append_cpu(MockHost *self, GString *str, guint cpu)
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
	g_string_append(str, "vendor_id\t: GenuineIntel\n");
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
mock_attrs_cpuinfo_show(MockHost *self, GString *str)
{
	guint8 online[MOCK_CPU_MAX];

	if (!mock_str_to_cpus(self->online, online))
		return -EIO;
	for (guint cpu = 0; cpu < MOCK_CPU_MAX; cpu++) {
		if (online[cpu])
			mock_attrs_append_cpu(self, str, cpu);
	}
	return 0;
}

/**
 * mock_attrs_add:
 * @self: a #MockHost
 *
 * Adds the kernel's attributes to the tree.
 **/
void
mock_attrs_add(MockHost *self)
{
	gboolean dir = self->kernel->seamldr_dir;
	guint mode = self->kernel->seamldr_mode;
	const gchar *seamldr_version = dir ? SEAMLDR "/version" : TDX_HOST "/seamldr_version";
	const gchar *remaining = dir ? SEAMLDR "/num_remaining_updates"
				     : TDX_HOST "/num_remaining_updates";
	const MockNode nodes[] = {
	    ATTR("/proc/cpuinfo", 0444, NEEDS_NOTHING, mock_attrs_cpuinfo_show, NULL),
	    ATTR(CGROUP "/misc.capacity", 0444, NEEDS_ROOT_CGROUP, mock_attrs_capacity_show, NULL),
	    ATTR(CGROUP "/misc.current", 0444, NEEDS_NOTHING, mock_attrs_current_show, NULL),
	    ATTR(CPU "/online", 0444, NEEDS_NOTHING, mock_attrs_online_show, NULL),
	    ATTR(CPU "/possible", 0444, NEEDS_NOTHING, mock_attrs_possible_show, NULL),
	    ATTR(CPU "/present", 0444, NEEDS_NOTHING, mock_attrs_present_show, NULL),
	    ATTR(CPU "/smt/active", 0444, NEEDS_NOTHING, mock_attrs_smt_active_show, NULL),
	    ATTR(CPU "/smt/control", 0644, NEEDS_NOTHING, mock_attrs_smt_control_show, NULL),
	    ATTR(KVM "/tdx", 0444, NEEDS_KVM_TDX, mock_attrs_kvm_tdx_show, NULL),
	    ATTR(FAUX "/uevent", 0644, NEEDS_NOTHING, NULL, mock_attrs_uevent_store),
	    ATTR(TDX_HOST "/uevent",
		 0644,
		 NEEDS_DEVICE,
		 mock_attrs_uevent_show,
		 mock_attrs_uevent_store),
	    ATTR(TDX_HOST "/version", 0444, NEEDS_DRIVER, mock_attrs_version_show, NULL),
	    ATTR(UPLOAD "/uevent", 0644, NEEDS_UPLOAD, NULL, mock_attrs_uevent_store),
	    ATTR(seamldr_version, mode, NEEDS_SEAMLDR, mock_attrs_seamldr_version_show, NULL),
	    ATTR(remaining, mode, NEEDS_SEAMLDR, mock_attrs_remaining_show, NULL),
	};

	mock_tree_add(self, nodes, G_N_ELEMENTS(nodes));
}
