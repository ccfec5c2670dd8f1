/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which code is compiled, and when. */
#include "core/fp/fp.h"
#include "core/tier/tier-private.h"
#include "core/tier/tier-region.h"

/* A decoded slot was at least on the way of something that was run. */
typedef struct {
  const DioInterpSlot *slots; /* or NULL: everything counts as run */
  unsigned parcel;
} Decoded;

static bool
slot_was_run (void *data, unsigned offset)
{
  const Decoded *decoded = data;
  return !decoded->slots
         || decoded->slots[offset / decoded->parcel].handler != dio_interp_op_decode;
}

static void
mark_entries (const DioJitRegion *region, DioInterpSlot *slots, unsigned parcel)
{
  for (unsigned i = 0; i < region->n_blocks && slots; i++) {
    DioInterpSlot *slot = &slots[region->blocks[i].offset / parcel];
    if (region->blocks[i].entry && slot->handler != dio_interp_op_decode)
      slot->handler = dio_interp_op_compiled;
  }
}

static void
compile (DioInterpCpu *cpu, DioJitEntry *entry)
{
  const DioTierGuest *guest = cpu->tier->guest;
  DioJit *jit = cpu->tier->jit;
  DioRam *ram = cpu->cpu.machine->ram;
  if (!dio_jit_begin (jit, entry))
    return;
  uint64_t page = entry->address & ~(uint64_t) DIO_PAGE_MASK;
  uint32_t generation = dio_interp_engine_watch_page (cpu, ram, page);
  unsigned parcel = cpu->decoder->guest->parcel;
  DioInterpSlot *slots = dio_interp_engine_slots (cpu, ram->host + page);
  Decoded decoded = { dio_jit_options (jit)->whole ? NULL : slots, parcel };
  /* A copy, as others may write meanwhile: then it is compiled in vain, but from one text. */
  g_autofree uint8_t *bytes = g_memdup2 (ram->host + page, DIO_PAGE_SIZE);
  DioJitRegion *region = g_new (DioJitRegion, 1);
  region->page = page;
  dio_tier_region_build (guest, region, bytes, entry->address & DIO_PAGE_MASK, slot_was_run,
                         &decoded);
  for (unsigned i = 0; i < region->n_blocks; i++)
    dio_opt_block (cpu->tier->optimiser, region->blocks[i].ir);
  if (dio_jit_finish (jit, entry, region, generation))
    mark_entries (region, slots, parcel);
  dio_tier_region_clear (region);
  g_free (region);
}

const uint8_t *
dio_tier_code (DioInterpCpu *cpu, DioJitEntry *entry, unsigned heat)
{
  DioJit *jit = cpu->tier->jit;
  const uint8_t *code = dio_jit_entry_far (jit, entry);
  if (DIO_LIKELY (code) || !heat)
    return code;
  if (atomic_fetch_add_explicit (&entry->heat, heat, memory_order_relaxed) + heat
      < dio_jit_options (jit)->hot)
    return NULL;
  /* The compiler and GLib compute in floating point too, where the flags are the guest's. */
  uint64_t fp = dio_fp_host_enter ();
  compile (cpu, entry);
  dio_fp_host_leave (fp);
  return dio_jit_entry_far (jit, entry);
}
