/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What was last installed successfully on this host, as far as it was seen. The history has one
 * entry for the device: a later attempt that fails replaces that of the installation before it.
 * So each entry is looked at when it comes; what was missed is unknown, and unknown is not stored.
 */

#include "reapply.h"

#define REAPPLY_ACCOUNT_RECORD "installed.conf"

static const struct {
	const gchar *group;
	const gchar *key;
	gsize offset;
} reapply_account_values[] = {
    {"Seen", "BootId", G_STRUCT_OFFSET(ReapplyAccount, boot_id)},
    {"Seen", "Running", G_STRUCT_OFFSET(ReapplyAccount, running)},
    {"Seen", "History", G_STRUCT_OFFSET(ReapplyAccount, history)},
    {"Missing", "Version", G_STRUCT_OFFSET(ReapplyAccount, version)},
    {"Missing", "Sha1", G_STRUCT_OFFSET(ReapplyAccount, sha1)},
    {"Missing", "Since", G_STRUCT_OFFSET(ReapplyAccount, since)},
    {"Missing", "Reason", G_STRUCT_OFFSET(ReapplyAccount, reason)},
};

static gchar **
reapply_account_get_value(ReapplyAccount *self, guint i)
{
	return G_STRUCT_MEMBER_P(self, reapply_account_values[i].offset);
}

/**
 * reapply_account_free:
 * @self: (nullable): an account
 *
 * Frees an account.
 **/
void
reapply_account_free(ReapplyAccount *self)
{
	for (guint i = 0; self != NULL && i < G_N_ELEMENTS(reapply_account_values); i++)
		g_free(*reapply_account_get_value(self, i));
	g_free(self);
}

static void
reapply_account_miss(ReapplyAccount *self,
		     const gchar *version,
		     const gchar *sha1,
		     const gchar *reason)
{
	reapply_account_settle(self);
	self->version = g_strdup(version);
	self->sha1 = g_strdup(sha1);
	self->since = reapply_now();
	self->reason = g_strdup(reason);
}

/**
 * reapply_account_load:
 * Reads the account. From one that is damaged nothing is known.
 *
 * Returns: (transfer full): an account
 **/
ReapplyAccount *
reapply_account_load(void)
{
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GKeyFile) kf = reapply_record_load(REAPPLY_ACCOUNT_RECORD, &error_local);
	g_autoptr(ReapplyAccount) self = g_new0(ReapplyAccount, 1);

	if (kf == NULL && !g_error_matches(error_local, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND))
		reapply_account_miss(self, NULL, NULL, error_local->message);
	for (guint i = 0; kf != NULL && i < G_N_ELEMENTS(reapply_account_values); i++)
		*reapply_account_get_value(self, i) =
		    g_key_file_get_string(kf,
					  reapply_account_values[i].group,
					  reapply_account_values[i].key,
					  NULL);
	if (kf != NULL)
		self->tries = g_key_file_get_uint64(kf, "Missing", "Tries", NULL);
	return g_steal_pointer(&self);
}

/**
 * reapply_account_save:
 * @self: an account
 *
 * Writes the account. The caller has the lock.
 **/
gboolean
reapply_account_save(ReapplyAccount *self, GError **error)
{
	g_autoptr(GKeyFile) kf = g_key_file_new();

	for (guint i = 0; i < G_N_ELEMENTS(reapply_account_values); i++) {
		const gchar *value = *reapply_account_get_value(self, i);
		if (value != NULL)
			g_key_file_set_string(kf,
					      reapply_account_values[i].group,
					      reapply_account_values[i].key,
					      value);
	}
	if (self->tries > 0)
		g_key_file_set_uint64(kf, "Missing", "Tries", self->tries);
	return reapply_record_save(REAPPLY_ACCOUNT_RECORD, kf, error);
}

/* two that are the same have nothing between them */
static gchar *
reapply_account_describe_entry(FwupdDevice *entry)
{
	if (entry == NULL)
		return g_strdup("none");
	return g_strdup_printf("%s %s from %s %s %" G_GUINT64_FORMAT,
			       reapply_fwupd_get_sha1(entry),
			       reapply_fwupd_get_version(entry),
			       fwupd_device_get_version(entry),
			       fwupd_update_state_to_string(fwupd_device_get_update_state(entry)),
			       fwupd_device_get_modified(entry));
}

