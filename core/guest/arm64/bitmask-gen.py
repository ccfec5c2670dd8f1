#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the table of A64's bit masks: what each N:immr:imms of a logical immediate stands for, 0
for those that are reserved. usage: bitmask-gen.py OUT.c"""
import sys


def bitmask(code):
    n, immr, imms = code >> 12, code >> 6 & 63, code & 63
    length = (n << 6 | ~imms & 63).bit_length() - 1
    if length < 1:
        return 0
    size = 1 << length
    ones, turn = imms & size - 1, immr & size - 1
    if ones == size - 1:
        return 0
    run = (1 << ones + 1) - 1
    element = (run >> turn | run << size - turn) & (1 << size) - 1
    return sum(element << at for at in range(0, 64, size))


def main():
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("/* SPDX-License-Identifier: GPL-3.0-or-later\n"
                  " * The bit masks of A64. Made by bitmask-gen.py. */\n"
                  '#include "core/guest/arm64/arm64-bitmask.h"\n\n'
                  "const uint64_t dio_a64_bitmask[8192] = {\n")
        out.writelines(f"  {bitmask(code):#x},\n" for code in range(8192))
        out.write("};\n")


if __name__ == "__main__":
    main()
