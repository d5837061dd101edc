/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

/**
 * MockFixture:
 * @device: the plugin's device on the mock host
 * @root: where the mock host is mounted
 *
 * A mock TDX host with the plugin's own device on it, without the daemon.
 **/
typedef struct {
	FuDevice *device;
	gchar *root;
	GSubprocess *mock;
	FuContext *ctx;
} MockFixture;

gboolean
mock_fixture_init(void);
MockFixture *
mock_fixture_new(const gchar *const *options);
void
mock_fixture_free(MockFixture *self);
gchar *
mock_fixture_read(MockFixture *self, const gchar *name);
void
mock_fixture_set(MockFixture *self, const gchar *text);
FuFirmware *
mock_fixture_prepare(MockFixture *self, GBytes *blob, GError **error);
GBytes *
mock_fixture_make_image(const gchar *const *options);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MockFixture, mock_fixture_free)
