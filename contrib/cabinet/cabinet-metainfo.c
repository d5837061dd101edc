/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-file.h"
#include "cabinet-metainfo.h"
#include "cabinet-requires.h"

/* of metainfo.xml.in; a line of it is left out if one of the values in it is not known */
#define CABINET_METAINFO_RESOURCE    "/tdx-module-cabinet/metainfo.xml.in"
#define CABINET_METAINFO_PLACEHOLDER "@([A-Z0-9]+)@"

/* fwupd 2.1.7 and later take no more */
#define CABINET_METAINFO_REGEX_MAX 1024 /* characters */

/* nor does LVFS, in a paragraph and in all */
#define CABINET_METAINFO_PARAGRAPH_MAX 300  /* characters */
#define CABINET_METAINFO_TEXT_MAX      1000 /* characters */

/* as in the sigstructs of the releases so far */
static const struct {
	guint32 signature;
	const gchar *name;
} cabinet_metainfo_cpus[] = {
    {0x806F0, "Sapphire Rapids"},
    {0xC06F0, "Emerald Rapids"},
    {0xA06F0, "Sierra Forest"},
    {0xA06D0, "Granite Rapids"},
    {0xA06E0, "Granite Rapids D"},
};

static gchar *
cabinet_metainfo_signature_to_name(guint32 signature)
{
	for (guint i = 0; i < G_N_ELEMENTS(cabinet_metainfo_cpus); i++) {
		if (cabinet_metainfo_cpus[i].signature == signature)
			return g_strdup(cabinet_metainfo_cpus[i].name);
	}
	return g_strdup_printf("CPUID 0x%X", signature);
}

/* of the file in the cabinet that is for one of the devices */
gchar *
cabinet_metainfo_get_name(const CabinetRelease *release, const CabinetTarget *target)
{
	return g_strdup_printf("tdx-module-%s-%X%s.metainfo.xml",
			       release->version,
			       target->signature,
			       target->boot ? "-boot" : "");
}

gchar *
cabinet_metainfo_get_payload_name(const CabinetRelease *release)
{
	return g_strdup_printf("tdx_module_%s.blob", release->version);
}

/*
 * the values
 */

/* as XML; takes @value */
static void
cabinet_metainfo_set(GHashTable *values, const gchar *name, gchar *value)
{
	g_hash_table_insert(values,
			    (gpointer)name,
			    value != NULL ? g_markup_escape_text(value, -1) : NULL);
	g_free(value);
}

/* takes @regex */
static gboolean
cabinet_metainfo_set_regex(GHashTable *values,
			   const gchar *name,
			   const gchar *key,
			   gchar *regex,
			   GError **error)
{
	gsize length = strlen(regex);

	cabinet_metainfo_set(values, name, regex);
	if (length <= CABINET_METAINFO_REGEX_MAX)
		return TRUE;
	return cabinet_fail(error,
			    "%s makes a requirement of %zu characters, expected at most %i, as "
			    "fwupd takes no more; correct the map",
			    key,
			    length,
			    CABINET_METAINFO_REGEX_MAX);
}

/* fwupd explains why a host cannot take a release only if it has all the GUIDs that it is for, so
 * there is a component for each CPU; LVFS merges what has the same ID, and with that the
 * requirements */
static void
cabinet_metainfo_set_target(GHashTable *values,
			    const CabinetRelease *release,
			    const CabinetTarget *target)
{
	g_autofree gchar *instance_id = NULL;
	g_autofree gchar *version = g_strdelimit(g_strdup(release->version), ".", '_');

	if (target->boot)
		instance_id = g_strdup_printf("TDX\\BOOT&FMS_%X", target->signature);
	else
		instance_id =
		    g_strdup_printf("TDX\\SERIES_%s&FMS_%X", release->series, target->signature);
	cabinet_metainfo_set(values, target->boot ? "BOOT" : "RUNNING", g_strdup(""));
	cabinet_metainfo_set(values, "CPU", cabinet_metainfo_signature_to_name(target->signature));
	cabinet_metainfo_set(values, "GUID", fwupd_guid_hash_string(instance_id));
	cabinet_metainfo_set(values, "ID", g_strdup_printf("%s_%x", version, target->signature));
}

/* of a module that is to replace the running one; the one at boot has none but for fwupd */
static gboolean
cabinet_metainfo_set_requires(GHashTable *values,
			      const CabinetRelease *release,
			      const CabinetOptions *options,
			      GError **error)
{
	const CabinetMapRelease *map = release->map;

	/* a version that is not known passes "ge": contrib/upstream/fwupd/0006 */
	cabinet_metainfo_set(values, "MINIMUM", g_strdup(map->min_version));
	cabinet_metainfo_set(values, "NEEDS", cabinet_requires_to_text(map, options->strict));
	if (!cabinet_metainfo_set_regex(values,
					"SEAMLDRS",
					CABINET_MAP_KEY_SEAMLDRS,
					cabinet_requires_minimum_to_regex(map->seamldrs),
					error))
		return FALSE;
	return !options->strict ||
	       cabinet_metainfo_set_regex(values,
					  "STRICT",
					  CABINET_MAP_KEY_STRICT,
					  cabinet_requires_exact_to_regex(map->strict_from),
					  error);
}

