/* SPDX-License-Identifier: GPL-3.0-or-later
 * CSRs: which exist at which privilege, what they keep of what is written, counters. */
#include "guest.h"

/* Existing CSRs; all others are illegal at every privilege. */
static bool
exists (unsigned csr)
{
  static const uint16_t known[] = {
    0x001, 0x002, 0x003, /* fflags, frm, fcsr */
    0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d, 0x180, /* S */
    0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x30a, 0x320, 0x340, 0x341, 0x342,
    0x343, 0x344, 0x3a0, 0x3a2, 0x7a0, 0x7a1, 0x7a2, 0x7a3, 0x7a4, 0xb00, 0xb02, 0xf11,
    0xf12, 0xf13, 0xf14, 0xf15,
  };
  for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i] == csr)
      return true;
  return (csr >= 0x323 && csr <= 0x33f) || (csr >= 0x3b0 && csr <= 0x3bf)
         || (csr >= 0xb03 && csr <= 0xb1f) || (csr >= 0xc00 && csr <= 0xc1f);
}

static void
test_existence (void)
{
  csr_set (mstatus, MSTATUS_FS);
  csr_write (mcounteren, 0xffffffff);
  csr_write (scounteren, 0xffffffff);
  csr_write (0x30a, MENVCFG_STCE);
  for (unsigned csr = 0; csr < 4096; csr++) {
    bool there = exists (csr);
    for (unsigned priv = U; priv <= M; priv += priv + 1) {
      struct outcome o = probe_csr_read (priv, csr);
      bool expected = there && priv >= ((csr >> 8) & 3);
      if ((o.taken == 0) != expected) {
        puts_ ("csr ");
        put_hex (csr);
        puts_ (" at ");
        put_hex (priv);
      }
      CHECK_EQ (o.taken == 0, expected);
      if (!expected) {
        CHECK_EQ (o.cause, ILLEGAL);
        CHECK (o.tval == probe_slot[0] || o.tval == 0);
      }
      /* The upper quarter is read-only: also csrrs and csrrc of something, but not of x0. */
      if (there && csr >> 10 == 3 && expected) {
        CHECK_EQ (probe_csr_write (priv, csr, 0).cause, ILLEGAL);
        CHECK_EQ (probe_insn (priv, csr << 20 | 11 << 15 | 2 << 12 | 10 << 7 | 0x73, 0, 0).cause,
                  ILLEGAL);
        CHECK_EQ (probe_insn (priv, csr << 20 | 3 << 12 | 10 << 7 | 0x73, 0, 0).taken, 0);
        CHECK_EQ (probe_insn (priv, csr << 20 | 7 << 12 | 10 << 7 | 0x73, 0, 0).taken, 0);
        CHECK_EQ (probe_insn (priv, csr << 20 | 1 << 15 | 7 << 12 | 10 << 7 | 0x73, 0, 0).cause,
                  ILLEGAL);
      }
    }
  }
  csr_write (0x30a, 0);
}

#define KEEPS(csr, value, kept)                                                                    \
  do {                                                                                             \
    uint64_t keeps_old_ = csr_read (csr);                                                          \
    csr_write (csr, value);                                                                        \
    CHECK_EQ (csr_read (csr), kept);                                                               \
    csr_write (csr, keeps_old_);                                                                   \
  } while (0)

