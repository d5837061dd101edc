/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The stored release: a cabinet that is called by its SHA-256, and a record that names it, or else
 * the one that was cleared. What is stored changes with the rename of the record; all before can be
 * lost, all after be repeated.
 */

#include <glib/gstdio.h>
#include <string.h>

#include "reapply.h"

#define REAPPLY_RELEASE_RECORD	  "release.conf"
#define REAPPLY_RELEASE_FORGOTTEN "Forgotten"
#define REAPPLY_RELEASE_GROUP	  "Release"

/**
 * reapply_release_free:
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

	self->version = g_strdup(version);
	self->sha1 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, cabinet);
	self->sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, cabinet);
	self->origin = g_path_get_basename(origin);
	self->stored = reapply_now();
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
		reapply_fail(error,
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
 * Reads the record.
 *
 * Returns: (transfer full): a release, or %NULL; %FWUPD_ERROR_NOT_FOUND if none is stored
 **/
ReapplyRelease *
reapply_release_load(GError **error)
{
	g_autofree gchar *filename = reapply_state_path(REAPPLY_RELEASE_RECORD);
	g_autoptr(GKeyFile) kf = reapply_record_load(REAPPLY_RELEASE_RECORD, error);
	g_autoptr(ReapplyRelease) self = g_new0(ReapplyRelease, 1);

	if (kf == NULL)
		return NULL;
	self->version = g_key_file_get_string(kf, REAPPLY_RELEASE_GROUP, "Version", NULL);
	if (self->version == NULL &&
	    g_key_file_has_key(kf, REAPPLY_RELEASE_GROUP, REAPPLY_RELEASE_FORGOTTEN, NULL)) {
		reapply_fail(error, FWUPD_ERROR_NOT_FOUND, "%s says that it was cleared", filename);
		return NULL;
	}
	if (self->version == NULL || self->version[0] == '\0') {
		reapply_fail(error,
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
		reapply_fail(error,
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

/**
 * reapply_release_is:
 * @version: (nullable): of a TDX module
 * @sha1: (nullable): of a cabinet
 *
 * Finds out if this is that very one.
 **/
gboolean
reapply_release_is(ReapplyRelease *self, const gchar *version, const gchar *sha1)
{
	return self != NULL && g_strcmp0(self->sha1, sha1) == 0 &&
	       reapply_version_equal(self->version, version);
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
		if ((g_str_has_suffix(name, ".cab") || strstr(name, ".cab.") != NULL ||
		     strstr(name, ".conf.") != NULL) &&
		    g_strcmp0(filename, keep) != 0)
			(void)g_unlink(filename);
	}
}

/**
 * reapply_release_save:
 * @cabinet: its content
 *
 * Stores a release in place of the one that is stored. The caller has the lock.
 *
 * Returns: %TRUE for success; else the old one is still stored
 **/
gboolean
reapply_release_save(ReapplyRelease *self, GBytes *cabinet, GError **error)
{
	g_autofree gchar *cabinet_fn = reapply_release_get_filename(self);
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
	if (!reapply_record_save(REAPPLY_RELEASE_RECORD, kf, error))
		return FALSE;
	reapply_release_remove_others(cabinet_fn);
	return TRUE;
}

static gchar *
reapply_release_get_forgotten(void)
{
	g_autoptr(GKeyFile) kf = reapply_record_load(REAPPLY_RELEASE_RECORD, NULL);
	if (kf == NULL)
		return NULL;
	return g_key_file_get_string(kf, REAPPLY_RELEASE_GROUP, REAPPLY_RELEASE_FORGOTTEN, NULL);
}

/**
 * reapply_release_forget:
 * @sha1: (nullable): of the cabinet that was last installed, if known
 *
 * Removes what is stored, also if it is damaged. The last one is noted, so that it is not stored
 * again by itself. The caller has the lock.
 **/
gboolean
reapply_release_forget(const gchar *sha1, GError **error)
{
	g_autofree gchar *forgotten = reapply_release_get_forgotten();
	g_autoptr(GKeyFile) kf = g_key_file_new();

	if (sha1 == NULL)
		sha1 = forgotten != NULL ? forgotten : "";
	g_key_file_set_string(kf, REAPPLY_RELEASE_GROUP, REAPPLY_RELEASE_FORGOTTEN, sha1);
	if (!reapply_record_save(REAPPLY_RELEASE_RECORD, kf, error))
		return FALSE;
	reapply_release_remove_others(NULL);
	return TRUE;
}

/**
 * reapply_release_is_forgotten:
 * @sha1: of a cabinet
 *
 * Finds out if this was the last one that has been forgotten.
 **/
gboolean
reapply_release_is_forgotten(const gchar *sha1)
{
	g_autofree gchar *forgotten = reapply_release_get_forgotten();
	return g_strcmp0(forgotten, sha1) == 0;
}
