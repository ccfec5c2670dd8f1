/* SPDX-License-Identifier: GPL-3.0-or-later
 * Synchronous exceptions: which vector, syndrome, fault address, return address and saved state;
 * what EL0 may not do; return from exceptions; which of several comes first. */
#include "guest.h"

bool
begins_translated (void)
{
  return false;
}

static uint64_t words[4] __attribute__ ((aligned (64)));

static void
check_at (int line, struct outcome o, unsigned vector, unsigned ec, unsigned iss, const void *elr)
{
  CHECK_EQ_AT (line, o.vector, vector);
  CHECK_EQ_AT (line, o.esr, (uint64_t) ec << 26 | ESR_IL | iss);
  CHECK_EQ_AT (line, o.elr, elr);
}
#define CHECK_EXCEPTION(o, vector, ec, iss, elr) check_at (__LINE__, o, vector, ec, iss, elr)

static unsigned
from (unsigned mode)
{
  return mode == EL0 ? FROM_LOWER : mode == EL1 ? FROM_SAME : FROM_SP0;
}

/* ---- Causes ---- */

static void
set_sctlr (uint64_t bits)
{
  sysreg_write (sctlr_el1, SCTLR_RES1 | bits);
  isb ();
}

static void
test_calls (unsigned mode)
{
  struct outcome o = probe (mode, p_svc, 7, 0);
  CHECK_EXCEPTION (o, from (mode), EC_SVC, 0x123, p_svc + 4);
  CHECK_EQ (o.x0, 7);
  CHECK_EXCEPTION (probe (mode, p_brk, 0, 0), from (mode), EC_BRK, 0x456, p_brk);
  CHECK_EXCEPTION (probe (mode, p_udf, 0, 0), from (mode), EC_UNKNOWN, 0, p_udf);
  CHECK_EXCEPTION (probe (mode, p_hlt, 0, 0), from (mode), EC_UNKNOWN, 0, p_hlt);
}

static void
test_aborts (unsigned mode)
{
  static const struct {
    const char *code;
    bool write;
  } accesses[] = {
    { p_ldr, false },  { p_ldrb, false }, { p_ldp, false }, { p_ldxr, false },
    { p_ldar, false }, { p_str, true },   { p_strb, true }, { p_stp, true },
  };
  unsigned data = mode == EL0 ? EC_DATA_LOWER : EC_DATA_SAME;
  unsigned fetch = mode == EL0 ? EC_FETCH_LOWER : EC_FETCH_SAME;
  for (unsigned i = 0; i < sizeof accesses / sizeof accesses[0]; i++) {
    struct outcome o = probe (mode, accesses[i].code, HOLE + 0x40, 1);
    CHECK_EXCEPTION (o, from (mode), data, FSC_EXTERNAL | (accesses[i].write ? ISS_WNR : 0),
                     accesses[i].code);
    CHECK_EQ (o.far, HOLE + 0x40);
    CHECK_EQ (o.x0, HOLE + 0x40);
  }
  /* Of an atomic it is not the write where a read would fault too. */
  CHECK_EQ (iss_of (probe (mode, p_ldadd, HOLE, 1)), FSC_EXTERNAL);
  CHECK_EQ (iss_of (probe (mode, p_cas, HOLE, 1)), FSC_EXTERNAL);
  CHECK_EQ (iss_of (probe (mode, p_casp, HOLE, 1)), FSC_EXTERNAL);
  CHECK_EQ (iss_of (probe (mode, p_swpb, HOLE, 1)), FSC_EXTERNAL);
  struct outcome o = probe (mode, p_br, HOLE, 0);
  CHECK_EXCEPTION (o, from (mode), fetch, FSC_EXTERNAL, (const void *) HOLE);
  CHECK_EQ (o.far, HOLE);
}

