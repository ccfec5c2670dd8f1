/* SPDX-License-Identifier: GPL-3.0-or-later
 * Every form of the SSE and AVX instructions, with random operands, as libcapstone reads it. */
#include <string.h>

#include "tests/core/jit/x86_64/x64-judge.h"

#define COUNT 2000
#define COUNT_PACKED 1000

/* The packed instructions: each function of x64-vector.inc with its mnemonic and its suffix, which
 * names the operands. */
typedef struct {
  const char *name, *suffix;
  void (*function) (void);
} Packed;

/* clang-format off */
#define P(prefix, name, suffix) { prefix #name, #suffix, (void (*) (void)) dio_x64_##name##_##suffix },
#define V(name, suffix) { "v" #name, #suffix, (void (*) (void)) dio_x64_v##name##_##suffix },
#define SSE(name) P ("", name, xx) P ("", name, xm)
#define SSE_IMM(name) P ("", name, xxi) P ("", name, xmi)
#define X_BINARY_128(name) SSE (name) V (name, xxx) V (name, xxm)
#define X_BINARY(name) X_BINARY_128 (name) V (name, yyy) V (name, yym)
#define X_BINARY_SSE(name) SSE (name)
#define X_BINARY_VEX(name) V (name, xxx) V (name, xxm) V (name, yyy) V (name, yym)
#define X_BINARY_IMM_128(name) SSE_IMM (name) V (name, xxxi) V (name, xxmi)
#define X_BINARY_IMM(name) X_BINARY_IMM_128 (name) V (name, yyyi) V (name, yymi)
#define X_BINARY_IMM_SSE(name) SSE_IMM (name)
#define X_UNARY_VEX_128(name) V (name, xx) V (name, xm)
#define X_UNARY_128(name) SSE (name) V (name, xx) V (name, xm)
#define X_UNARY(name) X_UNARY_128 (name) V (name, yy) V (name, ym)
#define X_UNARY_IMM_128(name) SSE_IMM (name) V (name, xxi) V (name, xmi)
#define X_UNARY_IMM(name) X_UNARY_IMM_128 (name) V (name, yyi) V (name, ymi)
#define X_SHIFT(name) P ("", name, xi) V (name, xxi) V (name, yyi)

static const Packed packed[] = {
#define X(kind, name, enc) X_##kind (name)
#include "core/jit/x86_64/x64-vector.inc"
#undef X
};
/* clang-format on */

/* The last operand of a shift by a register has 128 bits whatever the others have. */
static bool
is_shift_by_register (const Packed *p)
{
  const char *name = p->name + (*p->name == 'v');
  return (g_str_has_prefix (name, "psll") || g_str_has_prefix (name, "psr")) && name[4] != 'v'
         && strlen (p->suffix) >= 2;
}

static const char *
vector (const Packed *p, unsigned index, unsigned reg)
{
  if (index == 2 && is_shift_by_register (p))
    return judge_xmm (reg);
  return p->suffix[index] == 'y' ? judge_ymm (reg) : judge_xmm (reg);
}

typedef struct {
  DioX64Xmm regs[3];
  DioX64Mem mem;
  uint8_t imm;
} Operands;

/* Comparisons are spelled with the condition in the mnemonic. */
static const char *const comparisons[] = { "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord" };

static bool
is_comparison (const char *name)
{
  return g_str_has_prefix (name, "cmp") || g_str_has_prefix (name, "vcmp");
}

/* With memory the mnemonic tells that it has 128 and not 256 bits. */
static bool
narrows_memory (const Packed *p)
{
  static const char *const names[] = { "vcvtpd2dq", "vcvttpd2dq", "vcvtpd2ps", NULL };
  return strcmp (p->suffix, "xm") == 0 && g_strv_contains (names, p->name);
}

static void
append_name (GString *text, const Packed *p, Operands *o)
{
  if (!is_comparison (p->name)) {
    g_string_append_printf (text, "%s%s", p->name, narrows_memory (p) ? "x" : "");
    return;
  }
  o->imm &= 7;
  size_t stem = (size_t) (strstr (p->name, "cmp") + 3 - p->name);
  g_string_append_len (text, p->name, (gssize) stem);
  g_string_append (text, comparisons[o->imm]);
  g_string_append (text, p->name + stem);
}

