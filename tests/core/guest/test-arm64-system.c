/* SPDX-License-Identifier: GPL-3.0-or-later
 * The system level of arm64: exceptions and return from them, translation, TLB maintenance, system
 * registers, code that changes, the timer, PSCI; by the interpreter and by the compiler. Programs
 * are words written here; each ends in a wfi with nothing pending. */
#include <stdatomic.h>
#include <string.h>

#include "core/guest/arm64/arm64-priv.h"
#include "core/vm/vm-machine.h"

#define RAM UINT64_C (0x40000000)
#define RAM_SIZE (8u << 20)
#define VECTORS (RAM + 0x1000)
#define CODE (RAM + 0x2000)
#define TABLES (RAM + 0x100000)
#define DATA (RAM + 0x200000)

enum {
  WFI = 0xd503207f,
  ERET = 0xd69f03e0,
  SVC_5 = 0xd40000a1,
  BRK_7 = 0xd42000e0,
  HVC_0 = 0xd4000002,
  ISB = 0xd5033fdf,
  LDR_X0_X1 = 0xf9400020,
  STR_X0_X1 = 0xf9000020,
  LDTR_X0_X1 = 0xf8400820,
  BR_X1 = 0xd61f0020,
  FADD_D = 0x1e622820,
};

typedef struct {
  DioMachine machine;
  DioMachineConfig config;
  DioCpu *cpus[2];
  DioArm64 *cpu;
} Fixture;

static void
put (Fixture *f, DioGpa gpa, const uint32_t *words, unsigned n)
{
  g_assert_true (dio_dma_write (f->machine.space, gpa, words, n * 4));
}

static void
put64 (Fixture *f, DioGpa gpa, uint64_t value)
{
  g_assert_true (dio_dma_write (f->machine.space, gpa, &value, 8));
}

static uint64_t
get64 (Fixture *f, DioGpa gpa)
{
  uint64_t value;
  g_assert_true (dio_dma_read (f->machine.space, gpa, &value, 8));
  return value;
}

static void
write_register (Fixture *f, unsigned number, uint64_t value)
{
  g_assert_true (dio_a64_csr_access (f->cpu, DIO_A64_CSR_WRITE, number, &value));
}

static uint64_t
read_register (Fixture *f, unsigned number)
{
  uint64_t value = 0;
  g_assert_true (dio_a64_csr_access (f->cpu, DIO_A64_CSR_READ, number, &value));
  return value;
}

#define VBAR DIO_A64_SYSREG (3, 0, 12, 0, 0)
#define SCTLR DIO_A64_SYSREG (3, 0, 1, 0, 0)
#define TTBR0 DIO_A64_SYSREG (3, 0, 2, 0, 0)
#define TTBR1 DIO_A64_SYSREG (3, 0, 2, 0, 1)
#define TCR DIO_A64_SYSREG (3, 0, 2, 0, 2)
#define TLBI_ALL DIO_A64_SYSREG (1, 0, 8, 7, 0)
#define TLBI_ASID DIO_A64_SYSREG (1, 0, 8, 7, 2)
#define TLBI_VA DIO_A64_SYSREG (1, 0, 8, 7, 1)

/* @compiler: its options, or NULL for the interpreter. */
static void
setup (Fixture *f, const void *compiler)
{
  DioMachine *machine = &f->machine;
  GError *error = NULL;
  uint32_t vectors[512];
  machine->ram = dio_ram_new (RAM_SIZE, "arm64", &error);
  g_assert_no_error (error);
  machine->space = dio_space_new ();
  dio_space_map_ram (machine->space, RAM, machine->ram, 0, RAM_SIZE, false);
  machine->clock = dio_clock_new ();
  machine->loop = dio_loop_new ("arm64", &error);
  g_assert_no_error (error);
  f->config.cpus = 2;
  f->config.engine = compiler ? DIO_ENGINE_COMPILER : DIO_ENGINE_INTERPRETER;
  f->config.compiler = (char *) compiler;
  machine->config = &f->config;
  machine->n_cpus = 2;
  machine->cpus = f->cpus;
  for (unsigned i = 0; i < 2; i++) {
    f->cpus[i] = dio_cpu_arm64.create (machine, i, &error);
    g_assert_no_error (error);
  }
  f->cpu = DIO_ARM64 (f->cpus[0]);
  dio_clock_start (machine->clock);
  for (unsigned i = 0; i < 512; i++)
    vectors[i] = WFI;
  put (f, VECTORS, vectors, 512);
  write_register (f, VBAR, VECTORS);
}

static void
teardown (Fixture *f, const void *unused)
{
  DioMachine *machine = &f->machine;
  for (unsigned i = 0; i < 2; i++)
    dio_cpu_arm64.free (f->cpus[i]);
  dio_jit_free (machine->jit);
  dio_loop_free (machine->loop);
  dio_clock_free (machine->clock);
  dio_space_free (machine->space);
  dio_ram_free (machine->ram);
}

/* Runs from @pc at @el until a wfi; the address of that wfi. */
static uint64_t
run (Fixture *f, uint64_t pc, unsigned el)
{
  a64_set_pstate (f->cpu, A64_PSTATE_DAIF | (el ? 5 : 0));
  f->cpu->interp.pc = pc;
  /* As a vCPU's thread does: another one may kick it at any time. */
  do
    atomic_store (&f->cpus[0]->kicked, DIO_KICK_NONE);
  while (f->cpus[0]->type->run (f->cpus[0]) != DIO_EXIT_HALT);
  return f->cpu->interp.pc - 4;
}

/* The same by an eret at EL1, so that all of it is compiled if anything is. */
static uint64_t
run_by_return (Fixture *f, uint64_t pc, unsigned el)
{
  static const uint32_t code[] = { ERET };
  put (f, RAM, code, 1);
  f->cpu->elr = pc;
  f->cpu->spsr = A64_PSTATE_DAIF | (el ? 5 : 0);
  uint64_t wfi = run (f, RAM, 1);
  DioJitStats stats = { 0 };
  if (f->machine.jit)
    dio_jit_get_stats (f->machine.jit, &stats);
  g_assert_true (!f->machine.jit || stats.insns);
  return wfi;
}

static void
assert_exception (Fixture *f, uint64_t wfi, unsigned vector, unsigned ec, unsigned iss,
                  uint64_t elr)
{
  g_assert_cmphex (wfi, ==, VECTORS + vector);
  g_assert_cmphex (f->cpu->esr >> 26, ==, ec);
  g_assert_cmphex (f->cpu->esr & 0x1ffffff, ==, iss);
  g_assert_cmphex (f->cpu->elr, ==, elr);
  g_assert_cmpuint (f->cpu->el, ==, 1);
}

/* ---- Exceptions ---- */

