// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated P-SEAMLDR, which replaces the TDX module.
 *
 * It gets nothing but registers, as the real one, and decides as that does: what is checked, in
 * which order and with which error, is from Intel's published source of the P-SEAMLDR 1.5,
 * seamldr_install.c. Not simulated: the RSA signature and its key, and the size of the SEAM range.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/align.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <asm/cpuid/api.h>
#include <crypto/sha2.h>

#include "module-sim.h"
#include "record.h"
#include "seamldr-call.h"
#include "seamldr-params.h"
#include "seamldr-sim.h"

#define SIGSTRUCT_CPUID_TABLE_MAX	255
#define SIGSTRUCT_MODULE_TYPE_DEBUG	BIT(31)

/* Of the table at fault_wrapper_offset: 32 vectors with 16 bytes each */
#define FAULT_WRAPPER_SIZE		512

#define CPUID_STEPPING_MASK		0xf

struct sigstruct {
	u32 header_type;
	u32 header_length;
	u32 header_version;
	u32 module_type;
	u32 module_vendor;
	u32 date;
	u32 size;
	u32 key_size;
	u32 modulus_size;
	u32 exponent_size;
	u8 reserved0[88];
	u8 modulus[384];
	u32 exponent;
	u8 signature[384];
	u8 seamhash[SHA384_DIGEST_SIZE];
	u16 seamsvn;
	u64 attributes;
	u32 rip_offset;
	u8 num_stack_pages;
	u8 num_tls_pages;
	u16 num_keyhole_pages;
	u16 num_global_data_pages;
	u16 tdmr_and_pamt[5];
	u8 reserved1[6];
	u16 module_hv;
	u16 min_update_hv;
	u8 no_downgrade;
	u8 reserved2;
	u16 num_handoff_pages;
	u32 gdt_idt_offset;
	u32 fault_wrapper_offset;
	/* Loaders of the series 2.0 take the module's version here, earlier ones demand zero */
	u16 version_update;
	u8 version_minor;
	u8 version_major;
	u8 version_build[20];
	u32 cpuid_table_size;
	u32 cpuid_table[SIGSTRUCT_CPUID_TABLE_MAX];
} __packed;
static_assert(offsetof(struct sigstruct, seamhash) == 900);
static_assert(offsetof(struct sigstruct, module_hv) == 984);
static_assert(offsetof(struct sigstruct, cpuid_table_size) == 1024);
static_assert(sizeof(struct sigstruct) == 2048);

static struct tdx_version install_version = { 1, 5, 16 };
module_param_cb(install_version, &tdx_version_param_ops, &install_version, 0644);
MODULE_PARM_DESC(install_version,
		 "version after an update, if the sigstruct carries none (1.5.16)");

static unsigned int install_ms;
module_param(install_ms, uint, 0644);
MODULE_PARM_DESC(install_ms, "how long SEAMLDR.INSTALL takes on each CPU, while all stand still");

static unsigned int second_socket;
module_param(second_socket, uint, 0644);
MODULE_PARM_DESC(second_socket, "CPUID.1.EAX of another socket (0: there is none)");

static bool seamldr_cleanup;
module_param(seamldr_cleanup, bool, 0644);
MODULE_PARM_DESC(seamldr_cleanup,
		 "the P-SEAMLDR is one with SEAMLDR.CLEANUP, which refuses no pages and SVN 0.x");

static unsigned int no_entropy;
module_param(no_entropy, uint, 0644);
MODULE_PARM_DESC(no_entropy, "how often the P-SEAMLDR still gets no random number");

static bool no_seamdb_entropy;
module_param(no_seamdb_entropy, bool, 0644);
MODULE_PARM_DESC(no_seamdb_entropy, "nor one for its log, for which it asks after the wipe");

static struct tdx_firmware firmware;

/* SEAMEXTEND: whether the module may be called, and its SVN */
static struct {
	bool ready;
	u16 svn;
} seamextend, snapshot;

/* Which CPUs have called in the session of each leaf */
static cpumask_t install_cpus, shutdown_cpus;
static bool gone, dirty, wiped;

static u64 refuse(u64 status, const char *reason)
{
	record_log("seamldr: refused: %s %s the wipe: %s", seamldr_error_name(status),
		   wiped ? "after" : "before", reason);
	return status;
}

static u64 bad_param(const char *reason)
{
	return refuse(SEAMLDR_EBADPARAM, reason);
}

static u64 bad_sig(const char *reason)
{
	return refuse(SEAMLDR_EBADSIG, reason);
}

