/* SPDX-License-Identifier: GPL-3.0-or-later
 * The preferences of the application; each row applies at once. */
#include "config.h"

#include "ui/preferences/preferences-window.h"

struct _DioPreferencesWindow {
  AdwPreferencesWindow parent_instance;

  AdwComboRow *scaling_row;
  AdwComboRow *close_row;
  AdwComboRow *session_row;
  GtkSwitch *follow_switch;
  GtkSwitch *capture_switch;
  GtkSwitch *f11_switch;
  GtkSwitch *resume_switch;
  GtkSwitch *login_switch;
};

G_DEFINE_FINAL_TYPE (DioPreferencesWindow, dio_preferences_window, ADW_TYPE_PREFERENCES_WINDOW)

/* The rows' items are in the order of the enumerations. */
static gboolean
enum_to_position (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  g_value_set_uint (to, g_value_get_enum (from));
  return TRUE;
}

static gboolean
position_to_enum (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  if (g_value_get_uint (from) == GTK_INVALID_LIST_POSITION)
    return FALSE;
  g_value_set_enum (to, g_value_get_uint (from));
  return TRUE;
}

static void
dio_preferences_window_class_init (DioPreferencesWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/preferences-window.ui");
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, scaling_row);
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, close_row);
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, session_row);
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, follow_switch);
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, capture_switch);
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, f11_switch);
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, resume_switch);
  gtk_widget_class_bind_template_child (widget_class, DioPreferencesWindow, login_switch);
}

static void
dio_preferences_window_init (DioPreferencesWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
dio_preferences_window_new (GtkWindow *parent, DioSettings *settings)
{
  const GBindingFlags both = G_BINDING_SYNC_CREATE | G_BINDING_BIDIRECTIONAL;
  DioPreferencesWindow *self =
      g_object_new (DIO_TYPE_PREFERENCES_WINDOW, "transient-for", parent, NULL);

  g_object_bind_property_full (settings, "scaling", self->scaling_row, "selected", both,
                               enum_to_position, position_to_enum, NULL, NULL);
  g_object_bind_property_full (settings, "close-action", self->close_row, "selected", both,
                               enum_to_position, position_to_enum, NULL, NULL);
  g_object_bind_property_full (settings, "session-end", self->session_row, "selected", both,
                               enum_to_position, position_to_enum, NULL, NULL);
  g_object_bind_property (settings, "follow-window", self->follow_switch, "active", both);
  g_object_bind_property (settings, "capture", self->capture_switch, "active", both);
  g_object_bind_property (settings, "reserve-f11", self->f11_switch, "active", both);
  g_object_bind_property (settings, "resume-suspended", self->resume_switch, "active", both);
  g_object_bind_property (settings, "start-at-login", self->login_switch, "active", both);
  return GTK_WIDGET (self);
}
