/* SPDX-License-Identifier: GPL-3.0-or-later
 * A row of a form that says what is wrong with the field above it. */
#include "config.h"

#include "ui/widgets/error-row.h"

struct _DioErrorRow {
  AdwPreferencesRow parent_instance;

  GtkLabel *label;
};

G_DEFINE_FINAL_TYPE (DioErrorRow, dio_error_row, ADW_TYPE_PREFERENCES_ROW)

void
dio_error_row_set_message (DioErrorRow *self, const char *message)
{
  g_return_if_fail (DIO_IS_ERROR_ROW (self));
  if (message)
    gtk_label_set_label (self->label, message);
  gtk_widget_set_visible (GTK_WIDGET (self), message != NULL);
}

static void
dio_error_row_class_init (DioErrorRowClass *klass)
{
}

static void
dio_error_row_init (DioErrorRow *self)
{
  GtkWidget *label = gtk_label_new (NULL);

  self->label = GTK_LABEL (label);
  gtk_label_set_wrap (self->label, TRUE);
  gtk_label_set_wrap_mode (self->label, PANGO_WRAP_WORD_CHAR);
  gtk_label_set_xalign (self->label, 0);
  gtk_widget_add_css_class (label, "error");
  gtk_widget_add_css_class (label, "caption");
  gtk_widget_add_css_class (GTK_WIDGET (self), "field-error");
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (self), FALSE);
  gtk_list_box_row_set_selectable (GTK_LIST_BOX_ROW (self), FALSE);
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (self), label);
  gtk_widget_set_focusable (GTK_WIDGET (self), FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
}
