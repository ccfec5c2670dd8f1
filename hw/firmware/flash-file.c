/* SPDX-License-Identifier: GPL-3.0-or-later
 * The file that keeps what is in the flash.
 *
 * A change sends a worker, which copies the contents and replaces the file, until nothing changed
 * meanwhile. The guest does not wait for it: firmware programs a variable in some dozens of small
 * steps and would take a second for each. After a power cut the flash is a moment older; pausing,
 * snapshots and the end of the machine wait for the file. */
#include <errno.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/file/file-util.h"
#include "core/vm/vm-machine.h"
#include "hw/firmware/flash-private.h"

/* ---- Writing ---- */

/* All up to the last sector in use. NULL when there is no memory. dev.lock held. */
static GBytes *
copy_contents_locked (const DioFlash *flash)
{
  size_t used = DIO_FLASH_SECTORS;

  while (used > 0 && !flash->sectors[used - 1])
    used--;
  size_t length = used * DIO_FLASH_SECTOR;
  uint8_t *bytes = g_try_malloc (MAX (length, 1));
  if (!bytes)
    return NULL;
  for (size_t i = 0; i < used; i++)
    if (flash->sectors[i])
      memcpy (bytes + i * DIO_FLASH_SECTOR, flash->sectors[i], DIO_FLASH_SECTOR);
    else
      memset (bytes + i * DIO_FLASH_SECTOR, 0xff, DIO_FLASH_SECTOR);
  return g_bytes_new_take (bytes, length);
}

static bool
write_file (DioFiles *files, const char *path, GBytes *contents, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  int dir = dio_file_open (files, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);

  if (dir < 0) {
    dio_set_error_errno (error, -dir, _ ("Cannot open the folder “%s”"), folder);
    return false;
  }
  bool done = dio_file_write_atomic (files, dir, name, g_bytes_get_data (contents, NULL),
                                     g_bytes_get_size (contents), error);
  dio_file_close (files, dir);
  return done;
}

/* Once; the lock is let go of meanwhile. */
static bool
write_once_locked (DioFlash *flash, GError **error)
{
  g_autoptr (GBytes) contents = copy_contents_locked (flash);
  uint64_t changes = flash->changes;

  if (!contents) {
    dio_set_error_errno (error, ENOMEM, _ ("%s cannot be written"), flash->path);
    return false;
  }
  pthread_mutex_unlock (&flash->sys.dev.lock);
  bool done = write_file (flash->files, flash->path, contents, error);
  pthread_mutex_lock (&flash->sys.dev.lock);
  if (done)
    flash->written = changes;
  return done;
}

/* Told once until it works again. */
static void
report_locked (DioFlash *flash, const GError *error)
{
  if (!flash->failed)
    dio_machine_report (flash->sys.dev.machine, false,
                        _ ("The settings of the firmware could not be saved: %s"), error->message);
  flash->failed = true;
}

static bool
write_all_locked (DioFlash *flash, GError **error)
{
  while (flash->written != flash->changes && !flash->loaded) {
    GError *problem = NULL;
    if (!write_once_locked (flash, &problem)) {
      report_locked (flash, problem);
      g_propagate_error (error, problem);
      return false;
    }
    flash->failed = false;
  }
  return true;
}

/* Writing is one's own affair from wait to signal. */
static bool
flush_locked (DioFlash *flash, GError **error)
{
  while (flash->writing)
    pthread_cond_wait (&flash->idle, &flash->sys.dev.lock);
  if (!flash->files)
    return true;
  flash->writing = true;
  bool done = write_all_locked (flash, error);
  flash->writing = false;
  pthread_cond_broadcast (&flash->idle);
  return done;
}

static void
write_job (void *data)
{
  DioFlash *flash = data;

  pthread_mutex_lock (&flash->sys.dev.lock);
  write_all_locked (flash, NULL);
  flash->writing = false;
  pthread_cond_broadcast (&flash->idle);
  pthread_mutex_unlock (&flash->sys.dev.lock);
}

void
dio_flash_changed_locked (DioFlash *flash)
{
  flash->changes++;
  if (!flash->files || flash->writing)
    return;
  flash->writing = true;
  dio_pool_run (flash->sys.dev.machine->host.pool, DIO_POOL_IO, write_job, flash);
}

