/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vector operations by their functions in core/vec and core/fp, called from compiled code: operands
 * and result lie on the stack, and only those registers are kept that are in use and that C may
 * change. */
#include "core/jit/x86_64/x64-simd-private.h"
#include "core/vec/vec.h"

static const uint8_t volatile_gprs[] = {
  DIO_X64_RAX, DIO_X64_RSI, DIO_X64_RDI, DIO_X64_R8, DIO_X64_R9, DIO_X64_R10, DIO_X64_R11,
};
_Static_assert(G_N_ELEMENTS (volatile_gprs) * 8 == X64_KEPT_XMMS - X64_KEPT_GPRS,
               "all have a place");

/* ---- The functions ---- */

typedef DioVec Pure1 (unsigned n, DioVec a);
typedef DioVec Pure2 (unsigned n, DioVec a, DioVec b);
typedef DioVec Pure3 (unsigned n, DioVec a, DioVec b, DioVec c);
typedef DioVec Sat1 (unsigned n, uint8_t *saturated, DioVec a);
typedef DioVec Sat2 (unsigned n, uint8_t *saturated, DioVec a, DioVec b);
typedef DioVec Sat3 (unsigned n, uint8_t *saturated, DioVec a, DioVec b, DioVec c);

#define ADAPTER(Type, ...)                                                                         \
  static DIO_ALWAYS_INLINE DioVec call_##Type (Type *function, unsigned n, uint8_t *saturated,     \
                                               const DioVec *v)                                    \
  {                                                                                                \
    (void) saturated;                                                                              \
    return function (__VA_ARGS__);                                                                 \
  }
ADAPTER (Pure1, n, v[0])
ADAPTER (Pure2, n, v[0], v[1])
ADAPTER (Pure3, n, v[0], v[1], v[2])
ADAPTER (Sat1, n, saturated, v[0])
ADAPTER (Sat2, n, saturated, v[0], v[1])
ADAPTER (Sat3, n, saturated, v[0], v[1], v[2])

/* By the type of the function. */
#define X(name)                                                                                    \
  static void vec_##name (DioVec *v, uint64_t n, uint8_t *saturated)                               \
  {                                                                                                \
    v[0] = _Generic(&dio_vec_##name, Pure1 *                                                       \
                    : call_Pure1, Pure2 *                                                          \
                    : call_Pure2, Pure3 *                                                          \
                    : call_Pure3, Sat1 *                                                           \
                    : call_Sat1, Sat2 *                                                            \
                    : call_Sat2, Sat3 *                                                            \
                    : call_Sat3) (&dio_vec_##name, (unsigned) n, saturated, v);                    \
  }
#include "core/ir/ir-vec.inc"
#undef X

static void (*const functions[DIO_IR_N_VEC]) (DioVec *v, uint64_t n, uint8_t *saturated) = {
#define X(name) [DIO_IR_VEC_##name] = vec_##name,
#include "core/ir/ir-vec.inc"
#undef X
};

/* The word of a call for lanes: the mode below; above what is done. */
#define LANES_NAME_SHIFT 32
#define LANES_N_SHIFT 44
#define LANES_BITS_SHIFT 48
#define LANES_TEST (UINT64_C (1) << 60)

typedef union {
  DioVec vec;
  uint32_t u32[4];
  uint64_t u64[2];
} Lanes;

static void
do_lanes (DioVec *v, uint64_t word, uint8_t *flags)
{
  unsigned lanes = word >> LANES_N_SHIFT & 15;
  bool wide = (word >> LANES_BITS_SHIFT & 0xff) == 64;
  DioX64FpFunction *function = dio_x64_fp_functions[word >> LANES_NAME_SHIFT & 0xfff];
  Lanes result = { dio_vec_make (0, 0) };
  for (unsigned i = 0; i < lanes; i++) {
    uint64_t arguments[4] = { 0, 0, 0, (uint32_t) word };
    for (unsigned k = 0; k < 3; k++) {
      Lanes from = { v[k] };
      arguments[k] = wide ? from.u64[i] : from.u32[i];
    }
    uint64_t value = function (arguments, flags);
    if (word & LANES_TEST)
      value = value ? UINT64_MAX : 0;
    if (wide)
      result.u64[i] = value;
    else
      result.u32[i] = (uint32_t) value;
  }
  v[0] = result.vec;
}

/* ---- Calls ---- */

DioX64SimdCall
dio_x64_simd_call_begin (DioX64Gen *g, const DioIrOp *op)
{
  const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
  DioX64SimdCall call = { .word = DIO_IR_IMMEDIATE_N (op->immediate),
                          .byte = g->guest->saturated,
                          .result = -1 };
  for (unsigned i = 0; i < info->n_arguments; i++)
    if (info->arguments[i] == DIO_IR_V128)
      call.operands[call.n++] = (uint8_t) dio_x64_simd_operand (g, op, i);
  return call;
}

bool
dio_x64_simd_call_lanes (DioX64Gen *g, const DioIrOp *op, DioX64SimdCall *call)
{
  DioX64Mode mode = { 0 };
  bool is_test = op->opcode == DIO_IR_VEC_FP_TEST2;
  if (!is_test && !dio_x64_mode_of (g, op->arguments[0], &mode))
    return false;
  *call = dio_x64_simd_call_begin (g, op);
  call->function = do_lanes;
  call->fp = true;
  call->byte = g->guest->fflags;
  call->is_mode = !is_test;
  call->keep = mode.keep;
  call->word =
      (uint32_t) mode.set | (uint64_t) DIO_IR_IMMEDIATE_NAME (op->immediate) << LANES_NAME_SHIFT
      | (uint64_t) (op->immediate >> 16 & 0xff) << LANES_N_SHIFT
      | (uint64_t) (op->immediate >> 24 & 0xff) << LANES_BITS_SHIFT | (is_test ? LANES_TEST : 0);
  return true;
}

void
dio_x64_simd_call_to (DioX64Gen *g, DioX64SimdCall *call, DioX64Xmm dst)
{
  call->result = (int8_t) dst;
  call->gprs = call->xmms = 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (volatile_gprs); i++)
    if (g->gpr_owner[volatile_gprs[i]] != X64_FREE)
      call->gprs |= 1u << volatile_gprs[i];
  for (unsigned i = 2; i < 16; i++)
    if (g->xmm_owner[i] != X64_FREE && i != (unsigned) dst)
      call->xmms |= 1u << i;
}

