/* SPDX-License-Identifier: GPL-3.0-or-later
 * Looks at every window that a test opens for what no window may be: some times a second it
 * measures them and goes through their widgets, so a test has only to open them. */
#include "tests/ui/window-lint.h"

#include <adwaita.h>

#define PERIOD_MS 200
#define NARROWEST 360 /* pixels: a telephone, and half of a small screen */

static void
complain (GHashTable *told, char *words)
{
  if (g_hash_table_add (told, words))
    g_warning ("%s", words);
}

/* GTK makes the contents of windows that it brings itself. */
static gboolean
is_ours (GtkWidget *window)
{
  return !GTK_IS_SHORTCUTS_WINDOW (window) && !GTK_IS_FILE_CHOOSER_DIALOG (window)
         && !GTK_IS_MESSAGE_DIALOG (window);
}

/* What makes @widget so wide: down to the widest of those that are in others. */
static char *
widest (GtkWidget *widget)
{
  GString *path = g_string_new (NULL);

  while (widget) {
    GtkWidget *next = NULL;
    int most = 0;

    for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
         child = gtk_widget_get_next_sibling (child)) {
      int minimum = 0;
      if (gtk_widget_get_mapped (child) && !GTK_IS_NATIVE (child))
        gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
      if (minimum > most) {
        most = minimum;
        next = child;
      }
    }
    if (next)
      g_string_append_printf (path, " %s %d", G_OBJECT_TYPE_NAME (next), most);
    if (next && GTK_IS_LABEL (next))
      g_string_append_printf (path, " “%s”", gtk_label_get_text (GTK_LABEL (next)));
    widget = next;
  }
  return g_string_free (path, FALSE);
}

/* Without a compositor GTK draws a frame around its windows, and counts it. */
static int
least_width (GtkWidget *window)
{
  int least;

  gtk_widget_get_size_request (window, &least, NULL);
  for (GtkWidget *child = gtk_widget_get_first_child (window); child;
       child = gtk_widget_get_next_sibling (child)) {
    int minimum = 0;
    if (!GTK_IS_NATIVE (child))
      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
    least = MAX (least, minimum);
  }
  return least;
}

static void
check_width (GtkWidget *window, const char *title, GHashTable *told)
{
  int minimum = least_width (window);

  if (minimum > NARROWEST) {
    g_autofree char *path = widest (window);
    complain (told, g_strdup_printf ("%s “%s” cannot be narrower than %d pixels:%s",
                                     G_OBJECT_TYPE_NAME (window), title, minimum, path));
  }
}

static gboolean
has_text (GtkWidget *widget)
{
  if (GTK_IS_LABEL (widget) && *gtk_label_get_text (GTK_LABEL (widget)))
    return TRUE;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    if (has_text (child))
      return TRUE;
  return FALSE;
}

/* A relation is no proof, as GTK has icons label their buttons. A menu button has its name itself;
 * what is pressed in it is part of it, as in rows of GTK. */
static gboolean
is_named (GtkWidget *widget)
{
  GtkAccessible *accessible = GTK_ACCESSIBLE (widget);
  GtkWidget *parent = gtk_widget_get_parent (widget);

  return has_text (widget)
         || gtk_test_accessible_has_property (accessible, GTK_ACCESSIBLE_PROPERTY_LABEL)
         || (parent && GTK_IS_MENU_BUTTON (parent) && is_named (parent));
}

/* What GTK and libadwaita put into their own widgets is theirs: a template of ours has an owner of
 * ours. */
static gboolean
is_part_of_toolkit (GtkWidget *widget)
{
  static const char *const toolkit[] = {
    "GtkWindowControls", "GtkSpinButton",        "GtkPasswordEntry", "GtkInfoBar",
    "GtkSearchEntry",    "AdwToastWidget",       "GtkPopoverMenu",   "AdwViewSwitcherBar",
    "AdwEntryRow",       "AdwPreferencesWindow", "AdwAboutWindow",   "GtkDropDown",
    "AdwComboRow"
  };

  for (; widget; widget = gtk_widget_get_parent (widget))
    for (gsize i = 0; i < G_N_ELEMENTS (toolkit); i++) {
      GType type = g_type_from_name (toolkit[i]);
      if (type && G_TYPE_CHECK_INSTANCE_TYPE (widget, type)
          && g_str_equal (G_OBJECT_TYPE_NAME (widget), toolkit[i]))
        return TRUE;
    }
  return FALSE;
}

static void
check_below (GtkWidget *widget, const char *title, GHashTable *told)
{
  if (!gtk_widget_get_mapped (widget))
    return;
  if (GTK_IS_POPOVER (widget))
    check_width (widget, title, told);
  if (GTK_IS_BUTTON (widget) && !is_named (widget) && !is_part_of_toolkit (widget)) {
    const char *tip = gtk_widget_get_tooltip_text (widget);
    complain (told, g_strdup_printf ("%s with the icon %s and the tooltip “%s” in “%s” has no name",
                                     G_OBJECT_TYPE_NAME (widget),
                                     gtk_button_get_icon_name (GTK_BUTTON (widget)), tip, title));
  }
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    check_below (child, title, told);
}

static gboolean
look_cb (gpointer data)
{
  GHashTable *told = data;
  g_autoptr (GList) windows = gtk_is_initialized () ? gtk_window_list_toplevels () : NULL;

  for (GList *link = windows; link; link = link->next) {
    GtkWidget *window = link->data;
    const char *title = gtk_window_get_title (GTK_WINDOW (window));

    if (!gtk_widget_get_mapped (window) || !is_ours (window))
      continue;
    check_width (window, title, told);
    check_below (window, title, told);
  }
  return G_SOURCE_CONTINUE;
}

static void
forget (gpointer told)
{
  g_hash_table_unref (told);
}

void
window_lint_start (void)
{
  GHashTable *told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  g_timeout_add_full (G_PRIORITY_LOW, PERIOD_MS, look_cb, told, forget);
}
