/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The stored release: a cabinet that is called by its SHA-256, and a record that names it. What
 * is stored changes with the rename of the record; all before can be lost, all after be repeated.
 */

#include "reapply-release.h"

#include <string.h>

#include "reapply-file.h"

#define REAPPLY_RELEASE_RECORD	  "release.conf"
#define REAPPLY_RELEASE_FORGOTTEN "forgotten"
#define REAPPLY_RELEASE_GROUP	  "Release"

/**
 * reapply_release_free:
 * @self: (nullable): a release
 *
 * Frees a release.
 **/
void
reapply_release_free(ReapplyRelease *self)
{
	if (self == NULL)
		return;
	g_free(self->version);
	g_free(self->sha1);
	g_free(self->sha256);
	g_free(self->origin);
	g_free(self->stored);
	g_free(self);
}

/**
 * reapply_release_new:
 * @version: of the TDX module
 * @origin: the name of the cabinet
 * @cabinet: its content
 *
 * Describes a release that is not stored yet.
 *
 * Returns: (transfer full): a release
 **/
ReapplyRelease *
reapply_release_new(const gchar *version, const gchar *origin, GBytes *cabinet)
{
	ReapplyRelease *self = g_new0(ReapplyRelease, 1);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();

	self->version = g_strdup(version);
	self->sha1 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, cabinet);
	self->sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, cabinet);
	self->origin = g_path_get_basename(origin);
	self->stored = g_date_time_format_iso8601(now);
	return self;
}

static gchar *
reapply_release_get_checksum(GKeyFile *kf,
			     const gchar *filename,
			     const gchar *key,
			     gsize digits,
			     GError **error)
{
	g_autofree gchar *value = g_key_file_get_string(kf, REAPPLY_RELEASE_GROUP, key, NULL);

	if (value == NULL || strlen(value) != digits ||
	    strspn(value, "0123456789abcdef") != digits) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s has %s=%s, needed are %" G_GSIZE_FORMAT " hexadecimal digits; "
			    "run: tdx-module-reapply store",
			    filename,
			    key,
			    value != NULL ? value : "",
			    digits);
		return NULL;
	}
	return g_steal_pointer(&value);
}

/**
 * reapply_release_load:
 * @error: (nullable): optional return location for an error
 *
 * Reads the record.
 *
 * Returns: (transfer full): a release, or %NULL; %FWUPD_ERROR_NOT_FOUND if none is stored
 **/
ReapplyRelease *
reapply_release_load(GError **error)
{
	g_autofree gchar *filename = reapply_state_path(REAPPLY_RELEASE_RECORD);
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GKeyFile) kf = g_key_file_new();
	g_autoptr(ReapplyRelease) self = g_new0(ReapplyRelease, 1);

	blob = reapply_file_read(filename, error);
	if (blob == NULL)
		return NULL;
	if (!g_key_file_load_from_bytes(kf, blob, G_KEY_FILE_NONE, &error_local)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s is damaged: %s; run: tdx-module-reapply store",
			    filename,
			    error_local->message);
		return NULL;
	}
	self->version = g_key_file_get_string(kf, REAPPLY_RELEASE_GROUP, "Version", NULL);
	if (self->version == NULL || self->version[0] == '\0') {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s has no Version=; run: tdx-module-reapply store",
			    filename);
		return NULL;
	}
	self->sha1 = reapply_release_get_checksum(kf, filename, "Sha1", 40, error);
	if (self->sha1 == NULL)
		return NULL;
	self->sha256 = reapply_release_get_checksum(kf, filename, "Sha256", 64, error);
	if (self->sha256 == NULL)
		return NULL;
	self->origin = g_key_file_get_string(kf, REAPPLY_RELEASE_GROUP, "Origin", NULL);
	self->stored = g_key_file_get_string(kf, REAPPLY_RELEASE_GROUP, "Stored", NULL);
	return g_steal_pointer(&self);
}

/**
 * reapply_release_get_filename:
 * @self: a release
 *
 * Gets where the cabinet is stored.
 *
 * Returns: (transfer full): a path
 **/
gchar *
reapply_release_get_filename(ReapplyRelease *self)
{
	g_autofree gchar *name = g_strconcat(self->sha256, ".cab", NULL);
	return reapply_state_path(name);
}

/**
 * reapply_release_read_cabinet:
 * @self: a release
 * @error: (nullable): optional return location for an error
 *
 * Reads the stored cabinet, and verifies it.
 *
 * Returns: (transfer full): the very bytes that were verified, or %NULL
 **/
