/* SPDX-License-Identifier: GPL-3.0-or-later
 * virtio-gpu: a 2D display (virtio 1.3 section 5.7).
 *
 * The guest draws into its own pages, copies rectangles of them into resources (host memory, under
 * a quota), makes a resource the contents of a scan-out, and flushes. Commands are finished when
 * they are answered, so a fence is honoured by answering. Everything but the preferred sizes, which
 * the presenting side sends from any thread, belongs to the device's lock. */
#include <string.h>

#include "core/backend/backend-display.h"
#include "core/base/base-error.h"
#include "core/vm/vm-machine.h"
#include "hw/display/display-rect.h"
#include "hw/display/edid.h"
#include "hw/display/gpu-protocol.h"
#include "hw/display/gpu-resource.h"
#include "hw/virtio/virtio-device.h"
#include "hw/virtio/virtio.h"

#define F_EDID (UINT64_C (1) << 1)

#define CURSOR_SIDE 64
#define CURSOR_BYTES (CURSOR_SIDE * CURSOR_SIDE * 4)
#define MIN_WIDTH 320 /* of what a window may ask for */
#define MIN_HEIGHT 200

enum {
  QUEUE_CONTROL,
  QUEUE_CURSOR,
};

typedef struct {
  /* What the person's window wants; 0: not connected. */
  uint32_t width, height, width_mm, height_mm;
  /* What the guest shows; 0: nothing. */
  uint32_t resource_id;
  DioRect rect;
  bool stale; /* another resource was put here, and nothing flushed since */
  /* What the driver switched off last, while it exists. */
  uint32_t last_resource_id;
  DioRect last_rect;
  uint32_t shown_width, shown_height, shown_format; /* as last sent to the display */
  struct {
    bool visible;
    uint32_t hot_x, hot_y;
    int32_t x, y;
    uint8_t pixels[CURSOR_BYTES]; /* B G R A */
  } cursor;
} Scanout;

/* A size that the presenting side asked for and the device has not taken yet. */
typedef struct {
  bool pending;
  uint32_t width, height, width_mm, height_mm;
} Wish;

typedef struct {
  DioVirtioDevice vdev;
  /* Properties. */
  uint64_t outputs, width, height, memory_limit;

  DioDisplay *display; /* may be NULL */
  DioGpuStore store;
  Scanout *scanouts;         /* [outputs] */
  pthread_mutex_t wish_lock; /* leaf */
  Wish wishes[MAX_SCANOUTS];
  DioNotifier *wish_notifier;
} DioVirtioGpu;

static Config *
config_of (DioVirtioGpu *gpu)
{
  return (Config *) (void *) gpu->vdev.config;
}

static DioRect
rect_from_wire (const WireRect *wire)
{
  return (DioRect){
    .x = GUINT32_FROM_LE (wire->x),
    .y = GUINT32_FROM_LE (wire->y),
    .width = GUINT32_FROM_LE (wire->width),
    .height = GUINT32_FROM_LE (wire->height),
  };
}

/* ---- Scan-outs ---- */

/* True when @rect of @resource can be shown. */
static bool
is_showable (const DioGpuResource *resource, const DioRect *rect)
{
  return dio_rect_is_within (rect, resource->width, resource->height) && rect->width > 0
         && rect->height > 0 && rect->width <= DIO_DISPLAY_MAX_SIZE
         && rect->height <= DIO_DISPLAY_MAX_SIZE;
}

static void
scanout_off (DioVirtioGpu *gpu, uint32_t index)
{
  Scanout *scanout = &gpu->scanouts[index];

  scanout->resource_id = 0;
  scanout->stale = false;
  scanout->shown_width = scanout->shown_height = 0;
  if (gpu->display)
    gpu->display->ops->update (gpu->display, index, NULL, NULL);
}

/* Sends the part @damage (within the scan-out) to the display. */
static void
scanout_update (DioVirtioGpu *gpu, uint32_t index, const DioGpuResource *resource,
                const DioRect *damage)
{
  Scanout *scanout = &gpu->scanouts[index];
  DioSurface surface = {
    .width = scanout->rect.width,
    .height = scanout->rect.height,
    .stride = resource->width * 4,
    .pixels = resource->pixels + ((size_t) scanout->rect.y * resource->width + scanout->rect.x) * 4,
  };

  dio_gpu_pixel_format (resource->format, &surface.format);
  scanout->stale = false;
  scanout->shown_width = surface.width;
  scanout->shown_height = surface.height;
  scanout->shown_format = resource->format;
  if (gpu->display)
    gpu->display->ops->update (gpu->display, index, &surface, damage);
}

