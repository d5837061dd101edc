/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The firmware of a TDX host for tests: says which TDX module a boot would run, and why.
 *
 * Two may load one, as on a real machine: first the BIOS, either the pair of files from the EFI
 * system partition or its own; then, before Linux, Intel's loader where it is installed. Like the
 * simulated P-SEAMLDR behind both it was written from the facts alone, and shares no code with
 * the plugin.
 */

#include <glib/gstdio.h>
#include <string.h>

#include "mock-bytes.h"
#include "mock-seamldr.h"
#include "mock-sigstruct.h"

#define BOOT_LOADER_HEADER_VERSION 0x100

/**
 * BootOptions:
 * @esp: the EFI system partition, a folder or an image of a FAT file system
 * @anti_rollback: SVN below which nothing is loaded, or a negative number
 *
 * What is given on the command line.
 **/
typedef struct {
	gchar *bios;
	gchar *seamldr;
	gchar **cpus;
	gchar **signers;
	gchar *esp;
	gint64 anti_rollback;
	gboolean ignores_files;
} BootOptions;

/**
 * BootResult:
 * @source: `pair`, `loader`, `bios` or `none`
 * @sigstruct: (nullable): of what runs, %NULL if it is not from a file
 * @version: (nullable): of what runs, %NULL if its sigstruct does not tell
 * @reason: why it is this one, in words
 *
 * What runs after the boot.
 **/
typedef struct {
	const gchar *source;
	GBytes *sigstruct;
	gchar *version;
	GString *reason;
} BootResult;

static void
boot_options_clear(BootOptions *self)
{
	g_free(self->bios);
	g_free(self->seamldr);
	g_strfreev(self->cpus);
	g_strfreev(self->signers);
	g_free(self->esp);
}

static void
boot_result_clear(BootResult *self)
{
	g_clear_pointer(&self->sigstruct, g_bytes_unref);
	g_free(self->version);
	g_string_free(self->reason, TRUE);
}