static void
test_values (void)
{
  CHECK_EQ (csr_read (misa) >> 62, 2);
  uint64_t letters = csr_read (misa) & 0x3ffffff;
  const char *needed = "ACDFIMSU";
  for (; *needed; needed++)
    CHECK (letters & BIT (*needed - 'A'));
  CHECK_EQ (letters & BIT ('E' - 'A'), 0);
  csr_write (misa, 0);
  CHECK_EQ (csr_read (misa) & 0x3ffffff, letters);
  CHECK_EQ (csr_read (mhartid), 0);

  KEEPS (mscratch, 0x123456789abcdef0, 0x123456789abcdef0);
  KEEPS (sscratch, UINT64_MAX, UINT64_MAX);
  KEEPS (mepc, UINT64_MAX, UINT64_MAX - 1);
  KEEPS (sepc, UINT64_MAX, UINT64_MAX - 1);
  KEEPS (mtval, UINT64_MAX, UINT64_MAX);
  KEEPS (stval, 5, 5);
  KEEPS (scause, BIT (63) | 5, BIT (63) | 5);
  KEEPS (mcause, BIT (63) | 11, BIT (63) | 11);
  KEEPS (mcause, 13, 13);
  KEEPS (stvec, 0x80000101, 0x80000101);
  KEEPS (stvec, 0x80000100, 0x80000100);
  KEEPS (0x10a, UINT64_MAX, 0xf1);
  KEEPS (0x10a, 0x20, 0); /* CBIE = 2 is reserved */
  KEEPS (0x30a, UINT64_MAX, BIT (63) | BIT (62) | BIT (61) | 0xf1);
  CHECK_EQ (csr_read (tselect), 0);
  csr_write (tselect, 3);
  CHECK_EQ (csr_read (tselect), 0);
  csr_write (tdata1, UINT64_MAX);
  CHECK_EQ (csr_read (tdata1), 0);
  CHECK_EQ (csr_read (0x7a4), 1);

  /* mstatus: UXL and SXL are 2, SD follows FS, MPP keeps what exists only. */
  CHECK_EQ ((csr_read (mstatus) >> 32) & 15, 10);
  csr_clear (mstatus, MSTATUS_FS);
  CHECK_EQ (csr_read (mstatus) >> 63, 0);
  csr_set (mstatus, BIT (13));
  CHECK_EQ (csr_read (mstatus) >> 63, 0);
  csr_set (mstatus, MSTATUS_FS);
  CHECK_EQ (csr_read (mstatus) >> 63, 1);
  CHECK_EQ (csr_read (sstatus) >> 63, 1);
  csr_write (mstatus, csr_read (mstatus) & ~MSTATUS_MPP);
  CHECK_EQ (csr_read (mstatus) & MSTATUS_MPP, 0);
  csr_set (mstatus, MSTATUS_MPP);
  CHECK_EQ (csr_read (mstatus) & MSTATUS_MPP, MSTATUS_MPP);
  csr_write (mstatus, (csr_read (mstatus) & ~MSTATUS_MPP) | 2ull << 11);
  CHECK ((csr_read (mstatus) & MSTATUS_MPP) != 2ull << 11);
  uint64_t old = csr_read (mstatus);
  csr_write (mstatus, UINT64_MAX & ~(MSTATUS_MIE | MSTATUS_MPRV));
  /* SIE SPIE MPIE SPP MPP FS SUM MXR TVM TW TSR, UXL SXL, SD; nothing else. */
  CHECK_EQ (csr_read (mstatus), 0x8000000a007c79a2);
  csr_write (mstatus, old);
  csr_write (sstatus, UINT64_MAX);
  CHECK_EQ (csr_read (sstatus), 0x80000002000c6122);
  csr_write (sstatus, 0);
  CHECK_EQ (csr_read (sstatus), 0x0000000200000000);
  csr_write (mstatus, old);
  csr_set (mstatus, MSTATUS_FS);

  /* fcsr is frm and fflags; writing any makes FS dirty. */
  csr_write (fcsr, UINT64_MAX);
  CHECK_EQ (csr_read (fcsr), 0xff);
  CHECK_EQ (csr_read (frm), 7);
  CHECK_EQ (csr_read (fflags), 0x1f);
  csr_write (frm, 2);
  csr_write (fflags, 5);
  CHECK_EQ (csr_read (fcsr), 0x45);
  csr_clear (mstatus, MSTATUS_FS);
  csr_set (mstatus, BIT (13));
  csr_write (fflags, 1);
  CHECK_EQ (csr_read (mstatus) & MSTATUS_FS, MSTATUS_FS);
  csr_clear (mstatus, MSTATUS_FS);
  for (unsigned csr = 1; csr <= 3; csr++) {
    CHECK_EQ (probe_csr_read (U, csr).cause, ILLEGAL);
    CHECK_EQ (probe_csr_write (M, csr, 0).cause, ILLEGAL);
  }
  csr_set (mstatus, MSTATUS_FS);
  csr_write (fcsr, 0);

  /* csrrw gives the old value; csrrs and csrrc change single bits. */
  csr_write (mscratch, csr_read (mscratch));
  uint64_t saved = csr_read (sscratch);
  csr_write (sscratch, 0xf0);
  CHECK_EQ (csr_swap (sscratch, 0x3c), 0xf0);
  csr_set (sscratch, 0xc0);
  CHECK_EQ (csr_read (sscratch), 0xfc);
  csr_clear (sscratch, 0x0f);
  CHECK_EQ (csr_read (sscratch), 0xf0);
  csr_write (sscratch, saved);
}

