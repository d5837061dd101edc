/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lets the kernel and the P-SEAMLDR fail in every way they can, and checks what is left and what
 * the user is told. */

#include "config.h"

#include <sys/mount.h>

#include "fu-device-private.h"
#include "fu-tdx-blob-firmware.h"
#include "mock-fixture.h"

/* the end state of an update */
typedef enum {
	FAULT_END_UPDATED,
	FAULT_END_UPDATED_BUT, /* not as it should */
	FAULT_END_UNCHANGED,
	FAULT_END_LOST,
	FAULT_END_OTHER,
} FaultEnd;

typedef struct {
	const gchar *name;
	const gchar *options; /* of the mock host, or NULL */
	const gchar *set;     /* lines for control/set, before the write */
	FaultEnd end;
	FwupdError code; /* unless updated */
	const gchar *message;
	guint uploads;
} Fault;

static gboolean
fault_update(MockFixture *fixture, const Fault *fault, GBytes *blob, GError **error)
{
	gboolean ret;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GError) error_reload = NULL;

	firmware = mock_fixture_prepare(fixture, blob, error);
	g_assert_nonnull(firmware);
	fu_firmware_set_version(firmware, "1.5.16");
	if (fault->set != NULL)
		mock_fixture_set(fixture, fault->set);

	/* nothing can be forced */
	ret = fu_device_write_firmware(fixture->device,
				       firmware,
				       progress,
				       FWUPD_INSTALL_FLAG_FORCE,
				       error);

	/* the engine has the plugin do this in both cases */
	if (!fu_device_reload(fixture->device, &error_reload))
		g_test_message("reload: %s", error_reload->message);
	return ret;
}

static void
fault_assert_end(MockFixture *fixture, const Fault *fault)
{
	const gchar *version = fu_device_get_version(fixture->device);

	if (fault->end == FAULT_END_UPDATED || fault->end == FAULT_END_UPDATED_BUT)
		g_assert_cmpstr(version, ==, "1.5.16");
	if (fault->end == FAULT_END_UNCHANGED)
		g_assert_cmpstr(version, ==, "1.5.06");
	if (fault->end == FAULT_END_LOST) {
		g_assert_cmpstr(version, ==, NULL);
		g_assert_true(fu_device_has_inhibit(fixture->device, "module-lost"));
		g_assert_false(fu_device_has_flag(fixture->device, FWUPD_DEVICE_FLAG_UPDATABLE));
	}
}

static void
fault_func(gconstpointer user_data)
{
	const Fault *fault = (const Fault *)user_data;
	gboolean ret;
	const gchar *const no_options[] = {NULL};
	g_autofree gchar *uploads = g_strdup_printf("*uploads=%u", fault->uploads);
	g_autofree gchar *writes = NULL;
	g_auto(GStrv) split = NULL;
	g_autoptr(GBytes) blob = mock_fixture_make_image(no_options);
	g_autoptr(GError) error = NULL;
	g_autoptr(MockFixture) fixture = NULL;

	split = g_strsplit(fault->options != NULL ? fault->options : "--kernel=mainline", " ", -1);
	{
		g_autofree gchar *joined = g_strjoinv(" ", split);
		g_autofree gchar *all = g_strconcat(joined, " --install-version=1.5.16", NULL);
		g_auto(GStrv) options = g_strsplit(all, " ", -1);
		fixture = mock_fixture_new((const gchar *const *)options);
	}
	ret = fault_update(fixture, fault, blob, &error);
	g_test_message("%-40s -> %s", fault->name, ret ? "updated" : error->message);
	g_assert_cmpint(ret, ==, fault->end == FAULT_END_UPDATED);
	if (!ret) {
		g_assert_error(error, FWUPD_ERROR, (gint)fault->code);
		g_assert_nonnull(strstr(error->message, fault->message));
	}
	fault_assert_end(fixture, fault);
	writes = mock_fixture_read(fixture, "control/writes");
	g_assert_true(g_pattern_match_simple(uploads, writes));
}

/* each status with each error that the kernel can report, without and with the loss of the module
 */
