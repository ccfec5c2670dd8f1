/* SPDX-License-Identifier: GPL-3.0-or-later
 * Actions of the machine window that concern its screen: keys, text, screenshot, scale, fullscreen.
 * The machine's own commands come from machine-actions.c. */
#include "config.h"

#include "ui/window/machine-window-private.h"

#include <glib/gi18n.h>

#include "ui/console/console-keys.h"
#include "ui/console/type-text-dialog.h"
#include "ui/widgets/dialogs.h"

static void
send_keys_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (widget);
  guint16 codes[8];
  gsize count =
      dio_console_keys_parse (g_variant_get_string (parameter, NULL), codes, G_N_ELEMENTS (codes));

  g_return_if_fail (count > 0);
  dio_machine_item_send_keys (self->item, codes, count);
}

static void
type_text_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (widget);

  gtk_window_present (GTK_WINDOW (dio_type_text_dialog_new (GTK_WINDOW (self), self->item)));
}

static void
screenshot_response_cb (GtkFileChooserNative *chooser, int response, DioMachineWindow *self)
{
  g_autoptr (GError) error = NULL;

  if (response == GTK_RESPONSE_ACCEPT) {
    g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser));
    g_autofree char *path = g_file_get_path (file);

    if (path && dio_machine_item_save_screenshot (self->item, path, &error)) {
      g_autofree char *name = g_path_get_basename (path);
      g_autofree char *escaped = g_markup_escape_text (name, -1);
      g_autofree char *title = g_strdup_printf (_ ("Saved as “%s”"), escaped);
      adw_toast_overlay_add_toast (self->toasts, adw_toast_new (title));
    } else {
      if (!error)
        g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                             _ ("Pictures can only be saved in folders of this computer."));
      dio_dialogs_error (GTK_WIDGET (self), _ ("The screenshot was not saved"), error);
    }
  }
  g_object_unref (chooser);
}

static void
screenshot_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (widget);
  GtkFileChooserNative *chooser =
      gtk_file_chooser_native_new (_ ("Save Screenshot"), GTK_WINDOW (self),
                                   GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Save"), _ ("_Cancel"));
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%Y-%m-%d %H-%M-%S");
  /* Translators: file name of a screenshot: machine, then date and time. */
  g_autofree char *file =
      g_strdup_printf (_ ("%s %s.png"), dio_machine_item_get_name (self->item), time);
  const char *pictures = g_get_user_special_dir (G_USER_DIRECTORY_PICTURES);
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();

  gtk_file_filter_set_name (filter, _ ("PNG pictures"));
  gtk_file_filter_add_mime_type (filter, "image/png");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (chooser), filter);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (chooser), g_strdelimit (file, "/", '_'));
  if (pictures) {
    g_autoptr (GFile) folder = g_file_new_for_path (pictures);
    gtk_file_chooser_set_current_folder (GTK_FILE_CHOOSER (chooser), folder, NULL);
  }
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect_object (chooser, "response", G_CALLBACK (screenshot_response_cb), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

static void
fullscreen_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  if (gtk_window_is_fullscreen (GTK_WINDOW (widget)))
    gtk_window_unfullscreen (GTK_WINDOW (widget));
  else
    gtk_window_fullscreen (GTK_WINDOW (widget));
}

static void
focus_screen_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  gtk_widget_grab_focus (GTK_WIDGET (DIO_MACHINE_WINDOW (widget)->console));
}

static void
delete_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  dio_machine_window_emit_delete (DIO_MACHINE_WINDOW (widget));
}

void
dio_machine_window_install_actions (GtkWidgetClass *widget_class)
{
  gtk_widget_class_install_action (widget_class, "win.send-keys", "s", send_keys_action);
  gtk_widget_class_install_action (widget_class, "win.type-text", NULL, type_text_action);
  gtk_widget_class_install_action (widget_class, "win.screenshot", NULL, screenshot_action);
  gtk_widget_class_install_action (widget_class, "win.fullscreen", NULL, fullscreen_action);
  gtk_widget_class_install_action (widget_class, "win.delete", NULL, delete_action);
  gtk_widget_class_install_action (widget_class, "win.focus-screen", NULL, focus_screen_action);
}

void
dio_machine_window_add_actions (DioMachineWindow *self)
{
  g_autoptr (GPropertyAction) scaling = g_property_action_new ("scaling", self->console, "scaling");
  g_autoptr (GPropertyAction) follow =
      g_property_action_new ("follow-window", self->console, "follow-window");

  g_action_map_add_action (G_ACTION_MAP (self), G_ACTION (scaling));
  g_action_map_add_action (G_ACTION_MAP (self), G_ACTION (follow));
}

void
dio_machine_window_update_actions (DioMachineWindow *self)
{
  DioItemState state = dio_machine_item_get_state (self->item);
  gboolean live = state == DIO_ITEM_RUNNING;
  int width, height;

  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.send-keys", live);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.type-text", live);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.delete", state == DIO_ITEM_BROKEN);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.screenshot",
                                 dio_machine_item_get_thumbnail (self->item, &width, &height)
                                     != NULL);
}
