#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder and disassembler of arm64 against LLVM's: random operands for every leaf, and random
words. Of vector instructions only the mnemonics are compared. Usage: test-arm64-decode.py
A64-DISASM."""

import random
import re
import shutil
import subprocess
import sys
import tempfile

ATTRIBUTES = "--mattr=+crc,+lse,+rdm,+neon,+aes,+sha2,+dotprod,+complxnum,+rcpc,+rcpc-immo," \
    "+flagm,+altnzcv,+jsconv,+sb,+ssbs,+pan,+ccpp,+lor,+el3"
VECTORS = {"simd", "rdm", "dotprod", "fcma", "aes", "sha1", "sha2"}


def ours(tool, words):
    text = "".join(f"{word:x} {4 * index:x}\n" for index, word in enumerate(words))
    result = subprocess.run([tool], input=text, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def llvm(words):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/a.s", "w", encoding="ascii") as source:
            source.writelines(f".inst {word:#x}\n" for word in words)
        subprocess.run(["llvm-mc", "--triple=aarch64", ATTRIBUTES, "--filetype=obj",
                        f"{folder}/a.s", "-o", f"{folder}/a.o"], check=True)
        out = subprocess.run(["llvm-objdump", "-d", "-M", "no-aliases", "--no-show-raw-insn",
                              ATTRIBUTES, f"{folder}/a.o"], capture_output=True, text=True,
                             check=True).stdout
    found = dict(re.findall(r"^\s*([0-9a-f]+):\s+(.*)$", out, re.M))
    return [found.get(f"{4 * index:x}", "missing") for index in range(len(words))]


def normal(text):
    """One spelling for what the two sides spell differently."""
    text = re.sub(r" <.*|\s+//.*", "", text.replace("\t", " ")).strip().lower()
    if "unknown>" in text or text.startswith("illegal") or text.startswith("udf"):
        return "illegal"
    # Numbers in decimal, as unsigned ones of 64 bits.
    text = re.sub(r"(?<![\w.])#?(-?(?:0x[0-9a-f]+|\d+))(?![\w.])",
                  lambda m: str(int(m[1], 0) & (1 << 64) - 1), text)
    text = re.sub(r"[ ,#]+", " ", text).strip()
    # Without aliases LLVM shows a shift of indices whether there is one or not, and offsets of 0.
    text = re.sub(r"( lsl( \d+)?)? ?\]", "]", text)
    text = re.sub(r" 0\]", "]", text)
    text = re.sub(r"^(lsl|lsr|asr|ror)v\b", r"\1", text)
    # An extension that changes nothing, as it is called where the stack pointer is.
    if "sp" in text:
        text = re.sub(r"\b(uxtw|uxtx|lsl)( (\d))?$", lambda m: f"lsl {m[3] or 0}", text)
        text = re.sub(r" lsl 0$", "", text)
    return text


def mnemonic(text):
    return text.split(" ")[0]


def vector_mnemonic(text):
    """The root of the name, which leaves spell with their form and LLVM with aliases."""
    name = mnemonic(text)
    name = {"mvni": "movi", "mov": "dup"}.get(name, name)
    return re.sub(r"^(fmov|orr|bic)$", "movi", re.sub(r"(2|z)$", "", name))


SYSTEM = ("msr", "mrs", "sys", "sysl", "dc", "ic", "at", "tlbi", "cfp", "dvp", "cpp", "hint", "dsb",
          "dmb", "isb", "tsb", "csdb", "esb", "psb", "yield", "wfe", "wfi", "nop", "sev", "sevl",
          "clrex", "sb", "ssbb", "pssbb", "dgh", "bti", "hvc", "smc", "brk", "hlt", "svc", "xpaclri",
          "cfinv", "axflag", "xaflag", "dcps1", "dcps2", "dcps3")


# Names that LLVM prefers even without aliases.
ALIASES = {"movz": ("mov",), "movn": ("mov",), "orr": ("mov",),
           "sbfm": ("sbfiz", "sbfx", "asr", "sxtb", "sxth", "sxtw"),
           "ubfm": ("ubfiz", "ubfx", "lsr", "lsl", "uxtb", "uxth"),
           "bfm": ("bfi", "bfxil", "bfc")}


def is_vector(word):
    return (word >> 24 & 0xbf) in (0x0c, 0x0d) or (word >> 24 & 0x9f) in (0x0e, 0x0f) or \
        (word >> 24 & 0xdf) in (0x5e, 0x5f)


def same(word, mine, other, extension):
    if mine == other:
        return True
    if mnemonic(other) in ALIASES.get(mnemonic(mine), ()):
        return mine.split(" ")[1] == other.split(" ")[1]
    if is_vector(word):
        extension = "simd"
    if mine == "illegal" or other == "illegal":
        # Reserved encodings that LLVM 14 shows or hides otherwise than the architecture has them.
        if other == "illegal" and extension != "none":
            return (word >> 24 & 0x3f) in (0x08, 0x38, 0x39) or word >> 22 == 0x354 or \
                mnemonic(mine) in SYSTEM
        return mnemonic(other) in SYSTEM
    if mnemonic(mine) in SYSTEM or mnemonic(other) in SYSTEM:
        return True  # by name or by number, with an alias or without
    if extension in VECTORS:
        return vector_mnemonic(mine) == vector_mnemonic(other) or mnemonic(other) in (
            "smov", "umov", "ins", "mov", "dup", "movi", "orr", "bic", "mvni", "fmov", "ext", "tbl",
            "tbx", "sqshl", "uqshl", "pmull", "pmull2", "sshll", "ushll", "sshll2", "ushll2")
    if mnemonic(mine).startswith("prf") or mnemonic(mine) in ("adr", "adrp"):
        return mnemonic(mine) == mnemonic(other)
    return False


def compare(tool, words, extensions, what):
    failures = 0
    for word, extension, mine, other in zip(words, extensions, ours(tool, words), llvm(words)):
        mine, other = normal(mine), normal(other)
        if not same(word, mine, other, extension):
            failures += 1
            if failures <= 25:
                print(f"{what}: {word:#010x}: {mine!r}, LLVM says {other!r}")
    print(f"{what}: {len(words)} words, {failures} differences")
    return failures


def main():
    tool = sys.argv[1]
    if not shutil.which("llvm-mc") or not shutil.which("llvm-objdump"):
        print("no LLVM tools")
        return 77
    rng = random.Random(64)
    words, extensions = [], []
    for line in subprocess.run([tool, "--leaves"], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        _, mask, value, extension = line.split()
        for _ in range(40):
            words.append(int(value, 16) | rng.getrandbits(32) & ~int(mask, 16))
            extensions.append(extension)
    failures = compare(tool, words, extensions, "leaves")
    words = [rng.getrandbits(32) for _ in range(100000)]
    # What LLVM knows and this guest has not: half precision arithmetic and what is newer.
    words = [word for word in words if word >> 25 & 15 not in (0, 1, 2, 3)]
    failures += compare(tool, words, ["none"] * len(words), "random")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
