/* SPDX-License-Identifier: GPL-3.0-or-later
 * Loops that sweep over memory, by compiled code: with the TLB full of their pages, or of some of
 * them, they must do what they do with an empty one, to the instruction. */
#include <string.h>

#include "tests/core/jit/jit-run.h"

#define LOOPS 3000
#define RUNS 4
#define SEED 11
#define PAGES 8
#define BYTES (PAGES * DIO_PAGE_SIZE)
#define BASE UINT64_C (0x7ffffffff000)
#define N_POINTERS 4
#define COUNTER 8
#define SUM 9
#define FIRST_PAIR 16
#define N_PAIRS 4
#define OUTER_COUNTER 24
#define FIRST_OUTER 25
#define N_OUTER 5

typedef struct {
  JitRun *run;
  uint8_t *memory;
  IrEvalState state;
  IrEvalExit exit;
} Side;

static void
start (Side *side, bool vectors)
{
  side->run = vectors ? jit_run_new_with_vectors ("") : jit_run_new ("", 1);
  side->memory = g_malloc (BYTES);
  jit_run_give_memory (side->run, side->memory, BYTES);
}

static void
end (Side *side)
{
  jit_run_free (side->run);
  g_free (side->memory);
}

/* ---- Loops ---- */

/* What a pointer is moved by in a round: steps of all kinds, most of them small. */
static int
random_step (GRand *rng)
{
  static const int steps[] = { 0, 1, 2, 4, 8, 16, 24, 40, 56, 64, 100, 333, 512, 1000, 1024, 4096 };
  int step = steps[g_rand_int_range (rng, 0, g_rand_boolean (rng) ? 6 : G_N_ELEMENTS (steps))];
  return g_rand_boolean (rng) ? step : -step;
}

/* The address of an access: a pointer, or with the index x7, shifted or not, or with x6 as well. */
static unsigned
append_address (GString *text, GRand *rng, unsigned *n)
{
  unsigned base = (*n)++;
  g_string_append_printf (text, "%%%u = get x%d\n", base,
                          g_rand_int_range (rng, 1, N_POINTERS + 1));
  if (g_rand_int_range (rng, 0, 3))
    return base;
  unsigned index = (*n)++, sum = (*n)++;
  int shift = g_rand_int_range (rng, 0, 4);
  g_string_append_printf (text, "%%%u = get x7\n", index);
  if (shift)
    g_string_append_printf (text, "%%%u = add_shl %d, %%%u, %%%u\n", sum, shift, base, index);
  else if (g_rand_boolean (rng))
    g_string_append_printf (text, "%%%u = add %%%u, %%%u\n", sum, base, index);
  else
    g_string_append_printf (text, "%%%u = add %%%u, %%%u\n", sum, index, base);
  if (g_rand_boolean (rng))
    return sum;
  unsigned third = (*n)++, all = (*n)++;
  g_string_append_printf (text, "%%%u = get x6\n%%%u = add %%%u, %%%u\n", third, all, sum, third);
  return all;
}

/* Two registers are stored, or loaded, as one vector; or one of them is used otherwise. */
static void
append_pair (GString *text, GRand *rng, unsigned *n)
{
  unsigned address = append_address (text, rng, n), at = *n;
  int disp = g_rand_int_range (rng, -24, 24), low = g_rand_int_range (rng, 0, N_PAIRS);
  low = FIRST_PAIR + 2 * low;
  int high = low + (low == FIRST_PAIR ? -1 : 1);
  if (!g_rand_int_range (rng, 0, 24)) {
    g_string_append_printf (text, "%%%u = get x%d\nset x%u, %%%u\n", at, high, SUM, at);
    *n += 2;
  } else if (g_rand_boolean (rng)) {
    g_string_append_printf (text,
                            "%%%u = get x%d\n%%%u = get x%d\n%%%u = vec.make %%%u, %%%u\n"
                            "store.v128 %d, %%%u, %%%u\n",
                            at, low, at + 1, high, at + 2, at, at + 1, disp, address, at + 2);
    *n += 4;
  } else {
    g_string_append_printf (text,
                            "%%%u = load.v128 %d, %%%u\n%%%u = vec.low %%%u\n"
                            "%%%u = vec.high %%%u\nset x%d, %%%u\nset x%d, %%%u\n",
                            at, disp, address, at + 1, at, at + 2, at, low, at + 1, high, at + 2);
    *n += 5;
  }
}

