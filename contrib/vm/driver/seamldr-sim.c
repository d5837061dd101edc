// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated hardware: the TDX module that runs, and the P-SEAMLDR that replaces it.
 *
 * The P-SEAMLDR gets nothing but the physical address of a page, as the real one. It decides as
 * the real one too, except that it does not verify the RSA signature and its key.
 *
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 */
#include <linux/align.h>
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <asm/cpuid/api.h>
#include <crypto/sha2.h>

#include "record.h"
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

static DEFINE_MUTEX(lock);

/* What runs: the module is not ready between its shutdown and the start of the next one */
static struct tdx_firmware running;
static bool module_ready;

/* The update session: which CPUs called, and what the last one installed */
static cpumask_t session_cpus;
static bool session_installed;
static struct tdx_version session_version;

static int refuse(const char *reason)
{
	record_log("seamldr: refused: %s", reason);
	return -EIO;
}

static int check_page(u64 pa)
{
	if (!pa || !IS_ALIGNED(pa, SZ_4K) || !pfn_valid(PHYS_PFN(pa)))
		return refuse("a page is not aligned or not memory");
	return 0;
}

static int check_params(const struct seamldr_params *params)
{
	if (params->version)
		return refuse("params: unknown version");
	if (params->scenario != SEAMLDR_SCENARIO_UPDATE)
		return refuse("params: unknown scenario");
	if (memchr_inv(&params->sigstruct_pa[1], 0,
		       sizeof(params->sigstruct_pa) - sizeof(params->sigstruct_pa[0])) ||
	    memchr_inv(params->reserved, 0, sizeof(params->reserved)))
		return refuse("params: reserved is not zero");
	if (!params->sigstruct_pa[0])
		return refuse("params: no sigstruct page");
	if (params->num_module_pages > SEAMLDR_MODULE_PAGES_MAX)
		return refuse("params: more than 496 module pages");

	for (u64 i = 0; i < params->num_module_pages; i++) {
		if (check_page(params->module_pa[i]))
			return -EIO;
	}
	return check_page(params->sigstruct_pa[0]);
}

/* Everything that the P-SEAMLDR reads, so that nobody changes it during the checks */
static u8 *copy_pages(const struct seamldr_params *params)
{
	u8 *pages = vmalloc((params->num_module_pages + 1) * SZ_4K);

	if (!pages)
		return NULL;
	memcpy(pages, phys_to_virt(params->sigstruct_pa[0]), SZ_4K);
	for (u64 i = 0; i < params->num_module_pages; i++)
		memcpy(pages + (i + 1) * SZ_4K, phys_to_virt(params->module_pa[i]), SZ_4K);
	return pages;
}

static int check_fixed_fields(const struct sigstruct *sig)
{
	if (sig->header_type != 6)
		return refuse("sigstruct: header_type");
	if (sig->header_length != 0xe1)
		return refuse("sigstruct: header_length");
	if (sig->header_version != 0x10000)
		return refuse("sigstruct: header_version");
	if (sig->module_type & ~SIGSTRUCT_MODULE_TYPE_DEBUG)
		return refuse("sigstruct: module_type");
	if (sig->module_vendor != 0x8086)
		return refuse("sigstruct: module_vendor");
	if (sig->size != 0x200)
		return refuse("sigstruct: size");
	if (sig->key_size != 0x60)
		return refuse("sigstruct: key_size");
	if (sig->modulus_size != 0x60)
		return refuse("sigstruct: modulus_size");
	if (sig->exponent_size != 1)
		return refuse("sigstruct: exponent_size");
	if (sig->exponent != 0x10001)
		return refuse("sigstruct: exponent");
	if (sig->attributes)
		return refuse("sigstruct: attributes");
	return 0;
}

