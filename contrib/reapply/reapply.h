/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>

/* reapply-common.c */

typedef enum {
	REAPPLY_PRIORITY_ERR = 3,
	REAPPLY_PRIORITY_NOTICE = 5,
	REAPPLY_PRIORITY_INFO = 6,
} ReapplyPriority;

void
reapply_say(ReapplyPriority priority, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
gboolean
reapply_fail(GError **error, FwupdError code, const gchar *format, ...) G_GNUC_PRINTF(3, 4);
gchar *
reapply_now(void);
gboolean
reapply_version_compare(const gchar *version1, const gchar *version2, gint *rc, GError **error);
gboolean
reapply_version_equal(const gchar *version1, const gchar *version2);

/* reapply-file.c */

/* a cabinet with the largest image has less than 4 MiB */
#define REAPPLY_FILE_SIZE_MAX (64 * 1024 * 1024)

/**
 * ReapplyLock:
 *
 * A file descriptor; while it is open no other instance changes the state.
 **/
typedef gint ReapplyLock;

void
reapply_lock_release(ReapplyLock self);

G_DEFINE_AUTO_CLEANUP_FREE_FUNC(ReapplyLock, reapply_lock_release, -1)

gchar *
reapply_state_path(const gchar *name);
gchar *
reapply_runtime_path(const gchar *name);
ReapplyLock
reapply_state_lock(GError **error);
gboolean
reapply_file_write(const gchar *filename, gconstpointer buf, gsize bufsz, GError **error);
GBytes *
reapply_file_read(const gchar *filename, GError **error);
GKeyFile *
reapply_record_load(const gchar *name, GError **error);
gboolean
reapply_record_save(const gchar *name, GKeyFile *kf, GError **error);

/* reapply-boot.c */

gchar *
reapply_boot_get_id(GError **error);
gboolean
reapply_boot_check(GError **error);
gboolean
reapply_boot_has_upload(void);

/* reapply-release.c */

/**
 * ReapplyRelease:
 * @version: what runs after it has been installed, e.g. `1.5.16`
 * @sha1: of the cabinet, in fwupd's history there is no other checksum
 * @sha256: of the cabinet
 * @origin: the name of the cabinet, for people
 * @stored: when, for people
 *
 * The release that is stored on this host.
 **/
typedef struct {
	gchar *version;
	gchar *sha1;
	gchar *sha256;
	gchar *origin;
	gchar *stored;
} ReapplyRelease;

void
reapply_release_free(ReapplyRelease *self);
ReapplyRelease *
reapply_release_new(const gchar *version, const gchar *origin, GBytes *cabinet);
ReapplyRelease *
reapply_release_load(GError **error);
gchar *
reapply_release_get_filename(ReapplyRelease *self);
GBytes *
reapply_release_read_cabinet(ReapplyRelease *self, GError **error);
gboolean
reapply_release_is(ReapplyRelease *self, const gchar *version, const gchar *sha1);
gboolean
reapply_release_save(ReapplyRelease *self, GBytes *cabinet, GError **error);
gboolean
reapply_release_forget(const gchar *sha1, GError **error);
gboolean
reapply_release_is_forgotten(const gchar *sha1);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReapplyRelease, reapply_release_free)

/* reapply-account.c */

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

/* reapply-attempt.c */

/**
 * ReapplyResult:
 * @REAPPLY_RESULT_NONE: there was no attempt
 * @REAPPLY_RESULT_STARTED: nothing is known of its end
 * @REAPPLY_RESULT_SUCCESS: the release has been applied
 * @REAPPLY_RESULT_UNCHANGED: it failed, and the TDX module is what it was
 * @REAPPLY_RESULT_REFUSED: fwupd has refused it, and the kernel was asked for nothing
 * @REAPPLY_RESULT_LOST: it failed, and the TDX module was lost or is an unexpected one
 *
 * What became of an attempt.
 **/
typedef enum {
	REAPPLY_RESULT_NONE,
	REAPPLY_RESULT_STARTED,
	REAPPLY_RESULT_SUCCESS,
	REAPPLY_RESULT_UNCHANGED,
	REAPPLY_RESULT_REFUSED,
	REAPPLY_RESULT_LOST,
} ReapplyResult;

ReapplyResult
reapply_attempt_get_last(const gchar *sha256, gboolean *this_boot);
gboolean
reapply_attempt_note(const gchar *sha256, ReapplyResult result, GError **error);
gboolean
reapply_attempt_forgive(const gchar *sha256, GError **error);

/* reapply-fwupd.c */

gboolean
reapply_fwupd_fail(GError **error, GError *error_fwupd, const gchar *prefix);
FwupdClient *
reapply_fwupd_connect(GError **error);
FwupdDevice *
reapply_fwupd_get_device(FwupdClient *client, GError **error);
gboolean
reapply_fwupd_get_entry(FwupdClient *client,
			FwupdDevice *device,
			FwupdDevice **entry,
			GError **error);
gboolean
reapply_fwupd_is_success(FwupdDevice *entry);
const gchar *
reapply_fwupd_get_sha1(FwupdDevice *entry);
const gchar *
reapply_fwupd_get_version(FwupdDevice *entry);
gboolean
reapply_fwupd_check_cabinet(FwupdClient *client,
			    FwupdDevice *device,
			    GBytes *cabinet,
			    const gchar *version,
			    GError **error);

/* reapply-host.c */

/**
 * ReapplyHost:
 * @client: of fwupd
 * @device: the TDX module
 * @entry: (nullable): its entry in the history
 * @release: (nullable): what is stored
 * @account: what was installed
 *
 * One look at the host.
 **/
typedef struct {
	FwupdClient *client;
	FwupdDevice *device;
	FwupdDevice *entry;
	ReapplyRelease *release;
	ReapplyAccount *account;
} ReapplyHost;

void
reapply_host_free(ReapplyHost *self);
ReapplyHost *
reapply_host_new(gint wait, GError **error);
gboolean
reapply_host_look(ReapplyHost *self, GError **error);
gboolean
reapply_host_is_running(ReapplyHost *self, const gchar *version);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReapplyHost, reapply_host_free)

/* reapply-fetch.c */

GBytes *
reapply_fetch(const gchar *sha1, gchar **origin, GError **error);

/* reapply-apply.c */

gboolean
reapply_apply_check(ReapplyHost *host, ReapplyRelease *release, GBytes **cabinet, GError **error);

/* the commands: each does what its name says, and returns an exit status */

/**
 * ReapplyOptions:
 * @if_changed: (nullable): fwupd's history, to be looked at only if it has changed
 * @json: print JSON
 * @retry: after how many seconds to try again the first time, or 0
 * @timeout: how many seconds all may take, or 0
 * @wait: how many seconds the device may be late
 *
 * What is given on the command line.
 **/
typedef struct {
	gchar *if_changed;
	gboolean json;
	gint retry;
	gint timeout;
	gint wait;
} ReapplyOptions;

gint
reapply_command_apply(ReapplyOptions *options, const gchar *unused);
gint
reapply_command_clear(ReapplyOptions *options, const gchar *unused);
gint
reapply_command_fetch(ReapplyOptions *options, const gchar *sha1);
gint
reapply_command_status(ReapplyOptions *options, const gchar *unused);
gint
reapply_command_store(ReapplyOptions *options, const gchar *filename);
