/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "fu-tdx-blob-firmware.h"
#include "fu-tdx-boot-device.h"
#include "fu-tdx-outcome.h"
#include "fu-tdx-preflight.h"

/* what a file has of the image */
typedef struct {
	const gchar *name;
	gsize offset;
	gsize size; /* or 0 for the rest */
} FuTdxBootDeviceFile;

struct _FuTdxBootDevice {
	FuDevice parent_instance;
	FuVolume *esp;			  /* (nullable) */
	gchar *dirname;			  /* (nullable) */
	const FuTdxBootDeviceFile *files; /* the module last, as nothing is loaded without it */
};

G_DEFINE_TYPE(FuTdxBootDevice, fu_tdx_boot_device, FU_TYPE_DEVICE)

#define FU_TDX_BOOT_DEVICE_NEW ".fwupd-new"
#define FU_TDX_BOOT_DEVICE_OLD ".fwupd-old"

/* what the firmware knows, and what the loader of Intel takes later in the boot */
static const FuTdxBootDeviceFile fu_tdx_boot_device_pair[] = {
    {"TDX-SEAM.so.sigstruct", FU_TDX_PAGE_SIZE, FU_TDX_SIGSTRUCT_SIZE},
    {"TDX-SEAM.so", 2 * FU_TDX_PAGE_SIZE, 0x0},
    {NULL},
};
static const FuTdxBootDeviceFile fu_tdx_boot_device_loader[] = {
    {"TDX-BLOB", 0x0, 0x0},
    {NULL},
};

static gchar *
fu_tdx_boot_device_build_filename(FuTdxBootDevice *self, const gchar *name, const gchar *suffix)
{
	g_autofree gchar *basename = g_strconcat(name, suffix, NULL);
	return g_build_filename(self->dirname, basename, NULL);
}

static gboolean
fu_tdx_boot_device_has_file(FuTdxBootDevice *self, const gchar *name, const gchar *suffix)
{
	g_autofree gchar *filename = fu_tdx_boot_device_build_filename(self, name, suffix);
	return g_file_test(filename, G_FILE_TEST_EXISTS);
}

static gboolean
fu_tdx_boot_device_has_any(FuTdxBootDevice *self, const gchar *suffix)
{
	for (guint i = 0; self->files[i].name != NULL; i++) {
		if (fu_tdx_boot_device_has_file(self, self->files[i].name, suffix))
			return TRUE;
	}
	return FALSE;
}

/* some folder has the loader of Intel, or else it is that of the firmware */
static void
fu_tdx_boot_device_ensure_folder(FuTdxBootDevice *self)
{
	const gchar *name;
	g_autofree gchar *mount_point = fu_volume_get_mount_point(self->esp);
	g_autofree gchar *dirname = g_build_filename(mount_point, "EFI", NULL);
	g_autoptr(GDir) dir = g_dir_open(dirname, 0, NULL);

	self->files = fu_tdx_boot_device_loader;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_free(self->dirname);
		self->dirname = g_build_filename(dirname, name, NULL);
		if (fu_tdx_boot_device_has_file(self, "TdxModuleLoader.efi", NULL))
			return;
	}
	g_free(self->dirname);
	self->dirname = g_build_filename(dirname, "TDX", NULL);
	self->files = fu_tdx_boot_device_pair;
}

static FuVolumeLocker *
fu_tdx_boot_device_mount(FuTdxBootDevice *self, GError **error)
{
	g_autoptr(FuVolumeLocker) locker = fu_volume_locker_new(self->esp, error);

	if (locker != NULL)
		fu_tdx_boot_device_ensure_folder(self);
	return g_steal_pointer(&locker);
}

/* with the suffix if there is one, or else what the boot takes */
static GBytes *
fu_tdx_boot_device_read_file(FuTdxBootDevice *self, guint i, const gchar *suffix, GError **error)
{
	const FuTdxBootDeviceFile *file = &self->files[i];
	gboolean exists = fu_tdx_boot_device_has_file(self, file->name, suffix);
	g_autofree gchar *filename =
	    fu_tdx_boot_device_build_filename(self, file->name, exists ? suffix : NULL);
	g_autoptr(FuInputStream) stream = fu_input_stream_from_path(filename, error);
	g_autoptr(GBytes) blob = NULL;

	if (stream == NULL)
		return NULL;
	blob = fu_input_stream_read_bytes(stream, 0x0, FU_TDX_BLOB_SIZE_MAX + 1, NULL, error);
	if (blob == NULL) {
		g_prefix_error(error, "%s: ", file->name);
		return NULL;
	}
	if (file->size != 0 && g_bytes_get_size(blob) != file->size) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s has %zu bytes, expected %zu",
			    file->name,
			    g_bytes_get_size(blob),
			    file->size);
		return NULL;
	}
	return g_steal_pointer(&blob);
}

