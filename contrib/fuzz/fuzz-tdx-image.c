/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Reaches what is behind the sizes, hashes and signatures. The input is an image without the zeros
 * between its parts: what to repair, header, sigstruct and module.
 */

#include "config.h"

#include <gnutls/crypto.h>

#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-preflight.h"
#include "tdx-signer.h"

#define FUZZ_REPAIR_SIZE     (1 << 0)
#define FUZZ_REPAIR_SEAMHASH (1 << 1)
#define FUZZ_REPAIR_SIGN     (1 << 2)
#define FUZZ_REPAIR_CHECKSUM (1 << 3)
#define FUZZ_REPAIR_ALL	     0x0F

#define FUZZ_HEADER_SIZE    24
#define FUZZ_SIGSTRUCT_SIZE FU_STRUCT_TDX_SIGSTRUCT_OFFSET_PADDING
#define FUZZ_OFFSET_MODULE  (2 * FU_TDX_PAGE_SIZE)

static gnutls_privkey_t fuzz_key = NULL;
static GByteArray *fuzz_modulus = NULL;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	g_autoptr(GError) error = NULL;

	tdx_signer_load_key(TEST_SIGNER, &fuzz_key, &error);
	g_assert_no_error(error);
	fuzz_modulus = tdx_signer_get_modulus(fuzz_key, &error);
	g_assert_no_error(error);
	g_type_ensure(FU_TYPE_TDX_BLOB_FIRMWARE);
	return 0;
}

static void
fuzz_repair_size(GByteArray *image)
{
	if (fu_memread_uint16(image->data, G_LITTLE_ENDIAN) == FU_TDX_BLOB_VERSION_V1) {
		fu_memwrite_uint32(image->data + 4, FUZZ_OFFSET_MODULE, G_LITTLE_ENDIAN);
		fu_memwrite_uint32(image->data + 16, image->len, G_LITTLE_ENDIAN);
		return;
	}
	fu_memwrite_uint32(image->data + 12, 1, G_LITTLE_ENDIAN);
	fu_memwrite_uint32(image->data + 16,
			   (image->len - FUZZ_OFFSET_MODULE) / FU_TDX_PAGE_SIZE,
			   G_LITTLE_ENDIAN);
}

static void
fuzz_repair_seamhash(GByteArray *image)
{
	guint8 *sigstruct = image->data + FU_TDX_PAGE_SIZE;

	/* these have to lie inside the module, too: gdt_idt_offset and fault_wrapper_offset */
	memset(sigstruct + FU_STRUCT_TDX_SIGSTRUCT_OFFSET_GDT_IDT_OFFSET, 0x0, 8);
	gnutls_hash_fast(GNUTLS_DIG_SHA384,
			 image->data + FUZZ_OFFSET_MODULE,
			 image->len - FUZZ_OFFSET_MODULE,
			 sigstruct + FU_STRUCT_TDX_SIGSTRUCT_OFFSET_SEAMHASH);
}

static void
fuzz_repair_sign(GByteArray *image)
{
	guint8 *sigstruct = image->data + FU_TDX_PAGE_SIZE;
	g_autoptr(GError) error = NULL;

	memcpy(sigstruct + FU_STRUCT_TDX_SIGSTRUCT_OFFSET_MODULUS,
	       fuzz_modulus->data,
	       fuzz_modulus->len);
	tdx_signer_sign(fuzz_key, sigstruct, &error);
	g_assert_no_error(error);
}

static void
fuzz_repair_checksum(GByteArray *image)
{
	guint16 sum;
	fu_memwrite_uint16(image->data + 2, 0x0, G_LITTLE_ENDIAN);
	sum = fu_sum16w(image->data, image->len, G_LITTLE_ENDIAN);
	fu_memwrite_uint16(image->data + 2, (guint16)(0 - sum), G_LITTLE_ENDIAN);
}

static GByteArray *
fuzz_make_image(const guint8 *data, gsize size)
{
	gsize modulesz = size - 1 - FUZZ_HEADER_SIZE - FUZZ_SIGSTRUCT_SIZE;
	g_autoptr(GByteArray) image = g_byte_array_new();

	g_byte_array_append(image, data + 1, FUZZ_HEADER_SIZE);
	fu_byte_array_set_size(image, FU_TDX_PAGE_SIZE, 0x0);
	g_byte_array_append(image, data + 1 + FUZZ_HEADER_SIZE, FUZZ_SIGSTRUCT_SIZE);
	fu_byte_array_set_size(image, FUZZ_OFFSET_MODULE, 0x0);
	g_byte_array_append(image, data + 1 + FUZZ_HEADER_SIZE + FUZZ_SIGSTRUCT_SIZE, modulesz);
	fu_byte_array_align_up(image, 12, 0x0);
	if (data[0] & FUZZ_REPAIR_SIZE)
		fuzz_repair_size(image);
	return g_steal_pointer(&image);
}

