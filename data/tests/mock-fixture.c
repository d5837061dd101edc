/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fu-context-private.h"
#include "fu-device-private.h"
#include "fu-tdx-module-device.h"
#include "fu-udev-device-private.h"
#include "mock-fixture.h"

/* set by meson: MOCK_TDX_HOST, MAKE_TDX_BLOB, TEST_SIGNER, PLUGIN_QUIRKS */

static GSubprocess *
mock_fixture_spawn(const gchar *program, const gchar *const *options, GSubprocessFlags flags, ...)
    G_GNUC_NULL_TERMINATED;

static GSubprocess *
mock_fixture_spawn(const gchar *program, const gchar *const *options, GSubprocessFlags flags, ...)
{
	const gchar *arg;
	va_list args;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GSubprocess) process = NULL;

	/* ends with the test, however that ends */
	g_ptr_array_add(argv, (gpointer) "setpriv");
	g_ptr_array_add(argv, (gpointer) "--pdeathsig=TERM");
	g_ptr_array_add(argv, (gpointer)program);
	for (guint i = 0; options != NULL && options[i] != NULL; i++)
		g_ptr_array_add(argv, (gpointer)options[i]);
	va_start(args, flags);
	while ((arg = va_arg(args, const gchar *)) != NULL)
		g_ptr_array_add(argv, (gpointer)arg);
	va_end(args);
	g_ptr_array_add(argv, NULL);
	process = g_subprocess_newv((const gchar *const *)argv->pdata, flags, &error);
	g_assert_no_error(error);
	return g_steal_pointer(&process);
}

static const gchar *
mock_fixture_skip_reason(void)
{
	if (geteuid() != 0)
		return "not root";
	if (!g_file_test("/dev/fuse", G_FILE_TEST_EXISTS))
		return "no /dev/fuse";
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0)
		return "no mount namespaces";
	return NULL;
}

/**
 * mock_fixture_init:
 *
 * Enters a mount namespace, so that nothing stays mounted when the test ends; says why if there can
 * be no mock host here.
 *
 * Returns: %FALSE if the test has to be skipped
 **/
gboolean
mock_fixture_init(void)
{
	const gchar *reason = mock_fixture_skip_reason();
	if (reason == NULL)
		return TRUE;
	g_print("1..0 # SKIP %s\n", reason);
	return FALSE;
}

