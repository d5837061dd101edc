/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <gnutls/abstract.h>

G_DEFINE_AUTO_CLEANUP_FREE_FUNC(gnutls_privkey_t, gnutls_privkey_deinit, NULL)

gboolean
tdx_signer_make_key(const gchar *filename, GError **error);
gboolean
tdx_signer_load_key(const gchar *filename, gnutls_privkey_t *key, GError **error);
GByteArray *
tdx_signer_get_modulus(gnutls_privkey_t key, GError **error);
gboolean
tdx_signer_sign(gnutls_privkey_t key, guint8 *sigstruct, GError **error);
