/* SPDX-License-Identifier: GPL-3.0-or-later
 * Facts about regions of hand-made blocks: which guest registers get registers of the host, may be
 * newer than their copies, and must be there on entry. */
#include <string.h>

#include "core/jit/jit-region.h"

#define BIT(var) (UINT64_C (1) << (var))
#define F(number) (DIO_JIT_F + (number))

static const uint8_t pool_x[] = { 3, 12, 13 };
static const uint8_t pool_f[] = { 4, 5 };

/* A block from text, its edges to the blocks with these numbers. */
static void
add_block (DioJitRegion *region, const char *text, uint8_t taken, uint8_t next)
{
  g_autoptr (GError) error = NULL;
  DioJitBlock *block = &region->blocks[region->n_blocks];
  *block = (DioJitBlock){
    .offset = (uint16_t) (16 * region->n_blocks),
    .n_insns = 2,
    .taken = taken,
    .next = next,
    .entry = region->n_blocks == 0,
    .ir = dio_ir_block_parse (text, &error),
  };
  g_assert_no_error (error);
  region->n_blocks++;
}

static void
analyse (DioJitRegion *region)
{
  dio_jit_region_analyse (region, pool_x, G_N_ELEMENTS (pool_x), pool_f, G_N_ELEMENTS (pool_f));
}

static void
clear (DioJitRegion *region)
{
  for (unsigned i = 0; i < region->n_blocks; i++)
    dio_ir_block_free (region->blocks[i].ir);
  g_free (region);
}

#define NONE DIO_JIT_NO_BLOCK

/* x1 is set before the loop, x2 is read and written in it, x3 is read behind it. */
static DioJitRegion *
make_loop (void)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  add_block (region,
             "insn +0\n%1 = const 5\nset x1, %1\n"
             "exit +16\n",
             NONE, 1);
  add_block (region,
             "insn +0\n%1 = get x2\n%2 = get x1\n%3 = add %1, %2\nset x2, %3\n"
             "%5 = ne %3, %2 : i1\nbranch +0, %5\nexit +16\n",
             1, 2);
  add_block (region, "insn +0\n%1 = get x3\n%2 = get x2\n%3 = add %1, %2\nset x3, %3\nexit +16\n",
             NONE, NONE);
  return region;
}

static void
test_loop (void)
{
  DioJitRegion *region = make_loop ();
  for (unsigned round = 0; round < 2; round++) { /* it may be asked again */
    analyse (region);
    g_assert_false (region->blocks[0].loop_head);
    g_assert_true (region->blocks[1].loop_head);
    g_assert_cmpuint (region->blocks[0].depth, ==, 0);
    g_assert_cmpuint (region->blocks[1].depth, ==, 1);
    g_assert_cmpuint (region->n_insns, ==, 6);
    g_assert_cmpuint (region->pinned & (BIT (1) | BIT (2)), ==, BIT (1) | BIT (2));
    /* The one that is used most has the best register. */
    g_assert_cmpint (region->host[2], ==, pool_x[0]);
    g_assert_cmpint (region->host[1], ==, pool_x[1]);

    /* Nothing is newer before the first block; behind it x1 is, and in the loop x2 as well, for the
     * loop comes back. */
    g_assert_cmphex (region->blocks[0].dirty, ==, 0);
    g_assert_cmphex (region->blocks[1].dirty, ==, BIT (1) | BIT (2));
    g_assert_cmphex (region->blocks[2].dirty, ==, BIT (1) | BIT (2));
    /* x1 is set before it is read; x2 must come from the guest's state. */
    g_assert_cmphex (region->blocks[0].needed & (BIT (1) | BIT (2)), ==, BIT (2));
    g_assert_cmphex (region->blocks[1].needed & (BIT (1) | BIT (2)), ==, BIT (1) | BIT (2));
    g_assert_cmphex (region->blocks[0].used, ==, 0);
    g_assert_cmphex (region->blocks[0].defined, ==, BIT (1));
    g_assert_cmphex (region->blocks[1].used, ==, BIT (1) | BIT (2));
    g_assert_cmphex (region->blocks[2].defined, ==, BIT (3));
  }
  clear (region);
}

