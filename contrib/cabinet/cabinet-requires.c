/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-requires.h"
#include "fu-tdx-common.h"

/*
 * What the map says in the words of fwupd. All requirements of a component have to hold, so what is
 * an "or" in the map has to be within one of them: a list of `pattern=version|...`, of which the
 * first counts that matches the version of the device. The last has no pattern, and no version
 * meets it.
 */

#define CABINET_REQUIRES_NEVER "65535.0.0"

static void
cabinet_requires_add_firmware(XbBuilderNode *requires, const gchar *guid, const gchar *version)
{
	xb_builder_node_insert_text(requires,
				    "firmware",
				    guid,
				    "compare",
				    "ge",
				    "version",
				    version,
				    NULL);
}

/* of its own series the P-SEAMLDR must not be older than the one in the map */
static gboolean
cabinet_requires_add_seamldr(XbBuilderNode *requires, const CabinetRelease *release, GError **error)
{
	g_autofree gchar *guid = fwupd_guid_hash_string("TDX\\SEAMLDR");
	g_autoptr(GString) str = g_string_new(NULL);

	for (guint i = 0; i < release->map->seamldrs->len; i++) {
		const gchar *version = g_ptr_array_index(release->map->seamldrs, i);
		g_autofree gchar *series = fu_tdx_common_version_to_series(version, error);
		if (series == NULL)
			return FALSE;
		g_string_append_printf(str, "%s.*=%s|", series, version);
	}
	g_string_append(str, CABINET_REQUIRES_NEVER);
	cabinet_requires_add_firmware(requires, guid, str->str);
	return TRUE;
}

/* a GUID of the exact version would not do: fwupd looks for it before the device is in its list */
static void
cabinet_requires_add_strict(XbBuilderNode *requires, const CabinetRelease *release)
{
	g_autoptr(GString) str = g_string_new(NULL);

	for (guint i = 0; i < release->map->strict_from->len; i++) {
		const gchar *version = g_ptr_array_index(release->map->strict_from, i);
		g_string_append_printf(str, "%s=%s|", version, version);
	}
	g_string_append(str, CABINET_REQUIRES_NEVER);
	cabinet_requires_add_firmware(requires, NULL, str->str);
}

/**
 * cabinet_requires_build:
 * @requires: the node of that name
 * @release: what is published
 * @options: what the publisher decides
 * @error: (nullable): optional return location for an error
 *
 * Adds what a host has to have: a new enough fwupd, a running TDX module that may be followed by
 * this one, and one of the P-SEAMLDRs. That the series and the CPU are the same is said by the
 *GUIDs that the release is for.
 *
 * Returns: %TRUE for success
 **/
gboolean
cabinet_requires_build(XbBuilderNode *requires,
		       const CabinetRelease *release,
		       const CabinetMetainfoOptions *options,
		       GError **error)
{
	xb_builder_node_insert_text(requires,
				    "id",
				    FWUPD_DBUS_SERVICE,
				    "compare",
				    "ge",
				    "version",
				    options->fwupd_version,
				    NULL);
	/* fwupd wants to be told that there are patterns */
	xb_builder_node_insert_text(requires, "client", "id-requirement-glob", NULL);
	cabinet_requires_add_firmware(requires, NULL, release->map->min_version);
	if (!cabinet_requires_add_seamldr(requires, release, error))
		return FALSE;
	if (options->strict)
		cabinet_requires_add_strict(requires, release);
	return TRUE;
}
