/* SPDX-License-Identifier: GPL-3.0-or-later
 * Makes differential test cases.
 *
 * A single instruction is random within the mask of its leaf, once per leaf in turn. A sequence is
 * a random list of leaves whose registers are patched where control must stay in hand: x2 and one
 * of x8 to x15 point into the window and are the bases of all loads and stores, one register is the
 * aligned address of atomics, one counts loops down, and B (diff-case.h) is the way out. None of
 * them is written but by their own instructions. Branches go forward, or back to the head of a loop
 * that ends by its counter. In some cases of a sequence one base points to where nothing is. */
#include "tests/diff/diff-generate.h"

#include <string.h>

#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "tests/core/fp/fp-operands.h"

#define SEQUENCE_MAX 200
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
    0x7fffffffffffffff,
    0x8000000000000000,
    0xffffffff80000000,
    0xffffffff7fffffff,
    0xfffffffffffffffe,
    0xffffffffffffffff,
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

static uint64_t
random_single (uint64_t *random, uint64_t other)
{
  return fp_random_operand (random, 23, 8, other & UINT32_MAX) | UINT64_C (0xffffffff) << 32;
}

/* The register file after the state of a thread that computes in both formats. */
static uint64_t
random_fp (uint64_t *random, uint64_t other)
{
  unsigned r = (unsigned) below (random, 16);

  if (r < 7)
    return fp_random_operand (random, 52, 11, other);
  if (r < 14)
    return random_single (random, other);
  return random_single (random, other) ^ UINT64_C (1) << (32 + below (random, 32));
}

/* ---- Leaves ---- */

static const DioLeafInfo *
leaf_info (unsigned leaf)
{
  return &dio_rv_leaf_info[leaf];
}

static bool
leaf_is (unsigned leaf, const char *prefix)
{
  return g_str_has_prefix (leaf_info (leaf)->name, prefix);
}

static bool
extension_is (unsigned leaf, const char *name)
{
  return strcmp (leaf_info (leaf)->extension, name) == 0;
}

/* Extensions that qemu 7.2 does not have, and what it does not show to a user program. */
static DiffJudge
leaf_judge (unsigned leaf)
{
  /* qemu 7.2 counts in 64 bits when the word is 0; fixed in 8.0. */
  if (extension_is (leaf, "zfa") || extension_is (leaf, "zicond") || leaf_is (leaf, "ecall")
      || leaf_is (leaf, "ctzw"))
    return DIFF_BY_MODEL;
  return DIFF_BY_QEMU;
}

/* A random encoding of @leaf, decoded; false for the rare leaf of which nothing is found. */
static bool
random_encoding (uint64_t *random, unsigned leaf, uint32_t *raw, DioInsn *insn)
{
  const DioLeafInfo *info = leaf_info (leaf);

  for (unsigned i = 0; i < 1000; i++) {
    *raw = ((uint32_t) fp_random (random) & ~info->mask) | info->value;
    if (info->length == 2)
      *raw &= 0xffff;
    dio_rv_decode (*raw, insn);
    if (insn->leaf == leaf)
      return true;
  }
  return false;
}

/* rd of a leaf is the number of an integer register other than x0. */
static unsigned
written_register (unsigned leaf, const DioInsn *insn)
{
  return leaf_info (leaf)->operands & DIO_OPERAND_RD_X ? insn->rd : 0;
}

static bool
reads_register (unsigned leaf, const DioInsn *insn, unsigned number)
{
  unsigned operands = leaf_info (leaf)->operands;

  return (operands & DIO_OPERAND_RS1_X && insn->rs1 == number)
         || (operands & DIO_OPERAND_RS2_X && insn->rs2 == number);
}

static bool
is_memory (unsigned kind)
{
  return kind == DIO_LEAF_LOAD || kind == DIO_LEAF_STORE || kind == DIO_LEAF_ATOMIC;
}

static bool
is_jump (unsigned kind)
{
  return kind == DIO_LEAF_BRANCH || kind == DIO_LEAF_JUMP || kind == DIO_LEAF_JUMP_REGISTER;
}

