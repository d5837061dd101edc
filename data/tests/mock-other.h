/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "mock-fw-upload.h"

GPtrArray *
mock_other_array_new(void);
gboolean
mock_other_add(MockFwUpload *upload, const gchar *str);
void
mock_other_act(MockFwUpload *upload, const gchar *step);