static void
test_exceptions (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { SVC_5, BRK_7, 0, FADD_D };
  put (f, CODE, code, 4);
  f->cpu->sp[0] = 0x111;
  assert_exception (f, run (f, CODE, 0), 0x400, 0x15, 5, CODE + 4);
  assert_exception (f, run (f, CODE + 4, 0), 0x400, 0x3c, 7, CODE + 4);
  assert_exception (f, run (f, CODE + 8, 1), 0x200, 0, 0, CODE + 8);
  /* The vector registers are off after reset. */
  assert_exception (f, run (f, CODE + 12, 0), 0x400, 0x07, 0x1e00000, CODE + 12);
  assert_exception (f, run (f, CODE + 1, 0), 0x400, 0x22, 0, CODE + 1);
  g_assert_cmphex (f->cpu->far, ==, CODE + 1);
}

/* eret restores flags, EL and stack; an illegal one leaves EL1 with IL. */
static void
test_return (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { ERET, SVC_5 };
  put (f, CODE, code, 2);
  f->cpu->elr = CODE + 4;
  f->cpu->spsr = UINT64_C (0x90000000);
  f->cpu->sp[0] = 0x7770;
  assert_exception (f, run (f, CODE, 1), 0x400, 0x15, 5, CODE + 8);
  g_assert_cmphex (f->cpu->spsr, ==, 0x90000000);
  g_assert_cmphex (f->cpu->sp[0], ==, 0x7770);
  f->cpu->elr = CODE + 4;
  f->cpu->spsr = 0x10; /* AArch32, which there is not */
  uint64_t wfi = run (f, CODE, 1);
  assert_exception (f, wfi, 0x200, 0x0e, 0, CODE + 4);
}

static void
test_privilege (Fixture *f, const void *unused)
{
  /* mrs x0, sctlr_el1; eret; hvc; all undefined at EL0 */
  static const uint32_t code[] = { 0xd5381000, ERET, HVC_0 };
  put (f, CODE, code, 3);
  for (unsigned i = 0; i < 3; i++)
    assert_exception (f, run (f, CODE + 4 * i, 0), 0x400, 0, 0, CODE + 4 * i);
  /* msr daifset, #2; mrs x3, ctr_el0: a system may do it for the program */
  static const uint32_t trapped[] = { 0xd50342df, 0xd53b0023 };
  put (f, CODE, trapped, 2);
  assert_exception (f, run (f, CODE, 0), 0x400, 0x18, 0x0cd3e4, CODE);
  assert_exception (f, run (f, CODE + 4, 0), 0x400, 0x18, 0x32c061, CODE + 4);
  /* What a system may allow. */
  static const uint32_t allowed[] = { 0xd53b0020, SVC_5 };
  put (f, CODE, allowed, 2);
  write_register (f, SCTLR, A64_SCTLR_UCT);
  assert_exception (f, run (f, CODE, 0), 0x400, 0x15, 5, CODE + 8);
  g_assert_cmphex (f->cpu->x[0], ==, 0x9444c004);
}

static void
test_interrupt (Fixture *f, const void *unused)
{
  DioIrq irq = dio_a64_irq (&f->machine, 0, 0);
  dio_irq_set (&irq, true);
  f->cpu->elr = 0;
  a64_set_pstate (f->cpu, 0);
  f->cpu->interp.pc = CODE;
  a64_poll (&f->cpu->interp);
  g_assert_cmphex (f->cpu->interp.pc, ==, VECTORS + 0x480);
  g_assert_cmphex (f->cpu->elr, ==, CODE);
  g_assert_cmphex (f->cpu->spsr, ==, 0);
  g_assert_true (f->cpu->pstate & A64_PSTATE_I);
  /* Masked now: it would only end a wfi. */
  a64_poll (&f->cpu->interp);
  g_assert_cmphex (f->cpu->interp.pc, ==, VECTORS + 0x480);
  g_assert_true (a64_has_work (f->cpus[0]));
  dio_irq_set (&irq, false);
  g_assert_false (a64_has_work (f->cpus[0]));
}

/* ---- Translation ---- */

/* A page at @va of the lower half, by tables of @grain at TABLES; the leaf's address. Four levels
 * with 4 and 16 KiB (48 bits), three with 64. */
static DioGpa
map_page (Fixture *f, unsigned grain, uint64_t va, uint64_t desc)
{
  unsigned stride = grain - 3, levels = (48 - grain + stride - 1) / stride;
  DioGpa table = TABLES;
  for (unsigned level = 4 - levels; level < 3; level++) {
    unsigned shift = grain + stride * (3 - level);
    unsigned bits = level == 4 - levels ? 48 - shift : stride;
    DioGpa slot = table + 8 * (va >> shift & ((UINT64_C (1) << bits) - 1));
    DioGpa next = TABLES + ((uint64_t) (level + 1) << 17);
    put64 (f, slot, next | 3);
    table = next;
  }
  DioGpa slot = table + 8 * (va >> grain & ((UINT64_C (1) << stride) - 1));
  put64 (f, slot, desc);
  return slot;
}

static void
enable (Fixture *f, unsigned grain, uint64_t tcr)
{
  static const unsigned tg0[] = { [12] = 0, [14] = 2, [16] = 1 };
  write_register (f, TCR, 16 | 16 << 16 | (uint64_t) tg0[grain] << 14 | UINT64_C (2) << 30 | tcr);
  write_register (f, TTBR0, TABLES);
  write_register (f, SCTLR, A64_SCTLR_M | A64_SCTLR_SPAN);
}

#define PAGE_USER (A64_BIT (6) | A64_BIT (10) | 3) /* AF, EL0 and EL1 read and write */
#define PAGE_SYSTEM (A64_BIT (10) | 3)
#define VA UINT64_C (0x123456780000)

static void
test_granules (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { LDR_X0_X1, WFI };
  static const unsigned grains[] = { 12, 14, 16 };
  put (f, DATA, code, 2);
  put64 (f, DATA + 0x1238, UINT64_C (0x1122334455667788));
  for (unsigned i = 0; i < 3; i++) {
    uint64_t size = UINT64_C (1) << grains[i];
    write_register (f, SCTLR, 0);
    memset (f->machine.ram->host + (TABLES - RAM), 0, DATA - TABLES);
    for (uint64_t at = 0; at < 0x10000; at += size)
      map_page (f, grains[i], VA + at, (DATA + at) | PAGE_SYSTEM);
    enable (f, grains[i], 0);
    write_register (f, TLBI_ALL, 0);
    f->cpu->x[1] = VA + 0x1238;
    f->cpu->x[0] = 0;
    g_assert_cmphex (run (f, VA, 1), ==, VA + 4);
    g_assert_cmphex (f->cpu->x[0], ==, 0x1122334455667788);
  }
}

