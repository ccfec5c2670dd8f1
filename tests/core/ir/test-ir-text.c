/* SPDX-License-Identifier: GPL-3.0-or-later
 * Blocks of intermediate representation as text: every operation there and back, and what the
 * reader refuses. */
#include <string.h>

#include "core/base/base-error.h"
#include "core/ir/ir-block.h"

/* Immediates of each kind that are easy to get wrong. */
static const int64_t *
immediates (DioIrImmediate kind, unsigned *n)
{
  static const int64_t numbers[] = { 0, -1, 5, INT64_MIN, INT64_MAX };
  static const int64_t offsets[] = { 0, 8, -8, -DIO_IR_MAX_OFFSET, DIO_IR_MAX_OFFSET };
  static const int64_t registers[] = { 1, 9, 10, 31 };
  static const int64_t shifts[] = { 1, 2, 3 };
  static const int64_t functions[] = { DIO_IR_FP_add32, DIO_IR_FP_class64, DIO_IR_FP_roundx64 };
  static const int64_t vectors[] = {
    DIO_IR_VEC_IMMEDIATE (DIO_IR_VEC_and, 0),
    DIO_IR_VEC_IMMEDIATE (DIO_IR_VEC_sqshrn, 0x8702),
    DIO_IR_VEC_IMMEDIATE (DIO_IR_N_VEC - 1, 3),
  };
  static const int64_t lanes[] = {
    DIO_IR_LANES_IMMEDIATE (DIO_IR_FP_add32, 1, 32),
    DIO_IR_LANES_IMMEDIATE (DIO_IR_FP_fma64, 2, 64),
    DIO_IR_LANES_IMMEDIATE (DIO_IR_N_FP - 1, 4, 64),
  };
  *n = kind == DIO_IR_IMM_SHIFT || kind == DIO_IR_IMM_FP      ? 3
       : kind == DIO_IR_IMM_VEC || kind == DIO_IR_IMM_LANES   ? 3
       : kind == DIO_IR_IMM_X || kind == DIO_IR_IMM_F         ? 4
       : kind == DIO_IR_IMM_V                                 ? 4
       : kind == DIO_IR_IMM_NONE || kind == DIO_IR_IMM_SYSTEM ? 1
                                                              : 5;
  switch (kind) {
  case DIO_IR_IMM_PC:
  case DIO_IR_IMM_DISPLACEMENT:
    return offsets;
  case DIO_IR_IMM_X:
  case DIO_IR_IMM_F:
  case DIO_IR_IMM_V:
    return registers;
  case DIO_IR_IMM_VEC:
    return vectors;
  case DIO_IR_IMM_LANES:
    return lanes;
  case DIO_IR_IMM_SHIFT:
    return shifts;
  case DIO_IR_IMM_FP:
    return functions;
  default:
    return numbers;
  }
}

/* A block that verifies, with @opcode in it. */
static DioIrBlock *
block_with (DioIrOpcode opcode, int64_t immediate)
{
  const DioIrOpInfo *info = &dio_ir_op_info[opcode];
  DioIrBlock *block = dio_ir_block_new ();
  uint32_t arguments[DIO_IR_MAX_ARGUMENTS] = { 0 };
  dio_ir_block_append (block, DIO_IR_INSN, 0, 0, 0, 0, 0);
  g_array_index (block->ops, DioIrOp, 0).note = "c.nop";
  for (unsigned i = 1; i <= DIO_IR_MAX_ARGUMENTS; i++)
    dio_ir_block_append (block, DIO_IR_GET_X, i, 0, 0, 0, 0);
  uint32_t truth = dio_ir_block_append (block, DIO_IR_EQ, 0, 1, 2, 0, 0);
  uint32_t vector = 0;
  if (dio_ir_op_has_vectors (opcode))
    vector = dio_ir_block_append (block, DIO_IR_GET_V, 3, 0, 0, 0, 0);
  for (unsigned i = 0; i < info->n_arguments; i++)
    arguments[i] = info->arguments[i] == DIO_IR_I1     ? truth
                   : info->arguments[i] == DIO_IR_V128 ? vector
                                                       : 1 + i;
  uint32_t at = dio_ir_block_append (block, opcode, immediate, arguments[0], arguments[1],
                                     arguments[2], arguments[3]);
  if (info->immediate == DIO_IR_IMM_SYSTEM)
    g_array_index (block->ops, DioIrOp, at).note = "sret";
  if (!(info->effects & DIO_IR_END) || opcode == DIO_IR_BRANCH)
    dio_ir_block_append (block, DIO_IR_EXIT, 4, 0, 0, 0, 0);
  return block;
}

static void
assert_same (const DioIrOp *a, const DioIrOp *b)
{
  g_assert_cmpuint (a->opcode, ==, b->opcode);
  if (a->opcode == DIO_IR_NOP)
    return;
  g_assert_cmpint (a->immediate, ==, b->immediate);
  g_assert_cmpstr (a->note, ==, b->note);
  for (unsigned i = 0; i < dio_ir_op_info[a->opcode].n_arguments; i++)
    g_assert_cmpuint (a->arguments[i], ==, b->arguments[i]);
}

