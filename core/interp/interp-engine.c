/* SPDX-License-Identifier: GPL-3.0-or-later
 * The instruction engine: pages of decoded instructions, entry and exit of guest code.
 *
 * Decoded pages are keyed by the host address of the physical page, so no change of translation
 * touches them. A jump to another page asks the code TLB for the host page and the jump table (same
 * index) for its slots; both hit in a few instructions, see DIO_INTERP_TRY_GO. Everything else
 * comes through dio_interp_op_enter() below.
 *
 * What keeps decoded instructions right: before the first byte of a page is decoded the page is
 * marked DIO_PAGE_CODE and its write generation is read; a noted write bumps the generation. The
 * guest's barrier for code empties the jump table, so that each page is compared with its
 * generation before it is entered again, and is decoded anew if it has changed. Without a barrier a
 * guest has no claim to new code.
 *
 * Memory is bounded: slots live in one reservation of max_pages pages, filled in order and then
 * recycled by a clock. */
#include "core/interp/interp-engine.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/fp/fp.h"
#include "core/vm/vm-machine.h"

/* Of all vCPUs of a machine together, about 128 MiB of slots, and of one (for parcels of 2 bytes):
 */
#define ALL_PAGES 4096
#define MAX_PAGES 2048
#define MIN_PAGES 256
#define BUCKETS 4096
#define NONE UINT32_MAX

static DioInterpSlot *
page_slots (DioInterpEngine *engine, uint32_t page)
{
  return engine->arena + (size_t) page * engine->stride;
}

static uint32_t
bucket_of (uintptr_t host)
{
  return (uint32_t) ((host >> DIO_PAGE_SHIFT) * UINT64_C (0x9e3779b97f4a7c15) >> 52);
}

_Static_assert(BUCKETS == 1 << 12, "bucket_of() gives 12 bits");

/* ---- Decoded pages ---- */

static void
forget (DioInterpEngine *engine)
{
  for (unsigned i = 0; i < DIO_TLB_ENTRIES; i++)
    engine->jumps[i].host = 1;
}

void
dio_interp_engine_forget (DioInterpCpu *cpu)
{
  forget (cpu->decoder);
}

static void
clear_slots (DioInterpEngine *engine, DioInterpSlot *slots)
{
  const DioInterpSlot empty = { .handler = dio_interp_op_decode };
  for (unsigned i = 0; i < engine->page_slots; i++)
    slots[i] = empty;
  slots[engine->page_slots] = (DioInterpSlot){ .handler = dio_interp_op_page_end };
}

static uint32_t
find_page (DioInterpEngine *engine, uintptr_t host)
{
  uint32_t page = engine->buckets[bucket_of (host)];
  while (page != NONE && engine->pages[page].host != host)
    page = engine->pages[page].next;
  return page;
}

static void
drop_page (DioInterpEngine *engine, uint32_t page)
{
  uint32_t *link = &engine->buckets[bucket_of (engine->pages[page].host)];
  while (*link != page)
    link = &engine->pages[*link].next;
  *link = engine->pages[page].next;
  engine->pages[page].host = 0;
  for (unsigned i = 0; i < DIO_TLB_ENTRIES; i++) {
    if (engine->jumps[i].slots == page_slots (engine, page))
      engine->jumps[i].host = 1;
  }
}

/* A free page: a fresh one while there are any, else the first that was not entered through the
 * look-up since the hand came by. */
static uint32_t
take_page (DioInterpEngine *engine)
{
  if (engine->n_pages < engine->max_pages)
    return engine->n_pages++;
  for (;;) {
    uint32_t page = engine->hand;
    engine->hand = (engine->hand + 1) % engine->max_pages;
    if (!engine->pages[page].used) {
      if (engine->pages[page].host)
        drop_page (engine, page);
      return page;
    }
    engine->pages[page].used = false;
  }
}

