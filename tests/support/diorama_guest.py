# SPDX-License-Identifier: GPL-3.0-or-later
"""A kept machine driven through the command line, as a person would without a window."""

import json
import os
import subprocess
import tempfile
import time

from screen import Screen


class DioramaGuest:
    """Creates a machine in a library of its own, starts it headless, looks and types."""

    def __init__(self, program, kernel, initrd, append, memory="1G", cpus=1, serial=None, extra=(),
                 arch="riscv64"):
        self.program = program
        self.folder = tempfile.TemporaryDirectory(prefix="dio-guest-")
        self.environment = dict(os.environ, DIORAMA_LIBRARY=os.path.join(self.folder.name, "lib"))
        self.stats = os.path.join(self.folder.name, "stats.json")
        self.picture = os.path.join(self.folder.name, "screen.png")
        self.errors = os.path.join(self.folder.name, "errors")
        self.cli("create", "guest", "--arch", arch, "--kernel", kernel, "--initrd", initrd,
                 "--append", append, "--memory", memory, "--cpus", str(cpus), *extra)
        self.started = time.monotonic()
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [program, "start", "guest", "--headless",
                 "--serial", f"file:{serial}" if serial else "none", "--stats", self.stats],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors)

    def cli(self, *arguments, check=True):
        result = subprocess.run([self.program, *arguments], env=self.environment,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=60, check=False)
        if check and result.returncode:
            raise RuntimeError(f"diorama {' '.join(arguments)}: {result.stderr.strip()}")
        return result

    def screen(self):
        """The guest's framebuffer now, or None before there is one."""
        if self.process.poll() is not None:
            with open(self.errors, encoding="utf-8") as errors:
                raise RuntimeError(f"the machine ended with {self.process.returncode}: "
                                   + errors.read())
        if self.cli("screenshot", "guest", self.picture, check=False).returncode:
            return None
        try:
            return Screen.read_png(self.picture)
        except (OSError, ValueError):
            return None

    def key(self, name):
        self.cli("key", "guest", name)

    def stop(self):
        """Forces the machine off and returns its statistics."""
        self.cli("stop", "guest", "--force")
        self.process.wait(timeout=30)
        with open(self.stats, encoding="utf-8") as stats:
            return json.load(stats)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.folder.cleanup()
