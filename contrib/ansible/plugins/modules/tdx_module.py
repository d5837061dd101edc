#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ansible-doc shows; plugins/action/tdx_module.py does it, on the machine that Ansible runs on."""

DOCUMENTATION = r"""
module: tdx_module
short_description: Look at the TDX module of a host, and update it
description:
  - Reads C(tdx-module-status --json), which alone decides what a host is. Needs no
    Python there.
  - With O(version), installs that release with C(fwupdmgr install), and looks again. What counts is
    what the host says afterwards.
  - Never resets a host.
options:
  version:
    description: The TDX module that shall run. Without it nothing is changed.
    type: str
  mrseam:
    description: The MRSEAM that the release has to have, 96 hexadecimal digits.
    type: str
  tcb_status:
    description: What each of Intel's TCB infos on the host has to say about the TDX module.
    type: str
  retry_failed:
    description: Try a release again that has failed on this host.
    type: bool
    default: false
  logs:
    description: Folder on this machine for the logs of a host whose TDX module is lost.
    type: path
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Says from which version to which.
    support: full
author:
  - The fwupd-plugin-tdx-module authors
"""

EXAMPLES = r"""
- name: What would a rollout of 1.5.16 do here?
  fwupd.tdx.tdx_module:
    version: 1.5.16
    mrseam: "{{ tdx_module_mrseam }}"
  check_mode: true
"""

RETURN = r"""
ansible_facts:
  description: The same as C(tdx_module_result), with the name of the host and a line about it.
  returned: always
  type: dict
action:
  description: What is to be done with this host, C(update), C(none), C(skip) or C(stop).
  type: str
  returned: always
state:
  description: What the host is for a rollout of this version, C(unreachable) if it could not be asked.
  type: str
  returned: always
reason:
  description: Why, in a sentence.
  type: str
  returned: always
kind:
  description: CPU, P-SEAMLDR, kernel and running version. Hosts of one kind update alike.
  type: str
  returned: unless the host is unreachable
version_before:
  description: The TDX module that ran before.
  type: str
  returned: unless the host is unreachable
version_after:
  description: The TDX module that runs now.
  type: str
  returned: unless the host is unreachable
row:
  description: More about the host for the report.
  type: dict
  returned: unless the host is unreachable
"""
