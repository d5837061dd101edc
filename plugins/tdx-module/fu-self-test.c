/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <gnutls/abstract.h>

#include "fu-context-private.h"
#include "fu-device-event-private.h"
#include "fu-device-private.h"
#include "fu-plugin-private.h"
#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-module-device.h"
#include "fu-tdx-module-plugin.h"
#include "fu-tdx-outcome.h"
#include "fu-tdx-preflight.h"

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
	if (module_pages > 1) /* gdt_idt_offset, fault_wrapper_offset */
		fu_test_poke(buf, 5088, "00100000001e0000");
	fu_test_sign(self, buf, 4096);
	fu_test_fix_checksum(buf);
	return g_steal_pointer(&buf);
}

static FuFirmware *
fu_test_parse_full(const GByteArray *buf, FuFirmwareParseFlags flags, GError **error)
{
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(GBytes) blob = g_bytes_new(buf->data, buf->len);
	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, flags, error))
		return NULL;
	return g_steal_pointer(&firmware);
}

static FuFirmware *
fu_test_parse(const GByteArray *buf)
{
	g_autoptr(GError) error = NULL;
	FuFirmware *firmware = fu_test_parse_full(buf, FU_FIRMWARE_PARSE_FLAG_NONE, &error);

	g_assert_no_error(error);
	return firmware;
}

static void
fu_test_assert_refused(const GByteArray *buf, const gchar *pattern)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(fu_test_parse_full(buf, FU_FIRMWARE_PARSE_FLAG_NONE, &error));
	fu_test_assert_error(error, pattern);
}

static FuStructTdxSigstruct *
fu_test_sigstruct_parse_full(const GByteArray *buf, GError **error)
{
	g_autoptr(GBytes) blob = g_bytes_new(buf->data, buf->len);
	g_autoptr(FuInputStream) stream = fu_memory_input_stream_new_from_bytes(blob);

	return fu_tdx_sigstruct_parse(stream, 0x0, FU_FIRMWARE_PARSE_FLAG_NONE, error);
}

static FuStructTdxSigstruct *
fu_test_sigstruct_parse(const FuTest *self, gsize offset, const gchar *hex)
{
	g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self, offset, hex);
	g_autoptr(GError) error = NULL;
	FuStructTdxSigstruct *st = fu_test_sigstruct_parse_full(buf, &error);

	g_assert_no_error(error);
	return st;
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

static void
fu_tdx_sigstruct_parse_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autofree gchar *cpus = NULL;
	g_autofree gchar *mrseam = NULL;
	g_autofree gchar *seamhash = g_compute_checksum_for_string(G_CHECKSUM_SHA384, "tdx", -1);
	g_autofree gchar *signer = NULL;
	g_autoptr(FuStructTdxSigstruct) st = fu_test_sigstruct_parse(self, 900, seamhash);

	cpus = fu_tdx_sigstruct_get_cpus(st);
	g_assert_cmpstr(cpus, ==, "0x806f8,0xc06f0");
	mrseam = fu_tdx_sigstruct_get_mrseam(st);
	g_assert_cmpstr(mrseam, ==, seamhash);
	signer = fu_tdx_sigstruct_get_signer(st);
	g_assert_cmpstr(signer, ==, self->signer);
}

static void
fu_tdx_sigstruct_fields_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const FuTestPoke items[] = {
	    {0, "07000000", "InvalidData: *.header_type was *, expected 0x6 and got 0x7"},
	    {4, "e0000000", "InvalidData: *.header_length was *, expected 0xe1 and got 0xe0"},
	    {8, "01000100", "InvalidData: *.header_version *expected 0x10000 and got 0x10001"},
	    {16, "de100000", "InvalidData: *.module_vendor was *, expected 0x8086 and got 0x10de"},
	    {24, "00010000", "InvalidData: *.size was *, expected 0x200 and got 0x100"},
	    {28, "40000000", "InvalidData: *.key_size was *, expected 0x60 and got 0x40"},
	    {40, "01", "InvalidData: *.reserved0 was not valid"},
	    {512, "01000000", "InvalidData: *.exponent was *, expected 0x10001 and got 0x1"},
	    {950, "0100000000000000", "InvalidData: *.attributes was *, expected 0x0 and got 0x1"},
	    {978, "01", "InvalidData: *.reserved1 was not valid"},
	    {989, "80", "InvalidData: *.reserved2 was not valid"},
	    {1008, "01", "InvalidData: *.reserved3 was not valid"},
	    {1023, "10", "InvalidData: *.reserved3 was not valid"},
	    {2048, "01", "InvalidData: *.padding was not valid"},
	    {1000, "05000000", "InvalidFile: version_major is 0, the rest *0x5*"},
	    {1004, "12030000", "InvalidFile: version_major is 0, *version_build 0x312*"},
	    {12, "01000000", "InvalidFile: module_type is 0x1, expected 0x0, or 0x80000000*"},
	    {984, "04000500", "InvalidFile: min_update_hv is 5, * 4 as module_hv"},
	    {1024, "00010000", "InvalidFile: cpuid_table_size is 256, expected 1 to 255"},
	    {1024, "ffffffff", "InvalidFile: cpuid_table_size is 4294967295, expected 1 to 255"},
	    {1024, "00000000", "InvalidFile: cpuid_table_size is 0, expected 1 to 255"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf =
		    fu_test_sigstruct_new(self, items[i].offset, items[i].hex);
		g_autoptr(GError) error = NULL;

		g_assert_null(fu_test_sigstruct_parse_full(buf, &error));
		fu_test_assert_error(error, items[i].pattern);
	}
}

