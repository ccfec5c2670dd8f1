/* SPDX-License-Identifier: GPL-3.0-or-later
 * The window of one machine: its screen and the commands around it.
 *
 * While the machine is active the stack shows the console, otherwise the last picture with what can
 * be done. The keyboard button mirrors whether keys go to the guest; the chord that lets them go
 * moves the focus to it (in fullscreen to the bar), from where the keyboard alone reaches all. */
#include "config.h"

#include "ui/window/machine-window-private.h"

#include <glib/gi18n.h>

#include "ui/snapshots/snapshot-actions.h"
#include "ui/widgets/dialogs.h"
#include "ui/widgets/machine-actions.h"
#include "ui/widgets/showing.h"
#include "ui/widgets/words.h"

#define PILL_SECONDS 4
#define BAR_SECONDS 2
#define EDGE_PIXELS 3

G_DEFINE_FINAL_TYPE (DioMachineWindow, dio_machine_window, ADW_TYPE_APPLICATION_WINDOW)

enum { DELETE, N_SIGNALS };

static guint signals[N_SIGNALS];

DioMachineItem *
dio_machine_window_get_item (DioMachineWindow *self)
{
  g_return_val_if_fail (DIO_IS_MACHINE_WINDOW (self), NULL);
  return self->item;
}

void
dio_machine_window_emit_delete (DioMachineWindow *self)
{
  g_signal_emit (self, signals[DELETE], 0);
}

static gboolean
hide_pill_cb (gpointer data)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (data);

  self->pill_timeout = 0;
  dio_showing_reveal (self->pill_revealer, FALSE);
  return G_SOURCE_REMOVE;
}

void
dio_machine_window_show_pill (DioMachineWindow *self, const char *text)
{
  gtk_label_set_label (self->pill_label, text);
  dio_showing_reveal (self->pill_revealer, TRUE);
  g_clear_handle_id (&self->pill_timeout, g_source_remove);
  self->pill_timeout = g_timeout_add_seconds (PILL_SECONDS, hide_pill_cb, self);
}

static void
hide_pill (DioMachineWindow *self)
{
  g_clear_handle_id (&self->pill_timeout, g_source_remove);
  hide_pill_cb (self);
}

/* State */

static void
update_thumbnail (DioMachineWindow *self)
{
  int width, height;
  GBytes *pixels = dio_machine_item_get_thumbnail (self->item, &width, &height);
  g_autoptr (GdkTexture) texture = NULL;

  /* Not seen while the console is. */
  if (pixels && !dio_machine_item_is_active (self->item))
    texture = dio_words_texture (pixels, width, height);
  gtk_picture_set_paintable (self->last_picture, GDK_PAINTABLE (texture));
  dio_machine_window_update_actions (self);
}

static void
update_error (DioMachineWindow *self)
{
  const char *error = dio_machine_item_get_error (self->item);
  gboolean broken = dio_machine_item_get_state (self->item) == DIO_ITEM_BROKEN;

  if (!error)
    g_clear_pointer (&self->dismissed_error, g_free);
  if (error)
    gtk_label_set_label (self->error_label, error);
  /* What cannot be used shows nothing but the reason. */
  gtk_widget_set_visible (GTK_WIDGET (self->error_close_button), !broken);
  gtk_widget_set_visible (GTK_WIDGET (self->error_bar),
                          error && (broken || g_strcmp0 (error, self->dismissed_error) != 0));
}

static void
error_closed_cb (DioMachineWindow *self)
{
  g_free (self->dismissed_error);
  self->dismissed_error = g_strdup (dio_machine_item_get_error (self->item));
  update_error (self);
}

static void
update_toggle (GtkButton *button, DioItemState state)
{
  gboolean running = state == DIO_ITEM_RUNNING;
  const char *verb = running ? _ ("Pause") : state == DIO_ITEM_PAUSED ? _ ("Resume") : _ ("Start");

  gtk_button_set_icon_name (button, running ? "media-playback-pause-symbolic"
                                            : "media-playback-start-symbolic");
  gtk_widget_set_tooltip_text (GTK_WIDGET (button), verb);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, verb, -1);
}

static const char *
describe_off (DioItemState state, gboolean has_system)
{
  switch (state) {
  case DIO_ITEM_ELSEWHERE:
    return _ (
        "Another program runs this machine, and its screen is there. When it is off, it can be "
        "started here.");
  case DIO_ITEM_BROKEN:
    return _ ("Its settings cannot be read. Mend the file that is named above, or delete the "
              "machine; nothing of it was changed.");
  case DIO_ITEM_OFF:
    return has_system ? NULL : _ ("There is no system in it yet. Choose one in its settings.");
  default:
    return NULL;
  }
}