static bool is_page(u64 pa)
{
	return IS_ALIGNED(pa, SZ_4K) && pfn_valid(PHYS_PFN(pa));
}

static u64 check_params(const struct seamldr_params *params)
{
	if (params->version)
		return bad_param("params: unknown version");
	if (memchr_inv(params->one.reserved, 0, sizeof(params->one.reserved)))
		return bad_param("params: reserved is not zero");
	if (params->scenario > SEAMLDR_SCENARIO_UPDATE)
		return bad_param("params: unknown scenario");
	if (params->num_module_pages > SEAMLDR_MODULE_PAGES_MAX)
		return bad_param("params: more than 496 module pages");
	if (!params->num_module_pages && seamldr_cleanup)
		return bad_param("params: no module pages");

	for (u64 i = 0; i < params->num_module_pages; i++) {
		if (!is_page(params->module_pa[i]))
			return bad_param("params: a module page is not aligned or not memory");
	}
	if (!is_page(params->sigstruct_pa[0]))
		return bad_param("params: the sigstruct page is not aligned or not memory");
	if (params->scenario == SEAMLDR_SCENARIO_UPDATE && !snapshot.ready)
		return bad_param("params: there is no module to update");
	return 0;
}

/* All that is read, as the record shows it */
static const u8 *copy_pages(const struct seamldr_params *params)
{
	u8 *pages = record_pages(params->num_module_pages + 1);

	memcpy(pages, phys_to_virt(params->sigstruct_pa[0]), SZ_4K);
	for (u64 i = 0; i < params->num_module_pages; i++)
		memcpy(pages + (i + 1) * SZ_4K, phys_to_virt(params->module_pa[i]), SZ_4K);
	return pages;
}

static u64 check_reserved(const struct sigstruct *sig)
{
	if (memchr_inv(sig->reserved0, 0, sizeof(sig->reserved0)))
		return bad_sig("sigstruct: reserved0");
	if (memchr_inv(sig->reserved1, 0, sizeof(sig->reserved1)))
		return bad_sig("sigstruct: reserved1");
	if (sig->reserved2)
		return bad_sig("sigstruct: reserved2");
	if (firmware.seamldr_version.major < 2 &&
	    memchr_inv(&sig->version_update, 0,
		       offsetof(struct sigstruct, cpuid_table_size) -
		       offsetof(struct sigstruct, version_update)))
		return bad_sig("sigstruct: reserved3, a 2.x P-SEAMLDR is needed");
	return 0;
}

static u64 check_constants(const struct sigstruct *sig)
{
	if (sig->header_type != 6)
		return bad_sig("sigstruct: header_type");
	if (sig->header_length != 0xe1)
		return bad_sig("sigstruct: header_length");
	if (sig->header_version != 0x10000)
		return bad_sig("sigstruct: header_version");
	if (sig->key_size != 0x60)
		return bad_sig("sigstruct: key_size");
	if (sig->exponent_size != 1)
		return bad_sig("sigstruct: exponent_size");
	if (sig->modulus_size != 0x60)
		return bad_sig("sigstruct: modulus_size");
	if (sig->module_vendor != 0x8086)
		return bad_sig("sigstruct: module_vendor");
	if (sig->module_type & ~SIGSTRUCT_MODULE_TYPE_DEBUG)
		return bad_sig("sigstruct: module_type");
	if (sig->attributes)
		return bad_sig("sigstruct: attributes");
	if (sig->size != 0x200)
		return bad_sig("sigstruct: size");
	if (sig->cpuid_table_size > SIGSTRUCT_CPUID_TABLE_MAX)
		return bad_sig("sigstruct: cpuid_table_size");
	if (sig->exponent != 0x10001)
		return bad_sig("sigstruct: exponent");
	return 0;
}

static u64 check_relations(const struct sigstruct *sig)
{
	if (sig->min_update_hv > sig->module_hv)
		return bad_sig("sigstruct: min_update_hv is greater than module_hv");
	if (sig->gdt_idt_offset % SZ_4K)
		return bad_sig("sigstruct: gdt_idt_offset is not of a page");
	if (!sig->gdt_idt_offset != !sig->fault_wrapper_offset)
		return bad_sig("sigstruct: one of gdt_idt_offset and fault_wrapper_offset");
	return 0;
}