/* the image that the files come from */
static GBytes *
fu_tdx_boot_device_read_image(FuTdxBootDevice *self, const gchar *suffix, GError **error)
{
	g_autoptr(FuFirmware) firmware = g_object_new(FU_TYPE_TDX_BLOB_FIRMWARE, NULL);
	g_autoptr(GByteArray) buf = g_byte_array_new();
	g_autoptr(GBytes) blob = NULL;

	for (guint i = 0; self->files[i].name != NULL; i++) {
		g_autoptr(GBytes) blob_file = fu_tdx_boot_device_read_file(self, i, suffix, error);
		if (blob_file == NULL)
			return NULL;
		fu_byte_array_set_size(buf, self->files[i].offset, 0x00);
		fu_byte_array_append_bytes(buf, blob_file);
	}
	blob = g_bytes_new(buf->data, buf->len);
	if (self->files == fu_tdx_boot_device_loader)
		return g_steal_pointer(&blob);

	/* these have no header */
	fu_tdx_blob_firmware_set_blob_version(FU_TDX_BLOB_FIRMWARE(firmware),
					      FU_TDX_BLOB_VERSION_V1);
	fu_firmware_set_bytes(firmware, blob);
	return fu_firmware_write(firmware, error);
}

/* proved like an image that is to be written */
static FuFirmware *
fu_tdx_boot_device_read(FuTdxBootDevice *self, const gchar *suffix, GError **error)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GBytes) blob = fu_tdx_boot_device_read_image(self, suffix, error);

	if (blob != NULL)
		firmware = fu_tdx_blob_firmware_new_verified(blob, error);
	if (firmware == NULL) {
		g_prefix_error(error, "%s: ", self->dirname);
		return NULL;
	}
	if (fu_tdx_blob_firmware_get_blob_version(FU_TDX_BLOB_FIRMWARE(firmware)) !=
	    FU_TDX_BLOB_VERSION_V1) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "%s: the header has version 0x0200, expected 0x0100",
			    self->files[0].name);
		return NULL;
	}
	return g_steal_pointer(&firmware);
}

