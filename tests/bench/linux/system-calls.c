/* SPDX-License-Identifier: GPL-3.0-or-later
 * The way into the kernel and back: a system call that does nothing, a signal, a file. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bench/linux/suite.h"

uint64_t
suite_getppid (unsigned rounds)
{
  pid_t parent = getppid ();
  uint64_t same = 0;
  for (unsigned round = 0; round < rounds; round++)
    same += syscall (SYS_getppid) == parent;
  return same;
}

static volatile sig_atomic_t delivered;

static void
signal_cb (int number)
{
  delivered++;
}

uint64_t
suite_signal (unsigned rounds)
{
  struct sigaction action = { .sa_handler = signal_cb };
  if (sigaction (SIGUSR1, &action, NULL) != 0)
    suite_fail ("sigaction");
  pid_t self = getpid ();
  for (unsigned round = 0; round < rounds; round++)
    kill (self, SIGUSR1);
  return (uint64_t) delivered;
}

#define CHUNK 4096
#define CHUNKS 64

/* Writes a file in chunks, renames it, reads it again and removes it. */
static uint64_t
one_file (const char *name, const char *other, unsigned round)
{
  uint8_t chunk[CHUNK];
  struct stat info;
  uint64_t sum = 0;
  int file = open (name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0)
    suite_fail (name);
  for (unsigned i = 0; i < CHUNKS; i++) {
    memset (chunk, (int) (round + i) & 0xff, sizeof chunk);
    if (write (file, chunk, sizeof chunk) != sizeof chunk)
      suite_fail (name);
  }
  close (file);
  if (rename (name, other) != 0 || stat (other, &info) != 0
      || (file = open (other, O_RDONLY | O_CLOEXEC)) < 0)
    suite_fail (other);
  while (read (file, chunk, sizeof chunk) == sizeof chunk)
    sum = suite_mix (sum, chunk[round % CHUNK]);
  close (file);
  unlink (other);
  return suite_mix (sum, (uint64_t) info.st_size);
}

uint64_t
suite_file (unsigned rounds)
{
  char name[64], other[64];
  uint64_t sum = 0;
  /* A tmpfs everywhere. */
  snprintf (name, sizeof name, "/dev/shm/suite-%d.new", (int) getpid ());
  snprintf (other, sizeof other, "/dev/shm/suite-%d", (int) getpid ());
  for (unsigned round = 0; round < rounds; round++)
    sum = suite_mix (sum, one_file (name, other, round));
  return sum;
}
