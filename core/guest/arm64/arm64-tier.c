/* SPDX-License-Identifier: GPL-3.0-or-later
 * arm64 on the compiler: what core/tier must know of it. */
#include "core/guest/arm64/arm64-tier.h"

#include "core/guest/arm64/arm64-control.h"
#include "core/guest/arm64/arm64-leaves.h"
#include "core/guest/arm64/arm64-lift.h"
#include "core/guest/arm64/arm64-priv.h"

/* ---- Compiling ---- */

/* What code generators have for this guest. */
static bool
has_code (const DioIrOp *op)
{
  switch (op->opcode) {
  case DIO_IR_SYSTEM:
  case DIO_IR_CSR_READ:
  case DIO_IR_CSR_WRITE:
  case DIO_IR_CACHE_BLOCK:
    return false;
  default:
    return true;
  }
}

static bool
is_compiled (const uint8_t *code)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  dio_a64_lift (block, code, 4, 1);
  for (uint32_t i = 0; i < block->ops->len; i++)
    if (!has_code (dio_ir_block_op (block, i)))
      return false;
  return true;
}

/* Does it end for good? What lies behind BRK and the like is other code, if any. */
static bool
is_last (const DioInsn *insn)
{
  return insn->leaf != DIO_A64_LEAF_SVC && insn->leaf != DIO_A64_LEAF_HVC
         && insn->leaf != DIO_A64_LEAF_SMC;
}

static void
decode (const uint8_t *page, unsigned offset, DioTierInsn *result)
{
  uint32_t raw;
  DioInsn insn;
  memcpy (&raw, page + offset, sizeof raw);
  dio_a64_decode (raw, &insn);
  *result = (DioTierInsn){
    .length = 4,
    .kind = dio_a64_leaf_info[insn.leaf].kind,
    .call = insn.leaf == DIO_A64_LEAF_BL || insn.leaf == DIO_A64_LEAF_BLR,
    .offset = insn.wide,
  };
  switch (result->kind) {
  case DIO_LEAF_BRANCH:
  case DIO_LEAF_JUMP:
  case DIO_LEAF_JUMP_REGISTER:
    break;
  case DIO_LEAF_SYSTEM:
    if (dio_a64_is_plain (&insn))
      result->kind = DIO_LEAF_ATOMIC; /* may trap, and goes on */
    break;
  case DIO_LEAF_END:
    if (is_last (&insn))
      result->length = 0;
    break;
  default:
    if (!is_compiled (page + offset))
      result->kind = DIO_LEAF_SYSTEM;
    break;
  }
}

static void
add_jumps (DioInterpCpu *cpu)
{
  dio_tlb_add_jumps (&cpu->tlb, A64_SET_SYSTEM);
  for (unsigned i = 0; i < A64_SPACES; i++)
    dio_tlb_add_jumps (&cpu->tlb, A64_SET_SPACES + i);
}

/* ---- Functions that compiled code calls ---- */

#define OF_COMPILED(interp, call)                                                                  \
  ({                                                                                               \
    DIO_ARM64 (interp)->pc_unknown = true;                                                         \
    bool done_ = call;                                                                             \
    DIO_ARM64 (interp)->pc_unknown = false;                                                        \
    done_;                                                                                         \
  })

/* What is misaligned for an access is not always for the instruction that it is a part of. */
static bool
again (const DioInterpCpu *cpu)
{
  return a64_alignment_noted ((const DioArm64 *) (const void *) cpu);
}

static bool
load (DioInterpCpu *cpu, DioGva va, unsigned size, bool user, uint64_t *value)
{
  return OF_COMPILED (cpu, dio_a64_load_slow (DIO_ARM64 (cpu), va, size, user, value));
}

static bool
store (DioInterpCpu *cpu, DioGva va, unsigned size, bool user, uint64_t value)
{
  return OF_COMPILED (cpu, dio_a64_store_slow (DIO_ARM64 (cpu), va, size, user, value));
}

static bool
load_v128 (DioInterpCpu *cpu, DioGva va, DioVec *value)
{
  return OF_COMPILED (cpu, dio_a64_load_v128_slow (DIO_ARM64 (cpu), va, value));
}

static bool
store_v128 (DioInterpCpu *cpu, DioGva va, DioVec value)
{
  return OF_COMPILED (cpu, dio_a64_store_v128_slow (DIO_ARM64 (cpu), va, value));
}

static void *
atomic (DioInterpCpu *cpu, DioGva va, unsigned size, bool write)
{
  return dio_a64_atomic_pointer (DIO_ARM64 (cpu), va, size, write);
}

/* ---- Floating point ---- */

/* FPCR: rounding mode, flushing to zero. */
#define NOT_PLAIN (UINT32_C (3) << 22 | UINT32_C (1) << 24 | UINT32_C (1) << 19)

static bool
fp_ready (const DioInterpCpu *interp)
{
  const DioArm64 *cpu = (const DioArm64 *) (const void *) interp;
  return !cpu->fp_slow && !(cpu->fpcr & NOT_PLAIN);
}

static bool
fp_prepare (DioInterpCpu *cpu)
{
  return fp_ready (cpu);
}

const DioTierGuest dio_a64_tier_guest = {
  .layout = {
    .base = offsetof (DioArm64, x) + 16 * sizeof (uint64_t),
    .x = offsetof (DioArm64, x),
    .pc = offsetof (DioArm64, interp.pc),
    .jit = offsetof (DioArm64, interp.jit),
    .tlb_data = offsetof (DioArm64, interp.tlb.data),
    .tlb_jumps = offsetof (DioArm64, interp.tlb.jumps),
    .tlb_second = offsetof (DioArm64, interp.tlb.second),
    .reservation = offsetof (DioArm64, reservation),
    .reservation_value = offsetof (DioArm64, reservation_value),
    .fflags = offsetof (DioArm64, fp_flags),
    .v = offsetof (DioArm64, v),
    .saturated = offsetof (DioArm64, saturated),
    .fp_mode = offsetof (DioArm64, fp_mode),
    .fp_traps = true,
    .flags = offsetof (DioArm64, nf),
    .pending = offsetof (DioArm64, pending),
    .thread = offsetof (DioArm64, thread),
    .tlb_user = offsetof (DioArm64, user_tlb),
    .no_clear = offsetof (DioArm64, no_clear),
    .control = dio_a64_control,
  },
  .decode = decode,
  .lift = dio_a64_lift,
  .add_jumps = add_jumps,
  .load = load,
  .store = store,
  .load_v128 = load_v128,
  .store_v128 = store_v128,
  .atomic = atomic,
  .again = again,
  .fp_ready = fp_ready,
  .fp_prepare = fp_prepare,
  .checked = &dio_a64_checked,
};
