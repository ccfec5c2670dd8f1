/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine in the library. */
#include "config.h"

#include "ui/library/library-card.h"

#include <glib/gi18n.h>

#include "app/model/model-snapshots.h"
#include "ui/widgets/machine-actions.h"
#include "ui/widgets/showing.h"
#include "ui/widgets/words.h"

struct _DioLibraryCard {
  GtkFlowBoxChild parent_instance;

  DioMachineItem *item;
  GtkWidget *popover;

  GtkStack *picture_stack;
  GtkPicture *picture;
  GtkButton *toggle_button;
  GtkLabel *name_label;
  GtkWidget *dot;
  GtkLabel *line_label;
  GMenuModel *card_menu;
};

G_DEFINE_FINAL_TYPE (DioLibraryCard, dio_library_card, GTK_TYPE_FLOW_BOX_CHILD)

DioMachineItem *
dio_library_card_get_item (DioLibraryCard *self)
{
  g_return_val_if_fail (DIO_IS_LIBRARY_CARD (self), NULL);
  return self->item;
}

static void
update_thumbnail (DioLibraryCard *self)
{
  int width, height;
  GBytes *pixels = dio_machine_item_get_thumbnail (self->item, &width, &height);
  g_autoptr (GdkTexture) texture = pixels ? dio_words_texture (pixels, width, height) : NULL;

  gtk_picture_set_paintable (self->picture, GDK_PAINTABLE (texture));
  dio_showing_stack (self->picture_stack, texture ? "picture" : "none");
}

static void
update_state (DioLibraryCard *self)
{
  static const char *const classes[] = { "running", "paused", "busy", "broken", "off" };
  DioItemState state = dio_machine_item_get_state (self->item);
  const char *name = dio_machine_item_get_name (self->item);
  g_autofree char *arch = NULL;
  g_autofree char *line = NULL;
  g_autofree char *disposable = NULL;
  g_autofree char *label = NULL;
  const char *class = dio_words_state_class (state);
  const char *word = dio_words_state_inline (state);

  if (state == DIO_ITEM_OFF && dio_machine_item_is_suspended (self->item))
    /* Translators: state of a machine, within a line like “RISC-V · suspended”. */
    word = _ ("suspended");
  else if (dio_machine_item_is_active (self->item) && dio_machine_item_is_disposable (self->item)) {
    /* Translators: state of a machine that keeps no changes, within a line, as in “RISC-V ·
     * running, disposable”. */
    disposable = g_strdup_printf (_ ("%s, disposable"), word);
    word = disposable;
  }
  g_object_get (self->item, "arch", &arch, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_str_equal (class, classes[i]))
      gtk_widget_add_css_class (GTK_WIDGET (self), classes[i]);
    else
      gtk_widget_remove_css_class (GTK_WIDGET (self), classes[i]);

  if (arch && *arch)
    /* Translators: architecture and state of a machine, as in “RISC-V · running”. */
    line = g_strdup_printf (_ ("%s · %s"), arch, word);
  else
    line = g_strdup (word);
  gtk_label_set_label (self->name_label, name);
  gtk_label_set_label (self->line_label, line);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->name_label), name);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->line_label),
                               dio_machine_item_get_error (self->item));

  /* Translators: a machine for a screen reader: name, then architecture and state. */
  label = g_strdup_printf (_ ("%s, %s"), name, line);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);

  gboolean running = state == DIO_ITEM_RUNNING;
  const char *verb = running ? _ ("Pause") : state == DIO_ITEM_PAUSED ? _ ("Resume") : _ ("Start");
  gtk_button_set_icon_name (self->toggle_button, running ? "media-playback-pause-symbolic"
                                                         : "media-playback-start-symbolic");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->toggle_button), verb);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->toggle_button),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, verb, -1);
  gtk_widget_set_visible (GTK_WIDGET (self->toggle_button),
                          state == DIO_ITEM_OFF || running || state == DIO_ITEM_PAUSED);
}

static void
popup (DioLibraryCard *self, double x, double y)
{
  if (!self->popover) {
    self->popover = gtk_popover_menu_new_from_model (self->card_menu);
    gtk_popover_set_has_arrow (GTK_POPOVER (self->popover), FALSE);
    gtk_widget_set_halign (self->popover, GTK_ALIGN_START);
    gtk_widget_set_parent (self->popover, GTK_WIDGET (self));
  }
  gtk_popover_set_pointing_to (GTK_POPOVER (self->popover), &(GdkRectangle){ x, y, 1, 1 });
  gtk_popover_popup (GTK_POPOVER (self->popover));
}

void
dio_library_card_popup_menu (DioLibraryCard *self)
{
  g_return_if_fail (DIO_IS_LIBRARY_CARD (self));
  popup (self, gtk_widget_get_width (GTK_WIDGET (self)) / 2.0,
         gtk_widget_get_height (GTK_WIDGET (self)) / 2.0);
}

static void
pressed_cb (GtkGestureClick *gesture, int count, double x, double y, DioLibraryCard *self)
{
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  gtk_widget_grab_focus (GTK_WIDGET (self));
  popup (self, x, y);
}

static void
dio_library_card_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  DioLibraryCard *self = DIO_LIBRARY_CARD (widget);

  GTK_WIDGET_CLASS (dio_library_card_parent_class)->size_allocate (widget, width, height, baseline);
  if (self->popover)
    gtk_popover_present (GTK_POPOVER (self->popover));
}

static void
dio_library_card_dispose (GObject *object)
{
  DioLibraryCard *self = DIO_LIBRARY_CARD (object);

  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_pointer (&self->popover, gtk_widget_unparent);
  g_clear_object (&self->item);
  G_OBJECT_CLASS (dio_library_card_parent_class)->dispose (object);
}

static void
dio_library_card_class_init (DioLibraryCardClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_library_card_dispose;
  widget_class->size_allocate = dio_library_card_size_allocate;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/library-card.ui");
  gtk_widget_class_bind_template_child (widget_class, DioLibraryCard, picture_stack);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryCard, picture);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryCard, toggle_button);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryCard, name_label);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryCard, dot);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryCard, line_label);
  gtk_widget_class_bind_template_child (widget_class, DioLibraryCard, card_menu);
}

static void
dio_library_card_init (DioLibraryCard *self)
{
  GtkGesture *click = gtk_gesture_click_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), GDK_BUTTON_SECONDARY);
  g_signal_connect (click, "pressed", G_CALLBACK (pressed_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
}

GtkWidget *
dio_library_card_new (DioMachineItem *item)
{
  DioLibraryCard *self = g_object_new (DIO_TYPE_LIBRARY_CARD, NULL);

  self->item = g_object_ref (item);
  dio_machine_actions_attach (GTK_WIDGET (self), item);
  g_signal_connect_swapped (item, "notify", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (item, "snapshots-changed", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (item, "thumbnail-changed", G_CALLBACK (update_thumbnail), self);
  update_state (self);
  update_thumbnail (self);
  return GTK_WIDGET (self);
}