static void
assert_there_and_back (const DioIrBlock *block)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = dio_ir_block_to_text (block);
  g_autoptr (DioIrBlock) again = dio_ir_block_parse (text, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (again->ops->len, ==, block->ops->len);
  for (uint32_t i = 0; i < block->ops->len; i++)
    assert_same (dio_ir_block_op (again, i), dio_ir_block_op (block, i));
  g_autofree char *text_again = dio_ir_block_to_text (again);
  g_assert_cmpstr (text_again, ==, text);
}

static void
test_every_op (void)
{
  for (unsigned opcode = 0; opcode < DIO_IR_N_OPS; opcode++) {
    unsigned n;
    const int64_t *list = immediates (dio_ir_op_info[opcode].immediate, &n);
    for (unsigned i = 0; i < n && opcode != DIO_IR_NOP; i++) {
      g_autoptr (DioIrBlock) block = block_with (opcode, n > 1 ? list[i] : 0);
      g_autoptr (GError) error = NULL;
      g_assert_true (dio_ir_block_verify (block, &error));
      g_assert_no_error (error);
      assert_there_and_back (block);
    }
  }
}

/* What is removed is not written, and the values behind it keep their names. */
static void
test_gaps (void)
{
  g_autoptr (DioIrBlock) block = block_with (DIO_IR_WIDEN, 0);
  g_autoptr (GError) error = NULL;
  const char *expected = "insn +0 c.nop\n"
                         "  %1 = get x1\n"
                         "  %2 = get x2\n"
                         "  %5 = eq %1, %2 : i1\n"
                         "  %6 = widen %5\n"
                         "  exit +4\n";
  g_array_index (block->ops, DioIrOp, 3).opcode = DIO_IR_NOP;
  g_array_index (block->ops, DioIrOp, 4).opcode = DIO_IR_NOP;
  g_assert_true (dio_ir_block_verify (block, NULL));
  g_autofree char *text = dio_ir_block_to_text (block);
  g_assert_cmpstr (text, ==, expected);
  assert_there_and_back (block);
  /* What only people write. */
  g_autoptr (DioIrBlock) loose = dio_ir_block_parse ("insn +0\r\n\n  nop\n\t%7 = get  f0", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (loose->ops->len, ==, 8);
  g_assert_cmpuint (dio_ir_block_op (loose, 7)->opcode, ==, DIO_IR_GET_F);
}

static void
assert_refused (const char *line, const char *why)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strconcat ("insn +0\n  %1 = get x5\n  ", line, "\n", NULL);
  g_assert_null (dio_ir_block_parse (text, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_assert_true (g_str_has_prefix (error->message, "line 3: "));
  if (!strstr (error->message, why))
    g_error ("%s: expected \"%s\", got \"%s\"", line, why, error->message);
}

static void
test_refusals (void)
{
  assert_refused ("%2 = frob %1", "no such operation");
  assert_refused ("%2 =", "no such operation");
  assert_refused ("%2 = fp.frob64 %1", "no such operation");
  assert_refused ("%2 = fp %1", "no such operation");
  assert_refused ("%2 = add %1", "an argument is missing");
  assert_refused ("%2 = add %1, x5", "no such argument");
  assert_refused ("%2 = add %1, %", "no such argument");
  assert_refused ("%2 = add %1, %-1", "no such argument");
  assert_refused ("%2 = add %1, %99999999999", "no such argument");
  assert_refused ("%2 = add %1, %1x", "no such argument");
  assert_refused ("%2 = add %1, %2", "not an earlier value");
  assert_refused ("%2 = add %1, %1, %1", "too many operands");
  assert_refused ("%2 = const", "no such immediate");
  assert_refused ("%2 = const 9223372036854775808", "no such immediate");
  assert_refused ("%2 = const 1.5", "no such immediate");
  assert_refused ("%2 = get y1", "no such immediate");
  assert_refused ("%2 = load.u64 %1", "no such immediate");
  assert_refused ("fence 255", "no such immediate");
  assert_refused ("%2 = eq %1, %1", "wrong type");
  assert_refused ("%2 = add %1, %1 : i1", "wrong type");
  assert_refused ("%2 = set x1, %1", "has no result");
  assert_refused ("add %1, %1", "without a name");
  assert_refused ("%1 = add %1, %1", "numbered in order");
  assert_refused ("%1048576 = add %1, %1", "numbered in order");
  assert_refused ("x2 = add %1, %1", "numbered in order");
  assert_refused ("%2 = fp.fma64 %1 %1 %1 %1 %1 %1 %1 %1 %1 %1 %1", "too long");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/ir/text/every-op", test_every_op);
  g_test_add_func ("/core/ir/text/gaps", test_gaps);
  g_test_add_func ("/core/ir/text/refusals", test_refusals);
  return g_test_run ();
}