/* CSRs of a user program, and numbers that are none: the counters run at the host's pace. */
static unsigned
random_csr (uint64_t *random)
{
  for (;;) {
    unsigned csr =
        chance (random, 75) ? 1 + (unsigned) below (random, 3) : (unsigned) below (random, 4096);

    if (csr < 0xc00 || csr > 0xc9f)
      return csr;
  }
}

/* ---- Code ---- */

static void
append (DiffTest *test, uint32_t raw, unsigned length)
{
  memcpy (test->code + test->code_length, &raw, length);
  test->code_length += length;
}

static void
append_unit (DiffTest *test, uint32_t raw, unsigned length)
{
  test->unit[test->units++] = (uint16_t) test->code_length;
  append (test, raw, length);
}

static uint32_t
encode_j (int32_t offset)
{
  uint32_t o = (uint32_t) offset;

  return (o >> 20 & 1) << 31 | (o >> 1 & 0x3ff) << 21 | (o >> 11 & 1) << 20
         | (o >> 12 & 0xff) << 12;
}

static uint32_t
encode_b (int32_t offset)
{
  uint32_t o = (uint32_t) offset;

  return (o >> 12 & 1) << 31 | (o >> 5 & 0x3f) << 25 | (o >> 1 & 15) << 8 | (o >> 11 & 1) << 7;
}

static uint32_t
encode_cb (int32_t offset)
{
  uint32_t o = (uint32_t) offset;

  return (o >> 8 & 1) << 12 | (o >> 3 & 3) << 10 | (o >> 6 & 3) << 5 | (o >> 1 & 3) << 3
         | (o >> 5 & 1) << 2;
}

static uint32_t
encode_cj (int32_t offset)
{
  uint32_t o = (uint32_t) offset;

  return (o >> 11 & 1) << 12 | (o >> 4 & 1) << 11 | (o >> 8 & 3) << 9 | (o >> 10 & 1) << 8
         | (o >> 6 & 1) << 7 | (o >> 7 & 1) << 6 | (o >> 1 & 7) << 3 | (o >> 5 & 1) << 2;
}

/* The way out, behind the code. */
static void
append_leave (DiffTest *test)
{
  uint64_t pc = test->slot + test->code_length;

  append (test, encode_j ((int32_t) (DIFF_STUBS + test->state.base * 8 - pc)) | 0x6f, 4);
}

/* ---- Places of a batch ---- */

typedef struct {
  uint64_t slots, jumps, blob;
} Layout;

static void
take_slot (Layout *layout, uint64_t *random, bool jump, DiffTest *test)
{
  if (jump) {
    test->slot = DIFF_JUMPS + layout->jumps;
    layout->jumps += JUMP_SLOT;
  } else {
    /* Every alignment of compressed code; some cross pages. */
    test->slot = DIFF_SLOTS + layout->slots + below (random, 4) * 2;
  }
}

/* May a single jump land there? Only on a c.ebreak. */
static bool
is_landing (uint64_t target)
{
  target &= ~UINT64_C (1);
  if (target < DIFF_CODE || target >= DIFF_CODE + DIFF_CODE_SIZE - 8)
    return false;
  if (target >= DIFF_JUMPS && target < DIFF_JUMPS + DIFF_JUMPS_SIZE)
    return target % JUMP_SLOT >= JUMP_SLOT / 2;
  return target + 8 < DIFF_SLOTS || target >= DIFF_STUBS + 0x1000;
}

/* ---- States ---- */

static void
random_state (uint64_t *random, DiffTest *test)
{
  DiffCase *state = &test->state;
  uint64_t other = 0, other_fp = 0;

  for (unsigned i = 1; i < 32; i++)
    other = state->x[i] = chance (random, 15) ? other : random_integer (random);
  for (unsigned i = 0; i < 32; i++)
    other_fp = state->f[i] = random_fp (random, other_fp);
  state->fcsr = below (random, 32);
  if (chance (random, 50))
    state->fcsr |= (chance (random, 90) ? below (random, 5) : below (random, 8)) << 5;
  state->x[0] = test->slot;
  state->x[state->base] = test->slot;
  for (unsigned i = 0; i < G_N_ELEMENTS (test->window); i++)
    test->window[i] = random_integer (random);
}

