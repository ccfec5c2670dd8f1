/* SPDX-License-Identifier: GPL-3.0-or-later
 * Checks of a configuration before anything is made. */
#include "app/model/model-validate.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "app/library/library-manifest.h"
#include "app/library/library-size.h"
#include "app/model/model-image.h"
#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/boot/boot-kernel.h"
#include "core/mem/mem-space.h"
#include "core/vm/vm-board.h"

#define MIN_DISK (G_GUINT64_CONSTANT (1) << 20)
#define MAX_DISK (G_GUINT64_CONSTANT (1) << 44)

const DioBoardType *
dio_validate_find_board (const DioMachineConfig *config, const DioMachineHost *host)
{
  for (const DioBoardType *const *board = host->boards; board && *board; board++)
    if ((*board)->arch == config->arch
        && (!config->board || g_str_equal ((*board)->id, config->board)))
      return *board;
  return NULL;
}

static gboolean
check_limits (const DioMachineConfig *config, const DioBoardType *board, const char **field,
              GError **error)
{
  *field = "memory";
  g_autofree char *size = dio_size_to_text (config->memory);
  guint64 minimum = board->minimum_memory;
  guint64 maximum = MIN (board->maximum_memory, DIO_MANIFEST_MAX_MEMORY);
  if (config->memory < minimum) {
    g_autofree char *limit = dio_size_to_text (minimum);
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("Memory: %s is less than the minimum of %s"), size, limit);
    return FALSE;
  }
  if (config->memory > maximum) {
    g_autofree char *limit = dio_size_to_text (maximum);
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("Memory: %s is more than the maximum of %s"), size, limit);
    return FALSE;
  }
  if (config->memory % DIO_PAGE_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("Memory: %" PRIu64 " is not a multiple of 4096 bytes"), config->memory);
    return FALSE;
  }
  *field = "cpus";
  if (config->cpus < 1 || config->cpus > board->maximum_cpus) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("CPUs: %u is not between 1 and %u"),
                 config->cpus, board->maximum_cpus);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_kernel (const DioMachineConfig *config, GError **error)
{
  if (!dio_machine_check_file (_ ("The kernel"), config->kernel, DIO_FILE_READ, error))
    return FALSE;
  g_autoptr (DioImage) image = dio_image_probe_file (config->kernel, error);
  if (!image)
    return FALSE;
  DioArch arch = dio_image_get_arch (image);
  if (dio_image_get_kind (image) != DIO_IMAGE_KERNEL) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("“%s” is not a kernel that Diorama can start. A Linux Image (also compressed "
                    "by gzip) or an ELF file is needed"),
                 config->kernel);
    return FALSE;
  }
  if (arch != DIO_ARCH_NONE && arch != config->arch) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_WRONG_ARCH,
                 _ ("“%s” is a kernel for %s, but the machine is %s. Choose the other "
                    "architecture or another kernel"),
                 config->kernel, dio_arch_to_string (arch), dio_arch_to_string (config->arch));
    return FALSE;
  }
  return TRUE;
}

/* Where the RAM of the boards begins, and how much of it is enough for a try. */
#define TRIAL_BASE UINT64_C (0x80000000)
#define TRIAL_FIRMWARE (UINT64_C (2) << 20)
#define TRIAL_MAX (UINT64_C (2) << 30)

static gboolean
load_all (const DioMachineConfig *config, DioSpace *space, guint64 size, const char **field,
          GError **error)
{
  DioBootLoaded kernel = { .end = TRIAL_BASE };
  DioBootLoaded ignored;
  DioGpa limit = TRIAL_BASE + size;
  *field = "firmware";
  if (config->firmware
      && !dio_boot_load_firmware (space, config->arch, config->firmware, TRIAL_BASE, limit,
                                  &ignored, error))
    return FALSE;
  *field = "kernel";
  if (config->kernel
      && !dio_boot_load_kernel (space, config->arch, config->kernel, TRIAL_BASE,
                                TRIAL_BASE + TRIAL_FIRMWARE, limit, &kernel, error))
    return FALSE;
  *field = "initrd";
  return !config->initrd
         || dio_boot_load_initrd (space, config->initrd, kernel.end, limit, &ignored, error);
}

gboolean
dio_validate_loads (const DioMachineConfig *config, const char **field, GError **error)
{
  guint64 size = MIN (config->memory, TRIAL_MAX);
  if (config->arch == DIO_ARCH_ARM64) {
    *field = "firmware";
    return !config->firmware
           || dio_boot_load_rom (NULL, 0, DIO_BOOT_ROM_SIZE, config->arch, config->firmware, error);
  }
  if (config->arch != DIO_ARCH_RISCV64)
    return TRUE;
  *field = "memory";
  DioRam *ram = dio_ram_new (size, "trial", error);
  if (!ram)
    return FALSE;
  DioSpace *space = dio_space_new ();
  dio_space_map_ram (space, TRIAL_BASE, ram, 0, ram->size, false);
  gboolean good = load_all (config, space, ram->size, field, error);
  dio_space_free (space);
  dio_ram_free (ram);
  return good;
}