uint32_t
dio_interp_engine_watch_page (DioInterpCpu *cpu, DioRam *ram, uint64_t ram_offset)
{
  uint64_t number = ram_offset >> DIO_PAGE_SHIFT;
  uint32_t generation = atomic_load (&ram->page_write_gen[number]);
  if (atomic_load (&ram->page_flags[number]) & DIO_PAGE_CODE)
    return generation;
  /* Another vCPU may see the flag, decode, and come to its barrier before everybody was asked. */
  atomic_fetch_add (&ram->code_marks, 1);
  if (!(atomic_fetch_or (&ram->page_flags[number], DIO_PAGE_CODE) & DIO_PAGE_CODE))
    cpu->engine->guest->code_page_set (cpu, ram, ram_offset);
  atomic_fetch_sub (&ram->code_marks, 1);
  return generation;
}

void
dio_interp_await_marks (const DioRam *ram)
{
  while (DIO_UNLIKELY (atomic_load (&ram->code_marks)))
    sched_yield ();
}

DioInterpSlot *
dio_interp_engine_slots (DioInterpCpu *cpu, const uint8_t *host)
{
  uint32_t page = find_page (cpu->decoder, (uintptr_t) host);
  return page != NONE ? page_slots (cpu->decoder, page) : NULL;
}

/* The slots of a page, decoded from what it holds now. */
static DioInterpSlot *
valid_slots (DioInterpCpu *cpu, uint32_t page)
{
  DioInterpEngine *engine = cpu->engine;
  DioInterpPage *info = &engine->pages[page];
  DioInterpSlot *slots = page_slots (engine, page);
  uint32_t now = atomic_load (&info->ram->page_write_gen[info->ram_offset >> DIO_PAGE_SHIFT]);
  info->used = true;
  if (DIO_UNLIKELY (now != info->write_gen)) {
    info->write_gen = dio_interp_engine_watch_page (cpu, info->ram, info->ram_offset);
    clear_slots (engine, slots);
    cpu->cpu.stats.decoded_pages++;
  }
  return slots;
}

static DioInterpSlot *
new_slots (DioInterpCpu *cpu, uintptr_t host, DioRam *ram, uint64_t ram_offset)
{
  DioInterpEngine *engine = cpu->engine;
  uint32_t page = take_page (engine);
  uint32_t *bucket = &engine->buckets[bucket_of (host)];
  engine->pages[page] = (DioInterpPage){
    .host = host,
    .ram = ram,
    .ram_offset = ram_offset,
    .write_gen = dio_interp_engine_watch_page (cpu, ram, ram_offset),
    .next = *bucket,
    .used = true,
  };
  *bucket = page;
  clear_slots (engine, page_slots (engine, page));
  cpu->cpu.stats.decoded_pages++;
  return page_slots (engine, page);
}

/* ---- Entering guest code ---- */

/* Makes a loose instruction of what is at cpu->pc. As find_slot(). */
static DIO_NOINLINE DioInterpSlot *
load_loose (DioInterpCpu *cpu)
{
  DioInterpEngine *engine = cpu->engine;
  uint64_t parcel = engine->guest->parcel;
  DioInterpLoose *loose = &engine->loose[cpu->pc / parcel % DIO_INTERP_LOOSE];
  uint32_t raw;
  if (!engine->guest->fetch_loose (cpu, &raw))
    return NULL;
  if (!loose->valid || loose->raw != raw) {
    engine->guest->decode_loose (&loose->slots[0], raw);
    loose->slots[0].insn.run = 1;
    loose->slots[1] = loose->slots[2] = (DioInterpSlot){ .handler = dio_interp_op_page_end };
    loose->raw = raw;
    loose->valid = true;
  }
  engine->bias = cpu->pc - ((uintptr_t) loose->slots >> engine->shift);
  return loose->slots;
}

/* The slot of cpu->pc, and its bias in the engine; or NULL, and the exception is noted. (No
 * pointers to the caller's variables, which would keep it from making tail calls.) */
