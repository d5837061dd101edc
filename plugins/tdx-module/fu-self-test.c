/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <gnutls/abstract.h>

#include "fu-context-private.h"
#include "fu-device-event-private.h"
#include "fu-plugin-private.h"
#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-common.h"
#include "fu-tdx-host.h"
#include "fu-tdx-module-plugin.h"
#include "fu-tdx-preflight.h"
#include "fu-tdx-sigstruct-firmware.h"

/*
 * The images here are written from the description of the format, with decimal offsets and bytes in
 * hexadecimal, and not with the structs that they are to test.
 */
typedef struct {
	gnutls_privkey_t key;
	gchar *modulus; /* little-endian, in hexadecimal */
	gchar *signer;	/* SHA-384 of the modulus */
} FuTest;

/* what to change, and how it is refused */
typedef struct {
	gsize offset;
	const gchar *hex;
	const gchar *pattern;
} FuTestPoke;

static void
fu_test_assert_match(const gchar *str, const gchar *pattern)
{
	if (!g_pattern_match_simple(pattern, str))
		g_assert_cmpstr(str, ==, pattern);
}

/* the code comes first, e.g. `InvalidFile: TDX-BLOB header length is *` */
static void
fu_test_assert_error(const GError *error, const gchar *pattern)
{
	g_autofree gchar *str = NULL;
	g_assert_true(error->domain == FWUPD_ERROR);
	str = g_strdup_printf("%s: %s",
			      strrchr(fwupd_error_to_string(error->code), '.') + 1,
			      error->message);
	fu_test_assert_match(str, pattern);
}

static void
fu_test_assert_equal(const GByteArray *buf1, const GByteArray *buf2)
{
	g_assert_cmpmem(buf1->data, buf1->len, buf2->data, buf2->len);
}

static void
fu_test_poke(GByteArray *buf, gsize offset, const gchar *hex)
{
	g_autoptr(GByteArray) val = NULL;
	g_autoptr(GError) error = NULL;

	val = fu_byte_array_from_string(hex, &error);
	g_assert_no_error(error);
	g_assert_cmpint(offset + val->len, <=, buf->len);
	memmove(buf->data + offset, val->data, val->len);
}

/* GnuTLS has numbers in big-endian and may put a zero in front */
static gchar *
fu_test_datum_to_string(const gnutls_datum_t *datum)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();
	for (gsize i = 0; i < 384; i++)
		fu_byte_array_append_uint8(buf, datum->data[datum->size - 1 - i]);
	return fu_byte_array_to_string(buf);
}

static void
fu_test_sign(const FuTest *self, GByteArray *buf, gsize offset)
{
	gint rc;
	gnutls_datum_t data = {0};
	gnutls_datum_t signature = {0};
	g_autofree gchar *hex = NULL;
	g_autoptr(GByteArray) tbs = g_byte_array_new();

	g_byte_array_append(tbs, buf->data + offset, 128);
	g_byte_array_append(tbs, buf->data + offset + 900, 2048 - 900);
	data.data = tbs->data;
	data.size = tbs->len;
	rc = gnutls_privkey_sign_data(self->key, GNUTLS_DIG_SHA384, 0, &data, &signature);
	g_assert_cmpint(rc, ==, GNUTLS_E_SUCCESS);
	hex = fu_test_datum_to_string(&signature);
	fu_test_poke(buf, offset + 516, hex);
	gnutls_free(signature.data);
}

/* signed well, but with other bytes at one offset */
static GByteArray *
fu_test_sigstruct_new(const FuTest *self, gsize offset, const gchar *hex)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();

	fu_byte_array_set_size(buf, 4096, 0x0);
	fu_test_poke(buf, 0, "06000000e100000000000100"); /* header_type, _length, _version */
	fu_test_poke(buf, 16, "8680000019022520");	  /* module_vendor, date */
	fu_test_poke(buf, 24, "0002000060000000");	  /* size, key_size */
	fu_test_poke(buf, 32, "6000000001000000");	  /* modulus_size, exponent_size */
	fu_test_poke(buf, 128, self->modulus);
	fu_test_poke(buf, 512, "01000100");			     /* exponent */
	fu_test_poke(buf, 948, "0b01");				     /* seamsvn */
	fu_test_poke(buf, 984, "0400");				     /* module_hv */
	fu_test_poke(buf, 1024, "02000000f8060800f0060c00d0060a00"); /* the third is not used */
	fu_test_poke(buf, offset, hex);
	fu_test_sign(self, buf, 0);
	return g_steal_pointer(&buf);
}

static void
fu_test_fix_checksum(GByteArray *buf)
{
	guint16 sum;
	fu_memwrite_uint16(buf->data + 2, 0x0, G_LITTLE_ENDIAN);
	sum = fu_sum16w(buf->data, buf->len, G_LITTLE_ENDIAN);
	fu_memwrite_uint16(buf->data + 2, (guint16)(0 - sum), G_LITTLE_ENDIAN);
}

static GByteArray *
fu_test_image_new(const FuTest *self, FuTdxBlobVersion blob_version, gsize module_pages)
{
	gsize modulesz = module_pages * 4096;
	g_autofree gchar *seamhash = NULL;
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GByteArray) sigstruct = NULL;

	fu_byte_array_set_size(buf, 8192 + modulesz, 0x0);
	if (blob_version == FU_TDX_BLOB_VERSION_V1) {
		fu_test_poke(buf, 0, "00010000002000005444582d424c4f42");
		fu_memwrite_uint32(buf->data + 16, 8192 + modulesz, G_LITTLE_ENDIAN);
	} else {
		fu_test_poke(buf, 0, "000200005444582d424c4f4201000000");
		fu_memwrite_uint32(buf->data + 16, module_pages, G_LITTLE_ENDIAN);
	}
	for (gsize i = 0; i < modulesz; i++)
		buf->data[8192 + i] = i / 251;
	seamhash = g_compute_checksum_for_data(G_CHECKSUM_SHA384, buf->data + 8192, modulesz);
	sigstruct = fu_test_sigstruct_new(self, 900, seamhash);
	memmove(buf->data + 4096, sigstruct->data, sigstruct->len);
	fu_test_fix_checksum(buf);
	return g_steal_pointer(&buf);
}

static FuFirmware *
fu_test_parse_full(GType gtype, const GByteArray *buf, FuFirmwareParseFlags flags, GError **error)
{
	g_autoptr(FuFirmware) firmware = g_object_new(gtype, NULL);
	g_autoptr(GBytes) blob = g_bytes_new(buf->data, buf->len);
	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, flags, error))
		return NULL;
	return g_steal_pointer(&firmware);
}

static FuFirmware *
fu_test_parse(GType gtype, const GByteArray *buf)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GError) error = NULL;

	firmware = fu_test_parse_full(gtype, buf, FU_FIRMWARE_PARSE_FLAG_NONE, &error);
	g_assert_no_error(error);
	return g_steal_pointer(&firmware);
}

static void
fu_test_assert_refused(GType gtype, const GByteArray *buf, const gchar *pattern)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GError) error = NULL;

	firmware = fu_test_parse_full(gtype, buf, FU_FIRMWARE_PARSE_FLAG_NONE, &error);
	g_assert_null(firmware);
	fu_test_assert_error(error, pattern);
}

static FuTdxSigstructFirmware *
fu_test_sigstruct_parse(const FuTest *self, gsize offset, const gchar *hex)
{
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self, offset, hex);
	return FU_TDX_SIGSTRUCT_FIRMWARE(fu_test_parse(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf));
}

static GByteArray *
fu_test_write(FuFirmware *firmware)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error = NULL;

	blob = fu_firmware_write(firmware, &error);
	g_assert_no_error(error);
	fu_byte_array_append_bytes(buf, blob);
	return g_steal_pointer(&buf);
}

static FuFirmware *
fu_test_build(const gchar *xml, GError **error)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(XbNode) n = NULL;
	g_autoptr(XbSilo) silo = NULL;

	silo = xb_silo_new_from_xml(xml, error);
	if (silo == NULL)
		return NULL;
	n = xb_silo_query_first(silo, "firmware", error);
	if (n == NULL)
		return NULL;
	firmware = g_object_new(g_type_from_name(xb_node_get_attr(n, "gtype")), NULL);
	if (!fu_firmware_build(firmware, n, error))
		return NULL;
	return g_steal_pointer(&firmware);
}

static FuFirmware *
fu_test_build_file(const gchar *basename)
{
	g_autofree gchar *filename = g_test_build_filename(G_TEST_DIST, "tests", basename, NULL);
	g_autofree gchar *xml = NULL;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GError) error = NULL;

	g_file_get_contents(filename, &xml, NULL, &error);
	g_assert_no_error(error);
	firmware = fu_test_build(xml, &error);
	g_assert_no_error(error);
	return g_steal_pointer(&firmware);
}

/* build and write, then parse and write, then export, build and write: all the same bytes */
static void
fu_test_assert_roundtrip(const gchar *basename, const gchar *checksum)
{
	g_autofree gchar *csum = NULL;
	g_autofree gchar *xml_out = NULL;
	g_autoptr(FuFirmware) firmware1 = fu_test_build_file(basename);
	g_autoptr(FuFirmware) firmware2 = NULL;
	g_autoptr(FuFirmware) firmware3 = NULL;
	g_autoptr(GByteArray) buf1 = NULL;
	g_autoptr(GByteArray) buf2 = NULL;
	g_autoptr(GByteArray) buf3 = NULL;
	g_autoptr(GError) error = NULL;

	buf1 = fu_test_write(firmware1);
	csum = g_compute_checksum_for_data(G_CHECKSUM_SHA1, buf1->data, buf1->len);
	g_assert_cmpstr(csum, ==, checksum);

	firmware2 = fu_test_parse(G_OBJECT_TYPE(firmware1), buf1);
	buf2 = fu_test_write(firmware2);
	fu_test_assert_equal(buf2, buf1);

	xml_out = fu_firmware_export_to_xml(firmware1, FU_FIRMWARE_EXPORT_FLAG_NONE, &error);
	g_assert_no_error(error);
	firmware3 = fu_test_build(xml_out, &error);
	g_assert_no_error(error);
	buf3 = fu_test_write(firmware3);
	fu_test_assert_equal(buf3, buf1);
}

static void
fu_tdx_sigstruct_firmware_parse_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	FuTdxSigstructFirmware *sigstruct;
	const gchar *str = "tdx";
	g_autofree gchar *cpus = NULL;
	g_autofree gchar *mrseam = NULL;
	g_autofree gchar *seamhash = g_compute_checksum_for_string(G_CHECKSUM_SHA384, str, -1);
	g_autofree gchar *signer = NULL;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(FuFirmware) firmware_short = NULL;
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self, 900, seamhash);
	g_autoptr(GByteArray) buf_out = NULL;
	g_autoptr(GByteArray) digest = fu_byte_array_from_string(seamhash, NULL);
	g_autoptr(GError) error = NULL;

	firmware = fu_test_parse(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf);
	sigstruct = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	g_assert_cmphex(fu_tdx_sigstruct_firmware_get_date(sigstruct), ==, 0x20250219);
	g_assert_cmphex(fu_tdx_sigstruct_firmware_get_seamsvn(sigstruct), ==, 0x010b);
	g_assert_false(fu_tdx_sigstruct_firmware_get_debug(sigstruct));
	cpus = fu_tdx_sigstruct_firmware_get_cpus(sigstruct);
	g_assert_cmpstr(cpus, ==, "0x806f8,0xc06f0");
	mrseam = fu_tdx_sigstruct_firmware_get_mrseam(sigstruct);
	g_assert_cmpstr(mrseam, ==, seamhash);
	signer = fu_tdx_sigstruct_firmware_get_signer(sigstruct);
	g_assert_cmpstr(signer, ==, self->signer);

	/* the module that belongs to it, and another one */
	g_assert_true(
	    fu_tdx_sigstruct_firmware_check_module(sigstruct, digest->data, digest->len, &error));
	digest->data[47] ^= 0x01;
	g_assert_false(
	    fu_tdx_sigstruct_firmware_check_module(sigstruct, digest->data, digest->len, &error));
	fu_test_assert_error(error, "InvalidFile: SHA-384 of the module is *, but seamhash *");

	/* the rest of the page may be missing */
	g_byte_array_set_size(buf, 2048);
	firmware_short = fu_test_parse(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf);
	fu_byte_array_set_size(buf, 4096, 0x0);
	buf_out = fu_test_write(firmware_short);
	fu_test_assert_equal(buf_out, buf);
}

