/* SPDX-License-Identifier: GPL-3.0-or-later
 * Showing one of several things, for eyes and screen readers alike. */
#include "config.h"

#include "ui/widgets/showing.h"

/* Shows the page called @name and makes the others invisible. */
void
dio_showing_stack (GtkStack *stack, const char *name)
{
  GtkWidget *wanted = gtk_stack_get_child_by_name (stack, name);

  g_return_if_fail (wanted);
  gtk_widget_set_visible (wanted, TRUE);
  gtk_stack_set_visible_child (stack, wanted);
  for (GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (stack)); child;
       child = gtk_widget_get_next_sibling (child))
    if (child != wanted)
      gtk_widget_set_visible (child, FALSE);
}

static void
child_revealed_cb (GtkRevealer *revealer)
{
  if (!gtk_revealer_get_reveal_child (revealer) && !gtk_revealer_get_child_revealed (revealer))
    gtk_widget_set_visible (GTK_WIDGET (revealer), FALSE);
}

/* Reveals or hides; the revealer is invisible once it is closed. */
void
dio_showing_reveal (GtkRevealer *revealer, gboolean reveal)
{
  g_signal_handlers_disconnect_by_func (revealer, child_revealed_cb, NULL);
  if (reveal)
    gtk_widget_set_visible (GTK_WIDGET (revealer), TRUE);
  gtk_revealer_set_reveal_child (revealer, reveal);
  g_signal_connect (revealer, "notify::child-revealed", G_CALLBACK (child_revealed_cb), NULL);
  child_revealed_cb (revealer);
}
