/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

#include "reapply-release.h"

/**
 * ReapplyAccount:
 * @boot_id: the boot of the last look
 * @running: (nullable): what was running then
 * @history: the entry of fwupd's history then
 * @version: (nullable): what was installed last and is not stored, if that is known
 * @sha1: (nullable): of its cabinet, if that is known
 * @since: (nullable): when this was seen first, or %NULL if what was installed last is stored
 * @tries: how often it could not be stored
 * @reason: (nullable): why it is not stored
 *
 * What was seen of installations, because the history has only the last one, also if it has failed.
 **/
typedef struct {
	gchar *boot_id;
	gchar *running;
	gchar *history;
	gchar *version;
	gchar *sha1;
	gchar *since;
	guint64 tries;
	gchar *reason;
} ReapplyAccount;

void
reapply_account_free(ReapplyAccount *self);
ReapplyAccount *
reapply_account_load(void);
gboolean
reapply_account_save(ReapplyAccount *self, GError **error);
void
reapply_account_look(ReapplyAccount *self,
		     FwupdDevice *device,
		     FwupdDevice *entry,
		     ReapplyRelease *release);
void
reapply_account_settle(ReapplyAccount *self);
void
reapply_account_fail(ReapplyAccount *self, const gchar *reason);
gboolean
reapply_account_check(ReapplyAccount *self, ReapplyRelease *release, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReapplyAccount, reapply_account_free)
