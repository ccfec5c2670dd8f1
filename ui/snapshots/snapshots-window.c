/* SPDX-License-Identifier: GPL-3.0-or-later
 * The tree of a machine's snapshots: lanes, pictures, dates, sizes, and what can be done with each.
 */
#include "config.h"

#include "ui/snapshots/snapshots-window.h"

#include <glib/gi18n.h>

#include "ui/snapshots/snapshot-actions.h"
#include "ui/snapshots/snapshot-lanes.h"
#include "ui/snapshots/snapshot-progress.h"

#define PICTURE_WIDTH 96
#define EMBLEM_SIZE 32
#define PICTURE_HEIGHT 60
#define MAX_PICTURE 2048
#define WORDS_WIDTH 104 /* at least, in narrow windows */
#define WORDS_MARGIN 9
#define MAX_LINES 5 /* of details; a note may be as long as a letter, and one word */

struct _DioSnapshotsWindow {
  AdwWindow parent_instance;

  DioMachineItem *item;

  AdwToastOverlay *toasts;
  AdwWindowTitle *title;
  GtkStack *stack;
  GtkListBox *list;
  DioSnapshotProgress *progress;
};

G_DEFINE_FINAL_TYPE (DioSnapshotsWindow, dio_snapshots_window, ADW_TYPE_WINDOW)

/* ---- Rows ---- */

/* A bundle may come from anywhere: only a PNG file of sane size is decoded. */
static GdkTexture *
decode (GBytes *png)
{
  gsize length;
  const guint8 *head = g_bytes_get_data (png, &length);
  if (length < 24 || memcmp (head, "\x89PNG\r\n\x1a\n", 8) != 0)
    return NULL;
  guint32 width = (guint32) head[16] << 24 | head[17] << 16 | head[18] << 8 | head[19];
  guint32 height = (guint32) head[20] << 24 | head[21] << 16 | head[22] << 8 | head[23];
  if (width < 1 || width > MAX_PICTURE || height < 1 || height > MAX_PICTURE)
    return NULL;
  return gdk_texture_new_from_bytes (png, NULL);
}

/* The screen of then, or NULL where a snapshot has none, as that of a machine that was off. */
static GtkWidget *
new_screen (DioSnapshots *tree, const DioSnapshotInfo *info)
{
  g_autoptr (GBytes) png = dio_snapshots_get_thumbnail (tree, info->id);
  g_autoptr (GdkTexture) texture = png ? decode (png) : NULL;
  g_autofree char *words = g_strdup_printf (_ ("Screen of “%s”"), info->name);
  if (!texture)
    return NULL;
  GtkWidget *picture = gtk_picture_new_for_paintable (GDK_PAINTABLE (texture));
  gtk_picture_set_alternative_text (GTK_PICTURE (picture), words);
  return picture;
}

static GtkWidget *
new_picture (DioSnapshots *tree, const DioSnapshotInfo *info)
{
  GtkWidget *frame = gtk_overlay_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  GtkWidget *picture = new_screen (tree, info);

  gtk_widget_add_css_class (frame, picture ? "snapshot-picture" : "snapshot-emblem");
  if (!picture) {
    picture = gtk_image_new_from_icon_name ("computer-symbolic");
    gtk_image_set_pixel_size (GTK_IMAGE (picture), EMBLEM_SIZE);
  }
  /* It lies over an empty box, so that it is as large as that and not as its own pixels. */
  gtk_widget_set_size_request (box, PICTURE_WIDTH, PICTURE_HEIGHT);
  gtk_overlay_set_child (GTK_OVERLAY (frame), box);
  gtk_overlay_add_overlay (GTK_OVERLAY (frame), picture);
  gtk_widget_set_valign (frame, GTK_ALIGN_CENTER);
  gtk_widget_set_margin_top (frame, 9);
  gtk_widget_set_margin_bottom (frame, 9);
  gtk_widget_set_overflow (frame, GTK_OVERFLOW_HIDDEN);
  return frame;
}

