/* SPDX-License-Identifier: GPL-3.0-or-later
 * A framebuffer in the guest's memory (QEMU's "ramfb"): the display of firmware and systems that
 * have no driver for another one.
 *
 * The guest writes address, format and size into a file of fw_cfg and then draws; nobody tells what
 * was drawn. So the memory is looked at some times a second and compared with a copy, which is what
 * the display gets. What the guest has written may be anything: it is checked when it is written,
 * and what makes no sense switches the display off.
 *
 * vCPU threads leave a configuration under a lock of its own; all else belongs to the loop. */
#include "hw/display/ramfb.h"

#include <string.h>

#include "core/backend/backend-display.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/firmware/fw-cfg.h"
#include "hw/system-device.h"

#define FILE_NAME "etc/ramfb"
#define PERIOD_NS INT64_C (33000000)
#define MAX_BYTES (UINT64_C (64) << 20)
/* More than so much is looked at less often, so that it costs no more. */
#define BYTES_PER_PERIOD (UINT64_C (8) << 20)

/* What the guest writes; big-endian. */
typedef struct __attribute__ ((packed)) {
  uint64_t address;
  uint32_t fourcc, flags, width, height, stride;
} WireConfig;

/* The same when it makes sense; width 0: off. */
typedef struct {
  DioGpa address;
  uint32_t width, height, stride, row; /* bytes of a row that are shown */
  DioPixelFormat format;
} Config;

typedef struct {
  DioSystemDevice sys;
  DioTimer *timer;
  pthread_mutex_t wanted_lock; /* leaf */
  Config wanted;
  bool changed; /* and the loop has not seen it */

  /* Of the loop. */
  Config config;
  uint8_t *copy; /* rows without gaps */
} DioRamfb;

/* ---- What the guest wrote ---- */

/* Names of libdrm: four letters, the first lowest. */
#define FOURCC(a, b, c, d)                                                                         \
  ((uint32_t) (a) | (uint32_t) (b) << 8 | (uint32_t) (c) << 16 | (uint32_t) (d) << 24)

/* The format and its bytes per pixel; 0 when it is not known. Alpha has no meaning on a screen. */
static unsigned
find_format (uint32_t fourcc, DioPixelFormat *format)
{
  static const struct {
    uint32_t fourcc;
    DioPixelFormat format;
    unsigned bytes;
  } formats[] = {
    { FOURCC ('X', 'R', '2', '4'), DIO_FORMAT_BGRX8888, 4 },
    { FOURCC ('A', 'R', '2', '4'), DIO_FORMAT_BGRX8888, 4 },
    { FOURCC ('X', 'B', '2', '4'), DIO_FORMAT_RGBX8888, 4 },
    { FOURCC ('A', 'B', '2', '4'), DIO_FORMAT_RGBX8888, 4 },
    { FOURCC ('R', 'G', '1', '6'), DIO_FORMAT_RGB565, 2 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i].fourcc == fourcc) {
      *format = formats[i].format;
      return formats[i].bytes;
    }
  return 0;
}

/* All of the picture: its last row ends with its last pixel. */
static uint64_t
span (const Config *config)
{
  return (uint64_t) config->stride * (config->height - 1) + config->row;
}

/* Whether there is memory is looked at by the loop: here a state may be loading, whose memory is
 * not there yet. */
static bool
read_config (const WireConfig *wire, Config *config)
{
  *config = (Config){
    .address = GUINT64_FROM_BE (wire->address),
    .width = GUINT32_FROM_BE (wire->width),
    .height = GUINT32_FROM_BE (wire->height),
    .stride = GUINT32_FROM_BE (wire->stride),
  };
  unsigned bytes = find_format (GUINT32_FROM_BE (wire->fourcc), &config->format);
  if (!bytes || config->width == 0 || config->width > DIO_DISPLAY_MAX_SIZE || config->height == 0
      || config->height > DIO_DISPLAY_MAX_SIZE)
    return false;
  config->row = config->width * bytes;
  if (config->stride == 0)
    config->stride = config->row;
  if (config->stride < config->row || (uint64_t) config->row * config->height > MAX_BYTES)
    return false;
  return config->address <= UINT64_MAX - span (config);
}

static void
refuse (DioRamfb *fb, const Config *config)
{
  dio_device_guest_error (&fb->sys.dev,
                          "no framebuffer of %ux%u can be at 0x%" G_GINT64_MODIFIER "x",
                          config->width, config->height, config->address);
}

static bool
is_blank (const WireConfig *wire)
{
  static const WireConfig blank;
  return memcmp (wire, &blank, sizeof blank) == 0;
}

/* From vCPU threads, resets and loads. */
static void
written_cb (void *opaque, const uint8_t *data, size_t size)
{
  DioRamfb *fb = opaque;
  WireConfig wire;
  Config config;

  memcpy (&wire, data, sizeof wire);
  if (!read_config (&wire, &config)) {
    if (!is_blank (&wire))
      refuse (fb, &config);
    config = (Config){ 0 };
  }
  pthread_mutex_lock (&fb->wanted_lock);
  fb->wanted = config;
  fb->changed = true;
  pthread_mutex_unlock (&fb->wanted_lock);
  dio_timer_set (fb->timer, dio_clock_now (fb->sys.dev.machine->clock));
}

