/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The tdx-host driver: the image checks of each kernel, and what an install does to the module.
 */

#include "mock-kernel.h"

#include <string.h>

#include "mock-bytes.h"
#include "mock-host.h"
#include "mock-seamldr.h"

#define MODULE_PAGES_MAX 496

#define INVALID "firmware-invalid"

/* in the order of MockKernel; v2..v10 were posted, and shipped by vendors, before mainline */
static const MockKernel kernels[] = {
    {"mainline", "tdx_module", FALSE, 0400, 0x200, FALSE, 1, NULL, NULL, INVALID},
    {"v10", "tdx_module", FALSE, 0400, 0x200, FALSE, 1, NULL, NULL, INVALID},
    {"v9", "tdx_module", FALSE, 0400, 0x200, FALSE, 1, NULL, NULL, INVALID},
    {"v7", "tdx_module", TRUE, 0400, 0x100, FALSE, 4, NULL, NULL, "hw-error"},
    {"v6", "tdx_module", TRUE, 0400, 0x100, FALSE, 4, NULL, NULL, "hw-error"},
    {"v4", "tdx_module", TRUE, 0400, 0x100, FALSE, 4, "flash-wearout", "device-busy", "hw-error"},
    {"v3",
     "seamldr_upload",
     TRUE,
     0444,
     0x100,
     TRUE,
     1,
     "flash-wearout",
     "device-busy",
     "hw-error"},
    {"v2", "seamldr_upload", TRUE, 0444, 0x100, TRUE, 1, INVALID, INVALID, INVALID},
};

/**
 * mock_kernel_find:
 * @name: value of --kernel
 *
 * Returns: (nullable): a #MockKernel, or %NULL if there is none of that name
 **/
const MockKernel *
mock_kernel_find(const gchar *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(kernels); i++) {
		if (g_strcmp0(kernels[i].name, name) == 0)
			return &kernels[i];
	}
	return NULL;
}

static gchar *
mock_kernel_check_header_v1(const MockKernel *self,
			    const guint8 *buf,
			    gsize bufsz,
			    guint64 *sigstruct_size)
{
	guint32 module_offset = mock_read_u32(buf + 4);

	if (memcmp(buf + 8, "TDX-BLOB", 8) != 0)
		return g_strdup("no TDX-BLOB signature at 8");
	if (mock_read_u32(buf + 16) != bufsz)
		return g_strdup_printf("length is %u, but the image has %" G_GSIZE_FORMAT,
				       mock_read_u32(buf + 16),
				       bufsz);
	if (!mock_is_zero(buf + 20, MOCK_PAGE_SIZE - 20))
		return g_strdup("reserved bytes are set");
	if (self->header_checksum && mock_sum_words(buf, bufsz) != 0)
		return g_strdup("the checksum is wrong");
	if (module_offset <= MOCK_PAGE_SIZE || module_offset >= bufsz)
		return g_strdup_printf("offset_of_module 0x%x is outside", module_offset);
	*sigstruct_size = module_offset - MOCK_PAGE_SIZE;
	return NULL;
}

static gchar *
mock_kernel_check_header_v2(const guint8 *buf, gsize bufsz, guint64 *sigstruct_size)
{
	guint64 sigstruct_pages = mock_read_u32(buf + 12);
	guint64 module_pages = mock_read_u32(buf + 16);

	if (memcmp(buf + 4, "TDX-BLOB", 8) != 0)
		return g_strdup("no TDX-BLOB signature at 4");
	if (!mock_is_zero(buf + 20, MOCK_PAGE_SIZE - 20))
		return g_strdup("reserved bytes are set");
	if ((1 + sigstruct_pages + module_pages) * MOCK_PAGE_SIZE != bufsz) {
		return g_strdup_printf("1 + %" G_GUINT64_FORMAT " + %" G_GUINT64_FORMAT
				       " pages, but the image has %" G_GSIZE_FORMAT " bytes",
				       sigstruct_pages,
				       module_pages,
				       bufsz);
	}
	*sigstruct_size = sigstruct_pages * MOCK_PAGE_SIZE;
	return NULL;
}

