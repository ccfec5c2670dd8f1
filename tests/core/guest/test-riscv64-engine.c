/* SPDX-License-Identifier: GPL-3.0-or-later
 * The instruction engine: exact counting, traps, code that changes, page borders, several harts. */
#include <pthread.h>
#include <string.h>

#include "core/guest/riscv64/riscv64-leaves.h"
#include "core/guest/riscv64/riscv64-priv.h"
#include "tests/core/guest/rig.h"
#include "tests/core/guest/rv-asm.h"

#define MEMORY (8 << 20)
#define CODE RIG_RAM
#define DATA (RIG_RAM + 0x100000)
#define HANDLER (RIG_RAM + 0x200000)

typedef struct {
  Rig *rig;
} Fixture;

static void
set_up (Fixture *f, const void *data)
{
  f->rig = rig_new (MEMORY, GPOINTER_TO_UINT (data));
}

static void
tear_down (Fixture *f, const void *data)
{
  rig_free (f->rig);
}

static void
load (Rig *rig, DioGpa at, const uint32_t *words, size_t n)
{
  rig_load (rig, at, words, n * sizeof *words);
}
#define LOAD(rig, at, ...)                                                                         \
  do {                                                                                             \
    const uint32_t words_[] = { __VA_ARGS__ };                                                     \
    load (rig, at, words_, G_N_ELEMENTS (words_));                                                 \
  } while (0)

/* Runs from @pc until a wfi halts. */
static void
run_at (Rig *rig, uint64_t pc)
{
  DioCpu *cpu = &rig->hart->interp.cpu;
  rig->hart->interp.pc = pc;
  atomic_store (&cpu->kicked, DIO_KICK_NONE);
  g_assert_cmpint (cpu->type->run (cpu), ==, DIO_EXIT_HALT);
}

/* A trap handler that keeps cause, tval and epc in t0, t1, t2 and halts. */
static void
load_handler (Rig *rig)
{
  LOAD (rig, HANDLER, CSRRS (T0, MCAUSE, 0), CSRRS (T1, MTVAL, 0), CSRRS (T2, MEPC, 0), WFI);
  rig->hart->mtvec = HANDLER;
}

static void
assert_trap (Rig *rig, uint64_t cause, uint64_t tval, uint64_t epc)
{
  g_assert_cmphex (rig->hart->x[T0], ==, cause);
  g_assert_cmphex (rig->hart->x[T1], ==, tval);
  g_assert_cmphex (rig->hart->x[T2], ==, epc);
}

/* ---- Counting ---- */

static void
test_count_straight (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, CODE, CSRRS (A0, MINSTRET, 0), NOP, 0x00010001 /* two c.nop */, NOP, LUI (A2, 0x10000),
        LW (A3, 0, A2) /* I/O: the slow path */, CSRRS (A1, MINSTRET, 0), WFI);
  run_at (rig, CODE);
  g_assert_cmpuint (rig->hart->x[A1] - rig->hart->x[A0], ==, 7);
  g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions, ==, 9);
  run_at (rig, CODE);
  g_assert_cmpuint (rig->hart->x[A1] - rig->hart->x[A0], ==, 7);
  g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions, ==, 18);
}

static void
test_count_loop (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  /* 1000 rounds of 3, of which every other skips one. */
  LOAD (rig, CODE, ADDI (A2, ZERO, 1000), ADDI (A3, ZERO, 0), CSRRS (A0, MINSTRET, 0),
        /* loop: */ rv_i (0x7013, A4, A2, 1), BEQ (A4, ZERO, 8), ADDI (A3, A3, 1),
        ADDI (A2, A2, -1), BNE (A2, ZERO, -16), CSRRS (A1, MINSTRET, 0), WFI);
  run_at (rig, CODE);
  g_assert_cmpuint (rig->hart->x[A3], ==, 500);
  g_assert_cmpuint (rig->hart->x[A1] - rig->hart->x[A0], ==, 1 + 1000 * 4 + 500);
}

