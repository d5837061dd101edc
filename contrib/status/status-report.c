/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * What this host is: the only place where that is decided.
 */

#include "config.h"

#include <time.h>

#include "fu-tdx-preflight.h"
#include "status.h"

const StatusStateInfo status_states[] = {
    [STATUS_STATE_CURRENT] = {"current", 0},
    [STATUS_STATE_NEWER] = {"newer", 0},
    [STATUS_STATE_AVAILABLE] = {"available", 3},
    [STATUS_STATE_BLOCKED] = {"blocked", 4},
    [STATUS_STATE_NO_RELEASE] = {"no_release", 5},
    [STATUS_STATE_FAILED] = {"failed", 6},
    [STATUS_STATE_NO_PLUGIN] = {"no_plugin", 7},
    [STATUS_STATE_NO_TDX] = {"no_tdx", 8},
    [STATUS_STATE_UNKNOWN] = {"unknown", 9},
    [STATUS_STATE_LOST] = {"lost", 10},
};

/* all of them, for who has to know each */
const gchar *const status_boot_states[] =
    {"none", "unknown", "damaged", "ignored", "reset_needed", "available", "current", NULL};
const gchar *const status_resets[] = {"module_lost", "boot_module", "remaining_updates", NULL};

/*
 * why the TDX module cannot be updated now
 */

static void
report_add_reason(StatusReport *self, const gchar *code, gboolean lasting, const gchar *message)
{
	StatusReason *reason = g_new0(StatusReason, 1);

	reason->code = code;
	reason->lasting = lasting;
	reason->message = g_strdup(message);
	g_ptr_array_add(self->reasons, reason);
	self->is_lasting |= lasting;
}

const StatusReason *
status_report_find_reason(const StatusReport *self, const gchar *code)
{
	for (guint i = 0; i < self->reasons->len; i++) {
		const StatusReason *reason = g_ptr_array_index(self->reasons, i);
		if (g_strcmp0(reason->code, code) == 0)
			return reason;
	}
	return NULL;
}

/* what the kernel shows to root only is known to fwupd */
static gboolean
report_is_kept_back(const StatusReport *self, FuTdxPreflightRule rule)
{
	const FuTdxHost *host = &self->facts->host;

	if (self->facts->is_root)
		return FALSE;
	if (rule == FU_TDX_PREFLIGHT_RULE_SEAMLDR_MISSING)
		return host->errors[FU_TDX_HOST_FACT_SEAMLDR] != NULL;
	if (rule == FU_TDX_PREFLIGHT_RULE_REMAINING_UPDATES)
		return host->errors[FU_TDX_HOST_FACT_REMAINING_UPDATES] != NULL;
	return rule == FU_TDX_PREFLIGHT_RULE_UPLOAD_DENIED;
}

/* as fwupd takes it: a typing error must not cost the guests */
static gboolean
report_requires_no_guests(void)
{
	const FuPathKind kinds[] = {FU_PATH_KIND_LOCALCONFDIR_PKG, FU_PATH_KIND_SYSCONFDIR_PKG};
	g_autoptr(FuContext) ctx = status_context_new();

	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const gchar *dirname = fu_context_get_path(ctx, kinds[i], NULL);
		g_autofree gchar *filename = NULL;
		g_autofree gchar *value = NULL;
		g_autoptr(GKeyFile) kf = g_key_file_new();

		if (dirname == NULL)
			continue;
		filename = g_build_filename(dirname, "fwupd.conf", NULL);
		if (g_key_file_load_from_file(kf, filename, G_KEY_FILE_NONE, NULL))
			value = g_key_file_get_string(kf, "tdx_module", "RequireNoGuests", NULL);
		if (value != NULL)
			return g_strcmp0(value, "false") != 0;
	}
	return FALSE;
}

