/* SPDX-License-Identifier: GPL-3.0-or-later
 * Condition flags that compiled code has left pending (DioJitPending). */
#include "core/fp/fp-soft.h"
#include "core/jit/jit-private.h"

/* The words of DioJitGuest.flags: negative when the first is, zero when the second is 0, carry,
 * overflow when the fourth is negative. */
typedef struct {
  uint64_t negative, zero, carry, overflow;
} Flags;

static void
set_result (Flags *flags, uint64_t result, unsigned bits)
{
  uint64_t wide = bits == 32 ? (uint64_t) (int64_t) (int32_t) result : result;
  flags->negative = flags->zero = wide;
}

static void
set_sum (Flags *flags, uint64_t a, uint64_t b, unsigned bits)
{
  unsigned up = 64 - bits;
  uint64_t x = a << up, y = b << up, sum = x + y;
  set_result (flags, a + b, bits);
  flags->carry = sum < x;
  flags->overflow = (x ^ sum) & (y ^ sum);
}

static void
set_difference (Flags *flags, uint64_t a, uint64_t b, unsigned bits)
{
  unsigned up = 64 - bits;
  uint64_t x = a << up, y = b << up, rest = x - y;
  set_result (flags, a - b, bits);
  flags->carry = x >= y;
  flags->overflow = (x ^ y) & (x ^ rest);
}

/* As numbers in bits 31 to 28. */
static void
set_nzcv (Flags *flags, uint32_t nzcv)
{
  flags->negative = (uint64_t) nzcv << 32;
  flags->zero = !(nzcv & UINT32_C (1) << 30);
  flags->carry = nzcv >> 29 & 1;
  flags->overflow = (uint64_t) nzcv << 35;
}

static void
settle (Flags *flags, unsigned opcode, uint64_t a, uint64_t b)
{
  uint8_t exceptions = 0; /* the guest has them already */
  switch (opcode) {
  case DIO_IR_FLAGS_ADD_32:
    set_sum (flags, a, b, 32);
    break;
  case DIO_IR_FLAGS_ADD_64:
    set_sum (flags, a, b, 64);
    break;
  case DIO_IR_FLAGS_SUB_32:
    set_difference (flags, a, b, 32);
    break;
  case DIO_IR_FLAGS_SUB_64:
    set_difference (flags, a, b, 64);
    break;
  case DIO_IR_FLAGS_LOGIC_32:
  case DIO_IR_FLAGS_LOGIC_64:
    set_result (flags, a, opcode == DIO_IR_FLAGS_LOGIC_32 ? 32 : 64);
    flags->carry = flags->overflow = 0;
    break;
  case DIO_IR_FLAGS_FP_32:
    set_nzcv (flags, dio_fp_soft_compare32 (&exceptions, (uint32_t) a, (uint32_t) b));
    break;
  case DIO_IR_FLAGS_FP_64:
    set_nzcv (flags, dio_fp_soft_compare64 (&exceptions, a, b));
    break;
  default:
    break;
  }
}

void
dio_jit_settle_flags (const DioJitGuest *guest, void *vcpu)
{
  DioJitPending *pending = (DioJitPending *) (void *) ((char *) vcpu + guest->pending);
  Flags *flags = (Flags *) (void *) ((char *) vcpu + guest->flags);
  uint64_t word = pending->opcode;
  bool constant = word & DIO_JIT_PENDING_CONSTANT;
  uint64_t b = constant ? (uint64_t) ((int64_t) word >> 8) : pending->b;
  settle (flags, word & (DIO_JIT_PENDING_CONSTANT - 1), pending->a, b);
  pending->opcode = 0;
}
