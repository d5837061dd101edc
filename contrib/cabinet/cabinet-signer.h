/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include <jcat.h>

/* whoever vouches for what is published */
typedef struct {
	GBytes *certificate; /* PEM */
	GBytes *key;	     /* PEM */
	gchar *warning;	     /* (nullable): what is risky with them */
} CabinetSigner;

CabinetSigner *
cabinet_signer_new(const gchar *certificate_fn,
		   const gchar *key_fn,
		   GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
void
cabinet_signer_free(CabinetSigner *self);
gboolean
cabinet_signer_sign(const CabinetSigner *self,
		    JcatFile *jcat_file,
		    const gchar *id,
		    GBytes *blob,
		    const gchar *sha256,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);
gboolean
cabinet_signer_has_signed(const CabinetSigner *self, GBytes *jcat, const gchar *id, GBytes *blob)
    G_GNUC_NON_NULL(1, 2, 3, 4);
gint64
cabinet_signer_get_time(GBytes *jcat) G_GNUC_NON_NULL(1);
GBytes *
cabinet_signer_export(JcatFile *jcat_file, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetSigner, cabinet_signer_free)
