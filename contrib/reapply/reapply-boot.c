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

/* in the upper digits of the type, see Documentation/arch/x86/boot.rst of Linux */
#define REAPPLY_BOOT_LOADER_KEXEC 0xD

gchar *
reapply_boot_read(const gchar *name, GError **error)
{
	gchar *text = NULL;
	g_autofree gchar *filename = g_build_filename("/proc/sys/kernel", name, NULL);

	if (g_file_get_contents(filename, &text, NULL, error))
		return g_strstrip(text);
	g_prefix_error(error, "it is not known which boot this is: ");
	return NULL;
}

gboolean
reapply_boot_check_reset(GError **error)
{
	guint64 type = 0;
	g_autofree gchar *text = reapply_boot_read("bootloader_type", error);

	if (text == NULL)
		return FALSE;
	if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &type, NULL))
		return reapply_fail(error, "bootloader_type is '%s', needed is a number", text);
	if (type >> 4 != REAPPLY_BOOT_LOADER_KEXEC)
		return TRUE;
	g_set_error_literal(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOTHING_TO_DO,
			    "this kernel was started with kexec, which is no reset: the TDX module "
			    "is what it was before, or TDX is off until a full reset");
	return FALSE;
}

/* the module for the BIOS, and that for Intel's loader, which lies beside it */
static gchar *
reapply_boot_find_file(void)
{
	const gchar *env = g_getenv("FWUPD_UEFI_ESP_PATH");
	gchar *found = NULL;
	glob_t paths = {0};
	g_autofree gchar *pattern = g_strdup_printf("%s/EFI/{TDX/TDX-SEAM.so,*/TDX-BLOB}",
						    env != NULL ? env : "/{boot/efi,efi,boot}");

	if (glob(pattern, GLOB_BRACE, NULL, &paths) == 0)
		found = g_strdup(paths.gl_pathv[0]);
	globfree(&paths);
	return found;
}

gboolean
reapply_boot_check_module(ReapplyHost *host, GError **error)
{
	FwupdUpdateState state = FWUPD_UPDATE_STATE_UNKNOWN;
	const gchar *version = NULL;
	g_autofree gchar *file = reapply_boot_find_file();

	/* fwupd says 0.0.0 of what is not there, or what it thinks that no boot takes */
	if (host->boot_device != NULL) {
		state = fwupd_device_get_update_state(host->boot_device);
		version = fwupd_device_get_version(host->boot_device);
	}
	if (reapply_version_parse(version, NULL) == 0)
		version = NULL;
	if (version == NULL && file == NULL)
		return TRUE;

	/* some firmware ignores the files, which can only be seen afterwards; of what fwupd itself
	 * has written there this is a failure */
	if (version != NULL && host->running != NULL && state != FWUPD_UPDATE_STATE_NEEDS_REBOOT &&
	    (state == FWUPD_UPDATE_STATE_FAILED ||
	     !reapply_version_equal(host->running, version))) {
		host->ignored = "the boot has not taken the TDX module of the EFI system partition";
		return TRUE;
	}
	g_set_error(error,
		    FWUPD_ERROR,
		    FWUPD_ERROR_NOTHING_TO_DO,
		    "the boot itself brings a TDX module, %s of version %s; for the stored one to "
		    "be applied, move that away",
		    file != NULL ? file : "on the EFI system partition",
		    version != NULL ? version : "that fwupd does not know");
	return FALSE;
}

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
