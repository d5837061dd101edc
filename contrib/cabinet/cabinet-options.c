/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-file.h"
#include "cabinet-options.h"

#define OPTION(name, kind, field, value, text)                                                     \
	{                                                                                          \
		name, 0, 0, G_OPTION_ARG_##kind, &self->field, text, value                         \
	}
#define OPTION_FILE(name, field, text)	  OPTION(name, FILENAME, field, "FILE", text)
#define OPTION_FILES(name, field, text)	  OPTION(name, FILENAME_ARRAY, field, "FILE", text)
#define OPTION_FLAG(name, field, text)	  OPTION(name, NONE, field, NULL, text)
#define OPTION_VERSION(name, field, text) OPTION(name, STRING, field, "VERSION", text)

/* what is published */
static void
cabinet_options_add_release(CabinetOptions *self, GOptionContext *context)
{
	const GOptionEntry entries[] = {
	    OPTION_FILE("map", map_fn, "Compatibility map (mapping_file.json of the checkout)"),
	    OPTION_FLAG("strict", strict, "Only for running versions in strict_compat_versions"),
	    OPTION_VERSION("header-version",
			   header_version,
			   "Give the images this header, 0x200 or 0x100 (as delivered)"),
	    OPTION_VERSION("release-version",
			   release_version,
			   "Version of a single image, if its name does not tell"),
	    OPTION("urgency", STRING, urgency, "URGENCY", "low, medium, high or critical (medium)"),
	    OPTION("description", FILENAME, description, "TEXT", "What is new in a single image"),
	    OPTION("issue",
		   STRING_ARRAY,
		   issues,
		   "CVE",
		   "Security issue that a single image fixes; can be repeated"),
	    OPTION_FILE("notes", notes_fn, "The same for each of several images"),
	    OPTION_FILES("tcb-info",
			 tcb_infos,
			 "Intel's TCB info, which says what a release fixes; can be repeated"),
	    OPTION_FILES("tcb-chain",
			 tcb_chains,
			 "Certificates that came with it, PEM; one for all, or one for each"),
	    OPTION_FLAG("tcb-expired", tcb_expired, "Take a TCB info that has expired"),
	    OPTION_VERSION("fwupd-version", fwupd_version, "Oldest fwupd for it (2.0.20)"),
	    {NULL},
	};
	g_option_context_add_main_entries(context, entries, NULL);
}