static void
scanout_update_all (DioVirtioGpu *gpu, uint32_t index, const DioGpuResource *resource)
{
  Scanout *scanout = &gpu->scanouts[index];
  DioRect all = { 0, 0, scanout->rect.width, scanout->rect.height };

  scanout_update (gpu, index, resource, &all);
}

static void
cursor_show (DioVirtioGpu *gpu, uint32_t index)
{
  Scanout *scanout = &gpu->scanouts[index];

  if (!gpu->display)
    return;
  if (scanout->cursor.visible)
    gpu->display->ops->cursor_define (gpu->display, index, scanout->cursor.pixels, CURSOR_SIDE,
                                      CURSOR_SIDE, scanout->cursor.hot_x, scanout->cursor.hot_y);
  else
    gpu->display->ops->cursor_define (gpu->display, index, NULL, 0, 0, 0, 0);
  gpu->display->ops->cursor_move (gpu->display, index, scanout->cursor.x, scanout->cursor.y);
}

static void
unref_resource (DioVirtioGpu *gpu, DioGpuResource *resource)
{
  for (uint32_t i = 0; i < gpu->outputs; i++) {
    if (gpu->scanouts[i].resource_id == resource->id)
      scanout_off (gpu, i);
    if (gpu->scanouts[i].last_resource_id == resource->id)
      gpu->scanouts[i].last_resource_id = 0;
  }
  dio_gpu_store_remove (&gpu->store, resource);
}

/* ---- Commands: each returns the type of the response ---- */

static uint32_t
get_display_info (DioVirtioGpu *gpu, Response *response, size_t *size)
{
  *size = sizeof response->display_info;
  for (uint32_t i = 0; i < gpu->outputs; i++) {
    const Scanout *scanout = &gpu->scanouts[i];

    response->display_info.modes[i].rect.width = GUINT32_TO_LE (scanout->width);
    response->display_info.modes[i].rect.height = GUINT32_TO_LE (scanout->height);
    response->display_info.modes[i].enabled = GUINT32_TO_LE (scanout->width > 0);
  }
  return RESP_OK_DISPLAY_INFO;
}

static uint32_t
get_edid (DioVirtioGpu *gpu, const GetEdid *command, Response *response, size_t *size)
{
  uint32_t index = GUINT32_FROM_LE (command->scanout);
  DioEdidInfo info = { 0 };
  size_t length;

  if (!dio_virtio_has (&gpu->vdev, F_EDID))
    return RESP_ERR_UNSPEC;
  if (index >= gpu->outputs)
    return RESP_ERR_INVALID_SCANOUT_ID;
  info.width = gpu->scanouts[index].width ? gpu->scanouts[index].width : (uint32_t) gpu->width;
  info.height = gpu->scanouts[index].height ? gpu->scanouts[index].height : (uint32_t) gpu->height;
  info.width_mm = gpu->scanouts[index].width_mm;
  info.height_mm = gpu->scanouts[index].height_mm;
  info.serial = index + 1;
  length = dio_edid_build (&info, response->edid.edid);
  response->edid.size = GUINT32_TO_LE (length);
  *size = sizeof response->edid;
  return RESP_OK_EDID;
}

static uint32_t
resource_create_2d (DioVirtioGpu *gpu, const Create2d *command)
{
  uint32_t error;

  if (!dio_gpu_store_create (&gpu->store, GUINT32_FROM_LE (command->resource_id),
                             GUINT32_FROM_LE (command->format), GUINT32_FROM_LE (command->width),
                             GUINT32_FROM_LE (command->height), &error))
    return error;
  return RESP_OK_NODATA;
}

static uint32_t
resource_unref (DioVirtioGpu *gpu, const ResourceRef *command)
{
  DioGpuResource *resource =
      dio_gpu_store_find (&gpu->store, GUINT32_FROM_LE (command->resource_id));

  if (!resource)
    return RESP_ERR_INVALID_RESOURCE_ID;
  unref_resource (gpu, resource);
  return RESP_OK_NODATA;
}

