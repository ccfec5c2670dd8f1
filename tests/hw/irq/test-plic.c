/* SPDX-License-Identifier: GPL-3.0-or-later
 * The PLIC against its specification. */
#include "hw/irq/plic.h"

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0xc000000)
#define PRIORITY(source) (BASE + 4 * (source))
#define PENDING(word) (BASE + 0x1000 + 4 * (word))
#define ENABLE(context, word) (BASE + 0x2000 + 0x80 * (context) + 4 * (word))
#define THRESHOLD(context) (BASE + 0x200000 + 0x1000 * (context))
#define CLAIM(context) (THRESHOLD (context) + 4)

/* Contexts of a machine with two harts, which are also the bench's lines. */
enum { M0, S0, M1, S1 };

typedef struct {
  DioHwBench *bench;
  DioDevice *plic;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->bench = dio_hw_bench_new ();
  f->plic = dio_device_new (&dio_plic_type, "plic");
  g_assert_true (dio_device_set (f->plic, "harts", "2", NULL));
  dio_hw_bench_add (f->bench, f->plic, BASE, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static uint32_t
rd (Fixture *f, DioGpa gpa)
{
  return dio_hw_bench_read (f->bench, gpa, 4);
}

static void
wr (Fixture *f, DioGpa gpa, uint32_t value)
{
  dio_hw_bench_write (f->bench, gpa, 4, value);
}

static void
drive (Fixture *f, unsigned source, bool level)
{
  DioIrq irq = dio_plic_get_input (f->plic, source);
  dio_irq_set (&irq, level);
}

static void
enable (Fixture *f, unsigned context, unsigned source, uint32_t priority)
{
  wr (f, PRIORITY (source), priority);
  wr (f, ENABLE (context, source / 32),
      rd (f, ENABLE (context, source / 32)) | UINT32_C (1) << source % 32);
}

static void
test_registers (Fixture *f, gconstpointer data)
{
  wr (f, PRIORITY (0), 7);
  g_assert_cmphex (rd (f, PRIORITY (0)), ==, 0);
  wr (f, PRIORITY (96), 0xffffffff);
  g_assert_cmphex (rd (f, PRIORITY (96)), ==, 7);
  wr (f, PRIORITY (97), 7);
  g_assert_cmphex (rd (f, PRIORITY (97)), ==, 0);

  /* Source 0 does not exist, nor do those after 96. */
  for (unsigned context = M0; context <= S1; context++) {
    for (unsigned word = 0; word < 32; word++)
      wr (f, ENABLE (context, word), 0xffffffff);
    g_assert_cmphex (rd (f, ENABLE (context, 0)), ==, 0xfffffffe);
    g_assert_cmphex (rd (f, ENABLE (context, 2)), ==, 0xffffffff);
    g_assert_cmphex (rd (f, ENABLE (context, 3)), ==, 1);
    g_assert_cmphex (rd (f, ENABLE (context, 4)), ==, 0);
  }
  wr (f, ENABLE (4, 0), 0xffffffff);
  g_assert_cmphex (rd (f, ENABLE (4, 0)), ==, 0);

  wr (f, THRESHOLD (S1), 0xfffffffe);
  g_assert_cmphex (rd (f, THRESHOLD (S1)), ==, 6);
  wr (f, THRESHOLD (4), 3);
  g_assert_cmphex (rd (f, THRESHOLD (4)), ==, 0);
  wr (f, PENDING (0), 0xffffffff);
  g_assert_cmphex (rd (f, PENDING (0)), ==, 0);
}

static void
test_life_of_an_interrupt (Fixture *f, gconstpointer data)
{
  enable (f, S0, 10, 1);
  drive (f, 10, true);
  g_assert_cmphex (rd (f, PENDING (0)), ==, 1 << 10);
  g_assert_true (dio_hw_bench_level (f->bench, S0));
  g_assert_false (dio_hw_bench_level (f->bench, M0));
  g_assert_false (dio_hw_bench_level (f->bench, S1));

  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 10);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  g_assert_cmphex (rd (f, PENDING (0)), ==, 0);
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 0);

  /* The level is still high, but the gateway waits for the completion. */
  drive (f, 10, true);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  wr (f, CLAIM (S0), 10);
  g_assert_true (dio_hw_bench_level (f->bench, S0));
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 10);
  drive (f, 10, false);
  wr (f, CLAIM (S0), 10);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  g_assert_cmphex (rd (f, PENDING (0)), ==, 0);
}

static void
test_request_outlives_level (Fixture *f, gconstpointer data)
{
  enable (f, S0, 5, 1);
  drive (f, 5, true);
  drive (f, 5, false);
  g_assert_true (dio_hw_bench_level (f->bench, S0));
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 5);
  wr (f, CLAIM (S0), 5);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
}

