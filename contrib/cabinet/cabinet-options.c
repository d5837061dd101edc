/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-options.h"

#define CABINET_OPTIONS_DESCRIPTION "Description"
#define CABINET_OPTIONS_ISSUES	    "Issues"
#define CABINET_OPTIONS_URGENCY	    "Urgency"

#define VERSION "^[0-9]+\\.[0-9]+\\.[0-9]+$"

#define OPTION(name, kind, field, text, value)                                                     \
	{name, 0, 0, G_OPTION_ARG_##kind, &self->field, text, value}

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
		   "Give the images this header, 0x200 or 0x100 (as delivered)",
		   "VERSION"),
	    OPTION("release-version",
		   STRING,
		   release_version,
		   "Version of a single image, if its name does not tell",
		   "VERSION"),
	    OPTION("urgency", STRING, urgency, "low, medium, high or critical (medium)", "URGENCY"),
	    OPTION("description", FILENAME, description, "What is new in a single image", "TEXT"),
	    OPTION("issue",
		   STRING_ARRAY,
		   issues,
		   "Security issue that a single image fixes; can be repeated",
		   "CVE"),
	    OPTION("notes", FILENAME, notes_fn, "The same for each of several images", "FILE"),
	    OPTION("tcb-info",
		   FILENAME_ARRAY,
		   tcb_infos,
		   "Intel's TCB info, which says what a release fixes; can be repeated",
		   "FILE"),
	    OPTION("tcb-chain",
		   FILENAME_ARRAY,
		   tcb_chains,
		   "Certificates that came with it, PEM; one for all, or one for each",
		   "FILE"),
	    OPTION("tcb-expired", NONE, tcb_expired, "Take a TCB info that has expired", NULL),
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
	g_autofree gchar *escaped = NULL;

	if (value == NULL || g_regex_match_simple(pattern, value, G_REGEX_DOLLAR_ENDONLY, 0))
		return TRUE;
	escaped = g_strescape(value, NULL);
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_DATA,
		    "the %s is '%s', expected %s",
		    what,
		    escaped,
		    expected);
	return FALSE;
}

/* what LVFS refuses when it is uploaded, or keeps from being promoted */
static gboolean
cabinet_options_check_description(const gchar *value, GError **error)
{
	const struct {
		const gchar *pattern;
		const gchar *rule;
	} refused[] = {
	    {"[\\p{C}\\p{Zl}\\p{Zp}]", "one line without control characters or a newline"},
	    {"^\\s|\\s$", "no spaces around it"},
	    {"^.{0,11}$|^.{301}", "12 to 300 characters"},
	    {"(?i)(https?|ftp)://", "no links"},
	    {"(?i)CVE[-_]|CVE20[12]|(LEN|DSA|INTEL[-_][ST]A)[-_]", "issues given apart from it"},
	    {"(?i)FIXME|REMOVE[-_]ME|\\.BLD|changes\\.new", "no notes of a draft"},
	    {"^\\[.*\\]$|^\\(.*\\)$", "no brackets around it"},
	    {"^[-*] |^\\p{N}{1,2}\\.", "no beginning like that of an item in a list"},
	    {"^\\P{Ll}*$", "not only capitals"},
	    {"</?(p|ul|ol|li)>", "no markup"},
	    {"tdx_module_\\S+\\.blob", "no names of files"},
	};

	if (value == NULL)
		return TRUE;
	if (!g_utf8_validate(value, -1, NULL))
		return cabinet_options_check_text("description", value, "(?!)", "UTF-8", error);
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autofree gchar *expected = g_strconcat(refused[i].rule, ", as LVFS wants", NULL);
		if (g_regex_match_simple(refused[i].pattern, value, G_REGEX_DOLLAR_ENDONLY, 0))
			return cabinet_options_check_text("description",
							  value,
							  "(?!)",
							  expected,
							  error);
	}
	return TRUE;
}

