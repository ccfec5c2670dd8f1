#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decode generator refuses tables that cannot be meant. Usage: test-decode-gen.py GENERATOR."""

import subprocess
import sys
import tempfile

GOOD = """
field rd 11:7
field imm s31:20
format I rd:x imm "{rd}, {imm}"
one   ............ 00000 000 ..... 0010011 I
two   ............ 00000 001 ..... 0010011 I
part  000000000000 00000 000 ..... 0010011 I under=one
alias small one imm=0
[x|y]_(a|b) ........(0|1)... 00000 [010|011] ..... 0010011 I where=imm!=3 where=even(imm)
"""

BAD = {
    "overlaps": "three 0........... 00000 000 ..... 0010011 I",
    "not a strict part": "three ............ 00000 010 ..... 0010011 I under=one",
    "unreachable": "".join(f"{'ab'[bit]} ............ 00000 001 ....{bit} 0010011 I under=two\n"
                           for bit in (0, 1)),
    "no instruction": "three ............ 00000 010 ..... 0010011 I under=none",
    "pattern of 31 bits": "three ........... 00000 010 ..... 0010011 I",
    "no such format": "three ............ 00000 010 ..... 0010011 R",
    "tell the length": "three ............ 00000 010 ..... 0010010 I",
    "does not fit": "field big 31:12\nformat B imm=big \"\"",
    "share a place": "format B imm rm=rd \"\"",
    "twice": "one ............ 00000 011 ..... 0010011 I",
    "bad attribute": "three ............ 00000 010 ..... 0010011 I kind=none",
    "bad range": "field odd 3:7",
    "outside 16 bits": "c 000 ........ ... 01 I",
    "has no operand": "alias none one rs1=0",
    "no field": "format B imm=none \"\"",
    "different number": "(a|b)_[c|d] (0|1|0)........... 00000 100 ..... 0010011 I",
    "only rs3": "format B rd:t \"\"",
    "does not have": "three ............ 00000 100 ..... 0010011 I where=rs1==1",
}


def generate(generator, folder, text):
    with open(f"{folder}/table", "w", encoding="ascii") as stream:
        stream.write(text)
    return subprocess.run(
        [sys.executable, generator, "--prefix", "dio_t", "--header", f"{folder}/t.h", "--include",
         "t.h", "--source", f"{folder}/t.c", f"{folder}/table"],
        capture_output=True, text=True, check=False)


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        result = generate(sys.argv[1], folder, GOOD)
        if result.returncode:
            print(f"a good table is refused: {result.stderr}")
            failures += 1
        else:
            with open(f"{folder}/t.h", encoding="ascii") as stream:
                header = stream.read()
            for leaf in ("X_A", "X_B", "Y_A", "Y_B"):
                if f"DIO_T_LEAF_{leaf}," not in header:
                    print(f"of the alternatives there is no {leaf}")
                    failures += 1
            with open(f"{folder}/t.c", encoding="ascii") as stream:
                if "if (!(even (insn->imm)))" not in stream.read():
                    print("the predicate is not asked")
                    failures += 1
        for reason, lines in BAD.items():
            result = generate(sys.argv[1], folder, GOOD + lines + "\n")
            if result.returncode == 0 or reason not in result.stderr:
                print(f"expected {reason!r}, got {result.returncode}: {result.stderr.strip()!r}")
                failures += 1
            elif f"{folder}/table:" not in result.stderr:
                print(f"{reason!r}: no place named: {result.stderr.strip()!r}")
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