static u64 check_svn(const struct sigstruct *sig)
{
	if (seamldr_cleanup && !(sig->seamsvn >> 8))
		return refuse(SEAMLDR_EUNSUPPORTED, "SVN: major 0");
	if (sig->seamsvn >> 8 != snapshot.svn >> 8)
		return refuse(SEAMLDR_EUNSUPPORTED, "SVN: another major than that which runs");
	if ((sig->seamsvn & 0xff) < (snapshot.svn & 0xff))
		return bad_sig("SVN: lower than that of the running module");
	return 0;
}

/* What a module without tables for exceptions does not have is zero */
static u64 check_tables(const struct sigstruct *sig, u64 module_size)
{
	if (!sig->gdt_idt_offset)
		return 0;
	if ((u64)sig->gdt_idt_offset + SZ_4K > module_size)
		return bad_sig("sigstruct: gdt_idt_offset is outside of the module");
	if ((u64)sig->fault_wrapper_offset + FAULT_WRAPPER_SIZE > module_size)
		return bad_sig("sigstruct: fault_wrapper_offset is outside of the module");
	return 0;
}

static bool has_cpu(const struct sigstruct *sig, u32 cpu)
{
	for (u32 i = 0; i < sig->cpuid_table_size; i++) {
		if (!((sig->cpuid_table[i] ^ cpu) & ~CPUID_STEPPING_MASK))
			return true;
	}
	return false;
}

static u64 check_cpus(const struct sigstruct *sig)
{
	if (!sig->cpuid_table_size && !(sig->module_type & SIGSTRUCT_MODULE_TYPE_DEBUG))
		return bad_sig("sigstruct: a production module has no table of CPUs");
	if (sig->cpuid_table_size && !has_cpu(sig, cpuid_eax(1)))
		return refuse(SEAMLDR_EUNSUPCPU, "the CPU is not in the table");
	if (sig->cpuid_table_size && second_socket && !has_cpu(sig, second_socket))
		return refuse(SEAMLDR_EUNSUPCPU, "the CPU of socket 1 is not in the table");
	return 0;
}

static u64 check_sigstruct(const struct sigstruct *sig, u64 module_size)
{
	u64 status = check_reserved(sig);

	status = status ?: check_constants(sig);
	status = status ?: check_relations(sig);
	if (!status && sig->module_type & SIGSTRUCT_MODULE_TYPE_DEBUG)
		status = bad_sig("sigstruct: debug module on a production part");
	status = status ?: check_svn(sig);
	status = status ?: check_tables(sig, module_size);
	return status ?: check_cpus(sig);
}

/* The last checks before the wipe */
static u64 check_platform(const struct sigstruct *sig)
{
	const struct sim_module *old = &sim_module_in_range;

	if (no_entropy) {
		no_entropy--;
		return refuse(SEAMLDR_ENOENTROPY, "no random number for the addresses");
	}
	if (!firmware.remaining)
		return refuse(SEAMLDR_EBADCALL, "no updates remaining");
	if (!old->handoff_valid)
		return refuse(SEAMLDR_EBADHANDOFF, "the running module was not shut down");
	if (old->handoff_hv < sig->min_update_hv)
		return refuse(SEAMLDR_EBADHANDOFF, "handoff version: too old");
	if (old->handoff_hv > sig->module_hv)
		return refuse(SEAMLDR_EBADHANDOFF, "handoff version: too new");
	return 0;
}

static u64 check_module(const struct sigstruct *sig, const u8 *module, size_t size)
{
	u8 hash[SHA384_DIGEST_SIZE];

	sha384(module, size, hash);
	if (memcmp(hash, sig->seamhash, sizeof(hash)))
		return refuse(SEAMLDR_EBADHASH, "module: wrong hash");
	/* It has to be an ELF file, which those of tests are not */
	if (!size)
		return bad_param("module: nothing to relocate");
	if (no_seamdb_entropy)
		return refuse(SEAMLDR_ENOENTROPY, "no random number for the log of updates");
	return 0;
}

static void start_module(const struct sigstruct *sig)
{
	struct tdx_version version = { sig->version_major, sig->version_minor,
				       sig->version_update };

	if (!tdx_version_is_set(&version))
		version = install_version;
	sim_module_in_range.version = version;
	sim_module_in_range.hv = sig->module_hv;
	snapshot.svn = sig->seamsvn;
	dirty = true;
	firmware.remaining--;
	record_log("seamldr: installed, SVN 0x%04x, %u updates remaining", sig->seamsvn,
		   firmware.remaining);
}

