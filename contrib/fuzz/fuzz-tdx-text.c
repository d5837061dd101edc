/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What the kernel says in text, and the XML that images are built from. The first byte of the input
 * is the parser, the rest its text.
 */

#include "config.h"

#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-preflight.h"

static void
fuzz_check_host(FuTdxHost *host)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) reasons = NULL;

	host->upload_name = "tdx_module";
	host->module_version = g_strdup("1.5.06");
	host->seamldr_version = g_strdup("1.5.06");
	reasons = fu_tdx_preflight_check_host(host, TRUE);
	g_assert_true(fu_tdx_preflight_to_error(reasons, &error) == (reasons->len == 0));
}

static void
fuzz_check_version(const gchar *str)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(str);
	g_autofree gchar *series2 = NULL;
	g_autofree gchar *version = NULL;

	g_assert_true(series != NULL || fu_tdx_preflight_version_to_svn(str) == 0);
	if (series == NULL)
		return;
	version = g_strdup_printf("%s.65535", series);
	series2 = fu_tdx_preflight_version_to_series(version);
	g_assert_cmpstr(series2, ==, series);
	g_assert_cmphex(fu_tdx_preflight_version_to_svn(version),
			>=,
			fu_tdx_preflight_version_to_svn(str));
}

/* not with what fwupd builds itself: it opens any file and takes any size */
static void
fuzz_check_build(FuFirmware *firmware, const gchar *str)
{
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(XbNode) n = NULL;
	g_autoptr(XbSilo) silo = xb_silo_new_from_xml(str, NULL);

	if (silo == NULL)
		return;
	n = xb_silo_query_first(silo, "firmware", NULL);
	if (n == NULL)
		return;
	if (!FU_FIRMWARE_GET_CLASS(firmware)->build(firmware, n, &error)) {
		g_assert_nonnull(error);
		return;
	}
	g_assert_no_error(error);
	blob = fu_firmware_write(firmware, &error);
	g_assert_true((blob == NULL) == (error != NULL));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autofree gchar *str = NULL;
	g_autoptr(FuFirmware) blob = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(FuTdxHost) host = g_new0(FuTdxHost, 1);
	g_autoptr(GError) error = NULL;

	if (size < 1)
		return 0;
	str = g_strndup((const gchar *)data + 1, size - 1);
	switch (data[0]) {
	case 'i':
		if (!fu_tdx_host_parse_cpuinfo(host, str, &error))
			g_assert_nonnull(error);
		break;
	case 'm':
		if (!fu_tdx_host_parse_misc(host, str, &error))
			g_assert_nonnull(error);
		break;
	case 'v':
		fuzz_check_version(str);
		break;
	case 'b':
		fuzz_check_build(blob, str);
		break;
	default:
		break;
	}
	fuzz_check_host(host);
	return 0;
}