static void
fu_tdx_sigstruct_cpus_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autoptr(FuStructTdxSigstruct) st_all = fu_test_sigstruct_parse(self, 1024, "ff");
	g_autoptr(FuStructTdxSigstruct) st_two = fu_test_sigstruct_parse(self, 1024, "02");

	/* the stepping does not matter, and the third entry is not used */
	g_assert_true(fu_tdx_sigstruct_has_cpu(st_two, 0x806f8));
	g_assert_true(fu_tdx_sigstruct_has_cpu(st_two, 0xc06f2));
	g_assert_false(fu_tdx_sigstruct_has_cpu(st_two, 0x806e8));
	g_assert_false(fu_tdx_sigstruct_has_cpu(st_two, 0x1806f8));
	g_assert_false(fu_tdx_sigstruct_has_cpu(st_two, 0xa06d0));
	g_assert_true(fu_tdx_sigstruct_has_cpu(st_all, 0xa06d1));
}

static void
fu_tdx_sigstruct_version_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const gchar *items[][2] = {
	    {"0000000000000000", NULL},
	    {"0800000272030000", "2.0.08"},
	    {"2c010102ffffffff", "2.1.300"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(FuStructTdxSigstruct) st =
		    fu_test_sigstruct_parse(self, 1000, items[i][0]);
		g_autofree gchar *version = fu_tdx_sigstruct_get_version(st);
		g_assert_cmpstr(version, ==, items[i][1]);
	}
}

static void
fu_tdx_sigstruct_signature_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const gsize offsets[] = {60, 128, 511, 516, 899, 900, 1003, 2047};

	for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
		g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self, 1000, "08000002");

		buf->data[offsets[i]] ^= 0x02;
		g_assert_null(fu_test_sigstruct_parse_full(buf, NULL));
	}
}

/* only the first page depends on the version of the header */
static GByteArray *
fu_test_convert(const GByteArray *buf, FuTdxBlobVersion blob_version)
{
	g_autoptr(FuFirmware) firmware = fu_test_parse(buf);
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
	const guint pages[] = {1, 2, 496};

	for (guint i = 0; i < G_N_ELEMENTS(pages); i++) {
		g_autoptr(GByteArray) v1 =
		    fu_test_image_new(self, FU_TDX_BLOB_VERSION_V1, pages[i]);
		g_autoptr(GByteArray) v2 =
		    fu_test_image_new(self, FU_TDX_BLOB_VERSION_V2, pages[i]);
		g_autoptr(GByteArray) v1_out = fu_test_convert(v2, FU_TDX_BLOB_VERSION_V1);
		g_autoptr(GByteArray) v2_out = fu_test_convert(v1, FU_TDX_BLOB_VERSION_V2);

		fu_test_assert_equal(v1_out, v1);
		fu_test_assert_equal(v2_out, v2);
	}
}

/* with two module pages, signed and with a correct checksum */
static void
fu_test_assert_image_refused(const FuTest *self, FuTdxBlobVersion version, const FuTestPoke *poke)
{
	g_autoptr(GByteArray) buf = fu_test_image_new(self, version, 2);
	fu_test_poke(buf, poke->offset, poke->hex);
	fu_test_sign(self, buf, 4096);
	fu_test_fix_checksum(buf);
	fu_test_assert_refused(buf, poke->pattern);
}

