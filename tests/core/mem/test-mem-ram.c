/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of guest RAM: guards, refusals, dirty tracking. */
#include "core/mem/mem-ram.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"

#define MIB (UINT64_C (1) << 20)

static sigjmp_buf on_fault;

static void
fault (int number)
{
  siglongjmp (on_fault, 1);
}

static bool
is_accessible (const volatile uint8_t *byte)
{
  struct sigaction action = { .sa_handler = fault }, before;
  sigaction (SIGSEGV, &action, &before);
  volatile bool accessible = false;
  if (sigsetjmp (on_fault, 1) == 0) {
    (void) *byte;
    accessible = true;
  }
  sigaction (SIGSEGV, &before, NULL);
  return accessible;
}

static void
test_guards (void)
{
  g_autoptr (GError) error = NULL;
  DioRam *ram = dio_ram_new (3 * MIB, "test", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ram->size, ==, 4 * MIB);
  g_assert_cmpuint ((uintptr_t) ram->host % (2 * MIB), ==, 0);
  g_assert_true (is_accessible (ram->host));
  g_assert_true (is_accessible (ram->host + ram->size - 1));
  static const uint64_t distances[] = { 1, 4096, MIB, 1024 * MIB, 4096 * MIB };
  for (size_t i = 0; i < G_N_ELEMENTS (distances); i++) {
    g_assert_false (is_accessible (ram->host - distances[i]));
    g_assert_false (is_accessible (ram->host + ram->size - 1 + distances[i]));
  }
  dio_ram_free (ram);
}

static void
test_lazy_and_clear (void)
{
  DioRam *ram = dio_ram_new (64 * MIB, "test", NULL);
  uint64_t pages = ram->size / 4096;
  g_assert_cmpuint (dio_ram_resident (ram), <, MIB);
  g_assert_true (dio_ram_is_hole (ram, 0, pages));
  for (uint64_t i = 0; i < ram->size; i += 4096)
    g_assert_cmpuint (ram->host[i], ==, 0);
  memset (ram->host, 0x5a, 8 * MIB);
  g_assert_cmpuint (dio_ram_resident (ram), >=, 8 * MIB);
  atomic_store (&ram->page_flags[1], DIO_PAGE_CODE);
  dio_ram_clear (ram);
  g_assert_cmpuint (ram->page_write_gen[1], ==, 1);
  g_assert_true (dio_ram_is_hole (ram, 0, pages));
  for (uint64_t i = 0; i < 8 * MIB; i += 1023)
    g_assert_cmpuint (ram->host[i], ==, 0);
  dio_ram_free (ram);
}

/* One page that was written is seen wherever it lies, and by no other huge page's pages. */
static void
test_holes (void)
{
  enum { PAGE = 1000, HUGE = 512 };
  DioRam *ram = dio_ram_new (8 * MIB, "test", NULL);
  ram->host[PAGE * 4096 + 4095] = 1;
  g_assert_false (dio_ram_is_hole (ram, PAGE, 1));
  g_assert_false (dio_ram_is_hole (ram, PAGE - 200, 201));
  g_assert_false (dio_ram_is_hole (ram, PAGE, 200));
  g_assert_true (dio_ram_is_hole (ram, 0, PAGE / HUGE * HUGE));
  g_assert_true (dio_ram_is_hole (ram, (PAGE / HUGE + 1) * HUGE, 1024 - 2));
  g_assert_true (dio_ram_is_hole (ram, PAGE, 0));

  /* Who cannot know does not say so. */
  int page_map = ram->page_map;
  ram->page_map = -1;
  g_assert_false (dio_ram_is_hole (ram, 0, 1));
  ram->page_map = page_map;
  dio_ram_free (ram);
}

/* Where the kernel has huge pages for who asks, we have asked, and for memory that can have them.
 */
static void
test_huge (void)
{
  g_autofree char *maps = NULL;
  if (!g_file_test ("/sys/kernel/mm/transparent_hugepage/enabled", G_FILE_TEST_EXISTS))
    return;
  DioRam *ram = dio_ram_new (8 * MIB, "test", NULL);
  g_assert_true (g_file_get_contents ("/proc/self/smaps", &maps, NULL, NULL));
  g_autofree char *range = g_strdup_printf ("%" G_GINT64_MODIFIER "x-", (guint64) ram->host);
  const char *ours = strstr (maps, range);
  g_assert_nonnull (ours);
  g_autofree char *line = g_strndup (ours, strcspn (ours, "\n"));
  g_assert_nonnull (strstr (line, " rw-p 00000000 00:00 0"));
  const char *flags = strstr (ours, "\nVmFlags:");
  g_assert_nonnull (flags);
  g_autofree char *list = g_strndup (flags + 1, strcspn (flags + 1, "\n"));
  g_assert_nonnull (strstr (list, " hg"));
  dio_ram_free (ram);
}

static void
test_refusals (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (dio_ram_new (0, "test", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_clear_error (&error);
  g_assert_null (dio_ram_new (UINT64_MAX, "test", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_clear_error (&error);
  g_assert_null (dio_ram_new (UINT64_C (1) << 44, "test", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "16.0"));
}

static void
test_dirty (void)
{
  DioRam *ram = dio_ram_new (2 * MIB, "test", NULL);
  uint64_t pages = ram->size / 4096;
  uint64_t bitmap[8];
  g_assert_cmpuint (pages, ==, 512);
  dio_ram_dirty_start (ram);
  g_assert_cmpuint (dio_ram_take_dirty (ram, 0, pages, bitmap), ==, 0);
  dio_ram_note_write (ram, 4096 * 5 + 4095, 2); /* pages 5 and 6 */
  dio_ram_note_write (ram, 4096 * 100, 1);
  dio_ram_note_write (ram, 4096 * 511, 4096);
  dio_ram_note_write (ram, 4096 * 200, 0);
  /* Only the pages asked about are taken. */
  g_assert_cmpuint (dio_ram_take_dirty (ram, 90, 20, bitmap), ==, 1);
  g_assert_cmphex (bitmap[0], ==, 1 << 10);
  g_assert_cmpuint (dio_ram_take_dirty (ram, 0, pages, bitmap), ==, 3);
  g_assert_cmphex (bitmap[0], ==, 3 << 5);
  g_assert_cmphex (bitmap[1], ==, 0);
  g_assert_cmphex (bitmap[7], ==, UINT64_C (1) << 63);
  g_assert_cmpuint (dio_ram_take_dirty (ram, 0, pages, bitmap), ==, 0);
  g_assert_cmpuint (dio_ram_take_dirty (ram, 500, 40, bitmap), ==, 0); /* beyond the end */
  dio_ram_dirty_stop (ram);
  for (uint64_t i = 0; i < pages; i++)
    g_assert_cmpuint (ram->page_flags[i], ==, 0);
  dio_ram_free (ram);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/mem/ram/guards", test_guards);
  g_test_add_func ("/core/mem/ram/lazy-and-clear", test_lazy_and_clear);
  g_test_add_func ("/core/mem/ram/holes", test_holes);
  g_test_add_func ("/core/mem/ram/huge", test_huge);
  g_test_add_func ("/core/mem/ram/refusals", test_refusals);
  g_test_add_func ("/core/mem/ram/dirty", test_dirty);
  return g_test_run ();
}
