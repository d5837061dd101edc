/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "cabinet-file.h"
#include "cabinet-metadata.h"
#include "cabinet-mirror.h"
#include "cabinet-remote.h"

#define CABINET_MIRROR_CURRENT "current"
#define CABINET_MIRROR_LOCK    ".lock"
#define CABINET_MIRROR_EDITION "^edition-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$"

/* of a cabinet with the largest image, and of all other files */
#define CABINET_MIRROR_SIZE_MAX (2 * FU_TDX_BLOB_SIZE_MAX + CABINET_FILE_SIZE_MAX) /* bytes */

/* how far the clock may be behind the last signature before that is a mistake */
#define CABINET_MIRROR_CLOCK_WAIT_MAX 5 /* s */

/* ms; some file systems have whole seconds, and some may never tick */
#define CABINET_MIRROR_TICK_MAX 2500

struct CabinetMirror {
	const CabinetOptions *options;
	const CabinetSigner *signer;
	gchar *path;
	CabinetOutput *output; /* the next edition */
	GBytes *remote;	       /* for the hosts */
	mode_t remote_mode;
	CabinetMetadata *metadata;
	gint lock;	      /* an open file, so that there is one writer */
	gint current;	      /* what is served now, or -1 */
	gchar *current_name;  /* (nullable) */
	gchar *edition;	      /* name of the next one */
	GBytes *metadata_old; /* (nullable): what is served now */
	GBytes *sig_old;      /* (nullable): the same */
	GHashTable *cabinets; /* (nullable): the same, if this signer has signed it */
	GString *manifest;    /* for Pulp, and for later runs */
	gboolean all_kept;
};

void
cabinet_mirror_free(CabinetMirror *self)
{
	g_clear_pointer(&self->output, cabinet_output_free);
	g_clear_pointer(&self->remote, g_bytes_unref);
	g_clear_pointer(&self->metadata_old, g_bytes_unref);
	g_clear_pointer(&self->sig_old, g_bytes_unref);
	g_clear_pointer(&self->cabinets, g_hash_table_unref);
	cabinet_metadata_free(self->metadata);
	if (self->current >= 0)
		g_close(self->current, NULL);
	if (self->lock >= 0)
		g_close(self->lock, NULL);
	g_free(self->path);
	g_free(self->current_name);
	g_free(self->edition);
	g_string_free(self->manifest, TRUE);
	g_free(self);
}

/*
 * what is there
 */

static gboolean
cabinet_mirror_is_edition(const gchar *name)
{
	return g_regex_match_simple(CABINET_MIRROR_EDITION, name, G_REGEX_DOLLAR_ENDONLY, 0);
}

static gboolean
cabinet_mirror_set_error_foreign(CabinetMirror *self, const gchar *name, GError **error)
{
	return cabinet_fail(
	    error,
	    "%s/%s is not what tdx-module-cabinet makes, so nothing is changed: make the "
	    "mirror in another folder, or move it away",
	    self->path,
	    name);
}

static gboolean
cabinet_mirror_lock(CabinetMirror *self, GError **error)
{
	struct stat st = {0};

	self->lock = openat(self->output->parent,
			    CABINET_MIRROR_LOCK,
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
			    0644);
	if (self->lock < 0 && errno != ELOOP)
		return cabinet_output_set_error(self->output, "open", CABINET_MIRROR_LOCK, error);
	if (self->lock < 0 || fstat(self->lock, &st) != 0 || !S_ISREG(st.st_mode))
		return cabinet_mirror_set_error_foreign(self, CABINET_MIRROR_LOCK, error);
	if (flock(self->lock, LOCK_EX | LOCK_NB) != 0)
		return cabinet_fail(error,
				    "%s/" CABINET_MIRROR_LOCK
				    " is locked: another tdx-module-cabinet is writing this mirror",
				    self->path);
	return TRUE;
}

/* what clients cannot read is as good as missing, and made again */
static GBytes *
cabinet_mirror_read_current(CabinetMirror *self, const gchar *name, struct stat *st)
{
	g_autoptr(GBytes) blob = NULL;

	if (self->current < 0)
		return NULL;
	blob =
	    cabinet_file_read(self->current, name, O_NOFOLLOW, CABINET_MIRROR_SIZE_MAX, st, NULL);
	if (blob == NULL || (st->st_mode & 0444) != 0444)
		return NULL;
	return g_steal_pointer(&blob);
}

