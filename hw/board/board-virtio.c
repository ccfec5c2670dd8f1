/* SPDX-License-Identifier: GPL-3.0-or-later
 * The virtio devices that every standard board has. */
#include "hw/board/board-virtio.h"

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-machine.h"
#include "hw/hw.h"
#include "hw/virtio/virtio.h"

const DioDeviceType *
dio_board_find_type (DioMachine *machine, const char *id, GError **error)
{
  const DioDeviceType *type = dio_hw_find_device (machine->host.devices, id);

  if (!type)
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("This build of Diorama has no device “%s”, which the machine needs"), id);
  return type;
}

/* A new device in the bus's next slot, not attached yet, or NULL. */
static DioDevice *
plug (DioMachine *machine, DioPciBus *bus, const char *id, const char *name, GError **error)
{
  const DioDeviceType *type = dio_board_find_type (machine, id, error);
  DioDevice *dev = type ? dio_device_new (type, name) : NULL;

  if (dev && !dio_pci_bus_plug (bus, (DioPciDevice *) dev, -1, error))
    g_clear_pointer (&dev, dio_device_free);
  return dev;
}

/* The disk of a configuration, which the machine knows by its place from then on. */
static DioBlock *
open_disk (DioMachine *machine, unsigned index, GError **error)
{
  const DioDiskConfig *disk = g_ptr_array_index (machine->config->disks, index);
  DioBlockNode *node = dio_disk_config_open (disk, dio_files_host (), 0, error);

  if (!node)
    return NULL;
  DioBlock *block = dio_block_new (node, machine->loop, machine->host.pool);
  dio_block_set_limits (block, &disk->limits);
  return block;
}

static bool
add_disk (DioMachine *machine, DioPciBus *bus, unsigned index, GError **error)
{
  g_autofree char *name = g_strdup_printf ("disk%u", index);
  DioBlock *block = open_disk (machine, index, error);

  if (!block)
    return false;
  DioDevice *dev = plug (machine, bus, "virtio-blk", name, error);
  if (!dev) {
    dio_block_free (block);
    return false;
  }
  dio_virtio_blk_set_block (dev, block);
  g_ptr_array_add (machine->disks, block);
  return dio_device_attach (dev, machine, error);
}

static bool
add_disc (DioMachine *machine, DioDevice *drives, unsigned index, GError **error)
{
  DioBlock *block = open_disk (machine, index, error);

  if (!block)
    return false;
  if (!dio_virtio_scsi_add_cdrom (drives, block)) {
    dio_block_free (block);
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A machine can have at most %d CD-ROM drives"), DIO_VIRTIO_SCSI_MAX_DRIVES);
    return false;
  }
  g_ptr_array_add (machine->disks, block);
  return true;
}

static bool
is_disc (const DioMachine *machine, unsigned index)
{
  return ((const DioDiskConfig *) g_ptr_array_index (machine->config->disks, index))->cdrom;
}

/* One adapter for all, made with the first. It is given its slot when all else has one. */
static bool
add_storage (DioMachine *machine, DioPciBus *bus, DioDevice **drives, GError **error)
{
  const DioDeviceType *type = dio_board_find_type (machine, "virtio-scsi", error);
  const GPtrArray *disks = machine->config->disks;

  for (unsigned i = 0; type && disks && i < disks->len; i++) {
    if (is_disc (machine, i) && !*drives)
      *drives = dio_device_new (type, "cdrom");
    if (!(is_disc (machine, i) ? add_disc (machine, *drives, i, error)
                               : add_disk (machine, bus, i, error)))
      return false;
  }
  return type;
}

/* Behind all disks: states of machines without it have every other device where it is now. */
static bool
add_serial (DioMachine *machine, DioPciBus *bus, GError **error)
{
  DioDevice *dev = plug (machine, bus, "virtio-serial", "serial", error);

  if (!dev)
    return false;
  dio_virtio_serial_set_agent (dev, machine->host.agent);
  return dio_device_attach (dev, machine, error);
}

bool
dio_board_add_virtio (DioMachine *machine, DioPciBus *bus, GError **error)
{
  static const struct {
    const char *id, *name;
  } plain[] = {
    { "virtio-gpu", "display" }, { "virtio-keyboard", "keyboard" }, { "virtio-tablet", "tablet" },
    { "virtio-rng", "rng" },     { "virtio-console", "console" },
  };
  DioDevice *drives = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (plain); i++) {
    if (i == 0 && machine->config->graphics != DIO_GRAPHICS_VIRTIO)
      continue;
    DioDevice *dev = plug (machine, bus, plain[i].id, plain[i].name, error);
    if (!dev || !dio_device_attach (dev, machine, error))
      return false;
  }
  bool added = add_storage (machine, bus, &drives, error) && add_serial (machine, bus, error);
  if (!drives)
    return added;
  if (added && dio_pci_bus_plug (bus, (DioPciDevice *) drives, -1, error))
    return dio_device_attach (drives, machine, error);
  dio_device_free (drives);
  return false;
}
