/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

/**
 * ReapplyRelease:
 * @version: what runs after it has been installed, e.g. `1.5.16`
 * @sha1: of the cabinet, in fwupd's history there is no other checksum
 * @sha256: of the cabinet
 * @origin: the name of the cabinet, for people
 * @stored: when, for people
 *
 * The release that is stored on this host.
 **/
typedef struct {
	gchar *version;
	gchar *sha1;
	gchar *sha256;
	gchar *origin;
	gchar *stored;
} ReapplyRelease;

void
reapply_release_free(ReapplyRelease *self);
ReapplyRelease *
reapply_release_new(const gchar *version, const gchar *origin, GBytes *cabinet);
ReapplyRelease *
reapply_release_load(GError **error);
gchar *
reapply_release_get_filename(ReapplyRelease *self);
GBytes *
reapply_release_read_cabinet(ReapplyRelease *self, GError **error);
gboolean
reapply_release_is(ReapplyRelease *self, const gchar *version, const gchar *sha1);
gboolean
reapply_release_save(ReapplyRelease *self, GBytes *cabinet, GError **error);
gboolean
reapply_release_forget(const gchar *sha1, GError **error);
gboolean
reapply_release_is_forgotten(const gchar *sha1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReapplyRelease, reapply_release_free)
