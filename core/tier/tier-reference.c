/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory as compiled code has found it, for the interpreter's side of the checker. */
#include "core/tier/tier-reference-vec.h"

#include <string.h>

/* Bytes of a load or store; what is read by another kind of load has the same low bits. */
static unsigned
access_size (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_LOAD_S8:
  case DIO_IR_LOAD_U8:
  case DIO_IR_STORE_8:
  case DIO_IR_LOAD_USER_S8:
  case DIO_IR_LOAD_USER_U8:
  case DIO_IR_STORE_USER_8:
  case DIO_IR_STORE_CONDITIONAL_8:
    return 1;
  case DIO_IR_LOAD_S16:
  case DIO_IR_LOAD_U16:
  case DIO_IR_STORE_16:
  case DIO_IR_LOAD_USER_S16:
  case DIO_IR_LOAD_USER_U16:
  case DIO_IR_STORE_USER_16:
  case DIO_IR_STORE_CONDITIONAL_16:
    return 2;
  case DIO_IR_LOAD_S32:
  case DIO_IR_LOAD_U32:
  case DIO_IR_STORE_32:
  case DIO_IR_LOAD_USER_S32:
  case DIO_IR_LOAD_USER_U32:
  case DIO_IR_STORE_USER_32:
  case DIO_IR_STORE_CONDITIONAL_32:
    return 4;
  default:
    break;
  }
  if (opcode >= DIO_IR_AMO_swap_32 && opcode <= DIO_IR_AMO_maxu_32)
    return 4;
  if (opcode >= DIO_IR_AMO_swap_8 && opcode <= DIO_IR_AMO_maxu_16)
    return (opcode - DIO_IR_AMO_swap_8) % 2 ? 2 : 1;
  return 8;
}

static bool
is_load (unsigned opcode)
{
  return (opcode >= DIO_IR_LOAD_S8 && opcode <= DIO_IR_LOAD_U64)
         || (opcode >= DIO_IR_LOAD_USER_S8 && opcode <= DIO_IR_LOAD_USER_U64);
}

static bool
is_user (unsigned opcode)
{
  return opcode >= DIO_IR_LOAD_USER_S8 && opcode <= DIO_IR_STORE_USER_64;
}

static bool
same_kind (unsigned a, unsigned b)
{
  return a == b
         || (is_load (a) && is_load (b) && is_user (a) == is_user (b)
             && access_size (a) == access_size (b));
}

/* Has it an operand that reaches memory? */
static bool
has_value (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_LOAD_RESERVED_8:
  case DIO_IR_LOAD_RESERVED_16:
  case DIO_IR_LOAD_RESERVED_32:
  case DIO_IR_LOAD_RESERVED_64:
  case DIO_IR_CSR_READ:
    return false;
  default:
    return !is_load (opcode) && !dio_ir_op_has_vectors ((DioIrOpcode) opcode);
  }
}

static const char *
mismatch (const DioTierAccess *access, unsigned opcode, uint64_t va, uint64_t value)
{
  if (!same_kind (access->opcode, opcode))
    return "another kind of access";
  if (access->va != va)
    return "another address";
  uint64_t mask = UINT64_MAX >> (64 - 8 * access_size (opcode));
  return has_value (opcode) && ((access->value ^ value) & mask) ? "another value stored" : NULL;
}

static bool
is_reserving (unsigned opcode)
{
  return (opcode >= DIO_IR_LOAD_RESERVED_32 && opcode <= DIO_IR_STORE_CONDITIONAL_64)
         || (opcode >= DIO_IR_LOAD_RESERVED_8 && opcode <= DIO_IR_STORE_CONDITIONAL_V128);
}

bool
dio_tier_replay (DioTierReference *reference, unsigned opcode, uint64_t va, uint64_t value,
                 uint64_t *result)
{
  if (reference->next == reference->accesses->len) {
    reference->why = "compiled code has not made an access";
    return false;
  }
  const DioTierAccess *access =
      &g_array_index (reference->accesses, DioTierAccess, reference->next++);
  reference->last = access;
  reference->why = mismatch (access, opcode, va, value);
  reference->faulted = !access->done;
  *result = access->result;
  if (is_reserving (opcode)) {
    reference->state->reservation = access->reservation;
    reference->state->reservation_value = access->reservation_value;
  }
  return !reference->why && access->done;
}

bool
dio_tier_replay_vectors (DioTierReference *reference, unsigned opcode, uint64_t va,
                         const DioVec *operands, unsigned n, uint64_t *word, DioVec *vector)
{
  bool done = dio_tier_replay (reference, opcode, va, 0, word);
  if (reference->why)
    return false;
  if (memcmp (reference->last->vectors, operands, n * sizeof *operands) != 0) {
    reference->why = "another vector stored";
    return false;
  }
  memcpy (vector, reference->last->vector, sizeof *vector);
  return done;
}
