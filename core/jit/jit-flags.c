/* SPDX-License-Identifier: GPL-3.0-or-later
 * Condition flags that compiled code has left pending (DioJitPending). */
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

void
dio_jit_settle_flags (const DioJitGuest *guest, void *vcpu)
{
  DioJitPending *pending = (DioJitPending *) (void *) ((char *) vcpu + guest->pending);
  Flags *flags = (Flags *) (void *) ((char *) vcpu + guest->flags);
  switch (pending->opcode) {
  case DIO_IR_FLAGS_ADD_32:
    set_sum (flags, pending->a, pending->b, 32);
    break;
  case DIO_IR_FLAGS_ADD_64:
    set_sum (flags, pending->a, pending->b, 64);
    break;
  case DIO_IR_FLAGS_SUB_32:
    set_difference (flags, pending->a, pending->b, 32);
    break;
  case DIO_IR_FLAGS_SUB_64:
    set_difference (flags, pending->a, pending->b, 64);
    break;
  case DIO_IR_FLAGS_LOGIC_32:
  case DIO_IR_FLAGS_LOGIC_64:
    set_result (flags, pending->a, pending->opcode == DIO_IR_FLAGS_LOGIC_32 ? 32 : 64);
    flags->carry = flags->overflow = 0;
    break;
  default:
    break;
  }
  pending->opcode = 0;
}
