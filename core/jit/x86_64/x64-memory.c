/* SPDX-License-Identifier: GPL-3.0-or-later
 * Code for guest memory: the software TLB in line, everything else through the access stubs.
 *
 * A hit takes six instructions (eight without BMI1) and the access itself. The index of the entry
 * is one BEXTR, whose control word is in the low bits of the pointer to the TLB. What is between
 * the tag and the address is less than a page by at least the size of the access, or it is a miss
 * or crosses into the next page: so it does not matter how the access is aligned, and a range of
 * several accesses takes no more than one. Only atomic accesses also fold their alignment into the
 * compare. Loops that sweep over memory have a version without any of this: x64-sweep.c.
 *
 * Measured on Zen 5, nanoseconds an access that hits: this 0.24 when independent, 4.1 in a chain of
 * addresses; RORX and AND with entries of 32 bytes 0.30 and 4.3; PEXT with its mask in memory 0.36
 * and 4.6, and it is microcode before Zen 3.
 */
#include "core/jit/x86_64/x64-gen.h"

typedef struct {
  uint8_t size; /* bytes */
  bool is_signed;
} Kind;

static bool
is_user (unsigned opcode)
{
  return opcode >= DIO_IR_LOAD_USER_S8 && opcode <= DIO_IR_STORE_USER_64;
}

/* The same access with the rights in force. */
static unsigned
plain (unsigned opcode)
{
  _Static_assert(DIO_IR_STORE_USER_64 - DIO_IR_LOAD_USER_S8 == DIO_IR_STORE_64 - DIO_IR_LOAD_S8,
                 "both are in the same order");
  return is_user (opcode) ? opcode - DIO_IR_LOAD_USER_S8 + DIO_IR_LOAD_S8 : opcode;
}

static Kind
load_kind (unsigned opcode)
{
  switch (plain (opcode)) {
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
  case DIO_IR_LOAD_V128:
    return (Kind){ 16, false };
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

/* What is stored: vectors in scratch, a word in rdx. */
static void
put_operands (DioX64Gen *g, const DioX64Cold *cold)
{
  for (int i = 0; i < cold->n_args; i++)
    dio_x64_movups_mx (&g->a, dio_x64_vcpu (g, offsetof (DioJitVcpu, scratch) + 16 * (size_t) i),
                       (DioX64Xmm) cold->args[i]);
  if (cold->n_args)
    return;
  if (cold->value >= 0 && cold->value_xmm)
    dio_x64_movq_rx (&g->a, 8, DIO_X64_RDX, (DioX64Xmm) cold->value);
  else if (cold->value >= 0)
    dio_x64_mov_rr (&g->a, 8, DIO_X64_RDX, (DioX64Reg) cold->value);
  else
    dio_x64_mov_ri (&g->a, DIO_X64_RDX, (uint64_t) cold->constant);
}

static void
call_access (DioX64Gen *g, DioX64Cold *cold)
{
  put_operands (g, cold);
  if (cold->base >= 0)
    dio_x64_lea (&g->a, 8, DIO_X64_RCX, dio_x64_mem (cold->base, cold->disp));
  else
    dio_x64_mov_ri (&g->a, DIO_X64_RCX, (uint64_t) cold->disp);
  dio_x64_call_abs (&g->a, g->jit->stubs.access[g->region->has_fp][cold->opcode]);
  dio_x64_site (g, cold);
  if (cold->result < 0)
    return;
  if (dio_ir_op_info[cold->opcode].result == DIO_IR_V128)
    dio_x64_movups_xm (&g->a, (DioX64Xmm) cold->result, X64_VCPU (g, scratch));
  else if (cold->result_xmm)
    dio_x64_movq_xr (&g->a, 8, (DioX64Xmm) cold->result, DIO_X64_RCX);
  else
    dio_x64_mov_rr (&g->a, 8, (DioX64Reg) cold->result, DIO_X64_RCX);
}

/* A call may change the TLB; what groups know of it is no longer sure. */
static void
clear_groups (DioX64Gen *g, const DioX64Cold *cold)
{
  for (unsigned mask = cold->groups; mask; mask &= mask - 1) {
    DioX64Reg reg = (DioX64Reg) __builtin_ctz (mask);
    dio_x64_alu_rr (&g->a, DIO_X64_XOR, 4, reg, reg);
  }
}

void
dio_x64_cold_access (DioX64Gen *g, DioX64Cold *cold)
{
  dio_x64_bind (&g->a, &cold->label);
  dio_x64_nans_replace (g, cold->nans);
  call_access (g, cold);
  clear_groups (g, cold);
  dio_x64_jmp_label (&g->a, &cold->back);
}

/* ---- In line ---- */

/* The index of the entry for the address in @from to rcx. */
static void
entry_index (DioX64Gen *g, DioX64Reg from)
{
  DioX64Asm *a = &g->a;
  if (g->cpu.bmi1) {
    dio_x64_bextr (a, 4, DIO_X64_RCX, from, X64_TLB);
    return;
  }
  dio_x64_mov_rr (a, 4, DIO_X64_RCX, from);
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, DIO_X64_RCX, DIO_PAGE_SHIFT);
  dio_x64_alu_ri (a, DIO_X64_AND, 4, DIO_X64_RCX, DIO_TLB_ENTRIES - 1);
}

/* The address base + @disp to rdx, and the index of its entry to rcx. */
static void
address_and_index (DioX64Gen *g, DioX64Reg base, int32_t disp)
{
  if (disp)
    dio_x64_lea (&g->a, 8, DIO_X64_RDX, dio_x64_mem (base, disp));
  else
    dio_x64_mov_rr (&g->a, 8, DIO_X64_RDX, base);
  entry_index (g, disp ? DIO_X64_RDX : base);
}

/* Goes to @miss unless the @size bytes at rdx are in the page that @tag says. */
static void
check_tag (DioX64Gen *g, int32_t size, DioX64Mem tag, DioX64Label *miss)
{
  dio_x64_alu_rm (&g->a, DIO_X64_SUB, 8, DIO_X64_RDX, tag);
  dio_x64_alu_ri (&g->a, DIO_X64_CMP, 8, DIO_X64_RDX, (int32_t) DIO_PAGE_SIZE - size);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_A, miss);
}

