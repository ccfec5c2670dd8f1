/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the bare-metal test programs of all guests have: checks, output, the end. What is said of an
 * architecture here is in its guest.h and guest.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n) (1ull << (n))

/* ---- Checks ---- */

void puts_ (const char *text);
void put_hex (uint64_t value);
__attribute__ ((noreturn)) void pass (void);
__attribute__ ((noreturn)) void fail (const char *file, int line, const char *what, uint64_t a,
                                      uint64_t b);

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      fail (__FILE__, __LINE__, #condition, 0, 0);                                                 \
  } while (0)

#define CHECK_EQ(a, b)                                                                             \
  do {                                                                                             \
    uint64_t check_a_ = (uint64_t) (a);                                                            \
    uint64_t check_b_ = (uint64_t) (b);                                                            \
    if (check_a_ != check_b_)                                                                      \
      fail (__FILE__, __LINE__, #a " == " #b, check_a_, check_b_);                                 \
  } while (0)

/* The same for helpers that want the line of their caller. */
#define CHECK_EQ_AT(line, a, b)                                                                    \
  do {                                                                                             \
    uint64_t check_a_ = (uint64_t) (a);                                                            \
    uint64_t check_b_ = (uint64_t) (b);                                                            \
    if (check_a_ != check_b_)                                                                      \
      fail (__FILE__, line, #a " == " #b, check_a_, check_b_);                                     \
  } while (0)

/* ---- Of the architecture ---- */

/* From now on the program fails: makes devices accessible; the number of this CPU. */
unsigned begin_failure (void);
/* Has @function called on CPU @cpu, which waits for one or is off. */
void start_cpu (unsigned cpu, void (*function) (unsigned cpu));

/* ---- Devices ---- */

static inline volatile uint32_t *
mmio32 (uint64_t address)
{
  return (volatile uint32_t *) address;
}
static inline volatile uint8_t *
mmio8 (uint64_t address)
{
  return (volatile uint8_t *) address;
}