/* ---- The loop ---- */

static void
show (DioRamfb *fb, uint32_t first, uint32_t last)
{
  DioDisplay *display = fb->sys.dev.machine->host.display;
  const DioSurface surface = {
    .width = fb->config.width,
    .height = fb->config.height,
    .stride = fb->config.row,
    .format = fb->config.format,
    .pixels = fb->copy,
  };
  const DioRect rect = { 0, first, fb->config.width, last - first + 1 };

  if (display)
    display->ops->update (display, 0, &surface, &rect);
}

static void
switch_off (DioRamfb *fb)
{
  DioDisplay *display = fb->copy ? fb->sys.dev.machine->host.display : NULL;

  if (display)
    display->ops->update (display, 0, NULL, NULL);
  g_clear_pointer (&fb->copy, g_free);
  fb->config = (Config){ 0 };
}

/* Takes over the rows that are not as in the copy; false when there are none. */
static bool
look (DioRamfb *fb, const uint8_t *pixels, uint32_t *first, uint32_t *last)
{
  bool found = false;

  for (uint32_t y = 0; y < fb->config.height; y++) {
    const uint8_t *from = pixels + (uint64_t) y * fb->config.stride;
    uint8_t *to = fb->copy + (uint64_t) y * fb->config.row;
    if (memcmp (to, from, fb->config.row) == 0)
      continue;
    memcpy (to, from, fb->config.row);
    if (!found)
      *first = y;
    *last = y;
    found = true;
  }
  return found;
}

static const uint8_t *
map (DioRamfb *fb, const Config *config)
{
  return dio_dma_map (fb->sys.dev.machine->space, config->address, span (config), false);
}

static void
set_config (DioRamfb *fb, const Config *config)
{
  uint8_t *copy = NULL;

  if (config->width && map (fb, config))
    copy = g_try_malloc0 ((size_t) config->row * config->height);
  else if (config->width)
    refuse (fb, config);
  if (!copy) {
    switch_off (fb);
    return;
  }
  g_free (fb->copy);
  fb->copy = copy;
  fb->config = *config;
}

/* Takes the configuration over if there is another; true when it was. */
static bool
take_config (DioRamfb *fb)
{
  pthread_mutex_lock (&fb->wanted_lock);
  bool changed = fb->changed;
  Config config = fb->wanted;
  fb->changed = false;
  pthread_mutex_unlock (&fb->wanted_lock);
  if (changed)
    set_config (fb, &config);
  return changed;
}

static void
tick_cb (void *data)
{
  DioRamfb *fb = data;
  DioMachine *machine = fb->sys.dev.machine;
  bool whole = take_config (fb);
  uint32_t first = 0, last = 0;

  if (fb->config.width == 0)
    return;
  bool found = look (fb, map (fb, &fb->config), &first, &last);
  if (whole)
    show (fb, 0, fb->config.height - 1);
  else if (found)
    show (fb, first, last);
  dio_timer_set (fb->timer,
                 dio_clock_now (machine->clock)
                     + PERIOD_NS * (int64_t) (1 + span (&fb->config) / BYTES_PER_PERIOD));
}

/* ---- The device ---- */

void
dio_ramfb_connect (DioDevice *ramfb, DioDevice *fw_cfg)
{
  dio_fw_cfg_set_writable (fw_cfg, FILE_NAME, sizeof (WireConfig), written_cb, ramfb);
}

static bool
ramfb_realize (DioDevice *dev, GError **error)
{
  DioRamfb *fb = (DioRamfb *) dev;

  pthread_mutex_init (&fb->wanted_lock, NULL);
  fb->timer = dio_timer_new (dev->machine->loop, dev->machine->clock, tick_cb, fb);
  return true;
}

/* fw_cfg forgets what was written, and says so. */
static void
ramfb_reset (DioDevice *dev)
{
}

/* All of it is in fw_cfg's. */
static void
ramfb_state (DioDevice *dev, DioVisitor *visitor)
{
}

static void
ramfb_finalize (DioDevice *dev)
{
  DioRamfb *fb = (DioRamfb *) dev;

  if (fb->timer) {
    g_clear_pointer (&fb->timer, dio_timer_free);
    pthread_mutex_destroy (&fb->wanted_lock);
  }
  switch_off (fb);
  dio_system_device_finalize (&fb->sys);
}

const DioDeviceType dio_ramfb_type = {
  .id = "ramfb",
  .title = N_ ("Framebuffer in memory"),
  .description = N_ ("A display for firmware and systems without a driver for another one."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioRamfb),
  .realize = ramfb_realize,
  .reset = ramfb_reset,
  .state = ramfb_state,
  .state_version = 1,
  .finalize = ramfb_finalize,
};