static gchar *
mock_fixture_run(const gchar *const *options, const gchar *arg)
{
	g_autofree gchar *key = g_strdup_printf("--key=%s", TEST_SIGNER);
	g_autofree gchar *out = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process = NULL;

	process = mock_fixture_spawn(MAKE_TDX_BLOB,
				     options,
				     G_SUBPROCESS_FLAGS_STDOUT_PIPE,
				     key,
				     arg,
				     NULL);
	g_subprocess_communicate_utf8(process, NULL, NULL, &out, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(g_subprocess_get_successful(process));
	return g_strdup(g_strstrip(out));
}

/**
 * mock_fixture_make_image:
 * @options: those of make-tdx-blob
 *
 * Makes an image that is signed with the key for tests.
 *
 * Returns: (transfer full): the image
 **/
GBytes *
mock_fixture_make_image(const gchar *const *options)
{
	gchar *buf = NULL;
	gsize bufsz = 0;
	g_autofree gchar *filename = NULL;
	g_autofree gchar *tmp = NULL;
	g_autoptr(GError) error = NULL;

	tmp = g_dir_make_tmp("tdx-image-XXXXXX", &error);
	g_assert_no_error(error);
	filename = g_build_filename(tmp, "image.bin", NULL);
	g_free(mock_fixture_run(options, filename));
	g_file_get_contents(filename, &buf, &bufsz, &error);
	g_assert_no_error(error);
	g_unlink(filename);
	g_rmdir(tmp);
	return g_bytes_new_take(buf, bufsz);
}

/* the plugin's quirks, and the key for tests */
static void
mock_fixture_write_quirks(const gchar *dirname, const gchar *signer)
{
	gboolean ret;
	g_autofree gchar *filename = g_build_filename(dirname, "test.quirk", NULL);
	g_autofree gchar *plugin = NULL;
	g_autofree gchar *quirks = NULL;
	g_autoptr(GError) error = NULL;

	ret = g_file_get_contents(PLUGIN_QUIRKS, &plugin, NULL, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	quirks = g_strdup_printf("%s\n[TDX\\MODULE]\nTdxModuleSigners = %s\n", plugin, signer);
	ret = g_file_set_contents(filename, quirks, -1, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
}

/* the mock host in place of this one */
static FuContext *
mock_fixture_make_context(MockFixture *self, const gchar *signer)
{
	gboolean ret;
	g_autofree gchar *dirname = g_path_get_dirname(self->root);
	g_autofree gchar *procfs = g_build_filename(self->root, "proc", NULL);
	g_autofree gchar *sysfs = g_build_filename(self->root, "sys", NULL);
	g_autoptr(FuContext) ctx = fu_context_new();
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GError) error = NULL;

	mock_fixture_write_quirks(dirname, signer);
	fu_context_set_path(ctx, FU_PATH_KIND_DATADIR_QUIRKS, dirname);
	fu_context_set_path(ctx, FU_PATH_KIND_PROCFS, procfs);
	fu_context_set_path(ctx, FU_PATH_KIND_SYSFSDIR, sysfs);
	fu_context_add_flag(ctx, FU_CONTEXT_FLAG_NO_CACHE);
	fu_context_add_quirk_key(ctx, "TdxModuleSigners");
	ret = fu_context_load(ctx, progress, FU_CONTEXT_LOAD_FLAG_NONE, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	return g_steal_pointer(&ctx);
}

static FuDevice *
mock_fixture_make_device(MockFixture *self)
{
	gboolean ret;
	g_autofree gchar *path = g_build_filename(self->root, "sys/devices/faux/tdx_host", NULL);
	g_autoptr(FuDevice) device = NULL;
	g_autoptr(GError) error = NULL;

	device =
	    g_object_new(FU_TYPE_TDX_MODULE_DEVICE, "context", self->ctx, "backend-id", path, NULL);
	ret = fu_device_probe(device, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	ret = fu_device_setup(device, &error);
	g_assert_no_error(error);
	g_assert_true(ret);
	return g_steal_pointer(&device);
}

/* fwupd that is not built as a release is critical of errors that it has no code for, such as
 * EROFS: it is its own function that has opened the file */
static gboolean
mock_fixture_log_is_fatal(const gchar *domain,
			  GLogLevelFlags level,
			  const gchar *message,
			  gpointer user_data)
{
	return !g_str_has_suffix(message, "was not converted to FwupdError");
}

/**
 * mock_fixture_new:
 * @options: those of mock-tdx-host
 *
 * Starts a mock host that trusts the key for tests, and Intel's.
 *
 * Returns: (transfer full): a #MockFixture
 **/
MockFixture *
mock_fixture_new(const gchar *const *options)
{
	GInputStream *stream;
	g_autofree gchar *line = NULL;
	g_autofree gchar *signer = mock_fixture_run(NULL, "--print-signer");
	g_autofree gchar *signer_arg = g_strdup_printf("--signer=%s", signer);
	g_autofree gchar *signer_intel = g_strdup_printf("--signer=%s", SIGNER_INTEL);
	g_autofree gchar *tmp = NULL;
	g_autoptr(GDataInputStream) lines = NULL;
	g_autoptr(GError) error = NULL;
	MockFixture *self = g_new0(MockFixture, 1);

	g_test_log_set_fatal_handler(mock_fixture_log_is_fatal, NULL);
	tmp = g_dir_make_tmp("tdx-fixture-XXXXXX", &error);
	g_assert_no_error(error);
	self->root = g_build_filename(tmp, "host", NULL);
	g_assert_cmpint(g_mkdir(self->root, 0700), ==, 0);
	self->mock = mock_fixture_spawn(MOCK_TDX_HOST,
					options,
					G_SUBPROCESS_FLAGS_STDOUT_PIPE,
					signer_arg,
					signer_intel,
					self->root,
					NULL);
	stream = g_subprocess_get_stdout_pipe(self->mock);
	lines = g_data_input_stream_new(stream);
	line = g_data_input_stream_read_line(lines, NULL, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(line, ==, "ready");
	self->ctx = mock_fixture_make_context(self, signer);
	self->device = mock_fixture_make_device(self);
	return self;
}

void
mock_fixture_free(MockFixture *self)
{
	g_autofree gchar *tmp = g_path_get_dirname(self->root);
	g_autofree gchar *quirk = g_build_filename(tmp, "test.quirk", NULL);

	g_object_unref(self->device);
	g_object_unref(self->ctx);
	g_subprocess_send_signal(self->mock, SIGTERM);
	g_subprocess_wait(self->mock, NULL, NULL);
	g_object_unref(self->mock);
	g_unlink(quirk);
	g_rmdir(self->root);
	g_rmdir(tmp);
	g_free(self->root);
	g_free(self);
}

/**
 * mock_fixture_read:
 * @self: a #MockFixture
 * @name: path below the mount point, e.g. `control/writes`
 *
 * Reads what the mock host has to say.
 *
 * Returns: (transfer full): the text without the newline at the end
 **/
gchar *
mock_fixture_read(MockFixture *self, const gchar *name)
{
	g_autofree gchar *filename = g_build_filename(self->root, name, NULL);
	g_autofree gchar *text = NULL;
	g_autoptr(GError) error = NULL;

	g_file_get_contents(filename, &text, NULL, &error);
	g_assert_no_error(error);
	return g_strdup(g_strchomp(text));
}

/**
 * mock_fixture_set:
 * @self: a #MockFixture
 * @text: lines with KEY=VALUE, see mock-tdx-host --help
 *
 * Changes the mock host.
 **/
void
mock_fixture_set(MockFixture *self, const gchar *text)
{
	g_autofree gchar *filename = g_build_filename(self->root, "control/set", NULL);
	FILE *file = fopen(filename, "w");
	g_assert_nonnull(file);
	fputs(text, file);
	g_assert_cmpint(fclose(file), ==, 0);
}

/**
 * mock_fixture_prepare:
 * @self: a #MockFixture
 * @blob: an image
 * @error: (nullable): optional return location for an error
 *
 * Parses and checks an image, as the engine does before it writes.
 *
 * Returns: (transfer full): the parsed image, or %NULL if it is refused
 **/
FuFirmware *
mock_fixture_prepare(MockFixture *self, GBytes *blob, GError **error)
{
	g_autoptr(FuInputStream) stream = fu_memory_input_stream_new_from_bytes(blob);
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	return fu_device_prepare_firmware(self->device,
					  stream,
					  progress,
					  FU_FIRMWARE_PARSE_FLAG_NONE,
					  error);
}
