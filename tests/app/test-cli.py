#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line with the dummy engine: options, errors and exit codes, the life of a kept machine
across processes, bad input that leaves nothing behind. usage: test-cli.py PROGRAM MANPAGE"""

import gzip
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, MANPAGE = sys.argv[1:3]
COMMANDS = ("run start create list show set rename delete restore disk snapshot suspend forget images "
            "stop reset pause resume "
            "screenshot type key click console").split()
OK, ERROR, USAGE, CRASHED, LIMIT, BUSY, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


def riscv_image(size, machine_magic=b"RSC\x05"):
    head = struct.pack("<IIQQQI", 0, 0, 0x200000, size, 0, 0x20002)
    head = head.ljust(0x30, b"\0") + b"RISCV\0\0\0" + machine_magic + bytes(4)
    return head.ljust(size, b"\0")


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dio-cli-")
        self.library = self.path("machines")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": self.folder, "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": self.folder, "DIORAMA_LIBRARY": self.library,
            "DIORAMA_IMAGES": self.path("images"),
        }
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.environment[name] = value
        self.kernel = self.write("linux", riscv_image(128 << 10))
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def cli(self, *arguments, code=OK, **options):
        result = subprocess.run([PROGRAM, *arguments], env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                                check=False, **options)
        self.assertEqual(code, result.returncode,
                         f"{arguments}: {result.stdout}{result.stderr}")
        if code in (ERROR, USAGE, BUSY):
            self.assertTrue(result.stderr.startswith("diorama: "), result.stderr)
        return result

    def start(self, name, *options, wait=True):
        process = subprocess.Popen([PROGRAM, "start", name, "--headless", *options],
                                   env=self.environment, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        if wait:
            self.wait_state(name, "running")
        return process

    def state(self, name):
        return json.loads(self.cli("show", name, "--json").stdout)["state"]

    def wait_state(self, name, state):
        deadline = time.monotonic() + 20
        while self.state(name) != state:
            self.assertLess(time.monotonic(), deadline, f"{name} never became {state}")
            time.sleep(0.02)

    def left(self):
        """What is in the library, but for its own files."""
        if not os.path.isdir(self.library):
            return []
        return [n for n in os.listdir(self.library) if n not in (".lock", ".trash")]

    # Help and the manual page.

    def test_help(self):
        text = self.cli("--help").stdout
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command} ")
            own = self.cli(command, "--help").stdout
            self.assertIn(f"diorama {command}", own)
            self.assertEqual(own, self.cli("help", command).stdout)
            for line in own.splitlines():
                self.assertLessEqual(len(line), 100, line)
        listed = re.findall(r"(?m)^  ([a-z]+)  +\S", text)
        self.assertEqual(sorted(COMMANDS), sorted(listed))
        self.assertRegex(self.cli("--version").stdout, r"^diorama \d+\.\d+")

    def test_manual_page(self):
        with open(MANPAGE, encoding="utf-8") as page:
            manual = page.read().replace("\\-", "-")
        for command in COMMANDS:
            self.assertIn(f"diorama {command}", manual)
            for option in re.findall(r"--[a-z-]+", self.cli(command, "--help").stdout):
                self.assertRegex(manual, rf"{option}(?![a-z-])")

    def test_environment(self):
        """What the environment may say is in the manual, or where developers look for it."""
        root = os.path.join(os.path.dirname(MANPAGE), os.pardir)
        told, found = "", set()
        for name in (MANPAGE, os.path.join(root, "HACKING.md")):
            with open(name, encoding="utf-8") as page:
                told += page.read().replace("\\-", "-")
        for folder in ("app", "core", "hw", "render", "ui"):
            for path, _, names in os.walk(os.path.join(root, folder)):
                for name in names:
                    with open(os.path.join(path, name), encoding="utf-8", errors="replace") as source:
                        found |= set(re.findall(r'"(DIORAMA_[A-Z_]+)"', source.read()))
        self.assertGreaterEqual(len(found), 5)
        self.assertEqual(set(), {name for name in found if name not in told})

    def test_disk_help(self):
        text = self.cli("disk", "--help").stdout
        self.assertEqual(text, self.cli("help", "disk").stdout)
        with open(MANPAGE, encoding="utf-8") as page:
            manual = page.read().replace("\\-", "-")
        names = re.findall(r"(?m)^  disk ([a-z]+)  +\S", text)
        self.assertGreaterEqual(len(names), 7)
        for name in names:
            own = self.cli("disk", name, "--help").stdout
            self.assertIn(f"diorama disk {name}", own)
            self.assertIn(f"diorama disk {name}", manual)
            for option in re.findall(r"--[a-z-]+", own):
                self.assertRegex(manual, rf"{option}(?![a-z-])")

    def test_disk(self):
        disk, raw, copy = self.path("d.qcow2"), self.path("d.raw"), self.path("c.qcow2")
        self.cli("disk", "create", disk, "64M", "--cluster-size", "4K")
        self.cli("disk", "create", disk, "64M", code=ERROR)
        info = json.loads(self.cli("disk", "info", disk, "--json").stdout)
        self.assertEqual(("qcow2", 64 << 20, 4096),
                         (info["format"], info["size"], info["cluster-size"]))
        self.assertIn("in order", self.cli("disk", "check", disk).stdout)
        self.cli("disk", "convert", disk, raw)
        with open(raw, "r+b") as file:
            file.seek(1 << 20)
            file.write(b"x" * 100000)
        self.cli("disk", "convert", raw, copy)
        self.cli("disk", "convert", raw, copy, code=ERROR)
        self.assertIn("data", self.cli("disk", "map", copy).stdout)
        self.cli("disk", "resize", copy, "32M", code=ERROR)
        self.cli("disk", "resize", copy, "32M", "--shrink")
        self.cli("disk", "resize", copy, "80M")
        self.assertEqual(80 << 20, json.loads(self.cli("disk", "info", copy, "--json").stdout)["size"])
        self.assertIn("takes", self.cli("disk", "compact", copy).stdout)
        again = self.path("again.img")
        self.cli("disk", "convert", copy, again, "--quiet")
        with open(again, "rb") as file:
            file.seek(1 << 20)
            self.assertEqual(b"x" * 100000, file.read(100000))
        with open(disk, "r+b") as file:
            file.seek(4096 * 2 + 2)  # the count of a table in the block of counts
            file.write(b"\0\7")
        check = json.loads(self.cli("disk", "check", disk, "--json", code=ERROR).stdout)
        self.assertEqual((0, 1), (check["corruptions"], check["leaks"]))
        self.cli("disk", "check", disk, "--repair", "all")
        self.cli("disk", "check", disk)
        self.assertEqual([], [n for n in os.listdir(self.folder) if n.endswith(".tmp")])

    def test_disk_snapshot_inside(self):
        disk, then, now = self.path("d.qcow2"), self.path("then.raw"), self.path("now.raw")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "4M"], check=True)
        for name, pattern in ("before\x1b[2J", 1), (None, 2):
            subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} 0 64k", disk], check=True,
                           stdout=subprocess.PIPE)
            if name:
                subprocess.run(["qemu-img", "snapshot", "-q", "-c", name, disk], check=True)
        text = self.cli("disk", "info", disk).stdout
        self.assertRegex(text, r"(?m)^  1 .* before�\[2J$")
        self.cli("disk", "convert", "--snapshot", "1", disk, then)
        self.cli("disk", "convert", disk, now)
        for path, pattern in (then, 1), (now, 2):
            with open(path, "rb") as file:
                self.assertEqual(bytes([pattern]) * 4096, file.read(4096))
        message = self.cli("disk", "convert", "--snapshot", "after", disk, self.path("x.raw"), code=ERROR).stderr
        self.assertIn("There is no snapshot “after”", message)
        self.cli("disk", "convert", "--snapshot", "1", then, self.path("x.raw"), code=ERROR)
        self.assertFalse(os.path.exists(self.path("x.raw")))

    def test_disk_usage(self):
        odd = self.write("odd", bytes(1024))
        for arguments in (["nonsense"], ["create", "x.qcow2"], ["create", "x", "1M"],
                          ["create", "x.qcow2", "big"], ["info", odd],
                          ["info", odd, "--format", "nonsense"], ["merge", "x.qcow2"],
                          ["check", odd, "--format", "raw"],
                          ["check", "x.qcow2", "--repair", "magic"], ["map"]):
            with self.subTest(arguments=arguments):
                self.cli("disk", *arguments, code=USAGE)
        self.cli("disk", "info", odd, "-f", "qcow2", code=ERROR)
        self.cli("disk", "create", self.path("x.qcow2"), "1000", code=ERROR)
        self.assertFalse(os.path.exists(self.path("x.qcow2")))

    def test_disk_interrupted(self):
        disk, copy = self.path("d.img"), self.path("c.qcow2")
        with open(disk, "wb") as file:
            file.write(os.urandom(1 << 20) * 512)
        process = subprocess.Popen([PROGRAM, "disk", "convert", disk, copy], env=self.environment,
                                   stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        deadline = time.monotonic() + 20
        while not any(n.endswith(".tmp") for n in os.listdir(self.folder)):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        self.assertEqual(INTERRUPTED, process.wait(20))
        self.assertIn("Cancelled", process.stderr.read())
        self.assertEqual([], [n for n in os.listdir(self.folder) if n.startswith((".c", "c"))])

    def test_new_disk(self):
        made = {}
        for name, options in {"a": [], "b": ["--disk-format", "raw"]}.items():
            self.cli("create", name, "--kernel", self.kernel, "--disk-size", "64M", *options)
            with open(os.path.join(self.library, f"{name}.diorama", "machine.json"),
                      encoding="utf-8") as file:
                made[name] = json.load(file)["disks"]
        self.assertEqual([{"path": "disk0.qcow2", "format": "qcow2"}], made["a"])
        self.assertEqual([{"path": "disk0.raw", "format": "raw"}], made["b"])
        own = self.path("own.disk")
        self.cli("disk", "create", own, "1M", "--format", "qcow2")
        self.cli("create", "c", "--kernel", self.kernel, "--disk", own)
        with open(os.path.join(self.library, "c.diorama", "machine.json"),
                  encoding="utf-8") as file:
            self.assertEqual([{"path": own, "format": "qcow2"}], json.load(file)["disks"])

    def test_disk_of_another_program(self):
        """A machine gets a copy of it that it can write to; read-only it is used as it is."""
        disks = {}
        for qemu, ours in (("vmdk", "vmdk"), ("vdi", "vdi"), ("vpc", "vhd"), ("vhdx", "vhdx")):
            raw, image = self.path("raw"), self.path("image." + ours)
            with open(raw, "wb") as file:
                file.write(b"contents" * 100000)
                file.truncate(8 << 20)
            subprocess.run(["qemu-img", "convert", "-O", qemu, raw, image], check=True)
            self.cli("create", ours, "--kernel", self.kernel, "--disk", image,
                     "--disk-size", "64M")
            bundle = os.path.join(self.library, ours + ".diorama")
            with open(os.path.join(bundle, "machine.json"), encoding="utf-8") as file:
                disks[ours] = json.load(file)["disks"]
            subprocess.run(["qemu-img", "compare", "-F", qemu, "-f", "qcow2",
                            os.path.join(bundle, "disk0.qcow2"), image], check=True,
                           stdout=subprocess.DEVNULL)
            self.cli("set", ours, "--disk", image + ",readonly")
            result = self.cli("disk", "info", image)
            self.assertIn("Format: " + ours, result.stdout)
        for ours, made in disks.items():
            with self.subTest(format=ours):
                self.assertEqual([{"path": "disk0.qcow2", "format": "qcow2"},
                                  {"path": "disk1.qcow2", "format": "qcow2"}], made)
        self.cli("disk", "resize", self.path("image.vdi"), "1G", code=ERROR)
        self.cli("disk", "create", self.path("new.vdi"), "1G", code=ERROR)
        self.assertFalse(os.path.exists(self.path("new.vdi")))

    def test_usage(self):
        for arguments in (["nonsense"], ["run"], ["run", "--nonsense"], ["list", "extra"],
                          ["show"], ["rename", "one"], ["create"], ["start"],
                          ["run", "--kernel", self.kernel, "--cpus", "x"],
                          ["run", "--kernel", self.kernel, "--arch", "mips"],
                          ["run", "--kernel", self.kernel, "--memory", "lots"],
                          ["run", "--kernel", self.kernel, "--engine", "magic"],
                          ["run", "--kernel", self.kernel, "--display", "wide"],
                          ["run", "--kernel", self.kernel, "--acpi", "maybe"],
                          ["run", "--kernel", self.kernel, "--graphics", "vga"],
                          ["run", "--kernel", self.kernel, "--headless", "--serial", "tty"],
                          ["run", "--kernel", self.kernel, "--headless", "--time-limit", "-1"],
                          ["create", "x", "--disk-size", "big"], ["key", "x", "nokey"], ["click", "x", "1"],
                          ["click", "x", "1", "-1"], ["click", "x", "1", "1", "big"],
                          ["show", "x", "--events", "-1"], ["stop", "x", "--wait", "-1"]):
            with self.subTest(arguments=arguments):
                result = self.cli(*arguments, code=USAGE)
                self.assertIn("--help", result.stderr)
                self.assertEqual(1, result.stderr.count("\n"), result.stderr)

    # run

    def run_machine(self, append, *options, code=OK):
        return self.cli("run", "--kernel", self.kernel, "--headless", "--append", append, *options,
                        code=code)

    def test_run_exit_codes(self):
        self.assertIn("dummy: started", self.run_machine("dummy:off-after=50").stdout)
        result = self.run_machine("dummy:crash-after=50", code=CRASHED)
        self.assertIn("exit code 7", result.stderr)
        result = self.run_machine("dummy:error-after=50", code=ERROR)
        self.assertIn("cannot go on", result.stderr)
        self.run_machine("dummy:fail-start", code=ERROR)
        self.run_machine("dummy:fail-new", code=ERROR)
        result = self.run_machine("", "--time-limit", "1", code=LIMIT)
        self.assertIn("time limit", result.stderr)
        self.assertEqual([], self.left())

    def test_run_output(self):
        stats, picture, serial = self.path("s.json"), self.path("p.png"), self.path("serial")
        self.run_machine("dummy:off-after=400", "--stats", stats, "--screenshot-on-exit", picture,
                         "--serial", f"file:{serial}", "--display", "640x480")
        with open(stats, encoding="utf-8") as file:
            values = json.load(file)
        self.assertEqual("guest-off", values["reason"])
        self.assertEqual(0, values["exit_code"])
        self.assertGreater(values["instructions"], 0)
        self.assertGreater(values["wall_seconds"], 0.3)
        with open(picture, "rb") as file:
            head = file.read(24)
        self.assertEqual((640, 480), struct.unpack(">II", head[16:24]))
        with open(serial, encoding="utf-8") as file:
            self.assertIn("dummy: started", file.read())
        self.run_machine("dummy:off-after=50", "--stats", "/proc/nonexistent/x", code=ERROR)
        self.run_machine("dummy:off-after=50", "--screenshot-on-exit", "/proc/nonexistent/x.png",
                         code=ERROR)
        self.run_machine("", "--serial", "file:/proc/nonexistent/x", code=ERROR)

    def read_stats(self, path):
        """The figures in @path as soon as they are there."""
        deadline = time.monotonic() + 20
        while not os.path.exists(path):
            self.assertLess(time.monotonic(), deadline, "no statistics came")
            time.sleep(0.02)
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def test_stats_of_the_moment(self):
        stats = self.path("s.json")
        self.cli("create", "m", "--kernel", self.kernel)
        process = self.start("m", "--stats", stats)
        seen = []
        for _ in range(2):
            process.send_signal(signal.SIGUSR1)
            seen.append(self.read_stats(stats))
            os.unlink(stats)
        self.assertEqual("running", seen[0]["state"])
        self.assertNotIn("reason", seen[0])
        self.assertGreater(seen[1]["wall_seconds"], seen[0]["wall_seconds"])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(INTERRUPTED, process.wait(timeout=20))
        self.assertEqual("interrupted", self.read_stats(stats)["reason"])

    def test_stats_too_early(self):
        """Somebody who asks before the machine is there gets an answer all the same."""
        stats = self.path("s.json")
        self.cli("create", "m", "--kernel", self.kernel)
        process = subprocess.Popen([PROGRAM, "start", "m", "--headless", "--stats", stats], env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        caught = 0
        while not caught >> (signal.SIGUSR1 - 1) & 1:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                caught = int(re.search(r"SigCgt:\s*(\S+)", file.read())[1], 16)
        process.send_signal(signal.SIGUSR1)
        self.assertEqual("running", self.read_stats(stats)["state"])
        self.cli("stop", "m", "--force")

    def test_serial_socket(self):
        path = self.path("tty")
        process = subprocess.Popen([PROGRAM, "run", "--kernel", self.kernel, "--headless",
                                    "--serial", f"socket:{path}"], env=self.environment,
                                   stdin=subprocess.DEVNULL)
        self.processes.append(process)
        deadline = time.monotonic() + 10
        while not os.path.exists(path):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(path)
            client.sendall(b"hello")
            received = b""
            while b"hello" not in received or b"dummy: started" not in received:
                received += client.recv(100)
        process.terminate()
        self.assertEqual(INTERRUPTED, process.wait(10))

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen([PROGRAM, "run", "--kernel", self.kernel, "--headless"],
                                       env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, text=True)
            self.processes.append(process)
            self.assertIn("started", process.stdout.readline())
            process.send_signal(number)
            self.assertEqual(INTERRUPTED, process.wait(10))

    def test_no_display(self):
        result = self.cli("run", "--kernel", self.kernel, code=ERROR)
        self.assertIn("--headless", result.stderr)
        result = self.cli(code=1)
        self.assertIn("--headless", result.stderr)

    # A kept machine.

    def test_life(self):
        identity = self.cli("create", "Größe 1", "--kernel", self.kernel, "--memory", "256M",
                            "--disk-size", "1M").stdout.strip()
        self.cli("create", "größe 1", "--kernel", self.kernel, code=ERROR)
        machine, = json.loads(self.cli("list", "--json").stdout)
        self.assertEqual((identity, "Größe 1", "off", 256 << 20),
                         tuple(machine[k] for k in ("id", "name", "state", "memory")))
        self.assertIn("Größe 1", self.cli("list").stdout)
        for command in ("stop", "reset", "pause", "resume", "console"):
            self.assertIn("not running", self.cli(command, identity, code=BUSY).stderr)
        serial = self.path("serial.txt")
        process = self.start(identity, "--serial", f"file:{serial}")
        self.assertIn("process", self.cli("start", identity, "--headless", code=BUSY).stderr)
        self.cli("delete", identity, code=BUSY)
        self.cli("pause", identity)
        self.assertEqual("paused", self.state(identity))
        self.cli("pause", identity, code=BUSY)
        self.cli("resume", identity)
        self.cli("reset", identity)
        picture = self.path("x.png")
        self.cli("screenshot", identity, picture)
        self.assertTrue(os.path.getsize(picture) > 100)
        self.cli("screenshot", identity, "/proc/nonexistent/x.png", code=ERROR)
        self.cli("type", identity, "a\\n")
        self.assertIn("é", self.cli("type", identity, "é", code=ERROR).stderr)
        self.cli("key", identity, "down", "ctrl+c")
        self.cli("click", identity, "10", "20")
        self.cli("click", identity, "11", "20", "right")
        self.cli("click", identity, "12", "20", "none")
        self.assertIn("not on the screen", self.cli("click", identity, "9999", "1", code=ERROR).stderr)
        self.cli("rename", identity, "New")
        self.assertGreater(json.loads(self.cli("show", "new", "--json").stdout)
                           ["statistics"]["instructions"], 0)
        self.cli("type", "new", "zq" * 20)
        # The commands end when the guest has the keys.
        with open(serial, encoding="utf-8") as file:
            typed = file.read()
        for key in (30, 28, 108, 29, 46, 272, 273):
            self.assertEqual(1, typed.count(f"dummy: key {key} down"))
        self.assertEqual(20, typed.count("dummy: key 16 up"))
        self.cli("stop", "new")
        self.assertEqual(OK, process.wait(10))
        shown = json.loads(self.cli("show", "new", "--json").stdout)
        self.assertEqual(["created", "starting", "running", "paused", "running", "reset",
                          "stopped"], [e["kind"] for e in shown["events"]])
        self.assertEqual("guest-off", shown["events"][-1]["reason"])
        self.assertTrue(os.path.exists(os.path.join(shown["path"], "thumbnail.png")))
        self.cli("delete", "new")
        self.assertEqual([], json.loads(self.cli("list", "--json").stdout))
        self.cli("restore", identity)
        self.assertEqual("off", self.state("new"))
        self.cli("restore", identity, code=ERROR)

    def manifest(self, name):
        with open(os.path.join(self.library, name + ".diorama", "machine.json"), encoding="utf-8") as file:
            return json.load(file)

    def files(self, name):
        return sorted(n for n in os.listdir(os.path.join(self.library, name + ".diorama"))
                      if n not in ("lock", "machine.json") and not n.startswith("journal."))

    def test_set(self):
        """An empty machine gets a system later, another one after it, and loses it again."""
        self.cli("create", "m", "--memory", "128M")
        disk = self.write("disk.raw", bytes(1 << 20))
        self.cli("set", "m", "--kernel", self.kernel, "--initrd", self.kernel, "--append", "dummy:still",
                 "--memory", "256M", "--cpus", "2", "--disk", disk + ",readonly", "--disk-size", "1M")
        self.assertEqual(["disk0.qcow2", "initrd", "kernel"], self.files("m"))
        manifest = self.manifest("m")
        self.assertEqual((256 << 20, 2, "kernel", "initrd", "dummy:still"),
                         tuple(manifest[k] for k in ("memory", "cpus", "kernel", "initrd", "append")))
        self.assertEqual([{"path": disk, "format": "raw", "readonly": True},
                          {"path": "disk0.qcow2", "format": "qcow2"}], manifest["disks"])
        self.assertIn("changed", self.cli("show", "m").stdout)

        # Another kernel takes the place of the first; what is not named stays as it is.
        other = self.write("other", riscv_image(64 << 10))
        self.cli("set", "m", "--kernel", other, "--firmware", self.write("fw", bytes(64)))
        self.assertEqual(["disk0.qcow2", "firmware", "initrd", "kernel1"], self.files("m"))
        self.assertEqual({**manifest, "kernel": "kernel1", "firmware": "firmware"}, self.manifest("m"))
        self.cli("set", "m", "--kernel", self.kernel, "--firmware", "")
        self.assertEqual(manifest, self.manifest("m"))
        self.assertEqual(["disk0.qcow2", "initrd", "kernel"], self.files("m"))

        # Disks go by number or name; their files stay.
        self.assertIn("no disk “3”", self.cli("set", "m", "--remove-disk", "3", code=ERROR).stderr)
        self.cli("set", "m", "--remove-disk", "1", "--remove-disk", "disk0.qcow2", "--initrd", "", "--append", "")
        self.assertTrue(os.path.exists(disk))
        self.assertEqual(["disk0.qcow2", "kernel"], self.files("m"))
        self.assertEqual([], self.manifest("m")["disks"])
        self.assertNotIn("initrd", self.manifest("m"))
        self.cli("set", "m", "--disk", os.path.join(self.library, "m.diorama/disk0.qcow2"))
        self.assertEqual("disk0.qcow2", self.manifest("m")["disks"][0]["path"])

        # While it runs nothing changes, also beside another process.
        self.start("m")
        self.assertIn("process", self.cli("set", "m", "--memory", "512M", code=BUSY).stderr)
        self.cli("stop", "m", "--force")
        self.assertEqual(256 << 20, self.manifest("m")["memory"])

    def test_cdrom(self):
        disc = self.write("disc.iso", bytes(1 << 20))
        self.cli("create", "m", "--kernel", self.kernel, "--memory", "128M", "--disk", disc + ",cdrom",
                 "--disk-size", "1M")
        made = {"path": disc, "format": "raw", "readonly": True, "cdrom": True}
        self.assertIn(made, self.manifest("m")["disks"])
        self.assertIn("CD-ROM", self.cli("show", "m").stdout)
        self.cli("set", "m", "--memory", "256M")
        self.assertIn(made, self.manifest("m")["disks"])
        self.start("m")
        self.cli("stop", "m", "--force")
        path = os.path.join(self.library, "m.diorama/machine.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('"cdrom" : true', '"cdrom" : 1'))
        self.assertIn("cdrom: true or false", self.cli("set", "m", "--memory", "1G", code=ERROR).stderr)

    def test_limits(self):
        """Limits of disks: given to new ones and to those that are there, shown, and taken away."""
        def limits():
            return [disk.get("limits") for disk in self.manifest("m")["disks"]]

        disks = [self.write(name, bytes(1 << 20)) for name in ("a.raw", "b,bps.raw", "c.raw")]
        self.cli("create", "m", "--kernel", self.kernel, "--memory", "128M", "--disk", disks[0] + ",bps=10M,iops=100",
                 "--disk", disks[1] + ",iops=20,readonly,bps=1.5M", "--disk", disks[2] + ",bps=0")
        self.assertEqual(disks, [disk["path"] for disk in self.manifest("m")["disks"]])
        self.assertTrue(self.manifest("m")["disks"][1]["readonly"])
        first, second = {"bytes": 10 << 20, "operations": 100}, {"bytes": 3 << 19, "operations": 20}
        self.assertEqual([first, second, None], limits())
        self.assertIn("at most 10 MiB and 100 operations per second", self.cli("show", "m").stdout)
        self.cli("set", "m", "--memory", "256M")
        self.assertEqual([first, second, None], limits())
        # They take the place of others, also while disks are taken away.
        self.cli("set", "m", "--remove-disk", "1", "--limit-disk", "2,iops=50", "--limit-disk", "c.raw,bps=64K")
        self.assertEqual([{"operations": 50}, {"bytes": 1 << 16}], limits())
        self.cli("set", "m", "--limit-disk", disks[1], "--limit-disk", "c.raw,bps=0")
        self.assertEqual([None, None], limits())
        for text in ("1,bps=ten", "1,bps=1K", "1,iops=1.5", "1,iops=9", "1,iops=-1", "1,bps=", "1,bps=2T"):
            self.assertIn("--limit-disk", self.cli("set", "m", "--limit-disk", text, code=USAGE).stderr)
        self.assertIn("no disk", self.cli("set", "m", "--limit-disk", "3,bps=1M", code=ERROR).stderr)
        self.assertIn("bps=x", self.cli("run", "--disk", disks[0] + ",bps=x", "--headless", code=USAGE).stderr)
        self.assertEqual([None, None], limits())

    def test_installing(self):
        """A machine with an installer and its first disk installs; a person may say otherwise."""
        self.cli("create", "m", "--memory", "128M")
        self.assertNotIn("installing", self.manifest("m"))
        self.cli("set", "m", "--kernel", self.kernel, "--initrd", self.kernel, "--disk-size", "1M")
        self.assertTrue(self.manifest("m")["installing"])
        self.cli("set", "m", "--installing", "off", "--disk-size", "1M")
        self.assertFalse(self.manifest("m")["installing"])
        self.cli("set", "m", "--installing", "on")
        self.assertTrue(self.manifest("m")["installing"])
        self.cli("set", "m", "--initrd", "")
        self.assertFalse(self.manifest("m")["installing"])
        self.assertIn("--installing", self.cli("set", "m", "--installing", "maybe", code=USAGE).stderr)
        disc = self.write("disc.iso", bytes(1 << 20))
        self.cli("create", "d", "--memory", "128M", "--disk", disc + ",cdrom", "--disk-size", "1M")
        self.assertTrue(self.manifest("d")["installing"])
        self.cli("create", "k", "--memory", "128M", "--kernel", self.kernel, "--disk-size", "1M")
        self.assertNotIn("installing", self.manifest("k"))

    def test_set_bad(self):
        self.cli("create", "m", "--kernel", self.kernel)
        manifest, files = self.manifest("m"), self.files("m")
        for options, part in ((("--kernel", "/proc/nonexistent"), "/proc/nonexistent"),
                              (("--kernel", self.write("text", b"hello")), "not a kernel"),
                              (("--kernel", self.write("cut", riscv_image(4096)[:60])), "incomplete"),
                              (("--memory", "1M"), "minimum"), (("--cpus", "0"), "CPUs"),
                              (("--disk-size", "1"), "Disk"), (("--disk", self.folder), "folder"),
                              (("--kernel", "", "--initrd", self.kernel), "needs a kernel")):
            with self.subTest(options=options):
                self.assertIn(part, self.cli("set", "m", *options, code=ERROR).stderr)
                self.assertEqual((manifest, files), (self.manifest("m"), self.files("m")))
        self.cli("set", "m", "--memory", "lots", code=USAGE)
        self.cli("set", "nobody", "--memory", "1G", code=ERROR)
        with open(os.path.join(self.library, "m.diorama/machine.json"), "w", encoding="utf-8") as file:
            file.write("{}")
        self.assertIn("machine.json: version", self.cli("set", "m", "--memory", "1G", code=ERROR).stderr)

    def test_console(self):
        self.cli("create", "c", "--kernel", self.kernel)
        self.start("c", "--serial", "none")
        client = subprocess.Popen([PROGRAM, "console", "c"], env=self.environment,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.processes.append(client)
        client.stdin.write(b"echo")
        received = b""
        while b"echo" not in received or b"dummy: started" not in received:
            received += client.stdout.read(100)
        client.stdin.write(b"\x01x")
        self.assertEqual(OK, client.wait(10))
        self.cli("stop", "c", "--force")

    def snapshot(self, verb, *arguments, code=OK):
        return self.cli("snapshot", verb, *arguments, code=code)

    def test_snapshots(self):
        self.cli("create", "s", "--kernel", self.kernel)
        off = self.snapshot("take", "s", "off", "--note", "a note").stdout.strip()
        self.start("s")
        on = self.snapshot("take", "s").stdout.strip()
        self.assertIn("a note", self.snapshot("show", "s", "off").stdout)
        self.snapshot("rename", "s", on[:8], "first")
        self.snapshot("note", "s", "first", "words")
        lines = self.snapshot("list", "s").stdout.splitlines()
        self.assertEqual([off[:8], on[:8]], [line[:8] for line in lines])
        self.assertEqual("*", lines[1][8])
        # Going back keeps what was, and the machine runs.
        self.snapshot("revert", "s", "first")
        self.assertEqual("running", self.state("s"))
        tree = self.snapshot("tree", "s").stdout
        self.assertRegex(tree, "first.*now")
        self.assertIn("Before going back", tree)
        self.snapshot("delete", "s", "Before going back")
        self.assertNotIn("Before", self.snapshot("list", "s").stdout)
        # A suspended machine goes on; a forgotten one does not.
        self.cli("suspend", "s")
        self.wait_state("s", "suspended")
        self.snapshot("verify", "s")
        self.start("s")
        self.cli("suspend", "s")
        self.wait_state("s", "suspended")
        self.assertRegex(self.cli("list").stdout, r"(?m)^s +suspended ")
        self.cli("forget", "s")
        self.assertEqual("off", self.state("s"))
        # Back to when it was off, and a machine of its own from the other one.
        self.snapshot("revert", "s", "off", "--discard")
        self.snapshot("clone", "s", "first", "t", "--linked")
        self.snapshot("clone", "s", "first", "t", code=ERROR)
        self.cli("delete", "s")
        self.start("t")
        self.cli("stop", "t", "--force")
        self.snapshot("delete", "t", "first")
        self.assertEqual("", self.snapshot("list", "t").stdout)
        # What is not possible.
        self.assertIn("no snapshot", self.snapshot("show", "t", "x", code=ERROR).stderr)
        self.snapshot("dance", "t", code=USAGE)
        self.snapshot("show", "t", code=USAGE)
        self.cli("suspend", "t", code=BUSY)

    def test_disk_below_snapshots(self):
        """Nobody writes to what snapshots stand on."""
        self.cli("create", "s", "--kernel", self.kernel, "--disk-size", "16M")
        folder = os.path.join(self.library, next(n for n in os.listdir(self.library) if n[0] != "."))
        disk = os.path.join(folder, "disk0.qcow2")
        self.cli("disk", "resize", disk, "32M")
        self.snapshot("take", "s", "one")
        with open(disk, "rb") as file:
            before = file.read()
        images = [name for name in os.listdir(f"{folder}/snapshots") if name.endswith(".qcow2")]
        top = f"{folder}/snapshots/{images[0]}"
        os.symlink(disk, self.path("link.qcow2"))
        for arguments in (["resize", disk, "64M"], ["compact", disk],
                          ["resize", self.path("link.qcow2"), "64M"],
                          ["resize", top, "64M", "--backing", disk],
                          ["merge", top, "--backing", disk]):
            self.assertIn("snapshots", self.cli("disk", *arguments, code=BUSY).stderr)
        with open(disk, "rb") as file:
            self.assertEqual(before, file.read())
        self.cli("disk", "compact", top, "--backing", disk)
        self.cli("disk", "info", disk)
        # And without the snapshot it is a disk like others again.
        self.snapshot("delete", "s", "one")
        self.cli("disk", "resize", disk, "64M")
        self.cli("disk", "compact", disk)

    def test_stop(self):
        self.cli("create", "deaf", "--kernel", self.kernel, "--append", "dummy:deaf")
        process = self.start("deaf")
        self.assertIn("--force", self.cli("stop", "deaf", code=ERROR).stderr)
        self.cli("stop", "deaf", "--force")
        self.assertEqual(OK, process.wait(10))

    def test_just_starting(self):
        """What is asked of a machine that is about to start waits until it has."""
        self.cli("create", "slow", "--kernel", self.kernel, "--append",
                 "dummy:still dummy:slow-new")
        for command in (["pause", "slow"], ["snapshot", "take", "slow", "one"],
                        ["suspend", "slow"], ["stop", "slow", "--wait", "10"]):
            process = self.start("slow", wait=False)
            deadline = time.monotonic() + 20
            while self.state("slow") == "off":
                self.assertLess(time.monotonic(), deadline)
            self.cli(*command)
            if command[0] in ("pause", "snapshot"):
                self.cli("stop", "slow", "--force")
            process.wait(10)

    def test_runner_killed(self):
        """The kernel drops the lock of a process that dies; sockets left over do not matter."""
        self.cli("create", "k", "--kernel", self.kernel)
        process = self.start("k")
        process.kill()
        process.wait()
        self.assertEqual("off", self.state("k"))
        self.cli("stop", "k", code=BUSY)
        self.start("k")
        self.cli("stop", "k", "--force")

    # Bad input: one clear message, nothing left.

    def bad(self, part, *arguments, code=ERROR, **options):
        for command in (["run", "--headless"], ["create", "Bad"]):
            result = self.cli(*command, *arguments, code=code, **options)
            self.assertIn(part, result.stderr)
            self.assertEqual(1, result.stderr.count("\n"), result.stderr)
        self.assertEqual([], self.left())

    def test_bad_kernel(self):
        self.bad("/proc/nonexistent", "--kernel", "/proc/nonexistent")
        self.bad("folder", "--kernel", self.folder)
        self.bad("empty", "--kernel", self.write("empty", b""))
        self.bad("not a kernel", "--kernel", self.write("text", b"hello\n"))
        if os.uname().machine == "x86_64":
            self.bad("x86_64", "--kernel", "/bin/true")
        arm = bytearray(riscv_image(4096))
        arm[0x30:0x3c] = bytes(8) + b"ARMd"
        self.bad("arm64", "--kernel", self.write("arm", bytes(arm)))
        self.bad("/proc/nonexistent", "--kernel", self.kernel, "--initrd", "/proc/nonexistent")
        self.bad("/proc/nonexistent", "--kernel", self.kernel, "--disk", "/proc/nonexistent")
        self.bad("/proc/nonexistent", "--kernel", self.kernel, "--firmware", "/proc/nonexistent")
        os.mkfifo(self.path("fifo"))
        self.bad("regular", "--kernel", self.path("fifo"))

    def test_truncated_kernel(self):
        whole = riscv_image(4096)[:4096] + os.urandom(1 << 18)
        elf = bytearray(b"\x7fELF\2\1\1".ljust(64, b"\0"))
        struct.pack_into("<HHIQQ", elf, 16, 2, 243, 1, 0x80200000, 64)
        struct.pack_into("<HHH", elf, 52, 64, 56, 3)
        packed = gzip.compress(whole)
        for data in (whole[:60], packed[: len(packed) // 2], packed[:2000], bytes(elf)):
            path = self.write("truncated", data)
            result = self.cli("create", "Bad", "--kernel", path, code=ERROR)
            self.assertIn(path, result.stderr)
            self.assertEqual([], self.left())

    def test_bad_values(self):
        self.bad("minimum of 64 MiB", "--kernel", self.kernel, "--memory", "3M")
        self.bad("maximum", "--kernel", self.kernel, "--memory", "900T")
        self.bad("CPUs: 0", "--kernel", self.kernel, "--cpus", "0")
        self.bad("CPUs: 99", "--kernel", self.kernel, "--cpus", "99")
        self.bad("qcow2", "--kernel", self.kernel, "--disk", self.kernel, "--disk-format", "qcow2")
        self.bad("arm64", "--kernel", self.kernel, "--arch", "arm64")
        self.bad("nosuch", "--kernel", self.kernel, "--board", "nosuch")
        for name in ("", "  ", "a\nb", "x" * 101):
            self.cli("create", name, "--kernel", self.kernel, code=ERROR)
        self.assertEqual([], self.left())

    def test_full_disk(self):
        os.makedirs(self.library)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", self.library],
                          capture_output=True, check=False).returncode:
            self.skipTest("no right to mount")
        try:
            result = self.cli("create", "Full", "--kernel", self.write("big", riscv_image(6 << 20)),
                              code=ERROR)
            self.assertIn("full", result.stderr)
            self.assertEqual([], self.left())
        finally:
            subprocess.run(["umount", self.library], check=True)

    def test_read_only_library(self):
        self.write("machines", b"a file")
        self.assertIn("machines", self.cli("list", code=ERROR).stderr)

    def test_broken_machine(self):
        self.cli("create", "m", "--kernel", self.kernel)
        manifest = os.path.join(self.library, "m.diorama", "machine.json")
        with open(manifest, encoding="utf-8") as file:
            good = json.load(file)
        cases = [
            (json.dumps(good)[:-20], "machine.json:1:"),
            (json.dumps({**good, "memory": 3 << 20}), "machine.json: memory: 3 MiB is less than "
             "the minimum of 64 MiB"),
            (json.dumps({**good, "version": 2}), "newer than this Diorama"),
            (json.dumps({**good, "kernel": "../../../etc/passwd"}), "machine.json: kernel: "),
        ]
        for text, part in cases:
            with self.subTest(part=part):
                with open(manifest, "w", encoding="utf-8") as file:
                    file.write(text)
                self.assertIn("broken", self.cli("list").stdout)
                self.assertIn(part, self.cli("start", "m", "--headless", code=ERROR).stderr)
                self.assertIn(part, self.cli("show", "m").stdout)
                # What cannot be read is not rewritten.
                with open(manifest, encoding="utf-8") as file:
                    self.assertEqual(text, file.read())
        os.unlink(manifest)
        self.assertIn("machine.json", self.cli("start", "m", "--headless", code=ERROR).stderr)
        self.cli("delete", "m")
        self.assertEqual([], self.left())

    def test_unwritable_stdout(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            subprocess.run([PROGRAM, "run", "--kernel", self.kernel, "--headless", "--append",
                            "dummy:off-after=50"], env=self.environment, stdout=full,
                           stdin=subprocess.DEVNULL, timeout=20, check=True)

    def test_images(self):
        folder = self.path("images/debian")
        os.makedirs(folder)
        shutil.copy(self.kernel, os.path.join(folder, "linux"))
        with open(os.path.join(folder, "image.json"), "w", encoding="utf-8") as file:
            json.dump({"title": "Debian 13 installer", "arch": "riscv64", "kernel": "linux",
                       "append": "quiet", "memory": "2G", "disk-size": 1 << 33}, file)
        for name, text in (("bad", "{"), ("escape", json.dumps(
                {"title": "Escape", "arch": "riscv64", "kernel": "../../linux"}))):
            os.makedirs(self.path(f"images/{name}"))
            with open(self.path(f"images/{name}/image.json"), "w", encoding="utf-8") as file:
                file.write(text)
        images = [i for i in json.loads(self.cli("images", "--json").stdout)
                  if i.get("kernel", "").startswith(self.folder)]
        self.assertEqual(1, len(images))
        self.assertEqual((2 << 30, 1 << 33, "quiet"),
                         tuple(images[0][k] for k in ("memory", "disk-size", "append")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