static void
suggest (GtkButton *button, gboolean suggested)
{
  if (suggested)
    gtk_widget_add_css_class (GTK_WIDGET (button), "suggested-action");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (button), "suggested-action");
}

static void
update_off_page (DioMachineWindow *self, DioItemState state)
{
  gboolean busy = state == DIO_ITEM_STARTING || state == DIO_ITEM_STOPPING;
  gboolean has_system;

  g_object_get (self->item, "has-system", &has_system, NULL);
  adw_status_page_set_title (self->off_page, dio_words_state (state));
  adw_status_page_set_description (self->off_page, describe_off (state, has_system));
  gtk_widget_set_visible (GTK_WIDGET (self->start_button), state == DIO_ITEM_OFF);
  gtk_widget_set_visible (GTK_WIDGET (self->settings_button),
                          state == DIO_ITEM_OFF && !dio_machine_item_is_ephemeral (self->item)
                              && (!has_system || dio_machine_item_get_error (self->item)));
  suggest (self->start_button, has_system || dio_machine_item_is_ephemeral (self->item));
  suggest (self->settings_button, !has_system);
  gtk_widget_set_visible (GTK_WIDGET (self->power_button), state == DIO_ITEM_ELSEWHERE);
  gtk_widget_set_visible (GTK_WIDGET (self->folder_button), state == DIO_ITEM_BROKEN);
  gtk_widget_set_visible (GTK_WIDGET (self->delete_button), state == DIO_ITEM_BROKEN);
  gtk_widget_set_visible (GTK_WIDGET (self->spinner), busy);
  gtk_spinner_set_spinning (self->spinner, busy);
}

static void
error_changed_cb (DioMachineWindow *self)
{
  update_error (self);
  update_off_page (self, dio_machine_item_get_state (self->item));
}

static gboolean
is_disposable (DioMachineWindow *self)
{
  return dio_machine_item_is_active (self->item) && dio_machine_item_is_disposable (self->item);
}

/* A run that leaves nothing behind says so, in fullscreen beside the name. The tag and what is
 * behind the title fold in narrow windows, so the subtitle is short: GTK gives the title its room
 * before them. */
static void
update_disposable (DioMachineWindow *self, DioItemState state)
{
  const char *name = dio_machine_item_get_name (self->item);
  const char *word = dio_words_state (state);
  gboolean disposable = is_disposable (self);
  /* Translators: state of a machine and what that means, as in “Running · Changes are not kept”. */
  g_autofree char *line = g_strdup_printf (_ ("%s · %s"), word, _ ("Changes are not kept"));
  g_autofree char *tagged = g_strdup_printf (_ ("%s · %s"), name, _ ("Disposable"));

  gtk_widget_set_visible (GTK_WIDGET (self->disposable_tag), disposable);
  adw_window_title_set_subtitle (self->window_title, disposable ? line : word);
  gtk_label_set_label (self->bar_label, disposable ? tagged : name);
}

static void
update_name (DioMachineWindow *self)
{
  const char *name = dio_machine_item_get_name (self->item);
  g_autofree char *screen = g_strdup_printf (_ ("Screen of %s"), name);

  adw_window_title_set_title (self->window_title, name);
  update_disposable (self, dio_machine_item_get_state (self->item));
  gtk_window_set_title (GTK_WINDOW (self), name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->console), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  screen, -1);
}

static void
update_state (DioMachineWindow *self)
{
  DioItemState state = dio_machine_item_get_state (self->item);
  DioScanout *scanout = dio_machine_item_get_scanout (self->item);
  gboolean shown =
      scanout
      && (state == DIO_ITEM_RUNNING || state == DIO_ITEM_PAUSED || state == DIO_ITEM_STOPPING);
  gboolean was_shown = g_str_equal (gtk_stack_get_visible_child_name (self->stack), "console");

  dio_console_view_set_machine (self->console, scanout, dio_machine_item_get_input (self->item));
  update_off_page (self, state);
  update_toggle (self->toggle_button, state);
  update_toggle (self->bar_toggle_button, state);
  gtk_widget_set_sensitive (GTK_WIDGET (self->keyboard_button), shown);
  update_disposable (self, state);
  dio_showing_reveal (self->paused_revealer, state == DIO_ITEM_PAUSED);
  dio_showing_stack (self->stack, shown ? "console" : "off");
  if (shown && !was_shown)
    gtk_widget_grab_focus (GTK_WIDGET (self->console));
  if (!shown && was_shown) {
    hide_pill (self);
    if (gtk_window_is_fullscreen (GTK_WINDOW (self)))
      gtk_window_unfullscreen (GTK_WINDOW (self));
    gtk_widget_grab_focus (state == DIO_ITEM_OFF ? GTK_WIDGET (self->start_button)
                                                 : GTK_WIDGET (self->menu_button));
  }
  update_thumbnail (self);
  update_error (self);
}

