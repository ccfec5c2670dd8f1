/* SPDX-License-Identifier: GPL-3.0-or-later
 * Statistics as JSON. */
#include "app/model/model-stats.h"

static JsonObject *
jit_to_json (const DioJitStats *jit)
{
  JsonObject *object = json_object_new ();
  json_object_set_double_member (object, "compile_seconds", (double) jit->compile_ns / 1e9);
  json_object_set_int_member (object, "regions", (gint64) jit->units);
  json_object_set_int_member (object, "instructions", (gint64) jit->insns);
  json_object_set_int_member (object, "code_bytes", (gint64) jit->live_bytes);
  json_object_set_int_member (object, "code_bytes_total", (gint64) jit->code_bytes);
  json_object_set_int_member (object, "live_regions", (gint64) jit->live_units);
  json_object_set_int_member (object, "invalidated_regions", (gint64) jit->invalidated_units);
  json_object_set_int_member (object, "evicted_segments", (gint64) jit->evicted_segments);
  json_object_set_int_member (object, "enters", (gint64) jit->enters);
  json_object_set_int_member (object, "lookups", (gint64) jit->lookups);
  json_object_set_int_member (object, "lookup_misses", (gint64) jit->lookup_misses);
  json_object_set_int_member (object, "interpreted", (gint64) jit->interpreted);
  json_object_set_int_member (object, "polls", (gint64) jit->polls);
  json_object_set_int_member (object, "faults", (gint64) jit->faults);
  json_object_set_int_member (object, "refills", (gint64) jit->refills);
  json_object_set_int_member (object, "sweeps", (gint64) jit->sweeps);
  json_object_set_int_member (object, "slow_accesses", (gint64) jit->slow_accesses);
  return object;
}

JsonObject *
dio_stats_to_json (const DioMachineStats *stats)
{
  JsonObject *object = json_object_new ();
  const DioCpuStats *cpu = &stats->cpu;
  double mips = stats->vcpu_seconds > 0 ? cpu->instructions / stats->vcpu_seconds / 1e6 : 0;
  json_object_set_int_member (object, "instructions", cpu->instructions);
  json_object_set_double_member (object, "mips", mips);
  json_object_set_double_member (object, "run_seconds", stats->run_seconds);
  json_object_set_double_member (object, "vcpu_seconds", stats->vcpu_seconds);
  json_object_set_int_member (object, "traps", cpu->traps);
  json_object_set_int_member (object, "interrupts", cpu->interrupts);
  json_object_set_int_member (object, "tlb_misses", cpu->tlb_misses);
  json_object_set_int_member (object, "decoded_pages", cpu->decoded_pages);
  json_object_set_int_member (object, "mmio_reads", cpu->mmio_reads);
  json_object_set_int_member (object, "mmio_writes", cpu->mmio_writes);
  json_object_set_int_member (object, "exits_halt", cpu->exits_halt);
  json_object_set_int_member (object, "exits_kick", cpu->exits_kick);
  json_object_set_int_member (object, "ram_resident", stats->ram_resident);
  if (stats->has_jit)
    json_object_set_object_member (object, "jit", jit_to_json (&stats->jit));
  return object;
}
