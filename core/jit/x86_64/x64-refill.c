/* SPDX-License-Identifier: GPL-3.0-or-later
 * Loads and stores whose page the first level of the TLB does not have but the second: what the
 * guest's function would do with dio_tlb_second_find(), without leaving compiled code. About 70
 * instructions, where the function and all that must be saved around it take some 300.
 *
 * All else goes to the function: pages that are not there either, I/O, accesses that cross into
 * another page, and stores to pages that must not be written unseen. What the first level had at
 * that place is not put aside: the second level has it too.
 */
#include "core/jit/x86_64/x64-refill.h"

#include "core/jit/x86_64/x64-gen.h"

#define VA DIO_X64_RCX
#define VALUE DIO_X64_RDX
#define INDEX DIO_X64_RAX
#define FOUND DIO_X64_RSI
#define TEMP DIO_X64_RDI
#define WORD DIO_X64_R8
#define BEHIND DIO_X64_R9 /* how far the page lies behind what the second level says */

static const uint8_t saved[] = { INDEX, FOUND, TEMP, WORD, BEHIND };

#define SECOND_SHIFT 6
_Static_assert(sizeof (DioTlbSecond) == 1 << SECOND_SHIFT, "found by a shift");

typedef struct {
  DioX64Asm *a;
  const DioJitGuest *guest;
  DioX64Access access;
  DioX64Label fail;
} Refill;

static DioX64Mem
in_set (size_t member)
{
  return dio_x64_mem (X64_TLB, (int32_t) member - DIO_TLB_CONTROL);
}

/* What the first level has in the array at @member of DioTlbTable for INDEX. */
static DioX64Mem
in_table (size_t member)
{
  return dio_x64_mem_index (X64_TLB, INDEX, 3, (int32_t) member - X64_TLB_BIAS);
}

static DioX64Mem
in_found (size_t member)
{
  return dio_x64_mem (FOUND, (int32_t) member);
}

/* Where compiled code has @member of DioTlbEntry of what was found. */
static DioX64Mem
in_entry (size_t member)
{
  return in_found (offsetof (DioTlbSecond, entry) + member);
}

static DioX64Mem
state (const Refill *r, int32_t offset)
{
  return dio_x64_mem (X64_STATE, offset - r->guest->base);
}

/* The first and the last byte are in one page when they have the same bit 12. */
static void
check_crossing (Refill *r)
{
  if (r->access.size == 1)
    return;
  dio_x64_lea (r->a, 4, TEMP, dio_x64_mem (VA, r->access.size - 1));
  dio_x64_alu_rr (r->a, DIO_X64_XOR, 4, TEMP, VA);
  dio_x64_test_ri (r->a, 4, TEMP, DIO_PAGE_SIZE);
  dio_x64_jcc_label (r->a, DIO_X64_CC_NE, &r->fail);
}

static void
access_by (Refill *r, DioX64Mem addend)
{
  DioX64Asm *a = r->a;
  DioX64Mem mem = dio_x64_mem_index (VA, TEMP, 0, 0);
  dio_x64_mov_rm (a, 8, TEMP, addend);
  if (r->access.size == 16) {
    DioX64Mem scratch = state (r, r->guest->jit + (int32_t) offsetof (DioJitVcpu, scratch));
    dio_x64_movups_xm (a, DIO_X64_XMM0, r->access.is_store ? scratch : mem);
    dio_x64_movups_mx (a, r->access.is_store ? mem : scratch, DIO_X64_XMM0);
  } else if (r->access.is_store)
    dio_x64_mov_mr (a, r->access.size, mem, VALUE);
  else if (r->access.is_signed)
    dio_x64_movsx_rm (a, r->access.size, VA, mem);
  else
    dio_x64_movzx_rm (a, r->access.size, VA, mem);
}

static void
restore (Refill *r)
{
  for (unsigned i = G_N_ELEMENTS (saved); i-- > 0;)
    dio_x64_pop (r->a, (DioX64Reg) saved[i]);
}

static size_t
tag_of (const Refill *r)
{
  return r->access.is_store ? offsetof (DioTlbEntry, write) : offsetof (DioTlbEntry, read);
}

