/* SPDX-License-Identifier: GPL-3.0-or-later
 * The language of the program. */
#pragma once

/* Sets the locale and finds the translations: in $DIORAMA_LOCALE_DIR, beside the program when it
 * runs from its build folder or from a moved installation, else where they were installed. Call
 * it first thing in main(), before there are threads. */
void dio_cli_locale_init (void);
