#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots GRUB from an EFI disk that is made here, or with --iso from a disc
by El Torito, with --cdrom from one that is in a drive, by UEFI firmware: sees its
menu on the framebuffer, moves in it, and starts Debian's kernel from it, or with --installer waits for the
installer's first dialog too.

Usage: test-grub.py DIORAMA [--cpus N] [--iso | --cdrom] [--installer] [--keep FILE.png]"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from firmware_guest import FirmwareGuest, check  # noqa: E402
from guest_images import image_files  # noqa: E402

HIGHLIGHT = (152, 152, 152)
DOWN, UP = "\x1b[B", "\x1b[A"
MENU = """search --file --set=root /initrd.gz
set timeout=60
set color_normal=white/black
set menu_color_highlight=black/light-gray
menuentry "Debian installer" {
  linux /linux console=ttyAMA0 console=tty0
  initrd /initrd.gz
}
menuentry "Off" {
  halt
}
"""


def kernel_files():
    return image_files("debian-12-arm64-netboot", "linux", "initrd.gz")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def make_file_system(folder, name, size, *files):
    """A FAT file system of @size MiB with what firmware looks for, and @files of (name, path) beside it."""
    disk = os.path.join(folder, name)
    grub, = image_files("debian-12-arm64-grub", "grubaa64.efi")
    with open(disk, "wb") as file:
        file.truncate(size << 20)
    for command in (("mformat", *(("-F",) if size > 64 else ()), "::"),
                    ("mmd", "::/EFI", "::/EFI/BOOT", "::/EFI/debian"),
                    ("mcopy", grub, "::/EFI/BOOT/BOOTAA64.EFI"), *(("mcopy", file, "::" + name) for name, file in files)):
        subprocess.run([command[0], "-i", disk, *command[1:]], check=True)
    return disk


def make_disc(folder):
    """An ISO image as installation discs are: what firmware starts is in a FAT image that the boot catalogue names,
    its menu and what that starts is in the ISO 9660 file system."""
    tree, image = os.path.join(folder, "tree"), os.path.join(folder, "disc.iso")
    for name, contents in ((".disk/info", "made by a test"), ("boot/grub/grub.cfg", MENU)):
        write(os.path.join(tree, name), contents)
    make_file_system(tree, "efi.img", 8)
    for file in kernel_files():
        os.symlink(file, os.path.join(tree, os.path.basename(file)))
    subprocess.run(["xorriso", "-report_about", "WARNING", "-as", "mkisofs", "-follow-links", "-o", image, "-e",
                    "efi.img", "-no-emul-boot", tree], check=True)
    return image


def make_disk(folder):
    """A disk that is one FAT file system."""
    menu = os.path.join(folder, "grub.cfg")
    write(menu, MENU)
    disk = make_file_system(folder, "disk.img", 128, ("/EFI/debian/grub.cfg", menu),
                            *(("/" + os.path.basename(file), file) for file in kernel_files()))
    image = os.path.join(folder, "disk.qcow2")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", disk, image], check=True)
    return image


def wait_for(look, timeout):
    """What @look sees as soon as it sees something."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.5)
    return None


def run(guest, options):
    def highlight():
        """The bar across the menu."""
        screen = guest.screen("m")
        bar = screen and screen.selection(HIGHLIGHT)
        return bar if bar and bar[1] - bar[0] >= 16 and bar[3] - bar[2] > 600 else None

    def moved():
        bar = highlight()
        return bar if bar != first else None

    def is_dialog():
        screen = guest.screen("m")
        return screen and screen.is_dialog()

    first = wait_for(highlight, 100)
    check(first, f"GRUB's menu is on the framebuffer ({guest.seconds():.1f} s)")
    if options.keep:
        shutil.copy(guest.picture, options.keep)
    guest.type(DOWN)
    second = wait_for(moved, 20)
    check(second and second[0] == first[1], f"Down moves the selection: {first} {second}")
    guest.type(UP)
    check(wait_for(lambda: highlight() == first, 20), "Up moves it back")
    guest.type("\r")
    guest.wait_for(r"Linux version")
    guest.wait_for(r"efi: EFI v\S+ by EDK II")
    guest.wait_for(r"Run /init as init process")
    check(True, f"Enter starts the kernel, which knows the firmware ({guest.seconds():.1f} s)")
    if options.installer:
        check(wait_for(is_dialog, 200), f"the installer asks for the language ({guest.seconds():.1f} s)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--iso", dest="disc", action="store_const", const=",readonly")
    parser.add_argument("--cdrom", dest="disc", action="store_const", const=",cdrom")
    parser.add_argument("--installer", action="store_true")
    parser.add_argument("--keep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dio-grub-") as folder:
        environment = dict(os.environ, DIORAMA_LIBRARY=os.path.join(folder, "library"))
        disk = make_disc(folder) + options.disc if options.disc else make_disk(folder)
        # What the machine is for is seen from the disk.
        subprocess.run([options.program, "create", "m", "--memory", "1G", "--cpus",
                        str(options.cpus), "--disk", disk], env=environment, check=True,
                       stdout=subprocess.DEVNULL)
        guest = FirmwareGuest(options.program, command=("start", "m"), environment=environment)
        try:
            run(guest, options)
        finally:
            guest.close()


if __name__ == "__main__":
    main()
