/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <gnutls/abstract.h>

#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-host.h"
#include "fu-tdx-preflight.h"
#include "fu-tdx-sigstruct-firmware.h"

/*
 * The images here are written from the description of the format, with offsets as decimal numbers
 * and bytes in hexadecimal, and not with the structs that they are to test.
 */
typedef struct {
	gnutls_privkey_t key;
	gchar *modulus; /* little-endian, in hexadecimal */
	gchar *signer;	/* SHA-384 of the modulus */
} FuTest;

static void
fu_test_assert_error(const GError *error, FwupdError code, const gchar *pattern)
{
	g_assert_error(error, FWUPD_ERROR, (gint)code);
	g_test_message("'%s' should match '%s'", error->message, pattern);
	g_assert_true(g_pattern_match_simple(pattern, error->message));
}

static void
fu_test_poke(GByteArray *buf, gsize offset, const gchar *hex)
{
	gboolean ret;
	g_autoptr(GByteArray) val = NULL;
	g_autoptr(GError) error = NULL;

	val = fu_byte_array_from_string(hex, &error);
	g_assert_no_error(error);
	ret = fu_memcpy_safe(buf->data, buf->len, offset, val->data, val->len, 0x0, val->len, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
}

static GByteArray *
fu_test_copy(const GByteArray *buf)
{
	g_autoptr(GByteArray) copy = g_byte_array_new();
	g_byte_array_append(copy, buf->data, buf->len);
	return g_steal_pointer(&copy);
}

static void
fu_test_assert_equal(GBytes *blob, const GByteArray *buf)
{
	gsize bufsz = 0;
	const guint8 *data = g_bytes_get_data(blob, &bufsz);
	g_assert_cmpmem(data, bufsz, buf->data, buf->len);
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

static GByteArray *
fu_test_sigstruct_new(const FuTest *self)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();

	fu_byte_array_set_size(buf, 4096, 0x0);
	fu_test_poke(buf, 0, "06000000e100000000000100"); /* header_type, _length, _version */
	fu_test_poke(buf, 16, "86800000");		  /* module_vendor */
	fu_test_poke(buf, 20, "19022520");		  /* date */
	fu_test_poke(buf, 24, "0002000060000000");	  /* size, key_size */
	fu_test_poke(buf, 32, "6000000001000000");	  /* modulus_size, exponent_size */
	fu_test_poke(buf, 128, self->modulus);
	fu_test_poke(buf, 512, "01000100"); /* exponent */
	fu_test_poke(buf, 948, "0b01");	    /* seamsvn */
	fu_test_poke(buf, 984, "04000300"); /* module_hv, min_update_hv */
	fu_test_poke(buf, 990, "0d00");	    /* num_handoff_pages */
	fu_test_poke(buf, 1024, "02000000f8060800f0060c00d0060a00"); /* the third is unused */
	fu_test_sign(self, buf, 0);
	return g_steal_pointer(&buf);
}

static void
fu_test_fix_checksum(GByteArray *buf)
{
	fu_memwrite_uint16(buf->data + 2, 0x0, G_LITTLE_ENDIAN);
	fu_memwrite_uint16(buf->data + 2,
			   (guint16)(0 - fu_sum16w(buf->data, buf->len, G_LITTLE_ENDIAN)),
			   G_LITTLE_ENDIAN);
}

static GByteArray *
fu_test_image_new(const FuTest *self, FuTdxBlobVersion blob_version, guint module_pages)
{
	g_autofree gchar *seamhash = NULL;
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GByteArray) sigstruct = fu_test_sigstruct_new(self);

	fu_byte_array_set_size(buf, 4096, 0x0);
	if (blob_version == FU_TDX_BLOB_VERSION_V1) {
		fu_test_poke(buf, 0, "00010000002000005444582d424c4f42");
		fu_memwrite_uint32(buf->data + 16, (2 + module_pages) * 4096, G_LITTLE_ENDIAN);
	} else {
		fu_test_poke(buf, 0, "000200005444582d424c4f4201000000");
		fu_memwrite_uint32(buf->data + 16, module_pages, G_LITTLE_ENDIAN);
	}
	g_byte_array_append(buf, sigstruct->data, sigstruct->len);
	for (guint i = 0; i < module_pages * 4096; i++)
		fu_byte_array_append_uint8(buf, i / 251);
	seamhash = g_compute_checksum_for_data(G_CHECKSUM_SHA384,
					       buf->data + 8192,
					       (gsize)module_pages * 4096);
	fu_test_poke(buf, 4096 + 900, seamhash);
	fu_test_sign(self, buf, 4096);
	fu_test_fix_checksum(buf);
	return g_steal_pointer(&buf);
}

