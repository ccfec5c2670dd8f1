/* SPDX-License-Identifier: GPL-3.0-or-later
 * Slow handlers: the semantic functions with translation, I/O, exceptions and system operations.
 * Here handlers are small and call a function per leaf, which may do anything. */
#include "core/guest/arm64/arm64-interp-private.h"

#include "core/interp/interp-memory-slow.h"
#include "core/vm/vm-machine.h"

/* Exceptions are or'ed into the sticky flags by the operation. */
#define FP_CALL1(name, rounding, a)                                                                \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->cpu->fp_flags, (a)))
#define FP_CALL2(name, rounding, a, b)                                                             \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->cpu->fp_flags, (a), (b)))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), &c->cpu->fp_flags, (a), (b), (d)))
#define FP_TEST1(name, a) ((Val) dio_fp_##name (&c->cpu->fp_flags, (a)))
#define FP_TEST2(name, a, b) ((Val) dio_fp_##name (&c->cpu->fp_flags, (a), (b)))
#define FP_PURE1(name, a) ((Val) dio_fp_##name (a))

static inline bool
interp_load_slow (Context *c, uint64_t va, unsigned size, uint64_t *value)
{
  return dio_a64_load_slow (c->cpu, va, size, false, value);
}

static inline bool
interp_store_slow (Context *c, uint64_t va, unsigned size, uint64_t value)
{
  return dio_a64_store_slow (c->cpu, va, size, false, value);
}

static inline bool
interp_load_user_slow (Context *c, uint64_t va, unsigned size, uint64_t *value)
{
  return dio_a64_load_slow (c->cpu, va, size, true, value);
}

static inline bool
interp_store_user_slow (Context *c, uint64_t va, unsigned size, uint64_t value)
{
  return dio_a64_store_slow (c->cpu, va, size, true, value);
}

static inline bool
interp_load_v128_slow (Context *c, uint64_t va, Vec *value)
{
  return dio_a64_load_v128_slow (c->cpu, va, value);
}

static inline bool
interp_store_v128_slow (Context *c, uint64_t va, Vec value)
{
  return dio_a64_store_v128_slow (c->cpu, va, value);
}

static inline void *
interp_atomic_slow (Context *c, uint64_t va, unsigned size, bool write)
{
  return dio_a64_atomic_pointer (c->cpu, va, size, write);
}

/* The write was noted when the pointer was given; but another CPU may have begun to decode the page
 * between that and the write. */
static inline void
interp_atomic_done (Context *c, const void *host, unsigned size)
{
  DioRam *ram = c->cpu->interp.cpu.machine->ram;
  uint64_t offset = (uintptr_t) host - (uintptr_t) ram->host;
  if (offset < ram->size)
    dio_ram_note_write (ram, offset, size);
}

#define RAISE(exception, value)                                                                    \
  do {                                                                                             \
    dio_a64_raise (c->cpu, (exception), (value));                                                  \
    return DIO_SEM_TRAP;                                                                           \
  } while (0)
#define TRAP_IF(condition, exception, value)                                                       \
  do {                                                                                             \
    if (condition)                                                                                 \
      RAISE (exception, value);                                                                    \
  } while (0)
#define ILLEGAL RAISE (DIO_A64_UNDEFINED, 0)
#define ILLEGAL_IF(condition) TRAP_IF (condition, DIO_A64_UNDEFINED, 0)
#define FP_REQUIRE() TRAP_IF (c->cpu->fp_slow, DIO_A64_FP_OFF, 0)
#define CHECKED(call)                                                                              \
  do {                                                                                             \
    if (!(call))                                                                                   \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)
#define SYSTEM0(name) CHECKED (dio_a64_##name (c->cpu))
#define CSR(op, csr, operand)                                                                      \
  ({                                                                                               \
    uint64_t value_ = (operand);                                                                   \
    CHECKED (dio_a64_csr_access (c->cpu, (op), (unsigned) (csr) &0xffff, &value_));                \
    value_;                                                                                        \
  })
#define CACHE_BLOCK(op, address) CHECKED (dio_a64_zero_block (c->cpu, (address)))

#define SEM(name) static inline DioSemEnd slow_##name (Context *c, const DioInsn *o)
#include "core/guest/arm64/arm64-sem-int.h"

#include "core/guest/arm64/arm64-sem-mem.h"

#include "core/guest/arm64/arm64-sem-fp.h"

#include "core/guest/arm64/arm64-sem-simd.h"

#include "core/guest/arm64/arm64-sem-struct.h"

#include "core/guest/arm64/arm64-sem-sys.h"

/* ---- Handlers ---- */

#define SLOW(leaf, sem)                                                                            \
  static DIO_NOINLINE DioSemEnd run_##leaf (DIO_INTERP_ARGS)                                       \
  {                                                                                                \
    CONTEXT;                                                                                       \
    cpu->pc = dio_interp_pc (ip, bias, A64_SHIFT);                                                 \
    cpu->cpu.stats.instructions = count - ip->insn.run;                                            \
    DioSemEnd end = slow_##sem (&context, &ip->insn);                                              \
    cpu->engine->end = end;                                                                        \
    return end;                                                                                    \
  }                                                                                                \
  DioInterpSlot *a64_slow_##leaf (DIO_INTERP_ARGS)                                                 \
  {                                                                                                \
    if (DIO_LIKELY (run_##leaf (ip, cpu, count, tlb, bias) == DIO_SEM_NEXT)) {                     \
      ip++;                                                                                        \
      DIO_INTERP_DISPATCH ();                                                                      \
    }                                                                                              \
    count -= ip->insn.run;                                                                         \
    ip++;                                                                                          \
    DIO_INTERP_TAIL (dio_interp_op_end);                                                           \
  }

#define DEFINE_plain(leaf, sem)
#define DEFINE_load SLOW
#define DEFINE_store SLOW
#define DEFINE_atomic SLOW
#define DEFINE_fp SLOW
#define DEFINE_call SLOW
#define DEFINE_fence SLOW
#define DEFINE_branch(leaf, sem)
#define DEFINE_jump(leaf, sem)
#define DEFINE_jump_register(leaf, sem)
#define DEFINE_system SLOW
#define DEFINE_end SLOW
#define DEFINE(leaf, sem, bytes, kind, pins) DEFINE_##kind (leaf, sem)

SLOW (illegal, illegal)
DIO_A64_LEAVES (DEFINE)