/* Linux sets a mode by switching off with an empty rectangle, then naming no resource but the size
 * of the mode, and it shows its picture only when the next change of it comes, which may be never.
 * So when the mode is that of the picture before, the picture stays. */
static uint32_t
switch_off (DioVirtioGpu *gpu, uint32_t index, const DioRect *mode)
{
  Scanout *scanout = &gpu->scanouts[index];
  const DioGpuResource *last;

  if (scanout->resource_id) {
    scanout->last_resource_id = scanout->resource_id;
    scanout->last_rect = scanout->rect;
  }
  scanout_off (gpu, index);
  last = dio_gpu_store_find (&gpu->store, scanout->last_resource_id);
  if (last && mode->width == scanout->last_rect.width
      && mode->height == scanout->last_rect.height) {
    scanout->resource_id = last->id;
    scanout->rect = scanout->last_rect;
    scanout_update_all (gpu, index, last);
  }
  return RESP_OK_NODATA;
}

static uint32_t
set_scanout (DioVirtioGpu *gpu, const SetScanout *command)
{
  uint32_t index = GUINT32_FROM_LE (command->scanout_id);
  uint32_t id = GUINT32_FROM_LE (command->resource_id);
  DioRect rect = rect_from_wire (&command->rect);
  Scanout *scanout;
  DioGpuResource *resource;

  if (index >= gpu->outputs)
    return RESP_ERR_INVALID_SCANOUT_ID;
  if (id == 0)
    return switch_off (gpu, index, &rect);
  resource = dio_gpu_store_find (&gpu->store, id);
  if (!resource)
    return RESP_ERR_INVALID_RESOURCE_ID;
  if (!is_showable (resource, &rect))
    return RESP_ERR_INVALID_PARAMETER;

  scanout = &gpu->scanouts[index];
  scanout->resource_id = id;
  scanout->rect = rect;
  /* A page flip is followed by a flush; sending the pixels now too would double the work. */
  if (scanout->shown_width == rect.width && scanout->shown_height == rect.height
      && scanout->shown_format == resource->format)
    scanout->stale = true;
  else
    scanout_update_all (gpu, index, resource);
  return RESP_OK_NODATA;
}

static uint32_t
resource_flush (DioVirtioGpu *gpu, const Flush *command)
{
  uint32_t id = GUINT32_FROM_LE (command->resource_id);
  DioGpuResource *resource = dio_gpu_store_find (&gpu->store, id);
  DioRect rect = rect_from_wire (&command->rect), damage;

  if (!resource)
    return RESP_ERR_INVALID_RESOURCE_ID;
  if (!dio_rect_is_within (&rect, resource->width, resource->height))
    return RESP_ERR_INVALID_PARAMETER;
  for (uint32_t i = 0; i < gpu->outputs; i++) {
    Scanout *scanout = &gpu->scanouts[i];

    if (scanout->resource_id != id)
      continue;
    if (scanout->stale)
      scanout_update_all (gpu, i, resource);
    else if (dio_rect_clip (&rect, &scanout->rect, &damage))
      scanout_update (gpu, i, resource, &damage);
  }
  return RESP_OK_NODATA;
}

static uint32_t
transfer_to_host_2d (DioVirtioGpu *gpu, const Transfer *command)
{
  DioGpuResource *resource =
      dio_gpu_store_find (&gpu->store, GUINT32_FROM_LE (command->resource_id));
  DioRect rect = rect_from_wire (&command->rect);
  uint64_t offset = GUINT64_FROM_LE (command->offset);
  uint64_t stride, row, rows, needed;
  uint8_t *to;

  if (!resource)
    return RESP_ERR_INVALID_RESOURCE_ID;
  if (!dio_rect_is_within (&rect, resource->width, resource->height))
    return RESP_ERR_INVALID_PARAMETER;
  if (rect.width == 0 || rect.height == 0)
    return RESP_OK_NODATA;

  stride = (uint64_t) resource->width * 4;
  row = (uint64_t) rect.width * 4;
  rows = rect.height;
  to = resource->pixels + rect.y * stride + (uint64_t) rect.x * 4;
  needed = stride * (rows - 1) + row; /* at most 1 GiB */
  if (offset > resource->backing.size || needed > resource->backing.size - offset)
    return RESP_ERR_INVALID_PARAMETER;
  if (row == stride) {
    row = needed;
    rows = 1;
  }
  for (uint64_t i = 0; i < rows; i++)
    if (!dio_gpu_store_read (&gpu->store, resource, offset + i * stride, to + i * stride, row))
      return RESP_ERR_UNSPEC;
  return RESP_OK_NODATA;
}

