/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs differential test cases on our engine. */
#include "tests/diff/diff-engine.h"

#include <stdatomic.h>
#include <string.h>

#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/vm/vm-machine.h"

#define HANDLER UINT64_C (0x0f000000)
#define TRAP (HANDLER + 8)
#define HANDLER_OFFSET (DIFF_CODE_SIZE + DIFF_DATA_SIZE)
#define RAM_SIZE (HANDLER_OFFSET + 4096)

enum {
  CSR_SENVCFG = 0x10a,
  CSR_MSTATUS = 0x300,
  CSR_MTVEC = 0x305,
  CSR_MENVCFG = 0x30a,
  CSR_MEPC = 0x341,
  CSR_PMPCFG0 = 0x3a0,
  CSR_PMPADDR0 = 0x3b0,
};

struct DiffEngine {
  DioMachine machine;
  DioCpu *cpu;
  DioRiscv64 *hart;
  bool cache_blocks;
  DioMachineConfig config;
};

static void
write_csr (DiffEngine *engine, unsigned csr, uint64_t value)
{
  uint64_t old;

  g_assert (dio_rv_csr_access (engine->hart, csr, DIO_RV_CSR_WRITE, value, &old)
            == DIO_RV_EXC_NONE);
}

static void
run (DiffEngine *engine, uint64_t pc)
{
  engine->hart->interp.pc = pc;
  atomic_store (&engine->cpu->kicked, DIO_KICK_NONE);
  if (engine->cpu->type->run (engine->cpu) != DIO_EXIT_HALT)
    g_error ("the engine left its run without a wfi");
}

static void
set_code (DiffEngine *engine, uint64_t address, const void *code, uint64_t length)
{
  g_assert_true (dio_dma_write (engine->machine.space, address, code, length));
}

DiffEngine *
diff_engine_new (const char *compiler)
{
  DiffEngine *engine = g_new0 (DiffEngine, 1);
  DioMachine *machine = &engine->machine;
  g_autofree uint64_t *fill = g_malloc (DIFF_CODE_SIZE);
  /* fence.i; mret; trap: wfi; j trap */
  static const uint32_t handler[] = { 0x0000100f, 0x30200073, 0x10500073, 0xffdff06f };
  static const uint32_t ecall = 0x00000073;
  GError *error = NULL;

  machine->ram = dio_ram_new (RAM_SIZE, "diff", &error);
  g_assert_no_error (error);
  machine->space = dio_space_new ();
  dio_space_map_ram (machine->space, DIFF_CODE, machine->ram, 0, DIFF_CODE_SIZE, false);
  dio_space_map_ram (machine->space, DIFF_DATA, machine->ram, DIFF_CODE_SIZE, DIFF_DATA_SIZE,
                     false);
  dio_space_map_ram (machine->space, HANDLER, machine->ram, HANDLER_OFFSET, 4096, false);
  machine->clock = dio_clock_new ();
  machine->loop = dio_loop_new ("diff", &error);
  g_assert_no_error (error);
  engine->config.cpus = 1;
  engine->config.engine = compiler ? DIO_ENGINE_COMPILER : DIO_ENGINE_INTERPRETER;
  engine->config.compiler = (char *) compiler;
  machine->config = &engine->config;
  machine->n_cpus = 1;
  machine->cpus = &engine->cpu;
  engine->cpu = dio_cpu_riscv64.create (machine, 0, &error);
  g_assert_no_error (error);
  engine->hart = (DioRiscv64 *) engine->cpu;

  for (uint64_t i = 0; i < DIFF_CODE_SIZE / 8; i++)
    fill[i] = DIFF_C_EBREAK;
  set_code (engine, DIFF_CODE, fill, DIFF_CODE_SIZE);
  for (unsigned base = 1; base < 32; base++)
    set_code (engine, DIFF_STUBS + base * 8, &ecall, 4);
  set_code (engine, HANDLER, handler, sizeof handler);
  dio_rv_set_entry (engine->cpu, HANDLER, 0, 0, 0);
  write_csr (engine, CSR_MTVEC, TRAP);
  write_csr (engine, CSR_PMPADDR0, UINT64_MAX >> 10);
  write_csr (engine, CSR_PMPCFG0, 0x1f);
  return engine;
}

