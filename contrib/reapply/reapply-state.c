/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What is kept for the boots to come: a cabinet that is called by its SHA-256, and one record. All
 * changes with the rename of the record; what is done before can be lost, what is done after be
 * repeated.
 */

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "reapply.h"

#define REAPPLY_STATE_RECORD "state.conf"
#define REAPPLY_STATE_GROUP  "State"

static const struct {
	const gchar *key;
	gsize offset;
	guint digits; /* hexadecimal, needed if a release is stored */
} reapply_state_fields[] = {
    {"Version", G_STRUCT_OFFSET(ReapplyState, version), 0},
    {"Sha1", G_STRUCT_OFFSET(ReapplyState, sha1), 40},
    {"Sha256", G_STRUCT_OFFSET(ReapplyState, sha256), 64},
    {"Origin", G_STRUCT_OFFSET(ReapplyState, origin), 0},
    {"Stored", G_STRUCT_OFFSET(ReapplyState, stored), 0},
    {"Forgotten", G_STRUCT_OFFSET(ReapplyState, forgotten), 0},
    {"SeenBootId", G_STRUCT_OFFSET(ReapplyState, seen_boot_id), 0},
    {"SeenRunning", G_STRUCT_OFFSET(ReapplyState, seen_running), 0},
    {"SeenHistory", G_STRUCT_OFFSET(ReapplyState, seen_history), 0},
    {"SeenDatabase", G_STRUCT_OFFSET(ReapplyState, seen_database), 0},
    {"MissingVersion", G_STRUCT_OFFSET(ReapplyState, missing_version), 0},
    {"MissingSha1", G_STRUCT_OFFSET(ReapplyState, missing_sha1), 0},
    {"MissingSince", G_STRUCT_OFFSET(ReapplyState, missing_since), 0},
    {"MissingTries", G_STRUCT_OFFSET(ReapplyState, missing_tries), 0},
    {"MissingReason", G_STRUCT_OFFSET(ReapplyState, missing_reason), 0},
    {"AttemptBootId", G_STRUCT_OFFSET(ReapplyState, attempt_boot_id), 0},
    {"AttemptResult", G_STRUCT_OFFSET(ReapplyState, attempt_result), 0},
};

static gchar **
reapply_state_get_field(ReapplyState *self, guint i)
{
	return G_STRUCT_MEMBER_P(self, reapply_state_fields[i].offset);
}

/* systemd gives the folder */
static gchar *
reapply_state_get_path(const gchar *name)
{
	const gchar *dir = g_getenv("STATE_DIRECTORY");
	return g_build_filename(dir != NULL ? dir : "/var/lib/tdx-module", name, NULL);
}

static void
reapply_state_reset(ReapplyState *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(reapply_state_fields); i++)
		reapply_take(reapply_state_get_field(self, i), NULL);
}

void
reapply_state_free(ReapplyState *self)
{
	if (self == NULL)
		return;
	if (self->lock >= 0)
		(void)close(self->lock);
	reapply_state_reset(self);
	g_free(self->boot_id);
	g_free(self->damage);
	g_free(self);
}

static gboolean
reapply_state_lock(ReapplyState *self, GError **error)
{
	g_autofree gchar *dirname = reapply_state_get_path(NULL);
	g_autofree gchar *filename = reapply_state_get_path("lock");

	if (g_mkdir_with_parents(dirname, 0755) == 0)
		self->lock = g_open(filename, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (self->lock >= 0 && TEMP_FAILURE_RETRY(flock(self->lock, LOCK_EX)) == 0)
		return TRUE;
	return reapply_fail(error, "cannot lock %s: %s", filename, g_strerror(errno));
}

/* nothing is stored before there is a record; returns what is wrong with it */
static gchar *
reapply_state_load(ReapplyState *self, const gchar *filename)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) blob = reapply_file_read(filename, &error);
	g_autoptr(GKeyFile) kf = g_key_file_new();

	if (g_error_matches(error, FWUPD_ERROR, FWUPD_ERROR_NOT_FOUND))
		return NULL;
	if (blob == NULL || !g_key_file_load_from_bytes(kf, blob, G_KEY_FILE_NONE, &error))
		return g_strdup_printf("is damaged: %s", error->message);
	self->version = g_key_file_get_string(kf, REAPPLY_STATE_GROUP, "Version", NULL);
	if (self->version == NULL)
		return g_strdup("has no Version=");
	for (guint i = 1; i < G_N_ELEMENTS(reapply_state_fields); i++) {
		const gchar *key = reapply_state_fields[i].key;
		guint digits = self->version[0] != '\0' ? reapply_state_fields[i].digits : 0;
		gchar *value = g_key_file_get_string(kf, REAPPLY_STATE_GROUP, key, NULL);

		*reapply_state_get_field(self, i) = value;
		if (digits > 0 && (value == NULL || strlen(value) != digits ||
				   strspn(value, "0123456789abcdef") != digits))
			return g_strdup_printf("has %s=%s, needed are %u hexadecimal digits",
					       key,
					       value != NULL ? value : "",
					       digits);
	}
	if (self->version[0] == '\0')
		reapply_take(&self->version, NULL);
	return NULL;
}

