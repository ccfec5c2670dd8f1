#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots Debian's arm64 kernel through UEFI firmware with ACPI alone: it finds CPUs, interrupt controller, timers,
serial port, PCI bus with messages through the ITS, and the power key, and complains of nothing. With --acpi off it
gets the device tree instead.

Usage: test-acpi.py DIORAMA [--cpus N]"""

import argparse
import os
import re
import sys

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


def boot(program, cpus, acpi, line):
    """What the kernel said until it started a shell, and what the commands print."""
    kernel, initrd = image_files("debian-12-arm64-netboot", "linux", "initrd.gz")
    guest = FirmwareGuest(program, "--firmware", FIRMWARE, "--kernel", kernel, "--initrd", initrd, "--cpus", str(cpus),
                          "--acpi", acpi, "--append", "rdinit=/bin/sh console=ttyAMA0 " + line)
    try:
        log = guest.wait_for(r"(?s).*Run /bin/sh as init process.*# $")[0]
        guest.type(COMMANDS)
        output = guest.wait_for(r"(?s).*\nEND")[0]
        check(True, f"the shell runs with ACPI {acpi} ({guest.seconds():.1f} s)")
        guest.type("echo o > /proc/sysrq-trigger\r")
        check(guest.end() == 0, "it turns the machine off")
        return log, output
    finally:
        guest.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cpus", type=int, default=2)
    options = parser.parse_args()
    log, output = boot(options.program, options.cpus, "on", "acpi=force")
    seen = [word for word in COMPLAINTS if word in log + output]
    check(not seen, f"the kernel complains of nothing {seen}")
    check(all(re.search(rf"\b{table}\b", output) for table in TABLES), "it has all tables")
    check(f"{options.cpus} CPUs" in log or f"smp: Brought up 1 node, {options.cpus} CPU" in log, "it has all CPUs")
    check("ACPI: Using GIC for interrupt routing" in log, "it has the interrupt controller")
    check(re.search(r"GICv3 +27 Level +arch_timer", output), "it has the timer")
    check(re.search(r"ITS-MSI \d+ Edge +virtio\d-control", output), "messages go through the ITS")
    counts = re.search(r"\n *\d+: +([\d ]+?) +ITS-MSI \d+ Edge +virtio\d-control", output)
    check(sum(map(int, counts[1].split())) > 0, f"and come ({counts[1].split()})")
    check("PCI Root Bridge [PCI0] (domain 0000 [bus 00-ff])" in log, "it has the PCI bus")
    check('N: Name="Power Button"' in output, "it has the power key")
    log, output = boot(options.program, 1, "off", "")
    check("Machine model: linux,dummy-virt" in log and "ACPI: RSDP" not in log, "without ACPI it has the device tree")


if __name__ == "__main__":
    main()