/* Exclusives, acquiring loads and atomics must be aligned; others need not. */
static void
test_alignment (unsigned mode)
{
  static const char *const accesses[] = { p_ldxr, p_ldadd, p_cas };
  unsigned data = mode == EL0 ? EC_DATA_LOWER : EC_DATA_SAME;
  for (unsigned i = 0; i < sizeof accesses / sizeof accesses[0]; i++)
    for (unsigned shift = 1; shift < 8; shift += 3) {
      uint64_t at = (uint64_t) words + shift;
      struct outcome o = probe (mode, accesses[i], at, 1);
      CHECK_EXCEPTION (o, from (mode), data, FSC_ALIGNMENT, accesses[i]);
      CHECK_EQ (o.far, at);
    }
  CHECK_EQ (probe (mode, p_ldr, (uint64_t) words, 0).vector, -1);

  /* A program counter that is no multiple of four. */
  for (unsigned shift = 1; shift < 4; shift++) {
    uint64_t at = (uint64_t) p_nop + shift;
    struct outcome o = probe (mode, p_br, at, 0);
    CHECK_EXCEPTION (o, from (mode), EC_PC_ALIGNMENT, 0, (const void *) at);
    CHECK_EQ (o.far, at);
  }
  /* It comes before what else is wrong there. */
  CHECK_EQ (ec_of (probe (mode, p_br, HOLE + 2, 0)), EC_PC_ALIGNMENT);
}

/* Without translation data is that of a device: nothing misaligned, within a page or not, and no
 * clearing of blocks, whatever SCTLR.A says. Pairs are aligned by register, structures by element.
 */
static void
test_untranslated (unsigned mode)
{
  static const struct {
    uint32_t insn;
    unsigned bytes;
    bool write;
  } accesses[] = {
    /* clang-format off */
    { 0x39400000, 1, false }, /* ldrb w0, [x0] */
    { 0x79400000, 2, false }, /* ldrh w0, [x0] */
    { 0xb9400000, 4, false }, /* ldr w0, [x0] */
    { 0xf9400000, 8, false }, /* ldr x0, [x0] */
    { 0xf8400800, 8, false }, /* ldtr x0, [x0] */
    { 0x39000001, 1, true }, /* strb w1, [x0] */
    { 0xb9000001, 4, true }, /* str w1, [x0] */
    { 0xf9000001, 8, true }, /* str x1, [x0] */
    { 0xf8000801, 8, true }, /* sttr x1, [x0] */
    { 0x29400c02, 4, false }, /* ldp w2, w3, [x0] */
    { 0x69400c02, 4, false }, /* ldpsw x2, x3, [x0] */
    { 0xa9400c02, 8, false }, /* ldp x2, x3, [x0] */
    { 0x3dc00001, 16, false }, /* ldr q1, [x0] */
    { 0x2d400801, 4, false }, /* ldp s1, s2, [x0] */
    { 0x6d400801, 8, false }, /* ldp d1, d2, [x0] */
    { 0xad400801, 16, false }, /* ldp q1, q2, [x0] */
    { 0x4c40a001, 1, false }, /* ld1 { v1.16b, v2.16b }, [x0] */
    { 0x0c407401, 2, false }, /* ld1 { v1.4h }, [x0] */
    { 0x4c408801, 4, false }, /* ld2 { v1.4s, v2.4s }, [x0] */
    { 0x4c407c01, 8, false }, /* ld1 { v1.2d }, [x0] */
    { 0x0d405801, 2, false }, /* ld1 { v1.h }[3], [x0] */
    { 0x0d609001, 4, false }, /* ld2 { v1.s, v2.s }[1], [x0] */
    { 0x4d408401, 8, false }, /* ld1 { v1.d }[1], [x0] */
    { 0x0d60e001, 1, false }, /* ld4r { v1.8b, v2.8b, v3.8b, v4.8b }, [x0] */
    { 0x4d40cc01, 8, false }, /* ld1r { v1.2d }, [x0] */
    { 0x29000c02, 4, true }, /* stp w2, w3, [x0] */
    { 0xa9000c02, 8, true }, /* stp x2, x3, [x0] */
    { 0x3d800001, 16, true }, /* str q1, [x0] */
    { 0xad000801, 16, true }, /* stp q1, q2, [x0] */
    { 0x2d000801, 4, true }, /* stp s1, s2, [x0] */
    { 0x4c007001, 1, true }, /* st1 { v1.16b }, [x0] */
    { 0x4c007401, 2, true }, /* st1 { v1.8h }, [x0] */
    { 0x4c004801, 4, true }, /* st3 { v1.4s, v2.4s, v3.4s }, [x0] */
    { 0x4c00ac01, 8, true }, /* st1 { v1.2d, v2.2d }, [x0] */
    { 0x0d000c01, 1, true }, /* st1 { v1.b }[3], [x0] */
    { 0x4d008401, 8, true }, /* st1 { v1.d }[1], [x0] */
    /* clang-format on */
  };
  static uint64_t pages[2 * 4096 / 8] __attribute__ ((aligned (4096)));
  unsigned data = mode == EL0 ? EC_DATA_LOWER : EC_DATA_SAME;
  sysreg_write (cpacr_el1, 3ull << 20);
  isb ();
  for (unsigned i = 0; i < sizeof accesses / sizeof accesses[0]; i++)
    for (unsigned shift = 0; shift < 32; shift++) {
      uint64_t at = (uint64_t) pages + 4096 - 32 + shift;
      struct outcome o = probe_insn (mode, accesses[i].insn, at, 1);
      if (shift % accesses[i].bytes == 0) {
        CHECK_EQ (o.vector, -1);
        continue;
      }
      CHECK_EXCEPTION (o, from (mode), data, FSC_ALIGNMENT | (accesses[i].write ? ISS_WNR : 0),
                       probe_slot + 1);
      CHECK_EQ (o.far, at);
    }
  sysreg_write (cpacr_el1, 0);
  set_sctlr (SCTLR_DZE);
  words[0] = 5;
  CHECK_EXCEPTION (probe (mode, p_dczva, (uint64_t) words + 3, 0), from (mode), data,
                   FSC_ALIGNMENT | ISS_WNR, p_dczva);
  CHECK_EQ (words[0], 5);
  set_sctlr (0);
}