static void
fu_tdx_sigstruct_firmware_fields_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const FuTestPoke items[] = {
	    {0, "07000000", "InvalidData: *.header_type was *, expected 0x6 and got 0x7"},
	    {4, "e0000000", "InvalidData: *.header_length was *, expected 0xe1 and got 0xe0"},
	    {8, "01000100", "InvalidData: *.header_version *expected 0x10000 and got 0x10001"},
	    {16, "de100000", "InvalidData: *.module_vendor was *, expected 0x8086 and got 0x10de"},
	    {24, "00010000", "InvalidData: *.size was *, expected 0x200 and got 0x100"},
	    {28, "40000000", "InvalidData: *.key_size was *, expected 0x60 and got 0x40"},
	    {32, "61000000", "InvalidData: *.modulus_size was *, expected 0x60 and got 0x61"},
	    {36, "00000000", "InvalidData: *.exponent_size was *, expected 0x1 and got 0x0"},
	    {512, "01000000", "InvalidData: *.exponent was *, expected 0x10001 and got 0x1"},
	    {512, "03000000", "InvalidData: *.exponent was *, expected 0x10001 and got 0x3"},
	    {950, "0100000000000000", "InvalidFile: attributes is 0x1, expected 0x0"},
	    {957, "80", "InvalidFile: attributes is 0x8000000000000000, expected 0x0"},
	    {989, "80", "InvalidFile: reserved2?0? is 0x80, expected 0x00"},
	    {1000, "05000000", "InvalidFile: version_major is 0 and *version_update 5*"},
	    {1002, "01", "InvalidFile: version_major is 0 and version_minor 1*"},
	    {1004, "12030000", "InvalidFile: version_major is 0 and *version_build 0x312*"},
	    {12, "01000000", "InvalidFile: module_type is 0x1, expected 0x0, or 0x80000000*"},
	    {12, "01000080", "InvalidFile: module_type is 0x80000001, expected 0x0, or *"},
	    {12, "00000040", "InvalidFile: module_type is 0x40000000, expected 0x0, or *"},
	    {948, "ff00", "InvalidFile: seamsvn is 0x00ff, expected a major number *"},
	    {984,
	     "04000500",
	     "InvalidFile: min_update_hv is 5, expected at most module_hv, which is 4"},
	    {1024, "00010000", "InvalidFile: cpuid_table_size is 256, expected at most 255"},
	    {1024, "ffffffff", "InvalidFile: cpuid_table_size is 4294967295, expected at most 255"},
	    {1024, "00000000", "InvalidFile: cpuid_table_size is 0, expected at least 1"},
	    {40, "01", "InvalidFile: reserved0[0] is 0x01, expected 0x00"},
	    {127, "80", "InvalidFile: reserved0[87] is 0x80, expected 0x00"},
	    {978, "01", "InvalidFile: reserved1[0] is 0x01, expected 0x00"},
	    {983, "ff", "InvalidFile: reserved1[5] is 0xff, expected 0x00"},
	    {1008, "01", "InvalidFile: reserved3[0] is 0x01, expected 0x00"},
	    {1023, "10", "InvalidFile: reserved3[15] is 0x10, expected 0x00"},
	    {2048, "01", "InvalidFile: padding[0] is 0x01, expected 0x00"},
	    {4095, "10", "InvalidFile: padding[2047] is 0x10, expected 0x00"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf =
		    fu_test_sigstruct_new(self, items[i].offset, items[i].hex);
		fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf, items[i].pattern);
	}
}

static void
fu_tdx_sigstruct_firmware_cpus_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autofree gchar *cpus_debug = NULL;
	g_autoptr(FuFirmware) debug = NULL;
	g_autoptr(FuTdxSigstructFirmware) all = fu_test_sigstruct_parse(self, 1024, "ff");
	g_autoptr(FuTdxSigstructFirmware) two = fu_test_sigstruct_parse(self, 1024, "02");
	g_autoptr(GByteArray) buf_debug = fu_test_sigstruct_new(self, 12, "00000080");

	/* the stepping does not matter, and the third entry is not used */
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(two, 0x806f8));
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(two, 0x806f0));
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(two, 0xc06f2));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(two, 0x806e8));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(two, 0x1806f8));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(two, 0xa06d0));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(two, 0x0));

	/* all 255 of them are used */
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(all, 0xa06d1));
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(all, 0x0));

	/* only a debug-signed module may be for none */
	fu_test_poke(buf_debug, 1024, "00000000");
	fu_test_sign(self, buf_debug, 0);
	debug = fu_test_parse(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf_debug);
	g_assert_true(fu_tdx_sigstruct_firmware_get_debug(FU_TDX_SIGSTRUCT_FIRMWARE(debug)));
	cpus_debug = fu_tdx_sigstruct_firmware_get_cpus(FU_TDX_SIGSTRUCT_FIRMWARE(debug));
	g_assert_cmpstr(cpus_debug, ==, "");
}

static void
fu_tdx_sigstruct_firmware_version_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const gchar *items[][2] = {
	    {"0000000000000000", NULL},
	    {"0800000272030000", "2.0.08"},
	    {"2c010102ffffffff", "2.1.300"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(FuTdxSigstructFirmware) sigstruct =
		    fu_test_sigstruct_parse(self, 1000, items[i][0]);
		g_assert_cmpstr(fu_firmware_get_version(FU_FIRMWARE(sigstruct)), ==, items[i][1]);
	}
}

static void
fu_tdx_sigstruct_firmware_signature_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const guint8 moduli[] = {0x0, 0x1, 0x2, 0xFE};
	g_autofree gchar *zeros = g_strnfill((gsize)384 * 2, '0');
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self, 0, "06");
	g_autoptr(GError) error = NULL;

	/* not an odd number of 3072 bits, with a signature that is well-formed */
	for (guint i = 0; i < G_N_ELEMENTS(moduli); i++) {
		g_autoptr(GByteArray) buf_key = fu_test_sigstruct_new(self, 0, "06");
		if (moduli[i] < 0xFE)
			fu_test_poke(buf_key, 128, zeros);
		buf_key->data[128] = moduli[i];
		fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
				       buf_key,
				       "SignatureInvalid: *modulus*: *");
	}

	fu_test_poke(buf, 516, zeros);
	fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
			       buf,
			       "SignatureInvalid: signature does not match the sigstruct and *");

	/* may be looked at */
	firmware = fu_test_parse_full(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
				      buf,
				      FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM,
				      &error);
	g_assert_no_error(error);
	g_assert_nonnull(firmware);
}

/* only the first page depends on the version of the header */
static GByteArray *
fu_test_convert(const GByteArray *buf, FuTdxBlobVersion blob_version)
{
	g_autoptr(FuFirmware) firmware = fu_test_parse(FU_TYPE_TDX_BLOB_FIRMWARE, buf);
	g_autoptr(GByteArray) buf_out = NULL;

	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware), blob_version);
	buf_out = fu_test_write(firmware);
	g_assert_cmpmem(buf_out->data + 4096,
			buf_out->len - 4096,
			buf->data + 4096,
			buf->len - 4096);
	return g_steal_pointer(&buf_out);
}

static void
fu_tdx_blob_firmware_convert_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const guint module_pages[] = {1, 2, 496};

	for (guint i = 0; i < G_N_ELEMENTS(module_pages); i++) {
		guint pages = module_pages[i];
		g_autoptr(GByteArray) buf_v1 =
		    fu_test_image_new(self, FU_TDX_BLOB_VERSION_V1, pages);
		g_autoptr(GByteArray) buf_v1_out = NULL;
		g_autoptr(GByteArray) buf_v2 =
		    fu_test_image_new(self, FU_TDX_BLOB_VERSION_V2, pages);
		g_autoptr(GByteArray) buf_v2_out = NULL;

		buf_v2_out = fu_test_convert(buf_v1, FU_TDX_BLOB_VERSION_V2);
		fu_test_assert_equal(buf_v2_out, buf_v2);
		buf_v1_out = fu_test_convert(buf_v2, FU_TDX_BLOB_VERSION_V1);
		fu_test_assert_equal(buf_v1_out, buf_v1);
	}
}

static void
fu_tdx_blob_firmware_parse_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const FuTdxBlobVersion blob_versions[] = {FU_TDX_BLOB_VERSION_V1, FU_TDX_BLOB_VERSION_V2};

	for (guint i = 0; i < G_N_ELEMENTS(blob_versions); i++) {
		FuTdxBlobFirmware *blob;
		g_autoptr(FuFirmware) firmware = NULL;
		g_autoptr(FuFirmware) module = NULL;
		g_autoptr(FuTdxSigstructFirmware) sigstruct = NULL;
		g_autoptr(GByteArray) buf = fu_test_image_new(self, blob_versions[i], 2);
		g_autoptr(GByteArray) buf_module = NULL;
		g_autoptr(GByteArray) buf_out = NULL;

		firmware = fu_test_parse(FU_TYPE_TDX_BLOB_FIRMWARE, buf);
		blob = FU_TDX_BLOB_FIRMWARE(firmware);
		g_assert_cmphex(fu_tdx_blob_firmware_get_blob_version(blob), ==, blob_versions[i]);
		sigstruct = fu_tdx_blob_firmware_get_sigstruct(blob, NULL);
		g_assert_cmphex(fu_tdx_sigstruct_firmware_get_seamsvn(sigstruct), ==, 0x010b);
		module = fu_firmware_get_image_by_id(firmware, "module", NULL);
		buf_module = fu_test_write(module);
		g_assert_cmpmem(buf_module->data, buf_module->len, buf->data + 8192, 8192);
		buf_out = fu_test_write(firmware);
		fu_test_assert_equal(buf_out, buf);
	}
}

/* with two module pages and a correct checksum */
static void
fu_test_assert_header_refused(const FuTest *self, FuTdxBlobVersion version, const FuTestPoke *poke)
{
	g_autoptr(GByteArray) buf = fu_test_image_new(self, version, 2);
	fu_test_poke(buf, poke->offset, poke->hex);
	fu_test_fix_checksum(buf);
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE, buf, poke->pattern);
}