/* What the last CPU that calls does for all */
static u64 install(u64 pa)
{
	const struct seamldr_params *params = phys_to_virt(pa);
	const struct sigstruct *sig;
	const u8 *pages;
	u64 module_size;
	u64 status;

	if (!is_page(pa))
		return bad_param("params: not aligned or not memory");
	status = check_params(params);
	if (status)
		return status;
	if (!params->sigstruct_pa[0])
		return bad_sig("no sigstruct: what is at the address 0 is none");
	module_size = params->num_module_pages * SZ_4K;
	pages = copy_pages(params);
	sig = (const void *)pages;
	status = check_sigstruct(sig, module_size);
	status = status ?: check_platform(sig);
	if (status)
		return status;

	wiped = true;
	status = check_module(sig, pages + SZ_4K, module_size);
	if (!status)
		start_module(sig);
	return status;
}

static u64 install_on_cpu(struct seamcall_args *args)
{
	u64 status;

	args->rdx = 0;
	wiped = false;
	if (!cpumask_empty(&shutdown_cpus))
		return refuse(SEAMLDR_EBADCALL, "SEAMLDR.SHUTDOWN was called");
	if (cpumask_test_and_set_cpu(smp_processor_id(), &install_cpus))
		return refuse(SEAMLDR_EBADCALL, "the CPU has called before");
	if (cpumask_weight(&install_cpus) == 1) {
		snapshot = seamextend;
		seamextend.ready = false;
	}
	record_log("seamldr: CPU %u of %u called", cpumask_weight(&install_cpus),
		   num_present_cpus());
	mdelay(install_ms);
	if (cpumask_weight(&install_cpus) < num_present_cpus())
		return 0;

	status = install(args->rcx);
	args->rdx = status && wiped;
	seamextend = snapshot;
	if (args->rdx)
		seamextend.ready = false;
	cpumask_clear(&install_cpus);
	return status;
}

/* Before the P-SEAMLDR itself is replaced (seamldr_shutdown.c); it was loaded on CPU 0 */
static u64 shut_down_on_cpu(void)
{
	if (seamldr_cleanup && !cpumask_empty(&install_cpus))
		return refuse(SEAMLDR_EBADCALL, "SEAMLDR.INSTALL was called");
	if (seamldr_cleanup && dirty)
		return refuse(SEAMLDR_ECLEANUPREQ, "keys and caches of the module before");
	cpumask_set_cpu(smp_processor_id(), &shutdown_cpus);
	seamextend.ready = false;
	if (!cpumask_equal(&shutdown_cpus, cpu_present_mask))
		return 0;
	if (smp_processor_id())
		return refuse(SEAMLDR_EBADCALL, "the last CPU is not that which loaded it");
	gone = true;
	return 0;
}

static u64 get_info(u64 pa)
{
	struct seamldr_info *info = phys_to_virt(pa);

	if (!IS_ALIGNED(pa, sizeof(*info)) || !pfn_valid(PHYS_PFN(pa)))
		return bad_param("info: not aligned or not memory");
	/* Time for other CPUs to come too early */
	udelay(10);
	*info = (struct seamldr_info) {
		.vendor_id = 0x8086,
		.minor = firmware.seamldr_version.minor,
		.major = firmware.seamldr_version.major,
		.update = firmware.seamldr_version.update,
		.remaining = firmware.remaining,
	};
	return 0;
}

/**
 * sim_boot() - reset the machine
 * @bios: what the BIOS starts
 */
void sim_boot(const struct tdx_firmware *bios)
{
	firmware = *bios;
	seamextend.ready = true;
	seamextend.svn = bios->module_svn;
	sim_module_in_range = (struct sim_module) {
		.version = bios->module_version,
		.hv = bios->module_hv,
		.started = true,
	};
	cpumask_clear(&install_cpus);
	cpumask_clear(&shutdown_cpus);
	gone = false;
	dirty = false;
}

/**
 * sim_seamldr_module_ready() - tell whether the TDX module can be called
 *
 * Return: SEAM_READY of SEAMEXTEND.
 */
bool sim_seamldr_module_ready(void)
{
	return seamextend.ready;
}

/**
 * sim_seamldr() - the P-SEAMLDR's entry point
 * @fn:	  leaf
 * @args: registers
 *
 * Return: RAX.
 */
u64 sim_seamldr(u64 fn, struct seamcall_args *args)
{
	if (gone)
		return SEAMCALL_VMFAILINVALID;

	switch (fn) {
	case SEAMLDR_INFO:
		return get_info(args->rcx);
	case SEAMLDR_INSTALL:
		return install_on_cpu(args);
	case SEAMLDR_SHUTDOWN:
		return shut_down_on_cpu();
	default:
		wiped = false;
		return bad_param("unknown leaf");
	}
}