/* Keyboard */

static void
captured_cb (DioMachineWindow *self)
{
  gboolean captured = dio_console_view_get_captured (self->console);
  gboolean capture;

  gtk_toggle_button_set_active (self->keyboard_button, captured);
  g_object_get (self->settings, "capture", &capture, NULL);
  if (captured && capture)
    dio_machine_window_show_pill (self, _ ("Keyboard captured — Ctrl+Alt lets go"));
  else if (captured)
    dio_machine_window_show_pill (self, _ ("Keys go to the machine — Ctrl+Alt lets go"));
  else
    hide_pill (self);
}

static void
show_bar (DioMachineWindow *self, gboolean shown)
{
  g_clear_handle_id (&self->bar_timeout, g_source_remove);
  dio_showing_reveal (self->bar_revealer, shown && self->fullscreen);
}

static void
released_cb (DioMachineWindow *self)
{
  if (self->fullscreen) {
    show_bar (self, TRUE);
    gtk_widget_grab_focus (GTK_WIDGET (self->bar_menu_button));
  } else {
    gtk_widget_grab_focus (GTK_WIDGET (self->keyboard_button));
  }
}

static void
keyboard_toggled_cb (DioMachineWindow *self)
{
  gboolean wanted = gtk_toggle_button_get_active (self->keyboard_button);

  if (wanted == dio_console_view_get_captured (self->console))
    return;
  if (wanted)
    gtk_widget_grab_focus (GTK_WIDGET (self->console));
  else
    gtk_widget_grab_focus (GTK_WIDGET (self->keyboard_button));
}

/* Fullscreen */

static gboolean
hide_bar_cb (gpointer data)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (data);
  GtkWidget *focus = gtk_root_get_focus (GTK_ROOT (self));
  gboolean in_bar = focus && gtk_widget_is_ancestor (focus, GTK_WIDGET (self->bar));
  GtkPopover *menu = gtk_menu_button_get_popover (self->bar_menu_button);

  /* An open menu or the keyboard's focus keeps it. */
  if (in_bar || (menu && gtk_widget_get_visible (GTK_WIDGET (menu))))
    return G_SOURCE_CONTINUE;
  self->bar_timeout = 0;
  show_bar (self, FALSE);
  return G_SOURCE_REMOVE;
}

static void
overlay_motion_cb (GtkEventControllerMotion *controller, double x, double y, DioMachineWindow *self)
{
  if (!self->fullscreen)
    return;
  if (y <= EDGE_PIXELS)
    show_bar (self, TRUE);
  else if (gtk_revealer_get_reveal_child (self->bar_revealer) && !self->bar_timeout
           && y > gtk_widget_get_height (GTK_WIDGET (self->bar)) + 12)
    self->bar_timeout = g_timeout_add_seconds (BAR_SECONDS, hide_bar_cb, self);
}

static void
fullscreened_cb (DioMachineWindow *self)
{
  self->fullscreen = gtk_window_is_fullscreen (GTK_WINDOW (self));
  gtk_widget_set_visible (GTK_WIDGET (self->header_bar), !self->fullscreen);
  show_bar (self, FALSE);
  if (self->fullscreen) {
    gboolean f11;
    g_object_get (self->settings, "reserve-f11", &f11, NULL);
    dio_machine_window_show_pill (
        self, f11 ? _ ("Press F11 or touch the top edge to leave fullscreen")
                  : _ ("Press Ctrl+Alt or touch the top edge to leave fullscreen"));
  }
  if (gtk_widget_is_visible (GTK_WIDGET (self->console)))
    gtk_widget_grab_focus (GTK_WIDGET (self->console));
}

static void
scaling_cb (DioMachineWindow *self)
{
  gboolean fit = dio_console_view_get_scaling (self->console) == DIO_CONSOLE_SCALING_FIT;
  GtkPolicyType policy = fit ? GTK_POLICY_NEVER : GTK_POLICY_AUTOMATIC;

  gtk_scrolled_window_set_policy (self->scroller, policy, policy);
}

