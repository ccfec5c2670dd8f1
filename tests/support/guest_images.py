# SPDX-License-Identifier: GPL-3.0-or-later
"""Where ./dev guests keeps the images of guests."""

import os
import pathlib
import re
import sys

INSTALLERS = {  # the image, and what its kernel calls the serial port
    "riscv64": ("debian-13-riscv64-netboot", "ttyS0"),
    "arm64": ("debian-12-arm64-netboot", "ttyAMA0"),
}

MODULES = {"riscv64": "debian-13-riscv64-modules", "arm64": "debian-12-arm64-modules"}


def cache():
    return pathlib.Path(os.environ.get("DIORAMA_IMAGES") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "diorama/images"))


def modules(arch, *names):
    """What @names of the modules of the installer's kernel need, and they themselves, in the order in which
    they are to be loaded; what is not there is built in. None when there are no modules at all."""
    folder = cache() / MODULES[arch]
    if not folder.exists():
        return None
    found = {}

    def add(name):
        path = folder / f"{name}.ko"
        if not path.exists() or path in found:
            return
        content = path.read_bytes()
        for other in re.search(rb"depends=([^\0]*)\0", content)[1].decode().split(","):
            add(other)
        found[path] = content

    for name in names:
        add(name)
    return list(found.values())


def image_files(image, *names):
    """The paths of files of an image; ends the process with advice if one is not there."""
    files = [os.path.join(cache(), image, name) for name in names]
    for name in files:
        if not os.path.exists(name):
            sys.exit(f"{name} is not there; ./dev guests fetches it")
    return files


def installer(arch, image=None):
    """Kernel, initrd and kernel command line of Debian's text installer for @arch, or of another @image for it."""
    default, port = INSTALLERS[arch]
    kernel, initrd = image_files(image or default, "linux", "initrd.gz")
    return kernel, initrd, f"console={port} console=tty0"