static void
fu_tdx_blob_firmware_header_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const FuTestPoke items_v1[] = {
	    {0, "0003", "InvalidData: *V2.version was not valid, expected 0x200 and got 0x300"},
	    {8, "7464", "InvalidData: *V1.signature was not valid, * and got 'tdX-BLOB'"},
	    {16, "00300000", "InvalidFile: *header is * 0x3000 bytes, expected 0x4000 *"},
	    {16, "01400000", "InvalidFile: *header is * 0x4001 bytes, expected 0x4000 *"},
	    {4, "00100000", "InvalidData: *offset_of_module *expected 0x2000 and got 0x1000"},
	    {4, "00f0ffff", "InvalidData: *offset_of_module *expected 0x2000 and got 0xfffff000"},
	    {20, "01000000", "InvalidData: *V1.reserved was not valid"},
	    {4095, "80", "InvalidData: *V1.reserved was not valid"},
	};
	const FuTestPoke items_v2[] = {
	    {0, "0003", "InvalidData: *V2.version was not valid, expected 0x200 and got 0x300"},
	    {0, "0001", "InvalidData: *V1.*was not valid, *"},
	    {11, "00", "InvalidData: *V2.signature was not valid, * and got 'TDX-BLO'"},
	    {12, "0000000003000000", "InvalidData: *sigstruct_nr_pages *expected 0x1 and got 0x0"},
	    {12, "0200000001000000", "InvalidData: *sigstruct_nr_pages *expected 0x1 and got 0x2"},
	    {16, "00000000", "InvalidFile: *header is * 0x2000 bytes, expected 0x4000 *"},
	    {16, "f1010000", "InvalidFile: *header is * 0x1f3000 bytes, expected 0x4000 *"},
	    {20, "01", "InvalidData: *V2.reserved was not valid"},
	    {4095, "80", "InvalidData: *V2.reserved was not valid"},

	    /* times the size of a page, these overflow 32 bits; the second one to the right size */
	    {16, "01001000", "InvalidFile: *header is * 0x100003000 bytes, expected 0x4000 *"},
	    {16, "02001000", "InvalidFile: *header is * 0x100004000 bytes, expected 0x4000 *"},

	    /* gdt_idt_offset and fault_wrapper_offset: not both, not a page, not in the module */
	    {5088, "0010000000000000", "InvalidFile: gdt_idt_offset is 0x1000 *wrapper* 0x0,*"},
	    {5088, "0000000001000000", "InvalidFile: gdt_idt_offset is 0x0 *wrapper* 0x1,*"},
	    {5088, "0100000001000000", "InvalidFile: gdt_idt_offset is 0x1 *"},
	    {5088, "0020000001000000", "InvalidFile: gdt_idt_offset is 0x2000 *"},
	    {5088, "00100000011e0000", "InvalidFile: gdt_idt_offset is 0x1000 *wrapper* 0x1e01,*"},
	    {5088, "00f0ffffffffffff", "InvalidFile: gdt_idt_offset is 0xfffff000 *"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items_v1); i++)
		fu_test_assert_image_refused(self, FU_TDX_BLOB_VERSION_V1, &items_v1[i]);
	for (guint i = 0; i < G_N_ELEMENTS(items_v2); i++)
		fu_test_assert_image_refused(self, FU_TDX_BLOB_VERSION_V2, &items_v2[i]);
}

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
	    {FU_TDX_BLOB_VERSION_V1, 12288, "InvalidFile: *0x4000 bytes, expected 0x3000 *"},
	    {FU_TDX_BLOB_VERSION_V1, 20480, "InvalidFile: *0x4000 bytes, expected 0x5000 *"},
	    {FU_TDX_BLOB_VERSION_V2, 0, "NotSupported: *size 0x0*"},
	    {FU_TDX_BLOB_VERSION_V2, 4096, "InvalidFile: image has 0x1000 bytes, expected *"},
	    {FU_TDX_BLOB_VERSION_V2, 8192, "InvalidFile: image has 0x2000 bytes, expected *"},
	    {FU_TDX_BLOB_VERSION_V2, 12288, "InvalidFile: *0x4000 bytes, expected 0x3000 *"},
	    {FU_TDX_BLOB_VERSION_V2, 16385, "InvalidFile: image has 0x4001 bytes, expected *"},
	    {FU_TDX_BLOB_VERSION_V2, 499 * 4096, "InvalidFile: *firmware is too large*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(GByteArray) buf = fu_test_image_new(self, items[i].blob_version, 2);
		fu_byte_array_set_size(buf, items[i].size, 0x0);
		fu_test_assert_refused(buf, items[i].pattern);
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
	fu_test_assert_refused(buf, pattern_sum);
	buf->data[3] ^= 0x80;

	/* two bytes of the module that leave the sum as it was */
	buf->data[8192 + 502] += 1;
	buf->data[8192 + 504] -= 1;
	fu_test_assert_refused(buf, pattern_hash);

	/* may be looked at */
	firmware = fu_test_parse_full(buf, FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM, &error);
	g_assert_no_error(error);
	g_assert_nonnull(firmware);
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
			firmware = fu_test_parse_full(buf, FU_FIRMWARE_PARSE_FLAG_NO_SEARCH, NULL);
			if (firmware != NULL)
				g_test_message("offset %u is not verified", j);
			g_assert_null(firmware);
			buf->data[j] ^= 1 << (j % 8);
		}
	}
}

static FuFirmware *
fu_test_build(void)
{
	gboolean ret;
	g_autofree gchar *filename =
	    g_test_build_filename(G_TEST_DIST, "tests", "tdx-blob.builder.xml", NULL);
	g_autofree gchar *xml = NULL;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GError) error = NULL;

	ret = g_file_get_contents(filename, &xml, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	firmware = fu_firmware_new_from_xml(xml, &error);
	g_assert_no_error(error);
	return g_steal_pointer(&firmware);
}

/* what a person sees with `fwupdtool firmware-parse` */
static void
fu_tdx_blob_firmware_export_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	g_autofree gchar *pattern = NULL;
	g_autofree gchar *seamhash = NULL;
	g_autofree gchar *xml = NULL;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GByteArray) buf = fu_test_image_new(self, FU_TDX_BLOB_VERSION_V2, 1);

	seamhash = g_compute_checksum_for_data(G_CHECKSUM_SHA384, buf->data + 8192, 4096);
	pattern = g_strdup_printf("*<date>0x20250219</date>*<seamsvn>0x10b</seamsvn>*"
				  "<cpus>0x806f8,0xc06f0</cpus>*<mrseam>%s</mrseam>*"
				  "<signer>%s</signer>*",
				  seamhash,
				  self->signer);
	firmware = fu_test_parse(buf);
	xml = fu_firmware_export_to_xml(firmware, FU_FIRMWARE_EXPORT_FLAG_INCLUDE_DEBUG, NULL);
	fu_test_assert_match(xml, pattern);
}

/* build and write, then parse, export, build and write: all the same bytes */
static void
fu_tdx_blob_firmware_xml_func(gconstpointer user_data)
{
	g_autofree gchar *xml = NULL;
	g_autoptr(FuFirmware) firmware1 = fu_test_build();
	g_autoptr(FuFirmware) firmware2 = NULL;
	g_autoptr(FuFirmware) firmware3 = NULL;
	g_autoptr(GByteArray) buf1 = fu_test_write(firmware1);
	g_autoptr(GByteArray) buf3 = NULL;
	g_autoptr(GError) error = NULL;

	firmware2 = fu_test_parse(buf1);
	xml = fu_firmware_export_to_xml(firmware1, FU_FIRMWARE_EXPORT_FLAG_NONE, &error);
	g_assert_no_error(error);
	firmware3 = fu_firmware_new_from_xml(xml, &error);
	g_assert_no_error(error);
	buf3 = fu_test_write(firmware3);
	fu_test_assert_equal(buf3, buf1);
}

