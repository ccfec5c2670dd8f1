/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the loaders of kernels and firmware: whatever the file says, only the range given to them
 * is written. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/boot/boot-kernel.h"

#define BASE UINT64_C (0x80000000)
#define SIZE (UINT64_C (64) << 10) /* small, as it is looked through each time */
#define MINIMUM (BASE + 0x1000)
#define LIMIT (BASE + SIZE - 0x1000)

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_zero (const DioRam *ram, DioGpa start, DioGpa end)
{
  static const uint8_t zeros[SIZE];
  if (memcmp (ram->host + (start - BASE), zeros, end - start) != 0)
    abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static DioRam *ram;
  static DioSpace *space;
  static int fd = -1;
  if (!ram) {
    ram = dio_ram_new (SIZE, "fuzz", NULL);
    space = dio_space_new ();
    dio_space_map_ram (space, BASE, ram, 0, SIZE, false);
    fd = memfd_create ("fuzz-file", 0);
  }
  if (ftruncate (fd, (off_t) size) < 0 || pwrite (fd, data, size, 0) < 0)
    return 0;

  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  DioBootLoaded loaded;
  memset (ram->host + (MINIMUM - BASE), 0, LIMIT - MINIMUM);
  if (dio_boot_load_kernel (space, DIO_ARCH_RISCV64, path, BASE, MINIMUM, LIMIT, &loaded, NULL)
      && (loaded.start < MINIMUM || loaded.end > LIMIT || loaded.entry < loaded.start
          || loaded.entry >= loaded.end))
    abort ();
  dio_boot_load_firmware (space, DIO_ARCH_RISCV64, path, MINIMUM, LIMIT, &loaded, NULL);
  dio_boot_load_initrd (space, path, MINIMUM, LIMIT, &loaded, NULL);
  check_zero (ram, BASE, MINIMUM);
  check_zero (ram, LIMIT, BASE + SIZE);
  return 0;
}