/* ---- What EL0 may do ---- */

/* The syndrome of a system register that EL1 keeps for itself, for an access with x0. */
static unsigned
sysreg_iss (unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2, unsigned rt,
            bool read)
{
  return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | read;
}

static void
check_trapped_at (int line, const char *code, unsigned iss, uint64_t bit)
{
  set_sctlr (0);
  check_at (line, probe (EL0, code, (uint64_t) words, 0), FROM_LOWER, EC_SYSREG, iss, code);
  set_sctlr (bit);
  if (code == p_dczva) /* of memory that is a device's */
    return;
  CHECK_EQ_AT (line, probe (EL0, code, (uint64_t) words, 0).vector, -1);
  set_sctlr (0);
  CHECK_EQ_AT (line, probe (EL1, code, (uint64_t) words, 0).vector, -1);
}
#define CHECK_TRAPPED(code, iss, bit) check_trapped_at (__LINE__, code, iss, bit)

static void
test_privilege (void)
{
  CHECK_EXCEPTION (probe (EL0, p_mrs_sctlr, 0, 0), FROM_LOWER, EC_UNKNOWN, 0, p_mrs_sctlr);
  CHECK_EXCEPTION (probe (EL0, p_mrs_currentel, 0, 0), FROM_LOWER, EC_UNKNOWN, 0, p_mrs_currentel);
  CHECK_EXCEPTION (probe (EL0, p_eret, 0, 0), FROM_LOWER, EC_UNKNOWN, 0, p_eret);
  CHECK_EXCEPTION (probe (EL0, p_hvc, 0, 0), FROM_LOWER, EC_UNKNOWN, 0, p_hvc);
  CHECK_EQ (probe (EL1, p_mrs_currentel, 0, 0).x0, 4);

  CHECK_TRAPPED (p_mrs_ctr, sysreg_iss (3, 3, 0, 0, 1, 0, true), SCTLR_UCT);
  CHECK_TRAPPED (p_mrs_daif, sysreg_iss (3, 3, 4, 2, 1, 0, true), SCTLR_UMA);
  CHECK_TRAPPED (p_msr_daifset, sysreg_iss (0, 3, 4, 2, 6, 31, false), SCTLR_UMA);
  CHECK_TRAPPED (p_dczva, sysreg_iss (1, 3, 7, 4, 1, 0, false), SCTLR_DZE);
  CHECK_TRAPPED (p_dccvac, sysreg_iss (1, 3, 7, 10, 1, 0, false), SCTLR_UCI);
  CHECK_TRAPPED (p_icivau, sysreg_iss (1, 3, 7, 5, 1, 0, false), SCTLR_UCI);

  sysreg_write (cntkctl_el1, 0);
  CHECK_EXCEPTION (probe (EL0, p_mrs_cntvct, 0, 0), FROM_LOWER, EC_SYSREG,
                   sysreg_iss (3, 3, 14, 0, 2, 0, true), p_mrs_cntvct);
  CHECK_EXCEPTION (probe (EL0, p_mrs_cntv_ctl, 0, 0), FROM_LOWER, EC_SYSREG,
                   sysreg_iss (3, 3, 14, 3, 1, 0, true), p_mrs_cntv_ctl);
  sysreg_write (cntkctl_el1, 0x302);
  CHECK_EQ (probe (EL0, p_mrs_cntvct, 0, 0).vector, -1);
  CHECK_EQ (probe (EL0, p_mrs_cntv_ctl, 0, 0).vector, -1);
  sysreg_write (cntkctl_el1, 0);

  set_sctlr (0);
  CHECK_EXCEPTION (probe (EL0, p_wfi, 0, 0), FROM_LOWER, EC_WFX, 0x1e00000, p_wfi);
  set_sctlr (0);

  /* Vector registers: off for all, for EL0, on. */
  sysreg_write (cpacr_el1, 0);
  isb ();
  CHECK_EXCEPTION (probe (EL0, p_fadd, 0, 0), FROM_LOWER, EC_FP, 0x1e00000, p_fadd);
  CHECK_EXCEPTION (probe (EL1, p_fadd, 0, 0), FROM_SAME, EC_FP, 0x1e00000, p_fadd);
  sysreg_write (cpacr_el1, 1ull << 20);
  isb ();
  CHECK_EXCEPTION (probe (EL0, p_fadd, 0, 0), FROM_LOWER, EC_FP, 0x1e00000, p_fadd);
  CHECK_EQ (probe (EL1, p_fadd, 0, 0).vector, -1);
  sysreg_write (cpacr_el1, 3ull << 20);
  isb ();
  CHECK_EQ (probe (EL0, p_fadd, 0, 0).vector, -1);
  sysreg_write (cpacr_el1, 0);
}

