/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <glib/gstdio.h>

#include "cabinet-release.h"
#include "fu-tdx-common.h"
#include "fu-tdx-preflight.h"

void
cabinet_release_free(CabinetRelease *self)
{
	g_free(self->version);
	g_free(self->series);
	g_free(self->source);
	g_free(self->date);
	g_free(self->mrseam);
	g_clear_object(&self->sigstruct);
	if (self->payload != NULL)
		g_bytes_unref(self->payload);
	g_array_unref(self->signatures);
	g_ptr_array_unref(self->warnings);
	g_free(self);
}

static GBytes *
cabinet_release_read(const gchar *filename, GError **error)
{
	gchar *buf = NULL;
	gsize bufsz = 0;
	GStatBuf st = {0};

	if (g_stat(filename, &st) == 0 && (guint64)st.st_size > FU_TDX_BLOB_SIZE_MAX) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "it has %" G_GUINT64_FORMAT " bytes, expected at most %u",
			    (guint64)st.st_size,
			    (guint)FU_TDX_BLOB_SIZE_MAX);
		return NULL;
	}
	if (!g_file_get_contents(filename, &buf, &bufsz, error))
		return NULL;
	return g_bytes_new_take(buf, bufsz);
}

/* the rules that a host asks; without a host and a running module, only what holds everywhere */
static gboolean
cabinet_release_check_preflight(CabinetRelease *self, const CabinetQuirks *quirks, GError **error)
{
	FuTdxPreflightFacts facts = {.signers = quirks->signers};
	g_autoptr(GPtrArray) verdicts_image = NULL;
	g_autoptr(GPtrArray) verdicts_version = NULL;

	verdicts_image = fu_tdx_preflight_check_image(&facts, self->sigstruct);
	if (!fu_tdx_preflight_to_error(verdicts_image, error))
		return FALSE;
	verdicts_version =
	    fu_tdx_preflight_check_version(&facts, self->sigstruct, self->version, FALSE);
	return fu_tdx_preflight_to_error(verdicts_version, error);
}

/* the sigstruct has it as BCD */
static gboolean
cabinet_release_ensure_date(CabinetRelease *self, GError **error)
{
	guint64 number = 0;
	g_autofree gchar *str = NULL;

	str = g_strdup_printf("%08x", fu_tdx_sigstruct_firmware_get_date(self->sigstruct));
	if (!fu_strtoull(str, &number, 0, 99999999, FU_INTEGER_BASE_10, NULL) ||
	    !g_date_valid_dmy(number % 100, number / 100 % 100, number / 10000)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "the date in the sigstruct is %s, expected one such as 20250219",
			    str);
		return FALSE;
	}
	self->date = g_strdup_printf("%.4s-%.2s-%.2s", str, str + 4, str + 6);
	return TRUE;
}

/* several steppings of a CPU are one instance ID */
static gboolean
cabinet_release_ensure_signatures(CabinetRelease *self, GError **error)
{
	g_autofree gchar *cpus = fu_tdx_sigstruct_firmware_get_cpus(self->sigstruct);
	g_auto(GStrv) split = g_strsplit(cpus, ",", -1);

	for (guint i = 0; split[i] != NULL; i++) {
		guint64 value = 0;
		guint32 signature;
		gboolean found = FALSE;

		if (!fu_strtoull(split[i], &value, 1, G_MAXUINT32, FU_INTEGER_BASE_16, error))
			return FALSE;
		signature = value & FU_TDX_COMMON_CPU_SIGNATURE_MASK;
		for (guint j = 0; j < self->signatures->len; j++) {
			if (g_array_index(self->signatures, guint32, j) == signature)
				found = TRUE;
		}
		if (!found)
			g_array_append_val(self->signatures, signature);
	}
	if (self->signatures->len == 0) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_INVALID_FILE,
				    "the sigstruct lists no CPUs, so no host can be offered it");
		return FALSE;
	}
	return TRUE;
}

