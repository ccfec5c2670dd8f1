/* SPDX-License-Identifier: GPL-3.0-or-later
 * The only program of a Linux guest that installs something: on an empty disk it writes for a while
 * and reboots, as an installer does at its end; on one that it wrote before it tells so and turns
 * the machine off. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/boot/guest-modules.h"

#define DISK "/dev/vda"
#define MIB 40

static void
end (const char *what, int how)
{
  printf ("install: %s\n", what);
  fflush (stdout);
  reboot (how);
  for (;;)
    pause ();
}

int
main (void)
{
  static char block[1 << 20], first[8];
  int fd = -1;
  setvbuf (stdout, NULL, _IOLBF, 0);
  mkdir ("/dev", 0755);
  mount ("dev", "/dev", "devtmpfs", 0, NULL);
  const char *module = load_modules ();
  if (module)
    end (module, RB_POWER_OFF);
  for (int i = 0; i < 100 && fd < 0; i++) {
    fd = open (DISK, O_RDWR | O_CLOEXEC);
    if (fd < 0)
      usleep (100000);
  }
  if (fd < 0 || read (fd, first, sizeof first) != sizeof first)
    end (strerror (errno), RB_POWER_OFF);
  if (memcmp (first, "installe", sizeof first) == 0)
    end ("found", RB_POWER_OFF);
  memset (block, 0x5a, sizeof block);
  for (int i = 0; i < MIB; i++)
    if (pwrite (fd, block, sizeof block, (off_t) i << 20) != sizeof block)
      end (strerror (errno), RB_POWER_OFF);
  if (pwrite (fd, "installed", 9, 0) != 9 || fsync (fd) != 0)
    end (strerror (errno), RB_POWER_OFF);
  end ("rebooting", RB_AUTOBOOT);
}
