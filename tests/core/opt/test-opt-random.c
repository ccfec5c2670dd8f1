/* SPDX-License-Identifier: GPL-3.0-or-later
 * Random blocks do the same before and after each pass and after all of them: the same registers,
 * memory, accesses and end, also where an access or a condition makes them leave in the middle. */
#include <string.h>

#include "core/opt/opt-bits.h"
#include "tests/core/opt/opt-test.h"
#include "tests/support/ir-eval.h"

#define BLOCKS 6000
#define MACHINES 4

typedef void (*Generator) (DioIrBlock *block, unsigned n, GRand *rng);

static void
assert_same (const DioIrBlock *before, const DioIrBlock *after, const char *pass, GRand *rng)
{
  for (unsigned i = 0; i < MACHINES; i++) {
    IrEvalState a, b;
    ir_eval_randomize (&a, rng);
    b = a;
    IrEvalExit a_exit = ir_eval_block (before, &a, NULL);
    IrEvalExit b_exit = ir_eval_block (after, &b, NULL);
    const char *difference = ir_eval_difference (&a, a_exit, &b, b_exit);
    if (!difference)
      continue;
    g_autofree char *from = dio_ir_block_to_text (before);
    g_autofree char *to = dio_ir_block_to_text (after);
    g_error ("%s: %s (left at %+d and %+d)\n%s--\n%s", pass, difference, (int) a_exit.instruction,
             (int) b_exit.instruction, from, to);
  }
}

/* @pass, or all of them. */
static unsigned
check (DioOptContext *context, const DioIrBlock *block, DioOptPass pass, GRand *rng)
{
  bool all = pass == DIO_OPT_N_PASSES;
  g_autoptr (GError) error = NULL;
  g_autoptr (DioIrBlock) copy = opt_copy (block);
  uint64_t before = dio_opt_statistics (context)->before[0];
  unsigned removed = 0;
  if (pass == DIO_OPT_NARROW) /* sees nothing as long as values go through registers */
    dio_opt_run (context, copy, DIO_OPT_GETSET);
  if (all)
    dio_opt_block (context, copy);
  else
    removed = dio_opt_run (context, copy, pass);
  dio_ir_block_verify (copy, &error);
  g_assert_no_error (error);
  assert_same (block, copy, all ? "all passes" : dio_opt_pass_name (pass), rng);
  return all ? (unsigned) (dio_opt_statistics (context)->before[0] - before) : removed;
}

static void
check_blocks (Generator generate, guint32 seed)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (seed);
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  unsigned removed[DIO_OPT_N_PASSES + 1] = { 0 };
  for (unsigned round = 0; round < BLOCKS; round++) {
    g_autoptr (GError) error = NULL;
    generate (block, 1 + round % 24, rng);
    dio_ir_block_verify (block, &error);
    g_assert_no_error (error);
    for (DioOptPass pass = 0; pass <= DIO_OPT_N_PASSES; pass++)
      removed[pass] += check (context, block, pass, rng);
  }
  /* Every pass had something to do; these programs have no flags. */
  for (DioOptPass pass = 0; pass <= DIO_OPT_N_PASSES; pass++)
    if (pass != DIO_OPT_FLAGS)
      g_assert_cmpuint (removed[pass], >, BLOCKS / 100);
}

static void
test_code (void)
{
  check_blocks (opt_random_code, 1);
}

static void
test_operations (void)
{
  check_blocks (opt_random_operations, 2);
}

/* No value is wider than what is known of it. */
static void
assert_bits (const DioIrBlock *block, GRand *rng)
{
  const DioIrOp *ops = dio_ir_block_op (block, 0);
  g_autofree DioOptBits *bits = g_new0 (DioOptBits, block->ops->len);
  g_autofree uint64_t *values = g_new0 (uint64_t, block->ops->len);
  IrEvalState state;
  for (uint32_t i = 0; i < block->ops->len; i++)
    bits[i] = dio_opt_bits (ops, i, bits);
  ir_eval_randomize (&state, rng);
  state.fp_on = true;
  ir_eval_block (block, &state, values);
  for (uint32_t i = 0; i < block->ops->len; i++) {
    unsigned zero = bits[i].zero_from, sign = bits[i].sign_from;
    g_assert_cmpuint (zero, <=, 64);
    g_assert_cmpuint (sign, >=, 1);
    g_assert_cmpuint (sign, <=, 64);
    int64_t top = (int64_t) values[i] >> (sign - 1);
    if ((zero < 64 && values[i] >> zero) || (top != 0 && top != -1)) {
      g_autofree char *text = dio_ir_block_to_text (block);
      g_error ("%%%u is %" G_GINT64_MODIFIER "x, not within %u and %u bits\n%s", i, values[i], zero,
               sign, text);
    }
  }
}

static void
test_bits (void)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (3);
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  for (unsigned round = 0; round < 4 * BLOCKS; round++) {
    if (round % 2)
      opt_random_code (block, 1 + round % 16, rng);
    else
      opt_random_operations (block, 1 + round % 16, rng);
    assert_bits (block, rng);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/random/code", test_code);
  g_test_add_func ("/core/opt/random/operations", test_operations);
  g_test_add_func ("/core/opt/random/bits", test_bits);
  return g_test_run ();
}
