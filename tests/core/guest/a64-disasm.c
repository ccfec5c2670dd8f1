/* SPDX-License-Identifier: GPL-3.0-or-later
 * Disassembles raw words for test-arm64-decode.py: "WORD ADDRESS" in hexadecimal on each line of
 * standard input, the text on standard output. With --leaves: the table of leaves instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/guest/arm64/arm64-disasm.h"
#include "core/guest/arm64/arm64-leaves.h"

int
main (int argc, char **argv)
{
  if (argc > 1 && !strcmp (argv[1], "--leaves")) {
    for (unsigned i = 1; i < DIO_A64_N_LEAVES; i++)
      printf ("%s %08x %08x %s\n", dio_a64_leaf_info[i].name, dio_a64_leaf_info[i].mask,
              dio_a64_leaf_info[i].value, dio_a64_leaf_info[i].extension);
    return 0;
  }
  char line[64], text[DIO_A64_DISASM_SIZE];
  while (fgets (line, sizeof line, stdin)) {
    char *end;
    uint32_t raw = (uint32_t) strtoul (line, &end, 16);
    dio_a64_disassemble (raw, strtoull (end, NULL, 16), text, sizeof text);
    puts (text);
  }
  return 0;
}