/* for whom, and where to */
static void
cabinet_options_add_output(CabinetOptions *self, GOptionContext *context)
{
	const GOptionEntry entries[] = {
	    OPTION_FILES("quirks",
			 quirks,
			 "Quirk file with the keys that hosts trust, instead of the installed "
			 "ones; can be repeated"),
	    OPTION_FILE("certificate", certificate_fn, "Certificate to sign with, PEM"),
	    OPTION_FILE("key", key_fn, "Its private key, PEM"),
	    OPTION("output",
		   FILENAME,
		   output,
		   "DIR",
		   "build: folder for the cabinets (the current one)"),
	    OPTION("base-uri",
		   STRING,
		   base_uri,
		   "URI",
		   "mirror: where hosts see DIR/current, e.g. https://example.com/tdx/current"),
	    OPTION("keep",
		   INT,
		   keep_days,
		   "DAYS",
		   "mirror: days for which hosts that have not refreshed can still update (7)"),
	    OPTION("phased-update",
		   INT,
		   phased_update,
		   "N",
		   "mirror: offer releases to one of N hosts only, 2 to 1024"),
	    OPTION_FILE("remote-settings",
			remote_fn,
			"mirror: file with ReportURI, Username, Password or NoPhasedUpdates for "
			"tdx-module.conf"),
	    OPTION_FLAG("json", json, "Print the result as JSON"),
	    OPTION_FLAG("version", version, "Print the version of this program"),
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

/* what fwupd or this program would not take; LVFS refuses some descriptions when they are uploaded,
 * and keeps others from being promoted */
static const struct {
	const gchar *what;
	gboolean matches;
	const gchar *pattern;
	const gchar *expected;
} cabinet_options_rules[] = {
    {"version", TRUE, "^[0-9]+\\.[0-9]+\\.[0-9]+$", "one such as 1.5.16"},
    {"fwupd version", TRUE, "^[0-9]+\\.[0-9]+\\.[0-9]+$", "one such as 2.0.20"},
    {"header version", TRUE, "^0x[12]00$", "0x200 or 0x100"},
    {"base URI",
     TRUE,
     "^(https?|file)://[^\\s\\p{C}]+$",
     "one such as https://example.com/tdx/current"},
    {"key", TRUE, "^(Description|Issues|Urgency)$", "Description, Issues or Urgency"},
    {"urgency", TRUE, "^(low|medium|high|critical)$", "low, medium, high or critical"},
    {"issue",
     TRUE,
     "^(CVE-[0-9]{4}-[0-9]{4,}|INTEL-[ST]A-[0-9]{5})$",
     "one such as CVE-2025-12345 or INTEL-SA-01192"},
    {"description",
     FALSE,
     "[\\p{C}\\p{Zl}\\p{Zp}]",
     "one line without control characters or a newline"},
    {"description", FALSE, "^\\s|\\s$", "no spaces around it"},
    {"description", FALSE, "^.{0,11}$|^.{301}", "12 to 300 characters"},
    {"description", FALSE, "(?i)(https?|ftp)://", "no links"},
    {"description",
     FALSE,
     "(?i)CVE[-_]|CVE20[12]|(LEN|DSA|INTEL[-_][ST]A)[-_]",
     "issues given apart from it"},
    {"description", FALSE, "(?i)FIXME|REMOVE[-_]ME|\\.BLD|changes\\.new", "no notes of a draft"},
    {"description", FALSE, "^\\[.*\\]$|^\\(.*\\)$", "no brackets around it"},
    {"description", FALSE, "^[-*] |^\\p{N}{1,2}\\.", "no beginning like that of an item in a list"},
    {"description", FALSE, "^\\P{Ll}*$", "not only capitals"},
    {"description", FALSE, "</?(p|ul|ol|li)>", "no markup"},
    {"description", FALSE, "tdx_module_\\S+\\.blob", "no names of files"},
};

/* @where it stands, e.g. `--urgency` */
static gboolean
cabinet_options_check_text(const gchar *where,
			   const gchar *what,
			   const gchar *value,
			   GError **error)
{
	const gchar *expected = NULL;
	g_autofree gchar *escaped = value != NULL ? g_strescape(value, NULL) : NULL;

	if (value != NULL && !g_utf8_validate(value, -1, NULL))
		expected = "UTF-8";
	for (guint i = 0; value != NULL && i < G_N_ELEMENTS(cabinet_options_rules); i++) {
		if (expected == NULL && g_strcmp0(cabinet_options_rules[i].what, what) == 0 &&
		    g_regex_match_simple(cabinet_options_rules[i].pattern,
					 value,
					 G_REGEX_DOLLAR_ENDONLY,
					 0) != cabinet_options_rules[i].matches)
			expected = cabinet_options_rules[i].expected;
	}
	if (expected == NULL)
		return TRUE;
	return cabinet_fail(error,
			    "%s: the %s is '%s', expected %s%s",
			    where,
			    what,
			    escaped,
			    expected,
			    g_strcmp0(what, "description") == 0 ? ", as LVFS wants" : "");
}

static gboolean
cabinet_options_check_issues(const gchar *where, gchar **issues, GError **error)
{
	for (guint i = 0; issues != NULL && issues[i] != NULL; i++) {
		if (!cabinet_options_check_text(where, "issue", issues[i], error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
cabinet_options_check_notes_of(const CabinetOptions *self, const gchar *version, GError **error)
{
	g_auto(GStrv) issues = cabinet_options_get_issues(self, version);
	g_auto(GStrv) keys = g_key_file_get_keys(self->notes, version, NULL, NULL);
	g_autofree gchar *where = g_strdup_printf("--notes=%s: [%s]", self->notes_fn, version);

	for (guint i = 0; keys[i] != NULL; i++) {
		g_autofree gchar *what = g_ascii_strdown(keys[i], -1);
		g_autofree gchar *value = NULL;
		g_autoptr(GError) error_local = NULL;

		value = g_key_file_get_string(self->notes, version, keys[i], &error_local);
		if (error_local != NULL)
			return cabinet_fail(error, "%s: %s", where, error_local->message);
		if (!cabinet_options_check_text(where, "key", keys[i], error) ||
		    !cabinet_options_check_text(where, what, value, error))
			return FALSE;
	}
	return cabinet_options_check_issues(where, issues, error);
}

static gboolean
cabinet_options_load_notes(CabinetOptions *self, GError **error)
{
	g_auto(GStrv) versions = NULL;

	self->notes = self->notes_fn != NULL ? cabinet_file_read_keys(self->notes_fn, error)
					     : g_key_file_new();
	if (self->notes == NULL) {
		g_prefix_error(error, "--notes=%s: ", self->notes_fn);
		return FALSE;
	}
	versions = g_key_file_get_groups(self->notes, NULL);
	for (guint i = 0; versions[i] != NULL; i++) {
		if (!cabinet_options_check_notes_of(self, versions[i], error))
			return FALSE;
	}
	return TRUE;
}

/* what is new in a release, if somebody has said so */
gchar *
cabinet_options_get_description(const CabinetOptions *self, const gchar *version)
{
	gchar *note = g_key_file_get_string(self->notes, version, "Description", NULL);
	return note != NULL ? note : g_strdup(self->description);
}

/* what a release fixes, if somebody has said so */
gchar **
cabinet_options_get_issues(const CabinetOptions *self, const gchar *version)
{
	gchar **note = g_key_file_get_string_list(self->notes, version, "Issues", NULL, NULL);
	return note != NULL ? note : g_strdupv(self->issues);
}

/* NULL if nobody has said how urgent a release is */
gchar *
cabinet_options_get_urgency(const CabinetOptions *self, const gchar *version)
{
	gchar *note = g_key_file_get_string(self->notes, version, "Urgency", NULL);
	return note != NULL ? note : g_strdup(self->urgency);
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
	return cabinet_fail(error,
			    "%s is for a single image, and there are %u; use --notes to say "
			    "something of each",
			    option,
			    n_images);
}

static gboolean
cabinet_options_check_numbers(const CabinetOptions *self, GError **error)
{
	guint n_infos = self->tcb_infos != NULL ? g_strv_length(self->tcb_infos) : 0;
	guint n_chains = self->tcb_chains != NULL ? g_strv_length(self->tcb_chains) : 0;

	if ((self->certificate_fn == NULL) != (self->key_fn == NULL))
		return cabinet_fail(error, "to sign takes both --certificate and --key");
	if (n_chains != n_infos && (n_chains != 1 || n_infos == 0))
		return cabinet_fail(error,
				    "--tcb-chain is given %u times, expected once, or as often as "
				    "the %u of --tcb-info",
				    n_chains,
				    n_infos);
	if (self->keep_days < 0 || self->keep_days > 3650)
		return cabinet_fail(error,
				    "--keep is %d, expected 0 to 3650 days",
				    self->keep_days);
	if (self->phased_update != 0 && (self->phased_update < 2 || self->phased_update > 1024))
		return cabinet_fail(error,
				    "--phased-update is %d, expected 2 to 1024",
				    self->phased_update);
	return TRUE;
}

/* what LVFS, fwupd or this program would not take */
gboolean
cabinet_options_check(CabinetOptions *self, GError **error)
{
	const struct {
		const gchar *option;
		const gchar *what;
		const gchar *value;
	} typed[] = {
	    {"--fwupd-version", "fwupd version", self->fwupd_version},
	    {"--release-version", "version", self->release_version},
	    {"--header-version", "header version", self->header_version},
	    {"--base-uri", "base URI", self->base_uri},
	    {"--description", "description", self->description},
	    {"--urgency", "urgency", self->urgency},
	};

	if (!cabinet_options_check_numbers(self, error))
		return FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(typed); i++) {
		if (!cabinet_options_check_text(typed[i].option,
						typed[i].what,
						typed[i].value,
						error))
			return FALSE;
	}
	if (!cabinet_options_check_issues("--issue", self->issues, error) ||
	    !cabinet_options_load_notes(self, error))
		return FALSE;
	if (self->fwupd_version == NULL)
		self->fwupd_version = g_strdup("2.0.20");
	if (self->output == NULL)
		self->output = g_strdup(".");
	while (self->base_uri != NULL && g_str_has_suffix(self->base_uri, "/"))
		self->base_uri[strlen(self->base_uri) - 1] = '\0';
	if (self->header_version != NULL)
		self->blob_version = g_ascii_strtoull(self->header_version, NULL, 0);
	return TRUE;
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
