/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Parses the images that Intel has released, and compares them with what the plugin knows of
 * them. Their licence does not allow them in this repository. */

#include "config.h"

#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-preflight.h"

/* set by meson: PLUGIN_QUIRKS, REAL_IMAGES */

static FuTdxBlobFirmware *
real_image_parse(GBytes *blob)
{
	gboolean ret;
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(GError) error = NULL;

	ret = fu_firmware_parse_bytes(firmware, blob, 0x0, FU_FIRMWARE_PARSE_FLAG_NONE, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	return FU_TDX_BLOB_FIRMWARE(g_steal_pointer(&firmware));
}

/* the signer is in the quirks, and sysfs does not tell the SVN of the running module */
static void
real_image_assert_known(const FuStructTdxSigstruct *st, const gchar *version)
{
	g_autofree gchar *quirk_signer = NULL;
	g_autofree gchar *quirks = NULL;
	g_autofree gchar *signer = fu_tdx_sigstruct_get_signer(st);
	g_autoptr(GError) error = NULL;

	g_file_get_contents(PLUGIN_QUIRKS, &quirks, NULL, &error);
	g_assert_no_error(error);
	quirk_signer = g_strdup_printf("TdxModuleSigners = %s\n", signer);
	g_assert_nonnull(strstr(quirks, quirk_signer));
	g_assert_cmphex(fu_tdx_preflight_version_to_svn(version),
			==,
			fu_struct_tdx_sigstruct_get_seamsvn(st));
}

/* only the first page depends on the version of the header */
static GBytes *
real_image_convert(GBytes *blob, FuTdxBlobVersion blob_version)
{
	g_autoptr(FuTdxBlobFirmware) firmware = real_image_parse(blob);
	g_autoptr(FuTdxBlobFirmware) firmware_new = NULL;
	g_autoptr(GBytes) blob_new = NULL;
	g_autoptr(GBytes) tail = NULL;
	g_autoptr(GBytes) tail_new = NULL;
	g_autoptr(GError) error = NULL;

	fu_tdx_blob_firmware_set_blob_version(firmware, blob_version);
	blob_new = fu_firmware_write(FU_FIRMWARE(firmware), &error);
	g_assert_no_error(error);
	firmware_new = real_image_parse(blob_new);
	g_assert_cmphex(fu_tdx_blob_firmware_get_blob_version(firmware_new), ==, blob_version);
	g_assert_cmpuint(g_bytes_get_size(blob_new), ==, g_bytes_get_size(blob));
	tail = g_bytes_new_from_bytes(blob,
				      FU_TDX_PAGE_SIZE,
				      g_bytes_get_size(blob) - FU_TDX_PAGE_SIZE);
	tail_new = g_bytes_new_from_bytes(blob_new,
					  FU_TDX_PAGE_SIZE,
					  g_bytes_get_size(blob_new) - FU_TDX_PAGE_SIZE);
	g_assert_true(g_bytes_equal(tail_new, tail));
	return g_steal_pointer(&blob_new);
}

/* to both versions of the header, one of which is that of the file, and back */
static void
real_image_assert_converted(GBytes *blob, FuTdxBlobVersion blob_version)
{
	g_autoptr(GBytes) blob_v1 = real_image_convert(blob, FU_TDX_BLOB_VERSION_V1);
	g_autoptr(GBytes) blob_v2 = real_image_convert(blob_v1, FU_TDX_BLOB_VERSION_V2);
	g_autoptr(GBytes) blob_v1_again = real_image_convert(blob_v2, FU_TDX_BLOB_VERSION_V1);

	g_assert_true(
	    g_bytes_equal(blob, blob_version == FU_TDX_BLOB_VERSION_V1 ? blob_v1 : blob_v2));
	g_assert_true(g_bytes_equal(blob_v1_again, blob_v1));
}

/* the version is not in every image, but in the name of the file */
static void
real_image_func(gconstpointer user_data)
{
	const gchar *filename = (const gchar *)user_data;
	gchar *buf = NULL;
	gsize bufsz = 0;
	const FuStructTdxSigstruct *st;
	g_autofree gchar *basename = g_path_get_basename(filename);
	g_autofree gchar *version = g_strndup(basename + strlen("tdx_module_"), strlen("1.5.06"));
	g_autofree gchar *version_img = NULL;
	g_autoptr(FuTdxBlobFirmware) firmware = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error = NULL;

	g_file_get_contents(filename, &buf, &bufsz, &error);
	g_assert_no_error(error);
	blob = g_bytes_new_take(buf, bufsz);
	firmware = real_image_parse(blob);
	st = fu_tdx_blob_firmware_get_sigstruct(firmware);
	version_img = fu_tdx_sigstruct_get_version(st);
	if (g_str_has_prefix(version, "2."))
		g_assert_cmpstr(version_img, ==, version);
	real_image_assert_known(st, version);
	real_image_assert_converted(blob, fu_tdx_blob_firmware_get_blob_version(firmware));
}

static void
real_image_missing_func(void)
{
	g_test_skip("no real images, see TDX_MODULE_BLOBS");
}

static void
real_image_add_tests(const gchar *dirname)
{
	const gchar *basename;
	gboolean found = FALSE;
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	while (dir != NULL && (basename = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *path = g_strdup_printf("/real-images/%s", basename);

		if (!g_pattern_match_simple("tdx_module_?.?.??.blob", basename))
			continue;
		g_test_add_data_func_full(path,
					  g_build_filename(dirname, basename, NULL),
					  real_image_func,
					  g_free);
		found = TRUE;
	}
	if (!found)
		g_test_add_func("/real-images/missing", real_image_missing_func);
}

int
main(int argc, char **argv)
{
	const gchar *dirname = g_getenv("TDX_MODULE_BLOBS");

	g_test_init(&argc, &argv, NULL);
	real_image_add_tests(dirname != NULL ? dirname : REAL_IMAGES);
	return g_test_run();
}
