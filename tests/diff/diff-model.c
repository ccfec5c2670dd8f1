/* SPDX-License-Identifier: GPL-3.0-or-later
 * A reference for what qemu 7.2 cannot judge. Chapter names are those of the RISC-V unprivileged
 * and privileged specifications of 2024. */
#include "tests/diff/diff-model.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

enum {
  FLAG_NX = 1,
  FLAG_NV = 16,
};

enum {
  CAUSE_ILLEGAL = 2,
  CAUSE_LOAD_MISALIGNED = 4,
  CAUSE_LOAD_ACCESS = 5,
  CAUSE_STORE_MISALIGNED = 6,
  CAUSE_STORE_ACCESS = 7,
  CAUSE_ECALL_U = 8,
};

#define NAN32 UINT32_C (0x7fc00000)
#define NAN64 UINT64_C (0x7ff8000000000000)

typedef struct {
  const DiffTest *test;
  DiffOutcome *outcome;
  uint32_t raw;
  unsigned rd, rs1, rs2, funct3;
} Model;

static void
trap (Model *m, int cause, uint64_t tval)
{
  m->outcome->cause = cause;
  m->outcome->x[0] = m->test->slot;
  m->outcome->tval = tval;
}

static void
write_x (Model *m, uint64_t value)
{
  if (m->rd != 0)
    m->outcome->x[m->rd] = value;
}

/* ---- Floating point by the host ---- */

static double
as_double (uint64_t raw)
{
  double value;

  memcpy (&value, &raw, sizeof value);
  return value;
}

static uint64_t
of_double (double value)
{
  uint64_t raw;

  memcpy (&raw, &value, sizeof raw);
  return raw;
}

static float
as_float (uint32_t raw)
{
  float value;

  memcpy (&value, &raw, sizeof value);
  return value;
}

static uint32_t
of_float (float value)
{
  uint32_t raw;

  memcpy (&raw, &value, sizeof raw);
  return raw;
}

/* An operand as a double, exact; a single one that is not boxed is the canonical NaN. @nan and
 * @signalling say what it was, as a conversion would lose it. */
typedef struct {
  double value;
  bool nan, signalling;
} Operand;

static Operand
operand (const Model *m, bool single, unsigned number)
{
  uint64_t raw = m->test->state.f[number];
  Operand o = { 0 };

  if (single) {
    uint32_t low = raw >> 32 == UINT32_MAX ? (uint32_t) raw : NAN32;

    o.nan = (low & 0x7fffffff) > 0x7f800000;
    o.signalling = o.nan && !(low & 0x00400000);
    o.value = o.nan ? 0 : as_float (low);
  } else {
    o.nan = (raw & UINT64_C (0x7fffffffffffffff)) > UINT64_C (0x7ff0000000000000);
    o.signalling = o.nan && !(raw & UINT64_C (0x0008000000000000));
    o.value = o.nan ? 0 : as_double (raw);
  }
  return o;
}

static void
write_f (Model *m, bool single, bool nan, double value)
{
  if (single)
    m->outcome->f[m->rd] = UINT64_C (0xffffffff00000000) | (nan ? NAN32 : of_float ((float) value));
  else
    m->outcome->f[m->rd] = nan ? NAN64 : of_double (value);
}

/* Zfa, load-immediate: the table of the chapter. */
static void
load_immediate (Model *m, bool single)
{
  static const double values[] = {
    -1.0,   0,   0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0x1p-4, 0x1p-3, 0.25, 0.3125, 0.375,
    0.4375, 0.5, 0.625,   0.75,    0.875,  1.0,    1.25,   1.5,    1.75, 2.0,    2.5,
    3.0,    4.0, 8.0,     16.0,    128.0,  256.0,  0x1p15, 0x1p16, 0,    0,
  };
  double value = values[m->rs1];

  if (m->rs1 == 1)
    value = single ? 0x1p-126 : 0x1p-1022;
  if (m->rs1 == 30)
    value = INFINITY;
  write_f (m, single, m->rs1 == 31, value);
}