/* Where a window begins: often so that its middle is a page border. */
static void
random_window (uint64_t *random, DiffTest *test, uint32_t length)
{
  uint64_t limit = DIFF_DATA_SIZE - length - 4096;

  test->state.length = length;
  if (chance (random, 50))
    test->state.window =
        DIFF_DATA + (1 + below (random, DIFF_DATA_SIZE / 4096 - 2)) * 4096 - length / 2 / 8 * 8;
  else
    test->state.window = DIFF_DATA + 2048 + below (random, limit / 8) * 8;
}

/* ---- Single instructions ---- */

static unsigned
access_size (unsigned leaf)
{
  const char *name = leaf_info (leaf)->name, *end = strchr (name, '\0');
  static const struct {
    const char *name;
    unsigned size;
  } sizes[] = {
    { "lb", 1 }, { "lbu", 1 }, { "sb", 1 }, { "lh", 2 }, { "lhu", 2 }, { "sh", 2 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
    if (strcmp (name, sizes[i].name) == 0)
      return sizes[i].size;
  }
  if (leaf_info (leaf)->kind == DIO_LEAF_ATOMIC)
    return end[-1] == 'w' ? 4 : 8;
  return strstr (name, "lw") != NULL || strstr (name, "sw") != NULL ? 4 : 8;
}

/* Sets the address register so that the access is in the window, mostly; else where nothing is, or
 * across the end of the data. */
static void
aim_address (uint64_t *random, DiffTest *test, const DioInsn *insn)
{
  const DioLeafInfo *info = leaf_info (test->leaf);
  unsigned size = access_size (test->leaf);
  uint64_t address = test->state.window + 8 + below (random, test->state.length - 24);
  int64_t offset = info->kind == DIO_LEAF_ATOMIC ? 0 : insn->imm;

  bool conditional = leaf_is (test->leaf, "sc.");

  if (info->kind == DIO_LEAF_ATOMIC && chance (random, 90))
    address &= ~(uint64_t) (size - 1);
  else if (info->kind != DIO_LEAF_ATOMIC && chance (random, 60))
    address &= ~(uint64_t) (size - 1);
  /* A conditional store without a reservation need not look at its address. */
  if (!conditional && chance (random, 4)) {
    switch (below (random, info->kind == DIO_LEAF_LOAD ? 3 : 2)) {
    case 0:
      address = DIFF_DATA + DIFF_DATA_SIZE + below (random, 64) * size;
      break;
    case 1:
      address = DIFF_DATA - 256 + below (random, 31) * 8;
      break;
    default:
      address = DIFF_DATA + DIFF_DATA_SIZE - below (random, size);
      break;
    }
  }
  if (insn->rs1 != 0)
    test->state.x[insn->rs1] = address - (uint64_t) offset;
  else
    address = (uint64_t) offset;
  /* What qemu does with misaligned atomics is its host's doing. */
  if (info->kind == DIO_LEAF_ATOMIC && (address % size != 0 || (conditional && insn->rs1 == 0)))
    test->judge = DIFF_BY_MODEL;
}

static void
aim_jump (uint64_t *random, DiffTest *test, const DioInsn *insn)
{
  uint64_t target;

  do {
    target = DIFF_CODE + below (random, DIFF_CODE_SIZE / 2) * 2 + chance (random, 10);
  } while (!is_landing (target));
  if (chance (random, 2))
    target = DIFF_CODE + DIFF_CODE_SIZE + below (random, 0x1000) * 2; /* nothing is there */
  if (insn->rs1 != 0)
    test->state.x[insn->rs1] = target - (uint64_t) (int64_t) insn->imm;
}

/* Makes the product or quotient of rs1 and rs2 about the smallest normal number, where it matters
 * for the underflow flag how a result was rounded. */
static void
aim_border (uint64_t *random, DiffTest *test, const DioInsn *insn, bool single)
{
  bool quotient = leaf_is (test->leaf, "fdiv.");
  uint64_t *a = &test->state.f[insn->rs1], *b = &test->state.f[insn->rs2];
  int64_t units = (int64_t) below (random, 3) - 1;

  if (single) {
    float x = dio_fp_float ((uint32_t) *a), least = 0x1p-126f;

    *b = (uint32_t) (dio_fp_raw32 (quotient ? x / least : least / x) + (uint64_t) units)
         | UINT64_C (0xffffffff) << 32;
  } else {
    double x = dio_fp_double (*a), least = 0x1p-1022;

    *b = dio_fp_raw64 (quotient ? x / least : least / x) + (uint64_t) units;
  }
  /* An addend of nothing, or of a few of the least subnormal numbers. */
  if (leaf_info (test->leaf)->operands & DIO_OPERAND_RS3_F)
    test->state.f[insn->rs3] = below (random, 3) | (single ? UINT64_C (0xffffffff) << 32 : 0);
}

/* Operands of the format the instruction works on, related to each other. */
static void
aim_operands (uint64_t *random, DiffTest *test, const DioInsn *insn)
{
  unsigned operands = leaf_info (test->leaf)->operands;
  const char *suffix = strrchr (leaf_info (test->leaf)->name, '.');
  bool single = suffix != NULL && suffix[1] == 's';
  const unsigned flags[] = { DIO_OPERAND_RS1_F, DIO_OPERAND_RS2_F, DIO_OPERAND_RS3_F };
  const uint8_t numbers[] = { insn->rs1, insn->rs2, insn->rs3 };
  uint64_t other = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (flags); i++) {
    if (operands & flags[i] && chance (random, 90))
      test->state.f[numbers[i]] = other =
          single ? random_single (random, other) : fp_random_operand (random, 52, 11, other);
  }
  if (operands & DIO_OPERAND_RM && operands & DIO_OPERAND_RS2_F && chance (random, 12))
    aim_border (random, test, insn, single);
}

