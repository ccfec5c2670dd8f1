#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of UEFI firmware survive the end of a machine, are part of its snapshots, and are left alone by
a run that leaves nothing behind.

Usage: test-firmware-variables.py DIORAMA"""

import contextlib
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from firmware_guest import FirmwareGuest, check  # noqa: E402

NAME = "Diorama -guid 2b26a9f3-6a24-4d1c-9d4c-1d0c1e5f7a90"


class Machine:
    def __init__(self, program, library):
        self.program = program
        self.file = os.path.join(library, "m.diorama/variables.fd")
        self.environment = dict(os.environ, DIORAMA_LIBRARY=library)
        self.cli("create", "m", "--arch", "arm64", "--memory", "512M")

    def cli(self, *arguments):
        return subprocess.run([self.program, *arguments], env=self.environment, check=True, timeout=60, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout

    def variables(self):
        with open(self.file, "rb") as file:
            return file.read()

    def start(self, *arguments):
        return FirmwareGuest(self.program, *arguments, command=("start", "m"), environment=self.environment)


def expect(guest, expected):
    """The variable is a text, or (None) not there."""
    guest.type(f"setvar {NAME}\r")
    found = guest.wait_for(r"Unable to get|Diorama - \w+ Bytes\s+((?:[0-9A-F]{2} )+)\s").group(1)
    text = found and bytes.fromhex(found).decode()
    check(text == expected, f"the variable is {text}")
    guest.wait_for(r"Shell> ")


def change(guest, text):
    guest.type(f'setvar {NAME} -bs -rt -nv ="{text}"\r')
    guest.wait_for(r"Shell> ")


def turn_off(guest):
    guest.type("reset -s\r")
    check(guest.end() == 0, f"it turned off ({guest.seconds():.1f} s)")


@contextlib.contextmanager
def started(machine, *arguments, resumed=False):
    """At the shell: booted, or where a snapshot was taken."""
    guest = machine.start(*arguments)
    try:
        if resumed:
            guest.connect()
        else:
            guest.shell()
        yield guest
        turn_off(guest)
    finally:
        guest.close()


def main():
    with tempfile.TemporaryDirectory(prefix="dio-variables-") as folder:
        machine = Machine(sys.argv[1], folder)
        with started(machine) as guest:
            expect(guest, None)
            change(guest, "first")
        machine.cli("snapshot", "take", "m", "off")
        with started(machine) as guest:
            expect(guest, "first")
            change(guest, "second")
            machine.cli("snapshot", "take", "m", "on")
            shown = machine.cli("snapshot", "show", "m", "on").replace("\N{NO-BREAK SPACE}", " ")
            check("512 MiB" in shown, "the snapshot has the memory that the machine was given")
            change(guest, "third")
        machine.cli("snapshot", "revert", "m", "on")
        with started(machine, resumed=True) as guest:
            expect(guest, "second")
        machine.cli("snapshot", "revert", "m", "off")
        before = machine.variables()
        with started(machine, "--disposable") as guest:
            expect(guest, "first")
            change(guest, "fourth")
        check(machine.variables() == before, "a run that leaves nothing left nothing")


if __name__ == "__main__":
    main()
