/* SPDX-License-Identifier: GPL-3.0-or-later
 * The constants of arm64's FMOV (VFPExpandImm): a sign, three bits of exponent, four of fraction.
 */
#pragma once

#include "core/base/base-types.h"

static inline uint32_t
dio_a64_expand_fp32 (unsigned imm8)
{
  uint32_t exponent = imm8 & 0x40 ? 0x1f << 25 : 1 << 30;
  return (imm8 & 0x80) << 24 | exponent | (imm8 & 0x3f) << 19;
}

static inline uint64_t
dio_a64_expand_fp64 (unsigned imm8)
{
  uint64_t exponent = imm8 & 0x40 ? UINT64_C (0xff) << 54 : UINT64_C (1) << 62;
  return (uint64_t) (imm8 & 0x80) << 56 | exponent | (uint64_t) (imm8 & 0x3f) << 48;
}
