/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/*
 * A TDX host for tests: the files of the kernel's tdx-host driver and what fwupd reads around
 * them, as a FUSE file system, with a simulated P-SEAMLDR behind. These are the options, see
 * --help.
 */

#include "mock-host.h"

static const gchar *mock_options_description =
    "KIND is mainline, v10, v9, v7, v6, v4, v3 or v2. --cpu and --signer may be repeated;\n"
    "--signer is the SHA-384 of a modulus and replaces Intel's production key.\n"
    "\n"
    "After an install the version is, in this order: of the line SEAMHASH VERSION in FILE, the "
    "one\n"
    "in the sigstruct (2.0 modules), that of the released module, --install-version, 0.0.00.\n"
    "\n"
    "Files for the tests, below MOUNTPOINT/control:\n"
    "  writes    write() calls on loading and data, and uploads that reached the work queue, all\n"
    "            without those of another program\n"
    "  log       one line per event; 'kernel: refused' was harmless, 'seamldr: refused' was not,\n"
    "            'other:' was another program\n"
    "  received  the last image that reached the work queue\n"
    "  set       takes lines KEY=VALUE, and EINVAL for what it does not know:\n"
    "\n"
    "    running (of a release: also its SVN and handoff version), running-svn, running-hv,\n"
    "    seamldr, remaining, online, present, tds, no-tds-line, cgroup-namespace, no-kvm-intel,\n"
    "    kvm-tdx, smt, phase-ms, lost, absent, erratum, no-upload, install-version\n"
    "                             as the options\n"
    "    fault=STATUS:ERROR       once, the upload ends so, and nothing happens to the module\n"
    "    fault-loses=0|1          but with this it is lost, by the next fault=\n"
    "    fault-version=V          once, a fault or a success leaves this version\n"
    "    fault-after=KEY=VALUE    once, what a success leaves; KEY is one of these here\n"
    "    attr-errno=ATTR:[OP:]ERRNO[:COUNT]  OP is open, read, write or open-read, which is an\n"
    "                             open that is not for writing only; ATTR:0 resets\n"
    "    attr-text=ATTR:TEXT      with \\n \\t \\x00, or @empty, or @garbage; ATTR: resets\n"
    "    short-write=N            data takes at most N bytes per write; empty resets\n"
    "    hang=ATTR                a read of that does not return until hang= is empty\n"
    "    other=WHEN:WRITE[,WRITE...]  once, another program writes; may be given several times,\n"
    "                             and other= takes back what has not happened yet. WHEN is now,\n"
    "                             or with our own upload: begin (loading=1 comes), loading (that\n"
    "                             was taken), data (the first data comes), a number (so many\n"
    "                             bytes were taken), read (data was read back up to its end) or\n"
    "                             end (loading=0 comes). WRITE is 1, 0 or -1 for loading, and\n"
    "                             LEN@OFFSET or /FILE for data\n"
    "    abort-after=BYTES        other=BYTES:-1\n"
    "    second-uploader=1        other=data:1,4096@0,0\n"
    "    vanish=PHASE             once, the upload is gone from loading, data, receiving,\n"
    "    vanish-device=PHASE      preparing, transferring or programming on, or all of the\n"
    "                             device; the worker still does its work, as in the kernel\n"
    "    stuck=PHASE              the worker stays there until stuck= is empty\n"
    "    cpu-offline-after-reads=N:LIST  online reads LIST after N more reads\n"
    "    late-attrs-ms=N          after absent=0 only uevent and subsystem are there at once\n"
    "\n"
    "ATTR is relative to the device, or one of cpu/online, cpu/present, cpu/possible,\n"
    "cpu/smt/active, cpu/smt/control, cgroup/misc.current, cgroup/misc.capacity, cpuinfo,\n"
    "kvm_intel/parameters/tdx.";

/**
 * MockOptions:
 * @keys: those that are keys of control/set too, and their values
 *
 * What is given on the command line.
 **/
typedef struct {
	GHashTable *keys;
	gchar *kernel;
	gchar **cpus;
	gchar **signers;
	gchar *version_map;
	gint sockets;
} MockOptions;

static void
mock_options_clear(MockOptions *self)
{
	g_hash_table_unref(self->keys);
	g_free(self->kernel);
	g_strfreev(self->cpus);
	g_strfreev(self->signers);
	g_free(self->version_map);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MockOptions, mock_options_clear)

