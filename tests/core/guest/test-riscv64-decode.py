#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder and disassembler of riscv64 against LLVM's: every compressed encoding, random
operands for every leaf, and random words. Usage: test-riscv64-decode.py RV-DISASM."""

import random
import re
import shutil
import subprocess
import sys
import tempfile

ATTRIBUTES = "--mattr=+m,+a,+f,+d,+c,+zba,+zbb,+zbs"
# Not in LLVM 14; their encodings are checked by the instruction tests.
NEWER = {"zicond", "zfa", "zicbom", "zicboz", "zicbop", "svinval", "zihintpause"}


def ours(tool, words):
    text = "".join(f"{word:x} {address:x}\n" for address, word, _ in words)
    result = subprocess.run([tool], input=text, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def llvm(words):
    """Address -> text, for words laid out as (address, word, length)."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/a.s", "w", encoding="ascii") as source:
            source.writelines(f".{length}byte {word:#x}\n" for _, word, length in words)
        subprocess.run(["llvm-mc", "--triple=riscv64", ATTRIBUTES, "--filetype=obj",
                        f"{folder}/a.s", "-o", f"{folder}/a.o"], check=True)
        out = subprocess.run(["llvm-objdump", "-d", "-M", "no-aliases", "--no-show-raw-insn",
                              "--no-print-imm-hex", ATTRIBUTES, f"{folder}/a.o"], capture_output=True, text=True,
                             check=True).stdout
    found = re.findall(r"^\s*([0-9a-f]+):\s+(.*)$", out, re.M)
    return {int(address, 16): text for address, text in found}


def normal(text, word):
    """One spelling for what the two sides spell differently."""
    text = re.sub(r" <\..*|\s+#.*", "", text.replace("\t", " ")).strip()
    if "unknown>" in text or text == "c.unimp" or text == "unimp":
        return "illegal"
    if text.startswith("illegal"):
        return "illegal"
    if text.startswith("c.nop"):
        return "c.nop"
    if word & 3 == 1 and word >> 13 == 3 and text.startswith("c.lui"):
        if not (word >> 2 & 31 or word & 0x1000):
            return "illegal"  # reserved, though LLVM 14 shows it
        name, value = text.split(", ")
        return f"{name}, {int(value, 0) & 0xfffff}"
    text = re.sub(r"^(c\.s[lr][la]i)64 (\w+)$", r"\1 \2, 0", text)
    text = re.sub(r", dyn$", "", text)
    text = re.sub(r"fence (\w+), (\w+)$", lambda m: f"fence {m[1]}, {m[2]}".replace("0", "unknown"),
                  text)
    # Branch targets wrap at 64 bits here and are printed so there.
    return re.sub(r"0x([0-9a-f]+)$", lambda m: hex(int(m[1], 16) & (1 << 64) - 1), text)


def compare(tool, words, tolerated, what):
    theirs = llvm(words)
    failures = 0
    for (address, word, _), text in zip(words, ours(tool, words)):
        mine, other = normal(text, word), normal(theirs.get(address, "missing"), word)
        if mine != other and not tolerated(word, mine, other):
            failures += 1
            if failures <= 10:
                print(f"{what}: {word:#010x}: {mine!r}, LLVM says {other!r}")
    print(f"{what}: {len(words)} words, {failures} differences")
    return failures


def main():
    tool = sys.argv[1]
    if not shutil.which("llvm-mc") or not shutil.which("llvm-objdump"):
        print("no LLVM tools")
        return 77
    leaves = {}
    for line in subprocess.run([tool, "--leaves"], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        name, length, mask, value, extension = line.split()
        leaves[name] = (int(length), int(mask, 16), int(value, 16), extension)

    def newer(mine):
        name = mine.split(" ")[0]
        return name in leaves and leaves[name][3] in NEWER

    def tolerated(word, mine, other):
        if newer(mine):
            # Known to us only; hints are shown as the instruction they hide in.
            return other == "illegal" or other.split(" ")[0] in ("ori", "fence", "fence.tso",
                                                                 "pause")
        if word & 0x707f == 0x000f:  # fence: LLVM wants zeros in the fields to be ignored
            return mine.startswith("fence ") and (other in ("illegal", "fence.tso") or
                                                  word & 0xff0f8f80)
        if word & 0x707f == 0x100f:  # fence.i: the same
            return mine == "fence.i" and other == "illegal"
        if "?" in mine or other.endswith(", unknown"):  # reserved rounding mode: decided at run time
            return other == "illegal" or other.endswith(", unknown")
        if mine.split(" ")[0] in ("fcvt.d.s", "fcvt.d.w", "fcvt.d.wu"):
            # Exact, so LLVM 14 wants rne there; the architecture has a rounding field.
            return other == "illegal" or mine == other + ", rne"
        # Register numbers instead of names for CSRs this or that side does not know by name.
        csr = (mine.startswith("csrr") and other.startswith("csrr"))
        return csr and mine.split(" ")[1] == other.split(" ")[1] and \
            mine.rsplit(",", 1)[1] == other.rsplit(",", 1)[1]

    rng = random.Random(20)
    compressed = [word for word in range(1 << 16) if word & 3 != 3]
    failures = compare(tool, [(2 * i, word, 2) for i, word in enumerate(compressed)], tolerated,
                       "compressed")
    words = []
    for name, (length, mask, value, _) in leaves.items():
        if length == 4:
            words += [value | rng.getrandbits(32) & ~mask for _ in range(60)]
    failures += compare(tool, [(4 * i, word, 4) for i, word in enumerate(words)], tolerated,
                        "leaves")
    words = [rng.getrandbits(32) | 3 for _ in range(50000)]
    words = [word for word in words if word & 0x1f != 0x1f]
    failures += compare(tool, [(4 * i, word, 4) for i, word in enumerate(words)], tolerated,
                        "random")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
