/* SPDX-License-Identifier: GPL-3.0-or-later
 * For programs that are all there is in a Linux guest. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Loads the modules in /modules in the order of their names, which is that of their needs. NULL, or
 * the name of one that could not be loaded, with errno set. */
static inline const char *
load_modules (void)
{
  static char name[32];
  for (unsigned i = 0;; i++) {
    snprintf (name, sizeof name, "/modules/%02u", i);
    int fd = open (name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      return NULL;
    if (syscall (SYS_finit_module, fd, "", 0) != 0)
      return name;
    close (fd);
  }
}