static void
reapply_account_look_success(ReapplyAccount *self,
			     gboolean same_boot,
			     const gchar *running,
			     FwupdDevice *entry,
			     ReapplyRelease *release)
{
	const gchar *sha1 = reapply_fwupd_get_sha1(entry);
	const gchar *version = reapply_fwupd_get_version(entry);
	gboolean runs = reapply_version_equal(running, version);

	/* fwupd enters what it is about to install as it entered the installation before, so after
	 * a crash the history has a success that was none */
	if (reapply_release_is(release, version, sha1)) {
		if (runs)
			reapply_account_settle(self);
		return;
	}
	if (reapply_release_is_forgotten(sha1) ||
	    (g_strcmp0(self->sha1, sha1) == 0 && reapply_version_equal(self->version, version)))
		return;

	/* or it is being installed: within a boot a success would have raised the version */
	if (same_boot && !runs && reapply_version_equal(running, self->running) &&
	    reapply_version_equal(running, fwupd_device_get_version(entry)))
		return;
	reapply_account_miss(self,
			     version,
			     sha1,
			     runs ? "this has just been seen"
				  : "it is not running, so it may be an update that has not come "
				    "to its end");
}

/* within a boot each installation is newer than the one before */
static gboolean
reapply_account_has_missed(ReapplyAccount *self,
			   gboolean same_boot,
			   const gchar *running,
			   FwupdDevice *entry)
{
	gint rc = 0;

	/* what it was tried on is what was there before it */
	if (entry != NULL && !reapply_fwupd_is_success(entry)) {
		const gchar *before = fwupd_device_get_version(entry);
		return !same_boot || !reapply_version_equal(before, self->running);
	}
	return same_boot && running != NULL &&
	       (!reapply_version_compare(running, self->running, &rc, NULL) || rc > 0) &&
	       (entry == NULL || !reapply_version_equal(running, reapply_fwupd_get_version(entry)));
}

/**
 * reapply_account_look:
 * @self: an account
 * @device: the TDX module
 * @entry: (nullable): its entry in the history
 * @release: (nullable): what is stored
 *
 * Takes account of what is seen.
 **/
void
reapply_account_look(ReapplyAccount *self,
		     FwupdDevice *device,
		     FwupdDevice *entry,
		     ReapplyRelease *release)
{
	const gchar *running = fwupd_device_get_version(device);
	g_autofree gchar *boot_id = reapply_boot_get_id(NULL);
	g_autofree gchar *history = reapply_account_describe_entry(entry);
	gboolean same_boot = boot_id != NULL && g_strcmp0(self->boot_id, boot_id) == 0;
	gboolean same = g_strcmp0(self->history, history) == 0;

	/* if nothing is stored, nothing can be applied in its place */
	if ((release != NULL || self->since != NULL) &&
	    !(same && entry != NULL && !reapply_fwupd_is_success(entry)) &&
	    reapply_account_has_missed(self, same_boot, running, entry))
		reapply_account_miss(self,
				     NULL,
				     NULL,
				     "fwupd's history does not tell what was installed");
	if (entry != NULL && reapply_fwupd_is_success(entry))
		reapply_account_look_success(self, same_boot, running, entry, release);
	if (reapply_release_is(release, self->version, self->sha1))
		reapply_account_settle(self);
	g_free(self->boot_id);
	g_free(self->running);
	g_free(self->history);
	self->boot_id = boot_id != NULL ? g_steal_pointer(&boot_id) : g_strdup("");
	self->running = g_strdup(running);
	self->history = g_steal_pointer(&history);
}

/**
 * reapply_account_settle:
 * @self: an account
 *
 * Notes that what was installed last is stored, or was cleared.
 **/
void
reapply_account_settle(ReapplyAccount *self)
{
	g_clear_pointer(&self->version, g_free);
	g_clear_pointer(&self->sha1, g_free);
	g_clear_pointer(&self->since, g_free);
	g_clear_pointer(&self->reason, g_free);
	self->tries = 0;
}

/**
 * reapply_account_fail:
 * @self: an account
 * @reason: why
 *
 * Notes that what was installed last could not be stored.
 **/
void
reapply_account_fail(ReapplyAccount *self, const gchar *reason)
{
	self->tries++;
	g_free(self->reason);
	self->reason = g_strdup(reason);
}

/**
 * reapply_account_check:
 * @self: an account
 * @release: what is stored
 *
 * Finds out if that is what was last installed.
 **/
gboolean
reapply_account_check(ReapplyAccount *self, ReapplyRelease *release, GError **error)
{
	if (self->since == NULL)
		return TRUE;
	if (self->sha1 == NULL)
		reapply_fail(error,
			     FWUPD_ERROR_NOT_SUPPORTED,
			     "it is not certain to be what was installed last: %s, seen %s; to "
			     "settle that, run: fwupdmgr install FILE.cab",
			     self->reason,
			     self->since);
	else
		reapply_fail(
		    error,
		    FWUPD_ERROR_NOT_SUPPORTED,
		    "version %s with the SHA-1 %s was installed since, seen %s, and is not "
		    "stored: %s; stored is %s; with its cabinet, run: "
		    "tdx-module-reapply store FILE.cab",
		    self->version,
		    self->sha1,
		    self->since,
		    self->reason,
		    release->sha1);
	return FALSE;
}
