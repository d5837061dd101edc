/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Makes signed images of TDX modules that do nothing, with chosen properties and faults. */

#include "config.h"

#include <gnutls/crypto.h>

#include "fu-tdx-blob-firmware.h"
#include "tdx-signer.h"

typedef struct {
	gchar *key;
	gchar *version;
	gchar *svn;
	gchar *date;
	gchar **cpus;
	gchar **pokes_sigstruct;
	gchar **pokes_image;
	gint pages;
	gboolean v1;
	gboolean debug;
	gboolean embed_version;
	gboolean print_signer;
} MakeOptions;

/* each version gets its own pages, but always the same */
static GByteArray *
make_module(const MakeOptions *options)
{
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GRand) prng = g_rand_new_with_seed(g_str_hash(options->version));
	gsize bufsz = (gsize)options->pages * FU_TDX_PAGE_SIZE;
	while (buf->len < bufsz)
		fu_byte_array_append_uint32(buf, g_rand_int(prng), G_LITTLE_ENDIAN);
	return g_steal_pointer(&buf);
}

static gchar *
make_sigstruct_xml(const MakeOptions *options, GByteArray *modulus, GByteArray *module)
{
	guint8 digest[FU_STRUCT_TDX_SIGSTRUCT_SIZE_SEAMHASH] = {0};
	g_autofree gchar *cpus = g_strjoinv(",", options->cpus);
	g_autofree gchar *modulus_str = fu_byte_array_to_string(modulus);
	g_autofree gchar *seamhash = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GString) str = g_string_new("<firmware>");

	gnutls_hash_fast(GNUTLS_DIG_SHA384, module->data, module->len, digest);
	blob = g_bytes_new(digest, sizeof(digest));
	seamhash = fu_bytes_to_string(blob);
	g_string_append_printf(str, "<date>%s</date>", options->date);
	g_string_append_printf(str, "<cpus>%s</cpus>", cpus);
	g_string_append_printf(str, "<debug>%s</debug>", options->debug ? "true" : "false");
	g_string_append_printf(str, "<seamsvn>%s</seamsvn>", options->svn);
	g_string_append_printf(str, "<modulus>%s</modulus>", modulus_str);
	g_string_append_printf(str, "<seamhash>%s</seamhash>", seamhash);
	g_string_append(str, "<num_handoff_pages>13</num_handoff_pages>");
	if (options->embed_version) {
		g_auto(GStrv) split = g_strsplit(options->version, ".", 3);
		g_string_append_printf(str, "<version_major>%s</version_major>", split[0]);
		g_string_append_printf(str, "<version_minor>%s</version_minor>", split[1]);
		g_string_append_printf(str,
				       "<version_update>%u</version_update>",
				       (guint)g_ascii_strtoull(split[2], NULL, 10));
	}
	g_string_append(str, "</firmware>");
	return g_string_free(g_steal_pointer(&str), FALSE);
}

/* OFFSET=HEX, both as in `0x3dc=00ff` */
static gboolean
make_poke(GByteArray *buf, gchar **pokes, GError **error)
{
	for (guint i = 0; pokes != NULL && pokes[i] != NULL; i++) {
		guint64 offset = 0;
		g_auto(GStrv) split = g_strsplit(pokes[i], "=", 2);
		g_autoptr(GByteArray) val = NULL;

		if (!fu_strtoull(split[0], &offset, 0, G_MAXUINT32, FU_INTEGER_BASE_AUTO, error))
			return FALSE;
		val = fu_byte_array_from_string(split[1] != NULL ? split[1] : "", error);
		if (val == NULL)
			return FALSE;
		if (!fu_memcpy_safe(buf->data,
				    buf->len,
				    offset,
				    val->data,
				    val->len,
				    0x0,
				    val->len,
				    error))
			return FALSE;
	}
	return TRUE;
}

static GByteArray *
make_sigstruct(const MakeOptions *options, gnutls_privkey_t key, GByteArray *module, GError **error)
{
	g_autofree gchar *xml = NULL;
	g_autoptr(FuFirmware) sigstruct = fu_tdx_sigstruct_firmware_new();
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GByteArray) modulus = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(XbNode) n = NULL;
	g_autoptr(XbSilo) silo = NULL;

	modulus = tdx_signer_get_modulus(key, error);
	if (modulus == NULL)
		return NULL;
	xml = make_sigstruct_xml(options, modulus, module);
	silo = xb_silo_new_from_xml(xml, error);
	if (silo == NULL)
		return NULL;
	n = xb_silo_query_first(silo, "firmware", error);
	if (n == NULL || !fu_firmware_build(sigstruct, n, error))
		return NULL;
	blob = fu_firmware_write(sigstruct, error);
	if (blob == NULL)
		return NULL;
	fu_byte_array_append_bytes(buf, blob);
	if (!make_poke(buf, options->pokes_sigstruct, error) ||
	    !tdx_signer_sign(key, buf->data, error))
		return NULL;
	return g_steal_pointer(&buf);
}