static uint32_t
attach_backing (DioVirtioGpu *gpu, const AttachBacking *command, const DioVirtElement *element)
{
  DioGpuResource *resource =
      dio_gpu_store_find (&gpu->store, GUINT32_FROM_LE (command->resource_id));
  uint32_t n = GUINT32_FROM_LE (command->n_entries), error;
  DioGpuBacking backing;

  if (!resource)
    return RESP_ERR_INVALID_RESOURCE_ID;
  if (resource->backing.runs)
    return RESP_ERR_UNSPEC;
  if (element->out_size < sizeof *command + (uint64_t) n * sizeof (BackingEntry))
    return RESP_ERR_INVALID_PARAMETER;
  if (!dio_gpu_backing_init (&backing, &gpu->store, n, &error))
    return error;

  for (uint32_t i = 0; i < n;) {
    BackingEntry entries[256];
    uint32_t part = MIN (n - i, G_N_ELEMENTS (entries));

    dio_virt_element_read (element, sizeof *command + (uint64_t) i * sizeof (BackingEntry), entries,
                           part * sizeof (BackingEntry));
    for (uint32_t k = 0; k < part; k++)
      if (!dio_gpu_backing_add (&backing, GUINT64_FROM_LE (entries[k].address),
                                GUINT32_FROM_LE (entries[k].length))) {
        g_free (backing.runs);
        return RESP_ERR_INVALID_PARAMETER;
      }
    i += part;
  }
  dio_gpu_store_attach (&gpu->store, resource, &backing);
  return RESP_OK_NODATA;
}

static uint32_t
resource_detach_backing (DioVirtioGpu *gpu, const ResourceRef *command)
{
  DioGpuResource *resource =
      dio_gpu_store_find (&gpu->store, GUINT32_FROM_LE (command->resource_id));

  if (!resource)
    return RESP_ERR_INVALID_RESOURCE_ID;
  if (!resource->backing.runs)
    return RESP_ERR_UNSPEC;
  dio_gpu_store_detach (&gpu->store, resource);
  return RESP_OK_NODATA;
}

/* Takes the picture of a cursor in B G R A. */
static void
copy_cursor (uint8_t *to, const DioGpuResource *resource)
{
  /* Where blue, green, red and alpha are in a pixel; 4: opaque. */
  static const struct {
    uint8_t blue, green, red, alpha;
  } order[] = {
    [DIO_FORMAT_BGRX8888] = { 0, 1, 2, 4 }, [DIO_FORMAT_BGRA8888] = { 0, 1, 2, 3 },
    [DIO_FORMAT_RGBX8888] = { 2, 1, 0, 4 }, [DIO_FORMAT_RGBA8888] = { 2, 1, 0, 3 },
    [DIO_FORMAT_XRGB8888] = { 3, 2, 1, 4 }, [DIO_FORMAT_ARGB8888] = { 3, 2, 1, 0 },
    [DIO_FORMAT_XBGR8888] = { 1, 2, 3, 4 }, [DIO_FORMAT_ABGR8888] = { 1, 2, 3, 0 },
  };
  DioPixelFormat format = DIO_FORMAT_BGRA8888;

  dio_gpu_pixel_format (resource->format, &format);
  for (unsigned i = 0; i < CURSOR_SIDE * CURSOR_SIDE; i++) {
    const uint8_t *from = resource->pixels + 4 * i;

    to[4 * i] = from[order[format].blue];
    to[4 * i + 1] = from[order[format].green];
    to[4 * i + 2] = from[order[format].red];
    to[4 * i + 3] = order[format].alpha == 4 ? 0xff : from[order[format].alpha];
  }
}