/* All loads are added up; stores store the sum. */
static void
append_access (GString *text, GRand *rng, bool vectors, unsigned *n)
{
  static const char *const loads[] = { "s8", "u8", "s16", "u16", "s32", "u32", "u64" };
  unsigned address = append_address (text, rng, n), sum = (*n)++, other = *n;
  int disp = g_rand_int_range (rng, -24, 24);
  g_string_append_printf (text, "%%%u = get x%u\n", sum, SUM);
  if (vectors && !g_rand_int_range (rng, 0, 3)) {
    g_string_append_printf (text,
                            "%%%u = load.v128 %d, %%%u\n%%%u = vec.high %%%u\n%%%u = add %%%u, "
                            "%%%u\nset x%u, %%%u\nstore.v128 %d, %%%u, %%%u\n",
                            other, disp, address, other + 1, other, other + 2, other + 1, sum, SUM,
                            other + 2, disp + 16, address, other);
    *n += 5;
  } else if (g_rand_boolean (rng)) {
    g_string_append_printf (text, "store.%u %d, %%%u, %%%u\n", 8u << g_rand_int_range (rng, 0, 4),
                            disp, address, sum);
    *n += 1;
  } else {
    g_string_append_printf (text,
                            "%%%u = load.%s %d, %%%u\n%%%u = rotl %%%u, %%%u\n%%%u = add %%%u, "
                            "%%%u\nset x%u, %%%u\n",
                            other, loads[g_rand_int_range (rng, 0, G_N_ELEMENTS (loads))], disp,
                            address, other + 1, sum, sum, other + 2, other, other + 1, SUM,
                            other + 2);
    *n += 4;
  }
}

static void
append_move (GString *text, unsigned reg, int by, unsigned *n)
{
  g_string_append_printf (text, "%%%u = get x%u\n%%%u = const %d\n%%%u = add %%%u, %%%u\n", *n, reg,
                          *n + 1, by, *n + 2, *n, *n + 1);
  g_string_append_printf (text, "set x%u, %%%u\n", reg, *n + 2);
  *n += 4;
}

static char *
random_loop (GRand *rng, bool vectors)
{
  GString *text = g_string_new ("insn +0\n");
  unsigned n = 1, insn = 0;
  bool pairs_too = g_rand_boolean (rng);
  for (int i = g_rand_int_range (rng, 1, 6); i > 0; i--) {
    append_access (text, rng, vectors, &n);
    for (int pairs = vectors && pairs_too ? 3 : 0; pairs > 0; pairs--)
      append_pair (text, rng, &n);
    if (g_rand_boolean (rng))
      append_move (text, (unsigned) g_rand_int_range (rng, 1, N_POINTERS + 1), random_step (rng),
                   &n);
    g_string_append_printf (text, "insn +%u\n", ++insn * 4);
    n++;
  }
  append_move (text, 7, g_rand_boolean (rng) ? 1 : -1, &n);
  if (!g_rand_int_range (rng, 0, 4))
    append_move (text, 6, random_step (rng), &n);
  append_move (text, COUNTER, -1, &n);
  g_string_append_printf (text, "%%%u = get x%u\n%%%u = const 0\n%%%u = %s %%%u, %%%u : i1\n", n,
                          COUNTER, n + 1, n + 2, g_rand_boolean (rng) ? "ne" : "lt", n + 1, n);
  g_string_append_printf (text, "branch +0, %%%u\nexit +%u\n", n + 2, ++insn * 4);
  return g_string_free (text, FALSE);
}

/* What comes behind the loop and goes back to it, with registers of its own: some it reads, some it
 * changes. */
static char *
random_outer (GRand *rng)
{
  GString *text = g_string_new ("insn +0\n");
  unsigned n = 1;
  for (unsigned reg = FIRST_OUTER; reg < FIRST_OUTER + N_OUTER; reg++) {
    g_string_append_printf (text, "%%%u = get x%u\n%%%u = get x%d\n%%%u = add %%%u, %%%u\n", n, reg,
                            n + 1, g_rand_int_range (rng, FIRST_OUTER, FIRST_OUTER + N_OUTER),
                            n + 2, n, n + 1);
    g_string_append_printf (text, "set x%u, %%%u\n", g_rand_boolean (rng) ? reg : SUM, n + 2);
    n += 4;
  }
  g_string_append_printf (text, "%%%u = const 30\nset x%u, %%%u\n", n, COUNTER, n);
  n += 2;
  append_move (text, OUTER_COUNTER, -1, &n);
  g_string_append_printf (text,
                          "%%%u = get x%u\n%%%u = const 0\n%%%u = lt %%%u, %%%u : i1\n"
                          "branch -4, %%%u\nexit +4\n",
                          n, OUTER_COUNTER, n + 1, n + 2, n + 1, n, n + 2);
  return g_string_free (text, FALSE);
}

/* What comes behind the loop for good, and only writes: often enough to have host registers. */
static char *
make_end (void)
{
  GString *text = g_string_new ("insn +0\n");
  unsigned n = 1;
  for (unsigned reg = FIRST_OUTER; reg < FIRST_OUTER + N_OUTER; reg++) {
    g_string_append_printf (text, "%%%u = get x%u\n", n, SUM);
    for (unsigned i = 0; i < 3; i++)
      g_string_append_printf (text, "set x%u, %%%u\n", reg, n);
    n += 4;
  }
  g_string_append (text, "exit +4\n");
  return g_string_free (text, FALSE);
}

static char *
random_behind (GRand *rng)
{
  int which = g_rand_int_range (rng, 0, 4);
  return which == 0 ? NULL : which == 1 ? make_end () : random_outer (rng);
}

