/* SPDX-License-Identifier: GPL-3.0-or-later
 * The common pieces of code of a machine: the way into compiled code and out of it, and calls from
 * it to functions that leave all registers as they were. See DioJitStubs and x64-gen.h. */
#include "core/jit/x86_64/x64-gen.h"

#include <string.h>

#include "core/jit/x86_64/x64-refill.h"

#include "core/fp/fp.h"

typedef struct {
  DioX64Asm a;
  DioJit *jit;
  const DioJitGuest *guest;
  DioX64Label leave, resume;
  const uint8_t *page_flags; /* a constant: the address of those of the RAM */
} Stubs;

/* Registers saved around calls, by number: 16 general ones, 16 vector ones (the low halves, where
 * guests have no vectors), and the result; behind the return address that makes 16-byte
 * alignment. */
#define SAVE_RESULT (48 * 8)
#define SAVE_SIZE (49 * 8)
_Static_assert(SAVE_SIZE % 16 == 8, "the stack is aligned at calls");

static const uint8_t saved_gprs[] = {
  DIO_X64_RAX, DIO_X64_RBX, DIO_X64_RSI, DIO_X64_RDI, DIO_X64_R8,
  DIO_X64_R9,  DIO_X64_R10, DIO_X64_R11, DIO_X64_R12, DIO_X64_R13,
};
/* Those that functions may change. */
static const uint8_t volatile_gprs[] = {
  DIO_X64_RAX, DIO_X64_RSI, DIO_X64_RDI, DIO_X64_R8, DIO_X64_R9, DIO_X64_R10, DIO_X64_R11,
};
static const uint8_t callee_saved[] = {
  DIO_X64_RBX, DIO_X64_RBP, DIO_X64_R12, DIO_X64_R13, DIO_X64_R14, DIO_X64_R15,
};

static DioX64Mem
state (const Stubs *s, int32_t offset)
{
  return dio_x64_mem (X64_STATE, offset - s->guest->base);
}
#define VCPU(s, member) state (s, (s)->guest->jit + (int32_t) offsetof (DioJitVcpu, member))

static const uint8_t *
here (Stubs *s)
{
  dio_x64_nop (&s->a, -(uintptr_t) (s->a.at + s->a.exec_delta) & 15);
  return s->a.at + s->a.exec_delta;
}

/* Of any type: the address as a number. */
#define CALL(s, function)                                                                          \
  do {                                                                                             \
    dio_x64_mov_ri (&(s)->a, DIO_X64_RAX, (uint64_t) (uintptr_t) (function));                      \
    dio_x64_call_r (&(s)->a, DIO_X64_RAX);                                                         \
  } while (0)

static void
vcpu_to (Stubs *s, DioX64Reg reg)
{
  dio_x64_lea (&s->a, 8, reg, dio_x64_mem (X64_STATE, -s->guest->base));
}

/* ---- In and out ---- */

/* From MXCSR's invalid, denormal, division by zero, overflow, underflow, precision. */
static uint64_t
guest_flags (unsigned host)
{
  return (host & 1 ? DIO_FP_NV : 0u) | (host & 4 ? DIO_FP_DZ : 0u) | (host & 8 ? DIO_FP_OF : 0u)
         | (host & 16 ? DIO_FP_UF : 0u) | (host & 32 ? DIO_FP_NX : 0u);
}

static void
make_constants (Stubs *s)
{
  const uint64_t constants[] = {
    UINT64_C (0xffffffff00000000),
    0,
    DIO_FP32_NAN,
    DIO_FP64_NAN,
    0x1f80,
    (uint64_t) (uintptr_t) s->jit->ram->page_flags,
  };
  const uint8_t *at = here (s);
  for (unsigned i = 0; i < G_N_ELEMENTS (constants); i++)
    dio_x64_put_bytes (&s->a, constants[i], 8);
  s->jit->stubs.box = at;
  s->jit->stubs.nan32 = at + 16;
  s->jit->stubs.nan64 = at + 24;
  s->jit->stubs.mxcsr = at + 32;
  s->page_flags = at + 40;
  s->jit->stubs.flags = here (s);
  for (unsigned host = 0; host < 64; host++)
    dio_x64_put_bytes (&s->a, guest_flags (host), 1);
}