/* Makes FOUND, an index, the address of that slot in a table of @entries slots, which has @before
 * bytes of the second level before it. */
static void
find_slot (Refill *r, uint32_t entries, uint32_t before)
{
  DioX64Asm *a = r->a;
  dio_x64_alu_ri (a, DIO_X64_AND, 4, FOUND, (int32_t) entries - 1);
  dio_x64_shift_ri (a, DIO_X64_SHL, 4, FOUND, SECOND_SHIFT);
  if (before)
    dio_x64_alu_ri (a, DIO_X64_ADD, 4, FOUND, (int32_t) before);
  dio_x64_alu_rm (a, DIO_X64_ADD, 8, FOUND, state (r, r->guest->tlb_second));
}

/* Makes FOUND the slot of the block, and goes to @found if it is there. */
static void
look_up_block (Refill *r, DioX64Label *found)
{
  DioX64Asm *a = r->a;
  dio_x64_mov_rr (a, 8, FOUND, VA);
  dio_x64_shift_ri (a, DIO_X64_SHR, 8, FOUND, DIO_TLB_BLOCK_SHIFT);
  dio_x64_mov_rm (a, 4, TEMP, in_set (offsetof (DioTlbSet, number)));
  dio_x64_mov_rr (a, 8, INDEX, FOUND);
  dio_x64_shift_ri (a, DIO_X64_SHL, 8, INDEX, DIO_TLB_BLOCK_SHIFT);
  dio_x64_alu_rr (a, DIO_X64_OR, 8, INDEX, TEMP);
  dio_x64_shift_ri (a, DIO_X64_SHL, 4, TEMP, DIO_TLB_BLOCK_SALT);
  dio_x64_alu_rr (a, DIO_X64_ADD, 4, FOUND, TEMP);
  find_slot (r, DIO_TLB_BLOCKS, DIO_TLB_SECOND_ENTRIES << SECOND_SHIFT);
  dio_x64_mov_rr (a, 4, BEHIND, VA);
  dio_x64_alu_ri (a, DIO_X64_AND, 4, BEHIND,
                  (int32_t) (DIO_TLB_BLOCK_MASK & ~(uint64_t) DIO_PAGE_MASK));
  dio_x64_alu_mr (a, DIO_X64_CMP, 8, in_found (offsetof (DioTlbSecond, key)), INDEX);
  dio_x64_jcc_label (a, DIO_X64_CC_E, found);
}

/* Makes FOUND the slot of the page, or goes to where the function is called. Who goes through
 * memory wants the slot of the next page soon, as that behind it mostly is; it would wait for that
 * one line of the second level as long as for the data. */
static void
look_up_page (Refill *r)
{
  DioX64Asm *a = r->a;
  dio_x64_mov_rm (a, 4, TEMP, in_set (offsetof (DioTlbSet, number)));
  dio_x64_mov_rr (a, 8, INDEX, VA);
  dio_x64_alu_ri (a, DIO_X64_AND, 8, INDEX, -(int32_t) DIO_PAGE_SIZE);
  dio_x64_alu_rr (a, DIO_X64_OR, 8, INDEX, TEMP);
  dio_x64_shift_ri (a, DIO_X64_SHL, 4, TEMP, DIO_TLB_SECOND_SALT);
  dio_x64_mov_rr (a, 8, FOUND, VA);
  dio_x64_shift_ri (a, DIO_X64_SHR, 8, FOUND, DIO_PAGE_SHIFT);
  dio_x64_alu_rr (a, DIO_X64_ADD, 4, TEMP, FOUND);
  dio_x64_shift_ri (a, DIO_X64_SHR, 8, FOUND, DIO_TLB_SECOND_BITS);
  dio_x64_alu_rr (a, DIO_X64_ADD, 4, FOUND, TEMP);
  find_slot (r, DIO_TLB_SECOND_ENTRIES, 0);
  dio_x64_prefetch (a, in_found (sizeof (DioTlbSecond)));
  dio_x64_alu_mr (a, DIO_X64_CMP, 8, in_found (offsetof (DioTlbSecond, key)), INDEX);
  dio_x64_jcc_label (a, DIO_X64_CC_NE, &r->fail);
  dio_x64_mov_ri (a, BEHIND, 0);
}

