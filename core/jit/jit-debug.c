/* SPDX-License-Identifier: GPL-3.0-or-later
 * What people who work on the compiler can ask it to tell: regions as text, and a map for perf. */
#include <inttypes.h>

#include "core/debug/debug-disasm.h"
#include "core/jit/jit-perf.h"
#include "core/jit/jit-private.h"

struct DioJitDebug {
  char *folder;
  DioJitPerf *perf;
};

/* NULL where it says nothing: an empty folder would be the root. */
static const char *
setting (const char *name)
{
  const char *value = g_getenv (name);
  return value && *value ? value : NULL;
}

DioJitDebug *
dio_jit_debug_new (void)
{
  const char *folder = setting ("DIORAMA_JIT_DUMP");
  const char *perf = setting ("DIORAMA_JIT_PERF");
  if (!folder && !perf)
    return NULL;
  DioJitDebug *debug = g_new0 (DioJitDebug, 1);
  debug->folder = g_strdup (folder);
  g_autoptr (GError) error = NULL;
  if (perf && !(debug->perf = dio_jit_perf_new (NULL, &error)))
    g_warning ("%s", error->message);
  return debug;
}

void
dio_jit_debug_free (DioJitDebug *debug)
{
  if (!debug)
    return;
  g_clear_pointer (&debug->perf, dio_jit_perf_free);
  g_free (debug->folder);
  g_free (debug);
}

static void
print_block (GString *out, const DioJitRegion *region, unsigned index)
{
  const DioJitBlock *block = &region->blocks[index];
  g_autofree char *ir = dio_ir_block_to_text (block->ir);
  g_string_append_printf (out,
                          "block %u at 0x%x%s depth %u taken %d next %d needed %016" PRIx64
                          " dirty %016" PRIx64 " clean %016" PRIx64 " %016" PRIx64 "\n%s\n",
                          index, block->offset, block->entry ? " entry" : "", block->depth,
                          block->taken == DIO_JIT_NO_BLOCK ? -1 : block->taken,
                          block->next == DIO_JIT_NO_BLOCK ? -1 : block->next, block->needed,
                          block->dirty, block->clean[DIO_JIT_CLEAN_8],
                          block->clean[DIO_JIT_CLEAN_4], ir);
}

static void
write_region (DioJitDebug *debug, const DioJitRegion *region, const DioJitCode *code,
              const uint8_t *exec, bool done)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_string_append_printf (out, "region of %u instructions%s\n", region->n_insns,
                          done ? "" : ", not compiled");
  for (unsigned var = 0; var < DIO_JIT_N_VARS; var++)
    if (region->host[var] >= 0)
      g_string_append_printf (out, "%c%u in host register %d\n", var < DIO_JIT_F ? 'x' : 'f',
                              var % DIO_JIT_F, region->host[var]);
  for (unsigned i = 0; i < region->n_blocks; i++)
    print_block (out, region, i);
  if (done) {
    g_autofree char *host = dio_debug_disassemble (exec, code->size, (uintptr_t) exec);
    g_string_append (out, host);
  }
  g_autofree char *name =
      g_strdup_printf ("%s/%08" PRIx64 "-%p.txt", debug->folder,
                       region->page + region->blocks[0].offset, (const void *) exec);
  g_autoptr (GError) error = NULL;
  if (!g_file_set_contents (name, out->str, (gssize) out->len, &error))
    g_warning ("%s", error->message);
}

void
dio_jit_debug_region (DioJitDebug *debug, const DioJitRegion *region, const DioJitCode *code,
                      const uint8_t *exec, bool done)
{
  if (debug->folder)
    write_region (debug, region, code, exec, done);
  if (done)
    dio_jit_perf_add (debug->perf, exec, code->size, "guest-%" PRIx64,
                      region->page + region->blocks[0].offset);
}