static DioX64Mem
in_table (int32_t at)
{
  return dio_x64_mem_index (X64_TLB, DIO_X64_RCX, 3, at);
}

/* Looks up [base + low, base + high), and leaves what to add to the guest's address in @addend;
 * goes to @miss if the TLB does not have it. */
static void
probe (DioX64Gen *g, DioX64Reg base, int32_t low, int32_t high, int32_t tag, DioX64Reg addend,
       DioX64Label *miss)
{
  address_and_index (g, base, low);
  check_tag (g, high - low, in_table (tag), miss);
  dio_x64_mov_rm (&g->a, 8, addend, in_table (X64_TLB_AT (addend)));
}

/* The same for @size bytes at base, which must be aligned; the result in rcx. */
static void
probe_aligned (DioX64Gen *g, DioX64Reg base, unsigned size, int32_t tag, DioX64Label *miss)
{
  DioX64Asm *a = &g->a;
  address_and_index (g, base, 0);
  dio_x64_alu_ri (a, DIO_X64_AND, 8, DIO_X64_RDX, -(int32_t) DIO_PAGE_SIZE | (int32_t) (size - 1));
  dio_x64_alu_rm (a, DIO_X64_CMP, 8, DIO_X64_RDX, in_table (tag));
  dio_x64_jcc_label (a, DIO_X64_CC_NE, miss);
  dio_x64_mov_rm (a, 8, DIO_X64_RCX, in_table (X64_TLB_AT (addend)));
}

/* As probe() in the TLB for the rights of programs. */
static void
probe_user (DioX64Gen *g, DioX64Reg base, int32_t low, int32_t high, int32_t tag, DioX64Label *miss)
{
  DioX64Asm *a = &g->a;
  address_and_index (g, base, low);
  dio_x64_shift_ri (a, DIO_X64_SHL, 4, DIO_X64_RCX, 3);
  dio_x64_alu_rm (a, DIO_X64_ADD, 8, DIO_X64_RCX, dio_x64_state (g, g->guest->tlb_user));
  check_tag (g, high - low, dio_x64_mem (DIO_X64_RCX, tag + X64_TLB_BIAS), miss);
  dio_x64_mov_rm (a, 8, DIO_X64_RCX, dio_x64_mem (DIO_X64_RCX, X64_TLB_AT (addend) + X64_TLB_BIAS));
}

