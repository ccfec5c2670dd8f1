/* SPDX-License-Identifier: GPL-3.0-or-later
 * Small questions and messages. */
#include "config.h"

#include "ui/widgets/dialogs.h"

#include <adwaita.h>
#include <glib/gi18n.h>

static AdwMessageDialog *
new_dialog (GtkWidget *widget, const char *heading, const char *body)
{
  GtkRoot *root = gtk_widget_get_root (widget);
  GtkWindow *parent = GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL;
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, heading, body));

  gtk_accessible_update_property (GTK_ACCESSIBLE (dialog), GTK_ACCESSIBLE_PROPERTY_LABEL, heading,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, body ? body : "", -1);
  return dialog;
}

void
dio_dialogs_error (GtkWidget *widget, const char *heading, const GError *error)
{
  AdwMessageDialog *dialog = new_dialog (widget, heading, error->message);

  adw_message_dialog_add_response (dialog, "close", _ ("_Close"));
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
way_out_cb (GtkWidget *widget, const char *response)
{
  if (!g_str_equal (response, "close"))
    gtk_widget_activate_action (widget, response, NULL);
}

void
dio_dialogs_error_with (GtkWidget *widget, const char *heading, const GError *error,
                        const char *verb, const char *action)
{
  AdwMessageDialog *dialog = new_dialog (widget, heading, error->message);

  adw_message_dialog_add_responses (dialog, "close", _ ("_Close"), action, verb, NULL);
  adw_message_dialog_set_default_response (dialog, action);
  adw_message_dialog_set_close_response (dialog, "close");
  g_signal_connect_object (dialog, "response", G_CALLBACK (way_out_cb), widget, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

typedef struct {
  DioMachineItem *item;
  AdwMessageDialog *dialog;
  GtkEditable *entry;
} Rename;

static void
rename_free (gpointer data, GClosure *closure)
{
  Rename *rename = data;

  g_object_unref (rename->item);
  g_free (rename);
}

static void
rename_changed_cb (GtkEditable *entry, Rename *rename)
{
  g_autofree char *name = g_strstrip (g_strdup (gtk_editable_get_text (entry)));

  adw_message_dialog_set_response_enabled (rename->dialog, "rename", *name != '\0');
}

static void
rename_response_cb (AdwMessageDialog *dialog, const char *response, Rename *rename)
{
  g_autofree char *name = g_strstrip (g_strdup (gtk_editable_get_text (rename->entry)));
  g_autoptr (GError) error = NULL;

  if (!g_str_equal (response, "rename")
      || g_str_equal (name, dio_machine_item_get_name (rename->item)))
    return;
  if (dio_machine_item_rename (rename->item, name, &error))
    return;

  GtkWindow *parent = gtk_window_get_transient_for (GTK_WINDOW (dialog));
  dio_dialogs_error (GTK_WIDGET (parent), _ ("The machine keeps its name"), error);
}

void
dio_dialogs_rename (GtkWidget *widget, DioMachineItem *item)
{
  AdwMessageDialog *dialog = new_dialog (widget, _ ("Rename Machine"), NULL);
  GtkWidget *entry = gtk_entry_new ();
  Rename *rename = g_new (Rename, 1);

  *rename = (Rename){ g_object_ref (item), dialog, GTK_EDITABLE (entry) };
  gtk_editable_set_text (GTK_EDITABLE (entry), dio_machine_item_get_name (item));
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_entry_set_max_length (GTK_ENTRY (entry), 100);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Name"),
                                  -1);
  adw_message_dialog_set_extra_child (dialog, entry);
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "rename", _ ("_Rename"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "rename", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, "rename");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect (entry, "changed", G_CALLBACK (rename_changed_cb), rename);
  g_signal_connect_data (dialog, "response", G_CALLBACK (rename_response_cb), rename, rename_free,
                         0);
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_grab_focus (entry);
}

typedef struct {
  GtkWidget *widget; /* weak */
  void (*confirmed) (gpointer data);
  gpointer data;
} Confirm;

static void
confirm_free (gpointer data, GClosure *closure)
{
  Confirm *confirm = data;

  g_clear_weak_pointer (&confirm->widget);
  g_free (confirm);
}

static void
confirm_response_cb (AdwMessageDialog *dialog, const char *response, Confirm *confirm)
{
  if (g_str_equal (response, "confirm") && confirm->widget)
    confirm->confirmed (confirm->data);
}

void
dio_dialogs_confirm (GtkWidget *widget, const char *heading, const char *body, const char *verb,
                     void (*confirmed) (gpointer data), gpointer data)
{
  AdwMessageDialog *dialog = new_dialog (widget, heading, body);
  Confirm *confirm = g_new0 (Confirm, 1);

  g_set_weak_pointer (&confirm->widget, widget);
  confirm->confirmed = confirmed;
  confirm->data = data;
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "confirm", verb, NULL);
  adw_message_dialog_set_response_appearance (dialog, "confirm", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (dialog, "cancel");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_data (dialog, "response", G_CALLBACK (confirm_response_cb), confirm,
                         confirm_free, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

typedef struct {
  AdwMessageDialog *dialog;
  GtkEditable *entry;
  GtkCheckButton *check; /* may be NULL */
  gboolean empty;
  void (*answered) (const char *text, gboolean checked, gpointer data);
  gpointer data;
  GDestroyNotify free_data;
} Ask;

static void
ask_free (gpointer data, GClosure *closure)
{
  Ask *ask = data;

  ask->free_data (ask->data);
  g_free (ask);
}

static void
ask_changed_cb (GtkEditable *entry, Ask *ask)
{
  g_autofree char *text = g_strstrip (g_strdup (gtk_editable_get_text (entry)));

  adw_message_dialog_set_response_enabled (ask->dialog, "done", ask->empty || *text != '\0');
}

static void
ask_response_cb (AdwMessageDialog *dialog, const char *response, Ask *ask)
{
  g_autofree char *text = g_strstrip (g_strdup (gtk_editable_get_text (ask->entry)));

  if (g_str_equal (response, "done"))
    ask->answered (text, ask->check && gtk_check_button_get_active (ask->check), ask->data);
}

void
dio_dialogs_ask_text (GtkWidget *widget, const char *heading, const char *text, const char *verb,
                      gboolean empty, const char *check_label,
                      void (*answered) (const char *text, gboolean checked, gpointer data),
                      gpointer data, GDestroyNotify free_data)
{
  AdwMessageDialog *dialog = new_dialog (widget, heading, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *entry = gtk_entry_new ();
  GtkWidget *check = check_label ? gtk_check_button_new_with_mnemonic (check_label) : NULL;
  Ask *ask = g_new (Ask, 1);

  *ask = (Ask){
    dialog,   GTK_EDITABLE (entry), check ? GTK_CHECK_BUTTON (check) : NULL, empty, answered, data,
    free_data
  };
  gtk_editable_set_text (GTK_EDITABLE (entry), text);
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, heading,
                                  -1);
  gtk_box_append (GTK_BOX (box), entry);
  if (check)
    gtk_box_append (GTK_BOX (box), check);
  adw_message_dialog_set_extra_child (dialog, box);
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "done", verb, NULL);
  adw_message_dialog_set_response_appearance (dialog, "done", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, "done");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect (entry, "changed", G_CALLBACK (ask_changed_cb), ask);
  g_signal_connect_data (dialog, "response", G_CALLBACK (ask_response_cb), ask, ask_free, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_grab_focus (entry);
}
