/* SPDX-License-Identifier: GPL-3.0-or-later
 * The flash as the guest sees it: commands, status, queries (JEDEC JEP137, Intel P30). */
#include "hw/firmware/flash.h"

#include <libfdt.h>
#include <string.h>

#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/firmware/flash-private.h"

enum {
  COMMAND_PROGRAM_ALTERNATE = 0x10,
  COMMAND_ERASE = 0x20,
  COMMAND_PROGRAM = 0x40,
  COMMAND_CLEAR_STATUS = 0x50,
  COMMAND_LOCK = 0x60,
  COMMAND_READ_STATUS = 0x70,
  COMMAND_READ_ID = 0x90,
  COMMAND_QUERY = 0x98,
  COMMAND_CONFIRM = 0xd0,
  COMMAND_BUFFERED_PROGRAM = 0xe8,
  COMMAND_READ_ARRAY = 0xff,

  LOCK_SET = 0x01,
  LOCK_CLEAR = COMMAND_CONFIRM,
};

enum {
  STATUS_READY = 0x80,
  STATUS_ERASE_ERROR = 0x20,
  STATUS_PROGRAM_ERROR = 0x10,
  STATUS_SEQUENCE_ERROR = STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR,
};

/* Of each of the two chips. */
enum {
  ID_MANUFACTURER = 0x89,
  ID_DEVICE = 0x18,
  CHIPS = 2,
};

/* ---- The array ---- */

void
dio_flash_erase_sector (DioFlash *flash, uint64_t offset)
{
  g_clear_pointer (&flash->sectors[offset / DIO_FLASH_SECTOR], g_free);
}

static uint8_t *
writable_sector (DioFlash *flash, uint64_t offset)
{
  uint8_t **sector = &flash->sectors[offset / DIO_FLASH_SECTOR];

  if (!*sector) {
    *sector = g_try_malloc (DIO_FLASH_SECTOR);
    if (*sector)
      memset (*sector, 0xff, DIO_FLASH_SECTOR);
  }
  return *sector;
}

bool
dio_flash_program (DioFlash *flash, uint64_t offset, const uint8_t *data, unsigned size)
{
  uint8_t *sector = writable_sector (flash, offset);

  if (!sector)
    return false;
  for (unsigned i = 0; i < size; i++)
    sector[offset % DIO_FLASH_SECTOR + i] &= data[i];
  return true;
}

/* ---- Reading ---- */

/* The CFI tables of one chip, from offset 0x10 on. */
static uint8_t
query_byte (const DioFlash *flash, uint64_t index)
{
  unsigned blocks = (unsigned) (flash->size / DIO_FLASH_SECTOR);
  unsigned chip_sector = DIO_FLASH_SECTOR / CHIPS / 256;
  // clang-format off
  const uint8_t table[] = {
    'Q', 'R', 'Y',
    0x01, 0x00,             /* Intel's extended command set */
    0x31, 0x00,             /* its table */
    0x00, 0x00, 0x00, 0x00, /* no other */
    0x45, 0x55, 0x00, 0x00, /* supply from 4.5 to 5.5 V, no other for programming */
    0x07, 0x07, 0x0a, 0x00, /* typical times: word 2^7 us, buffer 2^7 us, erase 2^10 ms */
    0x04, 0x04, 0x04, 0x00, /* at most 2^4 times as long */
    (uint8_t) (g_bit_storage (flash->size / CHIPS) - 1),
    0x02, 0x00,             /* by 8 or 16 bits */
    (uint8_t) (g_bit_storage (DIO_FLASH_BUFFER / CHIPS) - 1), 0x00,
    0x01,                   /* one kind of sectors */
    (uint8_t) (blocks - 1), (uint8_t) ((blocks - 1) >> 8),
    (uint8_t) chip_sector, (uint8_t) (chip_sector >> 8),
    'P', 'R', 'I', '1', '0',
    0x00, 0x00, 0x00, 0x00, /* no suspending, no protection */
    0x00, 0x00, 0x00,
    0x00, 0x00,             /* supplies at their best */
    0x00,                   /* no protection registers */
  };
  // clang-format on

  return index >= 0x10 && index - 0x10 < sizeof table ? table[index - 0x10] : 0;
}

static uint8_t
id_byte (uint64_t index)
{
  switch (index & 0xff) {
  case 0:
    return ID_MANUFACTURER;
  case 1:
    return ID_DEVICE;
  default: /* locks: none */
    return 0;
  }
}

