# SPDX-License-Identifier: GPL-3.0-or-later
"""The sides of a measurement of Linux programs: Diorama, QEMU and the host itself.

A guest is started once and then asked for one program after the other over its serial port (see
linux/init.c for what is said there), so that the sides take turns program by program. While one
side works the others stand still."""

import dataclasses
import json
import os
import select
import signal
import subprocess
import tempfile
import time

BOOT_TIMEOUT = 120
OFF_TIMEOUT = 60


class SideError(Exception):
    """A side did not do what it was asked for."""


@dataclasses.dataclass
class Program:
    """A line of the list: what is measured, and what a guest runs for it."""
    name: str
    group: str
    command: list


@dataclasses.dataclass
class Result:
    """One run of one program."""
    seconds: float                 # by the clock of the side
    checksum: str | None = None    # None: the program told none
    total: float = 0               # from the start of the process to its end
    host_seconds: float | None = None   # the same as seconds by the host's clock
    counters: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Setup:
    """What all guests of a measurement have in common."""
    kernel: str
    initramfs: str
    append: str
    memory: str
    cpus: int
    timeout: float


class Parser:
    """Makes a result of what a program prints: "NAME begin", then "NAME SECONDS CHECKSUM"."""

    def __init__(self, name):
        self.name = name
        self.begun = None
        self.result = None
        self.lines = []

    def line(self, moment, text):
        words = text.split()
        if words[:1] != [self.name]:
            self.lines.append(text)
        elif words[1:] == ["begin"]:
            self.begun = moment
        elif len(words) == 3:
            self.result = Result(float(words[1]), words[2])
            if self.begun:
                self.result.host_seconds = moment - self.begun

    def finish(self, status, total):
        if status != 0:
            raise SideError(f"{self.name} ended with status {status}: " + " / ".join(self.lines))
        result = self.result or Result(total)
        result.total = total
        return result


class Native:
    """The host runs the programs on as many processors as the guests have."""
    title = "native"

    def __init__(self, cpus, timeout):
        self.cpus = set(sorted(os.sched_getaffinity(0))[:cpus])
        self.timeout = timeout

    def start(self):
        pass

    def run(self, program):
        parser = Parser(program.name)
        start = time.monotonic()
        try:
            done = subprocess.run(program.command, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=self.timeout, check=False,
                                  preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SideError(str(error)) from error
        total = time.monotonic() - start
        for line in done.stdout.splitlines():
            parser.line(None, line)
        parser.lines += done.stderr.splitlines()
        return parser.finish(done.returncode, total)

    def stop(self):
        pass

    def kill(self):
        pass


class Guest:
    """A machine with our init, on a serial port that is a pair of pipes."""
    title = ""

    def __init__(self, setup):
        self.setup = setup
        self.process = None
        self.folder = None
        self.unread = b""

    def command(self):
        raise NotImplementedError

    def start(self):
        self.folder = tempfile.TemporaryDirectory(prefix="dio-bench-")
        self.unread = b""
        try:
            with open(self._path("errors"), "wb") as errors:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, stderr=errors)
        except OSError as error:
            raise SideError(str(error)) from error
        self._wait_for("bench: ready", BOOT_TIMEOUT)

    def run(self, program):
        before = self.counters()
        parser = Parser(program.name)
        self._write(program.name)
        deadline = time.monotonic() + self.setup.timeout
        while True:
            moment, text = self._line(deadline)
            words = text.split()
            if words[:3] == ["bench:", "end", program.name]:
                result = parser.finish(int(words[3]), float(words[4]))
                result.counters = {"before": before, "after": self.counters()}
                return result
            if words[:2] == ["bench:", "error"]:
                raise SideError(text)
            if words[:1] != ["bench:"]:
                parser.line(moment, text)

    def counters(self):
        """The machine's statistics of this moment, as far as it has any."""
        return {}

    def stop(self):
        """Has the guest power off and expects that it does."""
        self._write("off")
        self._wait_for("bench: off", OFF_TIMEOUT)
        try:
            code = self.process.wait(OFF_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise SideError("the guest did not power off") from None
        errors = self._errors()
        self.kill()
        if code != 0:
            raise SideError(f"the machine ended with {code}: {errors}")

    def kill(self):
        if not self.process:
            return
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.folder.cleanup()
        self.process = None

    def _path(self, name):
        return os.path.join(self.folder.name, name)

    def _errors(self):
        with open(self._path("errors"), encoding="utf-8", errors="replace") as errors:
            return errors.read().strip()

    def _write(self, text):
        try:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise SideError(f"the machine ended: {self._errors()}") from error

    def _wait_for(self, wanted, timeout):
        deadline = time.monotonic() + timeout
        while self._line(deadline)[1] != wanted:
            pass

    def _line(self, deadline):
        """The next line of the serial port and the moment at which it came."""
        moment = time.monotonic()
        while b"\n" not in self.unread:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            if not ready:
                raise SideError(f"nothing more came; the last was: {self.unread[-200:]!r}")
            part = os.read(self.process.stdout.fileno(), 65536)
            moment = time.monotonic()
            if not part:
                raise SideError(f"the machine ended: {self._errors()}")
            self.unread += part
        line, _, self.unread = self.unread.partition(b"\n")
        return moment, line.decode("utf-8", "replace").strip()


class Diorama(Guest):
    title = "Diorama"

    def __init__(self, setup, program, arch, engine):
        super().__init__(setup)
        self.program = program
        self.arch = arch
        self.engine = engine

    def command(self):
        return [self.program, "run", "--arch", self.arch, "--kernel", self.setup.kernel,
                "--initrd", self.setup.initramfs, "--append", self.setup.append,
                "--memory", self.setup.memory, "--cpus", str(self.setup.cpus),
                "--engine", self.engine, "--headless", "--serial", "stdio",
                "--stats", self._path("stats.json")]

    def counters(self):
        path = self._path("stats.json")
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not os.path.exists(path):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SideError("no statistics came")
            time.sleep(0.002)
        with open(path, encoding="utf-8") as file:
            counters = json.load(file)
        os.unlink(path)
        return counters


class Qemu(Guest):
    def __init__(self, setup, program, cpu):
        super().__init__(setup)
        self.program = program
        self.cpu = cpu
        self.title = f"QEMU ({cpu})"

    def command(self):
        return [self.program, "-machine", "virt", "-cpu", self.cpu, "-smp", str(self.setup.cpus),
                "-m", self.setup.memory, "-accel", "tcg,thread=multi", "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", self.setup.kernel, "-initrd", self.setup.initramfs,
                "-append", self.setup.append, "-serial", "stdio"]
