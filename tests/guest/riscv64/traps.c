/* SPDX-License-Identifier: GPL-3.0-or-later
 * Synchronous traps: each cause with epc, tval and status, delegation, ecall, xRET, and what each
 * privilege may execute. */
#include "guest.h"

static uint64_t word[4] __attribute__ ((aligned (4096)));

/* A trap of @priv that M takes. */
#define check_m(...) check_m_at (__LINE__, __VA_ARGS__)
static void
check_m_at (int line, struct outcome o, unsigned priv, unsigned cause, const void *epc,
            uint64_t tval)
{
  CHECK_EQ_AT (line, o.taken, M);
  CHECK_EQ_AT (line, o.cause, cause);
  CHECK_EQ_AT (line, o.epc, (uint64_t) epc);
  CHECK_EQ_AT (line, o.tval, tval);
  CHECK_EQ_AT (line, (o.status & MSTATUS_MPP) >> 11, priv);
  CHECK_EQ_AT (line, o.status & MSTATUS_MIE, 0);
}

/* mtval is the instruction or 0. */
#define check_illegal(...) check_illegal_at (__LINE__, __VA_ARGS__)
static void
check_illegal_at (int line, struct outcome o, uint64_t insn)
{
  CHECK_EQ_AT (line, o.taken, M);
  CHECK_EQ_AT (line, o.cause, ILLEGAL);
  if (o.tval != 0)
    CHECK_EQ_AT (line, o.tval, insn);
}

static void
test_causes (unsigned priv)
{
  uint64_t hole = HOLE;
  check_m (probe (priv, p_ld, hole, 0), priv, LOAD_ACCESS, p_ld, hole);
  check_m (probe (priv, p_sd, hole + 8, 0), priv, STORE_ACCESS, p_sd, hole + 8);
  check_m (probe (priv, p_lrd, hole, 0), priv, LOAD_ACCESS, p_lrd, hole);
  check_m (probe (priv, p_amoaddd, hole, 0), priv, STORE_ACCESS, p_amoaddd, hole);
  check_m (probe (priv, p_jump, hole, 0), priv, FETCH_ACCESS, (void *) hole, hole);
  check_m (probe (priv, p_ebreak, 0, 0), priv, BREAKPOINT, p_ebreak, (uint64_t) p_ebreak);
  check_m (probe (priv, p_lrd, (uint64_t) word + 4, 0), priv, LOAD_MISALIGNED, p_lrd,
           (uint64_t) word + 4);
  check_m (probe (priv, p_lrw, (uint64_t) word + 2, 0), priv, LOAD_MISALIGNED, p_lrw,
           (uint64_t) word + 2);
  check_m (probe (priv, p_scd, (uint64_t) word + 4, 0), priv, STORE_MISALIGNED, p_scd,
           (uint64_t) word + 4);
  check_m (probe (priv, p_amoaddw, (uint64_t) word + 1, 0), priv, STORE_MISALIGNED, p_amoaddw,
           (uint64_t) word + 1);
  struct outcome o = probe (priv, p_illegal, 0, 0);
  check_illegal (o, 0);
  CHECK_EQ (o.epc, (uint64_t) p_illegal);
  CHECK_EQ ((o.status & MSTATUS_MPP) >> 11, priv);

  /* Beyond 56 physical bits. */
  check_m (probe (priv, p_ld, BIT (60), 0), priv, LOAD_ACCESS, p_ld, BIT (60));
  check_m (probe (priv, p_jump, BIT (60), 0), priv, FETCH_ACCESS, (void *) BIT (60), BIT (60));

  /* An odd jump target loses its lowest bit. */
  o = probe (priv, p_jump, (uint64_t) p_nop + 1, 0);
  CHECK_EQ (o.taken, 0);

  /* ecall: cause by privilege, tval 0. */
  o = probe (priv, p_ecall_a0, 0, 77);
  CHECK_EQ (o.cause, priv == U ? ECALL_U : priv == S ? ECALL_S : ECALL_M);
  CHECK_EQ (o.epc, (uint64_t) p_ecall_a0 + 4);
  CHECK_EQ (o.tval, 0);
  CHECK_EQ (o.a0, 77);
}

/* MPIE takes MIE, MIE is cleared; xPP the privilege. */
static void
test_status (void)
{
  csr_write (mie, 0);
  for (unsigned mie = 0; mie < 2; mie++) {
    if (mie)
      csr_set (mstatus, MSTATUS_MPIE); /* mret makes it MIE */
    else
      csr_clear (mstatus, MSTATUS_MPIE);
    struct outcome o = probe (M, p_ebreak, 0, 0);
    CHECK_EQ ((o.status & MSTATUS_MPIE) != 0, mie);
    CHECK_EQ (o.status & MSTATUS_MIE, 0);
    CHECK_EQ (o.status & MSTATUS_MPP, MSTATUS_MPP);
  }
}