/* ---- The stack pointer ---- */

static uint64_t stack[32] __attribute__ ((aligned (64)));
#define STACK ((uint64_t) &stack[16])

/* With @insn at a stack pointer that is no multiple of 16. Exclusives and others that need their
 * own alignment have it. */
static void
check_stack_access (unsigned mode, uint32_t insn, bool enabled, bool is_access)
{
  const uint32_t *at = probe_slot + 1;
  CHECK_EQ (probe_stack (mode, insn, STACK).vector, -1);
  struct outcome o = probe_stack (mode, insn, STACK + 8);
  if (!enabled || !is_access) {
    CHECK_EQ (o.vector, -1);
    return;
  }
  CHECK_EXCEPTION (o, from (mode), EC_SP_ALIGNMENT, 0, at);
  /* It comes before misalignment of the access and before translation. */
  for (unsigned shift = 1; shift < 16; shift += 2)
    CHECK_EXCEPTION (probe_stack (mode, insn, STACK + shift), from (mode), EC_SP_ALIGNMENT, 0, at);
  CHECK_EXCEPTION (probe_stack (mode, insn, HOLE + 8), from (mode), EC_SP_ALIGNMENT, 0, at);
}

/* Another stack pointer in the same stretch of code. */
static void
test_stack_changes (unsigned mode, bool enabled)
{
  static const char *const codes[] = {
    p_sp_add, p_sp_sub, p_sp_pre, p_sp_post, p_sp_move, p_sp_index,
  };
  CHECK_EQ (probe (mode, p_sp_same, STACK, 0).vector, -1);
  for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    struct outcome o = probe (mode, codes[i], STACK, 4);
    if (enabled)
      CHECK_EXCEPTION (o, from (mode), EC_SP_ALIGNMENT, 0, codes[i] + 12);
    else
      CHECK_EQ (o.vector, -1);
  }
}

/* A base that is the stack pointer must be a multiple of 16, if SCTLR says so, at EL0 and EL1 for
 * itself. */
static void
test_stack (unsigned mode)
{
  sysreg_write (cpacr_el1, 3ull << 20);
  for (unsigned i = 0; i < 4; i++) {
    bool enabled = i >> (mode == EL0 ? 1 : 0) & 1;
    set_sctlr ((i & 1 ? SCTLR_SA : 0) | (i & 2 ? SCTLR_SA0 : 0));
    for (const uint32_t *insn = stack_accesses; insn < stack_end; insn++)
      check_stack_access (mode, *insn, enabled, insn < stack_others);
    test_stack_changes (mode, enabled);
  }
  /* Vector registers that are off come first. */
  sysreg_write (cpacr_el1, 0);
  isb ();
  for (const uint32_t *insn = stack_vectors; insn < stack_others; insn++)
    CHECK_EQ (ec_of (probe_stack (mode, *insn, STACK + 8)), EC_FP);
  set_sctlr (0);
}

/* ---- Saved state ---- */

