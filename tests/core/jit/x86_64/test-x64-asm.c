/* SPDX-License-Identifier: GPL-3.0-or-later
 * The parts of the x86-64 encoder that are more than one instruction: labels, the end of the
 * buffer, addresses out of reach, no-operations; and functions that really run. */
#include "core/jit/x86_64/x64-asm.h"
#include "core/jit/x86_64/x64-features.h"

#include <string.h>
#include <sys/mman.h>

#include "tests/core/jit/x86_64/x64-judge.h"

static void
assert_code (const DioX64Asm *a, const char *expected)
{
  g_autofree char *found = judge_disassemble (a->start, dio_x64_size (a),
                                              (uintptr_t) a->start + (uintptr_t) a->exec_delta);
  g_assert_false (a->overflow);
  g_assert_cmpstr (found, ==, expected);
}

/* Labels. */

/* The bytes of a jump back over @gap bytes. */
static size_t
size_of_jump_back (size_t gap, bool conditional)
{
  uint8_t code[512];
  DioX64Asm a;
  DioX64Label label = DIO_X64_LABEL_INIT;
  dio_x64_init (&a, code, sizeof code);
  dio_x64_bind (&a, &label);
  dio_x64_nop (&a, gap);
  if (conditional)
    dio_x64_jcc_label (&a, DIO_X64_CC_LE, &label);
  else
    dio_x64_jmp_label (&a, &label);
  g_autofree char *target = judge_disassemble (code + gap, dio_x64_size (&a) - gap, 0x1000 + gap);
  g_assert_cmpstr (target, ==, conditional ? "jle 0x1000\n" : "jmp 0x1000\n");
  return dio_x64_size (&a) - gap;
}

static void
test_short_border (void)
{
  for (size_t gap = 0; gap <= 300; gap++) {
    g_assert_cmpuint (size_of_jump_back (gap, false), ==, gap + 2 <= 128 ? 2 : 5);
    g_assert_cmpuint (size_of_jump_back (gap, true), ==, gap + 2 <= 128 ? 2 : 6);
  }
}

static void
test_forward (void)
{
  uint8_t code[256];
  DioX64Asm a;
  DioX64Label label = DIO_X64_LABEL_INIT;
  dio_x64_init (&a, code, sizeof code);
  a.exec_delta = 0x100000 - (ptrdiff_t) (uintptr_t) code;
  dio_x64_jmp_label (&a, &label);
  dio_x64_jcc_label (&a, DIO_X64_CC_NE, &label);
  dio_x64_call_label (&a, &label);
  dio_x64_lea_label (&a, DIO_X64_R9, &label);
  dio_x64_mov_mi (&a, 4, dio_x64_mem_label (&label, 0), 7);
  dio_x64_test_mi (&a, 2, dio_x64_mem_label (&label, 0), 7);
  dio_x64_alu_mi (&a, DIO_X64_ADD, 8, dio_x64_mem_label (&label, 0), 7);
  dio_x64_bind (&a, &label);
  g_assert_cmpint (label.position, ==, 50);
  dio_x64_movs_xm (&a, 8, DIO_X64_XMM3, dio_x64_mem_label (&label, 8));
  dio_x64_jmp_label (&a, &label);
  assert_code (&a, "jmp 0x100032\n"
                   "jne 0x100032\n"
                   "call 0x100032\n"
                   "lea r9, [rip:0x100032]\n"
                   "mov dword [rip:0x100032], 0x7\n"
                   "test word [rip:0x100032], 0x7\n"
                   "add qword [rip:0x100032], 0x7\n"
                   "movsd xmm3, qword [rip:0x10003a]\n"
                   "jmp 0x100032\n");
}

/* Hundreds of uses of many labels, bound in any order. */
#define LABELS 20
#define USES 400

typedef struct {
  int kind;
  unsigned label; /* LABELS + n: the label is bound here, nothing is emitted */
} Use;

