/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "cabinet-archive.h"
#include "cabinet-file.h"

static gboolean
cabinet_archive_add(FuFirmware *cab,
		    const gchar *name,
		    GBytes *blob,
		    const CabinetRelease *release,
		    GError **error)
{
	g_autofree gchar *iso8601 = g_strdup_printf("%sT00:00:00Z", release->date);
	g_autoptr(FuCabImage) img = fu_cab_image_new();
	g_autoptr(GDateTime) created = g_date_time_new_from_iso8601(iso8601, NULL);

	fu_firmware_set_id(FU_FIRMWARE(img), name);
	fu_firmware_set_bytes(FU_FIRMWARE(img), blob);
	fu_cab_image_set_win32_filename(img, name);
	fu_cab_image_set_created(img, created);
	return fu_firmware_add_image(cab, FU_FIRMWARE(img), error);
}

/* what is in a cabinet, besides the image and signatures: a metainfo for each device; always the
 * same for the same release and options */
FuFirmware *
cabinet_archive_new(const CabinetRelease *release, const CabinetOptions *options, GError **error)
{
	g_autoptr(FuFirmware) cab = FU_FIRMWARE(fu_cab_firmware_new());

	fu_cab_firmware_set_compressed(FU_CAB_FIRMWARE(cab), TRUE);
	for (guint i = 0; i < release->targets->len; i++) {
		const CabinetTarget *target = &g_array_index(release->targets, CabinetTarget, i);
		g_autofree gchar *name = cabinet_metainfo_get_name(release, target);
		g_autofree gchar *xml = NULL;
		g_autofree gchar *text = NULL;
		g_autoptr(GBytes) blob = NULL;

		xml = cabinet_metainfo_build(release, target, options, NULL, error);
		if (xml == NULL)
			return NULL;
		text = g_strconcat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", xml, NULL);
		blob = g_bytes_new(text, strlen(text));
		if (!cabinet_archive_add(cab, name, blob, release, error))
			return NULL;
	}
	return g_steal_pointer(&cab);
}

static gboolean
cabinet_archive_sign(FuFirmware *cab,
		     const CabinetRelease *release,
		     const CabinetSigner *signer,
		     GError **error)
{
	g_autofree gchar *payload_name = cabinet_metainfo_get_payload_name(release);
	g_autoptr(GBytes) jcat = NULL;
	g_autoptr(GPtrArray) imgs = fu_firmware_get_images(cab);
	g_autoptr(JcatFile) jcat_file = jcat_file_new();

	for (guint i = 0; i < imgs->len; i++) {
		FuFirmware *img = g_ptr_array_index(imgs, i);
		const gchar *name = fu_firmware_get_id(img);
		gboolean is_payload = g_strcmp0(name, payload_name) == 0;
		g_autoptr(GBytes) blob = fu_firmware_get_bytes(img, error);
		if (blob == NULL ||
		    !cabinet_signer_sign(signer,
					 jcat_file,
					 name,
					 blob,
					 is_payload ? release->payload_sha256 : NULL,
					 error))
			return FALSE;
	}
	jcat = cabinet_signer_export(jcat_file, error);
	return jcat != NULL && cabinet_archive_add(cab, "firmware.jcat", jcat, release, error);
}

/* the contents of a .cab file; without @signer, LVFS is to sign it */
GBytes *
cabinet_archive_write(FuFirmware *cab,
		      const CabinetRelease *release,
		      const CabinetOptions *options,
		      const CabinetSigner *signer,
		      GError **error)
{
	g_autofree gchar *name = cabinet_metainfo_get_payload_name(release);
	g_autoptr(GBytes) payload = cabinet_release_read_payload(release, options, error);

	if (payload == NULL || !cabinet_archive_add(cab, name, payload, release, error) ||
	    (signer != NULL && !cabinet_archive_sign(cab, release, signer, error)))
		return NULL;
	return fu_firmware_write(cab, error);
}

/* what a cabinet with the same contents and from the same signer has too, as signatures differ each
 * time */
gchar *
cabinet_archive_get_key(FuFirmware *cab, const CabinetRelease *release, const CabinetSigner *signer)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autoptr(GPtrArray) imgs = fu_firmware_get_images(cab);

	for (guint i = 0; i < imgs->len; i++) {
		g_autoptr(GBytes) blob = fu_firmware_get_bytes(g_ptr_array_index(imgs, i), NULL);
		g_checksum_update(checksum, g_bytes_get_data(blob, NULL), g_bytes_get_size(blob));
	}
	g_checksum_update(checksum, (const guchar *)release->payload_sha256, -1);
	g_checksum_update(checksum,
			  g_bytes_get_data(signer->certificate, NULL),
			  g_bytes_get_size(signer->certificate));
	return g_strndup(g_checksum_get_string(checksum), 16);
}
