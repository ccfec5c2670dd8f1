/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library window: all machines as a grid of cards.
 *
 * The model goes through a filter (search) and a sorter (active machines first, otherwise the
 * library's order); the flow box is bound to the result. */
#include "config.h"

#include "ui/library/library-window.h"

#include <glib/gi18n.h>

#include "ui/library/library-card.h"
#include "ui/widgets/dialogs.h"
#include "ui/widgets/form.h"
#include "ui/widgets/showing.h"
#include "ui/widgets/words.h"

struct _DioLibraryWindow {
  AdwApplicationWindow parent_instance;

  DioLibrary *library;
  DioSettings *settings;
  GtkCustomFilter *filter;
  GtkCustomSorter *sorter;
  GtkSortListModel *sorted;
  GHashTable *watched; /* DioMachineItem* -> handler id */
  char **terms;        /* folded words of the search */

  AdwToastOverlay *toasts;
  GtkSearchBar *search_bar;
  GtkSearchEntry *search_entry;
  GtkToggleButton *search_button;
  GtkStack *stack;
  GtkFlowBox *flow_box;
};

G_DEFINE_FINAL_TYPE (DioLibraryWindow, dio_library_window, ADW_TYPE_APPLICATION_WINDOW)

enum { OPEN_MACHINE, CREATE, N_SIGNALS };

static guint signals[N_SIGNALS];

static gboolean
match_item (gpointer object, gpointer data)
{
  DioMachineItem *item = DIO_MACHINE_ITEM (object);
  DioLibraryWindow *self = data;
  g_autofree char *arch = NULL;

  if (!self->terms)
    return TRUE;
  g_object_get (item, "arch", &arch, NULL);
  g_autofree char *text =
      g_strjoin (" ", dio_machine_item_get_name (item), arch ? arch : "",
                 dio_words_state_inline (dio_machine_item_get_state (item)), NULL);
  g_autofree char *folded = g_utf8_casefold (text, -1);
  for (char **term = self->terms; *term; term++)
    if (!strstr (folded, *term))
      return FALSE;
  return TRUE;
}

static int
compare_items (gconstpointer a, gconstpointer b, gpointer data)
{
  gboolean active_a = dio_machine_item_is_active (DIO_MACHINE_ITEM ((gpointer) a));
  gboolean active_b = dio_machine_item_is_active (DIO_MACHINE_ITEM ((gpointer) b));

  return active_b - active_a;
}

static void
update_page (DioLibraryWindow *self)
{
  const char *page = "machines";

  if (!self->library || g_list_model_get_n_items (G_LIST_MODEL (self->library)) == 0)
    page = "empty";
  else if (g_list_model_get_n_items (G_LIST_MODEL (self->sorted)) == 0)
    page = "nothing-found";
  dio_showing_stack (self->stack, page);
  gtk_widget_set_sensitive (GTK_WIDGET (self->search_button), !g_str_equal (page, "empty"));
}

static void
search_changed_cb (DioLibraryWindow *self)
{
  g_autofree char *text =
      g_utf8_casefold (gtk_editable_get_text (GTK_EDITABLE (self->search_entry)), -1);

  g_clear_pointer (&self->terms, g_strfreev);
  if (*g_strstrip (text))
    self->terms = g_strsplit_set (text, " \t", -1);
  gtk_filter_changed (GTK_FILTER (self->filter), GTK_FILTER_CHANGE_DIFFERENT);
  update_page (self);
}

static void
item_changed_cb (DioLibraryWindow *self)
{
  gtk_sorter_changed (GTK_SORTER (self->sorter), GTK_SORTER_CHANGE_DIFFERENT);
  if (self->terms)
    gtk_filter_changed (GTK_FILTER (self->filter), GTK_FILTER_CHANGE_DIFFERENT);
  update_page (self);
}

/* Watches the state of every machine, whether the search shows it or not. */
static void
items_changed_cb (DioLibraryWindow *self)
{
  GListModel *model = G_LIST_MODEL (self->library);
  g_autoptr (GHashTable) present = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer known;

  for (guint i = 0; i < g_list_model_get_n_items (model); i++) {
    g_autoptr (DioMachineItem) item = g_list_model_get_item (model, i);
    g_hash_table_add (present, item);
    if (!g_hash_table_contains (self->watched, item)) {
      g_signal_connect_object (item, "notify::state", G_CALLBACK (item_changed_cb), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (item, "notify::name", G_CALLBACK (item_changed_cb), self,
                               G_CONNECT_SWAPPED);
      g_hash_table_add (self->watched, g_object_ref (item));
    }
  }
  g_hash_table_iter_init (&iter, self->watched);
  while (g_hash_table_iter_next (&iter, &known, NULL))
    if (!g_hash_table_contains (present, known)) {
      g_signal_handlers_disconnect_by_data (known, self);
      g_hash_table_iter_remove (&iter);
    }
  update_page (self);
}

/* Undo */

typedef struct {
  DioLibraryWindow *window;
  char *id;
} Undo;

static void
undo_free (gpointer data, GClosure *closure)
{
  Undo *undo = data;

  g_clear_weak_pointer (&undo->window);
  g_free (undo->id);
  g_free (undo);
}

static void
undo_cb (AdwToast *toast, Undo *undo)
{
  g_autoptr (GError) error = NULL;

  if (undo->window && !dio_library_restore (undo->window->library, undo->id, &error))
    dio_dialogs_error (GTK_WIDGET (undo->window), _ ("The machine could not be brought back"),
                       error);
}

void
dio_library_window_delete (DioLibraryWindow *self, DioMachineItem *item)
{
  g_return_if_fail (DIO_IS_LIBRARY_WINDOW (self));
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_strdup (dio_machine_item_get_name (item));
  Undo *undo = g_new0 (Undo, 1);

  g_set_weak_pointer (&undo->window, self);
  undo->id = g_strdup (dio_machine_item_get_id (item));
  if (!dio_library_trash (self->library, item, &error)) {
    g_autofree char *heading = g_strdup_printf (_ ("“%s” was not deleted"), name);
    dio_dialogs_error (GTK_WIDGET (self), heading, error);
    undo_free (undo, NULL);
    return;
  }
  g_autofree char *escaped = g_markup_escape_text (name, -1);
  g_autofree char *title = g_strdup_printf (_ ("“%s” deleted"), escaped);
  AdwToast *toast = adw_toast_new (title);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_timeout (toast, 10);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (undo_cb), undo, undo_free, 0);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

/* Cards */

static DioLibraryCard *
focused_card (DioLibraryWindow *self)
{
  GtkWidget *focus = gtk_root_get_focus (GTK_ROOT (self));
  GtkWidget *card = focus ? gtk_widget_get_ancestor (focus, DIO_TYPE_LIBRARY_CARD) : NULL;

  return card ? DIO_LIBRARY_CARD (card) : NULL;
}

static void
child_activated_cb (DioLibraryWindow *self, GtkFlowBoxChild *child)
{
  g_signal_emit (self, signals[OPEN_MACHINE], 0,
                 dio_library_card_get_item (DIO_LIBRARY_CARD (child)));
}

static void
open_cb (GSimpleAction *action, GVariant *parameter, gpointer card)
{
  GtkWidget *window = GTK_WIDGET (gtk_widget_get_root (card));

  child_activated_cb (DIO_LIBRARY_WINDOW (window), GTK_FLOW_BOX_CHILD (card));
}

static void
delete_cb (GSimpleAction *action, GVariant *parameter, gpointer card)
{
  GtkWidget *window = GTK_WIDGET (gtk_widget_get_root (card));

  dio_library_window_delete (DIO_LIBRARY_WINDOW (window), dio_library_card_get_item (card));
}

/* Only a machine that does not run can be deleted. */
static gboolean
state_to_deletable (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  DioItemState state = g_value_get_enum (from);

  g_value_set_boolean (to, state == DIO_ITEM_OFF || state == DIO_ITEM_BROKEN);
  return TRUE;
}

static GtkWidget *
create_card (gpointer object, gpointer data)
{
  static const GActionEntry entries[] = { { "open", open_cb }, { "delete", delete_cb } };
  DioMachineItem *item = DIO_MACHINE_ITEM (object);
  GtkWidget *card = dio_library_card_new (item);
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  g_action_map_add_action_entries (G_ACTION_MAP (group), entries, G_N_ELEMENTS (entries), card);
  g_object_bind_property_full (
      item, "state", g_action_map_lookup_action (G_ACTION_MAP (group), "delete"), "enabled",
      G_BINDING_SYNC_CREATE, state_to_deletable, NULL, NULL, NULL);
  gtk_widget_insert_action_group (card, "card", G_ACTION_GROUP (group));
  return card;
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller, guint keyval, guint keycode,
                GdkModifierType modifiers, DioLibraryWindow *self)
{
  DioLibraryCard *card = focused_card (self);
  GdkModifierType held = modifiers & gtk_accelerator_get_default_mod_mask ();
  const char *action = NULL;

  if (!card)
    return GDK_EVENT_PROPAGATE;
  if (keyval == GDK_KEY_Menu || (keyval == GDK_KEY_F10 && held == GDK_SHIFT_MASK)) {
    dio_library_card_popup_menu (card);
    return GDK_EVENT_STOP;
  }
  if (held == GDK_ALT_MASK && (keyval == GDK_KEY_Return || keyval == GDK_KEY_KP_Enter)) {
    gtk_widget_activate_action (GTK_WIDGET (card), "machine.settings", NULL);
    return GDK_EVENT_STOP;
  }
  if (held)
    return GDK_EVENT_PROPAGATE;
  switch (keyval) {
  case GDK_KEY_space:
  case GDK_KEY_KP_Space:
    action = "machine.toggle";
    break;
  case GDK_KEY_F2:
    action = "machine.rename";
    break;
  case GDK_KEY_Delete:
  case GDK_KEY_KP_Delete:
    action = "card.delete";
    break;
  default:
    return GDK_EVENT_PROPAGATE;
  }
  gtk_widget_activate_action (GTK_WIDGET (card), action, NULL);
  return GDK_EVENT_STOP;
}

static void
dropped_cb (GtkWidget *widget, const char *path)
{
  g_signal_emit (widget, signals[CREATE], 0, path);
}

static void
search_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  DioLibraryWindow *self = DIO_LIBRARY_WINDOW (widget);

  if (!gtk_widget_get_sensitive (GTK_WIDGET (self->search_button)))
    return;
  gtk_search_bar_set_search_mode (self->search_bar, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->search_entry));
}

