/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <fcntl.h>

#include "cabinet-file.h"
#include "cabinet-release.h"
#include "fu-tdx-preflight.h"
#include "tdx-released.h"

void
cabinet_release_free(CabinetRelease *self)
{
	g_free(self->version);
	g_free(self->series);
	g_free(self->source);
	g_free(self->date);
	g_free(self->mrseam);
	g_clear_pointer(&self->sigstruct, fu_struct_tdx_sigstruct_unref);
	g_free(self->payload_sha256);
	g_free(self->module_sha256);
	g_array_unref(self->targets);
	g_ptr_array_unref(self->warnings);
	g_free(self->cabinet_fn);
	g_free(self->cabinet_sha256);
	g_free(self);
}

/* the rules that a host asks, as far as they are the same on all of them */
static gboolean
cabinet_release_check_preflight(CabinetRelease *self, GPtrArray *signers, GError **error)
{
	const FuTdxHost host = {0};
	g_autoptr(GPtrArray) reasons_image = NULL;
	g_autoptr(GPtrArray) reasons_version = NULL;

	reasons_image = fu_tdx_preflight_check_image(NULL, self->sigstruct, signers);
	if (!fu_tdx_preflight_to_error(reasons_image, error))
		return FALSE;
	reasons_version = fu_tdx_preflight_check_version(&host, self->sigstruct, self->version);
	if (!fu_tdx_preflight_to_error(reasons_version, error))
		return FALSE;
	return tdx_released_check(self->version, self->svn, self->mrseam, error);
}

/* the sigstruct has it as BCD */
static gboolean
cabinet_release_ensure_date(CabinetRelease *self, GError **error)
{
	guint64 number = 0;
	const FuStructTdxSigstruct *st = self->sigstruct;
	g_autofree gchar *str = g_strdup_printf("%08x", fu_struct_tdx_sigstruct_get_date(st));

	if (!fu_strtoull(str, &number, 0, 99999999, FU_INTEGER_BASE_10, NULL) ||
	    !g_date_valid_dmy(number % 100, number / 100 % 100, number / 10000))
		return cabinet_fail(
		    error,
		    "the date in the sigstruct is %s, expected one such as 20250219",
		    str);
	self->date = g_strdup_printf("%.4s-%.2s-%.2s", str, str + 4, str + 6);
	return TRUE;
}

/* several steppings of a CPU are one instance ID */
static void
cabinet_release_add_target(CabinetRelease *self, const CabinetTarget *target)
{
	for (guint i = 0; i < self->targets->len; i++) {
		const CabinetTarget *other = &g_array_index(self->targets, CabinetTarget, i);
		if (other->signature == target->signature && other->boot == target->boot)
			return;
	}
	g_array_append_val(self->targets, *target);
}

static void
cabinet_release_ensure_targets(CabinetRelease *self, gboolean boot)
{
	const FuStructTdxSigstruct *st = self->sigstruct;

	for (guint i = 0; i < fu_struct_tdx_sigstruct_get_cpuid_table_size(st); i++) {
		const CabinetTarget target = {
		    .signature = fu_struct_tdx_sigstruct_get_cpuid_table(st, i) & ~0xFu,
		    .boot = boot};
		cabinet_release_add_target(self, &target);
	}
}

/* how the boot device finds out which version a file on the EFI system partition is */
static gboolean
cabinet_release_ensure_module_sha256(CabinetRelease *self, FuFirmware *firmware, GError **error)
{
	g_autoptr(GBytes) module =
	    fu_tdx_blob_firmware_get_module(FU_TDX_BLOB_FIRMWARE(firmware), error);

	if (module == NULL)
		return FALSE;
	self->module_sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, module);
	return TRUE;
}

/* would a host with this P-SEAMLDR take the image? */
static void
cabinet_release_warn_seamldr(CabinetRelease *self, gchar *seamldr, GPtrArray *signers)
{
	const FuTdxHost host = {.seamldr_version = seamldr};
	g_autoptr(GPtrArray) reasons =
	    fu_tdx_preflight_check_image(&host, self->sigstruct, signers);

	for (guint i = 0; i < reasons->len; i++) {
		const FuTdxPreflightReason *reason = g_ptr_array_index(reasons, i);
		if (reason->rule != FU_TDX_PREFLIGHT_RULE_IMAGE_SEAMLDR)
			continue;
		g_ptr_array_add(self->warnings,
				g_strdup_printf("the map lets P-SEAMLDR %s load TDX module %s, but "
						"hosts will refuse it: %s",
						seamldr,
						self->version,
						reason->message));
	}
}

/* what a publisher should look at, although a host would take it */
static void
cabinet_release_add_warnings(CabinetRelease *self, GPtrArray *signers)
{
	const TdxReleased *known = tdx_released_find_by_version(self->version);
	g_autofree gchar *warning = cabinet_map_release_check(self->map);

	if (warning != NULL)
		g_ptr_array_add(self->warnings, g_steal_pointer(&warning));
	if (known != NULL && g_strcmp0(known->mrseam, self->mrseam) != 0) {
		g_ptr_array_add(self->warnings,
				g_strdup_printf("%s is published as TDX module %s, but is not the "
						"one that Intel has released",
						self->source,
						self->version));
	}
	for (guint i = 0; i < self->map->seamldrs->len; i++)
		cabinet_release_warn_seamldr(self,
					     g_ptr_array_index(self->map->seamldrs, i),
					     signers);
}