static uint64_t
read_array (const DioFlash *flash, uint64_t offset, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t) dio_flash_byte (flash, offset + i) << 8 * i;
  return value;
}

static uint64_t
flash_read (void *opaque, uint64_t offset, unsigned size)
{
  DioFlash *flash = opaque;
  uint32_t chip;

  switch (flash->read) {
  case DIO_FLASH_READ_STATUS:
    chip = flash->status;
    break;
  case DIO_FLASH_READ_ID:
    chip = id_byte (offset / 4);
    break;
  case DIO_FLASH_READ_QUERY:
    chip = query_byte (flash, offset / 4);
    break;
  default:
    return read_array (flash, offset, size);
  }
  return (uint64_t) (chip | chip << 16) >> 8 * (offset % 4);
}

/* ---- Commands ---- */

static void
expect (DioFlash *flash, DioFlashRead read, DioFlashWrite write)
{
  flash->read = read;
  flash->write = write;
}

static void
finish (DioFlash *flash, uint8_t error)
{
  flash->status |= STATUS_READY | error;
  flash->remaining = 0;
  expect (flash, DIO_FLASH_READ_STATUS, DIO_FLASH_WRITE_COMMAND);
}

static void
fail_sequence (DioFlash *flash, uint64_t value)
{
  dio_device_guest_error (&flash->sys.dev, "unexpected 0x%x", (unsigned) value);
  finish (flash, STATUS_SEQUENCE_ERROR);
}

static void
start_command (DioFlash *flash, uint64_t value)
{
  switch (value & 0xff) {
  case COMMAND_PROGRAM:
  case COMMAND_PROGRAM_ALTERNATE:
    expect (flash, DIO_FLASH_READ_STATUS, DIO_FLASH_WRITE_WORD);
    break;
  case COMMAND_ERASE:
    expect (flash, DIO_FLASH_READ_STATUS, DIO_FLASH_WRITE_ERASE);
    break;
  case COMMAND_LOCK:
    expect (flash, DIO_FLASH_READ_STATUS, DIO_FLASH_WRITE_LOCK);
    break;
  case COMMAND_BUFFERED_PROGRAM:
    flash->status |= STATUS_READY; /* of the buffer */
    expect (flash, DIO_FLASH_READ_STATUS, DIO_FLASH_WRITE_COUNT);
    break;
  case COMMAND_READ_STATUS:
    expect (flash, DIO_FLASH_READ_STATUS, DIO_FLASH_WRITE_COMMAND);
    break;
  case COMMAND_READ_ID:
    expect (flash, DIO_FLASH_READ_ID, DIO_FLASH_WRITE_COMMAND);
    break;
  case COMMAND_QUERY:
    expect (flash, DIO_FLASH_READ_QUERY, DIO_FLASH_WRITE_COMMAND);
    break;
  case COMMAND_CLEAR_STATUS:
    flash->status = STATUS_READY;
    expect (flash, DIO_FLASH_READ_ARRAY, DIO_FLASH_WRITE_COMMAND);
    break;
  default:
    dio_device_guest_error (&flash->sys.dev, "command 0x%x", (unsigned) value);
    G_GNUC_FALLTHROUGH;
  case COMMAND_READ_ARRAY:
  case 0xf0: /* what drivers of the other command set reset with */
  case 0x00:
    expect (flash, DIO_FLASH_READ_ARRAY, DIO_FLASH_WRITE_COMMAND);
    break;
  }
}

/* Whether that worked is in the status afterwards. */
static void
program (DioFlash *flash, uint64_t offset, const uint8_t *data, unsigned size)
{
  bool good = dio_flash_program (flash, offset, data, size);

  if (good)
    dio_flash_changed_locked (flash);
  finish (flash, good ? 0 : STATUS_PROGRAM_ERROR);
}

static void
program_word (DioFlash *flash, uint64_t offset, uint64_t value, unsigned size)
{
  uint64_t bytes = GUINT64_TO_LE (value);

  program (flash, offset, (const uint8_t *) &bytes, size);
}

static void
erase (DioFlash *flash, uint64_t offset, uint64_t value)
{
  if ((value & 0xff) == COMMAND_READ_ARRAY) { /* called off */
    expect (flash, DIO_FLASH_READ_ARRAY, DIO_FLASH_WRITE_COMMAND);
    return;
  }
  if ((value & 0xff) != COMMAND_CONFIRM) {
    fail_sequence (flash, value);
    return;
  }
  dio_flash_erase_sector (flash, offset);
  dio_flash_changed_locked (flash);
  finish (flash, 0);
}

