/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What this machine says of itself. Another process reads it, since a read that the kernel does not
 * finish can be given up in no other way; it is a fork of this one, so that constant strings are at
 * the same place in both.
 */

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* in place of the plugin's object: each fact is read alone here, which the plugin has no use for */
#include "fu-context-private.h"
#include "fu-tdx-host.c"
#include "status.h"

/* all strings of a look */
#define STATUS_FACTS_RECORD_MAX (128 * 1024)

#define STATUS_FACTS_ERROR(fact) G_STRUCT_OFFSET(StatusFacts, host.errors[fact])

static const gsize status_facts_strings[] = {
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_MODULE),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_KERNEL),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_SEAMLDR),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_CPU),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_GUESTS),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_REMAINING_UPDATES),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_UPLOAD_ACCESS),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_CPUS_ONLINE),
    STATUS_FACTS_ERROR(FU_TDX_HOST_FACT_UPLOAD),
    G_STRUCT_OFFSET(StatusFacts, host.module_version),
    G_STRUCT_OFFSET(StatusFacts, host.seamldr_version),
    G_STRUCT_OFFSET(StatusFacts, host.cpus_online),
    G_STRUCT_OFFSET(StatusFacts, host.cpus_present),
    G_STRUCT_OFFSET(StatusFacts, vendor),
    G_STRUCT_OFFSET(StatusFacts, cpu_flags),
    G_STRUCT_OFFSET(StatusFacts, kvm),
    G_STRUCT_OFFSET(StatusFacts, config),
    G_STRUCT_OFFSET(StatusFacts, hibernation),
    G_STRUCT_OFFSET(StatusFacts, cmdline),
    G_STRUCT_OFFSET(StatusFacts, kernel),
    G_STRUCT_OFFSET(StatusFacts, hung),
};

/* a string that is new in the plugin's facts needs a row above */
G_STATIC_ASSERT(FU_TDX_HOST_FACT_LAST == 9 && sizeof(FuTdxHost) == 184);

/**
 * status_facts_free:
 * @self: a #StatusFacts
 *
 * Frees a look.
 **/
void
status_facts_free(StatusFacts *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(status_facts_strings); i++)
		g_free(G_STRUCT_MEMBER(gchar *, self, status_facts_strings[i]));
	g_free(self);
}

/**
 * status_context_new:
 *
 * Returns: (transfer full): a context that knows where fwupd's files are
 **/
FuContext *
status_context_new(void)
{
	g_autoptr(FuContext) ctx = fu_context_new();

	fu_path_store_load_defaults(fu_context_get_path_store(ctx));
	fu_path_store_load_from_env(fu_context_get_path_store(ctx));
	return g_steal_pointer(&ctx);
}

/*
 * what is not the plugin's to know
 */

static gchar *
status_facts_get_contents(FuContext *ctx, FuPathKind kind, const gchar *name)
{
	const gchar *dirname = fu_context_get_path(ctx, kind, NULL);
	g_autofree gchar *filename = g_build_filename(dirname != NULL ? dirname : "/", name, NULL);
	g_autofree gchar *text = NULL;

	if (!g_file_get_contents(filename, &text, NULL, NULL))
		return NULL;
	return g_strchomp(g_utf8_make_valid(text, -1));
}

