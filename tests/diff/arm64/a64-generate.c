/* SPDX-License-Identifier: GPL-3.0-or-later
 * Makes differential test cases of arm64.
 *
 * A single instruction is random within the mask of its leaf, once per leaf in turn. A sequence is
 * a random list of instructions that neither jump (but for branches forward) nor touch memory but
 * by x28, which none of them writes. */
#include <string.h>

#include "core/guest/arm64/arm64-leaves.h"
#include "tests/core/fp/fp-operands.h"
#include "tests/diff/arm64/a64-test.h"

#define BASE 28
#define JUMP_SLOT 16

/* ---- Random numbers ---- */

static uint64_t
mix (uint64_t a)
{
  a += UINT64_C (0x9e3779b97f4a7c15);
  a = (a ^ a >> 30) * UINT64_C (0xbf58476d1ce4e5b9);
  a = (a ^ a >> 27) * UINT64_C (0x94d049bb133111eb);
  return a ^ a >> 31;
}

static uint64_t
below (uint64_t *random, uint64_t limit)
{
  return fp_random (random) % limit;
}

static bool
chance (uint64_t *random, unsigned percent)
{
  return below (random, 100) < percent;
}

static uint64_t
random_integer (uint64_t *random)
{
  static const uint64_t edges[] = {
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    INT64_MAX,
    (uint64_t) INT64_MIN,
    0xffffffff80000000,
    0xfffffffffffffffe,
    UINT64_MAX,
  };
  uint64_t r = fp_random (random), value = fp_random (random);

  switch (r & 7) {
  case 0:
  case 1:
    return edges[(r >> 8) % G_N_ELEMENTS (edges)];
  case 2:
    return (uint64_t) (int64_t) (int8_t) value;
  case 3:
    return (uint64_t) (int64_t) (int32_t) value;
  case 4:
    return value >> (r >> 8 & 63);
  case 5:
    return (UINT64_C (1) << (r >> 8 & 63)) + (value & 3) - 1;
  default:
    return value;
  }
}

/* Eight bytes of a vector register: numbers of one format, or integers with edges in all lanes. */
static uint64_t
random_half_vector (uint64_t *random, uint64_t other)
{
  uint64_t value = 0;

  switch (below (random, 8)) {
  case 0:
  case 1:
    return fp_random_operand (random, 52, 11, other);
  case 2:
  case 3:
    for (unsigned i = 0; i < 64; i += 32)
      value |= fp_random_operand (random, 23, 8, (uint32_t) (other >> i)) << i;
    return value;
  case 4:
    for (unsigned i = 0; i < 64; i += 16)
      value |= fp_random_operand (random, 10, 5, (uint16_t) (other >> i)) << i;
    return value;
  case 5:
    for (unsigned i = 0; i < 64; i += 16)
      value |= (random_integer (random) & 0xffff) << i;
    return value;
  case 6:
    for (unsigned i = 0; i < 64; i += 8)
      value |= (random_integer (random) & 0xff) << i;
    return value;
  default:
    return random_integer (random);
  }
}

static void
random_state (uint64_t *random, A64Test *test)
{
  static const uint32_t modes[] = { 0, 0, 1u << 24, 1u << 25, 3u << 24, 1u << 26, 7u << 24 };
  A64State *state = &test->c.state;
  uint64_t other = 0;

  for (unsigned i = 0; i < 31; i++)
    other = state->x[i] = chance (random, 15) ? other : random_integer (random);
  state->sp = random_integer (random);
  state->nzcv = below (random, 16) << 28;
  state->fpcr = modes[below (random, G_N_ELEMENTS (modes))];
  if (chance (random, 50))
    state->fpcr |= below (random, 4) << 22;
  state->fpsr = chance (random, 50) ? 0 : fp_random (random) & 0x0800009f;
  for (unsigned i = 0; i < 32; i++) {
    for (unsigned k = 0; k < 2; k++)
      other = state->v[i][k] = chance (random, 10) ? other : random_half_vector (random, other);
  }
  state->pc = test->slot;
  for (unsigned i = 0; i < G_N_ELEMENTS (test->window); i++)
    test->window[i] =
        chance (random, 50) ? random_integer (random) : random_half_vector (random, other);
}

