/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-preflight.h"
#include "tdx-released.h"

static const TdxReleased tdx_released[] = {
#include "tdx-released.inc"
};

const TdxReleased *
tdx_released_find_by_version(const gchar *version)
{
	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		if (fu_version_compare(tdx_released[i].version,
				       version,
				       FWUPD_VERSION_FORMAT_TRIPLET) == 0)
			return &tdx_released[i];
	}
	return NULL;
}

const TdxReleased *
tdx_released_find_by_mrseam(const gchar *mrseam)
{
	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		if (g_strcmp0(tdx_released[i].mrseam, mrseam) == 0)
			return &tdx_released[i];
	}
	return NULL;
}

/* the first one of its series with this SVN or a higher one */
const TdxReleased *
tdx_released_find_by_svn(guint16 svn)
{
	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		if (tdx_released[i].svn >> 8 == svn >> 8 && tdx_released[i].svn >= svn)
			return &tdx_released[i];
	}
	return NULL;
}

/* the SVN never falls within a series; two releases in a row may have the same */
static gboolean
tdx_released_check_svn(const gchar *version, guint16 svn, GError **error)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version);

	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		const TdxReleased *other = &tdx_released[i];
		gint rc = fu_version_compare(version, other->version, FWUPD_VERSION_FORMAT_TRIPLET);
		g_autofree gchar *other_series = fu_tdx_preflight_version_to_series(other->version);

		if (g_strcmp0(series, other_series) != 0 ||
		    !((rc >= 0 && svn < other->svn) || (rc <= 0 && svn > other->svn)))
			continue;
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "its SVN is 0x%04x, so it cannot be TDX module %s: the SVN of %s is "
			    "0x%04x, and never falls within a series; give the version that it is",
			    svn,
			    version,
			    other->version,
			    other->svn);
		return FALSE;
	}
	return TRUE;
}

/* can an image be this version, by what is known of the released ones? */
gboolean
tdx_released_check(const gchar *version, guint16 svn, const gchar *mrseam, GError **error)
{
	const TdxReleased *known = tdx_released_find_by_mrseam(mrseam);

	if (known != NULL &&
	    fu_version_compare(known->version, version, FWUPD_VERSION_FORMAT_TRIPLET) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "its MRSEAM is that of TDX module %s, so it cannot be %s; give the "
			    "version that it is",
			    known->version,
			    version);
		return FALSE;
	}
	return tdx_released_check_svn(version, svn, error);
}