static void
expect_packed (Judge *judge, const Packed *p, Operands *o)
{
  g_autoptr (GString) text = g_string_new (NULL);
  append_name (text, p, o);
  for (unsigned i = 0; p->suffix[i]; i++) {
    const char *operand = p->suffix[i] == 'm'   ? judge_mem_text (judge, 0, o->mem)
                          : p->suffix[i] == 'i' ? judge_imm_text (1, o->imm)
                                                : vector (p, i, o->regs[i]);
    if (p->suffix[i] != 'i' || !is_comparison (p->name))
      g_string_append_printf (text, "%s%s", i ? ", " : " ", operand);
  }
  judge_expect (judge, "%s", text->str);
}

typedef void Xx (DioX64Asm *, DioX64Xmm, DioX64Xmm);
typedef void Xm (DioX64Asm *, DioX64Xmm, DioX64Mem);
typedef void Xi (DioX64Asm *, DioX64Xmm, uint8_t);
typedef void Xxi (DioX64Asm *, DioX64Xmm, DioX64Xmm, uint8_t);
typedef void Xmi (DioX64Asm *, DioX64Xmm, DioX64Mem, uint8_t);
typedef void Xxx (DioX64Asm *, DioX64Xmm, DioX64Xmm, DioX64Xmm);
typedef void Xxm (DioX64Asm *, DioX64Xmm, DioX64Xmm, DioX64Mem);
typedef void Xxxi (DioX64Asm *, DioX64Xmm, DioX64Xmm, DioX64Xmm, uint8_t);
typedef void Xxmi (DioX64Asm *, DioX64Xmm, DioX64Xmm, DioX64Mem, uint8_t);

static void
emit_packed (DioX64Asm *a, const Packed *p, const Operands *o)
{
  g_autofree char *shape = g_strdelimit (g_strdup (p->suffix), "y", 'x');
  const DioX64Xmm *r = o->regs;
  if (strcmp (shape, "xx") == 0)
    ((Xx *) p->function) (a, r[0], r[1]);
  else if (strcmp (shape, "xm") == 0)
    ((Xm *) p->function) (a, r[0], o->mem);
  else if (strcmp (shape, "xi") == 0)
    ((Xi *) p->function) (a, r[0], o->imm);
  else if (strcmp (shape, "xxi") == 0)
    ((Xxi *) p->function) (a, r[0], r[1], o->imm);
  else if (strcmp (shape, "xmi") == 0)
    ((Xmi *) p->function) (a, r[0], o->mem, o->imm);
  else if (strcmp (shape, "xxx") == 0)
    ((Xxx *) p->function) (a, r[0], r[1], r[2]);
  else if (strcmp (shape, "xxm") == 0)
    ((Xxm *) p->function) (a, r[0], r[1], o->mem);
  else if (strcmp (shape, "xxxi") == 0)
    ((Xxxi *) p->function) (a, r[0], r[1], r[2], o->imm);
  else if (strcmp (shape, "xxmi") == 0)
    ((Xxmi *) p->function) (a, r[0], r[1], o->mem, o->imm);
  else
    g_assert_not_reached ();
}

static void
form_packed (Judge *judge)
{
  const Packed *p = judge->data;
  Operands o = { .mem = judge_mem (judge), .imm = (uint8_t) judge_imm (judge) };
  for (unsigned i = 0; i < G_N_ELEMENTS (o.regs); i++)
    o.regs[i] = (DioX64Xmm) judge_reg (judge);
  expect_packed (judge, p, &o);
  emit_packed (&judge->a, p, &o);
}

static void
test_packed (void)
{
  g_assert_cmpuint (G_N_ELEMENTS (packed), >, 800);
  for (unsigned i = 0; i < G_N_ELEMENTS (packed); i++) {
    g_autofree char *name = g_strconcat (packed[i].name, "_", packed[i].suffix, NULL);
    judge_run (name, form_packed, &packed[i], COUNT_PACKED, false);
  }
}