/* Jumps that leave the page, by jal, branch and jalr, and running over the page's end. */
static void
test_count_pages (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, CODE, CSRRS (A0, MINSTRET, 0), AUIPC (A2, 2), JAL (RA, 0x1000 - 8),
        CSRRS (A1, MINSTRET, 0), WFI);
  LOAD (rig, CODE + 0x1000, BEQ (ZERO, ZERO, 0xffc));
  LOAD (rig, CODE + 0x1ff8, NOP, NOP);
  LOAD (rig, CODE + 0x1ffc, NOP, NOP /* at 0x2000 */, JALR (ZERO, RA, 0));
  run_at (rig, CODE);
  /* csrr, auipc, jal; beq; nop at 0x1ffc; nop and jalr at 0x2000. */
  g_assert_cmpuint (rig->hart->x[A1] - rig->hart->x[A0], ==, 7);
  g_assert_cmphex (rig->hart->x[A2], ==, CODE + 4 + 0x2000);
}

static void
test_count_traps (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, HANDLER, CSRRS (T0, MEPC, 0), ADDI (T0, T0, 4), CSRRW (ZERO, MEPC, T0), MRET);
  rig->hart->mtvec = HANDLER;
  /* ecall, ebreak, an illegal instruction and a load fault do not retire; each handler's four do.
   */
  LOAD (rig, CODE, CSRRS (A0, MINSTRET, 0), ECALL, EBREAK, 0xffffffff, LD (A2, 0, ZERO), NOP,
        CSRRS (A1, MINSTRET, 0), WFI);
  run_at (rig, CODE);
  g_assert_cmpuint (rig->hart->x[A1] - rig->hart->x[A0], ==, 1 + 4 * 4 + 1);
}

/* Entering a run in the middle, and in the middle of an instruction, keeps the count right. */
static void
test_count_overlap (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  /* lui a5, 0x00010 is 0x000107b7; its upper half 0x0001 is c.nop. */
  LOAD (rig, CODE, 0x000107b7, NOP, NOP, WFI);
  run_at (rig, CODE);
  g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions, ==, 4);
  run_at (rig, CODE + 2);
  g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions, ==, 8);
  run_at (rig, CODE + 8);
  g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions, ==, 10);
  run_at (rig, CODE + 2);
  g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions, ==, 14);
}

/* ---- Traps ---- */

static void
test_trap_illegal (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  load_handler (rig);
  LOAD (rig, CODE, NOP, 0xffffffff);
  run_at (rig, CODE);
  assert_trap (rig, DIO_RV_EXC_ILLEGAL, 0xffffffff, CODE + 4);
  LOAD (rig, CODE, NOP, 0x12340000); /* 0x0000 is no compressed instruction */
  LOAD (rig, CODE + 0x40, FENCE_I, JAL (ZERO, -0x44));
  run_at (rig, CODE + 0x40);
  assert_trap (rig, DIO_RV_EXC_ILLEGAL, 0, CODE + 4);
  LOAD (rig, CODE + 0x100, CSRRW (A0, 0xc00, A0) /* cycle is read-only */);
  run_at (rig, CODE + 0x100);
  assert_trap (rig, DIO_RV_EXC_ILLEGAL, CSRRW (A0, 0xc00, A0), CODE + 0x100);
  LOAD (rig, CODE + 0x200, 0x02c5f553 /* fadd.d with FS off */);
  run_at (rig, CODE + 0x200);
  assert_trap (rig, DIO_RV_EXC_ILLEGAL, 0x02c5f553, CODE + 0x200);
}

static void
test_trap_access (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  load_handler (rig);
  LOAD (rig, CODE, LUI (A0, 0x40000), LD (A0, 8, A0));
  run_at (rig, CODE);
  assert_trap (rig, DIO_RV_EXC_LOAD_ACCESS, 0x40000008, CODE + 4);
  g_assert_cmphex (rig->hart->x[A0], ==, 0x40000000);
  LOAD (rig, CODE + 0x100, LUI (A0, 0x40000), LD (ZERO, 16, A0));
  run_at (rig, CODE + 0x100);
  assert_trap (rig, DIO_RV_EXC_LOAD_ACCESS, 0x40000010, CODE + 0x104);
  LOAD (rig, CODE + 0x200, LUI (A0, 0x40000), SW (A0, 0, A0));
  run_at (rig, CODE + 0x200);
  assert_trap (rig, DIO_RV_EXC_STORE_ACCESS, 0x40000000, CODE + 0x204);
  /* An atomic on a device register, and a misaligned one. */
  LOAD (rig, CODE + 0x300, LUI (A0, 0x10000), AMOADD_D (A1, A1, A0));
  run_at (rig, CODE + 0x300);
  assert_trap (rig, DIO_RV_EXC_STORE_ACCESS, 0x10000000, CODE + 0x304);
}