static FuFirmware *
fu_test_parse(GType gtype, const GByteArray *buf, FuFirmwareParseFlags flags, GError **error)
{
	g_autoptr(FuFirmware) firmware = g_object_new(gtype, NULL);
	g_autoptr(GBytes) blob = g_bytes_new(buf->data, buf->len);
	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, flags, error))
		return NULL;
	return g_steal_pointer(&firmware);
}

static FuFirmware *
fu_test_parse_ok(GType gtype, const GByteArray *buf)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GError) error = NULL;

	firmware = fu_test_parse(gtype, buf, FU_FIRMWARE_PARSE_FLAG_NONE, &error);
	g_assert_no_error(error);
	g_assert_nonnull(firmware);
	return g_steal_pointer(&firmware);
}

static void
fu_test_assert_refused(GType gtype, const GByteArray *buf, FwupdError code, const gchar *pattern)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GError) error = NULL;

	firmware = fu_test_parse(gtype, buf, FU_FIRMWARE_PARSE_FLAG_NONE, &error);
	g_assert_null(firmware);
	fu_test_assert_error(error, code, pattern);
}

/* signed well, but with other bytes at one offset */
static GByteArray *
fu_test_sigstruct_new_with(const FuTest *self, gsize offset, const gchar *hex)
{
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self);
	fu_test_poke(buf, offset, hex);
	fu_test_sign(self, buf, 0);
	return g_steal_pointer(&buf);
}

