/* SPDX-License-Identifier: GPL-3.0-or-later
 * Regions: which blocks are compiled together. */
#pragma once

#include "core/tier/tier.h"

/* Is the instruction at @offset in the page likely to be run? NULL: all are. */
typedef bool (*DioTierWasRun) (void *data, unsigned offset);

/* Finds the blocks that can be reached from @start within the page whose bytes are at @page and
 * that @was_run, and lifts them. Edges to others lead out of the region. @region->page is given.
 * The IR of its blocks is freed by dio_tier_region_clear(). */
void dio_tier_region_build (const DioTierGuest *guest, DioJitRegion *region, const uint8_t *page,
                            unsigned start, DioTierWasRun was_run, void *data);
void dio_tier_region_clear (DioJitRegion *region);
