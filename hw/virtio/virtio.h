/* SPDX-License-Identifier: GPL-3.0-or-later
 * The virtio device types, for boards: make with dio_device_new(), give the host side below, plug
 * into a PCI bus, attach. Display and input devices take their host sides from the machine. */
#pragma once

#include "core/backend/block/block.h"
#include "core/backend/backend-char.h"
#include "core/vm/vm-device.h"

extern const DioDeviceType dio_virtio_blk_type;
extern const DioDeviceType dio_virtio_console_type;
extern const DioDeviceType dio_virtio_gpu_type;
extern const DioDeviceType dio_virtio_keyboard_type;
extern const DioDeviceType dio_virtio_rng_type;
extern const DioDeviceType dio_virtio_scsi_type;
extern const DioDeviceType dio_virtio_serial_type;
extern const DioDeviceType dio_virtio_tablet_type;

/* The disk image of a virtio-blk, before attach; the device owns it and frees it. Without one the
 * device is an empty disk. */
void dio_virtio_blk_set_block (DioDevice *dev, DioBlock *block);

/* A CD-ROM drive with the disc @block, as the next target of a virtio-scsi, before attach; the
 * device owns the block and frees it. NULL: an empty drive. False, and @block is still the
 * caller's: there are as many as can be. */
#define DIO_VIRTIO_SCSI_MAX_DRIVES 16
bool dio_virtio_scsi_add_cdrom (DioDevice *dev, DioBlock *block);
unsigned dio_virtio_scsi_count_drives (DioDevice *dev);

/* The host side of a virtio-console, before attach; borrowed, outlives the device. */
void dio_virtio_console_set_char (DioDevice *dev, DioChar *chr);

/* The same of the guest agent's port of a virtio-serial. */
void dio_virtio_serial_set_agent (DioDevice *dev, DioChar *chr);
