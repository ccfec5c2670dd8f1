/* SPDX-License-Identifier: GPL-3.0-or-later
 * The first process of a Linux guest that changes its memory all the time: a process for each
 * processor, each with an area of its own. What is written where depends on all that was read
 * before, so a byte that is not of the same instant as the rest changes every sum from there on.
 *
 * On the kernel's command line: scribble.mib=N (area of all together), scribble.rounds=N (then it
 * only sleeps). Told on the console:
 *
 *   scribble: ready
 *   scribble: sum PROCESS ROUND SUM
 *   scribble: idle PROCESS */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITES (1u << 17) /* in a round */

static uint64_t
mix (uint64_t value)
{
  value ^= value >> 30;
  value *= UINT64_C (0xbf58476d1ce4e5b9);
  value ^= value >> 27;
  value *= UINT64_C (0x94d049bb133111eb);
  return value ^ value >> 31;
}

static unsigned
number_of (const char *line, const char *name)
{
  const char *found = strstr (line, name);
  return found ? (unsigned) atoi (found + strlen (name)) : 0;
}

/* Half of each page is as compressible as memory usually is. */
static void
fill (uint64_t *words, size_t count, uint64_t seed)
{
  for (size_t i = 0; i < count; i++)
    words[i] = i & 256 ? seed : mix (seed + i);
}

static void
scribble (unsigned process, size_t bytes, unsigned rounds)
{
  size_t count = bytes / sizeof (uint64_t);
  uint64_t *words = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t state = 1;
  if (words == MAP_FAILED) {
    printf ("scribble: error no memory\n");
    return;
  }
  fill (words, count, process + 1);
  printf ("scribble: ready\n");
  for (unsigned round = 0; round < rounds; round++) {
    for (unsigned i = 0; i < WRITES; i++) {
      uint64_t *place = &words[mix (state + i) % count];
      state = mix (state ^ *place);
      *place += state;
    }
    printf ("scribble: sum %u %u %016" PRIx64 "\n", process, round, state);
  }
  printf ("scribble: idle %u\n", process);
}

int
main (void)
{
  char line[4096] = "";
  mkdir ("/proc", 0755);
  mount ("proc", "/proc", "proc", 0, NULL);
  int fd = open ("/proc/cmdline", O_RDONLY);
  ssize_t length = fd < 0 ? 0 : read (fd, line, sizeof line - 1);
  line[length > 0 ? length : 0] = '\0';
  setvbuf (stdout, NULL, _IOLBF, 0);
  long processes = sysconf (_SC_NPROCESSORS_ONLN);
  size_t bytes = ((size_t) number_of (line, "scribble.mib=") << 20) / (size_t) processes;
  for (long i = 1; i < processes; i++)
    if (fork () == 0) {
      scribble ((unsigned) i, bytes, number_of (line, "scribble.rounds="));
      for (;;)
        pause ();
    }
  scribble (0, bytes, number_of (line, "scribble.rounds="));
  for (;;)
    pause ();
}