static void
fuzz_check_preflight(const FuStructTdxSigstruct *st)
{
	FuTdxHost host = {
	    .module_version = (gchar *)"1.5.06",
	    .seamldr_version = (gchar *)"1.5.06",
	    .cpu = 0x806F0,
	};
	g_autofree gchar *version = fu_tdx_sigstruct_get_version(st);
	g_autoptr(GPtrArray) reasons_image = NULL;
	g_autoptr(GPtrArray) reasons_version = NULL;
	g_autoptr(GPtrArray) signers = g_ptr_array_new();

	g_ptr_array_add(signers, (gpointer) "00");
	reasons_image = fu_tdx_preflight_check_image(&host, st, signers);
	g_assert_false(fu_tdx_preflight_to_error(reasons_image, NULL));
	reasons_version = fu_tdx_preflight_check_version(&host, st, version);
	g_assert_false(fu_tdx_preflight_to_error(reasons_version, NULL));
}

/* written back it is the same, also after it had the other header */
static void
fuzz_check_write(FuTdxBlobFirmware *firmware, GBytes *image)
{
	FuTdxBlobVersion blob_version = fu_tdx_blob_firmware_get_blob_version(firmware);
	g_autoptr(FuFirmware) firmware2 = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(GBytes) blob1 = NULL;
	g_autoptr(GBytes) blob2 = NULL;
	g_autoptr(GBytes) blob3 = NULL;
	g_autoptr(GError) error = NULL;

	blob1 = fu_firmware_write(FU_FIRMWARE(firmware), &error);
	g_assert_no_error(error);
	g_assert_true(g_bytes_equal(image, blob1));
	fu_tdx_blob_firmware_set_blob_version(firmware,
					      blob_version == FU_TDX_BLOB_VERSION_V1
						  ? FU_TDX_BLOB_VERSION_V2
						  : FU_TDX_BLOB_VERSION_V1);
	blob2 = fu_firmware_write(FU_FIRMWARE(firmware), &error);
	g_assert_no_error(error);
	g_assert_true(
	    fu_firmware_parse_bytes(firmware2, blob2, 0x0, FU_FIRMWARE_PARSE_FLAG_NO_SEARCH, NULL));
	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware2), blob_version);
	blob3 = fu_firmware_write(firmware2, &error);
	g_assert_no_error(error);
	g_assert_true(g_bytes_equal(image, blob3));
}

/* a new image each time, as a firmware can be parsed once only */
static FuTdxBlobFirmware *
fuzz_parse(GByteArray *image, FuFirmwareParseFlags flags)
{
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(GBytes) blob = g_bytes_new(image->data, image->len);
	g_autoptr(GError) error = NULL;

	flags |= FU_FIRMWARE_PARSE_FLAG_NO_SEARCH;
	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, flags, &error)) {
		g_assert_nonnull(error);
		return NULL;
	}
	g_assert_no_error(error);
	return FU_TDX_BLOB_FIRMWARE(g_steal_pointer(&firmware));
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autofree gchar *xml = NULL;
	g_autoptr(FuTdxBlobFirmware) firmware = NULL;
	g_autoptr(FuTdxBlobFirmware) firmware_strict = NULL;
	g_autoptr(GByteArray) image = NULL;

	if (size < 1 + FUZZ_HEADER_SIZE + FUZZ_SIGSTRUCT_SIZE)
		return 0;
	image = fuzz_make_image(data, size);
	firmware = fuzz_parse(image, FU_FIRMWARE_PARSE_FLAG_IGNORE_CHECKSUM);
	if (firmware == NULL) {
		firmware_strict = fuzz_parse(image, FU_FIRMWARE_PARSE_FLAG_NONE);
		g_assert_null(firmware_strict);
		return 0;
	}
	fuzz_check_preflight(fu_tdx_blob_firmware_get_sigstruct(firmware));
	xml = fu_firmware_export_to_xml(FU_FIRMWARE(firmware),
					FU_FIRMWARE_EXPORT_FLAG_INCLUDE_DEBUG,
					NULL);
	g_assert_nonnull(xml);

	/* slow, so only for images that are otherwise good */
	if (data[0] & FUZZ_REPAIR_SEAMHASH)
		fuzz_repair_seamhash(image);
	if (data[0] & FUZZ_REPAIR_SIGN)
		fuzz_repair_sign(image);
	if (data[0] & FUZZ_REPAIR_CHECKSUM)
		fuzz_repair_checksum(image);
	firmware_strict = fuzz_parse(image, FU_FIRMWARE_PARSE_FLAG_NONE);
	if (firmware_strict != NULL) {
		g_autoptr(GBytes) blob = g_bytes_new(image->data, image->len);
		fuzz_check_write(firmware_strict, blob);
	} else {
		g_assert_cmpint(data[0] & FUZZ_REPAIR_ALL, !=, FUZZ_REPAIR_ALL);
	}
	return 0;
}
