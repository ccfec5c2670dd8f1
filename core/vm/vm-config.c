/* SPDX-License-Identifier: GPL-3.0-or-later
 * The configuration of a machine: plain data, and the check of all that can be wrong with it before
 * anything is built. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-private.h"

static void
disk_free (void *data)
{
  DioDiskConfig *disk = data;
  g_free (disk->path);
  g_free (disk->format);
  g_clear_pointer (&disk->chain, g_ptr_array_unref);
  g_free (disk);
}

static void
image_free (void *data)
{
  DioBlockImage *image = data;
  g_free (image->path);
  g_free (image->format);
  g_free (image);
}

void
dio_disk_config_add_image (DioDiskConfig *disk, const char *path, const char *format)
{
  DioBlockImage *image = g_new0 (DioBlockImage, 1);
  image->path = g_strdup (path);
  image->format = g_strdup (format);
  if (!disk->chain)
    disk->chain = g_ptr_array_new_with_free_func (image_free);
  g_ptr_array_add (disk->chain, image);
}

DioBlockNode *
dio_disk_config_open (const DioDiskConfig *disk, DioFiles *files, DioBlockOpenFlags flags,
                      GError **error)
{
  DioBlockImage images[DIO_BLOCK_MAX_CHAIN];
  if (disk->readonly)
    flags |= DIO_BLOCK_OPEN_READONLY;
  if (!disk->chain)
    return dio_block_node_open (files, disk->path, disk->format ? disk->format : "raw", flags, NULL,
                                error);
  unsigned n = MIN (disk->chain->len, DIO_BLOCK_MAX_CHAIN);
  if (n < disk->chain->len) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” stands on more than %d others; merge some of them"), disk->path,
                 DIO_BLOCK_MAX_CHAIN - 1);
    return NULL;
  }
  for (unsigned i = 0; i < n; i++)
    images[i] = *(const DioBlockImage *) g_ptr_array_index (disk->chain, i);
  return dio_block_node_open_chain (files, images, n, flags, error);
}

DioMachineConfig *
dio_machine_config_new (void)
{
  DioMachineConfig *config = g_new0 (DioMachineConfig, 1);
  config->disks = g_ptr_array_new_with_free_func (disk_free);
  config->cpus = 1;
  return config;
}

void
dio_machine_config_add_disk (DioMachineConfig *config, const char *path, const char *format,
                             bool readonly)
{
  DioDiskConfig *disk = g_new0 (DioDiskConfig, 1);
  disk->path = g_strdup (path);
  disk->format = g_strdup (format);
  disk->readonly = readonly;
  if (!config->disks)
    config->disks = g_ptr_array_new_with_free_func (disk_free);
  g_ptr_array_add (config->disks, disk);
}

void
dio_machine_config_add_cdrom (DioMachineConfig *config, const char *path, const char *format)
{
  dio_machine_config_add_disk (config, path, format, true);
  ((DioDiskConfig *) g_ptr_array_index (config->disks, config->disks->len - 1))->cdrom = true;
}

DioMachineConfig *
dio_machine_config_copy (const DioMachineConfig *config)
{
  DioMachineConfig *copy = g_new0 (DioMachineConfig, 1);
  *copy = *config;
  copy->name = g_strdup (config->name);
  copy->board = g_strdup (config->board);
  copy->firmware = g_strdup (config->firmware);
  copy->variables = g_strdup (config->variables);
  copy->kernel = g_strdup (config->kernel);
  copy->initrd = g_strdup (config->initrd);
  copy->append = g_strdup (config->append);
  copy->compiler = g_strdup (config->compiler);
  copy->disks = g_ptr_array_new_with_free_func (disk_free);
  for (guint i = 0; config->disks && i < config->disks->len; i++) {
    const DioDiskConfig *disk = g_ptr_array_index (config->disks, i);
    dio_machine_config_add_disk (copy, disk->path, disk->format, disk->readonly);
    DioDiskConfig *same = g_ptr_array_index (copy->disks, i);
    same->cdrom = disk->cdrom;
    same->limits = disk->limits;
    for (guint j = 0; disk->chain && j < disk->chain->len; j++) {
      const DioBlockImage *image = g_ptr_array_index (disk->chain, j);
      dio_disk_config_add_image (same, image->path, image->format);
    }
  }
  return copy;
}

void
dio_machine_config_free (DioMachineConfig *config)
{
  if (!config)
    return;
  g_free (config->name);
  g_free (config->board);
  g_free (config->firmware);
  g_free (config->variables);
  g_free (config->kernel);
  g_free (config->initrd);
  g_free (config->append);
  g_free (config->compiler);
  g_clear_pointer (&config->disks, g_ptr_array_unref);
  g_free (config);
}

/* ---- Checks ---- */

