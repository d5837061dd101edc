/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-metainfo.h"
#include "cabinet-requires.h"

#define CABINET_METAINFO_ABOUT                                                                     \
	"The TDX module is software by Intel that isolates confidential guests, so-called trust "  \
	"domains (TDs), from the host. "
#define CABINET_METAINFO_ABOUT_RUNNING                                                             \
	"It is replaced while they are running; after a full reset the one that the boot loads "   \
	"runs again."
#define CABINET_METAINFO_ABOUT_BOOT                                                                \
	"This is the one on the EFI system partition, which the next boot loads."
#define CABINET_METAINFO_BOOT_TEXT                                                                 \
	"It is written to the EFI system partition, and loaded from there at the next boot, if "   \
	"the firmware is set to do so. Some firmware ignores these files and loads a TDX module "  \
	"of its own. Until then nothing changes for guests."
#define CABINET_METAINFO_BOOT_MESSAGE                                                              \
	"The new TDX module is loaded at the next boot. Some firmware ignores the files on the "   \
	"EFI system partition, so compare the version that runs afterwards."
#define CABINET_METAINFO_HOMEPAGE                                                                  \
	"https://github.com/intel/confidential-computing.tdx.tdx-module.binaries"
#define CABINET_METAINFO_DETAILS CABINET_METAINFO_HOMEPAGE "/releases"

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

/* fwupd explains why a host cannot take a release only if it has all the GUIDs that it is for, so
 * there is a component for each CPU */
static void
cabinet_metainfo_add_provides(XbBuilderNode *component,
			      const CabinetRelease *release,
			      const CabinetTarget *target)
{
	g_autofree gchar *kind = target->boot ? g_strdup("BOOT")
					      : g_strdup_printf("SERIES_%s", release->series);
	g_autofree gchar *instance_id = g_strdup_printf("TDX\\%s&FMS_%X", kind, target->signature);
	g_autofree gchar *guid = fwupd_guid_hash_string(instance_id);
	g_autoptr(XbBuilderNode) provides = xb_builder_node_insert(component, "provides", NULL);
	xb_builder_node_insert_text(provides, "firmware", guid, "type", "flashed", NULL);
}

static void
cabinet_metainfo_add_custom(XbBuilderNode *component, const CabinetTarget *target)
{
	g_autoptr(XbBuilderNode) custom = xb_builder_node_insert(component, "custom", NULL);
	xb_builder_node_insert_text(custom, "value", "triplet", "key", "LVFS::VersionFormat", NULL);
	xb_builder_node_insert_text(custom,
				    "value",
				    "com.intel.tdx-module",
				    "key",
				    "LVFS::UpdateProtocol",
				    NULL);
	if (target->boot)
		xb_builder_node_insert_text(custom,
					    "value",
					    CABINET_METAINFO_BOOT_MESSAGE,
					    "key",
					    "LVFS::UpdateMessage",
					    NULL);
}

static void
cabinet_metainfo_add_running_text(XbBuilderNode *description,
				  const CabinetRelease *release,
				  const CabinetOptions *options)
{
	g_autofree gchar *requires = cabinet_requires_to_text(release, options);

	xb_builder_node_insert_text(
	    description,
	    "p",
	    "Guests keep running, but for a pause that grows with the number of CPUs. None should "
	    "be built or migrated during the update, and whoever checks attestation has to know "
	    "the new values first.",
	    NULL);
	xb_builder_node_insert_text(description, "p", requires, NULL);
}

/* e.g. `; by Intel's TCB info, set 20 of 2026-08-13: UpToDate` */
static gchar *
cabinet_metainfo_get_tcb_text(const CabinetRelease *release)
{
	const TdxTcbLevel *level;

	if (release->tcb_info == NULL)
		return g_strdup("");
	level = tdx_tcb_info_find_level(release->tcb_info, release->svn);
	return g_strdup_printf("; by Intel's TCB info, set %" G_GUINT64_FORMAT " of %s: %s",
			       release->tcb_info->set,
			       release->tcb_info->date,
			       level->status);
}