static void
generate_single (uint64_t *random, Layout *layout, unsigned leaf, DiffTest *tests)
{
  const DioLeafInfo *info = leaf_info (leaf);
  DiffTest *test = &tests[0];
  DioInsn insn;
  uint32_t raw;

  test->kind = DIFF_SINGLE;
  test->leaf = leaf;
  test->judge = leaf_judge (leaf);
  take_slot (layout, random, is_jump (info->kind), test);
  do {
    if (!random_encoding (random, leaf, &raw, &insn))
      g_error ("no encoding of %s found", info->name);
    if (extension_is (leaf, "zicsr")) {
      raw = (raw & 0xfffff) | random_csr (random) << 20;
      dio_rv_decode (raw, &insn);
    }
    if (info->kind == DIO_LEAF_BRANCH && is_landing (test->slot + (uint64_t) (int64_t) insn.imm))
      break;
    if (info->kind == DIO_LEAF_JUMP && is_landing (test->slot + (uint64_t) (int64_t) insn.wide))
      break;
  } while (info->kind == DIO_LEAF_BRANCH || info->kind == DIO_LEAF_JUMP);
  do {
    test->state.base = 1 + below (random, 31);
  } while (test->state.base == written_register (leaf, &insn)
           || reads_register (leaf, &insn, (unsigned) test->state.base));
  random_window (random, test, 64);
  if (leaf_is (leaf, "cbo.")) {
    test->cache_blocks = chance (random, 50);
    test->judge = test->cache_blocks ? DIFF_BY_MODEL : DIFF_BY_QEMU;
    random_window (random, test, 192);
  }
  append_unit (test, raw, info->length);
  append_leave (test);
  for (unsigned i = 1; i < DIFF_GROUP; i++)
    memcpy (&tests[i], test, sizeof *test);
  for (unsigned i = 0; i < DIFF_GROUP; i++) {
    random_state (random, &tests[i]);
    aim_operands (random, &tests[i], &insn);
    if (is_memory (info->kind))
      aim_address (random, &tests[i], &insn);
    if (info->kind == DIO_LEAF_JUMP_REGISTER)
      aim_jump (random, &tests[i], &insn);
    if (leaf_is (leaf, "cbo.") && insn.rs1 != 0)
      tests[i].state.x[insn.rs1] = tests[i].state.window + 64 + below (random, 64);
  }
}

