#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disc in the CD-ROM drive of Debian's kernel: it reads all of it, mounts it, ejects it and closes the tray.

Usage: test-cdrom.py DIORAMA PROGRAM [--arch ARCH]"""

import argparse
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

MODULES = ("virtio_pci", "virtio_scsi", "sr_mod", "isofs")
TEXT = "read from a disc"


def make_disc(folder):
    """With what no driver could make up in it."""
    tree, image = folder / "tree", folder / "disc.iso"
    tree.mkdir()
    (tree / "hello.txt").write_text(TEXT)
    (tree / "noise.bin").write_bytes(os.urandom(3 << 20))
    subprocess.run(["xorriso", "-report_about", "WARNING", "-as", "mkisofs", "-R", "-o", image, tree], check=True)
    return image


def fnv(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return value


def start(options, folder, disc):
    """What the guest tells, and how the process ended."""
    kernel, _, append = installer(options.arch)
    loaded = modules(options.arch, *MODULES)
    check(loaded, "modules of the kernel are there (./dev guests --tests)")
    files = {f"modules/{number:02}": content for number, content in enumerate(loaded)}
    initrd, serial = folder / "initrd", folder / "serial.txt"
    initrd.write_bytes(build({"init": pathlib.Path(options.guest).read_bytes(), **files}))
    done = subprocess.run(
        [options.program, "run", "--arch", options.arch, "--memory", "512M", "--kernel", kernel, "--initrd", initrd,
         "--append", append.split()[0] + " rdinit=/init loglevel=4", "--disk", f"{disc},cdrom", "--headless", "--serial",
         f"file:{serial}"], timeout=240, check=False)
    text = serial.read_text(errors="replace").replace("\r", "")
    print(text)
    return re.findall(r"^cdrom: (.*)$", text, re.M), done.returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("guest")
    parser.add_argument("--arch", default="riscv64")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dio-cdrom-") as name:
        folder = pathlib.Path(name)
        disc = make_disc(folder)
        contents = disc.read_bytes()
        told, code = start(options, folder, disc)
        whole = f"bytes {len(contents)} sum {fnv(contents):016x}"
        expected = ["first disc", whole, f"says {TEXT}", "locked disc", "ejected open", "closed disc", whole]
        check(told == expected, f"the guest tells {told}")
        check(code == 0, "and turns the machine off")
        check(disc.read_bytes() == contents, "the image is as it was")


if __name__ == "__main__":
    main()