/* Pictures make way for words where there is no room for both. */
static GtkWidget *
new_picture_if_room (DioSnapshots *tree, const DioSnapshotInfo *info)
{
  GtkWidget *squeezer = adw_squeezer_new ();
  adw_squeezer_set_homogeneous (ADW_SQUEEZER (squeezer), FALSE);
  adw_squeezer_set_allow_none (ADW_SQUEEZER (squeezer), TRUE);
  adw_squeezer_add (ADW_SQUEEZER (squeezer), new_picture (tree, info));
  return squeezer;
}

/* In narrow windows it breaks between the time and the size, as long as the date is short. */
static char *
details_of (const DioSnapshotInfo *info)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_local (info->time_s);
  g_autofree char *when = date ? g_date_time_format (date, "%x %R") : g_strdup ("");
  g_autofree char *size = g_format_size_full (info->stored, G_FORMAT_SIZE_IEC_UNITS);
  /* Translators: of a snapshot: date and time, then its size on the disk. The first of the two
   * spaces does not break. */
  g_autofree char *line = g_strdup_printf (_ ("%s\u00a0· %s"), when, size);
  return info->note ? g_strdup_printf ("%s\n%s", line, info->note) : g_steal_pointer (&line);
}

static GtkWidget *
new_words (const char *name, const char *details)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *title = gtk_label_new (name);
  gtk_label_set_xalign (GTK_LABEL (title), 0);
  gtk_label_set_ellipsize (GTK_LABEL (title), PANGO_ELLIPSIZE_END);
  gtk_box_append (GTK_BOX (box), title);
  if (details) {
    GtkWidget *label = gtk_label_new (details);
    g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();
    pango_attr_list_insert (attributes, pango_attr_insert_hyphens_new (FALSE));
    gtk_label_set_xalign (GTK_LABEL (label), 0);
    gtk_label_set_wrap (GTK_LABEL (label), TRUE);
    gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_attributes (GTK_LABEL (label), attributes);
    gtk_label_set_lines (GTK_LABEL (label), MAX_LINES);
    gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
    gtk_widget_add_css_class (label, "dim-label");
    gtk_widget_add_css_class (label, "caption");
    gtk_box_append (GTK_BOX (box), label);
  }
  gtk_widget_set_size_request (box, WORDS_WIDTH, -1);
  gtk_widget_set_margin_top (box, WORDS_MARGIN);
  gtk_widget_set_margin_bottom (box, WORDS_MARGIN);
  gtk_widget_set_valign (box, GTK_ALIGN_CENTER);
  gtk_widget_set_hexpand (box, TRUE);
  return box;
}

static void
append_item (GMenu *menu, const char *label, const char *action, const char *id)
{
  g_autoptr (GMenuItem) item = g_menu_item_new (label, NULL);
  g_menu_item_set_action_and_target (item, action, "s", id);
  g_menu_append_item (menu, item);
}

static GtkWidget *
new_menu_button (const DioSnapshotInfo *info)
{
  g_autoptr (GMenu) menu = g_menu_new ();
  g_autofree char *label = g_strdup_printf (_ ("Menu of “%s”"), info->name);
  GtkWidget *button = gtk_menu_button_new ();

  append_item (menu, _ ("_New Machine from Here…"), "snapshot.clone", info->id);
  append_item (menu, _ ("_Rename…"), "snapshot.rename", info->id);
  append_item (menu, _ ("N_ote…"), "snapshot.note", info->id);
  append_item (menu, _ ("_Delete"), "snapshot.delete", info->id);
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (button), G_MENU_MODEL (menu));
  gtk_menu_button_set_icon_name (GTK_MENU_BUTTON (button), "view-more-symbolic");
  gtk_widget_set_tooltip_text (button, label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  -1);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  return button;
}

