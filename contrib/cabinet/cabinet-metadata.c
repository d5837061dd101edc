/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <zstd.h>

#include "cabinet-metadata.h"

#define CABINET_METADATA_ZSTD_LEVEL 9
#define CABINET_METADATA_CHUNK	    0x10000 /* bytes */

struct CabinetMetadata {
	ZSTD_CCtx *context;
	GByteArray *buf;
};

void
cabinet_metadata_free(CabinetMetadata *self)
{
	ZSTD_freeCCtx(self->context);
	g_byte_array_unref(self->buf);
	g_free(self);
}

static void
cabinet_metadata_append(CabinetMetadata *self, const gchar *text, ZSTD_EndDirective directive)
{
	gsize left = 1;
	guint8 chunk[CABINET_METADATA_CHUNK];
	ZSTD_inBuffer in = {.src = text, .size = strlen(text)};

	while (left > 0) {
		ZSTD_outBuffer out = {.dst = chunk, .size = sizeof(chunk)};
		gsize rc = ZSTD_compressStream2(self->context, &out, &in, directive);
		if (ZSTD_isError(rc))
			g_error("failed to compress the metadata: %s", ZSTD_getErrorName(rc));
		g_byte_array_append(self->buf, chunk, out.pos);
		left = directive == ZSTD_e_end ? rc : in.size - in.pos;
	}
}

CabinetMetadata *
cabinet_metadata_new(void)
{
	CabinetMetadata *self = g_new0(CabinetMetadata, 1);

	self->context = ZSTD_createCCtx();
	self->buf = g_byte_array_new();
	ZSTD_CCtx_setParameter(self->context, ZSTD_c_compressionLevel, CABINET_METADATA_ZSTD_LEVEL);
	cabinet_metadata_append(self,
				"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				"<components origin=\"tdx-module-cabinet\" version=\"0.9\">\n",
				ZSTD_e_continue);
	return self;
}

/* takes the components of @archive, which nobody can use afterwards */
gboolean
cabinet_metadata_add(CabinetMetadata *self,
		     const CabinetArchive *archive,
		     const CabinetOptions *options,
		     const CabinetMetainfoContainer *container,
		     GError **error)
{
	for (guint i = 0; i < archive->components->len; i++) {
		g_autofree gchar *xml = NULL;
		XbBuilderNode *component = g_ptr_array_index(archive->components, i);
		cabinet_metainfo_add_container(component, archive->release, options, container);
		xml = cabinet_archive_export(component, XB_NODE_EXPORT_FLAG_NONE, error);
		if (xml == NULL)
			return FALSE;
		cabinet_metadata_append(self, xml, ZSTD_e_continue);
	}
	return TRUE;
}

/* always the same for the same components */
GBytes *
cabinet_metadata_finish(CabinetMetadata *self)
{
	cabinet_metadata_append(self, "</components>\n", ZSTD_e_end);
	return g_bytes_new(self->buf->data, self->buf->len);
}

static gchar *
cabinet_metadata_decompress(GBytes *blob)
{
	guint8 chunk[CABINET_METADATA_CHUNK];
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = {.src = g_bytes_get_data(blob, NULL), .size = g_bytes_get_size(blob)};
	gsize rc = 1;
	GString *str = g_string_new(NULL);

	while (rc > 0 && !ZSTD_isError(rc)) {
		ZSTD_outBuffer out = {.dst = chunk, .size = sizeof(chunk)};
		rc = ZSTD_decompressStream(context, &out, &in);
		g_string_append_len(str, (const gchar *)chunk, out.pos);
		if (in.pos == in.size && out.pos < sizeof(chunk))
			break;
	}
	ZSTD_freeDCtx(context);
	return g_string_free(str, FALSE);
}

/* (element-type utf8 utf8): the SHA-256 of each cabinet, from metadata that has been verified */
GHashTable *
cabinet_metadata_read_cabinets(GBytes *blob)
{
	g_autofree gchar *xml = cabinet_metadata_decompress(blob);
	g_autoptr(GHashTable) cabinets =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GPtrArray) nodes = NULL;
	g_autoptr(XbSilo) silo = xb_silo_new_from_xml(xml, NULL);

	if (silo != NULL)
		nodes = xb_silo_query(silo,
				      "components/component/releases/release/"
				      "checksum[@target='container']",
				      0,
				      NULL);
	for (guint i = 0; nodes != NULL && i < nodes->len; i++) {
		XbNode *node = g_ptr_array_index(nodes, i);
		if (g_strcmp0(xb_node_get_attr(node, "type"), "sha256") != 0 ||
		    xb_node_get_attr(node, "filename") == NULL)
			continue;
		g_hash_table_insert(cabinets,
				    g_strdup(xb_node_get_attr(node, "filename")),
				    g_strdup(xb_node_get_text(node)));
	}
	return g_steal_pointer(&cabinets);
}
