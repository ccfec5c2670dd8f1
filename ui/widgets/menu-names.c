/* SPDX-License-Identifier: GPL-3.0-or-later
 * GTK says of an item in a menu that its label names it, and from some release on (4.18 has it)
 * that the label is there for looks only, so that it has no name itself: a screen reader reads
 * nothing. The relation goes before a name that is given, so it is taken away and the text is given
 * as the name, when a menu appears and again whenever its item changes, as GTK puts the relation
 * back. */
#include "config.h"

#include "ui/widgets/menu-names.h"

static void
name_item (GtkWidget *item)
{
  g_autofree char *text = NULL;

  g_object_get (item, "text", &text, NULL);
  if (!text || !*text)
    return;
  gtk_accessible_reset_relation (GTK_ACCESSIBLE (item), GTK_ACCESSIBLE_RELATION_LABELLED_BY);
  gtk_accessible_update_property (GTK_ACCESSIBLE (item), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
}

static void
name_items (GtkWidget *widget)
{
  /* GTK keeps the type to itself. */
  if (g_str_equal (G_OBJECT_TYPE_NAME (widget), "GtkModelButton")) {
    g_signal_handlers_disconnect_by_func (widget, name_item, NULL);
    g_signal_connect (widget, "notify", G_CALLBACK (name_item), NULL);
    name_item (widget);
    return;
  }
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    name_items (child);
}

static gboolean
mapped_cb (GSignalInvocationHint *hint, guint n_values, const GValue *values, gpointer data)
{
  GtkWidget *widget = g_value_get_object (values);

  if (GTK_IS_POPOVER_MENU (widget))
    name_items (widget);
  return G_SOURCE_CONTINUE;
}

void
dio_menu_names_init (void)
{
  gpointer class = g_type_class_ref (GTK_TYPE_WIDGET); /* with it come its signals */

  g_signal_add_emission_hook (g_signal_lookup ("map", GTK_TYPE_WIDGET), 0, mapped_cb, NULL, NULL);
  g_type_class_unref (class);
}
