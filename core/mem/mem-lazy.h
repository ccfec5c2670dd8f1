/* SPDX-License-Identifier: GPL-3.0-or-later
 * RAM whose bytes come from elsewhere when they are first needed.
 *
 * A page with DIO_PAGE_ABSENT is in no TLB; every way to its bytes begins with a look-up in the
 * guest-physical space (mem-space.c), which calls dio_ram_make_present(). So nothing needs
 * userfaultfd, which unprivileged processes and sandboxes are often refused, and no signal is
 * involved: a page that cannot be had is an ordinary error. The price is one load for each TLB
 * miss. */
#pragma once

#include "core/mem/mem-ram.h"

typedef struct {
  uint64_t chunk; /* bytes that come at a time: a power of two, at least DIO_PAGE_SIZE */
  /* The bytes of the chunk at @offset. Several threads at a time. False when they cannot be had:
   * the guest then sees zeros, and whoever gave the source should stop the machine. */
  bool (*fetch) (void *opaque, uint64_t offset, uint8_t *to);
  /* No fetch is running and none will come. */
  void (*free) (void *opaque);
  void *opaque;
} DioRamSource;

/* Makes the chunks absent whose bit is set in @absent (bit i: chunk i). The RAM is all zeros and
 * the machine stands still. NULL: nothing is absent any more; pages that still were hold zeros. */
void dio_ram_set_source (DioRam *ram, const DioRamSource *source, const uint8_t *absent);

/* Bytes that are absent still. Any thread. */
uint64_t dio_ram_count_absent (DioRam *ram);