/* paragraphs only, as LVFS promotes nothing with a list */
static void
cabinet_metainfo_add_release_description(XbBuilderNode *parent,
					 const CabinetRelease *release,
					 const CabinetTarget *target,
					 const CabinetOptions *options)
{
	g_autofree gchar *cpu = cabinet_metainfo_signature_to_name(target->signature);
	g_autofree gchar *mrseam = g_strdup_printf("MRSEAM: %s", release->mrseam);
	g_autofree gchar *svn = cabinet_release_get_svn_str(release);
	g_autofree gchar *text = cabinet_options_get_description(options, release->version);
	g_autofree gchar *tcb = cabinet_metainfo_get_tcb_text(release);
	g_autofree gchar *values = NULL;
	g_autoptr(XbBuilderNode) description = xb_builder_node_insert(parent, "description", NULL);

	if (text != NULL)
		xb_builder_node_insert_text(description, "p", text, NULL);
	if (target->boot)
		xb_builder_node_insert_text(description, "p", CABINET_METAINFO_BOOT_TEXT, NULL);
	else
		cabinet_metainfo_add_running_text(description, release, options);
	values = g_strdup_printf("Signed on %s for %s, security version (SVN): %s%s",
				 release->date,
				 cpu,
				 svn,
				 tcb);
	xb_builder_node_insert_text(description, "p", values, NULL);
	xb_builder_node_insert_text(description, "p", mrseam, NULL);
}

static void
cabinet_metainfo_add_issues(XbBuilderNode *parent,
			    const CabinetRelease *release,
			    const CabinetOptions *options)
{
	g_auto(GStrv) typed = cabinet_options_get_issues(options, release->version);
	g_autoptr(GPtrArray) fixed = NULL;
	g_autoptr(XbBuilderNode) issues = NULL;

	fixed = release->tcb_info != NULL ? tdx_tcb_info_get_fixed(release->tcb_info, release->svn)
					  : g_ptr_array_new();
	for (guint i = 0; typed != NULL && typed[i] != NULL; i++) {
		if (!g_ptr_array_find_with_equal_func(fixed, typed[i], g_str_equal, NULL))
			g_ptr_array_add(fixed, typed[i]);
	}
	if (fixed->len > 0)
		issues = xb_builder_node_insert(parent, "issues", NULL);
	for (guint i = 0; i < fixed->len; i++) {
		const gchar *issue = g_ptr_array_index(fixed, i);
		xb_builder_node_insert_text(issues,
					    "issue",
					    issue,
					    "type",
					    g_str_has_prefix(issue, "CVE-") ? "cve" : "intel",
					    NULL);
	}
}

/* what mends a module that is out of date is critical */
static gchar *
cabinet_metainfo_get_urgency(const CabinetRelease *release, const CabinetOptions *options)
{
	gchar *urgency = cabinet_options_get_urgency(options, release->version);

	if (urgency != NULL)
		return urgency;
	if (release->tcb_info != NULL &&
	    tdx_tcb_info_mends_out_of_date(release->tcb_info, release->svn))
		return g_strdup("critical");
	return g_strdup("medium");
}

static void
cabinet_metainfo_add_checksum(XbBuilderNode *bn,
			      const gchar *type,
			      const gchar *target,
			      const gchar *filename,
			      const gchar *checksum)
{
	xb_builder_node_insert_text(bn,
				    "checksum",
				    checksum,
				    "type",
				    type,
				    "target",
				    target,
				    "filename",
				    filename,
				    NULL);
}

/* of the file that the firmware loads; LVFS looks for its type in `kind` */
static void
cabinet_metainfo_add_device_checksum(XbBuilderNode *bn, const CabinetRelease *release)
{
	xb_builder_node_insert_text(bn,
				    "checksum",
				    release->module_sha256,
				    "type",
				    "sha256",
				    "kind",
				    "sha256",
				    "target",
				    "device",
				    NULL);
}

static void
cabinet_metainfo_add_release(XbBuilderNode *component,
			     const CabinetRelease *release,
			     const CabinetTarget *target,
			     const CabinetOptions *options)
{
	g_autofree gchar *filename = cabinet_metainfo_get_payload_name(release);
	g_autofree gchar *size = g_strdup_printf("%zu", release->payload_size);
	g_autofree gchar *urgency = cabinet_metainfo_get_urgency(release, options);
	g_autoptr(XbBuilderNode) releases = xb_builder_node_insert(component, "releases", NULL);
	g_autoptr(XbBuilderNode) bn = xb_builder_node_insert(releases,
							     "release",
							     "version",
							     release->version,
							     "date",
							     release->date,
							     "urgency",
							     urgency,
							     NULL);
	cabinet_metainfo_add_checksum(bn, "sha256", "content", filename, release->payload_sha256);
	if (target->boot)
		cabinet_metainfo_add_device_checksum(bn, release);
	xb_builder_node_insert_text(bn, "size", size, "type", "installed", NULL);
	xb_builder_node_insert_text(bn, "url", CABINET_METAINFO_DETAILS, "type", "details", NULL);
	cabinet_metainfo_add_release_description(bn, release, target, options);
	cabinet_metainfo_add_issues(bn, release, options);
}

