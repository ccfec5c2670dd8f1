/* SPDX-License-Identifier: GPL-3.0-or-later
 * Loops with single numbers in vector registers, by compiled code, against the evaluator: whether
 * the registers have zeros above them when the loop is entered or not, and what makes some in its
 * midst that have not. */
#include <string.h>

#include "core/opt/opt.h"
#include "tests/core/jit/jit-run.h"

#define REGIONS 1500
#define RUNS 8
#define SEED 7
#define BLOCKS 4
#define REGISTERS 5 /* v0 and on; all have a host register */
#define COUNTER 8
#define CHOICE 9

typedef struct {
  GString *text;
  GRand *rng;
  unsigned n, insn;
} Writer;

/* ---- Regions ---- */

/* One operation, whose number it returns. */
G_GNUC_PRINTF (2, 3) static unsigned add (Writer *writer, const char *format, ...)
{
  g_autofree char *line = NULL;
  va_list arguments;
  va_start (arguments, format);
  line = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (!g_str_has_prefix (line, "set ") && !g_str_has_prefix (line, "insn ")
      && !g_str_has_prefix (line, "fp.require") && !g_str_has_prefix (line, "branch ")
      && !g_str_has_prefix (line, "exit "))
    g_string_append_printf (writer->text, "%%%u = ", writer->n);
  g_string_append_printf (writer->text, "%s\n", line);
  return writer->n++;
}

static unsigned
some_register (Writer *writer)
{
  return (unsigned) g_rand_int_range (writer->rng, 0, REGISTERS);
}

static unsigned
number (Writer *writer, bool single)
{
  unsigned low = add (writer, "vec.low %%%u", add (writer, "get v%u", some_register (writer)));
  return single ? add (writer, "zext32 %%%u", low) : low;
}

static void
set_number (Writer *writer, unsigned value)
{
  unsigned zero = add (writer, "const 0");
  unsigned vector = add (writer, "vec.make %%%u, %%%u", value, zero);
  add (writer, "set v%u, %%%u", some_register (writer), vector);
}

static void
arithmetic (Writer *writer)
{
  static const char *const names[] = { "add", "sub", "mul" };
  bool single = g_rand_boolean (writer->rng);
  unsigned mode = add (writer, "fp.mode");
  unsigned a = number (writer, single), b = number (writer, single);
  set_number (writer, add (writer, "fp.%s%u %%%u, %%%u, %%%u",
                           names[g_rand_int_range (writer->rng, 0, G_N_ELEMENTS (names))],
                           single ? 32 : 64, mode, a, b));
}

/* One of two numbers, by a comparison of others. */
static void
choice (Writer *writer)
{
  static const char *const conditions[] = { "compare", "comparee" };
  bool single = g_rand_boolean (writer->rng), single_result = g_rand_boolean (writer->rng);
  unsigned bits = single ? 32 : 64;
  unsigned a = number (writer, single), b = number (writer, single);
  unsigned yes = number (writer, single_result), no = number (writer, single_result);
  add (writer, "fp.test.%s%u %%%u, %%%u", conditions[g_rand_boolean (writer->rng)], bits, a, b);
  unsigned holds = add (writer, "fp.holds.%u %d, %%%u, %%%u : i1", bits,
                        g_rand_int_range (writer->rng, 0, 14), a, b);
  set_number (writer, add (writer, "select %%%u, %%%u, %%%u", holds, yes, no));
}

