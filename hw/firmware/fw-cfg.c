/* SPDX-License-Identifier: GPL-3.0-or-later
 * The firmware configuration device. What the guest selects is looked up when it is read, never
 * kept as a pointer; behind the end of an item, and of items that are not there, are zeros. */
#include "hw/firmware/fw-cfg.h"

#include <libfdt.h>
#include <string.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/system-device.h"

#define FIRST_FILE 0x20
#define MAX_FILES 64
#define ITEMS (FIRST_FILE + MAX_FILES)
#define NAME_SIZE 56
#define WRITABLE_MAX 4096u /* bytes of a file that the guest may write */

/* Zeros that one request may ask for behind the end of an item. */
#define PADDING_MAX (UINT32_C (16) << 20)

enum {
  REG_DATA = 0,
  REG_SELECTOR = 8,
  REG_DMA_HIGH = 16,
  REG_DMA_LOW = 20,
};

enum {
  FEATURE_TRADITIONAL = 1 << 0,
  FEATURE_DMA = 1 << 1,
};

enum {
  DMA_ERROR = 1 << 0,
  DMA_READ = 1 << 1,
  DMA_SKIP = 1 << 2,
  DMA_SELECT = 1 << 3,
  DMA_WRITE = 1 << 4,
};

/* Bits of the number that is selected which say something else. */
#define SELECTOR_MASK 0x3fff

/* What the DMA register reads as, which tells that there is DMA. */
#define DMA_SIGNATURE UINT64_C (0x51454d5520434647) /* "QEMU CFG" */

typedef struct {
  GBytes *contents;  /* NULL: none */
  uint8_t *writable; /* instead */
  size_t size;
  DioFwCfgWritten written;
  void *opaque;
} Item;

typedef struct {
  DioSystemDevice sys;
  Item items[ITEMS];
  char *names[MAX_FILES];
  unsigned n_files;

  uint16_t selected;
  uint64_t offset; /* into the item; may be behind its end */
  uint32_t dma_high;
} DioFwCfg;

/* A request in guest memory; big-endian there. */
typedef struct {
  uint32_t control, length;
  uint64_t address;
} DmaRequest;

/* ---- Items ---- */

static void
clear_item (Item *item)
{
  g_clear_pointer (&item->contents, g_bytes_unref);
  g_clear_pointer (&item->writable, g_free);
  *item = (Item){ 0 };
}

static void
set_contents (Item *item, GBytes *contents)
{
  GBytes *kept = g_bytes_ref (contents);

  clear_item (item);
  item->contents = kept;
  item->size = g_bytes_get_size (contents);
}

/* The bytes of the selected item from the present place on. */
static const uint8_t *
selected_bytes (DioFwCfg *cfg, size_t *length)
{
  unsigned key = cfg->selected & SELECTOR_MASK;
  const Item *item = key < ITEMS ? &cfg->items[key] : NULL;

  *length = 0;
  if (!item || cfg->offset >= item->size)
    return NULL;
  *length = item->size - cfg->offset;
  const uint8_t *bytes = item->writable ? item->writable : g_bytes_get_data (item->contents, NULL);
  return bytes + cfg->offset;
}

static void
append_be (GByteArray *array, uint64_t value, unsigned size)
{
  uint64_t bytes = GUINT64_TO_BE (value << (64 - 8 * size));
  g_byte_array_append (array, (const guint8 *) &bytes, size);
}

static void
build_directory (DioFwCfg *cfg)
{
  GByteArray *array = g_byte_array_new ();

  append_be (array, cfg->n_files, 4);
  for (unsigned i = 0; i < cfg->n_files; i++) {
    char name[NAME_SIZE] = { 0 };
    append_be (array, cfg->items[FIRST_FILE + i].size, 4);
    append_be (array, FIRST_FILE + i, 2);
    append_be (array, 0, 2);
    g_strlcpy (name, cfg->names[i], sizeof name);
    g_byte_array_append (array, (const guint8 *) name, sizeof name);
  }
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (array);
  set_contents (&cfg->items[DIO_FW_CFG_DIRECTORY], bytes);
}

static Item *
find_file (DioFwCfg *cfg, const char *name)
{
  for (unsigned i = 0; i < cfg->n_files; i++)
    if (strcmp (cfg->names[i], name) == 0)
      return &cfg->items[FIRST_FILE + i];
  if (cfg->n_files == MAX_FILES)
    return NULL;
  cfg->names[cfg->n_files] = g_strdup (name);
  return &cfg->items[FIRST_FILE + cfg->n_files++];
}

void
dio_fw_cfg_set_item (DioDevice *dev, unsigned key, GBytes *contents)
{
  g_return_if_fail (key < FIRST_FILE);
  set_contents (&((DioFwCfg *) dev)->items[key], contents);
}

void
dio_fw_cfg_set_number (DioDevice *dev, unsigned key, uint64_t value, unsigned size)
{
  uint64_t bytes = GUINT64_TO_LE (value);
  g_autoptr (GBytes) contents = g_bytes_new (&bytes, size);

  dio_fw_cfg_set_item (dev, key, contents);
}