static void
test_delegation (void)
{
  static const struct {
    const char *code;
    unsigned cause;
  } cases[] = {
    { p_ld, LOAD_ACCESS },           { p_sd, STORE_ACCESS }, { p_jump, FETCH_ACCESS },
    { p_ebreak, BREAKPOINT },        { p_illegal, ILLEGAL }, { p_lrd, LOAD_MISALIGNED },
    { p_amoaddd, STORE_MISALIGNED },
  };
  for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (unsigned priv = 0; priv <= M; priv += priv + 1) {
      uint64_t address = cases[i].cause == LOAD_MISALIGNED || cases[i].cause == STORE_MISALIGNED
                             ? (uint64_t) word + 1
                             : HOLE;
      csr_write (medeleg, BIT (cases[i].cause));
      csr_set (mstatus, MSTATUS_SIE);
      struct outcome o = probe (priv, cases[i].code, address, 0);
      CHECK_EQ (o.taken, priv == M ? M : S);
      CHECK_EQ (o.cause, cases[i].cause);
      CHECK_EQ (o.epc, cases[i].cause == FETCH_ACCESS ? address : (uint64_t) cases[i].code);
      if (priv != M) {
        CHECK_EQ (o.status & MSTATUS_SIE, 0);
        CHECK_EQ (o.status & MSTATUS_SPIE, MSTATUS_SPIE);
        CHECK_EQ ((o.status & MSTATUS_SPP) != 0, priv == S);
      }
      csr_write (medeleg, ~BIT (cases[i].cause) & ~(BIT (ECALL_S) | BIT (ECALL_U)));
      o = probe (priv, cases[i].code, address, 0);
      CHECK_EQ (o.taken, M);
      csr_write (medeleg, 0);
    }
  /* ecall from U to S. */
  csr_write (medeleg, BIT (ECALL_U));
  struct outcome o = probe (U, p_nop, 0, 0);
  CHECK_EQ (o.taken, S);
  CHECK_EQ (o.cause, ECALL_U);
  csr_write (medeleg, 0);

  /* What may be delegated. */
  csr_write (medeleg, UINT64_MAX);
  CHECK_EQ (csr_read (medeleg) & BIT (ECALL_M), 0);
  CHECK_EQ (csr_read (medeleg) & 0xb1ff, 0xb1ff);
  csr_write (medeleg, 0);
  csr_write (mideleg, UINT64_MAX);
  CHECK_EQ (csr_read (mideleg) & 0xaaa, 0x222);
  csr_write (mideleg, 0);
}

static void
test_returns (void)
{
  /* Who may execute them. */
  check_illegal (probe (U, p_mret, 0, 0), 0x30200073);
  check_illegal (probe (S, p_mret, 0, 0), 0x30200073);
  check_illegal (probe (U, p_sret, 0, 0), 0x10200073);
  csr_set (mstatus, MSTATUS_TSR);
  check_illegal (probe (S, p_sret, 0, 0), 0x10200073);
  csr_write (sepc, (uint64_t) p_nop);
  csr_set (mstatus, MSTATUS_SPP);
  struct outcome o = probe (M, p_sret, 0, 0); /* TSR does not concern M */
  CHECK_EQ (o.cause, ECALL_S);
  csr_clear (mstatus, MSTATUS_TSR);

  /* sret: privilege from SPP, SIE from SPIE, SPIE 1, SPP 0, MPRV 0. */
  for (unsigned i = 0; i < 4; i++) {
    csr_write (sepc, (uint64_t) p_nop);
    csr_clear (mstatus, MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE);
    csr_set (mstatus, (i & 1 ? MSTATUS_SPP : 0) | (i & 2 ? MSTATUS_SPIE : 0));
    o = probe (S, p_sret, 0, 0);
    CHECK_EQ (o.cause, i & 1 ? ECALL_S : ECALL_U);
    CHECK_EQ ((o.status & MSTATUS_SIE) != 0, (i & 2) != 0);
    CHECK_EQ (o.status & MSTATUS_SPIE, MSTATUS_SPIE);
    CHECK_EQ (o.status & MSTATUS_SPP, 0);
  }

  /* mret to M keeps MPRV, to others clears it; MPP becomes U; epc loses bit 0. */
  csr_write (mepc, 0x80000003);
  CHECK_EQ (csr_read (mepc), 0x80000002);
  csr_write (sepc, 0x80000005);
  CHECK_EQ (csr_read (sepc), 0x80000004);
  o = probe (U, p_nop, 0, 0);
  CHECK_EQ (o.status & MSTATUS_MPRV, 0);
}

