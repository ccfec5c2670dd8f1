#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a libFuzzer target for a short time: run-fuzz.py FUZZER CORPUS.

The seeds in CORPUS are run first. FUZZ_SECONDS (5) is the time; FUZZ_KEEP names a folder that keeps
what was found, for longer campaigns. The input of a crash is left in the current folder.
"""
import os
import subprocess
import sys
import tempfile


def main():
    fuzzer, seeds = sys.argv[1:3]
    seconds = os.environ.get("FUZZ_SECONDS", "5")
    with tempfile.TemporaryDirectory(prefix="dio-fuzz-") as scratch:
        corpus = os.environ.get("FUZZ_KEEP", scratch)
        os.makedirs(corpus, exist_ok=True)
        command = [
            fuzzer,
            f"-max_total_time={seconds}",
            "-timeout=5",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            f"-artifact_prefix={os.path.basename(fuzzer)}-",
            corpus,
        ]
        if os.path.isdir(seeds):
            command.append(seeds)
        environment = dict(os.environ, G_SLICE="always-malloc")
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1")
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
