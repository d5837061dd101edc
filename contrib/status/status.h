/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <fwupdplugin.h>

#include "fu-tdx-host.h"
#include "tdx-released.h"
#include "tdx-tcb-info.h"

/*
 * One look is made, and lives until the program ends: nothing of it is freed. Each step takes what
 * is known so far, and none fails: what cannot be learned is unknown, and has an error.
 */

/* a boolean that may not be known */
typedef enum { STATUS_TRI_UNKNOWN, STATUS_TRI_FALSE, STATUS_TRI_TRUE } StatusTri;

/* status-facts.c: this machine; each file is read once, and again only if another one hangs */
typedef struct {
	FuTdxHost host;	    /* what the plugin knows of it */
	gchar *vendor;	    /* (nullable): of the CPU, e.g. `GenuineIntel` */
	gchar *cpu_flags;   /* (nullable): those of the first CPU */
	gchar *kvm;	    /* (nullable): the parameter `tdx` of kvm_intel, e.g. `Y` */
	gchar *config;	    /* (nullable): CONFIG_INTEL_TDX_HOST, `y` or `n` */
	gchar *hibernation; /* (nullable): CONFIG_HIBERNATION, `y` */
	gchar *cmdline;	    /* (nullable): of the running kernel */
	gchar *kernel;	    /* its release, e.g. `7.2.13` */
	const gchar *hung;  /* (nullable): what did not answer in time */
	gboolean has_device;
	gboolean is_root; /* if nothing is kept from this process because of who it is */
} StatusFacts;

/* is called before the facts are read */
typedef void (*StatusStartFunc)(gpointer user_data);
/* makes @text of the facts, and returns the exit status of the program */
typedef gint (*StatusFunc)(const StatusFacts *facts, gpointer user_data, gchar **text);

/* returns: (transfer full): a context that knows where the files of fwupd are */
FuContext *
status_context_new(void);
/* calls @start and @func in another process, without what does not answer within @timeout seconds;
 * returns: (transfer full): the text that @func has made, or %NULL with @error */
gchar *
status_facts_run(StatusStartFunc start,
		 StatusFunc func,
		 gpointer user_data,
		 guint timeout,
		 gint *rc,
		 GError **error);

/* status-fwupd.c: what fwupd knows */
typedef enum {
	STATUS_FWUPD_STATE_RUNNING,
	STATUS_FWUPD_STATE_MISSING,
	STATUS_FWUPD_STATE_UNKNOWN, /* it has not answered */
} StatusFwupdState;

typedef struct {
	StatusFwupdState state;
	gchar *error;		  /* (nullable): why it has not answered, or what it did not tell */
	gchar *version;		  /* (nullable) */
	gboolean has_plugin;	  /* if it is loaded */
	FwupdDevice *device;	  /* (nullable): the TDX module that is running */
	FwupdDevice *boot;	  /* (nullable): the one that the next boot loads */
	FwupdDevice *entry;	  /* (nullable): the last update of @device */
	FwupdDevice *boot_entry;  /* (nullable): the last update of @boot */
	GPtrArray *releases;	  /* (element-type FwupdRelease): that @device can take */
	GPtrArray *boot_releases; /* (element-type FwupdRelease): that @boot can take */
	GPtrArray *remotes;	  /* (element-type FwupdRemote): those that are enabled */
} StatusFwupd;

/* D-Bus starts fwupd, if it is not running; @timeout is in seconds, for all questions together */
StatusFwupd *
status_fwupd_new(guint timeout);
/* cancels a #GCancellable, once */
gboolean
status_cancel_cb(gpointer user_data);

/* status-metadata.c: what the remotes have */
typedef struct {
	gchar *error;	     /* (nullable): why it is not known */
	GPtrArray *remotes;  /* (element-type utf8): the IDs of those with TDX modules */
	const gchar *newest; /* (nullable): for this CPU and series, also if it is refused */
	gchar *reason;	     /* (nullable): why this host cannot take it */
} StatusMetadata;

StatusMetadata *
status_metadata_new(const StatusFwupd *fwupd, const gchar *seamldr);

/* status-reapply.c: what is applied again after a reset */
typedef struct {
	gchar *state;	  /* (nullable): of `tdx-module-reapply status`, if it has answered */
	gchar *reason;	  /* (nullable): why it does nothing, or has not answered */
	gchar *stored;	  /* (nullable): the version that is stored */
	gchar *missing;	  /* (nullable): the version that was installed and is not stored */
	gboolean enabled; /* if it is done at boot */
	GPid pid;	  /* while it is asked */
	gint fd;	  /* its answer, -1 if it is not asked */
} StatusReapply;

/* asks while the caller asks fwupd; @timeout is in seconds, and 0 does not ask */
StatusReapply *
status_reapply_start(guint timeout);

/* gives @self; @timeout is in seconds, and 0 does not wait */
StatusReapply *
status_reapply_finish(StatusReapply *self, guint timeout);

