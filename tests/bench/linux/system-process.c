/* SPDX-License-Identifier: GPL-3.0-or-later
 * Processes: talking through pipes, forking, starting a program. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/linux/suite.h"

static pid_t
start_child (void)
{
  pid_t child = fork ();
  if (child < 0)
    suite_fail ("fork");
  return child;
}

static uint64_t
wait_for (pid_t child)
{
  int status;
  if (waitpid (child, &status, 0) != child)
    suite_fail ("waitpid");
  return WIFEXITED (status) ? (uint64_t) WEXITSTATUS (status) : 1000;
}

/* Adds one to every number that comes, and sends it back. */
static void
answer (int in, int out)
{
  uint32_t number;
  while (read (in, &number, sizeof number) == sizeof number) {
    number++;
    if (write (out, &number, sizeof number) != sizeof number)
      _exit (1);
  }
  _exit (0);
}

uint64_t
suite_pipe (unsigned rounds)
{
  int there[2], back[2];
  uint32_t number = 0;
  if (pipe (there) != 0 || pipe (back) != 0)
    suite_fail ("pipe");
  pid_t child = start_child ();
  if (child == 0) {
    close (there[1]);
    close (back[0]);
    answer (there[0], back[1]);
  }
  close (there[0]);
  close (back[1]);
  for (unsigned round = 0; round < rounds; round++)
    if (write (there[1], &number, sizeof number) != sizeof number
        || read (back[0], &number, sizeof number) != sizeof number)
      suite_fail ("pipe");
  close (there[1]);
  close (back[0]);
  return suite_mix (number, wait_for (child));
}

uint64_t
suite_fork (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    pid_t child = start_child ();
    if (child == 0)
      _exit ((int) (round & 0x7f));
    sum = suite_mix (sum, wait_for (child));
  }
  return sum;
}

/* Starts this very program, which does nothing then. */
uint64_t
suite_exec (unsigned rounds)
{
  uint64_t sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    pid_t child = start_child ();
    if (child == 0) {
      execl ("/proc/self/exe", "suite", "nothing", (char *) NULL);
      _exit (127);
    }
    sum = suite_mix (sum, wait_for (child));
  }
  return sum;
}
