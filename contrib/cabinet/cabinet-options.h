/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fu-tdx-blob-firmware.h"

/* what the publisher decides */
typedef struct CabinetOptions CabinetOptions;
struct CabinetOptions {
	gchar *map_fn;		/* (nullable): instead of that of the checkout */
	gchar *release_version; /* (nullable): instead of that in the name of a single image */
	gboolean strict;	/* only for running versions that are strictly compatible */
	gchar *header_version;	/* (nullable): as delivered */
	FuTdxBlobVersion blob_version; /* the same as a number */
	gchar *urgency;		       /* (nullable): as follows from what it fixes */
	gchar *fwupd_version;	       /* the oldest that may install it */
	gchar *description;	       /* (nullable): what is new */
	gchar **issues;		       /* (nullable): what is fixed */
	gchar *notes_fn;	       /* (nullable): the same for each of several images */
	gchar **tcb_infos;	       /* (nullable) */
	gchar **tcb_chains;	       /* (nullable): of each of these, or one of all */
	gboolean tcb_expired;
	GKeyFile *notes; /* has what is in that file */
	gchar **quirks;	 /* (nullable): instead of the installed ones */
	gchar *certificate_fn;
	gchar *key_fn;
	gchar *output;
	gchar *base_uri;    /* (nullable): where clients see a mirror, if not in the file system */
	gchar *remote_fn;   /* (nullable): more settings for the hosts of a mirror */
	gint keep_days;	    /* for how long a mirror serves earlier editions */
	gint phased_update; /* offered to one of that many hosts; 0 for all */
	gboolean json;
	gboolean version;
	void (*progress)(const CabinetOptions *self, guint done, guint total, const gchar *name);
};

gboolean
cabinet_options_parse(CabinetOptions *self, gint *argc, gchar ***argv, GError **error)
    G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1, 2, 3);
gboolean
cabinet_options_check(CabinetOptions *self, GError **error) G_GNUC_WARN_UNUSED_RESULT
    G_GNUC_NON_NULL(1);
gboolean
cabinet_options_check_images(const CabinetOptions *self,
			     guint n_images,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT G_GNUC_NON_NULL(1);
gchar *
cabinet_options_get_description(const CabinetOptions *self, const gchar *version)
    G_GNUC_NON_NULL(1, 2);
gchar **
cabinet_options_get_issues(const CabinetOptions *self, const gchar *version) G_GNUC_NON_NULL(1, 2);
gchar *
cabinet_options_get_urgency(const CabinetOptions *self, const gchar *version) G_GNUC_NON_NULL(1, 2);
void
cabinet_options_clear(CabinetOptions *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CabinetOptions, cabinet_options_clear)