static void
look_up (Refill *r)
{
  DioX64Label found = DIO_X64_LABEL_INIT;
  look_up_block (r, &found);
  look_up_page (r);
  dio_x64_bind (r->a, &found);
}

/* As dio_tlb_second_find() does once the key is right. */
static void
check_found (Refill *r)
{
  DioX64Asm *a = r->a;
  dio_x64_mov_rm (a, 4, TEMP, in_found (offsetof (DioTlbSecond, local)));
  dio_x64_mov_rm (
      a, 4, TEMP,
      dio_x64_mem_index (X64_TLB, TEMP, 2,
                         (int32_t) offsetof (DioTlbSet, generations) - DIO_TLB_CONTROL));
  dio_x64_alu_mr (a, DIO_X64_CMP, 4, in_found (offsetof (DioTlbSecond, generation)), TEMP);
  dio_x64_jcc_label (a, DIO_X64_CC_NE, &r->fail);
  dio_x64_test_mi (a, 4, in_entry (tag_of (r)), (int32_t) DIO_TLB_INVALID);
  dio_x64_jcc_label (a, DIO_X64_CC_NE, &r->fail);
}

/* May the page be written unseen? Who changes that afterwards asks this vCPU to give its entry up,
 * and it hears of that only after this. */
static void
test_flags (Refill *r, const uint8_t *flags)
{
  dio_x64_mov_rm (r->a, 8, TEMP, in_found (offsetof (DioTlbSecond, ram_offset)));
  dio_x64_alu_rr (r->a, DIO_X64_ADD, 8, TEMP, BEHIND);
  dio_x64_shift_ri (r->a, DIO_X64_SHR, 8, TEMP, DIO_PAGE_SHIFT);
  dio_x64_alu_rm (r->a, DIO_X64_ADD, 8, TEMP, dio_x64_mem_abs (flags));
  dio_x64_test_mi (r->a, 1, dio_x64_mem (TEMP, 0), DIO_PAGE_SLOW_WRITE);
}

/* Leaves the flags alone. */
static void
copy_tag (Refill *r, size_t from, size_t to)
{
  dio_x64_mov_rm (r->a, 8, WORD, in_entry (from));
  dio_x64_lea (r->a, 8, WORD, dio_x64_mem_index (WORD, BEHIND, 0, 0));
  dio_x64_mov_mr (r->a, 8, in_table (to), WORD);
}

/* The write tag at INDEX becomes dio_tlb_no_tag(). */
static void
drop_write (Refill *r)
{
  dio_x64_mov_rr (r->a, 4, WORD, INDEX);
  dio_x64_shift_ri (r->a, DIO_X64_SHL, 4, WORD, DIO_PAGE_SHIFT);
  dio_x64_alu_ri (r->a, DIO_X64_XOR, 4, WORD, (int32_t) (DIO_TLB_ELSEWHERE | DIO_TLB_INVALID));
  dio_x64_mov_mr (r->a, 8, in_table (offsetof (DioTlbTable, write)), WORD);
}

/* Copies the entry to the first level; without the right to write if the flags say so. */
static void
copy_entry (Refill *r, const uint8_t *flags)
{
  DioX64Asm *a = r->a;
  DioX64Label writable = DIO_X64_LABEL_INIT;
  dio_x64_mov_rr (a, 4, INDEX, VA);
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, INDEX, DIO_PAGE_SHIFT);
  dio_x64_alu_ri (a, DIO_X64_AND, 4, INDEX, DIO_TLB_ENTRIES - 1);
  test_flags (r, flags);
  if (r->access.is_store)
    dio_x64_jcc_label (a, DIO_X64_CC_NE, &r->fail);
  copy_tag (r, offsetof (DioTlbEntry, read), offsetof (DioTlbTable, read));
  copy_tag (r, offsetof (DioTlbEntry, write), offsetof (DioTlbTable, write));
  copy_tag (r, offsetof (DioTlbEntry, execute), offsetof (DioTlbTable, execute));
  dio_x64_mov_rm (a, 8, WORD, in_entry (offsetof (DioTlbEntry, addend)));
  dio_x64_mov_mr (a, 8, in_table (offsetof (DioTlbTable, addend)), WORD);
  if (r->access.is_store)
    return;
  dio_x64_jcc_label (a, DIO_X64_CC_E, &writable);
  drop_write (r);
  dio_x64_bind (a, &writable);
}