static void
fu_tdx_blob_firmware_header_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const FuTestPoke items_v1[] = {
	    {0, "0003", "InvalidFile: *header version is 0x0300, expected 0x0100 or 0x0200"},
	    {0, "0000", "InvalidFile: *header version is 0x0000, expected 0x0100 or 0x0200"},
	    {0, "0002", "InvalidData: *V2.signature was not valid, *"},
	    {8, "7464", "InvalidData: *V1.signature was not valid, * and got 'tdX-BLOB'"},
	    {16, "00300000", "InvalidFile: *header length is 12288, but the image has 16384 bytes"},
	    {16, "01400000", "InvalidFile: *header length is 16385, but the image has 16384 bytes"},
	    {4, "00100000", "InvalidFile: *offset_of_module is 0x1000, expected 0x2000 *"},
	    {4, "00300000", "InvalidFile: *offset_of_module is 0x3000, expected 0x2000 *"},
	    {4, "00f0ffff", "InvalidFile: *offset_of_module is 0xfffff000, expected 0x2000 *"},
	    {20, "01000000", "InvalidData: *V1.reserved0 was not valid, expected 0x0 and got 0x1"},
	    {24, "01", "InvalidFile: *reserved byte at 0x18 is 0x01, expected 0x00"},
	    {4095, "80", "InvalidFile: *reserved byte at 0xfff is 0x80, expected 0x00"},
	};
	const FuTestPoke items_v2[] = {
	    {0, "0003", "InvalidFile: *header version is 0x0300, expected 0x0100 or 0x0200"},
	    {0, "0001", "InvalidData: *V1.signature was not valid, *"},
	    {11, "00", "InvalidData: *V2.signature was not valid, * and got 'TDX-BLO'"},
	    {12, "0000000003000000", "InvalidFile: *sigstruct_nr_pages is 0, expected 1"},
	    {12, "0200000001000000", "InvalidFile: *sigstruct_nr_pages is 2, expected 1"},
	    {12, "04000000", "InvalidFile: *sigstruct_nr_pages is 4, expected 1"},
	    {16, "00000000", "InvalidFile: *module_nr_pages is 0, * 2 module pages"},
	    {16, "f1010000", "InvalidFile: *module_nr_pages is 497, * 2 module pages"},
	    {20, "01", "InvalidFile: *reserved byte at 0x14 is 0x01, expected 0x00"},
	    {4095, "80", "InvalidFile: *reserved byte at 0xfff is 0x80, expected 0x00"},

	    /* times the size of a page, these overflow 32 bits; the second one to the right size */
	    {16, "01001000", "InvalidFile: *module_nr_pages is 1048577, * 2 module pages"},
	    {16, "02001000", "InvalidFile: *module_nr_pages is 1048578, * 2 module pages"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items_v1); i++)
		fu_test_assert_header_refused(self, FU_TDX_BLOB_VERSION_V1, &items_v1[i]);
	for (guint i = 0; i < G_N_ELEMENTS(items_v2); i++)
		fu_test_assert_header_refused(self, FU_TDX_BLOB_VERSION_V2, &items_v2[i]);
}

/* the two versions of an image with two module pages, then only its sigstruct */
static void
fu_tdx_blob_firmware_size_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		FuTdxBlobVersion blob_version;
		gsize size;
		const gchar *pattern;
	} items[] = {
	    {FU_TDX_BLOB_VERSION_V1, 1, "Read: *0x1*"},
	    {FU_TDX_BLOB_VERSION_V1, 12288, "InvalidFile: *length is 16384, * has 12288 bytes"},
	    {FU_TDX_BLOB_VERSION_V1, 20480, "InvalidFile: *length is 16384, * has 20480 bytes"},
	    {FU_TDX_BLOB_VERSION_V2, 0, "NotSupported: *size 0x0*"},
	    {FU_TDX_BLOB_VERSION_V2, 4096, "InvalidFile: image has 4096 bytes, expected *"},
	    {FU_TDX_BLOB_VERSION_V2, 8192, "InvalidFile: module has 0 pages, expected 1 to 496"},
	    {FU_TDX_BLOB_VERSION_V2, 12288, "InvalidFile: *nr_pages is 2, * has 1 module pages"},
	    {FU_TDX_BLOB_VERSION_V2, 16383, "InvalidFile: image has 16383 bytes, expected *"},
	    {FU_TDX_BLOB_VERSION_V2, 16385, "InvalidFile: image has 16385 bytes, expected *"},
	    {FU_TDX_BLOB_VERSION_V2, 20480, "InvalidFile: *nr_pages is 2, * has 3 module pages"},
	    {FU_TDX_BLOB_VERSION_V2, 499 * 4096, "InvalidFile: *firmware is too large*"},
	    {FU_TDX_BLOB_VERSION_V2, 64 << 20, "InvalidFile: *firmware is too large*"},
	    {FU_TDX_BLOB_VERSION_UNKNOWN, 0, "NotSupported: *size 0x0*"},
	    {FU_TDX_BLOB_VERSION_UNKNOWN, 1, "InvalidData: *FuStructTdxSigstruct*0x800*0x1"},
	    {FU_TDX_BLOB_VERSION_UNKNOWN, 2047, "InvalidData: *FuStructTdxSigstruct*0x800*0x7ff"},
	    {FU_TDX_BLOB_VERSION_UNKNOWN, 4097, "InvalidFile: *firmware is too large*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf = NULL;
		GType gtype = FU_TYPE_TDX_BLOB_FIRMWARE;

		if (items[i].blob_version == FU_TDX_BLOB_VERSION_UNKNOWN) {
			buf = fu_test_sigstruct_new(self, 0, "06");
			gtype = FU_TYPE_TDX_SIGSTRUCT_FIRMWARE;
		} else {
			buf = fu_test_image_new(self, items[i].blob_version, 2);
		}
		fu_byte_array_set_size(buf, items[i].size, 0x0);
		fu_test_assert_refused(gtype, buf, items[i].pattern);
	}
}

static void
fu_tdx_blob_firmware_checksum_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const gchar *pattern_hash = "InvalidFile: SHA-384 of the module is *, but seamhash * is *";
	const gchar *pattern_sum = "InvalidFile: sum of all 16-bit *is 0x8000, expected 0x0000";
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GByteArray) buf = fu_test_image_new(self, FU_TDX_BLOB_VERSION_V2, 2);
	g_autoptr(GError) error = NULL;

	/* one bit of the checksum itself */
	buf->data[3] ^= 0x80;
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE, buf, pattern_sum);
	buf->data[3] ^= 0x80;

	/* one bit of the module, without and with a correct checksum */
	buf->data[16383] ^= 0x80;
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE, buf, pattern_sum);
	fu_test_fix_checksum(buf);
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE, buf, pattern_hash);
	buf->data[16383] ^= 0x80;
	fu_test_fix_checksum(buf);

	/* two bytes of the module that leave the sum as it was */
	buf->data[8192 + 502] += 1;
	buf->data[8192 + 504] -= 1;
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE, buf, pattern_hash);

	/* may be looked at */
	firmware = fu_test_parse_full(FU_TYPE_TDX_BLOB_FIRMWARE,
				      buf,
				      FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM,
				      &error);
	g_assert_no_error(error);
	g_assert_nonnull(firmware);

	/* one bit of the sigstruct */
	buf->data[4096 + 900] ^= 0x01;
	fu_test_fix_checksum(buf);
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
			       buf,
			       "SignatureInvalid: sigstruct: signature does not match*");
}

/* nothing is left unverified, even when somebody corrects the checksum */
static void
fu_tdx_blob_firmware_flip_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;

	for (guint i = 0; i < 2; i++) {
		FuTdxBlobVersion blob_version = i == 0 ? FU_TDX_BLOB_VERSION_V1
						       : FU_TDX_BLOB_VERSION_V2;
		g_autoptr(GByteArray) buf = fu_test_image_new(self, blob_version, 2);
		for (guint j = 0; j < buf->len; j += j < 8192 ? 1 : 61) {
			g_autoptr(FuFirmware) firmware = NULL;

			buf->data[j] ^= 1 << (j % 8);
			if (j != 2 && j != 3)
				fu_test_fix_checksum(buf);
			firmware = fu_test_parse_full(FU_TYPE_TDX_BLOB_FIRMWARE,
						      buf,
						      FU_FIRMWARE_PARSE_FLAG_NO_SEARCH,
						      NULL);
			if (firmware != NULL)
				g_test_message("offset %u is not verified", j);
			g_assert_null(firmware);
			buf->data[j] ^= 1 << (j % 8);
		}
	}
}

static void
fu_tdx_blob_firmware_build_func(gconstpointer user_data)
{
	g_autofree gchar *cpus = g_strdup_printf("<cpus>%0255d</cpus>", 0);
	const struct {
		const gchar *gtype;
		const gchar *xml;
		const gchar *pattern;
	} items[] = {
	    {"Blob",
	     "<blob_version>0x300</blob_version>",
	     "InvalidData: blob_version is 0x0300, expected 0x0100 or 0x0200"},
	    {"Blob", "<blob_version>0x0</blob_version>", "InvalidData: blob_version is 0x0000, *"},
	    {"Blob", "<blob_version>0x10100</blob_version>", "InvalidData: *above maximum*"},
	    {"Blob", "<blob_version>new</blob_version>", "InvalidData: *cannot parse*"},
	    {"Blob", "", NULL},
	    {"Sigstruct", "", NULL},
	    {"Sigstruct", "<date>yesterday</date>", "InvalidData: date: *"},
	    {"Sigstruct", "<date>120250219</date>", "InvalidData: date: *above maximum*"},
	    {"Sigstruct", "<cpus>0x806f8,spr</cpus>", "InvalidData: cpus: *"},
	    {"Sigstruct", "<cpus>0x1000806f8</cpus>", "InvalidData: cpus: *above maximum*"},
	    {"Sigstruct", g_strdelimit(cpus, "0", ','), "InvalidData: cpus has 256 *at most 255"},
	    {"Sigstruct", "<debug>perhaps</debug>", "InvalidData: *perhaps*"},
	    {"Sigstruct",
	     "<num_tls_pages>0x100</num_tls_pages>",
	     "InvalidData: num_tls_pages: *255"},
	    {"Sigstruct", "<seamsvn>0x10000</seamsvn>", "InvalidData: seamsvn: *65535"},
	    {"Sigstruct", "<rip_offset>0x100000000</rip_offset>", "InvalidData: rip_offset: *"},
	    {"Sigstruct", "<modulus>xy</modulus>", "InvalidData: modulus: *"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autofree gchar *xml = NULL;
		g_autoptr(FuFirmware) firmware = NULL;
		g_autoptr(GError) error = NULL;

		xml = g_strdup_printf("<firmware gtype='FuTdx%sFirmware'>%s</firmware>",
				      items[i].gtype,
				      items[i].xml);
		firmware = fu_test_build(xml, &error);
		if (items[i].pattern == NULL) {
			g_assert_no_error(error);
			g_assert_nonnull(firmware);
			continue;
		}
		g_assert_null(firmware);
		fu_test_assert_error(error, items[i].pattern);
	}
}

static void
fu_tdx_blob_firmware_write_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		gsize size; /* of the module, in bytes */
		const gchar *pattern;
	} items[] = {
	    {0, "InvalidFile: module has 0 pages, expected 1 to 496"},
	    {4095, "InvalidFile: image has 12287 bytes, expected * whole module pages *"},
	    {497 * 4096, "InvalidFile: module has 497 pages, expected 1 to 496"},
	};
	g_autofree guint8 *data = g_malloc0(497 * 4096);

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(FuFirmware) firmware = fu_tdx_blob_firmware_new();
		g_autoptr(FuFirmware) module = fu_firmware_new();
		g_autoptr(FuTdxSigstructFirmware) sigstruct =
		    fu_test_sigstruct_parse(self, 0, "06");
		g_autoptr(GBytes) blob = NULL;
		g_autoptr(GBytes) blob_module = g_bytes_new(data, items[i].size);
		g_autoptr(GError) error = NULL;

		fu_firmware_set_id(FU_FIRMWARE(sigstruct), "sigstruct");
		fu_firmware_add_image(firmware, FU_FIRMWARE(sigstruct), NULL);
		fu_firmware_set_id(module, "module");
		fu_firmware_set_bytes(module, blob_module);
		fu_firmware_add_image(firmware, module, NULL);
		blob = fu_firmware_write(firmware, &error);
		g_assert_null(blob);
		fu_test_assert_error(error, items[i].pattern);
	}
}

