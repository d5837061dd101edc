/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What this machine says of itself. A read that the kernel does not finish can be given up in no
 * other way than with its process. So all is done in another one, which is watched while it reads;
 * if it hangs, it is given up, and a new one begins without that file.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* in place of the plugin's object: each fact is read alone here, which the plugin has no use for */
#include "fu-context-private.h"
#include "fu-tdx-host.c"
#include "status.h"

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
facts_get_contents(FuContext *ctx, FuPathKind kind, const gchar *name)
{
	const gchar *dirname = fu_context_get_path(ctx, kind, NULL);
	g_autofree gchar *filename = g_build_filename(dirname != NULL ? dirname : "/", name, NULL);
	g_autofree gchar *text = NULL;

	if (!g_file_get_contents(filename, &text, NULL, NULL))
		return NULL;
	return g_strchomp(g_utf8_make_valid(text, -1));
}

static gchar *
facts_get_line(const gchar *text, const gchar *key)
{
	g_autofree gchar *pattern = g_strdup_printf("(?m)^%s(.*)$", key);
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	if (text == NULL || !g_regex_match(regex, text, 0, &match))
		return NULL;
	return g_match_info_fetch(match, 1);
}

static void
facts_read_cpu(StatusFacts *self, FuContext *ctx)
{
	g_autofree gchar *text = facts_get_contents(ctx, FU_PATH_KIND_PROCFS, "cpuinfo");
	self->vendor = facts_get_line(text, "vendor_id\\s*: ");
	self->cpu_flags = facts_get_line(text, "flags\\s*: ");
}

static void
facts_read_kernel(StatusFacts *self, FuContext *ctx)
{
	struct utsname uts = {0};
	g_autofree gchar *filename = NULL;
	g_autofree gchar *text = NULL;

	uname(&uts);
	self->kernel = g_strdup(uts.release);
	filename = g_strdup_printf("/boot/config-%s", uts.release);
	if (g_file_get_contents(filename, &text, NULL, NULL)) {
		self->config = facts_get_line(text, "CONFIG_INTEL_TDX_HOST=");
		self->hibernation = facts_get_line(text, "CONFIG_HIBERNATION=");
		if (self->config == NULL)
			self->config = g_strdup("n");
	}
	self->cmdline = facts_get_contents(ctx, FU_PATH_KIND_PROCFS, "cmdline");
}

static void
facts_read_kvm(StatusFacts *self, FuContext *ctx)
{
	self->kvm =
	    facts_get_contents(ctx, FU_PATH_KIND_SYSFSDIR, "module/kvm_intel/parameters/tdx");
}

static void
facts_read_device(StatusFacts *self, FuContext *ctx)
{
	g_autoptr(FuUdevDevice) device = fu_tdx_host_device_new(ctx);
	self->has_device = g_file_test(fu_udev_device_get_sysfs_path(device), G_FILE_TEST_IS_DIR);
}

/* after these come the facts of the plugin, but the last, which is read with another one */
static void (*const status_facts_funcs[])(StatusFacts *, FuContext *) = {
    facts_read_device,
    facts_read_cpu,
    facts_read_kvm,
    facts_read_kernel,
};

#define STATUS_FACTS_N_OWN   G_N_ELEMENTS(status_facts_funcs)
#define STATUS_FACTS_N_STEPS (STATUS_FACTS_N_OWN + FU_TDX_HOST_FACT_UPLOAD)

#define WATCH_NOWHERE "/dev/null"

typedef struct {
	StatusStartFunc start;
	StatusFunc func;
	gpointer user_data;
	guint timeout; /* in seconds, for each step */
	gchar *hung[STATUS_FACTS_N_STEPS];
	GPid pid;
	gint fd; /* a character for each step that is done, and then the text */
} StatusWatch;

/*
 * the other process
 */

