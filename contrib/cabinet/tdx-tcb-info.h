/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/* SHA-256 of the public key of "Intel SGX Root CA", at which each chain ends */
#define TDX_TCB_INFO_ROOT "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e"

/* what is said about the modules from an SVN on */
typedef struct {
	guint16 svn;	       /* as in TdxReleased */
	gchar *status;	       /* e.g. `UpToDate` or `OutOfDate` */
	gchar *date;	       /* since when, e.g. `2025-08-13` */
	GPtrArray *advisories; /* (element-type utf8): open ones, e.g. `INTEL-SA-01192` */
} TdxTcbLevel;

/* a set of Intel's TCB recovery, as far as it is about TDX modules */
typedef struct {
	guint64 set;	   /* tcbEvaluationDataNumber */
	gchar *date;	   /* when it was issued, e.g. `2026-08-13` */
	gchar *fmspc;	   /* of which platform, e.g. `B0C06F000000`; has CPUID.1.EAX in it */
	gboolean stale;	   /* after its nextUpdate */
	GPtrArray *levels; /* (element-type TdxTcbLevel): those of a series from the highest on */
} TdxTcbInfo;

TdxTcbInfo *
tdx_tcb_info_load(const gchar *filename,
		  const gchar *chain_fn,
		  const gchar *root,
		  gboolean allow_expired,
		  GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
void
tdx_tcb_info_free(TdxTcbInfo *self);
const TdxTcbLevel *
tdx_tcb_info_find_level(const TdxTcbInfo *self, guint16 svn) G_GNUC_NON_NULL(1);
GPtrArray *
tdx_tcb_info_get_fixed(const TdxTcbInfo *self, guint16 svn) G_GNUC_NON_NULL(1);
gboolean
tdx_tcb_info_mends_out_of_date(const TdxTcbInfo *self, guint16 svn) G_GNUC_NON_NULL(1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TdxTcbInfo, tdx_tcb_info_free)