static void
fu_tdx_blob_firmware_xml_func(gconstpointer user_data)
{
	fu_test_assert_roundtrip("tdx-sigstruct.builder.xml",
				 "fbed88bcadde312d0153940d12af6470a24e9a24");
	fu_test_assert_roundtrip("tdx-blob-v1.builder.xml",
				 "51b157d715386b9384349c98ce677cca766bb41f");
	fu_test_assert_roundtrip("tdx-blob-v2.builder.xml",
				 "4a5de08f0f5e66851a4986af9d5bfd7f297f7a68");
}

/* as Linux writes it */
static gchar *
fu_test_cpuinfo(const gchar *vendor, guint family, guint model, const gchar *bugs)
{
	return g_strdup_printf("processor\t: 0\n"
			       "vendor_id\t: %s\n"
			       "cpu family\t: %u\n"
			       "model\t\t: %u\n"
			       "model name\t: INTEL(R) XEON(R) 1: 2\n"
			       "stepping\t: 8\n"
			       "microcode\t: 0x2b0001b0\n"
			       "bugs\t\t: %s\n"
			       "power management:\n\n",
			       vendor,
			       family,
			       model,
			       bugs);
}

static void
fu_test_host_set_cpuinfo(FuTdxHost *host, const gchar *str1, const gchar *str2)
{
	g_autofree gchar *str = g_strconcat(str1, str2, NULL);
	g_autoptr(GError) error = NULL;
	g_assert_true(fu_tdx_host_parse_cpuinfo(host, str, &error));
	g_assert_no_error(error);
}

static void
fu_tdx_host_cpuinfo_func(gconstpointer user_data)
{
	const struct {
		const gchar *vendor;
		guint family;
		guint model;
		guint32 signature;
	} items[] = {
	    {"GenuineIntel", 6, 143, 0x806F0},
	    {"GenuineIntel", 6, 207, 0xC06F0},
	    {"GenuineIntel", 6, 175, 0xA06F0},
	    {"GenuineIntel", 6, 173, 0xA06D0},
	    {"GenuineIntel", 6, 174, 0xA06E0},
	    {"GenuineIntel", 19, 1, 0x400F10},
	    {"AuthenticAMD", 25, 17, 0xA10F10},
	};
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autofree gchar *str =
		    fu_test_cpuinfo(items[i].vendor, items[i].family, items[i].model, "");
		fu_test_host_set_cpuinfo(host, str, NULL);
		g_assert_cmpstr(fu_tdx_host_get_vendor(host), ==, items[i].vendor);
		g_assert_cmpint(fu_tdx_host_get_signatures(host)->len, ==, 1);
		g_assert_cmphex(g_array_index(fu_tdx_host_get_signatures(host), guint32, 0),
				==,
				items[i].signature);
	}
}