static uint32_t
cursor_command (DioVirtioGpu *gpu, const CursorCommand *command, bool move_only)
{
  uint32_t index = GUINT32_FROM_LE (command->scanout_id);
  uint32_t id = GUINT32_FROM_LE (command->resource_id);
  Scanout *scanout;

  if (index >= gpu->outputs)
    return RESP_ERR_INVALID_SCANOUT_ID;
  scanout = &gpu->scanouts[index];
  scanout->cursor.x = (int32_t) GUINT32_FROM_LE (command->x);
  scanout->cursor.y = (int32_t) GUINT32_FROM_LE (command->y);
  if (move_only) {
    if (gpu->display)
      gpu->display->ops->cursor_move (gpu->display, index, scanout->cursor.x, scanout->cursor.y);
    return RESP_OK_NODATA;
  }

  scanout->cursor.visible = false;
  if (id) {
    const DioGpuResource *resource = dio_gpu_store_find (&gpu->store, id);

    if (!resource)
      return RESP_ERR_INVALID_RESOURCE_ID;
    if (resource->width != CURSOR_SIDE || resource->height != CURSOR_SIDE)
      return RESP_ERR_INVALID_PARAMETER;
    copy_cursor (scanout->cursor.pixels, resource);
    scanout->cursor.hot_x = MIN (GUINT32_FROM_LE (command->hot_x), CURSOR_SIDE - 1);
    scanout->cursor.hot_y = MIN (GUINT32_FROM_LE (command->hot_y), CURSOR_SIDE - 1);
    scanout->cursor.visible = true;
  }
  cursor_show (gpu, index);
  return RESP_OK_NODATA;
}

/* ---- Queues ---- */

/* How many bytes a command has at least; 0: unknown. */
static size_t
command_size (uint32_t type)
{
  switch (type) {
  case CMD_GET_DISPLAY_INFO:
    return sizeof (Header);
  case CMD_RESOURCE_CREATE_2D:
    return sizeof (Create2d);
  case CMD_RESOURCE_UNREF:
  case CMD_RESOURCE_DETACH_BACKING:
    return sizeof (ResourceRef);
  case CMD_SET_SCANOUT:
    return sizeof (SetScanout);
  case CMD_RESOURCE_FLUSH:
    return sizeof (Flush);
  case CMD_TRANSFER_TO_HOST_2D:
    return sizeof (Transfer);
  case CMD_RESOURCE_ATTACH_BACKING:
    return sizeof (AttachBacking);
  case CMD_GET_EDID:
    return sizeof (GetEdid);
  case CMD_UPDATE_CURSOR:
  case CMD_MOVE_CURSOR:
    return sizeof (CursorCommand);
  default:
    return 0;
  }
}

static uint32_t
execute (DioVirtioGpu *gpu, const Command *command, size_t got, const DioVirtElement *element,
         Response *response, size_t *size)
{
  uint32_t type = GUINT32_FROM_LE (command->header.type);
  size_t needed = command_size (type);

  if (needed == 0 || got < needed) {
    dio_device_guest_error (&gpu->vdev.pci.dev, "command 0x%x of %zu bytes is unknown or too short",
                            type, got);
    return RESP_ERR_UNSPEC;
  }
  switch (type) {
  case CMD_GET_DISPLAY_INFO:
    return get_display_info (gpu, response, size);
  case CMD_RESOURCE_CREATE_2D:
    return resource_create_2d (gpu, &command->create_2d);
  case CMD_RESOURCE_UNREF:
    return resource_unref (gpu, &command->resource_ref);
  case CMD_SET_SCANOUT:
    return set_scanout (gpu, &command->set_scanout);
  case CMD_RESOURCE_FLUSH:
    return resource_flush (gpu, &command->flush);
  case CMD_TRANSFER_TO_HOST_2D:
    return transfer_to_host_2d (gpu, &command->transfer);
  case CMD_RESOURCE_ATTACH_BACKING:
    return attach_backing (gpu, &command->attach_backing, element);
  case CMD_RESOURCE_DETACH_BACKING:
    return resource_detach_backing (gpu, &command->resource_ref);
  case CMD_GET_EDID:
    return get_edid (gpu, &command->get_edid, response, size);
  default:
    return cursor_command (gpu, &command->cursor, type == CMD_MOVE_CURSOR);
  }
}