/* ---- Any word ---- */

static void
generate_word (uint64_t *random, Layout *layout, DiffTest *tests)
{
  DiffTest *test = &tests[0];
  DioInsn insn;
  uint32_t raw;
  unsigned length;

  test->kind = DIFF_WORD;
  test->judge = DIFF_BY_QEMU;
  take_slot (layout, random, false, test);
  for (;;) {
    raw = (uint32_t) fp_random (random);
    if (chance (random, 60)) {
      /* One bit away from an instruction: where decoders are wrong. */
      unsigned leaf = 1 + (unsigned) below (random, DIO_RV_N_LEAVES - 1);

      if (!random_encoding (random, leaf, &raw, &insn))
        continue;
      raw ^= UINT32_C (1) << below (random, 8u * leaf_info (leaf)->length);
    }
    length = dio_rv_decode (raw, &insn);
    if (length == 2)
      raw &= 0xffff;
    /* What goes elsewhere is done by leaf. 48-bit encodings and longer are not one word. */
    if (is_memory (leaf_info (insn.leaf)->kind) || is_jump (leaf_info (insn.leaf)->kind)
        || leaf_judge (insn.leaf) != DIFF_BY_QEMU || extension_is (insn.leaf, "zicsr")
        || (raw & 0x1f) == 0x1f)
      continue;
    break;
  }
  /* qemu 7.2 does whole-register vector loads and stores although V is off. */
  if (length == 4 && (raw & 0x5f) == 0x07 && (raw >> 12 & 7) != 2 && (raw >> 12 & 7) != 3)
    test->judge = DIFF_BY_MODEL;
  do {
    test->state.base = 1 + below (random, 31);
  } while (insn.leaf != DIO_RV_LEAF_ILLEGAL
           && test->state.base == written_register (insn.leaf, &insn));
  random_window (random, test, 64);
  append_unit (test, raw, length);
  append_leave (test);
  for (unsigned i = 1; i < DIFF_GROUP; i++)
    memcpy (&tests[i], test, sizeof *test);
  for (unsigned i = 0; i < DIFF_GROUP; i++)
    random_state (random, &tests[i]);
}

/* ---- Sequences ---- */

/* Registers with a purpose in a sequence. */
typedef struct {
  unsigned stack, pointer, atomic, counter, base;
} Roles;

static bool
has_role (const Roles *roles, unsigned number)
{
  return number == roles->stack || number == roles->pointer || number == roles->atomic
         || number == roles->counter || number == roles->base;
}

static unsigned
pick_register (uint64_t *random, const Roles *roles)
{
  for (;;) {
    unsigned number = (unsigned) below (random, 32);

    if (!has_role (roles, number))
      return number;
  }
}

/* A branch whose offset is filled in when the code behind it is there. */
typedef struct {
  unsigned unit, target;
} Fixup;

typedef struct {
  uint64_t *random;
  DiffTest *test;
  Roles roles;
  Fixup fixups[SEQUENCE_MAX];
  unsigned n_fixups;
  bool no_target[SEQUENCE_MAX + 64]; /* units that must be reached through the one before */
  unsigned loop_head;                /* unit + 1, or 0 */
  bool dynamic;                      /* nothing names rounding to nearest */
} Sequence;