static DIO_NOINLINE DioInterpSlot *
find_slot (DioInterpCpu *cpu)
{
  DioInterpEngine *engine = cpu->engine;
  uint64_t pc = cpu->pc, page_va = pc & ~DIO_PAGE_MASK;
  bool aligned = !(pc & (engine->guest->parcel - 1));
  uintptr_t host = aligned ? (uintptr_t) dio_tlb_hit_execute (&cpu->tlb, page_va) : 0;
  uint32_t page = host ? find_page (engine, host) : NONE;
  DioInterpSlot *slots;

  if (page != NONE) {
    slots = valid_slots (cpu, page);
  } else {
    const uint8_t *start;
    DioRam *ram;
    uint64_t ram_offset;
    if (!engine->guest->fetch_page (cpu, pc, &start, &ram, &ram_offset))
      return NULL;
    if (DIO_UNLIKELY (cpu->fetch_partial))
      return load_loose (cpu);
    host = (uintptr_t) start;
    page = find_page (engine, host);
    slots = page != NONE ? valid_slots (cpu, page) : new_slots (cpu, host, ram, ram_offset);
  }
  engine->jumps[dio_tlb_index (pc)] = (DioInterpJump){ .host = host, .slots = slots };
  engine->bias = page_va - ((uintptr_t) slots >> engine->shift);
  return slots + (pc & DIO_PAGE_MASK) / engine->guest->parcel;
}

DioInterpSlot *
dio_interp_op_enter (DIO_INTERP_ARGS)
{
  DioInterpEngine *engine = cpu->engine;
  cpu->cpu.stats.instructions = count;
  if (DIO_UNLIKELY (engine->step))
    return NULL;
  for (;;) {
    if (atomic_load_explicit (&cpu->cpu.kicked, memory_order_relaxed)) {
      engine->exit = DIO_EXIT_KICK;
      return NULL;
    }
    ip = find_slot (cpu);
    if (DIO_LIKELY (ip))
      break;
    engine->guest->take_exception (cpu);
  }
  bias = engine->bias;
  tlb = cpu->tlb.data;
  count += ip->insn.run;
  if (DIO_UNLIKELY (--cpu->sample == 0))
    DIO_INTERP_TAIL (dio_interp_op_sample);
  DIO_INTERP_DISPATCH ();
}

DioInterpSlot *
dio_interp_op_go (DIO_INTERP_ARGS)
{
  DIO_INTERP_TRY_GO (cpu->pc, cpu->engine->shift);
  DIO_INTERP_TAIL (dio_interp_op_enter);
}

DioInterpSlot *
dio_interp_op_page_end (DIO_INTERP_ARGS)
{
  cpu->pc = dio_interp_pc (ip, bias, cpu->engine->shift);
  DIO_INTERP_TAIL (dio_interp_op_go);
}

DioInterpSlot *
dio_interp_op_poll (DIO_INTERP_ARGS)
{
  cpu->pc = dio_interp_pc (ip, bias, cpu->engine->shift);
  count -= ip->insn.run;
  DIO_INTERP_TAIL (dio_interp_op_enter);
}

/* Decodes from the slot of a decoded page on. */
static DIO_NOINLINE void
decode_run (DioInterpEngine *engine, const DioInterpSlot *ip)
{
  size_t number = (size_t) (ip - engine->arena);
  uint32_t page = (uint32_t) (number / engine->stride);
  engine->guest->decode_run (page_slots (engine, page), (const uint8_t *) engine->pages[page].host,
                             (unsigned) (number % engine->stride));
}

DioInterpSlot *
dio_interp_op_decode (DIO_INTERP_ARGS)
{
  decode_run (cpu->engine, ip);
  count += ip->insn.run;
  DIO_INTERP_DISPATCH ();
}

DioInterpSlot *
dio_interp_op_straddle (DIO_INTERP_ARGS)
{
  cpu->pc = dio_interp_pc (ip, bias, cpu->engine->shift);
  cpu->cpu.stats.instructions = count - 1;
  ip = load_loose (cpu);
  if (DIO_UNLIKELY (!ip)) {
    count--;
    cpu->engine->guest->take_exception (cpu);
    DIO_INTERP_TAIL (dio_interp_op_enter);
  }
  bias = cpu->engine->bias;
  DIO_INTERP_DISPATCH ();
}