static FuTdxSigstructFirmware *
fu_test_sigstruct_parse_with(const FuTest *self, gsize offset, const gchar *hex)
{
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new_with(self, offset, hex);
	return FU_TDX_SIGSTRUCT_FIRMWARE(fu_test_parse_ok(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf));
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

/* build, write, parse, write, export, build, write: all the same bytes */
static void
fu_test_roundtrip(const gchar *basename, const gchar *checksum)
{
	gboolean ret;
	g_autofree gchar *csum = NULL;
	g_autofree gchar *filename = NULL;
	g_autofree gchar *xml = NULL;
	g_autofree gchar *xml_out = NULL;
	g_autoptr(FuFirmware) firmware1 = NULL;
	g_autoptr(FuFirmware) firmware2 = NULL;
	g_autoptr(FuFirmware) firmware3 = NULL;
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GBytes) blob1 = NULL;
	g_autoptr(GBytes) blob2 = NULL;
	g_autoptr(GBytes) blob3 = NULL;
	g_autoptr(GError) error = NULL;

	filename = g_test_build_filename(G_TEST_DIST, "tests", basename, NULL);
	ret = g_file_get_contents(filename, &xml, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	firmware1 = fu_test_build(xml, &error);
	g_assert_no_error(error);
	csum = fu_firmware_get_checksum(firmware1, G_CHECKSUM_SHA1, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(csum, ==, checksum);
	blob1 = fu_firmware_write(firmware1, &error);
	g_assert_no_error(error);

	fu_byte_array_append_bytes(buf, blob1);
	firmware2 = fu_test_parse_ok(G_OBJECT_TYPE(firmware1), buf);
	blob2 = fu_firmware_write(firmware2, &error);
	g_assert_no_error(error);
	fu_test_assert_equal(blob2, buf);

	xml_out = fu_firmware_export_to_xml(firmware1, FU_FIRMWARE_EXPORT_FLAG_NONE, &error);
	g_assert_no_error(error);
	firmware3 = fu_test_build(xml_out, &error);
	g_assert_no_error(error);
	blob3 = fu_firmware_write(firmware3, &error);
	g_assert_no_error(error);
	fu_test_assert_equal(blob3, buf);
}

static void
fu_tdx_sigstruct_firmware_parse_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	FuTdxSigstructFirmware *sigstruct;
	gboolean ret;
	const gchar *mrseam = "a5a6a7a8000000000000000000000000000000000000000000000000"
			      "0000000000000000000000000000000000000001";
	guint8 digest[48] = {0xa5, 0xa6, 0xa7, 0xa8, [47] = 0x01};
	g_autofree gchar *cpus = NULL;
	g_autofree gchar *mrseam_tmp = NULL;
	g_autofree gchar *signer = NULL;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new_with(self, 900, mrseam);
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GError) error = NULL;

	/* with or without the rest of the page */
	firmware = fu_test_parse_ok(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf);
	blob = fu_firmware_write(firmware, &error);
	g_assert_no_error(error);
	fu_test_assert_equal(blob, buf);
	g_clear_object(&firmware);
	g_byte_array_set_size(buf, 2048);
	firmware = fu_test_parse_ok(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf);

	sigstruct = FU_TDX_SIGSTRUCT_FIRMWARE(firmware);
	g_assert_cmpint(fu_tdx_sigstruct_firmware_get_date(sigstruct), ==, 0x20250219);
	g_assert_cmpint(fu_tdx_sigstruct_firmware_get_seamsvn(sigstruct), ==, 0x010b);
	g_assert_false(fu_tdx_sigstruct_firmware_get_debug(sigstruct));
	cpus = fu_tdx_sigstruct_firmware_get_cpus(sigstruct);
	g_assert_cmpstr(cpus, ==, "0x806f8,0xc06f0");
	signer = fu_tdx_sigstruct_firmware_get_signer(sigstruct, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(signer, ==, self->signer);
	mrseam_tmp = fu_tdx_sigstruct_firmware_get_mrseam(sigstruct);
	g_assert_cmpstr(mrseam_tmp, ==, mrseam);

	/* the module belongs to the sigstruct */
	ret = fu_tdx_sigstruct_firmware_check_module(sigstruct, digest, sizeof(digest), &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	digest[47] = 0x02;
	ret = fu_tdx_sigstruct_firmware_check_module(sigstruct, digest, sizeof(digest), &error);
	g_assert_false(ret);
	fu_test_assert_error(error,
			     FWUPD_ERROR_INVALID_FILE,
			     "*SHA-384*a5a6a7a8*02, but seamhash*a5a6a7a8*01");
}

static void
fu_tdx_sigstruct_firmware_constants_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		const gchar *key;
		gsize offset;
		const gchar *hex;
		const gchar *expected;
		const gchar *got;
	} items[] = {
	    {"header_type", 0, "07000000", "0x6", "0x7"},
	    {"header_length", 4, "e0000000", "0xe1", "0xe0"},
	    {"header_version", 8, "01000100", "0x10000", "0x10001"},
	    {"module_vendor", 16, "de100000", "0x8086", "0x10de"},
	    {"size", 24, "00010000", "0x200", "0x100"},
	    {"key_size", 28, "40000000", "0x60", "0x40"},
	    {"modulus_size", 32, "61000000", "0x60", "0x61"},
	    {"exponent_size", 36, "00000000", "0x1", "0x0"},
	    {"exponent", 512, "01000000", "0x10001", "0x1"},
	    {"exponent", 512, "03000000", "0x10001", "0x3"},
	    {"attributes", 950, "0100000000000000", "0x0", "0x1"},
	    {"reserved2", 989, "80", "0x0", "0x80"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autofree gchar *pattern = NULL;
		g_autoptr(GByteArray) buf =
		    fu_test_sigstruct_new_with(self, items[i].offset, items[i].hex);
		pattern = g_strdup_printf("*.%s was not valid, expected %s and got %s",
					  items[i].key,
					  items[i].expected,
					  items[i].got);
		fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
				       buf,
				       FWUPD_ERROR_INVALID_DATA,
				       pattern);
	}
}

static void
fu_tdx_sigstruct_firmware_rules_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		gsize offset;
		const gchar *hex;
		const gchar *message;
	} items[] = {
	    {12, "01000000", "module_type is 0x1, expected 0x0, or 0x80000000 when debug-signed"},
	    {12, "01000080", "module_type is 0x80000001, expected 0x0, or 0x80000000 *"},
	    {12, "00000040", "module_type is 0x40000000, expected 0x0, or 0x80000000 *"},
	    {948, "ff00", "seamsvn is 0x00ff, expected a major number in the high byte"},
	    {984, "04000500", "min_update_hv is 5, expected at most module_hv, which is 4"},
	    {984, "00000100", "min_update_hv is 1, expected at most module_hv, which is 0"},
	    {1024, "00010000", "cpuid_table_size is 256, expected at most 255"},
	    {1024, "ffffffff", "cpuid_table_size is 4294967295, expected at most 255"},
	    {1024, "00000000", "cpuid_table_size is 0, expected at least 1"},
	    {40, "01", "reserved0[0] is 0x01, expected 0x00"},
	    {127, "80", "reserved0[87] is 0x80, expected 0x00"},
	    {978, "01", "reserved1[0] is 0x01, expected 0x00"},
	    {983, "ff", "reserved1[5] is 0xff, expected 0x00"},
	    {1008, "01", "reserved3[0] is 0x01, expected 0x00"},
	    {1023, "10", "reserved3[15] is 0x10, expected 0x00"},
	    {2048, "01", "padding[0] is 0x01, expected 0x00"},
	    {4095, "10", "padding[2047] is 0x10, expected 0x00"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf =
		    fu_test_sigstruct_new_with(self, items[i].offset, items[i].hex);
		fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
				       buf,
				       FWUPD_ERROR_INVALID_FILE,
				       items[i].message);
	}
}