/* Sectors are never locked, but drivers unlock them first. */
static void
lock_sector (DioFlash *flash, uint64_t value)
{
  switch (value & 0xff) {
  case LOCK_SET:
  case LOCK_CLEAR:
    finish (flash, 0);
    break;
  case COMMAND_READ_ARRAY:
    expect (flash, DIO_FLASH_READ_ARRAY, DIO_FLASH_WRITE_COMMAND);
    break;
  default:
    fail_sequence (flash, value);
    break;
  }
}

static void
start_buffer (DioFlash *flash, uint64_t value)
{
  uint32_t words = (uint32_t) (value & 0xffff) + 1;

  if (words > DIO_FLASH_BUFFER) {
    fail_sequence (flash, value);
    return;
  }
  memset (flash->buffer, 0xff, sizeof flash->buffer);
  flash->remaining = words;
  flash->buffer_started = false;
  flash->write = DIO_FLASH_WRITE_BUFFER;
}

static void
fill_buffer (DioFlash *flash, uint64_t offset, uint64_t value, unsigned size)
{
  uint64_t bytes = GUINT64_TO_LE (value);

  if (!flash->buffer_started) {
    flash->buffer_started = true;
    flash->buffer_base = offset - offset % DIO_FLASH_BUFFER;
  }
  if (offset - offset % DIO_FLASH_BUFFER != flash->buffer_base) {
    dio_device_guest_error (&flash->sys.dev, "data for another buffer at 0x%x", (unsigned) offset);
    finish (flash, STATUS_PROGRAM_ERROR);
    return;
  }
  memcpy (flash->buffer + offset % DIO_FLASH_BUFFER, &bytes, size);
  if (--flash->remaining == 0)
    flash->write = DIO_FLASH_WRITE_CONFIRM;
}

static void
confirm_buffer (DioFlash *flash, uint64_t value)
{
  if ((value & 0xff) != COMMAND_CONFIRM) {
    fail_sequence (flash, value);
    return;
  }
  program (flash, flash->buffer_base, flash->buffer, sizeof flash->buffer);
}

static void
flash_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioFlash *flash = opaque;

  switch (flash->write) {
  case DIO_FLASH_WRITE_COMMAND:
    start_command (flash, value);
    break;
  case DIO_FLASH_WRITE_WORD:
    program_word (flash, offset, value, size);
    break;
  case DIO_FLASH_WRITE_ERASE:
    erase (flash, offset, value);
    break;
  case DIO_FLASH_WRITE_LOCK:
    lock_sector (flash, value);
    break;
  case DIO_FLASH_WRITE_COUNT:
    start_buffer (flash, value);
    break;
  case DIO_FLASH_WRITE_BUFFER:
    fill_buffer (flash, offset, value, size);
    break;
  case DIO_FLASH_WRITE_CONFIRM:
    confirm_buffer (flash, value);
    break;
  }
}

static const DioRegionOps flash_ops = {
  .read = flash_read,
  .write = flash_write,
  .min_access = 1,
  .max_access = 4,
};

/* ---- The device ---- */

static bool
flash_realize (DioDevice *dev, GError **error)
{
  DioFlash *flash = (DioFlash *) dev;

  flash->size &= ~(DIO_FLASH_SECTOR - 1); /* the least that the property takes is one */
  dio_system_device_add_region (&flash->sys, "cfi-flash", &flash_ops, flash->size, true);
  pthread_cond_init (&flash->idle, NULL);
  return true;
}

/* The contents stay, of course. */
static void
flash_reset (DioDevice *dev)
{
  DioFlash *flash = (DioFlash *) dev;

  flash->status = STATUS_READY;
  flash->remaining = 0;
  flash->buffer_started = false;
  flash->buffer_base = 0;
  memset (flash->buffer, 0xff, sizeof flash->buffer);
  expect (flash, DIO_FLASH_READ_ARRAY, DIO_FLASH_WRITE_COMMAND);
}

static void
free_sectors (uint8_t **sectors)
{
  for (unsigned i = 0; i < DIO_FLASH_SECTORS; i++)
    g_clear_pointer (&sectors[i], g_free);
}

static void
save_sectors (DioFlash *flash, DioVisitor *visitor)
{
  for (unsigned i = 0; i < flash->size / DIO_FLASH_SECTOR; i++) {
    bool used = flash->sectors[i] != NULL;

    dio_visit_bool (visitor, "sector", &used);
    if (used)
      dio_visit_bytes (visitor, "bytes", flash->sectors[i], DIO_FLASH_SECTOR);
  }
}

