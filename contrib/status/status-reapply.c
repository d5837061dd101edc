/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What tdx-module-reapply would do after a reset; only that program knows.
 */

#include "config.h"

#include <json-glib/json-glib.h>

#include "status.h"

#define STATUS_REAPPLY_UNIT "/etc/systemd/system/multi-user.target.wants/tdx-module-reapply.service"

static void
reapply_done_cb(GObject *source, GAsyncResult *res, gpointer user_data)
{
	*(GAsyncResult **)user_data = g_object_ref(res);
}

/* it is not waited for, if it has been given up */
static gchar *
reapply_communicate(GSubprocess *process, guint timeout, GError **error)
{
	gchar *text = NULL;
	GAsyncResult *res = NULL;
	GCancellable *cancellable = g_cancellable_new();

	g_timeout_add_seconds(timeout, status_cancel_cb, cancellable);
	g_subprocess_communicate_utf8_async(process, NULL, cancellable, reapply_done_cb, &res);
	while (res == NULL)
		g_main_context_iteration(NULL, TRUE);
	if (!g_subprocess_communicate_utf8_finish(process, res, &text, NULL, error))
		g_subprocess_force_exit(process);
	return text;
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
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonParser) parser = json_parser_new();

	if (!json_parser_load_from_data(parser, text, -1, &error)) {
		self->reason = g_strdup(error->message);
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
status_reapply_start(void)
{
	StatusReapply *self = g_new0(StatusReapply, 1);
	const gchar *env = g_getenv("TDX_MODULE_REAPPLY"); /* for tests */
	g_autoptr(GError) error = NULL;

	self->enabled = g_file_test(STATUS_REAPPLY_UNIT, G_FILE_TEST_IS_SYMLINK);
	self->process =
	    g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
			     &error,
			     env != NULL ? env : STATUS_REAPPLY_PROGRAM,
			     "status",
			     "--json",
			     NULL);
	if (self->process == NULL)
		self->reason = g_strdup(error->message);
	return self;
}

StatusReapply *
status_reapply_finish(StatusReapply *self, guint timeout)
{
	g_autofree gchar *text = NULL;
	g_autoptr(GError) error = NULL;

	if (self->process == NULL)
		return self;
	if (timeout == 0) {
		g_subprocess_force_exit(self->process);
		self->reason = g_strdup("fwupd does not answer");
		return self;
	}
	text = reapply_communicate(self->process, timeout, &error);
	if (text != NULL)
		reapply_parse(self, text);
	else
		self->reason = g_strdup(error->message);
	return self;
}
