/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/* what is known of a TDX module that Intel has released */
typedef struct {
	const gchar *version;
	guint16 svn; /* major in the high byte */
	const gchar *mrseam;
} TdxReleased;

const TdxReleased *
tdx_released_find_by_version(const gchar *version) G_GNUC_NON_NULL(1);
const TdxReleased *
tdx_released_find_by_mrseam(const gchar *mrseam) G_GNUC_NON_NULL(1);
const TdxReleased *
tdx_released_find_by_svn(guint16 svn);
gboolean
tdx_released_check(const gchar *version, guint16 svn, const gchar *mrseam, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 3);