/* what a release fixes; what mends a module that is out of date is critical */
static void
cabinet_metainfo_set_fixes(GHashTable *values,
			   const CabinetRelease *release,
			   const CabinetOptions *options)
{
	const TdxTcbInfo *tcb_info = release->tcb_info;
	gchar *urgency = cabinet_options_get_urgency(options, release->version);
	g_auto(GStrv) typed = cabinet_options_get_issues(options, release->version);
	g_autoptr(GPtrArray) fixed =
	    tcb_info != NULL ? tdx_tcb_info_get_fixed(tcb_info, release->svn) : g_ptr_array_new();
	g_autoptr(GString) xml = g_string_new("      <issues>");

	for (guint i = 0; typed != NULL && typed[i] != NULL; i++) {
		if (!g_ptr_array_find_with_equal_func(fixed, typed[i], g_str_equal, NULL))
			g_ptr_array_add(fixed, typed[i]);
	}
	for (guint i = 0; i < fixed->len; i++) {
		const gchar *issue = g_ptr_array_index(fixed, i);
		const gchar *type = g_str_has_prefix(issue, "CVE-") ? "cve" : "intel";
		g_autofree gchar *text =
		    g_markup_printf_escaped("\n        <issue type=\"%s\">%s</issue>", type, issue);
		g_string_append(xml, text);
	}
	g_string_append(xml, "\n      </issues>");
	if (fixed->len > 0)
		g_hash_table_insert(values, (gpointer) "ISSUES", g_strdup(xml->str));
	if (urgency == NULL)
		urgency = g_strdup(tcb_info != NULL &&
					   tdx_tcb_info_mends_out_of_date(tcb_info, release->svn)
				       ? "critical"
				       : "medium");
	cabinet_metainfo_set(values, "URGENCY", urgency);
}

/* e.g. `; by Intel's TCB info, set 20 of 2026-08-13: UpToDate` */
static gchar *
cabinet_metainfo_get_tcb_text(const CabinetRelease *release)
{
	if (release->tcb_info == NULL)
		return g_strdup("");
	return g_strdup_printf("; by Intel's TCB info, set %" G_GUINT64_FORMAT " of %s: %s",
			       release->tcb_info->set,
			       release->tcb_info->date,
			       tdx_tcb_info_find_level(release->tcb_info, release->svn)->status);
}

static void
cabinet_metainfo_set_release(GHashTable *values,
			     const CabinetRelease *release,
			     const CabinetOptions *options)
{
	cabinet_metainfo_set(values, "DATE", g_strdup(release->date));
	cabinet_metainfo_set(values,
			     "DESCRIPTION",
			     cabinet_options_get_description(options, release->version));
	cabinet_metainfo_set(values, "FWUPD", g_strdup(options->fwupd_version));
	cabinet_metainfo_set(values, "MODULESHA256", g_strdup(release->module_sha256));
	cabinet_metainfo_set(values, "MRSEAM", g_strdup(release->mrseam));
	cabinet_metainfo_set(values, "PAYLOAD", cabinet_metainfo_get_payload_name(release));
	cabinet_metainfo_set(values, "PAYLOADSHA256", g_strdup(release->payload_sha256));
	cabinet_metainfo_set(values, "PAYLOADSIZE", g_strdup_printf("%zu", release->payload_size));
	cabinet_metainfo_set(values, "SERIES", g_strdup(release->series));
	cabinet_metainfo_set(values, "SVN", cabinet_release_get_svn_str(release));
	cabinet_metainfo_set(values, "TCB", cabinet_metainfo_get_tcb_text(release));
	cabinet_metainfo_set(values, "VERSION", g_strdup(release->version));
}

static void
cabinet_metainfo_set_container(GHashTable *values,
			       const CabinetRelease *release,
			       const CabinetOptions *options,
			       const CabinetMetainfoContainer *container)
{
	g_autofree gchar *iso8601 = g_strdup_printf("%sT00:00:00Z", release->date);
	g_autoptr(GDateTime) dt = g_date_time_new_from_iso8601(iso8601, NULL);

	cabinet_metainfo_set(values, "REMOTE", g_strdup(""));
	cabinet_metainfo_set(values, "CONTAINER", g_strdup(container->filename));
	cabinet_metainfo_set(values, "SHA1", g_strdup(container->sha1));
	cabinet_metainfo_set(values, "SHA256", g_strdup(container->sha256));
	cabinet_metainfo_set(values, "SIZE", g_strdup_printf("%zu", container->size));
	cabinet_metainfo_set(values, "TIMESTAMP", g_date_time_format(dt, "%s"));
	if (options->phased_update > 0)
		cabinet_metainfo_set(values,
				     "PHASED",
				     g_strdup_printf("%d", options->phased_update));
}

