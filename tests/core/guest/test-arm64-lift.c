/* SPDX-License-Identifier: GPL-3.0-or-later
 * Lifting of arm64: every leaf gives a block that the verifier accepts and that survives its text
 * form, and some blocks are what they should be. */
#include <string.h>

#include "core/guest/arm64/arm64-leaves.h"
#include "core/guest/arm64/arm64-lift.h"

#define WORDS_PER_LEAF 200

static void
test_every_leaf (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (64);
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  for (unsigned leaf = 1; leaf < DIO_A64_N_LEAVES; leaf++) {
    const DioLeafInfo *info = &dio_a64_leaf_info[leaf];
    for (unsigned i = 0; i < WORDS_PER_LEAF; i++) {
      uint32_t raw = (g_rand_int (rand) & ~info->mask) | info->value;
      g_autoptr (GError) error = NULL;
      dio_ir_block_clear (block);
      g_assert_cmpuint (dio_a64_lift (block, (const uint8_t *) &raw, 4, 1), ==, 4);
      if (!dio_ir_block_verify (block, &error)) {
        g_autofree char *text = dio_ir_block_to_text (block);
        g_error ("%s %08x: %s\n%s", info->name, raw, error->message, text);
      }
      g_autofree char *text = dio_ir_block_to_text (block);
      g_autoptr (DioIrBlock) copy = dio_ir_block_parse (text, &error);
      g_assert_no_error (error);
      g_autofree char *again = dio_ir_block_to_text (copy);
      g_assert_cmpstr (text, ==, again);
    }
  }
}

static void
expect (const uint32_t *code, unsigned n, const char *text)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  g_assert_cmpuint (dio_a64_lift (block, (const uint8_t *) code, 4 * n, n), ==, 4 * n);
  g_autofree char *actual = dio_ir_block_to_text (block);
  g_assert_cmpstr (actual, ==, text);
}

static void
test_compare_and_branch (void)
{
  /* cmp w1, #3; b.lt .+8 */
  static const uint32_t code[] = { 0x71000c3f, 0x5400004b };
  expect (code, 2,
          "insn +0 subs_imm_w\n"
          "  %1 = get x1\n"
          "  %2 = const 3\n"
          "  flags.sub.32 %1, %2\n"
          "  %4 = sub %1, %2\n"
          "  %5 = zext32 %4\n"
          "insn +4 b_cond\n"
          "  %7 = sext32 %1\n"
          "  %8 = sext32 %2\n"
          "  %9 = lt %7, %8 : i1\n"
          "  branch +12, %9\n"
          "  exit +8\n");
}

static void
test_conditions (void)
{
  /* b.lt .+8, by flags that were set before */
  static const uint32_t other[] = { 0x5400004b };
  expect (other, 1,
          "insn +0 b_cond\n"
          "  %1 = condition 11 : i1\n"
          "  branch +8, %1\n"
          "  exit +4\n");
  /* cmp x1, x2; ccmp x3, x4, #0b0100, ne; b.eq .+8 */
  static const uint32_t two[] = { 0xeb02003f, 0xfa441064, 0x54000040 };
  expect (two, 3,
          "insn +0 subs_reg_x\n"
          "  %1 = get x1\n"
          "  %2 = get x2\n"
          "  flags.sub.64 %1, %2\n"
          "  %4 = sub %1, %2\n"
          "insn +4 ccmp_reg_x\n"
          "  %6 = ne %1, %2 : i1\n"
          "  %7 = get x3\n"
          "  %8 = get x4\n"
          "  flags.sub.64 %7, %8\n"
          "  flags.unless 4, %6\n"
          "insn +8 b_cond\n"
          "  %12 = eq %7, %8 : i1\n"
          "  %13 = const 1\n"
          "  %14 = widen %12\n"
          "  %15 = select %6, %14, %13\n"
          "  %16 = const 0\n"
          "  %17 = ne %15, %16 : i1\n"
          "  branch +16, %17\n"
          "  exit +12\n");
  /* adds w1, w2, w3; cset w4, cs: the unsigned order is that of the extended numbers */
  static const uint32_t carry[] = { 0x2b030041, 0x1a9f37e4 };
  expect (carry, 2,
          "insn +0 adds_reg_w\n"
          "  %1 = get x2\n"
          "  %2 = get x3\n"
          "  flags.add.32 %1, %2\n"
          "  %4 = add %1, %2\n"
          "  %5 = zext32 %4\n"
          "  set x1, %5\n"
          "insn +4 csinc_w\n"
          "  %8 = const 0\n"
          "  %9 = const 1\n"
          "  %10 = add %8, %9\n"
          "  %11 = sext32 %1\n"
          "  %12 = sext32 %2\n"
          "  %13 = add %11, %12\n"
          "  %14 = sext32 %13\n"
          "  %15 = geu %14, %11 : i1\n"
          "  %16 = const 0\n"
          "  %17 = select %15, %16, %10\n"
          "  %18 = zext32 %17\n"
          "  set x4, %18\n"
          "  exit +8\n");
}

