/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs differential test cases of arm64 on our engine, at EL0. */
#include <stdatomic.h>
#include <string.h>

#include "core/guest/arm64/arm64-priv.h"
#include "core/vm/vm-machine.h"
#include "tests/diff/arm64/a64-test.h"

#define HANDLER UINT64_C (0x0f000000)
#define HANDLER_OFFSET (A64_CODE_SIZE + A64_DATA_SIZE)
#define TABLES UINT64_C (0x0e000000)
#define TABLES_OFFSET (HANDLER_OFFSET + 4096)
#define TABLES_SIZE UINT64_C (0x4000)
#define RAM_SIZE (TABLES_OFFSET + TABLES_SIZE)

struct A64Engine {
  DioMachine machine;
  DioCpu *base;
  DioArm64 *cpu;
  DioMachineConfig config;
};

static void
set_code (A64Engine *engine, uint64_t address, const void *code, uint64_t length)
{
  g_assert_true (dio_dma_write (engine->machine.space, address, code, length));
}

static void
write_register (A64Engine *engine, unsigned number, uint64_t value)
{
  g_assert_true (dio_a64_csr_access (engine->cpu, DIO_A64_CSR_WRITE, number, &value));
}

static void
fill_code (A64Engine *engine, uint64_t address, uint64_t length)
{
  g_autofree uint32_t *brk = g_malloc (length + 4);
  for (uint64_t i = 0; i < length / 4; i++)
    brk[i] = A64_BRK;
  set_code (engine, address, brk, length);
}

static void
put_descriptor (A64Engine *engine, uint64_t table, uint64_t index, uint64_t descriptor)
{
  g_assert_true (
      dio_dma_write (engine->machine.space, table + 8 * index, &descriptor, sizeof descriptor));
}

/* Everything at its own address, for EL0 but for the handler: without translation it would all be
 * of a device, and nothing misaligned. Tables of levels 1 to 3 for 32 bits of address. */
static void
set_tables (A64Engine *engine)
{
  const uint64_t valid = 3, block = 1, normal = A64_BIT (10), user = normal | A64_BIT (6);
  const uint64_t level2 = TABLES + 0x1000, data = TABLES + 0x2000, handler = TABLES + 0x3000;
  put_descriptor (engine, TABLES, 0, level2 | valid);
  for (uint64_t at = A64_CODE; at < A64_CODE + A64_CODE_SIZE; at += 1 << 21)
    put_descriptor (engine, level2, at >> 21, at | user | block);
  put_descriptor (engine, level2, A64_DATA >> 21, data | valid);
  for (uint64_t at = 0; at < A64_DATA_SIZE; at += 1 << 12)
    put_descriptor (engine, data, at >> 12, (A64_DATA + at) | user | valid);
  put_descriptor (engine, level2, HANDLER >> 21, handler | valid);
  put_descriptor (engine, handler, HANDLER >> 12 & 511, HANDLER | normal | valid);
  write_register (engine, DIO_A64_SYSREG (3, 0, 10, 2, 0), 0xff);
  write_register (engine, DIO_A64_SYSREG (3, 0, 2, 0, 2), 32 | A64_BIT (23)); /* TTBR1 is off */
  write_register (engine, DIO_A64_SYSREG (3, 0, 2, 0, 0), TABLES);
}

A64Engine *
a64_engine_new (const char *compiler)
{
  A64Engine *engine = g_new0 (A64Engine, 1);
  DioMachine *machine = &engine->machine;
  uint32_t vectors[1024];
  GError *error = NULL;

  machine->ram = dio_ram_new (RAM_SIZE, "diff", &error);
  g_assert_no_error (error);
  machine->space = dio_space_new ();
  dio_space_map_ram (machine->space, A64_CODE, machine->ram, 0, A64_CODE_SIZE, false);
  dio_space_map_ram (machine->space, A64_DATA, machine->ram, A64_CODE_SIZE, A64_DATA_SIZE, false);
  dio_space_map_ram (machine->space, HANDLER, machine->ram, HANDLER_OFFSET, 4096, false);
  dio_space_map_ram (machine->space, TABLES, machine->ram, TABLES_OFFSET, TABLES_SIZE, false);
  machine->clock = dio_clock_new ();
  machine->loop = dio_loop_new ("diff", &error);
  g_assert_no_error (error);
  engine->config.cpus = 1;
  engine->config.engine = compiler ? DIO_ENGINE_COMPILER : DIO_ENGINE_INTERPRETER;
  engine->config.compiler = (char *) compiler;
  machine->config = &engine->config;
  machine->n_cpus = 1;
  machine->cpus = &engine->base;
  engine->base = dio_cpu_arm64.create (machine, 0, &error);
  g_assert_no_error (error);
  engine->cpu = DIO_ARM64 (engine->base);

  fill_code (engine, A64_CODE, A64_CODE_SIZE);
  /* Every vector: wfi. Behind them: isb; eret. */
  for (unsigned i = 0; i < 512; i++)
    vectors[i] = 0xd503207f;
  vectors[512] = 0xd5033fdf;
  vectors[513] = 0xd69f03e0;
  set_code (engine, HANDLER, vectors, 514 * 4);
  dio_a64_set_entry (engine->base, HANDLER, 0);
  write_register (engine, DIO_A64_SYSREG (3, 0, 12, 0, 0), HANDLER);
  write_register (engine, DIO_A64_SYSREG (3, 0, 1, 0, 2), UINT64_C (3) << 20);
  set_tables (engine);
  write_register (engine, DIO_A64_SYSREG (3, 0, 1, 0, 0),
                  A64_SCTLR_M | A64_SCTLR_DZE | A64_SCTLR_UCT | A64_SCTLR_UCI | A64_SCTLR_NTWI);
  return engine;
}

