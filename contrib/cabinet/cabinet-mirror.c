/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>
#include <zstd.h>

#include "cabinet-archive.h"
#include "cabinet-mirror.h"

#define CABINET_MIRROR_CURRENT	    "current"
#define CABINET_MIRROR_METADATA	    "firmware.xml.zst"
#define CABINET_MIRROR_METADATA_SIG CABINET_MIRROR_METADATA ".jcat"
#define CABINET_MIRROR_CONF	    "tdx-module.conf"
#define CABINET_MIRROR_EDITION	    "edition-"
#define CABINET_MIRROR_ZSTD_LEVEL   19

/* how far the clock may be behind the last signature before that is a mistake */
#define CABINET_MIRROR_CLOCK_WAIT_MAX 5 /* s */

void
cabinet_mirror_free(CabinetMirror *self)
{
	if (self->lock >= 0)
		g_close(self->lock, NULL);
	g_free(self->path);
	g_free(self->current);
	g_free(self->base_uri);
	g_free(self);
}

void
cabinet_mirror_entry_free(CabinetMirrorEntry *entry)
{
	g_free(entry->filename);
	g_free(entry->sha256);
	if (entry->components != NULL)
		g_ptr_array_unref(entry->components);
	g_free(entry);
}

static gboolean
cabinet_mirror_lock(CabinetMirror *self, GError **error)
{
	g_autofree gchar *filename = g_build_filename(self->path, ".lock", NULL);

	self->lock = g_open(filename, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (self->lock < 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "failed to open %s: %s",
			    filename,
			    g_strerror(errno));
		return FALSE;
	}
	if (flock(self->lock, LOCK_EX | LOCK_NB) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_BUSY,
			    "%s is locked: another tdx-module-cabinet is writing this mirror",
			    filename);
		return FALSE;
	}
	return TRUE;
}

/* also what a run that was killed has left; fwupd looks for the new edition of a mirror in the file
 * system when the old one is removed */
static void
cabinet_mirror_remove_others(CabinetMirror *self, const gchar *edition)
{
	const gchar *basename;
	g_autoptr(GDir) dir = g_dir_open(self->path, 0, NULL);

	while (dir != NULL && (basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *path = g_build_filename(self->path, basename, NULL);
		if (!g_str_has_prefix(basename, CABINET_MIRROR_EDITION) &&
		    !g_str_has_prefix(basename, CABINET_OUTPUT_PREFIX))
			continue;
		if (g_strcmp0(basename, edition) != 0)
			cabinet_output_remove_folder(path);
	}
}

/* there can be one writer at a time */
CabinetMirror *
cabinet_mirror_new(const gchar *path,
		   const gchar *base_uri,
		   const CabinetSigner *signer,
		   GError **error)
{
	g_autofree gchar *link = NULL;
	g_autofree gchar *target = NULL;
	g_autoptr(CabinetMirror) self = g_new0(CabinetMirror, 1);

	self->lock = -1;
	self->path = g_canonicalize_filename(path, NULL);
	self->base_uri = g_strdup(base_uri);
	self->signer = signer;
	if (g_mkdir_with_parents(self->path, 0755) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "failed to make the folder %s: %s",
			    self->path,
			    g_strerror(errno));
		return NULL;
	}
	if (!cabinet_mirror_lock(self, error))
		return NULL;
	link = g_build_filename(self->path, CABINET_MIRROR_CURRENT, NULL);
	target = g_file_read_link(link, NULL);
	if (target != NULL)
		self->current = g_build_filename(self->path, target, NULL);
	cabinet_mirror_remove_others(self, target);
	return g_steal_pointer(&self);
}

static GBytes *
cabinet_mirror_read_current(CabinetMirror *self, const gchar *name)
{
	g_autofree gchar *filename = NULL;

	if (self->current == NULL)
		return NULL;
	filename = g_build_filename(self->current, name, NULL);
	return fu_bytes_get_contents(filename, NULL);
}

static gboolean
cabinet_mirror_entry_add_components(CabinetMirrorEntry *entry,
				    const CabinetOptions *options,
				    GBytes *blob,
				    GError **error)
{
	const CabinetRelease *release = entry->release;
	g_autofree gchar *sha1 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, blob);
	CabinetMetainfoContainer container = {.filename = entry->filename,
					      .sha1 = sha1,
					      .sha256 = entry->sha256,
					      .size = g_bytes_get_size(blob)};

	entry->components = g_ptr_array_new_with_free_func(g_object_unref);
	for (guint i = 0; i < release->targets->len; i++) {
		const CabinetTarget *target = &g_array_index(release->targets, CabinetTarget, i);
		XbBuilderNode *component =
		    cabinet_metainfo_build(release, target, options, &container, error);
		if (component == NULL)
			return FALSE;
		g_ptr_array_add(entry->components, component);
	}
	return TRUE;
}

