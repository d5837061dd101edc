/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include "mock-fw-upload.h"
#include "mock-kernel.h"
#include "mock-seamldr.h"

#define MOCK_CPU_MAX 1024

#define TDX_HOST "/sys/devices/faux/tdx_host"
#define UPLOAD	 TDX_HOST "/firmware/@"

typedef struct MockHost MockHost;

/* what has to be there for a node to exist: from the device on all up to the driver, then one of
 * the others too */
typedef enum {
	NEEDS_NOTHING,
	NEEDS_ROOT_CGROUP,
	NEEDS_KVM_INTEL,
	NEEDS_KVM_TDX,
	NEEDS_DEVICE,
	NEEDS_DRIVER,
	NEEDS_SEAMLDR,
	NEEDS_UPLOAD,
} MockNeeds;

/* what attr-errno= selects */
typedef enum {
	OPERATION_OPEN = 1 << 0,
	OPERATION_READ = 1 << 1,
	OPERATION_WRITE = 1 << 2,
	OPERATION_OPEN_READ = 1 << 3,
} MockOperation;

/**
 * MockNode:
 * @path: from the mount point on; mock_tree_add() takes `@` for the name of the upload
 * @mode: permissions of an attribute, else 0
 * @needs: what has to be there
 * @target: of a link, else %NULL; `@` as above
 * @show: (nullable): appends the text, or returns a negative errno
 * @store: (nullable): returns the number of bytes taken, or a negative errno
 * @upload_attr: (nullable): has those functions for what is part of the upload
 * @writes: number of write() calls
 * @text: attr-text=
 * @hangs: hang=
 * @fault_errno: attr-errno=, or 0
 * @fault_operations: a #MockOperation
 * @fault_count: how often @fault_errno is still returned, negative for ever
 *
 * A directory, link or attribute.
 **/
typedef struct {
	const gchar *path;
	guint mode;
	MockNeeds needs;
	const gchar *target;
	gint (*show)(MockHost *self, GString *str);
	gint (*store)(MockHost *self, const gchar *buf, gsize bufsz);
	const MockFwUploadAttr *upload_attr;
	guint writes;
	GBytes *text;
	gboolean hangs;
	gint fault_errno;
	MockOperation fault_operations;
	gint fault_count;
} MockNode;

#define ATTR(_path, _mode, _needs, _show, _store)                                                  \
	{.path = _path, .mode = _mode, .needs = _needs, .show = _show, .store = _store}

/**
 * MockHost:
 * @lock: guards everything: the FUSE handlers hold it, and the upload's worker while at work
 * @released: a node does not hang any longer
 * @files: open ones
 * @loading: one of @nodes
 * @data: one of @nodes
 * @version_map: seamhash -> version
 * @probed_at: when the driver has all its attributes
 * @loading_at: when an upload was begun last
 * @running_at: when @running has changed last
 * @seen_at: when somebody read the `version` of that first
 *
 * The whole machine.
 **/
struct MockHost {
	GMutex lock;
	GCond released;
	GString *log;
	gchar *mountpoint;
	struct fuse *fuse;
	GPtrArray *files;
	GPtrArray *nodes;
	MockNode *loading;
	MockNode *data;

	const MockKernel *kernel;
	MockSeamldr seamldr;
	MockFwUpload *upload;

	gchar *running;
	gchar *seamldr_version;
	gchar *install_version;
	GHashTable *version_map;
	gboolean lost;
	gboolean absent;
	gboolean erratum;
	gboolean no_upload;
	gboolean no_seamldr;
	gboolean seamldr_unpadded;
	gint64 probed_at;
	gint64 loading_at;
	gint64 running_at;
	gint64 seen_at;

	guint cpus;
	guint cpus_per_socket;
	gchar *online;
	gchar *present;
	gchar *smt;
	guint tds;
	gboolean no_tds_line;
	gboolean cgroup_namespace;
	gboolean no_kvm_intel;
	gchar *kvm_tdx;

	/* faults that are not of one node or of the upload */
	gboolean fault_loses;
	gchar *fault_version;
	gchar *fault_after;
	gchar *vanish;
	gchar *vanish_device;
	guint late_attrs_ms;
	guint online_reads_left;
	gchar *online_after_reads;
};

/* mock-host.c: what all parts need */
MockHost *
mock_host_new(void);
void
mock_host_free(MockHost *self);
void
mock_host_log(MockHost *self, const gchar *fmt, ...) G_GNUC_PRINTF(2, 3);
void
mock_host_set_running(MockHost *self, const gchar *version);
void
mock_str_replace(gchar **str, const gchar *value);
gboolean
mock_str_to_uint(const gchar *str, guint64 max, guint *value);
gboolean
mock_str_to_cpus(const gchar *str, guint8 cpus[MOCK_CPU_MAX]);

/* mock-tree.c: which files there are */
void
mock_tree_build(MockHost *self);
void
mock_tree_add(MockHost *self, const MockNode *nodes, guint n_nodes);
MockNode *
mock_tree_find(MockHost *self, const gchar *path);
MockNode *
mock_tree_find_attr(MockHost *self, const gchar *name);
gboolean
mock_tree_node_exists(MockHost *self, const MockNode *node);
void
mock_tree_release(MockHost *self);

/* mock-attrs.c: what is in those of the kernel */
void
mock_attrs_add(MockHost *self);

/* mock-control.c: what is in those of the tests */
void
mock_control_add(MockHost *self);
gboolean
mock_control_set(MockHost *self, const gchar *key, const gchar *value);

/* mock-fuse.c: how they are opened, read and written */
gboolean
mock_fuse_run(MockHost *self);
