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
#include "fu-tdx-common.h"
#include "fu-tdx-preflight.h"

static void
fuzz_check_host(FuTdxHost *host)
{
	FuTdxPreflightFacts facts = {
	    .host = host,
	    .module_version = "1.5.06",
	    .seamldr_version = "1.5.06",
	    .remaining_updates = 1,
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) verdicts = NULL;

	fu_tdx_host_set_upload_name(host, "tdx_module");
	verdicts = fu_tdx_preflight_check_host(&facts);
	g_assert_true(fu_tdx_preflight_to_error(verdicts, &error) == (verdicts->len == 0));
}

/* present/online; what is written can be read again */
static void
fuzz_check_cpus(FuTdxHost *host, const gchar *str)
{
	g_auto(GStrv) split = g_strsplit(str, "/", 2);
	g_autofree gchar *offline = NULL;

	if (g_strv_length(split) != 2 || !fu_tdx_host_parse_cpus(host, split[0], split[1], NULL) ||
	    fu_tdx_host_get_cpus_offline(host) == NULL)
		return;
	offline = g_strdup(fu_tdx_host_get_cpus_offline(host));
	g_assert_true(fu_tdx_host_parse_cpus(host, offline, offline, NULL));
	g_assert_null(fu_tdx_host_get_cpus_offline(host));
	g_assert_true(fu_tdx_host_parse_cpus(host, split[0], split[1], NULL));
	g_assert_cmpstr(fu_tdx_host_get_cpus_offline(host), ==, offline);
}

static void
fuzz_check_series(const gchar *str)
{
	g_autofree gchar *series = fu_tdx_common_version_to_series(str, NULL);
	g_autofree gchar *series2 = NULL;
	g_autofree gchar *version = NULL;

	if (series == NULL)
		return;
	version = g_strdup_printf("%s.65535", series);
	series2 = fu_tdx_common_version_to_series(version, NULL);
	g_assert_cmpstr(series2, ==, series);
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
	g_autoptr(FuFirmware) blob = fu_tdx_blob_firmware_new();
	g_autoptr(FuFirmware) sigstruct = fu_tdx_sigstruct_firmware_new();
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();
	g_autoptr(GError) error = NULL;

	if (size < 1)
		return 0;
	str = g_strndup((const gchar *)data + 1, size - 1);
	switch (data[0]) {
	case 'i':
		if (!fu_tdx_host_parse_cpuinfo(host, str, &error))
			g_assert_nonnull(error);
		break;
	case 'c':
		fuzz_check_cpus(host, str);
		break;
	case 'm':
		if (!fu_tdx_host_parse_misc(host, str, &error))
			g_assert_nonnull(error);
		break;
	case 'v':
		fuzz_check_series(str);
		break;
	case 'b':
		fuzz_check_build(blob, str);
		break;
	case 's':
		fuzz_check_build(sigstruct, str);
		break;
	default:
		break;
	}
	fuzz_check_host(host);
	return 0;
}
