/* SPDX-License-Identifier: GPL-3.0-or-later
 * Keys by name, for the command line and for menus. */
#pragma once

#include <glib.h>

#define DIO_KEYS_MAX_CHORD 8

/* Reads "enter", "ctrl+alt+delete", "F12", "a": key names without regard to case, joined by "+"
 * (the key itself is "plus"). Fills @codes with evdev codes in order of pressing. */
gboolean dio_keys_parse (const char *text, guint16 codes[DIO_KEYS_MAX_CHORD], gsize *count,
                         GError **error);

/* All names, NULL-terminated, for help and completion. Static. */
const char *const *dio_keys_names (void);
