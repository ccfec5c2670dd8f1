/* SPDX-License-Identifier: GPL-3.0-or-later
 * Condition flags while a block is built: of what the flags are, so that a condition becomes a
 * comparison of the operands, which code generators join with the branch or selection that wants
 * it. The flags themselves are set all the same; where nobody looks at them core/opt removes that.
 * Part of core/ir/ir-sem.h. */
#pragma once

typedef enum {
  IR_FLAGS_UNKNOWN,
  IR_FLAGS_ADD,
  IR_FLAGS_SUB,
  IR_FLAGS_LOGIC,
  IR_FLAGS_FP,
} IrFlagsKind;

typedef struct {
  IrFlagsKind kind;
  unsigned bits;
  Val a, b;
  bool unless; /* they are @nzcv if @condition does not hold */
  Val condition;
  unsigned nzcv;
} IrFlags;

/* Does condition @cond hold for these four bits? */
static inline bool
ir_flags_hold (unsigned nzcv, unsigned cond)
{
  bool n = nzcv & 8, z = nzcv & 4, carry = nzcv & 2, v = nzcv & 1, holds;
  switch (cond >> 1) {
  case 0:
    holds = z;
    break;
  case 1:
    holds = carry;
    break;
  case 2:
    holds = n;
    break;
  case 3:
    holds = v;
    break;
  case 4:
    holds = carry && !z;
    break;
  case 5:
    holds = n == v;
    break;
  case 6:
    holds = n == v && !z;
    break;
  default:
    return true;
  }
  return holds != (cond & 1);
}
