/* SPDX-License-Identifier: GPL-3.0-or-later
 * Blocks of intermediate representation: text, and what the verifier refuses. */
#include <string.h>

#include "core/ir/ir-block.h"

/* insn; %1 = get x5; %2 = const 3; %3 = lt %1, %2; set x6, widen %3; end */
static DioIrBlock *
good_block (void)
{
  DioIrBlock *block = dio_ir_block_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  uint32_t x = dio_ir_block_append (block, DIO_IR_GET_X, 5, 0, 0, 0, 0);
  uint32_t three = dio_ir_block_append (block, DIO_IR_CONST, 3, 0, 0, 0, 0);
  uint32_t less = dio_ir_block_append (block, DIO_IR_LT, 0, x, three, 0, 0);
  uint32_t wide = dio_ir_block_append (block, DIO_IR_WIDEN, 0, less, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 6, wide, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  return block;
}

static void
assert_refused (const DioIrBlock *block, const char *why)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (dio_ir_block_verify (block, &error));
  g_assert_nonnull (error);
  if (!strstr (error->message, why))
    g_error ("expected \"%s\", got \"%s\"", why, error->message);
}

static void
test_text (void)
{
  g_autoptr (DioIrBlock) block = good_block ();
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_ir_block_verify (block, &error));
  g_assert_no_error (error);
  g_autofree char *text = dio_ir_block_to_text (block);
  g_assert_cmpstr (text, ==,
                   "insn +0\n"
                   "  %1 = get x5\n"
                   "  %2 = const 3\n"
                   "  %3 = lt %1, %2 : i1\n"
                   "  %4 = widen %3\n"
                   "  set x6, %4\n"
                   "  exit +4\n");
}

static void
test_end (void)
{
  g_autoptr (DioIrBlock) block = good_block ();
  dio_ir_block_append (block, DIO_IR_CONST, 0, 0, 0, 0, 0);
  assert_refused (block, "follows the end");
  g_array_set_size (block->ops, block->ops->len - 2);
  assert_refused (block, "does not end");
  dio_ir_block_clear (block);
  assert_refused (block, "does not end");
}

static void
test_arguments (void)
{
  g_autoptr (DioIrBlock) block = good_block ();
  DioIrOp *less = &g_array_index (block->ops, DioIrOp, 3);
  less->arguments[1] = 3;
  assert_refused (block, "not an earlier value");
  less->arguments[1] = 0;
  assert_refused (block, "wrong type");
  less->arguments[1] = 2;
  g_array_index (block->ops, DioIrOp, 5).arguments[0] = 3;
  assert_refused (block, "wrong type");
}

static void
test_immediates (void)
{
  g_autoptr (DioIrBlock) block = good_block ();
  g_array_index (block->ops, DioIrOp, 1).immediate = 0;
  assert_refused (block, "impossible immediate");
  g_array_index (block->ops, DioIrOp, 1).immediate = 32;
  assert_refused (block, "impossible immediate");
  g_array_index (block->ops, DioIrOp, 1).immediate = 5;
  g_array_index (block->ops, DioIrOp, 1).opcode = DIO_IR_N_OPS;
  assert_refused (block, "no such operation");
}

static void
test_faults (void)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  uint32_t x = dio_ir_block_append (block, DIO_IR_GET_X, 5, 0, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 6, x, 0, 0, 0);
  uint32_t load = dio_ir_block_append (block, DIO_IR_LOAD_U64, 0, x, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_SET_X, 7, load, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  assert_refused (block, "may fault after an effect");
  g_array_index (block->ops, DioIrOp, 0).opcode = DIO_IR_CONST;
  assert_refused (block, "belongs to no instruction");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/ir/block/text", test_text);
  g_test_add_func ("/core/ir/block/end", test_end);
  g_test_add_func ("/core/ir/block/arguments", test_arguments);
  g_test_add_func ("/core/ir/block/immediates", test_immediates);
  g_test_add_func ("/core/ir/block/faults", test_faults);
  return g_test_run ();
}
