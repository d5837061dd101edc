/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-archive.h"

#define CABINET_ARCHIVE_JCAT_NAME "firmware.jcat"

typedef struct {
	gchar *name;
	GBytes *blob;
} CabinetArchiveFile;

static void
cabinet_archive_file_free(CabinetArchiveFile *file)
{
	g_free(file->name);
	g_bytes_unref(file->blob);
	g_free(file);
}

void
cabinet_archive_free(CabinetArchive *self)
{
	g_ptr_array_unref(self->files);
	g_free(self->date);
	g_free(self);
}

static void
cabinet_archive_prepare_file(CabinetArchive *self, gchar *name, GBytes *blob)
{
	CabinetArchiveFile *file = g_new0(CabinetArchiveFile, 1);
	file->name = name;
	file->blob = blob;
	g_ptr_array_add(self->files, file);
}

static gboolean
cabinet_archive_prepare_metainfo(CabinetArchive *self,
				 const CabinetRelease *release,
				 const CabinetTarget *target,
				 const CabinetOptions *options,
				 GError **error)
{
	gchar *xml;
	g_autoptr(XbBuilderNode) component = NULL;

	component = cabinet_metainfo_build(release, target, options, NULL, error);
	if (component == NULL)
		return FALSE;
	xml = xb_builder_node_export(
	    component,
	    XB_NODE_EXPORT_FLAG_ADD_HEADER | XB_NODE_EXPORT_FLAG_FORMAT_MULTILINE |
		XB_NODE_EXPORT_FLAG_COLLAPSE_EMPTY | XB_NODE_EXPORT_FLAG_FORMAT_INDENT,
	    error);
	if (xml == NULL)
		return FALSE;
	cabinet_archive_prepare_file(self,
				     cabinet_metainfo_get_name(release, target),
				     g_bytes_new_take(xml, strlen(xml)));
	return TRUE;
}

/* always the same for the same release and options */
CabinetArchive *
cabinet_archive_new(const CabinetRelease *release, const CabinetOptions *options, GError **error)
{
	g_autoptr(CabinetArchive) self = g_new0(CabinetArchive, 1);

	self->files = g_ptr_array_new_with_free_func((GDestroyNotify)cabinet_archive_file_free);
	self->date = g_strdup(release->date);
	for (guint i = 0; i < release->targets->len; i++) {
		const CabinetTarget *target = &g_array_index(release->targets, CabinetTarget, i);
		if (!cabinet_archive_prepare_metainfo(self, release, target, options, error))
			return NULL;
	}
	cabinet_archive_prepare_file(self,
				     cabinet_metainfo_get_payload_name(release),
				     g_bytes_ref(release->payload));
	return g_steal_pointer(&self);
}

static gboolean
cabinet_archive_add_file(FuFirmware *cab,
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
cabinet_archive_add_signatures(const CabinetArchive *self,
			       FuFirmware *cab,
			       const CabinetSigner *signer,
			       GError **error)
{
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(JcatFile) jcat_file = jcat_file_new();

	for (guint i = 0; i < self->files->len; i++) {
		CabinetArchiveFile *file = g_ptr_array_index(self->files, i);
		if (!cabinet_signer_sign(signer, jcat_file, file->name, file->blob, error))
			return FALSE;
	}
	blob = cabinet_signer_export(jcat_file, error);
	if (blob == NULL)
		return FALSE;
	return cabinet_archive_add_file(cab, CABINET_ARCHIVE_JCAT_NAME, blob, self->date, error);
}

/* the contents of a .cab file; without @signer, LVFS is to sign it */
GBytes *
cabinet_archive_write(const CabinetArchive *self, const CabinetSigner *signer, GError **error)
{
	g_autoptr(FuCabFirmware) cab = fu_cab_firmware_new();

	fu_cab_firmware_set_compressed(cab, TRUE);
	for (guint i = 0; i < self->files->len; i++) {
		CabinetArchiveFile *file = g_ptr_array_index(self->files, i);
		if (!cabinet_archive_add_file(FU_FIRMWARE(cab),
					      file->name,
					      file->blob,
					      self->date,
					      error))
			return NULL;
	}
	if (signer != NULL &&
	    !cabinet_archive_add_signatures(self, FU_FIRMWARE(cab), signer, error))
		return NULL;
	return fu_firmware_write(FU_FIRMWARE(cab), error);
}

static void
cabinet_archive_update_checksum(GChecksum *checksum, GBytes *blob)
{
	gsize bufsz = 0;
	const guint8 *buf = g_bytes_get_data(blob, &bufsz);
	g_checksum_update(checksum, buf, bufsz);
}

/* what a cabinet with the same contents and from the same signer has too, as signatures differ each
 * time */
gchar *
cabinet_archive_get_key(const CabinetArchive *self, const CabinetSigner *signer)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

	for (guint i = 0; i < self->files->len; i++) {
		CabinetArchiveFile *file = g_ptr_array_index(self->files, i);
		cabinet_archive_update_checksum(checksum, file->blob);
	}
	cabinet_archive_update_checksum(checksum, signer->certificate);
	return g_strndup(g_checksum_get_string(checksum), 16);
}

static GBytes *
cabinet_archive_get_file(FuFirmware *cab, const gchar *name)
{
	g_autoptr(FuFirmware) img = fu_firmware_get_image_by_id(cab, name, NULL);
	return img != NULL ? fu_firmware_get_bytes(img, NULL) : NULL;
}

/* is a .cab file that was made before still what the signer has signed, or has it to be made again?
 */
gboolean
cabinet_archive_matches(const CabinetArchive *self, const CabinetSigner *signer, GBytes *blob)
{
	g_autoptr(FuCabFirmware) cab = fu_cab_firmware_new();
	g_autoptr(GBytes) jcat = NULL;

	if (!fu_firmware_parse_bytes(FU_FIRMWARE(cab),
				     blob,
				     0x0,
				     FU_FIRMWARE_PARSE_FLAG_CACHE_BLOB,
				     NULL))
		return FALSE;
	jcat = cabinet_archive_get_file(FU_FIRMWARE(cab), CABINET_ARCHIVE_JCAT_NAME);
	if (jcat == NULL)
		return FALSE;
	for (guint i = 0; i < self->files->len; i++) {
		CabinetArchiveFile *file = g_ptr_array_index(self->files, i);
		g_autoptr(GBytes) found = cabinet_archive_get_file(FU_FIRMWARE(cab), file->name);
		if (found == NULL || !g_bytes_equal(found, file->blob) ||
		    !cabinet_signer_has_signed(signer, jcat, file->name, file->blob))
			return FALSE;
	}
	return TRUE;
}
