/* SPDX-License-Identifier: GPL-3.0-or-later
 * riscv64 on the compiler: what core/tier must know of it. */
#include "core/guest/riscv64/riscv64-tier.h"

#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/guest/riscv64/riscv64-lift.h"
#include "core/guest/riscv64/riscv64-priv.h"

/* ---- Compiling ---- */

/* x1 and x5 are what calls put the way back into (UnprivSpec 2.5.1). */
static bool
is_call (const DioInsn *insn)
{
  return insn->rd == 1 || insn->rd == 5;
}

static void
decode (const uint8_t *page, unsigned offset, DioTierInsn *result)
{
  *result = (DioTierInsn){ .kind = DIO_LEAF_SYSTEM };
  uint32_t raw = page[offset] | (uint32_t) page[offset + 1] << 8;
  if ((raw & 3) == 3) {
    if (offset + 4 > DIO_PAGE_SIZE)
      return;
    raw |= (uint32_t) page[offset + 2] << 16 | (uint32_t) page[offset + 3] << 24;
  }
  DioInsn insn;
  result->length = (uint8_t) dio_rv_decode (raw, &insn);
  result->kind = dio_rv_leaf_info[insn.leaf].kind;
  result->call = is_call (&insn);
  result->offset = result->kind == DIO_LEAF_BRANCH ? insn.imm : insn.wide;
  if (result->kind == DIO_LEAF_SYSTEM
      && (dio_rv_is_plain_csr (&insn) || insn.leaf == DIO_RV_LEAF_CBO_ZERO))
    result->kind = DIO_LEAF_ATOMIC; /* may trap, and goes on */
}

static void
add_jumps (DioInterpCpu *cpu)
{
  dio_tlb_add_jumps (&cpu->tlb, RV_SET_MACHINE);
  dio_tlb_add_jumps (&cpu->tlb, RV_SET_SUPERVISOR);
  for (unsigned i = 0; i < RV_SLOTS; i++)
    dio_tlb_add_jumps (&cpu->tlb, RV_SET_SLOTS + 2 * i);
}

/* ---- Functions that compiled code calls ---- */

static bool
note (DioRiscv64 *hart, DioRvExc cause)
{
  hart->exc_cause = cause;
  return cause == DIO_RV_EXC_NONE;
}

static bool
load (DioInterpCpu *cpu, DioGva va, unsigned size, bool user, uint64_t *value)
{
  (void) user;
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  return note (hart, dio_rv_load_slow (hart, va, size, value));
}

static bool
store (DioInterpCpu *cpu, DioGva va, unsigned size, bool user, uint64_t value)
{
  (void) user;
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  return note (hart, dio_rv_store_slow (hart, va, size, value));
}

static void *
atomic (DioInterpCpu *cpu, DioGva va, unsigned size, bool write)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  void *host = NULL;
  DioGpa gpa;
  DioRvAccess access = write ? DIO_RV_STORE : DIO_RV_LOAD;
  return note (hart, dio_rv_atomic_pointer (hart, va, size, access, &host, &gpa)) ? host : NULL;
}

static DioRvCsrOp
csr_op (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_CSR_READ:
    return DIO_RV_CSR_READ;
  case DIO_IR_CSR_WRITE:
    return DIO_RV_CSR_WRITE;
  case DIO_IR_CSR_SET:
    return DIO_RV_CSR_SET;
  default:
    return DIO_RV_CSR_CLEAR;
  }
}

/* Those of floating point see the exceptions that the host's FPU has collected, and change how it
 * computes. */
static bool
csr (DioInterpCpu *cpu, unsigned opcode, unsigned number, uint64_t value, uint64_t *result)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  bool fp = number <= 3;
  if (fp) {
    cpu->jit.mxcsr = (uint32_t) dio_fp_host_enter ();
    dio_tier_fp_collect (cpu);
  }
  DioRvExc cause = dio_rv_csr_access (hart, number, csr_op (opcode), value, result);
  if (fp) {
    dio_tier_fp_refresh (cpu);
    dio_fp_host_leave (cpu->jit.mxcsr);
  }
  return note (hart, cause);
}

/* ---- Floating point ---- */

static bool
fp_ready (const DioInterpCpu *cpu)
{
  const DioRiscv64 *hart = (const DioRiscv64 *) cpu;
  return !hart->fp_slow;
}

/* FS becomes dirty with the way into a region that computes, whether it comes to that or not: it
 * may be imprecise in this direction (PrivSpec 3.1.6.6). */
static bool
fp_prepare (DioInterpCpu *cpu)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  if (!(hart->mstatus & RV_MSTATUS_FS))
    return false;
  dio_rv_fp_dirty (hart);
  return true;
}

const DioTierGuest dio_rv_tier_guest = {
  .layout = {
    .base = offsetof (DioRiscv64, x) + 16 * sizeof (uint64_t),
    .x = offsetof (DioRiscv64, x),
    .f = offsetof (DioRiscv64, f),
    .pc = offsetof (DioRiscv64, interp.pc),
    .jit = offsetof (DioRiscv64, interp.jit),
    .tlb_data = offsetof (DioRiscv64, interp.tlb.data),
    .tlb_jumps = offsetof (DioRiscv64, interp.tlb.jumps),
    .tlb_second = offsetof (DioRiscv64, interp.tlb.second),
    .requests = offsetof (DioRiscv64, interp.requests),
    .reservation = offsetof (DioRiscv64, reservation),
    .reservation_value = offsetof (DioRiscv64, reservation_value),
    .fflags = offsetof (DioRiscv64, fflags),
    .frm = offsetof (DioRiscv64, frm),
    .no_clear = offsetof (DioRiscv64, no_clear),
  },
  .decode = decode,
  .lift = dio_rv_lift,
  .add_jumps = add_jumps,
  .load = load,
  .store = store,
  .atomic = atomic,
  .csr = csr,
  .fp_ready = fp_ready,
  .fp_prepare = fp_prepare,
  .checked = &dio_rv_checked,
};