/* Loads and stores: base x2 or the pointer, an offset that stays in the window. */
static bool
append_memory (Sequence *s, unsigned leaf, uint32_t raw)
{
  const DioLeafInfo *info = leaf_info (leaf);
  uint32_t base = chance (s->random, 50) ? s->roles.stack : s->roles.pointer;
  uint32_t offset = (uint32_t) (below (s->random, 500) - 250) & 0xfff;
  DioInsn insn;

  if (info->length == 4) {
    raw = (raw & ~(UINT32_C (31) << 15)) | base << 15;
    if (info->kind == DIO_LEAF_LOAD)
      raw = (raw & 0xfffff) | offset << 20;
    else
      raw = (raw & ~UINT32_C (0xfe000f80)) | (offset >> 5) << 25 | (offset & 31) << 7;
  } else if (strstr (info->name, "sp") == NULL) {
    raw = (raw & ~UINT32_C (0x380)) | (s->roles.pointer - 8) << 7;
  } else {
    /* The offsets from sp reach 504; without their top bit, 252. */
    raw &= ~(UINT32_C (1) << (info->kind == DIO_LEAF_LOAD ? 4 : 9));
  }
  dio_rv_decode (raw, &insn);
  if (insn.leaf != leaf || has_role (&s->roles, written_register (leaf, &insn)))
    return false;
  append_unit (s->test, raw, info->length);
  return true;
}

static bool
append_atomic (Sequence *s, unsigned leaf, uint32_t raw)
{
  DioInsn insn;
  unsigned rd = pick_register (s->random, &s->roles);

  raw = (raw & ~UINT32_C (0x000f8f80)) | (uint32_t) s->roles.atomic << 15 | rd << 7;
  dio_rv_decode (raw, &insn);
  if (insn.leaf != leaf)
    return false;
  append_unit (s->test, raw, 4);
  if (leaf_is (leaf, "lr.")) {
    /* Its conditional store follows: it must succeed. */
    uint32_t store = (raw & ~UINT32_C (0xf8000f80)) | UINT32_C (3) << 27;

    store |= pick_register (s->random, &s->roles) << 7 | (uint32_t) below (s->random, 32) << 20;
    s->no_target[s->test->units] = true;
    append_unit (s->test, store, 4);
  }
  return true;
}

static bool
append_branch (Sequence *s, unsigned leaf, uint32_t raw)
{
  const DioLeafInfo *info = leaf_info (leaf);
  DioInsn insn;

  dio_rv_decode (raw, &insn);
  if (info->kind == DIO_LEAF_JUMP && has_role (&s->roles, written_register (leaf, &insn)))
    return false;
  s->fixups[s->n_fixups++] =
      (Fixup){ s->test->units, s->test->units + 1 + (unsigned) below (s->random, 20) };
  append_unit (s->test, raw, info->length);
  return true;
}

/* auipc and jalr: a jump by register, over 0 to 6 bytes of what is never executed. */
static bool
append_jump_register (Sequence *s)
{
  unsigned link = pick_register (s->random, &s->roles), at = pick_register (s->random, &s->roles);
  unsigned skip = (unsigned) below (s->random, 4) * 2;

  if (at == 0)
    return false;
  s->test->keep[s->test->units] = s->test->keep[s->test->units + 1] = true;
  append_unit (s->test, 0x17 | at << 7, 4);
  s->no_target[s->test->units] = true;
  append_unit (s->test, 0x67 | (8 + skip) << 20 | at << 15 | link << 7, 4);
  for (unsigned i = 0; i < skip; i += 2)
    append (s->test, 0x9002, 2);
  return true;
}

/* Opens a loop, or closes the one that is open: addi counter, counter, -1; bgt counter, x0. */
static bool
append_loop (Sequence *s)
{
  unsigned counter = s->roles.counter;

  if (s->loop_head == 0) {
    s->loop_head = s->test->units + 1;
    return false;
  }
  s->test->keep[s->test->units] = true;
  append_unit (s->test, 0x13 | UINT32_C (0xfff) << 20 | counter << 15 | counter << 7, 4);
  s->no_target[s->test->units] = true;
  s->fixups[s->n_fixups++] = (Fixup){ s->test->units, s->loop_head - 1 };
  append_unit (s->test, 0x63 | 4 << 12 | counter << 20, 4); /* blt x0, counter */
  s->loop_head = 0;
  return true;
}