static void
work (DioVirtioDevice *vdev, unsigned index)
{
  DioVirtioGpu *gpu = (DioVirtioGpu *) vdev;
  DioVirtElement *element;

  while ((element = dio_virtio_queue_pop (vdev, index))) {
    Command command = { 0 };
    Response response = { 0 };
    size_t size = sizeof (Header);
    size_t got = dio_virt_element_read (element, 0, &command, sizeof command);
    uint32_t type = execute (gpu, &command, got, element, &response, &size);

    response.header.type = GUINT32_TO_LE (type);
    if (command.header.flags & GUINT32_TO_LE (FLAG_FENCE)) {
      response.header.flags = GUINT32_TO_LE (FLAG_FENCE);
      response.header.fence_id = command.header.fence_id;
      response.header.ctx_id = command.header.ctx_id;
    }
    size = dio_virt_element_write (element, 0, &response, size);
    dio_virtio_queue_push (vdev, index, element, size);
  }
}

static void
config_write (DioVirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
  if (offset == offsetof (Config, events_clear) && size == 4)
    config_of ((DioVirtioGpu *) vdev)->events_read &= GUINT32_TO_LE (~value);
}

/* ---- Preferred sizes ---- */

/* Any thread. */
static void
set_preferred_size (void *opaque, uint32_t index, uint32_t width, uint32_t height,
                    uint32_t width_mm, uint32_t height_mm)
{
  DioVirtioGpu *gpu = opaque;

  if (index >= gpu->outputs || (index == 0 && (width == 0 || height == 0)))
    return;
  if (width && height) {
    width = CLAMP (width, MIN_WIDTH, DIO_DISPLAY_MAX_SIZE);
    height = CLAMP (height, MIN_HEIGHT, DIO_DISPLAY_MAX_SIZE);
  } else {
    width = height = 0;
  }
  pthread_mutex_lock (&gpu->wish_lock);
  gpu->wishes[index] = (Wish){ true, width, height, width_mm, height_mm };
  pthread_mutex_unlock (&gpu->wish_lock);
  dio_notifier_signal (gpu->wish_notifier);
}

static const DioDisplaySourceOps source_ops = {
  .set_preferred_size = set_preferred_size,
};

/* Takes the wishes over into the configuration. Loop thread. */
static void
wish_cb (void *data)
{
  DioVirtioGpu *gpu = data;
  bool changed = false;

  pthread_mutex_lock (&gpu->vdev.pci.dev.lock);
  pthread_mutex_lock (&gpu->wish_lock);
  for (uint32_t i = 0; i < gpu->outputs && !gpu->vdev.drained; i++) {
    Wish *wish = &gpu->wishes[i];
    Scanout *scanout = &gpu->scanouts[i];

    if (!wish->pending)
      continue;
    wish->pending = false;
    if (wish->width == scanout->width && wish->height == scanout->height
        && wish->width_mm == scanout->width_mm && wish->height_mm == scanout->height_mm)
      continue;
    scanout->width = wish->width;
    scanout->height = wish->height;
    scanout->width_mm = wish->width_mm;
    scanout->height_mm = wish->height_mm;
    changed = true;
  }
  pthread_mutex_unlock (&gpu->wish_lock);
  if (changed) {
    config_of (gpu)->events_read |= GUINT32_TO_LE (EVENT_DISPLAY);
    dio_virtio_config_changed (&gpu->vdev);
  }
  pthread_mutex_unlock (&gpu->vdev.pci.dev.lock);
}

/* ---- Life ---- */

/* Drops what the guest made; the sizes that the windows want stay. */
static void
forget_guest (DioVirtioGpu *gpu)
{
  for (uint32_t i = 0; i < gpu->outputs; i++) {
    Scanout *scanout = &gpu->scanouts[i];

    scanout_off (gpu, i);
    memset (&scanout->cursor, 0, sizeof scanout->cursor);
    memset (&scanout->rect, 0, sizeof scanout->rect);
    memset (&scanout->last_rect, 0, sizeof scanout->last_rect);
    scanout->last_resource_id = 0;
    cursor_show (gpu, i);
  }
  dio_gpu_store_remove_all (&gpu->store);
}

