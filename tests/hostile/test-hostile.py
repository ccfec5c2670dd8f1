#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a hostile guest in the application and checks that the application ends as it should: no signal, no
warning of its own, little output, bounded memory. Usage: test-hostile.py DIORAMA IMAGE EXPECTATION [OPTION...],
with more options of "diorama run"."""

import resource
import subprocess
import sys
import tempfile

TIME_LIMIT = 4
# The expectation and the exit codes of `diorama run` that meet it: 0 the guest powered off, 4 time limit.
CODES = {"survives": {0}, "runs": {4}}
MEMORY_LIMIT = 900 << 20
LOUD = ("CRITICAL", "ERROR **", "AddressSanitizer", "runtime error", "assertion")


def main():
    program, image, expectation = sys.argv[1:4]
    with tempfile.NamedTemporaryFile(suffix=".img") as disk:
        disk.truncate(1 << 20)
        result = subprocess.run(
            [program, "run", "--arch", "riscv64", "--memory", "128M", "--cpus", "2", "--firmware", image,
             "--disk", disk.name, "--headless", "--serial", "stdio", "--time-limit",
             str(TIME_LIMIT if expectation == "runs" else 60), *sys.argv[4:]],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=False)
    errors = result.stderr.decode(errors="replace")
    output = result.stdout.decode(errors="replace")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    problems = []
    if result.returncode not in CODES[expectation]:
        problems.append(f"exit code {result.returncode}, not one of {CODES[expectation]}")
    if expectation == "survives" and "survived" not in output:
        problems.append(f"the guest did not come to its end: {output[-200:]!r}")
    if any(word in errors for word in LOUD):
        problems.append("the application complained of itself")
    if len(errors) > 20000:
        problems.append(f"{len(errors)} bytes of messages: a guest could fill a log")
    if peak > MEMORY_LIMIT:
        problems.append(f"{peak >> 20} MiB of memory for a guest of 128 MiB")
    if problems:
        sys.exit("FAILED: " + "; ".join(problems) + "\n" + errors[-4000:])
    print(f"ok: exit code {result.returncode}, peak {peak >> 20} MiB")


if __name__ == "__main__":
    main()