static void
fu_tdx_host_cpuinfo_invalid_func(gconstpointer user_data)
{
	const gchar *items[][2] = {
	    {"", "InvalidData: cpuinfo has no vendor_id, cpu family, model and stepping"},
	    {"vendor_id\t: GenuineIntel\n", "InvalidData: cpuinfo has no vendor_id*"},
	    {"cpu family: 6\nmodel: 143\nstepping: 8\n", "InvalidData: cpuinfo has no vendor_id*"},
	    {"cpu family\t: six\n", "InvalidData: failed to parse cpuinfo: 'six' is not a number"},
	    {"model\t: 256\n", "InvalidData: failed to parse cpuinfo: *256 was above maximum 255"},
	    {"model\t: -1\n", "InvalidData: failed to parse cpuinfo: '-1' is not a number"},
	    {"model\t: \n", "InvalidData: failed to parse cpuinfo: '' is not a number"},
	    {"model:  \t\n", "InvalidData: failed to parse cpuinfo: '' is not a number"},
	    {"cpu family: 600\n", "InvalidData: failed to parse cpuinfo: *above maximum 270"},
	    {"cpu family: 6\nstepping: 8\n", "InvalidData: *cpuinfo has no cpu family or model"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(FuTdxHost) host = fu_tdx_host_new();
		g_autoptr(GError) error = NULL;
		g_assert_false(fu_tdx_host_parse_cpuinfo(host, items[i][0], &error));
		fu_test_assert_error(error, items[i][1]);
	}
}

static void
fu_tdx_host_sockets_func(gconstpointer user_data)
{
	GArray *signatures;
	g_autofree gchar *cpu1 = fu_test_cpuinfo("GenuineIntel", 6, 143, "spectre_v1 mds");
	g_autofree gchar *cpu2 = fu_test_cpuinfo("GenuineIntel", 6, 207, "mds seamret_invd_vmcs_2");
	g_autofree gchar *cpu3 = fu_test_cpuinfo("GenuineIntel", 6, 143, "mds seamret_invd_vmcs");
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();

	signatures = fu_tdx_host_get_signatures(host);
	fu_test_host_set_cpuinfo(host, cpu1, cpu1);
	g_assert_cmpint(signatures->len, ==, 1);
	g_assert_false(fu_tdx_host_get_erratum(host));

	/* in one of them */
	fu_test_host_set_cpuinfo(host, cpu1, cpu3);
	g_assert_cmpint(signatures->len, ==, 1);
	g_assert_true(fu_tdx_host_get_erratum(host));

	/* not any more */
	fu_test_host_set_cpuinfo(host, cpu1, cpu2);
	g_assert_false(fu_tdx_host_get_erratum(host));
	g_assert_cmpint(signatures->len, ==, 2);
	g_assert_cmphex(g_array_index(signatures, guint32, 0), ==, 0x806F0);
	g_assert_cmphex(g_array_index(signatures, guint32, 1), ==, 0xC06F0);
}

static void
fu_tdx_host_cpus_func(gconstpointer user_data)
{
	const struct {
		const gchar *present;
		const gchar *online;
		const gchar *offline; /* (nullable) */
		const gchar *pattern; /* (nullable) */
	} items[] = {
	    {"0-3,5,7-9\n", "0-3,5,7-9\n", NULL, NULL},
	    {"0", "0", NULL, NULL},
	    {"0-3", "0,1,2,3", NULL, NULL},
	    {"0-3", "0-7", NULL, NULL},
	    {" 0-3 \n", "\t0-3\n\n", NULL, NULL},
	    {"0-7\n", "0,2,4,6\n", "1,3,5,7", NULL}, /* without SMT */
	    {"0-7\n", "0-3\n", "4-7", NULL},
	    {"0-3\n", "1-3\n", "0", NULL},
	    {"0-3,5,7-9\n", "0-1,7\n", "2-3,5,8-9", NULL},
	    {"0-8191", "0-8190", "8191", NULL},
	    {"all", "0-3", NULL, "InvalidData: CPU list 'all' is invalid: *"},
	    {"0-3", "all", NULL, "InvalidData: CPU list 'all' is invalid: *"},
	    {"0-3", "0-three", NULL, "InvalidData: CPU list '0-three' is invalid: *"},
	    {"0-3", "0-1-2", NULL, "InvalidData: CPU list '0-1-2' is invalid: *"},
	    {"0-3", "0 1", NULL, "InvalidData: CPU list '0 1' is invalid: *"},
	    {"0-3", "0x3", NULL, "InvalidData: CPU list '0x3' is invalid: *"},
	    {"0-3", "0--3", NULL, "InvalidData: CPU list '0--3' is invalid: *"},
	    {"7-3",
	     "0-3",
	     NULL,
	     "InvalidData: CPU list '7-3' is invalid: 7-3 ends before it starts"},
	    {"0-3",
	     "7-3",
	     NULL,
	     "InvalidData: CPU list '7-3' is invalid: 7-3 ends before it starts"},
	    {"0-8192", "0-3", NULL, "InvalidData: CPU list '0-8192' is invalid: *8191"},
	    {"8192", "0-3", NULL, "InvalidData: CPU list '8192' is invalid: *8191"},
	    {"", "0-3", NULL, "InvalidData: CPU list '' is invalid: *"},
	    {"\n", "0-3", NULL, "InvalidData: CPU list '' is invalid: *"},
	    {"0-3", "", NULL, "InvalidData: CPU list '' is invalid: *"},
	    {"0-3", "0,,1-3", NULL, "InvalidData: CPU list '0,,1-3' is invalid: *"},
	    {"0-3", "1-3,", NULL, "InvalidData: CPU list '1-3,' is invalid: *"},
	    {"-1", "0-3", NULL, "InvalidData: CPU list '-1' is invalid: *"},
	    {"0-3", "0-", NULL, "InvalidData: CPU list '0-' is invalid: *"},
	    {"0-3\n5", "0-3", NULL, "InvalidData: CPU list '*' is invalid: *"},
	    {"0-3", "0--18446744073709551613", NULL, "InvalidData: CPU list '*' is invalid: *"},
	    {"0-3", "0-18446744073709551615", NULL, "InvalidData: CPU list '*' is invalid: *"},
	    {"99999999999999999999999", "0-3", NULL, "InvalidData: CPU list '*' is invalid: *"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		gboolean ret;
		g_autoptr(FuTdxHost) host = fu_tdx_host_new();
		g_autoptr(GError) error = NULL;

		ret = fu_tdx_host_parse_cpus(host, items[i].present, items[i].online, &error);
		g_assert_cmpint(ret, ==, items[i].pattern == NULL);
		if (items[i].pattern != NULL)
			fu_test_assert_error(error, items[i].pattern);
		g_assert_cmpstr(fu_tdx_host_get_cpus_offline(host), ==, items[i].offline);
	}
}

static void
fu_tdx_host_misc_func(gconstpointer user_data)
{
	const struct {
		const gchar *str;
		guint64 tds;
		const gchar *pattern; /* (nullable) */
	} items[] = {
	    {"tdx 3\n", 3, NULL},
	    {"sev 7\nsev_es 1\ntdx 12\n", 12, NULL},
	    {"tdx 0\nsev 7\n", 0, NULL},
	    {"", FU_TDX_HOST_TDS_UNKNOWN, NULL},
	    {"sev 7\ntdx2 1\nno tdx 1\n", FU_TDX_HOST_TDS_UNKNOWN, NULL},
	    {"tdx \n", FU_TDX_HOST_TDS_UNKNOWN, "InvalidData: misc.current has 'tdx ': *"},
	    {"tdx max\n", FU_TDX_HOST_TDS_UNKNOWN, "InvalidData: misc.current has 'tdx max': *"},
	    {"tdx -1\n", FU_TDX_HOST_TDS_UNKNOWN, "InvalidData: misc.current has 'tdx -1': *"},
	    {"tdx 3 4\n", FU_TDX_HOST_TDS_UNKNOWN, "InvalidData: misc.current has 'tdx 3 4': *"},
	    {"tdx 4294967296\n",
	     FU_TDX_HOST_TDS_UNKNOWN,
	     "InvalidData: *4294967296 was above maximum*"},
	};
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();

	g_assert_true(fu_tdx_host_get_tds(host) == FU_TDX_HOST_TDS_UNKNOWN);
	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		gboolean ret;
		g_autoptr(GError) error = NULL;

		ret = fu_tdx_host_parse_misc(host, items[i].str, &error);
		g_assert_cmpint(ret, ==, items[i].pattern == NULL);
		if (items[i].pattern != NULL)
			fu_test_assert_error(error, items[i].pattern);
		g_assert_cmpuint(fu_tdx_host_get_tds(host), ==, items[i].tds);
	}
}

static void
fu_tdx_host_abi_func(gconstpointer user_data)
{
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();

	g_assert_cmphex(fu_tdx_host_get_blob_version(host), ==, FU_TDX_BLOB_VERSION_V2);
	fu_tdx_host_set_seamldr_layout(host, FU_TDX_SEAMLDR_LAYOUT_DIRECTORY);
	g_assert_cmphex(fu_tdx_host_get_blob_version(host), ==, FU_TDX_BLOB_VERSION_V1);
	fu_tdx_host_set_seamldr_layout(host, FU_TDX_SEAMLDR_LAYOUT_FLAT);
	g_assert_cmphex(fu_tdx_host_get_blob_version(host), ==, FU_TDX_BLOB_VERSION_V2);
}

static void
fu_test_host_set_cpu(FuTdxHost *host, const gchar *vendor, guint model, const gchar *bugs)
{
	g_autofree gchar *str = fu_test_cpuinfo(vendor, 6, model, bugs);
	fu_test_host_set_cpuinfo(host, str, NULL);
}

static void
fu_test_host_set_cpus(FuTdxHost *host, const gchar *online)
{
	g_autoptr(GError) error = NULL;
	g_assert_true(fu_tdx_host_parse_cpus(host, "0-7", online, &error));
	g_assert_no_error(error);
}

/* nothing is wrong with this machine */
static void
fu_test_facts_init(FuTdxPreflightFacts *facts, FuTdxHost *host)
{
	fu_test_host_set_cpu(host, "GenuineIntel", 143, "spectre_v1");
	fu_test_host_set_cpus(host, "0-7");
	fu_tdx_host_set_upload_name(host, "tdx_module");
	facts->host = host;
	facts->module_version = "1.5.06";
	facts->module_svn = 0x0106;
	facts->seamldr_version = "1.5.06";
	facts->remaining_updates = 1;
	facts->upload_status = FU_FW_UPLOAD_STATUS_IDLE;
}

/* one rule is broken, or none when the pattern is NULL */
static void
fu_test_assert_verdict(GPtrArray *verdicts, const gchar *pattern)
{
	g_assert_cmpint(verdicts->len, ==, pattern != NULL ? 1 : 0);
	for (guint i = 0; i < verdicts->len; i++) {
		FuTdxPreflightVerdict *verdict = g_ptr_array_index(verdicts, i);
		g_autofree gchar *str = NULL;

		str = g_strdup_printf("%s: %s: %s",
				      fu_tdx_preflight_rule_to_string(verdict->rule),
				      strrchr(fwupd_error_to_string(verdict->code), '.') + 1,
				      verdict->reason);
		fu_test_assert_match(str, pattern);
	}
}

static void
fu_test_assert_host(const FuTdxPreflightFacts *facts, const gchar *pattern)
{
	g_autoptr(GPtrArray) verdicts = fu_tdx_preflight_check_host(facts);
	fu_test_assert_verdict(verdicts, pattern);
}

/* worse and worse, and always the one reason that matters most */
static void
fu_tdx_preflight_host_func(gconstpointer user_data)
{
	FuTdxPreflightFacts facts = {0};
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();

	fu_test_facts_init(&facts, host);
	fu_test_assert_host(&facts, NULL);
	facts.remaining_updates = 0;
	fu_test_assert_host(&facts,
			    "remaining-updates: NeedsUserAction: *has 0 *needs 1; reboot *");
	facts.remaining_updates = FU_TDX_PREFLIGHT_UPDATES_UNKNOWN;
	fu_test_assert_host(&facts,
			    "remaining-updates: NotSupported: *not known*an update needs 1; see *");
	fu_tdx_host_set_upload_name(host, NULL);
	fu_test_assert_host(&facts, "upload-missing: NotSupported: *tdx_module*needs Linux 7.2*");
	facts.seamldr_version = NULL;
	fu_test_assert_host(&facts, "seamldr-missing: NotSupported: *needs Linux 7.2 *BIOS*");
	facts.seamldr_error = "seamldr_version: is empty";
	fu_test_assert_host(&facts, "seamldr-version: BrokenSystem: *(seamldr_version: is empty)*");
	fu_test_host_set_cpu(host, "GenuineIntel", 143, "seamret_invd_vmcs");
	fu_test_assert_host(&facts, "cpu-erratum: NotSupported: *INVD_VMCS*; install *microcode*");
	facts.seamldr_error = NULL;
	fu_test_facts_init(&facts, host);
	facts.module_version = NULL;
	fu_test_assert_host(
	    &facts,
	    "module-version: BrokenSystem: *not known*, and an update needs it; see *");
	facts.module_lost = TRUE;
	fu_test_assert_host(&facts, "module-lost: BrokenSystem: *is lost*; reboot the host*");
	facts.module_lost = FALSE;
	fu_test_facts_init(&facts, host);
	for (guint i = FU_FW_UPLOAD_STATUS_RECEIVING; i <= FU_FW_UPLOAD_STATUS_PROGRAMMING; i++) {
		g_autofree gchar *pattern =
		    g_strdup_printf("upload-busy: NeedsUserAction: *is '%s', *needs 'idle'; wait *",
				    fu_fw_upload_status_to_string(i));
		facts.upload_status = i;
		fu_test_assert_host(&facts, pattern);
	}
	facts.upload_status = FU_FW_UPLOAD_STATUS_UNKNOWN;
	fu_test_assert_host(&facts,
			    "upload-busy: BrokenSystem: *not known*needs 'idle'; see the log*");
	facts.host_error = "cpuinfo is empty";
	fu_test_assert_host(&facts,
			    "host-unknown: BrokenSystem: *(cpuinfo is empty); see the log*");
}

static void
fu_tdx_preflight_cpus_func(gconstpointer user_data)
{
	FuTdxPreflightFacts facts = {0};
	g_autofree gchar *cpu1 = fu_test_cpuinfo("GenuineIntel", 6, 143, "");
	g_autofree gchar *cpu2 = fu_test_cpuinfo("GenuineIntel", 6, 207, "");
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();

	fu_test_facts_init(&facts, host);
	fu_test_host_set_cpu(host, "AuthenticAMD", 143, "");
	fu_test_assert_host(&facts, "cpu-vendor: NotSupported: *AuthenticAMD*needs GenuineIntel");
	fu_test_host_set_cpuinfo(host, cpu1, cpu2);
	fu_test_assert_host(&facts, "cpu-mixed: NotSupported: *(0x806f0, 0xc06f0)*needs the same*");
	fu_test_host_set_cpuinfo(host, cpu1, cpu1);
	fu_test_host_set_cpus(host, "0-3,7");
	fu_test_assert_host(&facts,
			    "cpu-offline: NeedsUserAction: CPU 4-6 is *; write 1 to online*");
}

/* only if the administrator wants that */
static void
fu_tdx_preflight_guests_func(gconstpointer user_data)
{
	const struct {
		const gchar *misc; /* misc.current */
		const gchar *pattern;
	} items[] = {
	    {"", "guests-running: NeedsUserAction: *does not say how many*needs 0; mount *"},
	    {"tdx 3\n", "guests-running: NeedsUserAction: *running: 3, *needs 0; stop *"},
	    {"tdx 0\n", NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxPreflightFacts facts = {0};
		g_autoptr(FuTdxHost) host = fu_tdx_host_new();
		g_autoptr(GError) error = NULL;

		fu_test_facts_init(&facts, host);
		g_assert_true(fu_tdx_host_parse_misc(host, items[i].misc, &error));
		g_assert_no_error(error);
		fu_test_assert_host(&facts, NULL);
		facts.require_no_tds = TRUE;
		fu_test_assert_host(&facts, items[i].pattern);
	}
}

static void
fu_test_assert_image(const FuTdxPreflightFacts *facts,
		     FuTdxSigstructFirmware *sigstruct,
		     const gchar *pattern)
{
	g_autoptr(GPtrArray) verdicts = fu_tdx_preflight_check_image(facts, sigstruct);
	fu_test_assert_verdict(verdicts, pattern);
}

static void
fu_tdx_preflight_signer_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	FuTdxPreflightFacts facts = {0}; /* not even a host */
	g_autofree gchar *pattern = NULL;
	g_autofree gchar *signer = g_ascii_strup(self->signer, -1);
	g_autoptr(FuTdxSigstructFirmware) sigstruct = fu_test_sigstruct_parse(self, 0, "06");
	g_autoptr(GPtrArray) signers = g_ptr_array_new();

	facts.signers = signers;
	fu_test_assert_image(&facts, sigstruct, "image-signer: SignatureInvalid: *");
	g_ptr_array_add(signers, (gpointer) "c0ffee");
	g_ptr_array_add(signers, (gpointer) "c0de");
	pattern = g_strdup_printf("image-signer: SignatureInvalid: *%s*c0ffee or c0de; use *",
				  self->signer);
	fu_test_assert_image(&facts, sigstruct, pattern);
	g_ptr_array_add(signers, signer);
	fu_test_assert_image(&facts, sigstruct, NULL);
}

static void
fu_tdx_preflight_image_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		gsize offset; /* in the sigstruct */
		const gchar *hex;
		guint model;
		const gchar *seamldr;
		guint16 hv;
		const gchar *pattern;
	} items[] = {
	    {0, "06", 143, "1.5.06", 0, NULL},
	    {0, "06", 207, "2.0.00", 0, NULL},
	    {12, "00000080", 143, "1.5.06", 0, "image-debug: NotSupported: *; use a production *"},
	    {0, "06", 173, "1.5.06", 0, "image-cpu: NotSupported: *0xc06f0, *0xa06d0; use the *"},
	    {986, "0300", 143, "1.5.06", 2, "image-handoff: NotSupported: * 3 or *has 2; update *"},
	    {986, "0300", 143, "1.5.06", 3, NULL},
	    {1000, "08000002", 143, "1.5.06", 0, "image-seamldr: NotSupported: *06*2.0.08 *; up*"},
	    {1000, "08000002", 143, "2.0.00", 0, NULL},
	    {1000, "08000002", 143, NULL, 0, NULL}, /* the rules for the host say that */
	};
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();
	g_autoptr(GPtrArray) signers = g_ptr_array_new();

	g_ptr_array_add(signers, self->signer);
	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxPreflightFacts facts = {0};
		g_autoptr(FuTdxSigstructFirmware) sigstruct =
		    fu_test_sigstruct_parse(self, items[i].offset, items[i].hex);

		fu_test_facts_init(&facts, host);
		fu_test_host_set_cpu(host, "GenuineIntel", items[i].model, "");
		facts.seamldr_version = items[i].seamldr;
		facts.module_hv = items[i].hv;
		facts.signers = signers;
		fu_test_assert_image(&facts, sigstruct, items[i].pattern);
	}
}