/* A register without one of the host's is in memory: never newer, never needed. */
static void
test_unpinned (void)
{
  DioJitRegion *region = make_loop ();
  dio_jit_region_analyse (region, pool_x, 0, pool_f, 0);
  g_assert_cmphex (region->pinned, ==, 0);
  for (unsigned var = 0; var < DIO_JIT_N_VARS; var++)
    g_assert_cmpint (region->host[var], ==, -1);
  for (unsigned i = 0; i < region->n_blocks; i++) {
    g_assert_cmphex (region->blocks[i].dirty, ==, 0);
    g_assert_cmphex (region->blocks[i].needed, ==, 0);
  }
  clear (region);
}

/* What is newer on one of two ways to a block is so there, and must then be in its register
 * whichever way is taken, as an exit behind stores it. */
static void
test_join (void)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  add_block (region,
             "insn +0\n%1 = get x1\n%2 = get x1\n%3 = get x1\n%4 = get x2\n%5 = get x2\n"
             "%6 = get x2\n%7 = ne %1, %4 : i1\nbranch +32, %7\nexit +16\n",
             2, 1);
  add_block (region, "insn +0\n%1 = const 1\nset x3, %1\nset x3, %1\nset x3, %1\nexit +16\n", NONE,
             2);
  add_block (region, "insn +0\n%1 = get x1\nset x4, %1\nexit +16\n", NONE, NONE);
  analyse (region);
  g_assert_cmphex (region->pinned, ==, BIT (1) | BIT (2) | BIT (3));
  g_assert_cmphex (region->blocks[1].dirty, ==, 0);
  g_assert_cmphex (region->blocks[2].dirty, ==, BIT (3));
  g_assert_cmphex (region->blocks[2].needed, ==, BIT (1) | BIT (3));
  /* By the way around it, x3 must have been loaded. */
  g_assert_cmphex (region->blocks[0].needed, ==, BIT (1) | BIT (2) | BIT (3));
  g_assert_cmphex (region->blocks[1].needed & BIT (3), ==, 0);
  clear (region);
}

/* The two files do not compete, and has_fp is what needs the host's FPU. */
static void
test_files (void)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  add_block (region,
             "insn +0\n%1 = get f1\n%2 = get f1\n%3 = get f1\n%4 = get f1\n%5 = get f2\n"
             "%6 = get f2\n%7 = get f2\nset f3, %7\nset f3, %6\nset f3, %5\nexit +16\n",
             NONE, NONE);
  analyse (region);
  g_assert_false (region->has_fp);
  g_assert_cmphex (region->pinned & ~UINT64_C (0xffffffff), ==, BIT (F (1)) | BIT (F (2)));
  g_assert_cmpint (region->host[F (1)], ==, pool_f[0]);
  g_assert_cmpint (region->host[F (2)], ==, pool_f[1]);
  g_assert_cmpint (region->host[F (3)], ==, -1);
  clear (region);

  region = g_new0 (DioJitRegion, 1);
  add_block (region, "insn +0\n%1 = get f1\n%2 = unbox %1\n%3 = box %2\nset f2, %3\nexit +16\n",
             NONE, NONE);
  analyse (region);
  g_assert_true (region->has_fp);
  clear (region);
}

/* What is used in an inner loop wins over what is used often outside. */
static void
test_weights (void)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  GString *often = g_string_new ("insn +0\n");
  for (unsigned i = 1; i <= 21; i++)
    g_string_append_printf (often, "%%%u = get x%u\n", i, 10 + i % 3);
  g_string_append (often, "exit +16\n");
  add_block (region, often->str, NONE, 1);
  add_block (region,
             "insn +0\n%1 = get x1\n%2 = get x2\n%3 = get x3\n%4 = ne %1, %2 : i1\nbranch +0, %4\n"
             "exit +16\n",
             1, NONE);
  analyse (region);
  g_assert_cmphex (region->pinned, ==, BIT (1) | BIT (2) | BIT (3));
  g_string_free (often, TRUE);
  clear (region);
}