static void
fu_tdx_sigstruct_firmware_size_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		guint size;
		FwupdError code;
		const gchar *message;
	} items[] = {
	    {0, FWUPD_ERROR_NOT_SUPPORTED, "*size 0x0*"},
	    {1, FWUPD_ERROR_INVALID_DATA, "FuStructTdxSigstruct*0x800*0x1"},
	    {2047, FWUPD_ERROR_INVALID_DATA, "FuStructTdxSigstruct*0x800*0x7ff"},
	    {4097, FWUPD_ERROR_INVALID_FILE, "*too large*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self);
		fu_byte_array_set_size(buf, items[i].size, 0x0);
		fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
				       buf,
				       items[i].code,
				       items[i].message);
	}
}

static void
fu_tdx_sigstruct_firmware_debug_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autofree gchar *cpus = NULL;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self);

	/* only these may be for no CPU at all */
	fu_test_poke(buf, 12, "00000080");
	fu_test_poke(buf, 1024, "00000000");
	fu_test_sign(self, buf, 0);
	firmware = fu_test_parse_ok(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE, buf);
	g_assert_true(fu_tdx_sigstruct_firmware_get_debug(FU_TDX_SIGSTRUCT_FIRMWARE(firmware)));
	cpus = fu_tdx_sigstruct_firmware_get_cpus(FU_TDX_SIGSTRUCT_FIRMWARE(firmware));
	g_assert_cmpstr(cpus, ==, "");
}

static void
fu_tdx_sigstruct_firmware_cpus_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autoptr(FuTdxSigstructFirmware) sigstruct = NULL;
	g_autoptr(FuTdxSigstructFirmware) sigstruct_full = NULL;

	/* the stepping does not matter, and the third entry is not in use */
	sigstruct = fu_test_sigstruct_parse_with(self, 0, "06");
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(sigstruct, 0x806f8));
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(sigstruct, 0x806f0));
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(sigstruct, 0xc06f2));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(sigstruct, 0x806e8));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(sigstruct, 0x1806f8));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(sigstruct, 0xa06d0));
	g_assert_false(fu_tdx_sigstruct_firmware_has_cpu(sigstruct, 0x0));

	/* the last of 255 entries */
	sigstruct_full = fu_test_sigstruct_parse_with(self, 1024, "ff");
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(sigstruct_full, 0xa06d1));
	g_assert_true(fu_tdx_sigstruct_firmware_has_cpu(sigstruct_full, 0x0));
}

static void
fu_tdx_sigstruct_firmware_version_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		const gchar *hex;
		const gchar *version;
	} items[] = {
	    {"0000000000000000", NULL},
	    {"0800000272030000", "2.0.08"},
	    {"2c010102ffffffff", "2.1.300"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(FuTdxSigstructFirmware) sigstruct =
		    fu_test_sigstruct_parse_with(self, 1000, items[i].hex);
		g_assert_cmpstr(fu_firmware_get_version(FU_FIRMWARE(sigstruct)),
				==,
				items[i].version);
	}
}

