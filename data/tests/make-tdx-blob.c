/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Makes signed images of TDX modules that do nothing, with chosen properties and faults.
 *
 * Like the mock host it was written from the facts alone and shares no code with the plugin.
 */

#include <gnutls/crypto.h>
#include <string.h>

#include "mock-bytes.h"
#include "mock-sigstruct.h"
#include "tdx-signer.h"

typedef struct {
	gchar *key;
	gchar *make_key;
	gchar *version;
	gchar *date;
	gchar **cpus;
	gchar **pokes_sigstruct;
	gchar **pokes_image;
	gint64 svn;
	gint64 module_hv;
	gint64 min_update_hv;
	gint64 gdt_idt_offset;
	gint64 fault_wrapper_offset;
	gint64 pages;
	gboolean v1;
	gboolean debug;
	gboolean embed_version;
	gboolean fix_checksum;
	gboolean print_signer;
} MakeOptions;

static void
make_options_clear(MakeOptions *self)
{
	g_free(self->key);
	g_free(self->make_key);
	g_free(self->version);
	g_free(self->date);
	g_strfreev(self->cpus);
	g_strfreev(self->pokes_sigstruct);
	g_strfreev(self->pokes_image);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MakeOptions, make_options_clear)

static gboolean
make_set_error(GError **error, const gchar *what, const gchar *value)
{
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "invalid %s: %s", what, value);
	return FALSE;
}

/* hexadecimal after 0x */
static gboolean
make_parse_uint(const gchar *str, const gchar *what, guint32 *value, GError **error)
{
	gboolean hex = g_str_has_prefix(str, "0x");
	guint64 tmp = 0;

	if (!g_ascii_string_to_unsigned(hex ? str + 2 : str,
					hex ? 16 : 10,
					0,
					G_MAXUINT32,
					&tmp,
					NULL))
		return make_set_error(error, what, str);
	*value = tmp;
	return TRUE;
}

static GByteArray *
make_zeros(guint size)
{
	GByteArray *buf = g_byte_array_sized_new(size);
	g_byte_array_set_size(buf, size);
	if (size > 0)
		memset(buf->data, 0, size);
	return buf;
}

/* each version gets its own pages, but always the same */
static GByteArray *
make_module(const MakeOptions *options)
{
	GByteArray *buf = make_zeros(options->pages * MOCK_PAGE_SIZE);
	g_autoptr(GRand) prng = g_rand_new_with_seed(g_str_hash(options->version));

	for (guint i = 0; i < buf->len; i += 4)
		mock_write_u32(buf->data + i, g_rand_int(prng));
	return buf;
}

/* OFFSET=HEX, as in `0x3dc=00ff` */
static gboolean
make_poke(GByteArray *buf, gchar **pokes, GError **error)
{
	for (guint i = 0; pokes != NULL && pokes[i] != NULL; i++) {
		guint32 offset = 0;
		gsize len;
		g_auto(GStrv) split = g_strsplit(pokes[i], "=", 2);

		if (!make_parse_uint(split[0], "offset", &offset, error))
			return FALSE;
		len = split[1] != NULL ? strlen(split[1]) : 1;
		if (len % 2 != 0 || len / 2 > buf->len || offset > buf->len - len / 2)
			return make_set_error(error, "poke", pokes[i]);
		for (guint j = 0; j < len; j += 2) {
			gint high = g_ascii_xdigit_value(split[1][j]);
			gint low = g_ascii_xdigit_value(split[1][j + 1]);
			if (high < 0 || low < 0)
				return make_set_error(error, "poke", pokes[i]);
			buf->data[offset + j / 2] = high << 4 | low;
		}
	}
	return TRUE;
}

/* the same in all sigstructs */
static void
make_write_constants(guint8 *sig)
{
	mock_write_u32(sig + SIGSTRUCT_HEADER_TYPE, 6);
	mock_write_u32(sig + SIGSTRUCT_HEADER_LENGTH, 0xE1);
	mock_write_u32(sig + SIGSTRUCT_HEADER_VERSION, 0x10000);
	mock_write_u32(sig + SIGSTRUCT_MODULE_VENDOR, 0x8086);
	mock_write_u32(sig + SIGSTRUCT_SIZE_DWORDS, SIGSTRUCT_SIZE / 4);
	mock_write_u32(sig + SIGSTRUCT_KEY_DWORDS, SIGSTRUCT_KEY_SIZE / 4);
	mock_write_u32(sig + SIGSTRUCT_MODULUS_DWORDS, SIGSTRUCT_KEY_SIZE / 4);
	mock_write_u32(sig + SIGSTRUCT_EXPONENT_DWORDS, 1);
	mock_write_u32(sig + SIGSTRUCT_EXPONENT, 0x10001);
	mock_write_u16(sig + SIGSTRUCT_NUM_HANDOFF_PAGES, 13);
}