/* ---- Loops and order ---- */

/* A block of @bytes at @offset that goes to others; what it does is no matter. */
static void
add_edges (DioJitRegion *region, unsigned offset, unsigned bytes, uint8_t taken, uint8_t next)
{
  add_block (region,
             taken == NONE ? "exit +0\n"
                           : "%1 = const 1\n%2 = eq %1, %1 : i1\nbranch +0, %2\nexit +0\n",
             taken, next);
  region->blocks[region->n_blocks - 1].offset = (uint16_t) offset;
  region->blocks[region->n_blocks - 1].bytes = (uint16_t) bytes;
}

static void
assert_loop (const DioJitRegion *region, unsigned index, unsigned depth, bool head, bool taken_back,
             bool next_back)
{
  const DioJitBlock *block = &region->blocks[index];
  g_assert_cmpuint (block->depth, ==, depth);
  g_assert_true (block->loop_head == head);
  g_assert_true (block->taken_back == taken_back);
  g_assert_true (block->next_back == next_back);
}

/* Two loops in one another, with a jump out of the inner one to a lower address. */
static void
test_nested (void)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  add_edges (region, 0, 4, NONE, 2);    /* the way in */
  add_edges (region, 4, 4, NONE, NONE); /* where the inner loop leaves: back, but round nothing */
  add_edges (region, 8, 4, NONE, 3);    /* head of the outer loop */
  add_edges (region, 12, 4, 1, 4);      /* head of the inner loop */
  add_edges (region, 16, 4, 3, 5);
  add_edges (region, 20, 4, 2, 6);
  add_edges (region, 24, 4, NONE, NONE);
  analyse (region);
  assert_loop (region, 0, 0, false, false, false);
  assert_loop (region, 1, 0, false, false, false);
  assert_loop (region, 2, 1, true, false, false);
  assert_loop (region, 3, 2, true, false, false);
  assert_loop (region, 4, 2, false, true, false);
  assert_loop (region, 5, 1, false, true, false);
  assert_loop (region, 6, 0, false, false, false);
  for (unsigned i = 0; i < region->n_blocks; i++)
    g_assert_true (region->blocks[i].entry == (i == 0 || i == 2 || i == 3));
  clear (region);
}

/* Two ways round through one head are one loop. */
static void
test_shared_head (void)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  add_edges (region, 0, 4, 0, 1);
  add_edges (region, 4, 4, NONE, 0);
  analyse (region);
  assert_loop (region, 0, 1, true, true, false);
  assert_loop (region, 1, 1, false, false, true);
  clear (region);
}

/* Every way round has an edge that closes a loop, whatever the graph. */
static void
test_every_loop (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (29);
  for (unsigned round = 0; round < 2000; round++) {
    DioJitRegion *region = g_new0 (DioJitRegion, 1);
    unsigned n = (unsigned) g_rand_int_range (random, 1, round % 8 ? 9 : DIO_JIT_MAX_BLOCKS + 1);
    for (unsigned i = 0; i < n; i++) {
      unsigned taken = (unsigned) g_rand_int_range (random, 0, (int) n + 1);
      unsigned next = (unsigned) g_rand_int_range (random, 0, (int) n + 1);
      add_edges (region, 8 * i, 4 + 8 * (round & 1), taken == n ? NONE : (uint8_t) taken,
                 next == n ? NONE : (uint8_t) next);
    }
    analyse (region);

    /* Without those edges, taking away blocks that nothing leads to takes away all. */
    uint64_t left = n == 64 ? UINT64_MAX : BIT (n) - 1;
    for (bool changed = true; changed;) {
      uint64_t led_to = 0;
      for (unsigned i = 0; i < n; i++) {
        const DioJitBlock *block = &region->blocks[i];
        if (!(left & BIT (i)))
          continue;
        if (block->taken != NONE && !block->taken_back)
          led_to |= BIT (block->taken);
        if (block->next != NONE && !block->next_back)
          led_to |= BIT (block->next);
      }
      changed = left != (left & led_to);
      left &= led_to;
    }
    g_assert_cmphex (left, ==, 0);

    /* And each has its place. */
    uint64_t placed = 0;
    for (unsigned i = 0; i < n; i++)
      placed |= BIT (region->order[i]);
    g_assert_cmphex (placed, ==, n == 64 ? UINT64_MAX : BIT (n) - 1);
    clear (region);
  }
}