static gboolean
cabinet_mirror_open_current(CabinetMirror *self, GError **error)
{
	g_autofree gchar *link =
	    g_strdup_printf("/proc/self/fd/%d/" CABINET_MIRROR_CURRENT, self->output->parent);
	g_autofree gchar *target = NULL;
	g_autoptr(GError) error_local = NULL;

	target = g_file_read_link(link, &error_local);
	if (g_error_matches(error_local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return TRUE;
	if (target == NULL || !cabinet_mirror_is_edition(target))
		return cabinet_mirror_set_error_foreign(self, CABINET_MIRROR_CURRENT, error);
	self->current = cabinet_file_open_folder(self->output->parent, target);
	if (self->current < 0 && errno != ENOENT)
		return cabinet_mirror_set_error_foreign(self, target, error);
	self->current_name = g_steal_pointer(&target);
	return TRUE;
}

static void
cabinet_mirror_load_current(CabinetMirror *self)
{
	struct stat st = {0};

	self->metadata_old = cabinet_mirror_read_current(self, CABINET_OUTPUT_METADATA, &st);
	self->sig_old = cabinet_mirror_read_current(self, CABINET_OUTPUT_METADATA_SIG, &st);
	if (self->metadata_old != NULL && self->sig_old != NULL &&
	    cabinet_signer_has_signed(self->signer,
				      self->sig_old,
				      CABINET_OUTPUT_METADATA,
				      self->metadata_old))
		self->cabinets = cabinet_metadata_read_cabinets(self->metadata_old);
}

/* the link for later; FAT, exFAT and some network file systems have none */
static gboolean
cabinet_mirror_make_link(CabinetMirror *self, GError **error)
{
	if (symlinkat(self->edition, self->output->fd, CABINET_OUTPUT_LINK) == 0)
		return TRUE;
	cabinet_output_set_error(self->output, "make a link in", self->output->name, error);
	g_prefix_error_literal(error,
			       "a mirror needs a file system with symbolic links; make it on one, "
			       "and copy what DIR/current has: ");
	return FALSE;
}

/* also makes what an earlier run made with another umask readable */
static gboolean
cabinet_mirror_check_folder(CabinetMirror *self, GError **error)
{
	struct stat st = {0};

	if (fstatat(self->output->parent, CABINET_OUTPUT_CONF, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISREG(st.st_mode))
		return cabinet_mirror_set_error_foreign(self, CABINET_OUTPUT_CONF, error);
	for (guint i = 0; i < 2; i++) {
		gint fd = i == 0 ? self->output->parent : self->current;
		if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0555) != 0555 &&
		    fchmod(fd, (st.st_mode & 0777) | 0555) != 0)
			return cabinet_output_set_error(self->output,
							"make readable",
							i == 0 ? "." : CABINET_MIRROR_CURRENT,
							error);
	}
	return TRUE;
}

static gchar *
cabinet_mirror_build_edition(void)
{
	g_autofree gchar *random = g_strdup_printf("%08x", g_random_int());
	g_autofree gchar *format = g_strconcat("edition-%Y%m%dT%H%M%SZ-", random, NULL);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	return g_date_time_format(now, format);
}

/* there can be one writer at a time */
CabinetMirror *
cabinet_mirror_new(const gchar *path,
		   const CabinetOptions *options,
		   const CabinetSigner *signer,
		   GError **error)
{
	g_autoptr(CabinetMirror) self = g_new0(CabinetMirror, 1);

	self->lock = self->current = -1;
	self->options = options;
	self->signer = signer;
	self->all_kept = TRUE;
	self->path = g_canonicalize_filename(path, NULL);
	self->edition = cabinet_mirror_build_edition();
	self->manifest = g_string_new(NULL);
	self->metadata = cabinet_metadata_new();
	self->remote = cabinet_remote_build(self->path, options, &self->remote_mode, error);
	if (self->remote == NULL)
		return NULL;
	self->output = cabinet_output_new(self->path, error);
	if (self->output == NULL || !cabinet_mirror_make_link(self, error) ||
	    !cabinet_mirror_lock(self, error) || !cabinet_mirror_open_current(self, error) ||
	    !cabinet_mirror_check_folder(self, error))
		return NULL;
	cabinet_mirror_load_current(self);
	return g_steal_pointer(&self);
}

/*
 * cabinets
 */

/* a cabinet that is there already, if the metadata proves that it is whole */
static GBytes *
cabinet_mirror_keep(CabinetMirror *self, const gchar *filename, gchar **sha256)
{
	struct stat st = {0};
	struct stat st_new = {0};
	const gchar *expected =
	    self->cabinets != NULL ? g_hash_table_lookup(self->cabinets, filename) : NULL;
	g_autoptr(GBytes) blob = NULL;

	if (expected == NULL)
		return NULL;
	blob = cabinet_mirror_read_current(self, filename, &st);
	if (blob == NULL)
		return NULL;
	*sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, blob);
	if (g_strcmp0(*sha256, expected) != 0) {
		g_clear_pointer(sha256, g_free);
		return NULL;
	}
	if (linkat(self->current, filename, self->output->fd, filename, 0) == 0 &&
	    fstatat(self->output->fd, filename, &st_new, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == st_new.st_dev && st.st_ino == st_new.st_ino)
		return g_steal_pointer(&blob);

	/* without hard links, or replaced meanwhile */
	unlinkat(self->output->fd, filename, 0);
	if (cabinet_output_write(self->output, filename, blob, NULL))
		return g_steal_pointer(&blob);
	g_clear_pointer(sha256, g_free);
	return NULL;
}

static void
cabinet_mirror_append(GString *manifest, const gchar *name, const gchar *sha256, GBytes *blob)
{
	g_string_append_printf(manifest,
			       "%s,%s,%" G_GSIZE_FORMAT "\n",
			       name,
			       sha256,
			       g_bytes_get_size(blob));
}

/* a signed cabinet: the one that is there already, if it is the same and not damaged; notes in
 * @release where clients see it */
gboolean
cabinet_mirror_add(CabinetMirror *self, CabinetRelease *release, GError **error)
{
	CabinetMetainfoContainer container = {0};
	g_autofree gchar *key = NULL;
	g_autofree gchar *name = NULL;
	g_autofree gchar *sha1 = NULL;
	g_autoptr(FuFirmware) cab = cabinet_archive_new(release, self->options, error);
	g_autoptr(GBytes) blob = NULL;

	if (cab == NULL)
		return FALSE;
	key = cabinet_archive_get_key(cab, release, self->signer);
	name = g_strdup_printf("tdx-module-%s-%s.cab", release->version, key);
	blob = cabinet_mirror_keep(self, name, &release->cabinet_sha256);
	if (blob == NULL) {
		self->all_kept = FALSE;
		blob = cabinet_archive_write(cab, release, self->options, self->signer, error);
		if (blob == NULL || !cabinet_output_write(self->output, name, blob, error))
			return FALSE;
		release->cabinet_sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, blob);
	}
	sha1 = cabinet_file_hash(G_CHECKSUM_SHA1, blob);
	container.filename = name;
	container.sha1 = sha1;
	container.sha256 = release->cabinet_sha256;
	container.size = g_bytes_get_size(blob);
	cabinet_mirror_append(self->manifest, name, release->cabinet_sha256, blob);
	release->cabinet_fn = g_build_filename(self->path, CABINET_MIRROR_CURRENT, name, NULL);
	return cabinet_metadata_add(self->metadata, release, self->options, &container, error);
}