/* The fault status of a load or store at @el, -1 without a fault. */
static int
fault_of (Fixture *f, uint32_t insn, unsigned el, uint64_t va)
{
  A64Page page;
  return a64_probe (f->cpu, va, insn == STR_X0_X1 ? DIO_A64_STORE : DIO_A64_LOAD, el == 0, &page);
}

static void
test_permissions (Fixture *f, const void *unused)
{
  uint64_t va = VA + 0x4000;
  DioGpa slot = map_page (f, 12, va, 0);
  enable (f, 12, 0);
  g_assert_cmpint (fault_of (f, LDR_X0_X1, 1, va), ==, A64_FSC_TRANSLATION + 3);
  g_assert_cmpint (fault_of (f, LDR_X0_X1, 1, va ^ A64_BIT (40)), ==, A64_FSC_TRANSLATION + 0);
  g_assert_cmpint (fault_of (f, LDR_X0_X1, 1, va | A64_BIT (52)), ==, A64_FSC_TRANSLATION);
  put64 (f, slot, DATA | 3); /* no access flag */
  g_assert_cmpint (fault_of (f, LDR_X0_X1, 1, va), ==, A64_FSC_ACCESS_FLAG + 3);
  put64 (f, slot, DATA | PAGE_SYSTEM);
  g_assert_cmpint (fault_of (f, LDR_X0_X1, 1, va), ==, -1);
  g_assert_cmpint (fault_of (f, LDR_X0_X1, 0, va), ==, A64_FSC_PERMISSION + 3);
  f->cpu->el = 0; /* an access of EL0 has its rights whether it says so or not */
  A64Page unused_page;
  g_assert_false (a64_translate (f->cpu, va, DIO_A64_LOAD, false, &unused_page));
  f->cpu->el = 1;
  put64 (f, slot, DATA | PAGE_USER | A64_BIT (7)); /* read only */
  g_assert_cmpint (fault_of (f, LDR_X0_X1, 0, va), ==, -1);
  g_assert_cmpint (fault_of (f, STR_X0_X1, 0, va), ==, A64_FSC_PERMISSION + 3);
  g_assert_cmpint (fault_of (f, STR_X0_X1, 1, va), ==, A64_FSC_PERMISSION + 3);
  /* PAN */
  f->cpu->pstate |= A64_PSTATE_PAN;
  A64Page page;
  g_assert_cmpint (a64_probe (f->cpu, va, DIO_A64_LOAD, false, &page), ==, A64_FSC_PERMISSION + 3);
  g_assert_cmpint (a64_probe (f->cpu, va, DIO_A64_LOAD, true, &page), ==, -1);
  f->cpu->pstate = 0;
  /* EL1 does not execute what programs may write, and XN is per level. */
  put64 (f, slot, DATA | PAGE_USER);
  g_assert_cmpint (a64_probe (f->cpu, va, DIO_A64_FETCH, false, &page), ==, A64_FSC_PERMISSION + 3);
  g_assert_cmpint (a64_probe (f->cpu, va, DIO_A64_FETCH, true, &page), ==, -1);
  put64 (f, slot, DATA | PAGE_USER | A64_BIT (54));
  g_assert_cmpint (a64_probe (f->cpu, va, DIO_A64_FETCH, true, &page), ==, A64_FSC_PERMISSION + 3);
  /* E0PD hides a half from programs. */
  write_register (f, TCR, f->cpu->tcr | A64_BIT (55));
  g_assert_cmpint (a64_probe (f->cpu, va, DIO_A64_LOAD, true, &page), ==, A64_FSC_TRANSLATION);
}

/* What AT says in PAR_EL1: the address, or why not; only two forms look at PAN. */
static void
test_address_translation (Fixture *f, const void *unused)
{
  static const struct {
    unsigned crm, op2;
    bool pan, readonly; /* does it fault with PAN, does it on a read-only page */
  } forms[] = {
    { 8, 0, false, false }, { 8, 1, false, true }, /* S1E1R, S1E1W */
    { 8, 2, false, false }, { 8, 3, false, true }, /* S1E0R, S1E0W */
    { 9, 0, true, false },  { 9, 1, true, true },  /* S1E1RP, S1E1WP */
  };
  const uint64_t par = DIO_A64_SYSREG (3, 0, 7, 4, 0), refused = (A64_FSC_PERMISSION + 3) << 1 | 1;
  uint64_t va = VA + 0x4000;
  DioGpa slot = map_page (f, 12, va, 0);
  enable (f, 12, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (forms); i++) {
    for (unsigned how = 0; how < 4; how++) {
      bool pan = how & 1, readonly = how & 2;
      put64 (f, slot, DATA | PAGE_USER | (readonly ? A64_BIT (7) : 0));
      f->cpu->pstate = pan ? (uint32_t) A64_PSTATE_PAN : 0;
      write_register (f, DIO_A64_SYSREG (1, 0, 7, forms[i].crm, forms[i].op2), va + 0x123);
      g_assert_cmphex (f->cpu->pstate, ==, pan ? A64_PSTATE_PAN : 0);
      bool fails = (pan && forms[i].pan) || (readonly && forms[i].readonly);
      if (fails)
        g_assert_cmphex (read_register (f, (unsigned) par) & 0x7f, ==, refused);
      else
        g_assert_cmphex (read_register (f, (unsigned) par) & UINT64_C (0xfffffffff001), ==, DATA);
    }
  }
  /* Nothing is there. */
  put64 (f, slot, 0);
  write_register (f, DIO_A64_SYSREG (1, 0, 7, 8, 0), va);
  g_assert_cmphex (read_register (f, (unsigned) par) & 0x7f, ==,
                   (A64_FSC_TRANSLATION + 3) << 1 | 1);
  g_assert_cmphex (read_register (f, DIO_A64_SYSREG (3, 0, 0, 7, 1)) >> 20 & 15, ==, 2); /* PAN2 */
}

/* Hardware sets the access flag, and makes a clean page dirty. */
static void
test_hardware_flags (Fixture *f, const void *unused)
{
  uint64_t va = VA + 0x4000, desc = DATA | 3 | A64_BIT (7) | A64_BIT (51);
  DioGpa slot = map_page (f, 12, va, desc);
  A64Page page;
  enable (f, 12, A64_BIT (39) | A64_BIT (40));
  g_assert_true (a64_translate (f->cpu, va, DIO_A64_LOAD, false, &page));
  g_assert_cmphex (get64 (f, slot), ==, desc | A64_BIT (10));
  g_assert_false (page.permissions & DIO_TLB_WRITE);
  g_assert_true (a64_translate (f->cpu, va, DIO_A64_STORE, false, &page));
  g_assert_cmphex (get64 (f, slot), ==, (desc | A64_BIT (10)) & ~A64_BIT (7));
}