/* ---- Leaves ---- */

static const DioLeafInfo *
info_of (unsigned leaf)
{
  return &dio_a64_leaf_info[leaf];
}

static bool
name_begins (unsigned leaf, const char *prefix)
{
  return g_str_has_prefix (info_of (leaf)->name, prefix);
}

static bool
name_has (unsigned leaf, const char *part)
{
  return strstr (info_of (leaf)->name, part) != NULL;
}

/* Not judged: what makes the oracle do a system call or wait, and what a user program sees
 * otherwise than a machine; these have tests of their own. */
bool
a64_leaf_is_judged (unsigned leaf)
{
  static const char *const others[] = {
    "svc", "wfi",  "wfe", "yield", "hlt",      "dc_zva",
    "sys", "sysl", "mrs", "msr",   "msr_ssbs", "mrs_tpidrro_el0"
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (others); i++)
    if (strcmp (info_of (leaf)->name, others[i]) == 0)
      return false;
  return leaf != 0;
}

/* Loads and stores of structures, whose kind does not tell that they are. */
static bool
is_structure (unsigned leaf)
{
  return (info_of (leaf)->value & 0xbe000000) == 0x0c000000;
}

static bool
is_memory (unsigned leaf)
{
  unsigned kind = info_of (leaf)->kind;
  return is_structure (leaf) || kind == DIO_LEAF_LOAD || kind == DIO_LEAF_STORE
         || kind == DIO_LEAF_ATOMIC;
}

static bool
is_jump (unsigned leaf)
{
  unsigned kind = info_of (leaf)->kind;
  return kind == DIO_LEAF_BRANCH || kind == DIO_LEAF_JUMP || kind == DIO_LEAF_JUMP_REGISTER;
}

/* Is the integer register @number written? 31 is the stack pointer. */
static bool
writes (unsigned leaf, const DioInsn *insn, unsigned number)
{
  unsigned operands = info_of (leaf)->operands;
  bool back = is_memory (leaf) && (name_has (leaf, "_post") || name_has (leaf, "_pre"));

  if ((operands & DIO_OPERAND_RD_X) && insn->rd == number && number != 31)
    return true;
  if ((operands & DIO_OPERAND_RD_S) && insn->rd == number)
    return true;
  if ((operands & DIO_OPERAND_RS3_T) && insn->rs3 == number && number != 31)
    return true;
  if (name_begins (leaf, "casp") && (insn->rd | 1) == number)
    return true;
  return (back && insn->rs1 == number) || (name_begins (leaf, "bl") && number == 30);
}

/* What the architecture leaves open (CONSTRAINED UNPREDICTABLE). */
static bool
is_open (unsigned leaf, const DioInsn *insn, uint32_t raw)
{
  unsigned operands = info_of (leaf)->operands, rn = raw >> 5 & 31, rt = raw & 31;
  bool back = name_has (leaf, "_post") || name_has (leaf, "_pre");
  bool pair =
      (operands & DIO_OPERAND_RS3_T)
      || ((operands & DIO_OPERAND_RD_F) && (operands & DIO_OPERAND_RS3_F) && is_memory (leaf));

  if (pair && insn->rs3 == insn->rd)
    return true;
  /* Not open, but qemu 7.2 writes the second half to the stack pointer. */
  if (name_begins (leaf, "casp") && insn->rd == 30)
    return true;
  if (name_begins (leaf, "stxr") || name_begins (leaf, "stxp"))
    return insn->rd == rt || (insn->rd == rn && rn != 31)
           || (name_begins (leaf, "stxp") && insn->rd == insn->rs2);
  bool integer = operands & (DIO_OPERAND_RD_X | DIO_OPERAND_RS3_X | DIO_OPERAND_RS3_T);
  if (back && integer && is_memory (leaf) && rn != 31)
    return rt == rn || (raw >> 10 & 31) == rn;
  return false;
}