/* Flags at the end of a loop are for a fault or a poll; where another comparison comes first nobody
 * wants them; and those that a block reads are read by who sets them for it. */
static void
test_flags (void)
{
  static const char *const heads[] = {
    "insn +0\n%1 = get x1\n%2 = load.u64 0, %1\n%3 = const 5\n",
    "insn +0\n%1 = get x1\n%2 = const 4\n%3 = condition 11 : i1\n",
    "insn +0\n%1 = get x1\n%2 = const 4\n%3 = const 5\n",
  };
  static const DioJitFlags wanted[] = { DIO_JIT_FLAGS_SHOWN, DIO_JIT_FLAGS_READ,
                                        DIO_JIT_FLAGS_DEAD };
  for (unsigned i = 0; i < G_N_ELEMENTS (heads); i++) {
    DioJitRegion *region = g_new0 (DioJitRegion, 1);
    g_autofree char *text =
        g_strconcat (heads[i], "flags.sub.64 %1, %2\nexit +32\n", (char *) NULL);
    add_block (region, "insn +0\n%1 = get x1\nflags.logic.64 %1\nexit +16\n", NONE, 1);
    add_block (region, text, NONE, 2);
    add_block (region, "insn +0\n%1 = get x1\n%2 = ne %1, %1 : i1\nbranch +0, %2\nexit +48\n", 1,
               NONE);
    analyse (region);
    g_assert_cmpint (region->blocks[1].flags, ==, wanted[i]);
    g_assert_cmpint (dio_jit_region_flags (region, 0, 3), ==, wanted[i]);
    /* Set anew in the block itself. */
    g_assert_cmpint (region->blocks[0].flags, ==, DIO_JIT_FLAGS_DEAD);
    /* The way back polls, and shows them there. */
    g_assert_cmpint (region->blocks[2].flags, ==, MAX (wanted[i], DIO_JIT_FLAGS_SHOWN));
    clear (region);
  }
}

/* Whether the guest may compute is asked where the region is entered, and shows nothing; unless the
 * answer may change on the way. */
static void
test_flags_and_fp (void)
{
  static const char *const ends[] = { "exit +32\n", "%4 = csr.write 2, %1\nexit +32\n" };
  for (unsigned i = 0; i < G_N_ELEMENTS (ends); i++) {
    DioJitRegion *region = g_new0 (DioJitRegion, 1);
    g_autofree char *text = g_strconcat ("insn +0\n%1 = get x1\nfp.require\nflags.logic.64 %1\n",
                                         ends[i], (char *) NULL);
    add_block (region, "insn +0\n%1 = get x1\nflags.logic.64 %1\nexit +16\n", NONE, 1);
    add_block (region, text, NONE, NONE);
    analyse (region);
    g_assert_cmpint (region->checks_fp, ==, i == 0);
    g_assert_cmpint (dio_jit_region_flags (region, 0, 3), ==,
                     i == 0 ? DIO_JIT_FLAGS_DEAD : DIO_JIT_FLAGS_SHOWN);
    clear (region);
  }
}

/* What only the ways out of the block show that sets them is left to these; not so when another
 * block is left with them. */
