#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input to the real command: one clear message that names the thing and the way out, the right exit code,
and nothing left behind. usage: test-bad-input.py PROGRAM [TEST...]"""

import fcntl
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv[1]
OK, ERROR, USAGE, CRASHED, LIMIT, BUSY = 0, 1, 2, 3, 4, 5
NOISE = ("CRITICAL", "ERROR **", "AddressSanitizer", "runtime error", "assertion", "WARNING **")
MIB = 1 << 20


def riscv_image(size, data=b""):
    head = struct.pack("<IIQQQI", 0x6f, 0, 0x200000, size, 0, 0x20002)  # j .
    return (head.ljust(0x30, b"\0") + b"RISCV\0\0\0RSC\x05" + bytes(4) + data).ljust(size, b"\0")


def arm64_image(size):
    return (bytes(8) + struct.pack("<QQ", 0, size)).ljust(56, b"\0").ljust(56) + b"ARM\x64" + bytes(size)


def bzimage(size):
    image = bytearray(size)
    image[0x1fe:0x200] = b"\x55\xaa"
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x20f)
    struct.pack_into("<H", image, 0x236, 1)
    return bytes(image)


def elf(machine, size):
    header = bytearray(b"\x7fELF\2\1\1".ljust(64, b"\0"))
    struct.pack_into("<HHIQQ", header, 16, 2, machine, 1, 0x80200000, 64)
    struct.pack_into("<HHH", header, 52, 64, 56, 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x80200000, 0x80200000, size, size, 4096)
    return (bytes(header) + segment).ljust(size, b"\0")


class BadInputTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dio-bad-")
        self.library = self.path("machines")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": self.folder, "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": self.folder, "DIORAMA_LIBRARY": self.library,
        }
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.environment[name] = value
        self.kernel = self.write("linux", riscv_image(128 << 10))
        self.sleeper = self.write("sleeper", struct.pack("<II", 0x10500073, 0xffdff06f))  # wfi, j .-4
        self.processes = []
        self.mounts = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for mount in self.mounts:
            subprocess.run(["umount", mount], check=True)
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data=b"", size=None):
        with open(self.path(name), "wb") as file:
            file.write(data)
            if size is not None:
                file.truncate(size)
        return self.path(name)

    def cli(self, *arguments, code=OK, prefix=(), **options):
        options.setdefault("env", self.environment)
        result = subprocess.run([*prefix, PROGRAM, *arguments], text=True, timeout=60, check=False,
                                stdin=subprocess.DEVNULL, capture_output=True, **options)
        self.assertEqual(code, result.returncode, f"{arguments}: {result.stdout}{result.stderr}")
        result.stderr = result.stderr.replace("\N{NO-BREAK SPACE}", " ")
        for word in NOISE:
            self.assertNotIn(word, result.stderr)
        return result

    def message(self, parts, *arguments, code=ERROR, **options):
        """Runs the command and expects one line on stderr with all of @parts."""
        result = self.cli(*arguments, code=code, **options)
        self.assertRegex(result.stderr, r"\Adiorama: [^\n]+\n\Z")
        for part in (parts,) if isinstance(parts, str) else parts:
            self.assertIn(part, result.stderr)
        return result

    def run_bad(self, parts, *arguments, **options):
        self.message(parts, "run", "--headless", "--serial", "none", "--time-limit", "5", *arguments, **options)

    def bad(self, parts, *arguments, **options):
        """The same for `run` and `create`, which must leave nothing."""
        self.run_bad(parts, *arguments, **options)
        self.message(parts, "create", "Bad", *arguments, **options)
        self.assertEqual([], self.left())

    def left(self):
        if not os.path.isdir(self.library):
            return []
        return [n for n in os.listdir(self.library) if n not in (".lock", ".trash")]

    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, *arguments, "--headless", "--serial", "none"], text=True,
                                   env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def wait_state(self, name, state):
        deadline = time.monotonic() + 30
        while json.loads(self.cli("show", name, "--json").stdout)["state"] != state:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def mount(self, path, size):
        os.makedirs(path, exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path],
                          capture_output=True, check=False).returncode:
            self.skipTest("no right to mount")
        self.mounts.append(path)

    def nobody(self):
        """How to run as somebody who may not write here; the folder is made readable for it."""
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("no right to become another user")
        os.chmod(self.folder, 0o755)
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if subprocess.run([*prefix, PROGRAM, "--version"], capture_output=True, check=False).returncode:
            self.skipTest("the build cannot be read by another user")
        return prefix

    # Kernels, initial RAM disks, firmware

    def test_kernel(self):
        self.bad(("The kernel “/proc/nonexistent”", "choose another"), "--kernel", "/proc/nonexistent")
        self.bad(("The kernel", "is a folder"), "--kernel", self.folder)
        self.bad(("The kernel", "is empty"), "--kernel", self.write("empty"))
        for name, data, arch in (("arm64", arm64_image(8192), "arm64"), ("bz", bzimage(8192), "x86_64"),
                                 ("elf64", elf(62, 8192), "x86_64"), ("elfarm", elf(183, 8192), "arm64")):
            with self.subTest(name):
                path = self.write(name, data)
                self.bad((path, arch, "riscv64", "hoose"), "--arch", "riscv64", "--kernel", path)
        for size in (60, 4096):
            with self.subTest(size):
                path = self.write("cut", elf(243, 8192)[:size])
                self.bad((path, "incomplete", "get it again"), "--kernel", path)
        path = self.write("huge", riscv_image(4096), 80 * MIB)
        self.bad((path, "more memory"), "--kernel", path, "--memory", "64M")

    def test_initrd(self):
        self.bad(("The initial RAM disk “/proc/nonexistent”", "choose another"), "--kernel", self.kernel, "--initrd",
                 "/proc/nonexistent")
        path = self.write("initrd", size=100 * MIB)
        self.bad((path, "100.0 MiB", "more memory"), "--kernel", self.kernel, "--initrd", path, "--memory", "64M")

    def test_firmware(self):
        self.bad(("The firmware “/proc/nonexistent”", "choose another"), "--firmware", "/proc/nonexistent")
        path = self.write("firmware", b"\x6f", 100 * MIB)
        self.bad((path, "more memory"), "--firmware", path, "--memory", "64M")
        path = self.write("arm", elf(183, 8192))
        self.bad((path, "arm64"), "--arch", "riscv64", "--firmware", path)
        self.bad((self.kernel, "riscv64", "arm64", "hoose"), "--arch", "arm64", "--kernel", self.kernel)

    def test_no_opensbi(self):
        for value in ("/proc/nonexistent", self.folder):
            environment = dict(self.environment, DIORAMA_OPENSBI=value)
            self.run_bad((value, "DIORAMA_OPENSBI", "unset"), "--kernel", self.kernel, env=environment)
        self.cli("create", "m", "--kernel", self.kernel)
        self.message((value, "DIORAMA_OPENSBI"), "start", "m", "--headless", env=environment)
        hide = ["unshare", "-m", "sh", "-c", "for d in /usr/lib/riscv64-linux-gnu/opensbi /usr/share/opensbi "
                "/usr/share/edk2; do [ ! -d $d ] || mount -t tmpfs none $d || exit 99; done; exec \"$@\"", "sh"]
        if subprocess.run([*hide, "true"], capture_output=True, check=False).returncode:
            self.skipTest("no right to mount")
        self.run_bad(("OpenSBI", "Install", "opensbi"), "--kernel", self.kernel, prefix=hide)

    def test_uefi(self):
        arm = ("--arch", "arm64")
        volume = struct.pack("<I28xQ", 0x14000000, 65536) + b"_FVH"
        path = self.write("cut.fd", volume, 65535)
        self.bad((path, "incomplete", "get it again"), *arm, "--firmware", path)
        path = self.write("long.fd", volume, (64 << 20) + 1)
        self.bad((path, "64.0 MiB", "choose another"), *arm, "--firmware", path)
        path = self.write("riscv.fd", struct.pack("<I", 0x6f) + volume[4:], 65536)
        self.bad((path, "riscv64", "choose a file for arm64"), *arm, "--firmware", path)
        path = self.write("variables.fd", b"", 65536)
        self.bad((path, "no program", "choose another"), *arm, "--firmware", path)
        path = self.write("disk.fd", b"QFI\xfb", 65536)
        self.bad((path, "qcow2", "choose a raw image"), *arm, "--firmware", path)
        environment = dict(self.environment, DIORAMA_UEFI="/proc/nonexistent")
        self.run_bad(("/proc/nonexistent", "DIORAMA_UEFI", "unset"), *arm, env=environment)

    def test_variables(self):
        firmware = self.write("uefi.fd", struct.pack("<I28xQ", 0x14000000, 65536) + b"_FVH", 65536)
        self.cli("create", "m", "--arch", "arm64", "--firmware", firmware)
        path = os.path.join(self.library, "m.diorama", "variables.fd")
        for size, parts in ((5000, ("damaged", "copy of it", "move it away")), ((64 << 20) + 1, ("larger", "move it away"))):
            with self.subTest(size):
                with open(path, "wb") as file:
                    file.write(b"precious")
                    file.truncate(size)
                self.message((path, *parts), "start", "m", "--headless", "--serial", "none")
                with open(path, "rb") as file:
                    self.assertEqual(b"precious", file.read(8))
                self.assertEqual(size, os.path.getsize(path))
        os.unlink(path)
        os.symlink("/etc/passwd", path)
        self.message(path, "start", "m", "--headless", "--serial", "none")
        os.unlink(path)
        self.cli("start", "m", "--headless", "--serial", "none", "--time-limit", "1", code=LIMIT)
        self.assertEqual(0, os.path.getsize(path))

    # Memory

    def test_memory(self):
        self.bad(("Memory", "maximum"), "--kernel", self.kernel, "--memory", "999T")
        self.bad(("Memory", "minimum"), "--kernel", self.kernel, "--memory", "1M")
        self.run_bad(("900.0 GiB", "free", "less memory"), "--kernel", self.kernel, "--memory", "900G")
        with open("/proc/meminfo", encoding="ascii") as file:
            available = int(re.search(r"MemAvailable: +(\d+)", file.read())[1]) << 10
        self.run_bad(("free", "less memory"), "--kernel", self.kernel, "--memory", str((available >> 30) + 2) + "G")

    def test_address_space(self):
        # A sanitizer needs more address space than any of these for itself.
        for limit in () if "DIORAMA_SANITIZED" in os.environ else (128, 1024, 8000):
            with self.subTest(limit):
                self.run_bad(("lose other programs",), "--kernel", self.kernel, "--memory", "256M",
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit * MIB, limit * MIB)))

    def limited(self, limit, *arguments):
        """Runs the command with so many MiB of address space."""
        return subprocess.run(
            [PROGRAM, *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=30, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit * MIB, limit * MIB)))

    @unittest.skipIf("DIORAMA_SANITIZED" in os.environ, "a sanitizer needs more for itself")
    def test_little_address_space(self):
        """Where hardly a thread can be had it ends, and mostly with words: where the libraries just fit, and GLib
        has nothing left, it has its own way to end."""
        first = next(limit for limit in range(16, 400, 2) if self.limited(limit, "--help").returncode != 127)
        told = 0
        for limit in range(first, first + 40, 4):
            result = self.limited(limit, "run", "--headless", "--serial", "none", "--time-limit", "1", "--kernel",
                                  self.kernel, "--memory", "256M")
            if result.returncode == ERROR:
                self.assertRegex(result.stderr, r"\Adiorama: [^\n]+lose other programs[^\n]+\n\Z")
                told += 1
            else:
                self.assertIn(result.returncode, (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGTRAP), result.stderr)
        self.assertGreaterEqual(told, 6)

    # Disks

    def test_disk(self):
        kernel = ("--kernel", self.kernel)
        self.bad(("The disk “/proc/nonexistent”", "choose another"), *kernel, "--disk", "/proc/nonexistent")
        self.bad(("The disk", "is a folder"), *kernel, "--disk", self.folder)
        self.bad(("The disk", "is empty"), *kernel, "--disk", self.write("empty"))
        odd = self.write("odd", b"x" * 1000)
        self.bad((odd, "multiple of 512", "choose another"), *kernel, "--disk", odd)
        disk = self.write("disk", size=MIB)
        self.bad((disk, "twice"), *kernel, "--disk", disk, "--disk", disk)
        self.cli("create", "gone", *kernel, "--disk", disk)
        os.unlink(disk)
        self.message((disk, "put it back"), "start", "gone", "--headless")

    def test_bad_discs(self):
        """A disc that is damaged or whose end is missing is told of, and the machine made all the same."""
        disc = bytearray(40960)
        disc[32769:32774] = b"CD001"
        disc[32768 + 128:32768 + 130] = struct.pack("<H", 2048)
        for blocks, parts in ((20, 0), (20 + 65536, 1)):
            disc[32768 + 80:32768 + 84] = struct.pack("<I", blocks)
            path = self.write("disc.iso", disc)
            for suffix in ",cdrom", ",readonly":
                name = f"{blocks}{suffix[1:]}"
                result = self.cli("create", name, "--kernel", self.kernel, "--disk", path + suffix)
                self.assertEqual(parts, result.stderr.count("incomplete: its end is missing. Get it again"))
                self.assertEqual(parts, result.stderr.count(path))
                self.cli("show", name)
        disc[32768 + 82] = 0
        disc[34817:34822] = b"CD001"
        disc[34823:34846] = b"EL TORITO SPECIFICATION"  # and its catalogue is of zeros
        path = self.write("damaged.iso", disc)
        result = self.cli("create", "damaged", "--kernel", self.kernel, "--disk", path + ",cdrom")
        self.assertIn(f"“{path}” is damaged: no firmware can start from it. Get it again", result.stderr)
        self.cli("show", "damaged")

    def test_disk_not_writable(self):
        prefix = self.nobody()
        disk = self.write("disk", size=MIB)
        os.makedirs(self.library, mode=0o777)
        os.chmod(self.library, 0o777)
        self.bad((disk, "permissions", "read-only"), "--kernel", self.kernel, "--disk", disk, prefix=prefix)
        secret = self.write("secret", riscv_image(4096))
        os.chmod(secret, 0)
        self.bad((secret, "Check its permissions"), "--kernel", secret, prefix=prefix)

    def test_disk_in_two_machines(self):
        disk = self.write("disk", size=MIB)
        for name in "ab":
            self.cli("create", name, "--firmware", self.sleeper, "--memory", "64M", "--disk", disk)
        self.start("start", "a")
        self.wait_state("a", "running")
        self.message((disk, "in use", "stop that"), "start", "b", "--headless", code=BUSY)
        self.message((disk, "in use"), "run", "--headless", "--firmware", self.sleeper, "--disk", disk, code=BUSY)
        self.cli("stop", "a", "--force")
        self.assertEqual("off", json.loads(self.cli("show", "b", "--json").stdout)["state"])

    def test_disk_in_qemu(self):
        disk = self.write("disk", size=MIB)
        # What QEMU does: it uses writing (byte 101) and refuses others to (byte 201).
        with open(disk, "r+b") as file:
            for byte in (100, 101, 201):
                fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, byte, 1, 0))  # F_OFD_SETLK
            self.run_bad((disk, "in use", "stop that"), "--kernel", self.kernel, "--disk", disk, code=BUSY)

    # The library

    def test_full_library(self):
        self.mount(self.library, "3m")
        big = self.write("big", riscv_image(6 * MIB))
        self.message((self.library, "full", "Free some space"), "create", "Full", "--kernel", big, code=ERROR)
        self.assertEqual([], self.left())

    def test_library_not_writable(self):
        prefix = self.nobody()
        self.cli("create", "m", "--kernel", self.kernel)
        os.chmod(self.library, 0o755)
        self.message((self.library, "Check its permissions"), "create", "n", "--kernel", self.kernel, prefix=prefix)
        environment = dict(self.environment, DIORAMA_LIBRARY=self.path("machines2"))
        self.message((self.path("machines2"), "Check its permissions"), "list", prefix=prefix, env=environment)
        environment["DIORAMA_LIBRARY"] = self.kernel
        self.message(self.kernel, "list", env=environment)
        self.assertEqual(["m.diorama"], self.left())

    def test_manifest(self):
        self.cli("create", "m", "--kernel", self.kernel)
        path = os.path.join(self.library, "m.diorama", "machine.json")
        with open(path, encoding="utf-8") as file:
            good = json.load(file)
        cases = [("", "machine.json:1"), ("{}", "machine.json: version"), ("[1]", "machine.json:1"),
                 ("\0\xff" * 100, "machine.json:1"), ("[" * 5000, "machine.json:1"),
                 ('{"name": "package", "version": "1.0.0"}', "machine.json: version"),
                 (json.dumps({**good, "version": 99}), "Update Diorama"),
                 (json.dumps({**good, "disks": [{"path": "../../x", "format": "raw"}]}), "disks[0].path"),
                 (json.dumps({**good, "kernel": "gone"}), "kernel"),
                 (json.dumps(good)[:100], "machine.json:1"), (" " * (2 * MIB), "larger")]
        for text, part in cases:
            with self.subTest(part=part, text=text[:40]):
                with open(path, "w", encoding="latin-1") as file:
                    file.write(text)
                self.message(("machine.json", part), "start", "m", "--headless")
                self.cli("list")
                with open(path, encoding="latin-1") as file:
                    self.assertEqual(text, file.read())
        os.unlink(path)
        os.mkdir(path)
        self.message("machine.json", "start", "m", "--headless")
        self.message("machine.json", "rename", "m", "n")
        os.rmdir(path)
        os.symlink("/etc/passwd", path)
        self.message(("machine.json", "symbolic link"), "start", "m", "--headless")
        self.cli("delete", "m")
        self.assertEqual([], self.left())

    def test_locked(self):
        self.cli("create", "m", "--firmware", self.sleeper, "--memory", "64M")
        first = self.start("start", "m")
        self.wait_state("m", "running")
        parts = ("“m” is in use", f"process {first.pid}", "diorama stop")
        for command in (["start", "m", "--headless"], ["delete", "m"]):
            self.message(parts, *command, code=BUSY)
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.cli("start", "m", "--headless", "--serial", "none", "--time-limit", "1", code=LIMIT)

    # Surroundings

    def test_no_display(self):
        for display in (None, ":4711"):
            environment = dict(self.environment)
            if display:
                environment["DISPLAY"] = display
            self.message(("display", "--headless"), env=environment)
            self.message(("display", "--headless"), "run", "--kernel", self.kernel, env=environment)
            self.cli("create", "m", "--kernel", self.kernel, env=environment)
            self.message(("display", "--headless"), "start", "m", env=environment)
            self.cli("delete", "m")

    def test_runtime_folder(self):
        self.cli("create", "m", "--firmware", self.sleeper, "--memory", "64M")
        long = self.path("x" * 100)
        os.mkdir(long, mode=0o700)
        for folder, part in ((self.kernel, "cannot be made"), (long, "too long")):
            environment = dict(self.environment, XDG_RUNTIME_DIR=folder)
            result = self.cli("start", "m", "--headless", "--serial", "none", "--time-limit", "1", code=LIMIT,
                              env=environment)
            warning, limit = result.stderr.splitlines()
            self.assertIn(part, warning)
            self.assertIn("XDG_RUNTIME_DIR", warning)
            self.assertIn("time limit", limit)
        del environment["XDG_RUNTIME_DIR"]
        self.cli("start", "m", "--headless", "--serial", "none", "--time-limit", "1", code=LIMIT, env=environment)

    def test_runtime_folder_of_another_process(self):
        self.cli("create", "m", "--firmware", self.sleeper, "--memory", "64M")
        self.start("start", "m")
        self.wait_state("m", "running")
        os.mkdir(self.path("other"))
        self.message(("cannot be reached", "XDG_RUNTIME_DIR"), "pause", "m",
                     env=dict(self.environment, XDG_RUNTIME_DIR=self.path("other")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
