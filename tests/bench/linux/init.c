/* SPDX-License-Identifier: GPL-3.0-or-later
 * The first process of a measuring guest: runs the programs of a list and powers off.
 *
 * The list is the file /bench/list, a line "NAME GROUP COMMAND [ARGUMENT...]" for each program.
 * Which of them run, the kernel's command line says:
 *
 *   (nothing)             all, in order
 *   bench.list=NAME,...   these
 *   bench.ask             the other end of the console: a line with a name runs one, "off" ends
 *
 * What is told on the console, beside what the programs print:
 *
 *   bench: ready
 *   bench: run NAME
 *   bench: end NAME STATUS SECONDS     the exit status, and the time from fork to wait
 *   bench: off */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGUMENTS 32
#define LINE 1024

static char list[1 << 16];

static void
complain (const char *what)
{
  printf ("bench: error %s: %s\n", what, strerror (errno));
}

static void
mount_on (const char *type, const char *folder, const char *options)
{
  mkdir (folder, 0755);
  if (mount (type, folder, type, 0, options) != 0 && errno != EBUSY)
    complain (folder);
}

static void
prepare_system (void)
{
  mount_on ("proc", "/proc", NULL);
  mount_on ("sysfs", "/sys", NULL);
  /* The open console stays what it is: the kernel opened the archive's. */
  mount_on ("devtmpfs", "/dev", NULL);
  mount_on ("tmpfs", "/dev/shm", NULL);
  mount_on ("tmpfs", "/tmp", NULL);
  mount_on ("tmpfs", "/run", NULL);
  setenv ("PATH", "/bench:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  setenv ("HOME", "/tmp", 1);
}

/* What the other end writes comes back as little as possible, and ^C is no signal. */
static void
prepare_console (void)
{
  struct termios terminal;
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (tcgetattr (STDIN_FILENO, &terminal) != 0)
    return;
  terminal.c_lflag &= ~(tcflag_t) (ECHO | ISIG);
  tcsetattr (STDIN_FILENO, TCSANOW, &terminal);
}

/* Reads a file as a string that fits into @text, and shortens it if it does not. */
static void
read_file (const char *name, char *text, size_t size)
{
  FILE *file = fopen (name, "re");
  size_t length = 0;
  if (file) {
    length = fread (text, 1, size - 1, file);
    fclose (file);
  } else {
    complain (name);
  }
  text[length] = 0;
}

static double
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

/* Copies the line of the list that starts with @name; 0 if there is none. */
static int
find_line (const char *name, char line[LINE])
{
  size_t length = strlen (name);
  for (const char *at = list; *at; at += strcspn (at, "\n"), at += *at == '\n')
    if (strncmp (at, name, length) == 0 && at[length] == ' ') {
      snprintf (line, LINE, "%.*s", (int) strcspn (at, "\n"), at);
      return 1;
    }
  return 0;
}

/* Waits for @child, and for whatever else lost its parent. */
static int
wait_for (pid_t child)
{
  int status = 0;
  pid_t gone;
  do
    gone = wait (&status);
  while (gone != child && (gone > 0 || errno == EINTR));
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

static void
run_program (const char *name)
{
  char line[LINE], *arguments[MAX_ARGUMENTS + 1];
  int count = 0;
  if (!find_line (name, line)) {
    printf ("bench: error %s: not in the list\n", name);
    return;
  }
  strtok (line, " ");
  strtok (NULL, " ");
  while (count < MAX_ARGUMENTS && (arguments[count] = strtok (NULL, " ")))
    count++;
  arguments[count] = NULL;
  if (count == 0) {
    printf ("bench: error %s: the list tells no command\n", name);
    return;
  }
  printf ("bench: run %s\n", name);
  fflush (stdout);
  tcdrain (STDOUT_FILENO);
  double start = now ();
  pid_t child = fork ();
  if (child == 0) {
    execvp (arguments[0], arguments);
    complain (arguments[0]);
    fflush (stdout);
    _exit (127);
  }
  int status = wait_for (child);
  printf ("bench: end %s %d %.6f\n", name, status, now () - start);
}

static void
run_all (void)
{
  char name[LINE];
  for (const char *at = list; *at; at += strcspn (at, "\n"), at += *at == '\n') {
    snprintf (name, sizeof name, "%.*s", (int) strcspn (at, " \n"), at);
    if (*name && *name != '#')
      run_program (name);
  }
}

static void
run_some (char *names)
{
  char *rest = NULL;
  for (char *name = strtok_r (names, ",", &rest); name; name = strtok_r (NULL, ",", &rest))
    run_program (name);
}

static void
run_asked (void)
{
  char name[LINE];
  while (fgets (name, sizeof name, stdin)) {
    name[strcspn (name, "\r\n")] = 0;
    if (strcmp (name, "off") == 0)
      return;
    if (*name)
      run_program (name);
  }
}

/* The value of an option on the kernel's command line, cut out of @options; NULL if it is not
 * there. */
static char *
find_option (char *options, const char *name)
{
  size_t length = strlen (name);
  for (char *at = strtok (options, " \n"); at; at = strtok (NULL, " \n"))
    if (strncmp (at, name, length) == 0 && (at[length] == '=' || at[length] == 0))
      return at + length + (at[length] == '=');
  return NULL;
}

int
main (void)
{
  char options[4096], again[4096], *names;
  prepare_console ();
  prepare_system ();
  read_file ("/bench/list", list, sizeof list);
  read_file ("/proc/cmdline", options, sizeof options);
  memcpy (again, options, sizeof again);
  printf ("bench: ready\n");
  if (find_option (options, "bench.ask"))
    run_asked ();
  else if ((names = find_option (again, "bench.list")))
    run_some (names);
  else
    run_all ();
  printf ("bench: off\n");
  fflush (stdout);
  tcdrain (STDOUT_FILENO);
  sync ();
  reboot (RB_POWER_OFF);
  complain ("reboot");
  return 1;
}
