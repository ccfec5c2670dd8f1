/* SPDX-License-Identifier: GPL-3.0-or-later
 * The semantic functions of riscv64 once more, for the checker: with immediate evaluation on a
 * state of their own, and memory as compiled code has found it. */
#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-check-private.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/interp/interp-sem.h"

/* ---- Memory: what was recorded ---- */

/* Bytes of a load or store; what is read by another kind of load has the same low bits. */
static unsigned
access_size (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_LOAD_S8:
  case DIO_IR_LOAD_U8:
  case DIO_IR_STORE_8:
    return 1;
  case DIO_IR_LOAD_S16:
  case DIO_IR_LOAD_U16:
  case DIO_IR_STORE_16:
    return 2;
  case DIO_IR_LOAD_S32:
  case DIO_IR_LOAD_U32:
  case DIO_IR_STORE_32:
    return 4;
  default:
    return 8;
  }
}

static bool
is_load (unsigned opcode)
{
  return opcode >= DIO_IR_LOAD_S8 && opcode <= DIO_IR_LOAD_U64;
}

static bool
same_kind (unsigned a, unsigned b)
{
  return a == b || (is_load (a) && is_load (b) && access_size (a) == access_size (b));
}

/* Bits of the operand that reach memory. */
static uint64_t
operand_mask (unsigned opcode)
{
  if (is_load (opcode) || opcode == DIO_IR_LOAD_RESERVED_32 || opcode == DIO_IR_LOAD_RESERVED_64
      || opcode == DIO_IR_CSR_READ)
    return 0;
  bool word = opcode == DIO_IR_STORE_CONDITIONAL_32
              || (opcode >= DIO_IR_AMO_swap_32 && opcode <= DIO_IR_AMO_maxu_32);
  unsigned size = word ? 4 : access_size (opcode);
  return UINT64_MAX >> (64 - 8 * size);
}

static const char *
mismatch (const DioRvCheckAccess *access, unsigned opcode, uint64_t va, uint64_t value)
{
  if (!same_kind (access->opcode, opcode))
    return "another kind of access";
  if (access->va != va)
    return "another address";
  return (access->value ^ value) & operand_mask (opcode) ? "another value stored" : NULL;
}

static bool
is_csr (unsigned opcode)
{
  return opcode >= DIO_IR_CSR_READ && opcode <= DIO_IR_CSR_CLEAR;
}

static bool
replay (DioRvReference *c, unsigned opcode, uint64_t va, uint64_t value, uint64_t *result)
{
  if (c->next == c->accesses->len) {
    c->why = "compiled code has not made an access";
    return false;
  }
  const DioRvCheckAccess *access = &g_array_index (c->accesses, DioRvCheckAccess, c->next++);
  c->why = mismatch (access, opcode, va, value);
  c->faulted = !access->done;
  *result = access->result;
  if (opcode >= DIO_IR_LOAD_RESERVED_32 && opcode <= DIO_IR_STORE_CONDITIONAL_64) {
    c->state.reservation = access->reservation;
    c->state.reservation_value = access->reservation_value;
  }
  if (is_csr (opcode) && va <= 3) {
    c->state.fflags = access->fflags;
    c->state.frm = access->frm;
    c->state.fp_off = access->fp_off;
  }
  return !c->why && access->done;
}

#define REPLAY(opcode, address, v)                                                                 \
  ({                                                                                               \
    uint64_t result_ = 0;                                                                          \
    if (!replay (c, (opcode), (address), (v), &result_))                                           \
      return DIO_SEM_TRAP;                                                                         \
    result_;                                                                                       \
  })