/* Closing */

static void
close_response_cb (AdwMessageDialog *dialog, const char *response, DioMachineWindow *self)
{
  if (g_str_equal (response, "cancel"))
    return;
  if (g_str_equal (response, "shut-down")) {
    /* The window stays until the machine is off, and goes by itself if it was the last thing. */
    gtk_widget_activate_action (GTK_WIDGET (self), "machine.power-button", NULL);
    return;
  }
  if (g_str_equal (response, "off"))
    dio_machine_item_force_off_async (self->item, NULL, NULL, NULL);
  if (g_str_equal (response, "suspend")) {
    /* The window stays until the state is kept, as that may fail. */
    gtk_widget_activate_action (GTK_WIDGET (self), "snapshot.suspend", NULL);
    return;
  }
  self->close_confirmed = TRUE;
  /* GTK 4.8 lets the dialog, which goes later, reach for a parent that is gone. */
  gtk_window_set_transient_for (GTK_WINDOW (dialog), NULL);
  gtk_window_close (GTK_WINDOW (self));
}

static gboolean
dio_machine_window_close_request (GtkWindow *window)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (window);
  gboolean kept = !dio_machine_item_is_ephemeral (self->item);
  DioCloseAction action;

  g_object_get (self->settings, "close-action", &action, NULL);
  if (!dio_machine_item_is_active (self->item) || self->close_confirmed
      || (kept && action == DIO_CLOSE_KEEP_RUNNING))
    return GTK_WINDOW_CLASS (dio_machine_window_parent_class)->close_request (window);

  g_autofree char *heading =
      g_strdup_printf (_ ("“%s” Is Running"), dio_machine_item_get_name (self->item));
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (
      window, heading,
      kept ? _ ("It can go on without a window; the library shows it. Forcing it off loses work "
                "that is not saved in it.")
           : _ ("Shutting down presses its power button. Forcing it off loses work that is not "
                "saved in it.")));
  const char *last = kept ? "keep" : "shut-down";
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "off", _ ("_Force Off"), NULL);
  if (kept)
    adw_message_dialog_add_response (dialog, "suspend", _ ("S_uspend"));
  adw_message_dialog_add_response (dialog, last, kept ? _ ("_Keep Running") : _ ("_Shut Down"));
  adw_message_dialog_set_response_appearance (dialog, "off", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_response_appearance (dialog, last, ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (dialog, last);
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_object (dialog, "response", G_CALLBACK (close_response_cb), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  return GDK_EVENT_STOP;
}

static void
dio_machine_window_unmap (GtkWidget *widget)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (widget);
  int width, height;

  gtk_window_get_default_size (GTK_WINDOW (self), &width, &height);
  if (self->item && width > 0 && height > 0 && !self->fullscreen)
    dio_settings_set_window (self->settings, dio_machine_item_get_id (self->item), width, height,
                             gtk_window_is_maximized (GTK_WINDOW (self)));
  GTK_WIDGET_CLASS (dio_machine_window_parent_class)->unmap (widget);
}

static void
dio_machine_window_dispose (GObject *object)
{
  DioMachineWindow *self = DIO_MACHINE_WINDOW (object);

  g_clear_handle_id (&self->pill_timeout, g_source_remove);
  g_clear_handle_id (&self->bar_timeout, g_source_remove);
  if (self->console)
    dio_console_view_set_machine (self->console, NULL, NULL);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  g_clear_object (&self->settings);
  g_clear_pointer (&self->dismissed_error, g_free);
  G_OBJECT_CLASS (dio_machine_window_parent_class)->dispose (object);
}

static void
dio_machine_window_class_init (DioMachineWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_machine_window_dispose;
  widget_class->unmap = dio_machine_window_unmap;
  GTK_WINDOW_CLASS (klass)->close_request = dio_machine_window_close_request;

  signals[DELETE] = g_signal_new ("delete", DIO_TYPE_MACHINE_WINDOW, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 0);

  g_type_ensure (DIO_TYPE_CONSOLE_VIEW);
  g_type_ensure (DIO_TYPE_SNAPSHOT_PROGRESS);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/machine-window.ui");
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, header_bar);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, window_title);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, toggle_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, keyboard_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, disposable_tag);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, menu_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, snapshots_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, error_bar);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, error_label);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, error_close_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, overlay);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, last_picture);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, off_page);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, start_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, settings_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, power_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, folder_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, delete_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, spinner);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, scroller);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, console);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, paused_revealer);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, snapshot_progress);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, pill_revealer);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, pill_label);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, bar_revealer);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, bar);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, bar_toggle_button);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, bar_label);
  gtk_widget_class_bind_template_child (widget_class, DioMachineWindow, bar_menu_button);
  gtk_widget_class_bind_template_callback (widget_class, keyboard_toggled_cb);
  gtk_widget_class_bind_template_callback (widget_class, error_closed_cb);
  dio_machine_window_install_actions (widget_class);
}

