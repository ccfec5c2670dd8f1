/* SPDX-License-Identifier: GPL-3.0-or-later
 * The rectangle functions against arithmetic in 128 bits. */
#include "hw/display/display-rect.h"

#include <glib.h>

/* Values where mistakes live. */
static uint32_t
odd_value (void)
{
  static const uint32_t values[] = { 0,   1,          2,          3,          7,         8,
                                     100, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };

  if (g_test_rand_int_range (0, 3) == 0)
    return (uint32_t) g_test_rand_int ();
  return values[g_test_rand_int_range (0, G_N_ELEMENTS (values))]
         + (uint32_t) g_test_rand_int_range (-1, 2);
}

static DioRect
odd_rect (void)
{
  return (DioRect){ odd_value (), odd_value (), odd_value (), odd_value () };
}

static void
test_within (void)
{
  unsigned inside = 0;

  for (unsigned i = 0; i < 500000; i++) {
    DioRect r = odd_rect ();
    uint32_t width = odd_value (), height = odd_value ();
    bool expected =
        (unsigned __int128) r.x + r.width <= width && (unsigned __int128) r.y + r.height <= height;

    g_assert_true (dio_rect_is_within (&r, width, height) == expected);
    inside += expected;
  }
  g_assert_cmpuint (inside, >, 1000);
}

static void
test_clip (void)
{
  for (unsigned i = 0; i < 100000; i++) {
    DioRect a, b, out = { 0 };
    bool covered[16][16] = { 0 }, any = false;

    a = (DioRect){ (uint32_t) g_test_rand_int_range (0, 16),
                   (uint32_t) g_test_rand_int_range (0, 16), 0, 0 };
    b = (DioRect){ (uint32_t) g_test_rand_int_range (0, 16),
                   (uint32_t) g_test_rand_int_range (0, 16), 0, 0 };
    a.width = (uint32_t) g_test_rand_int_range (0, (int) (17 - a.x));
    a.height = (uint32_t) g_test_rand_int_range (0, (int) (17 - a.y));
    b.width = (uint32_t) g_test_rand_int_range (0, (int) (17 - b.x));
    b.height = (uint32_t) g_test_rand_int_range (0, (int) (17 - b.y));
    for (uint32_t y = 0; y < 16; y++)
      for (uint32_t x = 0; x < 16; x++) {
        covered[y][x] = x >= a.x && x < a.x + a.width && y >= a.y && y < a.y + a.height && x >= b.x
                        && x < b.x + b.width && y >= b.y && y < b.y + b.height;
        any |= covered[y][x];
      }
    g_assert_true (dio_rect_clip (&a, &b, &out) == any);
    if (!any)
      continue;
    g_assert_true (dio_rect_is_within (&out, b.width, b.height));
    for (uint32_t y = 0; y < 16; y++)
      for (uint32_t x = 0; x < 16; x++) {
        bool in = x >= b.x + out.x && x < b.x + out.x + out.width && y >= b.y + out.y
                  && y < b.y + out.y + out.height;

        g_assert_true (in == covered[y][x]);
      }
  }
  for (unsigned i = 0; i < 100000; i++) { /* never out of bounds, whatever comes in */
    DioRect a = odd_rect (), b = odd_rect (), out;

    if (dio_rect_clip (&a, &b, &out))
      g_assert_true (dio_rect_is_within (&out, b.width, b.height));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hw/display/rect/within", test_within);
  g_test_add_func ("/hw/display/rect/clip", test_clip);
  return g_test_run ();
}
