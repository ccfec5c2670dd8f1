/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of memory that may be refused. */
#include "core/base/base-memory.h"

#include <string.h>

static void
test_grow (void)
{
  uint32_t *numbers = NULL;
  size_t capacity = 0, steps = 0;
  for (uint32_t i = 0; i < 100000; i++) {
    size_t before = capacity;
    g_assert_true (dio_memory_grow (&numbers, &capacity, (size_t) i + 1, sizeof *numbers));
    steps += capacity != before;
    numbers[i] = i;
  }
  for (uint32_t i = 0; i < 100000; i++)
    g_assert_cmpuint (numbers[i], ==, i);
  g_assert_cmpuint (steps, <, 40);
  /* What cannot be: nothing changes. */
  const uint32_t *same = numbers;
  size_t old = capacity;
  g_assert_false (dio_memory_grow (&numbers, &capacity, SIZE_MAX / 4, sizeof *numbers));
  g_assert_false (dio_memory_grow (&numbers, &capacity, SIZE_MAX, sizeof *numbers));
  g_assert_false (dio_memory_grow (&numbers, &capacity, SIZE_MAX / 2, 1));
  g_assert_true (numbers == same && capacity == old);
  g_assert_true (dio_memory_is_there (0));
  g_assert_true (dio_memory_is_there (1000));
  g_assert_false (dio_memory_is_there (SIZE_MAX / 2));
  g_free (numbers);
}

/* Random steps beside a table of bits; keys of 8 and of 32 bytes, zeros among them. */
static void
test_set (gconstpointer data)
{
  enum { KEYS = 4096 };
  size_t size = GPOINTER_TO_SIZE (data);
  static bool there[KEYS];
  DioSet set;
  size_t n = 0;
  dio_set_init (&set, size);
  memset (there, 0, sizeof there);
  g_assert_false (dio_set_contains (&set, there));
  g_assert_false (dio_set_remove (&set, there));
  for (unsigned i = 0; i < 80000; i++) {
    uint64_t key[4] = { 0 };
    /* First more and more of them, then fewer. */
    unsigned number = (unsigned) g_test_rand_int_range (0, i < 40000 ? KEYS : KEYS / 16);
    key[size / 8 - 1] = number;
    bool add = g_test_rand_int_range (0, 100) < (i < 40000 ? 60 : 30);
    g_assert_true (dio_set_contains (&set, key) == there[number]);
    if (add) {
      g_assert_true (dio_set_reserve (&set, 1));
      g_assert_true (dio_set_add (&set, key) == !there[number]);
    } else {
      g_assert_true (dio_set_remove (&set, key) == there[number]);
    }
    n += (size_t) (add && !there[number]) - (size_t) (!add && there[number]);
    there[number] = add;
    g_assert_cmpuint (set.n + set.has_zeros, ==, n);
  }
  for (unsigned number = 0; number < KEYS; number++) {
    uint64_t key[4] = { 0 };
    key[size / 8 - 1] = number;
    g_assert_true (dio_set_contains (&set, key) == there[number]);
  }
  /* Filled to what there is room for, adding what is there is no fault. */
  while (set.n < set.n_slots / 2) {
    uint64_t key[4] = { 0 };
    key[size / 8 - 1] = KEYS + set.n;
    g_assert_true (dio_set_add (&set, key));
    g_assert_false (dio_set_add (&set, key));
  }
  g_assert_false (dio_set_reserve (&set, SIZE_MAX / 8));
  g_assert_false (dio_set_reserve (&set, SIZE_MAX));
  dio_set_clear (&set);
  g_assert_false (dio_set_contains (&set, there));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/memory/grow", test_grow);
  g_test_add_data_func ("/base/memory/set-8", GSIZE_TO_POINTER (8), test_set);
  g_test_add_data_func ("/base/memory/set-32", GSIZE_TO_POINTER (32), test_set);
  return g_test_run ();
}