/* after the new files are on disk, and on disk itself before the next one */
static gboolean
fu_tdx_boot_device_rename(FuTdxBootDevice *self,
			  const gchar *name,
			  const gchar *suffix_from,
			  const gchar *suffix_to,
			  GError **error)
{
	gint fd;
	g_autofree gchar *from = fu_tdx_boot_device_build_filename(self, name, suffix_from);
	g_autofree gchar *to = fu_tdx_boot_device_build_filename(self, name, suffix_to);
	g_autoptr(FuIOChannel) io_channel =
	    fu_io_channel_new_file(self->dirname, FU_IO_CHANNEL_OPEN_FLAG_READ, error);

	if (io_channel == NULL)
		return FALSE;
	fd = fu_io_channel_unix_get_fd(io_channel);
	if (fsync(fd) != 0 || (g_rename(from, to) != 0 && errno != ENOENT) || fsync(fd) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_WRITE,
			    "failed to rename %s to %s and sync: %s",
			    from,
			    to,
			    fwupd_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

/* never with a new and an old file under the names that the boot takes */
static gboolean
fu_tdx_boot_device_take(FuTdxBootDevice *self, const gchar *suffix, GError **error)
{
	guint n_files = self->files == fu_tdx_boot_device_pair ? 2 : 1;

	for (guint i = n_files; i > 0; i--) {
		const gchar *name = self->files[i - 1].name;
		if (fu_tdx_boot_device_has_file(self, name, FU_TDX_BOOT_DEVICE_NEW) &&
		    !fu_tdx_boot_device_rename(self, name, NULL, FU_TDX_BOOT_DEVICE_OLD, error))
			return FALSE;
	}
	for (guint i = 0; i < n_files; i++) {
		if (!fu_tdx_boot_device_rename(self, self->files[i].name, suffix, NULL, error))
			return FALSE;
	}
	return TRUE;
}

static void
fu_tdx_boot_device_unlink(FuTdxBootDevice *self, const gchar *suffix)
{
	for (guint i = 0; self->files[i].name != NULL; i++) {
		g_autofree gchar *filename =
		    fu_tdx_boot_device_build_filename(self, self->files[i].name, suffix);
		if (g_unlink(filename) != 0 && errno != ENOENT)
			g_warning("failed to delete %s: %s", filename, fwupd_strerror(errno));
	}
}

/* after a write that was cut off, what is whole is taken */
static void
fu_tdx_boot_device_recover(FuTdxBootDevice *self)
{
	const gchar *suffixes[] = {"", FU_TDX_BOOT_DEVICE_NEW, FU_TDX_BOOT_DEVICE_OLD};

	if (!fu_tdx_boot_device_has_any(self, FU_TDX_BOOT_DEVICE_NEW))
		return;
	for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autoptr(FuFirmware) firmware = NULL;
		g_autoptr(GError) error_local = NULL;

		firmware = fu_tdx_boot_device_read(self, suffixes[i], &error_local);
		if (firmware != NULL &&
		    (suffixes[i][0] == '\0' ||
		     fu_tdx_boot_device_take(self, suffixes[i], &error_local))) {
			fu_tdx_boot_device_unlink(self, FU_TDX_BOOT_DEVICE_NEW);
			return;
		}
		g_warning("%s", error_local->message);
	}
}

/* what is there, if the boot would take it; metadata know it by the checksum of the module */
static FuStructTdxSigstruct *
fu_tdx_boot_device_read_accepted(FuTdxBootDevice *self, const FuTdxHost *host, GError **error)
{
	FuStructTdxSigstruct *st;
	g_autofree gchar *checksum = NULL;
	g_autoptr(FuFirmware) firmware = fu_tdx_boot_device_read(self, NULL, error);
	g_autoptr(GBytes) module = NULL;
	g_autoptr(GPtrArray) reasons = NULL;
	g_autoptr(GPtrArray) signers =
	    fu_tdx_preflight_get_signers(fu_device_get_context(FU_DEVICE(self)));

	g_ptr_array_set_size(fu_device_get_checksums(FU_DEVICE(self)), 0);
	if (firmware == NULL)
		return NULL;
	st = fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware));
	reasons = fu_tdx_preflight_check_boot(host, st, signers);
	if (!fu_tdx_preflight_to_error(reasons, error))
		return NULL;
	module = fu_tdx_blob_firmware_get_module(FU_TDX_BLOB_FIRMWARE(firmware), error);
	if (module == NULL)
		return NULL;
	checksum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, module);
	fu_device_add_checksum(FU_DEVICE(self), checksum);
	return fu_struct_tdx_sigstruct_ref(st);
}

/* nothing is older than everything; and the metadata know a version better than its SVN does */
static void
fu_tdx_boot_device_ensure_version(FuTdxBootDevice *self, const FuTdxHost *host)
{
	FuDevice *device = FU_DEVICE(self);
	g_autofree gchar *version = NULL;
	g_autoptr(FuStructTdxSigstruct) st = NULL;
	g_autoptr(GError) error_local = NULL;

	st = fu_tdx_boot_device_read_accepted(self, host, &error_local);
	if (st == NULL) {
		g_autofree gchar *summary =
		    g_strdup_printf("Nothing to load at the next boot: %s", error_local->message);
		fu_device_set_summary(device, summary);
		fu_device_set_version(device, "0.0.0");
		return;
	}
	version = fu_tdx_preflight_sigstruct_to_version(st);
	fu_device_set_summary(device, "Loaded from the EFI system partition at the next boot");
	fu_device_set_version(device, version);
}

