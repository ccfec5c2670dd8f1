/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which blocks make a region, of both guests. */
#include <string.h>

#include "core/guest/arm64/arm64-tier.h"
#include "core/guest/riscv64/riscv64-tier.h"
#include "core/tier/tier-region.h"

typedef struct {
  uint8_t page[DIO_PAGE_SIZE];
  DioJitRegion region;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  memset (fixture, 0, sizeof *fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  dio_tier_region_clear (&fixture->region);
}

static void
assert_block (const DioJitBlock *block, unsigned offset, unsigned insns, DioJitBlockEnd end,
              unsigned taken, unsigned next, bool entry)
{
  g_assert_cmphex (block->offset, ==, offset);
  g_assert_cmpuint (block->n_insns, ==, insns);
  g_assert_cmpuint (block->bytes, ==, 4 * insns);
  g_assert_cmpuint (block->end, ==, end);
  g_assert_cmpuint (block->taken, ==, taken);
  g_assert_cmpuint (block->next, ==, next);
  g_assert_true (block->entry == entry);
}

/* A loop, a call behind it, what is stepped, and a return. */
static void
check_shape (Fixture *fixture, const DioTierGuest *guest, const uint32_t *code, size_t length)
{
  const unsigned none = DIO_JIT_NO_BLOCK;
  const DioJitRegion *region = &fixture->region;
  memcpy (fixture->page, code, length);
  dio_tier_region_build (guest, &fixture->region, fixture->page, 0, NULL, NULL);
  g_assert_cmpuint (region->n_blocks, ==, 4);
  assert_block (&region->blocks[0], 0, 2, DIO_JIT_END_JUMP, 0, 1, true);
  assert_block (&region->blocks[1], 8, 1, DIO_JIT_END_JUMP, none, none, false);
  assert_block (&region->blocks[2], 12, 0, DIO_JIT_END_INTERPRET, none, none, true);
  assert_block (&region->blocks[3], 16, 1, DIO_JIT_END_JUMP, none, none, true);
}

static void
test_arm64 (Fixture *fixture, gconstpointer data)
{
  /* subs x0, x0, #1; b.ne .-4; bl .+256; clrex; ret */
  static const uint32_t code[] = { 0xf1000400, 0x54ffffe1, 0x94000040, 0xd5033f5f, 0xd65f03c0 };
  check_shape (fixture, &dio_a64_tier_guest, code, sizeof code);
}

static void
test_riscv64 (Fixture *fixture, gconstpointer data)
{
  /* addi a0, a0, -1; bnez a0, .-4; jal .+256; fence.i; ret */
  static const uint32_t code[] = { 0xfff50513, 0xfe051ee3, 0x100000ef, 0x0000100f, 0x00008067 };
  check_shape (fixture, &dio_rv_tier_guest, code, sizeof code);
}

/* An instruction that ends in the next page is stepped. */
static void
test_straddling (Fixture *fixture, gconstpointer data)
{
  static const uint16_t code[] = { 0x0001, 0x0513 }; /* c.nop; a half of addi a0, a0, ... */
  memcpy (fixture->page + DIO_PAGE_SIZE - sizeof code, code, sizeof code);
  dio_tier_region_build (&dio_rv_tier_guest, &fixture->region, fixture->page, DIO_PAGE_SIZE - 4,
                         NULL, NULL);
  g_assert_cmpuint (fixture->region.n_blocks, ==, 1);
  g_assert_cmpuint (fixture->region.blocks[0].n_insns, ==, 1);
  g_assert_cmpuint (fixture->region.blocks[0].end, ==, DIO_JIT_END_INTERPRET);
}

/* A loop whose branch the region starts at stays whole. */
static void
test_start_at_branch (Fixture *fixture, gconstpointer data)
{
  /* subs x0, x0, #1; b.ne .-4; ret */
  static const uint32_t code[] = { 0xf1000400, 0x54ffffe1, 0xd65f03c0 };
  const DioJitRegion *region = &fixture->region;
  memcpy (fixture->page, code, sizeof code);
  dio_tier_region_build (&dio_a64_tier_guest, &fixture->region, fixture->page, 4, NULL, NULL);
  g_assert_cmpuint (region->n_blocks, ==, 3);
  assert_block (&region->blocks[0], 0, 2, DIO_JIT_END_JUMP, 0, 2, false);
  assert_block (&region->blocks[1], 4, 1, DIO_JIT_END_JUMP, 0, 2, true);
  assert_block (&region->blocks[2], 8, 1, DIO_JIT_END_JUMP, DIO_JIT_NO_BLOCK, DIO_JIT_NO_BLOCK,
                false);
}

static bool
is_first (void *data, unsigned offset)
{
  return offset == 0;
}

/* What was never run is left out, but for where it starts. */
static void
test_not_run (Fixture *fixture, gconstpointer data)
{
  static const uint32_t code[] = { 0xf1000400, 0x54ffffe1, 0xd65f03c0 };
  memcpy (fixture->page, code, sizeof code);
  dio_tier_region_build (&dio_a64_tier_guest, &fixture->region, fixture->page, 0, is_first, NULL);
  g_assert_cmpuint (fixture->region.n_blocks, ==, 1);
  assert_block (&fixture->region.blocks[0], 0, 2, DIO_JIT_END_JUMP, 0, DIO_JIT_NO_BLOCK, true);
}

#define ADD(path, function)                                                                        \
  g_test_add ("/core/tier/region/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("arm64", test_arm64);
  ADD ("riscv64", test_riscv64);
  ADD ("straddling", test_straddling);
  ADD ("start-at-branch", test_start_at_branch);
  ADD ("not-run", test_not_run);
  return g_test_run ();
}
