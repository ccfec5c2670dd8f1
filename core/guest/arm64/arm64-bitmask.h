/* SPDX-License-Identifier: GPL-3.0-or-later
 * The bit masks that logical immediates of A64 stand for. */
#pragma once

#include "core/base/base-types.h"

/* By N:immr:imms, repeated to 64 bits; 0 for the reserved ones (no mask is 0). An operand has 16
 * bits, a mask 64: hence this table, which takes the place of the constant. */
extern const uint64_t dio_a64_bitmask[8192];

static inline bool
dio_a64_is_bitmask (int code)
{
  return dio_a64_bitmask[(unsigned) code & 8191] != 0;
}
