/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Makes of TDX module images what LVFS, or a mirror of one's own, gives to hosts. */

#include "config.h"

#include <json-glib/json-glib.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cabinet-archive.h"
#include "cabinet-catalog.h"
#include "cabinet-file.h"
#include "cabinet-mirror.h"

/* set by meson: TOOL_VERSION */

#define CABINET_MALLOC_KEPT    (32 * 1024 * 1024) /* bytes */
#define CABINET_PROGRESS_WIDTH 30		  /* characters */

/* one published release, for the report at the end */
typedef struct {
	const CabinetRelease *release;
	gchar *filename;
	gchar *sha256;
} ToolResult;

static void
tool_result_free(ToolResult *result)
{
	g_free(result->filename);
	g_free(result->sha256);
	g_free(result);
}

static void
tool_add_result(GPtrArray *results,
		const CabinetRelease *release,
		gchar *filename,
		const gchar *sha256)
{
	ToolResult *result = g_new0(ToolResult, 1);
	result->release = release;
	result->filename = filename;
	result->sha256 = g_strdup(sha256);
	g_ptr_array_add(results, result);
}

/*
 * what the user sees
 */

/* on one line, as file names may have anything */
static gchar *
tool_escape(const gchar *text)
{
	g_autofree gchar *valid = g_utf8_make_valid(text, -1);
	GString *str = g_string_new(NULL);

	for (const gchar *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (g_unichar_iscntrl(c))
			g_string_append_printf(str, "\\x%02x", c);
		else
			g_string_append_unichar(str, c);
	}
	return g_string_free(str, FALSE);
}

static void
tool_print_line(FILE *stream, const gchar *prefix, const gchar *text)
{
	g_autofree gchar *escaped = tool_escape(text);
	(stream == stderr ? g_printerr : g_print)("%s%s\n", prefix, escaped);
}

static void
tool_show_progress(const CabinetOptions *options, guint done, guint total, const gchar *name)
{
	guint filled = total > 0 ? done * CABINET_PROGRESS_WIDTH / total : CABINET_PROGRESS_WIDTH;
	g_autofree gchar *basename = g_path_get_basename(name);
	g_autofree gchar *escaped = tool_escape(basename);
	g_autofree gchar *bar = g_strnfill(CABINET_PROGRESS_WIDTH, ' ');

	if (options->json || !isatty(STDERR_FILENO))
		return;
	memset(bar, '*', filled);
	g_printerr("\r\033[K[%s] %u/%u %s", bar, done, total, escaped);
}

static void
tool_hide_progress(const CabinetOptions *options)
{
	if (!options->json && isatty(STDERR_FILENO))
		g_printerr("\r\033[K");
}

static void
tool_json_add_strings(JsonBuilder *builder, const gchar *name, GPtrArray *strings)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (guint i = 0; i < strings->len; i++) {
		g_autofree gchar *valid = g_utf8_make_valid(g_ptr_array_index(strings, i), -1);
		json_builder_add_string_value(builder, valid);
	}
	json_builder_end_array(builder);
}

static void
tool_json_add_string(JsonBuilder *builder, const gchar *name, const gchar *value)
{
	g_autofree gchar *valid = g_utf8_make_valid(value, -1);
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, valid);
}

static void
tool_json_add_result(JsonBuilder *builder, const ToolResult *result)
{
	const CabinetRelease *release = result->release;
	g_autofree gchar *svn = g_strdup_printf("0x%04x", release->svn);

	json_builder_begin_object(builder);
	tool_json_add_string(builder, "Version", release->version);
	tool_json_add_string(builder, "Series", release->series);
	tool_json_add_string(builder, "Filename", result->filename);
	tool_json_add_string(builder, "Sha256", result->sha256);
	tool_json_add_string(builder, "Mrseam", release->mrseam);
	tool_json_add_string(builder, "Svn", svn);
	tool_json_add_string(builder, "Date", release->date);
	tool_json_add_strings(builder, "Warnings", release->warnings);
	json_builder_end_object(builder);
}

static void
tool_json_print(JsonBuilder *builder)
{
	g_autofree gchar *text = NULL;
	g_autoptr(JsonNode) root = json_builder_get_root(builder);

	/* in UTF-8, whatever the locale */
	text = json_to_string(root, TRUE);
	puts(text);
}