static gboolean
make_add_image(FuFirmware *firmware, const gchar *id, GByteArray *buf, GError **error)
{
	g_autoptr(FuFirmware) img = fu_firmware_new();
	g_autoptr(GBytes) blob = g_bytes_new(buf->data, buf->len);
	fu_firmware_set_id(img, id);
	fu_firmware_set_bytes(img, blob);
	return fu_firmware_add_image(firmware, img, error);
}

static gboolean
make_image(const MakeOptions *options, const gchar *filename, GError **error)
{
	g_auto(gnutls_privkey_t) key = NULL;
	g_autoptr(FuFirmware) firmware = fu_tdx_blob_firmware_new();
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GByteArray) module = make_module(options);
	g_autoptr(GByteArray) sigstruct = NULL;
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GBytes) blob_out = NULL;

	if (!tdx_signer_load_key(options->key, &key, error))
		return FALSE;
	sigstruct = make_sigstruct(options, key, module, error);
	if (sigstruct == NULL)
		return FALSE;
	if (options->v1)
		fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware),
						      FU_TDX_BLOB_VERSION_V1);
	if (!make_add_image(firmware, "sigstruct", sigstruct, error) ||
	    !make_add_image(firmware, "module", module, error))
		return FALSE;
	blob = fu_firmware_write(firmware, error);
	if (blob == NULL)
		return FALSE;
	fu_byte_array_append_bytes(buf, blob);
	if (!make_poke(buf, options->pokes_image, error))
		return FALSE;
	blob_out = g_bytes_new(buf->data, buf->len);
	return fu_bytes_set_contents(filename, blob_out, error);
}

static gboolean
make_print_signer(const MakeOptions *options, GError **error)
{
	guint8 digest[FU_STRUCT_TDX_SIGSTRUCT_SIZE_SEAMHASH] = {0};
	g_auto(gnutls_privkey_t) key = NULL;
	g_autofree gchar *str = NULL;
	g_autoptr(GByteArray) modulus = NULL;
	g_autoptr(GBytes) blob = NULL;

	if (!tdx_signer_load_key(options->key, &key, error))
		return FALSE;
	modulus = tdx_signer_get_modulus(key, error);
	if (modulus == NULL)
		return FALSE;
	gnutls_hash_fast(GNUTLS_DIG_SHA384, modulus->data, modulus->len, digest);
	blob = g_bytes_new(digest, sizeof(digest));
	str = fu_bytes_to_string(blob);
	g_print("%s\n", str);
	return TRUE;
}

static gboolean
make_run(const MakeOptions *options, gchar **argv, GError **error)
{
	if (options->key == NULL || options->pages < 0) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "--key is missing, or --pages negative");
		return FALSE;
	}
	if (options->print_signer)
		return make_print_signer(options, error);
	if (argv[1] == NULL) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_DATA,
				    "the name of the image to make is missing");
		return FALSE;
	}
	return make_image(options, argv[1], error);
}

int
main(int argc, char **argv)
{
	g_auto(GStrv) cpus = g_strsplit("0x806F8,0xC06F0,0xA06F0", ",", -1);
	MakeOptions options = {.cpus = cpus, .pages = 4};
	const GOptionEntry entries[] = {
	    {"key", 0, 0, G_OPTION_ARG_FILENAME, &options.key, "RSA-3072 key, PEM", "FILE"},
	    {"version", 0, 0, G_OPTION_ARG_STRING, &options.version, "module version", "1.5.16"},
	    {"embed-version",
	     0,
	     0,
	     G_OPTION_ARG_NONE,
	     &options.embed_version,
	     "put the version into the sigstruct, as modules of 2.0 and later do",
	     NULL},
	    {"svn", 0, 0, G_OPTION_ARG_STRING, &options.svn, "seamsvn", "0x010b"},
	    {"date", 0, 0, G_OPTION_ARG_STRING, &options.date, "signing date", "YYYYMMDD"},
	    {"cpu", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.cpus, "CPUID.1.EAX", "0x806F8"},
	    {"pages", 0, 0, G_OPTION_ARG_INT, &options.pages, "pages of the module", "4"},
	    {"header-v1", 0, 0, G_OPTION_ARG_NONE, &options.v1, "header 0x100, not 0x200", NULL},
	    {"debug", 0, 0, G_OPTION_ARG_NONE, &options.debug, "debug-signed", NULL},
	    {"poke-sigstruct",
	     0,
	     0,
	     G_OPTION_ARG_STRING_ARRAY,
	     &options.pokes_sigstruct,
	     "overwrite bytes of the sigstruct, then sign it",
	     "OFFSET=HEX"},
	    {"poke-image",
	     0,
	     0,
	     G_OPTION_ARG_STRING_ARRAY,
	     &options.pokes_image,
	     "overwrite bytes of the image at the end",
	     "OFFSET=HEX"},
	    {"print-signer",
	     0,
	     0,
	     G_OPTION_ARG_NONE,
	     &options.print_signer,
	     "print the SHA-384 of the modulus",
	     NULL},
	    {NULL}};
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new("IMAGE");

	options.version = g_strdup("1.5.16");
	options.svn = g_strdup("0x010b");
	options.date = g_strdup("20250219");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) ||
	    !make_run(&options, argv, &error)) {
		g_printerr("make-tdx-blob: %s\n", error->message);
		return 1;
	}
	return 0;
}
