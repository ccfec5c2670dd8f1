/* SPDX-License-Identifier: GPL-3.0-or-later
 * From GTK's key events to evdev codes. */
#pragma once

#include <gdk/gdk.h>

/* The evdev code of a key, 0 when there is none. @hardware: @keycode comes from X11 or Wayland,
 * where it is the evdev code + 8; elsewhere, and for keys that a virtual keyboard invents, the
 * symbol decides, as on a US keyboard. */
guint16 dio_console_keys_from_event (gboolean hardware, guint keyval, guint keycode);

/* The code by the symbol alone; 0 when no key of a US keyboard makes it. */
guint16 dio_console_keys_from_keyval (guint keyval);

/* A combination for the menu, like "ctrl+alt+delete" or "ctrl+alt+f2": codes into @codes (room for
 * @capacity), their number returned, 0 for a name that is unknown. */
gsize dio_console_keys_parse (const char *combination, guint16 *codes, gsize capacity);