/*
 * signing
 */

/* a client refuses metadata that is not signed later, in whole seconds, than what it has */
static gboolean
cabinet_mirror_wait_for_clock(CabinetMirror *self, GError **error)
{
	gint64 signed_at = self->sig_old != NULL ? cabinet_signer_get_time(self->sig_old) : 0;

	if (signed_at - time(NULL) > CABINET_MIRROR_CLOCK_WAIT_MAX) {
		g_autoptr(GDateTime) dt = g_date_time_new_from_unix_utc(signed_at);
		g_autofree gchar *date = g_date_time_format(dt, "%F %T");
		return cabinet_fail(
		    error,
		    "%s/" CABINET_MIRROR_CURRENT "/" CABINET_OUTPUT_METADATA_SIG
		    " was signed at %s UTC, which is in the future, and hosts refuse what "
		    "is signed earlier; if the clock is wrong now, set it; if it was wrong "
		    "then, remove the link %s/" CABINET_MIRROR_CURRENT
		    ", run this again, and on each host that has refreshed since run "
		    "fwupdmgr clean-remote tdx-module",
		    self->path,
		    date,
		    self->path);
	}

	/* as GnuTLS asks it; g_get_real_time() is some milliseconds ahead */
	while (time(NULL) <= signed_at)
		g_usleep(G_USEC_PER_SEC / 10);
	return TRUE;
}