/* After a slow handler that did not end in NEXT: ip is behind the instruction, count is without it,
 * cpu->pc is its own or, for RETURN, where to go. */
DioInterpSlot *
dio_interp_op_end (DIO_INTERP_ARGS)
{
  DioInterpEngine *engine = cpu->engine;
  const DioInterpGuest *guest = engine->guest;
  uint64_t next = dio_interp_pc (ip, bias, engine->shift);

  switch (engine->end) {
  case DIO_SEM_TRAP:
    guest->take_exception (cpu);
    break;
  case DIO_SEM_HALT:
    cpu->pc = next;
    cpu->cpu.stats.instructions = ++count;
    if (!guest->has_work (&cpu->cpu)) {
      engine->exit = DIO_EXIT_HALT;
      return NULL;
    }
    guest->poll (cpu);
    break;
  case DIO_SEM_RETURN:
    count++;
    guest->poll (cpu);
    break;
  case DIO_SEM_CHANGED:
    cpu->pc = next;
    count++;
    guest->poll (cpu);
    break;
  default: /* a slow branch or jump: no instruction has one */
    cpu->pc = next;
    count++;
    break;
  }
  DIO_INTERP_TAIL (dio_interp_op_enter);
}

/* ---- To and from compiled code ---- */

/* Where the instruction of slot @ip of a decoded page is in RAM. */
static uint64_t
slot_address (DioInterpEngine *engine, const DioInterpSlot *ip)
{
  size_t number = (size_t) (ip - engine->arena);
  return engine->pages[number / engine->stride].ram_offset
         + engine->guest->parcel * (number % engine->stride);
}

static bool
is_in_page (DioInterpEngine *engine, const DioInterpSlot *ip)
{
  return ip >= engine->arena && ip < engine->arena + (size_t) engine->n_pages * engine->stride
         && (size_t) (ip - engine->arena) % engine->stride < engine->page_slots;
}

/* What was compiled for the slot has gone: it is an instruction like others again. */
static void
restore_slot (DioInterpEngine *engine, DioInterpSlot *ip)
{
  ip->handler = dio_interp_op_decode;
  decode_run (engine, ip);
}

DioInterpSlot *
dio_interp_op_compiled (DIO_INTERP_ARGS)
{
  DioInterpEngine *engine = cpu->engine;
  cpu->pc = dio_interp_pc (ip, bias, engine->shift);
  cpu->cpu.stats.instructions = count - ip->insn.run;
  engine->exit = DIO_EXIT_KICK;
  if (DIO_UNLIKELY (!engine->compiler->enter (cpu, slot_address (engine, ip)))) {
    uint16_t run = ip->insn.run;
    restore_slot (engine, ip);
    count = count - run + ip->insn.run;
    DIO_INTERP_DISPATCH ();
  }
  if (DIO_UNLIKELY (engine->exit == DIO_EXIT_HALT))
    return NULL;
  count = cpu->cpu.stats.instructions;
  DIO_INTERP_TAIL (dio_interp_op_enter);
}

static DIO_NOINLINE void
sample (DioInterpCpu *cpu, DioInterpSlot *ip)
{
  DioInterpEngine *engine = cpu->engine;
  cpu->sample = cpu->sample_period;
  if (!engine->compiler || !is_in_page (engine, ip) || ip->handler == dio_interp_op_compiled)
    return;
  /* Code that was never decoded was never run: too early, mostly. */
  if (ip->handler == dio_interp_op_decode) {
    if (cpu->sample_period > 1)
      return;
    decode_run (engine, ip);
  }
  if (engine->compiler->sample (cpu, slot_address (engine, ip)))
    ip->handler = dio_interp_op_compiled;
}

DioInterpSlot *
dio_interp_op_sample (DIO_INTERP_ARGS)
{
  count -= ip->insn.run;
  sample (cpu, ip);
  count += ip->insn.run;
  DIO_INTERP_DISPATCH ();
}