/* as Linux writes it */
static gchar *
fu_test_cpuinfo(guint family, guint model, const gchar *bugs)
{
	return g_strdup_printf("processor\t: 0\n"
			       "vendor_id\t: GenuineIntel\n"
			       "cpu family\t: %u\n"
			       "model\t\t: %u\n"
			       "model name\t: INTEL(R) XEON(R) 1: 2\n"
			       "stepping\t: 8\n"
			       "microcode\t: 0x2b0001b0\n"
			       "bugs\t\t: %s\n"
			       "power management:\n\n",
			       family,
			       model,
			       bugs);
}

static void
fu_tdx_host_cpuinfo_func(gconstpointer user_data)
{
	const struct {
		guint family;
		guint model;
		const gchar *bugs;
		guint32 cpu;
		gboolean erratum;
	} items[] = {
	    {6, 143, "", 0x806F0, FALSE},
	    {6, 207, "spectre_v1 mds", 0xC06F0, FALSE},
	    {6, 175, "mds seamret_invd_vmcs_2", 0xA06F0, FALSE},
	    {6, 173, "mds seamret_invd_vmcs", 0xA06D0, TRUE},
	    {19, 1, "", 0x400F10, FALSE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxHost host = {0};
		g_autofree gchar *str =
		    fu_test_cpuinfo(items[i].family, items[i].model, items[i].bugs);
		g_autofree gchar *str2 = g_strconcat(str, str, NULL);

		g_assert_true(fu_tdx_host_parse_cpuinfo(&host, str2, NULL));
		g_assert_cmphex(host.cpu, ==, items[i].cpu);
		g_assert_cmpint(host.erratum, ==, items[i].erratum);
	}
}

static void
fu_tdx_host_cpuinfo_invalid_func(gconstpointer user_data)
{
	const gchar *items[][2] = {
	    {"", "InvalidData: no cpu family, model and stepping"},
	    {"vendor_id\t: GenuineIntel\n", "InvalidData: no cpu family*"},
	    {"cpu family\t: six\n", "InvalidData: 'six' is not a number*"},
	    {"model\t: 256\n", "InvalidData: '256' is not a number up to 255"},
	    {"model\t: -1\n", "InvalidData: '-1' is not a number*"},
	    {"cpu family: 600\n", "InvalidData: '600' is not a number up to 270"},
	    {"cpu family: 6\nmodel: 143\nstepping: 8\ncpu family: 6\nstepping: 8\n",
	     "NotSupported: *0x806f0 and 0x600, expected the same *"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxHost host = {0};
		g_autoptr(GError) error = NULL;
		g_assert_false(fu_tdx_host_parse_cpuinfo(&host, items[i][0], &error));
		g_assert_cmphex(host.cpu, ==, 0);
		fu_test_assert_error(error, items[i][1]);
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
	    {"", 0, "NotSupported: this kernel has no line 'tdx'*"},
	    {"sev 7\ntdx2 1\nno tdx 1\n", 0, "NotSupported: this kernel has no line 'tdx'*"},
	    {"tdx \n", 0, "InvalidData: '' is not a number*"},
	    {"tdx max\n", 0, "InvalidData: 'max' is not a number*"},
	    {"tdx 4294967296\n", 0, "InvalidData: '4294967296' is not a number up to *"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxHost host = {0};
		gboolean ret;
		g_autoptr(GError) error = NULL;

		ret = fu_tdx_host_parse_misc(&host, items[i].str, &error);
		g_assert_cmpint(ret, ==, items[i].pattern == NULL);
		g_assert_cmpint(host.guests, ==, ret ? FU_TDX_GUESTS_COUNTED : 0);
		g_assert_cmpuint(host.tds, ==, items[i].tds);
		if (items[i].pattern != NULL)
			fu_test_assert_error(error, items[i].pattern);
	}
}

/* nothing is wrong with this machine */
static const FuTdxHost fu_test_host = {
    .attr_seamldr_version = "seamldr_version",
    .attr_remaining_updates = "num_remaining_updates",
    .upload_name = "tdx_module",
    .blob_version = FU_TDX_BLOB_VERSION_V2,
    .module_version = (gchar *)"1.5.06",
    .seamldr_version = (gchar *)"1.5.06",
    .remaining_updates = 10,
    .upload_status = FU_FW_UPLOAD_STATUS_IDLE,
    .cpu = 0x806F0,
    .cpus_online = (gchar *)"0-7",
    .cpus_present = (gchar *)"0-7",
};

/* one rule is broken, or none when the pattern is NULL */
static void
fu_test_assert_reason(GPtrArray *reasons, const gchar *pattern)
{
	g_assert_cmpint(reasons->len, ==, pattern != NULL ? 1 : 0);
	for (guint i = 0; i < reasons->len; i++) {
		FuTdxPreflightReason *reason = g_ptr_array_index(reasons, i);
		g_autofree gchar *str = NULL;

		str = g_strdup_printf("%s%s: %s",
				      fu_tdx_preflight_rule_to_string(reason->rule),
				      reason->lasting ? "!" : "",
				      reason->message);
		fu_test_assert_match(str, pattern);
	}
}

static void
fu_test_assert_host(const FuTdxHost *host, const gchar *pattern)
{
	g_autoptr(GPtrArray) reasons = fu_tdx_preflight_check_host(host, FALSE);
	fu_test_assert_reason(reasons, pattern);
}

/* worse and worse, and always the one reason that matters most; what lasts has an exclamation mark
 */
static void
fu_tdx_preflight_host_func(gconstpointer user_data)
{
	FuTdxHost host = fu_test_host;

	fu_test_assert_host(&host, NULL);
	host.remaining_updates = 0;
	fu_test_assert_host(&host, "remaining-updates!: *has 0 *needs 1; reset *");
	host.remaining_updates = FU_TDX_HOST_REMAINING_UPDATES_UNKNOWN;
	host.errors[FU_TDX_HOST_FACT_REMAINING_UPDATES] = (gchar *)"it was '-1'";
	fu_test_assert_host(&host, "remaining-updates!: *(it was '-1'); see *");
	host.upload_name = NULL;
	fu_test_assert_host(&host, "upload-missing!: *tdx_module in *; use Linux 7.2*");
	host.seamldr_version = NULL;
	fu_test_assert_host(&host, "seamldr-missing!: *(hidden)*Linux 7.2 *BIOS*");
	host.errors[FU_TDX_HOST_FACT_SEAMLDR] = (gchar *)"it was ''";
	fu_test_assert_host(&host, "seamldr-missing!: *(it was '')*");
	host.erratum = TRUE;
	fu_test_assert_host(&host, "cpu-erratum!: *INVD_VMCS*; install *microcode*");
	host = fu_test_host;
	host.module_version = (gchar *)"2.1.04";
	fu_test_assert_host(&host, "module-unknown!: The SVN *2.1.04 is not known*; install *");
	host.module_version = NULL;
	host.errors[FU_TDX_HOST_FACT_MODULE] = (gchar *)"it was 'x'";
	fu_test_assert_host(&host, "module-unknown!: *(it was 'x'); see *");
	host.module_lost = TRUE;
	fu_test_assert_host(&host, "module-lost!: *is lost*full reset*");
}

/* these are only asked before the write */
static void
fu_tdx_preflight_passing_func(gconstpointer user_data)
{
	FuTdxHost host = fu_test_host;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) reasons = NULL;

	for (guint i = FU_FW_UPLOAD_STATUS_LOADING; i <= FU_FW_UPLOAD_STATUS_PROGRAMMING; i++) {
		g_autofree gchar *pattern = g_strdup_printf(
		    "upload-busy: *is '%s' (another *)*needs 'idle'; wait *write -1 *",
		    fu_fw_upload_status_to_string(i));
		host.upload_status = i;
		fu_test_assert_host(&host, pattern);
	}
	host.upload_status = FU_FW_UPLOAD_STATUS_UNKNOWN;
	host.errors[FU_TDX_HOST_FACT_UPLOAD] = (gchar *)"it was 'x'";
	fu_test_assert_host(&host, "upload-busy: *(it was 'x')*needs 'idle'*");
	host = fu_test_host;
	host.errors[FU_TDX_HOST_FACT_UPLOAD_ACCESS] = (gchar *)"/x: read-only";
	fu_test_assert_host(&host, "upload-denied: *to /x: read-only*ReadWritePaths=*");
	host = fu_test_host;
	host.cpu = 0;
	host.errors[FU_TDX_HOST_FACT_CPU] = (gchar *)"it was 'x'";
	fu_test_assert_host(&host, "cpu-unknown!: *(it was 'x')*");
	host = fu_test_host;
	host.cpus_online = (gchar *)"0-3,7";
	fu_test_assert_host(&host, "cpu-offline: CPUs 0-3,7 *all of 0-7*; write 1 to online*");
	host.cpus_online = NULL;
	host.errors[FU_TDX_HOST_FACT_CPUS_ONLINE] = (gchar *)"no file";
	fu_test_assert_host(&host, "cpu-offline: CPUs unknown *all of 0-7*: no file");

	/* all of them in one error */
	host.cpu = 0;
	reasons = fu_tdx_preflight_check_host(&host, FALSE);
	g_assert_false(fu_tdx_preflight_to_error(reasons, &error));
	fu_test_assert_error(error, "NotSupported: The CPU in *. CPUs unknown are online*");
}

/* only if the administrator wants that */
static void
fu_tdx_preflight_guests_func(gconstpointer user_data)
{
	const struct {
		FuTdxGuests guests;
		guint64 tds;
		const gchar *pattern;
	} items[] = {
	    {FU_TDX_GUESTS_UNKNOWN, 0, "guests-running: *not known*needs 0: no line"},
	    {FU_TDX_GUESTS_COUNTED, 3, "guests-running: *running: 3, *needs 0; stop *"},
	    {FU_TDX_GUESTS_COUNTED, 0, NULL},
	    {FU_TDX_GUESTS_IMPOSSIBLE, 0, NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxHost host = fu_test_host;
		g_autoptr(GPtrArray) reasons = NULL;

		host.guests = items[i].guests;
		host.tds = items[i].tds;
		host.errors[FU_TDX_HOST_FACT_GUESTS] = (gchar *)"no line";
		fu_test_assert_host(&host, NULL);
		reasons = fu_tdx_preflight_check_host(&host, TRUE);
		fu_test_assert_reason(reasons, items[i].pattern);
	}
}

static void
fu_tdx_preflight_image_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		gsize offset; /* in the sigstruct */
		const gchar *hex;
		guint32 cpu;
		const gchar *seamldr;
		const gchar *pattern;
	} items[] = {
	    {0, "06", 0x806F0, "1.5.06", NULL},
	    {0, "06", 0xC06F0, "2.0.00", NULL},
	    {12, "00000080", 0x806F0, "1.5.06", "image-debug: *; use a production *"},
	    {0, "06", 0xA06D0, "1.5.06", "image-cpu: *0xc06f0, *0xa06d0; use the *"},
	    {0, "06", 0, "1.5.06", NULL}, /* the rules for the host say that */
	    {986, "0100", 0x806F0, "1.5.06", "image-handoff: * 1 to 4, *have 0; update *"},
	    {1000, "08000002", 0x806F0, "1.5.06", "image-seamldr: *06*2.0.08 *; up*"},
	    {1000, "08000002", 0x806F0, "2.0.00", NULL},
	    {1000, "08000002", 0x806F0, NULL, NULL}, /* the rules for the host say that */
	};
	g_autoptr(FuStructTdxSigstruct) st_foreign = fu_test_sigstruct_parse(self, 0, "06");
	g_autoptr(GPtrArray) reasons_foreign = NULL;
	g_autoptr(GPtrArray) signers = g_ptr_array_new();

	g_ptr_array_add(signers, (gpointer) "c0ffee");
	reasons_foreign = fu_tdx_preflight_check_image(NULL, st_foreign, signers);
	fu_test_assert_reason(reasons_foreign, "image-signer: *takes only c0ffee; use *");
	g_ptr_array_add(signers, self->signer);
	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxHost host = fu_test_host;
		g_autoptr(FuStructTdxSigstruct) st =
		    fu_test_sigstruct_parse(self, items[i].offset, items[i].hex);
		g_autoptr(GPtrArray) reasons = NULL;

		host.cpu = items[i].cpu;
		host.seamldr_version = (gchar *)items[i].seamldr;
		reasons = fu_tdx_preflight_check_image(&host, st, signers);
		fu_test_assert_reason(reasons, items[i].pattern);
	}
}