/* with the metadata, and with its signature, which differs each time */
static GBytes *
cabinet_mirror_finish_manifest(CabinetMirror *self, GBytes *metadata, GBytes *sig)
{
	g_autofree gchar *sha256 = cabinet_file_hash(G_CHECKSUM_SHA256, metadata);
	g_autofree gchar *sha256_sig = cabinet_file_hash(G_CHECKSUM_SHA256, sig);
	GString *manifest = g_string_new(self->manifest->str);

	cabinet_mirror_append(manifest, CABINET_OUTPUT_METADATA, sha256, metadata);
	cabinet_mirror_append(manifest, CABINET_OUTPUT_METADATA_SIG, sha256_sig, sig);
	return g_string_free_to_bytes(manifest);
}

static gboolean
cabinet_mirror_write_metadata(CabinetMirror *self, GBytes *metadata, GError **error)
{
	g_autoptr(GBytes) manifest = NULL;
	g_autoptr(GBytes) sig = NULL;
	g_autoptr(JcatFile) jcat_file = jcat_file_new();

	if (!cabinet_mirror_wait_for_clock(self, error) ||
	    !cabinet_signer_sign(self->signer,
				 jcat_file,
				 CABINET_OUTPUT_METADATA,
				 metadata,
				 NULL,
				 error))
		return FALSE;
	sig = cabinet_signer_export(jcat_file, error);
	if (sig == NULL)
		return FALSE;
	manifest = cabinet_mirror_finish_manifest(self, metadata, sig);
	return cabinet_output_write(self->output, CABINET_OUTPUT_METADATA, metadata, error) &&
	       cabinet_output_write(self->output, CABINET_OUTPUT_METADATA_SIG, sig, error) &&
	       cabinet_output_write(self->output, CABINET_OUTPUT_MANIFEST, manifest, error);
}

/* for a daemon that sees the mirror as a folder, a file with the same path and time of change is
 * the one that it has read; the kernel's clock for this ticks some milliseconds apart */
