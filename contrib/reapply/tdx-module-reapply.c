/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * After a full reset the TDX module that the boot brings is back. This keeps the release that was
 * last installed successfully, and has fwupd install that one again when the machine starts.
 */

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reapply.h"

/* fwupd goes on with what it does; here nothing else is allowed than these two */
static void
reapply_alarm_cb(int signum G_GNUC_UNUSED)
{
	const gchar msg[] = "<3>given up, as fwupd has not answered in time\n";
	gsize skip = g_getenv("JOURNAL_STREAM") != NULL ? 0 : strlen("<3>");

	if (write(STDERR_FILENO, msg + skip, sizeof(msg) - 1 - skip) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

static const struct {
	const gchar *name;
	gint (*func)(ReapplyOptions *options, const gchar *arg);
	gint args_min;
	gint args_max;
} reapply_commands[] = {
    {"store", reapply_command_store, 0, 1},
    {"apply", reapply_command_apply, 0, 0},
    {"status", reapply_command_status, 0, 0},
    {"clear", reapply_command_clear, 0, 0},
    {"fetch", reapply_command_fetch, 1, 1}, /* only store does that */
};

int
main(int argc, char *argv[])
{
	ReapplyOptions options = {0};
	g_autofree gchar *history = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context =
	    g_option_context_new("store [FILE.cab]|apply|status|clear");
	const GOptionEntry entries[] = {
	    {"if-changed",
	     0,
	     0,
	     G_OPTION_ARG_FILENAME,
	     &history,
	     "store only if fwupd's history in FILE has changed",
	     "FILE"},
	    {"retry",
	     0,
	     0,
	     G_OPTION_ARG_INT,
	     &options.retry,
	     "store tries again after that, then twice that, and so on",
	     "SECONDS"},
	    {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "status prints JSON", NULL},
	    {"wait",
	     0,
	     0,
	     G_OPTION_ARG_INT,
	     &options.wait,
	     "apply waits for the device",
	     "SECONDS"},
	    {"timeout", 0, 0, G_OPTION_ARG_INT, &options.timeout, "give up after that", "SECONDS"},
	    {NULL}};

	setlocale(LC_ALL, "");
	g_option_context_set_summary(context,
				     "Keeps the TDX module that was last installed successfully, "
				     "and applies it again after a reset.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		reapply_say(REAPPLY_PRIORITY_ERR, "%s; see --help", error->message);
		return 2;
	}
	options.if_changed = history;
	if (options.timeout > 0) {
		(void)signal(SIGALRM, reapply_alarm_cb);
		(void)alarm(options.timeout);
	}
	for (guint i = 0; argc > 1 && i < G_N_ELEMENTS(reapply_commands); i++) {
		if (g_strcmp0(argv[1], reapply_commands[i].name) == 0 &&
		    argc - 2 >= reapply_commands[i].args_min &&
		    argc - 2 <= reapply_commands[i].args_max && !(argc > 2 && history != NULL))
			return reapply_commands[i].func(&options, argc > 2 ? argv[2] : NULL);
	}
	reapply_say(REAPPLY_PRIORITY_ERR,
		    "needed is one of: store [FILE.cab], apply, status, clear; see --help");
	return 2;
}
