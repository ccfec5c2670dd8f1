#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Linux guest that writes to ext4 and acknowledges what fsync() has put on its disk, while snapshots are
taken and deleted, the machine goes back to any of them, and its process is killed, all at random moments.

After each of these: nothing that the guest had acknowledged in this past of the machine is missing, on the
guest's side by what it reads again, and after a kill on the host's side, where the images are looked at
without Diorama; e2fsck finds nothing once the journal was replayed; the memory goes on as it must."""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "../support"))
from guest_images import modules  # noqa: E402
from scribble_guest import NAME, Scribbler, Sums, kernel  # noqa: E402

LINE = re.compile(rb"writer: ([^\n]*)\n")
HEAD = struct.Struct("<IIQQQII")
MAGIC = 0x52455752
SEGMENT = 64
MASK = (1 << 64) - 1
FOUND_TIMEOUT = 300


def mix(value):
    value ^= value >> 30
    value = value * 0xbf58476d1ce4e5b9 & MASK
    value ^= value >> 27
    value = value * 0x94d049bb133111eb & MASK
    return value ^ value >> 31


class Failure(Exception):
    pass


class Past:
    """What the guest acknowledged on the way to where it is: the value of each record."""

    def __init__(self, values=()):
        self.values = list(values)  # of record i + 1

    def __len__(self):
        return len(self.values)

    def copy(self):
        return Past(self.values)


class Snapshot:
    """@least is what had been acknowledged before it was asked for, @past what had been when it was there."""

    def __init__(self, name, least, past):
        self.name = name
        self.least = least
        self.past = past


class Console:
    """Follows what the writer tells."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.past = Past()
        self.target = None  # the snapshot to which it goes back
        self.booted = False
        self.counts = {"acks": 0, "whole": 0, "cut": 0}

    def begin(self, path):
        """It is started anew, and writes to @path."""
        self.path = path
        self.offset = 0
        self.booted = False

    def read(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return
        data = data[:data.rfind(b"\n") + 1]
        self.offset += len(data)
        for match in LINE.finditer(data.replace(b"\r", b"")):
            self._line(match[0].rstrip(b"\n"))

    def _line(self, line):
        if b"error" in line:
            raise Failure(line.decode(errors="replace"))
        text, _, crc = line.rpartition(b" ")
        if crc != b"%08x" % zlib.crc32(text):
            self.counts["cut"] += 1  # by a way back
            return
        words = text.decode().split()[1:]
        if words[0] == "found":
            self._found(int(words[1]), int(words[2], 16))
        elif words[0] == "ack":
            self._ack(int(words[1]), int(words[2], 16), int(words[3], 16))
        self.counts["whole"] += words[0] == "whole"

    def _found(self, count, value):
        if self.target:
            self._go_back_off(count)
        past = self.past.values
        if count < len(past) or (count == len(past) and past and value != past[-1]):
            raise Failure(f"{len(past)} records were acknowledged, {count} were found")
        # What was not acknowledged may be there.
        past.extend([None] * (count - len(past)))
        if past:
            past[-1] = value
        self.booted = True

    def _ack(self, count, value, before):
        self.counts["acks"] += 1
        past = self.past.values
        goes_on = count == len(past) + 1 and (not past or past[-1] == before)
        if self.target and not goes_on:
            self._go_back(count)
            past = self.past.values
            goes_on = past[-1] in (before, None) if past else True
        if not goes_on:
            raise Failure(f"record {count} came after {len(past)}, or on another past")
        past.append(value)

    def _go_back(self, count):
        """The first that is told after that is @count."""
        past = self.target.past.values
        if not self.target.least < count <= len(past) + 2:
            raise Failure(f"snapshot {self.target.name} goes on at {count}; it was taken when "
                          f"{self.target.least} to {len(past)} records had been acknowledged")
        self.past = Past(past[:count - 1])
        # The line of the last one before may be the one that was cut.
        self.past.values.extend([None] * (count - 1 - len(past)))
        self.target = None

    def _go_back_off(self, count):
        """The snapshot had no memory, as the machine was off: the guest starts and finds @count."""
        past = self.target.past.values
        if not self.target.least <= count <= len(past) + 2:
            raise Failure(f"snapshot {self.target.name} has {count} records; {self.target.least} to "
                          f"{len(past)} had been acknowledged when it was taken")
        self.past = Past(past[:count])
        self.target = None

    def went_back(self):
        """It has, by now; so if it looked as if nothing had changed, nothing had."""
        if self.target and not self.target.least <= len(self.past):
            raise Failure(f"snapshot {self.target.name}: gone on at {len(self.past)}")
        self.target = None


class Writer(Scribbler):
    """The machine."""

    def __init__(self, options):
        files = {"init": pathlib.Path(options.writer).read_bytes(),
                 "scribble": pathlib.Path(options.scribble).read_bytes()}
        loaded = modules(options.arch, "virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
        for number, content in enumerate(loaded):
            files[f"modules/{number:02}"] = content
        super().__init__(options.program, options.scribble, cpus=options.cpus, engine=options.engine,
                         mib=32, memory="192M", disk=options.disk, arch=options.arch, files=files)
        self.bundle = self.folder / "library" / f"{NAME}.diorama"
        self.console = Console(self.serial)
        self.sums_known = Sums()
        self.starts = 0
        self.images_checked = 0
        self._format(options.disk)

    def _format(self, size):
        raw = self.folder / "empty"
        tool("truncate", "-s", size, raw)
        tool("mke2fs", "-q", "-t", "ext4", "-F", raw)
        tool("qemu-img", "convert", "-O", "qcow2", raw, self.bundle / "disk0.qcow2")
        raw.unlink()

    def start(self):
        self.starts += 1
        self.sums_known.earlier += len(self.sums())
        self.serial = self.folder / f"serial{self.starts}.txt"
        self.console.begin(self.serial)
        super().start()

    def look(self):
        """What the guest has told until now is as it must be."""
        self.console.read()
        self.sums_known.check(self)

    def wait_told(self):
        """Until it has told something new of both kinds."""
        acks = self.console.counts["acks"]

        def told():
            self.look()
            return self.console.counts["acks"] >= acks + 2

        self.wait_sums(1)
        self.wait(told, "records", FOUND_TIMEOUT)

    def wait_running(self):
        self.wait(lambda: self.run("pause", NAME, check=False).returncode == 0, "running", 60)
        self.run("resume", NAME)

    # ---- The images, without Diorama ----

    def tree(self):
        path = self.bundle / "snapshots/tree.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def chain(self, image):
        """How qemu-img is to open @image, whatever the images call each other."""
        images = {one["file"]: one for one in self.tree().get("images", [])}

        def node(name):
            one = images.get(name, {"format": "qcow2"})
            result = {"driver": one["format"],
                      "file": {"driver": "file", "filename": str(self.bundle / name)}}
            if one["format"] == "qcow2":
                result["backing"] = node(one["backing"]) if one.get("backing") else None
            return result

        return "json:" + json.dumps(node(image))

    def check_image(self, image, past):
        """A file system without faults, with all records of @past."""
        raw = self.folder / "raw"
        records = self.folder / "dump"
        tool("qemu-img", "convert", "-O", "raw", self.chain(image), raw)
        # As a mount does: the journal, and what was deleted while it was open.
        tool("e2fsck", "-p", raw, codes=(0, 1))
        tool("e2fsck", "-f", "-n", raw)
        records.mkdir()
        tool("debugfs", "-R", f"rdump /records {records}", raw)
        found = read_records(records / "records")
        for number, value in enumerate(past.values):
            if value is not None and (number >= len(found) or found[number] != value):
                raise Failure(f"{image}: record {number + 1} of {len(past)} is missing; "
                              f"there are {len(found)}")
        shutil.rmtree(records)
        raw.unlink()
        self.images_checked += 1

    def check_images(self, snapshots, rng):
        """Those of the machine as it is now, and of one of its snapshots."""
        tree = self.tree()
        disks = tree.get("disks") or [{"image": "disk0.qcow2"}]
        self.check_image(disks[0]["image"], self.console.past)
        if snapshots:
            snapshot = rng.choice(snapshots)
            info = next(one for one in tree["snapshots"] if one["name"] == snapshot.name)
            self.check_image(info["disks"][0], Past(snapshot.past.values[:snapshot.least]))


def read_records(folder):
    """The values of the records, as far as they are whole and each of the past of the next."""
    values = []
    for segment in sorted(folder.iterdir() if folder.exists() else []):
        data = segment.read_bytes()
        offset = 0
        while offset + HEAD.size <= len(data):
            magic, length, number, nonce, value, crc, _ = HEAD.unpack_from(data, offset)
            end = offset + HEAD.size + length
            body = data[offset:offset + HEAD.size - 8] + bytes(8) + data[offset + HEAD.size:end]
            if (magic != MAGIC or end > len(data) or number != len(values) + 1
                    or crc != zlib.crc32(body)
                    or value != mix((values[-1] if values else 0) ^ mix(nonce) ^ number)):
                return values
            values.append(value)
            offset = end
        if len(values) % SEGMENT:
            break
    return values


def tool(*command, codes=(0,)):
    environment = dict(os.environ, PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env=environment)
    if done.returncode not in codes:
        raise Failure(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")


class Programme:
    """What is done to the machine, and in what order."""

    def __init__(self, options, guest):
        self.options = options
        self.guest = guest
        self.rng = random.Random(options.seed)
        self.snapshots = []
        self.names = 0
        self.done = {}

    def run(self):
        options = self.options
        steps = (["take"] * options.snapshots + ["revert"] * options.reverts
                 + ["kill"] * options.kills + ["delete"] * options.deletes)
        self.rng.shuffle(steps)
        self.guest.start()
        self.guest.wait_told()
        for step in ["take", "take", *steps]:
            self._pause()
            if step != "take" and not self.snapshots:
                continue
            getattr(self, f"_{step}")()
            self.guest.wait_told()
            self.done[step] = self.done.get(step, 0) + 1
        self.guest.wait(self._has_read_again, "the guest reading all its records again", FOUND_TIMEOUT)
        self.guest.kill()
        self.guest.look()
        self.guest.check_images(self.snapshots, self.rng)
        self.guest.snapshot("verify")

    def _pause(self):
        time.sleep(self.rng.random() * self.options.pause)
        self.guest.look()

    def _name(self):
        self.names += 1
        return f"s{self.names}"

    def _take(self):
        guest, name = self.guest, self._name()
        guest.look()
        least = len(guest.console.past)
        guest.snapshot("take", name)
        guest.look()
        self.snapshots.append(Snapshot(name, least, guest.console.past.copy()))

    def _revert(self):
        """Sometimes with the process gone meanwhile."""
        guest, target = self.guest, self.rng.choice(self.snapshots)
        options = ["--discard"] if self.rng.random() < 0.7 else []
        guest.look()
        off = self.rng.random() < 0.3
        if off:
            guest.kill()
            guest.look()
        guest.console.target = target
        guest.snapshot("revert", *options, target.name)
        if off:
            guest.start()
            guest.wait_running()
        else:
            # The last lines of the past that it left are in the file by now.
            guest.look()
        guest.wait_told()
        guest.console.went_back()

    def _delete(self):
        """What that leaves is merged, below what the guest writes."""
        if len(self.snapshots) < 2:
            return
        gone = self.snapshots.pop(self.rng.randrange(len(self.snapshots)))
        self.guest.snapshot("delete", gone.name)

    def _kill(self):
        """Sometimes while a snapshot is taken. Then the machine starts from its disk alone."""
        guest, name = self.guest, self._name()
        guest.look()
        least, busy = len(guest.console.past), None
        if self.rng.random() < 0.5:
            busy = subprocess.Popen([guest.program, "snapshot", "take", NAME, name],
                                    env=guest.environment, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
            time.sleep(self.rng.random() * 0.3)
        guest.kill()
        guest.look()
        if busy:
            busy.wait(60)
            if any(one["name"] == name for one in guest.tree().get("snapshots", [])):
                self.snapshots.append(Snapshot(name, least, guest.console.past.copy()))
        guest.check_images(self.snapshots, self.rng)
        guest.start()
        guest.wait(self._has_booted, "records after the start", FOUND_TIMEOUT)

    def _has_booted(self):
        self.guest.look()
        return self.guest.console.booted

    def _has_read_again(self):
        self.guest.look()
        return self.guest.console.counts["whole"] > 0

    def report(self):
        guest, counts = self.guest, self.guest.console.counts
        print(f"{self.options.arch}, {self.options.cpus} CPUs, {self.options.engine}: "
              + ", ".join(f"{name} {count}" for name, count in sorted(self.done.items()))
              + f"; {counts['acks']} records acknowledged, {counts['whole']} times read again, "
              f"{guest.images_checked} images without a fault; {len(guest.sums_known.known)} sums of "
              f"memory, {guest.sums_known.repeated} of them told again and the same", flush=True)
        if counts["cut"] > 2 * self.done.get("revert", 0):
            raise Failure(f"{counts['cut']} lines are not what the guest wrote")
        if not guest.images_checked or not counts["whole"] or guest.sums_known.repeated < 3:
            raise Failure("hardly anything was looked at: nothing is proven")


def parse():
    parser = argparse.ArgumentParser(prog="./dev writer", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help=argparse.SUPPRESS)
    parser.add_argument("writer", help=argparse.SUPPRESS)
    parser.add_argument("scribble", help=argparse.SUPPRESS)
    parser.add_argument("--arch", default="riscv64")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--engine", choices=("auto", "interpreter", "compiler"), default="auto")
    parser.add_argument("--snapshots", type=int, default=20)
    parser.add_argument("--reverts", type=int, default=12)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--deletes", type=int, default=8)
    parser.add_argument("--pause", type=float, default=2, help="seconds between them at most")
    parser.add_argument("--disk", default="512M")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    options = parse()
    if not kernel(options.arch) or not modules(options.arch, "ext4"):
        print("Debian's kernel or its modules were not fetched (tools/fetch-guests --tests)")
        sys.exit(77)
    guest = Writer(options)
    programme = Programme(options, guest)
    try:
        programme.run()
        programme.report()
    except (Failure, RuntimeError) as error:
        kept = guest.folder.with_suffix(".failed")
        guest.stop()
        guest.folder.rename(kept)
        sys.exit(f"seed {options.seed}, after {programme.done}: {error}\n(kept in {kept})")
    finally:
        guest.close()


if __name__ == "__main__":
    main()