static bool
is_store (unsigned opcode)
{
  unsigned as_plain = plain (opcode);
  return (as_plain >= DIO_IR_STORE_8 && as_plain <= DIO_IR_STORE_64) || opcode == DIO_IR_STORE_V128;
}

static unsigned
access_size (unsigned opcode)
{
  if (opcode == DIO_IR_STORE_V128)
    return 16;
  return is_store (opcode) ? 1u << (plain (opcode) - DIO_IR_STORE_8) : load_kind (opcode).size;
}

static int32_t
tag_of (bool write)
{
  return write ? X64_TLB_AT (write) : X64_TLB_AT (read);
}

void
dio_x64_probe_rdx (DioX64Gen *g, int32_t size, bool write, DioX64Reg addend, DioX64Label *miss)
{
  entry_index (g, DIO_X64_RDX);
  check_tag (g, size, in_table (tag_of (write)), miss);
  dio_x64_mov_rm (&g->a, 8, addend, in_table (X64_TLB_AT (addend)));
}

/* The access that @cold describes, with what the probe has found. */
static void
do_access (DioX64Gen *g, const DioX64Cold *cold, DioX64Reg addend)
{
  unsigned size = access_size (cold->opcode);
  DioX64Mem mem = dio_x64_mem_index (cold->base, addend, 0, cold->disp);
  if (cold->opcode == DIO_IR_LOAD_V128) {
    dio_x64_movups_xm (&g->a, (DioX64Xmm) cold->result, mem);
    return;
  }
  if (is_store (cold->opcode)) {
    if (size == 16)
      dio_x64_movups_mx (&g->a, mem, (DioX64Xmm) cold->value);
    else if (cold->value < 0)
      dio_x64_mov_mi (&g->a, size, mem, (int32_t) cold->constant);
    else if (cold->value_xmm)
      dio_x64_movs_mx (&g->a, size, mem, (DioX64Xmm) cold->value);
    else
      dio_x64_mov_mr (&g->a, size, mem, (DioX64Reg) cold->value);
    return;
  }
  if (cold->result_xmm)
    dio_x64_movs_xm (&g->a, size, (DioX64Xmm) cold->result, mem);
  else if (load_kind (cold->opcode).is_signed)
    dio_x64_movsx_rm (&g->a, size, (DioX64Reg) cold->result, mem);
  else
    dio_x64_movzx_rm (&g->a, size, (DioX64Reg) cold->result, mem);
}

static void
describe (DioX64Cold *cold, const DioIrOp *op, DioX64Reg base)
{
  cold->opcode = op->opcode;
  cold->base = (int8_t) base;
  cold->disp =
      dio_ir_op_info[op->opcode].immediate == DIO_IR_IMM_DISPLACEMENT ? (int32_t) op->immediate : 0;
  cold->value = cold->result = -1;
}

DioX64Cold *
dio_x64_access_cold (DioX64Gen *g, const DioIrOp *op, DioX64Reg base)
{
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_ACCESS);
  describe (cold, op, base);
  for (unsigned i = 0; i < X64_GROUPS; i++)
    if (g->groups[i].active)
      cold->groups |= (uint16_t) (1u << g->groups[i].reg);
  return cold;
}

/* ---- Groups ---- */

/* Operations looked through for other members. */
#define GROUP_WINDOW 160
#define GROUP_BYTES 512

bool
dio_x64_drop_group (DioX64Gen *g)
{
  for (unsigned i = 0; i < X64_GROUPS; i++) {
    DioX64Group *group = &g->groups[i];
    if (!group->active || (g->gpr_locked >> group->reg & 1))
      continue;
    group->active = false;
    g->gpr_owner[group->reg] = X64_FREE;
    return true;
  }
  return false;
}

static bool
is_plain_access (unsigned opcode)
{
  return (opcode >= DIO_IR_LOAD_S8 && opcode <= DIO_IR_STORE_64) || opcode == DIO_IR_LOAD_V128
         || opcode == DIO_IR_STORE_V128;
}