static void
fu_tdx_preflight_version_func(gconstpointer user_data)
{
	const FuTest *self = (const FuTest *)user_data;
	const struct {
		guint16 svn;	      /* of the image */
		gboolean v2;	      /* the image says that it is 2.0.08 */
		const gchar *version; /* of the release */
		const gchar *running;
		const gchar *pattern;
	} items[] = {
	    {0x010b, FALSE, "1.5.16", "1.5.06", NULL},
	    {0x010b, FALSE, "1.5.16", "1.5.9", NULL},
	    {0x0106, FALSE, "1.5.06", "1.5.05", NULL},
	    {0x010b, FALSE, "1.5.16", NULL, NULL}, /* the rules for the host say that */
	    {0x0305, TRUE, "2.0.08", "2.0.04", NULL},
	    {0x0305, TRUE, "2.0.8", "2.0.04", NULL},
	    {0x010b, FALSE, "1.5.16", "1.5.16", "version-older: *16, *16 is running*newer *"},
	    {0x0110, FALSE, "1.5.06", "1.5.16", "version-older: *06, *16 is running*newer *"},
	    {0x0110, FALSE, "1.6.06", "1.5.05", "version-older: *06, *05 *series 1.5, *"},
	    {0x0105, FALSE, "1.5.16", "1.5.06", "svn-older: *0x0105, *at least 0x0106; *"},
	    {0x0205, FALSE, "1.5.16", "1.5.06", "svn-older: *0x0205, *at least 0x0106; *"},
	    {0x010a, FALSE, "1.5.18", "1.5.17", "svn-older: *0x010a, *at least 0x010b; *"},
	    {0x0006, FALSE, "1.5.16", "1.5.00", "svn-older: *0x0006, *at least 0x0100; *"},
	    {0x0305, TRUE, "2.0.09", "2.0.04", "image-version: *'2.0.09', expected 2.0.08; use *"},
	    {0x010b, FALSE, "1.5", "1.5.06", "image-version: *'1.5', expected three *; use *"},
	    {0x010b, FALSE, NULL, "1.5.06", "image-version: *'', expected three *; use *"},
	};

	g_assert_cmphex(fu_tdx_preflight_version_to_svn("1.5.07"), ==, 0x0106);
	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuTdxHost host = fu_test_host;
		guint16 svn = items[i].svn;
		g_autofree gchar *hex = g_strdup_printf("%02x%02x", svn & 0xffu, svn >> 8u);
		g_autoptr(FuStructTdxSigstruct) st = NULL;
		g_autoptr(GByteArray) buf = fu_test_sigstruct_new(self, 948, hex);
		g_autoptr(GPtrArray) reasons = NULL;

		fu_test_poke(buf, 1000, items[i].v2 ? "08000002" : "00000000");
		fu_test_sign(self, buf, 0);
		st = fu_test_sigstruct_parse_full(buf, NULL);
		g_assert_nonnull(st);
		host.module_version = (gchar *)items[i].running;
		reasons = fu_tdx_preflight_check_version(&host, st, items[i].version);
		fu_test_assert_reason(reasons, items[i].pattern);
	}
}