static void
report_ensure_reasons(StatusReport *self)
{
	FwupdDevice *device = self->fwupd->device;
	g_autoptr(GPtrArray) reasons = NULL;

	if (!self->facts->has_device)
		return;
	reasons = fu_tdx_preflight_check_host(&self->facts->host, report_requires_no_guests());
	for (guint i = 0; i < reasons->len; i++) {
		FuTdxPreflightReason *reason = g_ptr_array_index(reasons, i);
		const gchar *code = fu_tdx_preflight_rule_to_string(reason->rule);
		if (!report_is_kept_back(self, reason->rule))
			report_add_reason(self, code, reason->lasting, reason->message);
	}
	if (self->reasons->len == 0 && device != NULL &&
	    !fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE))
		report_add_reason(self, "fwupd", TRUE, fwupd_device_get_update_error(device));
}

static void
report_ensure_unknown(StatusReport *self)
{
	const FuTdxHost *host = &self->facts->host;
	const gchar *advice = self->facts->is_root ? "" : "; run this as root";

	for (guint i = 0; self->facts->has_device && i < FU_TDX_HOST_FACT_LAST; i++) {
		if (host->errors[i] != NULL && !(i == FU_TDX_HOST_FACT_MODULE && host->module_lost))
			g_ptr_array_add(self->unknown, g_strconcat(host->errors[i], advice, NULL));
	}
	if (self->fwupd->error != NULL)
		g_ptr_array_add(self->unknown, g_strdup_printf("fwupd: %s", self->fwupd->error));
	if (self->metadata->error != NULL)
		g_ptr_array_add(self->unknown, self->metadata->error);
}

/*
 * releases
 */

gint
status_version_compare(const gchar *version1, const gchar *version2)
{
	return fu_version_compare(version1, version2, FWUPD_VERSION_FORMAT_TRIPLET);
}

static FwupdRelease *
report_find_newest(GPtrArray *releases)
{
	FwupdRelease *newest = NULL;

	for (guint i = 0; i < releases->len; i++) {
		FwupdRelease *release = g_ptr_array_index(releases, i);
		if (newest == NULL || status_version_compare(fwupd_release_get_version(release),
							     fwupd_release_get_version(newest)) > 0)
			newest = release;
	}
	return newest;
}

static void
report_ensure_releases(StatusReport *self)
{
	const gchar *newest = self->metadata->newest;
	const gchar *best = self->version;
	FwupdRelease *release = report_find_newest(self->fwupd->releases);
	FwupdRelease *boot_release = report_find_newest(self->fwupd->boot_releases);

	if (release != NULL) {
		self->offered = fwupd_release_get_version(release);
		self->urgency = fwupd_release_urgency_to_string(fwupd_release_get_urgency(release));
		best = self->offered;
	}
	if (boot_release != NULL)
		self->boot_offer = fwupd_release_get_version(boot_release);
	self->is_refused =
	    newest != NULL && best != NULL && status_version_compare(newest, best) > 0;
}

StatusTri
status_report_has_tdx(const StatusReport *self, FwupdRemote *remote)
{
	const gchar *id = fwupd_remote_get_id(remote);

	if (self->metadata->error != NULL)
		return STATUS_TRI_UNKNOWN;
	if (g_ptr_array_find_with_equal_func(self->metadata->remotes, id, g_str_equal, NULL))
		return STATUS_TRI_TRUE;
	return STATUS_TRI_FALSE;
}

/* returns the version of the last update, if it has had that result */
static const gchar *
report_get_updated(const StatusReport *self, FwupdUpdateState result)
{
	FwupdDevice *entry = self->fwupd->entry;

	if (entry == NULL || fwupd_device_get_update_state(entry) != result)
		return NULL;
	return fwupd_release_get_version(fwupd_device_get_release_default(entry));
}

static gboolean
report_has_failed(const StatusReport *self)
{
	const gchar *version = report_get_updated(self, FWUPD_UPDATE_STATE_FAILED);

	return version != NULL && status_version_compare(version, self->version) > 0 &&
	       (self->offered == NULL || status_version_compare(self->offered, version) <= 0);
}

/*
 * the boot
 */

static gint64
status_get_boot_time(void)
{
	struct timespec ts = {0};
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return g_get_real_time() / G_USEC_PER_SEC - ts.tv_sec;
}

