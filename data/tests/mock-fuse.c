/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * How the files are opened, read and written, as in sysfs.
 */

#define _DEFAULT_SOURCE
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mock-host.h"

/* an open file; as in sysfs the text is made by the read at offset 0 */
typedef struct {
	MockNode *node;
	GString *text;
	guint64 written;
	guint writes;
	guint writes_logged;
} MockFile;

static void
mock_file_free(MockFile *file)
{
	if (file->text != NULL)
		g_string_free(file->text, TRUE);
	g_free(file);
}

/* the injected error, or 0 */
static gint
mock_fuse_take_fault(MockNode *node, MockOperation operation)
{
	if ((node->fault_operations & operation) == 0 || node->fault_count == 0)
		return 0;
	if (node->fault_count > 0)
		node->fault_count--;
	return -node->fault_errno;
}

/* the lock is free meanwhile */
static void
mock_fuse_hang(MockHost *self, const MockNode *node)
{
	if (node->hangs)
		mock_host_log(self, "hang: %s", node->path);
	while (node->hangs)
		g_cond_wait(&self->released, &self->lock);
}

static gint
mock_fuse_show(MockHost *self, MockNode *node, GString *str)
{
	gint rc = mock_fuse_take_fault(node, OPERATION_READ);
	if (rc < 0)
		return rc;
	if (node->text != NULL) {
		gsize bufsz = 0;
		const gchar *buf = g_bytes_get_data(node->text, &bufsz);
		g_string_append_len(str, buf, bufsz);
		return 0;
	}
	if (node->upload_attr != NULL && node->upload_attr->show != NULL)
		return node->upload_attr->show(self->upload, str);
	return node->show != NULL ? node->show(self, str) : 0;
}

static gint
mock_fuse_store(MockHost *self, MockNode *node, const gchar *buf, gsize bufsz, off_t offset)
{
	gint rc = mock_fuse_take_fault(node, OPERATION_WRITE);
	if (rc < 0)
		return rc;
	if (node->upload_attr != NULL)
		return node->upload_attr->store(self->upload, buf, bufsz, offset);
	return node->store != NULL ? node->store(self, buf, bufsz) : -EIO;
}

/* nothing is cached: nodes appear and vanish */
static void *
mock_fuse_init(struct fuse_conn_info *conn G_GNUC_UNUSED, struct fuse_config *cfg)
{
	cfg->entry_timeout = 0;
	cfg->negative_timeout = 0;
	cfg->attr_timeout = 0;
	printf("ready\n");
	fflush(stdout);
	return fuse_get_context()->private_data;
}

static gint
mock_fuse_getattr(const gchar *path, struct stat *st, struct fuse_file_info *fi G_GNUC_UNUSED)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockNode *node = mock_tree_find(self, path);

	if (node == NULL)
		return -ENOENT;
	st->st_uid = getuid();
	st->st_gid = getgid();
	st->st_nlink = 1;
	if (node->target != NULL) {
		st->st_mode = S_IFLNK | 0777;
		st->st_size = strlen(node->target);
	} else if (node->mode == 0) {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
	} else {
		st->st_mode = S_IFREG | node->mode;
		/* in sysfs text has one page, in /proc and /sys/fs/cgroup it has no size */
		if ((g_str_has_prefix(path, "/sys/devices/") ||
		     g_str_has_prefix(path, "/sys/module/")) &&
		    node != self->data)
			st->st_size = 4096;
	}
	return 0;
}

static gint
mock_fuse_readlink(const gchar *path, gchar *buf, gsize bufsz)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockNode *node = mock_tree_find(self, path);

	if (node == NULL)
		return -ENOENT;
	g_strlcpy(buf, node->target, bufsz);
	return 0;
}

static gint
mock_fuse_readdir(const gchar *path,
		  void *buf,
		  fuse_fill_dir_t filler,
		  off_t offset G_GNUC_UNUSED,
		  struct fuse_file_info *fi G_GNUC_UNUSED,
		  enum fuse_readdir_flags flags G_GNUC_UNUSED)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);

	if (mock_tree_find(self, path) == NULL)
		return -ENOENT;
	filler(buf, ".", NULL, 0, 0);
	filler(buf, "..", NULL, 0, 0);
	for (guint i = 0; i < self->nodes->len; i++) {
		MockNode *node = g_ptr_array_index(self->nodes, i);
		g_autofree gchar *parent = g_path_get_dirname(node->path);
		g_autofree gchar *name = g_path_get_basename(node->path);
		if (name[0] != '/' && g_str_equal(parent, path) &&
		    mock_tree_node_exists(self, node))
			filler(buf, name, NULL, 0, 0);
	}
	return 0;
}

static gint
mock_fuse_open(const gchar *path, struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockNode *node = mock_tree_find(self, path);
	MockFile *file;
	gint access_mode = fi->flags & O_ACCMODE;
	gint rc;

	if (node == NULL)
		return -ENOENT;
	if (node == self->loading)
		mock_host_log(self, "loading: open");

	/* sysfs refuses this even to root */
	if ((access_mode != O_RDONLY && (node->mode & 0222) == 0) ||
	    (access_mode != O_WRONLY && (node->mode & 0444) == 0))
		return -EACCES;
	rc = mock_fuse_take_fault(node, OPERATION_OPEN);
	if (rc == 0 && access_mode != O_WRONLY)
		rc = mock_fuse_take_fault(node, OPERATION_OPEN_READ);
	if (rc < 0)
		return rc;

	file = g_new0(MockFile, 1);
	file->node = node;
	g_ptr_array_add(self->files, file);
	fi->fh = (guint64)(gsize)file;
	fi->direct_io = 1;
	return 0;
}

