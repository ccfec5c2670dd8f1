/* SPDX-License-Identifier: GPL-3.0-or-later
 * Condition flags behind loops over pages: of the last round where they end, and of the round
 * before where one faults at the end of what is mapped. And those that a comparison leaves to
 * another page, where the other way sets them anew. */
#include "guest.h"

#define VA 0x100000000ull
#define PAGE_BYTES 4096
#define NZCV(o) ((o).spsr & PSTATE_NZCV)
#define N BIT (31)
#define Z BIT (30)
#define C BIT (29)

static uint64_t area[2 * PAGE_BYTES / 8] __attribute__ ((aligned (PAGE_BYTES)));

/* x0: from where on; x1: rounds, by ones with flags that tell odd from even, or by threes. */
extern const char by_ones[], by_threes[], leaves[];
__asm__(".pushsection .probe, \"awx\"\n"
        ".balign 64\n"
        "by_ones:\n"
        "  ldr x3, [x0], #8\n"
        "  sub x1, x1, #1\n"
        "  tst x1, #1\n"
        "  cbnz x1, by_ones\n"
        "  svc #0xfff\n"
        "by_threes:\n"
        "  ldr x3, [x0], #8\n"
        "  subs x1, x1, #3\n"
        "  b.hi by_threes\n"
        "  svc #0xfff\n"
        ".balign 4096\n"
        "leaves:\n"
        "  subs x1, x1, x0\n"
        "  b.ne elsewhere\n"
        "  adds x2, x1, #1\n"
        "  svc #0xfff\n"
        ".balign 4096\n"
        "elsewhere:\n"
        "  svc #0xfff\n"
        ".popsection\n");

static void
test_ends (void)
{
  for (unsigned n = 100; n < 200; n++) {
    struct outcome o = probe (EL1, by_threes, VA, n);
    CHECK_EQ (o.vector, -1);
    CHECK_EQ (o.x0, VA + (n + 2) / 3 * 8);
    CHECK_EQ (NZCV (o), n % 3 ? N : Z | C);
  }
}

static void
test_faults (void)
{
  for (unsigned i = 0; i < 100; i++) {
    uint64_t rounds = 2 * PAGE_BYTES / 8 - i, n = 5000 + i / 10;
    struct outcome o = probe (EL1, by_ones, VA + i * 8, n);
    CHECK_EQ (o.vector, FROM_SAME + SYNC);
    CHECK_EQ (ec_of (o), EC_DATA_SAME);
    CHECK_EQ (o.elr, by_ones);
    CHECK_EQ (o.far, VA + 2 * PAGE_BYTES);
    CHECK_EQ (o.x0, o.far);
    CHECK_EQ (NZCV (o), (n - rounds) & 1 ? 0 : Z);
  }
}

static void
test_leaves (void)
{
  for (unsigned n = 0; n < 200; n++) {
    struct outcome o = probe (EL1, leaves, 100, n);
    CHECK_EQ (o.vector, -1);
    CHECK_EQ (NZCV (o), n == 100 ? 0 : n < 100 ? N : C);
  }
}

int
main (void)
{
  uint64_t *root = new_root (12);
  for (unsigned i = 0; i < 2; i++)
    *pte_of (root, 12, VA + i * PAGE_BYTES, 3) =
        leaf ((uint64_t) area + i * PAGE_BYTES, 3, PTE_RW | PTE_UXN | PTE_PXN);
  mmu_on (root, 12, 1, 0);
  test_ends ();
  test_faults ();
  test_leaves ();
  pass ();
}