static void
tool_print_json(const CabinetCatalog *catalog,
		const gchar *warning,
		GPtrArray *results,
		gboolean changed)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "Releases");
	json_builder_begin_array(builder);
	for (guint i = 0; i < results->len; i++)
		tool_json_add_result(builder, g_ptr_array_index(results, i));
	json_builder_end_array(builder);
	json_builder_set_member_name(builder, "Skipped");
	json_builder_begin_array(builder);
	for (guint i = 0; i < catalog->skipped->len; i++) {
		CabinetCatalogSkipped *skipped = g_ptr_array_index(catalog->skipped, i);
		json_builder_begin_object(builder);
		tool_json_add_string(builder, "Version", skipped->version);
		tool_json_add_string(builder, "Reason", skipped->reason);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
	if (warning != NULL)
		tool_json_add_string(builder, "Warning", warning);
	json_builder_set_member_name(builder, "Changed");
	json_builder_add_boolean_value(builder, changed);
	json_builder_end_object(builder);
	tool_json_print(builder);
}

/* they are sorted by reason */
static void
tool_print_skipped(const CabinetCatalog *catalog)
{
	const gchar *reason = NULL;

	for (guint i = 0; i < catalog->skipped->len; i++) {
		CabinetCatalogSkipped *skipped = g_ptr_array_index(catalog->skipped, i);
		if (g_strcmp0(reason, skipped->reason) == 0)
			g_print(", %s", skipped->version);
		else
			g_print("%sleft out, as %s: %s",
				reason != NULL ? "\n" : "",
				skipped->reason,
				skipped->version);
		reason = skipped->reason;
	}
	if (reason != NULL)
		g_print("\n");
}

static void
tool_print_text(const CabinetCatalog *catalog, GPtrArray *results, gboolean changed)
{
	for (guint i = 0; i < results->len; i++) {
		ToolResult *result = g_ptr_array_index(results, i);
		g_autofree gchar *svn = cabinet_release_get_svn_str(result->release);
		g_autofree gchar *line = g_strdup_printf("%s: TDX module %s of %s, SVN %s",
							 result->filename,
							 result->release->version,
							 result->release->date,
							 svn);
		for (guint j = 0; j < result->release->warnings->len; j++)
			tool_print_line(stderr,
					"warning: ",
					g_ptr_array_index(result->release->warnings, j));
		tool_print_line(stdout, "", line);
	}
	tool_print_skipped(catalog);
	if (!changed)
		g_print("nothing has changed\n");
}

static void
tool_print(const CabinetOptions *options,
	   const CabinetCatalog *catalog,
	   const CabinetSigner *signer,
	   GPtrArray *results,
	   gboolean changed)
{
	const gchar *warning = signer != NULL ? signer->warning : NULL;

	tool_hide_progress(options);
	if (options->json) {
		tool_print_json(catalog, warning, results, changed);
		return;
	}
	if (warning != NULL)
		tool_print_line(stderr, "warning: ", warning);
	tool_print_text(catalog, results, changed);
}

static void
tool_print_error(const CabinetOptions *options, const GError *error)
{
	g_autoptr(JsonBuilder) builder = NULL;

	tool_hide_progress(options);
	if (!options->json) {
		tool_print_line(stderr, "", error->message);
		return;
	}

	/* as fwupdmgr has it */
	builder = json_builder_new();
	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "Error");
	json_builder_begin_object(builder);
	tool_json_add_string(builder, "Message", error->message);
	json_builder_end_object(builder);
	json_builder_end_object(builder);
	tool_json_print(builder);
}

/*
 * what is to be published
 */

static CabinetCatalog *
tool_load_catalog(const CabinetOptions *options, gchar **sources, GError **error)
{
	g_autoptr(CabinetCatalog) catalog = cabinet_catalog_load(sources, options, error);

	if (catalog == NULL)
		return NULL;
	if (catalog->releases->len == 0) {
		CabinetCatalogSkipped *skipped = g_ptr_array_index(catalog->skipped, 0);
		cabinet_fail(
		    error,
		    "there is nothing to publish; for example, TDX module %s is left out, as "
		    "%s",
		    skipped->version,
		    skipped->reason);
		return NULL;
	}
	return g_steal_pointer(&catalog);
}

/*
 * build
 */

static gboolean
tool_build_one(const CabinetOptions *options,
	       CabinetOutput *output,
	       const CabinetRelease *release,
	       const CabinetSigner *signer,
	       GPtrArray *results,
	       GError **error)
{
	g_autofree gchar *filename = NULL;
	g_autofree gchar *name = g_strdup_printf("tdx-module-%s.cab", release->version);
	g_autofree gchar *sha256 = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(CabinetArchive) cabinet = NULL;

	cabinet = cabinet_archive_new(release, options, error);
	if (cabinet == NULL)
		return FALSE;
	blob = cabinet_archive_write(cabinet, options, signer, error);
	if (blob == NULL)
		return FALSE;
	sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, blob);
	filename = g_canonicalize_filename(options->output, NULL);
	tool_add_result(results, release, g_build_filename(filename, name, NULL), sha256);
	return cabinet_output_write(output, name, blob, error);
}

