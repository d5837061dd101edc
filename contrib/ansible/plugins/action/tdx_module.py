# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks tdx-module-status what a host is, and lets fwupd update it if that is what was asked for.

This runs on the operator's machine and sends shell commands, as Python and all of a module on each
host would take longer than the question itself. plugins/modules/tdx_module.py documents it.
"""

import json
import shlex
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

SCHEMA = 1
PROGRAM = "tdx-module-status"
# sbin is not in the path of everybody who may become root; nothing may eat the rest of the script
SCRIPT = "{ LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin; export LC_ALL PATH; %s; } </dev/null\n"
OPTIONS = {
    "version": {"type": "str", "default": ""},
    "mrseam": {"type": "str", "default": ""},
    "tcb_status": {"type": "str", "default": ""},
    "retry_failed": {"type": "bool", "default": False},
    "logs": {"type": "path"},
}
# a reset ends what the kernel knows
LOGS = {
    "fwupd.log": "journalctl --no-pager -u fwupd -b",
    "kernel.log": "journalctl --no-pager -k -b",
    "devices.json": "fwupdmgr get-devices --json",
    "history.json": "fwupdmgr get-history --json",
    "status.json": PROGRAM + " --json",
}
# nobody updates a host, or the next one, while there is one of these
STOPS = ["lost", "unknown", "no_plugin"]


def read_status(rc, out, err):
    """Gives what the host says, or what is known when it says nothing."""
    if rc == 127:
        return nothing_known("%s is not installed here: install the package" % PROGRAM)
    try:
        status = json.loads(out)
        schema = status["schema"]
    except (ValueError, TypeError, KeyError):
        return nothing_known("%s says nothing that can be read: %s" % (PROGRAM, err.strip() or out))
    if schema != SCHEMA:
        return nothing_known("%s has schema %s, expected %s" % (PROGRAM, schema, SCHEMA))
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


def judge(status, wanted, error):
    """After an update only the host knows what has become of it."""
    action, state, reason = decide(status, wanted)
    if action == "stop" or state in ["current", "blocked"]:
        return action, state, "%s: %s" % (reason, error) if error else reason
    return "stop", "failed", error or "%s is still running" % status["module"]["version"]


def describe(status, kernel, action, state, reason):
    found = [status["host"]["cpu"], status["module"]["seamldr"], kernel]
    kind = "CPU %s, P-SEAMLDR %s, kernel %s, TDX module %s"
    return {
        "action": action,
        "state": state,
        "reason": reason,
        "kind": kind % tuple(found + [status["module"]["version"]]),
        "version_before": status["module"]["version"],
        "version_after": status["module"]["version"],
        "row": {
            "cpu": status["host"]["cpu"],
            "seamldr": status["module"]["seamldr"],
            "kernel": kernel,
            "updates_left": status["module"]["updates_left"],
            "reset_needed": " ".join(status["resets"]),
            "tcb": " ".join(tcb["status"] for tcb in status["tcb"]),
        },
    }


class ActionModule(ActionBase):
    """One host; Ansible runs many of these at a time."""

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        dummy, wanted = self.validate_argument_spec(OPTIONS)
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        result = self._answer(wanted)
        if result["state"] == "lost" and wanted["logs"]:
            try:
                self._keep_logs(Path(wanted["logs"]) / host)
            except (AnsibleError, OSError) as error:
                result["reason"] += "; its logs could not be kept: %s" % error
        result["wanted"] = {name: wanted[name] for name in ["version", "mrseam", "tcb_status"]}
        result["line"] = "%s: %s: %s" % (host, result["state"], result["reason"])
        facts = {"tdx_module_result": {**result, "host": host}}
        failed = {"failed": True, "msg": result["line"]} if result["action"] == "stop" else {}
        return {"changed": False, **result, **failed, "ansible_facts": facts}

    def _answer(self, wanted):
        """Whatever happens is a state: Ansible forgets hosts that it could not reach."""
        try:
            return self._look_and_update(wanted)
        except AnsibleConnectionFailure as error:
            return {"action": "stop", "state": "unreachable", "reason": str(error).strip()}
        except (AnsibleError, AttributeError, KeyError, TypeError, ValueError) as error:
            reason = "no answer that is understood: %r" % error
            return {"action": "stop", "state": "unknown", "reason": reason}

    def _shell(self, command):
        """Gives the exit code, the output and the errors of a command on the host."""
        # on the standard input, so that there is no terminal that mixes output and errors
        done = self._low_level_execute_command("/bin/sh", in_data=(SCRIPT % command).encode())
        return done["rc"], done["stdout"], done["stderr"]

    def _look(self):
        """Gives the host's status and its kernel."""
        rc, out, err = self._shell("uname -r; exec %s --json" % PROGRAM)
        kernel, dummy, out = out.partition("\n")
        return read_status(rc, out, err), kernel.strip()

    def _look_and_update(self, wanted):
        status, kernel = self._look()
        if not wanted["version"]:
            return describe(status, kernel, "none", status["state"], status["verdict"])
        result = describe(status, kernel, *decide(status, wanted))
        if result["action"] == "update":
            self._update(wanted, status, result)
        return result

    def _update(self, wanted, status, result):
        """Changes the host, unless it shall only be said."""
        result["changed"] = True
        result["diff"] = {"prepared": "%s -> %s\n" % (result["version_before"], wanted["version"])}
        if self._task.check_mode:
            return
        error = self._install(status, wanted["version"])
        status, kernel = self._look()
        after = describe(status, kernel, *judge(status, wanted, error))
        result.update({**after, "kind": result["kind"], "version_before": result["version_before"]})
        result["changed"] = result["version_after"] != result["version_before"]

    def _install(self, status, version):
        """Lets fwupd do it, and gives what it says if it has not."""
        command = ["fwupdmgr", "install", status["fwupd"]["device_id"], version, "--json"]
        command += ["--no-reboot-check", "--no-unreported-check", "--no-metadata-check"]
        rc, out, err = self._shell(" ".join(shlex.quote(word) for word in command))
        if rc == 0:
            return None
        try:
            return json.loads(out)["Error"]["Message"]
        except (ValueError, TypeError, KeyError):
            return (err.strip() or out.strip()) or "fwupdmgr exited with %d" % rc

    def _keep_logs(self, folder):
        """Before anybody resets the host."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, command in LOGS.items():
            dummy, out, err = self._shell(command)
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(out + err, encoding="utf-8")