/* before anything is shut down; in 0x200 there may be no sigstruct or module pages at all */
static gchar *
mock_kernel_check_header(const MockKernel *self, GBytes *image, GBytes **sigstruct, GBytes **module)
{
	gsize bufsz = 0;
	const guint8 *buf = g_bytes_get_data(image, &bufsz);
	guint64 sigstruct_size = 0;
	guint64 module_size;
	g_autofree gchar *refusal = NULL;

	if (bufsz < MOCK_PAGE_SIZE)
		return g_strdup_printf("%" G_GSIZE_FORMAT " bytes are less than a header", bufsz);
	if (mock_read_u16(buf) != self->header_version)
		return g_strdup_printf("version 0x%x is not 0x%x",
				       mock_read_u16(buf),
				       self->header_version);
	if (self->header_version == 0x100)
		refusal = mock_kernel_check_header_v1(self, buf, bufsz, &sigstruct_size);
	else
		refusal = mock_kernel_check_header_v2(buf, bufsz, &sigstruct_size);
	if (refusal != NULL)
		return g_steal_pointer(&refusal);

	module_size = bufsz - MOCK_PAGE_SIZE - sigstruct_size;
	if (sigstruct_size % MOCK_PAGE_SIZE != 0 || module_size % MOCK_PAGE_SIZE != 0)
		return g_strdup("sigstruct or module is not whole pages");
	if (sigstruct_size / MOCK_PAGE_SIZE > self->sigstruct_pages_max)
		return g_strdup_printf("%" G_GUINT64_FORMAT " sigstruct pages",
				       sigstruct_size / MOCK_PAGE_SIZE);
	if (module_size / MOCK_PAGE_SIZE > MODULE_PAGES_MAX)
		return g_strdup_printf("%" G_GUINT64_FORMAT " module pages",
				       module_size / MOCK_PAGE_SIZE);

	*sigstruct = g_bytes_new_from_bytes(image, MOCK_PAGE_SIZE, sigstruct_size);
	*module = g_bytes_new_from_bytes(image, MOCK_PAGE_SIZE + sigstruct_size, module_size);
	return NULL;
}

static gboolean
mock_kernel_all_cpus_online(MockHost *self)
{
	guint8 online[MOCK_CPU_MAX];
	guint8 present[MOCK_CPU_MAX];
	return mock_str_to_cpus(self->online, online) && mock_str_to_cpus(self->present, present) &&
	       memcmp(online, present, MOCK_CPU_MAX) == 0;
}

static void
mock_kernel_lose_module(MockHost *self)
{
	mock_host_log(self, "module: lost");
	self->lost = TRUE;
}

static void
mock_kernel_start_module(MockHost *self, GBytes *sigstruct)
{
	g_autofree gchar *seamhash = mock_sigstruct_get_seamhash(sigstruct);
	g_autofree gchar *version = g_steal_pointer(&self->fault_version);

	if (version == NULL)
		version = g_strdup(g_hash_table_lookup(self->version_map, seamhash));
	if (version == NULL)
		version = mock_sigstruct_get_version(sigstruct);
	if (version == NULL)
		version = g_strdup(self->install_version);
	mock_host_set_running(self, version != NULL ? version : "0.0.00");
}

static void
mock_kernel_fault_after(MockHost *self)
{
	g_autofree gchar *fault = g_steal_pointer(&self->fault_after);
	g_auto(GStrv) parts = fault != NULL ? g_strsplit(fault, "=", 2) : NULL;

	if (parts == NULL)
		return;
	mock_host_log(self, "fault: %s", fault);
	if (parts[1] == NULL || !mock_control_set(self, parts[0], parts[1]))
		mock_host_log(self, "fault: invalid");
}

/* MockFwUploadOps.write */
static const gchar *
mock_kernel_install(GBytes *image, gpointer user_data)
{
	MockHost *self = user_data;
	g_autoptr(GBytes) sigstruct = NULL;
	g_autoptr(GBytes) module = NULL;
	g_autofree gchar *refusal = NULL;

	/* what the kernel refuses costs nothing */
	if (self->kernel->error_full_log != NULL && self->seamldr.remaining == 0) {
		mock_host_log(self, "kernel: refused: no updates remaining");
		return self->kernel->error_full_log;
	}
	refusal = mock_kernel_check_header(self->kernel, image, &sigstruct, &module);
	if (refusal != NULL) {
		mock_host_log(self, "kernel: refused: header: %s", refusal);
		return INVALID;
	}
	if (self->kernel->error_offline_cpu != NULL && !mock_kernel_all_cpus_online(self)) {
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
				       mock_kernel_all_cpus_online(self));
	if (refusal != NULL) {
		mock_host_log(self, "seamldr: refused: %s", refusal);
		mock_kernel_lose_module(self);
		return self->kernel->error_seamldr;
	}
	mock_host_log(self, "seamldr: installed, %u updates remaining", self->seamldr.remaining);
	mock_kernel_start_module(self, sigstruct);
	mock_kernel_fault_after(self);
	return NULL;
}

/* MockFwUploadOps.fault */
static void
mock_kernel_fault(gpointer user_data)
{
	MockHost *self = user_data;
	g_autofree gchar *version = g_steal_pointer(&self->fault_version);

	mock_host_log(self, "fault: injected");
	if (version != NULL)
		mock_host_set_running(self, version);
	if (self->fault_loses)
		mock_kernel_lose_module(self);
	self->fault_loses = FALSE;
}

/* MockFwUploadOps.phase */
static void
mock_kernel_phase(const gchar *phase, gpointer user_data)
{
	MockHost *self = user_data;

	if (g_strcmp0(phase, "loading") == 0)
		self->loading_at = g_get_monotonic_time();
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

const MockFwUploadOps mock_kernel_upload_ops = {
    .write = mock_kernel_install,
    .fault = mock_kernel_fault,
    .phase = mock_kernel_phase,
};