static void
run (DioInterpCpu *cpu, DioInterpHandler first, DioInterpSlot *ip, uint64_t count, uint64_t bias)
{
  ip = first (ip, cpu, count, cpu->tlb.data, bias);
#if DIO_INTERP_TAIL_CALLS
  (void) ip;
#else
  while (ip)
    ip = ip->handler (ip, cpu, cpu->engine->count, cpu->engine->tlb, cpu->engine->bias);
#endif
}

bool
dio_interp_engine_step (DioInterpCpu *cpu)
{
  DioInterpEngine *engine = cpu->engine = cpu->stepper;
  engine->exit = DIO_EXIT_KICK;
  DioInterpSlot *ip = load_loose (cpu);
  if (ip)
    run (cpu, ip->handler, ip, cpu->cpu.stats.instructions + ip->insn.run, engine->bias);
  else
    engine->guest->take_exception (cpu);
  cpu->engine = cpu->decoder;
  cpu->engine->exit = engine->exit;
  return engine->exit != DIO_EXIT_HALT;
}

void
dio_interp_engine_set_compiler (DioInterpCpu *cpu, const DioInterpCompiler *compiler,
                                int32_t sample_period)
{
  DioInterpEngine *stepper = g_new0 (DioInterpEngine, 1);
  stepper->step = true;
  stepper->guest = cpu->decoder->guest;
  stepper->shift = cpu->decoder->shift;
  forget (stepper);
  cpu->stepper = stepper;
  cpu->decoder->compiler = compiler;
  cpu->sample = cpu->sample_period = sample_period;
}

/* ---- Life and run ---- */

bool
dio_interp_engine_init (DioInterpCpu *cpu, const DioInterpGuest *guest, GError **error)
{
  DioInterpEngine *engine = g_new0 (DioInterpEngine, 1);
  const DioMachine *machine = cpu->cpu.machine;
  unsigned cpus = MAX (machine->config ? machine->config->cpus : 1, 1);
  engine->guest = guest;
  engine->page_slots = (unsigned) DIO_PAGE_SIZE / guest->parcel;
  /* With the slot that leads to the next page, and padded to whole cache lines, so that the same
   * places of different pages do not compete for one set of the cache. */
  engine->stride = engine->page_slots + 4;
  engine->shift = guest->parcel == 2 ? 3 : 2;
  engine->max_pages = CLAMP (ALL_PAGES / cpus, MIN_PAGES, MAX_PAGES) * guest->parcel / 2;
  engine->arena_size = (size_t) engine->max_pages * engine->stride * sizeof (DioInterpSlot);
  void *arena = mmap (NULL, engine->arena_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena == MAP_FAILED) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
                 _ ("No memory for the instructions of CPU %u (%zu MiB of address space)"),
                 cpu->cpu.index, engine->arena_size >> 20);
    g_free (engine);
    return false;
  }
  /* Worth it: dispatch reads slots all over the arena. */
  (void) madvise (arena, engine->arena_size, MADV_HUGEPAGE);
  engine->arena = arena;
  engine->pages = g_new0 (DioInterpPage, engine->max_pages);
  engine->buckets = g_new (uint32_t, BUCKETS);
  memset (engine->buckets, 0xff, BUCKETS * sizeof *engine->buckets);
  forget (engine);
  cpu->engine = cpu->decoder = engine;
  cpu->sample = cpu->sample_period = INT32_MAX;
  return true;
}

void
dio_interp_engine_free (DioInterpCpu *cpu)
{
  DioInterpEngine *engine = g_steal_pointer (&cpu->engine);
  if (!engine)
    return;
  g_clear_pointer (&cpu->stepper, g_free);
  munmap (engine->arena, engine->arena_size);
  g_free (engine->pages);
  g_free (engine->buckets);
  g_free (engine);
}

DioExit
dio_interp_engine_run (DioInterpCpu *cpu)
{
  DioInterpEngine *engine = cpu->engine;
  uint64_t host_fp = dio_fp_host_enter ();

  engine->guest->poll (cpu);
  engine->exit = DIO_EXIT_KICK;
  run (cpu, dio_interp_op_enter, NULL, cpu->cpu.stats.instructions, 0);
  dio_fp_host_leave (host_fp);
  return engine->exit;
}
