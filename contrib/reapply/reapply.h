/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupd.h>
#include <syslog.h>

/* reapply-common.c */

/* a cabinet with the largest image has less than 4 MiB */
#define REAPPLY_FILE_SIZE_MAX (64 * 1024 * 1024)

/* prints one line for each outcome; the journal takes the priority of syslog from it */
void
reapply_say(gint priority, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
/* sets an error that nobody needs to tell from others, and returns FALSE */
gboolean
reapply_fail(GError **error, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
/* replaces a string by one that it takes, or by NULL */
void
reapply_take(gchar **field, gchar *value);
/* a number that is greater for a newer one, as 1.5.6 is 1.5.06; 0 with an error if it is none */
guint64
reapply_version_parse(const gchar *version, GError **error);
gboolean
reapply_version_equal(const gchar *version1, const gchar *version2);
/* a regular file of at most that size, nothing else is waited for; NOT_FOUND if there is none */
GBytes *
reapply_file_read(const gchar *filename, GError **error);

/* reapply-state.c */

/* all that is kept, in one record: so each change is there as a whole, or not at all. What is not
 * known or not there is NULL */
typedef struct {
	gint lock;		/* while this is open no other instance changes the state; or -1 */
	gchar *boot_id;		/* this boot; a kernel started by kexec has one of its own */
	gchar *damage;		/* why the record cannot be used */
	gchar *version;		/* of the stored release, e.g. `1.5.16` */
	gchar *sha1;		/* of its cabinet; in fwupd's history there is no other checksum */
	gchar *sha256;		/* of its cabinet */
	gchar *origin;		/* the name of the cabinet, for people */
	gchar *stored;		/* when, for people */
	gchar *forgotten;	/* SHA-1 of the cabinet that was cleared */
	gchar *seen_boot_id;	/* the boot of the last look */
	gchar *seen_running;	/* what was running then */
	gchar *seen_history;	/* the entry of fwupd's history then */
	gchar *seen_database;	/* the file of fwupd's history when it was dealt with */
	gchar *missing_version; /* what was installed last and is not stored */
	gchar *missing_sha1;	/* of its cabinet */
	gchar *missing_since;	/* when this was seen, %NULL if what was installed last is stored */
	gchar *missing_tries;	/* how often it could not be stored */
	gchar *missing_reason;	/* why it is not stored */
	gchar *attempt_boot_id; /* the boot of the last attempt to apply the stored release */
	gchar *attempt_result;	/* one of these: */
} ReapplyState;

#define REAPPLY_ATTEMPT_STARTED "started" /* nothing is known of its end */
#define REAPPLY_ATTEMPT_LOST	"lost"	  /* the TDX module was lost or is an unexpected one */
#define REAPPLY_ATTEMPT_DONE	"done"	  /* it is the stored one, or what it was before */

/* also lets other instances change what is kept */
void
reapply_state_free(ReapplyState *self);
/* reads what is kept; with @lock to change it, which waits for other instances that do */
ReapplyState *
reapply_state_new(gboolean lock, GError **error);
/* writes the record, with the lock; if it fails the old one is still there */
gboolean
reapply_state_save(ReapplyState *self, GError **error);
/* what was installed last is not stored, and @why; without @why, it is, or it was cleared */
void
reapply_state_miss(ReapplyState *self, const gchar *version, const gchar *sha1, const gchar *why);
/* this is the very release that is stored */
gboolean
reapply_state_is_stored(ReapplyState *self, const gchar *version, const gchar *sha1);
gchar *
reapply_state_get_cabinet(ReapplyState *self);
/* the very bytes that were verified */
GBytes *
reapply_state_read_cabinet(ReapplyState *self, GError **error);
/* stores a release, whose @origin is set, or with NULL nothing, in place of what is stored, with
 * the lock; if it fails that is still stored */
gboolean
reapply_state_store(ReapplyState *self, const gchar *version, GBytes *cabinet, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReapplyState, reapply_state_free)

/* reapply-host.c */

/* one look at the host, as fwupd sees it */
typedef struct {
	FwupdClient *client;
	GCancellable *cancellable; /* ends what takes too long */
	FwupdDevice *device;	   /* the TDX module that is running */
	FwupdDevice *boot_device;  /* (nullable): what the next boot loads */
	FwupdDevice *entry;	   /* (nullable): that of @device in the history */
	const gchar *running;	   /* (nullable): the version that is running */
	const gchar *version; /* (nullable): what @entry says that was installed successfully */
	const gchar *sha1;    /* (nullable): of its cabinet */
	const gchar *ignored; /* (nullable): what the boot could have brought, and has not */
} ReapplyHost;

void
reapply_host_free(ReapplyHost *self);
/* fwupd may take @timeout seconds for all that it is asked; the device may be @wait seconds late */
ReapplyHost *
reapply_host_new(gint timeout, gint wait, GError **error);
gboolean
reapply_host_look(ReapplyHost *self, GError **error);
/* makes an error of one of libfwupd, which sometimes gives none, and returns FALSE */
gboolean
reapply_host_fail(ReapplyHost *self, GError **error, const GError *reason, const gchar *prefix);
/* fwupd would install just this version from it; NOT_SUPPORTED if it has others */
gboolean
reapply_host_check_cabinet(ReapplyHost *self, GBytes *blob, const gchar *version, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReapplyHost, reapply_host_free)

/* reapply-boot.c */

/* reads what tells this boot from others, below /proc/sys/kernel */
gchar *
reapply_boot_read(const gchar *name, GError **error);
/* NOTHING_TO_DO if this boot did not come from a full reset */
gboolean
reapply_boot_check_reset(GError **error);
/* NOTHING_TO_DO if the boot has, or may have, brought a TDX module from the ESP */
gboolean
reapply_boot_check_module(ReapplyHost *host, GError **error);
/* the kernel may have been asked for an update that has failed: it keeps the last failure until the
 * next upload */
gboolean
reapply_boot_has_upload(void);

/* reapply-account.c */

/* takes account of what is seen, and saves nothing */
void
reapply_account_look(ReapplyState *state, ReapplyHost *host);
/* what is stored is what was last installed */
gboolean
reapply_account_check(ReapplyState *state, GError **error);

/* reapply-fetch.c */

/* the cabinet that was installed, from a server, a folder, or the folder of local metadata */
GBytes *
reapply_fetch(ReapplyHost *host, const gchar *sha1, gchar **origin, GError **error);

/* the commands: each does what its name says, or sets an error */

/* what is given on the command line */
typedef struct {
	gchar *filename;   /* (nullable): a cabinet to be stored */
	gchar *if_changed; /* (nullable): fwupd's history, to be looked at only if it has changed */
	gboolean json;	   /* for status */
	gint retry;	   /* seconds after which to try again the first time, or 0 */
	gint timeout;	   /* seconds that fwupd may take */
	gint wait;	   /* seconds that the device may be late */
} ReapplyOptions;

gboolean
reapply_command_apply(ReapplyOptions *options, GError **error);
gboolean
reapply_command_clear(ReapplyOptions *options, GError **error);
gboolean
reapply_command_status(ReapplyOptions *options, GError **error);
gboolean
reapply_command_store(ReapplyOptions *options, GError **error);