/* Mostly what keeps zeros above numbers. */
static void
instruction (Writer *writer)
{
  unsigned a;
  add (writer, "insn +%u", 4 * writer->insn++);
  add (writer, "fp.require");
  switch (g_rand_int_range (writer->rng, 0, 12)) {
  case 0:
    set_number (writer, number (writer, g_rand_boolean (writer->rng)));
    break;
  case 1:
    a = add (writer, "fp.mode");
    set_number (writer, add (writer, "fp.f32_to_f64 %%%u, %%%u", a, number (writer, true)));
    break;
  case 2:
    a = add (writer, "fp.mode");
    set_number (writer, add (writer, "fp.f64_to_f32 %%%u, %%%u", a, number (writer, false)));
    break;
  case 3:
    set_number (writer, add (writer, "load.%s 8, %%%u",
                             g_rand_boolean (writer->rng) ? "u32" : "u64", add (writer, "get x1")));
    break;
  case 4: /* both halves */
    if (g_rand_int_range (writer->rng, 0, 4))
      break;
    a = number (writer, false);
    a = add (writer, "vec.make %%%u, %%%u", a, number (writer, false));
    add (writer, "set v%u, %%%u", some_register (writer), a);
    break;
  case 5:
    if (g_rand_int_range (writer->rng, 0, 4))
      break;
    a = add (writer, "get v%u", some_register (writer));
    add (writer, "set v%u, %%%u", some_register (writer), a);
    break;
  case 6:
  case 7:
    choice (writer);
    break;
  default:
    arithmetic (writer);
    break;
  }
}

static unsigned
count (Writer *writer)
{
  unsigned a = add (writer, "get x%u", COUNTER), b = add (writer, "const -1");
  a = add (writer, "add %%%u, %%%u", a, b);
  add (writer, "set x%u, %%%u", COUNTER, a);
  b = add (writer, "const 0");
  return add (writer, "lt %%%u, %%%u : i1", b, a);
}

static unsigned
choose (Writer *writer)
{
  unsigned a = add (writer, "get x%u", CHOICE);
  a = add (writer, "rotl %%%u, %%%u", a, add (writer, "const 7"));
  add (writer, "set x%u, %%%u", CHOICE, a);
  unsigned b = add (writer, "const 0");
  return add (writer, "lt %%%u, %%%u : i1", a, b);
}

/* Goes on to the next block, or back to this or an earlier one as long as the counter lasts, or
 * forwards by chance. */
static JitRunBlock
random_block (GRand *rng, unsigned index, GString *all)
{
  Writer writer = { .text = g_string_new (NULL), .rng = rng, .n = 1 };
  g_autoptr (GError) error = NULL;
  bool last = index == BLOCKS - 1;
  unsigned to = (unsigned) g_rand_int_range (rng, 0, last ? BLOCKS : BLOCKS - 1);
  for (int i = g_rand_int_range (rng, 1, 7); i > 0; i--)
    instruction (&writer);
  add (&writer, "insn +%u", 4 * writer.insn++);
  if (to == index + 1)
    to = index;
  unsigned truth = to <= index ? count (&writer) : choose (&writer);
  add (&writer, "branch %d, %%%u", (int) (to - index) * JIT_RUN_STRIDE, truth);
  add (&writer, "exit +%u", JIT_RUN_STRIDE);
  g_string_append_printf (all, "block %u:\n%s", index, writer.text->str);
  JitRunBlock block = { .ir = dio_ir_block_parse (writer.text->str, &error),
                        .taken = (uint8_t) to,
                        .next = last ? DIO_JIT_NO_BLOCK : (uint8_t) (index + 1),
                        .entry = index == 0 || g_rand_boolean (rng) };
  g_assert_no_error (error);
  g_string_free (writer.text, TRUE);
  return block;
}

/* ---- Runs ---- */

/* Numbers that mostly are some, in registers with zeros above them or not. */
static void
random_state (IrEvalState *state, GRand *rng)
{
  ir_eval_randomize (state, rng);
  unsigned dirty = (unsigned) g_rand_int_range (rng, 0, 4);
  for (unsigned i = 0; i < REGISTERS; i++) {
    if (g_rand_int_range (rng, 0, 8))
      state->v[i][0] = g_rand_boolean (rng) ? UINT64_C (0x3ff0000000000000) | g_rand_int (rng) << 8
                                            : UINT32_C (0x3f800000) | g_rand_int (rng) >> 9;
    if (!dirty || g_rand_int_range (rng, 0, dirty == 1 ? 8 : 4 - (int) dirty))
      state->v[i][1] = 0;
  }
  state->x[COUNTER] = (uint64_t) g_rand_int_range (rng, 1, 30);
  state->fault_rate = g_rand_int_range (rng, 0, 3) ? 0 : 24;
  state->fp_on = true;
  state->fflags = 0;
  state->fp_mode = DIO_FP_RULES_ARM;
}

