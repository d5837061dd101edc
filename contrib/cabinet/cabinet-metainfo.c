/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-metainfo.h"
#include "cabinet-requires.h"

#define CABINET_METAINFO_INSTALL_DURATION "5" /* seconds */
#define CABINET_METAINFO_HOMEPAGE                                                                  \
	"https://github.com/intel/confidential-computing.tdx.tdx-module.binaries"

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

/**
 * cabinet_metainfo_get_name:
 * @release: what is published
 * @signature: one of its CPUs
 *
 * Gets what the metainfo for a CPU is called in the cabinet.
 *
 * Returns: (transfer full): a file name
 **/
gchar *
cabinet_metainfo_get_name(const CabinetRelease *release, guint32 signature)
{
	return g_strdup_printf("tdx-module-%s-%X.metainfo.xml", release->version, signature);
}

/**
 * cabinet_metainfo_get_payload_name:
 * @release: what is published
 *
 * Gets what the image is called in the cabinet.
 *
 * Returns: (transfer full): a file name
 **/
gchar *
cabinet_metainfo_get_payload_name(const CabinetRelease *release)
{
	return g_strdup_printf("tdx_module_%s.blob", release->version);
}

/**
 * cabinet_metainfo_check_options:
 * @options: what the publisher decides
 * @error: (nullable): optional return location for an error
 *
 * Checks what LVFS or fwupd would not take.
 *
 * Returns: %TRUE if all is valid
 **/
gboolean
cabinet_metainfo_check_options(const CabinetMetainfoOptions *options, GError **error)
{
	const gchar *const urgencies[] = {"low", "medium", "high", "critical", NULL};

	if (!g_strv_contains(urgencies, options->urgency)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "the urgency is '%s', expected low, medium, high or critical",
			    options->urgency);
		return FALSE;
	}
	if (!g_regex_match_simple("^[0-9]+\\.[0-9]+\\.[0-9]+$", options->fwupd_version, 0, 0)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "the fwupd version is '%s', expected one such as 2.0.20",
			    options->fwupd_version);
		return FALSE;
	}
	for (guint i = 0; options->issues != NULL && options->issues[i] != NULL; i++) {
		if (g_regex_match_simple("^CVE-[0-9]{4}-[0-9]{4,}$", options->issues[i], 0, 0))
			continue;
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "the issue is '%s', expected one such as CVE-2025-12345",
			    options->issues[i]);
		return FALSE;
	}
	return TRUE;
}

/* fwupd explains why a host cannot take a release only if it has all the GUIDs that it is for, so
 * there is a component for each CPU */
static void
cabinet_metainfo_add_provides(XbBuilderNode *component,
			      const CabinetRelease *release,
			      guint32 signature)
{
	g_autofree gchar *instance_id =
	    g_strdup_printf("TDX\\SERIES_%s&FMS_%X", release->series, signature);
	g_autofree gchar *guid = fwupd_guid_hash_string(instance_id);
	g_autoptr(XbBuilderNode) provides = xb_builder_node_insert(component, "provides", NULL);
	xb_builder_node_insert_text(provides, "firmware", guid, "type", "flashed", NULL);
}

static void
cabinet_metainfo_add_custom(XbBuilderNode *component)
{
	g_autoptr(XbBuilderNode) custom = xb_builder_node_insert(component, "custom", NULL);
	xb_builder_node_insert_text(custom, "value", "triplet", "key", "LVFS::VersionFormat", NULL);
	xb_builder_node_insert_text(custom,
				    "value",
				    "com.intel.tdx-module",
				    "key",
				    "LVFS::UpdateProtocol",
				    NULL);
}

static void
cabinet_metainfo_add_item(XbBuilderNode *list, const gchar *key, const gchar *value)
{
	g_autofree gchar *text = g_strdup_printf("%s: %s", key, value);
	xb_builder_node_insert_text(list, "li", text, NULL);
}