static void
dio_library_window_unmap (GtkWidget *widget)
{
  DioLibraryWindow *self = DIO_LIBRARY_WINDOW (widget);
  int width, height;

  gtk_window_get_default_size (GTK_WINDOW (self), &width, &height);
  if (self->settings && width > 0 && height > 0)
    dio_settings_set_window (self->settings, "library", width, height,
                             gtk_window_is_maximized (GTK_WINDOW (self)));
  GTK_WIDGET_CLASS (dio_library_window_parent_class)->unmap (widget);
}

static void
dio_library_window_dispose (GObject *object)
{
  DioLibraryWindow *self = DIO_LIBRARY_WINDOW (object);

  if (self->library)
    g_signal_handlers_disconnect_by_data (self->library, self);
  if (self->flow_box)
    gtk_flow_box_bind_model (self->flow_box, NULL, NULL, NULL, NULL);
  g_clear_pointer (&self->watched, g_hash_table_unref);
  g_clear_object (&self->sorted);
  g_clear_object (&self->sorter);
  g_clear_object (&self->filter);
  g_clear_object (&self->library);
  g_clear_object (&self->settings);
  g_clear_pointer (&self->terms, g_strfreev);
  G_OBJECT_CLASS (dio_library_window_parent_class)->dispose (object);
}

