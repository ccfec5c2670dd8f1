/* SPDX-License-Identifier: GPL-3.0-or-later
 * The semantic functions compiled as IR builder: every leaf lifts to a well-formed block, and some
 * blocks look exactly as expected. */
#include <string.h>

#include "core/guest/riscv64/riscv64-disasm.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/guest/riscv64/riscv64-lift.h"

#define ROUNDS 50

/* A random word that decodes to @leaf. */
static uint32_t
word_of (GRand *rng, unsigned leaf)
{
  const DioLeafInfo *info = &dio_rv_leaf_info[leaf];
  for (unsigned attempt = 0; attempt < 10000; attempt++) {
    uint32_t word = info->value | (g_rand_int (rng) & ~info->mask);
    if (info->length == 2)
      word &= 0xffff;
    DioInsn insn;
    dio_rv_decode (word, &insn);
    if (insn.leaf == leaf)
      return word;
  }
  g_error ("no encoding of %s", info->name);
}

static void
test_leaves (void)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (1);
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  for (unsigned leaf = 1; leaf < DIO_RV_N_LEAVES; leaf++) {
    for (unsigned round = 0; round < ROUNDS; round++) {
      uint32_t word = GUINT32_TO_LE (word_of (rng, leaf));
      g_autoptr (GError) error = NULL;
      dio_ir_block_clear (block);
      size_t length = dio_rv_lift (block, (const uint8_t *) &word, sizeof word, 1);
      g_autofree char *text = dio_ir_block_to_text (block);
      if (!dio_ir_block_verify (block, &error) || length != dio_rv_leaf_info[leaf].length)
        g_error ("%s %08x: %s\n%s", dio_rv_leaf_info[leaf].name, word,
                 error ? error->message : "length", text);
      g_assert_cmpuint (dio_ir_block_op (block, 0)->leaf, ==, leaf);
    }
  }
}

/* A million words: what they decode to is what the tables say, and none is too long for the
 * disassembler. */
static void
test_decode (void)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (4);
  char text[DIO_RV_DISASM_SIZE];
  unsigned known = 0;
  for (unsigned round = 0; round < 1000000; round++) {
    uint32_t word = g_rand_int (rng);
    if (round % 4 == 0)
      word = (word & ~UINT32_C (0x7f)) | dio_rv_leaf_info[1 + word % (DIO_RV_N_LEAVES - 1)].value;
    DioInsn insn;
    unsigned length = dio_rv_decode (word, &insn);
    g_assert_cmpuint (length, ==, (word & 3) == 3 ? 4 : 2);
    g_assert_cmpuint (insn.leaf, <, DIO_RV_N_LEAVES);
    uint32_t bits = length == 2 ? word & 0xffff : word;
    const DioLeafInfo *info = &dio_rv_leaf_info[insn.leaf];
    if (insn.leaf == DIO_RV_LEAF_ILLEGAL) {
      g_assert_cmphex ((uint32_t) insn.wide, ==, bits);
    } else {
      known++;
      g_assert_cmphex (bits & info->mask, ==, info->value);
      g_assert_cmpuint (length, ==, info->length);
      g_assert_cmpuint (dio_rv_alias (&insn), <, DIO_RV_N_FORMS);
    }
    if (round % 16 == 0) {
      g_assert_cmpuint (dio_rv_disassemble (word, round, text, sizeof text), ==, length);
      g_assert_true (g_str_has_prefix (text, info->name));
      g_assert_cmpuint (strlen (text), <, sizeof text - 1);
    }
  }
  g_assert_cmpuint (known, >, 500000);
}

/* Anything at all lifts to something well-formed. */
static void
test_random (void)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (2);
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  for (unsigned round = 0; round < 5000; round++) {
    uint32_t words[8];
    g_autoptr (GError) error = NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
      words[i] = g_rand_int (rng);
    dio_ir_block_clear (block);
    size_t length = dio_rv_lift (block, (const uint8_t *) words, round % (sizeof words + 1), 64);
    g_assert_cmpuint (length, <=, round % (sizeof words + 1));
    dio_ir_block_verify (block, &error);
    g_assert_no_error (error);
  }
}

