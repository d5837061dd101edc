/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * Which directories, links and attributes there are, and when they are there.
 */

#include "mock-host.h"

#define DIRECTORY(_path, _needs)     {.path = _path, .needs = _needs}
#define LINK(_path, _target, _needs) {.path = _path, .target = _target, .needs = _needs}

/* other directories come with the first that is in them, and have its needs */
static const MockNode tree_nodes[] = {
    DIRECTORY("/sys/bus/faux/devices", NEEDS_NOTHING),
    DIRECTORY("/sys/bus/faux/drivers/faux_driver", NEEDS_NOTHING),
    DIRECTORY("/sys/class/firmware", NEEDS_NOTHING),
    DIRECTORY("/sys/devices/faux", NEEDS_NOTHING),
    DIRECTORY("/sys/firmware", NEEDS_NOTHING),
    DIRECTORY("/sys/fs/cgroup", NEEDS_NOTHING),
    DIRECTORY("/sys/module", NEEDS_NOTHING),
    DIRECTORY("/sys/module/kvm_intel/parameters", NEEDS_KVM_INTEL),
    DIRECTORY(TDX_HOST, NEEDS_DEVICE),
    LINK("/sys/bus/faux/devices/tdx_host", "../../../devices/faux/tdx_host", NEEDS_DEVICE),
    LINK(TDX_HOST "/subsystem", "../../../bus/faux", NEEDS_DEVICE),
    LINK(TDX_HOST "/driver", "../../../bus/faux/drivers/faux_driver", NEEDS_DRIVER),
    LINK("/sys/class/firmware/@", "../../devices/faux/tdx_host/firmware/@", NEEDS_UPLOAD),
    LINK(UPLOAD "/subsystem", "../../../../../class/firmware", NEEDS_UPLOAD),
    LINK(UPLOAD "/device", "../../../tdx_host", NEEDS_UPLOAD),
};

static MockNode *
mock_tree_lookup(MockHost *self, const gchar *path)
{
	for (guint i = 0; i < self->nodes->len; i++) {
		MockNode *node = g_ptr_array_index(self->nodes, i);
		if (g_strcmp0(node->path, path) == 0)
			return node;
	}
	return NULL;
}

/**
 * mock_tree_node_exists:
 * @self: a #MockHost
 * @node: a #MockNode
 *
 * Returns: %TRUE if all is there that the node needs
 **/
gboolean
mock_tree_node_exists(MockHost *self, const MockNode *node)
{
	if (node->needs == NEEDS_ROOT_CGROUP)
		return !self->cgroup_namespace;
	if (node->needs == NEEDS_KVM_INTEL)
		return !self->no_kvm_intel;
	if (node->needs == NEEDS_KVM_TDX)
		return !self->no_kvm_intel && self->kvm_tdx != NULL;
	if (node->needs >= NEEDS_DEVICE && self->absent)
		return FALSE;
	if (node->needs >= NEEDS_DRIVER && g_get_monotonic_time() < self->probed_at)
		return FALSE;
	if (node->needs == NEEDS_SEAMLDR && (self->erratum || self->no_seamldr))
		return FALSE;
	return node->needs != NEEDS_UPLOAD || (!self->erratum && !self->no_upload);
}

/**
 * mock_tree_find:
 * @self: a #MockHost
 * @path: from the mount point on
 *
 * Returns: (nullable): a #MockNode that exists now, or %NULL
 **/
MockNode *
mock_tree_find(MockHost *self, const gchar *path)
{
	MockNode *node = mock_tree_lookup(self, path);
	return node != NULL && mock_tree_node_exists(self, node) ? node : NULL;
}

/**
 * mock_tree_find_attr:
 * @self: a #MockHost
 * @name: path relative to the device, or without the usual directory, as in `cpu/online`
 *
 * Returns: (nullable): a #MockNode, whether it exists now or not, or %NULL
 **/
MockNode *
mock_tree_find_attr(MockHost *self, const gchar *name)
{
	const gchar *dirs[] = {TDX_HOST, "/sys/devices/system", "/sys/fs", "/sys/module", "/proc"};
	for (guint i = 0; i < G_N_ELEMENTS(dirs); i++) {
		g_autofree gchar *path = g_strdup_printf("%s/%s", dirs[i], name);
		MockNode *node = mock_tree_lookup(self, path);
		if (node != NULL && node->mode != 0)
			return node;
	}
	return NULL;
}

/**
 * mock_tree_release:
 * @self: a #MockHost
 *
 * Lets nothing hang any longer.
 **/
void
mock_tree_release(MockHost *self)
{
	for (guint i = 0; i < self->nodes->len; i++) {
		MockNode *node = g_ptr_array_index(self->nodes, i);
		node->hangs = FALSE;
	}
	g_cond_broadcast(&self->released);
}

static void
mock_tree_free_node(MockNode *node)
{
	g_clear_pointer(&node->text, g_bytes_unref);
	g_free(node);
}

static const gchar *
mock_tree_replace_name(MockHost *self, const gchar *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "@", -1);
	g_autofree gchar *str = g_strjoinv(self->kernel->upload_name, parts);
	return g_intern_string(str);
}

static MockNode *
mock_tree_add_node(MockHost *self, const MockNode *node)
{
	g_autofree gchar *parent = NULL;
	MockNode *copy = g_new(MockNode, 1);

	*copy = *node;
	copy->path = mock_tree_replace_name(self, node->path);
	if (node->target != NULL)
		copy->target = mock_tree_replace_name(self, node->target);
	g_ptr_array_add(self->nodes, copy);

	parent = g_path_get_dirname(copy->path);
	if (mock_tree_lookup(self, parent) == NULL) {
		const MockNode dir = DIRECTORY(parent, node->needs);
		mock_tree_add_node(self, &dir);
	}
	return copy;
}

/**
 * mock_tree_add:
 * @self: a #MockHost
 * @nodes: (array length=n_nodes): which are copied
 * @n_nodes: how many
 *
 * Adds nodes to the tree.
 **/
void
mock_tree_add(MockHost *self, const MockNode *nodes, guint n_nodes)
{
	for (guint i = 0; i < n_nodes; i++)
		mock_tree_add_node(self, &nodes[i]);
}

/**
 * mock_tree_build:
 * @self: a #MockHost
 *
 * Makes the tree for the kernel.
 **/
void
mock_tree_build(MockHost *self)
{
	self->nodes = g_ptr_array_new_with_free_func((GDestroyNotify)mock_tree_free_node);
	mock_tree_add(self, tree_nodes, G_N_ELEMENTS(tree_nodes));
	mock_attrs_add(self);
	mock_control_add(self);
	for (const MockFwUploadAttr *attr = mock_fw_upload_attrs; attr->name != NULL; attr++) {
		g_autofree gchar *path = g_build_filename(UPLOAD, attr->name, NULL);
		const MockNode node = {
		    .path = path,
		    .mode = attr->mode,
		    .needs = NEEDS_UPLOAD,
		    .upload_attr = attr,
		};
		MockNode *added = mock_tree_add_node(self, &node);

		if (g_strcmp0(attr->name, "loading") == 0)
			self->loading = added;
		else if (g_strcmp0(attr->name, "data") == 0)
			self->data = added;
	}
}
