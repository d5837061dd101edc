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

static GVariant *
tool_release_to_variant(const CabinetRelease *release)
{
	g_autofree gchar *filename = g_utf8_make_valid(release->cabinet_fn, -1);
	g_autofree gchar *svn = g_strdup_printf("0x%04x", release->svn);
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_auto(GStrv) warnings = NULL;

	for (guint i = 0; i < release->warnings->len; i++) {
		g_autofree gchar *valid =
		    g_utf8_make_valid(g_ptr_array_index(release->warnings, i), -1);
		g_strv_builder_add(builder, valid);
	}
	warnings = g_strv_builder_end(builder);
	return g_variant_new_parsed("{'Version': <%s>, 'Series': <%s>, 'Filename': <%s>, "
				    "'Sha256': <%s>, 'Mrseam': <%s>, 'Svn': <%s>, 'Date': <%s>, "
				    "'Warnings': <%^as>}",
				    release->version,
				    release->series,
				    filename,
				    release->cabinet_sha256,
				    release->mrseam,
				    svn,
				    release->date,
				    warnings);
}

/* in UTF-8, whatever the locale */
static void
tool_print_variant(GVariant *value)
{
	g_autoptr(GVariant) owned = g_variant_ref_sink(value);
	g_autoptr(JsonNode) root = json_gvariant_serialize(owned);
	g_autofree gchar *text = json_to_string(root, TRUE);
	puts(text);
}

static void
tool_print_json(const CabinetCatalog *catalog, const gchar *warning, gboolean changed)
{
	GVariantBuilder releases = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
	GVariantBuilder skipped = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{ss}"));
	GVariantBuilder result = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

	for (guint i = 0; i < catalog->releases->len; i++)
		g_variant_builder_add_value(
		    &releases,
		    tool_release_to_variant(g_ptr_array_index(catalog->releases, i)));
	for (guint i = 0; i < catalog->skipped->len; i++) {
		const CabinetCatalogSkipped *entry = g_ptr_array_index(catalog->skipped, i);
		g_variant_builder_add_parsed(&skipped,
					     "{'Version': %s, 'Reason': %s}",
					     entry->version,
					     entry->reason);
	}
	g_variant_builder_add(&result, "{sv}", "Releases", g_variant_builder_end(&releases));
	g_variant_builder_add(&result, "{sv}", "Skipped", g_variant_builder_end(&skipped));
	if (warning != NULL) {
		gchar *valid = g_utf8_make_valid(warning, -1);
		g_variant_builder_add(&result, "{sv}", "Warning", g_variant_new_take_string(valid));
	}
	g_variant_builder_add(&result, "{sv}", "Changed", g_variant_new_boolean(changed));
	tool_print_variant(g_variant_builder_end(&result));
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
tool_print_text(const CabinetCatalog *catalog, const gchar *warning, gboolean changed)
{
	if (warning != NULL)
		tool_print_line(stderr, "warning: ", warning);
	for (guint i = 0; i < catalog->releases->len; i++) {
		const CabinetRelease *release = g_ptr_array_index(catalog->releases, i);
		g_autofree gchar *svn = cabinet_release_get_svn_str(release);
		g_autofree gchar *line = g_strdup_printf("%s: TDX module %s of %s, SVN %s",
							 release->cabinet_fn,
							 release->version,
							 release->date,
							 svn);
		for (guint j = 0; j < release->warnings->len; j++)
			tool_print_line(stderr,
					"warning: ",
					g_ptr_array_index(release->warnings, j));
		tool_print_line(stdout, "", line);
	}
	tool_print_skipped(catalog);
	if (!changed)
		g_print("nothing has changed\n");
}

/* as fwupdmgr has it */
static void
tool_print_error(const CabinetOptions *options, const GError *error)
{
	g_autofree gchar *valid = g_utf8_make_valid(error->message, -1);

	tool_hide_progress(options);
	if (options->json)
		tool_print_variant(g_variant_new_parsed("{'Error': {'Message': %s}}", valid));
	else
		tool_print_line(stderr, "", valid);
}

/*
 * what is published
 */

static gboolean
tool_build_one(const CabinetOptions *options,
	       CabinetOutput *output,
	       CabinetRelease *release,
	       const CabinetSigner *signer,
	       GError **error)
{
	g_autofree gchar *folder = g_canonicalize_filename(options->output, NULL);
	g_autofree gchar *name = g_strdup_printf("tdx-module-%s.cab", release->version);
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(FuFirmware) cab = cabinet_archive_new(release, options, error);

	if (cab == NULL)
		return FALSE;
	blob = cabinet_archive_write(cab, release, options, signer, error);
	if (blob == NULL)
		return FALSE;
	release->cabinet_sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, blob);
	release->cabinet_fn = g_build_filename(folder, name, NULL);
	return cabinet_output_write(output, name, blob, error);
}