static gboolean
make_write_cpus(guint8 *sig, gchar **cpus, GError **error)
{
	guint len = g_strv_length(cpus);

	if (len > SIGSTRUCT_CPUID_TABLE_MAX)
		return make_set_error(error, "number of CPUs", "more than 255");
	mock_write_u32(sig + SIGSTRUCT_CPUID_TABLE_SIZE, len);
	for (guint i = 0; i < len; i++) {
		guint32 eax = 0;
		if (!make_parse_uint(cpus[i], "CPU", &eax, error))
			return FALSE;
		mock_write_u32(sig + SIGSTRUCT_CPUID_TABLE + i * 4, eax);
	}
	return TRUE;
}

/* as modules of 2.0 and later have it */
static gboolean
make_write_version(guint8 *sig, const gchar *version, GError **error)
{
	g_auto(GStrv) split = g_strsplit(version, ".", -1);
	guint32 parts[3] = {0};

	if (g_strv_length(split) != G_N_ELEMENTS(parts))
		return make_set_error(error, "version", version);
	for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
		if (!make_parse_uint(split[i], "version", &parts[i], error))
			return FALSE;
	}
	mock_write_u16(sig + SIGSTRUCT_RESERVED3, parts[2]);
	sig[SIGSTRUCT_RESERVED3 + 2] = parts[1];
	sig[SIGSTRUCT_RESERVED3 + 3] = parts[0];
	return TRUE;
}

static gboolean
make_write_options(guint8 *sig, const MakeOptions *options, GError **error)
{
	guint64 date = 0;

	if (!g_ascii_string_to_unsigned(options->date, 16, 0, G_MAXUINT32, &date, NULL))
		return make_set_error(error, "date", options->date);
	mock_write_u32(sig + SIGSTRUCT_DATE, date);
	mock_write_u32(sig + SIGSTRUCT_MODULE_TYPE,
		       options->debug ? SIGSTRUCT_MODULE_TYPE_DEBUG : 0);
	mock_write_u16(sig + SIGSTRUCT_SEAMSVN, options->svn);
	mock_write_u16(sig + SIGSTRUCT_MODULE_HV, options->module_hv);
	mock_write_u16(sig + SIGSTRUCT_MIN_UPDATE_HV, options->min_update_hv);
	mock_write_u32(sig + SIGSTRUCT_GDT_IDT_OFFSET, options->gdt_idt_offset);
	mock_write_u32(sig + SIGSTRUCT_FAULT_WRAPPER_OFFSET, options->fault_wrapper_offset);
	return (!options->embed_version || make_write_version(sig, options->version, error)) &&
	       make_write_cpus(sig, options->cpus, error);
}

static GByteArray *
make_sigstruct(const MakeOptions *options, gnutls_privkey_t key, GByteArray *module, GError **error)
{
	g_autoptr(GByteArray) buf = make_zeros(SIGSTRUCT_SIZE);
	g_autoptr(GByteArray) modulus = tdx_signer_get_modulus(key, error);

	if (modulus == NULL)
		return NULL;
	make_write_constants(buf->data);
	memcpy(buf->data + SIGSTRUCT_MODULUS, modulus->data, modulus->len);
	gnutls_hash_fast(GNUTLS_DIG_SHA384,
			 module->data,
			 module->len,
			 buf->data + SIGSTRUCT_SEAMHASH);
	if (!make_write_options(buf->data, options, error) ||
	    !make_poke(buf, options->pokes_sigstruct, error) ||
	    !tdx_signer_sign(key, buf->data, error))
		return NULL;
	return g_steal_pointer(&buf);
}

static void
make_write_checksum(guint8 *buf, gsize bufsz)
{
	mock_write_u16(buf + 2, 0);
	mock_write_u16(buf + 2, -mock_sum_words(buf, bufsz));
}

/* one page of header, one of sigstruct */
static GByteArray *
make_blob(const MakeOptions *options, GByteArray *sigstruct, GByteArray *module)
{
	GByteArray *buf = make_zeros(2 * MOCK_PAGE_SIZE);

	memcpy(buf->data + MOCK_PAGE_SIZE, sigstruct->data, sigstruct->len);
	g_byte_array_append(buf, module->data, module->len);
	if (options->v1) {
		mock_write_u16(buf->data, 0x100);
		mock_write_u32(buf->data + 4, 2 * MOCK_PAGE_SIZE);
		memcpy(buf->data + 8, "TDX-BLOB", 8);
		mock_write_u32(buf->data + 16, buf->len);
	} else {
		mock_write_u16(buf->data, 0x200);
		memcpy(buf->data + 4, "TDX-BLOB", 8);
		mock_write_u32(buf->data + 12, 1);
		mock_write_u32(buf->data + 16, module->len / MOCK_PAGE_SIZE);
	}
	make_write_checksum(buf->data, buf->len);
	return buf;
}

static gboolean
make_image(const MakeOptions *options, gnutls_privkey_t key, const gchar *filename, GError **error)
{
	g_autoptr(GByteArray) buf = NULL;
	g_autoptr(GByteArray) module = make_module(options);
	g_autoptr(GByteArray) sigstruct = make_sigstruct(options, key, module, error);

	if (sigstruct == NULL)
		return FALSE;
	buf = make_blob(options, sigstruct, module);
	if (!make_poke(buf, options->pokes_image, error))
		return FALSE;
	if (options->fix_checksum)
		make_write_checksum(buf->data, buf->len);
	return g_file_set_contents(filename, (const gchar *)buf->data, buf->len, error);
}

