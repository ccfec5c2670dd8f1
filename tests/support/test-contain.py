#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that a test starts outlives it, nor the runner that is killed while the test runs: not a machine without
a window, a bus, an X server, or what has left its session and its parents.

Usage: test-contain.py CONTAIN MESON BUILD; with DIORAMA instead it is the test that does not end, which is the
benchmark `contained`, run here by `meson test`."""

import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

MARK = "DIORAMA_CONTAINED"
PATIENCE = 30  # seconds


def start_everything(program):
    """One of each, and tells by a file when they are there. Never ends."""
    folder = pathlib.Path(os.environ[MARK])
    kernel = folder / "kernel"
    # An Image for riscv64 that jumps to itself (0x6f).
    kernel.write_bytes(struct.pack("<IIQQQQQ8s4sI", 0x6f, 0, 0x200000, 64, 0, 2, 0, b"RISCV", b"RSC\5", 0))
    commands = {
        "machine": [program, "run", "--headless", "--serial", "none", "--memory", "64M", "--kernel", kernel],
        "bus": ["dbus-run-session", "--", "sleep", "1000"],
        "display": ["Xvfb", "-displayfd", "1", "-nolisten", "tcp"],
        "left": ["setsid", "--fork", "setsid", "sleep", "1000"],
    }
    processes = {name: subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                 for name, command in commands.items()}
    while not ({"sleep", "Xvfb", "dbus-daemon"} <= set(marked(folder).values())
               and processor_time(processes["machine"].pid) > 0.5):
        time.sleep(0.1)
    (folder / "ready").touch()
    time.sleep(1000)


def marked(folder):
    """The processes with a mark in their environment, by number: what they are called."""
    found, mark = {}, f"{MARK}={folder}".encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark in pathlib.Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found[int(name)] = pathlib.Path("/proc", name, "comm").read_text(encoding="utf-8").strip()
        except OSError:  # ended, or another person's
            pass
    return found


def processor_time(process):
    """How many seconds of it a process has had."""
    fields = pathlib.Path("/proc", str(process), "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


class ContainTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="dio-contain-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = dict(os.environ, **{MARK: folder.name})

    def wait(self, condition, words):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{words}; there are {marked(self.folder)}")
            time.sleep(0.05)

    def contain(self, *command, **options):
        return subprocess.run([sys.executable, CONTAIN, *command], env=self.environment, check=False, **options)

    def test_status(self):
        for command, status in {"exit 0": 0, "exit 77": 77, "kill -SEGV $$": -signal.SIGSEGV,
                                "kill -PIPE $$": -signal.SIGPIPE}.items():
            self.assertEqual(status, self.contain("sh", "-c", command).returncode, command)
        self.assertEqual(127, self.contain("/nowhere", stderr=subprocess.DEVNULL).returncode)

    def test_arguments_and_output(self):
        said = self.contain("sh", "-c", 'cat; echo "$1"; echo "$2" >&2', "sh", "one  two", "--three", input="zero\n",
                            capture_output=True, text=True)
        self.assertEqual(("zero\none  two\n", "--three\n"), (said.stdout, said.stderr))

    def test_end_of_program(self):
        """What was left behind has been ended before the end is told."""
        self.contain("sh", "-c", "setsid --fork setsid sleep 1000; sleep 1000 & exit 0")
        self.assertEqual({}, marked(self.folder))

    def test_interrupted(self):
        """Ctrl+C is for the program to deal with."""
        process = subprocess.Popen([sys.executable, CONTAIN, sys.executable, "-c",
                                    "import time\ntry: print(flush=True); time.sleep(1000)\n"
                                    "except KeyboardInterrupt: print('cleaned')"],
                                   env=self.environment, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        self.assertEqual("cleaned\n", process.communicate(timeout=PATIENCE)[0])
        self.assertEqual(0, process.returncode)

    def kill_one(self, which, number):
        """Kills a process of contain.py: the first, or its whole group, as meson does after the time limit."""
        first = subprocess.Popen([sys.executable, CONTAIN, "sh", "-c", "setsid --fork sleep 1000; exec sleep 1000"],
                                 env=self.environment, start_new_session=True)
        self.wait(lambda: list(marked(self.folder).values()).count("sleep") == 2, "did not start")
        which(first.pid, number)
        first.wait()
        self.wait(lambda: not marked(self.folder), "outlived their test")

    def test_killed(self):
        for which in (os.kill, os.killpg):
            for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
                self.kill_one(which, number)

    def test_killed_runner(self):
        """The way in which this project's tests are run, with the runner killed in the middle."""
        runner = subprocess.Popen(
            [MESON, "test", "-C", BUILD, "--no-rebuild", "--logbase", "contained", "--benchmark", "contained"],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            self.wait((self.folder / "ready").exists, "did not start")
        finally:
            runner.kill()
            runner.wait()
        self.wait(lambda: not marked(self.folder), "outlived their runner")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        start_everything(sys.argv[1])
    CONTAIN, MESON, BUILD = sys.argv[1:4]
    del sys.argv[1:]
    unittest.main()
