/* SPDX-License-Identifier: GPL-3.0-or-later
 * How wide the value of an operation can be. */
#pragma once

#include "core/ir/ir-block.h"

/* A value v is below 2^zero_from: all bits from there on are 0. And v is what sign-extending its
 * low sign_from bits gives: all bits from sign_from - 1 on are equal. 64 and 64 tell nothing. */
typedef struct {
  uint8_t zero_from; /* 0 to 64 */
  uint8_t sign_from; /* 1 to 64 */
  bool half;         /* of a vector: its upper half is zero */
} DioOptBits;

/* What is known of the value of the operation at @index, from what @bits tells of its arguments.
 * Truth values are numbers here. */
DioOptBits dio_opt_bits (const DioIrOp *ops, uint32_t index, const DioOptBits *bits);