static void
test_flags_left (void)
{
  static const char *const texts[] = { "insn +0\n%1 = get x1\nflags.logic.64 %1\nexit +16\n",
                                       "insn +0\n%1 = get x1\nset x2, %1\nexit +16\n" };
  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++) {
    DioJitRegion *region = g_new0 (DioJitRegion, 1);
    add_block (region,
               "insn +0\n%1 = get x1\nflags.logic.64 %1\n%3 = ne %1, %1 : i1\n"
               "branch +4096, %3\nexit +16\n",
               NONE, 1);
    add_block (region, texts[i], NONE, NONE);
    analyse (region);
    g_assert_cmpint (dio_jit_region_flags (region, 0, 3), ==,
                     i == 0 ? DIO_JIT_FLAGS_LEFT : DIO_JIT_FLAGS_SHOWN);
    g_assert_cmpint (region->blocks[1].flags, ==,
                     i == 0 ? DIO_JIT_FLAGS_DEAD : DIO_JIT_FLAGS_SHOWN);
    g_assert_cmpint (dio_jit_region_flags (region, 1, 3), ==, DIO_JIT_FLAGS_LEFT);
    clear (region);
  }
}

/* The poll of a loop without a way out shows flags, of its block alone; a jump to a lower offset
 * that closes no loop has none, and where others are set first nobody wants them. */
static void
test_flags_at_polls (void)
{
  static const char sets[] = "insn +0\n%1 = get x1\nflags.logic.64 %1\nexit +0\n";
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  add_block (region, sets, NONE, 2);
  add_block (region, sets, NONE, 1);
  add_block (region, sets, NONE, 1);
  analyse (region);
  g_assert_true (region->blocks[1].next_back && !region->blocks[2].next_back);
  g_assert_cmpint (dio_jit_region_flags (region, 0, 3), ==, DIO_JIT_FLAGS_DEAD);
  g_assert_cmpint (dio_jit_region_flags (region, 1, 3), ==, DIO_JIT_FLAGS_LEFT);
  g_assert_cmpint (dio_jit_region_flags (region, 2, 3), ==, DIO_JIT_FLAGS_DEAD);
  clear (region);
}

/* Of vector registers that a loop reads as numbers, zeros above are counted on: where the region is
 * entered, and wherever they come from. Not of those that are vectors for somebody, nor behind what
 * may have made one of them; and then the entries need not look. */
static void
test_clean (void)
{
  static const uint8_t pool[] = { 4, 5, 6, 7, 8, 9, 10, 11 };
  static const char *const ends[] = { "%16 = get v3\n", "%16 = get v3\nset v1, %16\n" };
  for (unsigned i = 0; i < G_N_ELEMENTS (ends); i++) {
    DioJitRegion *region = g_new0 (DioJitRegion, 1);
    g_autofree char *text = g_strconcat (
        "insn +0\n%1 = get v0\n%2 = vec.low %1\n%3 = get v1\n%4 = vec.low %3\n%5 = zext32 %4\n"
        "%6 = add %2, %5\n%7 = const 0\n%8 = vec.make %6, %7\nset v2, %8\n%10 = get v3\n"
        "set v4, %10\n%12 = get v4\n%13 = vec.low %12\nset v4, %8\n%15 = ne %13, %7 : i1\n",
        ends[i], "branch +0, %15\nexit +16\n", (char *) NULL);
    add_block (region,
               "insn +0\n%1 = get x1\n%2 = load.u64 0, %1\n%3 = const 0\n"
               "%4 = vec.make %2, %3\nset v0, %4\nexit +16\n",
               NONE, 1);
    add_block (region, text, 1, 2);
    add_block (region, "insn +0\n%1 = get v2\n%2 = vec.low %1\nset x2, %2\nexit +16\n", NONE, NONE);
    dio_jit_region_analyse (region, pool_x, G_N_ELEMENTS (pool_x), pool, G_N_ELEMENTS (pool));
    uint64_t single = i == 0 ? BIT (F (1)) : 0;
    g_assert_cmphex (region->pinned >> DIO_JIT_F & 0xf, ==, 0xf);
    g_assert_cmphex (region->blocks[0].clean[DIO_JIT_CLEAN_8], ==, single);
    g_assert_cmphex (region->blocks[0].clean[DIO_JIT_CLEAN_4], ==, single);
    g_assert_cmphex (region->blocks[1].clean[DIO_JIT_CLEAN_8], ==, BIT (F (0)) | single);
    g_assert_cmphex (region->blocks[1].clean[DIO_JIT_CLEAN_4], ==, single);
    g_assert_cmphex (region->blocks[2].clean[DIO_JIT_CLEAN_8], ==, 0);
    clear (region);
  }
}