void
dio_fw_cfg_set_file (DioDevice *dev, const char *name, GBytes *contents)
{
  DioFwCfg *cfg = (DioFwCfg *) dev;
  Item *item = find_file (cfg, name);

  g_return_if_fail (item && strlen (name) < NAME_SIZE);
  set_contents (item, contents);
  build_directory (cfg);
}

void
dio_fw_cfg_set_writable (DioDevice *dev, const char *name, size_t size, DioFwCfgWritten written,
                         void *opaque)
{
  DioFwCfg *cfg = (DioFwCfg *) dev;
  Item *item = find_file (cfg, name);

  g_return_if_fail (item && strlen (name) < NAME_SIZE && size <= WRITABLE_MAX);
  clear_item (item);
  *item =
      (Item){ .writable = g_malloc0 (size), .size = size, .written = written, .opaque = opaque };
  build_directory (cfg);
}

/* ---- Reading by bytes ---- */

static void
select_item (DioFwCfg *cfg, uint16_t key)
{
  cfg->selected = key;
  cfg->offset = 0;
}

/* The first byte is that of the lowest address. */
static uint64_t
read_data (DioFwCfg *cfg, unsigned size)
{
  size_t length;
  const uint8_t *bytes = selected_bytes (cfg, &length);
  uint64_t value = 0;

  for (unsigned i = 0; i < size && i < length; i++)
    value |= (uint64_t) bytes[i] << 8 * i;
  cfg->offset += MIN (size, length);
  return value;
}

/* ---- DMA ---- */

static bool
write_zeros (DioFwCfg *cfg, DioGpa address, uint32_t length)
{
  static const uint8_t zeros[4096];

  if (length > PADDING_MAX)
    return false;
  for (uint32_t done = 0; done < length; done += sizeof zeros)
    if (!dio_dma_write (cfg->sys.dev.machine->space, address + done, zeros,
                        MIN (sizeof zeros, length - done)))
      return false;
  return true;
}

static bool
dma_read (DioFwCfg *cfg, const DmaRequest *request)
{
  size_t length;
  const uint8_t *bytes = selected_bytes (cfg, &length);
  uint32_t count = (uint32_t) MIN (request->length, length);

  if (count && !dio_dma_write (cfg->sys.dev.machine->space, request->address, bytes, count))
    return false;
  cfg->offset += count;
  return write_zeros (cfg, request->address + count, request->length - count);
}

static bool
dma_write (DioFwCfg *cfg, const DmaRequest *request)
{
  unsigned key = cfg->selected & SELECTOR_MASK;
  Item *item = key < ITEMS ? &cfg->items[key] : NULL;
  uint8_t copy[WRITABLE_MAX];

  if (!item || !item->writable || cfg->offset > item->size
      || request->length > item->size - cfg->offset
      || !dio_dma_read (cfg->sys.dev.machine->space, request->address, copy, request->length))
    return false;
  memcpy (item->writable + cfg->offset, copy, request->length);
  cfg->offset += request->length;
  if (item->written)
    item->written (item->opaque, item->writable, item->size);
  return true;
}

static void
dma_skip (DioFwCfg *cfg, uint32_t length)
{
  size_t left;

  selected_bytes (cfg, &left);
  cfg->offset += MIN (length, left);
}

static bool
carry_out (DioFwCfg *cfg, const DmaRequest *request)
{
  if (request->control & DMA_SELECT)
    select_item (cfg, (uint16_t) (request->control >> 16));
  if (request->control & DMA_READ)
    return dma_read (cfg, request);
  if (request->control & DMA_WRITE)
    return dma_write (cfg, request);
  if (request->control & DMA_SKIP)
    dma_skip (cfg, request->length);
  return true;
}

static void
run_dma (DioFwCfg *cfg, DioGpa address)
{
  DioSpace *space = cfg->sys.dev.machine->space;
  DmaRequest request;
  uint32_t result;

  if (!dio_dma_read (space, address, &request, sizeof request)) {
    dio_device_guest_error (&cfg->sys.dev, "no request at 0x%" G_GINT64_MODIFIER "x", address);
    return;
  }
  request.control = GUINT32_FROM_BE (request.control);
  request.length = GUINT32_FROM_BE (request.length);
  request.address = GUINT64_FROM_BE (request.address);
  bool done = carry_out (cfg, &request);
  if (!done)
    dio_device_guest_error (&cfg->sys.dev, "item 0x%x: request 0x%x of %u bytes failed",
                            cfg->selected, request.control, request.length);
  result = GUINT32_TO_BE (done ? 0 : DMA_ERROR);
  dio_dma_write (space, address, &result, sizeof result);
}

/* ---- Registers ---- */

/* A part of a big-endian register of eight bytes, as the little-endian guest reads it. */
static uint64_t
part_of (uint64_t value, uint64_t offset, unsigned size)
{
  uint64_t swapped = GUINT64_SWAP_LE_BE (value) >> 8 * offset;
  return size == 8 ? swapped : swapped & ((UINT64_C (1) << 8 * size) - 1);
}