/* All others: the operands of one form, drawn at random. */
typedef struct {
  Judge *judge;
  DioX64Asm *a;
  unsigned w, w_int;
  DioX64Xmm x, y, z;
  DioX64Reg r;
  DioX64Mem m;
  uint8_t imm;
  unsigned n; /* any small number: an operation */
} Draw;

static Draw
draw (Judge *judge)
{
  Draw d = { .judge = judge, .a = &judge->a };
  d.w = judge_width (judge, 0xc);
  d.w_int = judge_width (judge, 0xc);
  d.x = (DioX64Xmm) judge_reg (judge);
  d.y = (DioX64Xmm) judge_reg (judge);
  d.z = (DioX64Xmm) judge_reg (judge);
  d.r = (DioX64Reg) judge_reg (judge);
  d.m = judge_mem (judge);
  d.imm = (uint8_t) judge_imm (judge);
  d.n = judge_below (judge, 64);
  return d;
}

static const char *
mem (const Draw *d, unsigned w)
{
  return judge_mem_text (d->judge, w, d->m);
}

static const char *
scalar (const Draw *d)
{
  return d->w == 8 ? "sd" : "ss";
}

static void
form_movq_xr (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "mov%c %s, %s", d.w == 8 ? 'q' : 'd', judge_xmm (d.x), judge_gpr (d.w, d.r));
  dio_x64_movq_xr (d.a, d.w, d.x, d.r);
}

static void
form_movq_rx (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "mov%c %s, %s", d.w == 8 ? 'q' : 'd', judge_gpr (d.w, d.r), judge_xmm (d.x));
  dio_x64_movq_rx (d.a, d.w, d.r, d.x);
}

static void
form_moves (Judge *judge)
{
  static const struct {
    const char *name;
    void (*load) (DioX64Asm *a, DioX64Xmm dst, DioX64Mem mem);
    void (*store) (DioX64Asm *a, DioX64Mem mem, DioX64Xmm src);
  } moves[] = {
    { "movaps", dio_x64_movaps_xm, dio_x64_movaps_mx },
    { "movups", dio_x64_movups_xm, dio_x64_movups_mx },
    { "movdqu", dio_x64_movdqu_xm, dio_x64_movdqu_mx },
  };
  Draw d = draw (judge);
  unsigned i = d.n % G_N_ELEMENTS (moves);
  if (d.imm & 1) {
    judge_expect (judge, "%s %s, %s", moves[i].name, judge_xmm (d.x), mem (&d, 16));
    moves[i].load (d.a, d.x, d.m);
  } else {
    judge_expect (judge, "%s %s, %s", moves[i].name, mem (&d, 16), judge_xmm (d.x));
    moves[i].store (d.a, d.m, d.x);
  }
}

static void
form_movaps_xx (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "movaps %s, %s", judge_xmm (d.x), judge_xmm (d.y));
  dio_x64_movaps_xx (d.a, d.x, d.y);
}

static void
form_movs_xx (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "mov%s %s, %s", scalar (&d), judge_xmm (d.x), judge_xmm (d.y));
  dio_x64_movs_xx (d.a, d.w, d.x, d.y);
}

static void
form_movs_xm (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "mov%s %s, %s", scalar (&d), judge_xmm (d.x), mem (&d, d.w));
  dio_x64_movs_xm (d.a, d.w, d.x, d.m);
}

static void
form_movs_mx (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "mov%s %s, %s", scalar (&d), mem (&d, d.w), judge_xmm (d.x));
  dio_x64_movs_mx (d.a, d.w, d.m, d.x);
}

static DioX64Fp
draw_fp (const Draw *d, const char **name)
{
  static const DioX64Fp ops[] = { DIO_X64_FP_ADD, DIO_X64_FP_MUL, DIO_X64_FP_SUB, DIO_X64_FP_MIN,
                                  DIO_X64_FP_DIV, DIO_X64_FP_MAX, DIO_X64_FP_SQRT };
  static const char *const names[] = { "add", "mul", "sub", "min", "div", "max", "sqrt" };
  *name = names[d->n % G_N_ELEMENTS (ops)];
  return ops[d->n % G_N_ELEMENTS (ops)];
}