static gboolean
make_print_signer(gnutls_privkey_t key, GError **error)
{
	g_autofree gchar *str = NULL;
	g_autoptr(GByteArray) modulus = tdx_signer_get_modulus(key, error);

	if (modulus == NULL)
		return FALSE;
	str = g_compute_checksum_for_data(G_CHECKSUM_SHA384, modulus->data, modulus->len);
	g_print("%s\n", str);
	return TRUE;
}

static gboolean
make_check(const MakeOptions *options, GError **error)
{
	const struct {
		const gchar *name;
		gint64 value;
		gint64 max;
	} numbers[] = {
	    {"--fault-wrapper-offset", options->fault_wrapper_offset, G_MAXUINT32},
	    {"--gdt-idt-offset", options->gdt_idt_offset, G_MAXUINT32},
	    {"--min-update-hv", options->min_update_hv, G_MAXUINT16},
	    {"--module-hv", options->module_hv, G_MAXUINT16},
	    {"--pages", options->pages, 16384},
	    {"--svn", options->svn, G_MAXUINT16},
	};
	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
		if (numbers[i].value < 0 || numbers[i].value > numbers[i].max)
			return make_set_error(error, numbers[i].name, "out of range");
	}
	return TRUE;
}

static gboolean
make_run(const MakeOptions *options, gchar **argv, GError **error)
{
	g_auto(gnutls_privkey_t) key = NULL;

	if (options->make_key != NULL)
		return tdx_signer_make_key(options->make_key, error);
	if (options->key == NULL)
		return make_set_error(error, "--key", "missing");
	if (!make_check(options, error) || !tdx_signer_load_key(options->key, &key, error))
		return FALSE;
	if (options->print_signer)
		return make_print_signer(key, error);
	if (argv[1] == NULL)
		return make_set_error(error, "IMAGE", "missing");
	return make_image(options, key, argv[1], error);
}

#define OPTION(name, type, pointer, help, value)                                                   \
	{name, 0, 0, G_OPTION_ARG_##type, pointer, help, value}

static gboolean
make_parse(MakeOptions *options, gint *argc, gchar ***argv, GError **error)
{
	const GOptionEntry entries[] = {
	    OPTION("key", FILENAME, &options->key, "RSA-3072 key, PEM", "FILE"),
	    OPTION("make-key",
		   FILENAME,
		   &options->make_key,
		   "make such a key, and no image",
		   "FILE"),
	    OPTION("print-signer",
		   NONE,
		   &options->print_signer,
		   "print the hash of that key",
		   NULL),
	    OPTION("version", STRING, &options->version, "module version", "1.5.16"),
	    OPTION("embed-version", NONE, &options->embed_version, "tell it, as since 2.0", NULL),
	    OPTION("svn", INT64, &options->svn, "seamsvn", "0x010b"),
	    OPTION("date", STRING, &options->date, "signing date", "YYYYMMDD"),
	    OPTION("cpu", STRING_ARRAY, &options->cpus, "CPUID.1.EAX", "0x806F8"),
	    OPTION("debug", NONE, &options->debug, "debug-signed", NULL),
	    OPTION("module-hv", INT64, &options->module_hv, "its handoff version", "0"),
	    OPTION("min-update-hv",
		   INT64,
		   &options->min_update_hv,
		   "the oldest that it takes",
		   "0"),
	    OPTION("gdt-idt-offset", INT64, &options->gdt_idt_offset, "of a page", "0"),
	    OPTION("fault-wrapper-offset",
		   INT64,
		   &options->fault_wrapper_offset,
		   "of 512 bytes",
		   "0"),
	    OPTION("pages", INT64, &options->pages, "pages of the module", "4"),
	    OPTION("header-v1", NONE, &options->v1, "header 0x100, not 0x200", NULL),
	    OPTION("poke-sigstruct",
		   STRING_ARRAY,
		   &options->pokes_sigstruct,
		   "overwrite bytes of the sigstruct, then sign it",
		   "OFFSET=HEX"),
	    OPTION("poke-image",
		   STRING_ARRAY,
		   &options->pokes_image,
		   "overwrite bytes of the image at the end",
		   "OFFSET=HEX"),
	    OPTION("fix-checksum", NONE, &options->fix_checksum, "then make the sum right", NULL),
	    G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new("IMAGE");

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	if (options->version == NULL)
		options->version = g_strdup("1.5.16");
	if (options->date == NULL)
		options->date = g_strdup("20250219");
	if (options->cpus == NULL)
		options->cpus = g_strsplit("0x806F8,0xC06F0,0xA06F0", ",", -1);
	return TRUE;
}

int
main(int argc, char **argv)
{
	g_auto(MakeOptions) options = {.pages = 4, .svn = 0x010b};
	g_autoptr(GError) error = NULL;

	if (!make_parse(&options, &argc, &argv, &error) || !make_run(&options, argv, &error)) {
		g_printerr("make-tdx-blob: %s\n", error->message);
		return 1;
	}
	return 0;
}