ReapplyState *
reapply_state_new(gboolean lock, GError **error)
{
	g_autofree gchar *damage = NULL;
	g_autofree gchar *filename = reapply_state_get_path(REAPPLY_STATE_RECORD);
	g_autoptr(ReapplyState) self = g_new0(ReapplyState, 1);

	self->lock = -1;
	self->boot_id = reapply_boot_read("random/boot_id", error);
	if (self->boot_id == NULL || (lock && !reapply_state_lock(self, error)))
		return NULL;
	damage = reapply_state_load(self, filename);
	if (damage != NULL) {
		reapply_state_reset(self);
		self->damage =
		    g_strdup_printf("%s %s; run: tdx-module-reapply store", filename, damage);
		reapply_state_miss(self, NULL, NULL, self->damage);
		self->attempt_boot_id = g_strdup(self->boot_id);
		self->attempt_result = g_strdup(REAPPLY_ATTEMPT_STARTED);
	}
	return g_steal_pointer(&self);
}

/* after a crash the old one or the new one is there as a whole, and the new one if this returned */
static gboolean
reapply_state_write(const gchar *filename, gconstpointer buf, gsize bufsz, GError **error)
{
	if (g_file_set_contents_full(filename,
				     buf,
				     bufsz,
				     G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
				     0644,
				     error))
		return TRUE;
	g_prefix_error(error, "%s, which needs %" G_GSIZE_FORMAT " bytes: ", filename, bufsz);
	return FALSE;
}

gboolean
reapply_state_save(ReapplyState *self, GError **error)
{
	g_autofree gchar *data = NULL;
	g_autofree gchar *filename = reapply_state_get_path(REAPPLY_STATE_RECORD);
	g_autoptr(GKeyFile) kf = g_key_file_new();

	g_key_file_set_string(kf, REAPPLY_STATE_GROUP, "Version", "");
	for (guint i = 0; i < G_N_ELEMENTS(reapply_state_fields); i++) {
		const gchar *key = reapply_state_fields[i].key;
		const gchar *value = *reapply_state_get_field(self, i);
		g_autofree gchar *valid = value != NULL ? g_utf8_make_valid(value, -1) : NULL;

		if (valid != NULL)
			g_key_file_set_string(kf, REAPPLY_STATE_GROUP, key, valid);
	}
	data = g_key_file_to_data(kf, NULL, NULL);
	return reapply_state_write(filename, data, strlen(data), error);
}

static gchar *
reapply_state_now(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	return g_date_time_format_iso8601(now);
}

void
reapply_state_miss(ReapplyState *self, const gchar *version, const gchar *sha1, const gchar *why)
{
	reapply_take(&self->missing_version, g_strdup(version));
	reapply_take(&self->missing_sha1, g_strdup(sha1));
	reapply_take(&self->missing_since, why != NULL ? reapply_state_now() : NULL);
	reapply_take(&self->missing_tries, why != NULL ? g_strdup("0") : NULL);
	reapply_take(&self->missing_reason, g_strdup(why));
}

gboolean
reapply_state_is_stored(ReapplyState *self, const gchar *version, const gchar *sha1)
{
	return self->sha1 != NULL && g_strcmp0(self->sha1, sha1) == 0 &&
	       reapply_version_equal(self->version, version);
}

gchar *
reapply_state_get_cabinet(ReapplyState *self)
{
	g_autofree gchar *name = g_strconcat(self->sha256, ".cab", NULL);
	return reapply_state_get_path(name);
}

GBytes *
reapply_state_read_cabinet(ReapplyState *self, GError **error)
{
	g_autofree gchar *filename = reapply_state_get_cabinet(self);
	g_autofree gchar *sha256 = NULL;
	g_autoptr(GBytes) blob = reapply_file_read(filename, error);

	if (blob == NULL) {
		g_prefix_error(error, "the stored cabinet cannot be used: ");
		return NULL;
	}
	sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, blob);
	if (g_strcmp0(sha256, self->sha256) == 0)
		return g_steal_pointer(&blob);
	reapply_fail(error,
		     "the stored cabinet %s is damaged: its %" G_GSIZE_FORMAT
		     " bytes have the SHA-256 %s, needed is %s",
		     filename,
		     g_bytes_get_size(blob),
		     sha256,
		     self->sha256);
	return NULL;
}

/* cabinets that were replaced, and what was left by an instance that was killed */
static void
reapply_state_remove_others(ReapplyState *self)
{
	const gchar *name;
	g_autofree gchar *keep = g_strconcat(self->sha256, ".cab", NULL);
	g_autofree gchar *path = reapply_state_get_path(NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		const gchar *const kept[] = {"lock", REAPPLY_STATE_RECORD, keep, NULL};
		g_autofree gchar *filename = reapply_state_get_path(name);

		if (!g_strv_contains(kept, name))
			(void)g_unlink(filename);
	}
}

gboolean
reapply_state_store(ReapplyState *self, const gchar *version, GBytes *cabinet, GError **error)
{
	g_autofree gchar *filename = NULL;
	g_autofree gchar *sha256 = g_steal_pointer(&self->sha256);

	reapply_state_miss(self, NULL, NULL, NULL);
	reapply_take(&self->version, g_strdup(version));
	reapply_take(&self->stored, cabinet != NULL ? reapply_state_now() : NULL);
	reapply_take(&self->sha1, NULL);
	if (cabinet != NULL) {
		reapply_take(&self->forgotten, NULL);
		self->sha1 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, cabinet);
		self->sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, cabinet);
		filename = reapply_state_get_cabinet(self);
		if (!reapply_state_write(filename,
					 g_bytes_get_data(cabinet, NULL),
					 g_bytes_get_size(cabinet),
					 error))
			return FALSE;
	}
	if (self->attempt_result != NULL && g_strcmp0(self->sha256, sha256) != 0)
		reapply_take(&self->attempt_result, g_strdup(REAPPLY_ATTEMPT_DONE));
	if (!reapply_state_save(self, error))
		return FALSE;
	reapply_state_remove_others(self);
	return TRUE;
}
