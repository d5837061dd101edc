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

#include <errno.h>
#include <glob.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "status.h"

#define STATUS_TIMEOUT_FACTS 2				       /* seconds, for each file */
#define STATUS_TCB_INFOS     "/etc/tdx-module/tcb-info/*.json" /* of the operator */

typedef struct {
	gboolean features;
	gboolean json;
	gboolean metrics;
	gboolean verdict;
	gchar *output;
	gboolean colors;
	gint timeout;
	gchar **tcb_infos;
	gchar **tcb_chains;
	StatusReapply *reapply;
} StatusOptions;

static gboolean
status_options_parse(StatusOptions *self, gint *argc, gchar ***argv, GError **error)
{
#define OPTION(name, type, pointer, help, value)                                                   \
	{name, 0, 0, G_OPTION_ARG_##type, &self->pointer, help, value}
	const GOptionEntry entries[] = {
	    OPTION("short", NONE, verdict, "Print the verdict alone", NULL),
	    OPTION("json", NONE, json, "Print JSON", NULL),
	    OPTION("prometheus", NONE, metrics, "Print metrics for node_exporter", NULL),
	    OPTION("nfd", NONE, features, "Print features for node-feature-discovery", NULL),
	    OPTION("output", FILENAME, output, "Write that to a file, as a whole", "FILE"),
	    OPTION("tcb-info", FILENAME_ARRAY, tcb_infos, "TCB info of Intel's", "FILE"),
	    OPTION("tcb-chain",
		   FILENAME_ARRAY,
		   tcb_chains,
		   "Its certificates, if not beside it as .pem",
		   "FILE"),
	    OPTION("timeout", INT, timeout, "Wait so long for fwupd (30)", "SECONDS"),
	    {NULL}};
#undef OPTION
	glob_t found = {0};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_summary(context,
				     "Is the TDX module of this host current, can it be updated, "
				     "and if not, why?");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	if (*argc > 1 || self->timeout < 1 || self->timeout > 3600 ||
	    self->verdict + self->json + self->metrics + self->features > 1) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "expected at most one of --short, --json, --prometheus and "
				    "--nfd, a --timeout from 1 to 3600, and no arguments");
		return FALSE;
	}
	if (self->tcb_infos == NULL && glob(STATUS_TCB_INFOS, GLOB_PERIOD, NULL, &found) == 0)
		self->tcb_infos = found.gl_pathv;
	return TRUE;
}

/* while the facts are read */
static void
status_start(gpointer user_data)
{
	StatusOptions *options = user_data;
	gboolean all = !options->verdict && !options->metrics && !options->features;
	options->reapply = status_reapply_start(all ? options->timeout : 0);
}

static gint
status_answer(const StatusFacts *facts, gpointer user_data, gchar **text)
{
	const StatusOptions *options = user_data;
	StatusFwupd *fwupd = status_fwupd_new(options->timeout);
	gboolean answers = fwupd->state == STATUS_FWUPD_STATE_RUNNING;
	StatusReport *report = status_report_new(
	    facts,
	    fwupd,
	    status_reapply_finish(options->reapply, answers ? options->timeout : 0),
	    status_tcb_load(options->tcb_infos, options->tcb_chains, TDX_TCB_INFO_ROOT, facts));

	if (options->json)
		*text = status_json_build(report);
	else if (options->metrics)
		*text = status_metrics_build(report);
	else if (options->features)
		*text = status_features_build(report);
	else if (options->verdict)
		*text = g_strconcat(report->verdict, "\n", NULL);
	else
		*text = status_ladder_print(report, options->colors);
	return status_states[report->state].exit;
}

/* nobody sees half a file: node-feature-discovery reads all but those that begin with a dot */
static gboolean
status_write(const gchar *filename, const gchar *text, GError **error)
{
	g_autofree gchar *basename = g_path_get_basename(filename);
	g_autofree gchar *dirname = g_path_get_dirname(filename);
	g_autofree gchar *hidden = g_strdup_printf("%s/.%s.new", dirname, basename);

	if (!g_file_test(dirname, G_FILE_TEST_IS_DIR)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "%s is not written, as there is no folder %s: install the program that "
			    "reads it, or make the folder",
			    filename,
			    dirname);
		return FALSE;
	}
	if (!g_file_set_contents_full(hidden, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, error))
		return FALSE;
	if (rename(hidden, filename) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "failed to rename %s to %s: %s",
			    hidden,
			    filename,
			    g_strerror(errno));
		(void)unlink(hidden);
		return FALSE;
	}
	return TRUE;
}

int
main(int argc, char *argv[])
{
	StatusOptions options = {.timeout = 30};
	gint rc = EXIT_FAILURE;
	g_autofree gchar *text = NULL;
	g_autoptr(GError) error = NULL;

	setlocale(LC_ALL, "");
	setlocale(LC_COLLATE, "C");
	if (!status_options_parse(&options, &argc, &argv, &error)) {
		g_printerr("%s; see --help\n", error->message);
		return 2;
	}
	options.colors =
	    options.output == NULL && isatty(STDOUT_FILENO) && g_getenv("NO_COLOR") == NULL;
	text = status_facts_run(status_start,
				status_answer,
				&options,
				MIN(options.timeout, STATUS_TIMEOUT_FACTS),
				&rc,
				&error);
	if (text == NULL ||
	    (options.output != NULL && !status_write(options.output, text, &error))) {
		g_printerr("%s\n", error->message);
		return EXIT_FAILURE;
	}
	if (options.output != NULL)
		return EXIT_SUCCESS;
	return fputs(text, stdout) == EOF || fflush(stdout) != 0 ? EXIT_FAILURE : rc;
}