static gboolean
tool_build(const CabinetOptions *options,
	   const CabinetCatalog *catalog,
	   const CabinetSigner *signer,
	   GError **error)
{
	g_autoptr(CabinetOutput) output = cabinet_output_new(options->output, error);

	if (output == NULL)
		return FALSE;
	for (guint i = 0; i < catalog->releases->len; i++) {
		CabinetRelease *release = g_ptr_array_index(catalog->releases, i);
		tool_show_progress(options, i, catalog->releases->len, release->source);
		if (!tool_build_one(options, output, release, signer, error))
			return FALSE;
	}
	return cabinet_output_publish_files(output, error);
}

static gboolean
tool_mirror(const CabinetOptions *options,
	    const gchar *path,
	    const CabinetCatalog *catalog,
	    const CabinetSigner *signer,
	    gboolean *changed,
	    GError **error)
{
	g_autoptr(CabinetMirror) mirror = cabinet_mirror_new(path, options, signer, error);

	if (mirror == NULL)
		return FALSE;
	for (guint i = 0; i < catalog->releases->len; i++) {
		CabinetRelease *release = g_ptr_array_index(catalog->releases, i);
		tool_show_progress(options, i, catalog->releases->len, release->source);
		if (!cabinet_mirror_add(mirror, release, error))
			return FALSE;
	}
	return cabinet_mirror_publish(mirror, changed, error);
}

/* cabinets; if there is a @mirror, as a remote */
static gboolean
tool_publish(const CabinetOptions *options, const gchar *mirror, gchar **sources, GError **error)
{
	gboolean changed = TRUE;
	gboolean done;
	const gchar *warning;
	g_autoptr(CabinetCatalog) catalog = NULL;
	g_autoptr(CabinetSigner) signer = NULL;

	if (mirror != NULL && options->key_fn == NULL)
		return cabinet_fail(error,
				    "a mirror has to be signed, so give --certificate and --key");
	if (options->key_fn != NULL) {
		signer = cabinet_signer_new(options->certificate_fn, options->key_fn, error);
		if (signer == NULL)
			return FALSE;
	}
	catalog = cabinet_catalog_load(sources, options, error);
	if (catalog == NULL)
		return FALSE;
	if (mirror != NULL)
		done = tool_mirror(options, mirror, catalog, signer, &changed, error);
	else
		done = tool_build(options, catalog, signer, error);
	if (!done)
		return FALSE;
	tool_hide_progress(options);
	warning = signer != NULL ? signer->warning : NULL;
	(options->json ? tool_print_json : tool_print_text)(catalog, warning, changed);
	return TRUE;
}

/*
 * the command line
 */

static gboolean
tool_run(CabinetOptions *options, gchar **args, guint n_args, GError **error)
{
	if (options->version) {
		g_print("tdx-module-cabinet %s\n", TOOL_VERSION);
		return TRUE;
	}
	if (!cabinet_options_check(options, error))
		return FALSE;
	if (n_args >= 3 && g_strcmp0(args[1], "build") == 0)
		return tool_publish(options, NULL, args + 2, error);
	if (n_args >= 4 && g_strcmp0(args[1], "mirror") == 0)
		return tool_publish(options, args[2], args + 3, error);
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
	if (!cabinet_options_parse(&options, &argc, &argv, &error) ||
	    !tool_run(&options, argv, argc, &error)) {
		tool_print_error(&options, error);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