static const gchar *
report_find_source(const StatusReport *self)
{
	const StatusFwupd *fwupd = self->fwupd;
	const gchar *updated = report_get_updated(self, FWUPD_UPDATE_STATE_SUCCESS);

	if (self->version == NULL || fwupd->state != STATUS_FWUPD_STATE_RUNNING)
		return "unknown";
	if (updated != NULL && status_version_compare(updated, self->version) == 0 &&
	    (gint64)fwupd_device_get_modified(fwupd->entry) >= status_get_boot_time())
		return "runtime";
	if (fwupd->boot != NULL &&
	    status_version_compare(fwupd_device_get_version(fwupd->boot), self->version) == 0)
		return "esp";
	return "bios";
}

static const gchar *
report_find_boot_state(const StatusReport *self)
{
	const StatusFwupd *fwupd = self->fwupd;
	FwupdDevice *entry = fwupd->boot_entry != NULL ? fwupd->boot_entry : fwupd->boot;
	const gchar *version;

	if (fwupd->state != STATUS_FWUPD_STATE_RUNNING)
		return "unknown";
	if (fwupd->boot == NULL)
		return "none";
	version = fwupd_device_get_version(fwupd->boot);
	if (fwupd_device_get_update_state(entry) == FWUPD_UPDATE_STATE_NEEDS_REBOOT)
		return "reset_needed";
	if (fwupd_device_get_update_state(entry) == FWUPD_UPDATE_STATE_FAILED)
		return "ignored";
	if (version == NULL || g_strcmp0(version, "0.0.0") == 0)
		return "damaged";
	if (self->version != NULL && status_version_compare(version, self->version) > 0)
		return "reset_needed";
	if (self->boot_offer != NULL && status_version_compare(self->boot_offer, version) > 0)
		return "available";
	return "current";
}

static void
report_ensure_resets(StatusReport *self)
{
	const FuTdxHost *host = &self->facts->host;

	if (host->module_lost)
		g_ptr_array_add(self->resets, (gpointer) "module_lost");
	if (g_strcmp0(self->boot_state, "reset_needed") == 0)
		g_ptr_array_add(self->resets, (gpointer) "boot_module");
	if (host->remaining_updates == 0 && self->offered != NULL)
		g_ptr_array_add(self->resets, (gpointer) "remaining_updates");
}

/*
 * what follows
 */

/* fwupd offers only newer ones, and of these only those that this host can take */
static StatusState
report_find_state_of_releases(const StatusReport *self)
{
	const gchar *newest = self->metadata->newest;

	if (report_has_failed(self))
		return STATUS_STATE_FAILED;
	if (self->offered == NULL && newest != NULL && !self->is_refused)
		return status_version_compare(newest, self->version) < 0 ? STATUS_STATE_NEWER
									 : STATUS_STATE_CURRENT;
	if (self->is_lasting)
		return STATUS_STATE_BLOCKED;
	if (self->offered == NULL)
		return STATUS_STATE_NO_RELEASE;
	return self->reasons->len > 0 ? STATUS_STATE_BLOCKED : STATUS_STATE_AVAILABLE;
}

/* the gravest first */
static StatusState
report_find_state(const StatusReport *self)
{
	if (self->facts->host.module_lost)
		return STATUS_STATE_LOST;
	if (self->facts->hung != NULL)
		return STATUS_STATE_UNKNOWN;
	if (!self->facts->has_device)
		return STATUS_STATE_NO_TDX;
	if (self->version == NULL || self->fwupd->state == STATUS_FWUPD_STATE_UNKNOWN)
		return STATUS_STATE_UNKNOWN;
	if (self->fwupd->state == STATUS_FWUPD_STATE_MISSING || self->fwupd->device == NULL)
		return STATUS_STATE_NO_PLUGIN;
	return report_find_state_of_releases(self);
}

/* as far as this process can tell */
static StatusTri
report_find_updatable(const StatusReport *self)
{
	if (self->state == STATUS_STATE_UNKNOWN)
		return STATUS_TRI_UNKNOWN;
	if (self->reasons->len > 0 || self->state == STATUS_STATE_NO_TDX ||
	    self->state == STATUS_STATE_NO_PLUGIN)
		return STATUS_TRI_FALSE;
	return STATUS_TRI_TRUE;
}