static void
fu_tdx_preflight_version_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		gboolean v2;	      /* the image is 2.0.08; its SVN is always 0x010b */
		const gchar *version; /* of the release */
		const gchar *running;
		guint16 svn; /* of the running one */
		gboolean reinstall;
		const gchar *pattern;
	} items[] = {
	    {FALSE, "1.5.16", "1.5.06", 0x0106, FALSE, NULL},
	    {FALSE, "1.5.16", "1.5.9", 0x010b, FALSE, NULL},
	    {FALSE, "1.5.100", "1.5.99", 0, FALSE, NULL},
	    {FALSE, "1.5.16", "1.5.16", 0, TRUE, NULL},
	    {FALSE, "1.5.16", NULL, 0, FALSE, NULL}, /* the rules for the host say that */
	    {TRUE, "2.0.08", "2.0.04", 0, FALSE, NULL},
	    {TRUE, "2.0.8", "2.0.04", 0, FALSE, NULL},
	    {FALSE,
	     "1.5.16",
	     "1.5.16",
	     0,
	     FALSE,
	     "version-older: VersionSame: *16 *1 of 1 *; use *"},
	    {FALSE, "1.5.06", "1.5.16", 0, TRUE, "version-older: VersionNewer: *06, *16 *reboot *"},
	    {FALSE, "1.5.16", "1.5.06", 0x010c, FALSE, "svn-older: VersionNewer: *010b*010c; *"},
	    {FALSE, "1.5.16", "1.5.06", 0x0003, FALSE, "svn-older: VersionNewer: *010b*0003; *"},
	    {TRUE, "2.0.08", "1.5.06", 0, FALSE, "version-series: NotSupported: *08, *06 *BIOS *"},
	    {FALSE, "1.4.99", "1.5.06", 0, FALSE, "version-series: NotSupported: *99, *06 *BIOS *"},
	    {TRUE, "2.0.09", "2.0.04", 0, FALSE, "image-version: InvalidFile: *09, *08; the publ*"},
	    {FALSE, "1.5", "1.5.06", 0, FALSE, "image-version: InvalidFile: *'1.5', *; install *"},
	    {FALSE, NULL, "1.5.06", 0, FALSE, "image-version: InvalidFile: *'', *; install *"},
	};
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxPreflightFacts facts = {0};
		g_autoptr(FuTdxSigstructFirmware) sigstruct =
		    fu_test_sigstruct_parse(self, 1000, items[i].v2 ? "08000002" : "00");
		g_autoptr(GPtrArray) verdicts = NULL;

		fu_test_facts_init(&facts, host);
		facts.module_version = items[i].running;
		facts.module_svn = items[i].svn;
		verdicts = fu_tdx_preflight_check_version(&facts,
							  sigstruct,
							  items[i].version,
							  items[i].reinstall);
		fu_test_assert_verdict(verdicts, items[i].pattern);
	}
}

static void
fu_tdx_preflight_series_func(gconstpointer user_data)
{
	const gchar *items[][2] = {
	    {"1.5.06", "1.5"},
	    {"1.5.6", "1.5"},
	    {"2.0.08", "2.0"},
	    {"10.12.300", "10.12"},
	    {"65535.65535.65535", "65535.65535"},
	    {NULL, NULL},
	    {"", NULL},
	    {"1.5", NULL},
	    {"1.5.06.1", NULL},
	    {"v1.5.06", NULL},
	    {"1.5.x", NULL},
	    {"1.5.06-rc1", NULL},
	    {"1.0x5.06", NULL},
	    {"-1.5.06", NULL},
	    {"1..06", NULL},
	    {"..", NULL},
	    {"1.5.", NULL},
	    {" 1.5.06", NULL},
	    {"1.+5.06", NULL},
	    {"1.5.06\nx", NULL},
	    {"-18446744073709551615.5.06", NULL},
	    {"65536.5.06", NULL},
	    {"1.5.65536", NULL},
	    {"1.99999999999999999999.06", NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autofree gchar *series = NULL;
		g_autoptr(GError) error = NULL;

		series = fu_tdx_common_version_to_series(items[i][0], &error);
		g_assert_cmpstr(series, ==, items[i][1]);
		if (series == NULL)
			fu_test_assert_error(error, "InvalidData: version *");
	}
}

static void
fu_tdx_preflight_error_func(gconstpointer user_data)
{
	FuTdxPreflightFacts facts = {0};
	g_autoptr(FuTdxHost) host = fu_tdx_host_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) verdicts = NULL;
	g_autoptr(GPtrArray) verdicts_none = NULL;

	fu_test_facts_init(&facts, host);
	verdicts_none = fu_tdx_preflight_check_host(&facts);
	g_assert_true(fu_tdx_preflight_to_error(verdicts_none, &error));
	g_assert_no_error(error);

	/* all reasons, and the code of the first */
	facts.remaining_updates = 0;
	facts.upload_status = FU_FW_UPLOAD_STATUS_PREPARING;
	fu_test_host_set_cpus(host, "0-6");
	verdicts = fu_tdx_preflight_check_host(&facts);
	g_assert_false(fu_tdx_preflight_to_error(verdicts, &error));
	fu_test_assert_error(error, "NeedsUserAction: *has 0 *. CPU 7 is *. *is 'preparing'*");
}

/* plays what fwupd has recorded, in place of its engine */
typedef struct {
	FuContext *ctx;
	FuBackend *backend;
	FuPlugin *plugin;
} FuTestEmulation;