static void
reset (DioVirtioDevice *vdev)
{
  DioVirtioGpu *gpu = (DioVirtioGpu *) vdev;

  forget_guest (gpu);
  config_of (gpu)->events_read = 0;
}

static void
visit_rect (DioVisitor *visitor, DioRect *rect)
{
  dio_visit_u32 (visitor, "x", &rect->x);
  dio_visit_u32 (visitor, "y", &rect->y);
  dio_visit_u32 (visitor, "rect-width", &rect->width);
  dio_visit_u32 (visitor, "rect-height", &rect->height);
}

static void
visit_scanout (DioVirtioGpu *gpu, Scanout *scanout, DioVisitor *visitor)
{
  dio_visit_u32 (visitor, "width", &scanout->width);
  dio_visit_u32 (visitor, "height", &scanout->height);
  dio_visit_u32 (visitor, "width-mm", &scanout->width_mm);
  dio_visit_u32 (visitor, "height-mm", &scanout->height_mm);
  dio_visit_u32 (visitor, "resource", &scanout->resource_id);
  visit_rect (visitor, &scanout->rect);
  dio_visit_u32 (visitor, "last-resource", &scanout->last_resource_id);
  visit_rect (visitor, &scanout->last_rect);
  dio_visit_bool (visitor, "cursor", &scanout->cursor.visible);
  dio_visit_u32 (visitor, "hot-x", &scanout->cursor.hot_x);
  dio_visit_u32 (visitor, "hot-y", &scanout->cursor.hot_y);
  dio_visit_u32 (visitor, "cursor-x", (uint32_t *) &scanout->cursor.x);
  dio_visit_u32 (visitor, "cursor-y", (uint32_t *) &scanout->cursor.y);
  dio_visit_bytes (visitor, "cursor-pixels", scanout->cursor.pixels, CURSOR_BYTES);
}

/* Checks what was loaded and shows it. */
static void
scanout_loaded (DioVirtioGpu *gpu, uint32_t index, DioVisitor *visitor)
{
  Scanout *scanout = &gpu->scanouts[index];
  DioGpuResource *resource = dio_gpu_store_find (&gpu->store, scanout->resource_id);
  DioGpuResource *last = dio_gpu_store_find (&gpu->store, scanout->last_resource_id);

  if (scanout->width > DIO_DISPLAY_MAX_SIZE || scanout->height > DIO_DISPLAY_MAX_SIZE
      || scanout->cursor.hot_x >= CURSOR_SIDE || scanout->cursor.hot_y >= CURSOR_SIDE
      || !scanout->resource_id != !resource || !scanout->last_resource_id != !last
      || (resource && !is_showable (resource, &scanout->rect))
      || (last && !is_showable (last, &scanout->last_rect))) {
    *scanout = (Scanout){ .width = index == 0 ? (uint32_t) gpu->width : 0,
                          .height = index == 0 ? (uint32_t) gpu->height : 0 };
    dio_visitor_fail (visitor, "output %u has an impossible picture", index);
    return;
  }
  if (resource)
    scanout_update_all (gpu, index, resource);
  cursor_show (gpu, index);
}

static void
visit (DioVirtioDevice *vdev, DioVisitor *visitor)
{
  DioVirtioGpu *gpu = (DioVirtioGpu *) vdev;
  bool loading = dio_visitor_is_loading (visitor);
  uint32_t outputs = (uint32_t) gpu->outputs;

  if (loading)
    forget_guest (gpu);
  dio_visit_u32 (visitor, "events", &config_of (gpu)->events_read);
  dio_visit_u32 (visitor, "outputs", &outputs);
  if (loading && outputs != gpu->outputs)
    dio_visitor_fail (visitor, "%u outputs were saved, %u are here", outputs,
                      (unsigned) gpu->outputs);
  dio_gpu_store_visit (&gpu->store, visitor);
  for (uint32_t i = 0; i < gpu->outputs; i++)
    visit_scanout (gpu, &gpu->scanouts[i], visitor);
  for (uint32_t i = 0; i < gpu->outputs && loading; i++)
    scanout_loaded (gpu, i, visitor);
}