/* What dio_tlb_fill() keeps besides. That the set has slices of a big page is known since the page
 * came into the second level. */
static void
note_entry (Refill *r)
{
  DioX64Asm *a = r->a;
  DioX64Label global = DIO_X64_LABEL_INIT;
  dio_x64_mov_rr (a, 4, TEMP, INDEX);
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, TEMP, 6);
  DioX64Mem local =
      dio_x64_mem_index (X64_TLB, TEMP, 3, (int32_t) offsetof (DioTlbSet, local) - DIO_TLB_CONTROL);
  dio_x64_mov_rm (a, 8, WORD, local);
  dio_x64_btr_rr (a, 8, WORD, INDEX);
  dio_x64_alu_mi (a, DIO_X64_CMP, 4, in_found (offsetof (DioTlbSecond, local)), 0);
  dio_x64_jcc_label (a, DIO_X64_CC_E, &global);
  dio_x64_bts_rr (a, 8, WORD, INDEX);
  dio_x64_bind (a, &global);
  dio_x64_mov_mr (a, 8, local, WORD);
  dio_x64_shift_ri (a, DIO_X64_SHR, 4, INDEX, 4);
  _Static_assert(DIO_TLB_GROUP_ENTRIES == 1 << 4, "the group of an entry is found by a shift");
  dio_x64_mov_rm (a, 8, WORD, in_set (offsetof (DioTlbSet, used)));
  dio_x64_bts_rr (a, 8, WORD, INDEX);
  dio_x64_mov_mr (a, 8, in_set (offsetof (DioTlbSet, used)), WORD);
}

bool
dio_x64_plain_access (unsigned opcode, DioX64Access *access)
{
  static const DioX64Access accesses[DIO_IR_N_OPS] = {
    [DIO_IR_LOAD_S8] = { 1, false, true },     [DIO_IR_LOAD_U8] = { 1, false, false },
    [DIO_IR_LOAD_S16] = { 2, false, true },    [DIO_IR_LOAD_U16] = { 2, false, false },
    [DIO_IR_LOAD_S32] = { 4, false, true },    [DIO_IR_LOAD_U32] = { 4, false, false },
    [DIO_IR_LOAD_U64] = { 8, false, false },   [DIO_IR_STORE_8] = { 1, true, false },
    [DIO_IR_STORE_16] = { 2, true, false },    [DIO_IR_STORE_32] = { 4, true, false },
    [DIO_IR_STORE_64] = { 8, true, false },    [DIO_IR_LOAD_V128] = { 16, false, false },
    [DIO_IR_STORE_V128] = { 16, true, false },
  };
  *access = accesses[opcode];
  return access->size;
}

void
dio_x64_gen_refill (DioX64Asm *a, const DioJitGuest *guest, DioX64Access access,
                    const uint8_t *flags, DioX64Label *fail)
{
  Refill r = { .a = a, .guest = guest, .access = access, .fail = DIO_X64_LABEL_INIT };
  for (unsigned i = 0; i < G_N_ELEMENTS (saved); i++)
    dio_x64_push (a, (DioX64Reg) saved[i]);
  check_crossing (&r);
  look_up (&r);
  check_found (&r);
  copy_entry (&r, flags);
  note_entry (&r);
  access_by (&r, in_entry (offsetof (DioTlbEntry, addend)));
  restore (&r);
  dio_x64_alu_mi (a, DIO_X64_ADD, 8,
                  state (&r, guest->jit + (int32_t) offsetof (DioJitVcpu, refills)), 1);
  dio_x64_ret (a);
  dio_x64_bind (a, &r.fail);
  restore (&r);
  dio_x64_jmp_label (a, fail);
}