/* A load by the TLB until the entry is invalidated, and an abort with all its registers. */
static void
test_maintenance (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { LDR_X0_X1, WFI };
  uint64_t va = VA + 0x4000;
  put (f, DATA, code, 2);
  map_page (f, 12, VA, DATA | PAGE_SYSTEM);
  map_page (f, 12, VA + 0x1000, VECTORS | PAGE_SYSTEM);
  DioGpa slot = map_page (f, 12, va, (DATA + 0x1000) | PAGE_SYSTEM | A64_BIT (11));
  put64 (f, DATA + 0x1000, 1);
  put64 (f, DATA + 0x2000, 2);
  enable (f, 12, 0);
  write_register (f, VBAR, VA + 0x1000);
  f->cpu->x[1] = va;
  g_assert_cmphex (run (f, VA, 1), ==, VA + 4);
  g_assert_cmphex (f->cpu->x[0], ==, 1);
  put64 (f, slot, (DATA + 0x2000) | PAGE_SYSTEM | A64_BIT (11));
  write_register (f, TLBI_VA, va >> 12);
  run (f, VA, 1);
  g_assert_cmphex (f->cpu->x[0], ==, 2);
  put64 (f, slot, 0);
  /* Another address space: entries that are not global go. */
  write_register (f, TTBR0, TABLES | UINT64_C (5) << 48);
  g_assert_cmphex (run (f, VA, 1), ==, VA + 0x1200);
  g_assert_cmphex (f->cpu->esr, ==, A64_ESR (A64_EC_DATA_SAME, A64_FSC_TRANSLATION + 3));
  g_assert_cmphex (f->cpu->far, ==, va);
  g_assert_cmphex (f->cpu->elr, ==, VA);
}

/* With SCTLR_EL1.A what is misaligned faults, at both levels and where the page is known already.
 */
static void
test_alignment (Fixture *f, const void *unused)
{
  static const uint32_t codes[][2] = { { LDR_X0_X1, SVC_5 }, { STR_X0_X1, SVC_5 } };
  uint64_t va = VA + 0x4000;
  put (f, DATA, &codes[0][0], 4);
  map_page (f, 12, VA, DATA | PAGE_USER | A64_BIT (7));
  map_page (f, 12, VA + 0x1000, VECTORS | PAGE_SYSTEM);
  map_page (f, 12, va, (DATA + 0x1000) | PAGE_USER);
  f->cpu->mair = 0xff; /* Normal */
  enable (f, 12, 0);
  write_register (f, VBAR, VA + 0x1000);
  for (unsigned i = 0; i < 16; i++) {
    bool strict = i & 1, store = i & 2, system = i & 4, crosses = i & 8;
    unsigned from = system ? 0x200 : 0x400;
    uint64_t pc = VA + (store ? 8 : 0);
    write_register (f, SCTLR, A64_SCTLR_M | A64_SCTLR_SPAN | (strict ? A64_SCTLR_A : 0));
    map_page (f, 12, va + 0x1000, (DATA + 0x2000) | PAGE_USER);
    f->cpu->x[1] = va + 8;
    g_assert_cmphex (run (f, pc, system), ==, VA + 0x1000 + from);
    g_assert_cmphex (f->cpu->esr, ==, A64_ESR (A64_EC_SVC, 5));
    f->cpu->x[1] = va + (crosses ? 0xffc : 4);
    g_assert_cmphex (run (f, pc, system), ==, VA + 0x1000 + from);
    if (!strict) {
      g_assert_cmphex (f->cpu->esr, ==, A64_ESR (A64_EC_SVC, 5));
      continue;
    }
    g_assert_cmphex (f->cpu->esr, ==,
                     A64_ESR (system ? A64_EC_DATA_SAME : A64_EC_DATA_LOWER,
                              A64_FSC_ALIGNMENT | (store ? A64_ISS_WNR : 0)));
    g_assert_cmphex (f->cpu->far, ==, f->cpu->x[1]);
    g_assert_cmphex (f->cpu->elr, ==, pc);
  }
}

/* What a program of address space @asid reads at VA + 0x4000. */
static uint64_t
read_in_space (Fixture *f, uint64_t asid)
{
  write_register (f, TTBR0, TABLES | asid << 48);
  f->cpu->x[0] = 0;
  f->cpu->x[1] = VA + 0x4000;
  g_assert_cmphex (run (f, VA, 0), ==, VA + 0x1400);
  g_assert_cmphex (f->cpu->esr >> 26, ==, A64_EC_SVC);
  return f->cpu->x[0];
}

/* More address spaces than the TLB has room for, each with a page of its own at one address; and
 * what an invalidation of one that is not in force must reach. */
static void
test_spaces (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { LDR_X0_X1, SVC_5 };
  const uint64_t page = PAGE_USER | A64_BIT (11);
  put (f, DATA, code, 2);
  map_page (f, 12, VA, DATA | PAGE_USER | A64_BIT (7));
  map_page (f, 12, VA + 0x1000, VECTORS | PAGE_SYSTEM);
  DioGpa slot = map_page (f, 12, VA + 0x4000, 0);
  for (uint64_t i = 0; i < 16; i++)
    put64 (f, DATA + 0x1000 * (i + 1), i);
  enable (f, 12, 0);
  write_register (f, VBAR, VA + 0x1000);
  for (unsigned round = 0; round < 2; round++)
    for (uint64_t i = 0; i < 12; i++) {
      put64 (f, slot, (DATA + 0x1000 * (i + 1)) | page);
      if (round)
        write_register (f, TLBI_ASID, i << 48);
      g_assert_cmpuint (read_in_space (f, i), ==, i);
      g_assert_cmpuint (read_in_space (f, i), ==, i);
    }
  put64 (f, slot, (DATA + 0x1000 * 13) | page);
  write_register (f, TLBI_ASID, UINT64_C (10) << 48);
  g_assert_cmpuint (read_in_space (f, 10), ==, 12);
  put64 (f, slot, (DATA + 0x1000 * 14) | page);
  write_register (f, TLBI_VA, UINT64_C (11) << 48 | VA >> 12 | 4);
  g_assert_cmpuint (read_in_space (f, 11), ==, 13);
  put64 (f, slot, (DATA + 0x1000 * 15) | page);
  write_register (f, TLBI_ALL, 0);
  g_assert_cmpuint (read_in_space (f, 10), ==, 14);
  g_assert_cmpuint (read_in_space (f, 11), ==, 14);
}

