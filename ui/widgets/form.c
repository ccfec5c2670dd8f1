/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the forms about a machine share. */
#include "config.h"

#include "ui/widgets/form.h"

#include <glib/gi18n.h>
#include <unistd.h>

#include "core/vm/vm-board.h"
#include "ui/widgets/words.h"

static void
mark (GtkWidget *field, const char *message)
{
  GtkAccessible *accessible = GTK_ACCESSIBLE (field);

  if (message) {
    gtk_widget_add_css_class (field, "error");
    gtk_accessible_update_state (accessible, GTK_ACCESSIBLE_STATE_INVALID,
                                 GTK_ACCESSIBLE_INVALID_TRUE, -1);
    gtk_accessible_update_property (accessible, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, message, -1);
  } else {
    gtk_widget_remove_css_class (field, "error");
    gtk_accessible_reset_state (accessible, GTK_ACCESSIBLE_STATE_INVALID);
    gtk_accessible_reset_property (accessible, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION);
  }
}

gboolean
dio_form_show_problem (const DioFormField *fields, gsize n_fields, const char *name,
                       const char *message)
{
  gboolean placed = FALSE;

  for (gsize i = 0; i < n_fields; i++) {
    gboolean wrong = message && name && g_str_equal (name, fields[i].name)
                     && (!fields[i].field || gtk_widget_get_visible (fields[i].field));
    placed |= wrong;
    if (fields[i].field)
      mark (fields[i].field, wrong ? message : NULL);
    dio_error_row_set_message (fields[i].row, wrong ? message : NULL);
  }
  return placed;
}

static guint64
host_memory (void)
{
  long pages = sysconf (_SC_PHYS_PAGES), size = sysconf (_SC_PAGESIZE);

  return pages > 0 && size > 0 ? (guint64) pages * (guint64) size : 0;
}

char *
dio_form_check_memory (guint64 memory)
{
  guint64 there = host_memory ();
  g_autofree char *size = g_format_size_full (there, G_FORMAT_SIZE_IEC_UNITS);

  return there && memory > there
             ? g_strdup_printf (_ ("This is more than the %s that this computer has."), size)
             : NULL;
}

void
dio_form_show_host (AdwActionRow *memory_row, AdwActionRow *cpus_row)
{
  g_autofree char *size = g_format_size_full (host_memory (), G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *memory = g_strdup_printf (_ ("This computer has %s"), size);
  guint cores = g_get_num_processors ();
  g_autofree char *cpus = g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "This computer has %u", "This computer has %u", cores), cores);

  adw_action_row_set_subtitle (memory_row, memory);
  adw_action_row_set_subtitle (cpus_row, cpus);
}

void
dio_form_set_file (AdwActionRow *row, const char *path, const char *none)
{
  g_autofree char *text = path ? g_filename_display_name (path) : g_strdup (none);
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_action_row_set_subtitle (row, escaped);
  gtk_widget_set_tooltip_text (GTK_WIDGET (row), path ? text : NULL);
}

static gboolean
has_arch (const GArray *archs, DioArch arch)
{
  for (guint i = 0; i < archs->len; i++)
    if (g_array_index (archs, DioArch, i) == arch)
      return TRUE;
  return FALSE;
}

void
dio_form_fill_archs (AdwComboRow *row, const DioBoardType *const *boards, DioArch wanted,
                     GArray *archs)
{
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);
  guint selected = 0;

  g_array_set_size (archs, 0);
  for (const DioBoardType *const *board = boards; board && *board; board++)
    if (!has_arch (archs, (*board)->arch))
      g_array_append_val (archs, (*board)->arch);
  if (wanted != DIO_ARCH_NONE && !has_arch (archs, wanted))
    g_array_append_val (archs, wanted);
  for (guint i = 0; i < archs->len; i++) {
    DioArch arch = g_array_index (archs, DioArch, i);
    gtk_string_list_append (names, dio_words_arch (arch));
    if (arch == wanted)
      selected = i;
  }
  adw_combo_row_set_model (row, G_LIST_MODEL (names));
  adw_combo_row_set_selected (row, selected);
}

DioArch
dio_form_get_arch (AdwComboRow *row, GArray *archs)
{
  guint position = adw_combo_row_get_selected (row);

  return position < archs->len ? g_array_index (archs, DioArch, position) : DIO_ARCH_NONE;
}

static gboolean
drop_cb (GtkDropTarget *target, const GValue *value, double x, double y, gpointer data)
{
  void (*dropped) (GtkWidget * widget, const char *path) = data;
  GSList *files = g_value_get_boxed (value);
  g_autofree char *path = files ? g_file_get_path (files->data) : NULL;

  if (!path)
    return FALSE;
  dropped (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (target)), path);
  return TRUE;
}

void
dio_form_accept_file (GtkWidget *widget, void (*dropped) (GtkWidget *widget, const char *path))
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  g_signal_connect (target, "drop", G_CALLBACK (drop_cb), dropped);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (target));
}

typedef struct {
  GtkWindow *window; /* weak */
  void (*chosen) (GtkWindow *window, const char *path, int purpose);
  int purpose;
} Choice;

static void
choice_free (gpointer data, GClosure *closure)
{
  Choice *choice = data;

  g_clear_weak_pointer (&choice->window);
  g_free (choice);
}

static void
chooser_response_cb (GtkFileChooserNative *chooser, int response, Choice *choice)
{
  if (response == GTK_RESPONSE_ACCEPT && choice->window) {
    g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser));
    g_autofree char *path = file ? g_file_get_path (file) : NULL;
    if (path)
      choice->chosen (choice->window, path, choice->purpose);
  }
  g_object_unref (chooser);
}

void
dio_form_choose_file (GtkWindow *window, const char *title,
                      void (*chosen) (GtkWindow *window, const char *path, int purpose),
                      int purpose)
{
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new (
      title, window, GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Open"), _ ("_Cancel"));
  Choice *choice = g_new0 (Choice, 1);

  g_set_weak_pointer (&choice->window, window);
  choice->chosen = chosen;
  choice->purpose = purpose;
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect_data (chooser, "response", G_CALLBACK (chooser_response_cb), choice, choice_free,
                         0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}