static uint64_t
fw_cfg_read (void *opaque, uint64_t offset, unsigned size)
{
  DioFwCfg *cfg = opaque;

  if (offset < REG_SELECTOR)
    return read_data (cfg, size);
  if (offset >= REG_DMA_HIGH)
    return part_of (DMA_SIGNATURE, offset - REG_DMA_HIGH, size);
  return 0;
}

static void
write_dma (DioFwCfg *cfg, uint64_t offset, uint64_t value, unsigned size)
{
  if (offset == REG_DMA_HIGH && size == 8) {
    cfg->dma_high = 0;
    run_dma (cfg, GUINT64_SWAP_LE_BE (value));
  } else if (offset == REG_DMA_HIGH && size == 4) {
    cfg->dma_high = GUINT32_SWAP_LE_BE ((uint32_t) value);
  } else if (offset == REG_DMA_LOW && size == 4) {
    DioGpa address = (uint64_t) cfg->dma_high << 32 | GUINT32_SWAP_LE_BE ((uint32_t) value);
    cfg->dma_high = 0;
    run_dma (cfg, address);
  }
}

static void
fw_cfg_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioFwCfg *cfg = opaque;

  if (offset == REG_SELECTOR && size == 2)
    select_item (cfg, GUINT16_SWAP_LE_BE ((uint16_t) value));
  else if (offset >= REG_DMA_HIGH)
    write_dma (cfg, offset, value, size);
  else
    dio_device_guest_error (&cfg->sys.dev, "write at 0x%x", (unsigned) offset);
}

static const DioRegionOps fw_cfg_ops = {
  .read = fw_cfg_read,
  .write = fw_cfg_write,
  .min_access = 1,
  .max_access = 8,
};

/* ---- The device ---- */

static bool
fw_cfg_realize (DioDevice *dev, GError **error)
{
  DioFwCfg *cfg = (DioFwCfg *) dev;
  g_autoptr (GBytes) signature = g_bytes_new_static ("QEMU", 4);

  dio_system_device_add_region (&cfg->sys, "fw-cfg", &fw_cfg_ops, DIO_FW_CFG_SIZE, true);
  dio_fw_cfg_set_item (dev, DIO_FW_CFG_SIGNATURE, signature);
  dio_fw_cfg_set_number (dev, DIO_FW_CFG_FEATURES, FEATURE_TRADITIONAL | FEATURE_DMA, 4);
  dio_fw_cfg_set_number (dev, DIO_FW_CFG_CPUS, dev->machine->n_cpus, 2);
  dio_fw_cfg_set_number (dev, DIO_FW_CFG_MAX_CPUS, dev->machine->n_cpus, 2);
  build_directory (cfg);
  return true;
}

static void
tell_written (Item *item)
{
  if (item->writable && item->written)
    item->written (item->opaque, item->writable, item->size);
}

static void
fw_cfg_reset (DioDevice *dev)
{
  DioFwCfg *cfg = (DioFwCfg *) dev;

  select_item (cfg, 0);
  cfg->dma_high = 0;
  for (unsigned i = FIRST_FILE; i < ITEMS; i++)
    if (cfg->items[i].writable) {
      memset (cfg->items[i].writable, 0, cfg->items[i].size);
      tell_written (&cfg->items[i]);
    }
}

static void
fw_cfg_state (DioDevice *dev, DioVisitor *visitor)
{
  DioFwCfg *cfg = (DioFwCfg *) dev;

  dio_visit_u16 (visitor, "selected", &cfg->selected);
  dio_visit_u64 (visitor, "offset", &cfg->offset);
  dio_visit_u32 (visitor, "dma-high", &cfg->dma_high);
  for (unsigned i = FIRST_FILE; i < ITEMS; i++)
    if (cfg->items[i].writable)
      dio_visit_bytes (visitor, "file", cfg->items[i].writable, cfg->items[i].size);
  if (!dio_visitor_is_loading (visitor) || dio_visitor_failed (visitor))
    return;
  for (unsigned i = FIRST_FILE; i < ITEMS; i++)
    tell_written (&cfg->items[i]);
}

static void
fw_cfg_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "qemu,fw-cfg-mmio";

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "fw-cfg", compatible,
                                    sizeof compatible);
  fdt_property (fdt, "dma-coherent", NULL, 0);
  fdt_end_node (fdt);
}

static void
fw_cfg_finalize (DioDevice *dev)
{
  DioFwCfg *cfg = (DioFwCfg *) dev;

  dio_system_device_finalize (&cfg->sys);
  for (unsigned i = 0; i < ITEMS; i++)
    clear_item (&cfg->items[i]);
  for (unsigned i = 0; i < cfg->n_files; i++)
    g_free (cfg->names[i]);
}

const DioDeviceType dio_fw_cfg_type = {
  .id = "fw-cfg",
  .title = N_ ("Firmware configuration"),
  .description = N_ ("Tells the firmware what the machine is made of."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioFwCfg),
  .realize = fw_cfg_realize,
  .reset = fw_cfg_reset,
  .state = fw_cfg_state,
  .state_version = 1,
  .finalize = fw_cfg_finalize,
  .describe_fdt = fw_cfg_describe_fdt,
};
