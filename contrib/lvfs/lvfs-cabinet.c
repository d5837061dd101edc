/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lvfs-cabinet.h"

#define LVFS_CABINET_JCAT_NAME "firmware.jcat"

typedef struct {
	gchar *name;
	GBytes *blob;
} LvfsCabinetFile;

static void
lvfs_cabinet_file_free(LvfsCabinetFile *file)
{
	g_free(file->name);
	g_bytes_unref(file->blob);
	g_free(file);
}

void
lvfs_cabinet_free(LvfsCabinet *self)
{
	g_ptr_array_unref(self->files);
	g_free(self->date);
	g_free(self);
}

static void
lvfs_cabinet_prepare_file(LvfsCabinet *self, gchar *name, GBytes *blob)
{
	LvfsCabinetFile *file = g_new0(LvfsCabinetFile, 1);
	file->name = name;
	file->blob = blob;
	g_ptr_array_add(self->files, file);
}

static gboolean
lvfs_cabinet_prepare_metainfo(LvfsCabinet *self,
			      const LvfsRelease *release,
			      guint32 signature,
			      const LvfsMetainfoOptions *options,
			      GError **error)
{
	gchar *xml;
	g_autoptr(XbBuilderNode) component = NULL;

	component = lvfs_metainfo_build(release, signature, options, error);
	if (component == NULL)
		return FALSE;
	xml = xb_builder_node_export(
	    component,
	    XB_NODE_EXPORT_FLAG_ADD_HEADER | XB_NODE_EXPORT_FLAG_FORMAT_MULTILINE |
		XB_NODE_EXPORT_FLAG_COLLAPSE_EMPTY | XB_NODE_EXPORT_FLAG_FORMAT_INDENT,
	    error);
	if (xml == NULL)
		return FALSE;
	lvfs_cabinet_prepare_file(self,
				  lvfs_metainfo_get_name(release, signature),
				  g_bytes_new_take(xml, strlen(xml)));
	return TRUE;
}

/**
 * lvfs_cabinet_new:
 * @release: what is published
 * @options: what the publisher decides
 * @error: (nullable): optional return location for an error
 *
 * Prepares a cabinet, which is always the same for the same release and options.
 *
 * Returns: (transfer full): a #LvfsCabinet
 **/
LvfsCabinet *
lvfs_cabinet_new(const LvfsRelease *release, const LvfsMetainfoOptions *options, GError **error)
{
	g_autoptr(LvfsCabinet) self = g_new0(LvfsCabinet, 1);

	self->files = g_ptr_array_new_with_free_func((GDestroyNotify)lvfs_cabinet_file_free);
	self->date = g_strdup(release->date);
	for (guint i = 0; i < release->signatures->len; i++) {
		guint32 signature = g_array_index(release->signatures, guint32, i);
		if (!lvfs_cabinet_prepare_metainfo(self, release, signature, options, error))
			return NULL;
	}
	lvfs_cabinet_prepare_file(self,
				  lvfs_metainfo_get_payload_name(release),
				  g_bytes_ref(release->payload));
	return g_steal_pointer(&self);
}

static gboolean
lvfs_cabinet_add_file(FuFirmware *cab,
		      const gchar *name,
		      GBytes *blob,
		      const gchar *date,
		      GError **error)
{
	g_autofree gchar *iso8601 = g_strdup_printf("%sT00:00:00Z", date);
	g_autoptr(FuCabImage) img = fu_cab_image_new();
	g_autoptr(GDateTime) created = g_date_time_new_from_iso8601(iso8601, NULL);

	fu_firmware_set_id(FU_FIRMWARE(img), name);
	fu_firmware_set_bytes(FU_FIRMWARE(img), blob);
	fu_cab_image_set_win32_filename(img, name);
	fu_cab_image_set_created(img, created);
	return fu_firmware_add_image(cab, FU_FIRMWARE(img), error);
}

static gboolean
lvfs_cabinet_add_signatures(const LvfsCabinet *self,
			    FuFirmware *cab,
			    const LvfsSigner *signer,
			    GError **error)
{
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(JcatFile) jcat_file = jcat_file_new();

	for (guint i = 0; i < self->files->len; i++) {
		LvfsCabinetFile *file = g_ptr_array_index(self->files, i);
		if (!lvfs_signer_sign(signer, jcat_file, file->name, file->blob, error))
			return FALSE;
	}
	blob = lvfs_signer_export(jcat_file, error);
	if (blob == NULL)
		return FALSE;
	return lvfs_cabinet_add_file(cab, LVFS_CABINET_JCAT_NAME, blob, self->date, error);
}

