/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-host.h"
#include "tdx-tcb-info.h"

/**
 * StatusTri:
 *
 * A boolean that may not be known.
 **/
typedef enum {
	STATUS_TRI_UNKNOWN,
	STATUS_TRI_FALSE,
	STATUS_TRI_TRUE,
} StatusTri;

/* status-facts.c */

/**
 * StatusFacts:
 * @host: what the plugin knows of a host
 * @vendor: (nullable): of the CPU, e.g. `GenuineIntel`
 * @cpu_flags: (nullable): those of the first CPU
 * @kvm: (nullable): the parameter `tdx` of kvm_intel, e.g. `Y`
 * @config: (nullable): the kernel's CONFIG_INTEL_TDX_HOST, `y` or `n`
 * @hibernation: (nullable): the kernel's CONFIG_HIBERNATION, `y`
 * @cmdline: (nullable): the command line of the running kernel
 * @kernel: its release, e.g. `7.2.13`
 * @hung: (nullable): what did not answer in time
 * @has_device: if the kernel has a `tdx_host`
 * @is_root: if nothing is kept from this process because of who it is
 *
 * One look at this machine; each file is read once.
 **/
typedef struct {
	FuTdxHost host;
	gchar *vendor;
	gchar *cpu_flags;
	gchar *kvm;
	gchar *config;
	gchar *hibernation;
	gchar *cmdline;
	gchar *kernel;
	gchar *hung;
	gboolean has_device;
	gboolean is_root;
} StatusFacts;

FuContext *
status_context_new(void);
StatusFacts *
status_facts_new(guint timeout, GError **error);
void
status_facts_free(StatusFacts *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusFacts, status_facts_free)

/* status-fwupd.c */

/**
 * StatusFwupdState:
 * @STATUS_FWUPD_STATE_RUNNING: it has answered
 * @STATUS_FWUPD_STATE_MISSING: it is not installed
 * @STATUS_FWUPD_STATE_UNKNOWN: it has not answered
 **/
typedef enum {
	STATUS_FWUPD_STATE_RUNNING,
	STATUS_FWUPD_STATE_MISSING,
	STATUS_FWUPD_STATE_UNKNOWN,
} StatusFwupdState;

/**
 * StatusFwupd:
 * @state: if it has answered
 * @error: (nullable): why not, or what it did not tell
 * @version: (nullable): its version
 * @has_plugin: if the plugin is loaded
 * @device: (nullable): the TDX module that is running
 * @boot: (nullable): the TDX module that the next boot loads
 * @entry: (nullable): the last update of @device
 * @boot_entry: (nullable): the last update of @boot
 * @releases: (element-type FwupdRelease): that @device can take, the newest first
 * @boot_releases: (element-type FwupdRelease): that @boot can take, the newest first
 * @remotes: (element-type FwupdRemote): those that are enabled
 *
 * What fwupd knows.
 **/
typedef struct {
	StatusFwupdState state;
	gchar *error;
	gchar *version;
	gboolean has_plugin;
	FwupdDevice *device;
	FwupdDevice *boot;
	FwupdDevice *entry;
	FwupdDevice *boot_entry;
	GPtrArray *releases;
	GPtrArray *boot_releases;
	GPtrArray *remotes;
} StatusFwupd;

StatusFwupd *
status_fwupd_new(guint timeout);
void
status_fwupd_free(StatusFwupd *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusFwupd, status_fwupd_free)

/* status-metadata.c */

/**
 * StatusMetadata:
 * @error: (nullable): why it is not known
 * @remotes: (element-type utf8): the IDs of those that have TDX modules for any host
 * @newest: (nullable): the newest version for this CPU and series, if this host can take it or not
 * @reason: (nullable): why not, if it cannot
 *
 * What the remotes have.
 **/
typedef struct {
	gchar *error;
	GPtrArray *remotes;
	gchar *newest;
	gchar *reason;
} StatusMetadata;

StatusMetadata *
status_metadata_new(const StatusFwupd *fwupd, const gchar *seamldr);
void
status_metadata_free(StatusMetadata *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusMetadata, status_metadata_free)

/* status-reapply.c */

/**
 * StatusReapply:
 * @state: (nullable): that of `tdx-module-reapply status`, or %NULL if it has not answered
 * @reason: (nullable): why it does nothing, or why it has not answered
 * @stored: (nullable): the version that is stored
 * @missing: (nullable): the version that was installed and is not stored
 * @enabled: if it is done at boot
 *
 * What is applied again after a reset.
 **/
typedef struct {
	gchar *state;
	gchar *reason;
	gchar *stored;
	gchar *missing;
	gboolean enabled;
} StatusReapply;

StatusReapply *
status_reapply_new(guint timeout);
void
status_reapply_free(StatusReapply *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusReapply, status_reapply_free)

/* status-tcb.c */