/* status-tcb.c: what a TCB info of Intel's says about the TDX module that is running */
typedef struct {
	const gchar *filename;
	TdxTcbInfo *info;	  /* (nullable): if it is not refused */
	gchar *error;		  /* (nullable): why it is refused */
	const TdxTcbLevel *level; /* (nullable): of the module, if that is known */
	const gchar *status;  /* a fixed code: `stale`, `unknown`, `refused` or that of @level */
	guint16 svn;	      /* from which on the series is up to date, or 0 */
	const gchar *version; /* (nullable): the first that has it */
} StatusTcb;

/* @chains are the certificates of @filenames in the same order, and the rest has them beside it as
 * `.pem`; @root is the SHA-256 of the public key of their root; returns: (element-type StatusTcb)
 */
GPtrArray *
status_tcb_load(gchar **filenames, gchar **chains, const gchar *root, const StatusFacts *facts);

/* status-report.c: what follows; the names of states are in docs/operators.md */
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

typedef struct {
	const gchar *name;
	gint exit; /* of the program */
} StatusStateInfo;

extern const StatusStateInfo status_states[STATUS_STATE_LAST];

/* why the TDX module cannot be updated now */
typedef struct {
	const gchar *code; /* that of the preflight, or `fwupd` if only fwupd knows */
	gboolean lasting;  /* if only a reset or a change of the host helps */
	gchar *message;	   /* what was found, what is needed, what to do */
} StatusReason;

typedef struct {
	const StatusFacts *facts;
	const StatusFwupd *fwupd;
	const StatusMetadata *metadata;
	const StatusReapply *reapply;
	GPtrArray *tcbs; /* (element-type StatusTcb) */
	StatusState state;
	gchar *verdict;		     /* in one sentence */
	const gchar *version;	     /* (nullable): of the TDX module that is running */
	guint svn;		     /* at least that one, or 0 */
	const TdxReleased *released; /* (nullable): if it is one of Intel's */
	const gchar *seamldr;	     /* (nullable): the version of the P-SEAMLDR */
	const gchar *source;	     /* of the module: `runtime`, `esp`, `bios` or `unknown` */
	GPtrArray *reasons;	     /* (element-type StatusReason) */
	gboolean is_lasting;	     /* if one of @reasons is */
	GPtrArray *unknown;	     /* (element-type utf8): what could not be learned */
	const gchar *offered;	     /* (nullable): the newest version that fwupd offers */
	const gchar *urgency;	     /* (nullable): of @offered */
	const gchar *boot_offer;     /* (nullable): the newest version for the next boot */
	gboolean is_refused;	     /* if this host cannot take the newest one of the remotes */
	StatusTri updatable;	     /* if an update would be accepted now */
	const gchar *boot_state;     /* one of status_boot_states */
	GPtrArray *resets;	     /* (element-type utf8): of status_resets */
	GPtrArray *rungs;	     /* (element-type StatusRung): the same for a person */
} StatusReport;

extern const gchar *const status_boot_states[]; /* what the next boot brings */
extern const gchar *const status_resets[];	/* why a full reset is needed */

StatusReport *
status_report_new(const StatusFacts *facts,
		  const StatusFwupd *fwupd,
		  const StatusReapply *reapply,
		  GPtrArray *tcbs);
/* returns: (nullable): the reason with that @code, if it holds */
const StatusReason *
status_report_find_reason(const StatusReport *self, const gchar *code);
gint
status_version_compare(const gchar *version1, const gchar *version2);
/* if that remote of fwupd has TDX modules for any host */
StatusTri
status_report_has_tdx(const StatusReport *self, FwupdRemote *remote);

/* status-ladder.c: the report for a person */
typedef enum {
	STATUS_RESULT_PASS,
	STATUS_RESULT_WARN,
	STATUS_RESULT_FAIL,
	STATUS_RESULT_SKIP,
	STATUS_RESULT_UNKNOWN,
	STATUS_RESULT_LAST,
} StatusResult;

typedef struct {
	const gchar *name;
	const gchar *color; /* as in ECMA-48 */
} StatusResultInfo;

extern const StatusResultInfo status_results[STATUS_RESULT_LAST];

/* a step from the hardware up to what happens after a reset */
typedef struct {
	const gchar *name;  /* a fixed code, e.g. `updates-left` */
	const gchar *title; /* for people */
	StatusResult result;
	gchar *found;
	const gchar *advice; /* (nullable): what to do */
} StatusRung;

/* returns: (element-type StatusRung): from the ground up */
GPtrArray *
status_ladder_build(const StatusReport *report);
/* the verdict and each rung */
gchar *
status_ladder_print(const StatusReport *report, gboolean colors);

/* status-metrics.c and status-json.c: the report for other programs */
/* Prometheus' text format */
gchar *
status_metrics_build(const StatusReport *report);
/* a feature file of node-feature-discovery, which expires after a day; the version of the TDX
 * module is not among them, as node-feature-discovery is about to have it */
gchar *
status_features_build(const StatusReport *report);
/* with a newline */
gchar *
status_json_build(const StatusReport *report);
