/* SPDX-License-Identifier: GPL-3.0-or-later
 * Progress of long work with snapshots. */
#include "config.h"

#include "ui/snapshots/snapshot-progress.h"

#include <glib/gi18n.h>

#include "app/model/model-snapshots.h"

#define TICK_MS 100
#define QUIET_TICKS 4 /* what is done by then shows nothing */

struct _DioSnapshotProgress {
  AdwBin parent_instance;

  DioMachineItem *item;
  gboolean all;
  guint source;
  unsigned ticks;

  GtkProgressBar *bar;
};

G_DEFINE_FINAL_TYPE (DioSnapshotProgress, dio_snapshot_progress, ADW_TYPE_BIN)

static void
show (DioSnapshotProgress *self, const char *work)
{
  double fraction = CLAMP (dio_machine_item_get_snapshot_progress (self->item), 0, 1);
  /* Translators: what is being done, and how much of it is. */
  g_autofree char *text = g_strdup_printf (_ ("%s — %d %%"), work, (int) (fraction * 100));

  gtk_progress_bar_set_fraction (self->bar, fraction);
  gtk_progress_bar_set_text (self->bar, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->bar), GTK_ACCESSIBLE_PROPERTY_LABEL, work,
                                  -1);
  gtk_widget_set_visible (GTK_WIDGET (self), TRUE);
}

static const char *
get_work (DioSnapshotProgress *self)
{
  gboolean awaited;
  const char *work = dio_machine_item_get_snapshot_work (self->item, &awaited);

  return awaited || self->all ? work : NULL;
}

static gboolean
tick_cb (gpointer data)
{
  DioSnapshotProgress *self = DIO_SNAPSHOT_PROGRESS (data);
  const char *work = get_work (self);

  if (work && ++self->ticks >= QUIET_TICKS)
    show (self, work);
  return G_SOURCE_CONTINUE;
}

static void
work_cb (DioSnapshotProgress *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  self->ticks = 0;
  if (get_work (self))
    self->source = g_timeout_add (TICK_MS, tick_cb, self);
  else
    gtk_widget_set_visible (GTK_WIDGET (self), FALSE);
}

/* Also of what another window or nobody has begun. */
static void
cancel_cb (DioSnapshotProgress *self)
{
  dio_machine_item_cancel_snapshot (self->item);
}

void
dio_snapshot_progress_set_item (DioSnapshotProgress *self, DioMachineItem *item, gboolean all)
{
  g_return_if_fail (DIO_IS_SNAPSHOT_PROGRESS (self) && !self->item);
  self->item = g_object_ref (item);
  self->all = all;
  g_signal_connect_swapped (item, "snapshot-work", G_CALLBACK (work_cb), self);
  work_cb (self);
}

static void
dio_snapshot_progress_dispose (GObject *object)
{
  DioSnapshotProgress *self = DIO_SNAPSHOT_PROGRESS (object);

  g_clear_handle_id (&self->source, g_source_remove);
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  G_OBJECT_CLASS (dio_snapshot_progress_parent_class)->dispose (object);
}

static void
dio_snapshot_progress_class_init (DioSnapshotProgressClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dio_snapshot_progress_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/diorama/Diorama/ui/snapshot-progress.ui");
  gtk_widget_class_bind_template_child (widget_class, DioSnapshotProgress, bar);
  gtk_widget_class_bind_template_callback (widget_class, cancel_cb);
}

static void
dio_snapshot_progress_init (DioSnapshotProgress *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