static void
facts_read(StatusFacts *self, const StatusWatch *watch)
{
	g_autoptr(FuContext) ctx = status_context_new();
	g_autoptr(FuUdevDevice) device = fu_tdx_host_device_new(ctx);

	for (guint step = 0; step < STATUS_FACTS_N_STEPS; step++) {
		if (watch->hung[step] != NULL) {
			self->hung = watch->hung[step];
			if (step >= STATUS_FACTS_N_OWN)
				self->host.errors[step - STATUS_FACTS_N_OWN] =
				    g_strdup_printf("%s has not answered within %u s",
						    self->hung,
						    watch->timeout);
			continue;
		}
		if (step < STATUS_FACTS_N_OWN)
			status_facts_funcs[step](self, ctx);
		else
			fu_tdx_host_read(&self->host, device, step - STATUS_FACTS_N_OWN);
		if (write(STDIN_FILENO, ".", 1) != 1)
			_exit(EXIT_FAILURE);
	}
}

/* if it hangs, it must not keep the output of this program open */
static void G_GNUC_NORETURN
watch_run(const StatusWatch *self)
{
	StatusFacts facts = {.is_root = geteuid() == 0};
	gint rc;
	g_autofree gchar *text = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(self->fd, STDIN_FILENO);
	closefrom(STDOUT_FILENO);
	for (gint fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		(void)open(WATCH_NOWHERE, O_RDWR);
	self->start(self->user_data);
	facts.host.remaining_updates = FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN;
	facts_read(&facts, self);
	rc = self->func(&facts, self->user_data, &text);
	_exit(dprintf(STDIN_FILENO, "%s", text) < 0 ? EXIT_FAILURE : rc);
}

/*
 * this process
 */

static gboolean
watch_start(StatusWatch *self, GError **error)
{
	gint fds[2] = {-1, -1};

	if (pipe2(fds, O_CLOEXEC) != 0 || (self->pid = fork()) < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "cannot start a process that reads the facts of this host: %s",
			    fwupd_strerror(errno));
		return FALSE;
	}
	self->fd = fds[self->pid == 0 ? 1 : 0];
	close(fds[self->pid == 0 ? 0 : 1]);
	if (self->pid == 0)
		watch_run(self);
	return TRUE;
}

/* the file that it has open, if it can be seen */
static gchar *
watch_find_hung(const StatusWatch *self, guint step)
{
	const gchar *name;
	g_autofree gchar *dirname = g_strdup_printf("/proc/%i/fd", self->pid);
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(dirname, name, NULL);
		g_autofree gchar *target = g_file_read_link(filename, NULL);
		if (target != NULL && g_path_is_absolute(target) &&
		    g_strcmp0(target, WATCH_NOWHERE) != 0)
			return g_steal_pointer(&target);
	}
	return g_strdup_printf("fact %u of this host", step);
}

/* if all has been read that has not hung before */
static gboolean
watch_follow(StatusWatch *self)
{
	for (guint step = 0; step < STATUS_FACTS_N_STEPS; step++) {
		struct pollfd pfd = {.fd = self->fd, .events = POLLIN};
		gchar done;

		if (self->hung[step] != NULL)
			continue;
		if (poll(&pfd, 1, self->timeout * 1000) == 1 && read(self->fd, &done, 1) == 1)
			continue;
		self->hung[step] = watch_find_hung(self, step);
		kill(self->pid, SIGKILL);
		close(self->fd);
		return FALSE;
	}
	return TRUE;
}

gchar *
status_facts_run(StatusStartFunc start,
		 StatusFunc func,
		 gpointer user_data,
		 guint timeout,
		 gint *rc,
		 GError **error)
{
	StatusWatch watch = {.start = start,
			     .func = func,
			     .user_data = user_data,
			     .timeout = timeout};
	gint status = 0;
	g_autofree gchar *text = NULL;
	g_autoptr(GIOChannel) channel = NULL;

	do {
		if (!watch_start(&watch, error))
			return NULL;
	} while (!watch_follow(&watch));
	channel = g_io_channel_unix_new(watch.fd);
	g_io_channel_set_encoding(channel, NULL, NULL);
	if (g_io_channel_read_to_end(channel, &text, NULL, error) == G_IO_STATUS_ERROR)
		return NULL;
	if (waitpid(watch.pid, &status, 0) != watch.pid || !WIFEXITED(status) || text[0] == '\0') {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "the process that looks at this host ended with status 0x%x; run this "
			    "again, and report it",
			    (guint)status);
		return NULL;
	}
	*rc = WEXITSTATUS(status);
	return g_steal_pointer(&text);
}
