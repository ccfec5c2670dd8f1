#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes initial RAM disks: cpio archives of the format "newc", made without root.

Usage: initramfs.py OUTPUT PATH=FILE...     (PATH as the guest sees it, without the first slash)"""

import stat
import sys

ALIGNMENT = 512


class Archive:
    """An archive in memory. Folders come by themselves before what is in them."""

    def __init__(self):
        self.data = bytearray()
        self.names = set()

    def _entry(self, name, mode, content=b"", device=(0, 0)):
        encoded = name.encode() + b"\0"
        fields = (len(self.names) + 1, mode, 0, 0, 2 if stat.S_ISDIR(mode) else 1, 0, len(content),
                  0, 0, *device, len(encoded), 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        self._pad(4)
        self.data += content
        self._pad(4)
        self.names.add(name)

    def _pad(self, alignment):
        self.data += bytes(-len(self.data) % alignment)

    def folder(self, name):
        if name and name not in self.names:
            self.folder(name.rpartition("/")[0])
            self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, content, mode=0o755):
        self.folder(name.rpartition("/")[0])
        self._entry(name, stat.S_IFREG | mode, content)

    def character_device(self, name, major, minor):
        self.folder(name.rpartition("/")[0])
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def finish(self):
        """The archive's bytes. Another archive may follow them: the kernel unpacks all."""
        self._entry("TRAILER!!!", 0)
        self._pad(ALIGNMENT)
        return bytes(self.data)


def build(files):
    """An archive with a console and @files, which maps paths to contents."""
    archive = Archive()
    # The kernel opens it for the first process before anything is mounted.
    archive.character_device("dev/console", 5, 1)
    for name, content in files.items():
        archive.file(name, content)
    return archive.finish()


def main():
    files = {}
    for argument in sys.argv[2:]:
        name, _, source = argument.partition("=")
        with open(source, "rb") as file:
            files[name] = file.read()
    with open(sys.argv[1], "wb") as output:
        output.write(build(files))


if __name__ == "__main__":
    main()
