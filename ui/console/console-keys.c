/* SPDX-License-Identifier: GPL-3.0-or-later
 * From GTK's key events to evdev codes.
 *
 * Keys that mean the same on every layout (Enter, arrows, modifiers, ...) go by their symbol: that
 * honours what a person swapped in the desktop's settings and works with on-screen keyboards, whose
 * key codes are invented. All others go by position, because the guest has a layout of its own. */
#include "ui/console/console-keys.h"

#include <linux/input-event-codes.h>
#include <string.h>

typedef struct {
  guint keyval;
  guint16 code;
} Entry;

/* clang-format off */
static const Entry functional[] = {
  { GDK_KEY_Return, KEY_ENTER }, { GDK_KEY_ISO_Enter, KEY_ENTER }, { GDK_KEY_Tab, KEY_TAB },
  { GDK_KEY_ISO_Left_Tab, KEY_TAB }, { GDK_KEY_Escape, KEY_ESC }, { GDK_KEY_BackSpace, KEY_BACKSPACE },
  { GDK_KEY_Delete, KEY_DELETE }, { GDK_KEY_Insert, KEY_INSERT }, { GDK_KEY_Home, KEY_HOME },
  { GDK_KEY_End, KEY_END }, { GDK_KEY_Page_Up, KEY_PAGEUP }, { GDK_KEY_Page_Down, KEY_PAGEDOWN },
  { GDK_KEY_Up, KEY_UP }, { GDK_KEY_Down, KEY_DOWN }, { GDK_KEY_Left, KEY_LEFT },
  { GDK_KEY_Right, KEY_RIGHT }, { GDK_KEY_Print, KEY_SYSRQ }, { GDK_KEY_Sys_Req, KEY_SYSRQ },
  { GDK_KEY_Scroll_Lock, KEY_SCROLLLOCK }, { GDK_KEY_Pause, KEY_PAUSE }, { GDK_KEY_Break, KEY_PAUSE },
  { GDK_KEY_Menu, KEY_COMPOSE }, { GDK_KEY_Num_Lock, KEY_NUMLOCK }, { GDK_KEY_Caps_Lock, KEY_CAPSLOCK },
  { GDK_KEY_Shift_L, KEY_LEFTSHIFT }, { GDK_KEY_Shift_R, KEY_RIGHTSHIFT },
  { GDK_KEY_Control_L, KEY_LEFTCTRL }, { GDK_KEY_Control_R, KEY_RIGHTCTRL },
  { GDK_KEY_Alt_L, KEY_LEFTALT }, { GDK_KEY_Alt_R, KEY_RIGHTALT }, { GDK_KEY_Meta_L, KEY_LEFTALT },
  { GDK_KEY_Meta_R, KEY_RIGHTALT }, { GDK_KEY_ISO_Level3_Shift, KEY_RIGHTALT },
  { GDK_KEY_Super_L, KEY_LEFTMETA }, { GDK_KEY_Super_R, KEY_RIGHTMETA },
  { GDK_KEY_F1, KEY_F1 }, { GDK_KEY_F2, KEY_F2 }, { GDK_KEY_F3, KEY_F3 }, { GDK_KEY_F4, KEY_F4 },
  { GDK_KEY_F5, KEY_F5 }, { GDK_KEY_F6, KEY_F6 }, { GDK_KEY_F7, KEY_F7 }, { GDK_KEY_F8, KEY_F8 },
  { GDK_KEY_F9, KEY_F9 }, { GDK_KEY_F10, KEY_F10 }, { GDK_KEY_F11, KEY_F11 }, { GDK_KEY_F12, KEY_F12 },
  { GDK_KEY_KP_Enter, KEY_KPENTER }, { GDK_KEY_KP_Add, KEY_KPPLUS }, { GDK_KEY_KP_Subtract, KEY_KPMINUS },
  { GDK_KEY_KP_Multiply, KEY_KPASTERISK }, { GDK_KEY_KP_Divide, KEY_KPSLASH },
  { GDK_KEY_KP_Decimal, KEY_KPDOT }, { GDK_KEY_KP_Separator, KEY_KPDOT }, { GDK_KEY_KP_Delete, KEY_KPDOT },
  { GDK_KEY_KP_0, KEY_KP0 }, { GDK_KEY_KP_1, KEY_KP1 }, { GDK_KEY_KP_2, KEY_KP2 }, { GDK_KEY_KP_3, KEY_KP3 },
  { GDK_KEY_KP_4, KEY_KP4 }, { GDK_KEY_KP_5, KEY_KP5 }, { GDK_KEY_KP_6, KEY_KP6 }, { GDK_KEY_KP_7, KEY_KP7 },
  { GDK_KEY_KP_8, KEY_KP8 }, { GDK_KEY_KP_9, KEY_KP9 }, { GDK_KEY_KP_Insert, KEY_KP0 },
  { GDK_KEY_KP_End, KEY_KP1 }, { GDK_KEY_KP_Down, KEY_KP2 }, { GDK_KEY_KP_Page_Down, KEY_KP3 },
  { GDK_KEY_KP_Left, KEY_KP4 }, { GDK_KEY_KP_Begin, KEY_KP5 }, { GDK_KEY_KP_Right, KEY_KP6 },
  { GDK_KEY_KP_Home, KEY_KP7 }, { GDK_KEY_KP_Up, KEY_KP8 }, { GDK_KEY_KP_Page_Up, KEY_KP9 },
};