static void
fu_tdx_sigstruct_firmware_signature_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const gchar *keys[] = {"even", "zero", "one"};
	gboolean ret;
	g_autofree gchar *zeros = g_strnfill((gsize)384 * 2, '0');
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self);
	g_autoptr(GError) error = NULL;

	fu_test_poke(buf, 516, zeros);
	fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
			       buf,
			       FWUPD_ERROR_SIGNATURE_INVALID,
			       "signature does not match the sigstruct and its modulus: *");

	/* can be looked at, but does not become valid */
	firmware = fu_test_parse(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
				 buf,
				 FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM,
				 &error);
	g_assert_no_error(error);
	g_assert_nonnull(firmware);
	ret = fu_tdx_sigstruct_firmware_check_signature(FU_TDX_SIGSTRUCT_FIRMWARE(firmware),
							&error);
	g_assert_false(ret);
	fu_test_assert_error(error, FWUPD_ERROR_SIGNATURE_INVALID, "signature does not match*");

	/* no RSA keys; with a signature of zero, and one that is well-formed */
	for (guint i = 0; i < G_N_ELEMENTS(keys) * 2; i++) {
		const gchar *key = keys[i / 2];
		g_autoptr(GByteArray) buf_key = fu_test_sigstruct_new(self);
		if (i % 2 == 0)
			fu_test_poke(buf_key, 516, zeros);
		if (g_strcmp0(key, "even") == 0) {
			buf_key->data[128] &= 0xFE;
		} else {
			fu_test_poke(buf_key, 128, zeros);
			buf_key->data[128] = g_strcmp0(key, "one") == 0 ? 1 : 0;
		}
		fu_test_assert_refused(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
				       buf_key,
				       FWUPD_ERROR_SIGNATURE_INVALID,
				       "*modulus*");
	}
}

/* nothing in the page is left unverified */
static void
fu_tdx_sigstruct_firmware_flip_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self);

	for (guint i = 0; i < buf->len; i++) {
		guint8 old = buf->data[i];
		buf->data[i] ^= 1 << (i % 8);
		g_test_message("offset %u", i);
		{
			g_autoptr(FuFirmware) firmware =
			    fu_test_parse(FU_TYPE_TDX_SIGSTRUCT_FIRMWARE,
					  buf,
					  FU_FIRMWARE_PARSE_FLAG_NONE,
					  NULL);
			g_assert_null(firmware);
		}
		buf->data[i] = old;
	}
}

static void
fu_tdx_sigstruct_firmware_build_func(gconstpointer user_data)
{
	g_autofree gchar *cpus = NULL;
	g_autofree gchar *seamhash = g_strnfill((gsize)49 * 2, '0');
	const struct {
		const gchar *key;
		const gchar *value;
		const gchar *pattern;
	} items[] = {
	    {"date", "yesterday", "date: *"},
	    {"cpus", "0x806f8,spr", "cpus: *"},
	    {"cpus", "0x1000806f8", "cpus: *above maximum*"},
	    {"cpus", cpus = g_strnfill(255, ','), "cpus has 256 entries, expected at most 255"},
	    {"debug", "perhaps", "*"},
	    {"num_tls_pages", "0x100", "num_tls_pages: *256*above maximum 255"},
	    {"seamsvn", "0x10000", "seamsvn: *65536*above maximum 65535"},
	    {"rip_offset", "0x100000000", "rip_offset: *above maximum*"},
	    {"modulus", "xy", "modulus: *"},
	    {"seamhash", seamhash, "*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autofree gchar *xml = NULL;
		g_autoptr(FuFirmware) firmware = NULL;
		g_autoptr(GError) error = NULL;

		xml = g_strdup_printf("<firmware gtype=\"FuTdxSigstructFirmware\"><%s>%s</%s></firmware>",
				      items[i].key,
				      items[i].value,
				      items[i].key);
		firmware = fu_test_build(xml, &error);
		g_assert_null(firmware);
		g_assert_nonnull(error);
		g_assert_true(error->domain == FWUPD_ERROR);
		g_test_message("'%s' should match '%s'", error->message, items[i].pattern);
		g_assert_true(g_pattern_match_simple(items[i].pattern, error->message));
	}
}

static void
fu_tdx_sigstruct_firmware_xml_func(gconstpointer user_data)
{
	fu_test_roundtrip("tdx-sigstruct.builder.xml", "fbed88bcadde312d0153940d12af6470a24e9a24");
}

static void
fu_tdx_blob_firmware_parse_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const FuTdxBlobVersion blob_versions[] = {FU_TDX_BLOB_VERSION_V1, FU_TDX_BLOB_VERSION_V2};
	const guint module_pages[] = {1, 2, 496};

	for (guint i = 0; i < G_N_ELEMENTS(blob_versions) * G_N_ELEMENTS(module_pages); i++) {
		FuTdxBlobVersion blob_version = blob_versions[i % 2];
		g_autoptr(FuFirmware) firmware = NULL;
		g_autoptr(FuTdxSigstructFirmware) sigstruct = NULL;
		g_autoptr(GByteArray) buf =
		    fu_test_image_new(self, blob_version, module_pages[i / 2]);
		g_autoptr(GByteArray) module = g_byte_array_new();
		g_autoptr(GBytes) blob = NULL;
		g_autoptr(GBytes) blob_module = NULL;
		g_autoptr(GError) error = NULL;

		firmware = fu_test_parse_ok(FU_TYPE_TDX_BLOB_FIRMWARE, buf);
		g_assert_cmpint(
		    fu_tdx_blob_firmware_get_blob_version(FU_TDX_BLOB_FIRMWARE(firmware)),
		    ==,
		    blob_version);
		sigstruct =
		    fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware), &error);
		g_assert_no_error(error);
		g_assert_cmpint(fu_tdx_sigstruct_firmware_get_seamsvn(sigstruct), ==, 0x010b);
		blob_module = fu_firmware_get_image_by_id_bytes(firmware, "module", &error);
		g_assert_no_error(error);
		g_byte_array_append(module, buf->data + 8192, buf->len - 8192);
		fu_test_assert_equal(blob_module, module);
		blob = fu_firmware_write(firmware, &error);
		g_assert_no_error(error);
		fu_test_assert_equal(blob, buf);
	}
}