/* The ids of the boards for @arch, or the architectures that have boards when @arch is NONE. */
static char *
list_known (const DioBoardType *const *boards, DioArch arch)
{
  g_autoptr (GString) list = g_string_new (NULL);
  for (; boards && *boards; boards++) {
    const char *word = arch ? (*boards)->id : dio_arch_to_string ((*boards)->arch);
    if ((arch && (*boards)->arch != arch) || strstr (list->str, word))
      continue;
    g_string_append_printf (list, "%s%s", list->len ? ", " : "", word);
  }
  return g_strdup (list->len ? list->str : _ ("none"));
}

static const DioBoardType *
find_board (const DioMachineConfig *config, const DioBoardType *const *boards, GError **error)
{
  const char *arch = dio_arch_to_string (config->arch);
  bool arch_known = false;
  for (const DioBoardType *const *board = boards; board && *board; board++) {
    if ((*board)->arch != config->arch)
      continue;
    arch_known = true;
    if (!config->board || strcmp (config->board, (*board)->id) == 0)
      return *board;
  }

  g_autofree char *known = list_known (boards, arch_known ? config->arch : DIO_ARCH_NONE);
  if (!arch)
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("The machine has no architecture; choose one of: %s"), known);
  else if (!arch_known)
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("This version of Diorama cannot run machines of the architecture %s; it can "
                    "run: %s"),
                 arch, known);
  else
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("There is no board “%s” for %s; choose one of: %s"), config->board, arch,
                 known);
  return NULL;
}

static bool
check_sizes (const DioMachineConfig *config, const DioBoardType *board, GError **error)
{
  if (config->memory < board->minimum_memory || config->memory > board->maximum_memory) {
    g_autofree char *asked = g_format_size_full (config->memory, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *least = g_format_size_full (board->minimum_memory, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *most = g_format_size_full (board->maximum_memory, G_FORMAT_SIZE_IEC_UNITS);
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A machine with %s of memory is not possible; the board “%s” takes %s to %s"),
                 asked, board->id, least, most);
    return false;
  }
  if (config->cpus < 1 || config->cpus > board->maximum_cpus) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A machine with %u CPUs is not possible; the board “%s” takes 1 to %u"),
                 config->cpus, board->id, board->maximum_cpus);
    return false;
  }
  if (config->graphics == DIO_GRAPHICS_RAMFB && !board->has_ramfb) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The board “%s” for %s has no framebuffer in memory; choose the graphics "
                    "“virtio”"),
                 board->id, dio_arch_to_string (board->arch));
    return false;
  }
  if (config->width > DIO_DISPLAY_MAX_SIZE || config->height > DIO_DISPLAY_MAX_SIZE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("A screen of %u×%u pixels is not possible; at most %d×%d are"), config->width,
                 config->height, DIO_DISPLAY_MAX_SIZE, DIO_DISPLAY_MAX_SIZE);
    return false;
  }
  return true;
}

bool
dio_engine_has_compiler (void)
{
#if defined(__x86_64__)
  return true;
#else
  return false;
#endif
}

DioEngine
dio_engine_in_force (DioEngine engine)
{
  if (engine == DIO_ENGINE_AUTO)
    return dio_engine_has_compiler () ? DIO_ENGINE_COMPILER : DIO_ENGINE_INTERPRETER;
  return engine;
}