static void
make_enter (Stubs *s)
{
  DioX64Asm *a = &s->a;
  const uint8_t *at = here (s);
  memcpy (&s->jit->stubs.enter, &at, sizeof at);
  for (unsigned i = 0; i < G_N_ELEMENTS (callee_saved); i++)
    dio_x64_push (a, callee_saved[i]);
  dio_x64_alu_ri (a, DIO_X64_SUB, 8, DIO_X64_RSP, X64_FRAME);
  dio_x64_mov_rr (a, 8, X64_STATE, DIO_X64_RDI);
  dio_x64_mov_mr (a, 8, VCPU (s, frame), DIO_X64_RSP);
  dio_x64_ldmxcsr (a, VCPU (s, mxcsr));
  dio_x64_mov_rr (a, 8, DIO_X64_RAX, DIO_X64_RSI);
  dio_x64_jmp_label (a, &s->resume);
}

/* Where functions that say how to go on return to. */
static void
make_resume (Stubs *s)
{
  DioX64Asm *a = &s->a;
  here (s);
  dio_x64_bind (a, &s->resume);
  dio_x64_test_rr (a, 8, DIO_X64_RAX, DIO_X64_RAX);
  dio_x64_jcc_label (a, DIO_X64_CC_E, &s->leave);
  dio_x64_mov_rm (a, 8, X64_TLB, state (s, s->guest->tlb_data));
  dio_x64_alu_ri (a, DIO_X64_ADD, 8, X64_TLB, X64_TLB_BIAS);
  dio_x64_mov_rm (a, 8, X64_BUDGET, VCPU (s, budget));
  dio_x64_mov_rr (a, 8, DIO_X64_RCX, DIO_X64_RAX);
  dio_x64_mov_rm (a, 8, DIO_X64_RAX, state (s, s->guest->pc));
  dio_x64_jmp_r (a, DIO_X64_RCX);

  dio_x64_bind (a, &s->leave);
  dio_x64_stmxcsr (a, VCPU (s, mxcsr));
  dio_x64_ldmxcsr (a, dio_x64_mem_abs (s->jit->stubs.mxcsr));
  dio_x64_alu_ri (a, DIO_X64_ADD, 8, DIO_X64_RSP, X64_FRAME);
  for (unsigned i = G_N_ELEMENTS (callee_saved); i-- > 0;)
    dio_x64_pop (a, callee_saved[i]);
  dio_x64_ret (a);
}

/* Before others see the guest's state. */
static void
settle_flags (Stubs *s)
{
  DioX64Asm *a = &s->a;
  DioX64Label settled = DIO_X64_LABEL_INIT;
  if (!s->guest->pending)
    return;
  dio_x64_alu_mi (a, DIO_X64_CMP, 4,
                  state (s, s->guest->pending + (int32_t) offsetof (DioJitPending, opcode)), 0);
  dio_x64_jcc_label (a, DIO_X64_CC_E, &settled);
  dio_x64_mov_ri (a, DIO_X64_RDI, (uint64_t) (uintptr_t) s->guest);
  vcpu_to (s, DIO_X64_RSI);
  CALL (s, dio_jit_settle_flags);
  dio_x64_bind (a, &settled);
}

/* A function of the vCPU that says where to go on. */
static void
ask (Stubs *s, const uint8_t *(*function) (void *vcpu), bool default_fp)
{
  DioX64Asm *a = &s->a;
  dio_x64_mov_mr (a, 8, VCPU (s, budget), X64_BUDGET);
  settle_flags (s);
  default_fp |= s->guest->v;
  if (default_fp) {
    dio_x64_stmxcsr (a, VCPU (s, mxcsr));
    dio_x64_ldmxcsr (a, dio_x64_mem_abs (s->jit->stubs.mxcsr));
  }
  vcpu_to (s, DIO_X64_RDI);
  CALL (s, function);
  if (default_fp)
    dio_x64_ldmxcsr (a, VCPU (s, mxcsr));
  dio_x64_jmp_label (a, &s->resume);
}