static gchar *
status_facts_get_line(const gchar *text, const gchar *key)
{
	g_autofree gchar *pattern = g_strdup_printf("(?m)^%s(.*)$", key);
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	if (text == NULL || !g_regex_match(regex, text, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 1);
}

static void
status_facts_read_cpu(StatusFacts *self, FuContext *ctx)
{
	g_autofree gchar *text = status_facts_get_contents(ctx, FU_PATH_KIND_PROCFS, "cpuinfo");
	self->vendor = status_facts_get_line(text, "vendor_id\\s*: ");
	self->cpu_flags = status_facts_get_line(text, "flags\\s*: ");
}

static void
status_facts_read_kernel(StatusFacts *self, FuContext *ctx)
{
	struct utsname uts = {0};
	g_autofree gchar *filename = NULL;
	g_autofree gchar *text = NULL;

	uname(&uts);
	self->kernel = g_strdup(uts.release);
	filename = g_strdup_printf("/boot/config-%s", uts.release);
	if (g_file_get_contents(filename, &text, NULL, NULL)) {
		self->config = status_facts_get_line(text, "CONFIG_INTEL_TDX_HOST=");
		self->hibernation = status_facts_get_line(text, "CONFIG_HIBERNATION=");
		if (self->config == NULL)
			self->config = g_strdup("n");
	}
	self->cmdline = status_facts_get_contents(ctx, FU_PATH_KIND_PROCFS, "cmdline");
}

static void
status_facts_read_kvm(StatusFacts *self, FuContext *ctx)
{
	self->kvm = status_facts_get_contents(ctx,
					      FU_PATH_KIND_SYSFSDIR,
					      "module/kvm_intel/parameters/tdx");
}

static void
status_facts_read_device(StatusFacts *self, FuContext *ctx)
{
	g_autoptr(FuUdevDevice) device = fu_tdx_host_device_new(ctx);
	self->has_device = g_file_test(fu_udev_device_get_sysfs_path(device), G_FILE_TEST_IS_DIR);
}

/* after the facts of the plugin; each with what is said if it hangs */
static const struct {
	void (*func)(StatusFacts *self, FuContext *ctx);
	const gchar *name;
} status_facts_steps[] = {
    {status_facts_read_device, "the kernel's device tdx_host"},
    {status_facts_read_cpu, "/proc/cpuinfo"},
    {status_facts_read_kvm, "the parameter tdx of kvm_intel"},
    {status_facts_read_kernel, "the configuration of the kernel"},
};

static void
status_facts_read(StatusFacts *self, FuContext *ctx, FuUdevDevice *device, guint step)
{
	if (step < G_N_ELEMENTS(status_facts_steps))
		status_facts_steps[step].func(self, ctx);
	else
		fu_tdx_host_read(&self->host, device, step - G_N_ELEMENTS(status_facts_steps));
}

/* it has no function, as it is read with another one */
#define STATUS_FACTS_N_STEPS (G_N_ELEMENTS(status_facts_steps) + FU_TDX_HOST_FACT_UPLOAD)

/*
 * the other process
 */

static gboolean
status_facts_send(StatusFacts *self, gint fd)
{
	g_autoptr(GByteArray) record = g_byte_array_new();

	g_byte_array_append(record, (const guint8 *)self, sizeof(*self));
	for (guint i = 0; i < G_N_ELEMENTS(status_facts_strings); i++) {
		const gchar *str = G_STRUCT_MEMBER(gchar *, self, status_facts_strings[i]);
		if (str != NULL)
			g_byte_array_append(record, (const guint8 *)str, strlen(str) + 1);
	}
	return send(fd, record->data, record->len, MSG_NOSIGNAL) == (gssize)record->len;
}

static gboolean
status_facts_recv(StatusFacts *self, gint fd)
{
	StatusFacts tmp;
	gssize len;
	const gchar *str;
	g_autofree gchar *record = g_malloc(STATUS_FACTS_RECORD_MAX);

	len = recv(fd, record, STATUS_FACTS_RECORD_MAX, 0);
	if (len < (gssize)sizeof(tmp))
		return FALSE;
	memcpy(&tmp, record, sizeof(tmp)); /* nocheck:blocked */
	str = record + sizeof(tmp);
	for (guint i = 0; i < G_N_ELEMENTS(status_facts_strings); i++) {
		gsize offset = status_facts_strings[i];
		g_free(G_STRUCT_MEMBER(gchar *, self, offset));
		if (G_STRUCT_MEMBER(gchar *, &tmp, offset) == NULL)
			continue;
		G_STRUCT_MEMBER(gchar *, &tmp, offset) = g_strdup(str);
		str += strlen(str) + 1;
	}
	*self = tmp;
	return TRUE;
}

/* a reader that hangs must not keep the output of this program open */
static void
status_facts_run_reader(StatusFacts *self, FuContext *ctx, guint step, gint fd)
{
	g_autoptr(FuUdevDevice) device = fu_tdx_host_device_new(ctx);

	dup2(fd, STDIN_FILENO);
	closefrom(STDOUT_FILENO);
	for (; step < STATUS_FACTS_N_STEPS; step++) {
		status_facts_read(self, ctx, device, step);
		if (!status_facts_send(self, STDIN_FILENO))
			_exit(EXIT_FAILURE);
	}
	_exit(EXIT_SUCCESS);
}

/* the file that it has open, if it can be seen */
static gchar *
status_facts_find_hung(GPid pid, guint step)
{
	const gchar *name;
	g_autofree gchar *dirname = g_strdup_printf("/proc/%i/fd", pid);
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(dirname, name, NULL);
		g_autofree gchar *target = g_file_read_link(filename, NULL);
		if (target != NULL && g_path_is_absolute(target))
			return g_steal_pointer(&target);
	}
	return g_strdup_printf("fact %u of this host", step);
}

static void
status_facts_give_up(StatusFacts *self, GPid pid, guint step, guint timeout)
{
	g_free(self->hung);
	self->hung = status_facts_find_hung(pid, step);
	kill(pid, SIGKILL);
	if (step < G_N_ELEMENTS(status_facts_steps))
		return;
	self->host.errors[step - G_N_ELEMENTS(status_facts_steps)] =
	    g_strdup_printf("%s has not answered within %u s", self->hung, timeout);
}

/* returns the next step, which is not the one after the last if that hangs */
static guint
status_facts_follow(StatusFacts *self, GPid pid, gint fd, guint step, guint timeout)
{
	struct timeval tv = {.tv_sec = timeout};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	for (; step < STATUS_FACTS_N_STEPS; step++) {
		if (!status_facts_recv(self, fd)) {
			status_facts_give_up(self, pid, step, timeout);
			return step + 1;
		}
	}
	return step;
}

static gboolean
status_facts_read_from(StatusFacts *self,
		       FuContext *ctx,
		       guint *step,
		       guint timeout,
		       GError **error)
{
	GPid pid;
	gint fds[2] = {-1, -1};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0 || (pid = fork()) < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "cannot start a process that reads the facts of this host: %s",
			    fwupd_strerror(errno));
		return FALSE;
	}
	if (pid == 0)
		status_facts_run_reader(self, ctx, *step, fds[1]);
	close(fds[1]);
	*step = status_facts_follow(self, pid, fds[0], *step, timeout);
	close(fds[0]);
	return TRUE;
}

/**
 * status_facts_new:
 * @timeout: in seconds, for each file
 * @error: (nullable): optional return location for an error
 *
 * Looks at this machine. What cannot be read is not known, and has an error.
 *
 * Returns: (transfer full): a look, or %NULL
 **/
StatusFacts *
status_facts_new(guint timeout, GError **error)
{
	g_autoptr(FuContext) ctx = status_context_new();
	g_autoptr(StatusFacts) self = g_new0(StatusFacts, 1);

	self->is_root = geteuid() == 0;
	self->host.remaining_updates = FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN;
	for (guint step = 0; step < STATUS_FACTS_N_STEPS;) {
		if (!status_facts_read_from(self, ctx, &step, timeout, error))
			return NULL;
	}
	return g_steal_pointer(&self);
}
