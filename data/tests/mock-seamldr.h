/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

/* Intel's production key, as SHA-384 of the modulus */
#define MOCK_SEAMLDR_SIGNER_INTEL                                                                  \
	"c8572f548869a0beca19376b81c2dffc2a23b5a5f71da0b87579b43f408daa1a"                         \
	"33bad9c149eb56c634f883737968a34c"

/**
 * MockKernel:
 * @name: value of --kernel
 * @upload_name: directory below /sys/class/firmware
 * @seamldr_dir: the P-SEAMLDR attributes are in a directory of their own
 * @seamldr_mode: mode of the P-SEAMLDR attributes
 * @header_version: the only image header that it takes
 * @header_checksum: the checksum has to be right
 * @sigstruct_pages_min: fewest sigstruct pages that pass the header check
 * @sigstruct_pages_max: most sigstruct pages that pass the header check
 * @module_pages_min: fewest module pages that pass the header check
 * @checks_host: refuses a full log or an offline CPU before anything is shut down
 * @error_full_log: what `error` says then
 * @error_offline_cpu: what `error` says then
 * @error_seamldr: what `error` says when the P-SEAMLDR refused
 *
 * What differs between the kernels that a user may run.
 **/
typedef struct {
	const gchar *name;
	const gchar *upload_name;
	gboolean seamldr_dir;
	guint seamldr_mode;
	guint16 header_version;
	gboolean header_checksum;
	guint sigstruct_pages_min;
	guint sigstruct_pages_max;
	guint module_pages_min;
	gboolean checks_host;
	const gchar *error_full_log;
	const gchar *error_offline_cpu;
	const gchar *error_seamldr;
} MockKernel;

/**
 * MockSeamldr:
 * @version_major: its own series, 1 or 2
 * @remaining: how many updates fit in its log
 * @running_svn: of the module that runs
 * @cpus: (element-type guint32): CPUID.1.EAX of every socket
 * @signers: (element-type utf8): trusted key hashes, SHA-384 as lower-case hex
 *
 * What the P-SEAMLDR knows of the machine.
 **/
typedef struct {
	guint version_major;
	guint remaining;
	guint16 running_svn;
	GArray *cpus;
	GPtrArray *signers;
} MockSeamldr;

const MockKernel *
mock_kernel_find(const gchar *name);
gchar *
mock_kernel_check_header(const MockKernel *self, GBytes *image, GBytes **sigstruct, GBytes **module)
    G_GNUC_WARN_UNUSED_RESULT;

gchar *
mock_seamldr_install(MockSeamldr *self, GBytes *sigstruct, GBytes *module, gboolean all_cpus_online)
    G_GNUC_WARN_UNUSED_RESULT;

gchar *
mock_sigstruct_get_seamhash(GBytes *sigstruct);
gchar *
mock_sigstruct_get_version(GBytes *sigstruct);
guint16
mock_release_get_svn(const gchar *version);
