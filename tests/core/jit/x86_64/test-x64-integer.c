/* SPDX-License-Identifier: GPL-3.0-or-later
 * Every form of the instructions on general registers, with random operands, as libcapstone reads
 * it. */
#include "tests/core/jit/x86_64/x64-judge.h"

#define COUNT 2000

#define ALL 0xf   /* widths 1, 2, 4, 8 */
#define WORDS 0xe /* 2, 4, 8 */
#define WIDE 0xc  /* 4, 8 */

static const char *const alu_names[] = { "add", "or", "adc", "sbb", "and", "sub", "xor", "cmp" };
static const char *const cc_names[] = { "o", "no", "b", "ae", "e", "ne", "be", "a",
                                        "s", "ns", "p", "np", "l", "ge", "le", "g" };

/* The operands of one form, all drawn at random. */
typedef struct {
  Judge *judge;
  DioX64Asm *a;
  unsigned w;
  DioX64Reg r, s, t;
  DioX64Mem m;
  int32_t imm;
  unsigned n; /* any small number: an operation, a condition */
} Draw;

static Draw
draw (Judge *judge, unsigned widths)
{
  Draw d = { .judge = judge, .a = &judge->a };
  d.w = judge_width (judge, widths);
  d.r = (DioX64Reg) judge_reg (judge);
  d.s = (DioX64Reg) judge_reg (judge);
  d.t = (DioX64Reg) judge_reg (judge);
  d.m = judge_mem (judge);
  d.imm = judge_imm (judge);
  d.n = judge_below (judge, 16);
  return d;
}

static const char *
gpr (const Draw *d, unsigned reg)
{
  return judge_gpr (d->w, reg);
}

static const char *
mem (const Draw *d)
{
  return judge_mem_text (d->judge, d->w, d->m);
}

static const char *
imm (const Draw *d)
{
  return judge_imm_text (d->w, d->imm);
}

static void
expect_r (const Draw *d, const char *name)
{
  judge_expect (d->judge, "%s %s", name, gpr (d, d->r));
}

static void
expect_rr (const Draw *d, const char *name)
{
  judge_expect (d->judge, "%s %s, %s", name, gpr (d, d->r), gpr (d, d->s));
}

static void
expect_rrr (const Draw *d, const char *name)
{
  judge_expect (d->judge, "%s %s, %s, %s", name, gpr (d, d->r), gpr (d, d->s), gpr (d, d->t));
}

static void
expect_rm (const Draw *d, const char *name)
{
  judge_expect (d->judge, "%s %s, %s", name, gpr (d, d->r), mem (d));
}

static void
expect_mr (const Draw *d, const char *name)
{
  judge_expect (d->judge, "%s %s, %s", name, mem (d), gpr (d, d->r));
}

static void
expect_ri (const Draw *d, const char *name)
{
  judge_expect (d->judge, "%s %s, %s", name, gpr (d, d->r), imm (d));
}

static void
expect_mi (const Draw *d, const char *name)
{
  judge_expect (d->judge, "%s %s, %s", name, mem (d), imm (d));
}

/* Instructions whose only operands are a width and registers or memory:
 * FORM (function, widths, expectation, mnemonic, arguments after the width). */
#define FORM(function, widths, expectation, mnemonic, ...)                                         \
  static void form_##function (Judge *judge)                                                       \
  {                                                                                                \
    Draw d = draw (judge, widths);                                                                 \
    expectation (&d, mnemonic);                                                                    \
    dio_x64_##function (d.a, d.w, __VA_ARGS__);                                                    \
  }