static int check_other_fields(const struct sigstruct *sig)
{
	if (memchr_inv(sig->reserved0, 0, sizeof(sig->reserved0)))
		return refuse("sigstruct: reserved0");
	if (memchr_inv(sig->reserved1, 0, sizeof(sig->reserved1)))
		return refuse("sigstruct: reserved1");
	if (sig->reserved2)
		return refuse("sigstruct: reserved2");
	if (running.seamldr_version.major < 2 &&
	    memchr_inv(&sig->version_update, 0,
		       offsetof(struct sigstruct, cpuid_table_size) -
		       offsetof(struct sigstruct, version_update)))
		return refuse("sigstruct: reserved3, a 2.x P-SEAMLDR is needed");
	if (sig->min_update_hv > sig->module_hv)
		return refuse("sigstruct: min_update_hv is greater than module_hv");
	if (sig->cpuid_table_size > SIGSTRUCT_CPUID_TABLE_MAX)
		return refuse("sigstruct: cpuid_table_size");
	if (sig->module_type & SIGSTRUCT_MODULE_TYPE_DEBUG)
		return refuse("sigstruct: debug module on a production part");
	return 0;
}

/* What a module without tables for exceptions does not have is zero */
static int check_tables(const struct sigstruct *sig, u64 module_size)
{
	if (sig->gdt_idt_offset % SZ_4K)
		return refuse("sigstruct: gdt_idt_offset is not of a page");
	if (!sig->gdt_idt_offset != !sig->fault_wrapper_offset)
		return refuse("sigstruct: only one of gdt_idt_offset and fault_wrapper_offset");
	if (!sig->gdt_idt_offset)
		return 0;
	if ((u64)sig->gdt_idt_offset + SZ_4K > module_size)
		return refuse("sigstruct: gdt_idt_offset is outside of the module");
	if ((u64)sig->fault_wrapper_offset + FAULT_WRAPPER_SIZE > module_size)
		return refuse("sigstruct: fault_wrapper_offset is outside of the module");
	return 0;
}

static int check_svn(const struct sigstruct *sig)
{
	if (sig->seamsvn >> 8 != running.module_svn >> 8)
		return refuse("SVN: another major than that of the running module");
	if ((sig->seamsvn & 0xff) < (running.module_svn & 0xff))
		return refuse("SVN: lower than that of the running module");
	return 0;
}

static int check_cpu(const struct sigstruct *sig)
{
	u32 cpu = cpuid_eax(1);

	for (u32 i = 0; i < sig->cpuid_table_size; i++) {
		if (!((sig->cpuid_table[i] ^ cpu) & ~CPUID_STEPPING_MASK))
			return 0;
	}
	return refuse("CPU is not in the table");
}

static int check_handoff(const struct sigstruct *sig)
{
	if (running.module_hv < sig->min_update_hv)
		return refuse("handoff version of the running module is too old");
	if (running.module_hv > sig->module_hv)
		return refuse("handoff version of the running module is too new");
	return 0;
}

static int check_module(const struct sigstruct *sig, const u8 *module, size_t size)
{
	u8 hash[SHA384_DIGEST_SIZE];

	sha384(module, size, hash);
	if (memcmp(hash, sig->seamhash, sizeof(hash)))
		return refuse("module: wrong hash, found after the wipe");
	/* It has to be an ELF file, which those of tests are not */
	if (!size)
		return refuse("module: empty and not relocatable, found after the wipe");
	return 0;
}

/* What the last CPU that calls does for all */
static int install(const struct seamldr_params *params)
{
	u64 module_size = params->num_module_pages * SZ_4K;
	const struct sigstruct *sig;
	u8 *pages;

	if (check_params(params))
		return -EIO;
	pages = copy_pages(params);
	if (!pages)
		return refuse("out of memory");
	record_pages(pages, SZ_4K + module_size);

	sig = (const void *)pages;
	if (check_fixed_fields(sig) || check_other_fields(sig) || check_svn(sig) ||
	    check_tables(sig, module_size) || check_cpu(sig))
		return -EIO;
	if (!running.remaining)
		return refuse("no updates remaining");
	if (check_handoff(sig) || check_module(sig, pages + SZ_4K, module_size))
		return -EIO;

	running.remaining--;
	running.module_svn = sig->seamsvn;
	running.module_hv = sig->module_hv;
	session_version.major = sig->version_major;
	session_version.minor = sig->version_minor;
	session_version.update = sig->version_update;
	session_installed = true;
	record_log("seamldr: installed, %u updates remaining", running.remaining);
	return 0;
}

