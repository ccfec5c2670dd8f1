/* SPDX-License-Identifier: GPL-3.0-or-later
 * Floating point in compiled loops: each rounding mode, exception flags read right after the
 * operation that raises them, and the states of mstatus.FS. */
#include "guest.h"

#define LOOPS 500
#define ONE 0x3ff0000000000000ull
#define THREE 0x4008000000000000ull
#define THIRD 0x3fd5555555555555ull

enum { NX = 1, UF = 2, OF = 4, DZ = 8, NV = 16 };

#define DIVIDE(rounding)                                                                           \
  static uint64_t __attribute__ ((noinline))                                                       \
  divide_##rounding (uint64_t a, uint64_t b, uint64_t n, uint64_t *flags)                          \
  {                                                                                                \
    uint64_t result, differ = 0, all = 0;                                                          \
    __asm__ volatile("fmv.d.x ft0, %4\n"                                                           \
                     "fmv.d.x ft1, %5\n"                                                           \
                     "1:\n"                                                                        \
                     "csrwi fflags, 0\n"                                                           \
                     "fdiv.d ft2, ft0, ft1, " #rounding "\n"                                       \
                     "frflags t0\n"                                                                \
                     "fdiv.d ft3, ft0, ft0, " #rounding "\n"                                       \
                     "or %2, %2, t0\n"                                                             \
                     "fmv.x.d t1, ft2\n"                                                           \
                     "beq %3, %6, 2f\n"                                                            \
                     "xor t2, t1, %0\n"                                                            \
                     "or %1, %1, t2\n"                                                             \
                     "2:\n"                                                                        \
                     "mv %0, t1\n"                                                                 \
                     "addi %3, %3, -1\n"                                                           \
                     "bnez %3, 1b\n"                                                               \
                     : "=&r"(result), "+&r"(differ), "+&r"(all), "+&r"(n)                          \
                     : "r"(a), "r"(b), "r"(n)                                                      \
                     : "t0", "t1", "t2", "ft0", "ft1", "ft2", "ft3", "memory");                    \
    *flags = all;                                                                                  \
    CHECK_EQ (differ, 0);                                                                          \
    return result;                                                                                 \
  }
DIVIDE (rne)
DIVIDE (rtz)
DIVIDE (rdn)
DIVIDE (rup)
DIVIDE (rmm)
DIVIDE (dyn)

static void
test_rounding (void)
{
  static const uint64_t thirds[] = { THIRD, THIRD, THIRD, THIRD + 1, THIRD };
  static const uint64_t minus[] = { THIRD, THIRD, THIRD + 1, THIRD, THIRD };
  uint64_t (*const fixed[]) (uint64_t, uint64_t, uint64_t, uint64_t *) = {
    divide_rne, divide_rtz, divide_rdn, divide_rup, divide_rmm,
  };
  uint64_t flags;
  for (unsigned frm = 0; frm < 5; frm++) {
    csr_write (frm, frm);
    CHECK_EQ (divide_dyn (ONE, THREE, LOOPS, &flags), thirds[frm]);
    CHECK_EQ (flags, NX);
    CHECK_EQ (divide_dyn (ONE | BIT (63), THREE, LOOPS, &flags), minus[frm] | BIT (63));
    CHECK_EQ (divide_dyn (ONE, 0, LOOPS, &flags), 0x7ff0000000000000);
    CHECK_EQ (flags, DZ);
    CHECK_EQ (divide_dyn (0, 0, LOOPS, &flags), 0x7ff8000000000000);
    CHECK_EQ (flags, NV);
    CHECK_EQ (divide_dyn (ONE, ONE, LOOPS, &flags), ONE);
    CHECK_EQ (flags, 0);
    for (unsigned rm = 0; rm < 5; rm++) {
      CHECK_EQ (fixed[rm](ONE, THREE, LOOPS, &flags), thirds[rm]);
      CHECK_EQ (flags, NX);
    }
    CHECK_EQ (csr_read (frm), frm);
  }
  csr_write (frm, 0);
}

/* What a loop did before an interrupt, or before it is left otherwise, is in fflags too. */
static void
test_flags_stay (void)
{
  for (unsigned i = 0; i < 300; i++) {
    csr_write (fflags, 0);
    __asm__ volatile("fmv.d.x ft0, %0\nfmv.d.x ft1, %1\nfdiv.d ft2, ft0, ft1\n" ::"r"(ONE),
                     "r"(THREE)
                     : "ft0", "ft1", "ft2", "memory");
    if (i % 3 == 0) {
      struct outcome o = probe (M, p_ebreak, 0, 0);
      CHECK_EQ (o.cause, BREAKPOINT);
    }
    CHECK_EQ (csr_read (fflags), NX);
  }
}

static void
ignore_trap (struct frame *frame)
{
  (void) frame;
  CHECK_EQ (csr_read (mcause), ILLEGAL);
  csr_write (mepc, csr_read (mepc) + 4);
}

static void
add (void)
{
  __asm__ volatile("fadd.d ft0, ft0, ft0" ::: "ft0", "memory");
}

static volatile unsigned illegal;

static void
count_trap (struct frame *frame)
{
  ignore_trap (frame);
  illegal++;
}

/* The same loop runs with FS in all its states: off traps, the others become dirty. */
static void
test_states (void)
{
  trap_handler[0] = count_trap;
  for (unsigned i = 0; i < 4000; i++) {
    unsigned state = i < 300 ? 3 : i % 4;
    csr_clear (mstatus, MSTATUS_FS);
    csr_set (mstatus, (uint64_t) state << 13);
    illegal = 0;
    add ();
    CHECK_EQ (illegal, state == 0);
    CHECK_EQ ((csr_read (mstatus) & MSTATUS_FS) >> 13, state ? 3 : 0);
    CHECK_EQ (csr_read (mstatus) >> 63, state != 0);
  }
  csr_set (mstatus, MSTATUS_FS);
  /* Reserved rounding modes. */
  for (unsigned i = 0; i < 800; i++) {
    csr_write (frm, i % 8);
    illegal = 0;
    add ();
    CHECK_EQ (illegal, i % 8 > 4);
  }
  csr_write (frm, 0);
  trap_handler[0] = 0;
}

int
main (void)
{
  csr_set (mstatus, MSTATUS_FS);
  test_rounding ();
  test_flags_stay ();
  test_states ();
  return 0;
}