static void
form_fp_xx (Judge *judge)
{
  Draw d = draw (judge);
  const char *name;
  DioX64Fp op = draw_fp (&d, &name);
  judge_expect (judge, "%s%s %s, %s", name, scalar (&d), judge_xmm (d.x), judge_xmm (d.y));
  dio_x64_fp_xx (d.a, op, d.w, d.x, d.y);
}

static void
form_fp_xm (Judge *judge)
{
  Draw d = draw (judge);
  const char *name;
  DioX64Fp op = draw_fp (&d, &name);
  judge_expect (judge, "%s%s %s, %s", name, scalar (&d), judge_xmm (d.x), mem (&d, d.w));
  dio_x64_fp_xm (d.a, op, d.w, d.x, d.m);
}

static void
form_vfp_xxx (Judge *judge)
{
  Draw d = draw (judge);
  const char *name;
  DioX64Fp op = draw_fp (&d, &name);
  judge_expect (judge, "v%s%s %s, %s, %s", name, scalar (&d), judge_xmm (d.x), judge_xmm (d.y),
                judge_xmm (d.z));
  dio_x64_vfp_xxx (d.a, op, d.w, d.x, d.y, d.z);
}

static void
form_vfp_xxm (Judge *judge)
{
  Draw d = draw (judge);
  const char *name;
  DioX64Fp op = draw_fp (&d, &name);
  judge_expect (judge, "v%s%s %s, %s, %s", name, scalar (&d), judge_xmm (d.x), judge_xmm (d.y),
                mem (&d, d.w));
  dio_x64_vfp_xxm (d.a, op, d.w, d.x, d.y, d.m);
}

static void
form_compare (Judge *judge)
{
  static const struct {
    const char *name;
    void (*with_register) (DioX64Asm *a, unsigned w, DioX64Xmm x, DioX64Xmm y);
    void (*with_memory) (DioX64Asm *a, unsigned w, DioX64Xmm x, DioX64Mem y);
  } compares[] = {
    { "ucomis", dio_x64_ucomis, dio_x64_ucomis_xm },
    { "comis", dio_x64_comis, dio_x64_comis_xm },
  };
  Draw d = draw (judge);
  unsigned i = d.n & 1;
  const char *y = d.n & 2 ? judge_xmm (d.y) : mem (&d, d.w);
  judge_expect (judge, "%s%c %s, %s", compares[i].name, d.w == 8 ? 'd' : 's', judge_xmm (d.x), y);
  if (d.n & 2)
    compares[i].with_register (d.a, d.w, d.x, d.y);
  else
    compares[i].with_memory (d.a, d.w, d.x, d.m);
}

static void
form_convert (Judge *judge)
{
  Draw d = draw (judge);
  const char *r = judge_gpr (d.w_int, d.r), *x = judge_xmm (d.x), *y = judge_xmm (d.y);
  switch (d.n % 5) {
  case 0:
    judge_expect (judge, "cvtsi2%s %s, %s", scalar (&d), x, r);
    dio_x64_cvtsi2s (d.a, d.w, d.w_int, d.x, d.r);
    break;
  case 1:
    judge_expect (judge, "cvtt%s2si %s, %s", scalar (&d), r, x);
    dio_x64_cvtts2si (d.a, d.w, d.w_int, d.r, d.x);
    break;
  case 2:
    judge_expect (judge, "cvt%s2si %s, %s", scalar (&d), r, x);
    dio_x64_cvts2si (d.a, d.w, d.w_int, d.r, d.x);
    break;
  case 3:
    judge_expect (judge, "cvtss2sd %s, %s", x, y);
    dio_x64_cvtss2sd (d.a, d.x, d.y);
    break;
  default:
    judge_expect (judge, "cvtsd2ss %s, %s", x, y);
    dio_x64_cvtsd2ss (d.a, d.x, d.y);
  }
}

static void
form_rounds (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "round%s %s, %s, 0x%x", scalar (&d), judge_xmm (d.x), judge_xmm (d.y),
                d.n & 15);
  dio_x64_rounds (d.a, d.w, d.x, d.y, d.n & 15);
}

