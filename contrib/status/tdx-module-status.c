/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Is this host ready for updates of the TDX module, current, updatable, and if not, why? Reads
 * only.
 */

#include "config.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "status.h"

#define STATUS_TIMEOUT_FACTS 2 /* seconds, for each file */

typedef struct {
	gboolean brief;
	gboolean json;
	gint timeout;
	gchar **tcb_infos;
	gchar **tcb_chains;
} StatusOptions;

static StatusReport *
status_look(const StatusOptions *options, GError **error)
{
	guint timeout = options->timeout;
	StatusFacts *facts = status_facts_new(MIN(timeout, STATUS_TIMEOUT_FACTS), error);
	StatusFwupd *fwupd;

	if (facts == NULL)
		return NULL;
	fwupd = status_fwupd_new(timeout);
	return status_report_new(
	    facts,
	    fwupd,
	    status_reapply_new(fwupd->state == STATUS_FWUPD_STATE_RUNNING ? timeout : 0),
	    status_tcb_load((const gchar *const *)options->tcb_infos,
			    (const gchar *const *)options->tcb_chains,
			    TDX_TCB_INFO_ROOT,
			    facts));
}

int
main(int argc, char *argv[])
{
	StatusOptions options = {.timeout = 30};
	g_autofree gchar *text = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(StatusReport) report = NULL;
	const GOptionEntry entries[] = {
	    {"short", 's', 0, G_OPTION_ARG_NONE, &options.brief, "Print the verdict alone", NULL},
	    {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL},
	    {"tcb-info",
	     0,
	     0,
	     G_OPTION_ARG_FILENAME_ARRAY,
	     &options.tcb_infos,
	     "Intel's TCB info, to say if the TDX module is up to date",
	     "FILE"},
	    {"tcb-chain",
	     0,
	     0,
	     G_OPTION_ARG_FILENAME_ARRAY,
	     &options.tcb_chains,
	     "The certificates that came with it, if not beside it as .pem",
	     "FILE"},
	    {"timeout",
	     0,
	     0,
	     G_OPTION_ARG_INT,
	     &options.timeout,
	     "Wait so long for fwupd (30)",
	     "SECONDS"},
	    {NULL}};

	setlocale(LC_ALL, "");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		g_printerr("%s; see --help\n", error->message);
		return 2;
	}
	if (argc > 1 || options.timeout < 1) {
		g_printerr("unexpected argument, or --timeout is not positive; see --help\n");
		return 2;
	}
	report = status_look(&options, &error);
	if (report == NULL) {
		g_printerr("%s\n", error->message);
		return EXIT_FAILURE;
	}
	if (options.json)
		text = status_json_build(report);
	else if (options.brief)
		text = g_strdup_printf("%s\n", report->verdict);
	else
		text = status_ladder_print(report,
					   isatty(STDOUT_FILENO) && g_getenv("NO_COLOR") == NULL);
	g_print("%s", text);
	return status_state_to_exit(report->state);
}
