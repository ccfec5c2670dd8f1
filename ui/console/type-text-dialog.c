/* SPDX-License-Identifier: GPL-3.0-or-later
 * Asks for a text and types it into a machine as key presses. */
#include "config.h"

#include "ui/console/type-text-dialog.h"

struct _DioTypeTextDialog {
  AdwWindow parent_instance;

  DioMachineItem *item;
  GtkTextView *text_view;
  GtkLabel *error_label;
  GtkButton *type_button;
};

G_DEFINE_FINAL_TYPE (DioTypeTextDialog, dio_type_text_dialog, ADW_TYPE_WINDOW)

static void
changed_cb (GtkTextBuffer *buffer, DioTypeTextDialog *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->error_label), FALSE);
  gtk_widget_set_sensitive (GTK_WIDGET (self->type_button),
                            gtk_text_buffer_get_char_count (buffer) > 0);
}

static void
type_cb (DioTypeTextDialog *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->text_view);
  GtkTextIter start, end;
  g_autoptr (GError) error = NULL;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  g_autofree char *text = gtk_text_buffer_get_text (buffer, &start, &end, FALSE);
  if (*text == '\0')
    return;
  if (dio_machine_item_type_text (self->item, text, &error)) {
    gtk_window_close (GTK_WINDOW (self));
    return;
  }
  gtk_label_set_label (self->error_label, error->message);
  gtk_widget_set_visible (GTK_WIDGET (self->error_label), TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->text_view));
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller, guint keyval, guint keycode,
                GdkModifierType modifiers, DioTypeTextDialog *self)
{
  gboolean enter = keyval == GDK_KEY_Return || keyval == GDK_KEY_KP_Enter;

  if (keyval == GDK_KEY_Escape)
    gtk_window_close (GTK_WINDOW (self));
  else if (enter && (modifiers & GDK_CONTROL_MASK))
    type_cb (self);
  else
    return GDK_EVENT_PROPAGATE;
  return GDK_EVENT_STOP;
}

static void
dio_type_text_dialog_dispose (GObject *object)
{
  g_clear_object (&DIO_TYPE_TEXT_DIALOG (object)->item);
  G_OBJECT_CLASS (dio_type_text_dialog_parent_class)->dispose (object);
}

static void
dio_type_text_dialog_class_init (DioTypeTextDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_type_text_dialog_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/type-text-dialog.ui");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_DIALOG);
  gtk_widget_class_bind_template_child (widget_class, DioTypeTextDialog, text_view);
  gtk_widget_class_bind_template_child (widget_class, DioTypeTextDialog, error_label);
  gtk_widget_class_bind_template_child (widget_class, DioTypeTextDialog, type_button);
  gtk_widget_class_bind_template_callback (widget_class, type_cb);
}

static void
dio_type_text_dialog_init (DioTypeTextDialog *self)
{
  GtkEventController *keys = gtk_event_controller_key_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect (gtk_text_view_get_buffer (self->text_view), "changed", G_CALLBACK (changed_cb),
                    self);
  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (key_pressed_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
}

GtkWidget *
dio_type_text_dialog_new (GtkWindow *parent, DioMachineItem *item)
{
  DioTypeTextDialog *self = g_object_new (DIO_TYPE_TYPE_TEXT_DIALOG, "transient-for", parent, NULL);

  self->item = g_object_ref (item);
  gtk_window_set_focus (GTK_WINDOW (self), GTK_WIDGET (self->text_view));
  return GTK_WIDGET (self);
}