/* clang-format off */
FORM (mov_rr, ALL, expect_rr, "mov", d.r, d.s)
FORM (mov_rm, ALL, expect_rm, "mov", d.r, d.m)
FORM (mov_mr, ALL, expect_mr, "mov", d.m, d.r)
FORM (mov_mi, ALL, expect_mi, "mov", d.m, d.imm)
FORM (movbe_rm, WORDS, expect_rm, "movbe", d.r, d.m)
FORM (movbe_mr, WORDS, expect_mr, "movbe", d.m, d.r)
FORM (test_rr, ALL, expect_rr, "test", d.r, d.s)
FORM (test_ri, ALL, expect_ri, "test", d.r, d.imm)
FORM (test_mi, ALL, expect_mi, "test", d.m, d.imm)
FORM (test_mr, ALL, expect_mr, "test", d.m, d.r)
FORM (neg, ALL, expect_r, "neg", d.r)
FORM (not, ALL, expect_r, "not", d.r)
FORM (inc, ALL, expect_r, "inc", d.r)
FORM (dec, ALL, expect_r, "dec", d.r)
FORM (mul1, ALL, expect_r, "mul", d.r)
FORM (imul1, ALL, expect_r, "imul", d.r)
FORM (div1, ALL, expect_r, "div", d.r)
FORM (idiv1, ALL, expect_r, "idiv", d.r)
FORM (imul_rr, WORDS, expect_rr, "imul", d.r, d.s)
FORM (imul_rm, WORDS, expect_rm, "imul", d.r, d.m)
FORM (bswap, WIDE, expect_r, "bswap", d.r)
FORM (popcnt, WORDS, expect_rr, "popcnt", d.r, d.s)
FORM (lzcnt, WORDS, expect_rr, "lzcnt", d.r, d.s)
FORM (tzcnt, WORDS, expect_rr, "tzcnt", d.r, d.s)
FORM (bsf, WORDS, expect_rr, "bsf", d.r, d.s)
FORM (bsr, WORDS, expect_rr, "bsr", d.r, d.s)
FORM (bt_rr, WORDS, expect_rr, "bt", d.r, d.s)
FORM (bts_rr, WORDS, expect_rr, "bts", d.r, d.s)
FORM (btr_rr, WORDS, expect_rr, "btr", d.r, d.s)
FORM (shlx, WIDE, expect_rrr, "shlx", d.r, d.s, d.t)
FORM (shrx, WIDE, expect_rrr, "shrx", d.r, d.s, d.t)
FORM (sarx, WIDE, expect_rrr, "sarx", d.r, d.s, d.t)
FORM (bextr, WIDE, expect_rrr, "bextr", d.r, d.s, d.t)
FORM (andn, WIDE, expect_rrr, "andn", d.r, d.s, d.t)
FORM (mulx, WIDE, expect_rrr, "mulx", d.r, d.s, d.t)
FORM (xchg_mr, ALL, expect_mr, "xchg", d.m, d.r)
FORM (lock_xadd_mr, ALL, expect_mr, "lock xadd", d.m, d.r)
FORM (lock_cmpxchg_mr, ALL, expect_mr, "lock cmpxchg", d.m, d.r)
/* clang-format on */

static void
form_alu_rr (Judge *judge)
{
  Draw d = draw (judge, ALL);
  expect_rr (&d, alu_names[d.n & 7]);
  dio_x64_alu_rr (d.a, d.n & 7, d.w, d.r, d.s);
}

static void
form_alu_ri (Judge *judge)
{
  Draw d = draw (judge, ALL);
  expect_ri (&d, alu_names[d.n & 7]);
  dio_x64_alu_ri (d.a, d.n & 7, d.w, d.r, d.imm);
}

static void
form_alu_rm (Judge *judge)
{
  Draw d = draw (judge, ALL);
  expect_rm (&d, alu_names[d.n & 7]);
  dio_x64_alu_rm (d.a, d.n & 7, d.w, d.r, d.m);
}

static void
form_alu_mr (Judge *judge)
{
  Draw d = draw (judge, ALL);
  expect_mr (&d, alu_names[d.n & 7]);
  dio_x64_alu_mr (d.a, d.n & 7, d.w, d.m, d.r);
}

static void
form_alu_mi (Judge *judge)
{
  Draw d = draw (judge, ALL);
  expect_mi (&d, alu_names[d.n & 7]);
  dio_x64_alu_mi (d.a, d.n & 7, d.w, d.m, d.imm);
}