static void
fault_matrix_func(void)
{
	const gchar *statuses[] = {"preparing", "transferring", "programming"};
	const struct {
		const gchar *error;
		FwupdError code; /* if nothing is lost */
	} errors[] = {
	    {"hw-error", FWUPD_ERROR_WRITE},
	    {"timeout", FWUPD_ERROR_WRITE},
	    {"user-abort", FWUPD_ERROR_WRITE},
	    {"device-busy", FWUPD_ERROR_NEEDS_USER_ACTION},
	    {"invalid-file-size", FWUPD_ERROR_WRITE},
	    {"read-write-error", FWUPD_ERROR_WRITE},
	    {"flash-wearout", FWUPD_ERROR_WRITE},
	    {"unknown-error", FWUPD_ERROR_WRITE},
	    {"firmware-invalid", FWUPD_ERROR_INVALID_FILE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(statuses); i++) {
		for (guint j = 0; j < G_N_ELEMENTS(errors); j++) {
			g_autofree gchar *name =
			    g_strdup_printf("%s:%s", statuses[i], errors[j].error);
			g_autofree gchar *set = g_strdup_printf("fault=%s\n", name);
			g_autofree gchar *set_loses = g_strdup_printf("%sfault-loses=1\n", set);
			const Fault harmless = {name,
						NULL,
						set,
						FAULT_END_UNCHANGED,
						errors[j].code,
						"nothing was changed",
						1};
			const Fault fatal = {name,
					     NULL,
					     set_loses,
					     FAULT_END_LOST,
					     FWUPD_ERROR_WRITE,
					     "the TDX module is lost",
					     1};
			fault_func(&harmless);
			fault_func(&fatal);
		}
	}
}

/* whatever a file of the upload does, the user is never told that nothing was changed when the
 * kernel was given the image */
static void
fault_assert_honest(const gchar *name, const gchar *set)
{
	gboolean ret;
	gboolean uploaded;
	const gchar *const no_options[] = {NULL};
	const gchar *const options[] = {"--install-version=1.5.16", NULL};
	const Fault fault = {.name = name, .set = set};
	g_autofree gchar *writes = NULL;
	g_autoptr(GBytes) blob = mock_fixture_make_image(no_options);
	g_autoptr(GError) error = NULL;
	g_autoptr(MockFixture) fixture = mock_fixture_new(options);

	ret = fault_update(fixture, &fault, blob, &error);
	writes = mock_fixture_read(fixture, "control/writes");
	uploaded = !g_str_has_suffix(writes, "uploads=0");
	g_test_message("%-40s -> %s", name, ret ? "updated" : error->message);
	if (ret) {
		g_assert_true(uploaded);
		g_assert_cmpstr(fu_device_get_version(fixture->device), ==, "1.5.16");
		return;
	}
	g_assert_cmpint(error->domain, ==, FWUPD_ERROR);
	if (uploaded)
		g_assert_null(strstr(error->message, "nothing was changed"));
}

static void
fault_upload_attrs_func(void)
{
	const gchar *attrs[] = {"loading", "data", "status", "error"};
	const gchar *errnos[] = {"EIO", "EROFS", "ENODEV", "EBUSY", "EACCES", "EPERM"};

	for (guint i = 0; i < G_N_ELEMENTS(attrs); i++) {
		for (guint j = 0; j < G_N_ELEMENTS(errnos); j++) {
			g_autofree gchar *name = g_strdup_printf("%s %s", attrs[i], errnos[j]);
			g_autofree gchar *set =
			    g_strdup_printf("attr-errno=firmware/tdx_module/%s:%s\n",
					    attrs[i],
					    errnos[j]);
			fault_assert_honest(name, set);
		}
	}
}

static void
fault_vanish_func(void)
{
	const gchar *keys[] = {"vanish", "vanish-device"};
	const gchar *phases[] =
	    {"loading", "data", "receiving", "preparing", "transferring", "programming"};

	for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
		for (guint j = 0; j < G_N_ELEMENTS(phases); j++) {
			g_autofree gchar *set = g_strdup_printf("%s=%s\n", keys[i], phases[j]);
			g_autofree gchar *name = g_strdup(set);
			fault_assert_honest(g_strchomp(name), set);
		}
	}
}

