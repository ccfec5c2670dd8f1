/* SPDX-License-Identifier: GPL-3.0-or-later
 * Slow handlers: the semantic functions with translation, I/O, exceptions and system operations.
 * Here handlers are small and call a function per leaf, which may do anything. */
#include "core/guest/riscv64/riscv64-interp-private.h"

#include "core/interp/interp-memory-slow.h"
#include "core/tier/tier.h"
#include "core/vm/vm-machine.h"

/* Exceptions are or'ed into the sticky flags by the operation. */
#define FP_CALL1(name, rounding, a)                                                                \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->hart->fflags, (a)))
#define FP_CALL2(name, rounding, a, b)                                                             \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->hart->fflags, (a), (b)))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->hart->fflags, (a), (b), (d)))
#define FP_TEST1(name, a) ((Val) dio_fp_##name (&c->hart->fflags, (a)))
#define FP_TEST2(name, a, b) ((Val) dio_fp_##name (&c->hart->fflags, (a), (b)))
#define FP_PURE1(name, a) ((Val) dio_fp_##name (a))

static bool
raise_exception (Context *c, DioRvExc cause, uint64_t tval)
{
  c->hart->exc_cause = cause;
  c->hart->exc_tval = tval;
  return false;
}

static inline bool
check (Context *c, DioRvExc cause)
{
  c->hart->exc_cause = cause;
  return cause == DIO_RV_EXC_NONE;
}

static inline bool
interp_load_slow (Context *c, uint64_t va, unsigned size, uint64_t *value)
{
  return check (c, dio_rv_load_slow (c->hart, va, size, value));
}

static inline bool
interp_store_slow (Context *c, uint64_t va, unsigned size, uint64_t value)
{
  return check (c, dio_rv_store_slow (c->hart, va, size, value));
}

static inline void *
interp_atomic_slow (Context *c, uint64_t va, unsigned size, bool write)
{
  void *host = NULL;
  DioGpa gpa;
  if (!check (c, dio_rv_atomic_pointer (c->hart, va, size, write ? DIO_RV_STORE : DIO_RV_LOAD,
                                        &host, &gpa)))
    return NULL;
  return host;
}

/* The write was noted when the pointer was given; but another hart may have begun to decode the
 * page between that and the write. */
static inline void
interp_atomic_done (Context *c, const void *host, unsigned size)
{
  DioRam *ram = c->hart->interp.cpu.machine->ram;
  uint64_t offset = (uintptr_t) host - (uintptr_t) ram->host;
  if (offset < ram->size)
    dio_ram_note_write (ram, offset, size);
}

#define FENCE(sets)                                                                                \
  do {                                                                                             \
    dio_rv_service_requests (c->hart);                                                             \
    interp_fence (sets);                                                                           \
  } while (0)
#define RAISE(exception, tval)                                                                     \
  do {                                                                                             \
    raise_exception (c, (exception), (tval));                                                      \
    return DIO_SEM_TRAP;                                                                           \
  } while (0)
#define TRAP_IF(condition, exception, tval)                                                        \
  do {                                                                                             \
    if (condition)                                                                                 \
      RAISE (exception, tval);                                                                     \
  } while (0)
#define ILLEGAL RAISE (DIO_RV_EXC_ILLEGAL, 0) /* who takes it fetches tval */
#define ILLEGAL_IF(condition) TRAP_IF (condition, DIO_RV_EXC_ILLEGAL, 0)
#define FP_REQUIRE()                                                                               \
  do {                                                                                             \
    ILLEGAL_IF (!(c->hart->mstatus & UINT64_C (3) << 13));                                         \
    dio_rv_fp_dirty (c->hart);                                                                     \
  } while (0)
#define ENVIRONMENT_CALL RAISE ((DioRvExc) (DIO_RV_EXC_ECALL_U + c->hart->priv), 0)
#define CHECKED(call)                                                                              \
  do {                                                                                             \
    if (!check (c, (call)))                                                                        \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)
#define SYSTEM0(name) CHECKED (dio_rv_##name (c->hart))
#define CSR(op, csr, operand)                                                                      \
  ({                                                                                               \
    uint64_t old_ = 0;                                                                             \
    CHECKED (dio_rv_csr_access (c->hart, (csr) &0xfff, (op), (operand), &old_));                   \
    old_;                                                                                          \
  })
#define CACHE_BLOCK(op, address) CHECKED (dio_rv_cbo (c->hart, (address), (op)))
#define FENCE_VMA(has_va, va, has_asid, asid)                                                      \
  CHECKED (dio_rv_sfence_vma (c->hart, (has_va), (va), (has_asid), (asid)))

static DioRvExc
dio_rv_fence_i (DioRiscv64 *hart)
{
  dio_rv_service_requests (hart);
  rv_mmu_doubt_code (hart);
  dio_interp_engine_forget (&hart->interp);
  dio_tier_barrier (&hart->interp);
  return DIO_RV_EXC_NONE;
}

#define SEM(name) static inline DioSemEnd slow_##name (Context *c, const DioInsn *o)
#include "core/guest/riscv64/riscv64-sem-fp.h"
#include "core/guest/riscv64/riscv64-sem-int.h"
#include "core/guest/riscv64/riscv64-sem-sys.h"

/* ---- Handlers ---- */

#define SLOW(leaf, sem, bytes)                                                                     \
  static DIO_NOINLINE DioSemEnd run_##leaf (DIO_INTERP_ARGS)                                       \
  {                                                                                                \
    CONTEXT (bytes);                                                                               \
    cpu->pc = dio_interp_pc (ip, bias, RV_SHIFT);                                                  \
    cpu->cpu.stats.instructions = count - ip->insn.run;                                            \
    DioSemEnd end = slow_##sem (&context, &ip->insn);                                              \
    cpu->engine->end = end;                                                                        \
    return end;                                                                                    \
  }                                                                                                \
  DioInterpSlot *dio_rv_slow_##leaf (DIO_INTERP_ARGS)                                              \
  {                                                                                                \
    if (DIO_LIKELY (run_##leaf (ip, cpu, count, tlb, bias) == DIO_SEM_NEXT)) {                     \
      ip += (bytes) / 2;                                                                           \
      DIO_INTERP_DISPATCH ();                                                                      \
    }                                                                                              \
    count -= ip->insn.run;                                                                         \
    ip += (bytes) / 2;                                                                             \
    DIO_INTERP_TAIL (dio_interp_op_end);                                                           \
  }

#define DEFINE_plain(leaf, sem, bytes)
#define DEFINE_load(leaf, sem, bytes) SLOW (leaf, sem, bytes)
#define DEFINE_store(leaf, sem, bytes) SLOW (leaf, sem, bytes)
#define DEFINE_atomic(leaf, sem, bytes) SLOW (leaf, sem, bytes)
#define DEFINE_fp(leaf, sem, bytes) SLOW (leaf, sem, bytes)
#define DEFINE_fence(leaf, sem, bytes) SLOW (leaf, sem, bytes)
#define DEFINE_branch(leaf, sem, bytes)
#define DEFINE_jump(leaf, sem, bytes)
#define DEFINE_jump_register(leaf, sem, bytes)
#define DEFINE_system(leaf, sem, bytes) SLOW (leaf, sem, bytes)
#define DEFINE_end(leaf, sem, bytes) SLOW (leaf, sem, bytes)
#define DEFINE(leaf, sem, bytes, kind, pins) DEFINE_##kind (leaf, sem, bytes)

DEFINE (illegal, illegal, 4, end, )
DIO_RV_LEAVES (DEFINE)