/* An address with a tag in its ignored top byte is translated, and not remembered. */
static void
test_tags (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { LDR_X0_X1, WFI };
  uint64_t va = VA + 0x4000, tagged = va | UINT64_C (0x5a) << 56;
  A64Page page;
  put (f, DATA, code, 2);
  map_page (f, 12, VA, DATA | PAGE_SYSTEM);
  DioGpa slot = map_page (f, 12, va, (DATA + 0x1000) | PAGE_SYSTEM);
  put64 (f, DATA + 0x1000, 1);
  put64 (f, DATA + 0x2000, 2);
  enable (f, 12, 0);
  g_assert_cmpint (a64_probe (f->cpu, tagged, DIO_A64_LOAD, false, &page), ==, A64_FSC_TRANSLATION);
  enable (f, 12, A64_BIT (37)); /* TBI0 */
  f->cpu->x[1] = tagged;
  g_assert_cmphex (run (f, VA, 1), ==, VA + 4);
  g_assert_cmphex (f->cpu->x[0], ==, 1);
  put64 (f, slot, (DATA + 0x2000) | PAGE_SYSTEM);
  write_register (f, TLBI_VA, va >> 12);
  run (f, VA, 1);
  g_assert_cmphex (f->cpu->x[0], ==, 2);
}

/* ---- Two CPUs ---- */

static void *
run_other (void *data)
{
  Fixture *f = data;
  DioCpu *cpu = f->cpus[1];
  while (!(DIO_ARM64 (cpu))->off) {
    atomic_store (&cpu->kicked, DIO_KICK_NONE);
    if (cpu->type->run (cpu) == DIO_EXIT_HALT)
      break;
  }
  return NULL;
}

/* One CPU reads a page in a loop; when the other's dsb after a tlbi is through, it reads the page
 * that is there now. */
static void
test_broadcast (Fixture *f, const void *unused)
{
  /* reader: ldr x0, [x1]; str x0, [x2]; ldr x3, [x4]; cbz x3, reader; wfi */
  static const uint32_t reader[] = { LDR_X0_X1, 0xf9000040, 0xf9400083, 0xb4ffffa3, WFI };
  /* tlbi vae1is, x1; dsb ish; wfi */
  static const uint32_t invalidator[] = { 0xd5088321, 0xd5033b9f, WFI };
  DioArm64 *other = DIO_ARM64 (f->cpus[1]);
  uint64_t va = VA + 0x4000;
  put (f, DATA, reader, 5);
  put (f, CODE, invalidator, 3);
  map_page (f, 12, VA, DATA | PAGE_SYSTEM);
  map_page (f, 12, VA + 0x1000, (DATA + 0x5000) | PAGE_SYSTEM);
  DioGpa slot = map_page (f, 12, va, (DATA + 0x1000) | PAGE_SYSTEM);
  put64 (f, DATA + 0x1000, 1);
  put64 (f, DATA + 0x2000, 2);
  put64 (f, DATA + 0x12000, 3);
  enable (f, 12, 0);
  dio_a64_set_entry (f->cpus[1], VA, 0);
  other->tcr = f->cpu->tcr;
  other->ttbr[0] = TABLES;
  other->sctlr = f->cpu->sctlr;
  other->x[1] = va;
  other->x[2] = VA + 0x1000;
  other->x[4] = VA + 0x1008;
  write_register (f, SCTLR, 0);
  GThread *thread = g_thread_new ("reader", run_other, f);
  for (unsigned i = 0; i < 200; i++) {
    uint64_t expected = 2 + (i & 1);
    put64 (f, slot, (DATA + 0x2000 + 0x10000 * (i & 1)) | PAGE_SYSTEM);
    f->cpu->x[1] = va >> 12;
    run (f, CODE, 1);
    /* What the reader stores from now on it has read from now on, but for one store under way. */
    put64 (f, DATA + 0x5000, 0);
    for (unsigned spins = 0; get64 (f, DATA + 0x5000) != expected; spins++) {
      g_assert_cmpuint (spins, <, 5000000);
      g_thread_yield ();
    }
    put64 (f, DATA + 0x5000, 0);
    while (!get64 (f, DATA + 0x5000))
      g_thread_yield ();
    g_assert_cmpuint (get64 (f, DATA + 0x5000), ==, expected);
  }
  put64 (f, DATA + 0x5008, 1);
  g_thread_join (thread);
}

/* Does the other CPU's TLB have @va for loads? */
static bool
other_has (Fixture *f, uint64_t va)
{
  DioTlb *tlb = &DIO_ARM64 (f->cpus[1])->interp.tlb;
  DioTlbSecond found;
  return dio_tlb_hit_read (tlb, va, 8) != NULL
         || dio_tlb_second_find (tlb, tlb->data_set, va, DIO_TLB_READ, &found);
}

/* What a tlbi of one page, of an address space, of very many pages and of everything takes from the
 * other CPU, and what it leaves. */
static void
test_broadcast_scope (Fixture *f, const void *unused)
{
  enum { GLOBAL = 0x4000, PRIVATE = 0x5000, OTHER = 0x6000 };
  static const struct {
    unsigned op2, n;
    uint64_t value;
    bool global, private, other; /* these are left */
  } cases[] = {
    { 1, 1, (VA + GLOBAL) >> 12, false, true, true },
    { 3, 1, (VA + PRIVATE) >> 12, true, false, true },
    { 2, 1, UINT64_C (7) << 48, true, false, true },
    { 2, 1, UINT64_C (8) << 48, true, false, true }, /* of EL1 all address spaces go */
    { 1, 2, VA >> 12, true, true, true },
    { 1, A64_INVALIDATIONS + 1, VA >> 12, false, false, false },
    { 0, 1, 0, false, false, false },
  };
  DioArm64 *other = DIO_ARM64 (f->cpus[1]);
  map_page (f, 12, VA + GLOBAL, DATA | PAGE_SYSTEM);
  map_page (f, 12, VA + PRIVATE, (DATA + 0x1000) | PAGE_SYSTEM | A64_BIT (11));
  map_page (f, 12, VA + OTHER, (DATA + 0x2000) | PAGE_SYSTEM);
  enable (f, 12, 0);
  other->tcr = f->cpu->tcr;
  other->ttbr[0] = TABLES | UINT64_C (7) << 48;
  other->sctlr = f->cpu->sctlr;
  other->mair = 0xff; /* Normal */
  a64_mmu_space_changed (other);
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    uint64_t value;
    for (uint64_t at = GLOBAL; at <= OTHER; at += 0x1000)
      g_assert_true (dio_a64_load_slow (other, VA + at, 8, false, &value));
    g_assert_true (other_has (f, VA + GLOBAL));
    g_assert_true (other_has (f, VA + PRIVATE));
    for (unsigned n = 0; n < cases[i].n; n++)
      write_register (f, DIO_A64_SYSREG (1, 0, 8, 3, cases[i].op2), cases[i].value);
    g_assert_true (atomic_load (&other->interp.requests));
    a64_service_requests (other);
    g_assert_cmpint (other_has (f, VA + GLOBAL), ==, cases[i].global);
    g_assert_cmpint (other_has (f, VA + PRIVATE), ==, cases[i].private);
    g_assert_cmpint (other_has (f, VA + OTHER), ==, cases[i].other);
    g_assert_cmpuint (other->mmu->n_invalidations, ==, 0);
  }
}