static bool
random_encoding (uint64_t *random, unsigned leaf, uint32_t *raw, DioInsn *insn)
{
  const DioLeafInfo *info = info_of (leaf);

  for (unsigned i = 0; i < 1000; i++) {
    uint32_t bits = (uint32_t) fp_random (random);
    /* Often without a shift, which has handlers of its own. */
    if (info->kind == DIO_LEAF_PLAIN && chance (random, 25))
      bits &= ~UINT32_C (0x00c0fc00);
    *raw = (bits & ~info->mask) | info->value;
    dio_a64_decode (*raw, insn);
    if (insn->leaf == leaf && !is_open (leaf, insn, *raw))
      return true;
  }
  return false;
}

/* ---- Places of a batch ---- */

typedef struct {
  uint64_t slots, jumps, blob;
} Layout;

/* May a single jump land there? Only on a brk. */
static bool
is_landing (uint64_t target)
{
  target &= ~UINT64_C (3);
  if (target < A64_CODE || target >= A64_CODE + A64_CODE_SIZE - 8)
    return false;
  if (target >= A64_JUMPS && target < A64_JUMPS + A64_JUMPS_SIZE)
    return target % JUMP_SLOT >= JUMP_SLOT / 2;
  return target < A64_SLOTS || target >= A64_SLOTS + A64_SLOTS_SIZE;
}

static void
random_window (uint64_t *random, A64Test *test, uint32_t length)
{
  test->c.length = length;
  if (chance (random, 50)) /* its middle is a page border */
    test->c.window =
        A64_DATA + (1 + below (random, A64_DATA_SIZE / 4096 - 2)) * 4096 - length / 2 / 8 * 8;
  else
    test->c.window = A64_DATA + 2048 + below (random, (A64_DATA_SIZE - length - 4096) / 8) * 8;
}

/* ---- Single instructions ---- */

static void
set_address_register (A64Test *test, unsigned number, uint64_t value)
{
  if (number == 31)
    test->c.state.sp = value;
  else
    test->c.state.x[number] = value;
}

static uint64_t
index_value (const A64Test *test, unsigned number, unsigned option, unsigned shift)
{
  uint64_t value = number == 31 ? 0 : test->c.state.x[number];
  switch (option) {
  case 2:
    value = (uint32_t) value;
    break;
  case 6:
    value = (uint64_t) (int64_t) (int32_t) value;
    break;
  }
  return value << shift;
}

/* log2 of the size of one register's access, from the encoding. */
static unsigned
size_of_access (unsigned leaf, uint32_t raw)
{
  bool vector = raw >> 26 & 1;
  if ((raw >> 24 & 0x3f) == 0x0c || (raw >> 24 & 0x3f) == 0x0d)
    return 3;               /* structures: whatever */
  if ((raw >> 27 & 7) == 5) /* pairs */
    return vector ? 2 + (raw >> 30) : raw >> 31 ? 3 : 2;
  if (vector && (raw >> 23 & 1))
    return 4;
  return raw >> 30;
}

/* Sets the registers of the address so that the access is in the window, mostly; else where nothing
 * is. */
