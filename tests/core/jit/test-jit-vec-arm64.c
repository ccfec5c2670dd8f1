/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector instructions of arm64 as they are compiled: random words of every leaf, and random runs of
 * them, lifted, optimised and compiled, against the evaluator of what was lifted. */
#include <inttypes.h>
#include <string.h>

#include "core/guest/arm64/arm64-leaves.h"
#include "core/guest/arm64/arm64-lift.h"
#include "core/opt/opt.h"
#include "tests/core/jit/jit-run.h"

#define SEED 64
#define WORDS 12 /* of each leaf */
#define RUNS 2500
#define MAX_RUN 24
#define STATES 2

static const char *const processors[] = { "", "features=-avx", "features=-sse41", "traps" };

typedef struct {
  bool traps;
  DioOptContext *optimiser;
  JitRun *run;
  GRand *rng;
  uint16_t leaves[DIO_A64_N_LEAVES]; /* that can be evaluated and have vectors */
  unsigned n_leaves;
} Test;

/* Operations that the evaluator's machine has. */
static bool
is_known (const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_FENCE:
  case DIO_IR_TRAP_IF:
  case DIO_IR_ILLEGAL_IF:
  case DIO_IR_STORE_CONDITIONAL_V128:
    return false;
  case DIO_IR_LOAD_V128:
  case DIO_IR_STORE_V128:
    return true;
  default:
    return op->opcode < DIO_IR_LOAD_RESERVED_32
           || (op->opcode >= DIO_IR_FP_CALL1 && op->opcode <= DIO_IR_FP_PURE1)
           || op->opcode == DIO_IR_FP_REQUIRE || op->opcode == DIO_IR_EXIT
           || (op->opcode >= DIO_IR_GET_V && op->opcode <= DIO_IR_CRC32);
  }
}

/* No access by the stack pointer, which may be the interpreter's. */
static uint32_t
some_word (Test *test, unsigned leaf, uint32_t bits)
{
  const DioLeafInfo *info = &dio_a64_leaf_info[leaf];
  uint32_t word = (g_rand_int (test->rng) & bits & ~info->mask) | info->value;
  bool by_stack = (info->operands & DIO_OPERAND_RS1_S) && (word >> 5 & 31) == 31;
  return by_stack ? word & ~(1u << 5) : word;
}

static DioIrBlock *
lift (const uint32_t *words, unsigned n)
{
  DioIrBlock *block = dio_ir_block_new ();
  dio_a64_lift (block, (const uint8_t *) words, 4 * n, n);
  return block;
}

static bool
is_usable (Test *test, unsigned leaf)
{
  uint32_t word = some_word (test, leaf, UINT32_MAX);
  g_autoptr (DioIrBlock) block = lift (&word, 1);
  bool vectors = false;
  for (uint32_t i = 0; i < block->ops->len; i++) {
    const DioIrOp *op = dio_ir_block_op (block, i);
    vectors |= dio_ir_op_has_vectors (op->opcode) || op->opcode == DIO_IR_CRC32;
    if (!is_known (op))
      return false;
  }
  return vectors;
}

static void
print_state (const IrEvalState *state)
{
  for (unsigned r = 0; r < 32; r++)
    g_printerr ("x%-2u %016" PRIx64 "  v%-2u %016" PRIx64 " %016" PRIx64 "\n", r, state->x[r], r,
                state->v[r][1], state->v[r][0]);
  g_printerr ("flags %02x saturated %u\n", state->fflags, state->saturated);
}

