/* SPDX-License-Identifier: GPL-3.0-or-later
 * Keys by name. */
#include "app/model/model-keys.h"

#include <linux/input-event-codes.h>
#include <string.h>

#include "app/model/model-typing.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* clang-format off */
static const char *const names[] = {
  "alt", "altgr", "backspace", "capslock", "ctrl", "delete", "down", "end", "enter", "esc",
  "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "home", "insert",
  "left", "menu", "numlock", "pagedown", "pageup", "pause", "plus", "print", "right",
  "scrolllock", "shift", "space", "super", "sysrq", "tab", "up", NULL,
};

static const guint16 codes_of_names[] = {
  KEY_LEFTALT, KEY_RIGHTALT, KEY_BACKSPACE, KEY_CAPSLOCK, KEY_LEFTCTRL, KEY_DELETE, KEY_DOWN,
  KEY_END, KEY_ENTER, KEY_ESC, KEY_F1, KEY_F2, KEY_F3, KEY_F4, KEY_F5, KEY_F6, KEY_F7, KEY_F8,
  KEY_F9, KEY_F10, KEY_F11, KEY_F12, KEY_HOME, KEY_INSERT, KEY_LEFT, KEY_COMPOSE, KEY_NUMLOCK,
  KEY_PAGEDOWN, KEY_PAGEUP, KEY_PAUSE, KEY_EQUAL, KEY_SYSRQ, KEY_RIGHT, KEY_SCROLLLOCK,
  KEY_LEFTSHIFT, KEY_SPACE, KEY_LEFTMETA, KEY_SYSRQ, KEY_TAB, KEY_UP,
};
/* clang-format on */

G_STATIC_ASSERT (G_N_ELEMENTS (names) == G_N_ELEMENTS (codes_of_names) + 1);

const char *const *
dio_keys_names (void)
{
  return names;
}

/* 0 when there is no such key. */
static guint16
lookup (const char *name)
{
  static const struct {
    const char *alias, *name;
  } aliases[] = {
    { "control", "ctrl" }, { "del", "delete" },        { "escape", "esc" }, { "return", "enter" },
    { "win", "super" },    { "printscreen", "sysrq" }, { "ins", "insert" }, { "meta", "super" },
  };
  guint16 code;
  gboolean shift;
  g_autofree char *lower = g_ascii_strdown (name, -1);
  const char *wanted = lower;
  if (strlen (lower) == 1 && dio_typing_lookup ((guchar) *lower, &code, &shift) && !shift)
    return code;
  for (gsize i = 0; i < G_N_ELEMENTS (aliases); i++)
    if (g_str_equal (lower, aliases[i].alias))
      wanted = aliases[i].name;
  for (gsize i = 0; names[i]; i++)
    if (g_str_equal (wanted, names[i]))
      return codes_of_names[i];
  return 0;
}

gboolean
dio_keys_parse (const char *text, guint16 codes[DIO_KEYS_MAX_CHORD], gsize *count, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "+", -1);
  gsize n = g_strv_length (parts);
  if (n < 1 || n > DIO_KEYS_MAX_CHORD) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("“%s” is not a combination of 1 to %d keys"), text, DIO_KEYS_MAX_CHORD);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++) {
    codes[i] = lookup (parts[i]);
    if (codes[i])
      continue;
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("“%s” is not a key; write for example enter, f1, a or ctrl+alt+delete"),
                 parts[i]);
    return FALSE;
  }
  *count = n;
  return TRUE;
}
