/* SPDX-License-Identifier: GPL-3.0-or-later
 * The firmware configuration device ("qemu,fw-cfg-mmio"): numbered items and named files that
 * firmware reads, by bytes or by DMA. Everything in it is there from the time the machine is built,
 * as a machine that starts from a snapshot finds it again. */
#pragma once

#include "core/vm/vm-device.h"

#define DIO_FW_CFG_SIZE UINT64_C (0x18)

/* Numbers of items that firmware for arm64 and riscv64 asks for. */
enum {
  DIO_FW_CFG_SIGNATURE = 0x00,
  DIO_FW_CFG_FEATURES = 0x01,
  DIO_FW_CFG_CPUS = 0x05,
  DIO_FW_CFG_KERNEL_SIZE = 0x08,
  DIO_FW_CFG_INITRD_SIZE = 0x0b,
  DIO_FW_CFG_BOOT_MENU = 0x0e,
  DIO_FW_CFG_MAX_CPUS = 0x0f,
  DIO_FW_CFG_KERNEL = 0x11,
  DIO_FW_CFG_INITRD = 0x12,
  DIO_FW_CFG_COMMAND_LINE_SIZE = 0x14,
  DIO_FW_CFG_COMMAND_LINE = 0x15,
  DIO_FW_CFG_DIRECTORY = 0x19,
};

extern const DioDeviceType dio_fw_cfg_type;

/* The contents of item @key, or of the file @name (at most 55 bytes); replaces what was there. Up
 * to 64 files. After attach, before the machine starts. */
void dio_fw_cfg_set_item (DioDevice *dev, unsigned key, GBytes *contents);
void dio_fw_cfg_set_number (DioDevice *dev, unsigned key, uint64_t value, unsigned size);
void dio_fw_cfg_set_file (DioDevice *dev, const char *name, GBytes *contents);

/* What the guest has written to a file: all @size bytes of it. From vCPU threads with @dev's lock
 * held, and when loading. */
typedef void (*DioFwCfgWritten) (void *opaque, const uint8_t *data, size_t size);

/* A file of @size zeros that the guest may write. */
void dio_fw_cfg_set_writable (DioDevice *dev, const char *name, size_t size,
                              DioFwCfgWritten written, void *opaque);