static void
make_exits (Stubs *s)
{
  DioX64Asm *a = &s->a;
  DioJitStubs *stubs = &s->jit->stubs;
  stubs->miss = here (s);
  dio_x64_alu_rm (a, DIO_X64_ADD, 8, DIO_X64_RAX, VCPU (s, page));
  stubs->jump = a->at + a->exec_delta;
  dio_x64_mov_mr (a, 8, state (s, s->guest->pc), DIO_X64_RAX);
  ask (s, s->guest->lookup, false);

  stubs->poll_near = here (s);
  dio_x64_alu_rm (a, DIO_X64_ADD, 8, DIO_X64_RAX, VCPU (s, page));
  stubs->poll_far = a->at + a->exec_delta;
  dio_x64_mov_mr (a, 8, state (s, s->guest->pc), DIO_X64_RAX);
  ask (s, s->guest->poll, false);

  stubs->fp_enter = here (s);
  dio_x64_alu_rm (a, DIO_X64_ADD, 8, DIO_X64_RAX, VCPU (s, page));
  dio_x64_mov_mr (a, 8, state (s, s->guest->pc), DIO_X64_RAX);
  ask (s, s->guest->fp_enter, true);

  stubs->interpret = here (s);
  dio_x64_alu_rm (a, DIO_X64_ADD, 8, DIO_X64_RAX, VCPU (s, page));
  dio_x64_mov_mr (a, 8, state (s, s->guest->pc), DIO_X64_RAX);
  ask (s, s->guest->interpret, true);
}

/* ---- Calls that return ---- */

static DioX64Mem
saved (unsigned slot)
{
  return dio_x64_mem (DIO_X64_RSP, 8 * (int32_t) slot);
}

static void
save_low (DioX64Asm *a, DioX64Mem mem, DioX64Xmm reg)
{
  dio_x64_movs_mx (a, 8, mem, reg);
}

static void
restore_low (DioX64Asm *a, DioX64Xmm reg, DioX64Mem mem)
{
  dio_x64_movs_xm (a, 8, reg, mem);
}

static void
save (Stubs *s, bool fp)
{
  DioX64Asm *a = &s->a;
  dio_x64_alu_ri (a, DIO_X64_SUB, 8, DIO_X64_RSP, SAVE_SIZE);
  for (unsigned i = 0; i < G_N_ELEMENTS (saved_gprs); i++)
    dio_x64_mov_mr (a, 8, saved (saved_gprs[i]), saved_gprs[i]);
  for (unsigned i = 2; fp && i < 16; i++)
    (s->guest->v ? dio_x64_movups_mx : save_low) (a, saved (16 + 2 * i), (DioX64Xmm) i);
}

static void
restore (Stubs *s, bool fp)
{
  DioX64Asm *a = &s->a;
  for (unsigned i = 0; i < G_N_ELEMENTS (volatile_gprs); i++)
    dio_x64_mov_rm (a, 8, volatile_gprs[i], saved (volatile_gprs[i]));
  for (unsigned i = 2; fp && i < 16; i++)
    (s->guest->v ? dio_x64_movups_xm : restore_low) (a, (DioX64Xmm) i, saved (16 + 2 * i));
  dio_x64_mov_rm (a, 8, DIO_X64_RCX, dio_x64_mem (DIO_X64_RSP, SAVE_RESULT));
  dio_x64_alu_ri (a, DIO_X64_ADD, 8, DIO_X64_RSP, SAVE_SIZE);
  dio_x64_ret (a);
}

/* Around functions in C, of guests with such: these compute as they like. */
static void
mask_traps (Stubs *s)
{
  if (!s->guest->v)
    return;
  dio_x64_stmxcsr (&s->a, VCPU (s, mxcsr));
  dio_x64_ldmxcsr (&s->a, dio_x64_mem_abs (s->jit->stubs.mxcsr));
}

static void
unmask_traps (Stubs *s)
{
  if (s->guest->v)
    dio_x64_ldmxcsr (&s->a, VCPU (s, mxcsr));
}

static const uint8_t *
fault (DioJit *jit, void *vcpu, const uint64_t *frame)
{
  const uint8_t *at;
  memcpy (&at, (const uint8_t *) frame + SAVE_SIZE, sizeof at);
  dio_jit_sync_site (jit, vcpu, at, frame);
  if (jit->guest->pending)
    dio_jit_settle_flags (jit->guest, vcpu);
  return jit->guest->fault (vcpu);
}

/* An access of the guest that the first level of the TLB does not have: address in rcx, value in
 * rdx, result in rcx. When it faults the compiled code that called is left for good. */