static bool
append_random (Sequence *s)
{
  unsigned leaf = 1 + (unsigned) below (s->random, DIO_RV_N_LEAVES - 1);
  const DioLeafInfo *info = leaf_info (leaf);
  DioInsn insn;
  uint32_t raw;

  if (leaf_judge (leaf) != DIFF_BY_QEMU || !random_encoding (s->random, leaf, &raw, &insn))
    return false;
  switch (info->kind) {
  case DIO_LEAF_LOAD:
  case DIO_LEAF_STORE:
    return append_memory (s, leaf, raw);
  case DIO_LEAF_ATOMIC:
    return append_atomic (s, leaf, raw);
  case DIO_LEAF_BRANCH:
  case DIO_LEAF_JUMP:
    return append_branch (s, leaf, raw);
  case DIO_LEAF_JUMP_REGISTER:
    return append_jump_register (s);
  case DIO_LEAF_SYSTEM:
    if (leaf_is (leaf, "fence.i"))
      break;
    if (!extension_is (leaf, "zicsr"))
      return false;
    /* fflags and, seldom, frm: a reserved rounding direction ends most sequences. */
    raw = (raw & 0xfffff) | (chance (s->random, 85) ? 1u : 2u) << 20;
    dio_rv_decode (raw, &insn);
    break;
  case DIO_LEAF_END:
    return false;
  case DIO_LEAF_FP:
    if (info->operands & DIO_OPERAND_RM && (insn.rm == 5 || insn.rm == 6))
      return false;
    /* What names rounding to nearest is interpreted in other modes, each time: not too often. */
    if (info->operands & DIO_OPERAND_RM && insn.rm == 0 && s->dynamic) {
      raw |= UINT32_C (7) << 12;
      dio_rv_decode (raw, &insn);
    }
    break;
  default:
    break;
  }
  if (has_role (&s->roles, written_register (leaf, &insn)))
    return false;
  append_unit (s->test, raw, info->length);
  return true;
}

static void
fix_branches (Sequence *s)
{
  DiffTest *test = s->test;

  for (unsigned i = 0; i < s->n_fixups; i++) {
    unsigned from = test->unit[s->fixups[i].unit], target = s->fixups[i].target;
    uint32_t raw = 0;
    DioInsn insn;

    while (target < test->units && s->no_target[target])
      target++;
    int32_t offset =
        (int32_t) (target < test->units ? test->unit[target] : test->code_length) - (int32_t) from;
    memcpy (&raw, test->code + from, 4);
    unsigned length = dio_rv_decode (raw, &insn);
    bool branch = leaf_info (insn.leaf)->kind == DIO_LEAF_BRANCH;

    if (length == 4 && branch)
      raw = (raw & ~UINT32_C (0xfe000f80)) | encode_b (offset);
    else if (length == 4)
      raw = (raw & 0xfff) | encode_j (offset);
    else if (branch)
      raw = (raw & 0xe383) | encode_cb (offset);
    else
      raw = (raw & 0xe003) | encode_cj (offset);
    memcpy (test->code + from, &raw, length);
  }
}