/* The blocks one by one, to where that ends. */
static IrEvalExit
evaluate (const JitRunBlock *blocks, IrEvalState *state, unsigned first)
{
  uint64_t start = state->pc;
  unsigned index = first;
  IrEvalExit exit;
  for (;;) {
    state->pc = start + index * JIT_RUN_STRIDE;
    exit = ir_eval_block (blocks[index].ir, state, NULL);
    uint64_t offset = exit.target - start;
    if (exit.end != IR_EVAL_LEAVE || offset >= BLOCKS * JIT_RUN_STRIDE)
      break;
    index = (unsigned) (offset / JIT_RUN_STRIDE);
  }
  exit.instruction += ((int64_t) index - (int64_t) first) * JIT_RUN_STRIDE;
  state->pc = start + first * JIT_RUN_STRIDE;
  return exit;
}

static void
compare (JitRun *run, const JitRunBlock *blocks, uint64_t address, GRand *rng, const char *text)
{
  unsigned first = (unsigned) g_rand_int_range (rng, 0, BLOCKS);
  while (!blocks[first].entry)
    first--;
  DioJitEntry *entry = dio_jit_entry (run->jit, address + first * JIT_RUN_STRIDE);
  IrEvalState expected, actual;
  random_state (&expected, rng);
  expected.pc = address & DIO_PAGE_MASK;
  actual = expected;
  IrEvalExit want = evaluate (blocks, &expected, first);
  actual.pc = expected.pc;
  IrEvalExit have = jit_run_as (run, entry, &actual, &expected, want);
  actual.fp_dirty = expected.fp_dirty;
  const char *difference = ir_eval_difference (&expected, want, &actual, have);
  if (difference)
    g_error ("%s differ when entered at block %u:\n%s", difference, first, text);
}

static void
test_random (gconstpointer options)
{
  GRand *rng = g_rand_new_with_seed (SEED);
  JitRun *run = jit_run_new_with_vectors (options);
  DioOptContext *optimiser = dio_opt_context_new ();
  for (unsigned region = 0; region < REGIONS; region++) {
    uint64_t address = DIO_PAGE_SIZE * (1 + region);
    g_autoptr (GString) text = g_string_new (NULL);
    JitRunBlock blocks[BLOCKS], compiled[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
      compiled[i] = blocks[i] = random_block (rng, i, text);
      g_autofree char *ir = dio_ir_block_to_text (blocks[i].ir);
      compiled[i].ir = dio_ir_block_parse (ir, NULL);
      dio_opt_block (optimiser, compiled[i].ir);
    }
    g_assert_nonnull (jit_run_compile_region (run, address, compiled, BLOCKS));
    for (unsigned i = 0; i < RUNS; i++)
      compare (run, blocks, address, rng, text->str);
    for (unsigned i = 0; i < BLOCKS; i++)
      dio_ir_block_free (blocks[i].ir);
  }
  dio_opt_context_free (optimiser);
  jit_run_free (run);
  g_rand_free (rng);
}

int
main (int argc, char **argv)
{
  static const char *const processors[] = { "", "features=-avx", "features=-sse41", "traps" };
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (processors); i++) {
    g_autofree char *path =
        g_strdup_printf ("/core/jit/clean/%s", *processors[i] ? processors[i] : "all");
    g_test_add_data_func (path, processors[i], test_random);
  }
  return g_test_run ();
}