/* only the first page depends on the version of the header */
static void
fu_test_convert(const GByteArray *buf_v1, GByteArray *buf_v2)
{
	g_autoptr(FuFirmware) firmware_v1 = NULL;
	g_autoptr(FuFirmware) firmware_v2 = NULL;
	g_autoptr(GBytes) blob_v1 = NULL;
	g_autoptr(GBytes) blob_v2 = NULL;
	g_autoptr(GError) error = NULL;

	firmware_v1 = fu_test_parse_ok(FU_TYPE_TDX_BLOB_FIRMWARE, buf_v1);
	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware_v1),
					      FU_TDX_BLOB_VERSION_V2);
	blob_v2 = fu_firmware_write(firmware_v1, &error);
	g_assert_no_error(error);
	g_byte_array_set_size(buf_v2, 0);
	fu_byte_array_append_bytes(buf_v2, blob_v2);
	g_assert_cmpmem(buf_v2->data + 4096,
			buf_v2->len - 4096,
			buf_v1->data + 4096,
			buf_v1->len - 4096);
	g_assert_cmpint(fu_sum16w(buf_v2->data, buf_v2->len, G_LITTLE_ENDIAN), ==, 0);

	firmware_v2 = fu_test_parse_ok(FU_TYPE_TDX_BLOB_FIRMWARE, buf_v2);
	g_assert_cmpint(fu_tdx_blob_firmware_get_blob_version(FU_TDX_BLOB_FIRMWARE(firmware_v2)),
			==,
			FU_TDX_BLOB_VERSION_V2);
	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware_v2),
					      FU_TDX_BLOB_VERSION_V1);
	blob_v1 = fu_firmware_write(firmware_v2, &error);
	g_assert_no_error(error);
	fu_test_assert_equal(blob_v1, buf_v1);
}

static void
fu_tdx_blob_firmware_convert_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GByteArray) buf_v1 = fu_test_image_new(self, FU_TDX_BLOB_VERSION_V1, 2);
	g_autoptr(GByteArray) buf_v2 = fu_test_image_new(self, FU_TDX_BLOB_VERSION_V2, 2);

	fu_test_convert(buf_v1, buf);
	g_assert_cmpmem(buf->data, buf->len, buf_v2->data, buf_v2->len);
}

