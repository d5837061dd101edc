/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Preloaded into a program: ends it with SIGKILL before its KILL_AT-th system call that can change
 * something below the folder KILL_PATH, and writes what each is to the file KILL_LOG. With
 * KILL_HALF=1 a write() that is to be killed gets half of its bytes to the file before.
 *
 * In the folder KILL_DISK it keeps what a power cut would leave: `files/INODE` is what a file was
 * when it was last synced, and `names` has `INODE NAME` of KILL_PATH as that folder was last
 * synced.
 *
 * What strace could do, but for files whose names are random, and in a tenth of the time.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KILL_NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static gboolean
kill_is_below(const gchar *path)
{
	const gchar *folder = g_getenv("KILL_PATH");
	return folder != NULL && path != NULL && g_str_has_prefix(path, folder);
}

static gboolean
kill_is_fd_below(gint fd)
{
	gchar link[64];
	gchar path[4096] = {0};
	g_snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, path, sizeof(path) - 1) > 0 && kill_is_below(path);
}

/* returns whether it is to end now */
static gboolean
kill_count(const gchar *call, const gchar *path)
{
	static guint64 count = 0;
	const gchar *at = g_getenv("KILL_AT");
	const gchar *log = g_getenv("KILL_LOG");

	count++;
	if (log != NULL) {
		FILE *file = fopen(log, "a");
		fprintf(file, "%s %s\n", call, path);
		fclose(file);
	}
	return at != NULL && count == g_ascii_strtoull(at, NULL, 10);
}

static void
kill_at(const gchar *call, const gchar *path)
{
	if (kill_is_below(path) && kill_count(call, path))
		raise(SIGKILL);
}

static void
kill_at_fd(const gchar *call, gint fd)
{
	if (kill_is_fd_below(fd) && kill_count(call, ""))
		raise(SIGKILL);
}

static void
kill_sync_file(const gchar *disk, gint fd, const struct stat *st)
{
	g_autofree gchar *buf = g_malloc(st->st_size + 1);
	g_autofree gchar *filename = g_strdup_printf("%s/files/%lu", disk, (gulong)st->st_ino);
	gssize len = pread(fd, buf, st->st_size, 0);
	FILE *file = fopen(filename, "w");

	/* a file that was opened to be written only */
	if (len < 0) {
		g_autofree gchar *self = g_strdup_printf("/proc/self/fd/%d", fd);
		FILE *from = fopen(self, "r");
		len = fread(buf, 1, st->st_size, from);
		fclose(from);
	}
	fwrite(buf, 1, len, file);
	fclose(file);
}

static void
kill_sync_folder(const gchar *disk)
{
	DIR *dir = opendir(g_getenv("KILL_PATH"));
	struct dirent *entry;
	g_autofree gchar *filename = g_strdup_printf("%s/names", disk);
	FILE *file = fopen(filename, "w");

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_type == DT_REG)
			fprintf(file, "%lu %s\n", (gulong)entry->d_ino, entry->d_name);
	}
	fclose(file);
	closedir(dir);
}

/* what is on the disk from now on */
static void
kill_sync(gint fd)
{
	const gchar *disk = g_getenv("KILL_DISK");
	struct stat st = {0};

	if (disk == NULL || !kill_is_fd_below(fd) || fstat(fd, &st) != 0)
		return;
	if (S_ISDIR(st.st_mode))
		kill_sync_folder(disk);
	else
		kill_sync_file(disk, fd, &st);
}

static mode_t
kill_get_mode(int flags, va_list args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int
open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = kill_get_mode(flags, args);
	va_end(args);
	if (flags & (O_CREAT | O_TRUNC))
		kill_at("open", path);
	return KILL_NEXT(open)(path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = kill_get_mode(flags, args);
	va_end(args);
	if (flags & (O_CREAT | O_TRUNC))
		kill_at("open", path);
	return KILL_NEXT(open64)(path, flags, mode);
}

ssize_t
write(int fd, const void *buf, size_t count)
{
	if (kill_is_fd_below(fd) && kill_count("write", "")) {
		if (g_getenv("KILL_HALF") != NULL)
			(void)!KILL_NEXT(write)(fd, buf, count / 2);
		raise(SIGKILL);
	}
	return KILL_NEXT(write)(fd, buf, count);
}

int
fsync(int fd)
{
	kill_at_fd("fsync", fd);
	kill_sync(fd);
	return KILL_NEXT(fsync)(fd);
}

int
close(int fd)
{
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
		kill_at_fd("close", fd);
	return KILL_NEXT(close)(fd);
}

int
fallocate64(int fd, int mode, off64_t offset, off64_t len)
{
	kill_at_fd("fallocate", fd);
	return KILL_NEXT(fallocate64)(fd, mode, offset, len);
}

int
rename(const char *from, const char *to)
{
	kill_at("rename", from);
	return KILL_NEXT(rename)(from, to);
}

int
unlink(const char *path)
{
	kill_at("unlink", path);
	return KILL_NEXT(unlink)(path);
}

int
mkdir(const char *path, mode_t mode)
{
	kill_at("mkdir", path);
	return KILL_NEXT(mkdir)(path, mode);
}