/* ldtr at EL1 has the rights of EL0. */
static void
test_unprivileged (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { LDR_X0_X1, LDTR_X0_X1, WFI };
  put (f, DATA, code, 3);
  map_page (f, 12, VA, DATA | PAGE_SYSTEM);
  map_page (f, 12, VA + 0x1000, VECTORS | PAGE_SYSTEM);
  map_page (f, 12, VA + 0x4000, (DATA + 0x1000) | PAGE_SYSTEM);
  map_page (f, 12, VA + 0x5000, (DATA + 0x2000) | PAGE_USER);
  put64 (f, DATA + 0x2000, 77);
  enable (f, 12, 0);
  write_register (f, VBAR, VA + 0x1000);
  f->cpu->x[1] = VA + 0x4000;
  g_assert_cmphex (run (f, VA, 1), ==, VA + 0x1200);
  g_assert_cmphex (f->cpu->esr, ==, A64_ESR (A64_EC_DATA_SAME, A64_FSC_PERMISSION + 3));
  g_assert_cmphex (f->cpu->elr, ==, VA + 4);
  f->cpu->x[1] = VA + 0x5000;
  g_assert_cmphex (run (f, VA, 1), ==, VA + 8);
  g_assert_cmphex (f->cpu->x[0], ==, 77);
}

/* ---- Code that changes ---- */

static void
test_changed_code (Fixture *f, const void *unused)
{
  /* movz x0, #1; wfi: the first word becomes movz x0, #2 */
  static const uint32_t code[] = { 0xd2800020, WFI };
  /* str w2, [x1]; ic ivau, x1; dsb; isb; br x1 */
  static const uint32_t changer[] = { 0xb9000022, 0xd50b7521, 0xd5033f9f, ISB, BR_X1 };
  put (f, CODE, code, 2);
  put (f, CODE + 0x1000, changer, 5);
  run (f, CODE, 1);
  g_assert_cmpuint (f->cpu->x[0], ==, 1);
  f->cpu->x[1] = CODE;
  f->cpu->x[2] = 0xd2800040;
  g_assert_cmphex (run (f, CODE + 0x1000, 1), ==, CODE + 4);
  g_assert_cmpuint (f->cpu->x[0], ==, 2);
}

/* ---- Registers, timer, firmware ---- */

static void
test_registers (Fixture *f, const void *unused)
{
  g_assert_cmphex (read_register (f, DIO_A64_SYSREG (3, 0, 4, 2, 2)), ==, 4); /* CurrentEL */
  write_register (f, DIO_A64_SYSREG (3, 3, 4, 2, 0), UINT64_C (0xa0000000));
  g_assert_cmphex (dio_a64_nzcv (f->cpu), ==, 0xa0000000);
  write_register (f, DIO_A64_SYSREG (3, 0, 1, 0, 2), UINT64_C (3) << 20); /* CPACR: all of it */
  write_register (f, DIO_A64_SYSREG (3, 3, 4, 4, 0), UINT64_MAX);
  g_assert_cmphex (read_register (f, DIO_A64_SYSREG (3, 3, 4, 4, 0)), ==, 0x07c00000);
  write_register (f, DIO_A64_SYSREG (3, 3, 4, 4, 1), UINT64_MAX);
  g_assert_cmphex (read_register (f, DIO_A64_SYSREG (3, 3, 4, 4, 1)), ==, 0x0800009f);
  g_assert_cmphex (read_register (f, DIO_A64_SYSREG (3, 0, 0, 4, 0)) >> 56, ==, 0x11);
  uint64_t value = 0;
  g_assert_false (dio_a64_csr_access (f->cpu, DIO_A64_CSR_READ, DIO_A64_SYSREG (3, 4, 1, 0, 0),
                                      &value)); /* SCTLR_EL2 */
}

/* Those that compiled code has as words of the CPU structure. */
static void
test_words (Fixture *f, const void *unused)
{
  static const uint32_t code[] = {
    0xd5384101, 0xd5184102, 0xd5384103, /* mrs x1, sp_el0; msr sp_el0, x2; mrs x3, sp_el0 */
    0xd518d082, 0xd538d084,             /* msr tpidr_el1, x2; mrs x4, tpidr_el1 */
    0xd5184002, 0xd538400c,             /* msr spsr_el1, x2; mrs x12, spsr_el1 */
    0xd5184022, 0xd538402d,             /* msr elr_el1, x2; mrs x13, elr_el1 */
    0xd53b4225, 0xd5034fff, 0xd53b4226, /* mrs x5, daif; msr daifclr, #15; mrs x6, daif */
    0xd50343df, 0xd53b4227,             /* msr daifset, #3; mrs x7, daif */
    0xd51b4228, 0xd53b4229,             /* msr daif, x8; mrs x9, daif */
    0xd53b00ea, 0xd53b002b,             /* mrs x10, dczid_el0; mrs x11, ctr_el0 */
    0xd53b440e,                         /* mrs x14, fpcr */
    0xd5033b9f, ISB,        WFI,        /* dsb ish */
  };
  put (f, CODE, code, G_N_ELEMENTS (code));
  f->cpu->sp[0] = 0x1230;
  f->cpu->x[2] = UINT64_C (0x123456789abcdef0);
  f->cpu->x[8] = UINT64_MAX & ~A64_PSTATE_A;
  write_register (f, DIO_A64_SYSREG (3, 0, 1, 0, 2), UINT64_C (3) << 20);
  dio_a64_set_fpcr (f->cpu, 1u << 25);
  g_assert_cmphex (run_by_return (f, CODE, 1), ==, CODE + 4 * (G_N_ELEMENTS (code) - 1));
  const uint64_t expected[] = { [1] = 0x1230,
                                [3] = f->cpu->x[2],
                                [4] = f->cpu->x[2],
                                [5] = A64_PSTATE_DAIF,
                                [7] = A64_PSTATE_I | A64_PSTATE_F,
                                [9] = A64_PSTATE_DAIF & ~A64_PSTATE_A,
                                [10] = A64_DCZID,
                                [11] = A64_CTR,
                                [12] = 0x9abcdef0,
                                [13] = f->cpu->x[2],
                                [14] = 1u << 25 };
  for (unsigned i = 1; i < G_N_ELEMENTS (expected); i++)
    if (i != 2 && i != 8)
      g_assert_cmphex (f->cpu->x[i], ==, expected[i]);
  g_assert_cmphex (f->cpu->sp[0], ==, f->cpu->x[2]);
  /* Not for programs. */
  for (unsigned i = 0; i < 16; i++) {
    g_assert_cmphex (run_by_return (f, CODE + 4 * i, 0), ==, VECTORS + 0x400);
    g_assert_cmphex (f->cpu->esr >> 26, ==, i < 9 ? A64_EC_UNKNOWN : A64_EC_SYSREG);
    g_assert_cmphex (f->cpu->elr, ==, CODE + 4 * i);
  }
}

