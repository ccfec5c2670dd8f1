/* SPDX-License-Identifier: GPL-3.0-or-later
 * Operands for floating-point tests: random ones with the edges far more likely than by chance. */
#pragma once

#include <stdint.h>

/* xorshift64*; @state is not zero. */
static inline uint64_t
fp_random (uint64_t *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C (0x2545f4914f6cdd1d);
}

/* A number of a format with @fraction and @exponent bits. @other is an earlier operand: some
 * results are near it, or near its negation, so that sums cancel and halves tie. */
static inline uint64_t
fp_random_operand (uint64_t *state, unsigned fraction, unsigned exponent, uint64_t other)
{
  uint64_t r = fp_random (state), bits = fp_random (state);
  uint64_t fraction_mask = (UINT64_C (1) << fraction) - 1;
  uint64_t exponent_mask = (UINT64_C (1) << exponent) - 1;
  uint64_t bias = exponent_mask >> 1;
  uint64_t sign = (r >> 63) << (fraction + exponent);
  uint64_t e, f;

  switch (r & 15) {
  case 0: /* any bits */
  case 1:
    return bits
           & (fraction_mask | exponent_mask << fraction | UINT64_C (1) << (fraction + exponent));
  case 2: /* zero, infinity, NaNs */
    e = r & 16 ? exponent_mask : 0;
    f = (UINT64_C (1) << (fraction - 1)) * (r >> 5 & 1) + (bits & 1) + (r & 64 ? 0 : bits >> 2 & 1);
    return sign | e << fraction | (r & 128 ? 0 : f & fraction_mask);
  case 3: /* subnormals and their neighbours */
    e = r >> 4 & 1;
    f = bits & fraction_mask >> (r >> 8 & 63) % (fraction + 1);
    return sign | e << fraction | f;
  case 4: /* the ends of the exponent range */
    e = r & 16 ? exponent_mask - 1 - (r >> 5 & 3) : r >> 5 & 3;
    break;
  case 5: /* near another operand */
  case 6:
    return (other ^ (r & 16 ? 0 : UINT64_C (1) << (fraction + exponent)))
           + (uint64_t) ((int64_t) (r >> 8 & 7) - 3);
  case 7: /* its exponent, about */
    e = ((other >> fraction) + (r >> 8 & 127) - 64) & exponent_mask;
    break;
  case 8: /* where results become tiny */
    e = (bias / 2 + (r >> 8 & 63) - 32) & exponent_mask;
    break;
  case 9: /* small integers and halves */
  case 10:
    e = bias + (r >> 8 & 7) - 2;
    f = fraction_mask & ~(fraction_mask >> (r >> 16 & 7));
    return sign | e << fraction | (bits & f);
  case 11: /* the limits of integer types */
    e = bias + 30 + (r >> 8 & 3) + (r & 16 ? 32 : 0);
    break;
  default:
    e = bias + (r >> 8 & 63) - 32;
    break;
  }
  switch (r >> 20 & 7) {
  case 0:
    f = bits & 3;
    break;
  case 1:
    f = fraction_mask - (bits & 3);
    break;
  case 2: /* few ones */
    f = UINT64_C (1) << (bits & 63) % fraction | UINT64_C (1) << (bits >> 8 & 63) % fraction;
    break;
  case 3: /* a run of zeros at the end */
    f = bits & ~((UINT64_C (1) << (r >> 24 & 63) % fraction) - 1);
    break;
  default:
    f = bits;
    break;
  }
  return sign | (e & exponent_mask) << fraction | (f & fraction_mask);
}