static void
compare (Test *test, const uint32_t *words, unsigned n)
{
  g_autoptr (DioIrBlock) block = lift (words, n);
  DioIrBlock *compiled = lift (words, n);
  dio_opt_block (test->optimiser, compiled);
  DioJitEntry *entry = jit_run_compile (test->run, compiled);
  g_autofree char *text = dio_ir_block_to_text (block);
  if (!entry)
    g_error ("refused:\n%s", text);
  for (unsigned i = 0; i < STATES; i++) {
    IrEvalState start;
    ir_eval_randomize (&start, test->rng);
    start.fault_rate = i ? 16 : 0;
    start.fp_on = true;
    start.fflags = g_rand_boolean (test->rng) ? DIO_FP_NX : 0;
    /* What relies on traps is not entered while every NaN is the default one. */
    start.fp_mode =
        DIO_FP_RULES_ARM
        | (!test->traps && g_rand_boolean (test->rng) ? DIO_FP_NAN_DEFAULT : (DioFpMode) 0);
    start.pc = (start.pc & ~(uint64_t) DIO_PAGE_MASK) | (entry->address & DIO_PAGE_MASK);
    IrEvalState expected = start, actual = start;
    IrEvalExit want = ir_eval_block (block, &expected, NULL);
    IrEvalExit have = jit_run_as (test->run, entry, &actual, &expected, want);
    actual.fp_dirty = expected.fp_dirty;
    const char *difference = ir_eval_difference (&expected, want, &actual, have);
    if (difference) {
      print_state (&start);
      g_printerr ("Expected:\n");
      print_state (&expected);
      g_printerr ("Compiled:\n");
      print_state (&actual);
      g_error ("%s is wrong:\n%s", difference, text);
    }
  }
}

/* Both kinds of traps come, and what looks for their causes in line does not. */
static void
assert_traps (Test *test)
{
  static const uint32_t words[] = { 0x1e622820, 0x1e620820 }; /* fadd, fmul d0, d1, d2 */
  DioJitStats stats;
  dio_jit_get_stats (test->run->jit, &stats);
  g_assert_cmpuint (stats.traps, >, 100);
  g_assert_cmpuint (stats.steps, >, 100);
  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++) {
    DioJitEntry *entry = jit_run_compile (test->run, lift (&words[i], 1));
    const uint8_t *code = dio_jit_entry_far (test->run->jit, entry);
    uint32_t size;
    dio_jit_code_around (test->run->jit, code, &code, &size);
    for (uint32_t at = 0; at + 3 < size; at++) /* ucomisd */
      g_assert_false (code[at] == 0x66 && code[at + 1] == 0x0f && code[at + 2] == 0x2e);
  }
}

static void
test_instructions (const void *data)
{
  Test test = { .traps = g_str_equal (data, "traps"),
                .optimiser = dio_opt_context_new (),
                .run = jit_run_new_with_vectors (data),
                .rng = g_rand_new_with_seed (SEED) };
  for (unsigned leaf = 1; leaf < DIO_A64_N_LEAVES; leaf++)
    if (is_usable (&test, leaf))
      test.leaves[test.n_leaves++] = (uint16_t) leaf;
  g_assert_cmpuint (test.n_leaves, >, 650);
  for (unsigned i = 0; i < test.n_leaves; i++)
    for (unsigned k = 0; k < WORDS; k++) {
      uint32_t word = some_word (&test, test.leaves[i], UINT32_MAX);
      DioInsn insn;
      dio_a64_decode (word, &insn);
      if (insn.leaf == test.leaves[i])
        compare (&test, &word, 1);
    }
  for (unsigned i = 0; i < RUNS; i++) {
    uint32_t words[MAX_RUN];
    unsigned n = 1 + (unsigned) g_rand_int_range (test.rng, 0, MAX_RUN), done = 0;
    /* Few registers, so that results are used. */
    while (done < n) {
      unsigned leaf = test.leaves[g_rand_int_range (test.rng, 0, (int) test.n_leaves)];
      uint32_t few = g_rand_boolean (test.rng) ? ~(UINT32_C (0x18) | 0x18 << 5 | 0x18 << 16) : ~0u;
      uint32_t word = some_word (&test, leaf, few);
      DioInsn insn;
      dio_a64_decode (word, &insn);
      if (insn.leaf == leaf)
        words[done++] = word;
    }
    compare (&test, words, n);
  }
  if (test.traps)
    assert_traps (&test);
  jit_run_free (test.run);
  dio_opt_context_free (test.optimiser);
  g_rand_free (test.rng);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (processors); i++) {
    g_autofree char *path =
        g_strdup_printf ("/core/jit/vec-arm64/%s", *processors[i] ? processors[i] : "all");
    g_test_add_data_func (path, processors[i], test_instructions);
  }
  return g_test_run ();
}