static void
form_lock_alu_mr (Judge *judge)
{
  Draw d = draw (judge, ALL);
  unsigned op = d.n % DIO_X64_CMP;
  g_autofree char *name = g_strconcat ("lock ", alu_names[op], NULL);
  expect_mr (&d, name);
  dio_x64_lock_alu_mr (d.a, op, d.w, d.m, d.r);
}

static void
form_lock_alu_mi (Judge *judge)
{
  Draw d = draw (judge, ALL);
  unsigned op = d.n % DIO_X64_CMP;
  g_autofree char *name = g_strconcat ("lock ", alu_names[op], NULL);
  expect_mi (&d, name);
  dio_x64_lock_alu_mi (d.a, op, d.w, d.m, d.imm);
}

static void
form_lock_cmpxchg16b (Judge *judge)
{
  Draw d = draw (judge, ALL);
  judge_expect (judge, "lock cmpxchg16b %s", judge_mem_text (judge, 16, d.m));
  dio_x64_lock_cmpxchg16b (d.a, d.m);
}

static void
form_mov_ri (Judge *judge)
{
  Draw d = draw (judge, ALL);
  uint64_t value = (uint64_t) d.imm;
  if (d.n < 8)
    value = value << 32 | g_rand_int (judge->random);
  else if (d.n < 12)
    value = (uint32_t) value;
  dio_x64_mov_ri (d.a, d.r, value);
  size_t size = dio_x64_size (d.a);
  bool is_32 = value == (uint32_t) value;
  bool is_signed_32 = value == (uint64_t) (int32_t) value;
  judge_expect (judge, "%s %s, %s", size == 10 ? "movabs" : "mov", judge_gpr (is_32 ? 4 : 8, d.r),
                judge_imm_text (8, (int64_t) value));
  g_assert_cmpuint (size, ==, is_32 ? (d.r < 8 ? 5 : 6) : is_signed_32 ? 7 : 10);
}

static void
form_movzx_rr (Judge *judge)
{
  Draw d = draw (judge, ALL);
  unsigned w_dst = d.w == 8 ? 8 : 4;
  judge_expect (judge, "%s %s, %s", d.w < 4 ? "movzx" : "mov", judge_gpr (w_dst, d.r),
                judge_gpr (d.w, d.s));
  dio_x64_movzx_rr (d.a, d.w, d.r, d.s);
}

static void
form_movzx_rm (Judge *judge)
{
  Draw d = draw (judge, ALL);
  unsigned w_dst = d.w == 8 ? 8 : 4;
  judge_expect (judge, "%s %s, %s", d.w < 4 ? "movzx" : "mov", judge_gpr (w_dst, d.r), mem (&d));
  dio_x64_movzx_rm (d.a, d.w, d.r, d.m);
}

static void
form_lea (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  judge_expect (judge, "lea %s, %s", gpr (&d, d.r), judge_mem_text (judge, 0, d.m));
  dio_x64_lea (d.a, d.w, d.r, d.m);
}

static void
form_prefetch (Judge *judge)
{
  Draw d = draw (judge, ALL);
  judge_expect (judge, "prefetcht0 %s", judge_mem_text (judge, 1, d.m));
  dio_x64_prefetch (d.a, d.m);
}

static const char *
movsx_name (unsigned w)
{
  return w == 8 ? "mov" : w == 4 ? "movsxd" : "movsx";
}

static void
form_movsx_rr (Judge *judge)
{
  Draw d = draw (judge, ALL);
  judge_expect (judge, "%s %s, %s", movsx_name (d.w), judge_gpr (8, d.r), judge_gpr (d.w, d.s));
  dio_x64_movsx_rr (d.a, d.w, d.r, d.s);
}

static void
form_movsx_rm (Judge *judge)
{
  Draw d = draw (judge, ALL);
  judge_expect (judge, "%s %s, %s", movsx_name (d.w), judge_gpr (8, d.r), mem (&d));
  dio_x64_movsx_rm (d.a, d.w, d.r, d.m);
}