/* Nothing that may change the TLB, or leave and come back. */
static bool
keeps_group (const DioIrOp *op)
{
  unsigned effects = dio_ir_op_info[op->opcode].effects;
  return !(effects & (DIO_IR_EFFECT | DIO_IR_END)) || dio_jit_is_set (op)
         || is_plain_access (op->opcode)
         || (op->opcode >= DIO_IR_FP_CALL1 && op->opcode <= DIO_IR_FP_TEST2)
         || (op->opcode >= DIO_IR_VEC_SAT1 && op->opcode <= DIO_IR_VEC_FP_TEST2)
         || (op->opcode >= DIO_IR_FLAGS_ADD_32 && op->opcode <= DIO_IR_SET_NZCV);
}

/* The value that the address of @op is relative to, sums of constants looked through, and by how
 * much. */
static uint32_t
root_of (const DioX64Gen *g, const DioIrOp *op, int64_t *offset)
{
  uint32_t value = op->arguments[0];
  int64_t constant;
  *offset = op->immediate;
  while (g->ops[value].opcode == DIO_IR_ADD
         && dio_x64_constant (g, g->ops[value].arguments[1], &constant)
         && constant == (int16_t) constant) {
    *offset += constant;
    value = g->ops[value].arguments[0];
  }
  return value;
}

static bool
in_group (const DioX64Gen *g, const DioX64Group *group, const DioIrOp *op)
{
  int64_t offset;
  return group->active && group->base == root_of (g, op, &offset) && offset >= group->low
         && offset + access_size (op->opcode) <= group->high
         && (group->write || !is_store (op->opcode));
}

/* Adds @op to @group if the whole does not get too wide. */
static bool
join (const DioX64Gen *g, DioX64Group *group, const DioIrOp *op, uint32_t at)
{
  int64_t offset;
  if (root_of (g, op, &offset) != group->base)
    return false;
  int64_t low = MIN (group->low, offset);
  int64_t high = MAX (group->high, offset + (int64_t) access_size (op->opcode));
  if (high - low > GROUP_BYTES)
    return false;
  group->low = (int32_t) low;
  group->high = (int32_t) high;
  group->write |= is_store (op->opcode);
  group->last = at;
  return true;
}

/* The group of the access at hand, made if there are others to share its probe; or NULL. *@leads
 * when it is the first. */
static DioX64Group *
group_of (DioX64Gen *g, const DioIrOp *op, bool *leads)
{
  DioX64Group *unused = NULL;
  *leads = false;
  if (g->sweep)
    return NULL;
  for (unsigned i = 0; i < X64_GROUPS; i++) {
    if (in_group (g, &g->groups[i], op))
      return &g->groups[i];
    if (!g->groups[i].active)
      unused = &g->groups[i];
  }
  if (!unused)
    return NULL;
  int64_t offset;
  DioX64Group group = { .base = root_of (g, op, &offset), .write = is_store (op->opcode) };
  if (offset != (int16_t) offset)
    return NULL;
  group.low = (int32_t) offset;
  group.high = (int32_t) offset + (int32_t) access_size (op->opcode);
  unsigned others = 0;
  for (uint32_t i = g->at + 1; i < g->n_ops && i < g->at + GROUP_WINDOW; i++) {
    const DioIrOp *other = &g->ops[i];
    if (!keeps_group (other))
      break;
    if (is_plain_access (other->opcode))
      others += join (g, &group, other, i);
  }
  int reg = others ? dio_x64_free_gpr (g) : -1;
  if (reg < 0)
    return NULL;
  group.active = true;
  group.shift = (int32_t) (op->immediate - offset);
  group.reg = (uint8_t) reg;
  g->gpr_owner[reg] = X64_TAKEN;
  g->gpr_locked |= 1u << reg;
  *unused = group;
  *leads = true;
  return unused;
}

/* Every member looks for itself. */
void
dio_x64_cold_member (DioX64Gen *g, DioX64Cold *cold)
{
  DioX64Label miss = DIO_X64_LABEL_INIT;
  int32_t size = (int32_t) access_size (cold->opcode);
  dio_x64_bind (&g->a, &cold->label);
  dio_x64_nans_replace (g, cold->nans);
  if (cold->leads)
    clear_groups (g, cold);
  probe (g, (DioX64Reg) cold->base, cold->disp, cold->disp + size, tag_of (is_store (cold->opcode)),
         DIO_X64_RCX, &miss);
  do_access (g, cold, DIO_X64_RCX);
  dio_x64_jmp_label (&g->a, &cold->back);
  dio_x64_bind (&g->a, &miss);
  call_access (g, cold);
  clear_groups (g, cold);
  dio_x64_jmp_label (&g->a, &cold->back);
}