static void
emit_use (DioX64Asm *a, const Use *use, DioX64Label *labels)
{
  DioX64Label *label = &labels[use->label];
  switch (use->kind) {
  case 0:
    dio_x64_jmp_label (a, label);
    break;
  case 1:
    dio_x64_jcc_label (a, DIO_X64_CC_S, label);
    break;
  case 2:
    dio_x64_call_label (a, label);
    break;
  case 3:
    dio_x64_lea_label (a, DIO_X64_RBX, label);
    break;
  default:
    dio_x64_alu_mi (a, DIO_X64_XOR, 1, dio_x64_mem_label (label, 0), 0x12);
  }
}

static void
expect_use (GString *text, const Use *use, const DioX64Label *labels, uint64_t address)
{
  static const char *const formats[] = { "jmp 0x%x\n", "js 0x%x\n", "call 0x%x\n",
                                         "lea rbx, [rip:0x%x]\n", "xor byte [rip:0x%x], 0x12\n" };
  uint64_t target = address + (uint64_t) labels[use->label].position;
  g_autofree char *number = g_strdup_printf ("0x%" PRIx64, target);
  g_auto (GStrv) parts = g_strsplit (formats[use->kind], "0x%x", 2);
  g_string_append_printf (text, "%s%s%s", parts[0], number, parts[1]);
}

static void
random_program (GRand *random)
{
  uint8_t code[USES * 16];
  Use uses[USES];
  DioX64Label labels[LABELS];
  bool bound[LABELS] = { false };
  DioX64Asm a;
  dio_x64_init (&a, code, sizeof code);
  a.exec_delta = 0x40000000 - (ptrdiff_t) (uintptr_t) code;
  for (unsigned i = 0; i < LABELS; i++)
    labels[i] = (DioX64Label) DIO_X64_LABEL_INIT;
  for (unsigned i = 0; i < USES; i++) {
    unsigned candidate = (unsigned) g_rand_int_range (random, 0, LABELS);
    if (g_rand_int_range (random, 0, 20) == 0 && !bound[candidate]) {
      dio_x64_bind (&a, &labels[candidate]);
      bound[candidate] = true;
    }
    uses[i] = (Use){ g_rand_int_range (random, 0, 5), candidate };
    emit_use (&a, &uses[i], labels);
  }
  for (unsigned i = 0; i < LABELS; i++) {
    if (!bound[i])
      dio_x64_bind (&a, &labels[i]);
    g_assert_cmpint (labels[i].fixups, ==, -1);
  }

  g_autoptr (GString) expected = g_string_new (NULL);
  for (unsigned i = 0; i < USES; i++)
    expect_use (expected, &uses[i], labels, 0x40000000);
  assert_code (&a, expected->str);
}

static void
test_chains (void)
{
  GRand *random = g_rand_new_with_seed (1);
  for (unsigned i = 0; i < 50; i++)
    random_program (random);
  g_rand_free (random);
}

/* The end of the buffer. */

/* Something of every kind that writes; the label is bound, or not and then chained. */
static void
emit_anything (DioX64Asm *a, unsigned kind, DioX64Label *label)
{
  switch (kind) {
  case 0:
    dio_x64_mov_ri (a, DIO_X64_R15, UINT64_C (0x1122334455667788));
    break;
  case 1:
    dio_x64_jmp_label (a, label);
    break;
  case 2:
    dio_x64_jcc_label (a, DIO_X64_CC_A, label);
    break;
  case 3:
    dio_x64_nop (a, 40);
    break;
  case 4:
    dio_x64_mov_mi (a, 8, dio_x64_mem_index (DIO_X64_R12, DIO_X64_R13, 3, 1 << 20), -(1 << 20));
    break;
  case 5:
    dio_x64_vpaddb_xxm (a, DIO_X64_XMM9, DIO_X64_XMM8, dio_x64_mem_label (label, 0));
    break;
  case 6:
    dio_x64_vpaddb_xxx (a, DIO_X64_XMM9, DIO_X64_XMM8, DIO_X64_XMM10);
    break;
  case 7:
    dio_x64_alu_rr (a, DIO_X64_ADD, 8, DIO_X64_RAX, DIO_X64_RCX);
    break;
  case 8:
    dio_x64_call_abs (a, a->at + a->exec_delta + 100);
    break;
  default:
    dio_x64_ret (a);
  }
}

