#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed of Linux programs in a guest: on Diorama, on Debian's QEMU and on the host, in turn.

Every program is run by all sides before the next; a round starts the guests anew, so that what an
engine compiles counts. Medians are taken. Compare ratios, not times. QEMU runs arm64 on several
models of CPU in turn (-cpu max and cortex-a57); of each program the better one counts.

Without --initramfs our own suite runs. With it, that archive is used as it is, with our init and
the list in a folder /bench beside its own: a line "NAME GROUP COMMAND [ARGUMENT...]" of --list for
each program. A program may print "NAME begin" and "NAME SECONDS CHECKSUM" for what it measures
itself; otherwise the time from its start to its end counts and nothing is compared."""

import argparse
import dataclasses
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from guest_images import image_files  # noqa: E402
from guest_sides import Diorama, Native, Program, Qemu, Setup, SideError  # noqa: E402

GUESTS = {
    "riscv64": {
        "image": "debian-13-riscv64-netboot",
        "console": "ttyS0",
        "qemu": "qemu-system-riscv64",
        "qemu_cpus": ["rv64"],
        "compiler": "gcc-riscv64-linux-gnu",
    },
    "arm64": {
        "image": "debian-12-arm64-netboot",
        "console": "ttyAMA0",
        "qemu": "qemu-system-aarch64",
        # The one that can all there is, and the one that costs least to emulate.
        "qemu_cpus": ["max", "cortex-a57"],
        "compiler": "gcc-aarch64-linux-gnu",
    },
}
SIDES = ("diorama", "qemu", "native")
MEANS = ("integer", "float", "memory", "system")
SCALES = {"tiny": 0.02, "full": 1.0}
CLOCK_TOLERANCE = 0.03
# What lines on a serial port may be late.
CLOCK_SLACK = 0.03


def scale_of(text):
    value = SCALES.get(text) or float(text)
    if not value > 0:
        raise ValueError
    return value


def sides_of(text):
    sides = text.split(",")
    if not set(sides) <= set(SIDES):
        raise ValueError
    return sides


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench guest", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--guest", choices=sorted(GUESTS), default="riscv64")
    parser.add_argument("--cpus", type=int, default=1, help="vCPUs, and processors of the host")
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--group", action="append",
                        help="only this group (may be repeated; default: integer, float, memory, "
                             "system, and threads with more than one vCPU; all: every one)")
    parser.add_argument("--program", action="append", help="only this program (may be repeated)")
    parser.add_argument("--engine", choices=("auto", "interpreter", "compiler"), default="auto")
    parser.add_argument("--sides", type=sides_of, default=list(SIDES),
                        help="who runs (default: diorama,qemu,native)")
    parser.add_argument("--scale", type=scale_of, default=1.0,
                        help="so many times the usual work, or tiny")
    parser.add_argument("--kernel", help="another kernel than that of the Debian installer")
    parser.add_argument("--initramfs", help="another archive than that of our suite")
    parser.add_argument("--list", help="the programs in it")
    parser.add_argument("--native", metavar="FOLDER",
                        help="where the host finds the commands of --list")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for a program")
    parser.add_argument("--write", metavar="FILE",
                        help="only write the archive, to be used elsewhere with rdinit=/bench/init")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    options = parser.parse_args()
    if bool(options.initramfs) != bool(options.list):
        parser.error("--initramfs and --list go together")
    return options


# ---- What is run ----

def suite_programs(options):
    """The programs of our own suite, as a guest runs them."""
    listed = subprocess.run([suite_file(options, "suite-native"), "--list"], check=True,
                            capture_output=True, text=True).stdout
    return [Program(name, group, ["/bench/suite", name, str(options.scale)])
            for name, group in map(str.split, listed.splitlines())]


def listed_programs(name):
    programs = []
    with open(name, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) < 3:
                sys.exit(f"{name}:{number}: this is no NAME GROUP COMMAND [ARGUMENT...]")
            programs.append(Program(words[0], words[1], words[2:]))
    return programs


def wanted(options, programs):
    if options.program:
        missing = set(options.program) - {program.name for program in programs}
        if missing:
            sys.exit(f"there is no program {', '.join(sorted(missing))}")
        return [program for program in programs if program.name in options.program]
    groups = options.group
    if not groups and not options.list:
        groups = list(MEANS) + (["threads"] if options.cpus > 1 else [])
    if groups and "all" not in groups:
        programs = [program for program in programs if program.group in groups]
    if not programs:
        sys.exit("there is no such program")
    return programs


def native_program(options, program):
    """The same on the host, or None."""
    if options.list:
        if not options.native:
            return None
        command = [options.native + program.command[0], *program.command[1:]]
    else:
        command = [suite_file(options, "suite-native"), *program.command[1:]]
    return dataclasses.replace(program, command=command)


def suite_file(options, name):
    path = os.path.join(options.build, "tests/bench/linux", name)
    if not os.path.exists(path):
        sys.exit(f"{path} was not built: is {GUESTS[options.guest]['compiler']} installed, with the "
                 "C library's development files?")
    return path


def make_initramfs(options, programs, path):
    """Our init with the list and the suite; an archive from outside follows."""
    spec = importlib.util.spec_from_file_location("initramfs",
                                                  os.path.join(HERE, "linux/initramfs.py"))
    initramfs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(initramfs)
    files = {"bench/list": "".join(f"{program.name} {program.group} {' '.join(program.command)}\n"
                                   for program in programs).encode()}
    sources = {"bench/init": suite_file(options, f"init-{options.guest}")}
    if not options.list:
        sources["bench/suite"] = suite_file(options, f"suite-{options.guest}")
    for name, source in sources.items():
        with open(source, "rb") as file:
            files[name] = file.read()
    with open(path, "wb") as output:
        output.write(initramfs.build(files))
        if options.initramfs:
            with open(options.initramfs, "rb") as outside:
                output.write(outside.read())


def make_sides(options, initramfs):
    guest = GUESTS[options.guest]
    kernel = options.kernel or image_files(guest["image"], "linux")[0]
    setup = Setup(kernel, initramfs, f"console={guest['console']} quiet panic=-1 "
                  "rdinit=/bench/init bench.ask", options.memory, options.cpus, options.timeout)
    sides = {
        "diorama": Diorama(setup, os.path.join(options.build, "diorama"), options.guest,
                           options.engine),
        **{f"qemu {cpu}": Qemu(setup, guest["qemu"], cpu) for cpu in guest["qemu_cpus"]},
        "native": Native(options.cpus, options.timeout),
    }
    return {name: side for name, side in sides.items() if name.split()[0] in options.sides}


# ---- Measuring ----

class Measurement:
    """All results, and what went wrong."""

    def __init__(self, options, programs, sides):
        self.options = options
        self.programs = programs
        self.sides = sides
        self.results = {program.name: {name: [] for name in sides} for program in programs}
        self.failures = []

    def fail(self, text):
        self.failures.append(text)
        print(f"FAILED: {text}", flush=True)

    def round(self):
        for side in self.sides.values():
            side.start()
        for program in self.programs:
            for name, side in self.sides.items():
                self._run(program, name, side)
        for side in self.sides.values():
            try:
                side.stop()
            except SideError as error:
                self.fail(f"{side.title}: {error}")

    def _run(self, program, name, side):
        mine = native_program(self.options, program) if name == "native" else program
        if not mine:
            return
        try:
            self.results[program.name][name].append(side.run(mine))
        except SideError as error:
            self.fail(f"{program.name} on {side.title}: {error}")
            side.kill()
            side.start()

    def check(self):
        """Every side must have had the same result, and a clock that goes right."""
        for name, sides in self.results.items():
            sums = {side: {result.checksum for result in results}
                    for side, results in sides.items() if results}
            if len(set().union(*sums.values())) > 1:
                self.fail(f"{name}: different results: {sums}")
            for side, results in sides.items():
                for result in results:
                    self._check_clock(name, side, result)

    def _check_clock(self, name, side, result):
        if result.host_seconds is None:
            return
        wrong = abs(result.host_seconds - result.seconds)
        if wrong > CLOCK_TOLERANCE * result.seconds + CLOCK_SLACK:
            print(f"warning: {name}: {result.seconds:.3f} s by the clock of {side}'s guest, "
                  f"{result.host_seconds:.3f} s by the host's")

    def medians(self, program, side):
        """By name, of a side or of all QEMUs."""
        return {name: statistics.median(result.seconds for result in results)
                for name, results in self.results[program].items()
                if results and name.split()[0] == side}

    def seconds(self, program, side):
        """The median, of QEMU's best CPU, or None."""
        return min(self.medians(program, side).values(), default=None)

    def best_cpu(self, program):
        """The model of CPU on which QEMU is fastest, if there is a choice."""
        medians = self.medians(program, "qemu")
        return min(medians, key=medians.get).removeprefix("qemu ") if len(medians) > 1 else ""

    def ratio(self, program, over, under):
        above, below = self.seconds(program, over), self.seconds(program, under)
        return above / below if above and below else None

    def compile_share(self, program):
        """The part of the program's life in which the engine compiled."""
        shares = []
        for result in self.results[program].get("diorama", []):
            before = jit_counter(result.counters["before"], "compile_seconds")
            after = jit_counter(result.counters["after"], "compile_seconds")
            if before is not None and after is not None and result.total:
                shares.append((after - before) / result.total)
        return statistics.median(shares) if shares else None

    def code_bytes(self, program):
        sizes = [jit_counter(result.counters["after"], "code_bytes")
                 for result in self.results[program].get("diorama", [])]
        return None if not sizes or None in sizes else statistics.median(sizes)