GBytes *
reapply_release_read_cabinet(ReapplyRelease *self, GError **error)
{
	g_autofree gchar *filename = reapply_release_get_filename(self);
	g_autofree gchar *sha256 = NULL;
	g_autoptr(GBytes) blob = reapply_file_read(filename, error);

	if (blob == NULL) {
		g_prefix_error(error, "the stored cabinet cannot be used: ");
		return NULL;
	}
	sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, blob);
	if (g_strcmp0(sha256, self->sha256) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "the stored cabinet %s is damaged: its %" G_GSIZE_FORMAT
			    " bytes have the SHA-256 %s, needed is %s",
			    filename,
			    g_bytes_get_size(blob),
			    sha256,
			    self->sha256);
		return NULL;
	}
	return g_steal_pointer(&blob);
}

/* cabinets that were replaced, and what was left by an instance that was killed */
static void
reapply_release_remove_others(const gchar *keep)
{
	const gchar *name;
	g_autofree gchar *path = reapply_state_path("");
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *filename = reapply_state_path(name);
		if (!g_str_has_suffix(name, ".cab") && !g_str_has_suffix(name, ".new"))
			continue;
		if (g_strcmp0(filename, keep) != 0)
			(void)reapply_file_remove(filename, NULL);
	}
}

/**
 * reapply_release_save:
 * @self: a release
 * @cabinet: its content
 * @error: (nullable): optional return location for an error
 *
 * Stores a release in place of the one that is stored. The caller has the lock.
 *
 * Returns: %TRUE for success; else the old one is still stored
 **/
gboolean
reapply_release_save(ReapplyRelease *self, GBytes *cabinet, GError **error)
{
	g_autofree gchar *cabinet_fn = reapply_release_get_filename(self);
	g_autofree gchar *data = NULL;
	g_autofree gchar *forgotten_fn = reapply_state_path(REAPPLY_RELEASE_FORGOTTEN);
	g_autofree gchar *record_fn = reapply_state_path(REAPPLY_RELEASE_RECORD);
	g_autoptr(GKeyFile) kf = g_key_file_new();

	if (!reapply_file_write(cabinet_fn,
				g_bytes_get_data(cabinet, NULL),
				g_bytes_get_size(cabinet),
				error))
		return FALSE;
	g_key_file_set_string(kf, REAPPLY_RELEASE_GROUP, "Version", self->version);
	g_key_file_set_string(kf, REAPPLY_RELEASE_GROUP, "Sha256", self->sha256);
	g_key_file_set_string(kf, REAPPLY_RELEASE_GROUP, "Sha1", self->sha1);
	g_key_file_set_string(kf, REAPPLY_RELEASE_GROUP, "Origin", self->origin);
	g_key_file_set_string(kf, REAPPLY_RELEASE_GROUP, "Stored", self->stored);
	data = g_key_file_to_data(kf, NULL, NULL);
	if (!reapply_file_write(record_fn, data, strlen(data), error))
		return FALSE;
	reapply_release_remove_others(cabinet_fn);
	return reapply_file_remove(forgotten_fn, error);
}

/**
 * reapply_release_forget:
 * @self: (nullable): a release
 * @error: (nullable): optional return location for an error
 *
 * Removes what is stored, also if it is damaged. The release is noted, if known, so that it is not
 * stored again by itself. The caller has the lock.
 *
 * Returns: %TRUE for success
 **/
gboolean
reapply_release_forget(ReapplyRelease *self, GError **error)
{
	g_autofree gchar *forgotten_fn = reapply_state_path(REAPPLY_RELEASE_FORGOTTEN);
	g_autofree gchar *record_fn = reapply_state_path(REAPPLY_RELEASE_RECORD);

	if (self != NULL &&
	    !reapply_file_write(forgotten_fn, self->sha1, strlen(self->sha1), error))
		return FALSE;
	if (!reapply_file_remove(record_fn, error))
		return FALSE;
	reapply_release_remove_others(NULL);
	return TRUE;
}

/**
 * reapply_release_is_forgotten:
 * @sha1: of a cabinet
 *
 * Finds out if this was the last one that has been forgotten.
 *
 * Returns: %TRUE if so
 **/
gboolean
reapply_release_is_forgotten(const gchar *sha1)
{
	g_autofree gchar *filename = reapply_state_path(REAPPLY_RELEASE_FORGOTTEN);
	g_autoptr(GBytes) blob = reapply_file_read(filename, NULL);
	gsize bufsz = 0;
	const gchar *buf;

	if (blob == NULL)
		return FALSE;
	buf = g_bytes_get_data(blob, &bufsz);
	return bufsz == strlen(sha1) && memcmp(buf, sha1, bufsz) == 0;
}
