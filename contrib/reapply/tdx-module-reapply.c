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
#include <stdlib.h>

#include "reapply.h"

#define REAPPLY_TIMEOUT 120 /* s */

static const struct {
	const gchar *name;
	gboolean (*func)(ReapplyOptions *options, GError **error);
	gint args_max;
} reapply_commands[] = {
    {"store", reapply_command_store, 1},
    {"apply", reapply_command_apply, 0},
    {"status", reapply_command_status, 0},
    {"clear", reapply_command_clear, 0},
};

static gint
reapply_run(ReapplyOptions *options, gint argc, gchar **argv)
{
	gboolean ret;
	g_autoptr(GError) error = NULL;

	options->filename = argc > 2 ? argv[2] : NULL;
	for (guint i = 0; argc > 1 && i < G_N_ELEMENTS(reapply_commands); i++) {
		if (g_strcmp0(argv[1], reapply_commands[i].name) != 0 ||
		    argc - 2 > reapply_commands[i].args_max ||
		    (options->filename != NULL && options->if_changed != NULL))
			continue;
		ret = reapply_commands[i].func(options, &error);
		if (error != NULL)
			reapply_say(LOG_ERR, "%s", error->message);
		return ret ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	reapply_say(LOG_ERR,
		    "needed is one of: store [FILE.cab], apply, status, clear; see --help");
	return 2;
}

int
main(int argc, char *argv[])
{
	gint rc = 2;
	ReapplyOptions options = {.timeout = REAPPLY_TIMEOUT};
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context =
	    g_option_context_new("store [FILE.cab]|apply|status|clear");
#define OPTION(name, type, pointer, help, value)                                                   \
	{name, 0, 0, G_OPTION_ARG_##type, &options.pointer, help, value}
	const GOptionEntry entries[] = {
	    OPTION("if-changed", FILENAME, if_changed, "store: only if FILE has changed", "FILE"),
	    OPTION("retry", INT, retry, "store: try again after this long (not at all)", "SECONDS"),
	    OPTION("json", NONE, json, "status: print JSON", NULL),
	    OPTION("wait", INT, wait, "apply: wait so long for the device (0)", "SECONDS"),
	    OPTION("timeout", INT, timeout, "Wait so long for fwupd (120)", "SECONDS"),
	    {NULL}};
#undef OPTION

	setlocale(LC_ALL, "");
	g_option_context_set_summary(context,
				     "Applies the last installed TDX module after a reset.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (g_option_context_parse(context, &argc, &argv, &error))
		rc = reapply_run(&options, argc, argv);
	else
		reapply_say(LOG_ERR, "%s; see --help", error->message);
	g_free(options.if_changed);
	return rc;
}
