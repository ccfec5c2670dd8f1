/* SPDX-License-Identifier: GPL-3.0-or-later
 * What lifting and optimising blocks costs, and what it saves, on the code of a riscv64 ELF file or
 * of a kernel image: bench-opt [--dump N] FILE. Prints one line per measurement: name, value,
 * unit; with --dump also the first N blocks before and after. */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/guest/riscv64/riscv64-lift.h"
#include "core/opt/opt.h"

/* As a compiler takes them. */
#define MAX_INSTRUCTIONS 64
#define ROUNDS 5

typedef struct {
  const uint8_t *code;
  size_t length;
} Code;

/* The first executable segment of an ELF file, else all of the file. */
static Code
find_code (const uint8_t *data, size_t length)
{
  Elf64_Ehdr header;
  Code all = { data, length };
  if (length < sizeof header || memcmp (data, ELFMAG, SELFMAG) != 0)
    return all;
  memcpy (&header, data, sizeof header);
  for (unsigned i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section;
    uint64_t at = header.e_shoff + (uint64_t) i * sizeof section;
    if (at > length || length - at < sizeof section)
      break;
    memcpy (&section, data + at, sizeof section);
    if ((section.sh_flags & SHF_EXECINSTR) && section.sh_type == SHT_PROGBITS
        && section.sh_size > 4096 && section.sh_offset <= length
        && section.sh_size <= length - section.sh_offset)
      return (Code){ data + section.sh_offset, section.sh_size };
  }
  return all;
}

static void
report (const char *name, double value, const char *unit)
{
  printf ("%-28s %10.2f %s\n", name, value, unit);
}

static uint64_t
count_operations (const DioIrBlock *block)
{
  uint64_t n = 0;
  for (uint32_t i = 0; i < block->ops->len; i++) {
    unsigned opcode = dio_ir_block_op (block, i)->opcode;
    n += opcode != DIO_IR_NOP && opcode != DIO_IR_INSN;
  }
  return n;
}

/* Time that this thread ran: others may use the machine. */
static int64_t
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
}

/* Lifts all of @code, and runs the passes before @last over it. Nanoseconds. */
static int64_t
run (Code code, DioOptContext *context, DioOptPass last, uint64_t *operations)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  int64_t start = now ();
  for (size_t at = 0; code.length - at >= 4;) {
    dio_ir_block_clear (block);
    at += dio_rv_lift (block, code.code + at, code.length - at, MAX_INSTRUCTIONS);
    for (DioOptPass pass = 0; pass < last; pass++)
      dio_opt_run (context, block, pass);
    if (operations && last == 0)
      *operations += count_operations (block);
  }
  return now () - start;
}

static double
best (Code code, DioOptContext *context, DioOptPass last)
{
  int64_t least = INT64_MAX;
  for (unsigned round = 0; round < ROUNDS; round++)
    least = MIN (least, run (code, context, last, NULL));
  return (double) least;
}

static void
measure (Code code)
{
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  uint64_t operations = 0;
  run (code, context, 0, &operations);
  double before = best (code, context, 0), lifted = before, n = (double) operations;
  report ("lift", before / n, "ns/op");
  for (DioOptPass pass = 0; pass < DIO_OPT_N_PASSES; pass++) {
    double after = best (code, context, pass + 1);
    g_autofree char *name = g_strconcat ("opt-", dio_opt_pass_name (pass), NULL);
    report (name, (after - before) / n, "ns/op");
    before = after;
  }
  report ("opt-all", (before - lifted) / n, "ns/op");
}

static void
count (Code code, unsigned dump)
{
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  for (size_t at = 0; code.length - at >= 4;) {
    dio_ir_block_clear (block);
    at += dio_rv_lift (block, code.code + at, code.length - at, MAX_INSTRUCTIONS);
    g_autofree char *before = dump ? dio_ir_block_to_text (block) : NULL;
    dio_opt_block (context, block);
    if (dump) {
      g_autofree char *after = dio_ir_block_to_text (block);
      printf ("%s--\n%s\n", before, after);
      dump--;
    }
  }
  const DioOptStatistics *statistics = dio_opt_statistics (context);
  double n = (double) statistics->instructions;
  report ("instructions", n, "");
  report ("instructions-per-block", n / (double) statistics->blocks, "");
  for (DioOptPass pass = 0; pass < DIO_OPT_N_PASSES; pass++) {
    g_autofree char *name = g_strconcat ("before-", dio_opt_pass_name (pass), NULL);
    report (name, (double) statistics->before[pass] / n, "ops/insn");
  }
  report ("after", (double) statistics->after / n, "ops/insn");
  report ("left", 100.0 * (double) statistics->after / (double) statistics->before[0], "%");
}

int
main (int argc, char **argv)
{
  unsigned dump = 0;
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  size_t length;
  if (argc == 4 && strcmp (argv[1], "--dump") == 0)
    dump = (unsigned) g_ascii_strtoull (argv[2], NULL, 10);
  else if (argc != 2)
    g_error ("usage: bench-opt [--dump N] FILE");
  if (!g_file_get_contents (argv[argc - 1], &data, &length, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  Code code = find_code ((const uint8_t *) data, length);
  count (code, dump);
  if (!dump)
    measure (code);
  return 0;
}
