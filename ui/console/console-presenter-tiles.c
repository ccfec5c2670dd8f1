/* SPDX-License-Identifier: GPL-3.0-or-later
 * A presenter without OpenGL: the picture as tiles, each a cairo node that is kept until its pixels
 * change. GSK's cairo renderer compares trees of nodes by pointer and repaints what differs, so a
 * small change costs a small repaint.
 *
 * Scaling happens inside each node, on bounds of whole device pixels: scaled around the nodes there
 * would be seams, and every tile would count as changed. Neighbours of a tile do not bleed into it
 * (EXTEND_PAD), so only changed tiles are ever made again. When an image surface is destroyed while
 * a node's recording refers to it, cairo copies the pixels: nodes do not depend on the frame. */
#include "ui/console/console-presenter.h"

#include <string.h>

typedef struct {
  DioConsolePresenter presenter;
  DioFrame frame;
  DioConsoleTarget target;
  uint32_t stale[DIO_SCANOUT_TILES];
  GskRenderNode *nodes[DIO_SCANOUT_TILES][DIO_SCANOUT_TILES];
} TilesPresenter;

static void
drop_nodes (TilesPresenter *self)
{
  for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++)
    for (unsigned column = 0; column < DIO_SCANOUT_TILES; column++)
      g_clear_pointer (&self->nodes[row][column], gsk_render_node_unref);
  memset (self->stale, 0xff, sizeof self->stale);
}

static void
tiles_update (DioConsolePresenter *presenter, const DioFrame *frame)
{
  TilesPresenter *self = (TilesPresenter *) presenter;

  self->frame = *frame;
  if (frame->mode_changed)
    drop_nodes (self);
  for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++)
    self->stale[row] |= frame->dirty[row];
}

/* Where pixel @position of @size lies on @target_size device pixels. */
static int
scale_edge (uint32_t position, uint32_t size, int target_size)
{
  return ((uint64_t) position * target_size + size / 2) / size;
}

static GskRenderNode *
make_node (TilesPresenter *self, unsigned row, unsigned column)
{
  const DioFrame *frame = &self->frame;
  const DioConsoleTarget *target = &self->target;
  uint32_t x0 = column * frame->tile_width, y0 = row * frame->tile_height;
  if (x0 >= frame->width || y0 >= frame->height)
    return NULL;
  uint32_t x1 = MIN (x0 + frame->tile_width, frame->width);
  uint32_t y1 = MIN (y0 + frame->tile_height, frame->height);

  int left = scale_edge (x0, frame->width, target->width);
  int right = scale_edge (x1, frame->width, target->width);
  int top = scale_edge (y0, frame->height, target->height);
  int bottom = scale_edge (y1, frame->height, target->height);
  if (left >= right || top >= bottom)
    return NULL;

  float unit = target->scale_factor;
  graphene_rect_t bounds = GRAPHENE_RECT_INIT ((target->x + left) / unit, (target->y + top) / unit,
                                               (right - left) / unit, (bottom - top) / unit);
  GskRenderNode *node = gsk_cairo_node_new (&bounds);
  cairo_t *cr = gsk_cairo_node_get_draw_context (node);

  /* Cairo only reads from a source surface. */
  cairo_surface_t *image = cairo_image_surface_create_for_data (
      (unsigned char *) frame->pixels + (size_t) y0 * frame->stride + (size_t) x0 * 4,
      CAIRO_FORMAT_RGB24, x1 - x0, y1 - y0, frame->stride);
  double scale_x = (double) target->width / frame->width;
  double scale_y = (double) target->height / frame->height;
  gboolean whole = target->width % frame->width == 0 && target->height % frame->height == 0;

  cairo_translate (cr, bounds.origin.x, bounds.origin.y);
  cairo_scale (cr, scale_x / unit, scale_y / unit);
  cairo_set_source_surface (cr, image, 0, 0);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_pattern_set_filter (cairo_get_source (cr),
                            whole ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_BILINEAR);
  cairo_set_operator (cr, CAIRO_OPERATOR_SOURCE);
  cairo_paint (cr);
  cairo_destroy (cr);
  cairo_surface_destroy (image);
  return node;
}

static void
tiles_snapshot (DioConsolePresenter *presenter, const DioConsoleTarget *target,
                GtkSnapshot *snapshot)
{
  TilesPresenter *self = (TilesPresenter *) presenter;

  if (!self->frame.width || target->width <= 0 || target->height <= 0)
    return;
  if (memcmp (&self->target, target, sizeof *target) != 0) {
    self->target = *target;
    drop_nodes (self);
  }
  for (unsigned row = 0; row < DIO_SCANOUT_TILES; row++) {
    for (unsigned column = 0; column < DIO_SCANOUT_TILES; column++) {
      GskRenderNode **node = &self->nodes[row][column];
      if (self->stale[row] >> column & 1) {
        g_clear_pointer (node, gsk_render_node_unref);
        *node = make_node (self, row, column);
      }
      if (*node)
        gtk_snapshot_append_node (snapshot, *node);
    }
    self->stale[row] = 0;
  }
}

static void
tiles_free (DioConsolePresenter *presenter)
{
  drop_nodes ((TilesPresenter *) presenter);
  g_free (presenter);
}

static const DioConsolePresenterOps tiles_ops = {
  .name = "tiles",
  .update = tiles_update,
  .snapshot = tiles_snapshot,
  .free = tiles_free,
};

DioConsolePresenter *
dio_console_presenter_tiles_new (void)
{
  TilesPresenter *self = g_new0 (TilesPresenter, 1);

  self->presenter.ops = &tiles_ops;
  memset (self->stale, 0xff, sizeof self->stale);
  return &self->presenter;
}
