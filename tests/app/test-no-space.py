#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system that is really full, under everything that the command does with machines, their
disks and snapshots: each time there is a sentence, nothing that was there is lost, and it works as
soon as there is space. usage: test-no-space.py PROGRAM

The library lies in a small tmpfs, mounted in a namespace of our own (as root or in a user
namespace); where that is not allowed, files cannot get large (RLIMIT_FSIZE)."""

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

SIZE = 24 << 20
LEVELS = (0, 16 << 10, 1 << 20)  # what is left
INSIDE = "--inside"
WORDS = ("space", "too large", "not be written", "cannot be", "could not be", "cannot hold",
         "cannot give")  # the last: with RLIMIT_FSIZE memory is a file as well


def riscv_image(size):
    head = struct.pack("<IIQQQI", 0, 0, 0x200000, size, 0, 0x20002)
    return (head.ljust(0x30, b"\0") + b"RISCV\0\0\0RSC\x05").ljust(size, b"\0")


class Full:
    def __init__(self, program, folder, mounted):
        self.program, self.folder, self.mounted = program, folder, mounted
        self.outside = tempfile.mkdtemp(prefix="dio-run-")
        self.library = os.path.join(folder, "machines")
        self.ballast = os.path.join(folder, "ballast")
        self.environment = dict(os.environ, HOME=self.outside, LC_ALL="C.UTF-8",
                                XDG_RUNTIME_DIR=self.outside, DIORAMA_LIBRARY=self.library,
                                DIORAMA_IMAGES=os.path.join(self.outside, "images"))
        self.kernel = os.path.join(self.outside, "linux")
        with open(self.kernel, "wb") as file:
            file.write(riscv_image(128 << 10))
        self.limit = None
        self.process = None
        self.refused = self.passed = 0

    def prepare(self):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if self.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], env=self.environment, text=True,
                              capture_output=True, timeout=60, preexec_fn=self.prepare)

    def good(self, *arguments):
        done = self.run(*arguments)
        if done.returncode:
            sys.exit(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def fill(self, left):
        """All but @left bytes are taken."""
        if not self.mounted:
            self.limit = left
            return
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
            end = file.seek(0, os.SEEK_END)
            os.ftruncate(file.fileno(), max(end - left, 0))

    def empty(self):
        self.limit = None
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)

    # What is there, to be compared.

    def snapshots(self, name):
        return [line[:8] for line in self.good("snapshot", "list", name).splitlines()]

    def state(self, name):
        return json.loads(self.good("show", name, "--json"))["state"]

    def wait_state(self, name, wanted):
        end = time.monotonic() + 30
        while self.state(name) != wanted:
            if time.monotonic() > end:
                sys.exit(f"{name} is {self.state(name)} and not {wanted}")
            time.sleep(0.05)

    def start(self, name):
        self.process = subprocess.Popen([self.program, "start", name, "--headless"],
                                        env=self.environment, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.wait_state(name, "running")

    def stop(self, name):
        self.run("stop", name, "--force")
        self.process.wait(30)
        self.process = None
        self.wait_state(name, "off")

    def attempt(self, left, *arguments, repeat=True):
        """Fails with a sentence or succeeds; and succeeds when there is space."""
        before = self.snapshots("m")
        self.fill(left)
        done = self.run(*arguments)
        self.empty()
        what = f"{' '.join(arguments)} with {left} bytes left"
        if done.returncode < 0 or done.returncode not in (0, 1, 5):
            sys.exit(f"{what}: {done.returncode}: {done.stderr}")
        if done.returncode and not any(word in done.stderr for word in WORDS):
            sys.exit(f"{what}: {done.stderr}")
        self.refused += done.returncode != 0
        self.passed += done.returncode == 0
        self.good("snapshot", "verify", "m")
        after = self.snapshots("m")
        if len(set(before) - set(after)) > (arguments[1] == "delete"):
            sys.exit(f"{what}: {before} became {after}")
        if done.returncode and repeat:
            self.good(*arguments)
        return done.returncode == 0 or repeat

    def delete_all(self):
        for one in self.snapshots("m")[1:]:
            self.good("snapshot", "delete", "m", one)

    def off(self, left):
        first = self.snapshots("m")[0]
        self.attempt(left, "snapshot", "take", "m", f"off {left}")
        self.attempt(left, "snapshot", "revert", "m", first)
        self.attempt(left, "snapshot", "rename", "m", first, f"first {left}")
        self.attempt(left, "snapshot", "clone", "m", first, f"clone{left}")
        self.good("delete", f"clone{left}")
        self.attempt(left, "create", f"new{left}", "--kernel", self.kernel, "--disk-size", "1M")
        self.good("delete", f"new{left}")
        self.attempt(left, "set", "m", "--memory", f"{256 + left % 7}M")
        self.attempt(left, "snapshot", "delete", "m", self.snapshots("m")[-1])
        self.delete_all()

    def on(self, left):
        first = self.snapshots("m")[0]
        self.start("m")
        self.attempt(left, "snapshot", "take", "m", f"on {left}")
        self.attempt(left, "snapshot", "revert", "m", first, "--discard", repeat=False)
        if self.process.poll() is not None or self.state("m") == "off":
            self.process.wait(30) # it could not go on
            self.start("m")
        self.attempt(left, "snapshot", "take", "m", f"again {left}")
        self.attempt(left, "suspend", "m")
        self.process.wait(30)
        self.wait_state("m", "suspended")
        self.start("m")
        self.stop("m")
        self.delete_all()

    def disks(self, left):
        disk = os.path.join(self.folder, "d.qcow2")
        raw = os.path.join(self.folder, "d.raw")
        with open(raw, "wb") as file:
            file.write(os.urandom(1 << 20))
        self.attempt(left, "disk", "convert", raw, disk)
        self.attempt(left, "disk", "resize", disk, "64M")
        self.attempt(left, "disk", "compact", disk)
        self.good("disk", "check", disk)
        os.unlink(disk)
        os.unlink(raw)

    def everything(self):
        self.good("create", "m", "--kernel", self.kernel, "--disk-size", "8M")
        self.good("snapshot", "take", "m", "first")
        for left in LEVELS:
            self.disks(left)
            self.off(left)
            self.on(left)
        print(f"{self.refused} refused, {self.passed} passed, "
              f"{'in a full tmpfs' if self.mounted else 'with RLIMIT_FSIZE'}")
        if self.refused < (15 if self.mounted else 8) or self.passed < 5:
            sys.exit("hardly anything was refused: nothing is proven")

    def close(self):
        self.empty()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.outside)


def inside(program, folder):
    """In the namespace."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", folder],
                             stderr=subprocess.DEVNULL, check=False).returncode == 0
    full = Full(program, folder, mounted)
    try:
        full.everything()
    finally:
        full.close()


def main():
    if sys.argv[1] == INSIDE:
        inside(*sys.argv[2:4])
        return
    folder = tempfile.mkdtemp(prefix="dio-full-")
    again = [sys.executable, __file__, INSIDE, os.path.abspath(sys.argv[1]), folder]
    try:
        for unshare in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
            if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0:
                again = unshare + again
                break
        sys.exit(subprocess.run(again, check=False).returncode)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
