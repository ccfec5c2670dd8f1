/* SPDX-License-Identifier: GPL-3.0-or-later
 * Regions of riscv64 code: which blocks are compiled together. */
#pragma once

#include "core/jit/jit-region.h"

/* Is the instruction at @offset in the page likely to be run? NULL: all are. */
typedef bool (*DioRvWasRun) (void *data, unsigned offset);

/* Finds the blocks that can be reached from @start within the page whose bytes are at @page and
 * that
 * @was_run, and lifts them. Edges to others lead out of the region. @region->page is given. The IR
 * of its blocks is freed by dio_rv_region_clear(). */
void dio_rv_region_build (DioJitRegion *region, const uint8_t *page, unsigned start,
                          DioRvWasRun was_run, void *data);
void dio_rv_region_clear (DioJitRegion *region);