static gboolean
tool_build(const CabinetOptions *options, gchar **args, GError **error)
{
	g_autoptr(GPtrArray) results =
	    g_ptr_array_new_with_free_func((GDestroyNotify)tool_result_free);
	g_autoptr(CabinetCatalog) catalog = NULL;
	g_autoptr(CabinetOutput) output = NULL;
	g_autoptr(CabinetSigner) signer = NULL;

	if (options->key_fn != NULL) {
		signer = cabinet_signer_new(options->certificate_fn, options->key_fn, error);
		if (signer == NULL)
			return FALSE;
	}
	catalog = tool_load_catalog(options, args, error);
	if (catalog == NULL)
		return FALSE;
	output = cabinet_output_new(options->output, error);
	if (output == NULL)
		return FALSE;
	for (guint i = 0; i < catalog->releases->len; i++) {
		CabinetRelease *release = g_ptr_array_index(catalog->releases, i);
		tool_show_progress(options, i, catalog->releases->len, release->source);
		if (!tool_build_one(options, output, release, signer, results, error))
			return FALSE;
	}
	if (!cabinet_output_publish_files(output, error))
		return FALSE;
	tool_print(options, catalog, signer, results, TRUE);
	return TRUE;
}

/*
 * mirror
 */

static gboolean
tool_mirror_publish(const CabinetOptions *options,
		    CabinetMirror *mirror,
		    const CabinetSigner *signer,
		    const CabinetCatalog *catalog,
		    GError **error)
{
	gboolean changed = FALSE;
	g_autoptr(GPtrArray) results =
	    g_ptr_array_new_with_free_func((GDestroyNotify)tool_result_free);

	for (guint i = 0; i < catalog->releases->len; i++) {
		CabinetRelease *release = g_ptr_array_index(catalog->releases, i);
		gchar *filename = NULL;
		g_autofree gchar *sha256 = NULL;

		tool_show_progress(options, i, catalog->releases->len, release->source);
		if (!cabinet_mirror_add(mirror, release, &filename, &sha256, error))
			return FALSE;
		tool_add_result(results, release, filename, sha256);
	}
	if (!cabinet_mirror_publish(mirror, &changed, error))
		return FALSE;
	tool_print(options, catalog, signer, results, changed);
	return TRUE;
}

static gboolean
tool_mirror(const CabinetOptions *options, gchar **args, GError **error)
{
	g_autoptr(CabinetCatalog) catalog = NULL;
	g_autoptr(CabinetMirror) mirror = NULL;
	g_autoptr(CabinetSigner) signer = NULL;

	if (options->key_fn == NULL)
		return cabinet_fail(error,
				    "a mirror has to be signed, so give --certificate and --key");
	signer = cabinet_signer_new(options->certificate_fn, options->key_fn, error);
	if (signer == NULL)
		return FALSE;
	catalog = tool_load_catalog(options, args + 1, error);
	if (catalog == NULL)
		return FALSE;
	mirror = cabinet_mirror_new(args[0], options, signer, error);
	if (mirror == NULL)
		return FALSE;
	return tool_mirror_publish(options, mirror, signer, catalog, error);
}

/*
 * the command line
 */

static gboolean
tool_run(CabinetOptions *options, gchar **args, guint n_args, GError **error)
{
	if (!cabinet_options_check(options, error))
		return FALSE;
	if (n_args >= 3 && g_strcmp0(args[1], "build") == 0)
		return tool_build(options, args + 2, error);
	if (n_args >= 4 && g_strcmp0(args[1], "mirror") == 0)
		return tool_mirror(options, args + 2, error);
	return cabinet_fail(error,
			    "expected: %s build SOURCE..., or: %s mirror DIR SOURCE...; see --help",
			    g_get_prgname(),
			    g_get_prgname());
}

int
main(int argc, char **argv)
{
	g_auto(CabinetOptions) options = {.progress = tool_show_progress, .keep_days = 7};
	g_autoptr(GError) error = NULL;

	setlocale(LC_ALL, "");

	/* a web server is another user */
	umask(0022);

	/* images come and go, and always new memory costs a quarter of the time */
	mallopt(M_MMAP_THRESHOLD, CABINET_MALLOC_KEPT);
	mallopt(M_TRIM_THRESHOLD, CABINET_MALLOC_KEPT);
	if (!cabinet_options_parse(&options, &argc, &argv, &error)) {
		tool_print_error(&options, error);
		return EXIT_FAILURE;
	}
	if (options.version) {
		g_print("tdx-module-cabinet %s\n", TOOL_VERSION);
		return EXIT_SUCCESS;
	}
	if (!tool_run(&options, argv, argc, &error)) {
		tool_print_error(&options, error);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