static void
dio_machine_window_init (DioMachineWindow *self)
{
  GtkEventController *motion = gtk_event_controller_motion_new ();

  gtk_widget_init_template (GTK_WIDGET (self));

  gtk_event_controller_set_propagation_phase (motion, GTK_PHASE_CAPTURE);
  g_signal_connect (motion, "motion", G_CALLBACK (overlay_motion_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self->overlay), motion);

  g_signal_connect_swapped (self->console, "notify::captured", G_CALLBACK (captured_cb), self);
  g_signal_connect_swapped (self->console, "notify::scaling", G_CALLBACK (scaling_cb), self);
  g_signal_connect_swapped (self->console, "released", G_CALLBACK (released_cb), self);
  g_signal_connect (self, "notify::fullscreened", G_CALLBACK (fullscreened_cb), NULL);
}

/* A first size that shows the guest's default mode 1:1 where the monitor has room. */
static void
set_first_size (DioMachineWindow *self)
{
  const DioMachineConfig *config = dio_machine_item_get_config (self->item);
  GdkDisplay *display = gtk_widget_get_display (GTK_WIDGET (self));
  GListModel *monitors = gdk_display_get_monitors (display);
  g_autoptr (GdkMonitor) monitor = g_list_model_get_item (monitors, 0);
  int width = config && config->width ? (int) MIN (config->width, 8192) : 1280;
  int height = config && config->height ? (int) MIN (config->height, 8192) : 800;
  GdkRectangle area = { 0, 0, 1280, 800 };

  if (monitor) {
    gdk_monitor_get_geometry (monitor, &area);
    width /= gdk_monitor_get_scale_factor (monitor);
    height /= gdk_monitor_get_scale_factor (monitor);
  }
  width = MIN (width, area.width * 9 / 10);
  height = MIN (height + 47, area.height * 9 / 10);
  gtk_window_set_default_size (GTK_WINDOW (self), MAX (width, 360), MAX (height, 294));
}

GtkWidget *
dio_machine_window_new (AdwApplication *application, DioMachineItem *item, DioSettings *settings)
{
  DioMachineWindow *self = g_object_new (DIO_TYPE_MACHINE_WINDOW, "application", application, NULL);
  DioConsoleScaling scaling;
  gboolean follow, maximized;
  int width, height;

  self->item = g_object_ref (item);
  self->settings = g_object_ref (settings);
  g_object_get (settings, "scaling", &scaling, "follow-window", &follow, NULL);
  g_object_set (self->console, "scaling", scaling, "follow-window", follow, NULL);
  g_object_bind_property (settings, "capture", self->console, "capture", G_BINDING_SYNC_CREATE);
  g_object_bind_property (settings, "reserve-f11", self->console, "reserve-f11",
                          G_BINDING_SYNC_CREATE);
  dio_machine_actions_attach (GTK_WIDGET (self), item);
  dio_snapshot_actions_attach (GTK_WIDGET (self), item, self->toasts);
  gtk_widget_set_visible (GTK_WIDGET (self->snapshots_button),
                          !dio_machine_item_is_ephemeral (item));
  dio_snapshot_progress_set_item (self->snapshot_progress, item, FALSE);
  dio_machine_window_add_actions (self);

  g_signal_connect_swapped (item, "notify::state", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (item, "notify::has-system", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (item, "notify::name", G_CALLBACK (update_name), self);
  g_signal_connect_swapped (item, "notify::error", G_CALLBACK (error_changed_cb), self);
  g_signal_connect_swapped (item, "thumbnail-changed", G_CALLBACK (update_thumbnail), self);
  update_name (self);
  update_state (self);

  set_first_size (self);
  if (dio_settings_get_window (settings, dio_machine_item_get_id (item), &width, &height,
                               &maximized)) {
    gtk_window_set_default_size (GTK_WINDOW (self), width, height);
    if (maximized)
      gtk_window_maximize (GTK_WINDOW (self));
  }
  return GTK_WIDGET (self);
}
