// Copyright 2026 The fwupd-plugin-tdx-module authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// the TDX-BLOB header, as the kernel's firmware-upload node takes it; the rest of its page is zero
#[repr(u16le)]
enum FuTdxBlobVersion {
    Unknown = 0x0,
    V1 = 0x0100, // deprecated, kernel series before Linux 7.2
    V2 = 0x0200, // Linux 7.2 and later
}

#[derive(ValidateStream, ParseStream, New, Default)]
#[repr(C, packed)]
struct FuStructTdxBlobHdrV1 {
    version: FuTdxBlobVersion == V1,
    checksum: u16le,
    offset_of_module: u32le,
    signature: [char; 8] == "TDX-BLOB",
    length: u32le,
    reserved0: u32le == 0x0,
}

#[derive(ValidateStream, ParseStream, New, Default)]
#[repr(C, packed)]
struct FuStructTdxBlobHdrV2 {
    version: FuTdxBlobVersion == V2,
    checksum: u16le,
    signature: [char; 8] == "TDX-BLOB",
    sigstruct_nr_pages: u32le = 1,
    module_nr_pages: u32le,
}

#[repr(u32le)]
enum FuTdxSigstructModuleType {
    Production = 0,
    Debug = 1 << 31,
}

#[derive(ParseStream, New, Default)]
#[repr(C, packed)]
struct FuStructTdxSigstruct {
    header_type: u32le == 0x6,
    header_length: u32le == 0xE1, // dwords
    header_version: u32le == 0x10000,
    module_type: FuTdxSigstructModuleType,
    module_vendor: u32le == 0x8086,
    date: u32le,                  // BCD, YYYYMMDD
    size: u32le == 0x200,         // dwords
    key_size: u32le == 0x60,      // dwords
    modulus_size: u32le == 0x60,  // dwords
    exponent_size: u32le == 0x1,  // dwords
    reserved0: [u8; 88],
    modulus: [u8; 384],           // little-endian
    exponent: u32le == 0x10001,
    signature: [u8; 384],         // little-endian
    seamhash: [u8; 48],           // SHA-384 of the module, also called MRSEAM
    seamsvn: u16le,               // minor in the low byte, major in the high byte
    attributes: u64le,
    rip_offset: u32le,
    num_stack_pages: u8,
    num_tls_pages: u8,
    num_keyhole_pages: u16le,
    num_global_data_pages: u16le,
    max_tdmrs: u16le,
    max_rsvd_per_tdmr: u16le,
    pamt_entry_size_4k: u16le,
    pamt_entry_size_2m: u16le,
    pamt_entry_size_1g: u16le,
    reserved1: [u8; 6],
    module_hv: u16le,
    min_update_hv: u16le,
    no_downgrade: u8,
    reserved2: u8,
    num_handoff_pages: u16le,
    gdt_idt_offset: u32le,
    fault_wrapper_offset: u32le,
    version_update: u16le, // these four are zero in modules before 2.0
    version_minor: u8,
    version_major: u8,
    version_build: u32le,  // e.g. 0x8035b in 2.0.04, 0x372 in 2.0.08
    reserved3: [u8; 16],
    cpuid_table_size: u32le, // entries used
    cpuid_table: [u32le; 255],
}

// where the kernel puts the P-SEAMLDR attributes
#[derive(ToString)]
enum FuTdxSeamldrLayout {
    None,      // hidden, e.g. because of a CPU erratum
    Directory, // seamldr/version
    Flat,      // seamldr_version
}

// the rules of the preflight; the names are the IDs of the inhibits
#[derive(ToString)]
enum FuTdxPreflightRule {
    HostUnknown,
    ModuleLost,
    ModuleVersion,
    CpuErratum,
    SeamldrMissing,
    SeamldrVersion,
    UploadMissing,
    UploadBusy,
    RemainingUpdates,
    CpuVendor,
    CpuMixed,
    CpuOffline,
    GuestsRunning,
    ImageSigner,
    ImageDebug,
    ImageCpu,
    ImageSeamldr,
    ImageHandoff,
    ImageVersion,
    VersionSeries,
    VersionOlder,
    SvnOlder,
}