/* an attribute that cannot be read, or has nonsense in it, stops the update and nothing else */
static void
fault_attr_func(MockFixture *fixture, const gchar *attr, const gchar *id, const gchar *fault_text)
{
	gboolean ret;
	const gchar *const no_options[] = {NULL};
	g_auto(GStrv) split = g_strsplit(fault_text, "%s", 2);
	g_autofree gchar *reset = g_strdup_printf("attr-errno=%s:0\nattr-text=%s:\n", attr, attr);
	g_autofree gchar *set = g_strconcat(split[0], attr, split[1], NULL);
	g_autofree gchar *writes = NULL;
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(FuProgress) progress = fu_progress_new(G_STRLOC);
	g_autoptr(GBytes) blob = mock_fixture_make_image(no_options);
	g_autoptr(GError) error = NULL;

	firmware = mock_fixture_prepare(fixture, blob, &error);
	g_assert_no_error(error);
	fu_firmware_set_version(firmware, "1.5.16");
	mock_fixture_set(fixture, set);
	g_assert_true(fu_device_reload(fixture->device, NULL));
	g_assert_cmpint(fu_device_has_flag(fixture->device, FWUPD_DEVICE_FLAG_UPDATABLE),
			==,
			id == NULL);
	if (id != NULL)
		g_assert_true(fu_device_has_inhibit(fixture->device, id));
	ret = fu_device_write_firmware(fixture->device,
				       firmware,
				       progress,
				       FWUPD_INSTALL_FLAG_FORCE,
				       &error);
	g_assert_false(ret);
	g_test_message("%s -> %s", g_strchomp(set), error->message);
	g_assert_cmpint(strlen(error->message), <, 768);
	g_assert_true(g_utf8_validate(error->message, -1, NULL));
	g_assert_null(strpbrk(error->message, "\b\033\034\035"));
	writes = mock_fixture_read(fixture, "control/writes");
	g_assert_cmpstr(writes, ==, "loading=0 data=0 uploads=0");

	/* and is forgotten when it works again */
	mock_fixture_set(fixture, reset);
	g_assert_true(fu_device_reload(fixture->device, NULL));
	g_assert_true(fu_device_has_flag(fixture->device, FWUPD_DEVICE_FLAG_UPDATABLE));
	g_assert_cmpstr(fu_device_get_version(fixture->device), ==, "1.5.06");
}

static void
fault_attrs_func(void)
{
	const gchar *const no_options[] = {NULL};
	const struct {
		const gchar *attr;
		const gchar *id; /* of the inhibit */
	} attrs[] = {
	    {"version", "module-unknown"},
	    {"seamldr_version", "seamldr-missing"},
	    {"num_remaining_updates", "remaining-updates"},
	    {"firmware/tdx_module/status", NULL},
	    {"cpu/online", NULL},
	    {"cpu/present", NULL},
	    {"cpuinfo", "cpu-unknown"},
	};
	const gchar *faults[] = {
	    "attr-errno=%s:EIO\n",
	    "attr-errno=%s:EROFS\n",
	    "attr-errno=%s:ENODEV\n",
	    "attr-errno=%s:EBUSY\n",
	    "attr-errno=%s:EACCES\n",
	    "attr-errno=%s:EPERM\n",
	    "attr-text=%s:@empty\n",
	    "attr-text=%s:@garbage\n",
	    "attr-text=%s:-1\\n\n",
	    "attr-text=%s:1.5.\\n\n",
	    "attr-text=%s:99999999999999999999\\n\n",
	};
	g_autoptr(MockFixture) fixture = mock_fixture_new(no_options);

	for (guint i = 0; i < G_N_ELEMENTS(attrs); i++) {
		for (guint j = 0; j < G_N_ELEMENTS(faults); j++) {
			/* as if it was not there */
			gboolean gone = attrs[i].id == NULL && strstr(attrs[i].attr, "status") &&
					strstr(faults[j], "ENODEV");
			fault_attr_func(fixture,
					attrs[i].attr,
					gone ? "upload-missing" : attrs[i].id,
					faults[j]);
		}
	}
}

/* as the sandbox of fwupd.service with some versions of systemd */
static void
fault_read_only_func(void)
{
	gboolean ret;
	const gchar *const no_options[] = {NULL};
	const Fault fault = {.name = "read-only"};
	g_autofree gchar *writes = NULL;
	g_autoptr(GBytes) blob = mock_fixture_make_image(no_options);
	g_autoptr(GError) error = NULL;
	g_autoptr(MockFixture) fixture = mock_fixture_new(no_options);

	g_assert_cmpint(mount(fixture->root, fixture->root, NULL, MS_BIND, NULL), ==, 0);
	g_assert_cmpint(mount(NULL, fixture->root, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL),
			==,
			0);
	ret = fault_update(fixture, &fault, blob, &error);
	writes = mock_fixture_read(fixture, "control/writes");
	g_assert_cmpint(umount(fixture->root), ==, 0);
	g_assert_false(ret);
	g_test_message("%s", error->message);
	g_assert_nonnull(strstr(error->message, "add ReadWritePaths=-/sys/devices/faux"));
	g_assert_cmpstr(writes, ==, "loading=0 data=0 uploads=0");
}

