/* SPDX-License-Identifier: GPL-3.0-or-later
 * Thumbnails of machines: live once a second when something changed, kept in the bundle. */
#include "app/job/job-thread.h"
#include "app/model/model-machine-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "render/scanout/scanout-png.h"

#define THUMBNAIL_FILE "thumbnail.png"
#define MAX_SIDE 2048

/* The counting display. */

static DioDisplay *
target (DioDisplay *display)
{
  DioCountingDisplay *counting = (DioCountingDisplay *) display;
  return counting->target;
}

static void
update_cb (DioDisplay *display, uint32_t scanout, const DioSurface *surface, const DioRect *rect)
{
  DioCountingDisplay *counting = (DioCountingDisplay *) display;
  atomic_fetch_add_explicit (&counting->updates, 1, memory_order_relaxed);
  target (display)->ops->update (target (display), scanout, surface, rect);
}

static void
cursor_define_cb (DioDisplay *display, uint32_t scanout, const uint8_t *pixels, uint32_t width,
                  uint32_t height, uint32_t hot_x, uint32_t hot_y)
{
  target (display)->ops->cursor_define (target (display), scanout, pixels, width, height, hot_x,
                                        hot_y);
}

static void
cursor_move_cb (DioDisplay *display, uint32_t scanout, int32_t x, int32_t y)
{
  target (display)->ops->cursor_move (target (display), scanout, x, y);
}

static void
set_source_cb (DioDisplay *display, const DioDisplaySourceOps *ops, void *opaque)
{
  target (display)->ops->set_source (target (display), ops, opaque);
}

static const DioDisplayOps counting_ops = {
  .update = update_cb,
  .cursor_define = cursor_define_cb,
  .cursor_move = cursor_move_cb,
  .set_source = set_source_cb,
};

void
dio_machine_thumbnail_init (DioMachineItem *self)
{
  self->counting.display.ops = &counting_ops;
  self->counting.target = dio_scanout_get_display (self->scanout);
  self->counting.updates = 0;
  self->seen_updates = 0;
}

/* Live pictures. */

typedef struct {
  DioScanoutBox *scanout_box;
  GBytes *pixels;
  uint32_t width, height;
} Sample;

static void
sample_free (gpointer data)
{
  Sample *sample = data;
  dio_scanout_box_unref (sample->scanout_box);
  g_clear_pointer (&sample->pixels, g_bytes_unref);
  g_free (sample);
}

static void
sample_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Sample *sample = task_data;
  sample->pixels = dio_scanout_snapshot (sample->scanout_box->scanout, DIO_THUMBNAIL_WIDTH,
                                         &sample->width, &sample->height);
  g_task_return_boolean (task, TRUE);
}

static void
sampled_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  DioMachineItem *self = DIO_MACHINE_ITEM (object);
  Sample *sample = g_task_get_task_data (G_TASK (result));
  self->thumbnail_busy = FALSE;
  if (sample->pixels)
    dio_machine_thumbnail_set (self, sample->pixels, sample->width, sample->height);
}

void
dio_machine_thumbnail_tick (DioMachineItem *self)
{
  guint updates = self->counting.updates;
  if (self->thumbnail_busy || self->closing || updates == self->seen_updates)
    return;
  self->seen_updates = updates;
  self->thumbnail_busy = TRUE;
  Sample *sample = g_new0 (Sample, 1);
  sample->scanout_box = g_atomic_rc_box_acquire (self->scanout_box);
  g_autoptr (GTask) task = g_task_new (self, NULL, sampled_cb, NULL);
  g_task_set_task_data (task, sample, sample_free);
  dio_job_thread_run (task, sample_thread);
}

void
dio_machine_thumbnail_set (DioMachineItem *self, GBytes *pixels, int width, int height)
{
  self->thumbnail_loaded = TRUE;
  if (self->thumbnail && width == self->thumbnail_width && height == self->thumbnail_height
      && g_bytes_equal (self->thumbnail, pixels))
    return;
  g_clear_pointer (&self->thumbnail, g_bytes_unref);
  self->thumbnail = g_bytes_ref (pixels);
  self->thumbnail_width = width;
  self->thumbnail_height = height;
  g_signal_emit_by_name (self, "thumbnail-changed");
}

/* The kept picture. */

void
dio_machine_thumbnail_save (const char *path, GBytes *pixels, int width, int height)
{
  g_autofree char *file = g_build_filename (path, THUMBNAIL_FILE, NULL);
  g_autoptr (GError) error = NULL;
  if (!dio_scanout_write_pixels_png (pixels, width, height, file, &error))
    g_warning ("The thumbnail could not be kept: %s", error->message);
}

/* A bundle may come from anywhere: only a small, regular PNG file of sane size is decoded. */
static gboolean
is_sane_png (const char *file)
{
  static const guint8 magic[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
  guint8 head[24];
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return FALSE;
  struct stat st;
  gboolean good =
      fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_size <= DIO_BUNDLE_MAX_THUMBNAIL
      && read (fd, head, sizeof head) == sizeof head && memcmp (head, magic, sizeof magic) == 0;
  close (fd);
  if (!good)
    return FALSE;
  guint32 width = (guint32) head[16] << 24 | head[17] << 16 | head[18] << 8 | head[19];
  guint32 height = (guint32) head[20] << 24 | head[21] << 16 | head[22] << 8 | head[23];
  return width >= 1 && width <= MAX_SIDE && height >= 1 && height <= MAX_SIDE;
}

GBytes *
dio_machine_item_get_thumbnail (DioMachineItem *self, int *width, int *height)
{
  g_return_val_if_fail (DIO_IS_MACHINE_ITEM (self), NULL);
  if (!self->thumbnail_loaded && self->path) {
    self->thumbnail_loaded = TRUE;
    g_autofree char *file = g_build_filename (self->path, THUMBNAIL_FILE, NULL);
    if (is_sane_png (file))
      self->thumbnail =
          dio_scanout_read_png (file, &self->thumbnail_width, &self->thumbnail_height);
  }
  if (width)
    *width = self->thumbnail_width;
  if (height)
    *height = self->thumbnail_height;
  return self->thumbnail;
}
