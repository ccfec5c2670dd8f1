/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for guest memory: the software TLB in line, everything else through the access stubs.
 *
 * A hit takes nine instructions. The tag that must be found is the page of the access's last byte:
 * as the entry is chosen by its first byte, one compare covers a miss and an access that crosses
 * into the next page, while a misaligned one within a page goes the fast way. Atomic operations
 * must be aligned, so their tag keeps the low bits of the address, which no valid tag has. */
#include "core/jit/x86_64/x64-gen.h"

/* From an address to the offset of its entry in the TLB. */
#define INDEX_SHIFT (DIO_PAGE_SHIFT - 5)
#define INDEX_MASK ((DIO_TLB_ENTRIES - 1) << 5)
_Static_assert(sizeof (DioTlbEntry) == 1 << 5, "the index of an entry is scaled by a shift");

typedef struct {
  uint8_t size; /* bytes */
  bool is_signed;
} Kind;

static Kind
load_kind (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_LOAD_S8:
    return (Kind){ 1, true };
  case DIO_IR_LOAD_U8:
    return (Kind){ 1, false };
  case DIO_IR_LOAD_S16:
    return (Kind){ 2, true };
  case DIO_IR_LOAD_U16:
    return (Kind){ 2, false };
  case DIO_IR_LOAD_S32:
    return (Kind){ 4, true };
  case DIO_IR_LOAD_U32:
    return (Kind){ 4, false };
  default:
    return (Kind){ 8, false };
  }
}

/* ---- Out of line ---- */

void
dio_x64_site (DioX64Gen *g, const DioX64Cold *cold)
{
  DioJitSite site = { .at = (uint32_t) dio_x64_size (&g->a),
                      .offset = cold->offset,
                      .retired = cold->retired,
                      .places = cold->places,
                      .n_places = cold->n_places,
                      .dirty = cold->dirty };
  g_array_append_val (g->code->sites, site);
}

static void
call_access (DioX64Gen *g, DioX64Cold *cold)
{
  if (cold->value >= 0 && cold->value_xmm)
    dio_x64_movq_rx (&g->a, 8, DIO_X64_RDX, (DioX64Xmm) cold->value);
  else if (cold->value >= 0)
    dio_x64_mov_rr (&g->a, 8, DIO_X64_RDX, (DioX64Reg) cold->value);
  else
    dio_x64_mov_ri (&g->a, DIO_X64_RDX, (uint64_t) cold->constant);
  dio_x64_lea (&g->a, 8, DIO_X64_RCX, dio_x64_mem (cold->base, cold->disp));
  dio_x64_call_abs (&g->a, g->jit->stubs.access[g->region->has_fp][cold->opcode]);
  dio_x64_site (g, cold);
  if (cold->result < 0)
    return;
  if (cold->result_xmm)
    dio_x64_movq_xr (&g->a, 8, (DioX64Xmm) cold->result, DIO_X64_RCX);
  else
    dio_x64_mov_rr (&g->a, 8, (DioX64Reg) cold->result, DIO_X64_RCX);
}

void
dio_x64_cold_access (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  call_access (g, cold);
  dio_x64_jmp_label (&g->a, &cold->back);
}

/* ---- In line ---- */

/* Looks up [base + disp, + size) and leaves what to add to the guest's address in rcx; goes to
 * @cold if the TLB does not have it. */
static void
probe (DioX64Gen *g, DioX64Reg base, int32_t disp, unsigned size, size_t tag, bool aligned,
       DioX64Cold *cold)
{
  DioX64Asm *a = &g->a;
  int32_t last = disp + (aligned ? 0 : (int32_t) size - 1);
  if (last)
    dio_x64_lea (a, 8, DIO_X64_RDX, dio_x64_mem (base, last));
  else
    dio_x64_mov_rr (a, 8, DIO_X64_RDX, base);
  if (disp)
    dio_x64_lea (a, 4, DIO_X64_RCX, dio_x64_mem (base, disp));
  else
    dio_x64_mov_rr (a, 4, DIO_X64_RCX, base);
  dio_x64_alu_ri (a, DIO_X64_AND, 8, DIO_X64_RDX,
                  -(int32_t) DIO_PAGE_SIZE | (aligned ? (int32_t) size - 1 : 0));
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, DIO_X64_RCX, INDEX_SHIFT);
  dio_x64_alu_ri (a, DIO_X64_AND, 4, DIO_X64_RCX, INDEX_MASK);
  dio_x64_alu_rm (a, DIO_X64_CMP, 8, DIO_X64_RDX,
                  dio_x64_mem_index (X64_TLB, DIO_X64_RCX, 0, (int32_t) tag));
  dio_x64_jcc_label (a, DIO_X64_CC_NE, &cold->label);
  dio_x64_mov_rm (a, 8, DIO_X64_RCX,
                  dio_x64_mem_index (X64_TLB, DIO_X64_RCX, 0, offsetof (DioTlbEntry, addend)));
}

