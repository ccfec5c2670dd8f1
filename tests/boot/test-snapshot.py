#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of a running Linux guest whose memory changes all the time: live ones, going back to
any of them, merging, suspending, and kill -9 at any moment. Each sum that the guest tells must always be the
same, however often it got there. Usage: test-snapshot.py DIORAMA SCRIBBLE [--arch ARCH] [--cpus N]
[--engine ENGINE] [--reverts N] [--kills N] [--seed N]."""

import argparse
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "../support"))
from scribble_guest import NAME, Scribbler, Sums, kernel  # noqa: E402


FORK = "crng reseeded due to virtual machine fork"


def go_back(guest, sums, taken, rng, count):
    for i in range(count):
        guest.wait_sums(2)
        if i % 3 == 0:
            taken.append(guest.snapshot("take", f"s{len(taken)}").strip())
        else:
            options = ["--discard"] if rng.random() < 0.5 else []
            guest.snapshot("revert", *options, rng.choice(taken))
        guest.wait_sums(2)
        sums.check(guest)


def generation(guest, taken):
    """The guest hears of it when it goes back, and not when it was only suspended."""
    before = guest.text().count(FORK)
    guest.snapshot("revert", "--discard", taken[0])
    guest.wait(lambda: guest.text().count(FORK) > before, "new random numbers", 60)


def merge(guest, sums):
    """What deleted snapshots leave of the disk is merged while the guest runs."""
    ids = [guest.snapshot("take", f"m{i}").strip() for i in range(5)]
    before = guest.images()
    for one in ids[:4]:
        guest.snapshot("delete", one)
    after = guest.images()
    if after > before - 4:
        sys.exit(f"{before} images became {after} only")
    guest.wait_sums(2)
    guest.snapshot("revert", "--discard", ids[4])
    guest.wait_sums(2)
    sums.check(guest)
    guest.snapshot("delete", ids[4])


def suspend(guest, sums):
    before = guest.text()
    guest.run("suspend", NAME)
    guest.process.wait(30)
    sums.check(guest)
    guest.serial.unlink()
    guest.start()
    guest.wait_sums(3)
    if "scribble: ready" in guest.text():
        sys.exit("the guest started anew instead of going on")
    if FORK in guest.text():
        sys.exit("the guest thinks that it went back")
    sums.check(guest)
    guest.serial.write_text(before + guest.text())


def kill(guest, sums, taken, rng, count):
    """The process that runs the machine dies during a take, a revert, a delete or a suspend."""
    early = 0
    for i in range(count):
        before = guest.snapshot("list").splitlines()
        verb = [["snapshot", "take", NAME, f"k{rng.random()}"],
                ["snapshot", "revert", NAME, rng.choice(taken)],
                ["snapshot", "delete", NAME, rng.choice(before)[:8]],
                ["suspend", NAME]][i % 4]
        busy = subprocess.Popen([guest.program, *verb], env=guest.environment,
                                stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.5)
        early += busy.poll() is None
        guest.kill()
        busy.wait(60)
        guest.snapshot("verify")
        after = guest.snapshot("list").splitlines()
        if abs(len(after) - len(before)) > 1:
            sys.exit(f"{len(before)} snapshots became {len(after)} by {verb}")
        guest.start()
        # It counts as running from the moment on that somebody has it; pausing waits for the rest.
        guest.wait(lambda: guest.run("pause", NAME, check=False).returncode == 0, "running", 60)
        guest.run("resume", NAME)
        known = [line[:8] for line in after]
        taken[:] = [one for one in taken if one[:8] in known]
        if not taken:
            taken.append(guest.snapshot("take").strip())
        guest.snapshot("revert", "--discard", rng.choice(taken))
        guest.wait_sums(2)
        sums.check(guest)
    print(f"killed {count} times, {early} of them before the command had ended")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("scribble")
    parser.add_argument("--arch", default="riscv64")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--reverts", type=int, default=9)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not kernel(options.arch):
        print("Debian's kernel was not fetched (tools/fetch-guests)")
        sys.exit(77)
    rng = random.Random(options.seed)
    sums, taken = Sums(), []
    guest = Scribbler(options.program, options.scribble, cpus=options.cpus, engine=options.engine,
                      mib=64, memory="256M", disk="1G", arch=options.arch)
    try:
        guest.start()
        guest.wait_sums(2)
        go_back(guest, sums, taken, rng, options.reverts)
        if options.arch == "riscv64":  # Debian's older kernel for arm64 does not know the device
            generation(guest, taken)
        merge(guest, sums)
        suspend(guest, sums)
        kill(guest, sums, taken, rng, options.kills)
        guest.snapshot("verify")
        print(f"{len(sums.known)} sums, {sums.repeated} of them told again and the same")
        if sums.repeated < 3:
            sys.exit("hardly anything was repeated: nothing is proven")
    finally:
        guest.close()


if __name__ == "__main__":
    main()
