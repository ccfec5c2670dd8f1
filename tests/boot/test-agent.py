#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's guest agent in Debian's kernel: the guest's clock is right soon after a revert, although the state that
it went back to is some seconds old, and after a pause; without the agent it stays behind, which shows that nothing
else sets it.

Usage: test-agent.py DIORAMA [--arch ARCH]"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../support"))
sys.path.insert(0, str(HERE / "../bench/linux"))
from firmware_guest import FirmwareGuest, check  # noqa: E402
from guest_images import cache, installer  # noqa: E402
from initramfs import Archive  # noqa: E402

PORT = "org.qemu.guest_agent.0"
PREPARE = ("mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mkdir -p /run; modprobe virtio_pci; "
           "modprobe virtio_console; for i in 1 2 3 4 5; do cat /sys/class/virtio-ports/*/name && break; sleep 1; "
           "done; echo E''ND\r")
START = ("LD_LIBRARY_PATH=/agent /agent/qemu-ga -m virtio-serial -t /run -p /dev/$(basename $(dirname $(grep -l "
         f"{PORT} /sys/class/virtio-ports/*/name))) > /agent/log 2>&1 & echo E''ND\r")
STOOD_STILL = 6  # seconds
PATIENCE = 60
AGENTS = {"arm64": "debian-12-arm64-agent", "riscv64": "debian-13-riscv64-agent"}


def agent(arch):
    folder = cache() / AGENTS[arch]
    if not (folder / "qemu-ga").exists():
        sys.exit(f"{folder} is not there; ./dev guests --tests fetches it")
    return {f"agent/{path.name}": path.read_bytes() for path in folder.iterdir()}


def make_initrd(folder, initrd, arch):
    """The agent, and the installer's files behind it."""
    archive = Archive()
    for name, content in agent(arch).items():
        archive.file(name, content)
    path = os.path.join(folder, "initrd")
    with open(path, "wb") as file:
        file.write(archive.finish() + pathlib.Path(initrd).read_bytes())
    return path


class Kept:
    def __init__(self, program, folder, arch):
        kernel, initrd, append = installer(arch)
        self.program, self.environment = program, dict(os.environ, DIORAMA_LIBRARY=os.path.join(folder, "library"),
                                                       XDG_RUNTIME_DIR=folder)
        port = append.split()[0]
        self.run("create", "m", "--arch", arch, "--memory", "512M", "--kernel", kernel, "--initrd",
                 make_initrd(folder, initrd, arch), "--append", f"rdinit=/bin/sh {port} loglevel=4")

    def run(self, *arguments):
        subprocess.run([self.program, *arguments], env=self.environment, timeout=120, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def behind(guest):
    """How many seconds the guest's clock is behind the host's, less how long asking takes."""
    asked = time.time()
    guest.type("echo NOW=$(date -u +%s)=\r")
    return asked - float(guest.wait_for(r"\nNOW=(\d+)=")[1]) - 1


def wait_until_right(guest, what):
    deadline = time.monotonic() + PATIENCE
    while abs(late := behind(guest)) > 2:
        if time.monotonic() > deadline:
            guest.type("cat /agent/log\r")
            guest.wait_for("log.*\n")
            guest.fail(f"the clock is {late:.0f} s behind {what}")
        time.sleep(0.5)
    check(True, f"the clock is right {what}")


def go_back(kept, guest, name):
    kept.run("snapshot", "take", "m", name)
    time.sleep(STOOD_STILL)
    kept.run("snapshot", "revert", "m", name)
    guest.reconnect()
    guest.type("\r")
    guest.wait_for("# ")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--arch", choices=sorted(AGENTS), default="arm64")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dio-agent-") as folder:
        kept = Kept(options.program, folder, options.arch)
        guest = FirmwareGuest(kept.program, command=("start", "m"), environment=kept.environment)
        try:
            guest.wait_for("# $")
            guest.type(PREPARE)
            check(PORT in guest.wait_for(r"(?s).*\nEND")[0], "the port has its name")
            guest.type(f"date -u -s @{time.time():.0f}; echo E''ND\r")
            guest.wait_for("\nEND")
            check(abs(behind(guest)) < 4, "the clock was set by hand")
            go_back(kept, guest, "without")
            check(behind(guest) > STOOD_STILL - 3, "without the agent it is behind after a revert")

            guest.type(START)
            guest.wait_for("\nEND")
            go_back(kept, guest, "with")
            wait_until_right(guest, "after a revert")
            kept.run("pause", "m")
            time.sleep(STOOD_STILL)
            kept.run("resume", "m")
            wait_until_right(guest, "after a pause")
        finally:
            guest.close()


if __name__ == "__main__":
    main()