void
diff_engine_free (DiffEngine *engine)
{
  DioMachine *machine = &engine->machine;

  dio_cpu_riscv64.free (engine->cpu);
  dio_jit_free (machine->jit);
  dio_loop_free (machine->loop);
  dio_clock_free (machine->clock);
  dio_space_free (machine->space);
  dio_ram_free (machine->ram);
  g_free (engine);
}

uint64_t
diff_engine_compiled (DiffEngine *engine)
{
  DioJitStats stats = { 0 };

  if (engine->machine.jit != NULL)
    dio_jit_get_stats (engine->machine.jit, &stats);
  return stats.insns;
}

void
diff_engine_start_batch (DiffEngine *engine, const DiffShared *shared)
{
  set_code (engine, DIFF_SLOTS, shared->slots, shared->slots_end);
  set_code (engine, DIFF_JUMPS, shared->jumps, shared->jumps_end);
}

void
diff_engine_end_batch (DiffEngine *engine, const DiffShared *shared, void *data)
{
  g_autofree uint64_t *fill = g_malloc (DIFF_SLOTS_SIZE);

  for (uint64_t i = 0; i < DIFF_SLOTS_SIZE / 8; i++)
    fill[i] = DIFF_C_EBREAK;
  set_code (engine, DIFF_SLOTS, fill, shared->slots_end);
  set_code (engine, DIFF_JUMPS, fill, shared->jumps_end);
  g_assert_true (dio_dma_read (engine->machine.space, DIFF_DATA, data, DIFF_DATA_SIZE));
  memset (fill, 0, DIFF_DATA_SIZE);
  g_assert_true (dio_dma_write (engine->machine.space, DIFF_DATA, fill, DIFF_DATA_SIZE));
}

void
diff_engine_run (DiffEngine *engine, const DiffTest *test, DiffOutcome *outcome)
{
  static const uint64_t zeros[DIFF_WINDOW_MAX / 8];
  DioRiscv64 *hart = engine->hart;
  const DiffCase *state = &test->state;

  g_assert_true (dio_dma_write (engine->machine.space, state->window, test->window, state->length));
  memcpy (hart->x, state->x, sizeof hart->x);
  hart->x[0] = 0;
  memcpy (hart->f, state->f, sizeof hart->f);
  hart->fflags = state->fcsr & 0x1f;
  hart->frm = state->fcsr >> 5 & 7;
  hart->reservation = UINT64_MAX;
  if (engine->cache_blocks != test->cache_blocks) {
    /* CBZE, CBCFE, CBIE = invalidate */
    write_csr (engine, CSR_MENVCFG, test->cache_blocks ? 0xf0 : 0);
    write_csr (engine, CSR_SENVCFG, test->cache_blocks ? 0xf0 : 0);
    engine->cache_blocks = test->cache_blocks;
  }
  write_csr (engine, CSR_MSTATUS, UINT64_C (3) << 13); /* FS dirty, MPP user */
  write_csr (engine, CSR_MEPC, test->slot);
  run (engine, HANDLER);

  memcpy (outcome->x, hart->x, sizeof hart->x);
  memcpy (outcome->f, hart->f, sizeof hart->f);
  outcome->x[0] = hart->mepc;
  outcome->fcsr = hart->fflags | (uint64_t) hart->frm << 5;
  outcome->tval = hart->mtval;
  outcome->cause = (int) hart->mcause;
  if (hart->mcause == DIO_RV_EXC_ECALL_U && hart->mepc == DIFF_STUBS + state->base * 8)
    outcome->cause = -1;
  g_assert_true (
      dio_dma_read (engine->machine.space, state->window, outcome->window, state->length));
  g_assert_true (dio_dma_write (engine->machine.space, state->window, zeros, state->length));
}