static void
generate_sequence (uint64_t *random, Layout *layout, DiffTest *tests)
{
  DiffTest *test = &tests[0];
  unsigned wanted = 20 + (unsigned) below (random, SEQUENCE_MAX - 20 + 1);
  Sequence s = { .random = random, .test = test };
  s.dynamic = chance (random, 60);

  test->kind = DIFF_SEQUENCE;
  test->judge = DIFF_BY_QEMU;
  take_slot (layout, random, false, test);
  s.roles.stack = 2;
  s.roles.pointer = 8 + (unsigned) below (random, 8);
  do {
    s.roles.atomic = 1 + (unsigned) below (random, 31);
    s.roles.counter = 1 + (unsigned) below (random, 31);
    s.roles.base = 1 + (unsigned) below (random, 31);
  } while (s.roles.atomic == 2 || s.roles.atomic == s.roles.pointer || s.roles.counter == 2
           || s.roles.counter == s.roles.pointer || s.roles.counter == s.roles.atomic
           || s.roles.base == 2 || s.roles.base == s.roles.pointer || s.roles.base == s.roles.atomic
           || s.roles.base == s.roles.counter);
  test->state.base = s.roles.base;
  while (test->units < wanted - 3 && s.n_fixups < SEQUENCE_MAX - 2
         && test->code_length < DIFF_CODE_MAX - 64) {
    if (chance (random, 4))
      append_loop (&s);
    else
      append_random (&s);
  }
  if (s.loop_head != 0)
    append_loop (&s);
  fix_branches (&s);
  append_leave (test);

  random_window (random, test, DIFF_WINDOW_MAX);
  for (unsigned i = 1; i < DIFF_GROUP; i++)
    memcpy (&tests[i], test, sizeof *test);
  bool nearest = chance (random, 70);
  for (unsigned i = 0; i < DIFF_GROUP; i++) {
    DiffCase *state = &tests[i].state;
    uint64_t middle = state->window + DIFF_WINDOW_MAX / 2;

    random_state (random, &tests[i]);
    state->fcsr = (state->fcsr & 0x1f) | (nearest ? 0 : below (random, 5)) << 5;
    /* From sp up to 255 + 8, from the pointer up to 248 + 8, from both 250 down. */
    state->x[s.roles.stack] = middle - 4 + below (random, 8);
    state->x[s.roles.pointer] = middle - 4 + below (random, 8);
    state->x[s.roles.atomic] = state->window + 8 + below (random, DIFF_WINDOW_MAX / 8 - 2) * 8;
    state->x[s.roles.counter] = below (random, 6);
    /* In some cases the first access by one of the bases faults, with whatever is in the registers
     * then: no offset reaches back to the data. */
    if (chance (random, 12))
      state->x[chance (random, 50) ? s.roles.stack : s.roles.pointer] =
          DIFF_DATA + DIFF_DATA_SIZE + 4096 + below (random, 4096);
  }
}

/* ---- Batches ---- */

void
diff_generate (uint64_t seed, uint64_t batch, DiffTest *tests)
{
  Layout layout = { 0 };

  memset (tests, 0, sizeof *tests * DIFF_BATCH);
  for (unsigned i = 0; i < DIFF_BATCH_GROUPS; i++) {
    uint64_t group = batch * DIFF_BATCH_GROUPS + i;
    uint64_t random = mix (mix (seed) ^ group) | 1;
    DiffTest *test = &tests[i * DIFF_GROUP];

    /* Of 20 groups two are sequences, one is any words, 17 are leaves in turn. */
    if (group % 20 < 2)
      generate_sequence (&random, &layout, test);
    else if (group % 20 == 2)
      generate_word (&random, &layout, test);
    else
      generate_single (&random, &layout,
                       1 + (unsigned) ((group / 20 * 17 + group % 20 - 3) % (DIO_RV_N_LEAVES - 1)),
                       test);
    if (test->slot >= DIFF_SLOTS)
      layout.slots = (test->slot + test->code_length + 7 - DIFF_SLOTS) & ~UINT64_C (7);
    for (unsigned k = 0; k < DIFF_GROUP; k++) {
      test[k].number = group * DIFF_GROUP + k;
      test[k].state.blob = (uint32_t) layout.blob;
      layout.blob += test[k].state.length;
    }
  }
  g_assert (layout.slots <= DIFF_SLOTS_SIZE && layout.jumps <= DIFF_JUMPS_SIZE
            && layout.blob <= DIFF_BLOB_SIZE);
}

void
diff_place_code (const DiffTest *test, DiffShared *shared)
{
  bool jump = test->slot < DIFF_SLOTS;
  uint64_t offset = test->slot - (jump ? DIFF_JUMPS : DIFF_SLOTS);
  uint64_t end = (offset + test->code_length + 7) & ~UINT64_C (7);
  uint64_t *used = jump ? &shared->jumps_end : &shared->slots_end;

  memcpy ((uint8_t *) (jump ? shared->jumps : shared->slots) + offset, test->code,
          test->code_length);
  *used = MAX (*used, end);
}

void
diff_place_state (const DiffTest *test, DiffShared *shared, unsigned index)
{
  shared->cases[index] = test->state;
  memcpy ((uint8_t *) shared->blob + test->state.blob, test->window, test->state.length);
}
