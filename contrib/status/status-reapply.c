/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What tdx-module-reapply would do after a reset: its own objects say that. As they ask fwupd and
 * read files, they do it in another process, which can be given up.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../reapply/reapply.h"
#include "status.h"

#define STATUS_REAPPLY_UNIT "/etc/systemd/system/multi-user.target.wants/tdx-module-reapply.service"

static void G_GNUC_NORETURN
reapply_run(gint fd, guint timeout)
{
	ReapplyOptions options = {.json = TRUE, .timeout = timeout};
	g_autoptr(GError) error = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	(void)reapply_command_status(&options, &error);
	if (error != NULL)
		g_print("%s", error->message);
	_exit(EXIT_SUCCESS);
}

/* up to the end, which is not waited for longer than that */
static gchar *
reapply_read(gint fd, guint timeout)
{
	gchar buf[1024];
	gint64 deadline = g_get_monotonic_time() + timeout * G_TIME_SPAN_SECOND;
	gint64 left = timeout * G_TIME_SPAN_SECOND;
	gssize len = 1;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	g_autoptr(GString) str = g_string_new(NULL);

	while (len > 0 && left >= 0 && poll(&pfd, 1, left / 1000) == 1) {
		len = read(fd, buf, sizeof(buf));
		g_string_append_len(str, buf, MAX(len, 0));
		left = deadline - g_get_monotonic_time();
	}
	return len == 0 ? g_string_free(g_steal_pointer(&str), FALSE) : NULL;
}

static gchar *
reapply_get(JsonObject *obj, const gchar *key)
{
	return g_strdup(json_object_get_string_member_with_default(obj, key, NULL));
}

static void
reapply_parse(StatusReapply *self, const gchar *text)
{
	JsonNode *root;
	JsonObject *obj;
	g_autoptr(JsonParser) parser = json_parser_new();

	/* an error, as a person reads it */
	if (!json_parser_load_from_data(parser, text, -1, NULL)) {
		self->reason = g_strdup(text);
		return;
	}
	root = json_parser_get_root(parser);
	if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
		self->reason = g_strdup("it gives no JSON");
		return;
	}
	obj = json_node_get_object(root);
	self->state = reapply_get(obj, "state");
	self->reason = reapply_get(obj, "reason");
	self->stored = reapply_get(obj, "stored_version");
	self->missing = reapply_get(obj, "missing_version");
}

StatusReapply *
status_reapply_start(guint timeout)
{
	gint fds[2] = {-1, -1};
	StatusReapply *self = g_new0(StatusReapply, 1);

	self->enabled = g_file_test(STATUS_REAPPLY_UNIT, G_FILE_TEST_IS_SYMLINK);
	self->fd = -1;
	if (timeout == 0) {
		self->reason = g_strdup("it is not asked");
		return self;
	}
	if (pipe2(fds, O_CLOEXEC) != 0 || (self->pid = fork()) < 0) {
		self->reason = g_strdup(fwupd_strerror(errno));
		return self;
	}
	if (self->pid == 0)
		reapply_run(fds[1], timeout);
	close(fds[1]);
	self->fd = fds[0];
	return self;
}

StatusReapply *
status_reapply_finish(StatusReapply *self, guint timeout)
{
	g_autofree gchar *text = NULL;

	if (self->fd < 0)
		return self;
	text = reapply_read(self->fd, timeout);
	if (text != NULL)
		reapply_parse(self, text);
	else
		self->reason = g_strdup_printf("it has not answered within %u s", timeout);
	kill(self->pid, SIGKILL);
	close(self->fd);
	return self;
}