static void
fill (GRand *random, size_t size)
{
  uint8_t memory[256];
  memset (memory, 0xa5, sizeof memory);
  DioX64Asm a;
  DioX64Label label = DIO_X64_LABEL_INIT;
  dio_x64_init (&a, memory + 16, size);
  while (!a.overflow) {
    size_t before = dio_x64_size (&a);
    emit_anything (&a, (unsigned) g_rand_int_range (random, 0, 10), &label);
    g_assert_cmpuint (dio_x64_size (&a), <=, size);
    /* It ends exactly when there are less than 16 bytes and something is to be written. */
    if (a.overflow)
      g_assert_cmpuint (size - dio_x64_size (&a), <, 16);
    else
      g_assert_cmpuint (size - before, >=, 16);
  }
  uint8_t copy[sizeof memory];
  memcpy (copy, memory, sizeof memory);
  DioX64Label after = label;
  for (unsigned kind = 0; kind < 10; kind++)
    emit_anything (&a, kind, &label);
  g_assert_cmpint (label.fixups, ==, after.fixups);
  g_assert_cmpmem (memory, sizeof memory, copy, sizeof copy);
  dio_x64_bind (&a, &label);
  for (size_t i = 0; i < sizeof memory; i++)
    if (i < 16 || i >= 16 + dio_x64_size (&a))
      g_assert_cmphex (memory[i], ==, 0xa5);
}

static void
test_overflow (void)
{
  GRand *random = g_rand_new_with_seed (2);
  for (size_t size = 0; size < 200; size++)
    for (unsigned i = 0; i < 50; i++)
      fill (random, size);
  g_rand_free (random);
}

static bool
reaches (int64_t distance, unsigned kind)
{
  static const size_t sizes[] = { 5, 6, 5, 7, 10, 9 };
  uint8_t code[64];
  DioX64Asm a;
  dio_x64_init (&a, code, sizeof code);
  a.exec_delta = 0x12345670;
  const void *target =
      (void *) ((uintptr_t) code + 0x12345670 + sizes[kind] + (uintptr_t) distance);
  switch (kind) {
  case 0:
    dio_x64_jmp_abs (&a, target);
    break;
  case 1:
    dio_x64_jcc_abs (&a, DIO_X64_CC_O, target);
    break;
  case 2:
    dio_x64_call_abs (&a, target);
    break;
  case 3:
    dio_x64_lea (&a, 8, DIO_X64_RAX, dio_x64_mem_abs (target));
    break;
  case 4:
    dio_x64_mov_mi (&a, 4, dio_x64_mem_abs (target), 5);
    break;
  default:
    dio_x64_vpaddb_xxm (&a, 0, 0, dio_x64_mem_abs (target));
    dio_x64_ret (&a);
  }
  g_assert_cmpuint (dio_x64_size (&a), ==, a.overflow ? 0 : sizes[kind]);
  return !a.overflow;
}

static void
test_reach (void)
{
  for (unsigned kind = 0; kind < 5; kind++) {
    g_assert_true (reaches (INT32_MAX, kind));
    g_assert_false (reaches (INT32_MAX + INT64_C (1), kind));
    g_assert_true (reaches (INT32_MIN, kind));
    g_assert_false (reaches (INT32_MIN - INT64_C (1), kind));
    g_assert_false (reaches (INT64_C (1) << 45, kind));
  }
  g_assert_true (reaches (0, 5));
  g_assert_false (reaches (INT64_C (1) << 32, 5));
}

static void
test_nop (void)
{
  for (size_t n = 1; n <= 60; n++) {
    uint8_t code[128];
    DioX64Asm a;
    dio_x64_init (&a, code, sizeof code);
    dio_x64_nop (&a, n);
    g_assert_cmpuint (dio_x64_size (&a), ==, n);
    g_autofree char *text = judge_disassemble (code, n, 0);
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
    g_assert_cmpuint (g_strv_length (lines), ==, (n + 8) / 9 + 1);
    for (size_t i = 0; i < (n + 8) / 9; i++)
      g_assert_true (g_str_has_prefix (lines[i], "nop"));
  }
}

/* Code that runs. */

#define PAGE 4096

