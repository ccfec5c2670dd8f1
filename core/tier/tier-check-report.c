/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a person is told about compiled code that differs from the interpreter. */
#include "core/tier/tier-check-private.h"

#include <inttypes.h>
#include <string.h>

#include "core/debug/debug-disasm.h"
#include "core/tier/tier-region.h"

static void
put_state (GString *text, const DioTierGuest *guest, const DioTierCheck *check)
{
  const DioTierState *want = check->want, *have = check->have;
  guest->checked->print (text, want, have);
  g_string_append_printf (text,
                          "  pc: %016" PRIx64 ", %016" PRIx64 "\n  exception flags: %02x, %02x\n"
                          "  instructions: %" PRIu64 ", %" PRIu64 "\n",
                          want->pc, have->pc, want->fp_flags, have->fp_flags, want->count,
                          have->count);
}

static void
put_trail (GString *text, const DioTierGuest *guest, const DioTierCheck *check)
{
  unsigned first = check->n_trail > TIER_CHECK_TRAIL ? check->n_trail - TIER_CHECK_TRAIL : 0;
  g_string_append (text, "The last instructions:\n");
  for (unsigned i = first; i < check->n_trail; i++) {
    uint64_t pc = check->trail[i % TIER_CHECK_TRAIL], offset = pc & DIO_PAGE_MASK;
    uint32_t raw = 0;
    memcpy (&raw, check->page + offset, MIN (4, DIO_PAGE_SIZE - offset));
    g_string_append_printf (text, "  %016" PRIx64 "  ", pc);
    guest->checked->disassemble (text, raw, pc);
    g_string_append_c (text, '\n');
  }
}

static void
put_accesses (GString *text, const DioTierReference *reference)
{
  unsigned n = reference->accesses->len;
  g_string_append_printf (text, "%u of %u accesses were replayed; the last:\n", reference->next, n);
  for (unsigned i = reference->next > 8 ? reference->next - 8 : 0; i < MIN (n, reference->next + 2);
       i++) {
    const DioTierAccess *access = &g_array_index (reference->accesses, DioTierAccess, i);
    g_string_append_printf (text,
                            "  %s %016" PRIx64 " value %016" PRIx64 " result %016" PRIx64 "%s\n",
                            dio_ir_op_info[access->opcode].name, access->va, access->value,
                            access->result, access->done ? "" : " (faulted)");
  }
}

/* As it is compiled when everything that can be reached is. */
static void
put_ir (GString *text, const DioTierGuest *guest, const DioTierCheck *check)
{
  unsigned offset = (unsigned) (check->start->pc & DIO_PAGE_MASK);
  g_autoptr (DioOptContext) optimiser = dio_opt_context_new ();
  g_autofree DioJitRegion *region = g_new0 (DioJitRegion, 1);
  dio_tier_region_build (guest, region, check->page, offset, NULL, NULL);
  for (unsigned i = 0; i < region->n_blocks; i++) {
    dio_opt_block (optimiser, region->blocks[i].ir);
    g_autofree char *ir = dio_ir_block_to_text (region->blocks[i].ir);
    g_string_append_printf (text, "Block at %03x:\n%s", region->blocks[i].offset, ir);
  }
  dio_tier_region_clear (region);
}

static void
put_code (GString *text, DioInterpCpu *cpu)
{
  const DioTierCheck *check = cpu->tier->check;
  const uint8_t *code;
  uint32_t size;
  dio_jit_code_around (cpu->tier->jit, check->code, &code, &size);
  g_autofree char *listing = dio_debug_disassemble (code, size, (uint64_t) (uintptr_t) code);
  g_string_append_printf (text, "Code, %u bytes, entered at %" PRIxPTR ":\n%s", size,
                          (uintptr_t) check->code, listing);
}

char *
dio_tier_check_report (DioInterpCpu *cpu, const DioTierReference *reference)
{
  const DioTierGuest *guest = cpu->tier->guest;
  const DioTierCheck *check = cpu->tier->check;
  GString *text = g_string_new (NULL);
  g_string_append_printf (text,
                          "compiled code differs from the interpreter on CPU %u: %s\n"
                          "Entered at %016" PRIx64 ", left at %016" PRIx64 " after %" PRIu64
                          " instructions.\n",
                          cpu->cpu.index, reference->why, check->start->pc, check->have->pc,
                          check->have->count - check->start->count);
  put_state (text, guest, check);
  put_trail (text, guest, check);
  put_accesses (text, reference);
  put_ir (text, guest, check);
  put_code (text, cpu);
  return g_string_free (text, FALSE);
}