static void
cabinet_metainfo_add_release_description(XbBuilderNode *parent,
					 const CabinetRelease *release,
					 guint32 signature,
					 const CabinetMetainfoOptions *options)
{
	g_autofree gchar *cpu = cabinet_metainfo_signature_to_name(signature);
	g_autofree gchar *svn = cabinet_release_get_svn_str(release);
	g_autoptr(XbBuilderNode) description = xb_builder_node_insert(parent, "description", NULL);
	g_autoptr(XbBuilderNode) list = NULL;

	if (options->description != NULL)
		xb_builder_node_insert_text(description, "p", options->description, NULL);
	xb_builder_node_insert_text(
	    description,
	    "p",
	    "Guests keep running. No guest should be built or migrated during the update, and "
	    "whoever checks attestation has to know the new values first:",
	    NULL);
	list = xb_builder_node_insert(description, "ul", NULL);
	cabinet_metainfo_add_item(list, "Security version (SVN)", svn);
	cabinet_metainfo_add_item(list, "Signed on", release->date);
	cabinet_metainfo_add_item(list, "For the CPU", cpu);
	cabinet_metainfo_add_item(list, "MRSEAM", release->mrseam);
}

static void
cabinet_metainfo_add_issues(XbBuilderNode *parent, const CabinetMetainfoOptions *options)
{
	g_autoptr(XbBuilderNode) issues = NULL;

	if (options->issues == NULL || options->issues[0] == NULL)
		return;
	issues = xb_builder_node_insert(parent, "issues", NULL);
	for (guint i = 0; options->issues[i] != NULL; i++)
		xb_builder_node_insert_text(issues,
					    "issue",
					    options->issues[i],
					    "type",
					    "cve",
					    NULL);
}

static XbBuilderNode *
cabinet_metainfo_add_release(XbBuilderNode *component,
			     const CabinetRelease *release,
			     guint32 signature,
			     const CabinetMetainfoOptions *options)
{
	g_autofree gchar *filename = cabinet_metainfo_get_payload_name(release);
	g_autofree gchar *sha256 =
	    g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, release->payload);
	g_autofree gchar *size =
	    g_strdup_printf("%" G_GSIZE_FORMAT, g_bytes_get_size(release->payload));
	g_autoptr(XbBuilderNode) releases = xb_builder_node_insert(component, "releases", NULL);
	g_autoptr(XbBuilderNode) bn = xb_builder_node_insert(releases,
							     "release",
							     "version",
							     release->version,
							     "date",
							     release->date,
							     "urgency",
							     options->urgency,
							     "install_duration",
							     CABINET_METAINFO_INSTALL_DURATION,
							     NULL);
	xb_builder_node_insert_text(bn,
				    "checksum",
				    sha256,
				    "type",
				    "sha256",
				    "target",
				    "content",
				    "filename",
				    filename,
				    NULL);
	xb_builder_node_insert_text(bn, "size", size, "type", "installed", NULL);
	cabinet_metainfo_add_release_description(bn, release, signature, options);
	cabinet_metainfo_add_issues(bn, options);
	return g_steal_pointer(&bn);
}

static void
cabinet_metainfo_add_texts(XbBuilderNode *component,
			   const CabinetRelease *release,
			   guint32 signature)
{
	g_autofree gchar *cpu = cabinet_metainfo_signature_to_name(signature);
	g_autofree gchar *id = NULL;
	g_autofree gchar *suffix = g_strdup_printf("%s (%s)", release->series, cpu);
	g_autofree gchar *version = g_strdelimit(g_strdup(release->version), ".", '_');
	g_autoptr(XbBuilderNode) categories = NULL;
	g_autoptr(XbBuilderNode) description = NULL;

	/* LVFS merges what has the same ID, and with that the requirements */
	id = g_strdup_printf("com.intel.tdx_module.v%s_%x.firmware", version, signature);
	xb_builder_node_insert_text(component, "id", id, NULL);
	xb_builder_node_insert_text(component, "name", "TDX Module", NULL);
	xb_builder_node_insert_text(component, "name_variant_suffix", suffix, NULL);
	xb_builder_node_insert_text(component,
				    "summary",
				    "Isolates confidential guests from the host",
				    NULL);
	description = xb_builder_node_insert(component, "description", NULL);
	xb_builder_node_insert_text(
	    description,
	    "p",
	    "The TDX module is software by Intel that isolates confidential guests, so-called "
	    "trust domains (TDs), from the host. It is replaced while they are running; after a "
	    "reboot the one of the BIOS runs again.",
	    NULL);
	xb_builder_node_insert_text(component,
				    "url",
				    CABINET_METAINFO_HOMEPAGE,
				    "type",
				    "homepage",
				    NULL);
	xb_builder_node_insert_text(component, "metadata_license", "CC0-1.0", NULL);
	xb_builder_node_insert_text(component, "project_license", "LicenseRef-proprietary", NULL);
	xb_builder_node_insert_text(component, "developer_name", "Intel", NULL);
	categories = xb_builder_node_insert(component, "categories", NULL);
	xb_builder_node_insert_text(categories, "category", "X-Device", NULL);
}