static DioX64Cold *
access_cold (DioX64Gen *g, const DioIrOp *op, DioX64Reg base)
{
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_ACCESS);
  cold->opcode = op->opcode;
  cold->base = (int8_t) base;
  cold->disp =
      dio_ir_op_info[op->opcode].immediate == DIO_IR_IMM_DISPLACEMENT ? (int32_t) op->immediate : 0;
  cold->value = cold->result = -1;
  return cold;
}

static void
load (DioX64Gen *g, const DioIrOp *op)
{
  Kind kind = load_kind (op->opcode);
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  bool xmm = g->values[g->at].want_xmm && kind.size >= 4 && !kind.is_signed;
  uint8_t dst;
  if (xmm)
    dst = dio_x64_result_xmm (g);
  else if (g->values[g->at].last)
    dst = dio_x64_result_gpr (g, op->arguments[0]);
  else
    dst = DIO_X64_RDX;
  DioX64Cold *cold = access_cold (g, op, base);
  cold->result = (int8_t) dst;
  cold->result_xmm = xmm;
  probe (g, base, cold->disp, kind.size, offsetof (DioTlbEntry, read), false, cold);
  DioX64Mem mem = dio_x64_mem_index ((int) base, DIO_X64_RCX, 0, cold->disp);
  if (xmm)
    dio_x64_movs_xm (&g->a, kind.size, (DioX64Xmm) dst, mem);
  else if (kind.is_signed)
    dio_x64_movsx_rm (&g->a, kind.size, dst, mem);
  else
    dio_x64_movzx_rm (&g->a, kind.size, dst, mem);
  dio_x64_bind (&g->a, &cold->back);
  if (xmm)
    dio_x64_define_xmm (g, (DioX64Xmm) dst, kind.size == 4);
  else if (g->values[g->at].last)
    dio_x64_define_gpr (g, dst);
}

static void
store (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = 1u << (op->opcode - DIO_IR_STORE_8);
  uint32_t value = op->arguments[1];
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  const DioX64Value *v = &g->values[value];
  int32_t constant = 0;
  bool is_constant = dio_x64_constant32 (g, value, &constant), xmm = false;
  int reg = -1;
  if (is_constant) {
    /* in line */
  } else if (size >= 4
             && (v->where == X64_XMM
                 || (v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0))) {
    reg = (int) dio_x64_xmm_of (g, value);
    xmm = true;
    if (v->single && size == 8)
      g->failed = true;
  } else {
    reg = (int) dio_x64_gpr_of (g, value);
  }
  DioX64Cold *cold = access_cold (g, op, base);
  cold->value = (int8_t) reg;
  cold->value_xmm = xmm;
  cold->constant = constant;
  probe (g, base, cold->disp, size, offsetof (DioTlbEntry, write), false, cold);
  DioX64Mem mem = dio_x64_mem_index ((int) base, DIO_X64_RCX, 0, cold->disp);
  if (is_constant)
    dio_x64_mov_mi (&g->a, size, mem, constant);
  else if (cold->value_xmm)
    dio_x64_movs_mx (&g->a, size, mem, (DioX64Xmm) cold->value);
  else
    dio_x64_mov_mr (&g->a, size, mem, (DioX64Reg) cold->value);
  dio_x64_bind (&g->a, &cold->back);
}

/* ---- Atomics ---- */

static unsigned
atomic_size (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_LOAD_RESERVED_64:
  case DIO_IR_STORE_CONDITIONAL_64:
    return 8;
  default:
    return opcode >= DIO_IR_AMO_swap_64 ? 8 : 4;
  }
}

static void
from_word (DioX64Gen *g, unsigned size, DioX64Reg dst, DioX64Reg src)
{
  if (size == 4)
    dio_x64_movsx_rr (&g->a, 4, dst, src);
  else
    dio_x64_mov_rr (&g->a, 8, dst, src);
}

/* As interp_load_reserved(). */
static void
load_reserved (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = atomic_size (op->opcode);
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg dst = dio_x64_result_gpr (g, op->arguments[0]);
  DioX64Cold *cold = access_cold (g, op, base);
  cold->result = (int8_t) dst;
  probe (g, base, 0, size, offsetof (DioTlbEntry, read), true, cold);
  dio_x64_lea (&g->a, 8, DIO_X64_RCX, dio_x64_mem_index ((int) base, DIO_X64_RCX, 0, 0));
  dio_x64_mov_mr (&g->a, 8, dio_x64_state (g, g->guest->reservation), DIO_X64_RCX);
  dio_x64_mov_rm (&g->a, size, DIO_X64_RDX, dio_x64_mem (DIO_X64_RCX, 0));
  dio_x64_mov_mr (&g->a, 8, dio_x64_state (g, g->guest->reservation_value), DIO_X64_RDX);
  from_word (g, size, dst, DIO_X64_RDX);
  dio_x64_bind (&g->a, &cold->back);
  dio_x64_define_gpr (g, dst);
}

/* As interp_store_conditional(): not equal is what both a lost reservation and a changed word give.
 */