static void
fu_test_emulation_free(FuTestEmulation *self)
{
	g_object_unref(self->plugin);
	g_object_unref(self->backend);
	g_object_unref(self->ctx);
	g_free(self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FuTestEmulation, fu_test_emulation_free)

static FuDevice *
fu_test_emulation_load(FuTestEmulation *self, const gchar *basename)
{
	FuDevice *donor;
	gboolean ret;
	g_autofree gchar *filename = g_test_build_filename(G_TEST_DIST, "tests", basename, NULL);
	g_autofree gchar *str = NULL;
	g_autoptr(GError) error = NULL;

	ret = g_file_get_contents(filename, &str, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	ret = fwupd_codec_from_json_string(FWUPD_CODEC(self->backend), str, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	donor = fu_backend_lookup_by_id(self->backend, "/sys/devices/faux/tdx_host");
	g_assert_nonnull(donor);
	return donor;
}

/* the quirk makes the plugin trust the key for tests */
static FuTestEmulation *
fu_test_emulation_new(const gchar *basename)
{
	FuDevice *donor;
	gboolean ret;
	FuTestEmulation *self = g_new0(FuTestEmulation, 1);
	g_autofree gchar *testdatadir = g_test_build_filename(G_TEST_DIST, "tests", NULL);
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GError) error = NULL;

	self->ctx = fu_context_new();
	fu_context_set_path(self->ctx, FU_PATH_KIND_DATADIR_QUIRKS, testdatadir);
	fu_context_set_path(self->ctx, FU_PATH_KIND_PROCFS, "/proc");
	fu_context_set_path(self->ctx, FU_PATH_KIND_SYSFSDIR, "/sys");
	fu_context_add_flag(self->ctx, FU_CONTEXT_FLAG_NO_CACHE);
	self->plugin = fu_plugin_new_from_gtype(fu_tdx_module_plugin_get_type(), self->ctx);
	fu_plugin_runner_init(self->plugin);
	ret = fu_context_load(self->ctx, progress, FU_CONTEXT_LOAD_FLAG_NONE, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	self->backend = g_object_new(FU_TYPE_BACKEND,
				     "context",
				     self->ctx,
				     "device-gtype",
				     FU_TYPE_UDEV_DEVICE,
				     NULL);
	donor = fu_test_emulation_load(self, basename);
	ret = fu_plugin_runner_backend_device_added(self->plugin, donor, progress, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	return self;
}

static FuDevice *
fu_test_emulation_get_device(FuTestEmulation *self, const gchar *name)
{
	GPtrArray *devices = fu_plugin_get_devices(self->plugin);
	for (guint i = 0; i < devices->len; i++) {
		FuDevice *device = g_ptr_array_index(devices, i);
		if (g_strcmp0(fu_device_get_name(device), name) == 0)
			return device;
	}
	return NULL;
}

/* or why not */
static void
fu_test_emulation_assert_updatable(FuTestEmulation *self, const gchar *pattern)
{
	FuDevice *device = fu_test_emulation_get_device(self, "TDX Module");

	if (pattern == NULL) {
		g_assert_true(fu_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE));
		g_assert_null(fu_device_get_update_error(device));
		return;
	}
	g_assert_false(fu_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE));
	g_assert_nonnull(fu_device_get_update_error(device));
	fu_test_assert_match(fu_device_get_update_error(device), pattern);
}

/* what is recorded, and what is shown of it */
typedef struct {
	const gchar *basename;
	const gchar *version;	      /* (nullable) */
	const gchar *version_seamldr; /* (nullable) */
	const gchar *instance_id;     /* (nullable) */
	const gchar *pattern;	      /* (nullable): why it cannot be updated */
} FuTestEmulationItem;

static void
fu_test_emulation_assert_seamldr(FuTestEmulation *self, const gchar *version)
{
	FuDevice *device = fu_test_emulation_get_device(self, "P-SEAMLDR");

	if (version == NULL) {
		g_assert_null(device);
		return;
	}
	g_assert_nonnull(device);
	g_assert_cmpstr(fu_device_get_version(device), ==, version);
	g_assert_true(fu_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED));

	/* releases of the TDX module can require it */
	g_assert_true(g_ptr_array_index(fu_plugin_get_devices(self->plugin), 0) == device);
}

static void
fu_test_emulation_assert_item(const FuTestEmulationItem *item)
{
	FuDevice *device;
	g_autoptr(FuTestEmulation) self = fu_test_emulation_new(item->basename);

	g_test_message("%s", item->basename);
	fu_test_emulation_assert_seamldr(self, item->version_seamldr);
	device = fu_test_emulation_get_device(self, "TDX Module");
	g_assert_nonnull(device);
	g_assert_cmpstr(fu_device_get_version(device), ==, item->version);
	g_assert_true(fu_device_has_flag(device, FWUPD_DEVICE_FLAG_EMULATED));
	if (item->instance_id != NULL)
		g_assert_true(fu_device_has_guid(device, item->instance_id));
	fu_test_emulation_assert_updatable(self, item->pattern);
}

static void
fu_tdx_module_plugin_enumerate_func(gconstpointer user_data)
{
	const FuTestEmulationItem items[] = {
	    {"tdx-module-flat-setup.json", "2.0.04", "2.0.00", "TDX\\SERIES_2.0&FMS_A06D0", NULL},
	    {"tdx-module-seamldr-dir-setup.json",
	     "1.5.06",
	     "1.5.06",
	     "TDX\\SERIES_1.5&VER_1.5.06",
	     NULL},
	    {"tdx-module-seamldr-upload-setup.json",
	     "1.5.06",
	     "1.5.06",
	     "TDX\\SERIES_1.5&FMS_806F0",
	     NULL},
	    {"tdx-module-erratum-setup.json",
	     "1.5.06",
	     NULL,
	     "TDX\\SERIES_1.5&FMS_806F0",
	     "*erratum SEAMRET_INVD_VMCS*"},
	    {"tdx-module-lost-setup.json", NULL, "1.5.06", NULL, "*module is lost*"},
	    {"tdx-module-none-left-setup.json",
	     "1.5.06",
	     "1.5.06",
	     "TDX\\SERIES_1.5&FMS_806F0",
	     "*has 0 updates left*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++)
		fu_test_emulation_assert_item(&items[i]);
}

/* as the engine does for each phase of an update */
static void
fu_test_emulation_play(FuTestEmulation *self, FuDevice *donor)
{
	FuDevice *device = fu_test_emulation_get_device(self, "TDX Module");
	fu_device_incorporate(device, donor, FU_DEVICE_INCORPORATE_FLAG_ALL);
}

/* without data it is a write, or a read that has failed */
static FuDeviceEvent *
fu_test_event_new(const gchar *id, const gchar *data)
{
	FuDeviceEvent *event = fu_device_event_new(id);
	if (data != NULL)
		fu_device_event_set_str(event, "Data", data);
	return event;
}

/* the first one with that ID, and with these data if there are any */
static void
fu_test_events_replace(GPtrArray *events, const gchar *id, const gchar *data, FuDeviceEvent *event)
{
	g_autofree gchar *id_hash = fu_device_event_build_id(id);

	for (guint i = 0; i < events->len; i++) {
		FuDeviceEvent *event_old = g_ptr_array_index(events, i);
		const gchar *data_old = fu_device_event_get_str(event_old, "Data", NULL);

		if (g_strcmp0(fu_device_event_get_id(event_old), id_hash) != 0)
			continue;
		if (data != NULL && g_strcmp0(data_old, data) != 0)
			continue;
		g_ptr_array_remove_index(events, i);
		g_ptr_array_insert(events, i, event);
		return;
	}
	g_assert_not_reached();
}

/* the attribute was read as something else */
static void
fu_test_events_replace_attr(GPtrArray *events,
			    const gchar *attr,
			    const gchar *data,
			    const gchar *data_new)
{
	g_autofree gchar *id = g_strdup_printf("ReadAttr:Attr=%s", attr);
	fu_test_events_replace(events, id, data, fu_test_event_new(id, data_new));
}

static GByteArray *
fu_test_emulation_build_image(void)
{
	g_autoptr(FuFirmware) firmware = fu_test_build_file("tdx-blob-v2.builder.xml");
	return fu_test_write(firmware);
}

static gchar *
fu_test_emulation_build_data_id(FuTdxBlobVersion blob_version)
{
	g_autofree gchar *data = NULL;
	g_autoptr(GByteArray) buf_v2 = fu_test_emulation_build_image();
	g_autoptr(GByteArray) buf = fu_test_convert(buf_v2, blob_version);

	data = fu_base64_encode(buf->data, buf->len);
	return g_strdup_printf("WriteAttr:Attr=firmware/tdx_module/data,Data=%s", data);
}

static gboolean
fu_test_emulation_write(FuTestEmulation *self, FwupdInstallFlags flags, GError **error)
{
	FuDevice *device = fu_test_emulation_get_device(self, "TDX Module");
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GByteArray) buf = fu_test_emulation_build_image();

	firmware = fu_test_parse(FU_TYPE_TDX_BLOB_FIRMWARE, buf);
	fu_firmware_set_version(firmware, "2.0.08"); /* of the release */
	return fu_plugin_runner_write_firmware(self->plugin,
					       device,
					       firmware,
					       progress,
					       flags,
					       error);
}

static void
fu_test_emulation_reload(FuTestEmulation *self)
{
	FuDevice *device = fu_test_emulation_get_device(self, "TDX Module");
	gboolean ret;
	g_autoptr(GError) error = NULL;

	ret = fu_plugin_runner_reload(self->plugin, device, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
}

static void
fu_test_emulation_cleanup(FuTestEmulation *self)
{
	FuDevice *device = fu_test_emulation_get_device(self, "TDX Module");
	gboolean ret;
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GError) error = NULL;

	ret = fu_device_cleanup(device, progress, FWUPD_INSTALL_FLAG_NONE, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
}

static void
fu_test_emulation_assert_updated(FuTestEmulation *self)
{
	FuDevice *device = fu_test_emulation_get_device(self, "TDX Module");

	g_assert_cmpstr(fu_device_get_version(device), ==, "2.0.08");
	g_assert_true(fu_device_has_guid(device, "TDX\\SERIES_2.0&VER_2.0.08"));
	g_assert_false(fu_device_has_guid(device, "TDX\\SERIES_2.0&VER_2.0.04"));
	fu_test_emulation_assert_updatable(self, NULL);
}

static void
fu_tdx_module_plugin_update_func(gconstpointer user_data)
{
	gboolean ret;
	g_autoptr(FuTestEmulation) self = fu_test_emulation_new("tdx-module-flat-setup.json");
	g_autoptr(GError) error = NULL;

	fu_test_emulation_play(self, fu_test_emulation_load(self, "tdx-module-flat-install.json"));
	ret = fu_test_emulation_write(self, FWUPD_INSTALL_FLAG_NONE, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	fu_test_emulation_play(self, fu_test_emulation_load(self, "tdx-module-flat-reload.json"));
	fu_test_emulation_reload(self);
	fu_test_emulation_assert_updated(self);

	/* the same is read once more */
	fu_test_emulation_play(self, fu_test_emulation_load(self, "tdx-module-flat-reload.json"));
	fu_test_emulation_cleanup(self);
	fu_test_emulation_assert_updated(self);
}

/* a recording that does not fit is no success */
static void
fu_tdx_module_plugin_changed_func(gconstpointer user_data)
{
	g_autofree gchar *data_id = fu_test_emulation_build_data_id(FU_TDX_BLOB_VERSION_V2);
	const struct {
		const gchar *id;
		const gchar *data;     /* (nullable) */
		const gchar *data_new; /* (nullable): the event is missing */
		const gchar *pattern;
	} items[] = {
	    {"GetContents:Filename=/sys/devices/system/cpu/online",
	     NULL,
	     NULL,
	     "BrokenSystem: *Not everything is known*"},
	    {"WriteAttr:Attr=firmware/tdx_module/loading,Data=1",
	     NULL,
	     NULL,
	     "NotFound: no event with ID WriteAttr:Attr=firmware/tdx_module/loading*"},
	    {data_id,
	     NULL,
	     NULL,
	     "NotFound: no event with ID WriteAttr:Attr=firmware/tdx_module/data*"},
	    {"ReadAttr:Attr=firmware/tdx_module/loading",
	     "1",
	     "0",
	     "Write: *loading is '0', expected '1': *aborted by another program*"},
	    {"WriteAttr:Attr=firmware/tdx_module/loading,Data=0",
	     NULL,
	     NULL,
	     "NotFound: no event with ID WriteAttr:Attr=firmware/tdx_module/loading*"},
	    {"ReadAttr:Attr=firmware/tdx_module/status",
	     "receiving",
	     "waiting",
	     "InvalidData: *status is 'waiting'*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuDevice *donor;
		gboolean ret;
		g_autoptr(FuTestEmulation) self =
		    fu_test_emulation_new("tdx-module-flat-setup.json");
		g_autoptr(GError) error = NULL;

		donor = fu_test_emulation_load(self, "tdx-module-flat-install.json");
		fu_test_events_replace(
		    fu_device_get_events(donor),
		    items[i].id,
		    items[i].data,
		    fu_test_event_new(items[i].data_new != NULL ? items[i].id : "missing",
				      items[i].data_new));
		fu_test_emulation_play(self, donor);
		ret = fu_test_emulation_write(self, FWUPD_INSTALL_FLAG_NONE, &error);
		g_assert_false(ret);
		fu_test_assert_error(error, items[i].pattern);
	}
}

/* what the kernel is given, what it says about that, and what is running then */
typedef struct {
	FuTdxBlobVersion blob_version;
	const gchar *error;   /* (nullable) */
	const gchar *version; /* (nullable): of the TDX module, unless it is lost */
	const gchar *remaining_updates;
} FuTestUpload;

/* the one that is recorded has the new header, no error, and the new version */
static void
fu_test_emulation_play_upload(FuTestEmulation *self, const FuTestUpload *upload)
{
	FuDevice *donor = fu_test_emulation_load(self, "tdx-module-flat-install.json");
	GPtrArray *events = fu_device_get_events(donor);
	g_autofree gchar *data_id = fu_test_emulation_build_data_id(upload->blob_version);
	g_autofree gchar *data_id_v2 = fu_test_emulation_build_data_id(FU_TDX_BLOB_VERSION_V2);

	fu_test_events_replace(events, data_id_v2, NULL, fu_test_event_new(data_id, NULL));
	fu_test_events_replace_attr(events, "firmware/tdx_module/error", NULL, upload->error);
	fu_test_events_replace_attr(events, "version", "2.0.08", upload->version);
	fu_test_events_replace_attr(events,
				    "num_remaining_updates",
				    "9",
				    upload->remaining_updates);
	fu_test_emulation_play(self, donor);
}

/* what is seen of it later */
static void
fu_test_emulation_assert_uploaded(FuTestEmulation *self, const FuTestUpload *upload)
{
	FuDevice *device = fu_test_emulation_get_device(self, "TDX Module");
	FuDevice *donor = fu_test_emulation_load(self, "tdx-module-flat-reload.json");
	GPtrArray *events = fu_device_get_events(donor);

	fu_test_events_replace_attr(events, "version", "2.0.08", upload->version);
	fu_test_events_replace_attr(events,
				    "num_remaining_updates",
				    "9",
				    upload->remaining_updates);
	fu_test_emulation_play(self, donor);
	fu_test_emulation_cleanup(self);
	g_assert_cmpstr(fu_device_get_version(device), ==, upload->version);
	fu_test_emulation_assert_updatable(self,
					   upload->version == NULL ? "*module is lost*" : NULL);
}

/* the uploads, as many as there are, and how the update fails then */
typedef struct {
	FuTestUpload uploads[4];
	const gchar *pattern; /* (nullable) */
} FuTestUploadItem;

static void
fu_test_emulation_assert_upload(const FuTestUploadItem *item)
{
	const FuTestUpload *last = NULL;
	gboolean ret;
	g_autoptr(FuDeviceEvent) end = fu_test_event_new("end", NULL);
	g_autoptr(FuTestEmulation) self = fu_test_emulation_new("tdx-module-flat-setup.json");
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(item->uploads); i++) {
		if (item->uploads[i].blob_version == FU_TDX_BLOB_VERSION_UNKNOWN)
			break;
		last = &item->uploads[i];
		fu_test_emulation_play_upload(self, last);
	}

	/* after the last event, fwupd would start again with the first one */
	fu_device_add_event(fu_test_emulation_get_device(self, "TDX Module"), end);
	ret = fu_test_emulation_write(self, FWUPD_INSTALL_FLAG_NONE, &error);
	if (item->pattern == NULL) {
		g_assert_no_error(error);
		g_assert_true(ret);
	} else {
		g_assert_false(ret);
		fu_test_assert_error(error, item->pattern);
	}
	fu_test_emulation_assert_uploaded(self, last);
}

/* there is another upload only if nothing has changed, and if it may help */
static void
fu_tdx_module_plugin_upload_func(gconstpointer user_data)
{
	const FuTestUploadItem items[] = {
	    /* the kernel wants the old header, or neither */
	    {{{FU_TDX_BLOB_VERSION_V2, "preparing:firmware-invalid", "2.0.04", "10"},
	      {FU_TDX_BLOB_VERSION_V1, NULL, "2.0.08", "9"}},
	     NULL},
	    {{{FU_TDX_BLOB_VERSION_V2, "preparing:firmware-invalid", "2.0.04", "10"},
	      {FU_TDX_BLOB_VERSION_V1, "transferring:firmware-invalid", "2.0.04", "10"}},
	     "InvalidFile: *'transferring:firmware-invalid'; nothing was changed, *2.0.04 *"},

	    /* it is busy, or stays busy */
	    {{{FU_TDX_BLOB_VERSION_V2, "preparing:device-busy", "2.0.04", "10"},
	      {FU_TDX_BLOB_VERSION_V2, NULL, "2.0.08", "9"}},
	     NULL},
	    {{{FU_TDX_BLOB_VERSION_V2, "preparing:device-busy", "2.0.04", "10"},
	      {FU_TDX_BLOB_VERSION_V2, "preparing:device-busy", "2.0.04", "10"},
	      {FU_TDX_BLOB_VERSION_V2, "preparing:device-busy", "2.0.04", "10"},
	      {FU_TDX_BLOB_VERSION_V2, "transferring:device-busy", "2.0.04", "10"}},
	     "NeedsUserAction: *'transferring:device-busy'; nothing was changed, *2.0.04 *"},

	    /* to try again would not help */
	    {{{FU_TDX_BLOB_VERSION_V2, "preparing:flash-wearout", "2.0.04", "10"}},
	     "NotSupported: *'preparing:flash-wearout'; nothing was changed, *2.0.04 *"},
	    {{{FU_TDX_BLOB_VERSION_V2, NULL, "2.0.04", "10"}},
	     "Write: *reported no error; nothing was changed, *2.0.04 *"},

	    /* the P-SEAMLDR has done something */
	    {{{FU_TDX_BLOB_VERSION_V2, "programming:firmware-invalid", "2.0.04", "9"}},
	     "Write: *2.0.04 is running *expected 2.0.08 *'programming:firmware-invalid'*"},
	    {{{FU_TDX_BLOB_VERSION_V2, "programming:firmware-invalid", "2.0.08", "10"}},
	     "Write: *2.0.08 is running *updates is 10, expected 9*"},
	    {{{FU_TDX_BLOB_VERSION_V2, "programming:device-busy", "2.0.04", "9"}},
	     "Write: *2.0.04 is running *expected 2.0.08 *'programming:device-busy'*"},
	    {{{FU_TDX_BLOB_VERSION_V2, NULL, "2.0.05", "9"}},
	     "Write: *2.0.05 is running *expected 2.0.08 *"},
	    {{{FU_TDX_BLOB_VERSION_V2, NULL, "2.0.08", "8"}},
	     "Write: *2.0.08 is running *updates is 8, expected 9*"},
	    {{{FU_TDX_BLOB_VERSION_V2, "programming:hw-error", "2.0.08", "9"}}, NULL},

	    /* there is no TDX module any more */
	    {{{FU_TDX_BLOB_VERSION_V2, "programming:firmware-invalid", NULL, "10"}},
	     "Write: *module is lost, *reboot *'programming:firmware-invalid'*"},
	    {{{FU_TDX_BLOB_VERSION_V2, NULL, NULL, "9"}},
	     "Write: *module is lost, *reboot *reported no error*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++)
		fu_test_emulation_assert_upload(&items[i]);
}

static void
fu_test_reinstall_warning_cb(const gchar *log_domain,
			     GLogLevelFlags log_level,
			     const gchar *message,
			     gpointer user_data)
{
	guint *count = (guint *)user_data;
	fu_test_assert_match(message, "TDX module 2.0.08 is installed again*the 9 updates*");
	(*count)++;
}

/* the version that is running already */
static void
fu_tdx_module_plugin_reinstall_func(gconstpointer user_data)
{
	const FwupdInstallFlags flags[] = {FWUPD_INSTALL_FLAG_NONE,
					   FWUPD_INSTALL_FLAG_FORCE,
					   FWUPD_INSTALL_FLAG_ALLOW_REINSTALL};
	GLogLevelFlags fatal = g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
	guint count = 0;
	guint handler_id;

	handler_id = g_log_set_handler("FuPluginTdxModule",
				       G_LOG_LEVEL_WARNING,
				       fu_test_reinstall_warning_cb,
				       &count);
	for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
		FuDevice *donor;
		GPtrArray *events;
		gboolean ret;
		g_autoptr(FuTestEmulation) self =
		    fu_test_emulation_new("tdx-module-flat-setup.json");
		g_autoptr(GError) error = NULL;

		donor = fu_test_emulation_load(self, "tdx-module-flat-install.json");
		events = fu_device_get_events(donor);
		fu_test_events_replace_attr(events, "version", "2.0.04", "2.0.08");
		fu_test_events_replace_attr(events, "num_remaining_updates", "9", "8");
		fu_test_events_replace_attr(events, "num_remaining_updates", "10", "9");
		fu_test_emulation_play(self, donor);
		ret = fu_test_emulation_write(self, flags[i], &error);
		if (flags[i] == FWUPD_INSTALL_FLAG_ALLOW_REINSTALL) {
			g_assert_no_error(error);
			g_assert_true(ret);
			continue;
		}
		g_assert_false(ret);
		fu_test_assert_error(
		    error,
		    "VersionSame: *2.0.08 is already running*1 of 9 *use --allow-reinstall *");
	}
	g_log_remove_handler("FuPluginTdxModule", handler_id);
	g_log_set_always_fatal(fatal);
	g_assert_cmpint(count, ==, 1);
}

/* comes and goes with what it is about */
static void
fu_tdx_module_plugin_inhibit_func(gconstpointer user_data)
{
	FuDevice *donor;
	const gchar *id = "GetContents:Filename=/sys/devices/system/cpu/online";
	g_autoptr(FuTestEmulation) self = fu_test_emulation_new("tdx-module-flat-setup.json");

	fu_test_emulation_assert_updatable(self, NULL);
	donor = fu_test_emulation_load(self, "tdx-module-flat-reload.json");
	fu_test_events_replace(fu_device_get_events(donor),
			       id,
			       "0-1\n",
			       fu_test_event_new(id, "0\n"));
	fu_test_emulation_play(self, donor);
	fu_test_emulation_reload(self);
	fu_test_emulation_assert_updatable(self, "*CPU 1 is offline*");
	fu_test_emulation_play(self, fu_test_emulation_load(self, "tdx-module-flat-reload.json"));
	fu_test_emulation_reload(self);
	fu_test_emulation_assert_updatable(self, NULL);
}

/* the key that tdx-module-test.quirk trusts, so that each run is the same */
static void
fu_test_init(FuTest *self)
{
	gint rc;
	gnutls_datum_t data = {0};
	gnutls_datum_t modulus = {0};
	g_autofree gchar *filename =
	    g_test_build_filename(G_TEST_DIST, "tests", "tdx-module-test-signer.pem", NULL);
	g_autoptr(GByteArray) buf = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error = NULL;

	blob = fu_bytes_get_contents(filename, &error);
	g_assert_no_error(error);
	data.data = (guint8 *)g_bytes_get_data(blob, NULL);
	data.size = g_bytes_get_size(blob);
	rc = gnutls_privkey_init(&self->key);
	g_assert_cmpint(rc, ==, GNUTLS_E_SUCCESS);
	rc = gnutls_privkey_import_x509_raw(self->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
	g_assert_cmpint(rc, ==, GNUTLS_E_SUCCESS);
	rc = gnutls_privkey_export_rsa_raw(self->key,
					   &modulus,
					   NULL,
					   NULL,
					   NULL,
					   NULL,
					   NULL,
					   NULL,
					   NULL);
	g_assert_cmpint(rc, ==, GNUTLS_E_SUCCESS);
	self->modulus = fu_test_datum_to_string(&modulus);
	buf = fu_byte_array_from_string(self->modulus, NULL);
	self->signer = g_compute_checksum_for_data(G_CHECKSUM_SHA384, buf->data, buf->len);
	gnutls_free(modulus.data);
}

int
main(int argc, char **argv)
{
	gint rc;
	const struct {
		const gchar *path;
		GTestDataFunc func;
	} items[] = {
	    {"/tdx-module/sigstruct/parse", fu_tdx_sigstruct_firmware_parse_func},
	    {"/tdx-module/sigstruct/fields", fu_tdx_sigstruct_firmware_fields_func},
	    {"/tdx-module/sigstruct/cpus", fu_tdx_sigstruct_firmware_cpus_func},
	    {"/tdx-module/sigstruct/version", fu_tdx_sigstruct_firmware_version_func},
	    {"/tdx-module/sigstruct/signature", fu_tdx_sigstruct_firmware_signature_func},
	    {"/tdx-module/blob/convert", fu_tdx_blob_firmware_convert_func},
	    {"/tdx-module/blob/parse", fu_tdx_blob_firmware_parse_func},
	    {"/tdx-module/blob/header", fu_tdx_blob_firmware_header_func},
	    {"/tdx-module/blob/size", fu_tdx_blob_firmware_size_func},
	    {"/tdx-module/blob/checksum", fu_tdx_blob_firmware_checksum_func},
	    {"/tdx-module/blob/flip", fu_tdx_blob_firmware_flip_func},
	    {"/tdx-module/blob/build", fu_tdx_blob_firmware_build_func},
	    {"/tdx-module/blob/write", fu_tdx_blob_firmware_write_func},
	    {"/tdx-module/blob/xml", fu_tdx_blob_firmware_xml_func},
	    {"/tdx-module/host/cpuinfo", fu_tdx_host_cpuinfo_func},
	    {"/tdx-module/host/cpuinfo-invalid", fu_tdx_host_cpuinfo_invalid_func},
	    {"/tdx-module/host/sockets", fu_tdx_host_sockets_func},
	    {"/tdx-module/host/cpus", fu_tdx_host_cpus_func},
	    {"/tdx-module/host/misc", fu_tdx_host_misc_func},
	    {"/tdx-module/host/abi", fu_tdx_host_abi_func},
	    {"/tdx-module/preflight/host", fu_tdx_preflight_host_func},
	    {"/tdx-module/preflight/cpus", fu_tdx_preflight_cpus_func},
	    {"/tdx-module/preflight/guests", fu_tdx_preflight_guests_func},
	    {"/tdx-module/preflight/signer", fu_tdx_preflight_signer_func},
	    {"/tdx-module/preflight/image", fu_tdx_preflight_image_func},
	    {"/tdx-module/preflight/version", fu_tdx_preflight_version_func},
	    {"/tdx-module/preflight/series", fu_tdx_preflight_series_func},
	    {"/tdx-module/preflight/error", fu_tdx_preflight_error_func},
	    {"/tdx-module/plugin/enumerate", fu_tdx_module_plugin_enumerate_func},
	    {"/tdx-module/plugin/update", fu_tdx_module_plugin_update_func},
	    {"/tdx-module/plugin/changed", fu_tdx_module_plugin_changed_func},
	    {"/tdx-module/plugin/upload", fu_tdx_module_plugin_upload_func},
	    {"/tdx-module/plugin/reinstall", fu_tdx_module_plugin_reinstall_func},
	    {"/tdx-module/plugin/inhibit", fu_tdx_module_plugin_inhibit_func},
	};
	FuTest self = {0};

	(void)g_setenv("G_TEST_SRCDIR", SRCDIR, FALSE);
	g_test_init(&argc, &argv, NULL);
	g_type_ensure(FU_TYPE_TDX_BLOB_FIRMWARE);
	g_type_ensure(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE);
	fu_test_init(&self);
	for (guint i = 0; i < G_N_ELEMENTS(items); i++)
		g_test_add_data_func(items[i].path, &self, items[i].func);
	rc = g_test_run();
	gnutls_privkey_deinit(self.key);
	g_free(self.modulus);
	g_free(self.signer);
	return rc;
}