static const uint8_t *
make_access (Stubs *s, unsigned opcode, bool fp)
{
  DioX64Asm *a = &s->a;
  DioX64Label faulted = DIO_X64_LABEL_INIT, in_full = DIO_X64_LABEL_INIT;
  DioX64Access plain;
  const uint8_t *at = here (s);
  if (s->guest->tlb_second && dio_x64_plain_access (opcode, &plain))
    dio_x64_gen_refill (a, s->guest, plain, s->page_flags, &in_full);
  dio_x64_bind (a, &in_full);
  save (s, fp);
  dio_x64_mov_mr (a, 8, VCPU (s, budget), X64_BUDGET);
  mask_traps (s);
  vcpu_to (s, DIO_X64_RDI);
  dio_x64_mov_rr (a, 8, DIO_X64_RSI, DIO_X64_RCX);
  dio_x64_lea (a, 8, DIO_X64_RCX, dio_x64_mem (DIO_X64_RSP, SAVE_RESULT));
  CALL (s, s->guest->access[opcode]);
  dio_x64_test_rr (a, 1, DIO_X64_RAX, DIO_X64_RAX);
  dio_x64_jcc_label (a, DIO_X64_CC_E, &faulted);
  unmask_traps (s);
  restore (s, fp);
  dio_x64_bind (a, &faulted);
  dio_x64_mov_ri (a, DIO_X64_RDI, (uint64_t) (uintptr_t) s->jit);
  vcpu_to (s, DIO_X64_RSI);
  dio_x64_mov_rr (a, 8, DIO_X64_RDX, DIO_X64_RSP);
  CALL (s, fault);
  unmask_traps (s);
  dio_x64_mov_rm (a, 8, DIO_X64_RSP, VCPU (s, frame));
  dio_x64_jmp_label (a, &s->resume);
  return at;
}

/* ---- Floating point by function ---- */

/* One adapter for each operation: arguments[3] is the rounding. */
#define MODE ((DioFpMode) arguments[3])
#define CALL1(name)                                                                                \
  static uint64_t name (const uint64_t *arguments, uint8_t *flags)                                 \
  {                                                                                                \
    return (uint64_t) dio_fp_##name (MODE, flags, arguments[0]);                                   \
  }
#define CALL2(name)                                                                                \
  static uint64_t name (const uint64_t *arguments, uint8_t *flags)                                 \
  {                                                                                                \
    return (uint64_t) dio_fp_##name (MODE, flags, arguments[0], arguments[1]);                     \
  }
#define CALL3(name)                                                                                \
  static uint64_t name (const uint64_t *arguments, uint8_t *flags)                                 \
  {                                                                                                \
    return (uint64_t) dio_fp_##name (MODE, flags, arguments[0], arguments[1], arguments[2]);       \
  }
#define TEST1(name)                                                                                \
  static uint64_t name (const uint64_t *arguments, uint8_t *flags)                                 \
  {                                                                                                \
    return (uint64_t) dio_fp_##name (flags, arguments[0]);                                         \
  }
#define TEST2(name)                                                                                \
  static uint64_t name (const uint64_t *arguments, uint8_t *flags)                                 \
  {                                                                                                \
    return (uint64_t) dio_fp_##name (flags, arguments[0], arguments[1]);                           \
  }
#define PURE1(name)                                                                                \
  static uint64_t name (const uint64_t *arguments, uint8_t *flags)                                 \
  {                                                                                                \
    (void) flags;                                                                                  \
    return (uint64_t) dio_fp_##name (arguments[0]);                                                \
  }