/* GOptionArgFunc; only kept, because running-svn has to be set after running */
static gboolean
mock_options_add_key(const gchar *name,
		     const gchar *value,
		     gpointer user_data,
		     GError **error G_GNUC_UNUSED)
{
	MockOptions *self = user_data;
	g_hash_table_insert(self->keys, g_strdup(name + 2), g_strdup(value != NULL ? value : "1"));
	return TRUE;
}

static void
mock_options_add_default(MockOptions *self, const gchar *key, const gchar *value)
{
	if (!g_hash_table_contains(self->keys, key))
		g_hash_table_insert(self->keys, g_strdup(key), g_strdup(value));
}

/* in the order of the entries */
static gboolean
mock_options_set_keys(MockOptions *self,
		      MockHost *host,
		      const GOptionEntry *entries,
		      GError **error)
{
	for (const GOptionEntry *entry = entries; entry->long_name != NULL; entry++) {
		const gchar *value = g_hash_table_lookup(self->keys, entry->long_name);
		if (value != NULL && !mock_control_set(host, entry->long_name, value)) {
			g_set_error(error,
				    G_OPTION_ERROR,
				    G_OPTION_ERROR_BAD_VALUE,
				    "invalid --%s=%s",
				    entry->long_name,
				    value);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
mock_options_set_cpus(MockOptions *self, MockHost *host, GError **error)
{
	guint n = self->cpus != NULL ? g_strv_length(self->cpus) : 0;
	guint sockets = n > 1 ? n : (guint)self->sockets;
	g_autofree gchar *all = NULL;

	host->cpus = sockets * host->cpus_per_socket;
	for (guint i = 0; i < sockets && host->cpus <= MOCK_CPU_MAX; i++) {
		guint eax = 0x806F8;
		if (n > 0 && !mock_str_to_uint(self->cpus[n > 1 ? i : 0], G_MAXUINT32, &eax))
			break;
		g_array_append_val(host->seamldr.cpus, eax);
	}
	if (host->cpus == 0 || host->seamldr.cpus->len != sockets) {
		g_set_error_literal(error,
				    G_OPTION_ERROR,
				    G_OPTION_ERROR_BAD_VALUE,
				    "invalid CPUs");
		return FALSE;
	}
	all = g_strdup_printf(host->cpus > 1 ? "0-%u" : "%u", host->cpus - 1);
	mock_options_add_default(self, "online", all);
	mock_options_add_default(self, "present", all);
	return TRUE;
}

static void
mock_options_set_signers(MockOptions *self, MockHost *host)
{
	if (self->signers == NULL)
		g_ptr_array_add(host->seamldr.signers, g_strdup(MOCK_SEAMLDR_SIGNER_INTEL));
	for (guint i = 0; self->signers != NULL && self->signers[i] != NULL; i++)
		g_ptr_array_add(host->seamldr.signers, g_ascii_strdown(self->signers[i], -1));
}

static gboolean
mock_options_set_version_map(MockOptions *self, MockHost *host, GError **error)
{
	g_autofree gchar *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (self->version_map == NULL)
		return TRUE;
	if (!g_file_get_contents(self->version_map, &text, NULL, error))
		return FALSE;
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_auto(GStrv) parts = g_strsplit(g_strstrip(lines[i]), " ", 2);
		if (g_strv_length(parts) == 2)
			g_hash_table_insert(host->version_map,
					    g_ascii_strdown(parts[0], -1),
					    g_strdup(g_strstrip(parts[1])));
	}
	return TRUE;
}

#define OPTION(name, type, pointer, value, help)                                                   \
	{name, 0, 0, G_OPTION_ARG_##type, pointer, help, value}
#define KEY(name, value, help) OPTION(name, CALLBACK, mock_options_add_key, value, help)
#define FLAG(name, help)                                                                           \
	{name, 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, mock_options_add_key, help, NULL}

static gboolean
mock_options_parse(MockHost *host, gint *argc, gchar ***argv, GError **error)
{
	g_auto(MockOptions) self = {.sockets = 2};
	const GOptionEntry entries[] = {
	    OPTION("kernel", STRING, &self.kernel, "KIND", "mainline (default), v10 .. v2"),
	    KEY("running", "VERSION", "TDX module (1.5.06)"),
	    KEY("running-svn", "SVN", "Its SVN (the release's)"),
	    KEY("running-hv", "N", "Its handoff version (0)"),
	    KEY("seamldr", "VERSION", "P-SEAMLDR (1.5.06)"),
	    OPTION("seamldr-unpadded", NONE, &host->seamldr_unpadded, NULL, "Show it as 1.5.6"),
	    OPTION("seamldr-cleanup",
		   NONE,
		   &host->seamldr.has_cleanup,
		   NULL,
		   "A later one, with SEAMLDR.CLEANUP"),
	    KEY("remaining", "N", "Updates left (10)"),
	    OPTION("cpu", STRING_ARRAY, &self.cpus, "EAX", "CPUID.1.EAX of each socket (0x806F8)"),
	    OPTION("sockets", INT, &self.sockets, "N", "Sockets, all with the one --cpu (2)"),
	    OPTION("cpus-per-socket", INT, &host->cpus_per_socket, "N", "Logical CPUs of each (2)"),
	    KEY("online", "LIST", "CPUs online (all)"),
	    KEY("present", "LIST", "CPUs present (all)"),
	    KEY("smt", "STATE", "on (default), off, notsupported ..."),
	    KEY("tds", "N", "Running TDs (0)"),
	    FLAG("no-tds-line", "No line tdx in the files of the cgroup"),
	    FLAG("cgroup-namespace", "No misc.capacity, and misc.current does not count our TDs"),
	    FLAG("no-kvm-intel", "No module kvm_intel"),
	    KEY("kvm-tdx", "Y|N", "Its parameter tdx (Y), which may be empty for none"),
	    FLAG("erratum", "CPUs with seamret_invd_vmcs"),
	    FLAG("no-upload", "No upload"),
	    OPTION("no-seamldr", NONE, &host->no_seamldr, NULL, "No P-SEAMLDR attributes"),
	    FLAG("lost", "The module was lost"),
	    FLAG("absent", "No device until absent=0"),
	    KEY("phase-ms", "MS", "Duration of each phase (5)"),
	    OPTION("signer", STRING_ARRAY, &self.signers, "HEX", "Trusted key hash (Intel's)"),
	    OPTION("new-version-map", FILENAME, &self.version_map, "FILE", "See below"),
	    KEY("install-version", "VERSION", "See below"),
	    G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new("MOUNTPOINT");
	GOptionGroup *group = g_option_group_new("mock", NULL, NULL, &self, NULL);

	self.keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	mock_options_add_default(&self, "running", "1.5.06");
	mock_options_add_default(&self, "seamldr", "1.5.06");
	mock_options_add_default(&self, "remaining", "10");
	mock_options_add_default(&self, "smt", "on");
	mock_options_add_default(&self, "kvm-tdx", "Y");
	mock_options_add_default(&self, "phase-ms", "5");
	host->cpus_per_socket = 2;

	g_option_group_add_entries(group, entries);
	g_option_context_set_main_group(context, group);
	g_option_context_set_summary(context, "A TDX host for tests, in FUSE");
	g_option_context_set_description(context, mock_options_description);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	host->kernel = mock_kernel_find(self.kernel != NULL ? self.kernel : "mainline");
	if (*argc != 2 || host->kernel == NULL) {
		g_set_error_literal(error,
				    G_OPTION_ERROR,
				    G_OPTION_ERROR_FAILED,
				    host->kernel == NULL ? "no such kernel"
							 : "MOUNTPOINT required");
		return FALSE;
	}
	host->mountpoint = g_strdup((*argv)[1]);
	mock_options_set_signers(&self, host);
	return mock_options_set_version_map(&self, host, error) &&
	       mock_options_set_cpus(&self, host, error) &&
	       mock_options_set_keys(&self, host, entries, error);
}

gint
main(gint argc, gchar **argv)
{
	MockHost *host = mock_host_new();
	gint rc = EXIT_FAILURE;
	g_autoptr(GError) error = NULL;

	if (!mock_options_parse(host, &argc, &argv, &error)) {
		g_printerr("%s\n", error->message);
	} else {
		mock_tree_build(host);
		if (mock_fuse_run(host))
			rc = EXIT_SUCCESS;
	}
	mock_host_free(host);
	return rc;
}