static void
assert_lifts (const uint32_t *words, size_t n, const char *expected)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  dio_rv_lift (block, (const uint8_t *) words, n * sizeof *words, 100);
  g_autofree char *text = dio_ir_block_to_text (block);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_text (void)
{
  const uint32_t loop[] = {
    0x0005b503, /* ld a0, 0(a1) */
    0x00c50533, /* add a0, a0, a2 */
    0x00a5b423, /* sd a0, 8(a1) */
    0xfea59ae3, /* bne a1, a0, -12 */
    0x0001,     /* c.nop, and a compressed illegal instruction */
  };
  assert_lifts (loop, G_N_ELEMENTS (loop),
                "insn +0 ld\n"
                "  %1 = get x11\n"
                "  %2 = const 0\n"
                "  %3 = add %1, %2\n"
                "  %4 = load.u64 0, %3\n"
                "  set x10, %4\n"
                "insn +4 add\n"
                "  %7 = get x10\n"
                "  %8 = get x12\n"
                "  %9 = add %7, %8\n"
                "  set x10, %9\n"
                "insn +8 sd\n"
                "  %12 = get x11\n"
                "  %13 = const 8\n"
                "  %14 = add %12, %13\n"
                "  %15 = get x10\n"
                "  store.64 0, %14, %15\n"
                "insn +12 bne\n"
                "  %18 = get x11\n"
                "  %19 = get x10\n"
                "  %20 = ne %18, %19 : i1\n"
                "  branch +0, %20\n"
                "insn +16 c.nop\n"
                "insn +18 illegal\n"
                "  illegal\n");
  const uint32_t call[] = { 0x004500e7 }; /* jalr ra, 4(a0) */
  assert_lifts (call, 1,
                "insn +0 jalr\n"
                "  %1 = get x10\n"
                "  %2 = const 4\n"
                "  %3 = add %1, %2\n"
                "  %4 = const -2\n"
                "  %5 = and %3, %4\n"
                "  %6 = pc +4\n"
                "  set x1, %6\n"
                "  jump %5\n");
  const uint32_t to_zero[] = { 0x0005b003 }; /* ld zero, 0(a1): still an access */
  assert_lifts (to_zero, 1,
                "insn +0 ld\n"
                "  %1 = get x11\n"
                "  %2 = const 0\n"
                "  %3 = add %1, %2\n"
                "  %4 = load.u64 0, %3\n"
                "  exit +4\n");
  const uint32_t fp[] = { 0x02c5f553 }; /* fadd.d fa0, fa1, fa2 */
  assert_lifts (fp, 1,
                "insn +0 fadd.d\n"
                "  fp.require\n"
                "  %2 = fp.rounding\n"
                "  %3 = get f11\n"
                "  %4 = get f12\n"
                "  %5 = fp.add64 %2, %3, %4\n"
                "  set f10, %5\n"
                "  exit +4\n");
  const uint32_t csr[] = { 0x30002573, 0x30059073 }; /* csrr a0, mstatus; csrw mstatus, a1 */
  assert_lifts (csr, 2,
                "insn +0 csrrs\n"
                "  %1 = const 0\n"
                "  %2 = csr.read 768, %1\n"
                "  set x10, %2\n"
                "insn +4 csrrw\n"
                "  %5 = get x11\n"
                "  %6 = csr.write 768, %5\n"
                "  changed +8\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/guest/riscv64/lift/leaves", test_leaves);
  g_test_add_func ("/core/guest/riscv64/lift/decode", test_decode);
  g_test_add_func ("/core/guest/riscv64/lift/random", test_random);
  g_test_add_func ("/core/guest/riscv64/lift/text", test_text);
  return g_test_run ();
}