static void
test_trap_fetch (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  load_handler (rig);
  LOAD (rig, CODE, LUI (A0, 0x40000), JALR (RA, A0, 0));
  run_at (rig, CODE);
  assert_trap (rig, DIO_RV_EXC_FETCH_ACCESS, 0x40000000, 0x40000000);
  g_assert_cmphex (rig->hart->x[RA], ==, CODE + 8);
  LOAD (rig, CODE + 0x100, LUI (A0, 0x10000), JALR (RA, A0, 0)); /* a device */
  run_at (rig, CODE + 0x100);
  assert_trap (rig, DIO_RV_EXC_FETCH_ACCESS, 0x10000000, 0x10000000);
  /* The second half of an instruction lies behind the end of RAM. */
  uint16_t half = (uint16_t) NOP;
  rig_load (rig, RIG_RAM + MEMORY - 2, &half, 2);
  run_at (rig, RIG_RAM + MEMORY - 2);
  assert_trap (rig, DIO_RV_EXC_FETCH_ACCESS, RIG_RAM + MEMORY, RIG_RAM + MEMORY - 2);
}

/* A handler that faults at its first instruction must not hang the engine. */
static void *
kick_soon (void *data)
{
  g_usleep (20000);
  dio_cpu_kick (data);
  return NULL;
}

static void
run_until_kicked (Rig *rig, uint64_t pc)
{
  DioCpu *cpu = &rig->hart->interp.cpu;
  rig->hart->interp.pc = pc;
  atomic_store (&cpu->kicked, DIO_KICK_NONE);
  GThread *thread = g_thread_new ("kick", kick_soon, cpu);
  int64_t start = g_get_monotonic_time ();
  g_assert_cmpint (cpu->type->run (cpu), ==, DIO_EXIT_KICK);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 2 * G_USEC_PER_SEC);
  g_thread_join (thread);
}

static void
test_kick (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  rig->hart->mtvec = 0x40000000;
  run_until_kicked (rig, 0x40000000);
  LOAD (rig, CODE, JAL (ZERO, 0));
  run_until_kicked (rig, CODE);
  g_assert_cmphex (rig->hart->interp.pc, ==, CODE);
  LOAD (rig, CODE + 0x100, BEQ (ZERO, ZERO, 0));
  run_until_kicked (rig, CODE + 0x100);
  LOAD (rig, CODE + 0x200, JAL (ZERO, 0x1000));
  LOAD (rig, CODE + 0x1200, JAL (ZERO, -0x1000));
  run_until_kicked (rig, CODE + 0x200);
  LOAD (rig, CODE + 0x300, AUIPC (A0, 0), JALR (ZERO, A0, 0));
  run_until_kicked (rig, CODE + 0x300);
  /* One instruction that spans two pages and jumps to itself. */
  uint32_t self = JAL (ZERO, 0);
  rig_load (rig, CODE + 0x2ffe, &self, 4);
  run_until_kicked (rig, CODE + 0x2ffe);
  g_assert_cmphex (rig->hart->interp.pc, ==, CODE + 0x2ffe);
}

/* ---- Registers ---- */

