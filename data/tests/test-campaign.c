/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Damages good images in every way that a disk or a network could, and checks that not a single one
 * is taken. */

#include "config.h"

#include "fu-device-private.h"
#include "fu-tdx-blob-firmware.h"
#include "mock-fixture.h"

/* how many bits of the module pages are flipped, see README */
#define CAMPAIGN_POSITIONS 20000
#define CAMPAIGN_SWAPS	   200
#define CAMPAIGN_SEED	   0x7D8

typedef struct {
	const gchar *name; /* of a real image, or of a self-made one */
	const gchar *cpu;
	const gchar *running;
	const gchar *seamldr;
} CampaignImage;

typedef struct {
	MockFixture *fixture;
	guint8 *buf;
	gsize bufsz;
	guint refused;
} Campaign;

static gboolean
campaign_is_taken(Campaign *self, gsize bufsz)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(GBytes) blob = g_bytes_new_static(self->buf, bufsz);
	g_autoptr(GError) error = NULL;

	firmware = mock_fixture_prepare(self->fixture, blob, &error);
	return firmware != NULL;
}

static void
campaign_assert_refused(Campaign *self, gsize bufsz)
{
	g_assert_false(campaign_is_taken(self, bufsz));
	self->refused++;
}

static void
campaign_flip(Campaign *self, gsize bit)
{
	self->buf[bit / 8] ^= 1u << (bit % 8);
	campaign_assert_refused(self, self->bufsz);
	self->buf[bit / 8] ^= 1u << (bit % 8);
}

static void
campaign_swap(Campaign *self, gsize page1, gsize page2)
{
	guint8 *ptr1 = self->buf + page1 * FU_TDX_PAGE_SIZE;
	guint8 *ptr2 = self->buf + page2 * FU_TDX_PAGE_SIZE;
	g_autofree guint8 *tmp = NULL;

	if (memcmp(ptr1, ptr2, FU_TDX_PAGE_SIZE) == 0)
		return;
	tmp = g_memdup2(ptr1, FU_TDX_PAGE_SIZE);
	memcpy(ptr1, ptr2, FU_TDX_PAGE_SIZE);
	memcpy(ptr2, tmp, FU_TDX_PAGE_SIZE);
	campaign_assert_refused(self, self->bufsz);
	memcpy(ptr2, ptr1, FU_TDX_PAGE_SIZE);
	memcpy(ptr1, tmp, FU_TDX_PAGE_SIZE);
}

static GBytes *
campaign_load(const CampaignImage *image)
{
	const gchar *folder = g_getenv("TDX_MODULE_BLOBS");
	gchar *buf = NULL;
	gsize bufsz = 0;
	g_autofree gchar *filename = NULL;

	if (!g_str_has_suffix(image->name, ".blob")) {
		const gchar *const options[] = {"--pages=8", image->name, NULL};
		return mock_fixture_make_image(options);
	}
	filename = g_build_filename(folder != NULL ? folder : REAL_IMAGES, image->name, NULL);
	if (!g_file_get_contents(filename, &buf, &bufsz, NULL))
		return NULL;
	return g_bytes_new_take(buf, bufsz);
}

static void
campaign_run(Campaign *self)
{
	const gchar *positions_str = g_getenv("TDX_CAMPAIGN_POSITIONS");
	gsize pages = self->bufsz / FU_TDX_PAGE_SIZE;
	guint positions = CAMPAIGN_POSITIONS;
	guint step = 1;
	g_autoptr(GRand) prng = g_rand_new_with_seed(CAMPAIGN_SEED);

	/* a sample of the bits of header and sigstruct, too, in which each kind of bit is */
	if (positions_str != NULL) {
		positions = g_ascii_strtoull(positions_str, NULL, 10);
		step = 7;
	}
	for (gsize i = 0; i < 2 * FU_TDX_PAGE_SIZE * 8; i += step)
		campaign_flip(self, i);
	for (guint i = 0; i < positions; i++) {
		gsize byte = 2 * FU_TDX_PAGE_SIZE +
			     g_rand_int_range(prng, 0, self->bufsz - 2 * FU_TDX_PAGE_SIZE);
		campaign_flip(self, byte * 8 + g_rand_int_range(prng, 0, 8));
	}
	for (gsize i = 0; i < pages; i++)
		campaign_assert_refused(self, i * FU_TDX_PAGE_SIZE);
	for (guint i = 0; i < CAMPAIGN_SWAPS; i++)
		campaign_swap(self,
			      g_rand_int_range(prng, 0, pages),
			      g_rand_int_range(prng, 0, pages));
}

static void
campaign_func(gconstpointer user_data)
{
	const CampaignImage *image = (const CampaignImage *)user_data;
	const gchar *const options[] = {image->cpu, image->running, image->seamldr, NULL};
	Campaign self = {0};
	g_autofree guint8 *buf = NULL;
	g_autofree gchar *writes = NULL;
	g_autoptr(GBytes) blob = campaign_load(image);
	g_autoptr(MockFixture) fixture = NULL;

	if (blob == NULL) {
		g_test_skip("no real images, see TDX_MODULE_BLOBS");
		return;
	}
	fixture = mock_fixture_new(options);
	buf = g_memdup2(g_bytes_get_data(blob, NULL), g_bytes_get_size(blob));
	self.fixture = fixture;
	self.buf = buf;
	self.bufsz = g_bytes_get_size(blob);
	g_assert_true(campaign_is_taken(&self, self.bufsz));
	campaign_run(&self);

	/* nothing was left changed, and nothing was written */
	g_assert_true(campaign_is_taken(&self, self.bufsz));
	writes = mock_fixture_read(fixture, "control/writes");
	g_assert_cmpstr(writes, ==, "loading=0 data=0 uploads=0");
	g_test_message("%s: %u damaged images, all refused", image->name, self.refused);
}

int
main(int argc, char **argv)
{
	const CampaignImage images[] = {
	    {"--header-v1", "--cpu=0x806F8", "--running=1.5.06", "--seamldr=1.5.06"},
	    {"--version=1.5.16", "--cpu=0x806F8", "--running=1.5.06", "--seamldr=1.5.06"},
	    {"tdx_module_1.5.01.blob", "--cpu=0x806F8", "--running=1.5.01", "--seamldr=1.5.06"},
	    {"tdx_module_1.5.06.blob", "--cpu=0x806F8", "--running=1.5.01", "--seamldr=1.5.06"},
	    {"tdx_module_1.5.16.blob", "--cpu=0x806F8", "--running=1.5.06", "--seamldr=1.5.06"},
	    {"tdx_module_2.0.04.blob", "--cpu=0xA06D1", "--running=2.0.02", "--seamldr=2.0.00"},
	    {"tdx_module_2.0.08.blob", "--cpu=0xA06D1", "--running=2.0.04", "--seamldr=2.0.00"},
	};

	g_test_init(&argc, &argv, NULL);
	if (!mock_fixture_init())
		return 0;
	for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
		g_autofree gchar *path = g_strdup_printf("/campaign/%s", images[i].name);
		g_test_add_data_func(path, &images[i], campaign_func);
	}
	return g_test_run();
}
