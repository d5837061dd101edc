/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-common.h"

/**
 * fu_tdx_common_parse_number:
 * @str: (nullable): a number as the kernel prints it, i.e. just decimal digits
 * @max: the largest value that is allowed
 * @value: (out): the number
 * @error: (nullable): optional return location for an error
 *
 * Parses a number more strictly than fu_strtoull(), which also takes empty strings, signs, and
 * anything after a newline.
 *
 * Returns: %TRUE for success
 **/
gboolean
fu_tdx_common_parse_number(const gchar *str, guint64 max, guint64 *value, GError **error)
{
	g_return_val_if_fail(value != NULL, FALSE);
	g_return_val_if_fail(error == NULL || *error == NULL, FALSE);

	if (str == NULL || str[0] == '\0' || strspn(str, "0123456789") != strlen(str)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "'%.64s' is not a number",
			    str != NULL && g_str_is_ascii(str) ? str : "");
		return FALSE;
	}
	if (!fu_strtoull(str, value, 0, max, FU_INTEGER_BASE_10, error)) {
		g_prefix_error(error,
			       "'%.64s' is not a number up to %" G_GUINT64_FORMAT ": ",
			       str,
			       max);
		return FALSE;
	}
	return TRUE;
}

/**
 * fu_tdx_common_version_to_series:
 * @version: (nullable): a version as the kernel spells it, e.g. `1.5.06`
 * @error: (nullable): optional return location for an error
 *
 * Gets the series; updates at run time never leave it.
 *
 * Returns: (transfer full): major and minor number, e.g. `1.5`, or %NULL if @version is invalid
 **/
gchar *
fu_tdx_common_version_to_series(const gchar *version, GError **error)
{
	guint64 parts[3] = {0};
	g_auto(GStrv) split = NULL;

	g_return_val_if_fail(error == NULL || *error == NULL, NULL);

	split = g_strsplit(version != NULL ? version : "", ".", -1);
	if (g_strv_length(split) != G_N_ELEMENTS(parts)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "version is '%s', expected three numbers such as '1.5.06'",
			    version != NULL ? version : "");
		return NULL;
	}
	for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
		if (!fu_tdx_common_parse_number(split[i], G_MAXUINT16, &parts[i], error)) {
			g_prefix_error(error, "version '%s' is invalid: ", version);
			return NULL;
		}
	}
	return g_strdup_printf("%u.%u", (guint)parts[0], (guint)parts[1]);
}