static void
test_zero (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, CODE, ADDI (A0, ZERO, 7), ADD_ (ZERO, A0, A0), LUI (ZERO, 5), AUIPC (ZERO, 5),
        LD (ZERO, 0, SP), CSRRS (ZERO, MINSTRET, 0), JAL (ZERO, 4), AMOADD_D (ZERO, A0, SP),
        ADDI (A1, ZERO, 0), ADD_ (A2, ZERO, A0), WFI);
  rig->hart->x[SP] = DATA;
  rig->hart->x[A1] = 1;
  run_at (rig, CODE);
  g_assert_cmphex (rig->hart->x[ZERO], ==, 0);
  g_assert_cmphex (rig->hart->x[A1], ==, 0);
  g_assert_cmphex (rig->hart->x[A2], ==, 7);
}

/* ---- Memory ---- */

static void
test_misaligned (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  rig->hart->x[SP] = DATA + 0xffd; /* across a page border */
  rig->hart->x[A0] = UINT64_C (0x1122334455667788);
  LOAD (rig, CODE, SD (A0, 0, SP), LD (A1, 0, SP), LW (A2, 1, SP), SH (A0, 9, SP), LW (A3, 9, SP),
        WFI);
  run_at (rig, CODE);
  g_assert_cmphex (rig->hart->x[A1], ==, rig->hart->x[A0]);
  g_assert_cmphex (rig->hart->x[A2], ==, 0x44556677);
  g_assert_cmphex (rig->hart->x[A3], ==, 0x7788);
}

static void
test_reservation (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  rig->hart->x[SP] = DATA;
  rig->hart->x[GP] = DATA + 8;
  rig->hart->x[A0] = 5;
  LOAD (rig, CODE, LR_D (A1, SP), SC_D (A2, A0, SP), LD (A3, 0, SP), /* stores */
        SC_D (A4, A0, SP),                                           /* no reservation any more */
        LR_D (ZERO, SP), SC_D (A5, A0, GP),                          /* another address */
        SC_D (A6, A0, SP), WFI);
  run_at (rig, CODE);
  g_assert_cmpuint (rig->hart->x[A1], ==, 0);
  g_assert_cmpuint (rig->hart->x[A2], ==, 0);
  g_assert_cmpuint (rig->hart->x[A3], ==, 5);
  g_assert_cmpuint (rig->hart->x[A4], ==, 1);
  g_assert_cmpuint (rig->hart->x[A5], ==, 1);
  g_assert_cmpuint (rig->hart->x[A6], ==, 1);
  /* The word was changed in between. */
  LOAD (rig, CODE + 0x100, LR_D (A1, SP), SD (SP, 0, SP), SC_D (A2, A0, SP), LD (A3, 0, SP), WFI);
  run_at (rig, CODE + 0x100);
  g_assert_cmpuint (rig->hart->x[A2], ==, 1);
  g_assert_cmphex (rig->hart->x[A3], ==, DATA);
}

/* ---- Code that changes ---- */

/* Patches the instruction ahead 1000 times, each time with another immediate. */
static void
test_patch_itself (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  /* a0: sum; a1: rounds left; a2: the instruction "addi a0, a0, 0" + (round << 20) */
  LOAD (rig, CODE, ADDI (A1, ZERO, 1000), LUI (A2, 0x50), ADDI (A2, A2, 0x513), AUIPC (A3, 0),
        /* loop: */ rv_i (0x7013, A4, A1, 255), SLLI (A4, A4, 20), ADD_ (A4, A4, A2),
        SW (A4, 36 - 12, A3), FENCE_I,
        /* CODE + 36: */ EBREAK, ADDI (A1, A1, -1), BNE (A1, ZERO, -28), WFI);
  run_at (rig, CODE);
  uint64_t sum = 0;
  for (unsigned i = 1; i <= 1000; i++)
    sum += i & 255;
  g_assert_cmpuint (rig->hart->x[A0], ==, sum);
}

/* Writes beside the code it runs, without a fence: slow perhaps, but it ends, and what it runs is
 * what was there. */
static void
test_write_beside (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, CODE, LUI (A1, 0x20), AUIPC (A3, 0), SW (A1, 0x100, A3), ADDI (A1, A1, -1),
        BNE (A1, ZERO, -8), WFI);
  run_at (rig, CODE);
  g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions, ==, 2 + 3 * 0x20000 + 1);
}

