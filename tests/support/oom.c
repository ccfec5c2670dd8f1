/* SPDX-License-Identifier: GPL-3.0-or-later
 * The C library's malloc(), replaced by one that may fail. */
#include "tests/support/oom.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *old, size_t size);

static _Atomic unsigned at; /* the allocation that fails; 0: none does */
static _Atomic unsigned count;
static _Atomic bool for_ever;
static _Atomic size_t large = OOM_LARGE;

static bool
fails (size_t size)
{
  unsigned nth = atomic_load (&at);
  if (size < atomic_load (&large) || !nth)
    return false;
  unsigned number = atomic_fetch_add (&count, 1) + 1;
  if (number < nth || (number > nth && !atomic_load (&for_ever)))
    return false;
  errno = ENOMEM;
  return true;
}

void *
malloc (size_t size)
{
  return fails (size) ? NULL : __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  size_t total;
  bool known = !__builtin_mul_overflow (n, size, &total);
  return known && fails (total) ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *old, size_t size)
{
  return fails (size) ? NULL : __libc_realloc (old, size);
}

void
oom_arm (unsigned nth)
{
  oom_arm_from (nth, OOM_LARGE);
}

static void
arm (unsigned nth, size_t least, bool all)
{
  atomic_store (&for_ever, all);
  atomic_store (&large, least);
  atomic_store (&count, 0);
  atomic_store (&at, nth);
}

void
oom_arm_from (unsigned nth, size_t least)
{
  arm (nth, least, false);
}

void
oom_arm_for_ever (unsigned nth, size_t least)
{
  arm (nth, least, true);
}

bool
oom_disarm (void)
{
  unsigned nth = atomic_exchange (&at, 0);
  return nth && atomic_load (&count) >= nth;
}