static void
test_state (void)
{
  for (unsigned i = 0; i < 16; i++) {
    uint64_t flags = (uint64_t) i << 28, masks = (uint64_t) i << 6;
    struct outcome o = probe_spsr (flags | masks | EL0, p_svc, 0, 0);
    CHECK_EQ (o.spsr, flags | masks | EL0);
    o = probe_spsr (flags | masks | EL1, p_brk, 0, 0);
    CHECK_EQ (o.spsr, flags | masks | EL1);
  }
  /* All are masked in the handler; PAN is set on entry unless SPAN says that it stays. */
  sysreg_write (daif, 0);
  set_sctlr (SCTLR_SPAN);
  CHECK_EQ (probe_spsr (PSTATE_PAN | EL1, p_svc, 0, 0).spsr, PSTATE_PAN | EL1);
  CHECK_EQ (sysreg_read (s3_0_c4_c2_3), PSTATE_PAN);
  CHECK_EQ (probe_spsr (EL0, p_svc, 0, 0).spsr, EL0);
  CHECK_EQ (sysreg_read (s3_0_c4_c2_3), 0);
  set_sctlr (0);
  sysreg_write (sctlr_el1, SCTLR_RES1 & ~SCTLR_SPAN);
  isb ();
  CHECK_EQ (probe_spsr (EL0, p_svc, 0, 0).spsr, EL0);
  CHECK_EQ (sysreg_read (s3_0_c4_c2_3), PSTATE_PAN);
  sysreg_write (s3_0_c4_c2_3, 0);
  set_sctlr (0);
  CHECK_EQ (sysreg_read (daif), PSTATE_DAIF);
}

static void
test_return (void)
{
  /* To levels and states that there are not. The flags are taken over, the level is kept. */
  static const uint8_t modes[] = { 0x10, 0x13, 1, 6, 8, 9, 12, 13 };
  for (unsigned i = 0; i < sizeof modes; i++) {
    struct outcome o = probe_spsr (PSTATE_NZCV | PSTATE_DAIF | modes[i], p_nop, 0, 0);
    CHECK_EQ (ec_of (o), EC_ILLEGAL);
    CHECK_EQ (iss_of (o), 0);
    CHECK_EQ (o.vector, FROM_SAME);
    CHECK_EQ (o.elr, (uint64_t) p_nop);
    CHECK_EQ (o.spsr, PSTATE_NZCV | PSTATE_DAIF | BIT (20) | EL1);
  }
  /* The reservation of an exclusive is gone after a return. */
  static uint64_t word;
  uint64_t failed;
  __asm__ volatile("ldxr %0, [%1]" : "=r"(failed) : "r"(&word));
  probe (EL1, p_nop, 0, 0);
  __asm__ volatile("stxr %w0, xzr, [%1]" : "=&r"(failed) : "r"(&word) : "memory");
  CHECK_EQ (failed & 1, 1);
}

/* Before anything else of an instruction comes that it cannot be fetched; an access that is both
 * misaligned and to nowhere is misaligned; undefined comes before what the operands would do. */
static void
test_priorities (void)
{
  CHECK_EQ (iss_of (probe (EL1, p_ldxr, HOLE + 1, 0)), FSC_ALIGNMENT);
  CHECK_EQ (iss_of (probe (EL1, p_cas, HOLE + 1, 0)), FSC_ALIGNMENT);
  CHECK_EQ (ec_of (probe_insn (EL0, 0xd5381000, 0, 0)), EC_UNKNOWN); /* mrs x0, sctlr_el1 */
  CHECK_EQ (probe_insn (EL1, 0xd5381000, 0, 0).x0 & SCTLR_RES1, SCTLR_RES1);
  /* An exclusive store without a reservation does not store, and need not fault. */
  words[1] = 5;
  __asm__ volatile("clrex");
  struct outcome o = probe (EL1, p_stxr, 0, (uint64_t) &words[1]);
  CHECK_EQ (o.vector, -1);
  CHECK_EQ (o.x0, 1);
  CHECK_EQ (words[1], 5);
}

int
main (void)
{
  static const uint8_t modes[] = { EL0, EL1T, EL1 };
  for (unsigned i = 0; i < 3; i++) {
    test_calls (modes[i]);
    test_aborts (modes[i]);
    test_alignment (modes[i]);
    test_untranslated (modes[i]);
  }
  test_stack (EL0);
  test_stack (EL1T);
  test_privilege ();
  test_state ();
  test_return ();
  test_priorities ();
  return 0;
}
