#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that installs something and reboots: a snapshot is taken before that, once, and who goes back to it
starts what was installed.

Usage: test-install.py DIORAMA PROGRAM [--arch ARCH]"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../support"))
sys.path.insert(0, str(HERE / "../bench/linux"))
from firmware_guest import check  # noqa: E402
from guest_images import installer, modules  # noqa: E402
from initramfs import build  # noqa: E402

NAME = "Before the installer’s reboot"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("guest")
    parser.add_argument("--arch", default="riscv64")
    options = parser.parse_args()
    kernel, _, append = installer(options.arch)
    loaded = modules(options.arch, "virtio_pci", "virtio_blk")
    check(loaded is not None, "modules of the kernel are there (./dev guests --tests)")
    files = {f"modules/{number:02}": content for number, content in enumerate(loaded)}
    with tempfile.TemporaryDirectory(prefix="dio-install-") as name:
        folder = pathlib.Path(name)
        environment = {**os.environ, "DIORAMA_LIBRARY": str(folder / "library"), "XDG_RUNTIME_DIR": name,
                       "LANGUAGE": "C", "LC_ALL": "C.UTF-8"}
        initrd, serial = folder / "initrd", folder / "serial.txt"
        initrd.write_bytes(build({"init": pathlib.Path(options.guest).read_bytes(), **files}))

        def diorama(*arguments):
            done = subprocess.run([options.program, *arguments], env=environment, timeout=240, check=False, text=True,
                                  stdout=subprocess.PIPE)
            check(done.returncode == 0, f"diorama {' '.join(arguments[:2])}")
            return done.stdout

        def run():
            diorama("start", "m", "--headless", "--serial", f"file:{serial}")
            text = serial.read_text(errors="replace").replace("\r", "")
            print(text)
            serial.unlink()
            return re.findall(r"^install: (.*)$", text, re.M)

        def installing():
            manifest = folder / "library" / "m.diorama" / "machine.json"
            return json.loads(manifest.read_text(encoding="utf-8"))["installing"]

        diorama("create", "m", "--arch", options.arch, "--memory", "512M", "--kernel", kernel, "--initrd", str(initrd),
                "--append", append.split()[0] + " rdinit=/init loglevel=4", "--disk-size", "64M")
        check(installing(), "a system is to be installed")
        check(run() == ["rebooting", "found"], "it is installed, and found after the reboot")
        check(not installing(), "which is over then")
        check(diorama("snapshot", "list", "m").count(NAME) == 1, "there is a snapshot")
        diorama("snapshot", "revert", "m", NAME)
        check(run() == ["found"], "which has what was installed")
        check(diorama("snapshot", "list", "m").count(NAME) == 1, "and no other one")


if __name__ == "__main__":
    main()
