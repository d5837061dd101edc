/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Preloaded into a program that judges what is signed for some time: it is then when TDX_TIME says,
 * in seconds since 1970, or since now if there is a plus before it.
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	__typeof__(&clock_gettime) next =
	    (__typeof__(&clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
	const char *env = getenv("TDX_TIME");
	int rc = next(id, ts);

	if (id == CLOCK_REALTIME && env != NULL)
		ts->tv_sec = (env[0] == '+' ? ts->tv_sec : 0) + atoll(env);
	return rc;
}

time_t
time(time_t *tloc)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (tloc != NULL)
		*tloc = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts = {0};
	int rc = clock_gettime(CLOCK_REALTIME, &ts);

	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return rc;
}
