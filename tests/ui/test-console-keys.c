/* SPDX-License-Identifier: GPL-3.0-or-later
 * From GTK's keys to evdev codes. */
#include <gdk/gdk.h>
#include <linux/input-event-codes.h>

#include "ui/console/console-keys.h"

static void
test_by_position (void)
{
  /* A letter is a position, whatever the layout makes of it. */
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_a, KEY_A + 8), ==, KEY_A);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_q, KEY_A + 8), ==, KEY_A);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_Cyrillic_ef, KEY_A + 8), ==, KEY_A);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_less, KEY_102ND + 8), ==, KEY_102ND);
  /* A key without a symbol. */
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_VoidSymbol, KEY_RO + 8), ==, KEY_RO);
}

static void
test_by_symbol (void)
{
  /* Swapped by the desktop: Caps Lock that is Ctrl. */
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_Control_L, KEY_CAPSLOCK + 8), ==,
                    KEY_LEFTCTRL);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_ISO_Level3_Shift, KEY_RIGHTALT + 8),
                    ==, KEY_RIGHTALT);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_ISO_Left_Tab, KEY_TAB + 8), ==,
                    KEY_TAB);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_KP_Home, KEY_KP7 + 8), ==, KEY_KP7);
  /* An on-screen keyboard invents codes: a letter in Escape's place, an arrow anywhere. */
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_b, KEY_ESC + 8), ==, KEY_B);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_Down, 11), ==, KEY_DOWN);
  /* Codes out of range, no hardware codes. */
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_x, 0), ==, KEY_X);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_x, 8), ==, KEY_X);
  g_assert_cmpuint (dio_console_keys_from_event (TRUE, GDK_KEY_x, 100000), ==, KEY_X);
  g_assert_cmpuint (dio_console_keys_from_event (FALSE, GDK_KEY_exclam, 999), ==, KEY_1);
  g_assert_cmpuint (dio_console_keys_from_event (FALSE, GDK_KEY_eacute, 999), ==, 0);
}

static void
test_every_printable (void)
{
  for (char c = ' '; c <= '~'; c++)
    g_assert_cmpuint (dio_console_keys_from_keyval (gdk_unicode_to_keyval (c)), !=, 0);
}

static void
test_combinations (void)
{
  guint16 codes[4];

  g_assert_cmpuint (dio_console_keys_parse ("ctrl+alt+delete", codes, 4), ==, 3);
  g_assert_cmpuint (codes[0], ==, KEY_LEFTCTRL);
  g_assert_cmpuint (codes[1], ==, KEY_LEFTALT);
  g_assert_cmpuint (codes[2], ==, KEY_DELETE);
  g_assert_cmpuint (dio_console_keys_parse ("print", codes, 4), ==, 1);
  g_assert_cmpuint (dio_console_keys_parse ("ctrl+nonsense", codes, 4), ==, 0);
  g_assert_cmpuint (dio_console_keys_parse ("ctrl+alt+delete", codes, 2), ==, 0);
  g_assert_cmpuint (dio_console_keys_parse ("", codes, 4), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/console/keys/by-position", test_by_position);
  g_test_add_func ("/ui/console/keys/by-symbol", test_by_symbol);
  g_test_add_func ("/ui/console/keys/every-printable", test_every_printable);
  g_test_add_func ("/ui/console/keys/combinations", test_combinations);
  return g_test_run ();
}