static void
test_loaded_anew (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, CODE, FENCE_I, JAL (ZERO, 0x1000 - 4));
  for (int i = 0; i < 50; i++) {
    /* As a disk's DMA would: straight into RAM, then noted. */
    LOAD (rig, CODE + 0x1000, ADDI (A0, ZERO, i), WFI);
    run_at (rig, CODE);
    g_assert_cmpuint (rig->hart->x[A0], ==, (uint64_t) i);
  }
}

static void
test_straddle (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, CODE, FENCE_I, JAL (ZERO, 0xffc - 4));
  for (int i = 0; i < 50; i++) {
    uint16_t code[] = { 0x0001, 0, 0, 0, 0 };
    uint32_t words[] = { ADDI (A0, ZERO, i * 16 + 1), WFI };
    memcpy (code + 1, words, sizeof words);
    rig_load (rig, CODE + 0xffc, code, sizeof code);
    uint64_t before = rig->hart->interp.cpu.stats.instructions;
    run_at (rig, CODE);
    g_assert_cmpuint (rig->hart->x[A0], ==, (uint64_t) i * 16 + 1);
    g_assert_cmpuint (rig->hart->interp.cpu.stats.instructions - before, ==, 5);
  }
}

/* More pages of code than the engine keeps. */
static void
test_many_pages (Fixture *f, const void *data)
{
  Rig *rig = rig_new (32 << 20, 1);
  unsigned pages = (31 << 20) >> DIO_PAGE_SHIFT;
  for (unsigned i = 1; i <= pages; i++)
    LOAD (rig, CODE + i * DIO_PAGE_SIZE, ADDI (A0, A0, 1), i < pages ? JAL (ZERO, 0xffc) : WFI);
  for (unsigned round = 1; round <= 3; round++) {
    run_at (rig, CODE + DIO_PAGE_SIZE);
    g_assert_cmpuint (rig->hart->x[A0], ==, (uint64_t) round * pages);
  }
  rig_free (rig);
}

/* ---- Several harts ---- */

static void *
run_hart (void *data)
{
  DioCpu *cpu = data;
  atomic_store (&cpu->kicked, DIO_KICK_NONE);
  while (cpu->type->run (cpu) != DIO_EXIT_HALT)
    atomic_store (&cpu->kicked, DIO_KICK_NONE);
  return NULL;
}

static void
run_both (Rig *rig, uint64_t pc0, uint64_t pc1)
{
  DioRiscv64 *other = (DioRiscv64 *) rig->machine.cpus[1];
  rig->hart->interp.pc = pc0;
  other->interp.pc = pc1;
  GThread *thread = g_thread_new ("hart1", run_hart, other);
  run_hart (rig->hart);
  g_thread_join (thread);
}

static void
test_atomics (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  DioRiscv64 *other = (DioRiscv64 *) rig->machine.cpus[1];
  LOAD (rig, CODE, LUI (A1, 10), ADDI (A2, ZERO, 3), ADDI (GP, SP, 64),
        /* loop: */ AMOADD_D (ZERO, A2, SP),
        /* retry: */ LR_D (A3, GP), ADD_ (A3, A3, A2), SC_D (A4, A3, GP), BNE (A4, ZERO, -12),
        ADDI (A1, A1, -1), BNE (A1, ZERO, -24), WFI);
  rig->hart->x[SP] = other->x[SP] = DATA;
  run_both (rig, CODE, CODE);
  const uint64_t *words = (const uint64_t *) (void *) (rig->machine.ram->host + (DATA - RIG_RAM));
  g_assert_cmpuint (words[0], ==, 2 * 3 * 40960);
  g_assert_cmpuint (words[8], ==, 2 * 3 * 40960);
}

