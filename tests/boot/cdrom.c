/* SPDX-License-Identifier: GPL-3.0-or-later
 * The only program of a Linux guest with a CD-ROM drive: tells the disc's size and a sum of all of
 * it, then opens and closes the tray and tells each time what the drive is. Ends the machine. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/cdrom.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/boot/guest-modules.h"

#define DRIVE "/dev/sr0"

static void
end (const char *what)
{
  if (what)
    printf ("cdrom: error: %s: %s\n", what, strerror (errno));
  fflush (stdout);
  sync ();
  reboot (RB_POWER_OFF);
  for (;;)
    pause ();
}

static int
open_drive (void)
{
  for (int i = 0; i < 100; i++) {
    int fd = open (DRIVE, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
      return fd;
    usleep (100000);
  }
  end (DRIVE);
  return -1;
}

/* FNV-1a. */
static void
tell_contents (void)
{
  static uint8_t buffer[1 << 20];
  uint64_t sum = UINT64_C (0xcbf29ce484222325), size = 0;
  ssize_t n;
  int fd = open (DRIVE, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    end ("the disc");
  while ((n = read (fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t i = 0; i < n; i++)
      sum = (sum ^ buffer[i]) * UINT64_C (0x100000001b3);
    size += (uint64_t) n;
  }
  if (n < 0)
    end ("read");
  close (fd);
  printf ("cdrom: bytes %llu sum %016llx\n", (unsigned long long) size, (unsigned long long) sum);
}

static void
tell_drive (int fd, const char *when)
{
  int status = ioctl (fd, CDROM_DRIVE_STATUS, CDSL_CURRENT);

  printf ("cdrom: %s %s\n", when,
          status == CDS_DISC_OK     ? "disc"
          : status == CDS_TRAY_OPEN ? "open"
          : status == CDS_NO_DISC   ? "empty"
                                    : "unknown");
}

int
main (void)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  mkdir ("/dev", 0755);
  mkdir ("/mnt", 0755);
  mount ("dev", "/dev", "devtmpfs", 0, NULL);
  const char *module = load_modules ();
  if (module)
    end (module);
  int fd = open_drive ();
  tell_drive (fd, "first");
  tell_contents ();
  if (mount (DRIVE, "/mnt", "iso9660", MS_RDONLY, NULL) != 0)
    end ("mount");
  int hello = open ("/mnt/hello.txt", O_RDONLY | O_CLOEXEC);
  char text[64] = "";
  if (hello < 0 || read (hello, text, sizeof text - 1) < 0)
    end ("hello.txt");
  close (hello);
  printf ("cdrom: says %s\n", text);
  umount ("/mnt");
  /* The kernel has locked the door for the mount; to unlock it is for who ejects. */
  if (ioctl (fd, CDROMEJECT, 0) == 0)
    printf ("cdrom: ejected through a locked door\n");
  tell_drive (fd, "locked");
  if (ioctl (fd, CDROM_LOCKDOOR, 0) != 0 || ioctl (fd, CDROMEJECT, 0) != 0)
    end ("eject");
  tell_drive (fd, "ejected");
  if (ioctl (fd, CDROMCLOSETRAY, 0) != 0)
    end ("close");
  tell_drive (fd, "closed");
  tell_contents ();
  end (NULL);
}