static bool
check_engine (const DioMachineConfig *config, GError **error)
{
  switch (config->engine) {
  case DIO_ENGINE_AUTO:
  case DIO_ENGINE_INTERPRETER:
    return true;
  case DIO_ENGINE_COMPILER:
    if (dio_engine_has_compiler ())
      return true;
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("Diorama has no compiler for this kind of computer yet; choose the engine "
                    "“interpreter” or “auto”"));
    return false;
  }
  g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("There is no engine number %d"),
               (int) config->engine);
  return false;
}

static bool
fail_open (const char *what, const char *path, bool writable, GError **error)
{
  int reason = errno;
  if (reason == ENOENT)
    g_set_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND,
                 _ ("%s “%s” does not exist; put it back, or choose another file"), what, path);
  else if (reason == EISDIR)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s “%s” is a folder, not a file"), what,
                 path);
  else if (writable && (reason == EACCES || reason == EPERM || reason == EROFS))
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_IO,
        _ ("%s “%s” could not be opened for writing: %s. Change its permissions, or attach "
           "it read-only"),
        what, path, g_strerror (reason));
  else
    dio_set_error_errno (error, reason, _ ("%s “%s” could not be opened"), what, path);
  return false;
}

bool
dio_machine_check_file (const char *what, const char *path, DioFileUse use, GError **error)
{
  bool writable = use == DIO_FILE_DISK;
  bool disk = use != DIO_FILE_READ;
  struct stat status;
  /* Without blocking: somebody may have named a FIFO. */
  int fd = open (path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return fail_open (what, path, writable, error);
  bool known = fstat (fd, &status) == 0;
  close (fd);
  if (known && S_ISDIR (status.st_mode)) {
    errno = EISDIR;
    return fail_open (what, path, writable, error);
  }
  if (!known || (!S_ISREG (status.st_mode) && !(disk && S_ISBLK (status.st_mode)))) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s “%s” is not a regular file"), what,
                 path);
    return false;
  }
  if (S_ISREG (status.st_mode) && status.st_size == 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s “%s” is empty; choose another file"),
                 what, path);
    return false;
  }
  return true;
}

/* The images of a chain; only the last is written. */
static bool
check_chain (const DioDiskConfig *disk, GError **error)
{
  for (guint i = 0; i < disk->chain->len; i++) {
    const DioBlockImage *image = g_ptr_array_index (disk->chain, i);
    bool written = i + 1 == disk->chain->len && !disk->readonly;
    if (!dio_machine_check_file (_ ("The disk"), image->path,
                                 written ? DIO_FILE_DISK : DIO_FILE_DISK_READONLY, error))
      return false;
  }
  return true;
}

bool
dio_machine_check_disk (const DioDiskConfig *disk, GError **error)
{
  if (!dio_block_is_format (disk->format)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The disk “%s” has the format “%s”; this version of Diorama takes %s"),
                 disk->path, disk->format ? disk->format : "", DIO_BLOCK_FORMATS);
    return false;
  }
  if (disk->chain)
    return check_chain (disk, error);
  return dio_machine_check_file (_ ("The disk"), disk->path,
                                 disk->readonly ? DIO_FILE_DISK_READONLY : DIO_FILE_DISK, error);
}

static bool
check_files (const DioMachineConfig *config, GError **error)
{
  if (config->firmware
      && !dio_machine_check_file (_ ("The firmware"), config->firmware, DIO_FILE_READ, error))
    return false;
  if (config->kernel
      && !dio_machine_check_file (_ ("The kernel"), config->kernel, DIO_FILE_READ, error))
    return false;
  if (config->initrd
      && !dio_machine_check_file (_ ("The initial RAM disk"), config->initrd, DIO_FILE_READ, error))
    return false;
  if (config->initrd && !config->kernel) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG,
                 _ ("The initial RAM disk “%s” needs a kernel beside it"), config->initrd);
    return false;
  }
  for (guint i = 0; config->disks && i < config->disks->len; i++)
    if (!dio_machine_check_disk (g_ptr_array_index (config->disks, i), error))
      return false;
  return true;
}

const DioBoardType *
dio_machine_check_config (const DioMachineConfig *config, const DioBoardType *const *boards,
                          GError **error)
{
  const DioBoardType *board = find_board (config, boards, error);
  if (!board || !check_sizes (config, board, error) || !check_engine (config, error)
      || !check_files (config, error))
    return NULL;
  return board;
}