/**
 * StatusTcb:
 * @filename: of the TCB info
 * @info: (nullable): what it says, or %NULL if it is refused
 * @error: (nullable): why it is refused
 * @level: (nullable): of the TDX module that is running, if that is known
 * @status: a fixed code, e.g. `OutOfDate`, `stale`, `unknown` or `refused`
 * @svn: from which SVN on TDX modules of the series are up to date, or 0
 * @version: (nullable): the first that has it
 *
 * What a TCB info of Intel's says about the TDX module that is running.
 **/
typedef struct {
	gchar *filename;
	TdxTcbInfo *info;
	gchar *error;
	const TdxTcbLevel *level;
	const gchar *status;
	guint16 svn;
	const gchar *version;
} StatusTcb;

GPtrArray *
status_tcb_load(const gchar *const *filenames,
		const gchar *const *chains,
		const gchar *root,
		const StatusFacts *facts);

/* status-report.c */

/**
 * StatusState:
 *
 * What this host is for a roll-out; the names are in docs/operators.md.
 **/
typedef enum {
	STATUS_STATE_CURRENT,
	STATUS_STATE_NEWER,
	STATUS_STATE_AVAILABLE,
	STATUS_STATE_BLOCKED,
	STATUS_STATE_NO_RELEASE,
	STATUS_STATE_FAILED,
	STATUS_STATE_NO_PLUGIN,
	STATUS_STATE_NO_TDX,
	STATUS_STATE_UNKNOWN,
	STATUS_STATE_LOST,
	STATUS_STATE_LAST,
} StatusState;

/**
 * StatusReason:
 * @code: that of the preflight, or `fwupd` if only fwupd knows
 * @lasting: if only a reset or a change of the host helps
 * @message: what was found, what is needed, what to do
 *
 * Why the TDX module cannot be updated now.
 **/
typedef struct {
	const gchar *code;
	gboolean lasting;
	gchar *message;
} StatusReason;

/**
 * StatusReport:
 * @state: what this host is
 * @verdict: in one sentence
 * @version: (nullable): of the TDX module that is running
 * @seamldr: (nullable): the P-SEAMLDR
 * @source: where the TDX module came from: `runtime`, `esp`, `bios` or `unknown`
 * @reasons: (element-type StatusReason): why it cannot be updated now
 * @unknown: (element-type utf8): what could not be learned
 * @newest: (nullable): the newest release that fwupd offers
 * @newest_boot: (nullable): the newest release that fwupd offers for the next boot
 * @is_refused: if this host cannot take the newest one that the remotes have
 * @updatable: if an update would be accepted now
 * @boot_state: what the next boot brings: `none`, `unknown`, `damaged`, `ignored`, `reset_needed`,
 *   `available` or `current`
 * @resets: (element-type utf8): why a reset is needed, fixed codes
 * @rungs: (element-type StatusRung): the same for a person, from the ground up
 *
 * All that is known, and what follows from it.
 **/
typedef struct {
	StatusFacts *facts;
	StatusFwupd *fwupd;
	StatusMetadata *metadata;
	StatusReapply *reapply;
	GPtrArray *tcbs;
	StatusState state;
	gchar *verdict;
	const gchar *version;
	const gchar *seamldr;
	const gchar *source;
	GPtrArray *reasons;
	GPtrArray *unknown;
	FwupdRelease *newest;
	FwupdRelease *newest_boot;
	gboolean is_refused;
	StatusTri updatable;
	const gchar *boot_state;
	GPtrArray *resets;
	GPtrArray *rungs;
} StatusReport;

extern const gchar *const status_boot_states[];
extern const gchar *const status_resets[];

StatusReport *
status_report_new(StatusFacts *facts, StatusFwupd *fwupd, StatusReapply *reapply, GPtrArray *tcbs);
void
status_report_free(StatusReport *self);
const StatusReason *
status_report_find_reason(const StatusReport *self, const gchar *code);
StatusTri
status_report_has_tdx(const StatusReport *self, FwupdRemote *remote);
const gchar *
status_state_to_string(StatusState state);
gint
status_state_to_exit(StatusState state);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusReport, status_report_free)

/* status-ladder.c */

/**
 * StatusResult:
 *
 * What is printed before a rung.
 **/
typedef enum {
	STATUS_RESULT_PASS,
	STATUS_RESULT_WARN,
	STATUS_RESULT_FAIL,
	STATUS_RESULT_SKIP,
	STATUS_RESULT_UNKNOWN,
} StatusResult;

/**
 * StatusRung:
 * @name: a fixed code, e.g. `updates-left`
 * @title: for people
 * @found: what was found
 * @advice: (nullable): what to do
 *
 * A step from the hardware up to what happens after a reset.
 **/
typedef struct {
	const gchar *name;
	const gchar *title;
	StatusResult result;
	gchar *found;
	const gchar *advice;
} StatusRung;

GPtrArray *
status_ladder_build(const StatusReport *report);
const gchar *
status_result_to_string(StatusResult result);
gchar *
status_ladder_print(const StatusReport *report, gboolean colors);

/* status-metrics.c */

gchar *
status_metrics_build(const StatusReport *report);
gchar *
status_features_build(const StatusReport *report);

/* status-json.c */

gchar *
status_json_build(const StatusReport *report);
