/* SPDX-License-Identifier: GPL-3.0-or-later
 * Small questions and messages. Main thread; each opens above the window that @widget is in. */
#pragma once

#include "app/model/model-machine.h"

#include <gtk/gtk.h>

/* Tells that something failed, with its cause. */
void dio_dialogs_error (GtkWidget *widget, const char *heading, const GError *error);

/* The same, with a button @verb for a way out: the action of @widget, unless that is gone then. */
void dio_dialogs_error_with (GtkWidget *widget, const char *heading, const GError *error,
                             const char *verb, const char *action);

/* Asks for a new name and renames. */
void dio_dialogs_rename (GtkWidget *widget, DioMachineItem *item);

/* Asks before something that cannot be undone; @confirmed runs if the person means it, unless
 * @widget is gone by then. */
void dio_dialogs_confirm (GtkWidget *widget, const char *heading, const char *body,
                          const char *verb, void (*confirmed) (gpointer data), gpointer data);

/* Asks for a line of text that is @text at first (and may be @empty), and with @check_label whether
 * that is wanted as well; @answered gets them. @data is freed in any case. */
void dio_dialogs_ask_text (GtkWidget *widget, const char *heading, const char *text,
                           const char *verb, gboolean empty, const char *check_label,
                           void (*answered) (const char *text, gboolean checked, gpointer data),
                           gpointer data, GDestroyNotify free_data);