static DioX64Shift
draw_shift (const Draw *d, const char **name)
{
  static const DioX64Shift shifts[] = { DIO_X64_ROL, DIO_X64_ROR, DIO_X64_SHL, DIO_X64_SHR,
                                        DIO_X64_SAR };
  static const char *const names[] = { "rol", "ror", "shl", "shr", "sar" };
  *name = names[d->n % 5];
  return shifts[d->n % 5];
}

static void
form_shift_ri (Judge *judge)
{
  Draw d = draw (judge, ALL);
  const char *name;
  DioX64Shift op = draw_shift (&d, &name);
  unsigned count = judge_below (judge, d.w * 8);
  judge_expect (judge, "%s %s, 0x%x", name, gpr (&d, d.r), count);
  dio_x64_shift_ri (d.a, op, d.w, d.r, count);
}

static void
form_shift_cl (Judge *judge)
{
  Draw d = draw (judge, ALL);
  const char *name;
  DioX64Shift op = draw_shift (&d, &name);
  judge_expect (judge, "%s %s, cl", name, gpr (&d, d.r));
  dio_x64_shift_cl (d.a, op, d.w, d.r);
}

static void
form_shld_rri (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  unsigned count = judge_below (judge, d.w * 8);
  judge_expect (judge, "shld %s, %s, 0x%x", gpr (&d, d.r), gpr (&d, d.s), count);
  dio_x64_shld_rri (d.a, d.w, d.r, d.s, count);
}

static void
form_shrd_rri (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  unsigned count = judge_below (judge, d.w * 8);
  judge_expect (judge, "shrd %s, %s, 0x%x", gpr (&d, d.r), gpr (&d, d.s), count);
  dio_x64_shrd_rri (d.a, d.w, d.r, d.s, count);
}

static void
form_rorx (Judge *judge)
{
  Draw d = draw (judge, WIDE);
  unsigned count = judge_below (judge, d.w * 8);
  judge_expect (judge, "rorx %s, %s, 0x%x", gpr (&d, d.r), gpr (&d, d.s), count);
  dio_x64_rorx (d.a, d.w, d.r, d.s, count);
}

static void
form_imul_rri (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  judge_expect (judge, "imul %s, %s, %s", gpr (&d, d.r), gpr (&d, d.s), imm (&d));
  dio_x64_imul_rri (d.a, d.w, d.r, d.s, d.imm);
}

static void
form_cqo (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  judge_expect (judge, "%s", d.w == 8 ? "cqo " : d.w == 4 ? "cdq " : "cwd ");
  g_strchomp (judge->expected);
  dio_x64_cqo (d.a, d.w);
}

static void
form_setcc (Judge *judge)
{
  Draw d = draw (judge, ALL);
  judge_expect (judge, "set%s %s", cc_names[d.n], judge_gpr (1, d.r));
  dio_x64_setcc (d.a, d.n, d.r);
}

static void
form_cmov (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  judge_expect (judge, "cmov%s %s, %s", cc_names[d.n], gpr (&d, d.r), gpr (&d, d.s));
  dio_x64_cmov (d.a, d.n, d.w, d.r, d.s);
}

static void
form_cmov_rm (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  judge_expect (judge, "cmov%s %s, %s", cc_names[d.n], gpr (&d, d.r), mem (&d));
  dio_x64_cmov_rm (d.a, d.n, d.w, d.r, d.m);
}

static void
form_bt_ri (Judge *judge)
{
  Draw d = draw (judge, WORDS);
  unsigned bit = judge_below (judge, d.w * 8);
  judge_expect (judge, "bt %s, 0x%x", gpr (&d, d.r), bit);
  dio_x64_bt_ri (d.a, d.w, d.r, bit);
}

static void
form_crc32 (Judge *judge)
{
  Draw d = draw (judge, ALL);
  judge_expect (judge, "crc32 %s, %s", judge_gpr (d.w == 8 ? 8 : 4, d.r), gpr (&d, d.s));
  dio_x64_crc32 (d.a, d.w, d.r, d.s);
}