/* what the kernel says, and what is running then: it was 1.5.06 with 10 updates left */
static void
fu_tdx_outcome_func(gconstpointer user_data)
{
	const struct {
		const gchar *answer;  /* or pending */
		const gchar *version; /* (nullable): lost */
		guint64 remaining_updates;
		const gchar *pattern; /* (nullable): that it is 1.5.16 */
	} items[] = {
	    {"none", "1.5.16", 9, NULL},
	    {"none", "1.5.6", 10, "Write: nothing was changed*1.5.6 *(no error reported)"},
	    {"none", "1.5.06", 9, "Write: *1.5.06 *expected 1.5.16*"},
	    {"none", "1.5.13", 9, "Write: *1.5.13 *expected 1.5.16*"},
	    {"none", "1.5.16", 10, "Write: *is 10, expected 9*"},
	    {"none", "1.5.16", 8, "Write: *is 8, expected 9*"},
	    {"none", NULL, 9, "Write: *is lost*full reset*"},
	    {"hw-error", "1.5.16", 9, NULL},
	    {"firmware-invalid", NULL, 10, "Write: *is lost*(why)"},
	    {"firmware-invalid", "1.5.06", 10, "InvalidFile: nothing *; see the log *(why)"},
	    {"device-busy", "1.5.06", 10, "NeedsUserAction: nothing *; try again when no TD *"},
	    {"unknown", "1.5.06", 10, "NeedsUserAction: nothing was changed*; mend that, *(why)"},
	    {"pending", "1.5.06", 10, "Write: it is not known if *1.5.06 is running for now*"},
	    {"pending", "1.5.16", 9, NULL},
	    {"pending", NULL, 10, "Write: *is lost*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		FuFwUploadResult result = {0};
		FuTdxHost after = fu_test_host;
		gboolean ret;
		g_autoptr(GError) error = NULL;
		g_autoptr(GError) why = g_error_new_literal(FWUPD_ERROR, FWUPD_ERROR_WRITE, "why");

		result.pending = g_str_equal(items[i].answer, "pending");
		result.answer = fu_fw_upload_error_from_string(items[i].answer);
		if (result.answer != FU_FW_UPLOAD_ERROR_NONE)
			result.error = why;
		after.module_version = (gchar *)items[i].version;
		after.module_lost = items[i].version == NULL;
		after.remaining_updates = items[i].remaining_updates;
		ret = fu_tdx_outcome_check(&fu_test_host, &result, &after, "1.5.16", &error);
		g_assert_cmpint(ret, ==, items[i].pattern == NULL);
		if (items[i].pattern != NULL)
			fu_test_assert_error(error, items[i].pattern);
	}
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

static FuTestEmulation *
fu_test_emulation_new(const gchar *basename)
{
	FuDevice *donor;
	gboolean ret;
	FuTestEmulation *self = g_new0(FuTestEmulation, 1);
	g_autofree gchar *dirname = g_test_build_filename(G_TEST_DIST, "tests", NULL);
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GError) error = NULL;

	self->ctx = fu_context_new();
	fu_context_add_flag(self->ctx, FU_CONTEXT_FLAG_NO_CACHE);
	fu_context_set_path(self->ctx, FU_PATH_KIND_DATADIR_QUIRKS, SRCDIR);
	fu_context_set_path(self->ctx, FU_PATH_KIND_LOCALSTATEDIR_QUIRKS, dirname);
	fu_context_set_path(self->ctx, FU_PATH_KIND_PROCFS, "/proc");
	fu_context_set_path(self->ctx, FU_PATH_KIND_SYSFSDIR, "/sys");
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
fu_test_emulation_get_device(FuTestEmulation *self)
{
	GPtrArray *devices = fu_plugin_get_devices(self->plugin);
	g_assert_cmpint(devices->len, ==, 1);
	return g_ptr_array_index(devices, 0);
}

static void
fu_tdx_module_plugin_enumerate_func(gconstpointer user_data)
{
	const struct {
		const gchar *basename;
		const gchar *version;
		const gchar *version_bootloader; /* (nullable) */
		const gchar *instance_id;
		const gchar *pattern; /* (nullable): why it cannot be updated */
	} items[] = {
	    {"tdx-module-setup.json", "2.0.04", "2.0.00", "TDX\\SERIES_2.0&FMS_A06D0", NULL},
	    {"tdx-module-erratum-setup.json",
	     "1.5.06",
	     NULL,
	     "TDX\\SERIES_1.5&FMS_806F0",
	     "*erratum SEAMRET_INVD_VMCS*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		g_autoptr(FuTestEmulation) self = fu_test_emulation_new(items[i].basename);
		FuDevice *device = fu_test_emulation_get_device(self);

		g_assert_cmpstr(fu_device_get_version(device), ==, items[i].version);
		g_assert_cmpstr(fu_device_get_version_bootloader(device),
				==,
				items[i].version_bootloader);
		g_assert_true(fu_device_has_guid(device, items[i].instance_id));
		g_assert_cmpint(fu_device_get_guids(device)->len, ==, 1);
		g_assert_cmpint(fu_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE),
				==,
				items[i].pattern == NULL);
		if (items[i].pattern != NULL)
			fu_test_assert_match(fu_device_get_update_error(device), items[i].pattern);
	}
}

static void
fu_test_remove_event(GPtrArray *events, const gchar *id)
{
	g_autofree gchar *id_hash = fu_device_event_build_id(id);

	for (guint i = events->len; i > 0; i--) {
		FuDeviceEvent *event = g_ptr_array_index(events, i - 1);
		if (g_strcmp0(fu_device_event_get_id(event), id_hash) == 0)
			g_ptr_array_remove_index(events, i - 1);
	}
}

/* of the image that was recorded, signed with a key that nobody has */
static FuFirmware *
fu_test_emulation_prepare(FuTestEmulation *self)
{
	FuDevice *device = fu_test_emulation_get_device(self);
	g_autoptr(FuFirmware) builder = fu_test_build();
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(FuInputStream) stream = NULL;
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GBytes) blob = fu_firmware_write(builder, NULL);
	g_autoptr(GError) error = NULL;

	stream = fu_memory_input_stream_new_from_bytes(blob);
	firmware = fu_device_prepare_firmware(device,
					      stream,
					      progress,
					      FU_FIRMWARE_PARSE_FLAG_NONE,
					      &error);
	g_assert_no_error(error);
	fu_firmware_set_version(firmware, "2.0.08");
	return g_steal_pointer(&firmware);
}

/* a recording that does not fit is no success */
static void
fu_tdx_module_plugin_update_func(gconstpointer user_data)
{
	const struct {
		const gchar *id; /* (nullable): what is missing */
		const gchar *pattern;
	} items[] = {
	    {NULL, NULL},
	    {"GetContents:Filename=/sys/devices/system/cpu/online",
	     "NeedsUserAction: CPUs unknown are online*"},
	    {"WriteAttr:Attr=firmware/tdx_module/loading,Data=1",
	     "NotFound: no event with ID WriteAttr:Attr=firmware/tdx_module/loading*"},
	    {"WriteAttr:Attr=firmware/tdx_module/loading,Data=0",
	     "NotFound: no event with ID WriteAttr:Attr=firmware/tdx_module/loading*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(items); i++) {
		gboolean ret;
		g_autoptr(FuTestEmulation) self = fu_test_emulation_new("tdx-module-setup.json");
		FuDevice *device = fu_test_emulation_get_device(self);
		FuDevice *donor = fu_test_emulation_load(self, "tdx-module-install.json");
		g_autoptr(FuFirmware) firmware = fu_test_emulation_prepare(self);
		g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
		g_autoptr(GError) error = NULL;

		if (items[i].id != NULL)
			fu_test_remove_event(fu_device_get_events(donor), items[i].id);
		fu_device_incorporate(device, donor, FU_DEVICE_INCORPORATE_FLAG_ALL);
		ret = fu_plugin_runner_write_firmware(self->plugin,
						      device,
						      firmware,
						      progress,
						      FWUPD_INSTALL_FLAG_NONE,
						      &error);
		g_assert_cmpint(ret, ==, items[i].pattern == NULL);
		if (items[i].pattern != NULL)
			fu_test_assert_error(error, items[i].pattern);
	}
}

static void
fu_test_init(FuTest *self)
{
	gint rc;
	gnutls_datum_t modulus = {0};
	g_autoptr(GByteArray) buf = NULL;

	rc = gnutls_privkey_init(&self->key);
	g_assert_cmpint(rc, ==, GNUTLS_E_SUCCESS);
	rc = gnutls_privkey_generate(self->key, GNUTLS_PK_RSA, 3072, 0);
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
	    {"/tdx-module/sigstruct/parse", fu_tdx_sigstruct_parse_func},
	    {"/tdx-module/sigstruct/fields", fu_tdx_sigstruct_fields_func},
	    {"/tdx-module/sigstruct/cpus", fu_tdx_sigstruct_cpus_func},
	    {"/tdx-module/sigstruct/version", fu_tdx_sigstruct_version_func},
	    {"/tdx-module/sigstruct/signature", fu_tdx_sigstruct_signature_func},
	    {"/tdx-module/blob/convert", fu_tdx_blob_firmware_convert_func},
	    {"/tdx-module/blob/header", fu_tdx_blob_firmware_header_func},
	    {"/tdx-module/blob/size", fu_tdx_blob_firmware_size_func},
	    {"/tdx-module/blob/checksum", fu_tdx_blob_firmware_checksum_func},
	    {"/tdx-module/blob/flip", fu_tdx_blob_firmware_flip_func},
	    {"/tdx-module/blob/export", fu_tdx_blob_firmware_export_func},
	    {"/tdx-module/blob/xml", fu_tdx_blob_firmware_xml_func},
	    {"/tdx-module/host/cpuinfo", fu_tdx_host_cpuinfo_func},
	    {"/tdx-module/host/cpuinfo-invalid", fu_tdx_host_cpuinfo_invalid_func},
	    {"/tdx-module/host/misc", fu_tdx_host_misc_func},
	    {"/tdx-module/preflight/host", fu_tdx_preflight_host_func},
	    {"/tdx-module/preflight/passing", fu_tdx_preflight_passing_func},
	    {"/tdx-module/preflight/guests", fu_tdx_preflight_guests_func},
	    {"/tdx-module/preflight/image", fu_tdx_preflight_image_func},
	    {"/tdx-module/preflight/version", fu_tdx_preflight_version_func},
	    {"/tdx-module/outcome", fu_tdx_outcome_func},
	    {"/tdx-module/plugin/enumerate", fu_tdx_module_plugin_enumerate_func},
	    {"/tdx-module/plugin/update", fu_tdx_module_plugin_update_func},
	};
	FuTest self = {0};

	(void)g_setenv("G_TEST_SRCDIR", SRCDIR, FALSE);
	g_test_init(&argc, &argv, NULL);
	g_type_ensure(FU_TYPE_TDX_BLOB_FIRMWARE);
	fu_test_init(&self);
	for (guint i = 0; i < G_N_ELEMENTS(items); i++)
		g_test_add_data_func(items[i].path, &self, items[i].func);
	rc = g_test_run();
	gnutls_privkey_deinit(self.key);
	g_free(self.modulus);
	g_free(self.signer);
	return rc;
}