static void
form_vfma (Judge *judge)
{
  static const DioX64Fma kinds[] = { DIO_X64_FMADD, DIO_X64_FMSUB, DIO_X64_FNMADD, DIO_X64_FNMSUB };
  static const char *const kind_names[] = { "madd", "msub", "nmadd", "nmsub" };
  static const DioX64FmaOrder orders[] = { DIO_X64_FMA_132, DIO_X64_FMA_213, DIO_X64_FMA_231 };
  static const char *const order_names[] = { "132", "213", "231" };
  Draw d = draw (judge);
  unsigned kind = d.n & 3, order = judge_below (judge, 3), shape = judge_below (judge, 3);
  const char *last = shape == 1 ? mem (&d, d.w) : judge_xmm (d.z);
  judge_expect (judge, "vf%s%s%c%c %s, %s, %s", kind_names[kind], order_names[order],
                shape == 2 ? 'p' : 's', d.w == 8 ? 'd' : 's', judge_xmm (d.x), judge_xmm (d.y),
                last);
  if (shape == 0)
    dio_x64_vfma (d.a, kinds[kind], orders[order], d.w, d.x, d.y, d.z);
  else if (shape == 1)
    dio_x64_vfma_xxm (d.a, kinds[kind], orders[order], d.w, d.x, d.y, d.m);
  else
    dio_x64_vfma_packed (d.a, kinds[kind], orders[order], d.w, d.x, d.y, d.z);
}

static void
form_mxcsr (Judge *judge)
{
  Draw d = draw (judge);
  judge_expect (judge, "%smxcsr %s", d.n & 1 ? "ld" : "st", mem (&d, 4));
  if (d.n & 1)
    dio_x64_ldmxcsr (d.a, d.m);
  else
    dio_x64_stmxcsr (d.a, d.m);
}

static void
form_masks (Judge *judge)
{
  static const struct {
    const char *name;
    void (*emit) (DioX64Asm *a, DioX64Reg dst, DioX64Xmm src);
  } masks[] = {
    { "pmovmskb", dio_x64_pmovmskb },
    { "movmskps", dio_x64_movmskps },
    { "movmskpd", dio_x64_movmskpd },
  };
  Draw d = draw (judge);
  unsigned i = d.n % G_N_ELEMENTS (masks);
  judge_expect (judge, "%s %s, %s", masks[i].name, judge_gpr (4, d.r), judge_xmm (d.x));
  masks[i].emit (d.a, d.r, d.x);
}

static void
form_elements (Judge *judge)
{
  static const char letters[] = { 'b', 'w', 'd', 'q' };
  Draw d = draw (judge);
  unsigned log2 = d.n & 3, w = 1u << log2, lane = d.imm % (16 / w);
  const char *r = judge_gpr (w == 8 ? 8 : 4, d.r), *x = judge_xmm (d.x), *m = mem (&d, w);
  switch (judge_below (judge, 4)) {
  case 0:
    judge_expect (judge, "pinsr%c %s, %s, 0x%x", letters[log2], x, r, lane);
    dio_x64_pinsr (d.a, w, d.x, d.r, lane);
    break;
  case 1:
    judge_expect (judge, "pinsr%c %s, %s, 0x%x", letters[log2], x, m, lane);
    dio_x64_pinsr_xm (d.a, w, d.x, d.m, lane);
    break;
  case 2:
    judge_expect (judge, "pextr%c %s, %s, 0x%x", letters[log2], r, x, lane);
    dio_x64_pextr (d.a, w, d.r, d.x, lane);
    break;
  default:
    judge_expect (judge, "pextr%c %s, %s, 0x%x", letters[log2], m, x, lane);
    dio_x64_pextr_mx (d.a, w, d.m, d.x, lane);
  }
}

static void
form_vblendv (Judge *judge)
{
  static const unsigned widths[] = { 1, 4, 8 };
  static const char *const names[] = { "vpblendvb", "vblendvps", "vblendvpd" };
  Draw d = draw (judge);
  unsigned i = d.n % 3;
  judge_expect (judge, "%s %s, %s, %s, %s", names[i], judge_xmm (d.x), judge_xmm (d.y),
                judge_xmm (d.z), judge_xmm (d.imm & 15));
  dio_x64_vblendv (d.a, widths[i], d.x, d.y, d.z, (DioX64Xmm) (d.imm & 15));
}

