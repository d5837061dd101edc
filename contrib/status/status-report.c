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

static const struct {
	const gchar *name;
	gint exit;
} status_states[] = {
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

/**
 * status_state_to_string:
 * @state: a #StatusState
 *
 * Returns: the fixed code, e.g. `no_tdx`
 **/
const gchar *
status_state_to_string(StatusState state)
{
	return status_states[state].name;
}

/**
 * status_state_to_exit:
 * @state: a #StatusState
 *
 * Returns: the exit status of the program
 **/
gint
status_state_to_exit(StatusState state)
{
	return status_states[state].exit;
}

static void
status_reason_free(StatusReason *reason)
{
	g_free(reason->message);
	g_free(reason);
}

/**
 * status_report_free:
 * @self: a #StatusReport
 *
 * Frees a report and all that it was made of.
 **/
void
status_report_free(StatusReport *self)
{
	status_facts_free(self->facts);
	status_fwupd_free(self->fwupd);
	status_metadata_free(self->metadata);
	status_reapply_free(self->reapply);
	g_ptr_array_unref(self->tcbs);
	g_ptr_array_unref(self->reasons);
	g_ptr_array_unref(self->unknown);
	g_ptr_array_unref(self->resets);
	g_ptr_array_unref(self->rungs);
	g_free(self->verdict);
	g_free(self);
}

/*
 * why the TDX module cannot be updated now
 */

static void
status_report_add_reason(StatusReport *self,
			 const gchar *code,
			 gboolean lasting,
			 const gchar *message)
{
	StatusReason *reason = g_new0(StatusReason, 1);

	reason->code = code;
	reason->lasting = lasting;
	reason->message = g_strdup(message);
	g_ptr_array_add(self->reasons, reason);
}

/**
 * status_report_find_reason:
 * @self: a #StatusReport
 * @code: of a #StatusReason
 *
 * Returns: (nullable): the reason, if it holds
 **/
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
status_report_is_kept_back(const StatusReport *self, FuTdxPreflightRule rule)
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
status_report_requires_no_guests(void)
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
status_report_ensure_reasons(StatusReport *self)
{
	FwupdDevice *device = self->fwupd->device;
	g_autoptr(GPtrArray) reasons =
	    fu_tdx_preflight_check_host(&self->facts->host, status_report_requires_no_guests());

	if (!self->facts->has_device)
		return;
	for (guint i = 0; i < reasons->len; i++) {
		FuTdxPreflightReason *reason = g_ptr_array_index(reasons, i);
		if (!status_report_is_kept_back(self, reason->rule))
			status_report_add_reason(self,
						 fu_tdx_preflight_rule_to_string(reason->rule),
						 reason->lasting,
						 reason->message);
	}
	if (self->reasons->len == 0 && device != NULL &&
	    !fwupd_device_has_flag(device, FWUPD_DEVICE_FLAG_UPDATABLE))
		status_report_add_reason(self,
					 "fwupd",
					 TRUE,
					 fwupd_device_get_update_error(device));
}

static void
status_report_ensure_unknown(StatusReport *self)
{
	const FuTdxHost *host = &self->facts->host;

	for (guint i = 0; i < FU_TDX_HOST_FACT_LAST; i++) {
		if (host->errors[i] != NULL && self->facts->has_device &&
		    !(i == FU_TDX_HOST_FACT_MODULE && host->module_lost))
			g_ptr_array_add(
			    self->unknown,
			    g_strconcat(host->errors[i],
					self->facts->is_root ? "" : "; run this as root",
					NULL));
	}
	if (self->fwupd->error != NULL)
		g_ptr_array_add(self->unknown, g_strdup_printf("fwupd: %s", self->fwupd->error));
	if (self->metadata->error != NULL)
		g_ptr_array_add(self->unknown, g_strdup(self->metadata->error));
}

/*
 * releases
 */

static gint
status_version_compare(const gchar *version1, const gchar *version2)
{
	return fu_version_compare(version1, version2, FWUPD_VERSION_FORMAT_TRIPLET);
}

static FwupdRelease *
status_report_find_newest(GPtrArray *releases)
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

static gboolean
status_report_find_refused(const StatusReport *self)
{
	const gchar *offered = self->newest != NULL ? fwupd_release_get_version(self->newest)
						    : self->version;

	return self->metadata->newest != NULL && offered != NULL &&
	       status_version_compare(self->metadata->newest, offered) > 0;
}

/**
 * status_report_has_tdx:
 * @self: a #StatusReport
 * @remote: of fwupd
 *
 * Returns: if it has TDX modules for any host
 **/
StatusTri
status_report_has_tdx(const StatusReport *self, FwupdRemote *remote)
{
	if (self->metadata->error != NULL)
		return STATUS_TRI_UNKNOWN;
	return g_ptr_array_find_with_equal_func(self->metadata->remotes,
						fwupd_remote_get_id(remote),
						g_str_equal,
						NULL)
		   ? STATUS_TRI_TRUE
		   : STATUS_TRI_FALSE;
}

static gboolean
status_report_has_failed(const StatusReport *self)
{
	FwupdDevice *entry = self->fwupd->entry;
	const gchar *version;

	if (entry == NULL || fwupd_device_get_update_state(entry) != FWUPD_UPDATE_STATE_FAILED)
		return FALSE;
	version = fwupd_release_get_version(fwupd_device_get_release_default(entry));
	if (version == NULL || status_version_compare(version, self->version) <= 0)
		return FALSE;
	return self->newest == NULL ||
	       status_version_compare(fwupd_release_get_version(self->newest), version) <= 0;
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
status_report_find_source(const StatusReport *self)
{
	FwupdDevice *boot = self->fwupd->boot;
	FwupdDevice *entry = self->fwupd->entry;

	if (self->version == NULL || self->fwupd->state != STATUS_FWUPD_STATE_RUNNING)
		return "unknown";
	if (entry != NULL && fwupd_device_get_update_state(entry) == FWUPD_UPDATE_STATE_SUCCESS &&
	    (gint64)fwupd_device_get_modified(entry) >= status_get_boot_time() &&
	    status_version_compare(
		fwupd_release_get_version(fwupd_device_get_release_default(entry)),
		self->version) == 0)
		return "runtime";
	if (boot != NULL &&
	    status_version_compare(fwupd_device_get_version(boot), self->version) == 0)
		return "esp";
	return "bios";
}

static const gchar *
status_report_find_boot_state(const StatusReport *self)
{
	FwupdDevice *boot = self->fwupd->boot;
	FwupdUpdateState update_state;
	const gchar *version;

	if (self->fwupd->state != STATUS_FWUPD_STATE_RUNNING)
		return "unknown";
	if (boot == NULL)
		return "none";
	version = fwupd_device_get_version(boot);
	update_state = fwupd_device_get_update_state(
	    self->fwupd->boot_entry != NULL ? self->fwupd->boot_entry : boot);
	if (update_state == FWUPD_UPDATE_STATE_NEEDS_REBOOT)
		return "reset_needed";
	if (update_state == FWUPD_UPDATE_STATE_FAILED)
		return "ignored";
	if (version == NULL || g_strcmp0(version, "0.0.0") == 0)
		return "damaged";
	if (self->version != NULL && status_version_compare(version, self->version) > 0)
		return "reset_needed";
	if (self->newest_boot != NULL &&
	    status_version_compare(fwupd_release_get_version(self->newest_boot), version) > 0)
		return "available";
	return "current";
}

static void
status_report_ensure_resets(StatusReport *self)
{
	if (self->facts->host.module_lost)
		g_ptr_array_add(self->resets, (gpointer) "module_lost");
	if (g_strcmp0(self->boot_state, "reset_needed") == 0)
		g_ptr_array_add(self->resets, (gpointer) "boot_module");
	if (self->facts->host.attr_remaining_updates != NULL &&
	    self->facts->host.remaining_updates == 0 && self->newest != NULL)
		g_ptr_array_add(self->resets, (gpointer) "remaining_updates");
}

/*
 * what follows
 */

static gboolean
status_report_is_lasting(const StatusReport *self)
{
	for (guint i = 0; i < self->reasons->len; i++) {
		StatusReason *reason = g_ptr_array_index(self->reasons, i);
		if (reason->lasting)
			return TRUE;
	}
	return FALSE;
}

/* fwupd offers only newer ones, and of these only those that this host can take */
static StatusState
status_report_find_state_of_releases(const StatusReport *self)
{
	const gchar *newest = self->metadata->newest;

	if (status_report_has_failed(self))
		return STATUS_STATE_FAILED;
	if (self->newest == NULL && newest != NULL && !self->is_refused)
		return status_version_compare(newest, self->version) < 0 ? STATUS_STATE_NEWER
									 : STATUS_STATE_CURRENT;
	if (status_report_is_lasting(self))
		return STATUS_STATE_BLOCKED;
	if (self->newest == NULL)
		return STATUS_STATE_NO_RELEASE;
	return self->reasons->len > 0 ? STATUS_STATE_BLOCKED : STATUS_STATE_AVAILABLE;
}

/* the gravest first */
static StatusState
status_report_find_state(const StatusReport *self)
{
	if (self->facts->host.module_lost)
		return STATUS_STATE_LOST;
	if (self->facts->hung != NULL)
		return STATUS_STATE_UNKNOWN;
	if (!self->facts->has_device)
		return STATUS_STATE_NO_TDX;
	if (self->version == NULL)
		return STATUS_STATE_UNKNOWN;
	if (self->fwupd->state == STATUS_FWUPD_STATE_UNKNOWN)
		return STATUS_STATE_UNKNOWN;
	if (self->fwupd->state == STATUS_FWUPD_STATE_MISSING || self->fwupd->device == NULL)
		return STATUS_STATE_NO_PLUGIN;
	return status_report_find_state_of_releases(self);
}

/* as far as this process can tell */
static StatusTri
status_report_find_updatable(const StatusReport *self)
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
status_report_explain_no_tdx(const StatusReport *self)
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

static gchar *
status_report_build_verdict(const StatusReport *self)
{
	const gchar *newest = self->newest != NULL ? fwupd_release_get_version(self->newest) : NULL;
	StatusReason *reason = self->reasons->len > 0 ? g_ptr_array_index(self->reasons, 0) : NULL;

	switch (self->state) {
	case STATUS_STATE_CURRENT:
		return g_strdup_printf("TDX module %s is running, the newest that fwupd has for "
				       "this host",
				       self->version);
	case STATUS_STATE_NEWER:
		return g_strdup_printf("TDX module %s is running, newer than %s, the newest that "
				       "fwupd has for this host",
				       self->version,
				       self->metadata->newest);
	case STATUS_STATE_AVAILABLE:
		return g_strdup_printf("TDX module %s is running, and can be updated to %s now: "
				       "fwupdmgr update",
				       self->version,
				       newest);
	case STATUS_STATE_BLOCKED:
		return g_strdup_printf("TDX module %s is running, and cannot be updated now: %s",
				       self->version,
				       reason->message);
	case STATUS_STATE_NO_RELEASE:
		if (self->is_refused)
			return g_strdup_printf("TDX module %s is running, and %s is not for this "
					       "host as it is: %s",
					       self->version,
					       self->metadata->newest,
					       self->metadata->reason);
		return g_strdup_printf("TDX module %s is running, and no remote of fwupd has a "
				       "release for this CPU and series",
				       self->version);
	case STATUS_STATE_FAILED:
		return g_strdup_printf("TDX module %s is running, and the last update failed: %s",
				       self->version,
				       fwupd_device_get_update_error(self->fwupd->entry));
	case STATUS_STATE_NO_PLUGIN:
		return g_strdup_printf("TDX module %s is running, and fwupd cannot update it, as "
				       "%s",
				       self->version,
				       self->fwupd->state == STATUS_FWUPD_STATE_MISSING
					   ? "it is not installed"
					   : "its plugin tdx_module is missing");
	case STATUS_STATE_NO_TDX:
		return status_report_explain_no_tdx(self);
	case STATUS_STATE_LOST:
		return g_strdup("The TDX module is lost, and all TDs with it: only a full reset of "
				"the host loads a TDX module again");
	default:
		return g_strdup_printf("It is not known if the TDX module%s%s is current: %s",
				       self->version != NULL ? " " : "",
				       self->version != NULL ? self->version : "",
				       self->unknown->len > 0
					   ? (const gchar *)g_ptr_array_index(self->unknown, 0)
					   : self->facts->hung);
	}
}

/**
 * status_report_new:
 * @facts: (transfer full): of this machine
 * @fwupd: (transfer full): what fwupd knows
 * @reapply: (transfer full): what is applied again after a reset
 * @tcbs: (transfer full) (element-type StatusTcb): what Intel says
 *
 * Finds out what this host is.
 *
 * Returns: (transfer full): a report
 **/
StatusReport *
status_report_new(StatusFacts *facts, StatusFwupd *fwupd, StatusReapply *reapply, GPtrArray *tcbs)
{
	StatusReport *self = g_new0(StatusReport, 1);

	self->facts = facts;
	self->fwupd = fwupd;
	self->reapply = reapply;
	self->tcbs = tcbs;
	self->reasons = g_ptr_array_new_with_free_func((GDestroyNotify)status_reason_free);
	self->unknown = g_ptr_array_new_with_free_func(g_free);
	self->resets = g_ptr_array_new();
	self->version = facts->host.module_version;
	self->seamldr = facts->host.seamldr_version;
	if (self->seamldr == NULL && fwupd->device != NULL)
		self->seamldr = fwupd_device_get_version_bootloader(fwupd->device);
	self->metadata = status_metadata_new(fwupd, self->seamldr);
	self->newest = status_report_find_newest(fwupd->releases);
	self->newest_boot = status_report_find_newest(fwupd->boot_releases);
	self->is_refused = status_report_find_refused(self);
	status_report_ensure_reasons(self);
	status_report_ensure_unknown(self);
	self->source = status_report_find_source(self);
	self->boot_state = status_report_find_boot_state(self);
	status_report_ensure_resets(self);
	self->state = status_report_find_state(self);
	self->updatable = status_report_find_updatable(self);
	self->rungs = status_ladder_build(self);
	self->verdict = status_report_build_verdict(self);
	return self;
}
