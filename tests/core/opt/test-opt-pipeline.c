/* SPDX-License-Identifier: GPL-3.0-or-later
 * All passes in their order, on instructions of riscv64, and what they tell about it. */
#include "core/guest/riscv64/riscv64-lift.h"
#include "tests/core/opt/opt-test.h"

static void
assert_optimises (DioOptContext *context, const uint32_t *words, size_t n, const char *expected)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  dio_rv_lift (block, (const uint8_t *) words, n * sizeof *words, 100);
  dio_opt_block (context, block);
  g_autofree char *text = dio_ir_block_to_text (block);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_loop (void)
{
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  const uint32_t loop[] = {
    0x0005b503, /* ld a0, 0(a1) */
    0x00c50533, /* add a0, a0, a2 */
    0x00a5b423, /* sd a0, 8(a1) */
    0xfea59ae3, /* bne a1, a0, -12 */
  };
  assert_optimises (context, loop, G_N_ELEMENTS (loop),
                    "insn +0 ld\n"
                    "  %1 = get x11\n"
                    "  %4 = load.u64 0, %1\n"
                    "insn +4 add\n"
                    "  %8 = get x12\n"
                    "  %9 = add %4, %8\n"
                    "  set x10, %9\n"
                    "insn +8 sd\n"
                    "  store.64 8, %1, %9\n"
                    "insn +12 bne\n"
                    "  %20 = ne %1, %9 : i1\n"
                    "  branch +0, %20\n"
                    "  exit +16\n");
  const DioOptStatistics *statistics = dio_opt_statistics (context);
  g_assert_cmpuint (statistics->blocks, ==, 1);
  g_assert_cmpuint (statistics->instructions, ==, 4);
  g_assert_cmpuint (statistics->before[DIO_OPT_FP], ==, 19);
  g_assert_cmpuint (statistics->before[DIO_OPT_GETSET], ==, 19);
  g_assert_cmpuint (statistics->before[DIO_OPT_FOLD], ==, 13);
  g_assert_cmpuint (statistics->before[DIO_OPT_CSE], ==, 11);
  g_assert_cmpuint (statistics->before[DIO_OPT_FUSE], ==, 11);
  g_assert_cmpuint (statistics->before[DIO_OPT_DCE], ==, 10);
  g_assert_cmpuint (statistics->after, ==, 9);
}

static void
test_idioms (void)
{
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  const uint32_t call[] = {
    0x00001097, /* auipc ra, 1 */
    0x010080e7, /* jalr ra, 16(ra) */
  };
  assert_optimises (context, call, G_N_ELEMENTS (call),
                    "insn +0 auipc\n"
                    "insn +4 jalr\n"
                    "  %11 = pc +8\n"
                    "  set x1, %11\n"
                    "  exit +4112\n");
  const uint32_t index[] = {
    0x02079793, /* slli a5, a5, 32 */
    0x01d7d793, /* srli a5, a5, 29 */
    0x00e787b3, /* add a5, a5, a4 */
    0x0087b783, /* ld a5, 8(a5) */
    0x00008067, /* ret */
  };
  assert_optimises (context, index, G_N_ELEMENTS (index),
                    "insn +0 slli\n"
                    "  %1 = get x15\n"
                    "  %3 = zext32 %1\n"
                    "insn +4 srli\n"
                    "insn +8 add\n"
                    "  %12 = get x14\n"
                    "  %13 = add_shl 3, %12, %3\n"
                    "  set x15, %13\n"
                    "insn +12 ld\n"
                    "  %19 = load.u64 8, %13\n"
                    "  set x15, %19\n"
                    "insn +16 jalr\n"
                    "  %22 = get x1\n"
                    "  %25 = const -2\n"
                    "  %26 = and %22, %25\n"
                    "  jump %26\n");
  const uint32_t compare[] = {
    0x00b52533, /* slt a0, a0, a1 */
    0x00051463, /* bnez a0, 8 */
  };
  assert_optimises (context, compare, G_N_ELEMENTS (compare),
                    "insn +0 slt\n"
                    "  %1 = get x10\n"
                    "  %2 = get x11\n"
                    "  %3 = lt %1, %2 : i1\n"
                    "  %4 = widen %3\n"
                    "  set x10, %4\n"
                    "insn +4 bne\n"
                    "  %10 = lt %1, %2 : i1\n"
                    "  branch +12, %10\n"
                    "  exit +8\n");
  const uint32_t fp[] = {
    0x02c5f553, /* fadd.d fa0, fa1, fa2 */
    0x12a57553, /* fmul.d fa0, fa0, fa0 */
    0x22a50553, /* fmv.d fa0, fa0 */
    0x22b59553, /* fneg.d fa0, fa1 */
  };
  assert_optimises (context, fp, G_N_ELEMENTS (fp),
                    "insn +0 fadd.d\n"
                    "  fp.require\n"
                    "  %2 = fp.rounding\n"
                    "  %3 = get f11\n"
                    "  %4 = get f12\n"
                    "  %5 = fp.add64 %2, %3, %4\n"
                    "insn +4 fmul.d\n"
                    "  %12 = fp.mul64 %2, %5, %5\n"
                    "insn +8 fsgnj.d\n"
                    "insn +12 fsgnjn.d\n"
                    "  %33 = const -9223372036854775808\n"
                    "  %35 = xor %3, %33\n"
                    "  set f10, %35\n"
                    "  exit +16\n");
}

/* The context serves blocks of all lengths, one after the other. */
static void
test_lengths (void)
{
  g_autoptr (DioOptContext) context = dio_opt_context_new ();
  static const unsigned lengths[] = { 1, 3000, 2, 50, 400, 1000 };
  for (unsigned k = 0; k < G_N_ELEMENTS (lengths); k++) {
    unsigned n = lengths[k];
    g_autoptr (GArray) code = g_array_new (FALSE, FALSE, 4);
    g_autoptr (DioIrBlock) block = dio_ir_block_new ();
    for (unsigned i = 0; i < n; i++) {
      uint32_t word = 0x00150513; /* addi a0, a0, 1 */
      g_array_append_val (code, word);
    }
    dio_rv_lift (block, (const uint8_t *) code->data, n * 4, n);
    dio_opt_block (context, block);
    unsigned left = 0;
    for (uint32_t i = 0; i < block->ops->len; i++) {
      const DioIrOp *op = dio_ir_block_op (block, i);
      left += op->opcode != DIO_IR_NOP && op->opcode != DIO_IR_INSN;
      if (op->opcode == DIO_IR_CONST)
        g_assert_cmpint (op->immediate, ==, n);
    }
    /* get, const, add, set, exit */
    g_assert_cmpuint (left, ==, 5);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/opt/pipeline/loop", test_loop);
  g_test_add_func ("/core/opt/pipeline/idioms", test_idioms);
  g_test_add_func ("/core/opt/pipeline/lengths", test_lengths);
  return g_test_run ();
}