void
a64_engine_free (A64Engine *engine)
{
  DioMachine *machine = &engine->machine;
  dio_cpu_arm64.free (engine->base);
  dio_jit_free (machine->jit);
  dio_loop_free (machine->loop);
  dio_clock_free (machine->clock);
  dio_space_free (machine->space);
  dio_ram_free (machine->ram);
  g_free (engine);
}

uint64_t
a64_engine_compiled (A64Engine *engine)
{
  DioJitStats stats = { 0 };
  if (engine->machine.jit)
    dio_jit_get_stats (engine->machine.jit, &stats);
  return stats.insns;
}

void
a64_engine_start_batch (A64Engine *engine, const A64Shared *shared)
{
  set_code (engine, A64_SLOTS, shared->slots, shared->slots_end);
  set_code (engine, A64_JUMPS, shared->jumps, shared->jumps_end);
  engine->cpu->forget_code = true;
}

void
a64_engine_end_batch (A64Engine *engine, const A64Shared *shared, void *data)
{
  static const uint64_t zeros[A64_DATA_SIZE / 8];
  fill_code (engine, A64_SLOTS, shared->slots_end);
  fill_code (engine, A64_JUMPS, shared->jumps_end);
  g_assert_true (dio_dma_read (engine->machine.space, A64_DATA, data, A64_DATA_SIZE));
  g_assert_true (dio_dma_write (engine->machine.space, A64_DATA, zeros, A64_DATA_SIZE));
}

void
a64_engine_run (A64Engine *engine, const A64Test *test, A64Outcome *outcome)
{
  static const uint64_t zeros[A64_WINDOW_MAX / 8];
  DioArm64 *cpu = engine->cpu;
  const A64State *state = &test->c.state;
  A64State *after = &outcome->state;
  DioSpace *space = engine->machine.space;

  g_assert_true (dio_dma_write (space, test->c.window, test->window, test->c.length));
  memcpy (cpu->x, state->x, sizeof state->x);
  memcpy (cpu->v, state->v, sizeof state->v);
  cpu->sp[0] = state->sp;
  cpu->thread[0] = 0;
  dio_a64_set_fpcr (cpu, (uint32_t) state->fpcr);
  dio_a64_set_fpsr (cpu, (uint32_t) state->fpsr);
  cpu->elr = state->pc;
  cpu->spsr = state->nzcv;
  cpu->interp.pc = HANDLER + 512 * 4;
  atomic_store (&engine->base->kicked, DIO_KICK_NONE);
  if (engine->base->type->run (engine->base) != DIO_EXIT_HALT)
    g_error ("the engine left its run without a wfi");

  memset (outcome, 0, sizeof *outcome);
  memcpy (after->x, cpu->x, sizeof after->x);
  memcpy (after->v, cpu->v, sizeof after->v);
  after->sp = cpu->sp[0];
  after->pc = cpu->elr;
  after->nzcv = cpu->spsr & A64_NZCV;
  after->fpcr = cpu->fpcr;
  after->fpsr = dio_a64_fpsr (cpu);
  outcome->cause = (int) (cpu->esr >> 26);
  outcome->has_fault = outcome->cause == A64_EC_DATA_LOWER || outcome->cause == A64_EC_FETCH_LOWER
                       || outcome->cause == A64_EC_PC_ALIGNMENT;
  if (outcome->has_fault)
    outcome->fault = cpu->far;
  if (outcome->cause == A64_EC_BRK && after->pc == test->slot + 4 * test->units)
    outcome->cause = -1;
  /* As signals tell it: what a system might do for the program is undefined otherwise; */
  if (outcome->cause == A64_EC_SYSREG)
    outcome->cause = A64_EC_UNKNOWN;
  /* an access that nothing is wrong with but its alignment. */
  if (outcome->cause == A64_EC_DATA_LOWER && (cpu->esr & 0x3f) == A64_FSC_ALIGNMENT)
    outcome->cause = A64_EC_PC_ALIGNMENT;
  g_assert_true (dio_dma_read (space, test->c.window, outcome->window, test->c.length));
  g_assert_true (dio_dma_write (space, test->c.window, zeros, test->c.length));
}
