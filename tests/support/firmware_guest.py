# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that runs UEFI firmware, driven through its serial port."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time

from screen import Screen

FIRMWARE = os.environ.get("DIORAMA_UEFI", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd")
ESCAPE = re.compile(r"\x1b\[[0-9;=?]*[A-Za-z]")


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")
    print(f"ok: {message}", flush=True)


class FirmwareGuest:
    """Runs arm64 firmware by `diorama run` or, with @command, by another command of it."""

    def __init__(self, program, *arguments, command=("run", "--arch", "arm64", "--memory", "512M"), picture=None,
                 environment=None):
        self.program, self.environment = program, environment
        self.folder = tempfile.TemporaryDirectory(prefix="dio-firmware-")
        self.picture = picture or self.path("screen.png")
        self.text = ""
        self.started = time.monotonic()
        self.line = None
        with open(self.path("errors"), "wb") as errors:
            self.process = subprocess.Popen(
                [program, *command, *arguments, "--headless", "--serial", "socket:" + self.path("serial"),
                 "--screenshot-on-exit", self.picture],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def seconds(self):
        return time.monotonic() - self.started

    def fail(self, what):
        with open(self.path("errors"), encoding="utf-8", errors="replace") as errors:
            sys.exit(f"FAILED: {what}; {errors.read().strip()}\nthe serial port said last:\n{self.text[-2000:]}")

    def connect(self):
        while self.line is None:
            try:
                line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                line.connect(self.path("serial"))
                line.settimeout(0.2)
                self.line = line
            except OSError:
                line.close()
                if self.process.poll() is not None or self.seconds() > 30:
                    self.fail("the machine did not start")
                time.sleep(0.1)

    def reconnect(self):
        """After a revert: the serial port is another one."""
        self.line.close()
        self.line, self.started = None, time.monotonic()
        self.connect()

    def read(self):
        """Adds what came on the serial port to the text, without escape sequences."""
        self.connect()
        try:
            data = self.line.recv(1 << 16)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            time.sleep(0.1)
        # A sequence may come in pieces.
        self.text = ESCAPE.sub("", self.text + data.decode("utf-8", "replace"))

    def wait_for(self, pattern, timeout=100):
        """Until the text has @pattern, which is taken out with all before it; returns the match."""
        deadline = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text)
            if match:
                self.text = self.text[match.end():]
                return match
            if time.monotonic() > deadline:
                self.fail(f"“{pattern}” did not come")
            if self.process.poll() is not None:
                self.fail("the machine ended")
            self.read()

    def type(self, text):
        """At the pace of a quick person: serial ports of firmware lose what comes faster."""
        self.connect()
        for character in text:
            self.line.sendall(character.encode())
            time.sleep(0.02)

    def shell(self):
        """Waits for the shell's prompt, without its wait for a script."""
        self.wait_for(r"Press ESC in")
        self.type("\x1b")
        self.wait_for(r"Shell> ")

    def screen(self, name):
        """The framebuffer of a kept machine called @name now, or None before there is one."""
        if self.process.poll() is not None:
            self.fail("the machine ended")
        shot = subprocess.run([self.program, "screenshot", name, self.picture], env=self.environment, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if shot.returncode:
            return None
        try:
            return Screen.read_png(self.picture)
        except (OSError, ValueError):
            return None

    def end(self, timeout=60):
        """The exit code of a machine that is about to turn itself off."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.fail("the machine is still on")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.line:
            self.line.close()
        self.folder.cleanup()
