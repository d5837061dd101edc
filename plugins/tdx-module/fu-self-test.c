/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-preflight.h"

static void
fu_tdx_preflight_svn_func(void)
{
	g_assert_cmphex(fu_tdx_preflight_version_to_svn("1.5.06"), ==, 0x0106);
}

int
main(int argc, char **argv)
{
	(void)g_setenv("G_TEST_SRCDIR", SRCDIR, FALSE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tdx-module/preflight/svn", fu_tdx_preflight_svn_func);
	return g_test_run();
}