static void
test_privileged_instructions (void)
{
  csr_set (mstatus, MSTATUS_FS);
  CHECK_EQ (probe (U, p_fadd, 0, 0).taken, 0);
  csr_clear (mstatus, MSTATUS_FS);
  check_illegal (probe (U, p_fadd, 0, 0), 0x02007053);
  check_illegal (probe (S, p_fadd, 0, 0), 0x02007053);
  check_illegal (probe (M, p_fadd, 0, 0), 0x02007053);

  check_illegal (probe (U, p_sfence, 0, 0), 0x12b50073);
  check_illegal (probe (U, p_sinval, 0, 0), 0x16b50073);
  check_illegal (probe (U, p_winval, 0, 0), 0x18000073);
  CHECK_EQ (probe (S, p_sfence, 0, 0).taken, 0);
  CHECK_EQ (probe (S, p_sinval, 0, 0).taken, 0);
  CHECK_EQ (probe (S, p_winval, 0, 0).taken, 0);
  csr_set (mstatus, MSTATUS_TVM);
  check_illegal (probe (S, p_sfence, 0, 0), 0x12b50073);
  check_illegal (probe (S, p_sinval, 0, 0), 0x16b50073);
  CHECK_EQ (probe (S, p_winval, 0, 0).taken, 0);
  CHECK_EQ (probe (M, p_sfence, 0, 0).taken, 0);
  CHECK_EQ (probe_csr_read (S, 0x180).cause, ILLEGAL);
  CHECK_EQ (probe_csr_write (S, 0x180, 0).cause, ILLEGAL);
  CHECK_EQ (probe_csr_read (M, 0x180).taken, 0);
  csr_clear (mstatus, MSTATUS_TVM);
  CHECK_EQ (probe_csr_read (S, 0x180).taken, 0);

  check_illegal (probe (U, p_wfi, 0, 0), 0x10500073);
  csr_set (mstatus, MSTATUS_TW);
  check_illegal (probe (S, p_wfi, 0, 0), 0x10500073);
  csr_clear (mstatus, MSTATUS_TW);
}

/* Cache-block operations by xenvcfg. */
static void
check_cache_blocks (void)
{
  static uint8_t block[256] __attribute__ ((aligned (64)));
  for (unsigned i = 0; i < sizeof block; i++)
    block[i] = 0x55;
  csr_write (0x30a, 0);
  csr_write (0x10a, 0);
  const char *ops[] = { p_cbo_zero, p_cbo_clean, p_cbo_flush, p_cbo_inval };
  uint64_t bits[] = { BIT (7), BIT (6), BIT (6), BIT (4) };
  for (unsigned i = 0; i < 4; i++) {
    csr_write (0x30a, 0);
    CHECK_EQ (probe (M, ops[i], (uint64_t) block + 70, 0).taken, 0);
    CHECK_EQ (probe (S, ops[i], (uint64_t) block + 70, 0).cause, ILLEGAL);
    csr_write (0x30a, bits[i]);
    CHECK_EQ (probe (S, ops[i], (uint64_t) block + 70, 0).taken, 0);
    CHECK_EQ (probe (U, ops[i], (uint64_t) block + 70, 0).cause, ILLEGAL);
    csr_write (0x10a, bits[i]);
    CHECK_EQ (probe (U, ops[i], (uint64_t) block + 70, 0).taken, 0);
    csr_write (0x30a, 0);
    CHECK_EQ (probe (U, ops[i], (uint64_t) block + 70, 0).cause, ILLEGAL);
    csr_write (0x10a, 0);
  }
  for (unsigned i = 0; i < sizeof block; i++)
    CHECK_EQ (block[i], i / 64 == 1 ? 0 : 0x55);
}

/* All blocks that @bytes from @at on touch. */
static void
clear_blocks (uint8_t *at, unsigned bytes)
{
  for (uint8_t *end = at + bytes; at < end; at += 64) {
    register uint8_t *a0 __asm__("a0") = at;
    __asm__ volatile(".word 0x0045200f" : : "r"(a0) : "memory");
  }
}

/* Several pages, often enough to be compiled. */
static void
check_clearing (void)
{
  static uint8_t pages[4 * 4096] __attribute__ ((aligned (4096)));
  const unsigned from = 5 * 64, to = sizeof pages - 3 * 64;
  for (unsigned round = 0; round < 60; round++) {
    for (unsigned i = 0; i < sizeof pages; i += 8)
      *(uint64_t *) &pages[i] = ~0ull;
    clear_blocks (pages + from + round % 64, to - from);
    for (unsigned i = 0; i < sizeof pages; i += 8)
      CHECK_EQ (*(uint64_t *) &pages[i], i >= from && i < to ? 0 : ~0ull);
  }
}

static void
test_cache_blocks (void)
{
  /* Later rounds find the block in the TLB, and compiled code. */
  for (unsigned round = 0; round < 20; round++)
    check_cache_blocks ();
  check_clearing ();
  struct outcome o = probe (M, p_cbo_zero, (HOLE + 0x10), 0);
  CHECK_EQ (o.cause, STORE_ACCESS);
  CHECK_EQ (o.tval, (HOLE + 0x10));
  CHECK_EQ (probe (M, p_cbo_flush, (HOLE + 0x10), 0).cause, STORE_ACCESS);
}

int
main (void)
{
  test_causes (M);
  test_causes (S);
  test_causes (U);
  test_status ();
  test_delegation ();
  test_returns ();
  test_privileged_instructions ();
  if (probe (M, p_cbo_flush, (uint64_t) word, 0).taken == 0)
    test_cache_blocks ();
  return 0;
}