/* What there is to say of the access at hand: @in_sweep, or a new cold path. */
static DioX64Cold *
cold_of (DioX64Gen *g, const DioIrOp *op, DioX64Reg base, DioX64Cold *in_sweep)
{
  if (!g->sweep)
    return dio_x64_access_cold (g, op, base);
  *in_sweep = (DioX64Cold){ 0 };
  describe (in_sweep, op, base);
  return in_sweep;
}

/* Emits the access that @cold, the newest, describes. */
static void
emit (DioX64Gen *g, const DioIrOp *op, DioX64Cold *cold, DioX64Group *group, bool leads)
{
  if (g->sweep) {
    do_access (g, cold, dio_x64_sweep_addend (g));
    return;
  }
  if (!group) {
    int32_t size = (int32_t) access_size (op->opcode);
    probe (g, (DioX64Reg) cold->base, cold->disp, cold->disp + size, tag_of (is_store (op->opcode)),
           DIO_X64_RCX, &cold->label);
    do_access (g, cold, DIO_X64_RCX);
    dio_x64_bind (&g->a, &cold->back);
    return;
  }
  cold->kind = X64_COLD_MEMBER;
  cold->leads = leads;
  if (leads) {
    probe (g, (DioX64Reg) cold->base, group->low + group->shift, group->high + group->shift,
           tag_of (group->write), group->reg, &cold->label);
  } else {
    dio_x64_test_rr (&g->a, 8, group->reg, group->reg);
    dio_x64_jcc_label (&g->a, DIO_X64_CC_E, &cold->label);
  }
  do_access (g, cold, group->reg);
  dio_x64_bind (&g->a, &cold->back);
  if (group->last == g->at) {
    group->active = false;
    g->gpr_owner[group->reg] = X64_FREE;
  }
}

static void
load (DioX64Gen *g, const DioIrOp *op)
{
  Kind kind = load_kind (op->opcode);
  bool leads, wanted = g->values[g->at].last != 0;
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Group *group = group_of (g, op, &leads);
  bool vector = op->opcode == DIO_IR_LOAD_V128;
  bool xmm = vector || (g->values[g->at].want_xmm && kind.size >= 4 && !kind.is_signed);
  uint8_t dst = vector && !wanted ? DIO_X64_XMM0
                : xmm             ? (uint8_t) dio_x64_result_xmm (g)
                : wanted          ? (uint8_t) dio_x64_result_gpr (g, op->arguments[0])
                                  : DIO_X64_RDX;
  if (group && !group->active)
    group = NULL; /* given up for the register of the result */
  DioX64Cold in_sweep, *cold = cold_of (g, op, base, &in_sweep);
  cold->result = (int8_t) dst;
  cold->result_xmm = xmm;
  emit (g, op, cold, group, leads);
  if (xmm)
    dio_x64_define_clean (g, (DioX64Xmm) dst, kind.size == 4, kind.size == 16 ? 0 : kind.size);
  else if (wanted)
    dio_x64_define_gpr (g, dst);
}

static void
store (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = access_size (op->opcode);
  uint32_t value = op->arguments[1];
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  const DioX64Value *v = &g->values[value];
  int32_t constant = 0;
  int reg = -1;
  bool xmm = false, leads;
  if (size == 16) {
    reg = (int) dio_x64_xmm_of (g, value);
    xmm = true;
  } else if (dio_x64_constant32 (g, value, &constant)) {
    /* in line */
  } else if (size >= 4
             && ((v->where == X64_XMM && !(v->single && size == 8))
                 || (v->where == X64_VAR && v->reg >= DIO_JIT_F && g->region->host[v->reg] >= 0))) {
    reg = (int) dio_x64_xmm_of (g, value);
    xmm = true;
  } else {
    reg = (int) dio_x64_gpr_of (g, value);
  }
  DioX64Group *group = group_of (g, op, &leads);
  DioX64Cold in_sweep, *cold = cold_of (g, op, base, &in_sweep);
  cold->value = (int8_t) reg;
  cold->value_xmm = xmm;
  cold->constant = constant;
  if (size == 16)
    cold->args[cold->n_args++] = (int8_t) reg;
  emit (g, op, cold, group, leads);
}