static void
cabinet_metainfo_add_texts(XbBuilderNode *component,
			   const CabinetRelease *release,
			   const CabinetTarget *target)
{
	g_autofree gchar *cpu = cabinet_metainfo_signature_to_name(target->signature);
	g_autofree gchar *id = NULL;
	g_autofree gchar *summary = NULL;
	g_autofree gchar *suffix = g_strdup_printf("%s, %s", release->series, cpu);
	g_autofree gchar *version = g_strdelimit(g_strdup(release->version), ".", '_');
	g_autoptr(XbBuilderNode) categories = NULL;
	g_autoptr(XbBuilderNode) description = NULL;

	/* LVFS merges what has the same ID, and with that the requirements */
	id = g_strdup_printf("com.intel.tdx_module%s.v%s_%x.firmware",
			     target->boot ? "_boot" : "",
			     version,
			     target->signature);
	xb_builder_node_insert_text(component, "id", id, NULL);
	xb_builder_node_insert_text(component,
				    "name",
				    target->boot ? "TDX Module at Boot" : "TDX Module",
				    NULL);
	xb_builder_node_insert_text(component, "name_variant_suffix", suffix, NULL);
	summary = g_strdup_printf("Intel TDX module for %s processors, %s",
				  cpu,
				  target->boot ? "loaded at the next boot"
					       : "replaced while guests are running");
	xb_builder_node_insert_text(component, "summary", summary, NULL);
	description = xb_builder_node_insert(component, "description", NULL);
	xb_builder_node_insert_text(description,
				    "p",
				    target->boot
					? CABINET_METAINFO_ABOUT CABINET_METAINFO_ABOUT_BOOT
					: CABINET_METAINFO_ABOUT CABINET_METAINFO_ABOUT_RUNNING,
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

/* what is in a cabinet beside the image, for one of the devices */
XbBuilderNode *
cabinet_metainfo_build(const CabinetRelease *release,
		       const CabinetTarget *target,
		       const CabinetOptions *options,
		       GError **error)
{
	g_autoptr(XbBuilderNode) component = xb_builder_node_new("component");
	g_autoptr(XbBuilderNode) requires = NULL;

	xb_builder_node_set_attr(component, "type", "firmware");
	cabinet_metainfo_add_texts(component, release, target);
	cabinet_metainfo_add_provides(component, release, target);
	requires = xb_builder_node_insert(component, "requires", NULL);
	if (!cabinet_requires_build(requires, release, target, options, error))
		return NULL;
	cabinet_metainfo_add_custom(component, target);
	cabinet_metainfo_add_release(component, release, target, options);
	return g_steal_pointer(&component);
}

/* makes of a component what a remote has of it */
void
cabinet_metainfo_add_container(XbBuilderNode *component,
			       const CabinetRelease *release,
			       const CabinetOptions *options,
			       const CabinetMetainfoContainer *container)
{
	g_autofree gchar *iso8601 = g_strdup_printf("%sT00:00:00Z", release->date);
	g_autofree gchar *size = g_strdup_printf("%zu", container->size);
	g_autofree gchar *timestamp = NULL;
	g_autoptr(XbBuilderNode) releases = xb_builder_node_get_child(component, "releases", NULL);
	g_autoptr(XbBuilderNode) bn = xb_builder_node_get_child(releases, "release", NULL);
	g_autoptr(GDateTime) dt = g_date_time_new_from_iso8601(iso8601, NULL);

	timestamp = g_strdup_printf("%" G_GINT64_FORMAT, g_date_time_to_unix(dt));
	xb_builder_node_remove_attr(bn, "date");
	xb_builder_node_set_attr(bn, "timestamp", timestamp);
	xb_builder_node_insert_text(bn, "location", container->filename, NULL);
	cabinet_metainfo_add_checksum(bn,
				      "sha1",
				      "container",
				      container->filename,
				      container->sha1);
	cabinet_metainfo_add_checksum(bn,
				      "sha256",
				      "container",
				      container->filename,
				      container->sha256);
	xb_builder_node_insert_text(bn, "size", size, "type", "download", NULL);
	if (options->phased_update > 0) {
		g_autofree gchar *phased = g_strdup_printf("%d", options->phased_update);
		g_autoptr(XbBuilderNode) requires =
		    xb_builder_node_get_child(component, "requires", NULL);
		xb_builder_node_insert_text(requires, "phased_update", phased, NULL);
	}
}
