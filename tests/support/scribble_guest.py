# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of the library whose guest (scribble.c under Debian's kernel) changes its memory all
the time, and the command that works on it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../bench/linux"))
from guest_images import INSTALLERS  # noqa: E402
from initramfs import build  # noqa: E402

NAME = "scribbler"
SUM = re.compile(r"scribble: sum (\d+) (\d+) ([0-9a-f]{16})")


def kernel(arch="riscv64"):
    """Debian's kernel for @arch, or None when it was not fetched."""
    cache = os.environ.get("DIORAMA_IMAGES") or os.path.expanduser("~/.cache/diorama/images")
    path = pathlib.Path(cache) / INSTALLERS[arch][0] / "linux"
    return path if path.exists() else None


class Sums:
    """Remembers every sum, over all runs. @earlier: how many were told on consoles that are gone."""

    def __init__(self):
        self.known = {}
        self.repeated = 0
        self.earlier = 0

    def check(self, guest):
        seen = self.earlier
        for process, number, value in guest.sums():
            key = (process, number)
            if self.known.setdefault(key, value) != value:
                sys.exit(f"sum {key} was {self.known[key]} and is {value}")
            seen += 1
        self.repeated = seen - len(self.known)


class Scribbler:
    """@files are those of the initial RAM disk if there is more than one, /init and /scribble among them."""

    def __init__(self, program, scribble, memory="512M", mib=128, rounds=1000000, cpus=1,
                 engine="auto", folder=None, disk=None, arch="riscv64", files=None):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dio-scribble-", dir=folder))
        self.serial = self.folder / "serial.txt"
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700)
        self.environment = dict(os.environ, DIORAMA_LIBRARY=str(self.folder / "library"),
                                XDG_RUNTIME_DIR=str(runtime), LC_ALL="C.UTF-8")
        (self.folder / "library").mkdir()
        self.initrd = self.folder / "initrd"
        self.initrd.write_bytes(build(files or {"init": pathlib.Path(scribble).read_bytes()}))
        self.append = (f"console={INSTALLERS[arch][1]} quiet loglevel=6 "
                       f"scribble.mib={mib} scribble.rounds={rounds}")
        self.process = None
        self.run("create", "--arch", arch, "--memory", memory, "--cpus", str(cpus), "--engine", engine,
                 "--kernel", str(kernel(arch)), "--initrd", str(self.initrd), "--append", self.append,
                 *(["--disk-size", disk] if disk else []), NAME)

    def run(self, *arguments, check=True):
        done = subprocess.run([self.program, *arguments], env=self.environment, text=True,
                              capture_output=True, timeout=300)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout if check else done

    def snapshot(self, verb, *arguments, **options):
        return self.run("snapshot", verb, NAME, *arguments, **options)

    def images(self):
        """How many images the disks and their snapshots are in."""
        trees = list((self.folder / "library").glob("*/snapshots/tree.json"))
        return len(json.loads(trees[0].read_text())["images"])

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "start", NAME, "--headless", "--serial", f"file:{self.serial}"],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def text(self):
        try:
            return self.serial.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait(self, condition, words, timeout=240):
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"{words}: did not come; the console says\n{self.text()[-2000:]}")
            time.sleep(0.1)

    def sums(self):
        return SUM.findall(self.text())

    def wait_sums(self, more):
        """Until @more new sums were told."""
        before = len(self.sums())
        self.wait(lambda: len(self.sums()) >= before + more, f"{more} sums")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.run("stop", "--force", NAME, check=False)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