/* The doors for instructions that have no function. */
static void
form_generic (Judge *judge)
{
  Draw d = draw (judge);
  const char *x = judge_xmm (d.x), *y = judge_xmm (d.y), *z = judge_xmm (d.z), *m = mem (&d, 16);
  switch (d.n % 9) {
  case 0:
    judge_expect (judge, "movhlps %s, %s", x, y);
    dio_x64_sse_op_xx (d.a, 0, DIO_X64_0F, 0x12, d.x, d.y);
    break;
  case 1:
    judge_expect (judge, "phminposuw %s, %s", x, m);
    dio_x64_sse_op_xm (d.a, DIO_X64_66, DIO_X64_0F38, 0x41, d.x, d.m);
    break;
  case 2:
    judge_expect (judge, "dpps %s, %s, 0x%x", x, y, d.imm);
    dio_x64_sse_op_xxi (d.a, DIO_X64_66, DIO_X64_0F3A, 0x40, d.x, d.y, d.imm);
    break;
  case 3:
    judge_expect (judge, "mpsadbw %s, %s, 0x%x", x, m, d.imm);
    dio_x64_sse_op_xmi (d.a, DIO_X64_66, DIO_X64_0F3A, 0x42, d.x, d.m, d.imm);
    break;
  case 4:
    judge_expect (judge, "vpermilps %s, %s, %s", x, y, z);
    dio_x64_vex_op_xxx (d.a, DIO_X64_66, DIO_X64_0F38, 0x0c, d.x, d.y, d.z);
    break;
  case 5:
    judge_expect (judge, "vpermilps %s, %s, %s", x, y, m);
    dio_x64_vex_op_xxm (d.a, DIO_X64_66, DIO_X64_0F38, 0x0c, d.x, d.y, d.m);
    break;
  case 6:
    judge_expect (judge, "vperm2f128 %s, %s, %s, 0x%x", judge_ymm (d.x), judge_ymm (d.y),
                  judge_ymm (d.z), d.imm);
    dio_x64_vex_op_xxxi (d.a, DIO_X64_66 | DIO_X64_L, DIO_X64_0F3A, 0x06, d.x, d.y, d.z, d.imm);
    break;
  case 7:
    /* The only kind in map 0F with VEX.W. */
    judge_expect (judge, "vmovq %s, %s", x, judge_gpr (8, d.r));
    dio_x64_vex_op_xxx (d.a, DIO_X64_66 | DIO_X64_W, DIO_X64_0F, 0x6e, d.x, 0, (DioX64Xmm) d.r);
    break;
  default:
    judge_expect (judge, "vpblendd %s, %s, %s, 0x%x", x, y, m, d.imm);
    dio_x64_vex_op_xxmi (d.a, DIO_X64_66, DIO_X64_0F3A, 0x02, d.x, d.y, d.m, d.imm);
  }
}

static const struct {
  const char *name;
  JudgeForm form;
} forms[] = {
  { "movq_xr", form_movq_xr },     { "movq_rx", form_movq_rx }, { "moves", form_moves },
  { "movaps_xx", form_movaps_xx }, { "movs_xx", form_movs_xx }, { "movs_xm", form_movs_xm },
  { "movs_mx", form_movs_mx },     { "fp_xx", form_fp_xx },     { "fp_xm", form_fp_xm },
  { "vfp_xxx", form_vfp_xxx },     { "vfp_xxm", form_vfp_xxm }, { "compare", form_compare },
  { "convert", form_convert },     { "rounds", form_rounds },   { "vfma", form_vfma },
  { "mxcsr", form_mxcsr },         { "masks", form_masks },     { "elements", form_elements },
  { "vblendv", form_vblendv },     { "generic", form_generic },
};

static void
test_form (gconstpointer data)
{
  unsigned i = GPOINTER_TO_UINT (data);
  judge_run (forms[i].name, forms[i].form, NULL, COUNT, false);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/x64-vector/packed", test_packed);
  for (unsigned i = 0; i < G_N_ELEMENTS (forms); i++) {
    g_autofree char *path = g_strconcat ("/core/jit/x64-vector/", forms[i].name, NULL);
    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_form);
  }
  return g_test_run ();
}