static void
boot_seamldr_clear(MockSeamldr *self)
{
	g_clear_pointer(&self->cpus, g_array_unref);
	g_clear_pointer(&self->signers, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BootOptions, boot_options_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BootResult, boot_result_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MockSeamldr, boot_seamldr_clear)

static void
boot_result_set(BootResult *self, const gchar *source, GBytes *sigstruct)
{
	self->source = source;
	g_clear_pointer(&self->sigstruct, g_bytes_unref);
	g_clear_pointer(&self->version, g_free);
	if (sigstruct != NULL) {
		self->sigstruct = g_bytes_ref(sigstruct);
		self->version = mock_sigstruct_get_version(sigstruct);
	}
}

static void G_GNUC_PRINTF(2, 3) boot_result_add_reason(BootResult *self, const gchar *format, ...)
{
	va_list args;

	if (self->reason->len > 0)
		g_string_append(self->reason, "; ");
	va_start(args, format);
	g_string_append_vprintf(self->reason, format, args);
	va_end(args);
}

/* FAT knows no case; (nullable) */
static gchar *
boot_find(const gchar *dirname, const gchar *name)
{
	const gchar *found;
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	while (dir != NULL && (found = g_dir_read_name(dir)) != NULL) {
		if (g_ascii_strcasecmp(found, name) == 0)
			return g_build_filename(dirname, found, NULL);
	}
	return NULL;
}

/* (nullable) */
static GBytes *
boot_read(const gchar *dirname, const gchar *name)
{
	gchar *contents = NULL;
	gsize length = 0;
	g_autofree gchar *filename = boot_find(dirname, name);

	if (filename == NULL || !g_file_get_contents(filename, &contents, &length, NULL))
		return NULL;
	return g_bytes_new_take(contents, length);
}

static void
boot_load_own(BootResult *self, const BootOptions *options, MockSeamldr *seamldr)
{
	if (options->bios == NULL) {
		boot_result_set(self, "none", NULL);
		boot_result_add_reason(self, "the BIOS has none");
		return;
	}
	boot_result_set(self, "bios", NULL);
	self->version = g_strdup(options->bios);
	seamldr->running_svn = mock_release_get_svn(options->bios);
	seamldr->knows_no_svn = FALSE;
}

/* a pair that is there is taken or the boot has no TDX; half of one is not there */
static void
boot_bios(BootResult *self, const BootOptions *options, MockSeamldr *seamldr, const gchar *efi)
{
	gboolean wiped;
	g_autofree gchar *dirname = boot_find(efi, "TDX");
	g_autofree gchar *refusal = NULL;
	g_autoptr(GBytes) module = NULL;
	g_autoptr(GBytes) sigstruct = NULL;

	if (!options->ignores_files && dirname != NULL) {
		module = boot_read(dirname, "TDX-SEAM.so");
		sigstruct = boot_read(dirname, "TDX-SEAM.so.sigstruct");
	}
	if (module == NULL || sigstruct == NULL) {
		boot_result_add_reason(self,
				       options->ignores_files ? "this BIOS ignores files"
							      : "no pair of files");
		boot_load_own(self, options, seamldr);
		return;
	}
	boot_result_set(self, "none", NULL);
	if (g_bytes_get_size(sigstruct) != SIGSTRUCT_SIZE) {
		boot_result_add_reason(self,
				       "sigstruct of %" G_GSIZE_FORMAT " bytes",
				       g_bytes_get_size(sigstruct));
		return;
	}
	refusal = mock_seamldr_load(seamldr, sigstruct, module, &wiped);
	if (refusal != NULL) {
		boot_result_add_reason(self, "pair: %s", refusal);
		return;
	}
	boot_result_set(self, "pair", sigstruct);
	boot_result_add_reason(self, "pair: loaded");
}

/* what Intel's loader looks at itself; what it makes of the file is in @sigstruct and @module */
static gchar *
boot_loader_check(GBytes *blob, GBytes **sigstruct, GBytes **module)
{
	gsize bufsz = 0;
	const guint8 *buf = g_bytes_get_data(blob, &bufsz);
	guint32 offset;

	if (bufsz < 2 * MOCK_PAGE_SIZE)
		return g_strdup_printf("only %" G_GSIZE_FORMAT " bytes", bufsz);
	if (mock_read_u16(buf) != BOOT_LOADER_HEADER_VERSION)
		return g_strdup_printf("header version 0x%x", mock_read_u16(buf));
	if (memcmp(buf + 8, "TDX-BLOB", 8) != 0)
		return g_strdup("signature is not TDX-BLOB");
	if (mock_read_u32(buf + 16) != bufsz)
		return g_strdup_printf("length %u of a file with %" G_GSIZE_FORMAT " bytes",
				       mock_read_u32(buf + 16),
				       bufsz);
	if (mock_sum_words(buf, bufsz) != 0)
		return g_strdup("checksum is wrong");
	offset = mock_read_u32(buf + 4);
	if (offset != 2 * MOCK_PAGE_SIZE)
		return g_strdup_printf("offset_of_module 0x%x, not one sigstruct page", offset);
	if ((bufsz - offset) / MOCK_PAGE_SIZE > MOCK_SEAMLDR_MODULE_PAGES_MAX)
		return g_strdup_printf("%" G_GSIZE_FORMAT " module pages",
				       (bufsz - offset) / MOCK_PAGE_SIZE);
	*sigstruct = g_bytes_new_from_bytes(blob, MOCK_PAGE_SIZE, SIGSTRUCT_SIZE);
	*module = g_bytes_new_from_bytes(blob, offset, bufsz - offset);
	return NULL;
}

/* what was loaded before stays, unless the P-SEAMLDR wiped it already */
static void
boot_loader(BootResult *self, MockSeamldr *seamldr, const gchar *dirname)
{
	gboolean wiped = FALSE;
	g_autofree gchar *refusal = NULL;
	g_autoptr(GBytes) blob = boot_read(dirname, "TDX-BLOB");
	g_autoptr(GBytes) module = NULL;
	g_autoptr(GBytes) sigstruct = NULL;

	if (blob == NULL) {
		boot_result_add_reason(self, "loader: no TDX-BLOB");
		return;
	}
	refusal = boot_loader_check(blob, &sigstruct, &module);
	if (refusal == NULL)
		refusal = mock_seamldr_load(seamldr, sigstruct, module, &wiped);
	if (refusal != NULL) {
		boot_result_add_reason(self, "loader: %s", refusal);
		if (wiped)
			boot_result_set(self, "none", NULL);
		return;
	}
	boot_result_set(self, "loader", sigstruct);
	boot_result_add_reason(self, "loader: loaded");
}

static void
boot_loaders(BootResult *self, MockSeamldr *seamldr, const gchar *efi)
{
	const gchar *name;
	g_autoptr(GDir) dir = g_dir_open(efi, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *dirname = g_build_filename(efi, name, NULL);
		g_autofree gchar *loader = boot_find(dirname, "TdxModuleLoader.efi");
		if (loader != NULL)
			boot_loader(self, seamldr, dirname);
	}
}

static void
boot_result_print(const BootResult *self)
{
	g_autofree gchar *mrseam = NULL;

	g_print("source=%s\n", self->source);
	g_print("version=%s\n", self->version != NULL ? self->version : "");
	if (self->sigstruct != NULL) {
		const guint8 *sig = g_bytes_get_data(self->sigstruct, NULL);
		mrseam = mock_sigstruct_get_seamhash(self->sigstruct);
		g_print("svn=0x%04x\n", mock_read_u16(sig + SIGSTRUCT_SEAMSVN));
	}
	g_print("mrseam=%s\n", mrseam != NULL ? mrseam : "");
	g_print("reason=%s\n", self->reason->str);
}

/* only mtools can read an image without mounting it */
static gboolean
boot_copy_image(const gchar *image, const gchar *dirname, GError **error)
{
	const gchar *argv[] = {"mcopy", "-s", "-n", "-i", image, "::EFI", dirname, NULL};
	gint status = 0;

	return g_spawn_sync(NULL,
			    (gchar **)argv,
			    NULL,
			    G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
			    NULL,
			    NULL,
			    NULL,
			    NULL,
			    &status,
			    error) &&
	       g_spawn_check_wait_status(status, error);
}

static void
boot_delete(const gchar *dirname)
{
	const gchar *name;
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree gchar *path = g_build_filename(dirname, name, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_DIR))
			boot_delete(path);
		else
			g_unlink(path);
	}
	g_rmdir(dirname);
}