static void
test_priorities (Fixture *f, gconstpointer data)
{
  enable (f, S0, 40, 3);
  enable (f, S0, 7, 2);
  enable (f, S0, 33, 3);
  enable (f, S0, 9, 0); /* never */
  drive (f, 9, true);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 0);
  drive (f, 7, true);
  drive (f, 40, true);
  drive (f, 33, true);
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 33);
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 40);
  g_assert_true (dio_hw_bench_level (f->bench, S0));
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 7);
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 0);

  /* A priority that rises from 0 makes a waiting request visible. */
  wr (f, PRIORITY (9), 1);
  g_assert_true (dio_hw_bench_level (f->bench, S0));
  wr (f, PRIORITY (9), 0);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
}

static void
test_threshold (Fixture *f, gconstpointer data)
{
  enable (f, M1, 20, 4);
  wr (f, THRESHOLD (M1), 4);
  drive (f, 20, true);
  g_assert_false (dio_hw_bench_level (f->bench, M1));
  wr (f, THRESHOLD (M1), 3);
  g_assert_true (dio_hw_bench_level (f->bench, M1));
  wr (f, THRESHOLD (M1), 7);
  g_assert_false (dio_hw_bench_level (f->bench, M1));
  /* Polling is possible with everything masked. */
  g_assert_cmpuint (rd (f, CLAIM (M1)), ==, 20);
}

static void
test_two_contexts (Fixture *f, gconstpointer data)
{
  enable (f, S0, 12, 1);
  enable (f, S1, 12, 1);
  drive (f, 12, true);
  g_assert_true (dio_hw_bench_level (f->bench, S0));
  g_assert_true (dio_hw_bench_level (f->bench, S1));
  g_assert_cmpuint (rd (f, CLAIM (S1)), ==, 12);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  g_assert_false (dio_hw_bench_level (f->bench, S1));
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 0);

  /* A context that has not enabled the source cannot complete it; one that has can. */
  wr (f, CLAIM (M0), 12);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  wr (f, CLAIM (S0), 0);
  wr (f, CLAIM (S0), 97);
  wr (f, CLAIM (S0), 0xffffffff);
  wr (f, CLAIM (S0), 12);
  g_assert_true (dio_hw_bench_level (f->bench, S0));

  /* Disabling withdraws the line from one context only. */
  wr (f, ENABLE (S0, 0), 0);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  g_assert_true (dio_hw_bench_level (f->bench, S1));
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  enable (f, S0, 3, 5);
  enable (f, S0, 4, 5);
  wr (f, THRESHOLD (S0), 2);
  drive (f, 3, true);
  drive (f, 4, true);
  drive (f, 4, false);
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 3);
  dio_device_reset (f->plic);
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  g_assert_cmphex (rd (f, ENABLE (S0, 0)), ==, 0);
  g_assert_cmphex (rd (f, PRIORITY (3)), ==, 0);
  g_assert_cmphex (rd (f, THRESHOLD (S0)), ==, 0);
  /* A line that is still high asks again. */
  g_assert_cmphex (rd (f, PENDING (0)), ==, 1 << 3);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  enable (f, S0, 3, 5);
  enable (f, M1, 50, 2);
  drive (f, 3, true);
  drive (f, 50, true);
  g_assert_cmpuint (rd (f, CLAIM (S0)), ==, 3);
  g_autoptr (GBytes) saved = dio_hw_bench_save (f->plic);

  rd (f, CLAIM (M1));
  wr (f, ENABLE (S0, 0), 0);
  g_assert_false (dio_hw_bench_level (f->bench, M1));
  dio_hw_bench_load (f->plic, saved, true);
  g_assert_true (dio_hw_bench_level (f->bench, M1));
  g_assert_false (dio_hw_bench_level (f->bench, S0));
  wr (f, CLAIM (S0), 3);
  g_assert_true (dio_hw_bench_level (f->bench, S0));
}

static void
test_every_offset (Fixture *f, gconstpointer data)
{
  for (uint64_t offset = 0; offset < DIO_PLIC_SIZE; offset += offset < 0x4000 ? 4 : 0xffc) {
    wr (f, BASE + offset, 0xffffffff);
    rd (f, BASE + offset);
  }
  dio_hw_bench_write (f->bench, BASE + 2, 1, 0xff);
  dio_hw_bench_read (f->bench, BASE + 0x2001, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/irq/plic/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("registers", test_registers);
  ADD ("life", test_life_of_an_interrupt);
  ADD ("latched", test_request_outlives_level);
  ADD ("priorities", test_priorities);
  ADD ("threshold", test_threshold);
  ADD ("two-contexts", test_two_contexts);
  ADD ("reset", test_reset);
  ADD ("state", test_state);
  ADD ("every-offset", test_every_offset);
#undef ADD
  return g_test_run ();
}
