/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What the remotes have. fwupd offers a release or leaves it out without a word; why, and if there
 * is one at all, is only in the metadata that it has compiled.
 */

#include "config.h"

#include <xmlb.h>

#include "status.h"

#define STATUS_METADATA_QUERY                                                                      \
	"components/component/custom/value[@key='LVFS::UpdateProtocol'][text()='com.intel.tdx-"    \
	"module']/../.."

static gboolean
metadata_is_for(XbNode *component, FwupdDevice *device)
{
	g_autoptr(GPtrArray) guids = xb_node_query(component, "provides/firmware", 0, NULL);

	for (guint i = 0; device != NULL && guids != NULL && i < guids->len; i++) {
		if (fwupd_device_has_guid(device, xb_node_get_text(g_ptr_array_index(guids, i))))
			return TRUE;
	}
	return FALSE;
}

/* as fwupd does, but for what is optional there; of what is not known here nothing is said */
static gboolean
metadata_is_met(XbNode *requirement, const gchar *version)
{
	const gchar *compare = xb_node_get_attr(requirement, "compare");
	const gchar *wanted = xb_node_get_attr(requirement, "version");
	gint rc;

	if (wanted == NULL || version == NULL)
		return wanted == NULL;
	if (g_strcmp0(compare, "regex") == 0)
		return g_regex_match_simple(wanted, version, 0, 0);
	rc = fu_version_compare(version, wanted, FWUPD_VERSION_FORMAT_UNKNOWN);
	if (g_strcmp0(compare, "ge") == 0)
		return rc >= 0;
	return g_strcmp0(compare, "eq") != 0 || rc == 0;
}

static const gchar *
metadata_describe(XbNode *requirement,
		  const StatusFwupd *fwupd,
		  const gchar *seamldr,
		  const gchar **version)
{
	if (g_strcmp0(xb_node_get_element(requirement), "id") == 0) {
		*version = fwupd->version;
		return "fwupd";
	}
	if (g_strcmp0(xb_node_get_text(requirement), "bootloader") == 0) {
		*version = seamldr;
		return "the P-SEAMLDR";
	}
	*version = fwupd_device_get_version(fwupd->device);
	return "the running TDX module";
}

/* the publisher's words for the requirements */
static gchar *
metadata_find_words(XbNode *component)
{
	g_autoptr(GPtrArray) texts =
	    xb_node_query(component, "releases/release/description/p", 0, NULL);

	for (guint i = 0; texts != NULL && i < texts->len; i++) {
		const gchar *text = xb_node_get_text(g_ptr_array_index(texts, i));
		if (text != NULL && g_strstr_len(text, -1, "P-SEAMLDR is ") != NULL)
			return g_strdup_printf(". %s", text);
	}
	return g_strdup("");
}

static gchar *
metadata_find_reason(XbNode *component, const StatusFwupd *fwupd, const gchar *seamldr)
{
	g_autofree gchar *words = metadata_find_words(component);
	g_autoptr(GPtrArray) requirements = xb_node_query(component, "requires/*", 0, NULL);
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	g_autofree gchar *str = NULL;

	for (guint i = 0; requirements != NULL && i < requirements->len; i++) {
		XbNode *requirement = g_ptr_array_index(requirements, i);
		const gchar *version = NULL;
		const gchar *what = metadata_describe(requirement, fwupd, seamldr, &version);
		const gchar *needed = xb_node_get_attr(requirement, "version");

		if (metadata_is_met(requirement, version))
			continue;
		if (g_strcmp0(xb_node_get_attr(requirement, "compare"), "regex") == 0)
			needed = "another one";
		g_ptr_array_add(texts,
				g_strdup_printf("%s is %s, and it needs %s",
						what,
						version != NULL ? version : "not known",
						needed));
	}
	if (texts->len == 0)
		return g_strdup_printf("fwupd does not offer it, see fwupdmgr get-details of its "
				       "cabinet%s",
				       words);
	str = fu_strjoin(", ", texts);
	return g_strconcat(str, words, NULL);
}

/* returns if it has the newest release for this CPU and series so far */
static gboolean
metadata_add_component(StatusMetadata *self, XbNode *component, FwupdDevice *device)
{
	const gchar *newest = self->newest;
	const gchar *remote =
	    xb_node_query_text(component, "../custom/value[@key='fwupd::RemoteId']", NULL);
	g_autoptr(GPtrArray) releases = xb_node_query(component, "releases/release", 0, NULL);

	if (remote != NULL &&
	    !g_ptr_array_find_with_equal_func(self->remotes, remote, g_str_equal, NULL))
		g_ptr_array_add(self->remotes, g_strdup(remote));
	if (releases == NULL || !metadata_is_for(component, device))
		return FALSE;
	for (guint i = 0; i < releases->len; i++) {
		const gchar *version = xb_node_get_attr(g_ptr_array_index(releases, i), "version");
		if (version != NULL &&
		    (self->newest == NULL || status_version_compare(version, self->newest) > 0))
			self->newest = g_strdup(version);
	}
	return self->newest != newest;
}

StatusMetadata *
status_metadata_new(const StatusFwupd *fwupd, const gchar *seamldr)
{
	StatusMetadata *self = g_new0(StatusMetadata, 1);
	const gchar *dirname;
	g_autofree gchar *filename = NULL;
	g_autoptr(FuContext) ctx = status_context_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(GFile) file = NULL;
	g_autoptr(GPtrArray) components = NULL;
	g_autoptr(XbSilo) silo = xb_silo_new();

	self->remotes = g_ptr_array_new();
	if (fwupd->state != STATUS_FWUPD_STATE_RUNNING) {
		self->error = g_strdup("what the remotes have is not known without fwupd");
		return self;
	}
	dirname = fu_context_get_path(ctx, FU_PATH_KIND_CACHEDIR_PKG, NULL);
	filename = g_build_filename(dirname != NULL ? dirname : "/", "metadata.xmlb", NULL);
	file = g_file_new_for_path(filename);
	if (!xb_silo_load_from_file(silo, file, XB_SILO_LOAD_FLAG_NONE, NULL, &error)) {
		self->error =
		    g_strdup_printf("what the remotes have is not known: %s", error->message);
		return self;
	}
	components = xb_silo_query(silo, STATUS_METADATA_QUERY, 0, NULL);
	for (guint i = 0; components != NULL && i < components->len; i++) {
		XbNode *component = g_ptr_array_index(components, i);
		if (metadata_add_component(self, component, fwupd->device))
			self->reason = metadata_find_reason(component, fwupd, seamldr);
	}
	return self;
}