/* with two module pages and a correct checksum */
static void
fu_tdx_blob_firmware_header_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		FuTdxBlobVersion blob_version;
		gsize offset;
		const gchar *hex;
		FwupdError code;
		const gchar *pattern;
	} items[] = {
	    {FU_TDX_BLOB_VERSION_V1,
	     0,
	     "0003",
	     FWUPD_ERROR_INVALID_FILE,
	     "*header version is 0x0300, expected 0x0100 or 0x0200"},
	    {FU_TDX_BLOB_VERSION_V1,
	     0,
	     "0000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*header version is 0x0000, expected 0x0100 or 0x0200"},
	    {FU_TDX_BLOB_VERSION_V1,
	     0,
	     "0002",
	     FWUPD_ERROR_INVALID_DATA,
	     "*V2.signature was not valid, expected 'TDX-BLOB' and got*"},
	    {FU_TDX_BLOB_VERSION_V1,
	     8,
	     "7464",
	     FWUPD_ERROR_INVALID_DATA,
	     "*V1.signature was not valid, expected 'TDX-BLOB' and got 'tdX-BLOB'"},
	    {FU_TDX_BLOB_VERSION_V1,
	     16,
	     "00300000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*header length is 12288, but the image has 16384 bytes"},
	    {FU_TDX_BLOB_VERSION_V1,
	     16,
	     "01400000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*header length is 16385, but the image has 16384 bytes"},
	    {FU_TDX_BLOB_VERSION_V1,
	     4,
	     "00100000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*offset_of_module is 0x1000, expected 0x2000 for the one sigstruct page"},
	    {FU_TDX_BLOB_VERSION_V1,
	     4,
	     "00300000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*offset_of_module is 0x3000, expected 0x2000*"},
	    {FU_TDX_BLOB_VERSION_V1,
	     4,
	     "00f0ffff",
	     FWUPD_ERROR_INVALID_FILE,
	     "*offset_of_module is 0xfffff000, expected 0x2000*"},
	    {FU_TDX_BLOB_VERSION_V1,
	     20,
	     "01000000",
	     FWUPD_ERROR_INVALID_DATA,
	     "*V1.reserved0 was not valid, expected 0x0 and got 0x1"},
	    {FU_TDX_BLOB_VERSION_V1,
	     24,
	     "01",
	     FWUPD_ERROR_INVALID_FILE,
	     "*reserved byte at 0x18 is 0x01, expected 0x00"},
	    {FU_TDX_BLOB_VERSION_V1,
	     4095,
	     "80",
	     FWUPD_ERROR_INVALID_FILE,
	     "*reserved byte at 0xfff is 0x80, expected 0x00"},
	    {FU_TDX_BLOB_VERSION_V2,
	     11,
	     "00",
	     FWUPD_ERROR_INVALID_DATA,
	     "*V2.signature was not valid, expected 'TDX-BLOB' and got 'TDX-BLO'"},
	    {FU_TDX_BLOB_VERSION_V2,
	     12,
	     "0000000003000000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*sigstruct_nr_pages is 0, expected 1"},
	    {FU_TDX_BLOB_VERSION_V2,
	     12,
	     "0200000001000000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*sigstruct_nr_pages is 2, expected 1"},
	    {FU_TDX_BLOB_VERSION_V2,
	     12,
	     "04000000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*sigstruct_nr_pages is 4, expected 1"},
	    {FU_TDX_BLOB_VERSION_V2,
	     16,
	     "00000000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*module_nr_pages is 0, but the image has 2 module pages"},
	    {FU_TDX_BLOB_VERSION_V2,
	     16,
	     "f1010000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*module_nr_pages is 497, but the image has 2 module pages"},
	    {FU_TDX_BLOB_VERSION_V2,
	     16,
	     "01001000",
	     FWUPD_ERROR_INVALID_FILE,
	     "*module_nr_pages is 1048577, but the image has 2 module pages"},
	    {FU_TDX_BLOB_VERSION_V2,
	     16,
	     "02001000", /* in bytes, 32 bits overflow to the right size */
	     FWUPD_ERROR_INVALID_FILE,
	     "*module_nr_pages is 1048578, but the image has 2 module pages"},
	    {FU_TDX_BLOB_VERSION_V2,
	     20,
	     "01",
	     FWUPD_ERROR_INVALID_FILE,
	     "*reserved byte at 0x14 is 0x01, expected 0x00"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf = fu_test_image_new(self, items[i].blob_version, 2);
		fu_test_poke(buf, items[i].offset, items[i].hex);
		fu_test_fix_checksum(buf);
		fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
				       buf,
				       items[i].code,
				       items[i].pattern);
	}
}