void
dio_library_window_add_toast (DioLibraryWindow *self, AdwToast *toast)
{
  g_return_if_fail (DIO_IS_LIBRARY_WINDOW (self));
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
dio_library_window_class_init (DioLibraryWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_library_window_dispose;
  widget_class->unmap = dio_library_window_unmap;

  signals[OPEN_MACHINE] = g_signal_new ("open-machine", DIO_TYPE_LIBRARY_WINDOW, G_SIGNAL_RUN_LAST,
                                        0, NULL, NULL, NULL, G_TYPE_NONE, 1, DIO_TYPE_MACHINE_ITEM);
  signals[CREATE] = g_signal_new ("create", DIO_TYPE_LIBRARY_WINDOW, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/library-window.ui");
  gtk_widget_class_bind_template_child (widget_class, DioLibraryWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryWindow, search_bar);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryWindow, search_entry);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryWindow, search_button);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryWindow, flow_box);
  gtk_widget_class_bind_template_callback (widget_class, search_changed_cb);
  gtk_widget_class_bind_template_callback (widget_class, child_activated_cb);
  gtk_widget_class_install_action (widget_class, "win.search", NULL, search_action);
}

static void
dio_library_window_init (DioLibraryWindow *self)
{
  GtkEventController *keys = gtk_event_controller_key_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  self->watched = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);

  gtk_search_bar_connect_entry (self->search_bar, GTK_EDITABLE (self->search_entry));
  /* Before the flow box, which would take Space for itself. */
  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (key_pressed_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self->flow_box), keys);

  dio_form_accept_file (GTK_WIDGET (self), dropped_cb);
}

GtkWidget *
dio_library_window_new (AdwApplication *application, DioLibrary *library, DioSettings *settings)
{
  DioLibraryWindow *self = g_object_new (DIO_TYPE_LIBRARY_WINDOW, "application", application, NULL);
  int width, height;
  gboolean maximized;

  self->library = g_object_ref (library);
  self->settings = g_object_ref (settings);
  self->filter = gtk_custom_filter_new (match_item, self, NULL);
  self->sorter = gtk_custom_sorter_new (compare_items, self, NULL);
  GtkFilterListModel *filtered = gtk_filter_list_model_new (
      g_object_ref (G_LIST_MODEL (library)), g_object_ref (GTK_FILTER (self->filter)));
  self->sorted =
      gtk_sort_list_model_new (G_LIST_MODEL (filtered), g_object_ref (GTK_SORTER (self->sorter)));
  gtk_flow_box_bind_model (self->flow_box, G_LIST_MODEL (self->sorted), create_card, self, NULL);
  g_signal_connect_object (library, "items-changed", G_CALLBACK (items_changed_cb), self,
                           G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  items_changed_cb (self);

  if (dio_settings_get_window (settings, "library", &width, &height, &maximized)) {
    gtk_window_set_default_size (GTK_WINDOW (self), width, height);
    if (maximized)
      gtk_window_maximize (GTK_WINDOW (self));
  }
  return GTK_WIDGET (self);
}