bool
dio_flash_flush (DioDevice *dev, GError **error)
{
  DioFlash *flash = (DioFlash *) dev;

  pthread_mutex_lock (&dev->lock);
  bool done = flush_locked (flash, error);
  pthread_mutex_unlock (&dev->lock);
  return done;
}

/* ---- Reading ---- */

static bool
is_filled_with (const uint8_t *bytes, size_t length, uint8_t value)
{
  return length == 0 || (bytes[0] == value && memcmp (bytes, bytes + 1, length - 1) == 0);
}

static bool
check_size (const DioFlash *flash, const char *path, size_t length, GError **error)
{
  if (length <= flash->size)
    return true;
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
               _ ("“%s” is larger than the %u MiB in which firmware keeps its settings; move it "
                  "away and the machine starts with new ones"),
               path, (unsigned) (flash->size >> 20));
  return false;
}

/* A last sector may be cut short: the rest is erased. False: there is no memory. */
static bool
fill_sectors (DioFlash *flash, const uint8_t *bytes, size_t length, bool zero_is_erased)
{
  for (size_t at = 0; at < length; at += DIO_FLASH_SECTOR) {
    size_t size = MIN (length - at, DIO_FLASH_SECTOR);
    dio_flash_erase_sector (flash, at);
    if (!is_filled_with (bytes + at, size, 0xff)
        && !(zero_is_erased && is_filled_with (bytes + at, size, 0))
        && !dio_flash_program (flash, at, bytes + at, (unsigned) size))
      return false;
  }
  return true;
}

/* A regular file of any length up to one byte more than there may be, to tell what is too large. */
static GBytes *
read_file (DioFiles *files, const char *path, int flags, GError **error)
{
  struct statx status;
  int fd = dio_file_open (files, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | flags, 0);
  int64_t n = fd < 0 ? fd : dio_file_stat (files, fd, "", AT_EMPTY_PATH, &status);

  if (n == 0 && !S_ISREG (status.stx_mode))
    n = S_ISDIR (status.stx_mode) ? -EISDIR : -EINVAL;
  uint8_t *bytes = NULL;
  if (n == 0) {
    size_t length = (size_t) MIN (status.stx_size, DIO_FLASH_MAX_SIZE + 1);
    bytes = g_try_malloc (MAX (length, 1));
    n = bytes ? dio_file_read (files, fd, bytes, length, 0) : -ENOMEM;
  }
  if (fd >= 0)
    dio_file_close (files, fd);
  if (n >= 0)
    return g_bytes_new_take (bytes, (size_t) n);
  g_free (bytes);
  dio_set_error_errno (error, (int) -n, _ ("The settings of the firmware cannot be read from “%s”"),
                       path);
  return NULL;
}

static bool
load (DioFlash *flash, DioFiles *files, const char *path, bool is_template, GError **error)
{
  g_autoptr (GBytes) contents = read_file (files, path, is_template ? 0 : O_NOFOLLOW, error);
  gsize length;

  if (!contents)
    return false;
  const uint8_t *bytes = g_bytes_get_data (contents, &length);
  if (!check_size (flash, path, length, error))
    return false;
  pthread_mutex_lock (&flash->sys.dev.lock);
  bool good = fill_sectors (flash, bytes, length, is_template);
  pthread_mutex_unlock (&flash->sys.dev.lock);
  if (!good)
    dio_set_error_errno (error, ENOMEM, _ ("The settings of the firmware cannot be read from “%s”"),
                         path);
  return good;
}

bool
dio_flash_load_template (DioDevice *dev, DioFiles *files, const char *path, GError **error)
{
  return load ((DioFlash *) dev, files, path, true, error);
}

bool
dio_flash_set_file (DioDevice *dev, DioFiles *files, const char *path, GError **error)
{
  DioFlash *flash = (DioFlash *) dev;
  g_autoptr (GError) problem = NULL;
  bool there = load (flash, files, path, false, &problem);

  if (!there && !g_error_matches (problem, DIO_ERROR, DIO_ERROR_NOT_FOUND)) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return false;
  }
  pthread_mutex_lock (&dev->lock);
  flash->files = files;
  flash->path = g_strdup (path);
  if (!there)
    dio_flash_changed_locked (flash); /* a template that was loaded before */
  pthread_mutex_unlock (&dev->lock);
  return true;
}
