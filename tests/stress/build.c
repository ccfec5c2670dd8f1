/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress like a build: sources are written into a folder, a process for each makes an object of it,
 * three at a time, and one that reads all of them through a pipe links. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/stress/stress.h"

#define WORDS 600
#define WORD_BYTES 8
#define AT_ONCE 3

typedef char Word[WORD_BYTES];

static void
write_words (uint32_t seed, Word words[WORDS])
{
  for (unsigned i = 0; i < WORDS; i++) {
    for (unsigned at = 0; at < WORD_BYTES - 1; at++)
      words[i][at] = (char) ('a' + stress_random (&seed) % 26);
    words[i][WORD_BYTES - 1] = '\n';
  }
}

static int
compare_words (const void *a, const void *b)
{
  return memcmp (a, b, WORD_BYTES);
}

static uint64_t
hash (uint64_t sum, const void *bytes, size_t size)
{
  for (const uint8_t *at = bytes; size > 0; size--)
    sum = (sum ^ *at++) * UINT64_C (0x100000001b3);
  return sum;
}

/* What the tool "compile" makes of words: sorted, and a hash of that. */
static uint64_t
compile (Word words[WORDS])
{
  qsort (words, WORDS, WORD_BYTES, compare_words);
  return hash (1, words, WORDS * WORD_BYTES);
}

/* ---- The processes that are started ---- */

static void
tool_fail (const char *what)
{
  perror (what);
  _exit (3);
}

static int
tool_compile (const char *source, const char *object)
{
  Word words[WORDS];
  int file = open (source, O_RDONLY);
  if (file < 0 || read (file, words, sizeof words) != sizeof words)
    tool_fail (source);
  close (file);
  uint64_t sum = compile (words);
  file = open (object, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || write (file, words, sizeof words) != sizeof words
      || write (file, &sum, sizeof sum) != sizeof sum)
    tool_fail (object);
  close (file);
  return 0;
}

/* Objects come by standard input, one after the other; the result goes to standard output. */
static int
tool_link (void)
{
  uint8_t bytes[4096];
  uint64_t sum = 2;
  ssize_t got;
  while ((got = read (STDIN_FILENO, bytes, sizeof bytes)) > 0)
    sum = hash (sum, bytes, (size_t) got);
  return write (STDOUT_FILENO, &sum, sizeof sum) == sizeof sum ? 0 : 3;
}

int
stress_tool (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[0], "compile") == 0)
    return tool_compile (argv[1], argv[2]);
  if (argc == 1 && strcmp (argv[0], "link") == 0)
    return tool_link ();
  return 2;
}

/* ---- The build ---- */

static void
write_source (const char *name, uint32_t seed)
{
  Word words[WORDS];
  write_words (seed, words);
  int file = open (name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || write (file, words, sizeof words) != sizeof words)
    stress_fail (name);
  close (file);
}

static pid_t
start_compile (char *source, char *object)
{
  pid_t child = stress_fork ();
  if (child == 0) {
    execl ("/proc/self/exe", "stress", "tool", "compile", source, object, NULL);
    tool_fail ("exec");
  }
  return child;
}

static void
send_object (const char *object, int to, uint64_t *expected, uint32_t seed)
{
  Word words[WORDS], want[WORDS];
  uint64_t sum = 0;
  int file = open (object, O_RDONLY);
  if (file < 0 || read (file, words, sizeof words) != sizeof words
      || read (file, &sum, sizeof sum) != sizeof sum)
    stress_fail (object);
  close (file);
  write_words (seed, want);
  if (compile (want) != sum || memcmp (want, words, sizeof words) != 0)
    stress_differ ("the object %s is not what it should be", object);
  *expected = hash (*expected, want, sizeof want);
  *expected = hash (*expected, &sum, sizeof sum);
  if (write (to, words, sizeof words) != sizeof words || write (to, &sum, sizeof sum) != sizeof sum)
    stress_fail ("pipe");
}

static uint64_t
link_objects (const char *folder, uint32_t seed, unsigned files)
{
  int objects[2], result[2];
  uint64_t expected = 2, got = 0;
  char name[64];
  if (pipe (objects) != 0 || pipe (result) != 0)
    stress_fail ("pipe");
  pid_t child = stress_fork ();
  if (child == 0) {
    dup2 (objects[0], STDIN_FILENO);
    dup2 (result[1], STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
      close (objects[i]);
      close (result[i]);
    }
    execl ("/proc/self/exe", "stress", "tool", "link", NULL);
    tool_fail ("exec");
  }
  close (objects[0]);
  close (result[1]);
  for (unsigned i = 0; i < files; i++) {
    snprintf (name, sizeof name, "%s/%u.o", folder, i);
    send_object (name, objects[1], &expected, seed * 1000 + i);
    unlink (name);
  }
  close (objects[1]);
  if (read (result[0], &got, sizeof got) != sizeof got || got != expected)
    stress_differ ("linked %016llx, not %016llx", (unsigned long long) got,
                   (unsigned long long) expected);
  close (result[0]);
  stress_wait (child, "link");
  return got;
}

uint64_t
stress_build (uint32_t seed)
{
  unsigned files = stress_times (60);
  pid_t children[AT_ONCE] = { 0 };
  char folder[32], source[64], object[64];
  snprintf (folder, sizeof folder, "/tmp/stress-%d", (int) getpid ());
  if (mkdir (folder, 0700) != 0)
    stress_fail (folder);
  for (unsigned i = 0; i < files; i++) {
    pid_t *child = &children[i % AT_ONCE];
    if (*child)
      stress_wait (*child, "compile");
    snprintf (source, sizeof source, "%s/%u.c", folder, i);
    snprintf (object, sizeof object, "%s/%u.o", folder, i);
    write_source (source, seed * 1000 + i);
    *child = start_compile (source, object);
  }
  for (unsigned i = 0; i < AT_ONCE; i++)
    if (children[i])
      stress_wait (children[i], "compile");
  uint64_t sum = link_objects (folder, seed, files);
  for (unsigned i = 0; i < files; i++) {
    snprintf (source, sizeof source, "%s/%u.c", folder, i);
    unlink (source);
  }
  if (rmdir (folder) != 0)
    stress_fail (folder);
  return sum;
}