/* Zfa, minimum and maximum: as fmin and fmax, but a NaN operand gives the canonical NaN. */
static void
extremum (Model *m, bool single, bool maximum)
{
  Operand a = operand (m, single, m->rs1), b = operand (m, single, m->rs2);
  bool a_less = a.value < b.value || (a.value == b.value && signbit (a.value));

  if (a.signalling || b.signalling)
    m->outcome->fcsr |= FLAG_NV;
  write_f (m, single, a.nan || b.nan, a_less != maximum ? a.value : b.value);
}

/* Zfa, comparisons: quiet. */
static void
compare (Model *m, bool single, bool or_equal)
{
  Operand a = operand (m, single, m->rs1), b = operand (m, single, m->rs2);

  if (a.signalling || b.signalling)
    m->outcome->fcsr |= FLAG_NV;
  write_x (m, !a.nan && !b.nan && (or_equal ? a.value <= b.value : a.value < b.value));
}

/* Zfa, round to integer. A value of either format rounds to the same integral double. */
static void
round_to_integral (Model *m, bool single, bool exact)
{
  static const int directions[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };
  Operand a = operand (m, single, m->rs1);
  unsigned rm = m->funct3 == 7 ? (unsigned) (m->test->state.fcsr >> 5 & 7) : m->funct3;
  double result;

  if (rm > 4) {
    trap (m, CAUSE_ILLEGAL, m->raw);
    return;
  }
  if (a.nan) {
    if (a.signalling)
      m->outcome->fcsr |= FLAG_NV;
    write_f (m, single, true, 0);
    return;
  }
  if (rm == 4) {
    result = round (a.value);
  } else {
    volatile double value = a.value;

    fesetround (directions[rm]);
    result = nearbyint (value);
    fesetround (FE_TONEAREST);
  }
  if (exact && result != a.value)
    m->outcome->fcsr |= FLAG_NX;
  write_f (m, single, false, copysign (result, a.value));
}

/* Zfa, modular convert: like fcvt.w.d in RTZ, but the result is the integer modulo 2^32. */
static void
convert_modular (Model *m)
{
  Operand a = operand (m, false, m->rs1);
  double whole = trunc (a.value);

  if (a.nan || isinf (a.value)) {
    m->outcome->fcsr |= FLAG_NV;
    write_x (m, 0);
    return;
  }
  if (whole < -0x1p31 || whole > 0x1p31 - 1)
    m->outcome->fcsr |= FLAG_NV;
  else if (whole != a.value)
    m->outcome->fcsr |= FLAG_NX;
  /* fmod is exact. */
  write_x (m, (uint64_t) (int64_t) (int32_t) (uint32_t) (int64_t) fmod (whole, 0x1p32));
}

static bool
run_zfa (Model *m)
{
  unsigned format = m->raw >> 25 & 3, funct5 = m->raw >> 27;
  bool single = format == 0;

  if ((m->raw & 0x7f) != 0x53 || format > 1)
    return false;
  if (funct5 == 0x1e && m->rs2 == 1 && m->funct3 == 0)
    load_immediate (m, single);
  else if (funct5 == 0x05 && (m->funct3 == 2 || m->funct3 == 3))
    extremum (m, single, m->funct3 == 3);
  else if (funct5 == 0x08 && (m->rs2 == 4 || m->rs2 == 5))
    round_to_integral (m, single, m->rs2 == 5);
  else if (funct5 == 0x14 && (m->funct3 == 4 || m->funct3 == 5))
    compare (m, single, m->funct3 == 4);
  else if (funct5 == 0x18 && !single && m->rs2 == 8 && m->funct3 == 1)
    convert_modular (m);
  else
    return false;
  return true;
}

/* ---- The others ---- */

