/* SPDX-License-Identifier: GPL-3.0-or-later
 * The tree of snapshots as rows with lanes, as graphs of revisions are drawn: each row is one
 * snapshot or the present, each lane a line of descent. */
#pragma once

#include "app/library/library-snapshot.h"

#include <gtk/gtk.h>

#define DIO_LANES_MAX 16

typedef struct {
  DioSnapshotInfo *info; /* NULL: now */
  unsigned lane;         /* where its node is */
  unsigned from;         /* the lane that its line comes from; its own: from above */
  gboolean has_parent;
  gboolean on_way;      /* between the root and now */
  guint32 above, below; /* lanes that have a line in the upper and the lower half of the row */
} DioLanesRow;

/* Rows from the oldest on, what descends from a snapshot below it; the line to now goes straight
 * down. @list of DioSnapshotInfo* is shared; free the array of DioLanesRow with g_array_unref(). */
GArray *dio_lanes_new (GPtrArray *list, const char *current);

/* A picture of the lanes of @row, for the left of a list's row. */
GtkWidget *dio_lanes_widget_new (const DioLanesRow *row);