/* what a publisher should look at, although a host would take it */
static void
cabinet_release_check_known(CabinetRelease *self, const CabinetQuirks *quirks)
{
	const gchar *known = g_hash_table_lookup(quirks->versions, self->mrseam);
	g_autofree gchar *warning = cabinet_map_release_check(self->map);

	if (warning != NULL)
		g_ptr_array_add(self->warnings, g_steal_pointer(&warning));
	if (known != NULL &&
	    fu_version_compare(known, self->version, FWUPD_VERSION_FORMAT_TRIPLET) != 0) {
		g_ptr_array_add(self->warnings,
				g_strdup_printf("%s is published as TDX module %s, but has the "
						"MRSEAM of %s",
						self->source,
						self->version,
						known));
	}

	/* as the rule image-seamldr has it */
	if (fu_firmware_get_version(FU_FIRMWARE(self->sigstruct)) == NULL)
		return;
	for (guint i = 0; i < self->map->seamldrs->len; i++) {
		const gchar *seamldr = g_ptr_array_index(self->map->seamldrs, i);
		if (!g_str_has_prefix(seamldr, "1."))
			continue;
		g_ptr_array_add(self->warnings,
				g_strdup_printf("the map lets P-SEAMLDR %s load TDX module %s, but "
						"the image needs 2.0.00 or later, and hosts will "
						"refuse it",
						seamldr,
						self->version));
	}
}

static gboolean
cabinet_release_parse(CabinetRelease *self,
		      GBytes *blob,
		      const CabinetQuirks *quirks,
		      FuTdxBlobVersion blob_version,
		      GError **error)
{
	g_autoptr(FuFirmware) firmware = fu_tdx_blob_firmware_new();

	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, FU_FIRMWARE_PARSE_FLAG_NO_SEARCH, error))
		return FALSE;
	self->sigstruct = fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware), error);
	if (self->sigstruct == NULL)
		return FALSE;
	self->mrseam = fu_tdx_sigstruct_firmware_get_mrseam(self->sigstruct);
	if (!cabinet_release_check_preflight(self, quirks, error) ||
	    !cabinet_release_ensure_date(self, error) ||
	    !cabinet_release_ensure_signatures(self, error))
		return FALSE;
	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware), blob_version);
	self->payload = fu_firmware_write(firmware, error);
	return self->payload != NULL;
}

/**
 * cabinet_release_load:
 * @filename: an image in either header version
 * @map: the release that it is, which has to outlive what is returned
 * @quirks: the keys that hosts trust
 * @blob_version: header of the image that is to be published
 * @error: (nullable): optional return location for an error
 *
 * Reads and verifies an image as a host would.
 *
 * Returns: (transfer full): a #CabinetRelease, or %NULL if a host would refuse it
 **/
CabinetRelease *
cabinet_release_load(const gchar *filename,
		     const CabinetMapRelease *map,
		     const CabinetQuirks *quirks,
		     FuTdxBlobVersion blob_version,
		     GError **error)
{
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(CabinetRelease) self = g_new0(CabinetRelease, 1);

	self->map = map;
	self->version = g_strdup(map->version);
	self->source = g_strdup(filename);
	self->signatures = g_array_new(FALSE, FALSE, sizeof(guint32));
	self->warnings = g_ptr_array_new_with_free_func(g_free);
	self->series = fu_tdx_common_version_to_series(self->version, error);
	if (self->series == NULL)
		return NULL;
	blob = cabinet_release_read(filename, error);
	if (blob == NULL || !cabinet_release_parse(self, blob, quirks, blob_version, error)) {
		g_prefix_error(error, "%s is not published: ", filename);
		return NULL;
	}
	cabinet_release_check_known(self, quirks);
	return g_steal_pointer(&self);
}

/**
 * cabinet_release_get_svn_str:
 * @self: a #CabinetRelease
 *
 * Gets the security version, as attestation shows it and as people write it.
 *
 * Returns: (transfer full): e.g. `1.11 (0x010b)`
 **/
gchar *
cabinet_release_get_svn_str(const CabinetRelease *self)
{
	guint16 svn = fu_tdx_sigstruct_firmware_get_seamsvn(self->sigstruct);
	return g_strdup_printf("%u.%u (0x%04x)", (guint)svn >> 8, (guint)svn & 0xFF, svn);
}

/**
 * cabinet_release_compare:
 * @a: a pointer to a #CabinetRelease
 * @b: another one
 *
 * Sorts the newest first, for g_ptr_array_sort().
 *
 * Returns: as strcmp()
 **/
gint
cabinet_release_compare(gconstpointer a, gconstpointer b)
{
	const CabinetRelease *release_a = *(CabinetRelease *const *)a;
	const CabinetRelease *release_b = *(CabinetRelease *const *)b;
	return fu_version_compare(release_b->version,
				  release_a->version,
				  FWUPD_VERSION_FORMAT_TRIPLET);
}