static XbBuilderNode *
cabinet_metainfo_build_full(const CabinetRelease *release,
			    guint32 signature,
			    const CabinetMetainfoOptions *options,
			    XbBuilderNode **bn_release,
			    GError **error)
{
	g_autoptr(XbBuilderNode) component = xb_builder_node_new("component");
	g_autoptr(XbBuilderNode) requires = NULL;

	xb_builder_node_set_attr(component, "type", "firmware");
	cabinet_metainfo_add_texts(component, release, signature);
	cabinet_metainfo_add_provides(component, release, signature);
	requires = xb_builder_node_insert(component, "requires", NULL);
	if (!cabinet_requires_build(requires, release, options, error))
		return NULL;
	cabinet_metainfo_add_custom(component);
	*bn_release = cabinet_metainfo_add_release(component, release, signature, options);
	return g_steal_pointer(&component);
}

/**
 * cabinet_metainfo_build:
 * @release: what is published
 * @signature: one of its CPUs
 * @options: what the publisher decides
 * @error: (nullable): optional return location for an error
 *
 * Builds what is in a cabinet beside the image, for one of the CPUs.
 *
 * Returns: (transfer full): a component
 **/
XbBuilderNode *
cabinet_metainfo_build(const CabinetRelease *release,
		       guint32 signature,
		       const CabinetMetainfoOptions *options,
		       GError **error)
{
	g_autoptr(XbBuilderNode) bn = NULL;
	return cabinet_metainfo_build_full(release, signature, options, &bn, error);
}

static gchar *
cabinet_metainfo_date_to_timestamp(const gchar *date)
{
	g_autofree gchar *iso8601 = g_strdup_printf("%sT00:00:00Z", date);
	g_autoptr(GDateTime) dt = g_date_time_new_from_iso8601(iso8601, NULL);
	return g_strdup_printf("%" G_GINT64_FORMAT, g_date_time_to_unix(dt));
}

static void
cabinet_metainfo_add_container(XbBuilderNode *bn, const CabinetMetainfoContainer *container)
{
	g_autofree gchar *size = g_strdup_printf("%" G_GSIZE_FORMAT, container->size);

	xb_builder_node_insert_text(bn, "location", container->filename, NULL);
	xb_builder_node_insert_text(bn,
				    "checksum",
				    container->sha1,
				    "type",
				    "sha1",
				    "target",
				    "container",
				    "filename",
				    container->filename,
				    NULL);
	xb_builder_node_insert_text(bn,
				    "checksum",
				    container->sha256,
				    "type",
				    "sha256",
				    "target",
				    "container",
				    "filename",
				    container->filename,
				    NULL);
	xb_builder_node_insert_text(bn, "size", size, "type", "download", NULL);
}

/**
 * cabinet_metainfo_build_for_remote:
 * @release: what is published
 * @signature: one of its CPUs
 * @options: what the publisher decides
 * @container: the cabinet
 * @error: (nullable): optional return location for an error
 *
 * Builds the same for the metadata of a remote, which also says where the cabinet is.
 *
 * Returns: (transfer full): a component
 **/
XbBuilderNode *
cabinet_metainfo_build_for_remote(const CabinetRelease *release,
				  guint32 signature,
				  const CabinetMetainfoOptions *options,
				  const CabinetMetainfoContainer *container,
				  GError **error)
{
	g_autofree gchar *timestamp = cabinet_metainfo_date_to_timestamp(release->date);
	g_autoptr(XbBuilderNode) bn = NULL;
	g_autoptr(XbBuilderNode) component = NULL;

	component = cabinet_metainfo_build_full(release, signature, options, &bn, error);
	if (component == NULL)
		return NULL;
	xb_builder_node_remove_attr(bn, "date");
	xb_builder_node_set_attr(bn, "timestamp", timestamp);
	cabinet_metainfo_add_container(bn, container);
	return g_steal_pointer(&component);
}