/* ---- Runs ---- */

static void
run_both (Side *sides, DioJitEntry *const *entries, GRand *rng)
{
  ir_eval_randomize (&sides[0].state, rng);
  for (unsigned i = 0; i < BYTES; i += 4)
    *(uint32_t *) (void *) &sides[0].memory[i] = g_rand_int (rng);
  memcpy (sides[1].memory, sides[0].memory, BYTES);
  IrEvalState *state = &sides[0].state;
  for (unsigned i = 1; i <= N_POINTERS; i++)
    state->x[i] = BASE + (uint64_t) g_rand_int_range (rng, 64, BYTES - 64);
  state->x[6] = (uint64_t) g_rand_int_range (rng, -200, 200);
  state->x[7] = (uint64_t) g_rand_int_range (rng, -100, 100);
  state->x[OUTER_COUNTER] = (uint64_t) g_rand_int_range (rng, 0, 4);
  state->x[COUNTER] = (uint64_t) g_rand_int_range (rng, 1, g_rand_boolean (rng) ? 20 : 4000);
  state->fault_rate = 0;
  state->frm = 0;
  state->pc = entries[0]->address & DIO_PAGE_MASK;
  sides[1].state = sides[0].state;
  for (unsigned i = 0; i < 2; i++)
    sides[i].exit = jit_run (sides[i].run, entries[i], &sides[i].state);
}

static void
compare (const Side *sides, const char *text)
{
  const char *difference =
      ir_eval_difference (&sides[0].state, sides[0].exit, &sides[1].state, sides[1].exit);
  if (!difference && jit_run_budget (sides[0].run) != jit_run_budget (sides[1].run))
    difference = "instructions";
  if (!difference && memcmp (sides[0].memory, sides[1].memory, BYTES) != 0)
    difference = "memory";
  if (difference)
    g_error ("%s differ:\n%s", difference, text);
}

/* The pages of the first side: most are in the TLB, some not at all or not to be written, and one
 * that is not may fault. */
static void
map_some (Side *sides, GRand *rng)
{
  int faulty = g_rand_int_range (rng, -PAGES, PAGES);
  DioTlb *tlb = jit_run_tlb (sides[0].run);
  dio_tlb_flush_all (tlb);
  for (int page = 0; page < PAGES; page++) {
    uint64_t va = BASE + (uint64_t) page * DIO_PAGE_SIZE;
    unsigned rights = g_rand_int_range (rng, 0, 8) ? DIO_TLB_READ | DIO_TLB_WRITE : DIO_TLB_READ;
    if (page != faulty && g_rand_int_range (rng, 0, 8))
      dio_tlb_fill (tlb->data_set, va, ~DIO_PAGE_MASK, sides[0].memory + va % BYTES, rights);
  }
  for (unsigned i = 0; i < 2; i++)
    jit_run_let_fault (sides[i].run,
                       faulty < 0 ? UINT64_MAX : BASE + (uint64_t) faulty * DIO_PAGE_SIZE);
}

static void
test_random (gconstpointer vectors)
{
  GRand *rng = g_rand_new_with_seed (SEED);
  Side sides[2] = { 0 };
  unsigned polls = 0, faults = 0;
  for (unsigned i = 0; i < 2; i++)
    start (&sides[i], vectors != NULL);
  for (unsigned loop = 0; loop < LOOPS; loop++) {
    g_autofree char *text = random_loop (rng, vectors != NULL);
    g_autofree char *outer_text = random_behind (rng);
    DioJitEntry *entries[2];
    for (unsigned i = 0; i < 2; i++) {
      g_autoptr (GError) error = NULL;
      DioIrBlock *ir = dio_ir_block_parse (text, &error);
      g_assert_no_error (error);
      DioIrBlock *outer = outer_text ? dio_ir_block_parse (outer_text, &error) : NULL;
      g_assert_no_error (error);
      entries[i] = jit_run_compile_loop (sides[i].run, DIO_PAGE_SIZE * (1 + loop), ir, outer);
      g_assert_nonnull (entries[i]);
    }
    for (unsigned run = 0; run < RUNS; run++) {
      map_some (sides, rng);
      run_both (sides, entries, rng);
      compare (sides, text);
      polls += jit_run_budget (sides[0].run) < 0;
      faults += sides[0].exit.end == IR_EVAL_FAULT;
    }
  }
  g_assert_cmpuint (jit_run_sweeps (sides[0].run), >, LOOPS);
  g_assert_cmpuint (jit_run_sweeps (sides[1].run), ==, 0);
  g_assert_cmpuint (polls, >, LOOPS / 50);
  g_assert_cmpuint (faults, >, LOOPS / 50);
  for (unsigned i = 0; i < 2; i++)
    end (&sides[i]);
  g_rand_free (rng);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/jit-sweep-code/words", NULL, test_random);
  g_test_add_data_func ("/jit-sweep-code/vectors", "", test_random);
  return g_test_run ();
}