/* adds a signed cabinet: the one that is there already, if it is the same and not damaged */
CabinetMirrorEntry *
cabinet_mirror_add(CabinetMirror *self,
		   CabinetOutput *output,
		   const CabinetRelease *release,
		   const CabinetOptions *options,
		   GError **error)
{
	g_autofree gchar *key = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(CabinetArchive) cabinet = NULL;
	g_autoptr(CabinetMirrorEntry) entry = g_new0(CabinetMirrorEntry, 1);

	cabinet = cabinet_archive_new(release, options, error);
	if (cabinet == NULL)
		return NULL;
	key = cabinet_archive_get_key(cabinet, self->signer);
	entry->release = release;
	entry->filename = g_strdup_printf("tdx-module-%s-%s.cab", release->version, key);
	blob = cabinet_mirror_read_current(self, entry->filename);
	entry->kept = blob != NULL && cabinet_archive_matches(cabinet, self->signer, blob);
	if (entry->kept) {
		if (!cabinet_output_link(output, entry->filename, self->current, error))
			return NULL;
	} else {
		g_clear_pointer(&blob, g_bytes_unref);
		blob = cabinet_archive_write(cabinet, self->signer, error);
		if (blob == NULL || !cabinet_output_write(output, entry->filename, blob, error))
			return NULL;
	}
	entry->sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, blob);
	if (!cabinet_mirror_entry_add_components(entry, options, blob, error))
		return NULL;
	return g_steal_pointer(&entry);
}

static GBytes *
cabinet_mirror_build_metadata(GPtrArray *entries, GError **error)
{
	gsize bufsz;
	gsize size;
	g_autofree gchar *xml = NULL;
	g_autofree gchar *buf = NULL;
	g_autoptr(XbBuilderNode) components = xb_builder_node_new("components");

	xb_builder_node_set_attr(components, "origin", "tdx-module-cabinet");
	xb_builder_node_set_attr(components, "version", "0.9");
	for (guint i = 0; i < entries->len; i++) {
		CabinetMirrorEntry *entry = g_ptr_array_index(entries, i);
		for (guint j = 0; j < entry->components->len; j++)
			xb_builder_node_add_child(components,
						  g_ptr_array_index(entry->components, j));
	}
	xml = xb_builder_node_export(components,
				     XB_NODE_EXPORT_FLAG_ADD_HEADER |
					 XB_NODE_EXPORT_FLAG_FORMAT_MULTILINE |
					 XB_NODE_EXPORT_FLAG_COLLAPSE_EMPTY,
				     error);
	if (xml == NULL)
		return NULL;
	bufsz = ZSTD_compressBound(strlen(xml));
	buf = g_malloc(bufsz);
	size = ZSTD_compress(buf, bufsz, xml, strlen(xml), CABINET_MIRROR_ZSTD_LEVEL);
	if (ZSTD_isError(size)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INTERNAL,
			    "failed to compress the metadata: %s",
			    ZSTD_getErrorName(size));
		return NULL;
	}
	return g_bytes_new(buf, size);
}

static gchar *
cabinet_mirror_build_conf(CabinetMirror *self)
{
	g_autofree gchar *local = g_strdup_printf("file://%s/" CABINET_MIRROR_CURRENT, self->path);
	return g_strdup_printf("[fwupd Remote]\n"
			       "Enabled=true\n"
			       "Title=TDX modules\n"
			       "MetadataURI=%s/" CABINET_MIRROR_METADATA "\n",
			       self->base_uri != NULL ? self->base_uri : local);
}

/* of an edition that is complete; 0 if there is none */
static gint64
cabinet_mirror_get_signed_at(CabinetMirror *self)
{
	g_autoptr(GBytes) blob = cabinet_mirror_read_current(self, CABINET_MIRROR_METADATA_SIG);
	g_autoptr(GInputStream) stream = NULL;
	g_autoptr(GPtrArray) blobs = NULL;
	g_autoptr(JcatFile) jcat_file = jcat_file_new();
	g_autoptr(JcatItem) item = NULL;

	if (blob == NULL)
		return 0;
	stream = g_memory_input_stream_new_from_bytes(blob);
	if (!jcat_file_import_stream(jcat_file, stream, JCAT_IMPORT_FLAG_NONE, NULL, NULL))
		return 0;
	item = jcat_file_get_item_default(jcat_file, NULL);
	if (item == NULL)
		return 0;
	blobs = jcat_item_get_blobs_by_kind(item, JCAT_BLOB_KIND_PKCS7);
	return blobs->len > 0 ? jcat_blob_get_timestamp(g_ptr_array_index(blobs, 0)) : 0;
}