static void
cabinet_mirror_wait_for_tick(CabinetMirror *self)
{
	struct stat st = {0};
	struct stat st_old = {0};

	if (self->current < 0 ||
	    fstatat(self->current, CABINET_OUTPUT_METADATA, &st_old, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	for (guint i = 0; i < CABINET_MIRROR_TICK_MAX; i++) {
		if (fstatat(self->output->fd, CABINET_OUTPUT_METADATA, &st, AT_SYMLINK_NOFOLLOW) !=
			0 ||
		    st.st_ctim.tv_sec != st_old.st_ctim.tv_sec ||
		    st.st_ctim.tv_nsec != st_old.st_ctim.tv_nsec)
			return;
		g_usleep(G_USEC_PER_SEC / 1000);
		utimensat(self->output->fd, CABINET_OUTPUT_METADATA, NULL, AT_SYMLINK_NOFOLLOW);
	}
}

static gboolean
cabinet_mirror_is_same(CabinetMirror *self, GBytes *metadata)
{
	struct stat st = {0};
	g_autoptr(GBytes) manifest = NULL;
	g_autoptr(GBytes) manifest_old =
	    cabinet_mirror_read_current(self, CABINET_OUTPUT_MANIFEST, &st);

	if (!self->all_kept || self->cabinets == NULL || manifest_old == NULL ||
	    !g_bytes_equal(metadata, self->metadata_old))
		return FALSE;
	manifest = cabinet_mirror_finish_manifest(self, metadata, self->sig_old);
	return g_bytes_equal(manifest, manifest_old);
}

/*
 * editions
 */

/* for how long an edition has not been served, in seconds; -1 if it never was, or is damaged */
static gint64
cabinet_mirror_get_age(gint edition)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	struct stat st = {0};

	if (fstatat(edition, CABINET_OUTPUT_LINK, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatat(edition, CABINET_OUTPUT_METADATA, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -1;
	if (st.st_mtime <= now)
		return now - st.st_mtime;

	/* the clock was wrong once */
	utimensat(edition, CABINET_OUTPUT_METADATA, NULL, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static gboolean
cabinet_mirror_is_kept(CabinetMirror *self, gint edition)
{
	gint64 age = cabinet_mirror_get_age(edition);
	return age >= 0 && age < (gint64)self->options->keep_days * 24 * 60 * 60;
}

static gboolean
cabinet_mirror_is_cabinet(const gchar *name)
{
	return g_regex_match_simple(CABINET_OUTPUT_CABINET, name, G_REGEX_DOLLAR_ENDONLY, 0);
}

static gint
cabinet_mirror_open_edition(CabinetMirror *self, const gchar *name)
{
	return cabinet_mirror_is_edition(name)
		   ? cabinet_file_open_folder(self->output->parent, name)
		   : -1;
}

/* adds the cabinets of an edition, but not those that it has from others */
static void
cabinet_mirror_find_cabinets(gint edition, GHashTable *names)
{
	g_auto(GStrv) lines = NULL;
	g_autoptr(GBytes) blob = cabinet_file_read(edition,
						   CABINET_OUTPUT_MANIFEST,
						   O_NOFOLLOW,
						   CABINET_MIRROR_SIZE_MAX,
						   NULL,
						   NULL);

	if (blob == NULL || g_bytes_get_size(blob) == 0)
		return;
	lines = fu_strsplit_bytes(blob, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		lines[i][strcspn(lines[i], ",")] = '\0';
		if (cabinet_mirror_is_cabinet(lines[i]))
			g_hash_table_add(names, g_strdup(lines[i]));
	}
}

/* hosts that have not refreshed since ask for the same name */
static gboolean
cabinet_mirror_carry(CabinetMirror *self, gint edition, const gchar *name, GError **error)
{
	struct stat st = {0};
	g_autoptr(GBytes) blob = NULL;

	if (fstatat(edition, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
	    faccessat(self->output->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    linkat(edition, name, self->output->fd, name, 0) == 0)
		return TRUE;
	blob = cabinet_file_read(edition, name, O_NOFOLLOW, CABINET_MIRROR_SIZE_MAX, NULL, error);
	return blob != NULL && cabinet_output_write(self->output, name, blob, error);
}

static gboolean
cabinet_mirror_carry_all(CabinetMirror *self, GError **error)
{
	g_autoptr(GPtrArray) folders = cabinet_file_list(self->output->parent);

	for (guint i = 0; i < folders->len; i++) {
		GHashTableIter iter;
		gpointer name = NULL;
		gboolean ret = TRUE;
		gint fd = cabinet_mirror_open_edition(self, g_ptr_array_index(folders, i));
		g_autoptr(GHashTable) names =
		    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

		if (fd < 0)
			continue;
		if (cabinet_mirror_is_kept(self, fd))
			cabinet_mirror_find_cabinets(fd, names);
		g_hash_table_iter_init(&iter, names);
		while (ret && g_hash_table_iter_next(&iter, &name, NULL))
			ret = cabinet_mirror_carry(self, fd, name, error);
		g_close(fd, NULL);
		if (!ret)
			return FALSE;
	}
	return TRUE;
}

/* a daemon that sees the mirror as a folder watches the edition that it has, and looks for a new
 * one when that is modified; with another mode or access time, fwupd 2.1 would not look */
static void
cabinet_mirror_notify(gint edition)
{
	struct stat st = {0};
	struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {0}};

	if (fstatat(edition, CABINET_OUTPUT_METADATA, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	times[1] = st.st_mtim;
	utimensat(edition, CABINET_OUTPUT_METADATA, times, AT_SYMLINK_NOFOLLOW);
}

/* editions whose time is over, and then their cabinets in the one that is served */
static void
cabinet_mirror_retire(CabinetMirror *self, const gchar *live)
{
	gint live_fd = cabinet_mirror_open_edition(self, live);
	g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) folders = cabinet_file_list(self->output->parent);
	g_autoptr(GPtrArray) names = cabinet_file_list(live_fd);

	cabinet_mirror_find_cabinets(live_fd, wanted);
	for (guint i = 0; i < folders->len; i++) {
		const gchar *folder = g_ptr_array_index(folders, i);
		gint fd = g_strcmp0(folder, live) != 0 ? cabinet_mirror_open_edition(self, folder)
						       : -1;
		if (fd < 0)
			continue;
		if (cabinet_mirror_is_kept(self, fd)) {
			cabinet_mirror_find_cabinets(fd, wanted);
			cabinet_mirror_notify(fd);
		} else {
			cabinet_output_remove_folder(self->output->parent, folder);
		}
		g_close(fd, NULL);
	}
	for (guint i = 0; i < names->len; i++) {
		const gchar *name = g_ptr_array_index(names, i);
		if (cabinet_mirror_is_cabinet(name) && !g_hash_table_contains(wanted, name))
			unlinkat(live_fd, name, 0);
	}
	g_close(live_fd, NULL);
}

/*
 * publishing
 */

static gboolean
cabinet_mirror_write_conf(CabinetMirror *self, GError **error)
{
	struct stat st = {0};
	gint parent = self->output->parent;
	g_autoptr(GBytes) old = NULL;

	old = cabinet_file_read(parent,
				CABINET_OUTPUT_CONF,
				O_NOFOLLOW,
				CABINET_FILE_SIZE_MAX,
				&st,
				NULL);
	if (old != NULL && (st.st_mode & 0777) == self->remote_mode &&
	    g_bytes_equal(old, self->remote))
		return TRUE;
	if (!cabinet_file_write(self->output->fd,
				CABINET_OUTPUT_CONF,
				self->remote,
				self->remote_mode,
				error))
		return FALSE;
	if (renameat(self->output->fd, CABINET_OUTPUT_CONF, parent, CABINET_OUTPUT_CONF) != 0)
		return cabinet_output_set_error(self->output,
						"replace",
						CABINET_OUTPUT_CONF,
						error);
	return TRUE;
}

/* the one moment at which clients see the new edition */
static gboolean
cabinet_mirror_switch(CabinetMirror *self, GError **error)
{
	if (renameat(self->output->fd,
		     CABINET_OUTPUT_LINK,
		     self->output->parent,
		     CABINET_MIRROR_CURRENT) != 0 ||
	    fsync(self->output->parent) != 0)
		return cabinet_output_set_error(self->output,
						"replace",
						CABINET_MIRROR_CURRENT,
						error);
	return TRUE;
}

/* signs the metadata and lets clients see the new edition, unless it would be the same as the last
 */
gboolean
cabinet_mirror_publish(CabinetMirror *self, gboolean *changed, GError **error)
{
	g_autoptr(GBytes) metadata = cabinet_metadata_finish(self->metadata);

	*changed = !cabinet_mirror_is_same(self, metadata);
	if (!*changed) {
		if (!cabinet_mirror_write_conf(self, error))
			return FALSE;
		cabinet_mirror_retire(self, self->current_name);
		return TRUE;
	}

	/* from when on it is not the newest */
	if (self->current >= 0)
		utimensat(self->current, CABINET_OUTPUT_METADATA, NULL, AT_SYMLINK_NOFOLLOW);
	if (!cabinet_mirror_write_metadata(self, metadata, error))
		return FALSE;
	cabinet_mirror_wait_for_tick(self);
	if (!cabinet_mirror_carry_all(self, error) ||
	    !cabinet_output_publish_folder(self->output, self->edition, error) ||
	    !cabinet_mirror_write_conf(self, error) || !cabinet_mirror_switch(self, error))
		return FALSE;
	self->output->made = FALSE;
	cabinet_mirror_retire(self, self->edition);
	return TRUE;
}
