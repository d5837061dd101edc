/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-options.h"

#define OPTION(name, kind, field, text, value)                                                     \
	{                                                                                          \
		name, 0, 0, G_OPTION_ARG_##kind, &self->field, text, value                         \
	}

/* what is published */
static void
cabinet_options_add_release(CabinetOptions *self, GOptionContext *context)
{
	const GOptionEntry entries[] = {
	    OPTION("map",
		   FILENAME,
		   map_fn,
		   "Compatibility map (mapping_file.json of the checkout)",
		   "FILE"),
	    OPTION("strict",
		   NONE,
		   strict,
		   "Only for the running versions in strict_compat_versions",
		   NULL),
	    OPTION("header-version",
		   STRING,
		   header_version,
		   "Header of the images, 0x200 or 0x100 (0x200)",
		   "VERSION"),
	    OPTION("release-version",
		   STRING,
		   release_version,
		   "Version of a single image, if its name does not tell",
		   "VERSION"),
	    OPTION("urgency", STRING, urgency, "low, medium, high or critical (medium)", "URGENCY"),
	    OPTION("description", STRING, description, "What is new", "TEXT"),
	    OPTION("issue", STRING_ARRAY, issues, "Fixed security issue; can be repeated", "CVE"),
	    OPTION("fwupd-version",
		   STRING,
		   fwupd_version,
		   "Oldest fwupd that may install it (2.0.20)",
		   "VERSION"),
	    {NULL},
	};
	g_option_context_add_main_entries(context, entries, NULL);
}

/* for whom, and where to */
static void
cabinet_options_add_output(CabinetOptions *self, GOptionContext *context)
{
	const GOptionEntry entries[] = {
	    OPTION("quirks",
		   FILENAME_ARRAY,
		   quirks,
		   "Quirk file with the keys that hosts trust, instead of the installed ones; can "
		   "be repeated",
		   "FILE"),
	    OPTION("certificate",
		   FILENAME,
		   certificate_fn,
		   "Certificate to sign with, PEM",
		   "FILE"),
	    OPTION("key", FILENAME, key_fn, "Its private key, PEM", "FILE"),
	    OPTION("output",
		   FILENAME,
		   output,
		   "build: folder for the cabinets (the current one)",
		   "DIR"),
	    OPTION("base-uri",
		   STRING,
		   base_uri,
		   "mirror: where hosts see DIR/current, e.g. https://example.com/tdx/current",
		   "URI"),
	    OPTION("keep",
		   INT,
		   keep_days,
		   "mirror: days for which hosts that have not refreshed can still update (7)",
		   "DAYS"),
	    OPTION("phased-update",
		   INT,
		   phased_update,
		   "mirror: offer releases to one of N hosts only, 2 to 1024",
		   "N"),
	    OPTION("remote-settings",
		   FILENAME,
		   remote_fn,
		   "mirror: file with ReportURI, Username, Password or NoPhasedUpdates for "
		   "tdx-module.conf",
		   "FILE"),
	    OPTION("json", NONE, json, "Print the result as JSON", NULL),
	    OPTION("version", NONE, version, "Print the version of this program", NULL),
	    {NULL},
	};
	g_option_context_add_main_entries(context, entries, NULL);
}

gboolean
cabinet_options_parse(CabinetOptions *self, gint *argc, gchar ***argv, GError **error)
{
	g_autoptr(GOptionContext) context =
	    g_option_context_new("build SOURCE... | mirror DIR SOURCE...");

	g_option_context_set_summary(
	    context,
	    "Makes cabinets for LVFS, or a signed mirror, of TDX module "
	    "images.\nSOURCE is an image, or a checkout of Intel's repository.");
	cabinet_options_add_release(self, context);
	cabinet_options_add_output(self, context);
	return g_option_context_parse(context, argc, argv, error);
}

static void
cabinet_options_set_default(gchar **option, const gchar *value)
{
	if (*option == NULL)
		*option = g_strdup(value);
}

static gboolean
cabinet_options_check_text(const gchar *what,
			   const gchar *value,
			   const gchar *pattern,
			   const gchar *expected,
			   GError **error)
{
	if (value == NULL || g_regex_match_simple(pattern, value, 0, 0))
		return TRUE;
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_DATA,
		    "the %s is '%s', expected %s",
		    what,
		    value,
		    expected);
	return FALSE;
}

static gboolean
cabinet_options_ensure_blob_version(CabinetOptions *self, GError **error)
{
	guint64 value = 0;

	if (fu_strtoull(self->header_version, &value, 0, G_MAXUINT16, FU_INTEGER_BASE_AUTO, NULL) &&
	    (value == FU_TDX_BLOB_VERSION_V1 || value == FU_TDX_BLOB_VERSION_V2)) {
		self->blob_version = value;
		return TRUE;
	}
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_DATA,
		    "the header version is '%s', expected 0x200 or 0x100",
		    self->header_version);
	return FALSE;
}

/* what LVFS, fwupd or this program would not take */
gboolean
cabinet_options_check(CabinetOptions *self, GError **error)
{
	cabinet_options_set_default(&self->header_version, "0x200");
	cabinet_options_set_default(&self->urgency, "medium");
	cabinet_options_set_default(&self->fwupd_version, "2.0.20");
	cabinet_options_set_default(&self->output, ".");
	while (self->base_uri != NULL && g_str_has_suffix(self->base_uri, "/"))
		self->base_uri[strlen(self->base_uri) - 1] = '\0';
	for (guint i = 0; self->issues != NULL && self->issues[i] != NULL; i++) {
		if (!cabinet_options_check_text("issue",
						self->issues[i],
						"^CVE-[0-9]{4}-[0-9]{4,}$",
						"one such as CVE-2025-12345",
						error))
			return FALSE;
	}
	if (self->keep_days < 0 || self->keep_days > 3650) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "--keep is %d, expected 0 to 3650 days",
			    self->keep_days);
		return FALSE;
	}
	if (self->phased_update != 0 && (self->phased_update < 2 || self->phased_update > 1024)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "--phased-update is %d, expected 2 to 1024",
			    self->phased_update);
		return FALSE;
	}
	if ((self->certificate_fn == NULL) != (self->key_fn == NULL)) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "to sign takes both --certificate and --key");
		return FALSE;
	}
	return cabinet_options_check_text("urgency",
					  self->urgency,
					  "^(low|medium|high|critical)$",
					  "low, medium, high or critical",
					  error) &&
	       cabinet_options_check_text("fwupd version",
					  self->fwupd_version,
					  "^[0-9]+\\.[0-9]+\\.[0-9]+$",
					  "one such as 2.0.20",
					  error) &&
	       cabinet_options_check_text("base URI",
					  self->base_uri,
					  "^(https?|file)://[^\\s]+$",
					  "one such as https://example.com/tdx/current",
					  error) &&
	       cabinet_options_ensure_blob_version(self, error);
}

void
cabinet_options_clear(CabinetOptions *self)
{
	g_free(self->map_fn);
	g_free(self->release_version);
	g_free(self->header_version);
	g_free(self->urgency);
	g_free(self->fwupd_version);
	g_free(self->description);
	g_strfreev(self->issues);
	g_strfreev(self->quirks);
	g_free(self->certificate_fn);
	g_free(self->key_fn);
	g_free(self->output);
	g_free(self->base_uri);
	g_free(self->remote_fn);
}