static void
aim_address (uint64_t *random, A64Test *test, uint32_t raw, const DioInsn *insn)
{
  unsigned leaf = test->leaf, rn = raw >> 5 & 31, log2 = size_of_access (leaf, raw);
  bool atomic = info_of (leaf)->kind == DIO_LEAF_ATOMIC, pair = name_has (leaf, "p_ex");
  uint64_t address = test->c.window + 64 + below (random, test->c.length - 192);
  uint64_t offset = 0;

  if (name_begins (leaf, "casp") || pair)
    log2 = (name_begins (leaf, "casp") ? raw >> 30 & 1 : raw >> 30 & 1) ? 4 : 3;
  /* A conditional store without a reservation need not look at its address. */
  bool conditional = name_begins (leaf, "stx");
  /* qemu 7.2 does not ask ldapr for alignment. */
  if (conditional || name_begins (leaf, "ldapr") || chance (random, atomic ? 95 : 50))
    address &= ~((UINT64_C (1) << log2) - 1);
  bool outside = !conditional && chance (random, 3);
  if (outside)
    address = chance (random, 50) ? A64_DATA + A64_DATA_SIZE + (below (random, 64) << log2)
                                  : A64_DATA - 512 + (below (random, 4) << log2);
  if (name_has (leaf, "_reg_")) {
    unsigned rm = raw >> 16 & 31, scaled = raw >> 12 & 1;
    if (rm == rn && rm != 31) {
      /* Both in one: what it gives it gives; rarely anything that exists. */
      test->c.state.x[rn] = address;
      return;
    }
    if (rm != 31)
      test->c.state.x[rm] = random_integer (random);
    offset = index_value (test, rm, raw >> 13 & 7, scaled ? log2 : 0);
  } else if (!is_structure (leaf) && !name_has (leaf, "_post")
             && (info_of (leaf)->operands & DIO_OPERAND_IMM) && !name_has (leaf, "_ex_")
             && (raw >> 24 & 0x3b) != 0x08 && ((raw >> 24 & 0x3f) != 0x38 || !(raw >> 21 & 1))) {
    offset = (uint64_t) (int64_t) insn->imm;
    if (name_has (leaf, "_uimm_q") || (name_has (leaf, "_q") && (raw >> 27 & 7) == 5))
      offset *= 16;
  }
  /* The stack pointer mostly aligned, as compiled code is made for. */
  if (rn == 31 && !name_begins (leaf, "ldapr") && chance (random, 75))
    offset += (address - offset) & 15;
  set_address_register (test, rn, address - offset);
}

static bool
aim_jump (uint64_t *random, A64Test *test, uint32_t raw, const DioInsn *insn)
{
  if (info_of (test->leaf)->kind != DIO_LEAF_JUMP_REGISTER)
    return is_landing (test->slot + (uint64_t) (int64_t) insn->wide);
  uint64_t target;
  do {
    target = A64_CODE + below (random, A64_CODE_SIZE);
    if (chance (random, 90))
      target &= ~UINT64_C (3);
  } while (!is_landing (target));
  if (chance (random, 2))
    target = A64_CODE + A64_CODE_SIZE + below (random, 0x1000) * 4; /* nothing is there */
  if ((raw >> 5 & 31) != 31)
    test->c.state.x[raw >> 5 & 31] = target;
  return (raw >> 5 & 31) != 31;
}

/* Narrows the offsets of direct jumps to what may land in the code. */
static uint32_t
narrow_jump (uint64_t *random, unsigned leaf, uint32_t raw)
{
  if (info_of (leaf)->kind == DIO_LEAF_JUMP)
    return (raw & 0xfc000000) | ((uint32_t) (below (random, 0x80000) - 0x40000) & 0x03ffffff);
  return raw;
}