static gint
mock_fuse_read(const gchar *path G_GNUC_UNUSED,
	       gchar *buf,
	       gsize bufsz,
	       off_t offset,
	       struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockFile *file = (MockFile *)(gsize)fi->fh;
	const MockNode *node = file->node;
	gsize size;

	mock_fuse_hang(self, node);
	if (!mock_tree_node_exists(self, node))
		return -ENODEV;
	if (node->upload_attr != NULL && node->upload_attr->read != NULL && node->text == NULL) {
		gint rc = mock_fuse_take_fault(file->node, OPERATION_READ);
		return rc < 0 ? rc : node->upload_attr->read(self->upload, buf, bufsz, offset);
	}
	if (offset == 0 || file->text == NULL) {
		g_autoptr(GString) text = g_string_new(NULL);
		gint rc = mock_fuse_show(self, file->node, text);
		if (rc < 0)
			return rc;
		if (file->text != NULL)
			g_string_free(file->text, TRUE);
		file->text = g_steal_pointer(&text);
	}
	if ((gsize)offset >= file->text->len)
		return 0;
	size = MIN(bufsz, file->text->len - offset);
	memcpy(buf, file->text->str + offset, size);
	return size;
}

static gint
mock_fuse_write(const gchar *path G_GNUC_UNUSED,
		const gchar *buf,
		gsize bufsz,
		off_t offset,
		struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockFile *file = (MockFile *)(gsize)fi->fh;
	gint rc;

	file->node->writes++;
	file->writes++;
	if (!mock_tree_node_exists(self, file->node))
		return -ENODEV;
	rc = mock_fuse_store(self, file->node, buf, bufsz, offset);
	if (rc > 0)
		file->written += rc;
	return rc;
}

/* close(): in time for who reads the log next, which the release is not */
static gint
mock_fuse_flush(const gchar *path G_GNUC_UNUSED, struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);
	MockFile *file = (MockFile *)(gsize)fi->fh;

	if (file->node == self->data && file->writes != file->writes_logged) {
		mock_host_log(self,
			      "data: %" G_GUINT64_FORMAT " bytes in %u writes",
			      file->written,
			      file->writes);
		file->writes_logged = file->writes;
	}
	return 0;
}

static gint
mock_fuse_release(const gchar *path G_GNUC_UNUSED, struct fuse_file_info *fi)
{
	MockHost *self = fuse_get_context()->private_data;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&self->lock);

	g_ptr_array_remove_fast(self->files, (MockFile *)(gsize)fi->fh);
	return 0;
}

/* O_TRUNC has no effect in sysfs */
static gint
mock_fuse_truncate(const gchar *path G_GNUC_UNUSED,
		   off_t size G_GNUC_UNUSED,
		   struct fuse_file_info *fi G_GNUC_UNUSED)
{
	return 0;
}

static const struct fuse_operations mock_fuse_operations = {
    .init = mock_fuse_init,
    .getattr = mock_fuse_getattr,
    .readlink = mock_fuse_readlink,
    .readdir = mock_fuse_readdir,
    .open = mock_fuse_open,
    .read = mock_fuse_read,
    .write = mock_fuse_write,
    .flush = mock_fuse_flush,
    .release = mock_fuse_release,
    .truncate = mock_fuse_truncate,
};

static void
mock_fuse_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
}

static gpointer
mock_fuse_signal_thread(gpointer user_data)
{
	MockHost *self = user_data;
	g_autofree gchar *path = g_build_filename(self->mountpoint, "control", NULL);
	sigset_t signals;
	gint signum = 0;

	mock_fuse_signals(&signals);
	sigwait(&signals, &signum);
	g_mutex_lock(&self->lock);
	mock_tree_release(self);
	g_mutex_unlock(&self->lock);

	/* the loop looks at this after its next request only, so make one */
	fuse_session_exit(fuse_get_session(self->fuse));
	g_access(path, F_OK);
	return NULL;
}

/**
 * mock_fuse_run:
 * @self: a #MockHost
 *
 * Serves the tree until SIGTERM, SIGINT or umount.
 *
 * Returns: %TRUE on success
 **/
gboolean
mock_fuse_run(MockHost *self)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	sigset_t signals;
	gint rc = -1;

	/* of all threads but the one that waits for them */
	mock_fuse_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	fuse_opt_add_arg(&args, g_get_prgname());
	fuse_opt_add_arg(&args, "-ofsname=mock-tdx-host,default_permissions");
	if (getuid() == 0)
		fuse_opt_add_arg(&args, "-oallow_other");
	self->fuse = fuse_new(&args, &mock_fuse_operations, sizeof(mock_fuse_operations), self);
	fuse_opt_free_args(&args);
	if (self->fuse == NULL)
		return FALSE;
	self->files = g_ptr_array_new_with_free_func((GDestroyNotify)mock_file_free);
	if (fuse_mount(self->fuse, self->mountpoint) == 0) {
		GThread *thread = g_thread_new("signal", mock_fuse_signal_thread, self);
		/* more than one thread, because one may hang */
		rc = fuse_loop_mt(self->fuse, FALSE);
		fuse_unmount(self->fuse);

		/* after an umount it still waits */
		kill(getpid(), SIGTERM);
		g_thread_join(thread);
	}
	g_ptr_array_unref(self->files);
	fuse_destroy(self->fuse);
	return rc == 0;
}
