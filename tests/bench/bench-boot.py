#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time from the start to the Debian installer's language screen, told by the framebuffer, beside
Debian's QEMU on the same files, in turn. Where QEMU has several CPUs for the guest,
the fastest counts. Usage: bench-boot.py BUILD [--guest ARCH] [--engine ENGINE] [--rounds N]
[--cpus N] [--smallest]: only until something is on the screen."""

import argparse
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from diorama_guest import DioramaGuest  # noqa: E402
from guest_images import INSTALLERS, installer  # noqa: E402
from qemu_guest import QEMUS, QemuGuest  # noqa: E402
from screen import wait_for_dialog  # noqa: E402


def measure(guest, options):
    try:
        if options.smallest:
            return wait_for_frame(guest)
        seconds, _ = wait_for_dialog(guest, timeout=500)
        if seconds is None:
            sys.exit("the language screen did not come within 500 s")
        return seconds
    finally:
        guest.close()


def wait_for_frame(guest, timeout=60):
    """Seconds until the guest's kernel shows anything."""
    while time.monotonic() - guest.started < timeout:
        screen = guest.screen()
        if screen and any(screen.rgb):
            return time.monotonic() - guest.started
        time.sleep(0.2)
    sys.exit(f"nothing came on the screen within {timeout} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--guest", choices=INSTALLERS, default="riscv64")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--engine", choices=("auto", "interpreter", "compiler"), default="auto")
    parser.add_argument("--smallest", action="store_true",
                        help="one round, until something is on the screen")
    options = parser.parse_args()
    if options.smallest:
        options.rounds = 1
    files = installer(options.guest)
    machine = {"cpus": options.cpus, "arch": options.guest}
    program = os.path.join(options.build, "diorama")
    ours = []
    theirs = {cpu: [] for cpu in QEMUS[options.guest][2]}
    for _ in range(options.rounds):
        ours.append(measure(DioramaGuest(program, *files, **machine,
                                         extra=("--engine", options.engine)), options))
        for cpu, times in theirs.items():
            times.append(measure(QemuGuest(*files, **machine, cpu=cpu), options))
        peers = ", ".join(f"QEMU {cpu or ''}".strip() + f" {times[-1]:.1f} s"
                          for cpu, times in theirs.items())
        print(f"{options.guest} to {'a picture' if options.smallest else 'the language screen'}, {options.cpus} vCPU: "
              f"Diorama {ours[-1]:.1f} s, {peers}", flush=True)
    mine = statistics.median(ours)
    peer = min(statistics.median(times) for times in theirs.values())
    print(f"median: Diorama {mine:.1f} s, QEMU {peer:.1f} s: {mine / peer:.2f} times QEMU's time")


if __name__ == "__main__":
    main()
