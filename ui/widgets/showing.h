/* SPDX-License-Identifier: GPL-3.0-or-later
 * Showing one of several things, for eyes and screen readers alike: GTK 4.8 presents the hidden
 * pages of a stack and the contents of a closed revealer to assistive technology as if they were
 * seen, unless they are invisible as widgets. Main thread. */
#pragma once

#include <gtk/gtk.h>

/* Shows the page called @name and makes the others invisible. */
void dio_showing_stack (GtkStack *stack, const char *name);

/* Reveals or hides; the revealer is invisible once it is closed. */
void dio_showing_reveal (GtkRevealer *revealer, gboolean reveal);
