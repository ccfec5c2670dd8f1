/* SPDX-License-Identifier: GPL-3.0-or-later
 * Every .ui file of the resources loads: templates by making their widget, the rest by a builder.
 */
#include <adwaita.h>
#include <string.h>

#include "ui/application/application.h"
#include "ui/console/type-text-dialog.h"
#include "ui/create/create-window.h"
#include "ui/disks/disks-window.h"
#include "ui/library/library-card.h"
#include "ui/library/library-window.h"
#include "ui/preferences/preferences-window.h"
#include "ui/settings/settings-window.h"
#include "ui/snapshots/snapshot-progress.h"
#include "ui/snapshots/snapshots-window.h"
#include "ui/window/machine-window.h"

#define FOLDER "/org/diorama/Diorama/ui/"

static void
test_templates (void)
{
  const GType types[] = {
    DIO_TYPE_CREATE_WINDOW,     DIO_TYPE_DISKS_WINDOW,    DIO_TYPE_LIBRARY_CARD,
    DIO_TYPE_LIBRARY_WINDOW,    DIO_TYPE_MACHINE_WINDOW,  DIO_TYPE_PREFERENCES_WINDOW,
    DIO_TYPE_SNAPSHOT_PROGRESS, DIO_TYPE_SETTINGS_WINDOW, DIO_TYPE_SNAPSHOTS_WINDOW,
    DIO_TYPE_TYPE_TEXT_DIALOG,
  };
  g_auto (GStrv) files = g_resources_enumerate_children (FOLDER, 0, NULL);
  guint made = 0;

  g_assert_cmpuint (g_strv_length (files), ==, G_N_ELEMENTS (types));
  for (char **file = files; *file; file++) {
    g_autofree char *path = g_strconcat (FOLDER, *file, NULL);
    g_autoptr (GBytes) bytes = g_resources_lookup_data (path, 0, NULL);
    g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
    for (gsize i = 0; i < G_N_ELEMENTS (types); i++) {
      g_autofree char *class = g_strdup_printf ("<template class=\"%s\"", g_type_name (types[i]));
      if (!strstr (text, class))
        continue;
      GtkWidget *widget = g_object_ref_sink (g_object_new (types[i], NULL));
      if (GTK_IS_WINDOW (widget))
        gtk_window_destroy (GTK_WINDOW (widget));
      g_object_unref (widget);
      made++;
    }
  }
  g_assert_cmpuint (made, ==, G_N_ELEMENTS (types));
}

static void
test_help_overlay (void)
{
  g_autoptr (GtkBuilder) builder =
      gtk_builder_new_from_resource ("/org/diorama/Diorama/gtk/help-overlay.ui");

  g_assert_true (GTK_IS_SHORTCUTS_WINDOW (gtk_builder_get_object (builder, "help_overlay")));
  gtk_window_destroy (GTK_WINDOW (gtk_builder_get_object (builder, "help_overlay")));
}

/* Icons that templates and code name exist in the theme or in our resources. */
static void
test_icons (void)
{
  static const char *const names[] = {
    "org.diorama.Diorama",
    "changes-allow-symbolic",
    "changes-prevent-symbolic",
    "computer-symbolic",
    "document-open-symbolic",
    "drive-harddisk-symbolic",
    "edit-clear-symbolic",
    "go-next-symbolic",
    "go-previous-symbolic",
    "input-keyboard-symbolic",
    "list-add-symbolic",
    "list-remove-symbolic",
    "media-optical-symbolic",
    "media-playback-pause-symbolic",
    "media-playback-start-symbolic",
    "open-menu-symbolic",
    "preferences-system-symbolic",
    "system-search-symbolic",
    "utilities-terminal-symbolic",
    "view-fullscreen-symbolic",
    "view-restore-symbolic",
  };
  GtkIconTheme *theme = gtk_icon_theme_get_for_display (gdk_display_get_default ());

  gtk_icon_theme_add_resource_path (theme, "/org/diorama/Diorama/icons");
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (!gtk_icon_theme_has_icon (theme, names[i]))
      g_error ("no icon %s", names[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  dio_ui_register_resources ();
  g_test_add_func ("/ui/templates", test_templates);
  g_test_add_func ("/ui/help-overlay", test_help_overlay);
  g_test_add_func ("/ui/icons", test_icons);
  return g_test_run ();
}
