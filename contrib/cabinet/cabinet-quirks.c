/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-file.h"
#include "cabinet-quirks.h"

/* set by meson: QUIRKS_DIR, LOCAL_QUIRKS_DIR */

/* as the plugin reads them */
static gboolean
cabinet_quirks_add_signers(GPtrArray *signers, const gchar *filename, GError **error)
{
	g_auto(GStrv) split = NULL;
	g_autofree gchar *value = NULL;
	g_autoptr(GKeyFile) kf = cabinet_file_read_keys(filename, error);

	if (kf == NULL)
		return FALSE;
	value = g_key_file_get_value(kf, "TDX\\MODULE", "TdxModuleSigners", NULL);
	split = g_strsplit(value != NULL ? value : "", ",", -1);
	for (guint i = 0; split[i] != NULL; i++)
		g_ptr_array_add(signers, g_ascii_strdown(g_strstrip(split[i]), -1));
	return TRUE;
}

static gboolean
cabinet_quirks_add_installed(GPtrArray *signers, GError **error)
{
	const gchar *basename;
	g_autoptr(GDir) dir = NULL;

	if (!cabinet_quirks_add_signers(signers, QUIRKS_DIR "/tdx-module.quirk", error)) {
		g_prefix_error_literal(error, "install the plugin, or use --quirks: ");
		return FALSE;
	}
	dir = g_dir_open(LOCAL_QUIRKS_DIR, 0, NULL);
	while (dir != NULL && (basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = g_build_filename(LOCAL_QUIRKS_DIR, basename, NULL);
		if (g_str_has_suffix(basename, ".quirk") &&
		    !cabinet_quirks_add_signers(signers, filename, error))
			return FALSE;
	}
	return TRUE;
}

/* SHA-384 of each modulus that hosts trust, by these quirk files or those of this machine */
GPtrArray *
cabinet_quirks_load_signers(gchar **filenames, GError **error)
{
	g_autoptr(GPtrArray) signers = g_ptr_array_new_with_free_func(g_free);

	if (filenames == NULL && !cabinet_quirks_add_installed(signers, error))
		return NULL;
	for (guint i = 0; filenames != NULL && filenames[i] != NULL; i++) {
		if (!cabinet_quirks_add_signers(signers, filenames[i], error))
			return NULL;
	}
	return g_steal_pointer(&signers);
}