/* clang-format off */
CALL2 (add32) CALL2 (sub32) CALL2 (mul32) CALL2 (div32) CALL1 (sqrt32) CALL3 (fma32)
CALL2 (add64) CALL2 (sub64) CALL2 (mul64) CALL2 (div64) CALL1 (sqrt64) CALL3 (fma64)
CALL2 (min32) CALL2 (max32) CALL2 (minm32) CALL2 (maxm32)
CALL2 (min64) CALL2 (max64) CALL2 (minm64) CALL2 (maxm64)
TEST2 (eq32) TEST2 (lt32) TEST2 (le32) TEST2 (ltq32) TEST2 (leq32)
TEST2 (eq64) TEST2 (lt64) TEST2 (le64) TEST2 (ltq64) TEST2 (leq64)
PURE1 (class32) PURE1 (class64)
CALL1 (f32_to_i32) CALL1 (f32_to_u32) CALL1 (f32_to_i64) CALL1 (f32_to_u64)
CALL1 (f64_to_i32) CALL1 (f64_to_u32) CALL1 (f64_to_i64) CALL1 (f64_to_u64)
TEST1 (f64_to_i32_mod)
CALL1 (i32_to_f32) CALL1 (u32_to_f32) CALL1 (i64_to_f32) CALL1 (u64_to_f32)
CALL1 (i32_to_f64) CALL1 (u32_to_f64) CALL1 (i64_to_f64) CALL1 (u64_to_f64)
CALL1 (f32_to_f64) CALL1 (f64_to_f32)
CALL1 (round32) CALL1 (roundx32) CALL1 (round64) CALL1 (roundx64)
CALL1 (flush32) CALL1 (flush64)
TEST2 (compare32) TEST2 (compare64) TEST2 (comparee32) TEST2 (comparee64)
CALL2 (mulx32) CALL2 (mulx64) CALL2 (recip_step32) CALL2 (recip_step64)
CALL2 (rsqrt_step32) CALL2 (rsqrt_step64) CALL1 (recip32) CALL1 (recip64)
CALL1 (rsqrt32) CALL1 (rsqrt64) CALL1 (recipx32) CALL1 (recipx64)
CALL1 (f64_to_i32_js) CALL1 (f16_to_f32) CALL1 (f16_to_f64) CALL1 (f32_to_f16)
CALL1 (f64_to_f16) CALL1 (f64_to_f32_odd)

DioX64FpFunction *const dio_x64_fp_functions[DIO_IR_N_FP] = {
#define X(name) [DIO_IR_FP_##name] = name,
#include "core/ir/ir-fp.inc"
#undef X
};
/* clang-format on */

/* Operands in DioJitVcpu.scratch, result in rcx. The host's exceptions meanwhile are not the
 * guest's: MXCSR comes back as it was. */
static const uint8_t *
make_fp (Stubs *s, unsigned name)
{
  DioX64Asm *a = &s->a;
  const uint8_t *at = here (s);
  save (s, true);
  dio_x64_stmxcsr (a, VCPU (s, mxcsr));
  dio_x64_ldmxcsr (a, dio_x64_mem_abs (s->jit->stubs.mxcsr));
  dio_x64_lea (a, 8, DIO_X64_RDI, VCPU (s, scratch));
  dio_x64_lea (a, 8, DIO_X64_RSI, state (s, s->guest->fflags));
  CALL (s, dio_x64_fp_functions[name]);
  dio_x64_mov_mr (a, 8, dio_x64_mem (DIO_X64_RSP, SAVE_RESULT), DIO_X64_RAX);
  dio_x64_ldmxcsr (a, VCPU (s, mxcsr));
  restore (s, true);
  return at;
}

static const uint8_t *
make_settle_flags (Stubs *s)
{
  const uint8_t *at = here (s);
  save (s, true);
  dio_x64_mov_ri (&s->a, DIO_X64_RDI, (uint64_t) (uintptr_t) s->guest);
  vcpu_to (s, DIO_X64_RSI);
  CALL (s, dio_jit_settle_flags);
  restore (s, true);
  return at;
}

size_t
dio_jit_host_stubs (DioJit *jit, uint8_t *buffer, size_t size, const uint8_t *exec)
{
  Stubs s = {
    .jit = jit, .guest = jit->guest, .leave = DIO_X64_LABEL_INIT, .resume = DIO_X64_LABEL_INIT
  };
  dio_x64_init (&s.a, buffer, size);
  s.a.exec_delta = exec - buffer;
  make_constants (&s);
  make_enter (&s);
  make_resume (&s);
  make_exits (&s);
  for (unsigned opcode = 0; opcode < DIO_IR_N_OPS; opcode++)
    for (unsigned fp = 0; fp < 2; fp++)
      if (jit->guest->access[opcode])
        jit->stubs.access[fp][opcode] = make_access (&s, opcode, fp);
  for (unsigned name = 0; name < DIO_IR_N_FP; name++)
    jit->stubs.fp[name] = make_fp (&s, name);
  if (s.guest->pending)
    jit->stubs.settle_flags = make_settle_flags (&s);
  return s.a.overflow ? 0 : dio_x64_size (&s.a);
}