static void
boot_run(const BootOptions *options, MockSeamldr *seamldr, const gchar *esp)
{
	g_autofree gchar *efi = boot_find(esp, "EFI");
	g_auto(BootResult) result = {.source = "none", .reason = g_string_new(NULL)};

	boot_bios(&result, options, seamldr, efi != NULL ? efi : esp);
	if (efi != NULL)
		boot_loaders(&result, seamldr, efi);
	boot_result_print(&result);
}

static gboolean
boot_run_image(const BootOptions *options, MockSeamldr *seamldr, GError **error)
{
	g_autofree gchar *dirname = g_dir_make_tmp("mock-boot-XXXXXX", error);
	gboolean ret;

	if (dirname == NULL)
		return FALSE;
	ret = boot_copy_image(options->esp, dirname, error);
	if (ret)
		boot_run(options, seamldr, dirname);
	boot_delete(dirname);
	return ret;
}

static gboolean
boot_set_error(GError **error, const gchar *what, const gchar *value)
{
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "invalid %s: %s", what, value);
	return FALSE;
}

static gboolean
boot_set_seamldr(const BootOptions *options, MockSeamldr *seamldr, GError **error)
{
	seamldr->version_major = g_ascii_strtoull(options->seamldr, NULL, 10);
	if (seamldr->version_major != 1 && seamldr->version_major != 2)
		return boot_set_error(error, "--seamldr", options->seamldr);
	for (guint i = 0; options->cpus[i] != NULL; i++) {
		guint64 value = 0;
		guint32 eax;
		if (!g_str_has_prefix(options->cpus[i], "0x") ||
		    !g_ascii_string_to_unsigned(options->cpus[i] + 2,
						16,
						1,
						G_MAXUINT32,
						&value,
						NULL))
			return boot_set_error(error, "--cpu", options->cpus[i]);
		eax = value;
		g_array_append_val(seamldr->cpus, eax);
	}
	for (guint i = 0; options->signers[i] != NULL; i++)
		g_ptr_array_add(seamldr->signers, g_ascii_strdown(options->signers[i], -1));
	if (options->anti_rollback > G_MAXUINT16)
		return boot_set_error(error, "--anti-rollback", "out of range");
	seamldr->knows_no_svn = options->anti_rollback < 0;
	if (!seamldr->knows_no_svn)
		seamldr->running_svn = options->anti_rollback;
	return TRUE;
}