/* the licence of Intel's binaries allows redistribution only without modification */
static GBytes *
cabinet_release_build_payload(FuTdxBlobFirmware *firmware,
			      GBytes *blob,
			      const CabinetOptions *options,
			      GError **error)
{
	if (options->header_version == NULL ||
	    options->blob_version == fu_tdx_blob_firmware_get_blob_version(firmware))
		return g_bytes_ref(blob);
	fu_tdx_blob_firmware_set_blob_version(firmware, options->blob_version);
	return fu_firmware_write(FU_FIRMWARE(firmware), error);
}

static gboolean
cabinet_release_ensure_payload(CabinetRelease *self,
			       FuTdxBlobFirmware *firmware,
			       GBytes *blob,
			       const CabinetOptions *options,
			       GError **error)
{
	guint delivered = fu_tdx_blob_firmware_get_blob_version(firmware);
	g_autoptr(GBytes) payload = NULL;

	payload = cabinet_release_build_payload(firmware, blob, options, error);
	if (payload == NULL)
		return FALSE;
	self->payload_sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, payload);
	self->payload_size = g_bytes_get_size(payload);
	if (payload != blob)
		g_ptr_array_add(self->warnings,
				g_strdup_printf("%s has the header 0x%x and is published with "
						"0x%x, so not as it was delivered; check that its "
						"licence allows that",
						self->source,
						delivered,
						(guint)options->blob_version));
	return TRUE;
}

static gboolean
cabinet_release_parse(CabinetRelease *self,
		      GBytes *blob,
		      GPtrArray *signers,
		      const CabinetOptions *options,
		      GError **error)
{
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);

	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, FU_FIRMWARE_PARSE_FLAG_NO_SEARCH, error))
		return FALSE;
	self->sigstruct = fu_struct_tdx_sigstruct_ref(
	    fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware)));
	self->mrseam = fu_tdx_sigstruct_get_mrseam(self->sigstruct);
	self->svn = fu_struct_tdx_sigstruct_get_seamsvn(self->sigstruct);
	if (!cabinet_release_check_preflight(self, signers, error) ||
	    !cabinet_release_ensure_date(self, error) ||
	    !cabinet_release_ensure_module_sha256(self, firmware, error))
		return FALSE;
	if (!options->strict || self->map->strict_from->len > 0)
		cabinet_release_ensure_targets(self, FALSE);
	cabinet_release_ensure_targets(self, TRUE);
	return cabinet_release_ensure_payload(self,
					      FU_TDX_BLOB_FIRMWARE(firmware),
					      blob,
					      options,
					      error);
}

static gboolean
cabinet_release_is_payload(const CabinetRelease *self, GBytes *blob)
{
	g_autofree gchar *sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, blob);
	return g_strcmp0(sha256, self->payload_sha256) == 0;
}

/* what is published; read again, as hundreds of them would take too much memory */
GBytes *
cabinet_release_read_payload(const CabinetRelease *self,
			     const CabinetOptions *options,
			     GError **error)
{
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(GBytes) payload = NULL;

	blob = cabinet_file_read(AT_FDCWD, self->source, 0, FU_TDX_BLOB_SIZE_MAX, NULL, error);
	if (blob == NULL)
		return NULL;
	if (cabinet_release_is_payload(self, blob))
		return g_steal_pointer(&blob);
	if (!fu_firmware_parse_bytes(firmware, blob, 0x0, FU_FIRMWARE_PARSE_FLAG_NO_SEARCH, error))
		return NULL;
	payload =
	    cabinet_release_build_payload(FU_TDX_BLOB_FIRMWARE(firmware), blob, options, error);
	if (payload == NULL)
		return NULL;
	if (!cabinet_release_is_payload(self, payload)) {
		cabinet_fail(error,
			     "%s has changed since it was verified; run this again",
			     self->source);
		return NULL;
	}
	return g_steal_pointer(&payload);
}

/* reads and verifies an image as a host would; @map has to outlive what is returned */
CabinetRelease *
cabinet_release_load(const gchar *filename,
		     const CabinetMapRelease *map,
		     GPtrArray *signers,
		     const CabinetOptions *options,
		     GError **error)
{
	g_autoptr(GBytes) blob = NULL;
	g_autoptr(CabinetRelease) self = g_new0(CabinetRelease, 1);

	self->map = map;
	self->version = g_strdup(map->version);
	self->series = fu_tdx_preflight_version_to_series(map->version);
	self->source = g_strdup(filename);
	self->targets = g_array_new(FALSE, FALSE, sizeof(CabinetTarget));
	self->warnings = g_ptr_array_new_with_free_func(g_free);
	blob = cabinet_file_read(AT_FDCWD, filename, 0, FU_TDX_BLOB_SIZE_MAX, NULL, error);
	if (blob == NULL || !cabinet_release_parse(self, blob, signers, options, error)) {
		g_prefix_error(error, "%s is not published: ", filename);
		return NULL;
	}
	cabinet_release_add_warnings(self, signers);
	return g_steal_pointer(&self);
}

/* as attestation shows it and as people write it, e.g. `1.11 (0x010b)` */
gchar *
cabinet_release_get_svn_str(const CabinetRelease *self)
{
	return g_strdup_printf("%u.%u (0x%04x)",
			       (guint)self->svn >> 8,
			       (guint)self->svn & 0xFF,
			       self->svn);
}

/* the newest first, for g_ptr_array_sort() */
gint
cabinet_release_compare(gconstpointer a, gconstpointer b)
{
	const CabinetRelease *release_a = *(CabinetRelease *const *)a;
	const CabinetRelease *release_b = *(CabinetRelease *const *)b;
	return fu_version_compare(release_b->version,
				  release_a->version,
				  FWUPD_VERSION_FORMAT_TRIPLET);
}
