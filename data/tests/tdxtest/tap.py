#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs unit tests and reports them in the Test Anything Protocol; needs nothing but Python."""

import types
import unittest


class TapResult(unittest.TestResult):
    """Tells meson about each test, in the Test Anything Protocol."""

    def report(self, ok: bool, test: unittest.TestCase, comment: str = "") -> None:
        name = test.id().removeprefix("__main__.")
        status = "ok" if ok else "not ok"
        print(f"{status} {self.testsRun} - {name}{comment}", flush=True)

    def explain(self, test, err) -> None:
        text = self._exc_info_to_string(err, test)  # pylint: disable=no-member
        print("".join(f"# {line}\n" for line in text.splitlines()), flush=True)

    def startTest(self, test) -> None:
        super().startTest(test)
        self.failed_here = False
        self.skipped_here = ""

    def addSubTest(self, test, subtest, err) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(f"# {subtest}")
            self.failed_here = True
            self.explain(test, err)

    def addSuccess(self, test) -> None:
        self.report(True, test)

    def addSkip(self, test, reason) -> None:
        """Each part of a test may say so, but it is one test."""
        super().addSkip(test, reason)
        self.skipped_here = f" # SKIP {reason}"

    def addFailure(self, test, err) -> None:
        super().addFailure(test, err)
        self.report(False, test)
        self.explain(test, err)

    def addError(self, test, err) -> None:
        super().addError(test, err)
        self.report(False, test)
        self.explain(test, err)

    def stopTest(self, test) -> None:
        if self.failed_here:
            self.report(False, test)
        elif self.skipped_here:
            self.report(True, test, self.skipped_here)
        super().stopTest(test)


def run(module: types.ModuleType) -> int:
    """Runs all tests of a module and gives the exit status."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.testsRun}", flush=True)
    return 0 if result.wasSuccessful() else 1
