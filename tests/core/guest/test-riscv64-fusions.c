/* SPDX-License-Identifier: GPL-3.0-or-later
 * Every fused pair does what its two instructions do one after the other: random operands that fit
 * the pair, run together and run apart. */
#include <string.h>

#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/guest/riscv64/riscv64-priv.h"
#include "tests/core/guest/rig.h"
#include "tests/core/guest/rv-asm.h"

#define CODE (RIG_RAM + 0x1000)
#define AT 0x800 /* of the pair in its page */
#define HANDLER RIG_RAM
#define DATA (RIG_RAM + 0x100000)
#define DATA_SIZE 0x4000
#define SAMPLES 40
#define C_EBREAK 0x9002

enum {
  USES_none,
  USES_rs1,
  USES_rs2,
  USES_both,
};

#define FORM(name, ...) FORM_##name,
enum { FORM_illegal, DIO_RV_LEAVES (FORM) DIO_RV_ALIASES (FORM) };
#define NAME(name, ...) #name,
static const char *const form_names[] = { "illegal", DIO_RV_LEAVES (NAME) DIO_RV_ALIASES (NAME) };

static const struct {
  unsigned a;
  DioInterpJumpKind jump_a;
  unsigned b;
  DioInterpJumpKind jump_b;
  unsigned uses;
} pairs[] = {
#define X(a, jump_a, b, jump_b, pin)                                                               \
  { FORM_##a, DIO_INTERP_JUMP_##jump_a, FORM_##b, DIO_INTERP_JUMP_##jump_b, USES_##pin },
#include "core/guest/riscv64/riscv64-fusions.inc"
#undef X
};

/* The leaf of each form; aliases by asking the decoder for every leaf. */
static unsigned leaf_of[DIO_RV_N_FORMS];

typedef struct {
  uint32_t raw;
  unsigned length;
  DioInsn insn;
} Choice;

/* A random instruction of @form at @at in its page, whose jump goes as @jump. */
static bool
choose (GRand *rng, unsigned form, DioInterpJumpKind jump, int at, Choice *choice)
{
  const DioLeafInfo *info = &dio_rv_leaf_info[leaf_of[form]];
  uint32_t mask = info->mask;
  choice->raw = info->value | (g_rand_int (rng) & ~mask);
  /* Aliases fix a field to 0. */
  if (form >= DIO_RV_N_LEAVES) {
    static const uint32_t fields[] = { 31u << 7, 31u << 15, 31u << 20, 0xfffu << 20 };
    choice->raw &= ~fields[g_rand_int_range (rng, 0, G_N_ELEMENTS (fields))] | mask;
  }
  if (info->length == 2)
    choice->raw &= 0xffff;
  choice->length = dio_rv_decode (choice->raw, &choice->insn);
  if (choice->insn.leaf != leaf_of[form] || dio_rv_alias (&choice->insn) != form)
    return false;
  if ((info->operands & DIO_OPERAND_RD_X) && choice->insn.rd == 0 && info->kind == DIO_LEAF_PLAIN)
    return false; /* a no-operation */
  if (info->kind == DIO_LEAF_BRANCH || info->kind == DIO_LEAF_JUMP) {
    int offset = info->kind == DIO_LEAF_BRANCH ? choice->insn.imm : choice->insn.wide;
    if (offset < 8 && offset > -8)
      return false; /* into the pair itself */
    bool inside = at + offset >= 0 && at + offset < (int) DIO_PAGE_SIZE;
    return jump == DIO_INTERP_JUMP_FAR    ? !inside
           : jump == DIO_INTERP_JUMP_BACK ? inside && offset <= 0
                                          : inside && offset > 0;
  }
  return true;
}

static unsigned
uses_of (const Choice *a, const Choice *b)
{
  unsigned x = dio_rv_leaf_info[a->insn.leaf].operands;
  unsigned y = dio_rv_leaf_info[b->insn.leaf].operands, uses = 0;
  for (unsigned i = 0; i < 2; i++) {
    bool same_file = ((x & DIO_OPERAND_RD_X) && (y & DIO_OPERAND_RS1_X << i))
                     || ((x & DIO_OPERAND_RD_F) && (y & DIO_OPERAND_RS1_F << i));
    if (same_file && a->insn.rd == (i ? b->insn.rs2 : b->insn.rs1))
      uses |= 1u << i;
  }
  return uses;
}

typedef struct {
  uint64_t x[32], f[32];
  uint64_t pc, cause, instructions;
  uint8_t fflags;
  uint8_t memory[DATA_SIZE];
} State;

static void
load_code (Rig *rig, const Choice *a, const Choice *b)
{
  uint16_t page[DIO_PAGE_SIZE / 2];
  for (unsigned i = 0; i < G_N_ELEMENTS (page); i++)
    page[i] = C_EBREAK;
  uint8_t *at = (uint8_t *) page + AT;
  if (a)
    memcpy (at, &a->raw, a->length);
  if (b)
    memcpy (at + a->length, &b->raw, b->length);
  rig_load (rig, CODE, page, sizeof page);
  dio_interp_engine_forget (&rig->hart->interp);
}

/* The same with the first instruction's place left to something that is not run. */
static void
load_second (Rig *rig, const Choice *a, const Choice *b)
{
  Choice gone = *a;
  gone.raw = UINT32_C (0x90029002);
  load_code (rig, &gone, b);
}

/* Runs from @pc until a trap has been taken, which every way out of the code page leads to. */
static void
run (Rig *rig, uint64_t pc)
{
  DioCpu *cpu = &rig->hart->interp.cpu;
  rig->hart->interp.pc = pc;
  rig->hart->mtvec = HANDLER;
  g_assert_cmpint (cpu->type->run (cpu), ==, DIO_EXIT_HALT);
}

static void
restore (Rig *rig, const State *state)
{
  memcpy (rig->hart->x, state->x, sizeof state->x);
  memcpy (rig->hart->f, state->f, sizeof state->f);
  rig->hart->fflags = state->fflags;
  memcpy (rig->machine.ram->host + (DATA - RIG_RAM), state->memory, DATA_SIZE);
}

static void
record (Rig *rig, State *state, uint64_t instructions)
{
  memcpy (state->x, rig->hart->x, sizeof state->x);
  memcpy (state->f, rig->hart->f, sizeof state->f);
  state->pc = rig->hart->mepc;
  state->cause = rig->hart->mcause;
  state->instructions = instructions;
  state->fflags = rig->hart->fflags;
  memcpy (state->memory, rig->machine.ram->host + (DATA - RIG_RAM), DATA_SIZE);
}

static void
randomise (GRand *rng, State *state)
{
  static const double numbers[] = { 0.0, 1.0, -1.5, 3.14, 1e300, -1e-300, 0.1 };
  for (unsigned i = 1; i < 32; i++) {
    switch (g_rand_int_range (rng, 0, 4)) {
    case 0:
      state->x[i] = (uint64_t) g_rand_int (rng) << 32 | g_rand_int (rng);
      break;
    case 1:
      state->x[i] = g_rand_int_range (rng, 0, 4);
      break;
    default:
      state->x[i] = DATA + DATA_SIZE / 2 + 8 * (uint64_t) g_rand_int_range (rng, -64, 64);
      break;
    }
  }
  for (unsigned i = 0; i < 32; i++) {
    double number = numbers[g_rand_int_range (rng, 0, G_N_ELEMENTS (numbers))];
    float single = (float) number;
    uint32_t bits;
    memcpy (&state->f[i], &number, sizeof number);
    memcpy (&bits, &single, sizeof bits);
    if (g_rand_boolean (rng))
      state->f[i] = UINT64_C (0xffffffff00000000) | bits;
  }
  state->fflags = g_rand_boolean (rng);
  for (unsigned i = 0; i < DATA_SIZE; i++)
    state->memory[i] = (uint8_t) g_rand_int (rng);
}

/* The handler in the pair's slot. */
static DioInterpHandler
handler_at (Rig *rig)
{
  DioInterpJump *jump = &rig->hart->interp.engine->jumps[dio_tlb_index (CODE)];
  return jump->slots[AT / 2].handler;
}

/* Runs both as decoded together, then apart, from the same state. */
static void
compare (Rig *rig, const State *start, const Choice *a, const Choice *b, const char *what)
{
  g_autofree State *together = g_new0 (State, 1);
  g_autofree State *apart = g_new0 (State, 1);
  uint64_t *retired = &rig->hart->interp.cpu.stats.instructions;

  load_code (rig, a, b);
  restore (rig, start);
  uint64_t before = *retired;
  run (rig, CODE + AT);
  record (rig, together, *retired - before);
  DioInterpHandler pair_handler = handler_at (rig);

  load_code (rig, a, NULL);
  restore (rig, start);
  run (rig, CODE + AT);
  if (handler_at (rig) == pair_handler)
    g_error ("%s (%08x, %08x) is not fused", what, a->raw, b->raw);
  restore (rig, start);
  before = *retired;
  run (rig, CODE + AT);
  uint64_t instructions = *retired - before;
  if (rig->hart->mepc == CODE + AT + a->length && rig->hart->mcause == DIO_RV_EXC_BREAKPOINT) {
    load_second (rig, a, b);
    before = *retired;
    run (rig, CODE + AT + a->length);
    instructions += *retired - before - 1; /* one handler's wfi too many */
  }
  record (rig, apart, instructions);

  for (unsigned i = 0; i < 32; i++)
    if (together->x[i] != apart->x[i] || together->f[i] != apart->f[i])
      g_error ("%s (%08x, %08x): register %u differs", what, a->raw, b->raw, i);
  g_assert_cmphex (together->pc, ==, apart->pc);
  g_assert_cmphex (together->cause, ==, apart->cause);
  g_assert_cmphex (together->fflags, ==, apart->fflags);
  if (together->instructions != apart->instructions)
    g_error ("%s (%08x, %08x): %u instructions, not %u", what, a->raw, b->raw,
             (unsigned) together->instructions, (unsigned) apart->instructions);
  g_assert_cmpmem (together->memory, DATA_SIZE, apart->memory, DATA_SIZE);
}

static void
find_leaves (void)
{
  for (unsigned leaf = 0; leaf < DIO_RV_N_LEAVES; leaf++)
    leaf_of[leaf] = leaf;
#define ALIAS_LEAF(alias, sem, bytes, kind, pins)                                                  \
  for (unsigned leaf = 1; leaf < DIO_RV_N_LEAVES; leaf++)                                          \
    if (!strcmp (dio_rv_leaf_info[leaf].name, #sem) && dio_rv_leaf_info[leaf].length == (bytes))   \
      leaf_of[FORM_##alias] = leaf;
  DIO_RV_ALIASES (ALIAS_LEAF)
}

static void
test_pairs (void)
{
  g_autoptr (GRand) rng = g_rand_new_with_seed (3);
  g_autofree State *start = g_new0 (State, 1);
  Rig *rig = rig_new (4 << 20, 1);
  const uint32_t wfi = WFI;
  find_leaves ();
  rig_load (rig, HANDLER, &wfi, sizeof wfi);
  rig->hart->mstatus |= UINT64_C (3) << 13;
  dio_rv_fp_dirty (rig->hart);
  for (unsigned p = 0; p < G_N_ELEMENTS (pairs); p++) {
    g_autofree char *what =
        g_strdup_printf ("%s+%s", form_names[pairs[p].a], form_names[pairs[p].b]);
    unsigned samples = 0;
    for (unsigned attempt = 0; attempt < 2000000 && samples < SAMPLES; attempt++) {
      Choice a, b;
      if (!choose (rng, pairs[p].a, pairs[p].jump_a, AT, &a)
          || !choose (rng, pairs[p].b, pairs[p].jump_b, AT + (int) a.length, &b)
          || uses_of (&a, &b) != pairs[p].uses)
        continue;
      randomise (rng, start);
      compare (rig, start, &a, &b, what);
      samples++;
    }
    if (samples < SAMPLES)
      g_error ("%s: only %u samples", what, samples);
  }
  rig_free (rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/guest/riscv64/fusions/pairs", test_pairs);
  return g_test_run ();
}