/* A single has zeros above 4 bytes; what else is made has them above 8, or none. */
static void
test_clean_sizes (void)
{
  static const struct {
    const char *value;
    bool half, single;
  } table[] = {
    { "%5 = vec.make %3, %4\n", true, false },
    { "%5 = zext32 %3\n%6 = vec.make %5, %4\n", true, true },
    { "%5 = vec.make %3, %3\n", false, false },
    { "%5 = vec.make %4, %4\n", true, true },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (table); i++) {
    DioJitRegion *region = g_new0 (DioJitRegion, 1);
    g_autofree char *text =
        g_strdup_printf ("insn +0\n%%1 = get v1\n%%2 = get v1\n%%3 = get x1\n%%4 = const 0\n%sset "
                         "v0, %%%u\nexit +16\n",
                         table[i].value, strchr (table[i].value, '\n')[1] ? 6 : 5);
    add_block (region, text, NONE, 1);
    add_block (region,
               "insn +0\n%1 = get v0\n%2 = vec.low %1\n%3 = zext32 %2\n%4 = ne %2, %3 : i1\n"
               "branch +0, %4\nexit +16\n",
               1, NONE);
    analyse (region);
    g_assert_true (region->pinned & BIT (F (0)));
    g_assert_cmphex (region->blocks[1].clean[DIO_JIT_CLEAN_8], ==, table[i].half ? BIT (F (0)) : 0);
    g_assert_cmphex (region->blocks[1].clean[DIO_JIT_CLEAN_4], ==,
                     table[i].single ? BIT (F (0)) : 0);
    g_assert_cmphex (region->blocks[0].clean[DIO_JIT_CLEAN_8], ==, 0);
    clear (region);
  }
}

/* The end of a block that is entered from outside does not stand between it and what follows. */
static void
test_order (void)
{
  DioJitRegion *region = g_new0 (DioJitRegion, 1);
  add_edges (region, 0, 8, 3, 2);
  add_edges (region, 4, 4, 3, 2);
  add_edges (region, 8, 4, 0, 3);
  add_edges (region, 12, 4, NONE, NONE);
  analyse (region);
  static const uint8_t order[] = { 0, 2, 3, 1 };
  g_assert_cmpmem (region->order, region->n_blocks, order, sizeof order);
  clear (region);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/region/loop", test_loop);
  g_test_add_func ("/core/jit/region/unpinned", test_unpinned);
  g_test_add_func ("/core/jit/region/join", test_join);
  g_test_add_func ("/core/jit/region/files", test_files);
  g_test_add_func ("/core/jit/region/weights", test_weights);
  g_test_add_func ("/core/jit/region/nested", test_nested);
  g_test_add_func ("/core/jit/region/shared-head", test_shared_head);
  g_test_add_func ("/core/jit/region/every-loop", test_every_loop);
  g_test_add_func ("/core/jit/region/clean", test_clean);
  g_test_add_func ("/core/jit/region/clean-sizes", test_clean_sizes);
  g_test_add_func ("/core/jit/region/order", test_order);
  g_test_add_func ("/core/jit/region/flags", test_flags);
  g_test_add_func ("/core/jit/region/flags-at-polls", test_flags_at_polls);
  g_test_add_func ("/core/jit/region/flags-and-fp", test_flags_and_fp);
  g_test_add_func ("/core/jit/region/flags-left", test_flags_left);
  return g_test_run ();
}