/**
 * lvfs_cabinet_write:
 * @self: a #LvfsCabinet
 * @signer: (nullable): who signs it, or %NULL for a cabinet that LVFS is to sign
 * @error: (nullable): optional return location for an error
 *
 * Packs a cabinet.
 *
 * Returns: (transfer full): the contents of a .cab file
 **/
GBytes *
lvfs_cabinet_write(const LvfsCabinet *self, const LvfsSigner *signer, GError **error)
{
	g_autoptr(FuCabFirmware) cab = fu_cab_firmware_new();

	fu_cab_firmware_set_compressed(cab, TRUE);
	for (guint i = 0; i < self->files->len; i++) {
		LvfsCabinetFile *file = g_ptr_array_index(self->files, i);
		if (!lvfs_cabinet_add_file(FU_FIRMWARE(cab),
					   file->name,
					   file->blob,
					   self->date,
					   error))
			return NULL;
	}
	if (signer != NULL && !lvfs_cabinet_add_signatures(self, FU_FIRMWARE(cab), signer, error))
		return NULL;
	return fu_firmware_write(FU_FIRMWARE(cab), error);
}

static void
lvfs_cabinet_update_checksum(GChecksum *checksum, GBytes *blob)
{
	gsize bufsz = 0;
	const guint8 *buf = g_bytes_get_data(blob, &bufsz);
	g_checksum_update(checksum, buf, bufsz);
}

/**
 * lvfs_cabinet_get_key:
 * @self: a #LvfsCabinet
 * @signer: who signs it
 *
 * Gets what a cabinet with the same contents and from the same signer has too. Signatures
 * themselves differ each time.
 *
 * Returns: (transfer full): 16 hexadecimal digits
 **/
gchar *
lvfs_cabinet_get_key(const LvfsCabinet *self, const LvfsSigner *signer)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

	for (guint i = 0; i < self->files->len; i++) {
		LvfsCabinetFile *file = g_ptr_array_index(self->files, i);
		lvfs_cabinet_update_checksum(checksum, file->blob);
	}
	lvfs_cabinet_update_checksum(checksum, signer->certificate);
	return g_strndup(g_checksum_get_string(checksum), 16);
}

static GBytes *
lvfs_cabinet_get_file(FuFirmware *cab, const gchar *name)
{
	g_autoptr(FuFirmware) img = fu_firmware_get_image_by_id(cab, name, NULL);
	return img != NULL ? fu_firmware_get_bytes(img, NULL) : NULL;
}

/**
 * lvfs_cabinet_matches:
 * @self: a #LvfsCabinet
 * @signer: who signs it
 * @blob: the contents of a .cab file that was made before
 *
 * Checks if a cabinet is still what it was made from, and what the signer has signed.
 *
 * Returns: %TRUE if it need not be made again
 **/
gboolean
lvfs_cabinet_matches(const LvfsCabinet *self, const LvfsSigner *signer, GBytes *blob)
{
	g_autoptr(FuCabFirmware) cab = fu_cab_firmware_new();
	g_autoptr(GBytes) jcat = NULL;

	if (!fu_firmware_parse_bytes(FU_FIRMWARE(cab),
				     blob,
				     0x0,
				     FU_FIRMWARE_PARSE_FLAG_CACHE_BLOB,
				     NULL))
		return FALSE;
	jcat = lvfs_cabinet_get_file(FU_FIRMWARE(cab), LVFS_CABINET_JCAT_NAME);
	if (jcat == NULL)
		return FALSE;
	for (guint i = 0; i < self->files->len; i++) {
		LvfsCabinetFile *file = g_ptr_array_index(self->files, i);
		g_autoptr(GBytes) found = lvfs_cabinet_get_file(FU_FIRMWARE(cab), file->name);
		if (found == NULL || !g_bytes_equal(found, file->blob) ||
		    !lvfs_signer_has_signed(signer, jcat, file->name, file->blob))
			return FALSE;
	}
	return TRUE;
}