static void
make_single (uint64_t *random, Layout *layout, A64Test *test)
{
  uint32_t raw = 0;
  DioInsn insn = { 0 };
  bool jump = is_jump (test->leaf);

  test->slot = jump ? A64_JUMPS + layout->jumps : A64_SLOTS + layout->slots;
  random_window (random, test, 512);
  for (unsigned tries = 0; tries < 1000; tries++) {
    if (!random_encoding (random, test->leaf, &raw, &insn))
      g_error ("no encoding of %s", info_of (test->leaf)->name);
    random_state (random, test);
    if (!jump)
      break;
    raw = narrow_jump (random, test->leaf, raw);
    dio_a64_decode (raw, &insn);
    if (aim_jump (random, test, raw, &insn))
      break;
  }
  test->units = 1;
  test->code[0] = raw;
  /* To qemu 7.2 a flushed denormal number is a zero like others (FPToFixedJS says otherwise). */
  if (name_begins (test->leaf, "fjcvtzs"))
    test->c.state.fpcr &= ~(UINT64_C (1) << 24);
  if (is_memory (test->leaf) && !name_has (test->leaf, "_lit"))
    aim_address (random, test, raw, &insn);
  if (name_begins (test->leaf, "cas") && chance (random, 50)) {
    /* What is there is what is expected. */
    uint64_t at = ((raw >> 5 & 31) == 31 ? test->c.state.sp : test->c.state.x[raw >> 5 & 31])
                  - test->c.window;
    unsigned rs = raw >> 16 & 31;
    if (at < test->c.length && rs != 31 && rs != (raw >> 5 & 31))
      memcpy (&test->c.state.x[rs], (char *) test->window + at, 8);
    if (at < test->c.length && name_begins (test->leaf, "casp_x") && rs + 1 < 31
        && rs + 1 != (raw >> 5 & 31))
      memcpy (&test->c.state.x[rs + 1], (char *) test->window + at + 8, 8);
    if (at < test->c.length && name_begins (test->leaf, "casp_w") && rs + 1 < 31
        && rs + 1 != (raw >> 5 & 31))
      memcpy (&test->c.state.x[rs + 1], (char *) test->window + at + 4, 8);
  }
  if (jump)
    layout->jumps += JUMP_SLOT;
  else
    layout->slots += 8;
}

/* ---- Sequences ---- */

/* A load or store of the sequence: by x28 with an offset that stays in the window. */
static uint32_t
rebase (uint64_t *random, unsigned leaf, uint32_t raw)
{
  raw = (raw & ~(31u << 5)) | BASE << 5;
  if (name_has (leaf, "_uimm_"))
    raw = (raw & ~(0xfffu << 10)) | (uint32_t) below (random, 16) << 10;
  else if (name_has (leaf, "_off_"))
    raw = (raw & ~(0x7fu << 15)) | (uint32_t) ((below (random, 16) - 8) & 0x7f) << 15;
  else if (info_of (leaf)->operands & DIO_OPERAND_IMM && (raw >> 24 & 0x3b) == 0x38
           && !(raw >> 21 & 1))
    raw = (raw & ~(0x1ffu << 12)) | (uint32_t) ((below (random, 128) - 64) & 0x1ff) << 12;
  return raw;
}

/* The conditional store for an exclusive load: of the same size, to the same address. */
static uint32_t
matching_store (uint64_t *random, uint32_t raw)
{
  uint32_t status = (uint32_t) below (random, BASE), data = (status + 1) % BASE;
  return (raw & ~(31u << 16 | 1u << 22 | 31u)) | status << 16 | data;
}

static bool
fits_sequence (unsigned leaf)
{
  unsigned kind = info_of (leaf)->kind;
  if (!a64_leaf_is_judged (leaf) || name_begins (leaf, "fjcvtzs"))
    return false;
  if (is_memory (leaf))
    return !name_begins (leaf, "stx") && !name_has (leaf, "_lit") && !name_has (leaf, "_reg_")
           && !name_has (leaf, "_post") && !name_has (leaf, "_pre");
  return kind == DIO_LEAF_PLAIN || kind == DIO_LEAF_FP || kind == DIO_LEAF_CALL
         || kind == DIO_LEAF_BRANCH || kind == DIO_LEAF_FENCE;
}

/* Neither vectors nor floating point. */
static bool
is_integer (unsigned leaf)
{
  unsigned kind = info_of (leaf)->kind, operands = info_of (leaf)->operands;
  return kind != DIO_LEAF_FP && kind != DIO_LEAF_CALL && !is_structure (leaf)
         && !(operands
              & (DIO_OPERAND_RD_F | DIO_OPERAND_RS1_F | DIO_OPERAND_RS2_F | DIO_OPERAND_RS3_F));
}

