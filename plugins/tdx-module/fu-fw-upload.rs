// Copyright 2026 The fwupd-plugin-tdx-module authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// as in the kernel's sysfs-class-firmware
#[derive(ToString, FromString)]
enum FuFwUploadStatus {
    Unknown,
    Idle,
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
