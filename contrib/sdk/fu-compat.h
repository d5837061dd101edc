/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * The plugin folder is written for fwupd 2.1.7 and later. This header, which the build includes
 * before everything else when the installed fwupd is older, gives it the names of 2.1.7 on top of
 * what 2.0.20 has. Nothing else in the project knows about fwupd versions.
 */

#pragma once

#include <fwupdplugin.h>

#if FWUPD_CHECK_VERSION(2, 1, 7)
#error "fwupd 2.1.7 and later need no compatibility header"
#endif

/* since 2.1.1 */
#define FU_KB (1024ull)
#define FU_MB (1024ull * 1024ull)

/* since 2.1.7: streams have a type of their own */
#define FuInputStream				    GInputStream
#define fu_memory_input_stream_new_from_bytes(blob) g_memory_input_stream_new_from_bytes(blob)

/* since 2.1.7: this limit is of the class, here it is kept with the type until an object is made */
static inline void
fu_compat_firmware_constructed(GObject *object)
{
	GType gtype = G_OBJECT_TYPE(object);
	G_OBJECT_CLASS(g_type_class_peek(FU_TYPE_FIRMWARE))->constructed(object);
	fu_firmware_set_size_max(
	    FU_FIRMWARE(object),
	    GPOINTER_TO_SIZE(g_type_get_qdata(gtype, g_quark_from_string("fu-compat-size-max"))));
}

static inline void
fu_compat_firmware_set_size_max(FuFirmwareClass *klass, gsize value)
{
	g_type_set_qdata(G_TYPE_FROM_CLASS(klass),
			 g_quark_from_string("fu-compat-size-max"),
			 GSIZE_TO_POINTER(value));
	G_OBJECT_CLASS(klass)->constructed = fu_compat_firmware_constructed;
}

#define fu_firmware_set_size_max(klass, value) fu_compat_firmware_set_size_max(klass, value)

/* since 2.1.7: private flags belong to the class, too; one for each class is enough here */
static inline void
fu_compat_device_constructed(GObject *object)
{
	GObjectClass *parent_class = g_type_class_peek_parent(G_OBJECT_GET_CLASS(object));
	parent_class->constructed(object);
	fu_device_register_private_flag(
	    FU_DEVICE(object),
	    g_type_get_qdata(G_OBJECT_TYPE(object), g_quark_from_string("fu-compat-private-flag")));
}

static inline void
fu_compat_device_register_private_flag(FuDeviceClass *klass, const gchar *flag)
{
	g_type_set_qdata(G_TYPE_FROM_CLASS(klass),
			 g_quark_from_string("fu-compat-private-flag"),
			 (gpointer)flag);
	G_OBJECT_CLASS(klass)->constructed = fu_compat_device_constructed;
}

#define fu_device_register_private_flag(klass, flag)                                               \
	fu_compat_device_register_private_flag(klass, flag)

/* since 2.1.1: the ID follows from the type's name, e.g. FuTdxBlobFirmware is `tdx-blob` */
#define fu_plugin_add_firmware_gtype(plugin, gtype)                                                \
	fu_plugin_add_firmware_gtype(plugin, NULL, gtype)

/* since 2.1.1: verb before noun */
#define fu_plugin_add_device(plugin, device) fu_plugin_device_add(plugin, device)

/* since 2.1.1: paths belong to the context and may be missing */
static inline const gchar *
fu_context_get_path(FuContext *ctx, FuPathKind kind, GError **error)
{
	g_autofree gchar *path = fu_path_from_kind(kind);
	if (path == NULL) {
		g_set_error(error,
			    FWUPD_ERROR,
			    FWUPD_ERROR_NOT_FOUND,
			    "no path of kind %u",
			    (guint)kind);
		return NULL;
	}
	return g_intern_string(path);
}

/* since 2.1.1: only the daemon's context knows all paths by itself */
#define fu_context_get_path_store(ctx)	 (ctx)
#define fu_path_store_load_defaults(ctx) (void)(ctx)
#define fu_path_store_load_from_env(ctx) (void)(ctx)

/* since 2.1.7: the same, for any size */
#define fu_base64_encode(buf, bufsz) g_base64_encode(buf, bufsz)

/* since 2.1.1: tests can set paths */
static inline void
fu_context_set_path(FuContext *ctx, FuPathKind kind, const gchar *dirname)
{
	if (kind == FU_PATH_KIND_DATADIR_QUIRKS)
		g_setenv("FWUPD_DATADIR_QUIRKS", dirname, TRUE);
	else if (kind == FU_PATH_KIND_LOCALSTATEDIR_QUIRKS)
		g_setenv("FWUPD_LOCALSTATEDIR_QUIRKS", dirname, TRUE);
	else if (kind == FU_PATH_KIND_PROCFS)
		g_setenv("FWUPD_PROCFS", dirname, TRUE);
	else if (kind == FU_PATH_KIND_SYSFSDIR)
		g_setenv("FWUPD_SYSFSDIR", dirname, TRUE);
}

/* since 2.1.5: one function loads everything, of which tests only need the quirks */
#define FU_CONTEXT_FLAG_NO_CACHE		     FU_CONTEXT_FLAG_NONE
#define FU_CONTEXT_LOAD_FLAG_NONE		     FU_QUIRKS_LOAD_FLAG_NO_CACHE
#define fu_context_load(ctx, progress, flags, error) fu_context_load_quirks(ctx, flags, error)

/* since 2.1.1: the type is that of the XML */
static inline FuFirmware *
fu_firmware_new_from_xml(const gchar *xml, GError **error)
{
	g_autoptr(FuFirmware) firmware = NULL;
	g_autoptr(XbNode) n = NULL;
	g_autoptr(XbSilo) silo = xb_silo_new_from_xml(xml, error);

	if (silo == NULL)
		return NULL;
	n = xb_silo_query_first(silo, "firmware", error);
	if (n == NULL)
		return NULL;
	firmware = g_object_new(g_type_from_name(xb_node_get_attr(n, "gtype")), NULL);
	if (!fu_firmware_build(firmware, n, error))
		return NULL;
	return g_steal_pointer(&firmware);
}