/* Hart 1 writes code, hart 0 runs it, 3000 times, in turns told by a flag. */
static void
test_cross_modify (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  DioRiscv64 *other = (DioRiscv64 *) rig->machine.cpus[1];
  const DioGpa target = DATA + 0x1000;
  /* Both: sp flag, gp target, a1 round, a2 rounds. */
  LOAD (rig, CODE, ADDI (A1, ZERO, 1), LUI (A2, 1), ADDI (A2, A2, -1096), /* 3000 */
        /* loop: */ LD (A3, 0, SP), BNE (A3, A1, -4), FENCE_I, JALR (RA, GP, 0),
        rv_i (0x7013, A4, A1, 0x7ff), SUB_ (A4, A4, A0), ADD_ (A5, A5, A4), /* errors */
        FENCE_RW, SD (ZERO, 0, SP), ADDI (A1, A1, 1), BLT (A1, A2, -40), WFI);
  LOAD (rig, CODE + 0x1000, ADDI (A1, ZERO, 1), LUI (A2, 1), ADDI (A2, A2, -1096), LUI (A5, 0),
        ADDI (A5, A5, 0x513),
        /* loop: */ rv_i (0x7013, A4, A1, 0x7ff), SLLI (A4, A4, 20), ADD_ (A4, A4, A5),
        SW (A4, 0, GP), FENCE_RW, SD (A1, 0, SP),
        /* wait: */ LD (A3, 0, SP), BNE (A3, ZERO, -4), ADDI (A1, A1, 1), BLT (A1, A2, -36), WFI);
  LOAD (rig, target, ADDI (A0, ZERO, 0), JALR (ZERO, RA, 0));
  rig->hart->x[SP] = other->x[SP] = DATA;
  rig->hart->x[GP] = other->x[GP] = target;
  run_both (rig, CODE, CODE + 0x1000);
  g_assert_cmpuint (rig->hart->x[A1], ==, 3000);
  g_assert_cmpuint (rig->hart->x[A5], ==, 0);
}

/* ---- Host ---- */

static void *
run_small (void *data)
{
  run_at (data, CODE);
  return NULL;
}

/* Handlers call each other without using stack. */
static void
test_stack (Fixture *f, const void *data)
{
  Rig *rig = f->rig;
  LOAD (rig, CODE, LUI (A1, 0x200), LUI (A2, 0x10000),
        /* loop: */ LD (A3, 0, SP), ADDI (A3, A3, 1), SD (A3, 0, SP), LW (ZERO, 0, A2),
        JAL (RA, 0x1000), ADDI (A1, A1, -1), BNE (A1, ZERO, -24), WFI);
  LOAD (rig, CODE + 0x1018, JALR (ZERO, RA, 0));
  rig->hart->x[SP] = DATA;
  pthread_attr_t attr;
  pthread_t thread;
  g_assert_cmpint (pthread_attr_init (&attr), ==, 0);
  g_assert_cmpint (pthread_attr_setstacksize (&attr, 256 << 10), ==, 0);
  g_assert_cmpint (pthread_create (&thread, &attr, run_small, rig), ==, 0);
  pthread_join (thread, NULL);
  pthread_attr_destroy (&attr);
  g_assert_cmpuint (rig->hart->x[A3], ==, 0x200000);
}

#define ADD(path, function, harts)                                                                 \
  g_test_add ("/core/guest/riscv64/engine/" path, Fixture, GUINT_TO_POINTER (harts), set_up,       \
              function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("count/straight", test_count_straight, 1);
  ADD ("count/loop", test_count_loop, 1);
  ADD ("count/pages", test_count_pages, 1);
  ADD ("count/traps", test_count_traps, 1);
  ADD ("count/overlap", test_count_overlap, 1);
  ADD ("trap/illegal", test_trap_illegal, 1);
  ADD ("trap/access", test_trap_access, 1);
  ADD ("trap/fetch", test_trap_fetch, 1);
  ADD ("kick", test_kick, 1);
  ADD ("zero", test_zero, 1);
  ADD ("misaligned", test_misaligned, 1);
  ADD ("reservation", test_reservation, 1);
  ADD ("code/patch-itself", test_patch_itself, 1);
  ADD ("code/write-beside", test_write_beside, 1);
  ADD ("code/loaded-anew", test_loaded_anew, 1);
  ADD ("code/straddle", test_straddle, 1);
  ADD ("code/many-pages", test_many_pages, 1);
  ADD ("harts/atomics", test_atomics, 2);
  ADD ("harts/cross-modify", test_cross_modify, 2);
  ADD ("stack", test_stack, 1);
  return g_test_run ();
}