static void
test_zero_and_stack (void)
{
  /* add sp, sp, #16; orr x0, xzr, x1; orr xzr, x1, x2 */
  static const uint32_t code[] = { 0x910043ff, 0xaa0103e0, 0xaa02003f };
  expect (code, 3,
          "insn +0 add_imm_x\n"
          "  %1 = get x31\n"
          "  %2 = const 16\n"
          "  %3 = add %1, %2\n"
          "  set x31, %3\n"
          "insn +4 orr_reg_x\n"
          "  %6 = const 0\n"
          "  %7 = get x1\n"
          "  %8 = or %6, %7\n"
          "  set x0, %8\n"
          "insn +8 orr_reg_x\n"
          "  %11 = get x1\n"
          "  %12 = get x2\n"
          "  %13 = or %11, %12\n"
          "  exit +12\n");
}

static void
test_vectors (void)
{
  /* add v0.4s, v1.4s, v2.4s; fadd v0.2d, v1.2d, v2.2d */
  static const uint32_t code[] = { 0x4ea28420, 0x4e62d420 };
  expect (code, 2,
          "insn +0 add_v\n"
          "  fp.require\n"
          "  %2 = get v1\n"
          "  %3 = get v2\n"
          "  %4 = vec.add 2, %2, %3\n"
          "  set v0, %4\n"
          "insn +4 fadd_v\n"
          "  fp.require\n"
          "  %8 = fp.mode\n"
          "  %9 = get v1\n"
          "  %10 = get v2\n"
          "  %11 = vec.fp.add64 16386, %8, %9, %10\n"
          "  set v0, %11\n"
          "  exit +8\n");
}

static void
test_pair (void)
{
  /* stp x29, x30, [sp, #-32]! */
  static const uint32_t code[] = { 0xa9be7bfd };
  expect (code, 1,
          "insn +0 stp_pre_x\n"
          "  %1 = get x31\n"
          "  %2 = const 15\n"
          "  %3 = const 0\n"
          "  %4 = and %1, %2\n"
          "  %5 = ne %4, %3 : i1\n"
          "  trap_if 7, %5, %3\n"
          "  %7 = get x31\n"
          "  %8 = const -32\n"
          "  %9 = add %7, %8\n"
          "  %10 = get x29\n"
          "  %11 = get x30\n"
          "  %12 = vec.make %10, %11\n"
          "  store.v128 0, %9, %12\n"
          "  set x31, %9\n"
          "  exit +4\n");
}

static unsigned
count_traps (const uint32_t *code, unsigned n)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  unsigned count = 0;
  dio_a64_lift (block, (const uint8_t *) code, 4 * n, n);
  for (uint32_t i = 0; i < block->ops->len; i++)
    count += dio_ir_block_op (block, i)->opcode == DIO_IR_TRAP_IF;
  return count;
}

/* A stack pointer that was looked at is not again until it has become another one. */
static void
test_stack_looks (void)
{
  /* stp x29, x30, [sp, #-32]!; str x19, [sp, #16]; add sp, sp, #16; ldr x0, [sp, #8]; sub sp, sp,
   * #64; ldr q0, [sp], #48; ldp x29, x30, [sp], #16; ldr x1, [sp] */
  static const uint32_t function[] = { 0xa9be7bfd, 0xf9000bf3, 0x910043ff, 0xf94007e0,
                                       0xd10103ff, 0x3cc307e0, 0xa8c17bfd, 0xf94003e1 };
  g_assert_cmpuint (count_traps (function, G_N_ELEMENTS (function)), ==, 1);
  /* ldr x1, [x0]; prfm pldl1keep, [sp]; add x0, sp, #8 */
  static const uint32_t none[] = { 0xf9400001, 0xf98003e0, 0x910023e0 };
  g_assert_cmpuint (count_traps (none, G_N_ELEMENTS (none)), ==, 0);
  /* add sp, sp, #8; sub sp, sp, #1; mov sp, x29; add sp, sp, x0; str x0, [sp, #-8]!; mov wsp, w1 */
  static const uint32_t changes[] = { 0x910023ff, 0xd10007ff, 0x910003bf,
                                      0x8b2063ff, 0xf81f8fe0, 0x1100003f };
  for (unsigned i = 0; i < G_N_ELEMENTS (changes); i++) {
    /* ldr x1, [sp] before and behind */
    const uint32_t code[] = { 0xf94003e1, changes[i], 0xf94003e1 };
    g_assert_cmpuint (count_traps (code, 3), ==, 2);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/guest/arm64-lift/every-leaf", test_every_leaf);
  g_test_add_func ("/core/guest/arm64-lift/compare-and-branch", test_compare_and_branch);
  g_test_add_func ("/core/guest/arm64-lift/conditions", test_conditions);
  g_test_add_func ("/core/guest/arm64-lift/zero-and-stack", test_zero_and_stack);
  g_test_add_func ("/core/guest/arm64-lift/vectors", test_vectors);
  g_test_add_func ("/core/guest/arm64-lift/pair", test_pair);
  g_test_add_func ("/core/guest/arm64-lift/stack-looks", test_stack_looks);
  return g_test_run ();
}
