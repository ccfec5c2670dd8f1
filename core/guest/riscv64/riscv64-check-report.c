/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a person is told about compiled code that differs from the interpreter. */
#include "core/guest/riscv64/riscv64-check-private.h"

#include <inttypes.h>
#include <string.h>

#include "core/debug/debug-disasm.h"
#include "core/guest/riscv64/riscv64-disasm.h"
#include "core/guest/riscv64/riscv64-region.h"
#include "core/opt/opt.h"
#include "core/vm/vm-machine.h"

static void
put_pair (GString *text, const char *name, unsigned number, uint64_t want, uint64_t have)
{
  if (want != have)
    g_string_append_printf (text, "  %s%u: interpreter %016" PRIx64 ", compiled %016" PRIx64 "\n",
                            name, number, want, have);
}

static void
put_state (GString *text, const DioRvCheckState *want, const DioRvCheckState *have)
{
  for (unsigned i = 0; i < 32; i++)
    put_pair (text, "x", i, want->x[i], have->x[i]);
  for (unsigned i = 0; i < 32; i++)
    put_pair (text, "f", i, want->f[i], have->f[i]);
  g_string_append_printf (text,
                          "  pc: %016" PRIx64 ", %016" PRIx64 "\n  fflags: %02x, %02x\n"
                          "  instructions: %" PRIu64 ", %" PRIu64 "\n",
                          want->pc, have->pc, want->fflags, have->fflags, want->count, have->count);
}

static void
put_trail (GString *text, const DioRvCheck *check)
{
  unsigned first = check->n_trail > DIO_RV_CHECK_TRAIL ? check->n_trail - DIO_RV_CHECK_TRAIL : 0;
  g_string_append (text, "The last instructions:\n");
  for (unsigned i = first; i < check->n_trail; i++) {
    uint64_t pc = check->trail[i % DIO_RV_CHECK_TRAIL], offset = pc & DIO_PAGE_MASK;
    uint32_t raw = 0;
    char line[DIO_RV_DISASM_SIZE];
    memcpy (&raw, check->page + offset, MIN (4, DIO_PAGE_SIZE - offset));
    dio_rv_disassemble (raw, pc, line, sizeof line);
    g_string_append_printf (text, "  %016" PRIx64 "  %s\n", pc, line);
  }
}

static void
put_accesses (GString *text, const DioRvReference *reference)
{
  unsigned n = reference->accesses->len;
  g_string_append_printf (text, "%u of %u accesses were replayed; the last:\n", reference->next, n);
  for (unsigned i = reference->next > 8 ? reference->next - 8 : 0; i < MIN (n, reference->next + 2);
       i++) {
    const DioRvCheckAccess *access = &g_array_index (reference->accesses, DioRvCheckAccess, i);
    g_string_append_printf (text,
                            "  %s %016" PRIx64 " value %016" PRIx64 " result %016" PRIx64 "%s\n",
                            dio_ir_op_info[access->opcode].name, access->va, access->value,
                            access->result, access->done ? "" : " (faulted)");
  }
}

/* As it is compiled when everything that can be reached is. */
static void
put_ir (GString *text, const DioRvCheck *check, unsigned offset)
{
  g_autoptr (DioOptContext) optimiser = dio_opt_context_new ();
  g_autofree DioJitRegion *region = g_new0 (DioJitRegion, 1);
  dio_rv_region_build (region, check->page, offset, NULL, NULL);
  for (unsigned i = 0; i < region->n_blocks; i++) {
    dio_opt_block (optimiser, region->blocks[i].ir);
    g_autofree char *ir = dio_ir_block_to_text (region->blocks[i].ir);
    g_string_append_printf (text, "Block at %03x:\n%s", region->blocks[i].offset, ir);
  }
  dio_rv_region_clear (region);
}

static void
put_code (GString *text, DioRiscv64 *hart)
{
  const DioRvCheck *check = hart->check;
  const uint8_t *code;
  uint32_t size;
  dio_jit_code_around (hart->interp.cpu.machine->jit, check->code, &code, &size);
  g_autofree char *listing = dio_debug_disassemble (code, size, (uint64_t) (uintptr_t) code);
  g_string_append_printf (text, "Code, %u bytes, entered at %" PRIxPTR ":\n%s", size,
                          (uintptr_t) check->code, listing);
}

char *
dio_rv_check_report (DioRiscv64 *hart, const DioRvReference *reference, const DioRvCheckState *have)
{
  const DioRvCheck *check = hart->check;
  unsigned offset = (unsigned) (check->start.pc & DIO_PAGE_MASK);
  GString *text = g_string_new (NULL);
  g_string_append_printf (text,
                          "compiled code differs from the interpreter on CPU %u: %s\n"
                          "Entered at %016" PRIx64 ", left at %016" PRIx64 " after %" PRIu64
                          " instructions.\n",
                          hart->interp.cpu.index, reference->why, check->start.pc, have->pc,
                          have->count - check->start.count);
  put_state (text, &reference->state, have);
  put_trail (text, check);
  put_accesses (text, reference);
  put_ir (text, check, offset);
  put_code (text, hart);
  return g_string_free (text, FALSE);
}
