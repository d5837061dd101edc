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

typedef struct {
	GMainLoop *loop;
	gchar *text;
	GError *error;
} StatusReapplyHelper;

static void
status_reapply_done_cb(GObject *source, GAsyncResult *res, gpointer user_data)
{
	StatusReapplyHelper *helper = user_data;

	g_subprocess_communicate_utf8_finish(G_SUBPROCESS(source),
					     res,
					     &helper->text,
					     NULL,
					     &helper->error);
	g_main_loop_quit(helper->loop);
}

static gboolean
status_reapply_timeout_cb(gpointer user_data)
{
	g_cancellable_cancel(G_CANCELLABLE(user_data));
	return G_SOURCE_CONTINUE;
}

/* it is not waited for, if it has been given up */
static gchar *
status_reapply_run(guint timeout, GError **error)
{
	const gchar *env = g_getenv("TDX_MODULE_REAPPLY"); /* for tests */
	StatusReapplyHelper helper = {0};
	guint source_id;
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GSubprocess) process = NULL;

	process =
	    g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
			     error,
			     env != NULL ? env : STATUS_REAPPLY_PROGRAM,
			     "status",
			     "--json",
			     NULL);
	if (process == NULL)
		return NULL;
	helper.loop = loop;
	source_id = g_timeout_add_seconds(timeout, status_reapply_timeout_cb, cancellable);
	g_subprocess_communicate_utf8_async(process,
					    NULL,
					    cancellable,
					    status_reapply_done_cb,
					    &helper);
	g_main_loop_run(loop);
	g_source_remove(source_id);
	if (helper.text == NULL) {
		g_subprocess_force_exit(process);
		g_propagate_error(error, helper.error);
	}
	return helper.text;
}

static gchar *
status_reapply_get(JsonObject *obj, const gchar *key)
{
	return g_strdup(json_object_get_string_member_with_default(obj, key, NULL));
}

static gboolean
status_reapply_ask(StatusReapply *self, guint timeout, GError **error)
{
	JsonNode *root;
	JsonObject *obj;
	g_autofree gchar *text = status_reapply_run(timeout, error);
	g_autoptr(JsonParser) parser = json_parser_new();

	if (text == NULL || !json_parser_load_from_data(parser, text, -1, error))
		return FALSE;
	root = json_parser_get_root(parser);
	if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "it gives no JSON");
		return FALSE;
	}
	obj = json_node_get_object(root);
	self->state = status_reapply_get(obj, "state");
	self->reason = status_reapply_get(obj, "reason");
	self->stored = status_reapply_get(obj, "stored_version");
	self->missing = status_reapply_get(obj, "missing_version");
	return TRUE;
}

/**
 * status_reapply_new:
 * @timeout: in seconds; 0 does not ask
 *
 * Returns: (transfer full): what is applied again after a reset, or why that is not known
 **/
StatusReapply *
status_reapply_new(guint timeout)
{
	StatusReapply *self = g_new0(StatusReapply, 1);
	g_autoptr(GError) error = NULL;

	self->enabled = g_file_test(STATUS_REAPPLY_UNIT, G_FILE_TEST_IS_SYMLINK);
	if (timeout == 0)
		self->reason = g_strdup("fwupd does not answer");
	else if (!status_reapply_ask(self, timeout, &error))
		self->reason = g_strdup(error->message);
	return self;
}