static gboolean
cabinet_options_check_issues(gchar **issues, GError **error)
{
	for (guint i = 0; issues != NULL && issues[i] != NULL; i++) {
		if (!cabinet_options_check_text("issue",
						issues[i],
						"^(CVE-[0-9]{4}-[0-9]{4,}|INTEL-[ST]A-[0-9]{5})$",
						"one such as CVE-2025-12345 or INTEL-SA-01192",
						error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
cabinet_options_check_urgency(const gchar *urgency, GError **error)
{
	return cabinet_options_check_text("urgency",
					  urgency,
					  "^(low|medium|high|critical)$",
					  "low, medium, high or critical",
					  error);
}

static gboolean
cabinet_options_check_note(CabinetOptions *self, const gchar *version, GError **error)
{
	g_auto(GStrv) issues = cabinet_options_get_issues(self, version);
	g_auto(GStrv) keys = g_key_file_get_keys(self->notes, version, NULL, NULL);
	g_autofree gchar *description = cabinet_options_get_description(self, version);
	g_autofree gchar *urgency =
	    g_key_file_get_string(self->notes, version, CABINET_OPTIONS_URGENCY, NULL);

	for (guint i = 0; keys[i] != NULL; i++) {
		if (!cabinet_options_check_text("key",
						keys[i],
						"^(Description|Issues|Urgency)$",
						"Description, Issues or Urgency",
						error))
			return FALSE;
	}
	return cabinet_options_check_description(description, error) &&
	       cabinet_options_check_issues(issues, error) &&
	       cabinet_options_check_urgency(urgency, error);
}

static gboolean
cabinet_options_load_notes(CabinetOptions *self, GError **error)
{
	g_auto(GStrv) versions = NULL;

	self->notes = g_key_file_new();
	if (self->notes_fn == NULL)
		return TRUE;
	if (!g_key_file_load_from_file(self->notes, self->notes_fn, G_KEY_FILE_NONE, error)) {
		g_prefix_error(error, "--notes=%s: ", self->notes_fn);
		return FALSE;
	}
	versions = g_key_file_get_groups(self->notes, NULL);
	for (guint i = 0; versions[i] != NULL; i++) {
		if (!cabinet_options_check_note(self, versions[i], error)) {
			g_prefix_error(error, "--notes=%s: [%s]: ", self->notes_fn, versions[i]);
			return FALSE;
		}
	}
	return TRUE;
}

/* what is new in a release, if somebody has said so */
gchar *
cabinet_options_get_description(const CabinetOptions *self, const gchar *version)
{
	if (!g_key_file_has_key(self->notes, version, CABINET_OPTIONS_DESCRIPTION, NULL))
		return g_strdup(self->description);
	return g_key_file_get_string(self->notes, version, CABINET_OPTIONS_DESCRIPTION, NULL);
}

/* what a release fixes, if somebody has said so */
gchar **
cabinet_options_get_issues(const CabinetOptions *self, const gchar *version)
{
	if (!g_key_file_has_key(self->notes, version, CABINET_OPTIONS_ISSUES, NULL))
		return g_strdupv(self->issues);
	return g_key_file_get_string_list(self->notes, version, CABINET_OPTIONS_ISSUES, NULL, NULL);
}

/* NULL if nobody has said how urgent a release is */
gchar *
cabinet_options_get_urgency(const CabinetOptions *self, const gchar *version)
{
	if (!g_key_file_has_key(self->notes, version, CABINET_OPTIONS_URGENCY, NULL))
		return g_strdup(self->urgency);
	return g_key_file_get_string(self->notes, version, CABINET_OPTIONS_URGENCY, NULL);
}

/* what is said with options is said of one release */
gboolean
cabinet_options_check_images(const CabinetOptions *self, guint n_images, GError **error)
{
	const gchar *option = NULL;

	if (self->release_version != NULL)
		option = "--release-version";
	else if (self->description != NULL)
		option = "--description";
	else if (self->issues != NULL)
		option = "--issue";
	if (option == NULL || n_images == 1)
		return TRUE;
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_DATA,
		    "%s is for a single image, and there are %u; use --notes to say something of "
		    "each",
		    option,
		    n_images);
	return FALSE;
}

static gboolean
cabinet_options_check_key(const CabinetOptions *self, GError **error)
{
	if ((self->certificate_fn == NULL) == (self->key_fn == NULL))
		return TRUE;
	g_set_error_literal(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "to sign takes both --certificate and --key");
	return FALSE;
}

static gboolean
cabinet_options_check_tcb(const CabinetOptions *self, GError **error)
{
	guint n_infos = self->tcb_infos != NULL ? g_strv_length(self->tcb_infos) : 0;
	guint n_chains = self->tcb_chains != NULL ? g_strv_length(self->tcb_chains) : 0;

	if (n_chains == n_infos || (n_chains == 1 && n_infos > 0))
		return TRUE;
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_INVALID_DATA,
		    "--tcb-chain is given %u times, expected once, or as often as the %u of "
		    "--tcb-info",
		    n_chains,
		    n_infos);
	return FALSE;
}

static gboolean
cabinet_options_check_numbers(const CabinetOptions *self, GError **error)
{
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
	return TRUE;
}

static gboolean
cabinet_options_check_typed(const CabinetOptions *self, GError **error)
{
	const struct {
		const gchar *option;
		const gchar *what;
		const gchar *value;
		const gchar *pattern;
		const gchar *expected;
	} checks[] = {
	    {"--fwupd-version",
	     "fwupd version",
	     self->fwupd_version,
	     VERSION,
	     "one such as 2.0.20"},
	    {"--release-version", "version", self->release_version, VERSION, "one such as 1.5.16"},
	    {"--header-version",
	     "header version",
	     self->header_version,
	     "^0x[12]00$",
	     "0x200 or 0x100"},
	    {"--base-uri",
	     "base URI",
	     self->base_uri,
	     "^(https?|file)://[^\\s\\p{C}]+$",
	     "one such as https://example.com/tdx/current"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(checks); i++) {
		if (!cabinet_options_check_text(checks[i].what,
						checks[i].value,
						checks[i].pattern,
						checks[i].expected,
						error)) {
			g_prefix_error(error, "%s: ", checks[i].option);
			return FALSE;
		}
	}
	if (!cabinet_options_check_description(self->description, error)) {
		g_prefix_error_literal(error, "--description: ");
		return FALSE;
	}
	if (!cabinet_options_check_issues(self->issues, error)) {
		g_prefix_error_literal(error, "--issue: ");
		return FALSE;
	}
	if (!cabinet_options_check_urgency(self->urgency, error)) {
		g_prefix_error_literal(error, "--urgency: ");
		return FALSE;
	}
	return TRUE;
}

/* what LVFS, fwupd or this program would not take */
gboolean
cabinet_options_check(CabinetOptions *self, GError **error)
{
	cabinet_options_set_default(&self->fwupd_version, "2.0.20");
	cabinet_options_set_default(&self->output, ".");
	while (self->base_uri != NULL && g_str_has_suffix(self->base_uri, "/"))
		self->base_uri[strlen(self->base_uri) - 1] = '\0';
	if (self->header_version != NULL)
		self->blob_version = g_ascii_strtoull(self->header_version, NULL, 0);
	return cabinet_options_check_key(self, error) && cabinet_options_check_tcb(self, error) &&
	       cabinet_options_check_numbers(self, error) &&
	       cabinet_options_check_typed(self, error) && cabinet_options_load_notes(self, error);
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
	g_strfreev(self->tcb_infos);
	g_strfreev(self->tcb_chains);
	g_free(self->notes_fn);
	g_clear_pointer(&self->notes, g_key_file_unref);
	g_strfreev(self->quirks);
	g_free(self->certificate_fn);
	g_free(self->key_fn);
	g_free(self->output);
	g_free(self->base_uri);
	g_free(self->remote_fn);
}