/* With the rights of programs. */
static void
user_access (DioX64Gen *g, const DioIrOp *op)
{
  int32_t size = (int32_t) access_size (op->opcode), constant = 0;
  bool stores = is_store (op->opcode), wanted = !stores && g->values[g->at].last;
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  int value = stores && !dio_x64_constant32 (g, op->arguments[1], &constant)
                  ? (int) dio_x64_gpr_of (g, op->arguments[1])
                  : -1;
  DioX64Reg dst = wanted ? dio_x64_result_gpr (g, op->arguments[0]) : DIO_X64_RDX;
  DioX64Cold *cold = dio_x64_access_cold (g, op, base);
  cold->value = (int8_t) value;
  cold->constant = constant;
  cold->result = stores ? -1 : (int8_t) dst;
  probe_user (g, base, cold->disp, cold->disp + size, tag_of (stores), &cold->label);
  do_access (g, cold, DIO_X64_RCX);
  dio_x64_bind (&g->a, &cold->back);
  if (wanted)
    dio_x64_define_gpr (g, dst);
}

#define CLEARED_BYTES 64

/* A block of memory becomes 0: the aligned one around the address. */
static void
clear_block (DioX64Gen *g, const DioIrOp *op)
{
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_INTERPRET);
  dio_x64_alu_mi (&g->a, DIO_X64_CMP, 1, dio_x64_state (g, g->guest->no_clear), 0);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &cold->label);
  probe (g, base, 0, 1, X64_TLB_AT (write), DIO_X64_RCX, &cold->label);
  dio_x64_alu_rr (&g->a, DIO_X64_ADD, 8, DIO_X64_RCX, base);
  dio_x64_alu_ri (&g->a, DIO_X64_AND, 8, DIO_X64_RCX, -CLEARED_BYTES);
  dio_x64_pxor_xx (&g->a, DIO_X64_XMM0, DIO_X64_XMM0);
  for (int32_t at = 0; at < CLEARED_BYTES; at += 16)
    dio_x64_movups_mx (&g->a, dio_x64_mem (DIO_X64_RCX, at), DIO_X64_XMM0);
}

/* ---- Atomics ---- */