#define OPCODE_s8 DIO_IR_LOAD_S8
#define OPCODE_u8 DIO_IR_LOAD_U8
#define OPCODE_s16 DIO_IR_LOAD_S16
#define OPCODE_u16 DIO_IR_LOAD_U16
#define OPCODE_s32 DIO_IR_LOAD_S32
#define OPCODE_u32 DIO_IR_LOAD_U32
#define OPCODE_u64 DIO_IR_LOAD_U64
#define LOAD(kind, address)                                                                        \
  ({                                                                                               \
    uint64_t loaded_ = REPLAY (OPCODE_##kind, address, 0);                                         \
    INTERP_WIDEN_##kind (loaded_);                                                                 \
  })
#define STORE(bits, address, v)                                                                    \
  do {                                                                                             \
    (void) REPLAY (DIO_IR_STORE_##bits, address, v);                                               \
  } while (0)
#define AMO(op, bits, address, v) REPLAY (DIO_IR_AMO_##op##_##bits, address, v)
#define LOAD_RESERVED(bits, address) REPLAY (DIO_IR_LOAD_RESERVED_##bits, address, 0)
#define STORE_CONDITIONAL(bits, address, v) REPLAY (DIO_IR_STORE_CONDITIONAL_##bits, address, v)
#define FENCE(sets)                                                                                \
  do {                                                                                             \
  } while (0)

/* ---- Registers ---- */

#define IS_ZERO_REG(r) ((r) == 0)
#define GET_X(r) (c->state.x[r])
#define SET_X(r, v)                                                                                \
  do {                                                                                             \
    Val set_ = (v);                                                                                \
    if ((r) != 0)                                                                                  \
      c->state.x[r] = set_;                                                                        \
  } while (0)
#define GET_F(r) (c->state.f[r])
#define SET_F(r, v)                                                                                \
  do {                                                                                             \
    c->state.f[r] = (v);                                                                           \
  } while (0)
#define GET_F32(r) UNBOX (c->state.f[r])
#define SET_F32(r, v) SET_F (r, BOX (v))
#define PC (c->state.pc)
#define NEXT_PC (PC + c->length)
#define JUMP_REGISTER(v)                                                                           \
  do {                                                                                             \
    c->target = (v);                                                                               \
    return DIO_SEM_TARGET;                                                                         \
  } while (0)

/* ---- Traps and floating point ---- */

#define ILLEGAL_IF(condition)                                                                      \
  do {                                                                                             \
    if (condition)                                                                                 \
      return DIO_SEM_TRAP;                                                                         \
  } while (0)
#define TRAP_IF(condition, exception, tval) ILLEGAL_IF (condition)
#define FP_REQUIRE() ILLEGAL_IF (c->state.fp_off)
#define FP_ROUNDING(rm)                                                                            \
  ({                                                                                               \
    unsigned rounding_ = (rm) == 7 ? c->state.frm : (unsigned) (rm);                               \
    ILLEGAL_IF (rounding_ > DIO_FP_RMM);                                                           \
    (Val) rounding_;                                                                               \
  })
#define FLAGS &c->state.fflags
#define FP_CALL1(name, rounding, a) ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a)))
#define FP_CALL2(name, rounding, a, b)                                                             \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a), (b)))
#define FP_CALL3(name, rounding, a, b, d)                                                          \
  ((Val) dio_fp_##name ((DioFpMode) (rounding), FLAGS, (a), (b), (d)))
#define FP_TEST1(name, a) ((Val) dio_fp_##name (FLAGS, (a)))
#define FP_TEST2(name, a, b) ((Val) dio_fp_##name (FLAGS, (a), (b)))
#define FP_PURE1(name, a) ((Val) dio_fp_##name (a))

/* Of the system instructions some accesses to control registers are compiled. */
static const uint16_t csr_opcodes[] = {
  [DIO_RV_CSR_READ] = DIO_IR_CSR_READ,
  [DIO_RV_CSR_WRITE] = DIO_IR_CSR_WRITE,
  [DIO_RV_CSR_SET] = DIO_IR_CSR_SET,
  [DIO_RV_CSR_CLEAR] = DIO_IR_CSR_CLEAR,
};

/* fflags, frm, fcsr. */
static uint64_t
access_fp_register (DioRvCheckState *state, DioRvCsrOp op, unsigned csr, uint64_t operand)
{
  unsigned mask = csr == 1 ? 0x1f : csr == 2 ? 0xe0 : 0xff, shift = csr == 2 ? 5 : 0;
  unsigned old = (state->fflags | (unsigned) state->frm << 5) & mask;
  unsigned bits = (unsigned) (operand << shift) & mask;
  unsigned now = op == DIO_RV_CSR_WRITE   ? bits
                 : op == DIO_RV_CSR_SET   ? old | bits
                 : op == DIO_RV_CSR_CLEAR ? old & ~bits
                                          : old;
  if (csr & 1)
    state->fflags = now & 0x1f;
  if (csr & 2)
    state->frm = (uint8_t) (now >> 5);
  return old >> shift;
}

/* What code generators may do in line, and so is not recorded: reading and writing fflags and frm
 * while that leaves the guest computing as compiled code does. */
static bool
is_in_line (const DioRvCheckState *state, DioRvCsrOp op, unsigned csr, uint64_t operand)
{
  if (state->fp_off || state->frm != DIO_FP_RNE || csr == 3)
    return false;
  return op == DIO_RV_CSR_READ || (op == DIO_RV_CSR_WRITE && (csr == 1 || operand == 0));
}

static bool
do_fp_register (DioRvReference *c, DioRvCsrOp op, unsigned csr, uint64_t operand, uint64_t *result)
{
  DioRvCheckState state = c->state;
  uint64_t old = access_fp_register (&state, op, csr, operand);
  if (is_in_line (&c->state, op, csr, operand)) {
    c->state = state;
    *result = old;
    return true;
  }
  if (!replay (c, csr_opcodes[op], csr, operand, result))
    return false;
  if (*result != old || state.fflags != c->state.fflags || state.frm != c->state.frm)
    c->why = "another value of fflags or frm";
  return !c->why;
}

static bool
do_csr (DioRvReference *c, DioRvCsrOp op, unsigned csr, uint64_t operand, uint64_t *result)
{
  if (csr >= 1 && csr <= 3)
    return do_fp_register (c, op, csr, operand, result);
  return replay (c, csr_opcodes[op], csr, operand, result);
}

#define CSR(op, csr, operand)                                                                      \
  ({                                                                                               \
    uint64_t result_ = 0;                                                                          \
    if (!do_csr (c, (op), (unsigned) (csr) &0xfff, (operand), &result_))                           \
      return DIO_SEM_TRAP;                                                                         \
    result_;                                                                                       \
  })
#define NEVER()                                                                                    \
  do {                                                                                             \
    c->why = "a system instruction was compiled";                                                  \
    return DIO_SEM_TRAP;                                                                           \
  } while (0)
#define SYSTEM0(name) NEVER ()
#define CACHE_BLOCK(op, address) NEVER ()
#define FENCE_VMA(has_va, va, has_asid, asid) NEVER ()
#define RAISE(exception, tval) NEVER ()
#define ILLEGAL NEVER ()
#define ENVIRONMENT_CALL NEVER ()

#define SEM(name) static DioSemEnd do_##name (DioRvReference *c, const DioInsn *o)
#include "core/guest/riscv64/riscv64-sem-fp.h"
#include "core/guest/riscv64/riscv64-sem-int.h"
#include "core/guest/riscv64/riscv64-sem-sys.h"

/* ---- By leaf ---- */

#define DO_plain(sem) do_##sem
#define DO_load(sem) do_##sem
#define DO_store(sem) do_##sem
#define DO_atomic(sem) do_##sem
#define DO_branch(sem) do_##sem
#define DO_jump(sem) do_##sem
#define DO_jump_register(sem) do_##sem
#define DO_fp(sem) do_##sem
#define DO_fence(sem) do_##sem
#define DO_system(sem) do_##sem
#define DO_end(sem) do_##sem
#define DO(leaf, sem, bytes, kind, pins) DO_##kind (sem),
static DioSemEnd (*const functions[DIO_RV_N_LEAVES]) (DioRvReference *c,
                                                      const DioInsn *o) = { do_illegal,
                                                                            DIO_RV_LEAVES (DO) };

DioSemEnd
dio_rv_reference_step (DioRvReference *reference, uint32_t raw)
{
  DioInsn insn;
  reference->length = dio_rv_decode (raw, &insn);
  DioSemEnd end = functions[insn.leaf](reference, &insn);
  switch (end) {
  case DIO_SEM_NEXT:
  case DIO_SEM_CHANGED:
    reference->state.pc += reference->length;
    break;
  case DIO_SEM_BRANCH:
    reference->state.pc += (uint64_t) (int64_t) insn.imm;
    break;
  case DIO_SEM_JUMP:
    reference->state.pc += (uint64_t) (int64_t) insn.wide;
    break;
  case DIO_SEM_TARGET:
    reference->state.pc = reference->target;
    break;
  default:
    return end;
  }
  reference->state.count++;
  return end;
}
