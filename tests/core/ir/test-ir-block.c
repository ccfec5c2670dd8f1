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
  g_array_index (block->ops, DioIrOp, 1).immediate = -1;
  assert_refused (block, "impossible immediate");
  g_array_index (block->ops, DioIrOp, 1).immediate = 32;
  assert_refused (block, "impossible immediate");
  g_array_index (block->ops, DioIrOp, 1).immediate = 5;
  g_assert_true (dio_ir_block_verify (block, NULL));
  g_array_index (block->ops, DioIrOp, 1).opcode = DIO_IR_N_OPS;
  assert_refused (block, "no such operation");
}

/* Immediates of which only some are possible, by operation. */
static void
assert_immediate (DioIrOpcode opcode, int64_t immediate, bool possible)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  dio_ir_block_append (block, DIO_IR_GET_X, 5, 0, 0, 0, 0);
  dio_ir_block_append (block, opcode, immediate, 1, 1, 0, 0);
  dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  if (possible)
    g_assert_true (dio_ir_block_verify (block, NULL));
  else
    assert_refused (block, "impossible immediate");
}

static void
test_ranges (void)
{
  assert_immediate (DIO_IR_ADD_SHL, 0, false);
  assert_immediate (DIO_IR_ADD_SHL, 1, true);
  assert_immediate (DIO_IR_ADD_SHL, 3, true);
  assert_immediate (DIO_IR_ADD_SHL, 4, false);
  assert_immediate (DIO_IR_LOAD_U8, DIO_IR_MAX_OFFSET, true);
  assert_immediate (DIO_IR_LOAD_U8, DIO_IR_MAX_OFFSET + 1, false);
  assert_immediate (DIO_IR_STORE_64, -DIO_IR_MAX_OFFSET, true);
  assert_immediate (DIO_IR_STORE_64, -DIO_IR_MAX_OFFSET - 1, false);
  assert_immediate (DIO_IR_PC, -DIO_IR_MAX_OFFSET, true);
  assert_immediate (DIO_IR_PC, DIO_IR_MAX_OFFSET + 1, false);
  assert_immediate (DIO_IR_GET_F, 0, true);
  assert_immediate (DIO_IR_GET_F, 32, false);
  assert_immediate (DIO_IR_SET_X, 0, true);
  assert_immediate (DIO_IR_SET_X, 32, false);
  assert_immediate (DIO_IR_GET_V, 32, false);
  assert_immediate (DIO_IR_CONST, INT64_MIN, true);
}

static void
test_nops (void)
{
  g_autoptr (DioIrBlock) block = good_block ();
  g_array_index (block->ops, DioIrOp, 5).opcode = DIO_IR_NOP;
  g_assert_true (dio_ir_block_verify (block, NULL));
  g_array_index (block->ops, DioIrOp, 2).opcode = DIO_IR_NOP;
  assert_refused (block, "wrong type");
  g_array_index (block->ops, DioIrOp, 0).opcode = DIO_IR_NOP;
  assert_refused (block, "belongs to no instruction");
}

static void
test_uses (void)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  uint8_t uses[200];
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  uint32_t x = dio_ir_block_append (block, DIO_IR_GET_X, 5, 7, 7, 7, 7);
  uint32_t sum = dio_ir_block_append (block, DIO_IR_ADD, 0, x, x, x, x);
  dio_ir_block_append (block, DIO_IR_SET_X, 1, sum, x, x, x);
  memset (uses, 0xee, sizeof uses);
  dio_ir_block_count_uses (block, uses);
  g_assert_cmpuint (uses[0], ==, 0);
  g_assert_cmpuint (uses[x], ==, 2);
  g_assert_cmpuint (uses[sum], ==, 1);
  g_assert_cmpuint (uses[3], ==, 0);
  g_assert_cmpuint (uses[4], ==, 0xee);
  /* 2 + 2 * 126 is 254, then there are no more numbers. */
  for (unsigned i = 0; i < 126; i++)
    dio_ir_block_append (block, DIO_IR_ADD, 0, x, x, 0, 0);
  dio_ir_block_count_uses (block, uses);
  g_assert_cmpuint (uses[x], ==, 254);
  for (unsigned i = 0; i < 3; i++)
    dio_ir_block_append (block, DIO_IR_ADD, 0, x, x, 0, 0);
  dio_ir_block_count_uses (block, uses);
  g_assert_cmpuint (uses[x], ==, UINT8_MAX);
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
  g_test_add_func ("/core/ir/block/ranges", test_ranges);
  g_test_add_func ("/core/ir/block/nops", test_nops);
  g_test_add_func ("/core/ir/block/uses", test_uses);
  g_test_add_func ("/core/ir/block/faults", test_faults);
  return g_test_run ();
}