static void
fu_tdx_blob_firmware_size_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		gsize size;
		FwupdError code;
		const gchar *pattern_v1;
		const gchar *pattern_v2;
	} items[] = {
	    {0, FWUPD_ERROR_NOT_SUPPORTED, "*size 0x0*", "*size 0x0*"},
	    {1, FWUPD_ERROR_INVALID_FILE, "*", "*"},
	    {4096, FWUPD_ERROR_INVALID_FILE, "image has 4096 bytes*", "image has 4096 bytes*"},
	    {8192,
	     FWUPD_ERROR_INVALID_FILE,
	     "module has 0 pages, expected 1 to 496",
	     "module has 0 pages, expected 1 to 496"},
	    {12288, FWUPD_ERROR_INVALID_FILE, "*length is 16384*12288*", "*pages is 2*1 module*"},
	    {16383, FWUPD_ERROR_INVALID_FILE, "image has 16383*", "image has 16383*"},
	    {16385, FWUPD_ERROR_INVALID_FILE, "image has 16385*", "image has 16385*"},
	    {20480, FWUPD_ERROR_INVALID_FILE, "*length is 16384*20480*", "*pages is 2*3 module*"},

	    /* refused before any of it is parsed */
	    {499 * 4096, FWUPD_ERROR_INVALID_FILE, "*too large*", "*too large*"},
	    {64 * 1024 * 1024, FWUPD_ERROR_INVALID_FILE, "*too large*", "*too large*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf_v1 = fu_test_image_new(self, FU_TDX_BLOB_VERSION_V1, 2);
		g_autoptr(GByteArray) buf_v2 = fu_test_image_new(self, FU_TDX_BLOB_VERSION_V2, 2);
		fu_byte_array_set_size(buf_v1, items[i].size, 0x0);
		fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
				       buf_v1,
				       items[i].code,
				       items[i].pattern_v1);
		fu_byte_array_set_size(buf_v2, items[i].size, 0x0);
		fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
				       buf_v2,
				       items[i].code,
				       items[i].pattern_v2);
	}
}

static void
fu_tdx_blob_firmware_checksum_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GByteArray) buf = fu_test_image_new(self, FU_TDX_BLOB_VERSION_V2, 2);
	g_autoptr(GByteArray) buf_module = fu_test_copy(buf);
	g_autoptr(GByteArray) buf_swap = fu_test_copy(buf);
	g_autoptr(GError) error = NULL;

	/* of the header */
	buf->data[2] += 1;
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
			       buf,
			       FWUPD_ERROR_INVALID_FILE,
			       "sum of all 16-bit words of the image is 0x????, expected 0x0000");

	/* one bit of the module */
	buf_module->data[16383] ^= 0x80;
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
			       buf_module,
			       FWUPD_ERROR_INVALID_FILE,
			       "sum of all 16-bit words of the image is 0x8000, expected 0x0000");
	fu_test_fix_checksum(buf_module);
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
			       buf_module,
			       FWUPD_ERROR_INVALID_FILE,
			       "SHA-384 of the module is *, but seamhash in the sigstruct is *");

	/* two bits of the module that do not change the sum */
	buf_swap->data[8192] ^= 0x01;
	buf_swap->data[12288] ^= 0x01;
	if (fu_sum16w(buf_swap->data, buf_swap->len, G_LITTLE_ENDIAN) != 0)
		buf_swap->data[12288] ^= 0x03;
	g_assert_cmpint(fu_sum16w(buf_swap->data, buf_swap->len, G_LITTLE_ENDIAN), ==, 0);
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
			       buf_swap,
			       FWUPD_ERROR_INVALID_FILE,
			       "SHA-384 of the module is *, but seamhash in the sigstruct is *");

	/* one bit of the sigstruct */
	buf_swap->data[4096 + 900] ^= 0x01;
	fu_test_fix_checksum(buf_swap);
	fu_test_assert_refused(FU_TYPE_TDX_BLOB_FIRMWARE,
			       buf_swap,
			       FWUPD_ERROR_SIGNATURE_INVALID,
			       "sigstruct: signature does not match*");

	/* for a look at it */
	firmware = fu_test_parse(FU_TYPE_TDX_BLOB_FIRMWARE,
				 buf_swap,
				 FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM,
				 &error);
	g_assert_no_error(error);
	g_assert_nonnull(firmware);
}

/* nothing is left unverified, even when somebody corrects the checksum */
static void
fu_tdx_blob_firmware_flip_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const FuTdxBlobVersion blob_versions[] = {FU_TDX_BLOB_VERSION_V1, FU_TDX_BLOB_VERSION_V2};

	for (guint i = 0; i < G_N_ELEMENTS(blob_versions); i++) {
		g_autoptr(GByteArray) buf = fu_test_image_new(self, blob_versions[i], 2);
		for (guint j = 0; j < buf->len; j += j < 4096 ? 1 : 61) {
			g_autoptr(FuFirmware) firmware = NULL;
			g_autoptr(GByteArray) buf_flip = fu_test_copy(buf);

			g_test_message("offset %u", j);
			buf_flip->data[j] ^= 1 << (j % 8);
			if (j != 2 && j != 3)
				fu_test_fix_checksum(buf_flip);
			firmware = fu_test_parse(FU_TYPE_TDX_BLOB_FIRMWARE,
						 buf_flip,
						 FU_FIRMWARE_PARSE_FLAG_NO_SEARCH,
						 NULL);
			g_assert_null(firmware);
		}
	}
}