def jit_counter(counters, name):
    """A counter of the compiler; None without a compiler."""
    return counters.get("jit", {}).get(name, counters.get(f"jit.{name}"))


# ---- Telling ----

def geometric(values):
    values = [value for value in values if value]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def shown(value, pattern):
    return "-" if value is None else pattern.format(value)


COLUMNS = f"{'':11} {'native':>9} {'QEMU':>9} {'Diorama':>9} {'QEMU /':>9} {'Diorama /':>10} " \
          f"{'QEMU /':>9} {'compile':>8} {'code':>8}\n" \
          f"{'program':11} {'s':>9} {'s':>9} {'s':>9} {'Diorama':>9} {'native':>10} " \
          f"{'native':>9} {'share':>8} {'cache':>8}"


def print_line(title, times, ratios, compiled=(None, None), cpu=""):
    share, size = compiled
    print(f"{title:11} " + " ".join(f"{shown(value, '{:.3f}'):>9}" for value in times)
          + f" {shown(ratios[0], '{:.2f}'):>9} {shown(ratios[1], '{:.1f}'):>10}"
          + f" {shown(ratios[2], '{:.1f}'):>9} {shown(share, '{:.1%}'):>8}"
          + f" {shown(size and size / 1024, '{:.0f}K'):>8}"
          + (f"  QEMU: {cpu}" if cpu else ""))