static void
test_counters (void)
{
  /* The difference between two reads is the instructions between. */
  uint64_t a, b;
  __asm__ volatile("csrr %0, minstret\n\tnop\n\tnop\n\tnop\n\tcsrr %1, minstret"
                   : "=r"(a), "=r"(b));
  CHECK_EQ (b - a, 4);
  __asm__ volatile("csrr %0, instret\n\tcsrr %1, instret" : "=r"(a), "=r"(b));
  CHECK_EQ (b - a, 1);
  /* A write is what the next instruction reads. */
  __asm__ volatile("csrw minstret, %1\n\tcsrr %0, minstret" : "=r"(a) : "r"(1000ull));
  CHECK_EQ (a, 1000);
  __asm__ volatile("csrw minstret, %1\n\tnop\n\tcsrr %0, minstret" : "=r"(a) : "r"(UINT64_MAX));
  CHECK_EQ (a, 0);
  /* A trap's instruction is not retired. */
  a = csr_read (minstret);
  CHECK (csr_read (minstret) > a);
  a = csr_read (mcycle);
  CHECK (csr_read (mcycle) > a);
  csr_write (mcycle, 0);
  CHECK (csr_read (cycle) < 1000);

  csr_write (mcountinhibit, 5);
  CHECK_EQ (csr_read (mcountinhibit) & 7, 5);
  a = csr_read (minstret);
  b = csr_read (mcycle);
  for (volatile int i = 0; i < 100; i++)
    ;
  CHECK_EQ (csr_read (minstret), a);
  CHECK_EQ (csr_read (mcycle), b);
  csr_write (minstret, 77);
  CHECK_EQ (csr_read (minstret), 77);
  csr_write (mcountinhibit, 0);
  a = csr_read (minstret);
  CHECK (a >= 77 && a < 200);

  /* time is mtime, and goes on. */
  uint64_t before = *CLINT_MTIME;
  a = csr_read (time);
  uint64_t after = *CLINT_MTIME;
  CHECK (before <= a && a <= after);
  while (csr_read (time) == a)
    ;

  /* mcounteren guards S and U, scounteren U. */
  for (unsigned counter = 0; counter < 32; counter++)
    for (unsigned bits = 0; bits < 4; bits++) {
      csr_write (mcounteren, bits & 1 ? BIT (counter) : ~BIT (counter));
      csr_write (scounteren, bits & 2 ? BIT (counter) : ~BIT (counter));
      CHECK_EQ (probe_csr_read (M, 0xc00 + counter).taken, 0);
      CHECK_EQ (probe_csr_read (S, 0xc00 + counter).taken == 0, (bits & 1) != 0);
      CHECK_EQ (probe_csr_read (U, 0xc00 + counter).taken == 0, bits == 3);
    }
}

/* How kernels turn interrupts off, often enough to be compiled. */
static void
test_interrupts_off (void)
{
  for (unsigned i = 0; i < 200; i++) {
    uint64_t old, next;
    __asm__ volatile("csrrsi zero, sstatus, 2\n"
                     "csrrci %0, sstatus, 2\n"
                     "csrrci %1, sstatus, 2"
                     : "=r"(old), "=r"(next));
    CHECK_EQ (old & 2, 2);
    CHECK_EQ (next, old & ~2ull);
    CHECK_EQ (csr_read (sstatus), next);
    CHECK_EQ (probe_insn (U, 0x10017573, 0, 0).cause, ILLEGAL); /* csrrci a0, sstatus, 2 */
    CHECK_EQ (probe_insn (S, 0x10017573, 0, 0).taken, 0);
  }
}

int
main (void)
{
  test_interrupts_off ();
  test_existence ();
  test_values ();
  test_counters ();
  return 0;
}
