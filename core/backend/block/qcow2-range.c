/* SPDX-License-Identifier: GPL-3.0-or-later
 * Ranges of guest clusters that one writer changes at a time. A writer takes one range for all of
 * its request, so nobody waits in a circle. */
#include "core/backend/block/qcow2-private.h"

static bool
is_taken (const Qcow2 *qcow2, uint64_t first, uint64_t last)
{
  for (const Qcow2Range *range = qcow2->ranges; range; range = range->next)
    if (range->first <= last && first <= range->last)
      return true;
  return false;
}

void
dio_qcow2_lock_range (Qcow2 *qcow2, Qcow2Range *range, uint64_t first, uint64_t last)
{
  pthread_mutex_lock (&qcow2->range_lock);
  while (is_taken (qcow2, first, last))
    pthread_cond_wait (&qcow2->range_freed, &qcow2->range_lock);
  *range = (Qcow2Range){ qcow2->ranges, first, last };
  qcow2->ranges = range;
  pthread_mutex_unlock (&qcow2->range_lock);
}

void
dio_qcow2_unlock_range (Qcow2 *qcow2, Qcow2Range *range)
{
  pthread_mutex_lock (&qcow2->range_lock);
  Qcow2Range **at = &qcow2->ranges;
  while (*at != range)
    at = &(*at)->next;
  *at = range->next;
  pthread_cond_broadcast (&qcow2->range_freed);
  pthread_mutex_unlock (&qcow2->range_lock);
}

unsigned
dio_qcow2_begin_read (Qcow2 *qcow2)
{
  pthread_mutex_lock (&qcow2->range_lock);
  unsigned epoch = qcow2->epoch & 1;
  qcow2->readers[epoch]++;
  pthread_mutex_unlock (&qcow2->range_lock);
  return epoch;
}

void
dio_qcow2_end_read (Qcow2 *qcow2, unsigned epoch)
{
  pthread_mutex_lock (&qcow2->range_lock);
  if (--qcow2->readers[epoch] == 0)
    pthread_cond_broadcast (&qcow2->range_freed);
  pthread_mutex_unlock (&qcow2->range_lock);
}

void
dio_qcow2_wait_readers (Qcow2 *qcow2)
{
  pthread_mutex_lock (&qcow2->range_lock);
  unsigned epoch = qcow2->epoch++ & 1;
  while (qcow2->readers[epoch])
    pthread_cond_wait (&qcow2->range_freed, &qcow2->range_lock);
  pthread_mutex_unlock (&qcow2->range_lock);
}
