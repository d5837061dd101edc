/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * This boot: which one it is, what it has brought, and if the kernel was asked for an update.
 */

#include <glob.h>

#include "reapply.h"

#define REAPPLY_BOOT_ID	    "/proc/sys/kernel/random/boot_id"
#define REAPPLY_BOOT_LOADER "/proc/sys/kernel/bootloader_type"

/* in the upper digits of the type, see Documentation/arch/x86/boot.rst of Linux */
#define REAPPLY_BOOT_LOADER_KEXEC 0xD

static gchar *
reapply_boot_read(const gchar *filename, GError **error)
{
	g_autofree gchar *text = NULL;
	g_autoptr(GError) error_local = NULL;

	if (!g_file_get_contents(filename, &text, NULL, &error_local)) {
		reapply_fail(error,
			     FWUPD_ERROR_INTERNAL,
			     "it is not known which boot this is: %s",
			     error_local->message);
		return NULL;
	}
	return g_strdup(g_strstrip(text));
}

/**
 * reapply_boot_get_id:
 * Gets what tells this boot from others; a kernel started by kexec has one of its own.
 *
 * Returns: (transfer full): an ID, or %NULL
 **/
gchar *
reapply_boot_get_id(GError **error)
{
	return reapply_boot_read(REAPPLY_BOOT_ID, error);
}

static gboolean
reapply_boot_check_loader(GError **error)
{
	guint64 type = 0;
	g_autofree gchar *text = reapply_boot_read(REAPPLY_BOOT_LOADER, error);

	if (text == NULL)
		return FALSE;
	if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &type, NULL))
		return reapply_fail(error,
				    FWUPD_ERROR_INVALID_DATA,
				    REAPPLY_BOOT_LOADER " is '%s', needed is a number",
				    text);
	if (type >> 4 == REAPPLY_BOOT_LOADER_KEXEC)
		return reapply_fail(
		    error,
		    FWUPD_ERROR_NOTHING_TO_DO,
		    "this kernel was started with kexec, which is no reset: the TDX "
		    "module is what it was before, or TDX is off until a full "
		    "reset");
	return TRUE;
}

/* the module for the BIOS, and that for Intel's loader, which lies beside it */
static gchar *
reapply_boot_find_module(void)
{
	const gchar *env = g_getenv("FWUPD_UEFI_ESP_PATH");
	const gchar *const folders[] = {"/boot/efi", "/efi", "/boot"};
	const gchar *const patterns[] = {"EFI/TDX/TDX-SEAM.so", "EFI/*/TDX-BLOB"};

	for (guint i = 0; i < G_N_ELEMENTS(folders) * G_N_ELEMENTS(patterns); i++) {
		const gchar *folder = env != NULL ? env : folders[i / G_N_ELEMENTS(patterns)];
		g_autofree gchar *pattern =
		    g_build_filename(folder, patterns[i % G_N_ELEMENTS(patterns)], NULL);
		g_autofree gchar *found = NULL;
		glob_t paths = {0};

		if (glob(pattern, 0, NULL, &paths) == 0)
			found = g_strdup(paths.gl_pathv[0]);
		globfree(&paths);
		if (found != NULL)
			return g_steal_pointer(&found);
	}
	return NULL;
}

/**
 * reapply_boot_check:
 * Finds out if this boot is one after which a release is applied: a full reset that has brought
 * the TDX module of the BIOS.
 *
 * Returns: %FALSE if not; %FWUPD_ERROR_NOTHING_TO_DO if that is as it should be
 **/
gboolean
reapply_boot_check(GError **error)
{
	g_autofree gchar *module = NULL;

	if (!reapply_boot_check_loader(error))
		return FALSE;
	module = reapply_boot_find_module();
	if (module != NULL)
		return reapply_fail(
		    error,
		    FWUPD_ERROR_NOTHING_TO_DO,
		    "the boot itself brings a TDX module, %s; for the stored one to be "
		    "applied, move that away",
		    module);
	return TRUE;
}

/**
 * reapply_boot_has_upload:
 * Finds out if the kernel may have been asked for an update that has failed: it keeps the last
 * failure until the next upload.
 *
 * Returns: %FALSE if it certainly was not
 **/
gboolean
reapply_boot_has_upload(void)
{
	const gchar *env = g_getenv("FWUPD_SYSFSDIR");
	gboolean ret;
	glob_t paths = {0};
	g_autofree gchar *pattern = g_build_filename(env != NULL ? env : "/sys",
						     "devices/faux/tdx_host/firmware/*/error",
						     NULL);

	ret = glob(pattern, 0, NULL, &paths) != 0;
	for (gsize i = 0; i < paths.gl_pathc; i++) {
		g_autofree gchar *text = NULL;
		if (!g_file_get_contents(paths.gl_pathv[i], &text, NULL, NULL) ||
		    g_strstrip(text)[0] != '\0')
			ret = TRUE;
	}
	globfree(&paths);
	return ret;
}
