/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include <jcat.h>

/**
 * LvfsSigner:
 * @certificate: as PEM
 * @key: as PEM
 *
 * Whoever vouches for what is published.
 **/
typedef struct {
	GBytes *certificate;
	GBytes *key;
} LvfsSigner;

LvfsSigner *
lvfs_signer_new(const gchar *certificate_fn,
		const gchar *key_fn,
		GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
lvfs_signer_free(LvfsSigner *self);
gboolean
lvfs_signer_sign(const LvfsSigner *self,
		 JcatFile *jcat_file,
		 const gchar *id,
		 GBytes *blob,
		 GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);
gboolean
lvfs_signer_has_signed(const LvfsSigner *self, GBytes *jcat, const gchar *id, GBytes *blob)
    G_GNUC_NON_NULL(1, 2, 3, 4);
GBytes *
lvfs_signer_export(JcatFile *jcat_file, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvfsSigner, lvfs_signer_free)