static gboolean
fu_tdx_boot_device_probe(FuDevice *device, GError **error)
{
	FuTdxBootDevice *self = FU_TDX_BOOT_DEVICE(device);
	g_autofree gchar *partition_uuid = NULL;
	g_autoptr(FuVolumeLocker) locker = NULL;

	self->esp = fu_context_get_default_esp(fu_device_get_context(device), error);
	if (self->esp == NULL)
		return FALSE;
	locker = fu_tdx_boot_device_mount(self, error);
	if (locker == NULL)
		return FALSE;
	fu_device_add_instance_id_full(device, "TDX\\MODULE", FU_DEVICE_INSTANCE_FLAG_QUIRKS);
	if (self->files == fu_tdx_boot_device_pair && !fu_tdx_boot_device_has_any(self, NULL) &&
	    !fu_tdx_boot_device_has_any(self, FU_TDX_BOOT_DEVICE_NEW) &&
	    !fu_device_has_private_flag(device, FU_TDX_BOOT_DEVICE_FLAG_ASKED_FOR)) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_FOUND,
			    "nothing in %s, and BootModule=true is not in fwupd.conf",
			    self->dirname);
		return FALSE;
	}
	partition_uuid = fu_volume_get_partition_uuid(self->esp);
	fu_device_set_physical_id(device, partition_uuid != NULL ? partition_uuid : "ESP");
	fu_device_set_logical_id(device, "tdx-module");
	return TRUE;
}

static gboolean
fu_tdx_boot_device_reload(FuDevice *device, GError **error)
{
	FuTdxBootDevice *self = FU_TDX_BOOT_DEVICE(device);
	g_autofree gchar *instance_id = NULL;
	g_autoptr(FuTdxHost) host = fu_tdx_host_new_from_context(fu_device_get_context(device));
	g_autoptr(FuVolumeLocker) locker = fu_tdx_boot_device_mount(self, error);

	if (locker == NULL)
		return FALSE;
	if (host->cpu == 0) {
		g_set_error_literal(error,
				    FWUPD_ERROR,
				    FWUPD_ERROR_NOT_SUPPORTED,
				    host->errors[FU_TDX_HOST_FACT_CPU]);
		return FALSE;
	}
	instance_id = g_strdup_printf("TDX\\BOOT&FMS_%X", host->cpu);
	fu_device_add_instance_id(device, instance_id);
	fu_tdx_boot_device_recover(self);
	fu_tdx_boot_device_ensure_version(self, host);
	return TRUE;
}

static FuFirmware *
fu_tdx_boot_device_prepare_firmware(FuDevice *device,
				    FuInputStream *stream,
				    FuProgress *progress,
				    FuFirmwareParseFlags flags,
				    GError **error)
{
	return fu_tdx_blob_firmware_new_converted(stream, FU_TDX_BLOB_VERSION_V1, error);
}

static gboolean
fu_tdx_boot_device_check(FuTdxBootDevice *self, FuFirmware *firmware, GError **error)
{
	FuContext *ctx = fu_device_get_context(FU_DEVICE(self));
	const FuStructTdxSigstruct *st =
	    fu_tdx_blob_firmware_get_sigstruct(FU_TDX_BLOB_FIRMWARE(firmware));
	const gchar *version = fu_firmware_get_version(firmware);
	g_autoptr(FuStructTdxSigstruct) st_old = NULL;
	g_autoptr(FuTdxHost) host = fu_tdx_host_new_from_context(ctx);
	g_autoptr(GError) error_local = NULL;
	g_autoptr(GPtrArray) reasons = NULL;
	g_autoptr(GPtrArray) signers = fu_tdx_preflight_get_signers(ctx);

	st_old = fu_tdx_boot_device_read_accepted(self, host, &error_local);
	if (st_old == NULL)
		g_info("replacing what is there: %s", error_local->message);
	reasons = fu_tdx_preflight_check_boot_version(host, st, st_old, signers, version);
	return fu_tdx_preflight_to_error(reasons, error);
}

