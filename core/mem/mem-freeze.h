/* SPDX-License-Identifier: GPL-3.0-or-later
 * A picture of guest RAM at one instant, read by other threads while the guest goes on.
 *
 * Freezing sets DIO_PAGE_FROZEN on every page. Whoever is about to write a frozen page puts its old
 * bytes aside first (dio_ram_begin_write()); whoever reads the picture takes the bytes from the
 * page or from what was put aside, and thaws it. Both do so under one lock, which is held for as
 * long as a few pages take to copy.
 *
 * A guest that writes faster than the picture is read would double its memory: from a quarter of
 * the RAM put aside on, writers wait for the reader. */
#pragma once

#include "core/mem/mem-ram.h"

/* Freezes @ram. The machine stands still, no DMA is in flight, and no write entry of a TLB is left
 * when it goes on. Also starts dirty tracking anew: what is written from now on loses
 * DIO_PAGE_CLEAN. NULL when there is not enough memory or it is frozen already. */
DioRamFreeze *dio_ram_freeze (DioRam *ram, GError **error);

/* True when the page was DIO_PAGE_CLEAN at that instant: not written since dirty tracking began. */
bool dio_ram_freeze_is_clean (const DioRamFreeze *freeze, uint64_t page);

/* The bytes of @count pages from @first on, as they were; thaws them, so once only for each page.
 * Any thread. False when they could not be kept: the picture is useless then. */
bool dio_ram_freeze_read (DioRamFreeze *freeze, uint64_t first, uint64_t count, uint8_t *to);

/* Thaws pages that nobody wants to read. */
void dio_ram_freeze_skip (DioRamFreeze *freeze, uint64_t first, uint64_t count);

/* Bytes put aside at most so far. */
uint64_t dio_ram_freeze_peak (DioRamFreeze *freeze);

/* Ends it; what was not read is thawed. Without @keep the pages that were dirty when it began count
 * as dirty again: the picture came to nothing. The machine may run. */
void dio_ram_freeze_end (DioRamFreeze *freeze, bool keep);
