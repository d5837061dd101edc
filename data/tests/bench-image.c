/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What it costs to verify an image and to update with it. Prints figures, and judges none. */

#include "config.h"

#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "fu-device-private.h"
#include "fu-tdx-blob-firmware.h"
#include "mock-fixture.h"

#define BENCH_ROUNDS 300

static void
bench_parse(GBytes *blob)
{
	gboolean ret;
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(GError) error = NULL;

	ret =
	    fu_firmware_parse_bytes(firmware, blob, 0x0, FU_FIRMWARE_PARSE_FLAG_NO_SEARCH, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
}

static EVP_PKEY *
bench_make_key(void)
{
	EVP_PKEY *key = EVP_RSA_gen(3072);
	g_assert_nonnull(key);
	return key;
}

/* the least that any verifier has to do: SHA-384 of all bytes, and one RSA-3072 verification */
static void
bench_openssl(GBytes *blob, EVP_PKEY *key, const guint8 *sig, gsize sigsz)
{
	gsize bufsz = 0;
	const guint8 *buf = g_bytes_get_data(blob, &bufsz);
	guint8 digest[EVP_MAX_MD_SIZE] = {0};
	guint digestsz = 0;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	g_assert_true(EVP_Digest(buf, bufsz, digest, &digestsz, EVP_sha384(), NULL));
	g_assert_cmpint(EVP_PKEY_verify_init(ctx), ==, 1);
	g_assert_cmpint(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), ==, 1);
	g_assert_cmpint(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha384()), ==, 1);
	g_assert_cmpint(EVP_PKEY_verify(ctx, sig, sigsz, digest, digestsz), ==, 1);
	EVP_PKEY_CTX_free(ctx);
}

static GByteArray *
bench_sign(GBytes *blob, EVP_PKEY *key)
{
	gsize bufsz = 0;
	const guint8 *buf = g_bytes_get_data(blob, &bufsz);
	gsize sigsz = 512;
	g_autoptr(GByteArray) sig = g_byte_array_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	fu_byte_array_set_size(sig, sigsz, 0x0);
	g_assert_cmpint(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key), ==, 1);
	g_assert_cmpint(EVP_DigestSign(ctx, sig->data, &sigsz, buf, bufsz), ==, 1);
	EVP_MD_CTX_free(ctx);
	g_byte_array_set_size(sig, sigsz);
	return g_steal_pointer(&sig);
}

/* alternating, so that a busy machine slows both */
static void
bench_verify(GBytes *blob)
{
	gdouble openssl = 0;
	gdouble plugin = 0;
	EVP_PKEY *key = bench_make_key();
	g_autoptr(GByteArray) sig = bench_sign(blob, key);
	g_autoptr(GTimer) timer = g_timer_new();

	for (guint i = 0; i < BENCH_ROUNDS; i++) {
		g_timer_start(timer);
		bench_parse(blob);
		plugin += g_timer_elapsed(timer, NULL);
		g_timer_start(timer);
		bench_openssl(blob, key, sig->data, sig->len);
		openssl += g_timer_elapsed(timer, NULL);
	}
	EVP_PKEY_free(key);
	g_print("verify: %" G_GSIZE_FORMAT " bytes, plugin %.3f ms, OpenSSL %.3f ms, ratio %.2f\n",
		g_bytes_get_size(blob),
		plugin * 1000 / BENCH_ROUNDS,
		openssl * 1000 / BENCH_ROUNDS,
		plugin / openssl);
}

/* in kB, as in /proc/self/status */
static guint64
bench_get_status(const gchar *key)
{
	g_autofree gchar *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_file_get_contents("/proc/self/status", &text, NULL, NULL);
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		if (g_str_has_prefix(lines[i], key))
			return g_ascii_strtoull(lines[i] + strlen(key), NULL, 10);
	}
	return 0;
}

static void
bench_reset_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");
	g_assert_nonnull(file);
	fputs("5", file);
	g_assert_cmpint(fclose(file), ==, 0);
}

static void
bench_update(MockFixture *fixture, GBytes *blob)
{
	gboolean ret;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GError) error = NULL;

	firmware = mock_fixture_prepare(fixture, blob, &error);
	g_assert_no_error(error);
	fu_firmware_set_version(firmware, "1.5.16");
	ret = fu_device_write_firmware(fixture->device,
				       firmware,
				       progress,
				       FWUPD_INSTALL_FLAG_FORCE,
				       &error);
	g_assert_no_error(error);
	g_assert_true(ret);
}

/* a small update first, so that only what grows with the image is left */
static void
bench_memory(void)
{
	const gchar *const options[] = {"--install-version=1.5.16", NULL};
	const gchar *const small[] = {"--pages=1", NULL};
	const gchar *const large[] = {"--pages=496", NULL};
	gsize peak;
	guint64 before;
	g_autoptr(GBytes) blob_small = mock_fixture_make_image(small);
	g_autoptr(GBytes) blob_large = mock_fixture_make_image(large);
	g_autoptr(MockFixture) fixture = mock_fixture_new(options);

	bench_update(fixture, blob_small);
	mock_fixture_set(fixture, "running=1.5.06\nremaining=10\n");
	malloc_trim(0);
	bench_reset_peak();
	before = bench_get_status("VmRSS:");
	bench_update(fixture, blob_large);
	peak = (bench_get_status("VmHWM:") - before) * 1024;
	g_print("memory: image %" G_GSIZE_FORMAT " bytes, peak %" G_GSIZE_FORMAT
		" bytes more, ratio %.2f\n",
		g_bytes_get_size(blob_large),
		peak,
		(gdouble)peak / g_bytes_get_size(blob_large));
}

/* of the largest release, for bench_update.py */
static void
bench_write(GBytes *blob)
{
	const gchar *const options[] = {"--install-version=1.5.16", NULL};
	g_autoptr(MockFixture) fixture = mock_fixture_new(options);
	g_autofree gchar *elapsed = NULL;

	bench_update(fixture, blob);
	elapsed = mock_fixture_read(fixture, "control/elapsed");
	g_print("write: %s us\n", elapsed);
}

int
main(int argc, char **argv)
{
	const gchar *const options[] = {"--pages=146", NULL};
	g_autoptr(GBytes) blob = NULL;

	if (!mock_fixture_init())
		return 77;
	blob = mock_fixture_make_image(options);
	if (argc > 1 && g_strcmp0(argv[1], "--write") == 0) {
		bench_write(blob);
		return 0;
	}
	bench_verify(blob);
	bench_memory();
	return 0;
}
