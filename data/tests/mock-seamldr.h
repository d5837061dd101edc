/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#define MOCK_SEAMLDR_MODULE_PAGES_MAX 496

/* Intel's production key, as SHA-384 of the modulus */
#define MOCK_SEAMLDR_SIGNER_INTEL                                                                  \
	"c8572f548869a0beca19376b81c2dffc2a23b5a5f71da0b87579b43f408daa1a"                         \
	"33bad9c149eb56c634f883737968a34c"

/**
 * MockSeamldr:
 * @version_major: its own series, 1 or 2
 * @remaining: how many updates fit in its log
 * @has_cleanup: it is a later one, with SEAMLDR.CLEANUP: refuses SVNs of the major 0, and no pages
 *     before the wipe
 * @knows_no_svn: whether nothing was loaded since the machine was made
 * @running_svn: of the module that runs, or of the newest one before a boot
 * @running_hv: its handoff version
 * @cpus: (element-type guint32): CPUID.1.EAX of every socket
 * @signers: (element-type utf8): trusted key hashes, SHA-384 as lower-case hex
 *
 * What the P-SEAMLDR knows of the machine.
 **/
typedef struct {
	guint version_major;
	guint remaining;
	gboolean has_cleanup;
	gboolean knows_no_svn;
	guint16 running_svn;
	guint16 running_hv;
	GArray *cpus;
	GPtrArray *signers;
} MockSeamldr;

gchar *
mock_seamldr_install(MockSeamldr *self, GBytes *sigstruct, GBytes *module, gboolean all_cpus_online)
    G_GNUC_WARN_UNUSED_RESULT;
gchar *
mock_seamldr_load(MockSeamldr *self, GBytes *sigstruct, GBytes *module, gboolean *wiped)
    G_GNUC_WARN_UNUSED_RESULT;

gchar *
mock_sigstruct_get_seamhash(GBytes *sigstruct);
gchar *
mock_sigstruct_get_version(GBytes *sigstruct);
guint16
mock_release_get_svn(const gchar *version);
