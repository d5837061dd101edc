/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What TCB infos of Intel's say about the TDX module that is running.
 */

#include "config.h"

#include "status.h"

/* also one that is not valid any more, of which only that is said */
static void
tcb_read(StatusTcb *self, const gchar *chain, const gchar *root)
{
	g_autoptr(GError) error = NULL;

	self->info = tdx_tcb_info_load(self->filename, chain, root, FALSE, NULL);
	if (self->info != NULL)
		return;
	self->info = tdx_tcb_info_load(self->filename, chain, root, TRUE, &error);
	if (self->info != NULL)
		self->info->stale = TRUE;
	else
		self->error = g_strdup(error->message);
}

/* the lowest one of the series of @svn from which on all is well */
static guint16
tcb_find_svn(const TdxTcbInfo *info, guint16 svn)
{
	guint16 found = 0;

	for (guint i = 0; i < info->levels->len; i++) {
		const TdxTcbLevel *level = g_ptr_array_index(info->levels, i);
		if (level->svn >> 8 == svn >> 8 && g_strcmp0(level->status, "UpToDate") == 0)
			found = level->svn;
	}
	return found;
}

/* family, model and type follow its first byte */
static gboolean
tcb_check_platform(StatusTcb *self, guint32 cpu)
{
	g_autofree gchar *expected = g_strdup_printf("%04X", cpu >> 4);

	if (cpu == 0 || (strlen(self->info->fmspc) == 12 &&
			 g_ascii_strncasecmp(self->info->fmspc + 2, expected, 4) == 0))
		return TRUE;
	self->error = g_strdup_printf("the TCB info %s is for the FMSPC '%s', and this CPU is "
				      "0x%X, expected ..%s......; get the one of this platform",
				      self->filename,
				      self->info->fmspc,
				      cpu,
				      expected);
	return FALSE;
}

static void
tcb_judge(StatusTcb *self, const StatusFacts *facts)
{
	const gchar *version = facts->host.module_version;
	const TdxReleased *released = NULL;

	self->status = "refused";
	if (self->info == NULL || !tcb_check_platform(self, facts->host.cpu))
		return;
	self->status = "unknown";
	if (version != NULL)
		released = tdx_released_find_by_version(version);
	if (released == NULL)
		return;
	self->level = tdx_tcb_info_find_level(self->info, released->svn);
	self->svn = tcb_find_svn(self->info, released->svn);
	released = tdx_released_find_by_svn(self->svn);
	self->version = released != NULL ? released->version : NULL;
	if (self->level != NULL)
		self->status = self->info->stale ? "stale" : self->level->status;
}

GPtrArray *
status_tcb_load(gchar **filenames, gchar **chains, const gchar *root, const StatusFacts *facts)
{
	guint n_chains = chains != NULL ? g_strv_length(chains) : 0;
	GPtrArray *tcbs = g_ptr_array_new();

	for (guint i = 0; filenames != NULL && filenames[i] != NULL; i++) {
		StatusTcb *self = g_new0(StatusTcb, 1);
		g_autoptr(GString) chain = g_string_new(filenames[i]);

		if (g_str_has_suffix(chain->str, ".json"))
			g_string_truncate(chain, chain->len - strlen(".json"));
		g_string_append(chain, ".pem");
		self->filename = filenames[i];
		g_ptr_array_add(tcbs, self);
		tcb_read(self, i < n_chains ? chains[i] : chain->str, root);
		tcb_judge(self, facts);
	}
	return tcbs;
}
