/* SPDX-License-Identifier: GPL-3.0-or-later
 * Faults in the middle of compiled code: every register of both files is as the instructions before
 * it have left it, and the PC is that of the one that faults. */
#include "emit.h"

struct registers {
  uint64_t x[32], f[32], fcsr, cause, epc, tval, caller[32];
};
_Static_assert(sizeof (struct registers) == 544 + 256, "registers.S knows the layout");

void registers_run (const void *code, struct registers *registers);

static uint8_t code[4096] __attribute__ ((aligned (4096)));
static struct registers now, want;

#define FADD_D(rd, rs1, rs2) op_r (0x02007053, rd, rs1, rs2)
#define FMV_D_X(rd, rs1) op_r (0xf2000053, rd, rs1, 0)
#define FSGNJN_D(rd, rs1, rs2) op_r (0x22001053, rd, rs1, rs2)
#define LW(rd, imm, rs1) op_i (0x2003, rd, rs1, imm)
#define SW(rs2, imm, rs1) op_s (0x2023, rs2, imm, rs1)
#define FLD(rd, imm, rs1) op_i (0x3007, rd, rs1, imm)
#define FSD(rs2, imm, rs1) op_s (0x3027, rs2, imm, rs1)
#define LR_D(rd, rs1) op_r (0x1000302f, rd, rs1, 0)
#define SC_D(rd, rs2, rs1) op_r (0x1800302f, rd, rs1, rs2)
#define AMOADD_D(rd, rs2, rs1) op_r (0x0000302f, rd, rs1, rs2)

static void
fill (void)
{
  for (unsigned i = 0; i < 32; i++) {
    now.x[i] = i ? 0x1111111111111111 * (i & 15) + i : 0;
    now.f[i] = 0xfff0000000000000 ^ (uint64_t) i << 40;
  }
  now.fcsr = 0;
}

static void
check_registers (int line)
{
  for (unsigned i = 0; i < 32; i++) {
    if (now.x[i] != want.x[i])
      fail (__FILE__, line, "x register", i, now.x[i]);
    if (now.f[i] != want.f[i])
      fail (__FILE__, line, "f register", i, now.f[i]);
  }
}

/* All registers but x31, the address, are changed twice, then an access of each kind faults. */
static void
test_straight (void)
{
  const uint32_t accesses[] = {
    LD (5, 8, 31),     LW (0, 4, 31),       SD (6, 0, 31),         SW (0, 12, 31),
    FLD (7, 16, 31),   FSD (8, 24, 31),     AMOADD_D (9, 10, 31),  LR_D (11, 31),
    SC_D (12, 13, 31), AMOADD_D (0, 1, 31), op_i (0x67, 3, 31, 0),
  };
  static const int offsets[] = { 8, 4, 0, 12, 16, 24, 0, 0, 0, 0, 0 };
  for (unsigned a = 0; a < sizeof accesses / sizeof accesses[0]; a++) {
    struct emitter e = { (uint16_t *) code };
    for (unsigned r = 1; r < 31; r++) {
      emit (&e, ADDI (r, r, (int) r));
      emit (&e, FMV_D_X (r, r));
    }
    for (unsigned r = 1; r < 31; r++) {
      emit (&e, XORI (r, r, 0x55));
      emit (&e, FSGNJN_D (r, r, r));
    }
    uint16_t *at = e.at;
    emit (&e, accesses[a]);
    emit (&e, ECALL);
    fence_i ();
    for (unsigned i = 0; i < 60; i++) {
      fill ();
      now.x[31] = HOLE;
      want = now;
      for (unsigned r = 1; r < 31; r++) {
        want.f[r] = (want.x[r] + r) ^ 1ull << 63;
        want.x[r] = (want.x[r] + r) ^ 0x55;
      }
      bool jump = a == sizeof accesses / sizeof accesses[0] - 1;
      if (jump)
        want.x[3] = (uint64_t) at + 4;
      registers_run (code, &now);
      bool load = a < 2 || a == 4 || a == 7;
      CHECK_EQ (now.cause, jump ? FETCH_ACCESS : load ? LOAD_ACCESS : STORE_ACCESS);
      CHECK_EQ (now.epc, jump ? HOLE : (uint64_t) at);
      CHECK_EQ (now.tval, HOLE + offsets[a]);
      check_registers (__LINE__);
    }
  }
}

/* A loop that reads up to the end of memory and beyond, with most registers in it changing. */
static void
test_loop (void)
{
  const uint64_t end = 0x84000000;
  struct emitter e = { (uint16_t *) code };
  uint16_t *loop = e.at;
  uint16_t *accesses[2];
  for (unsigned r = 1; r < 15; r++)
    emit (&e, ADDI (r, r, (int) r));
  accesses[0] = e.at;
  emit (&e, LD (20, 0, 30));
  for (unsigned r = 15; r < 20; r++)
    emit (&e, ADD (r, r, 20));
  for (unsigned r = 0; r < 16; r++)
    emit (&e, FMV_D_X (r, r + 1));
  emit (&e, ADDI (30, 30, 8));
  accesses[1] = e.at;
  emit (&e, SD (1, -8, 30));
  emit (&e, BNE (30, 0, back_to (&e, loop)));
  emit (&e, ECALL);
  fence_i ();
  for (unsigned round = 0; round < 20; round++) {
    unsigned n = 1000 + round;
    for (uint64_t i = 0; i < n; i++)
      ((volatile uint64_t *) end)[(int64_t) i - n] = i;
    fill ();
    now.x[30] = end - 8 * n;
    want = now;
    for (unsigned i = 0; i <= n; i++) {
      for (unsigned r = 1; r < 15; r++)
        want.x[r] += r;
      if (i == n)
        break;
      want.x[20] = i;
      for (unsigned r = 15; r < 20; r++)
        want.x[r] += i;
      for (unsigned r = 0; r < 16; r++)
        want.f[r] = want.x[r + 1];
      want.x[30] += 8;
    }
    registers_run (code, &now);
    CHECK_EQ (now.cause, LOAD_ACCESS);
    CHECK_EQ (now.epc, accesses[0]);
    CHECK_EQ (now.tval, end);
    check_registers (__LINE__);
    for (uint64_t i = 0; i < n; i++)
      CHECK_EQ (((volatile uint64_t *) end)[(int64_t) i - n], 1 + 0x1111111111111111 + i + 1);
  }
}

/* Misaligned accesses over the end, of which nothing must be done. */
static void
test_crossing (void)
{
  const uint64_t end = 0x84000000;
  struct emitter e = { (uint16_t *) code };
  emit (&e, ADDI (5, 5, 1));
  uint16_t *at = e.at;
  emit (&e, SD (5, 0, 31));
  emit (&e, ECALL);
  fence_i ();
  for (unsigned i = 0; i < 70; i++) {
    *(volatile uint64_t *) (end - 8) = 0x0123456789abcdef;
    fill ();
    now.x[31] = end - 1 - i % 7;
    want = now;
    want.x[5]++;
    registers_run (code, &now);
    CHECK_EQ (now.cause, STORE_ACCESS);
    CHECK_EQ (now.epc, at);
    check_registers (__LINE__);
    CHECK_EQ (*(volatile uint64_t *) (end - 8), 0x0123456789abcdef);
  }
}

int
main (void)
{
  csr_set (mstatus, MSTATUS_FS);
  test_straight ();
  test_loop ();
  test_crossing ();
  return 0;
}
