/* SPDX-License-Identifier: GPL-3.0-or-later
 * One hart writes code while others run it: after a fence.i a hart executes nothing older than what
 * had been told before. And code that writes itself in a tight loop. */
#include "emit.h"

#define VERSIONS 2000
#define PLACES 8

static uint8_t code[4096] __attribute__ ((aligned (4096)));
static volatile uint64_t told[PLACES];
static volatile uint64_t harts, finished;

static void
fence (void)
{
  __asm__ volatile("fence rw, rw" ::: "memory");
}

static uint64_t
call (unsigned place)
{
  uint64_t (*function) (void) = (uint64_t (*) (void)) (code + 512 * place);
  __asm__ volatile("" : "+r"(function));
  return function ();
}

/* One store of four bytes: a hart sees the old or the new instruction. */
static void
write_version (unsigned place, uint64_t version)
{
  *(volatile uint32_t *) (code + 512 * place) = ADDI (A0, 0, (int) version);
}

static void
read_versions (unsigned hart)
{
  (void) hart;
  __asm__ volatile("amoadd.d x0, %1, (%0)" ::"r"(&harts), "r"(1ull) : "memory");
  uint64_t low[PLACES] = { 0 };
  while (!finished) {
    for (unsigned place = 0; place < PLACES; place++) {
      uint64_t before = told[place];
      fence ();
      fence_i ();
      uint64_t got = call (place);
      fence ();
      uint64_t after = told[place];
      if (got < before)
        fail (__FILE__, __LINE__, "old code", got, before);
      if (got > after + 1)
        fail (__FILE__, __LINE__, "code of the future", got, after);
      CHECK (before >= low[place]);
      low[place] = before;
    }
  }
  fence ();
  __asm__ volatile("amoadd.d x0, %1, (%0)" ::"r"(&harts), "r"(-1ull) : "memory");
}

static void
test_readers (void)
{
  for (unsigned i = 0; i < PLACES; i++) {
    struct emitter e = { (uint16_t *) (code + 512 * i) };
    emit (&e, ADDI (A0, 0, 0));
    emit (&e, RET);
  }
  fence ();
  for (unsigned i = 1; i < 4; i++)
    start_cpu (i, read_versions);
  uint64_t until = csr_read (time) + 300000;
  while (csr_read (time) < until)
    __asm__ volatile(".word 0x0100000f" ::: "memory");
  for (uint64_t version = 1; version < VERSIONS; version++)
    for (unsigned place = 0; place < PLACES; place++) {
      write_version (place, version);
      fence ();
      told[place] = version;
      /* Let others compile what is there, now and then. */
      if (version % 64 == 0)
        for (unsigned i = 0; i < 300; i++)
          __asm__ volatile("" ::: "memory");
    }
  finished = 1;
  fence ();
  while (harts)
    __asm__ volatile(".word 0x0100000f" ::: "memory");
}

/* A function that increments the immediate of an instruction of its own, a fence.i behind. */
static void
test_self (void)
{
  struct emitter e = { (uint16_t *) code };
  uint16_t *loop = e.at;
  emit (&e, ADDI (A2, 0, 0)); /* this one */
  emit (&e, ADD (A3, A3, A2));
  emit (&e, op_i (0x2003, T0, A0, 0)); /* lw t0, 0(a0) */
  emit (&e, ADD (T0, T0, A1));
  emit (&e, op_s (0x2023, T0, 0, A0)); /* sw t0, 0(a0) */
  emit (&e, 0x0000100f);               /* fence.i */
  emit (&e, ADDI (A4, A4, -1));
  emit (&e, BNE (A4, 0, back_to (&e, loop)));
  emit (&e, ADDI (A0, A3, 0));
  emit (&e, RET);
  for (unsigned round = 0; round < 3; round++) {
    write_version (0, 0);
    *(volatile uint32_t *) code = ADDI (A2, 0, 0);
    fence_i ();
    register uint64_t a0 __asm__("a0") = (uint64_t) code;
    register uint64_t a1 __asm__("a1") = 1 << 20; /* in the immediate */
    register uint64_t a3 __asm__("a3") = 0;
    register uint64_t a4 __asm__("a4") = VERSIONS;
    __asm__ volatile("jalr %0"
                     : "+r"(a0), "+r"(a3), "+r"(a4)
                     : "r"(a1)
                     : "ra", "t0", "a2", "memory");
    CHECK_EQ (a0, (uint64_t) VERSIONS * (VERSIONS - 1) / 2);
  }
}

int
main (void)
{
  test_self ();
  test_readers ();
  return 0;
}