static void
make_sequence (uint64_t *random, Layout *layout, A64Test *test)
{
  unsigned want = 2 + (unsigned) below (random, A64_UNITS_MAX - 2);
  /* Integers alone have longer blocks of compiled code, whose flags and registers meet. */
  bool near = chance (random, 50), integers = chance (random, 60);

  test->slot = A64_SLOTS + layout->slots;
  random_window (random, test, 768);
  random_state (random, test);
  test->c.state.x[BASE] = (test->c.window + 384) & ~UINT64_C (15);
  test->units = 0;
  while (test->units < want) {
    unsigned leaf = 1 + (unsigned) below (random, DIO_A64_N_LEAVES - 1);
    uint32_t raw;
    DioInsn insn;
    if (!fits_sequence (leaf) || (integers && !is_integer (leaf))
        || !random_encoding (random, leaf, &raw, &insn))
      continue;
    if (near) /* few registers, so that instructions meet */
      raw = (raw & ~0x00180318u) | (info_of (leaf)->mask & 0x00180318u & info_of (leaf)->value);
    if (is_memory (leaf))
      raw = rebase (random, leaf, raw);
    if (info_of (leaf)->kind == DIO_LEAF_BRANCH) {
      uint32_t to = 1 + (uint32_t) below (random, want - test->units);
      raw = name_begins (leaf, "tb") ? (raw & ~(0x3fffu << 5)) | to << 5
                                     : (raw & ~(0x7ffffu << 5)) | to << 5;
    }
    dio_a64_decode (raw, &insn);
    if (insn.leaf != leaf || writes (leaf, &insn, BASE) || is_open (leaf, &insn, raw))
      continue;
    test->code[test->units++] = raw;
    if (name_has (leaf, "_ex_") && test->units < want)
      test->code[test->units++] = matching_store (random, raw);
  }
  layout->slots += (4 * want + 4 + 7) / 8 * 8;
}

/* ---- Batches ---- */

void
a64_place (const A64Test *test, A64Shared *shared)
{
  bool jumps = test->slot >= A64_JUMPS && test->slot < A64_JUMPS + A64_JUMPS_SIZE;
  uint32_t *words = (uint32_t *) (jumps ? shared->jumps : shared->slots);
  uint64_t at = (test->slot - (jumps ? A64_JUMPS : A64_SLOTS)) / 4;
  for (unsigned i = 0; i < test->units; i++)
    words[at + i] = test->code[i];
}

void
a64_generate_batch (uint64_t seed, uint64_t batch, A64Test *tests, A64Shared *shared)
{
  Layout layout = { 0 };
  for (uint64_t i = 0; i < A64_SLOTS_SIZE / 4; i++)
    ((uint32_t *) shared->slots)[i] = A64_BRK;
  for (uint64_t i = 0; i < A64_JUMPS_SIZE / 4; i++)
    ((uint32_t *) shared->jumps)[i] = A64_BRK;
  for (unsigned i = 0; i < A64_BATCH; i++) {
    A64Test *test = &tests[i];
    uint64_t number = batch * A64_BATCH + i, random = mix (seed * UINT64_C (0x100000001) + number);
    random += random == 0;
    test->number = number;
    test->kind = number % 16 == 15 ? A64_SEQUENCE : A64_SINGLE;
    test->leaf = 0;
    if (test->kind == A64_SINGLE) {
      test->leaf = 1 + (unsigned) ((number - number / 16) % (DIO_A64_N_LEAVES - 1));
      while (!a64_leaf_is_judged (test->leaf))
        test->leaf = 1 + test->leaf % (DIO_A64_N_LEAVES - 1);
      make_single (&random, &layout, test);
    } else {
      make_sequence (&random, &layout, test);
    }
    test->c.blob = (uint32_t) layout.blob;
    layout.blob += A64_WINDOW_MAX;
    g_assert (layout.slots <= A64_SLOTS_SIZE - 8 && layout.jumps <= A64_JUMPS_SIZE);
    a64_place (test, shared);
  }
  shared->slots_end = layout.slots + 8;
  shared->jumps_end = layout.jumps;
}
