/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <zstd.h>

#include "cabinet-metadata.h"

#define CABINET_METADATA_ZSTD_LEVEL  9
#define CABINET_METADATA_ZSTD_WINDOW 18	     /* 256 KiB, as the text of some releases */
#define CABINET_METADATA_CHUNK	     0x10000 /* bytes */

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

gboolean
cabinet_metadata_add(CabinetMetadata *self,
		     const CabinetRelease *release,
		     const CabinetOptions *options,
		     const CabinetMetainfoContainer *container,
		     GError **error)
{
	for (guint i = 0; i < release->targets->len; i++) {
		const CabinetTarget *target = &g_array_index(release->targets, CabinetTarget, i);
		g_autofree gchar *xml = NULL;
		xml = cabinet_metainfo_build(release, target, options, container, error);
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

typedef struct {
	GHashTable *cabinets;
	gchar *filename; /* (nullable): that the next text is about */
} CabinetMetadataReader;

static void
cabinet_metadata_start_element(GMarkupParseContext *context,
			       const gchar *element,
			       const gchar **names,
			       const gchar **values,
			       gpointer user_data,
			       GError **error)
{
	CabinetMetadataReader *reader = user_data;
	const gchar *filename = NULL;
	guint matches = 0;

	for (guint i = 0; names[i] != NULL; i++) {
		if (g_strcmp0(names[i], "filename") == 0)
			filename = values[i];
		matches += g_strcmp0(values[i], "container") == 0;
		matches += g_strcmp0(values[i], "sha256") == 0;
	}
	g_clear_pointer(&reader->filename, g_free);
	if (g_strcmp0(element, "checksum") == 0 && matches == 2)
		reader->filename = g_strdup(filename);
}

static void
cabinet_metadata_text(GMarkupParseContext *context,
		      const gchar *text,
		      gsize textsz,
		      gpointer user_data,
		      GError **error)
{
	CabinetMetadataReader *reader = user_data;

	if (reader->filename != NULL)
		g_hash_table_insert(reader->cabinets,
				    g_steal_pointer(&reader->filename),
				    g_strndup(text, textsz));
}

/* (element-type utf8 utf8): the SHA-256 of each cabinet, from metadata that has been verified */
GHashTable *
cabinet_metadata_read_cabinets(GBytes *blob)
{
	gsize rc = 1;
	guint8 chunk[CABINET_METADATA_CHUNK];
	const GMarkupParser parser = {.start_element = cabinet_metadata_start_element,
				      .text = cabinet_metadata_text};
	CabinetMetadataReader reader = {0};
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	ZSTD_inBuffer in = {.src = g_bytes_get_data(blob, NULL), .size = g_bytes_get_size(blob)};
	g_autoptr(GMarkupParseContext) context =
	    g_markup_parse_context_new(&parser, 0, &reader, NULL);

	reader.cabinets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	while (rc > 0 && !ZSTD_isError(rc)) {
		ZSTD_outBuffer out = {.dst = chunk, .size = sizeof(chunk)};
		rc = ZSTD_decompressStream(zstd, &out, &in);
		if (ZSTD_isError(rc) || out.pos == 0 ||
		    !g_markup_parse_context_parse(context, (const gchar *)chunk, out.pos, NULL))
			break;
	}
	ZSTD_freeDCtx(zstd);
	g_free(reader.filename);
	return reader.cabinets;
}