/* for who has never seen TDX: the first thing that is missing */
static gchar *
report_explain_no_tdx(const StatusReport *self)
{
	for (guint i = 0; i < self->rungs->len; i++) {
		const StatusRung *rung = g_ptr_array_index(self->rungs, i);
		if (rung->result == STATUS_RESULT_FAIL)
			return g_strdup_printf("No TDX module can be seen on this machine: %s; %s",
					       rung->found,
					       rung->advice);
	}
	return g_strdup("No TDX module can be seen on this machine");
}

/* what follows the version that is running */
static gchar *
report_explain_running(const StatusReport *self)
{
	const StatusMetadata *metadata = self->metadata;
	const StatusReason *reason;

	switch (self->state) {
	case STATUS_STATE_CURRENT:
		return g_strdup(", the newest that fwupd has for this host");
	case STATUS_STATE_NEWER:
		return g_strdup_printf(", newer than %s, the newest that fwupd has for this host",
				       metadata->newest);
	case STATUS_STATE_AVAILABLE:
		return g_strdup_printf(", and can be updated to %s now: fwupdmgr update",
				       self->offered);
	case STATUS_STATE_BLOCKED:
		reason = g_ptr_array_index(self->reasons, 0);
		return g_strdup_printf(", and cannot be updated now: %s", reason->message);
	case STATUS_STATE_NO_RELEASE:
		if (self->is_refused)
			return g_strdup_printf(", and %s is not for this host as it is: %s",
					       metadata->newest,
					       metadata->reason);
		return g_strdup(", and no remote of fwupd has a release for this CPU and series");
	case STATUS_STATE_FAILED:
		return g_strdup_printf(", and the last update failed: %s",
				       fwupd_device_get_update_error(self->fwupd->entry));
	default:
		return g_strdup_printf(", and fwupd cannot update it, as %s",
				       self->fwupd->state == STATUS_FWUPD_STATE_MISSING
					   ? "it is not installed"
					   : "its plugin tdx_module is missing");
	}
}

static gchar *
report_build_verdict(const StatusReport *self)
{
	const gchar *version = self->version != NULL ? self->version : "";
	const gchar *why = self->facts->hung;
	g_autofree gchar *running = NULL;

	if (self->state == STATUS_STATE_NO_TDX)
		return report_explain_no_tdx(self);
	if (self->state == STATUS_STATE_LOST)
		return g_strdup("The TDX module is lost, and all TDs with it: only a full reset of "
				"the host loads a TDX module again");
	if (self->state == STATUS_STATE_UNKNOWN) {
		if (self->unknown->len > 0)
			why = g_ptr_array_index(self->unknown, 0);
		return g_strdup_printf("It is not known if the TDX module%s%s is current: %s",
				       version[0] != '\0' ? " " : "",
				       version,
				       why);
	}
	running = report_explain_running(self);
	return g_strdup_printf("TDX module %s is running%s", version, running);
}

StatusReport *
status_report_new(const StatusFacts *facts,
		  const StatusFwupd *fwupd,
		  const StatusReapply *reapply,
		  GPtrArray *tcbs)
{
	StatusReport *self = g_new0(StatusReport, 1);

	self->facts = facts;
	self->fwupd = fwupd;
	self->reapply = reapply;
	self->tcbs = tcbs;
	self->reasons = g_ptr_array_new();
	self->unknown = g_ptr_array_new();
	self->resets = g_ptr_array_new();
	self->version = facts->host.module_version;
	self->svn = fu_tdx_preflight_version_to_svn(self->version);
	if (self->version != NULL)
		self->released = tdx_released_find_by_version(self->version);
	self->seamldr = facts->host.seamldr_version;
	if (self->seamldr == NULL && fwupd->device != NULL)
		self->seamldr = fwupd_device_get_version_bootloader(fwupd->device);
	self->metadata = status_metadata_new(fwupd, self->seamldr);
	report_ensure_releases(self);
	report_ensure_reasons(self);
	report_ensure_unknown(self);
	self->source = report_find_source(self);
	self->boot_state = report_find_boot_state(self);
	report_ensure_resets(self);
	self->state = report_find_state(self);
	self->updatable = report_find_updatable(self);
	self->rungs = status_ladder_build(self);
	self->verdict = report_build_verdict(self);
	return self;
}
