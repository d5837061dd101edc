/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cabinet-map.h"
#include "cabinet-options.h"
#include "tdx-tcb-info.h"

/* one of the devices that an image is for */
typedef struct {
	guint32 signature; /* CPUID.1.EAX, stepping masked */
	gboolean boot;	   /* the module that the next boot loads, else the one that runs */
} CabinetTarget;

/* an image that has been verified, with all that is to be published about it */
typedef struct {
	gchar *version; /* e.g. `1.5.16` */
	gchar *series;	/* e.g. `1.5` */
	gchar *source;	/* file that the image came from */
	const CabinetMapRelease *map;
	const TdxTcbInfo *tcb_info; /* (nullable): what it fixes, if that is known */
	FuStructTdxSigstruct *sigstruct;
	gchar *payload_sha256; /* as delivered, unless another header is wanted */
	gsize payload_size;    /* bytes */
	guint16 svn;
	gchar *date;   /* when it was signed, e.g. `2025-02-19` */
	gchar *mrseam; /* 96 hexadecimal digits */
	gchar *module_sha256;
	GArray *targets;       /* (element-type CabinetTarget): those that run come first */
	GPtrArray *warnings;   /* (element-type utf8) */
	gchar *cabinet_fn;     /* (nullable): where it is published */
	gchar *cabinet_sha256; /* (nullable): what is there */
} CabinetRelease;

CabinetRelease *
cabinet_release_load(const gchar *filename,
		     const CabinetMapRelease *map,
		     GPtrArray *signers,
		     const CabinetOptions *options,
		     GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3, 4);
void
cabinet_release_free(CabinetRelease *self);
GBytes *
cabinet_release_read_payload(const CabinetRelease *self,
			     const CabinetOptions *options,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_release_get_svn_str(const CabinetRelease *self) G_GNUC_NON_NULL(1);
gint
cabinet_release_compare(gconstpointer a, gconstpointer b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CabinetRelease, cabinet_release_free)