static unsigned
atomic_size (unsigned opcode)
{
  switch (opcode) {
  case DIO_IR_COMPARE_SWAP_8:
    return 1;
  case DIO_IR_COMPARE_SWAP_16:
    return 2;
  case DIO_IR_COMPARE_SWAP_32:
    return 4;
  case DIO_IR_COMPARE_SWAP_64:
    return 8;
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
  DioX64Cold *cold = dio_x64_access_cold (g, op, base);
  cold->result = (int8_t) dst;
  probe_aligned (g, base, size, X64_TLB_AT (read), &cold->label);
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
  DioX64Cold *cold = dio_x64_access_cold (g, op, base);
  cold->value = (int8_t) value;
  cold->result = (int8_t) dst;
  DioX64Mem reservation = dio_x64_state (g, g->guest->reservation);
  probe_aligned (g, base, size, X64_TLB_AT (write), &cold->label);
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
  DioX64Cold *cold = dio_x64_access_cold (g, op, base);
  cold->value = (int8_t) value;
  cold->result = wanted ? (int8_t) dst : -1;
  if (!amo_in_line (g, op, kind)) {
    dio_x64_jmp_label (&g->a, &cold->label);
  } else {
    probe_aligned (g, base, size, X64_TLB_AT (write), &cold->label);
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

/* What the host has an instruction for; the interpreter does those that miss. */
static void
compare_swap (DioX64Gen *g, const DioIrOp *op)
{
  unsigned size = atomic_size (op->opcode);
  dio_x64_evict_gpr (g, DIO_X64_RAX);
  dio_x64_move_to_gpr (g, DIO_X64_RAX, op->arguments[1]);
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  DioX64Reg value = dio_x64_gpr_of (g, op->arguments[2]);
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_INTERPRET);
  probe_aligned (g, base, size, X64_TLB_AT (write), &cold->label);
  dio_x64_lock_cmpxchg_mr (&g->a, size, dio_x64_mem_index ((int) base, DIO_X64_RCX, 0, 0), value);
  if (size < 8)
    dio_x64_movsx_rr (&g->a, size, DIO_X64_RAX, DIO_X64_RAX);
  dio_x64_define_gpr (g, DIO_X64_RAX);
}

/* An operation that is always done by its function. */
static void
by_function (DioX64Gen *g, const DioIrOp *op)
{
  const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
  bool wanted = info->result != DIO_IR_VOID && g->values[g->at].last;
  DioX64Reg base = dio_x64_gpr_of (g, op->arguments[0]);
  int value = info->n_arguments > 1 ? (int) dio_x64_gpr_of (g, op->arguments[1]) : -1;
  DioX64Reg dst = wanted ? dio_x64_result_gpr (g, UINT32_MAX) : DIO_X64_RCX;
  DioX64Cold *cold = dio_x64_access_cold (g, op, base);
  cold->value = (int8_t) value;
  cold->result = wanted ? (int8_t) dst : -1;
  dio_x64_jmp_label (&g->a, &cold->label);
  dio_x64_bind (&g->a, &cold->back);
  if (wanted)
    dio_x64_define_gpr (g, dst);
}

/* Atomic operations of bytes and half-words. */
static bool
is_by_function (unsigned opcode)
{
  return opcode == DIO_IR_LOAD_RESERVED_8 || opcode == DIO_IR_LOAD_RESERVED_16
         || opcode == DIO_IR_STORE_CONDITIONAL_8 || opcode == DIO_IR_STORE_CONDITIONAL_16
         || (opcode >= DIO_IR_AMO_swap_8 && opcode <= DIO_IR_AMO_maxu_16);
}

/* Only a store before a load needs more than the host's own order. Requests of other vCPUs are
 * acted on by the interpreter; looked for behind the fence, as who asks because it begins to decode
 * a page must be seen here, or see there what was stored before. */
static void
fence (DioX64Gen *g, const DioIrOp *op)
{
  if ((op->immediate & 0x50) && (op->immediate & 0x0a))
    dio_x64_lock_alu_mi (&g->a, DIO_X64_OR, 4, dio_x64_mem (DIO_X64_RSP, X64_FRAME - 8), 0);
  if (!g->guest->requests)
    return;
  DioX64Cold *cold = dio_x64_cold (g, X64_COLD_INTERPRET);
  dio_x64_alu_mi (&g->a, DIO_X64_CMP, 4, dio_x64_state (g, g->guest->requests), 0);
  dio_x64_jcc_label (&g->a, DIO_X64_CC_NE, &cold->label);
}

bool
dio_x64_gen_memory (DioX64Gen *g, const DioIrOp *op)
{
  if ((op->opcode >= DIO_IR_LOAD_S8 && op->opcode <= DIO_IR_LOAD_U64)
      || op->opcode == DIO_IR_LOAD_V128)
    load (g, op);
  else if ((op->opcode >= DIO_IR_STORE_8 && op->opcode <= DIO_IR_STORE_64)
           || op->opcode == DIO_IR_STORE_V128)
    store (g, op);
  else if (op->opcode == DIO_IR_LOAD_RESERVED_32 || op->opcode == DIO_IR_LOAD_RESERVED_64)
    load_reserved (g, op);
  else if (op->opcode == DIO_IR_STORE_CONDITIONAL_32 || op->opcode == DIO_IR_STORE_CONDITIONAL_64)
    store_conditional (g, op);
  else if (op->opcode >= DIO_IR_AMO_swap_32 && op->opcode <= DIO_IR_AMO_maxu_64)
    amo (g, op);
  else if (op->opcode >= DIO_IR_COMPARE_SWAP_8 && op->opcode <= DIO_IR_COMPARE_SWAP_64)
    compare_swap (g, op);
  else if (is_user (op->opcode))
    user_access (g, op);
  else if (op->opcode == DIO_IR_CACHE_BLOCK && op->immediate == 4 && g->guest->no_clear)
    clear_block (g, op);
  else if (op->opcode == DIO_IR_FENCE)
    fence (g, op);
  else if (is_by_function (op->opcode))
    by_function (g, op);
  else
    return false;
  return true;
}
