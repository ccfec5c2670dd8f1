/* SPDX-License-Identifier: GPL-3.0-or-later
 * Statistics as JSON. */
#include "app/model/model-stats.h"

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
  return object;
}
