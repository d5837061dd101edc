/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "mock-host.h"

#include <string.h>

/**
 * mock_host_log:
 * @self: a #MockHost
 * @fmt: printf()-style
 *
 * Adds a line to control/log.
 **/
void
mock_host_log(MockHost *self, const gchar *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	g_string_append_vprintf(self->log, fmt, args);
	va_end(args);
	g_string_append_c(self->log, '\n');
}

/**
 * mock_host_set_running:
 * @self: a #MockHost
 * @version: such as `1.5.06`
 *
 * Another module runs from now on.
 **/
void
mock_host_set_running(MockHost *self, const gchar *version)
{
	mock_host_log(self, "module: %s", version);
	mock_str_replace(&self->running, version);
	self->running_at = g_get_monotonic_time();
	self->seen_at = 0;
}

/**
 * mock_str_replace:
 * @str: an owned string
 * @value: (nullable): what it becomes a copy of
 **/
void
mock_str_replace(gchar **str, const gchar *value)
{
	g_free(*str);
	*str = g_strdup(value);
}

/**
 * mock_str_to_uint:
 * @str: decimal, or hexadecimal after 0x
 * @max: greatest value that is valid
 * @value: (out): not changed on failure
 *
 * Returns: %TRUE if valid
 **/
gboolean
mock_str_to_uint(const gchar *str, guint64 max, guint *value)
{
	gboolean hex = g_str_has_prefix(str, "0x");
	guint64 tmp = 0;
	if (!g_ascii_string_to_unsigned(hex ? str + 2 : str, hex ? 16 : 10, 0, max, &tmp, NULL))
		return FALSE;
	*value = tmp;
	return TRUE;
}

/**
 * mock_str_to_cpus:
 * @str: a list of CPUs such as `0-3,5`
 * @cpus: (out): 1 for those in the list
 *
 * Returns: %TRUE if valid
 **/
gboolean
mock_str_to_cpus(const gchar *str, guint8 cpus[MOCK_CPU_MAX])
{
	g_auto(GStrv) ranges = g_strsplit(str, ",", -1);

	memset(cpus, 0, MOCK_CPU_MAX);
	for (guint i = 0; ranges[i] != NULL; i++) {
		g_auto(GStrv) ends = g_strsplit(ranges[i], "-", 2);
		guint first = 0;
		guint last = 0;
		if (ends[0] == NULL || !mock_str_to_uint(ends[0], MOCK_CPU_MAX - 1, &first))
			return FALSE;
		last = first;
		if (ends[1] != NULL && !mock_str_to_uint(ends[1], MOCK_CPU_MAX - 1, &last))
			return FALSE;
		if (last < first)
			return FALSE;
		memset(cpus + first, 1, last - first + 1);
	}
	return TRUE;
}

MockHost *
mock_host_new(void)
{
	MockHost *self = g_new0(MockHost, 1);
	g_mutex_init(&self->lock);
	g_cond_init(&self->released);
	self->log = g_string_new(NULL);
	self->version_map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->seamldr.cpus = g_array_new(FALSE, FALSE, sizeof(guint32));
	self->seamldr.signers = g_ptr_array_new_with_free_func(g_free);
	self->upload = mock_fw_upload_new(&self->lock, self->log, &mock_kernel_upload_ops, self);
	return self;
}

void
mock_host_free(MockHost *self)
{
	mock_fw_upload_free(self->upload);
	g_array_unref(self->seamldr.cpus);
	g_ptr_array_unref(self->seamldr.signers);
	g_clear_pointer(&self->nodes, g_ptr_array_unref);
	g_hash_table_unref(self->version_map);
	g_string_free(self->log, TRUE);
	g_free(self->mountpoint);
	g_free(self->running);
	g_free(self->seamldr_version);
	g_free(self->install_version);
	g_free(self->online);
	g_free(self->present);
	g_free(self->smt);
	g_free(self->kvm_tdx);
	g_free(self->fault_version);
	g_free(self->fault_after);
	g_free(self->vanish);
	g_free(self->vanish_device);
	g_free(self->online_after_reads);
	g_cond_clear(&self->released);
	g_mutex_clear(&self->lock);
	g_free(self);
}