#define OPTION(name, type, pointer, help, value)                                                   \
	{name, 0, 0, G_OPTION_ARG_##type, pointer, help, value}

static gboolean
boot_parse(BootOptions *options, gint *argc, gchar ***argv, GError **error)
{
	const GOptionEntry entries[] = {
	    OPTION("bios", STRING, &options->bios, "release that the BIOS has (none)", "VERSION"),
	    OPTION("ignores-files", NONE, &options->ignores_files, "the BIOS takes its own", NULL),
	    OPTION("seamldr", STRING, &options->seamldr, "P-SEAMLDR (1.5.06)", "VERSION"),
	    OPTION("cpu", STRING_ARRAY, &options->cpus, "of each socket (0x806F8)", "EAX"),
	    OPTION("signer", STRING_ARRAY, &options->signers, "key hash (Intel's)", "HEX"),
	    OPTION("anti-rollback", INT64, &options->anti_rollback, "lowest SVN (any)", "SVN"),
	    G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new("ESP");

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	if (*argc != 2)
		return boot_set_error(error, "ESP", "expected one folder or image");
	options->esp = g_strdup((*argv)[1]);
	if (options->seamldr == NULL)
		options->seamldr = g_strdup("1.5.06");
	if (options->cpus == NULL)
		options->cpus = g_strsplit("0x806F8", ",", -1);
	if (options->signers == NULL)
		options->signers = g_strsplit(MOCK_SEAMLDR_SIGNER_INTEL, ",", -1);
	return TRUE;
}

static gboolean
boot(const BootOptions *options, GError **error)
{
	g_auto(MockSeamldr) seamldr = {
	    .cpus = g_array_new(FALSE, FALSE, sizeof(guint32)),
	    .signers = g_ptr_array_new_with_free_func(g_free),
	};

	if (!boot_set_seamldr(options, &seamldr, error))
		return FALSE;
	if (!g_file_test(options->esp, G_FILE_TEST_EXISTS))
		return boot_set_error(error, "ESP", options->esp);
	if (!g_file_test(options->esp, G_FILE_TEST_IS_DIR))
		return boot_run_image(options, &seamldr, error);
	boot_run(options, &seamldr, options->esp);
	return TRUE;
}

int
main(int argc, char **argv)
{
	g_auto(BootOptions) options = {.anti_rollback = -1};
	g_autoptr(GError) error = NULL;

	if (!boot_parse(&options, &argc, &argv, &error) || !boot(&options, &error)) {
		g_printerr("mock-boot-firmware: %s\n", error->message);
		return 1;
	}
	return 0;
}