static void
store_conditional (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = atomic_size (op->opcode);
  DioX64Label failed = DIO_X64_LABEL_INIT;
  dio_x64_evict_gpr (g, DIO_X64_RAX);
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg value = dio_x64_gpr_of (g, op->arguments[1]);
  DioX64Reg dst = dio_x64_result_gpr (g, UINT32_MAX);
  DioX64Cold *cold = access_cold (g, op, base);
  cold->value = (int8_t) value;
  cold->result = (int8_t) dst;
  DioX64Mem reservation = dio_x64_state (g, g->guest->reservation);
  probe (g, base, 0, size, offsetof (DioTlbEntry, write), true, cold);
  dio_x64_lea (&g->a, 8, DIO_X64_RCX, dio_x64_mem_index ((int) base, DIO_X64_RCX, 0, 0));
  dio_x64_alu_rm (&g->a, DIO_X64_CMP, 8, DIO_X64_RCX, reservation);
  dio_x64_mov_mi (&g->a, 8, reservation, -1);
  dio_x64_mov_rm (&g->a, 8, DIO_X64_RAX, dio_x64_state (g, g->guest->reservation_value));
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &failed);
  dio_x64_lock_cmpxchg_mr (&g->a, size, dio_x64_mem (DIO_X64_RCX, 0), value);
  dio_x64_bind (&g->a, &failed);
  dio_x64_setcc (&g->a, DIO_X64_CC_NE, DIO_X64_RCX);
  dio_x64_movzx_rr (&g->a, 1, dst, DIO_X64_RCX);
  dio_x64_bind (&g->a, &cold->back);
  dio_x64_define_gpr (g, dst);
}

/* Additions and exchanges, and the others when nobody wants the old value, are one instruction of
 * the host. */
static bool
amo_in_line (DioX64Gen *g, const DioIrOp *op, unsigned kind)
{
  return kind <= DIO_IR_AMO_add_32 - DIO_IR_AMO_swap_32
         || (kind <= DIO_IR_AMO_or_32 - DIO_IR_AMO_swap_32 && !g->values[g->at].last);
}

static void
amo (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = atomic_size (op->opcode);
  unsigned kind = op->opcode - (size == 8 ? DIO_IR_AMO_swap_64 : DIO_IR_AMO_swap_32);
  bool wanted = g->values[g->at].last != 0;
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg value = dio_x64_gpr_of (g, op->arguments[1]);
  DioX64Reg dst = wanted ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RCX;
  DioX64Cold *cold = access_cold (g, op, base);
  cold->value = (int8_t) value;
  cold->result = wanted ? (int8_t) dst : -1;
  if (!amo_in_line (g, op, kind)) {
    dio_x64_jmp_label (&g->a, &cold->label);
  } else {
    probe (g, base, 0, size, offsetof (DioTlbEntry, write), true, cold);
    DioX64Mem mem = dio_x64_mem_index ((int) base, DIO_X64_RCX, 0, 0);
    if (kind <= 1) {
      dio_x64_mov_rr (&g->a, 8, DIO_X64_RDX, value);
      (kind ? dio_x64_lock_xadd_mr : dio_x64_xchg_mr) (&g->a, size, mem, DIO_X64_RDX);
      if (wanted)
        from_word (g, size, dst, DIO_X64_RDX);
    } else {
      static const uint8_t alu[] = { 0, 0, DIO_X64_XOR, DIO_X64_AND, DIO_X64_OR };
      dio_x64_lock_alu_mr (&g->a, (DioX64Alu) alu[kind], size, mem, value);
    }
  }
  dio_x64_bind (&g->a, &cold->back);
  if (wanted)
    dio_x64_define_gpr (g, dst);
}

/* Only a store before a load needs more than the host's own order. Requests of other vCPUs are
 * acted on first: by the interpreter. */
static void
fence (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_INTERPRET);
  dio_x64_alu_mi (&g->a, DIO_X64_CMP, 4, dio_x64_state (g, g->guest->requests), 0);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &cold->label);
  if ((op->immediate & 0x50) && (op->immediate & 0x0a))
    dio_x64_lock_alu_mi (&g->a, DIO_X64_OR, 4, dio_x64_mem (DIO_X64_RSP, X64_FRAME - 8), 0);
}

bool
dio_x64_gen_memory (DioX64Gen *g, const DioIrOp *op)
{
  if (op->opcode >= DIO_IR_LOAD_S8 && op->opcode <= DIO_IR_LOAD_U64)
    load (g, op);
  else if (op->opcode >= DIO_IR_STORE_8 && op->opcode <= DIO_IR_STORE_64)
    store (g, op);
  else if (op->opcode == DIO_IR_LOAD_RESERVED_32 || op->opcode == DIO_IR_LOAD_RESERVED_64)
    load_reserved (g, op);
  else if (op->opcode == DIO_IR_STORE_CONDITIONAL_32 || op->opcode == DIO_IR_STORE_CONDITIONAL_64)
    store_conditional (g, op);
  else if (op->opcode >= DIO_IR_AMO_swap_32 && op->opcode <= DIO_IR_AMO_maxu_64)
    amo (g, op);
  else if (op->opcode == DIO_IR_FENCE)
    fence (g, op);
  else
    return false;
  return true;
}
