/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/**
 * CabinetQuirks:
 * @signers: (element-type utf8): SHA-384 of each trusted modulus, as 96 hexadecimal digits
 * @versions: (element-type utf8 utf8): version of each release that is known, by its MRSEAM
 *
 * What the plugin on a host takes from its quirk files.
 **/
typedef struct {
	GPtrArray *signers;
	GHashTable *versions;
} CabinetQuirks;

CabinetQuirks *
cabinet_quirks_new(void);
void
cabinet_quirks_free(CabinetQuirks *self);
gboolean
cabinet_quirks_load(CabinetQuirks *self,
		    const gchar *filename,
		    GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gboolean
cabinet_quirks_load_installed(CabinetQuirks *self, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetQuirks, cabinet_quirks_free)