/* a client refuses metadata that is not signed later, in whole seconds, than what it has */
static gboolean
cabinet_mirror_wait_for_clock(CabinetMirror *self, GError **error)
{
	gint64 signed_at = cabinet_mirror_get_signed_at(self);
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	if (signed_at - now > CABINET_MIRROR_CLOCK_WAIT_MAX) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_DATA,
			    "%s/" CABINET_MIRROR_METADATA_SIG " was signed %" G_GINT64_FORMAT
			    " seconds in the future, and clients refuse what is signed earlier; "
			    "set the clock",
			    self->current,
			    signed_at - now);
		return FALSE;
	}
	while (g_get_real_time() / G_USEC_PER_SEC <= signed_at)
		g_usleep(G_USEC_PER_SEC / 10);
	return TRUE;
}

static gboolean
cabinet_mirror_write_metadata(CabinetMirror *self,
			      CabinetOutput *output,
			      GBytes *metadata,
			      GError **error)
{
	g_autoptr(GBytes) sig = NULL;
	g_autoptr(JcatFile) jcat_file = jcat_file_new();

	if (!cabinet_mirror_wait_for_clock(self, error) ||
	    !cabinet_signer_sign(self->signer, jcat_file, CABINET_MIRROR_METADATA, metadata, error))
		return FALSE;
	sig = cabinet_signer_export(jcat_file, error);
	if (sig == NULL)
		return FALSE;
	return cabinet_output_write(output, CABINET_MIRROR_METADATA, metadata, error) &&
	       cabinet_output_write(output, CABINET_MIRROR_METADATA_SIG, sig, error);
}

static gboolean
cabinet_mirror_is_same(CabinetMirror *self, GPtrArray *entries, GBytes *metadata)
{
	g_autoptr(GBytes) metadata_old = cabinet_mirror_read_current(self, CABINET_MIRROR_METADATA);
	g_autoptr(GBytes) sig_old = cabinet_mirror_read_current(self, CABINET_MIRROR_METADATA_SIG);

	if (metadata_old == NULL || !g_bytes_equal(metadata, metadata_old) || sig_old == NULL ||
	    !cabinet_signer_has_signed(self->signer, sig_old, CABINET_MIRROR_METADATA, metadata))
		return FALSE;
	for (guint i = 0; i < entries->len; i++) {
		CabinetMirrorEntry *entry = g_ptr_array_index(entries, i);
		if (!entry->kept)
			return FALSE;
	}
	return TRUE;
}

/* the one moment at which clients see the new edition */
static gboolean
cabinet_mirror_switch(CabinetMirror *self, const gchar *edition, GError **error)
{
	g_autofree gchar *link = g_build_filename(self->path, CABINET_MIRROR_CURRENT, NULL);
	g_autofree gchar *link_new = g_build_filename(self->path, "." CABINET_MIRROR_CURRENT, NULL);

	g_unlink(link_new);
	if (symlink(edition, link_new) != 0 || g_rename(link_new, link) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "failed to point %s to %s: %s",
			    link,
			    edition,
			    g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

static gboolean
cabinet_mirror_write_conf(CabinetMirror *self, GError **error)
{
	g_autofree gchar *filename = g_build_filename(self->path, CABINET_MIRROR_CONF, NULL);
	g_autofree gchar *old = NULL;
	g_autofree gchar *text = cabinet_mirror_build_conf(self);

	if (g_file_get_contents(filename, &old, NULL, NULL) && g_strcmp0(old, text) == 0)
		return TRUE;
	return g_file_set_contents_full(filename,
					text,
					strlen(text),
					G_FILE_SET_CONTENTS_CONSISTENT,
					0644,
					error);
}

/* never the name of the edition that clients see, although that may be from the same second */
static gchar *
cabinet_mirror_build_edition(void)
{
	g_autofree gchar *random = g_strdup_printf("%08x", g_random_int());
	g_autofree gchar *format =
	    g_strconcat(CABINET_MIRROR_EDITION "%Y%m%dT%H%M%SZ-", random, NULL);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	return g_date_time_format(now, format);
}

/* signs the metadata and lets clients see the new edition, unless it would be the same as the last
 */
gboolean
cabinet_mirror_publish(CabinetMirror *self,
		       CabinetOutput *output,
		       GPtrArray *entries,
		       gboolean *changed,
		       GError **error)
{
	g_autofree gchar *edition = NULL;
	g_autoptr(GBytes) metadata = cabinet_mirror_build_metadata(entries, error);

	if (metadata == NULL)
		return FALSE;
	*changed = !cabinet_mirror_is_same(self, entries, metadata);
	if (!*changed)
		return cabinet_mirror_write_conf(self, error);
	if (!cabinet_mirror_write_metadata(self, output, metadata, error))
		return FALSE;
	edition = cabinet_mirror_build_edition();
	if (!cabinet_output_publish_folder(output, edition, error) ||
	    !cabinet_mirror_write_conf(self, error) || !cabinet_mirror_switch(self, edition, error))
		return FALSE;
	cabinet_mirror_remove_others(self, edition);
	return TRUE;
}