static void
keep (DioX64Gen *g, const DioX64SimdCall *call, bool back)
{
  int32_t at = X64_KEPT_GPRS;
  for (unsigned mask = call->gprs; mask; mask &= mask - 1, at += 8) {
    DioX64Reg reg = (DioX64Reg) __builtin_ctz (mask);
    if (back)
      dio_x64_mov_rm (&g->a, 8, reg, dio_x64_mem (DIO_X64_RSP, at));
    else
      dio_x64_mov_mr (&g->a, 8, dio_x64_mem (DIO_X64_RSP, at), reg);
  }
  at = X64_KEPT_XMMS;
  for (unsigned mask = call->xmms; mask; mask &= mask - 1, at += 16) {
    DioX64Xmm reg = (DioX64Xmm) __builtin_ctz (mask);
    if (back)
      dio_x64_movups_xm (&g->a, reg, dio_x64_mem (DIO_X64_RSP, at));
    else
      dio_x64_movups_mx (&g->a, dio_x64_mem (DIO_X64_RSP, at), reg);
  }
}

static DioX64Mem
operand_mem (unsigned i)
{
  return dio_x64_mem (DIO_X64_RSP, X64_OPERANDS + 16 * (int32_t) i);
}

static void
put_word (DioX64Gen *g, const DioX64SimdCall *call)
{
  DioX64Asm *a = &g->a;
  if (!call->is_mode || !call->keep) {
    dio_x64_mov_ri (a, DIO_X64_RSI, call->word);
    return;
  }
  dio_x64_mov_rm (a, 4, DIO_X64_RSI, dio_x64_state (g, g->guest->fp_mode));
  if ((uint32_t) call->keep != UINT32_MAX)
    dio_x64_alu_ri (a, DIO_X64_AND, 4, DIO_X64_RSI, (int32_t) call->keep);
  dio_x64_mov_ri (a, DIO_X64_RAX, call->word);
  dio_x64_alu_rr (a, DIO_X64_OR, 8, DIO_X64_RSI, DIO_X64_RAX);
}

/* The exceptions of the host's FPU meanwhile are not the guest's: MXCSR comes back as it was. */
void
dio_x64_simd_call (DioX64Gen *g, const DioX64SimdCall *call)
{
  DioX64Asm *a = &g->a;
  keep (g, call, false);
  for (unsigned i = 0; i < call->n; i++)
    dio_x64_movups_mx (a, operand_mem (i), (DioX64Xmm) call->operands[i]);
  if (call->fp)
    dio_x64_stmxcsr (a, X64_VCPU (g, mxcsr));
  if (call->fp && g->guest->v)
    dio_x64_ldmxcsr (a, dio_x64_mem_abs (g->jit->stubs.mxcsr));
  put_word (g, call);
  dio_x64_lea (a, 8, DIO_X64_RDI, operand_mem (0));
  dio_x64_lea (a, 8, DIO_X64_RDX, dio_x64_state (g, call->byte));
  dio_x64_mov_ri (a, DIO_X64_RAX, (uint64_t) (uintptr_t) call->function);
  dio_x64_call_r (a, DIO_X64_RAX);
  if (call->fp)
    dio_x64_ldmxcsr (a, X64_VCPU (g, mxcsr));
  keep (g, call, true);
  if (call->result >= 0)
    dio_x64_movups_xm (a, (DioX64Xmm) call->result, operand_mem (0));
}

