#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a mixed load that checks itself in a Debian kernel with several vCPUs, and watches the guest's
console, the memory of the process and the statistics of the compiler.

An error is: a difference that the load finds or a result that the host has not, a warning of the
guest's kernel, a worker without a round, a timer that came later than the load of the host explains,
growth of memory after the first third."""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, os.path.join(HERE, "../bench"))
from guest_images import image_files  # noqa: E402
from guest_sides import Diorama, Setup, SideError  # noqa: E402

WORKERS = {"build", "fp", "memory", "jit", "patch", "protect", "timers", "signals", "locks",
           "atomics"}
WARNINGS = re.compile(r"rcu.*stall|self-detected stall|soft lockup|hung_task|blocked for more than"
                      r"|\bBUG\b|\bOops\b|WARNING:|segfault|unhandled signal|Kernel panic"
                      r"|Call Trace|clocksource.*unstable|Out of memory")
SAMPLES = 60
# What memory may grow after the first third of a run. The guest's own memory is counted apart, and
# compiled code, which the cache bounds, with what is kept about it.
GROWTH_BYTES = 16 << 20
CODE_FACTOR = 5
# How late a timer may be beside what sleeps of the host are late at the same time.
LATE_SECONDS = 5
LATE_FACTOR = 20
# For the rounds that are going on when the time is over.
LAST_ROUND_SECONDS = 150


def parse():
    parser = argparse.ArgumentParser(prog="./dev stress", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seconds", type=float, help="instead of minutes")
    parser.add_argument("--cpus", type=int, default=4)
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--engine", choices=("auto", "interpreter", "compiler"), default="auto")
    parser.add_argument("--seed", type=int, default=0, help="which of the rounds are first")
    parser.add_argument("--scale", type=float, default=0.1, help="how long rounds are")
    parser.add_argument("--worker", action="append", default=[],
                        help="only this part of the load (may be repeated)")
    parser.add_argument("--log", metavar="FILE", help="keep what the guest's console shows")
    options = parser.parse_args()
    if not set(options.worker) <= WORKERS:
        parser.error(f"workers are {', '.join(sorted(WORKERS))}")
    options.seconds = options.seconds or options.minutes * 60
    return options


class HostLateness(threading.Thread):
    """How late the host is with sleeps of its own."""

    def __init__(self):
        super().__init__(daemon=True)
        self.worst = 0

    def run(self):
        while True:
            start = time.monotonic()
            time.sleep(0.01)
            self.worst = max(self.worst, time.monotonic() - start - 0.01)


class Watch:
    """What is seen of a run, and what is wrong with it."""

    def __init__(self, sums):
        self.sums = sums
        self.errors = []
        self.rounds = dict.fromkeys(WORKERS, 0)
        self.counts = {}
        self.samples = []
        self.total = None

    def error(self, text):
        self.errors.append(text)
        print(f"ERROR: {text}", flush=True)

    def line(self, text):
        words = text.split()
        if WARNINGS.search(text):
            self.error(text)
        elif words[:2] == ["stress:", "round"]:
            self._round(*words[2:])
        elif words[:2] == ["stress:", "DIFFERENCE"]:
            self.error(text)
        elif words[:2] == ["stress:", "counts"]:
            self.counts = {name: int(value)
                           for name, value in (word.split("=") for word in words[2:])}
        elif re.fullmatch(r"stress: \d+ rounds, \d+ differences", text):
            self.total = text

    def _round(self, worker, number, seed, checksum, seconds):
        print(f"{worker:8} round {number} of seed {seed}: {checksum} in {seconds} s", flush=True)
        self.rounds[worker] += 1
        if self.sums.get((worker, seed), checksum) != checksum:
            self.error(f"{worker} with seed {seed}: {checksum}, the host has "
                       f"{self.sums[worker, seed]}")

    def check(self, workers, host_late):
        for worker in sorted(workers):
            if not self.rounds[worker]:
                self.error(f"{worker} did no round")
        late = self.counts.get("worst_ns", 0) / 1e9
        if late > LATE_SECONDS + LATE_FACTOR * host_late:
            self.error(f"a timer was {late:.1f} s late")
        self._check_growth()

    def _check_growth(self):
        warm = self.samples[len(self.samples) // 3:]
        if len(warm) < 3:
            return
        # Of the first and the last few, so that a peak is no growth.
        few = max(1, len(warm) // 5)
        growth = (min(map(self._uncoded, warm[-few:])) - min(map(self._uncoded, warm[:few])))
        if growth > GROWTH_BYTES:
            self.error(f"memory of the process grew by {growth >> 20} MiB")

    @staticmethod
    def _uncoded(sample):
        return sample["other"] - CODE_FACTOR * sample["stats"].get("jit", {}).get("code_bytes", 0)

    def report(self, host_late):
        print(f"\n{'seconds':>8} {'RSS MiB':>8} {'guest':>6} {'other':>6} {'code KiB':>9} "
              f"{'regions':>8} {'gone':>8} {'evicted':>8} {'interrupts':>11} {'timers late':>12}")
        step = max(1, len(self.samples) // 12)
        for sample in self.samples[::step] + self.samples[-1:]:
            jit = sample["stats"].get("jit", {})
            print(f"{sample['seconds']:8.0f} {sample['rss'] / 2**20:8.1f} "
                  f"{sample['ram'] / 2**20:6.0f} {sample['other'] / 2**20:6.1f} "
                  f"{jit.get('code_bytes', 0) / 1024:9.0f} {jit.get('live_regions', 0):8} "
                  f"{jit.get('invalidated_regions', 0):8} {jit.get('evicted_segments', 0):8} "
                  f"{sample['stats']['interrupts']:11} {sample['late']:12}")
        print("rounds: " + ", ".join(f"{name} {count}" for name, count in
                                     sorted(self.rounds.items()) if count))
        print("counts: " + ", ".join(f"{name} {value}" for name, value in self.counts.items()))
        print(f"latest timer: {self.counts.get('worst_ns', 0) / 1e9:.3f} s, of the host: "
              f"{host_late:.3f} s")


class Machine(Diorama):
    """A guest that runs its list by itself."""

    def start(self):
        super().start()
        self.begun = time.monotonic()

    def sample(self, watch):
        stats = self.counters()
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            rss = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024
        ram = stats["ram_resident"]
        watch.samples.append({"seconds": time.monotonic() - self.begun, "rss": rss, "ram": ram,
                              "other": rss - ram, "stats": stats,
                              "late": watch.counts.get("late", 0)})

    def watch(self, watch, seconds, log):
        """Until the guest is about to power off."""
        deadline = time.monotonic() + seconds + LAST_ROUND_SECONDS
        interval = max(1, seconds / SAMPLES)
        due = time.monotonic() + interval
        while True:
            text = self._line(deadline)[1]
            log.write(text + "\n")
            watch.line(text)
            if text == "bench: off":
                return
            if time.monotonic() > due:
                self.sample(watch)
                due = time.monotonic() + interval


def host_sums(options):
    """What portable workers compute, by the host: {(worker, seed): checksum}."""
    program = os.path.join(options.build, "tests/stress/stress-native")
    lines = subprocess.run([program, "sums", str(options.scale)], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return {(worker, seed): checksum for _, worker, seed, checksum in map(str.split, lines)}


def make_initramfs(options, path):
    spec = importlib.util.spec_from_file_location(
        "initramfs", os.path.join(HERE, "../bench/linux/initramfs.py"))
    initramfs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(initramfs)
    command = ["/bench/stress", "run", str(int(options.seconds)), str(options.seed),
               str(options.scale), *options.worker]
    files = {"bench/list": f"stress stress {' '.join(command)}\n".encode()}
    for name, source in {"bench/init": "tests/bench/linux/init-riscv64",
                         "bench/stress": "tests/stress/stress-riscv64"}.items():
        with open(os.path.join(options.build, source), "rb") as file:
            files[name] = file.read()
    with open(path, "wb") as output:
        output.write(initramfs.build(files))


def run(options, watch, folder, log):
    initramfs = os.path.join(folder, "initramfs")
    make_initramfs(options, initramfs)
    kernel = image_files("debian-13-riscv64-netboot", "linux")[0]
    # Warnings are shown, information is not.
    setup = Setup(kernel, initramfs, "console=ttyS0 loglevel=5 panic=-1 rdinit=/bench/init",
                  options.memory, options.cpus, options.seconds)
    machine = Machine(setup, os.path.join(options.build, "diorama"), "riscv64", options.engine)
    try:
        machine.start()
        machine.watch(watch, options.seconds, log)
        if machine.process.wait(60) != 0:
            watch.error(f"the machine ended with {machine.process.returncode}")
    except (SideError, subprocess.TimeoutExpired) as error:
        watch.error(str(error))
    finally:
        machine.kill()


def main():
    options = parse()
    host = HostLateness()
    host.start()
    watch = Watch(host_sums(options))
    with tempfile.TemporaryDirectory(prefix="dio-stress-") as folder, \
            open(options.log or os.devnull, "w", encoding="utf-8") as log:
        run(options, watch, folder, log)
    watch.check(options.worker or WORKERS, host.worst)
    watch.report(host.worst)
    print(watch.total or "stress: the load did not come to its end")
    if watch.errors or not watch.total:
        sys.exit(f"{len(watch.errors)} errors")


if __name__ == "__main__":
    main()