/* All or, if what is loaded is damaged, nothing: the file behind the flash must not suffer. */
static void
load_sectors (DioFlash *flash, DioVisitor *visitor)
{
  uint8_t *loaded[DIO_FLASH_SECTORS] = { 0 };

  for (unsigned i = 0; i < flash->size / DIO_FLASH_SECTOR; i++) {
    bool used = false;

    dio_visit_bool (visitor, "sector", &used);
    if (!used)
      continue;
    loaded[i] = g_try_malloc0 (DIO_FLASH_SECTOR);
    if (!loaded[i]) {
      dio_visitor_fail_memory (visitor);
      break;
    }
    dio_visit_bytes (visitor, "bytes", loaded[i], DIO_FLASH_SECTOR);
  }
  if (dio_visitor_failed (visitor)) {
    free_sectors (loaded);
    return;
  }
  free_sectors (flash->sectors);
  memcpy (flash->sectors, loaded, sizeof loaded);
  flash->loaded = true;
}

static bool
is_possible (const DioFlash *flash)
{
  return flash->read < DIO_FLASH_N_READS && flash->write < DIO_FLASH_N_WRITES
         && flash->remaining <= DIO_FLASH_BUFFER
         && (flash->remaining > 0) == (flash->write == DIO_FLASH_WRITE_BUFFER)
         && flash->buffer_base < flash->size && flash->buffer_base % DIO_FLASH_BUFFER == 0;
}

static void
flash_state (DioDevice *dev, DioVisitor *visitor)
{
  DioFlash *flash = (DioFlash *) dev;

  dio_visit_u32 (visitor, "read", &flash->read);
  dio_visit_u32 (visitor, "write", &flash->write);
  dio_visit_u8 (visitor, "status", &flash->status);
  dio_visit_u32 (visitor, "remaining", &flash->remaining);
  dio_visit_bool (visitor, "buffer-started", &flash->buffer_started);
  dio_visit_u64 (visitor, "buffer-base", &flash->buffer_base);
  dio_visit_bytes (visitor, "buffer", flash->buffer, sizeof flash->buffer);
  if (!dio_visitor_is_loading (visitor)) {
    save_sectors (flash, visitor);
    return;
  }
  if (!is_possible (flash)) {
    flash_reset (dev);
    dio_visitor_fail (visitor, "impossible state of a flash");
  }
  if (!dio_visitor_failed (visitor))
    load_sectors (flash, visitor);
}

/* Only now is it certain that the machine goes on from what was loaded. */
static void
flash_resume (DioDevice *dev)
{
  DioFlash *flash = (DioFlash *) dev;

  pthread_mutex_lock (&dev->lock);
  bool loaded = flash->loaded;
  flash->loaded = false;
  if (loaded)
    dio_flash_changed_locked (flash);
  pthread_mutex_unlock (&dev->lock);
}

static void
flash_drain (DioDevice *dev)
{
  dio_flash_flush (dev,
                   NULL); /* a failure was told by the worker, and the next change tries again */
}

static void
flash_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "cfi-flash";

  dio_system_device_begin_fdt_node ((DioSystemDevice *) dev, fdt, "flash", compatible,
                                    sizeof compatible);
  fdt_property_u32 (fdt, "bank-width", 4);
  fdt_end_node (fdt);
}

static void
flash_finalize (DioDevice *dev)
{
  DioFlash *flash = (DioFlash *) dev;

  dio_system_device_finalize (&flash->sys);
  dio_flash_flush (dev, NULL);
  pthread_cond_destroy (&flash->idle);
  free_sectors (flash->sectors);
  g_free (flash->path);
}

static const DioProperty flash_properties[] = {
  {
      .name = "size",
      .title = N_ ("Size"),
      .kind = DIO_PROPERTY_UINT,
      .minimum = DIO_FLASH_SECTOR,
      .maximum = DIO_FLASH_MAX_SIZE,
      .initial = DIO_FLASH_DEFAULT_SIZE,
      .offset = offsetof (DioFlash, size),
  },
  { 0 },
};

const DioDeviceType dio_cfi_flash_type = {
  .id = "cfi-flash",
  .title = N_ ("Firmware flash"),
  .description = N_ ("Keeps the settings of the firmware."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioFlash),
  .properties = flash_properties,
  .realize = flash_realize,
  .reset = flash_reset,
  .state = flash_state,
  .state_version = 1,
  .drain = flash_drain,
  .resume = flash_resume,
  .settle = dio_flash_flush,
  .finalize = flash_finalize,
  .describe_fdt = flash_describe_fdt,
};
