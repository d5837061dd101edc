/*
 * Copyright 2026 The fwupd-plugin-tdx-module authors
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

/* where the fields of a sigstruct are, for who makes and who checks one in tests */
#define SIGSTRUCT_SIZE		       2048
#define SIGSTRUCT_HEADER_TYPE	       0
#define SIGSTRUCT_HEADER_LENGTH	       4
#define SIGSTRUCT_HEADER_VERSION       8
#define SIGSTRUCT_MODULE_TYPE	       12
#define SIGSTRUCT_MODULE_VENDOR	       16
#define SIGSTRUCT_DATE		       20
#define SIGSTRUCT_SIZE_DWORDS	       24
#define SIGSTRUCT_KEY_DWORDS	       28
#define SIGSTRUCT_MODULUS_DWORDS       32
#define SIGSTRUCT_EXPONENT_DWORDS      36
#define SIGSTRUCT_RESERVED0	       40
#define SIGSTRUCT_MODULUS	       128
#define SIGSTRUCT_EXPONENT	       512
#define SIGSTRUCT_SIGNATURE	       516
#define SIGSTRUCT_SEAMHASH	       900
#define SIGSTRUCT_SEAMSVN	       948
#define SIGSTRUCT_ATTRIBUTES	       950
#define SIGSTRUCT_RESERVED1	       978
#define SIGSTRUCT_MODULE_HV	       984
#define SIGSTRUCT_MIN_UPDATE_HV	       986
#define SIGSTRUCT_RESERVED2	       989
#define SIGSTRUCT_NUM_HANDOFF_PAGES    990
#define SIGSTRUCT_GDT_IDT_OFFSET       992
#define SIGSTRUCT_FAULT_WRAPPER_OFFSET 996
#define SIGSTRUCT_RESERVED3	       1000
#define SIGSTRUCT_CPUID_TABLE_SIZE     1024
#define SIGSTRUCT_CPUID_TABLE	       1028

/* of the modulus and the signature */
#define SIGSTRUCT_KEY_SIZE  384
#define SIGSTRUCT_HASH_SIZE 48

#define SIGSTRUCT_MODULE_TYPE_DEBUG 0x80000000
#define SIGSTRUCT_CPUID_TABLE_MAX   255