/**
 * sim_boot() - reset the machine
 * @bios: what the BIOS starts
 */
void sim_boot(const struct tdx_firmware *bios)
{
	guard(mutex)(&lock);
	running = *bios;
	module_ready = true;
}

/**
 * sim_module_version() - ask the running module for its version
 * @version: gets it
 *
 * Return: 0, or -ENXIO if no module runs.
 */
int sim_module_version(struct tdx_version *version)
{
	guard(mutex)(&lock);
	if (!module_ready)
		return -ENXIO;
	*version = running.module_version;
	return 0;
}

/**
 * sim_module_shutdown() - TDH.SYS.SHUTDOWN, which begins an update
 *
 * Return: 0, or -EIO if no module runs.
 */
int sim_module_shutdown(void)
{
	guard(mutex)(&lock);
	if (!module_ready) {
		record_log("module: no module runs");
		return -EIO;
	}
	module_ready = false;
	session_installed = false;
	cpumask_clear(&session_cpus);
	record_log("module: shut down");
	return 0;
}

/**
 * sim_seamldr_install() - SEAMLDR.INSTALL
 * @params: physical address of a struct seamldr_params
 *
 * To be called by every CPU that is present; the last one does the work.
 *
 * Return: 0, or -EIO if it was refused.
 */
int sim_seamldr_install(phys_addr_t params)
{
	unsigned int cpu = raw_smp_processor_id();

	guard(mutex)(&lock);
	if (cpumask_test_and_set_cpu(cpu, &session_cpus))
		return refuse("CPU has called before");
	record_log("seamldr: CPU %u of %u called", cpumask_weight(&session_cpus),
		   num_present_cpus());
	if (!cpumask_equal(&session_cpus, cpu_present_mask))
		return 0;
	if (check_page(params))
		return -EIO;
	return install(phys_to_virt(params));
}

/**
 * sim_module_start() - initialise the new module, and TDH.SYS.UPDATE, which ends an update
 * @default_version: of the new module, if its sigstruct does not tell
 *
 * Return: 0, or -EIO if nothing was installed.
 */
int sim_module_start(const struct tdx_version *default_version)
{
	guard(mutex)(&lock);
	if (!session_installed) {
		record_log("module: nothing was installed, as not every CPU has called");
		return -EIO;
	}
	running.module_version = tdx_version_is_set(&session_version) ? session_version :
								       *default_version;
	module_ready = true;
	record_log("module: " TDX_VERSION_FMT " runs, SVN 0x%04x",
		   TDX_VERSION_ARGS(&running.module_version), running.module_svn);
	return 0;
}

/**
 * sim_seamldr_info() - SEAMLDR.INFO
 * @version:   gets that of the P-SEAMLDR
 * @remaining: gets how many updates are left
 */
void sim_seamldr_info(struct tdx_version *version, u32 *remaining)
{
	guard(mutex)(&lock);
	*version = running.seamldr_version;
	*remaining = running.remaining;
}

/**
 * sim_module_lose() - let no module run until the next boot
 */
void sim_module_lose(void)
{
	guard(mutex)(&lock);
	module_ready = false;
	record_log("module: lost");
}

/**
 * sim_module_replace() - let another module run
 * @version: of that module
 */
void sim_module_replace(const struct tdx_version *version)
{
	guard(mutex)(&lock);
	running.module_version = *version;
	record_log("module: " TDX_VERSION_FMT " runs instead", TDX_VERSION_ARGS(version));
}
