/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-quirks.h"

/* set by meson: QUIRKS_DIR, LOCAL_QUIRKS_DIR */

#define CABINET_QUIRKS_GROUP_MODULE "TDX\\MODULE"
#define CABINET_QUIRKS_GROUP_PREFIX "TDX\\SERIES_"

/**
 * cabinet_quirks_new:
 *
 * Creates quirks that trust nobody.
 *
 * Returns: (transfer full): a #CabinetQuirks
 **/
CabinetQuirks *
cabinet_quirks_new(void)
{
	CabinetQuirks *self = g_new0(CabinetQuirks, 1);
	self->signers = g_ptr_array_new_with_free_func(g_free);
	self->versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return self;
}

void
cabinet_quirks_free(CabinetQuirks *self)
{
	g_ptr_array_unref(self->signers);
	g_hash_table_unref(self->versions);
	g_free(self);
}

static void
cabinet_quirks_add_signers(CabinetQuirks *self, GKeyFile *kf)
{
	g_autofree gchar *value = NULL;
	g_auto(GStrv) signers = NULL;

	value = g_key_file_get_value(kf, CABINET_QUIRKS_GROUP_MODULE, "TdxModuleSigners", NULL);
	if (value == NULL)
		return;
	signers = g_strsplit(value, ",", -1);
	for (guint i = 0; signers[i] != NULL; i++)
		g_ptr_array_add(self->signers, g_strdup(g_strstrip(signers[i])));
}

static void
cabinet_quirks_add_version(CabinetQuirks *self, GKeyFile *kf, const gchar *group)
{
	const gchar *version = g_strrstr(group, "&VER_");
	g_autofree gchar *mrseam = g_key_file_get_value(kf, group, "TdxModuleMrseam", NULL);

	if (version == NULL || mrseam == NULL)
		return;
	g_hash_table_insert(self->versions,
			    g_ascii_strdown(g_strstrip(mrseam), -1),
			    g_strdup(version + strlen("&VER_")));
}

/**
 * cabinet_quirks_load:
 * @self: a #CabinetQuirks
 * @filename: a quirk file of fwupd
 * @error: (nullable): optional return location for an error
 *
 * Adds what a quirk file says about TDX modules.
 *
 * Returns: %TRUE for success
 **/
gboolean
cabinet_quirks_load(CabinetQuirks *self, const gchar *filename, GError **error)
{
	g_autoptr(GKeyFile) kf = g_key_file_new();
	g_auto(GStrv) groups = NULL;

	if (!g_key_file_load_from_file(kf, filename, G_KEY_FILE_NONE, error)) {
		g_prefix_error(error, "failed to read the quirk file %s: ", filename);
		return FALSE;
	}
	cabinet_quirks_add_signers(self, kf);
	groups = g_key_file_get_groups(kf, NULL);
	for (guint i = 0; groups[i] != NULL; i++) {
		if (g_str_has_prefix(groups[i], CABINET_QUIRKS_GROUP_PREFIX))
			cabinet_quirks_add_version(self, kf, groups[i]);
	}
	return TRUE;
}

static gboolean
cabinet_quirks_load_local(CabinetQuirks *self, GError **error)
{
	const gchar *basename;
	g_autoptr(GDir) dir = g_dir_open(LOCAL_QUIRKS_DIR, 0, NULL);

	if (dir == NULL)
		return TRUE;
	while ((basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(LOCAL_QUIRKS_DIR, basename, NULL);
		if (!g_str_has_suffix(basename, ".quirk"))
			continue;
		if (!cabinet_quirks_load(self, filename, error))
			return FALSE;
	}
	return TRUE;
}

/**
 * cabinet_quirks_load_installed:
 * @self: a #CabinetQuirks
 * @error: (nullable): optional return location for an error
 *
 * Adds what the plugin on this machine would know.
 *
 * Returns: %TRUE for success
 **/
gboolean
cabinet_quirks_load_installed(CabinetQuirks *self, GError **error)
{
	if (!cabinet_quirks_load(self, QUIRKS_DIR "/tdx-module.quirk", error)) {
		g_prefix_error_literal(error, "install the plugin, or use --quirks: ");
		return FALSE;
	}
	return cabinet_quirks_load_local(self, error);
}
