#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots Debian's arm64 kernel through UEFI firmware with ACPI alone: it finds CPUs, interrupt controller, timers,
serial port, PCI bus with messages through the ITS, which it moves to another CPU, and the power key, which it hears;
after a revert it is told that it went back; and it complains of nothing. With --acpi off it gets the device tree
instead.

Usage: test-acpi.py DIORAMA [--cpus N]"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from firmware_guest import FIRMWARE, FirmwareGuest, check  # noqa: E402
from guest_images import image_files  # noqa: E402
from screen import WARNINGS  # noqa: E402

COMPLAINTS = WARNINGS + ("ACPI Error", "ACPI Warning", "ACPI BIOS", "Firmware Bug", "can't derive routing")
TABLES = ("APIC", "DBG2", "DSDT", "FACP", "GTDT", "IORT", "MCFG", "SPCR")
# In the initrd's shell: the virtio driver of the display, which waits for its interrupts.
COMMANDS = ("mount -t proc p /proc; mount -t sysfs s /sys; modprobe virtio_pci; modprobe virtio-gpu; "
            "cat /proc/interrupts; ls /sys/firmware/acpi/tables; ls /sys/firmware/devicetree; "
            "cat /proc/bus/input/devices; echo E''ND\r")
# Messages of the display go to the other CPU, and then there are some: lines of /proc/interrupts before and after.
SHOW = "grep virtio.-control /proc/interrupts"
MOVE = (f"I=$({SHOW} | cut -d: -f1); echo {{mask}} > /proc/irq/$((I))/smp_affinity; {SHOW}; "
        f"dd if=/dev/zero of=/dev/fb0 bs=4096 count=64; sleep 1; {SHOW}; echo E''ND\r")


def options_of(cpus, acpi, line):
    kernel, initrd = image_files("debian-12-arm64-netboot", "linux", "initrd.gz")
    return ("--arch", "arm64", "--memory", "512M", "--firmware", FIRMWARE, "--kernel", kernel, "--initrd", initrd,
            "--cpus", str(cpus), "--acpi", acpi, "--append", "rdinit=/bin/sh console=ttyAMA0 " + line)


def boot(guest):
    """What the kernel said until it started a shell, and what the commands print."""
    log = guest.wait_for(r"(?s).*Run /bin/sh as init process.*# $")[0]
    guest.type(COMMANDS)
    output = guest.wait_for(r"(?s).*\nEND")[0]
    check(True, f"the shell runs ({guest.seconds():.1f} s)")
    return log, output


def turn_off(guest):
    guest.type("echo o > /proc/sysrq-trigger\r")
    check(guest.end() == 0, "it turns the machine off")


class Kept:
    """A machine that is kept, for its power key and its snapshots."""

    def __init__(self, program, folder, *options):
        self.program, self.environment = program, dict(os.environ, DIORAMA_LIBRARY=os.path.join(folder, "library"))
        self.run("create", "m", *options)

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], env=self.environment, timeout=120, check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def start(self):
        return FirmwareGuest(self.program, command=("start", "m"), environment=self.environment)

    def press(self):
        """The power key, which nothing in the guest makes turn off."""
        subprocess.run([self.program, "stop", "m", "--wait", "0"], env=self.environment, timeout=60, check=False,
                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def judge(log, output, cpus):
    """What the kernel found, from what it says."""
    seen = [word for word in COMPLAINTS if word in log + output]
    check(not seen, f"the kernel complains of nothing {seen}")
    check(all(re.search(rf"\b{table}\b", output) for table in TABLES), "it has all tables")
    check(f"{cpus} CPUs" in log or f"smp: Brought up 1 node, {cpus} CPU" in log, "it has all CPUs")
    check("ACPI: Using GIC for interrupt routing" in log, "it has the interrupt controller")
    check(re.search(r"GICv3 +27 Level +arch_timer", output), "it has the timer")
    check(re.search(r"ITS-MSI \d+ Edge +virtio\d-control", output), "messages go through the ITS")
    counts = re.search(r"\n *\d+: +([\d ]+?) +ITS-MSI \d+ Edge +virtio\d-control", output)
    check(sum(map(int, counts[1].split())) > 0, f"and come ({counts[1].split()})")
    check("PCI Root Bridge [PCI0] (domain 0000 [bus 00-ff])" in log, "it has the PCI bus")
    check('N: Name="Power Button"' in output, "it has the power key")


def move_messages(guest, to):
    """Interrupts that are moved come to CPU @to of the two, and no longer to the other."""
    guest.type(MOVE.format(mask=1 << to))
    lines = guest.wait_for(r"(?s)\n *\d+: +(\d+) +(\d+) +ITS-MSI.*\n *\d+: +(\d+) +(\d+) +ITS-MSI.*\nEND")
    before, after = [int(lines[i]) for i in (1, 2)], [int(lines[i]) for i in (3, 4)]
    check(after[to] > before[to] and after[1 - to] == before[1 - to],
          f"messages go to CPU {to} when they are moved there ({before}, {after})")


def wait_for_key(guest):
    """Until the controller of GPIO lines has told the kernel of the key once."""
    for _ in range(20):
        guest.type("grep ACPI:Event /proc/interrupts; echo E''ND\r")
        line = guest.wait_for(r"(?s)\n *\d+: +([\d ]+?) +ARMH0061:00 +3 Edge.*?\nEND")[1]
        if sum(map(int, line.split())) == 1:
            check(True, "it hears the power key")
            return
        time.sleep(0.5)
    guest.fail("the power key was not heard")


def check_by_acpi(program, cpus):
    with tempfile.TemporaryDirectory(prefix="dio-acpi-") as folder:
        kept = Kept(program, folder, *options_of(cpus, "on", "acpi=force"))
        guest = kept.start()
        try:
            judge(*boot(guest), cpus)
            if cpus == 2:
                guest.type("mount -t devtmpfs d /dev\r")
                move_messages(guest, 0)
                move_messages(guest, 1)
            kept.press()
            wait_for_key(guest)
            kept.run("snapshot", "take", "m", "one")
            kept.run("snapshot", "revert", "m", "one")
            guest.reconnect()
            guest.wait_for("crng reseeded due to virtual machine fork")
            check(True, "after a revert it knows that it went back")
            guest.type("\r")
            guest.wait_for("# ")
            turn_off(guest)
        finally:
            guest.close()


def check_by_device_tree(program):
    guest = FirmwareGuest(program, command=("run", *options_of(1, "off", "")))
    try:
        log, _ = boot(guest)
        check("Machine model: linux,dummy-virt" in log and "ACPI: RSDP" not in log,
              "without ACPI it has the device tree")
        turn_off(guest)
    finally:
        guest.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cpus", type=int, default=2)
    options = parser.parse_args()
    check_by_acpi(options.program, options.cpus)
    check_by_device_tree(options.program)


if __name__ == "__main__":
    main()