static const DioVirtioType virtio_type = {
  .id = 16,
  .class_code = 0x038000,
  .n_queues = 2,
  .queue_size = { 256, 16 },
  .config_size = sizeof (Config),
  .work = work,
  .config_write = config_write,
  .reset = reset,
  .visit = visit,
};

static bool
realize (DioDevice *dev, GError **error)
{
  DioVirtioGpu *gpu = (DioVirtioGpu *) dev;
  const DioMachineConfig *config = dev->machine->config;

  if (config && config->width && config->height) {
    gpu->width = CLAMP (config->width, MIN_WIDTH, DIO_DISPLAY_MAX_SIZE);
    gpu->height = CLAMP (config->height, MIN_HEIGHT, DIO_DISPLAY_MAX_SIZE);
  }
  dio_virtio_device_realize (&gpu->vdev, &virtio_type, F_EDID);
  config_of (gpu)->num_scanouts = GUINT32_TO_LE ((uint32_t) gpu->outputs);
  dio_gpu_store_init (&gpu->store, dev->machine->space, gpu->memory_limit);
  gpu->scanouts = g_new0 (Scanout, gpu->outputs);
  gpu->scanouts[0].width = (uint32_t) gpu->width;
  gpu->scanouts[0].height = (uint32_t) gpu->height;
  pthread_mutex_init (&gpu->wish_lock, NULL);
  gpu->wish_notifier = dio_notifier_new (dev->machine->loop, wish_cb, gpu);
  gpu->display = dev->machine->host.display;
  if (gpu->display)
    gpu->display->ops->set_source (gpu->display, &source_ops, gpu);
  return true;
}

static void
resume (DioDevice *dev)
{
  dio_virtio_device_resume (dev);
  dio_notifier_signal (((DioVirtioGpu *) dev)->wish_notifier);
}

static void
finalize (DioDevice *dev)
{
  DioVirtioGpu *gpu = (DioVirtioGpu *) dev;
  bool realized = gpu->vdev.type;

  if (realized && gpu->display)
    gpu->display->ops->set_source (gpu->display, NULL, NULL);
  dio_virtio_device_finalize (dev);
  if (!realized)
    return;
  dio_notifier_free (gpu->wish_notifier);
  pthread_mutex_destroy (&gpu->wish_lock);
  dio_gpu_store_clear (&gpu->store);
  g_free (gpu->scanouts);
}

static const DioProperty properties[] = {
  DIO_VIRTIO_PROPERTIES,
  {
      .name = "outputs",
      .title = N_ ("Screens"),
      .kind = DIO_PROPERTY_UINT,
      .minimum = 1,
      .maximum = MAX_SCANOUTS,
      .initial = 1,
      .offset = offsetof (DioVirtioGpu, outputs),
  },
  {
      .name = "width",
      .title = N_ ("Preferred width"),
      .kind = DIO_PROPERTY_UINT,
      .minimum = MIN_WIDTH,
      .maximum = DIO_DISPLAY_MAX_SIZE,
      .initial = 1280,
      .offset = offsetof (DioVirtioGpu, width),
  },
  {
      .name = "height",
      .title = N_ ("Preferred height"),
      .kind = DIO_PROPERTY_UINT,
      .minimum = MIN_HEIGHT,
      .maximum = DIO_DISPLAY_MAX_SIZE,
      .initial = 800,
      .offset = offsetof (DioVirtioGpu, height),
  },
  {
      .name = "memory",
      .title = N_ ("Memory for pictures, in bytes"),
      .kind = DIO_PROPERTY_UINT,
      .minimum = 16 << 20,
      .maximum = UINT64_C (4) << 30,
      .initial = 512 << 20,
      .offset = offsetof (DioVirtioGpu, memory_limit),
  },
  { 0 },
};

const DioDeviceType dio_virtio_gpu_type = {
  .id = "virtio-gpu",
  .title = N_ ("Display (virtio)"),
  .description = N_ ("A display with a cursor that follows the size of its window."),
  .bus = DIO_BUS_VIRTIO,
  .instance_size = sizeof (DioVirtioGpu),
  .properties = properties,
  .realize = realize,
  .reset = dio_virtio_device_reset,
  .state = dio_virtio_device_visit,
  .state_version = 1,
  .drain = dio_virtio_device_drain,
  .resume = resume,
  .finalize = finalize,
};