static void
form_fixed (Judge *judge)
{
  static const struct {
    const char *text;
    void (*emit) (DioX64Asm *a);
  } fixed[] = {
    { "mfence", dio_x64_mfence }, { "pause", dio_x64_pause }, { "ud2", dio_x64_ud2 },
    { "int3", dio_x64_int3 },     { "ret", dio_x64_ret },     { "vzeroupper", dio_x64_vzeroupper },
  };
  unsigned i = judge_below (judge, G_N_ELEMENTS (fixed));
  judge_expect (judge, "%s", fixed[i].text);
  fixed[i].emit (&judge->a);
}

static void
form_register_only (Judge *judge)
{
  static const struct {
    const char *text;
    void (*emit) (DioX64Asm *a, DioX64Reg r);
  } forms[] = {
    { "push", dio_x64_push },
    { "pop", dio_x64_pop },
    { "call", dio_x64_call_r },
    { "jmp", dio_x64_jmp_r },
  };
  unsigned i = judge_below (judge, G_N_ELEMENTS (forms));
  Draw d = draw (judge, 8);
  expect_r (&d, forms[i].text);
  forms[i].emit (d.a, d.r);
}

static void
form_branch_mem (Judge *judge)
{
  Draw d = draw (judge, 8);
  judge_expect (judge, "%s %s", d.n & 1 ? "call" : "jmp", mem (&d));
  if (d.n & 1)
    dio_x64_call_m (d.a, d.m);
  else
    dio_x64_jmp_m (d.a, d.m);
}

/* Anywhere within 2 GiB of where the code runs. */
static void
form_branch_abs (Judge *judge)
{
  Draw d = draw (judge, 8);
  const void *target = d.a->at + d.a->exec_delta + d.imm / 2;
  const char *to = judge_imm_text (8, (intptr_t) target);
  switch (judge_below (judge, 3)) {
  case 0:
    judge_expect (judge, "jmp %s", to);
    dio_x64_jmp_abs (d.a, target);
    break;
  case 1:
    judge_expect (judge, "call %s", to);
    dio_x64_call_abs (d.a, target);
    break;
  default:
    judge_expect (judge, "j%s %s", cc_names[d.n], to);
    dio_x64_jcc_abs (d.a, d.n, target);
  }
}

/* clang-format off */
#define FORMS(X) \
  X (alu_rr) X (alu_ri) X (alu_rm) X (alu_mr) X (alu_mi) X (test_rr) X (test_ri) X (test_mi) X (test_mr) \
  X (mov_rr) X (mov_ri) X (mov_rm) X (mov_mr) X (mov_mi) X (movbe_rm) X (movbe_mr) X (movzx_rr) X (movzx_rm) \
  X (movsx_rr) X (movsx_rm) X (lea) X (prefetch) X (shift_ri) X (shift_cl) X (shld_rri) X (shrd_rri) X (shlx) X (shrx) \
  X (sarx) X (rorx) X (bextr) X (andn) X (mulx) X (neg) X (not) X (inc) X (dec) X (imul_rr) X (imul_rri) X (imul_rm) \
  X (mul1) X (imul1) X (div1) X (idiv1) X (cqo) X (setcc) X (cmov) X (cmov_rm) X (bswap) X (popcnt) X (lzcnt) \
  X (tzcnt) X (bsf) X (bsr) X (bt_ri) X (bt_rr) X (bts_rr) X (btr_rr) X (crc32) X (xchg_mr) X (lock_xadd_mr) X (lock_cmpxchg_mr) \
  X (lock_alu_mr) X (lock_alu_mi) X (lock_cmpxchg16b) X (fixed) X (register_only) X (branch_mem) X (branch_abs)
/* clang-format on */

static const struct {
  const char *name;
  JudgeForm form;
} forms[] = {
#define FORM_ENTRY(name) { #name, form_##name },
  FORMS (FORM_ENTRY)
#undef FORM_ENTRY
};

static void
test_form (gconstpointer data)
{
  unsigned i = GPOINTER_TO_UINT (data);
  judge_run (forms[i].name, forms[i].form, NULL, COUNT, true);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (forms); i++) {
    g_autofree char *path = g_strconcat ("/core/jit/x64-integer/", forms[i].name, NULL);
    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_form);
  }
  return g_test_run ();
}