/* @files: what stat() says of the disks before it, and then of this one. */
static gboolean
check_disk (const GPtrArray *disks, guint index, struct stat *files, GError **error)
{
  const DioDiskConfig *disk = g_ptr_array_index (disks, index);
  struct stat *st = &files[index];
  if (!dio_manifest_check_limits (&disk->limits, error) || !dio_machine_check_disk (disk, error))
    return FALSE;
  const DioBlockImage *top =
      disk->chain ? g_ptr_array_index (disk->chain, disk->chain->len - 1) : NULL;
  if (stat (top ? top->path : disk->path, st) != 0) {
    dio_set_error_errno (error, errno, _ ("%s “%s” could not be opened"), _ ("The disk"),
                         disk->path);
    return FALSE;
  }
  if (!top && g_str_equal (disk->format, "raw") && S_ISREG (st->st_mode) && st->st_size % 512) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The disk “%s” is not a raw disk image: its size is not a multiple of 512 "
                    "bytes; choose another file"),
                 disk->path);
    return FALSE;
  }
  /* Overlays, damage and all else that only the image itself tells. Whoever uses it now may. */
  DioBlockNode *node = dio_disk_config_open (
      disk, dio_files_host (), DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_UNLOCKED, error);
  if (!node)
    return FALSE;
  dio_block_node_close (node);
  for (guint i = 0; i < index; i++) {
    const DioDiskConfig *other = g_ptr_array_index (disks, i);
    if (files[i].st_dev == st->st_dev && files[i].st_ino == st->st_ino
        && !(disk->readonly && other->readonly)) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                   _ ("The disk “%s” is attached twice; attach it once"), disk->path);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
dio_validate_config (const DioMachineConfig *config, const DioMachineHost *host, const char **field,
                     GError **error)
{
  const DioBoardType *board = dio_validate_find_board (config, host);
  *field = "arch";
  if (!board) {
    const char *arch = dio_arch_to_string (config->arch);
    if (!arch)
      g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s",
                   _ ("The machine has no architecture. Choose one, for example riscv64"));
    else if (config->board)
      g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                   _ ("This version has no board “%s” for %s"), config->board, arch);
    else
      g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                   _ ("This version has no machines of the architecture %s"), arch);
    return FALSE;
  }
  if (!check_limits (config, board, field, error))
    return FALSE;
  *field = "firmware";
  if (config->firmware
      && !dio_machine_check_file (_ ("The firmware"), config->firmware, DIO_FILE_READ, error))
    return FALSE;
  *field = "kernel";
  if (config->kernel && !check_kernel (config, error))
    return FALSE;
  *field = "initrd";
  if (config->initrd
      && !dio_machine_check_file (_ ("The initial RAM disk"), config->initrd, DIO_FILE_READ, error))
    return FALSE;
  if (config->initrd && !config->kernel) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s",
                 _ ("An initial RAM disk needs a kernel"));
    return FALSE;
  }
  *field = "append";
  if (config->append && strlen (config->append) > DIO_MANIFEST_MAX_APPEND) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("The kernel’s command line is longer than %d bytes"), DIO_MANIFEST_MAX_APPEND);
    return FALSE;
  }
  *field = "disk";
  if (config->disks && config->disks->len > DIO_MANIFEST_MAX_DISKS) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("More than %d disks"),
                 DIO_MANIFEST_MAX_DISKS);
    return FALSE;
  }
  struct stat files[DIO_MANIFEST_MAX_DISKS];
  for (guint i = 0; config->disks && i < config->disks->len; i++)
    if (!check_disk (config->disks, i, files, error))
      return FALSE;
  return TRUE;
}

gboolean
dio_validate_new_disk (const char *path, guint64 size, const char **field, GError **error)
{
  *field = "disk-size";
  if (size == 0)
    return TRUE;
  g_autofree char *text = dio_size_to_text (size);
  if (size < MIN_DISK || size > MAX_DISK) {
    g_autofree char *minimum = dio_size_to_text (MIN_DISK);
    g_autofree char *maximum = dio_size_to_text (MAX_DISK);
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("Disk: %s is not between %s and %s"), text,
                 minimum, maximum);
    return FALSE;
  }
  if (size % 512) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s",
                 _ ("Disk: the size is not a multiple of 512 bytes"));
    return FALSE;
  }
  return TRUE;
}
