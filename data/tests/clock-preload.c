/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Preloaded into a program: time() is behind all other clocks. It always may be, by the time
 * between two ticks of the kernel; here it is a second.
 */

#include <time.h>

time_t
time(time_t *result)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec -= 1;
	if (result != NULL)
		*result = now.tv_sec;
	return now.tv_sec;
}