static GtkWidget *
new_revert_button (const DioSnapshotInfo *info)
{
  g_autofree char *label = g_strdup_printf (_ ("Go Back to “%s”"), info->name);
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Go Back"));

  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), "snapshot.revert");
  gtk_actionable_set_action_target (GTK_ACTIONABLE (button), "s", info->id);
  gtk_widget_set_tooltip_text (button, label);
  /* Later releases of GTK take the text of a button before its name. */
  gtk_accessible_reset_relation (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_RELATION_LABELLED_BY);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  -1);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  return button;
}

static GtkWidget *
new_row (DioSnapshotsWindow *self, DioSnapshots *tree, const DioLanesRow *lanes)
{
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  const DioSnapshotInfo *info = lanes->info;

  gtk_widget_add_css_class (box, "snapshot-row");
  gtk_box_append (GTK_BOX (box), dio_lanes_widget_new (lanes));
  if (info) {
    g_autofree char *details = details_of (info);
    gtk_box_append (GTK_BOX (box), new_picture_if_room (tree, info));
    gtk_box_append (GTK_BOX (box), new_words (info->name, details));
    gtk_box_append (GTK_BOX (box), new_revert_button (info));
    gtk_box_append (GTK_BOX (box), new_menu_button (info));
  } else {
    GtkWidget *words = new_words (_ ("Now"), NULL);
    gtk_widget_add_css_class (words, "heading");
    gtk_box_append (GTK_BOX (box), words);
  }
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  info ? info->name : _ ("Now"), -1);
  return row;
}

static void
update (DioSnapshotsWindow *self)
{
  GtkWidget *child;
  g_autoptr (DioSnapshots) tree = dio_machine_item_get_snapshots (self->item, NULL);
  g_autoptr (GPtrArray) list = tree ? dio_snapshots_list (tree) : g_ptr_array_new ();
  g_autofree char *current = tree ? dio_snapshots_get_current (tree) : NULL;
  g_autoptr (GArray) rows = dio_lanes_new (list, current);

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->list))))
    gtk_list_box_remove (self->list, child);
  for (guint i = 0; i < rows->len; i++)
    gtk_list_box_append (self->list, new_row (self, tree, &g_array_index (rows, DioLanesRow, i)));
  gtk_stack_set_visible_child_name (self->stack, list->len ? "tree" : "empty");
}

/* ---- Life ---- */

static void
name_cb (DioSnapshotsWindow *self)
{
  adw_window_title_set_subtitle (self->title, dio_machine_item_get_name (self->item));
}

static void
dio_snapshots_window_dispose (GObject *object)
{
  DioSnapshotsWindow *self = DIO_SNAPSHOTS_WINDOW (object);

  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  G_OBJECT_CLASS (dio_snapshots_window_parent_class)->dispose (object);
}

static void
dio_snapshots_window_class_init (DioSnapshotsWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_snapshots_window_dispose;
  g_type_ensure (DIO_TYPE_SNAPSHOT_PROGRESS);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/snapshots-window.ui");
  gtk_widget_class_bind_template_child (widget_class, DioSnapshotsWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, DioSnapshotsWindow, title);
  gtk_widget_class_bind_template_child (widget_class, DioSnapshotsWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, DioSnapshotsWindow, list);
  gtk_widget_class_bind_template_child (widget_class, DioSnapshotsWindow, progress);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_w, GDK_CONTROL_MASK, "window.close",
                                       NULL);
}

static void
dio_snapshots_window_init (DioSnapshotsWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
dio_snapshots_window_new (GtkWindow *parent, DioMachineItem *item)
{
  DioSnapshotsWindow *self = g_object_new (DIO_TYPE_SNAPSHOTS_WINDOW, "transient-for", parent,
                                           "destroy-with-parent", TRUE, NULL);

  self->item = g_object_ref (item);
  dio_snapshot_actions_attach (GTK_WIDGET (self), item, self->toasts);
  g_signal_connect_swapped (item, "snapshots-changed", G_CALLBACK (update), self);
  g_signal_connect_swapped (item, "notify::name", G_CALLBACK (name_cb), self);
  dio_snapshot_progress_set_item (self->progress, item, TRUE);
  name_cb (self);
  update (self);
  return GTK_WIDGET (self);
}