/* The end of an interrupt. */
static bool
lower_line (void *opaque, unsigned index, DioA64CsrOp op, unsigned number, uint64_t *value)
{
  dio_irq_set (opaque, false);
  return true;
}

/* An interrupt that waits is taken behind the instruction that opens its mask. */
static void
test_open_masks (Fixture *f, const void *unused)
{
  static const uint32_t handler[] = { 0xd518cc20, WFI }; /* msr icc_eoir1_el1, x0 */
  static const DioA64CpuInterface interface = { .access = lower_line };
  static const uint32_t codes[][4] = {
    { 0xd53b4221, 0xd50342ff, 0xd53b4222, WFI }, /* mrs x1, daif; msr daifclr, #2; mrs x2, daif */
    { 0xd53b4221, 0xd51b423f, 0xd53b4222, WFI }, /* mrs x1, daif; msr daif, xzr; mrs x2, daif */
  };
  DioIrq irq = dio_a64_irq (&f->machine, 0, 0);
  f->cpu->interface = &interface;
  f->cpu->interface_opaque = &irq;
  put (f, VECTORS + 0x280, handler, 2);
  for (unsigned i = 0; i < G_N_ELEMENTS (codes); i++) {
    put (f, CODE, codes[i], 4);
    dio_irq_set (&irq, true);
    f->cpu->x[2] = 1;
    g_assert_cmphex (run_by_return (f, CODE, 1), ==, VECTORS + 0x284);
    g_assert_cmphex (f->cpu->elr, ==, CODE + 8);
    g_assert_cmphex (f->cpu->x[2], ==, 1);
    g_assert_cmphex (run_by_return (f, CODE, 1), ==, CODE + 12);
    g_assert_cmphex (f->cpu->x[2] & A64_PSTATE_I, ==, 0);
  }
}

#define CLEARED (RAM + 0x3000)

static void
test_clear_block (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { 0xd50b7421, SVC_5, WFI }; /* dc zva, x1 */
  const unsigned refused = A64_FSC_ALIGNMENT | A64_ISS_WNR;
  put (f, CODE, code, 3);
  memset (f->machine.ram->host + (CLEARED - RAM), 0x55, 256);
  f->cpu->x[1] = CLEARED + 64 + 33;
  g_assert_cmphex (run_by_return (f, CODE, 0), ==, VECTORS + 0x400);
  g_assert_cmphex (f->cpu->esr >> 26, ==, A64_EC_SYSREG);
  g_assert_cmphex (get64 (f, CLEARED + 64), ==, 0x5555555555555555);
  /* Without translation memory is that of a device. */
  write_register (f, SCTLR, A64_SCTLR_DZE);
  assert_exception (f, run_by_return (f, CODE, 0), 0x400, A64_EC_DATA_LOWER, refused, CODE);
  assert_exception (f, run_by_return (f, CODE, 1), 0x200, A64_EC_DATA_SAME, refused, CODE);
  g_assert_cmphex (get64 (f, CLEARED + 64), ==, 0x5555555555555555);
  map_page (f, 12, RAM, RAM | PAGE_SYSTEM);
  map_page (f, 12, VECTORS, VECTORS | PAGE_SYSTEM);
  map_page (f, 12, CODE, CODE | PAGE_USER | A64_BIT (7));
  map_page (f, 12, CLEARED, CLEARED | PAGE_USER);
  f->cpu->mair = 0xff;
  enable (f, 12, 0);
  write_register (f, SCTLR, A64_SCTLR_M | A64_SCTLR_SPAN | A64_SCTLR_DZE);
  for (unsigned el = 0; el < 2; el++) {
    memset (f->machine.ram->host + (CLEARED - RAM), 0x55, 256);
    for (unsigned i = 0; i < 2; i++) /* again, with the page in the TLB */
      assert_exception (f, run_by_return (f, CODE, el), el ? 0x200 : 0x400, 0x15, 5, CODE + 8);
    for (unsigned at = 0; at < 256; at += 8)
      g_assert_cmphex (get64 (f, CLEARED + at), ==,
                       at >= 64 && at < 128 ? 0 : UINT64_C (0x5555555555555555));
  }
}

static void
note_line (void *opaque, unsigned number, bool level)
{
  __atomic_store_n ((int *) opaque, level, __ATOMIC_RELEASE);
}

static void
test_timer (Fixture *f, const void *unused)
{
  int line = -1;
  f->cpu->timers[DIO_A64_TIMER_VIRTUAL].irq = (DioIrq){ .set = note_line, .opaque = &line };
  write_register (f, DIO_A64_SYSREG (3, 3, 14, 3, 0), 0xffffffff); /* CNTV_TVAL = -1 */
  write_register (f, DIO_A64_SYSREG (3, 3, 14, 3, 1), 1);
  g_assert_cmpint (line, ==, 1);
  g_assert_cmpuint (read_register (f, DIO_A64_SYSREG (3, 3, 14, 3, 1)), ==, 5);
  write_register (f, DIO_A64_SYSREG (3, 3, 14, 3, 1), 3); /* masked */
  g_assert_cmpint (line, ==, 0);
  write_register (f, DIO_A64_SYSREG (3, 3, 14, 3, 2), UINT64_MAX); /* CVAL */
  write_register (f, DIO_A64_SYSREG (3, 3, 14, 3, 1), 1);
  g_assert_cmpint (line, ==, 0);
  g_assert_cmpuint (read_register (f, DIO_A64_SYSREG (3, 3, 14, 3, 1)), ==, 1);
}

static void
test_firmware (Fixture *f, const void *unused)
{
  static const uint32_t code[] = { HVC_0, WFI };
  DioArm64 *other = DIO_ARM64 (f->cpus[1]);
  put (f, CODE, code, 2);
  f->cpu->x[0] = 0x84000000; /* PSCI_VERSION */
  g_assert_cmphex (run (f, CODE, 1), ==, CODE + 4);
  g_assert_cmphex (f->cpu->x[0], ==, 0x10000);
  f->cpu->x[0] = 0xc4000003; /* CPU_ON */
  f->cpu->x[1] = 1;
  f->cpu->x[2] = CODE + 4;
  f->cpu->x[3] = 99;
  g_assert_true (other->off);
  run (f, CODE, 1);
  g_assert_cmphex (f->cpu->x[0], ==, 0);
  atomic_store (&f->cpus[1]->kicked, DIO_KICK_NONE);
  g_assert_cmpint (f->cpus[1]->type->run (f->cpus[1]), ==, DIO_EXIT_HALT);
  g_assert_false (other->off);
  g_assert_cmphex (other->interp.pc, ==, CODE + 8);
  g_assert_cmpuint (other->x[0], ==, 99);
  f->cpu->x[0] = 0xc4000003;
  run (f, CODE, 1);
  g_assert_cmpint ((int64_t) f->cpu->x[0], ==, -4); /* it is on already */
  f->cpu->x[0] = 0x84000002;                        /* CPU_OFF: not one instruction more */
  g_assert_cmphex (run (f, CODE, 1), ==, CODE);
  g_assert_true (f->cpu->off);
  f->cpu->off = false;
  f->cpu->x[0] = 0x8400ffff;
  run (f, CODE, 1);
  g_assert_cmpint ((int64_t) f->cpu->x[0], ==, -1);
}