/* Zbb, ctzw: the trailing zeros of the least-significant word, 32 if there is no one in it. */
static bool
run_ctzw (Model *m)
{
  uint64_t value = m->rs1 ? m->test->state.x[m->rs1] : 0;
  unsigned count = 0;

  if ((m->raw & 0xfff0707f) != 0x6010101b)
    return false;
  while (count < 32 && !(value >> count & 1))
    count++;
  write_x (m, count);
  return true;
}

/* LOAD-FP and STORE-FP of widths other than words and double words belong to V, Q and Zfh, which we
 * do not have. */
static bool
run_vector_memory (Model *m)
{
  if ((m->raw & 0x5f) != 0x07 || m->funct3 == 2 || m->funct3 == 3)
    return false;
  trap (m, CAUSE_ILLEGAL, m->raw);
  return true;
}

/* Zicond. */
static bool
run_zicond (Model *m)
{
  uint64_t value = m->rs1 ? m->test->state.x[m->rs1] : 0;
  uint64_t condition = m->rs2 ? m->test->state.x[m->rs2] : 0;

  if ((m->raw & 0xfe00507f) != 0x0e005033 || (m->funct3 != 5 && m->funct3 != 7))
    return false;
  if (m->funct3 == 5)
    write_x (m, condition == 0 ? 0 : value);
  else
    write_x (m, condition != 0 ? 0 : value);
  return true;
}

/* Zicbom and Zicboz, enabled for user mode by menvcfg and senvcfg, with blocks of 64 bytes: only
 * cbo.zero does something that can be seen. The whole block is checked for access as a store. */
static bool
run_cache_block (Model *m)
{
  uint64_t address = m->rs1 ? m->test->state.x[m->rs1] : 0, block = address & ~UINT64_C (63);
  const DiffCase *state = &m->test->state;

  if ((m->raw & 0x7fff) != 0x200f || m->raw >> 20 == 3 || m->raw >> 20 > 4)
    return false;
  if (block < DIFF_DATA || block >= DIFF_DATA + DIFF_DATA_SIZE)
    trap (m, CAUSE_STORE_ACCESS, address);
  else if (m->raw >> 20 == 4 && block >= state->window
           && block + 64 <= state->window + state->length)
    memset ((uint8_t *) m->outcome->window + (block - state->window), 0, 64);
  return true;
}

/* A, 14.1 and 14.2: the address must be naturally aligned, else an address-misaligned or
 * access-fault exception; we raise the former. A conditional store to where nothing is may fault
 * although it would fail anyway; ours does. */
static bool
run_atomic (Model *m)
{
  uint64_t address = m->rs1 ? m->test->state.x[m->rs1] : 0;
  unsigned size = m->funct3 == 2 ? 4 : 8;
  bool load_reserved = m->raw >> 27 == 2;

  if ((m->raw & 0x7f) != 0x2f)
    return false;
  if (address % size == 0) {
    if (m->raw >> 27 != 3 || m->rs1 != 0)
      return false;
    trap (m, CAUSE_STORE_ACCESS, address);
    return true;
  }
  trap (m, load_reserved ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED, address);
  return true;
}

bool
diff_model_run (const DiffTest *test, DiffOutcome *outcome)
{
  Model m = { .test = test, .outcome = outcome };

  memcpy (&m.raw, test->code, sizeof m.raw);
  m.rd = m.raw >> 7 & 31;
  m.rs1 = m.raw >> 15 & 31;
  m.rs2 = m.raw >> 20 & 31;
  m.funct3 = m.raw >> 12 & 7;
  memcpy (outcome->x, test->state.x, sizeof outcome->x);
  memcpy (outcome->f, test->state.f, sizeof outcome->f);
  memcpy (outcome->window, test->window, sizeof outcome->window);
  outcome->fcsr = test->state.fcsr;
  outcome->cause = -1;
  outcome->tval = 0;
  if (m.raw == 0x00000073) {
    trap (&m, CAUSE_ECALL_U, 0);
    return true;
  }
  return run_zfa (&m) || run_ctzw (&m) || run_zicond (&m) || run_cache_block (&m) || run_atomic (&m)
         || run_vector_memory (&m);
}
