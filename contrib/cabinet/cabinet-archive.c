/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-archive.h"
#include "cabinet-file.h"

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
	g_ptr_array_unref(self->components);
	g_ptr_array_unref(self->files);
	g_free(self);
}

/* what no XML may have, not even escaped, is written by libxmlb as it is */
static gboolean
cabinet_archive_check_xml(const gchar *xml, GError **error)
{
	const GMarkupParser parser = {0};
	g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, NULL, NULL);

	if (!g_utf8_validate(xml, -1, NULL) ||
	    g_regex_match_simple("[^\\t\\n\\r\\x{20}-\\x{fffd}\\x{10000}-\\x{10ffff}]", xml, 0, 0))
		return cabinet_fail(error,
				    "a text has control characters or is not UTF-8, expected what "
				    "XML can hold");
	return g_markup_parse_context_parse(context, xml, -1, error) &&
	       g_markup_parse_context_end_parse(context, error);
}

/* the text of a component; fails if that would not be XML */
gchar *
cabinet_archive_export(XbBuilderNode *component, XbNodeExportFlags flags, GError **error)
{
	g_autofree gchar *xml = xb_builder_node_export(
	    component,
	    flags | XB_NODE_EXPORT_FLAG_FORMAT_MULTILINE | XB_NODE_EXPORT_FLAG_COLLAPSE_EMPTY,
	    error);

	if (xml == NULL || !cabinet_archive_check_xml(xml, error))
		return NULL;
	return g_steal_pointer(&xml);
}

static gboolean
cabinet_archive_prepare(CabinetArchive *self,
			const CabinetTarget *target,
			const CabinetOptions *options,
			GError **error)
{
	gchar *xml;
	CabinetArchiveFile *file;
	XbBuilderNode *component = cabinet_metainfo_build(self->release, target, options, error);

	if (component == NULL)
		return FALSE;
	g_ptr_array_add(self->components, component);
	xml = cabinet_archive_export(component,
				     XB_NODE_EXPORT_FLAG_ADD_HEADER |
					 XB_NODE_EXPORT_FLAG_FORMAT_INDENT,
				     error);
	if (xml == NULL)
		return FALSE;
	file = g_new0(CabinetArchiveFile, 1);
	file->name = cabinet_metainfo_get_name(self->release, target);
	file->blob = g_bytes_new_take(xml, strlen(xml));
	g_ptr_array_add(self->files, file);
	return TRUE;
}

/* always the same for the same release and options; @release has to outlive it */
CabinetArchive *
cabinet_archive_new(const CabinetRelease *release, const CabinetOptions *options, GError **error)
{
	g_autoptr(CabinetArchive) self = g_new0(CabinetArchive, 1);

	self->release = release;
	self->components = g_ptr_array_new_with_free_func(g_object_unref);
	self->files = g_ptr_array_new_with_free_func((GDestroyNotify)cabinet_archive_file_free);
	for (guint i = 0; i < release->targets->len; i++) {
		const CabinetTarget *target = &g_array_index(release->targets, CabinetTarget, i);
		if (!cabinet_archive_prepare(self, target, options, error))
			return NULL;
	}
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
cabinet_archive_add(const CabinetArchive *self,
		    FuFirmware *cab,
		    const gchar *name,
		    GBytes *blob,
		    const gchar *sha256,
		    const CabinetSigner *signer,
		    JcatFile *jcat_file,
		    GError **error)
{
	if (!cabinet_archive_add_file(cab, name, blob, self->release->date, error))
		return FALSE;
	return signer == NULL || cabinet_signer_sign(signer, jcat_file, name, blob, sha256, error);
}

/* the contents of a .cab file; without @signer, LVFS is to sign it */
GBytes *
cabinet_archive_write(const CabinetArchive *self,
		      const CabinetOptions *options,
		      const CabinetSigner *signer,
		      GError **error)
{
	g_autofree gchar *name = cabinet_metainfo_get_payload_name(self->release);
	g_autoptr(FuFirmware) cab = FU_FIRMWARE(fu_cab_firmware_new());
	g_autoptr(GBytes) jcat = NULL;
	g_autoptr(GBytes) payload = cabinet_release_read_payload(self->release, options, error);
	g_autoptr(JcatFile) jcat_file = jcat_file_new();

	if (payload == NULL)
		return NULL;
	fu_cab_firmware_set_compressed(FU_CAB_FIRMWARE(cab), TRUE);
	for (guint i = 0; i < self->files->len; i++) {
		CabinetArchiveFile *file = g_ptr_array_index(self->files, i);
		if (!cabinet_archive_add(self,
					 cab,
					 file->name,
					 file->blob,
					 NULL,
					 signer,
					 jcat_file,
					 error))
			return NULL;
	}
	if (!cabinet_archive_add(self,
				 cab,
				 name,
				 payload,
				 self->release->payload_sha256,
				 signer,
				 jcat_file,
				 error))
		return NULL;
	if (signer == NULL)
		return fu_firmware_write(cab, error);
	jcat = cabinet_signer_export(jcat_file, error);
	if (jcat == NULL || !cabinet_archive_add_file(cab,
						      CABINET_ARCHIVE_JCAT_NAME,
						      jcat,
						      self->release->date,
						      error))
		return NULL;
	return fu_firmware_write(cab, error);
}

/* what a cabinet with the same contents and from the same signer has too, as signatures differ each
 * time */
gchar *
cabinet_archive_get_key(const CabinetArchive *self, const CabinetSigner *signer)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

	for (guint i = 0; i < self->files->len; i++) {
		CabinetArchiveFile *file = g_ptr_array_index(self->files, i);
		g_checksum_update(checksum,
				  g_bytes_get_data(file->blob, NULL),
				  g_bytes_get_size(file->blob));
	}
	g_checksum_update(checksum, (const guchar *)self->release->payload_sha256, -1);
	g_checksum_update(checksum,
			  g_bytes_get_data(signer->certificate, NULL),
			  g_bytes_get_size(signer->certificate));
	return g_strndup(g_checksum_get_string(checksum), 16);
}