/* ---- Engine ---- */

static void *
run_small (void *data)
{
  Fixture *f = data;
  run (f, CODE, 1);
  return NULL;
}

/* Handlers call each other without using stack; instructions are counted exactly. */
static void
test_loop (Fixture *f, const void *unused)
{
  /* loop: ldr x0, [x1]; add x0, x0, #1; str x0, [x1]; bl +0x1000; subs x2, x2, #1; b.ne loop; wfi
   */
  static const uint32_t code[] = { LDR_X0_X1,  0x91000400, STR_X0_X1, 0x940003fd,
                                   0xf1000442, 0x54ffff61, WFI };
  static const uint32_t function[] = { 0xd65f03c0 };
  const uint64_t rounds = 500000;
  pthread_attr_t attr;
  pthread_t thread;
  put (f, CODE, code, 7);
  put (f, CODE + 0x1000, function, 1);
  f->cpu->x[1] = DATA;
  f->cpu->x[2] = rounds;
  f->cpus[0]->stats.instructions = 0;
  g_assert_cmpint (pthread_attr_init (&attr), ==, 0);
  g_assert_cmpint (pthread_attr_setstacksize (&attr, 256 << 10), ==, 0);
  g_assert_cmpint (pthread_create (&thread, &attr, run_small, f), ==, 0);
  pthread_join (thread, NULL);
  pthread_attr_destroy (&attr);
  g_assert_cmpuint (get64 (f, DATA), ==, rounds);
  g_assert_cmpuint (f->cpus[0]->stats.instructions, ==, 7 * rounds + 1);
}

/* ---- State ---- */

static GBytes *
save (DioCpu *cpu)
{
  DioVisitor *visitor = dio_visitor_new_save ();
  cpu->type->state (cpu, visitor);
  return dio_visitor_finish_save (visitor);
}

static void
test_state (Fixture *f, const void *unused)
{
  g_autoptr (GError) error = NULL;
  for (unsigned i = 0; i < 32; i++) {
    f->cpu->x[i] = i * 0x1111;
    f->cpu->v[i] = dio_vec_make (i, ~(uint64_t) i);
  }
  enable (f, 16, 7);
  f->cpu->sp[0] = 5;
  f->cpu->thread[0] = 6;
  f->cpu->esr = 7;
  write_register (f, DIO_A64_SYSREG (3, 0, 1, 0, 2), UINT64_C (3) << 20);
  dio_a64_set_fpcr (f->cpu, 1u << 24);
  dio_a64_set_fpsr (f->cpu, 0x08000011);
  dio_a64_set_nzcv (f->cpu, UINT64_C (0x60000000));
  g_autoptr (GBytes) saved = save (f->cpus[0]);
  DioVisitor *visitor = dio_visitor_new_load (saved);
  f->cpus[1]->type->state (f->cpus[1], visitor);
  g_assert_true (dio_visitor_finish_load (visitor, &error));
  g_assert_no_error (error);
  DioArm64 *other = DIO_ARM64 (f->cpus[1]);
  g_autoptr (GBytes) again = save (f->cpus[1]);
  g_assert_true (g_bytes_equal (saved, again));
  g_assert_cmphex (other->x[9], ==, 0x9999);
  g_assert_cmphex (other->v[3][1], ==, ~UINT64_C (3));
  g_assert_cmphex (dio_a64_nzcv (other), ==, 0x60000000);
  g_assert_false (other->fp_slow);
  g_assert_true (other->fp_mode & DIO_FP_FLUSH);
}

/* A state from between the time that a timer waits for and the alarm that tells of it: the line
 * comes in the machine that loads it, behind what the interrupt controller loads. */
static void
test_loaded_timer (Fixture *f, const void *unused)
{
  g_autoptr (GError) error = NULL;
  int line = 0;
  DioArm64 *other = DIO_ARM64 (f->cpus[1]);
  other->timers[DIO_A64_TIMER_VIRTUAL].irq = (DioIrq){ .set = note_line, .opaque = &line };
  f->cpu->timers[DIO_A64_TIMER_VIRTUAL].control = 1;
  dio_clock_stop (f->machine.clock);
  g_autoptr (GBytes) saved = save (f->cpus[0]);
  DioVisitor *visitor = dio_visitor_new_load (saved);
  f->cpus[1]->type->state (f->cpus[1], visitor);
  g_assert_true (dio_visitor_finish_load (visitor, &error));
  note_line (&line, 0, false);
  dio_clock_start (f->machine.clock);
  dio_loop_clock_changed (f->machine.loop);
  for (unsigned i = 0; i < 10000 && !__atomic_load_n (&line, __ATOMIC_ACQUIRE); i++)
    g_usleep (1000);
  g_assert_cmpint (__atomic_load_n (&line, __ATOMIC_ACQUIRE), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/core/guest/arm64-system/" name, Fixture, NULL, setup, function, teardown);         \
  g_test_add ("/core/guest/arm64-system/compiled/" name, Fixture, "hot=0 whole", setup, function,  \
              teardown)
  ADD ("exceptions", test_exceptions);
  ADD ("return", test_return);
  ADD ("privilege", test_privilege);
  ADD ("interrupt", test_interrupt);
  ADD ("granules", test_granules);
  ADD ("permissions", test_permissions);
  ADD ("address-translation", test_address_translation);
  ADD ("hardware-flags", test_hardware_flags);
  ADD ("maintenance", test_maintenance);
  ADD ("unprivileged", test_unprivileged);
  ADD ("alignment", test_alignment);
  ADD ("spaces", test_spaces);
  ADD ("tags", test_tags);
  ADD ("broadcast", test_broadcast);
  ADD ("broadcast-scope", test_broadcast_scope);
  ADD ("changed-code", test_changed_code);
  ADD ("registers", test_registers);
  ADD ("words", test_words);
  ADD ("open-masks", test_open_masks);
  ADD ("clear-block", test_clear_block);
  ADD ("timer", test_timer);
  ADD ("firmware", test_firmware);
  ADD ("loop", test_loop);
  ADD ("state", test_state);
  ADD ("loaded-timer", test_loaded_timer);
  return g_test_run ();
}