int
main(int argc, char **argv)
{
	const Fault faults[] = {
	    {"none", NULL, NULL, FAULT_END_UPDATED, 0, NULL, 1},
	    {"short-writes", NULL, "short-write=100\n", FAULT_END_UPDATED, 0, NULL, 1},
	    {"device-busy",
	     "--kernel=v4",
	     "fault=transferring:device-busy\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "try again when no TD is being built",
	     1},
	    {"unexpected-version",
	     NULL,
	     "fault-version=1.5.13\n",
	     FAULT_END_OTHER,
	     FWUPD_ERROR_WRITE,
	     "TDX module 1.5.13 is running after the update, expected 1.5.16",
	     1},
	    {"updates-left-wrong",
	     NULL,
	     "remaining=5\nfault-after=remaining=5\n",
	     FAULT_END_UPDATED_BUT,
	     FWUPD_ERROR_WRITE,
	     "num_remaining_updates is 5, expected 4",
	     1},
	    {"updates-left-unreadable",
	     NULL,
	     "fault-after=attr-errno=num_remaining_updates:EIO\n",
	     FAULT_END_UPDATED_BUT,
	     FWUPD_ERROR_WRITE,
	     "the number of updates left is not known",
	     1},
	    {"udev-abort",
	     NULL,
	     "abort-after=8192\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "another program has interfered",
	     0},
	    {"data-behind-ours",
	     NULL,
	     "other=4096:1@1048576\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "firmware/tdx_module/data: another program has interfered: ",
	     0},
	    {"second-uploader",
	     NULL,
	     "second-uploader=1\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "nothing was changed",
	     0},
	    {"cpu-offline",
	     NULL,
	     "online=0-2\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "CPUs 0-2 are online, and an update needs all of 0-3",
	     0},
	    {"upload-busy",
	     NULL,
	     "attr-text=firmware/tdx_module/status:transferring\\n\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "needs 'idle'",
	     0},
	    {"loading-io-error",
	     NULL,
	     "attr-errno=firmware/tdx_module/loading:write:EIO\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "nothing was changed",
	     0},
	    {"data-io-error",
	     NULL,
	     "attr-errno=firmware/tdx_module/data:write:EIO\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "nothing was changed",
	     0},
	    {"data-gone",
	     NULL,
	     "attr-errno=firmware/tdx_module/data:write:ENODEV\n",
	     FAULT_END_UNCHANGED,
	     FWUPD_ERROR_NEEDS_USER_ACTION,
	     "nothing was changed",
	     0},
	    {"error-unreadable",
	     NULL,
	     "attr-errno=firmware/tdx_module/error:read:EIO\n",
	     FAULT_END_UPDATED,
	     0,
	     NULL,
	     1},
	    {"vanish-preparing",
	     "--kernel=mainline --phase-ms=100", /* it is seen before the end */
	     "vanish=preparing\n",
	     FAULT_END_OTHER,
	     FWUPD_ERROR_WRITE,
	     "it is not known if the kernel has taken",
	     1},
	    {"same-version",
	     "--kernel=mainline --running=1.5.16",
	     NULL,
	     FAULT_END_OTHER,
	     FWUPD_ERROR_INVALID_FILE,
	     "needs a newer one",
	     0},
	    {"image-lost-on-the-way",
	     NULL,
	     "cpu-offline-after-reads=1:0-2\n",
	     FAULT_END_LOST,
	     FWUPD_ERROR_WRITE,
	     "the TDX module is lost",
	     1},
	};

	g_test_init(&argc, &argv, NULL);
	if (!mock_fixture_init())
		return 0;
	for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autofree gchar *path = g_strdup_printf("/faults/%s", faults[i].name);
		g_test_add_data_func(path, &faults[i], fault_func);
	}
	g_test_add_func("/faults/matrix", fault_matrix_func);
	g_test_add_func("/faults/attrs", fault_attrs_func);
	g_test_add_func("/faults/upload-attrs", fault_upload_attrs_func);
	g_test_add_func("/faults/vanish", fault_vanish_func);
	g_test_add_func("/faults/read-only", fault_read_only_func);
	return g_test_run();
}
