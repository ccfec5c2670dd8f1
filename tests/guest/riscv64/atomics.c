/* SPDX-License-Identifier: GPL-3.0-or-later
 * LR/SC and every AMO on one hart: values, sign extension, reservations. */
#include "guest.h"

static uint64_t cell[2] __attribute__ ((aligned (64)));

#define LR_SC(suffix, type)                                                                        \
  static uint64_t lr_##suffix (volatile type *at)                                                  \
  {                                                                                                \
    uint64_t value;                                                                                \
    __asm__ volatile("lr." #suffix " %0, (%1)" : "=r"(value) : "r"(at) : "memory");                \
    return value;                                                                                  \
  }                                                                                                \
  static uint64_t sc_##suffix (volatile type *at, uint64_t value)                                  \
  {                                                                                                \
    uint64_t failed;                                                                               \
    __asm__ volatile("sc." #suffix " %0, %2, (%1)"                                                 \
                     : "=&r"(failed)                                                               \
                     : "r"(at), "r"(value)                                                         \
                     : "memory");                                                                  \
    return failed;                                                                                 \
  }

LR_SC (w, uint32_t)
LR_SC (d, uint64_t)

#define AMO(op)                                                                                    \
  static uint64_t op##_w (volatile void *at, uint64_t value)                                       \
  {                                                                                                \
    uint64_t old;                                                                                  \
    __asm__ volatile("amo" #op ".w %0, %2, (%1)" : "=&r"(old) : "r"(at), "r"(value) : "memory");   \
    return old;                                                                                    \
  }                                                                                                \
  static uint64_t op##_d (volatile void *at, uint64_t value)                                       \
  {                                                                                                \
    uint64_t old;                                                                                  \
    __asm__ volatile("amo" #op ".d %0, %2, (%1)" : "=&r"(old) : "r"(at), "r"(value) : "memory");   \
    return old;                                                                                    \
  }

AMO (swap)
AMO (add)
AMO (and)
AMO (or)
AMO (xor)
AMO (min)
AMO (max)
AMO (minu)
AMO (maxu)

static uint64_t
model (unsigned op, uint64_t a, uint64_t b)
{
  switch (op) {
  case 0:
    return b;
  case 1:
    return a + b;
  case 2:
    return a & b;
  case 3:
    return a | b;
  case 4:
    return a ^ b;
  case 5:
    return (int64_t) a < (int64_t) b ? a : b;
  case 6:
    return (int64_t) a > (int64_t) b ? a : b;
  case 7:
    return a < b ? a : b;
  default:
    return a > b ? a : b;
  }
}

static void
test_amo (void)
{
  static uint64_t (*const ops_d[]) (volatile void *, uint64_t) = { swap_d, add_d,  and_d,
                                                                   or_d,   xor_d,  min_d,
                                                                   max_d,  minu_d, maxu_d };
  static uint64_t (*const ops_w[]) (volatile void *, uint64_t) = { swap_w, add_w,  and_w,
                                                                   or_w,   xor_w,  min_w,
                                                                   max_w,  minu_w, maxu_w };
  static const uint64_t values[] = {
    0,
    1,
    UINT64_MAX,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x123456789abcdef0,
    BIT (63),
    BIT (63) - 1,
    0xffffffff80000000,
  };
  enum { N = sizeof values / sizeof values[0] };
  for (unsigned op = 0; op < 9; op++)
    for (unsigned i = 0; i < N; i++)
      for (unsigned j = 0; j < N; j++) {
        uint64_t a = values[i], b = values[j];
        cell[0] = a;
        CHECK_EQ (ops_d[op](cell, b), a);
        CHECK_EQ (cell[0], model (op, a, b));
        for (unsigned half = 0; half < 2; half++) {
          uint32_t *word = (uint32_t *) cell + half;
          cell[0] = 0x5555555555555555;
          *word = a;
          CHECK_EQ (ops_w[op](word, b), (uint64_t) (int32_t) a);
          uint64_t expected = op < 7 ? model (op, (uint64_t) (int32_t) a, (uint64_t) (int32_t) b)
                                     : model (op, (uint32_t) a, (uint32_t) b);
          CHECK_EQ (*word, (uint32_t) expected);
          CHECK_EQ (((uint32_t *) cell)[!half], 0x55555555);
        }
      }
}

static void
test_reservation (void)
{
  cell[0] = 5;
  CHECK (sc_d (cell, 6) != 0); /* without LR */
  CHECK_EQ (cell[0], 5);
  CHECK_EQ (lr_d (cell), 5);
  CHECK_EQ (sc_d (cell, 6), 0);
  CHECK_EQ (cell[0], 6);
  CHECK (sc_d (cell, 7) != 0); /* the first took the reservation */
  CHECK_EQ (cell[0], 6);

  lr_d (cell);
  CHECK (sc_d (cell + 1, 9) != 0 || cell[1] == 9); /* another address: may fail, must be whole */
  CHECK (sc_d (cell, 7) != 0);                     /* any SC ends the reservation */
  CHECK_EQ (cell[0], 6);

  /* Words: sign extension, the other half stays. */
  cell[0] = 0x11111111ffffffff;
  CHECK_EQ (lr_w ((uint32_t *) cell), UINT64_MAX);
  CHECK_EQ (sc_w ((uint32_t *) cell, 0x2233445566778899), 0);
  CHECK_EQ (cell[0], 0x1111111166778899);

  /* A store of another value by the same hart in between, then back: the SC may succeed or fail,
   * but after a different value it must not succeed blindly for other harts; here: fails or is
   * whole. */
  lr_d (cell);
  *(volatile uint64_t *) cell = 1;
  if (sc_d (cell, 2) == 0)
    CHECK_EQ (cell[0], 2);
  else
    CHECK_EQ (cell[0], 1);

  /* A trap ends it: the handler's return must not let an old SC through. */
  cell[0] = 3;
  lr_d (cell);
  probe (M, p_nop, 0, 0);
  CHECK (sc_d (cell, 4) != 0 || cell[0] == 4);

  /* The loop that every lock is made of ends. */
  cell[0] = 0;
  for (unsigned i = 0; i < 1000; i++)
    __asm__ volatile(
        "1: lr.d t0, (%0)\n\taddi t0, t0, 1\n\tsc.d t1, t0, (%0)\n\tbnez t1, 1b" ::"r"(cell)
        : "t0", "t1", "memory");
  CHECK_EQ (cell[0], 1000);
}

int
main (void)
{
  test_amo ();
  test_reservation ();
  return 0;
}