static gboolean
fu_tdx_boot_device_write_file(FuTdxBootDevice *self, guint i, GBytes *image, GError **error)
{
	const FuTdxBootDeviceFile *file = &self->files[i];
	gsize size = file->size != 0 ? file->size : g_bytes_get_size(image) - file->offset;
	g_autofree gchar *filename =
	    fu_tdx_boot_device_build_filename(self, file->name, FU_TDX_BOOT_DEVICE_NEW);
	g_autoptr(GBytes) blob = fu_bytes_new_offset(image, file->offset, size, error);
	g_autoptr(GBytes) blob_read = NULL;

	if (blob == NULL)
		return FALSE;
	if (!g_file_set_contents_full(filename,
				      g_bytes_get_data(blob, NULL),
				      size,
				      G_FILE_SET_CONTENTS_DURABLE,
				      0600,
				      error))
		return FALSE;
	blob_read = fu_tdx_boot_device_read_file(self, i, FU_TDX_BOOT_DEVICE_NEW, error);
	if (blob_read == NULL)
		return FALSE;
	return fu_bytes_compare(blob_read, blob, error);
}

/* the new files are whole before one of the old ones is touched */
static gboolean
fu_tdx_boot_device_write_new(FuTdxBootDevice *self, FuFirmware *firmware, GError **error)
{
	g_autoptr(GBytes) image = fu_firmware_get_bytes(firmware, error);

	if (image == NULL)
		return FALSE;
	if (!fu_volume_check_free_space(self->esp, g_bytes_get_size(image), error))
		return FALSE;
	if (!fu_path_mkdir(self->dirname, error))
		return FALSE;
	for (guint i = 0; self->files[i].name != NULL; i++) {
		if (!fu_tdx_boot_device_write_file(self, i, image, error))
			return FALSE;
	}
	fu_tdx_boot_device_unlink(self, FU_TDX_BOOT_DEVICE_OLD);
	return TRUE;
}

static gboolean
fu_tdx_boot_device_write_firmware(FuDevice *device,
				  FuFirmware *firmware,
				  FuProgress *progress,
				  FwupdInstallFlags flags,
				  GError **error)
{
	FuTdxBootDevice *self = FU_TDX_BOOT_DEVICE(device);
	g_autoptr(FuVolumeLocker) locker = fu_tdx_boot_device_mount(self, error);

	if (locker == NULL)
		return FALSE;
	if (!fu_tdx_boot_device_check(self, firmware, error))
		return FALSE;
	if (!fu_tdx_boot_device_write_new(self, firmware, error)) {
		fu_tdx_boot_device_unlink(self, FU_TDX_BOOT_DEVICE_NEW);
		fwupd_error_convert(error);
		g_prefix_error_literal(error, "nothing was changed on the EFI system partition: ");
		return FALSE;
	}
	if (!fu_tdx_boot_device_take(self, FU_TDX_BOOT_DEVICE_NEW, error)) {
		fu_tdx_boot_device_recover(self);
		return FALSE;
	}
	return TRUE;
}

static void
fu_tdx_boot_device_finalize(GObject *object)
{
	FuTdxBootDevice *self = FU_TDX_BOOT_DEVICE(object);
	g_clear_object(&self->esp);
	g_free(self->dirname);
	G_OBJECT_CLASS(fu_tdx_boot_device_parent_class)->finalize(object);
}

static void
fu_tdx_boot_device_init(FuTdxBootDevice *self)
{
	fu_device_set_name(FU_DEVICE(self), "TDX Module at Boot");
	fu_device_add_flag(FU_DEVICE(self), FWUPD_DEVICE_FLAG_NEEDS_REBOOT);
	fu_device_add_private_flag(FU_DEVICE(self), FU_DEVICE_PRIVATE_FLAG_MD_ONLY_CHECKSUM);
	fu_device_add_private_flag(FU_DEVICE(self), FU_DEVICE_PRIVATE_FLAG_MD_SET_VERSION);
}

static void
fu_tdx_boot_device_class_init(FuTdxBootDeviceClass *klass)
{
	GObjectClass *object_class = G_OBJECT_CLASS(klass);
	FuDeviceClass *device_class = FU_DEVICE_CLASS(klass);
	object_class->finalize = fu_tdx_boot_device_finalize;
	fu_device_register_private_flag(device_class, FU_TDX_BOOT_DEVICE_FLAG_ASKED_FOR);
	device_class->probe = fu_tdx_boot_device_probe;
	device_class->setup = fu_tdx_boot_device_reload;
	device_class->reload = fu_tdx_boot_device_reload;
	device_class->prepare_firmware = fu_tdx_boot_device_prepare_firmware;
	device_class->write_firmware = fu_tdx_boot_device_write_firmware;
	device_class->get_results = fu_tdx_boot_device_reload;
}