/* Both symbols of each key of a US keyboard. */
static const struct { char plain, shifted; guint16 code; } printable[] = {
  { '1', '!', KEY_1 }, { '2', '@', KEY_2 }, { '3', '#', KEY_3 }, { '4', '$', KEY_4 }, { '5', '%', KEY_5 },
  { '6', '^', KEY_6 }, { '7', '&', KEY_7 }, { '8', '*', KEY_8 }, { '9', '(', KEY_9 }, { '0', ')', KEY_0 },
  { '-', '_', KEY_MINUS }, { '=', '+', KEY_EQUAL }, { '[', '{', KEY_LEFTBRACE }, { ']', '}', KEY_RIGHTBRACE },
  { ';', ':', KEY_SEMICOLON }, { '\'', '"', KEY_APOSTROPHE }, { '`', '~', KEY_GRAVE },
  { '\\', '|', KEY_BACKSLASH }, { ',', '<', KEY_COMMA }, { '.', '>', KEY_DOT }, { '/', '?', KEY_SLASH },
  { ' ', ' ', KEY_SPACE },
  { 'a', 'A', KEY_A }, { 'b', 'B', KEY_B }, { 'c', 'C', KEY_C }, { 'd', 'D', KEY_D }, { 'e', 'E', KEY_E },
  { 'f', 'F', KEY_F }, { 'g', 'G', KEY_G }, { 'h', 'H', KEY_H }, { 'i', 'I', KEY_I }, { 'j', 'J', KEY_J },
  { 'k', 'K', KEY_K }, { 'l', 'L', KEY_L }, { 'm', 'M', KEY_M }, { 'n', 'N', KEY_N }, { 'o', 'O', KEY_O },
  { 'p', 'P', KEY_P }, { 'q', 'Q', KEY_Q }, { 'r', 'R', KEY_R }, { 's', 'S', KEY_S }, { 't', 'T', KEY_T },
  { 'u', 'U', KEY_U }, { 'v', 'V', KEY_V }, { 'w', 'W', KEY_W }, { 'x', 'X', KEY_X }, { 'y', 'Y', KEY_Y },
  { 'z', 'Z', KEY_Z },
};

static const struct { const char *name; guint16 code; } names[] = {
  { "alt", KEY_LEFTALT }, { "backspace", KEY_BACKSPACE }, { "ctrl", KEY_LEFTCTRL },
  { "delete", KEY_DELETE }, { "enter", KEY_ENTER }, { "escape", KEY_ESC },
  { "f1", KEY_F1 }, { "f2", KEY_F2 }, { "f3", KEY_F3 }, { "f4", KEY_F4 }, { "f5", KEY_F5 },
  { "f6", KEY_F6 }, { "f7", KEY_F7 }, { "f8", KEY_F8 }, { "f9", KEY_F9 }, { "f10", KEY_F10 },
  { "f11", KEY_F11 }, { "f12", KEY_F12 }, { "menu", KEY_COMPOSE }, { "print", KEY_SYSRQ },
  { "shift", KEY_LEFTSHIFT }, { "super", KEY_LEFTMETA }, { "tab", KEY_TAB },
};
/* clang-format on */

static guint16
lookup_functional (guint keyval)
{
  for (gsize i = 0; i < G_N_ELEMENTS (functional); i++)
    if (functional[i].keyval == keyval)
      return functional[i].code;
  return 0;
}

static gboolean
is_functional_code (guint16 code)
{
  for (gsize i = 0; i < G_N_ELEMENTS (functional); i++)
    if (functional[i].code == code)
      return TRUE;
  return FALSE;
}

guint16
dio_console_keys_from_keyval (guint keyval)
{
  guint16 code = lookup_functional (keyval);
  gunichar character = gdk_keyval_to_unicode (keyval);

  for (gsize i = 0; i < G_N_ELEMENTS (printable) && !code && character; i++)
    if ((gunichar) printable[i].plain == character || (gunichar) printable[i].shifted == character)
      code = printable[i].code;
  return code;
}

guint16
dio_console_keys_from_event (gboolean hardware, guint keyval, guint keycode)
{
  guint16 code = lookup_functional (keyval);

  if (code)
    return code;
  if (hardware && keycode > 8 && keycode - 8 <= KEY_MICMUTE) {
    code = keycode - 8;
    /* A character from where no keyboard has one: the key code is an invented one. */
    if (!(gdk_keyval_to_unicode (keyval) > ' ' && is_functional_code (code)))
      return code;
  }
  return dio_console_keys_from_keyval (keyval);
}

gsize
dio_console_keys_parse (const char *combination, guint16 *codes, gsize capacity)
{
  g_auto (GStrv) parts = g_strsplit (combination, "+", -1);
  gsize count = 0;

  for (char **part = parts; *part; part++) {
    guint16 code = 0;
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
      if (strcmp (names[i].name, *part) == 0)
        code = names[i].code;
    if (!code || count == capacity)
      return 0;
    codes[count++] = code;
  }
  return count;
}
