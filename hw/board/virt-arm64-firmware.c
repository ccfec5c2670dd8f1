/* SPDX-License-Identifier: GPL-3.0-or-later
 * Firmware on the arm64 board: the ROM it runs from, the flash of its variables, and fw_cfg, which
 * tells it what to start. Where it expects these is QEMU's map (EDK II, ArmVirtQemu). */
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/boot/boot-image.h"
#include "core/boot/boot-kernel.h"
#include "core/boot/boot-uefi.h"
#include "hw/board/board-system.h"
#include "hw/board/board-virtio.h"
#include "hw/board/virt-arm64-private.h"
#include "hw/display/ramfb.h"
#include "hw/firmware/flash.h"
#include "hw/firmware/fw-cfg.h"
#include "hw/firmware/uefi-variables.h"
#include "hw/pci/pci-device.h"
#include "hw/virtio/virtio.h"

#define MENU_WAIT_MS 2000

bool
dio_virt_arm64_has_firmware (const DioMachineConfig *config)
{
  return config->firmware || !config->kernel;
}

/* ---- What it is told ---- */

static void
set_sized (DioDevice *cfg, unsigned key, unsigned size_key, GBytes *contents)
{
  dio_fw_cfg_set_item (cfg, key, contents);
  dio_fw_cfg_set_number (cfg, size_key, g_bytes_get_size (contents), 4);
}

/* The kernel that the firmware starts instead of looking for a system on the disks. */
static bool
offer_kernel (const DioMachineConfig *config, DioDevice *cfg, GError **error)
{
  g_autoptr (GBytes) kernel = dio_boot_read_kernel (config->arch, config->kernel, error);

  if (!kernel)
    return false;
  set_sized (cfg, DIO_FW_CFG_KERNEL, DIO_FW_CFG_KERNEL_SIZE, kernel);
  if (config->append) {
    g_autoptr (GBytes) line = g_bytes_new (config->append, strlen (config->append) + 1);
    set_sized (cfg, DIO_FW_CFG_COMMAND_LINE, DIO_FW_CFG_COMMAND_LINE_SIZE, line);
  }
  if (!config->initrd)
    return true;
  g_autoptr (GBytes) initrd = dio_boot_read_initrd (config->initrd, error);
  if (initrd)
    set_sized (cfg, DIO_FW_CFG_INITRD, DIO_FW_CFG_INITRD_SIZE, initrd);
  return initrd;
}

/* How long it waits for a key that leads to its menu. */
static void
set_menu_wait (DioDevice *cfg)
{
  const uint16_t wait = GUINT16_TO_LE (MENU_WAIT_MS);
  g_autoptr (GBytes) bytes = g_bytes_new (&wait, sizeof wait);

  dio_fw_cfg_set_number (cfg, DIO_FW_CFG_BOOT_MENU, 1, 2);
  dio_fw_cfg_set_file (cfg, "etc/boot-menu-wait", bytes);
}

/* Without it a disk that came later would be tried behind the shell, as new entries go to the end.
 * The paths are those of Open Firmware, of which EDK II knows these. */
void
dio_virt_arm64_offer_disks (DioMachine *machine, DioVirtArm64 *virt)
{
  g_autoptr (GString) order = g_string_new (NULL);

  for (guint i = 0; i < machine->devices->len; i++) {
    DioDevice *dev = g_ptr_array_index (machine->devices, i);
    if (g_str_equal (dev->type->id, "virtio-blk"))
      g_string_append_printf (order, "/pci@i0cf8/scsi@%x/disk@0,0\n", ((DioPciDevice *) dev)->slot);
    else if (g_str_equal (dev->type->id, "virtio-scsi"))
      for (unsigned t = 0; t < dio_virtio_scsi_count_drives (dev); t++)
        g_string_append_printf (order, "/pci@i0cf8/scsi@%x/channel@0/disk@%x,0\n",
                                ((DioPciDevice *) dev)->slot, t);
  }
  if (!order->len)
    return;
  g_autoptr (GBytes) bytes = g_bytes_new (order->str, order->len + 1);
  dio_fw_cfg_set_file (&virt->fw_cfg->dev, "bootorder", bytes);
}

/* ---- Its variables ---- */

/* Other firmware keeps there what it likes. */
static bool
is_uefi (const DioMachineConfig *config)
{
  DioBootIdentity identity;

  return !config->firmware
         || (dio_boot_identify_file (config->firmware, &identity, NULL)
             && identity.kind == DIO_BOOT_UEFI);
}

static bool
load_fixed (DioDevice *flash, const char *path, GError **error)
{
  return !g_file_test (path, G_FILE_TEST_EXISTS)
         || dio_flash_load_template (flash, dio_files_host (), path, error);
}

static bool
load_variables (const DioMachineConfig *config, DioDevice *flash, GError **error)
{
  bool loaded = config->variables_fixed
                    ? load_fixed (flash, config->variables, error)
                    : dio_flash_set_file (flash, dio_files_host (), config->variables, error);

  return loaded
         && (!is_uefi (config) || dio_uefi_variables_check (flash, config->variables, error));
}

static bool
add_ramfb (DioMachine *machine, DioVirtArm64 *virt, GError **error)
{
  const DioDeviceType *type = dio_board_find_type (machine, "ramfb", error);
  DioDevice *dev = type ? dio_device_new (type, "display") : NULL;

  if (!dev || !dio_device_attach (dev, machine, error))
    return false;
  dio_ramfb_connect (dev, &virt->fw_cfg->dev);
  return true;
}

bool
dio_virt_arm64_build_firmware (DioMachine *machine, DioVirtArm64 *virt, GError **error)
{
  const DioMachineConfig *config = machine->config;

  virt->fw_cfg = dio_board_add (machine, "fw-cfg", "fw-cfg", DIO_VIRT_ARM64_FW_CFG, error);
  if (!virt->fw_cfg)
    return false;
  virt->flash = dio_board_add (machine, "cfi-flash", "flash", DIO_VIRT_ARM64_FLASH, error);
  if (!virt->flash)
    return false;
  if (config->graphics == DIO_GRAPHICS_RAMFB && !add_ramfb (machine, virt, error))
    return false;
  if (!dio_virt_arm64_has_firmware (config))
    return true;
  set_menu_wait (&virt->fw_cfg->dev);
  if (!config->no_acpi)
    dio_virt_arm64_offer_acpi (machine, virt);
  return (!config->variables || load_variables (config, &virt->flash->dev, error))
         && (!config->kernel || offer_kernel (config, &virt->fw_cfg->dev, error));
}

/* ---- Its start ---- */

bool
dio_virt_arm64_load_firmware (DioMachine *machine, GError **error)
{
  const DioMachineConfig *config = machine->config;
  g_autofree char *found = NULL;
  const char *path = config->firmware;

  if (!path && !(path = found = dio_uefi_find (DIO_ARCH_ARM64, error)))
    return false;
  if (!dio_boot_load_rom (machine->ram, config->memory & ~DIO_PAGE_MASK, DIO_VIRT_ARM64_ROM_SIZE,
                          DIO_ARCH_ARM64, path, error))
    return false;
  g_autoptr (GBytes) fdt = dio_virt_arm64_build_fdt (machine, 0, 0, error);
  return fdt && dio_virt_arm64_place_fdt (machine, DIO_VIRT_ARM64_RAM, fdt, error);
}