/*
 * the text
 */

static gboolean
cabinet_metainfo_replace_cb(const GMatchInfo *match, GString *xml, gpointer user_data)
{
	g_autofree gchar *name = g_match_info_fetch(match, 1);
	g_string_append(xml, g_hash_table_lookup(user_data, name));
	return FALSE;
}

static gchar *
cabinet_metainfo_fill(GHashTable *values)
{
	g_autoptr(GBytes) blob = g_resources_lookup_data(CABINET_METAINFO_RESOURCE, 0, NULL);
	g_auto(GStrv) lines = fu_strsplit_bytes(blob, "\n", -1);
	g_autoptr(GRegex) regex = g_regex_new(CABINET_METAINFO_PLACEHOLDER, 0, 0, NULL);
	g_autoptr(GString) xml = g_string_new(NULL);

	for (guint i = 0; lines[i] != NULL; i++) {
		gboolean known = lines[i][0] != '\0';
		g_autofree gchar *line = NULL;
		g_autoptr(GMatchInfo) match = NULL;

		g_regex_match(regex, lines[i], 0, &match);
		for (; known && g_match_info_matches(match); g_match_info_next(match, NULL)) {
			g_autofree gchar *name = g_match_info_fetch(match, 1);
			known = g_hash_table_lookup(values, name) != NULL;
		}
		if (!known)
			continue;
		line = g_regex_replace_eval(regex,
					    lines[i],
					    -1,
					    0,
					    0,
					    cabinet_metainfo_replace_cb,
					    values,
					    NULL);
		g_string_append_printf(xml, "%s\n", line);
	}
	return g_string_free(g_steal_pointer(&xml), FALSE);
}

/* the server counts the paragraphs of a release with what is between them */
static void
cabinet_metainfo_check_text_cb(GMarkupParseContext *context,
			       const gchar *text,
			       gsize textsz,
			       gpointer user_data,
			       GError **error)
{
	const GSList *elements = g_markup_parse_context_get_element_stack(context);
	glong length = g_utf8_strlen(text, textsz);
	glong *total = user_data;

	if (g_strcmp0(elements->data, "p") != 0 ||
	    g_strcmp0(elements->next->next->data, "release") != 0)
		return;
	*total += (*total > 0 ? 2 : 0) + length;
	if (length > CABINET_METAINFO_PARAGRAPH_MAX)
		cabinet_fail(error,
			     "a paragraph has %li characters, expected at most %i, as LVFS wants; "
			     "leave --strict out, or correct the map: %.*s",
			     length,
			     CABINET_METAINFO_PARAGRAPH_MAX,
			     (gint)textsz,
			     text);
	else if (*total > CABINET_METAINFO_TEXT_MAX)
		cabinet_fail(error,
			     "with what the tool adds the description has %li "
			     "characters, expected at most %i, as LVFS wants; shorten "
			     "--description or Description in --notes",
			     *total,
			     CABINET_METAINFO_TEXT_MAX);
}

static gboolean
cabinet_metainfo_check(const gchar *xml, GError **error)
{
	glong total = 0;
	const GMarkupParser parser = {.text = cabinet_metainfo_check_text_cb};
	g_autoptr(GMarkupParseContext) context =
	    g_markup_parse_context_new(&parser, 0, &total, NULL);

	/* what no XML may have, not even escaped */
	if (!g_utf8_validate(xml, -1, NULL) ||
	    g_regex_match_simple("&#x|[^\\n\\x{20}-\\x{fffd}\\x{10000}-\\x{10ffff}]", xml, 0, 0))
		return cabinet_fail(error,
				    "a text has control characters or is not UTF-8, expected what "
				    "XML can hold");
	return g_markup_parse_context_parse(context, xml, -1, error) &&
	       g_markup_parse_context_end_parse(context, error);
}

/* what is in a cabinet beside the image, for one of the devices; with @container (nullable) what
 * the metadata of a remote has of it; fails if that would not be XML, or LVFS refuse it */
gchar *
cabinet_metainfo_build(const CabinetRelease *release,
		       const CabinetTarget *target,
		       const CabinetOptions *options,
		       const CabinetMetainfoContainer *container,
		       GError **error)
{
	g_autofree gchar *xml = NULL;
	g_autoptr(GHashTable) values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);

	cabinet_metainfo_set_target(values, release, target);
	if (!target->boot && !cabinet_metainfo_set_requires(values, release, options, error))
		return NULL;
	cabinet_metainfo_set_fixes(values, release, options);
	cabinet_metainfo_set_release(values, release, options);
	if (container != NULL)
		cabinet_metainfo_set_container(values, release, options, container);
	else
		cabinet_metainfo_set(values, "CABINET", g_strdup(""));
	xml = cabinet_metainfo_fill(values);
	if (!cabinet_metainfo_check(xml, error)) {
		g_prefix_error(error, "TDX module %s: ", release->version);
		return NULL;
	}
	return g_steal_pointer(&xml);
}
