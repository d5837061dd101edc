/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "fu-tdx-preflight.h"
#include "tdx-released.h"

/* up to 1.5.16 and 2.0.08 from the images, later ones from the pages of the releases in
 * https://github.com/intel/confidential-computing.tdx.tdx-module.binaries */
static const TdxReleased tdx_released[] = {
    {"1.5.01",
     0x0104,
     "9790d89a10210ec6968a773cee2ca05b5aa97309f36727a968527be4606fc19e6f73acce350946c9d46a9bf7a63f8"
     "430"},
    {"1.5.05",
     0x0105,
     "1cc6a17ab799e9a693fac7536be61c12ee1e0fabada82d0c999e08ccee2aa86de77b0870f558c570e7ffe55d6d47f"
     "a04"},
    {"1.5.06",
     0x0106,
     "5b38e33a6487958b72c3c12a938eaa5e3fd4510c51aeeab58c7d5ecee41d7c436489d6c8e4f92f160b7cad34207b0"
     "0c1"},
    {"1.5.08",
     0x0107,
     "49b66faa451d19ebbdbe89371b8daf2b65aa3984ec90110343e9e2eec116af08850fa20e3b1aa9a874d77a65380ee"
     "7e6"},
    {"1.5.09",
     0x0108,
     "bfb360ac8e6233a1bca1433caf7382d95c165b4a77fb00bf1435e5a08f300cdfead5ee68461afd9b6c728dce75346"
     "02d"},
    {"1.5.13",
     0x010a,
     "27b67e0b20508f0acfb8a99df4283a7c86ae569d85d556a91d4eb20e56b5d42d5e65b31a3a6996e8e461f104f32fd"
     "eec"},
    {"1.5.16",
     0x010b,
     "7bf063280e94fb051f5dd7b1fc59ce9aac42bb961df8d44b709c9b0ff87a7b4df648657ba6d1189589feab1d5a3c9"
     "a9d"},
    {"1.5.20",
     0x010c,
     "d0d80c085166ba78ccc69af268e5753cf0f3394523cb4ff7c50b08d9265c82489c099c377be6a400e4d2b57da9240"
     "12c"},
    {"1.5.24",
     0x010d,
     "489e585f1c54bc5a02066c8c6ec21619ff0334ec6f21e07e2a35202c59183789c8057e7d97dd591bb08314b185819"
     "e72"},
    {"1.5.25",
     0x010d,
     "fca4ff221293807e3d247416299ca39a236872df4eb414567ca96072d3fde7dead740f807eefe2f7d938499c03cc8"
     "aba"},
    {"1.5.28",
     0x010e,
     "346bc77a1846cac214dd2e8edeb9ee4349449d6c3f9ff2c52149a634c27b7fd1bd314c2ef6b973eeebd5574295253"
     "1a1"},
    {"1.5.34",
     0x010f,
     "ab62561a173acbd18ee50ff37750db44184c6cf5e886df74247cc575e163b04c34b9e18374757c235affa614d4127"
     "f6b"},
    {"2.0.02",
     0x0303,
     "685f891ea5c20e8fa27b151bf34bf3b50fbaf7143cc53662727cbdb167c0ad8385f1f6f3571539a91e104a1c96d75"
     "e04"},
    {"2.0.04",
     0x0304,
     "64cae497e0c6221176fe8d3bc9d0cf25b4c97bb24cc16499f77102451f15bb24249f1aa3e5d3bf8897be74ad6c84e"
     "648"},
    {"2.0.05",
     0x0304,
     "6f65e570e3bc418d2576f31aada40f7f7ce1ea810f964aa9bc70066a89ac1fc6e0d6b76d3f86a16405172b2c3e078"
     "528"},
    {"2.0.08",
     0x0305,
     "476a2997c62bccc78370913d0a80b956e3721b24272bc66c4d6307ced4be2865c40e26afac75f12df3425b03eb59e"
     "a7c"},
    {"2.0.12",
     0x0306,
     "87bdf50356b95e264a5d0807016b9b8ab7568d0857d27eddbe847f98184a786e0f3eecf2fabd3b6d23f71f2ae5030"
     "0f4"},
    {"2.0.14",
     0x0307,
     "aef4ed3e686fe6cf44c9a8d1cc63105443b558ac4f40c282abf78271e9a4586c50408c8584c7b43fd21edb736700b"
     "a5f"},
    {"2.0.16",
     0x0308,
     "f40772d82608da5443887dd7247be3e0092927e62409a9bb8da98eaed9017704be075466a13d3ca30501000d69407"
     "495"},
    {"2.0.18",
     0x0309,
     "2d2de102461684f14c8d0984a09d895e3e9e15944ce020a03b977e1f114d5e1ed32ef666a47fd19a5851b3800eda3"
     "afa"},
};

const TdxReleased *
tdx_released_find_by_version(const gchar *version)
{
	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		if (fu_version_compare(tdx_released[i].version,
				       version,
				       FWUPD_VERSION_FORMAT_TRIPLET) == 0)
			return &tdx_released[i];
	}
	return NULL;
}

const TdxReleased *
tdx_released_find_by_mrseam(const gchar *mrseam)
{
	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		if (g_strcmp0(tdx_released[i].mrseam, mrseam) == 0)
			return &tdx_released[i];
	}
	return NULL;
}

/* the first one of its series with this SVN or a higher one */
const TdxReleased *
tdx_released_find_by_svn(guint16 svn)
{
	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		if (tdx_released[i].svn >> 8 == svn >> 8 && tdx_released[i].svn >= svn)
			return &tdx_released[i];
	}
	return NULL;
}

/* the SVN never falls within a series; two releases in a row may have the same */
static gboolean
tdx_released_check_svn(const gchar *version, guint16 svn, GError **error)
{
	g_autofree gchar *series = fu_tdx_preflight_version_to_series(version);

	for (guint i = 0; i < G_N_ELEMENTS(tdx_released); i++) {
		const TdxReleased *other = &tdx_released[i];
		gint rc = fu_version_compare(version, other->version, FWUPD_VERSION_FORMAT_TRIPLET);
		g_autofree gchar *other_series = fu_tdx_preflight_version_to_series(other->version);

		if (g_strcmp0(series, other_series) != 0 ||
		    !((rc >= 0 && svn < other->svn) || (rc <= 0 && svn > other->svn)))
			continue;
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "its SVN is 0x%04x, so it cannot be TDX module %s: the SVN of %s is "
			    "0x%04x, and never falls within a series; give the version that it is",
			    svn,
			    version,
			    other->version,
			    other->svn);
		return FALSE;
	}
	return TRUE;
}

/* can an image be this version, by what is known of the released ones? */
gboolean
tdx_released_check(const gchar *version, guint16 svn, const gchar *mrseam, GError **error)
{
	const TdxReleased *known = tdx_released_find_by_mrseam(mrseam);

	if (known != NULL &&
	    fu_version_compare(known->version, version, FWUPD_VERSION_FORMAT_TRIPLET) != 0) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_INVALID_FILE,
			    "its MRSEAM is that of TDX module %s, so it cannot be %s; give the "
			    "version that it is",
			    known->version,
			    version);
		return FALSE;
	}
	return tdx_released_check_svn(version, svn, error);
}
