/* SPDX-License-Identifier: GPL-3.0-or-later
 * Lanes: which lines pass through which row, and drawing them. */
#include "config.h"

#include "ui/snapshots/snapshot-lanes.h"

#define LANE_WIDTH 18
#define NODE_RADIUS 5.0
#define LINE_WIDTH 2.0

typedef struct {
  GPtrArray *list;
  const char *current;
  GArray *rows;
  unsigned n_lanes;
} Layout;

static const char *
parent_of (const Layout *layout, const DioSnapshotInfo *info)
{
  return info ? info->parent : layout->current;
}

/* True when the way to now goes through @info (NULL: now itself). */
static gboolean
is_on_way (const Layout *layout, const DioSnapshotInfo *info)
{
  const char *id = layout->current;
  if (!info)
    return TRUE;
  for (guint i = layout->list->len; i > 0 && id; i--) {
    const DioSnapshotInfo *other = g_ptr_array_index (layout->list, i - 1);
    if (g_strcmp0 (other->id, id) != 0)
      continue;
    if (other == info)
      return TRUE;
    id = other->parent;
  }
  return FALSE;
}

static void place (Layout *layout, DioSnapshotInfo *info, unsigned lane, unsigned from);

/* The children of @id, the one that goes straight on last; each subtree is a block of rows. */
static void
place_children (Layout *layout, const char *id, unsigned lane, gboolean has_now)
{
  g_autoptr (GPtrArray) children = g_ptr_array_new ();
  DioSnapshotInfo *straight = NULL;
  for (guint i = 0; i < layout->list->len; i++) {
    DioSnapshotInfo *child = g_ptr_array_index (layout->list, i);
    if (g_strcmp0 (child->parent, id) != 0)
      continue;
    g_ptr_array_add (children, child);
    if (!straight || is_on_way (layout, child) || !is_on_way (layout, straight))
      straight = child;
  }
  if (has_now)
    straight = NULL;
  for (guint i = 0; i < children->len; i++) {
    DioSnapshotInfo *child = g_ptr_array_index (children, i);
    if (child == straight)
      continue;
    unsigned own = MIN (layout->n_lanes, DIO_LANES_MAX - 1);
    layout->n_lanes++;
    place (layout, child, own, lane);
    layout->n_lanes = MIN (layout->n_lanes, own + 1);
  }
  if (straight)
    place (layout, straight, lane, lane);
  else if (has_now)
    place (layout, NULL, lane, lane);
}

static void
place (Layout *layout, DioSnapshotInfo *info, unsigned lane, unsigned from)
{
  DioLanesRow row = {
    .info = info,
    .lane = lane,
    .from = from,
    .has_parent = parent_of (layout, info) != NULL,
    .on_way = is_on_way (layout, info),
  };
  g_array_append_val (layout->rows, row);
  if (info)
    place_children (layout, info->id, lane, g_strcmp0 (info->id, layout->current) == 0);
}

static guint
find_row (const Layout *layout, const char *id)
{
  for (guint i = 0; i < layout->rows->len; i++) {
    const DioLanesRow *row = &g_array_index (layout->rows, DioLanesRow, i);
    if (row->info && g_strcmp0 (row->info->id, id) == 0)
      return i;
  }
  return 0;
}

/* Each line goes down the parent's lane, and to the side in the row where it ends. */
static void
draw_lines (Layout *layout)
{
  for (guint i = 0; i < layout->rows->len; i++) {
    DioLanesRow *row = &g_array_index (layout->rows, DioLanesRow, i);
    if (!row->has_parent)
      continue;
    guint parent = find_row (layout, parent_of (layout, row->info));
    guint32 bit = 1u << row->from;
    g_array_index (layout->rows, DioLanesRow, parent).below |= bit;
    for (guint j = parent + 1; j < i; j++) {
      g_array_index (layout->rows, DioLanesRow, j).above |= bit;
      g_array_index (layout->rows, DioLanesRow, j).below |= bit;
    }
    row->above |= bit;
  }
}

GArray *
dio_lanes_new (GPtrArray *list, const char *current)
{
  Layout layout = { list, current, g_array_new (FALSE, TRUE, sizeof (DioLanesRow)), 1 };
  place_children (&layout, NULL, 0, FALSE);
  draw_lines (&layout);
  return layout.rows;
}

/* ---- Drawing ---- */

static double
center_of (unsigned lane)
{
  return (lane + 0.5) * LANE_WIDTH;
}

static void
draw_line (cairo_t *cr, unsigned lane, double top, double bottom)
{
  cairo_move_to (cr, center_of (lane), top);
  cairo_line_to (cr, center_of (lane), bottom);
  cairo_stroke (cr);
}

static void
draw_cb (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer data)
{
  const DioLanesRow *row = data;
  GdkRGBA color, accent;
  GtkStyleContext *style = gtk_widget_get_style_context (GTK_WIDGET (area));
  double middle = height / 2.0;

  gtk_style_context_get_color (style, &color);
  if (!gtk_style_context_lookup_color (style, "accent_color", &accent))
    accent = color;
  color.alpha *= 0.5f;
  cairo_set_line_width (cr, LINE_WIDTH);
  gdk_cairo_set_source_rgba (cr, &color);
  for (unsigned lane = 0; lane < DIO_LANES_MAX; lane++) {
    if (row->above & 1u << lane)
      draw_line (cr, lane, 0, middle);
    if (row->below & 1u << lane)
      draw_line (cr, lane, middle, height);
  }
  if (row->from != row->lane) {
    cairo_move_to (cr, center_of (row->from), middle);
    cairo_line_to (cr, center_of (row->lane), middle);
    cairo_stroke (cr);
  }
  /* Full: on the way to now. The present itself is a ring around a dot. */
  if (row->on_way)
    gdk_cairo_set_source_rgba (cr, &accent);
  cairo_arc (cr, center_of (row->lane), middle, row->info ? NODE_RADIUS : NODE_RADIUS - 1, 0,
             2 * G_PI);
  cairo_fill (cr);
  if (!row->info) {
    cairo_arc (cr, center_of (row->lane), middle, NODE_RADIUS + 2, 0, 2 * G_PI);
    cairo_stroke (cr);
  }
}

GtkWidget *
dio_lanes_widget_new (const DioLanesRow *row)
{
  GtkWidget *area = gtk_drawing_area_new ();
  guint32 used = row->above | row->below | 1u << row->lane;
  int lanes = g_bit_storage (used);

  gtk_drawing_area_set_content_width (GTK_DRAWING_AREA (area), lanes * LANE_WIDTH);
  gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (area), draw_cb, g_memdup2 (row, sizeof *row),
                                  g_free);
  return area;
}