def ratios_of(measurement, program):
    return (measurement.ratio(program, "qemu", "diorama"),
            measurement.ratio(program, "diorama", "native"),
            measurement.ratio(program, "qemu", "native"))


def report(measurement):
    print(COLUMNS)
    groups = {}
    for program in measurement.programs:
        groups.setdefault(program.group, []).append(program.name)
    for group, names in groups.items():
        print(f"{group}:")
        for name in names:
            times = [measurement.seconds(name, side) for side in ("native", "qemu", "diorama")]
            print_line(f"  {name}", times, ratios_of(measurement, name),
                       (measurement.compile_share(name), measurement.code_bytes(name)),
                       measurement.best_cpu(name))
    print("geometric means:")
    for group, names in groups.items():
        ratios = zip(*(ratios_of(measurement, name) for name in names))
        print_line(f"  {group}", [None] * 3, [geometric(column) for column in ratios])
    report_threads(measurement, groups)


def report_threads(measurement, groups):
    if not {"parallel1", "parallel2"} <= set(groups.get("threads", [])):
        return
    gains = []
    for name, side in measurement.sides.items():
        one, two = (measurement.medians(f"parallel{n}", name.split()[0]).get(name) for n in (1, 2))
        if one and two:
            gains.append(f"{side.title} {one / two:.2f}x")
    print(f"the same work by two threads instead of one: {', '.join(gains)}")


def write_json(measurement, path):
    options = measurement.options
    programs = [{
        "name": program.name,
        "group": program.group,
        "results": {side: [dataclasses.asdict(result) for result in results]
                    for side, results in measurement.results[program.name].items()},
    } for program in measurement.programs]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"guest": options.guest, "cpus": options.cpus, "engine": options.engine,
                   "scale": options.scale, "programs": programs,
                   "failures": measurement.failures}, file, indent=1)
        file.write("\n")


def main():
    options = parse()
    programs = wanted(options, listed_programs(options.list) if options.list
                      else suite_programs(options))
    if options.write:
        make_initramfs(options, programs, options.write)
        return
    with tempfile.TemporaryDirectory(prefix="dio-bench-") as folder:
        initramfs = os.path.join(folder, "initramfs")
        make_initramfs(options, programs, initramfs)
        measurement = Measurement(options, programs, make_sides(options, initramfs))
        try:
            for number in range(options.rounds):
                measurement.round()
                print(f"round {number + 1} of {options.rounds} is over", flush=True)
        except SideError as error:
            measurement.fail(f"a guest did not start: {error}")
        finally:
            for side in measurement.sides.values():
                side.kill()
    measurement.check()
    report(measurement)
    if options.json:
        write_json(measurement, options.json)
    if measurement.failures:
        sys.exit(f"{len(measurement.failures)} failures")


if __name__ == "__main__":
    main()