void
dio_x64_simd_call_all (DioX64Gen *g, DioX64SimdCall *call)
{
  DioX64Xmm dst = dio_x64_result_xmm (g);
  dio_x64_simd_call_to (g, call, dst);
  dio_x64_simd_call (g, call);
  dio_x64_define_xmm (g, dst, false);
}

void
dio_x64_simd_by_function (DioX64Gen *g, const DioIrOp *op)
{
  DioX64SimdCall call = dio_x64_simd_call_begin (g, op);
  call.function = functions[DIO_IR_IMMEDIATE_NAME (op->immediate)];
  dio_x64_simd_call_all (g, &call);
}

/* ---- Checksums ---- */

/* @n: as the immediate of the operation; the words are in the halves of the operand. */
static void
do_crc32 (DioVec *v, uint64_t n, uint8_t *byte)
{
  (void) byte;
  uint32_t crc = (uint32_t) v[0][0];
  v[0][0] = dio_vec_crc32 ((DioVecCrc) (n >> 8 & 1), n & 15, crc, v[0][1]);
}

/* Barrett's way, in 64 bits with the highest power lowest: the quotient of the data, moved up by 32
 * powers, is the upper half of its product with x^96 divided by the polynomial; the remainder is
 * the lower 32 powers of the product of quotient and polynomial. To rcx. */
static void
divide_polynomial (DioX64Gen *g, unsigned bytes, DioX64Reg crc, DioX64Reg data)
{
  DioX64Asm *a = &g->a;
  const uint64_t inverse = UINT64_C (0xb4e5b025f7011641), polynomial = UINT64_C (0x1db710640);
  dio_x64_mov_rr (a, 4, DIO_X64_RCX, crc);
  dio_x64_alu_rr (a, DIO_X64_XOR, 8, DIO_X64_RCX, data);
  if (bytes < 8)
    dio_x64_shift_ri (a, DIO_X64_SHL, 8, DIO_X64_RCX, 64 - 8 * bytes);
  dio_x64_movq_xr (a, 8, SIMD_0, DIO_X64_RCX);
  dio_x64_movaps_xm (a, SIMD_1, dio_x64_simd_constant (g, inverse, polynomial));
  dio_x64_simd_3i (g, P (BINARY_IMM_128, pclmulqdq), SIMD_0, SIMD_0, SIMD_1, 0x00);
  dio_x64_simd_3i (g, P (BINARY_IMM_128, pclmulqdq), SIMD_0, SIMD_0, SIMD_1, 0x10);
  dio_x64_simd_shift (g, P (SHIFT, psrldq), SIMD_0, SIMD_0, 8);
  dio_x64_movq_rx (a, 4, DIO_X64_RCX, SIMD_0);
  if (bytes >= 4)
    return;
  dio_x64_mov_rr (a, 4, DIO_X64_RDX, crc);
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, DIO_X64_RDX, 8 * bytes);
  dio_x64_alu_rr (a, DIO_X64_XOR, 4, DIO_X64_RCX, DIO_X64_RDX);
}

bool
dio_x64_simd_crc32 (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Asm *a = &g->a;
  unsigned bytes = (unsigned) op->immediate & 15;
  DioX64Reg crc = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg data = dio_x64_gpr_of (g, op->arguments[1]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  bool castagnoli = (op->immediate >> 8 & 1) == DIO_VEC_CRC32C;
  if (castagnoli && g->cpu.sse42) {
    dio_x64_mov_rr (a, 4, DIO_X64_RCX, crc);
    dio_x64_crc32 (a, bytes, DIO_X64_RCX, data);
    dio_x64_mov_rr (a, 4, dst, DIO_X64_RCX);
  } else if (!castagnoli && g->cpu.pclmul) {
    divide_polynomial (g, bytes, crc, data);
    dio_x64_mov_rr (a, 4, dst, DIO_X64_RCX);
  } else {
    DioX64SimdCall call = { .function = do_crc32,
                            .word = (uint64_t) op->immediate,
                            .byte = g->guest->saturated };
    dio_x64_simd_call_to (g, &call, SIMD_0);
    call.result = -1;
    call.gprs &= ~(1u << dst);
    dio_x64_mov_mr (a, 8, operand_mem (0), crc);
    dio_x64_mov_mr (a, 8, dio_x64_mem (DIO_X64_RSP, X64_OPERANDS + 8), data);
    dio_x64_simd_call (g, &call);
    dio_x64_mov_rm (a, 8, dst, operand_mem (0));
  }
  dio_x64_define_gpr (g, dst);
  return true;
}
