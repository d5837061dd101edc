/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#define MOCK_PAGE_SIZE 4096

/* both the image and the sigstruct are little-endian */
static inline guint16
mock_read_u16(const guint8 *buf)
{
	return buf[0] | (guint16)buf[1] << 8;
}

static inline guint32
mock_read_u32(const guint8 *buf)
{
	return mock_read_u16(buf) | (guint32)mock_read_u16(buf + 2) << 16;
}

static inline void
mock_write_u16(guint8 *buf, guint16 value)
{
	buf[0] = value & 0xFF;
	buf[1] = value >> 8;
}

static inline void
mock_write_u32(guint8 *buf, guint32 value)
{
	mock_write_u16(buf, value & 0xFFFF);
	mock_write_u16(buf + 2, value >> 16);
}

/* 0 for an image whose checksum is right */
static inline guint16
mock_sum_words(const guint8 *buf, gsize bufsz)
{
	guint16 sum = 0;
	for (gsize i = 0; i + 1 < bufsz; i += 2)
		sum += mock_read_u16(buf + i);
	return sum;
}

static inline gboolean
mock_is_zero(const guint8 *buf, gsize bufsz)
{
	for (gsize i = 0; i < bufsz; i++) {
		if (buf[i] != 0)
			return FALSE;
	}
	return TRUE;
}
