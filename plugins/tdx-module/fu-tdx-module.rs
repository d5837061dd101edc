// Copyright 2026 The fwupd-plugin-tdx-module authors
// SPDX-License-Identifier: LGPL-2.1-or-later

#[repr(u16le)]
enum FuTdxBlobVersion {
    Unknown = 0x0,
    V1 = 0x0100, // deprecated, kernel series before Linux 7.2
    V2 = 0x0200, // Linux 7.2 and later
}

// a page each
#[derive(ParseStream, New, Default)]
#[repr(C, packed)]
struct FuStructTdxBlobHdrV1 {
    version: u16le == 0x0100,
    checksum: u16le,
    offset_of_module: u32le == 0x2000,
    signature: [char; 8] == "TDX-BLOB",
    length: u32le,
    reserved: [u8; 4076] == [0x00; 4076],
}

#[derive(ParseStream, New, Default)]
#[repr(C, packed)]
struct FuStructTdxBlobHdrV2 {
    version: u16le == 0x0200,
    checksum: u16le,
    signature: [char; 8] == "TDX-BLOB",
    sigstruct_nr_pages: u32le == 0x1,
    module_nr_pages: u32le,
    reserved: [u8; 4076] == [0x00; 4076],
}

#[repr(u32le)]
enum FuTdxSigstructModuleType {
    Production = 0x0,
    Debug = 0x80000000,
}

// see seam_sigstruct.h in the source of P-SEAMLDR, which never looks at the padding
#[derive(ParseStream, Default)]
#[repr(C, packed)]
struct FuStructTdxSigstruct {
    header_type: u32le == 0x6,
    header_length: u32le == 0xE1, // dwords
    header_version: u32le == 0x10000,
    module_type: u32le,
    module_vendor: u32le == 0x8086,
    date: u32le,                  // BCD, YYYYMMDD
    size: u32le == 0x200,         // dwords
    key_size: u32le == 0x60,      // dwords
    modulus_size: u32le == 0x60,  // dwords
    exponent_size: u32le == 0x1,  // dwords
    reserved0: [u8; 88] == [0x00; 88],
    modulus: [u8; 384],           // little-endian
    exponent: u32le == 0x10001,
    signature: [u8; 384],         // little-endian
    seamhash: [u8; 48],           // SHA-384 of the module, also called MRSEAM
    seamsvn: u16le,               // minor in the low byte, major in the high byte
    attributes: u64le == 0x0,
    memory_layout: [u8; 20],
    reserved1: [u8; 6] == [0x00; 6],
    module_hv: u16le,
    min_update_hv: u16le,
    no_downgrade: u8,
    reserved2: u8 == 0x0,
    num_handoff_pages: u16le,
    gdt_idt_offset: u32le,
    fault_wrapper_offset: u32le,
    version_update: u16le, // these four are zero in modules before 2.0
    version_minor: u8,
    version_major: u8,
    version_build: u32le,
    reserved3: [u8; 16] == [0x00; 16],
    cpuid_table_size: u32le, // entries used
    cpuid_table: [u32le; 255],
    padding: [u8; 2048] == [0x00; 2048],
}

// the kernel's sysfs-class-firmware, but for Loading: another program is writing its image
#[derive(ToString, FromString)]
enum FuFwUploadStatus {
    Unknown,
    Idle,
    Loading,
    Receiving,
    Preparing,
    Transferring,
    Programming,
}

#[derive(FromString)]
enum FuFwUploadError {
    Unknown,
    None,
    HwError,
    Timeout,
    UserAbort,
    DeviceBusy,
    InvalidFileSize,
    ReadWriteError,
    FlashWearout,
    FirmwareInvalid,
    UnknownError,
}

enum FuTdxGuests {
    Unknown,
    Impossible, // KVM does not do TDX
    Counted,
}

// in the order of reading
enum FuTdxHostFact {
    Module,
    Kernel,
    Seamldr,
    Cpu,
    Guests,
    RemainingUpdates,
    UploadAccess,
    CpusOnline,
    Upload, // read with the kernel
    Last,
}

// the names of those that last until a reset are the IDs of the inhibits
#[derive(ToString)]
enum FuTdxPreflightRule {
    ModuleLost,
    ModuleUnknown,
    CpuErratum,
    SeamldrMissing,
    UploadMissing,
    CpuUnknown,
    RemainingUpdates,
    UploadDenied,
    UploadBusy,
    CpuOffline,
    GuestsRunning,
    ImageSigner,
    ImageDebug,
    ImageCpu,
    ImageSeamldr,
    ImageHandoff,
    ImageVersion,
    SvnOlder,
    VersionOlder,
}