static DioX64Asm
start_function (void)
{
  uint8_t *page = mmap (NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true (page != MAP_FAILED);
  DioX64Asm a;
  dio_x64_init (&a, page, PAGE);
  dio_x64_nop (&a, 64); /* sanitizers look in front of functions */
  return a;
}

static void *
finish_function (DioX64Asm *a)
{
  g_assert_false (a->overflow);
  g_assert_cmpint (mprotect (a->start, PAGE, PROT_READ | PROT_EXEC), ==, 0);
  return a->start + 64;
}

static void
drop_function (DioX64Asm *a)
{
  munmap (a->start, PAGE);
}

typedef uint64_t Function (uint64_t x, uint64_t y, uint64_t z);

static void
test_run_loop (void)
{
  DioX64Asm a = start_function ();
  DioX64Label top = DIO_X64_LABEL_INIT, end = DIO_X64_LABEL_INIT;
  dio_x64_mov_ri (&a, DIO_X64_RAX, 1);
  dio_x64_bind (&a, &top);
  dio_x64_alu_ri (&a, DIO_X64_CMP, 8, DIO_X64_RDI, 1);
  dio_x64_jcc_label (&a, DIO_X64_CC_BE, &end);
  dio_x64_imul_rr (&a, 8, DIO_X64_RAX, DIO_X64_RDI);
  dio_x64_dec (&a, 8, DIO_X64_RDI);
  dio_x64_jmp_label (&a, &top);
  dio_x64_bind (&a, &end);
  dio_x64_ret (&a);
  Function *factorial = finish_function (&a);
  g_assert_cmpuint (factorial (0, 0, 0), ==, 1);
  g_assert_cmpuint (factorial (5, 0, 0), ==, 120);
  g_assert_cmpuint (factorial (20, 0, 0), ==, UINT64_C (2432902008176640000));
  drop_function (&a);
}

static uint64_t
called (uint64_t x, uint64_t y)
{
  return x * 3 + y;
}

static void
test_run_call (void)
{
  DioX64Asm a = start_function ();
  DioX64Label inner = DIO_X64_LABEL_INIT;
  dio_x64_push (&a, DIO_X64_R12);
  dio_x64_lea (&a, 8, DIO_X64_R12, dio_x64_mem_index (DIO_X64_RDI, DIO_X64_RSI, 2, 5));
  dio_x64_mov_ri (&a, DIO_X64_RAX, (uintptr_t) called);
  dio_x64_call_r (&a, DIO_X64_RAX);
  dio_x64_call_label (&a, &inner);
  dio_x64_pop (&a, DIO_X64_R12);
  dio_x64_ret (&a);
  dio_x64_bind (&a, &inner);
  dio_x64_alu_rr (&a, DIO_X64_SUB, 8, DIO_X64_RAX, DIO_X64_R12);
  dio_x64_ret (&a);
  Function *function = finish_function (&a);
  g_assert_cmpint ((int64_t) function (10, 7, 0), ==, (10 * 3 + 7) - (10 + 7 * 4 + 5));
  drop_function (&a);
}

/* Copies @z words of each width from @y to @x, and tells by a register that needs REX to be a byte.
 */
static void
test_run_memory (void)
{
  DioX64Asm a = start_function ();
  DioX64Label top = DIO_X64_LABEL_INIT;
  dio_x64_bind (&a, &top);
  dio_x64_movsx_rm (&a, 1, DIO_X64_R8, dio_x64_mem_index (DIO_X64_RSI, DIO_X64_RDX, 0, -1));
  dio_x64_mov_mr (&a, 8, dio_x64_mem_index (DIO_X64_RDI, DIO_X64_RDX, 3, -8), DIO_X64_R8);
  dio_x64_alu_ri (&a, DIO_X64_SUB, 8, DIO_X64_RDX, 1);
  dio_x64_jcc_label (&a, DIO_X64_CC_NE, &top);
  dio_x64_alu_mi (&a, DIO_X64_CMP, 8, dio_x64_mem (DIO_X64_RDI, 8), -2);
  dio_x64_setcc (&a, DIO_X64_CC_E, DIO_X64_RSI);
  dio_x64_movzx_rr (&a, 1, DIO_X64_RAX, DIO_X64_RSI);
  dio_x64_ret (&a);
  Function *function = finish_function (&a);
  const int8_t from[] = { 1, -2, 127, -128 };
  int64_t to[4] = { 0 };
  g_assert_cmpuint (function ((uintptr_t) to, (uintptr_t) from, 4), ==, 1);
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmpint (to[i], ==, from[i]);
  drop_function (&a);
}

/* A table of addresses in the code, and constants that are not known when they are used. */
static void
test_run_table (void)
{
  DioX64Asm a = start_function ();
  DioX64Label table = DIO_X64_LABEL_INIT, cases[3];
  dio_x64_lea_label (&a, DIO_X64_RAX, &table);
  dio_x64_jmp_m (&a, dio_x64_mem_index (DIO_X64_RAX, DIO_X64_RDI, 3, 0));
  for (unsigned i = 0; i < 3; i++) {
    cases[i] = (DioX64Label) DIO_X64_LABEL_INIT;
    dio_x64_bind (&a, &cases[i]);
    dio_x64_mov_ri (&a, DIO_X64_RAX, 100 + i);
    dio_x64_ret (&a);
  }
  dio_x64_bind (&a, &table);
  for (unsigned i = 0; i < 3; i++)
    dio_x64_put_bytes (&a, (uintptr_t) a.start + (uintptr_t) cases[i].position, 8);
  Function *function = finish_function (&a);
  for (unsigned i = 0; i < 3; i++)
    g_assert_cmpuint (function (i, 0, 0), ==, 100 + i);
  drop_function (&a);
}

static void
test_run_fp (void)
{
  DioX64Asm a = start_function ();
  DioX64Label one_half = DIO_X64_LABEL_INIT;
  dio_x64_fp_xx (&a, DIO_X64_FP_MUL, 8, DIO_X64_XMM0, DIO_X64_XMM0);
  dio_x64_fp_xx (&a, DIO_X64_FP_MUL, 8, DIO_X64_XMM1, DIO_X64_XMM1);
  dio_x64_fp_xx (&a, DIO_X64_FP_ADD, 8, DIO_X64_XMM0, DIO_X64_XMM1);
  dio_x64_fp_xx (&a, DIO_X64_FP_SQRT, 8, DIO_X64_XMM9, DIO_X64_XMM0);
  dio_x64_fp_xm (&a, DIO_X64_FP_SUB, 8, DIO_X64_XMM9, dio_x64_mem_label (&one_half, 0));
  dio_x64_cvtts2si (&a, 8, 8, DIO_X64_R9, DIO_X64_XMM9);
  dio_x64_cvtsi2s (&a, 8, 8, DIO_X64_XMM0, DIO_X64_R9);
  dio_x64_ret (&a);
  dio_x64_bind (&a, &one_half);
  dio_x64_put_bytes (&a, UINT64_C (0x3fe0000000000000), 8);
  double (*function) (double, double) = (double (*) (double, double)) finish_function (&a);
  g_assert_cmpfloat (function (3, 4), ==, 4);
  g_assert_cmpfloat (function (-5, 12), ==, 12);
  drop_function (&a);
}

static void
test_run_packed (void)
{
  DioX64Asm a = start_function ();
  dio_x64_movdqu_xm (&a, DIO_X64_XMM10, dio_x64_mem (DIO_X64_RDI, 0));
  dio_x64_movdqu_xm (&a, DIO_X64_XMM1, dio_x64_mem (DIO_X64_RSI, 0));
  dio_x64_paddd_xx (&a, DIO_X64_XMM10, DIO_X64_XMM1);
  dio_x64_pshufd_xxi (&a, DIO_X64_XMM10, DIO_X64_XMM10, 0x1b);
  dio_x64_pslld_xi (&a, DIO_X64_XMM10, 4);
  dio_x64_movdqu_mx (&a, dio_x64_mem (DIO_X64_RDI, 0), DIO_X64_XMM10);
  dio_x64_ret (&a);
  Function *function = finish_function (&a);
  uint32_t x[4] = { 1, 2, 3, 4 };
  const uint32_t y[4] = { 10, 20, 30, 40 };
  function ((uintptr_t) x, (uintptr_t) y, 0);
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmpuint (x[i], ==, 176 * (4 - i));
  drop_function (&a);
}

static void
test_run_atomic (void)
{
  DioX64Asm a = start_function ();
  dio_x64_mov_rr (&a, 8, DIO_X64_RAX, DIO_X64_RSI);
  dio_x64_lock_cmpxchg_mr (&a, 8, dio_x64_mem (DIO_X64_RDI, 0), DIO_X64_RDX);
  dio_x64_setcc (&a, DIO_X64_CC_E, DIO_X64_R8);
  dio_x64_lock_xadd_mr (&a, 8, dio_x64_mem (DIO_X64_RDI, 8), DIO_X64_RSI);
  dio_x64_lock_alu_mi (&a, DIO_X64_OR, 2, dio_x64_mem (DIO_X64_RDI, 16), 0x7f0);
  dio_x64_movzx_rr (&a, 1, DIO_X64_RAX, DIO_X64_R8);
  dio_x64_ret (&a);
  Function *function = finish_function (&a);
  uint64_t memory[3] = { 5, 100, 1 };
  g_assert_cmpuint (function ((uintptr_t) memory, 5, 6), ==, 1);
  g_assert_cmpuint (function ((uintptr_t) memory, 5, 7), ==, 0);
  g_assert_cmpuint (memory[0], ==, 6);
  g_assert_cmpuint (memory[1], ==, 110);
  g_assert_cmphex (memory[2], ==, 0x7f1);
  drop_function (&a);
}

static void
test_run_bmi (void)
{
  DioX64Features features = dio_x64_features_detect ();
  DioX64Asm a = start_function ();
  if (features.bmi1 && features.bmi2) {
    dio_x64_shlx (&a, 8, DIO_X64_R8, DIO_X64_RDI, DIO_X64_RSI);
    dio_x64_andn (&a, 8, DIO_X64_R8, DIO_X64_RDX, DIO_X64_R8);
    dio_x64_rorx (&a, 8, DIO_X64_RAX, DIO_X64_R8, 8);
  } else {
    dio_x64_mov_rr (&a, 8, DIO_X64_RCX, DIO_X64_RSI);
    dio_x64_shift_cl (&a, DIO_X64_SHL, 8, DIO_X64_RDI);
    dio_x64_not (&a, 8, DIO_X64_RDX);
    dio_x64_alu_rr (&a, DIO_X64_AND, 8, DIO_X64_RDI, DIO_X64_RDX);
    dio_x64_shift_ri (&a, DIO_X64_ROR, 8, DIO_X64_RDI, 8);
    dio_x64_mov_rr (&a, 8, DIO_X64_RAX, DIO_X64_RDI);
  }
  dio_x64_ret (&a);
  Function *function = finish_function (&a);
  g_assert_cmphex (function (0x1234, 8, 0xf000), ==, 0x1204);
  drop_function (&a);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/x64-asm/short-border", test_short_border);
  g_test_add_func ("/core/jit/x64-asm/forward", test_forward);
  g_test_add_func ("/core/jit/x64-asm/chains", test_chains);
  g_test_add_func ("/core/jit/x64-asm/overflow", test_overflow);
  g_test_add_func ("/core/jit/x64-asm/reach", test_reach);
  g_test_add_func ("/core/jit/x64-asm/nop", test_nop);
  g_test_add_func ("/core/jit/x64-asm/run-loop", test_run_loop);
  g_test_add_func ("/core/jit/x64-asm/run-call", test_run_call);
  g_test_add_func ("/core/jit/x64-asm/run-memory", test_run_memory);
  g_test_add_func ("/core/jit/x64-asm/run-table", test_run_table);
  g_test_add_func ("/core/jit/x64-asm/run-fp", test_run_fp);
  g_test_add_func ("/core/jit/x64-asm/run-packed", test_run_packed);
  g_test_add_func ("/core/jit/x64-asm/run-atomic", test_run_atomic);
  g_test_add_func ("/core/jit/x64-asm/run-bmi", test_run_bmi);
  return g_test_run ();
}
