#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks tdx-module-status what a host is, and lets fwupd update it if that is what was asked for."""

import json
import platform

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: tdx_module
short_description: Look at the TDX module of a host, and update it
description:
  - Reads C(tdx-module-status --json), which alone decides what a host is.
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
action:
  description: What is to be done with this host, C(update), C(none), C(skip) or C(stop).
  type: str
  returned: always
state:
  description: What the host is for a rollout of this version.
  type: str
  returned: always
reason:
  description: Why, in a sentence.
  type: str
  returned: always
kind:
  description: CPU, P-SEAMLDR, kernel and running version. Hosts of one kind update alike.
  type: str
  returned: always
version_before:
  description: The TDX module that ran before.
  type: str
  returned: always
version_after:
  description: The TDX module that runs now.
  type: str
  returned: always
status:
  description: What C(tdx-module-status --json) says now.
  type: dict
  returned: always
"""

SCHEMA = 1
PROGRAM = "tdx-module-status"
# nobody updates a host, or the next one, while there is one of these
STOPS = ["lost", "unknown", "no_plugin"]


def read_status(module):
    """Gives what the host says, or what is known when it says nothing."""
    program = module.get_bin_path(PROGRAM)
    if program is None:
        return nothing_known("%s is not installed here: install the package" % PROGRAM)
    dummy, out, err = module.run_command([program, "--json"])
    try:
        status = json.loads(out)
        schema = status["schema"]
    except (ValueError, TypeError, KeyError):
        return nothing_known("%s says nothing that can be read: %s" % (program, err.strip() or out))
    if schema != SCHEMA:
        return nothing_known("%s has schema %s, expected %s" % (program, schema, SCHEMA))
    return status


def nothing_known(reason):
    return {
        "state": "unknown",
        "verdict": reason,
        "module": {"version": None, "seamldr": None, "updates_left": None},
        "host": {"cpu": None},
        "resets": [],
        "tcb": [],
    }


def parse(version):
    return [int(part) for part in version.split(".")]


def find_missing_tcb(status, wanted):
    """Says which TCB info does not say what is wanted, if any."""
    if not status["tcb"]:
        return "tcb_status is wanted, and this host has no TCB info"
    for tcb in status["tcb"]:
        if tcb["status"] != wanted:
            return "TCB status is %s by %s, expected %s" % (tcb["status"], tcb["file"], wanted)
    return None


def find_too_old_for_tcb(status, version):
    """Says which TCB info this version would not be up to date by, if any."""
    if not status["tcb"]:
        return "tcb_status is wanted, and this host has no TCB info"
    for tcb in status["tcb"]:
        needed = tcb["up_to_date_version"]
        if tcb["status"] in ["stale", "refused"] or needed is None:
            return "%s does not say which TDX module is up to date" % tcb["file"]
        if parse(version) < parse(needed):
            return "%s is not up to date by %s, which needs %s" % (version, tcb["file"], needed)
    return None


def decide_running(status, wanted):
    """The version runs already, or a newer one."""
    running = status["module"]["version"]
    missing = find_missing_tcb(status, wanted["tcb_status"]) if wanted["tcb_status"] else None
    if missing:
        return "stop", "failed", missing
    if running == wanted["version"]:
        return "none", "current", "%s is running" % running
    return "none", "newer", "%s is running, which is newer" % running


def decide_offered(status, wanted, release):
    """The version is among the releases: is it the one that the operator means?"""
    found = release["mrseam"] or "not known"
    if wanted["mrseam"] and found != wanted["mrseam"].lower():
        reason = "MRSEAM of release %s is %s, expected %s"
        return "stop", "wrong_mrseam", reason % (wanted["version"], found, wanted["mrseam"])
    wanted_tcb = wanted["tcb_status"] == "UpToDate"
    reason = find_too_old_for_tcb(status, wanted["version"]) if wanted_tcb else None
    if reason:
        return "stop", "failed", reason
    return "update", "available", "%s can be updated to %s" % (
        status["module"]["version"],
        wanted["version"],
    )


def decide(status, wanted):
    """What a rollout does with this host; the states are those of tdx-module-status."""
    state = status["state"]
    if state in STOPS:
        return "stop", state, status["verdict"]
    if state == "no_tdx":
        return "skip", state, status["verdict"]
    if parse(status["module"]["version"]) >= parse(wanted["version"]):
        return decide_running(status, wanted)
    if state == "failed" and not wanted["retry_failed"]:
        return "stop", state, status["verdict"]
    if state == "blocked":
        return "skip", state, "; ".join(reason["message"] for reason in status["reasons"])
    for release in status["releases"]:
        if release["version"] == wanted["version"]:
            return decide_offered(status, wanted, release)
    refused = status["refused"]
    if refused is not None and refused["version"] == wanted["version"]:
        return "skip", "no_release", "%s cannot be taken: %s" % (refused["version"], refused["reason"])
    return "skip", "no_release", "%s is not offered to this host" % wanted["version"]


def install(module, status, version):
    """Lets fwupd do it, and gives what it says if it has not."""
    command = [module.get_bin_path("fwupdmgr", required=True)]
    command += ["install", status["fwupd"]["device_id"], version, "--json"]
    command += ["--no-reboot-check", "--no-unreported-check", "--no-metadata-check"]
    rc, out, err = module.run_command(command)
    if rc == 0:
        return None
    try:
        return json.loads(out)["Error"]["Message"]
    except (ValueError, TypeError, KeyError):
        return (err.strip() or out.strip()) or "fwupdmgr exited with %d" % rc


def judge(status, wanted, error):
    """After an update only the host knows what has become of it."""
    action, state, reason = decide(status, wanted)
    if action == "stop" or state in ["current", "blocked"]:
        return action, state, "%s: %s" % (reason, error) if error else reason
    return "stop", "failed", error or "%s is still running" % status["module"]["version"]


def describe(status, action, state, reason):
    found = [status["host"]["cpu"], status["module"]["seamldr"], platform.release()]
    kind = "CPU %s, P-SEAMLDR %s, kernel %s, TDX module %s"
    return {
        "action": action,
        "state": state,
        "reason": reason,
        "kind": kind % tuple(found + [status["module"]["version"]]),
        "kernel": platform.release(),
        "version_before": status["module"]["version"],
        "version_after": status["module"]["version"],
        "status": status,
    }


def update(module, status, result):
    """Changes the host, unless it shall only be said."""
    wanted = module.params
    result["changed"] = True
    result["diff"] = {"prepared": "%s -> %s\n" % (result["version_before"], wanted["version"])}
    if module.check_mode:
        return
    error = install(module, status, wanted["version"])
    status = read_status(module)
    action, state, reason = judge(status, wanted, error)
    after = describe(status, action, state, reason)
    for name in ["action", "state", "reason", "version_after", "status"]:
        result[name] = after[name]
    result["changed"] = result["version_after"] != result["version_before"]


def main():
    options = {
        "version": {"type": "str"},
        "mrseam": {"type": "str"},
        "tcb_status": {"type": "str"},
        "retry_failed": {"type": "bool", "default": False},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    status = read_status(module)
    if module.params["version"] is None:
        result = describe(status, "none", status["state"], status["verdict"])
    else:
        result = describe(status, *decide(status, module.params))
    if result["action"] == "update":
        update(module, status, result)
    if result["action"] == "stop":
        module.fail_json(msg="%s: %s" % (result["state"], result["reason"]), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
