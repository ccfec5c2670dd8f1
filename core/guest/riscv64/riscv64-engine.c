/* SPDX-License-Identifier: GPL-3.0-or-later
 * The instruction engine of riscv64: pages of decoded instructions, entry and exit of guest code.
 *
 * Decoded pages are keyed by the host address of the physical page, so no change of translation
 * touches them. A jump to another page asks the code TLB for the host page and the jump table (same
 * index) for its slots; both hit in a few instructions, see DIO_RV_TRY_GO. Everything else comes
 * through enter() below.
 *
 * What keeps decoded instructions right: before the first byte of a page is decoded the page is
 * marked DIO_PAGE_CODE and its write generation is read; a noted write bumps the generation.
 * fence.i empties the jump table, so that each page is compared with its generation before it is
 * entered again, and is decoded anew if it has changed. Without a fence.i a guest has no claim to
 * new code.
 *
 * Memory is bounded: slots live in one reservation of max_pages pages, filled in order and then
 * recycled by a clock. */
#include "core/guest/riscv64/riscv64-engine-private.h"

#include <string.h>
#include <sys/mman.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-jit.h"
#include "core/vm/vm-machine.h"

/* Slots per page in the arena: with the one that leads to the next page, and padded to whole cache
 * lines, so that the same places of different pages do not compete for one set of the cache. */
#define PAGE_STRIDE (DIO_RV_PAGE_SLOTS + 4)
/* Of all vCPUs of a machine together, about 128 MiB of slots, and of one: */
#define ALL_PAGES 4096
#define MAX_PAGES 2048
#define MIN_PAGES 256
#define BUCKETS 4096
#define NONE UINT32_MAX

static DioRvSlot *
page_slots (DioRiscv64Engine *engine, uint32_t page)
{
  return engine->arena + (size_t) page * PAGE_STRIDE;
}

static uint32_t
bucket_of (uintptr_t host)
{
  return (uint32_t) ((host >> DIO_PAGE_SHIFT) * UINT64_C (0x9e3779b97f4a7c15) >> 52);
}

_Static_assert(BUCKETS == 1 << 12, "bucket_of() gives 12 bits");

/* ---- Decoded pages ---- */

void
dio_rv_engine_forget (DioRiscv64Engine *engine)
{
  for (unsigned i = 0; i < DIO_TLB_ENTRIES; i++)
    engine->jumps[i].host = 1;
}

static void
clear_slots (DioRvSlot *slots)
{
  const DioRvSlot empty = { .handler = dio_rv_op_decode };
  for (unsigned i = 0; i < DIO_RV_PAGE_SLOTS; i++)
    slots[i] = empty;
  slots[DIO_RV_PAGE_SLOTS] = (DioRvSlot){ .handler = dio_rv_op_page_end };
}

static uint32_t
find_page (DioRiscv64Engine *engine, uintptr_t host)
{
  uint32_t page = engine->buckets[bucket_of (host)];
  while (page != NONE && engine->pages[page].host != host)
    page = engine->pages[page].next;
  return page;
}

static void
drop_page (DioRiscv64Engine *engine, uint32_t page)
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
take_page (DioRiscv64Engine *engine)
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
dio_rv_engine_watch_page (DioRiscv64 *hart, DioRam *ram, uint64_t ram_offset)
{
  uint64_t number = ram_offset >> DIO_PAGE_SHIFT;
  uint32_t generation = atomic_load (&ram->page_write_gen[number]);
  uint8_t before = atomic_fetch_or (&ram->page_flags[number], DIO_PAGE_CODE);
  if (!(before & DIO_PAGE_CODE))
    dio_rv_code_page_set (hart, ram, ram_offset);
  return generation;
}

DioRvSlot *
dio_rv_engine_slots (DioRiscv64Engine *engine, const uint8_t *host)
{
  uint32_t page = find_page (engine, (uintptr_t) host);
  return page != NONE ? page_slots (engine, page) : NULL;
}

/* The slots of the page at @host, decoded from what it holds now. */
static DioRvSlot *
valid_slots (DioRiscv64 *hart, uint32_t page)
{
  DioRiscv64Engine *engine = hart->engine;
  DioRvPage *info = &engine->pages[page];
  DioRvSlot *slots = page_slots (engine, page);
  uint32_t now = atomic_load (&info->ram->page_write_gen[info->ram_offset >> DIO_PAGE_SHIFT]);
  info->used = true;
  if (DIO_UNLIKELY (now != info->write_gen)) {
    info->write_gen = dio_rv_engine_watch_page (hart, info->ram, info->ram_offset);
    clear_slots (slots);
    hart->cpu.stats.decoded_pages++;
  }
  return slots;
}

static DioRvSlot *
new_slots (DioRiscv64 *hart, uintptr_t host, DioRam *ram, uint64_t ram_offset)
{
  DioRiscv64Engine *engine = hart->engine;
  uint32_t page = take_page (engine);
  uint32_t *bucket = &engine->buckets[bucket_of (host)];
  engine->pages[page] = (DioRvPage){
    .host = host,
    .ram = ram,
    .ram_offset = ram_offset,
    .write_gen = dio_rv_engine_watch_page (hart, ram, ram_offset),
    .next = *bucket,
    .used = true,
  };
  *bucket = page;
  clear_slots (page_slots (engine, page));
  hart->cpu.stats.decoded_pages++;
  return page_slots (engine, page);
}

static uint16_t
read_parcel (const uint8_t *host)
{
  return __atomic_load_n ((const uint16_t *) (const void *) host, __ATOMIC_RELAXED);
}

/* Decodes from slot @first of @page up to the end of the run, or to where it is decoded already. */
static DIO_NOINLINE void
decode_run (DioRiscv64Engine *engine, uint32_t page, unsigned first)
{
  DioRvSlot *slots = page_slots (engine, page);
  const uint8_t *host = (const uint8_t *) engine->pages[page].host;
  uint16_t trail[DIO_RV_PAGE_SLOTS];
  unsigned n_trail = 0, at = first;
  DioRvForm last_form = { 0 };
  bool ended = false;

  while (!ended && at < DIO_RV_PAGE_SLOTS && slots[at].handler == dio_rv_op_decode) {
    uint32_t raw = read_parcel (host + 2 * at);
    trail[n_trail++] = (uint16_t) at;
    if ((raw & 3) == 3 && at == DIO_RV_PAGE_SLOTS - 1) {
      slots[at].handler = dio_rv_op_straddle;
      at = DIO_RV_PAGE_SLOTS;
      break;
    }
    if ((raw & 3) == 3)
      raw |= (uint32_t) read_parcel (host + 2 * at + 2) << 16;
    DioInsn insn;
    unsigned length = dio_rv_decode (raw, &insn);
    uint8_t kind = dio_rv_leaf_info[insn.leaf].kind;
    DioRvForm form = dio_rv_interp_prepare (&slots[at], &insn, length, (int) at);
    if (n_trail > 1)
      dio_rv_interp_fuse (&slots[trail[n_trail - 2]], last_form, &slots[at], form);
    last_form = form;
    ended = kind == DIO_LEAF_JUMP || kind == DIO_LEAF_JUMP_REGISTER || kind == DIO_LEAF_END;
    at += length / 2;
  }
  unsigned run = ended ? 0 : slots[at].insn.run;
  while (n_trail)
    slots[trail[--n_trail]].insn.run = (uint16_t) ++run;
}

/* ---- Entering guest code ---- */

/* The half-word of code at @pc, by itself. */
static DioRvExc
fetch_parcel (DioRiscv64 *hart, uint64_t pc, uint16_t *parcel)
{
  const uint8_t *host = dio_tlb_hit_execute (&hart->tlb, pc);
  if (!host) {
    DioRam *ram;
    uint64_t ram_offset;
    DioRvExc exc = dio_rv_fetch_page (hart, pc, &host, &ram, &ram_offset);
    if (exc != DIO_RV_EXC_NONE)
      return exc;
    host += pc & DIO_PAGE_MASK;
  }
  *parcel = read_parcel (host);
  return DIO_RV_EXC_NONE;
}

/* Makes a loose instruction of what is at hart->pc, in whatever pages it lies. As find_slot(). */
static DIO_NOINLINE DioRvSlot *
load_loose (DioRiscv64 *hart)
{
  DioRvLoose *loose = &hart->engine->loose[hart->pc / 2 % DIO_RV_LOOSE];
  uint16_t low, high = 0;
  DioRvExc exc = fetch_parcel (hart, hart->pc, &low);
  if (exc == DIO_RV_EXC_NONE && (low & 3) == 3)
    exc = fetch_parcel (hart, hart->pc + 2, &high);
  if (exc != DIO_RV_EXC_NONE) {
    hart->engine->cause = exc;
    return NULL;
  }

  uint32_t raw = low | (uint32_t) high << 16;
  if (!loose->valid || loose->raw != raw) {
    DioInsn insn;
    unsigned length = dio_rv_decode (raw, &insn);
    dio_rv_interp_prepare (&loose->slots[0], &insn, length, -1);
    loose->slots[0].insn.run = 1;
    loose->slots[1] = loose->slots[2] = (DioRvSlot){ .handler = dio_rv_op_page_end };
    loose->raw = raw;
    loose->valid = true;
  }
  hart->engine->bias = hart->pc - ((uintptr_t) loose->slots >> 3);
  return loose->slots;
}

/* The slot of hart->pc, and its bias in the engine; or NULL, and the exception in the engine. (No
 * pointers to the caller's variables, which would keep it from making tail calls.) */
static DIO_NOINLINE DioRvSlot *
find_slot (DioRiscv64 *hart)
{
  DioRiscv64Engine *engine = hart->engine;
  uint64_t pc = hart->pc, page_va = pc & ~DIO_PAGE_MASK;
  uintptr_t host = (uintptr_t) dio_tlb_hit_execute (&hart->tlb, page_va);
  uint32_t page = host ? find_page (engine, host) : NONE;
  DioRvSlot *slots;

  if (page != NONE) {
    slots = valid_slots (hart, page);
  } else {
    const uint8_t *start;
    DioRam *ram;
    uint64_t ram_offset;
    DioRvExc exc = dio_rv_fetch_page (hart, pc, &start, &ram, &ram_offset);
    if (exc != DIO_RV_EXC_NONE) {
      engine->cause = exc;
      return NULL;
    }
    if (DIO_UNLIKELY (hart->fetch_partial))
      return load_loose (hart);
    host = (uintptr_t) start;
    page = find_page (engine, host);
    slots = page != NONE ? valid_slots (hart, page) : new_slots (hart, host, ram, ram_offset);
  }
  engine->jumps[dio_tlb_index (pc)] = (DioRvJump){ .host = host, .slots = slots };
  engine->bias = page_va - ((uintptr_t) slots >> 3);
  return slots + (pc & DIO_PAGE_MASK) / 2;
}

/* Takes @cause at hart->pc. */
DIO_NOINLINE void
dio_rv_engine_take (DioRiscv64 *hart, DioRvExc cause)
{
  uint64_t tval = hart->exc_tval;
  if (cause == DIO_RV_EXC_ILLEGAL) {
    /* The instruction's bits. It was fetched a moment ago, so this does not fail but in races that
     * the guest makes with itself. */
    uint16_t low = 0, high = 0;
    fetch_parcel (hart, hart->pc, &low);
    if ((low & 3) == 3)
      fetch_parcel (hart, hart->pc + 2, &high);
    tval = low | (uint64_t) high << 16;
  }
  dio_rv_take_exception (hart, cause, hart->pc, tval);
}

DioRvSlot *
dio_rv_op_enter (DIO_RV_HANDLER_ARGS)
{
  DioRiscv64Engine *engine = hart->engine;
  hart->cpu.stats.instructions = count;
  if (DIO_UNLIKELY (engine->step))
    return NULL;
  for (;;) {
    if (atomic_load_explicit (&hart->cpu.kicked, memory_order_relaxed)) {
      engine->exit = DIO_EXIT_KICK;
      return NULL;
    }
    ip = find_slot (hart);
    if (DIO_LIKELY (ip))
      break;
    dio_rv_engine_take (hart, engine->cause);
  }
  bias = engine->bias;
  tlb = hart->tlb.data;
  count += ip->insn.run;
  if (DIO_UNLIKELY (--hart->sample == 0))
    DIO_RV_TAIL (dio_rv_op_sample);
  DIO_RV_DISPATCH ();
}

DioRvSlot *
dio_rv_op_go (DIO_RV_HANDLER_ARGS)
{
  DIO_RV_TRY_GO (hart->pc);
  DIO_RV_TAIL (dio_rv_op_enter);
}

DioRvSlot *
dio_rv_op_page_end (DIO_RV_HANDLER_ARGS)
{
  hart->pc = dio_rv_slot_pc (ip, bias);
  DIO_RV_TAIL (dio_rv_op_go);
}

DioRvSlot *
dio_rv_op_poll (DIO_RV_HANDLER_ARGS)
{
  hart->pc = dio_rv_slot_pc (ip, bias);
  count -= ip->insn.run;
  DIO_RV_TAIL (dio_rv_op_enter);
}

DioRvSlot *
dio_rv_op_decode (DIO_RV_HANDLER_ARGS)
{
  size_t number = (size_t) (ip - hart->engine->arena);
  decode_run (hart->engine, (uint32_t) (number / PAGE_STRIDE), (unsigned) (number % PAGE_STRIDE));
  count += ip->insn.run;
  DIO_RV_DISPATCH ();
}

DioRvSlot *
dio_rv_op_straddle (DIO_RV_HANDLER_ARGS)
{
  hart->pc = dio_rv_slot_pc (ip, bias);
  hart->cpu.stats.instructions = count - 1;
  ip = load_loose (hart);
  if (DIO_UNLIKELY (!ip)) {
    count--;
    dio_rv_engine_take (hart, hart->engine->cause);
    DIO_RV_TAIL (dio_rv_op_enter);
  }
  bias = hart->engine->bias;
  DIO_RV_DISPATCH ();
}

/* After a slow handler that did not end in NEXT: ip is behind the instruction, count is without it,
 * hart->pc is its own or, for RETURN, where to go. */
DioRvSlot *
dio_rv_op_end (DIO_RV_HANDLER_ARGS)
{
  DioRiscv64Engine *engine = hart->engine;
  uint64_t next = dio_rv_slot_pc (ip, bias);

  switch (engine->end) {
  case DIO_SEM_TRAP:
    dio_rv_engine_take (hart, engine->cause);
    break;
  case DIO_SEM_HALT:
    hart->pc = next;
    hart->cpu.stats.instructions = count + 1;
    if (!dio_rv_interrupt_pending (hart)) {
      engine->exit = DIO_EXIT_HALT;
      return NULL;
    }
    count++;
    dio_rv_take_interrupt (hart);
    break;
  case DIO_SEM_CHANGED:
    hart->pc = next;
    count++;
    dio_rv_take_interrupt (hart);
    break;
  case DIO_SEM_RETURN:
    count++;
    dio_rv_take_interrupt (hart);
    break;
  default: /* a slow branch or jump: no instruction has one */
    hart->pc = next;
    count++;
    break;
  }
  DIO_RV_TAIL (dio_rv_op_enter);
}

/* ---- To and from compiled code ---- */

/* Where the instruction of slot @ip of a decoded page is in RAM. */
static uint64_t
slot_address (DioRiscv64Engine *engine, const DioRvSlot *ip)
{
  size_t number = (size_t) (ip - engine->arena);
  return engine->pages[number / PAGE_STRIDE].ram_offset + 2 * (number % PAGE_STRIDE);
}

static bool
is_in_page (DioRiscv64Engine *engine, const DioRvSlot *ip)
{
  return ip >= engine->arena && ip < engine->arena + (size_t) engine->n_pages * PAGE_STRIDE
         && (size_t) (ip - engine->arena) % PAGE_STRIDE < DIO_RV_PAGE_SLOTS;
}

/* What was compiled for the slot has gone: it is an instruction like others again. */
static DIO_NOINLINE void
restore_slot (DioRiscv64 *hart, DioRvSlot *ip)
{
  size_t number = (size_t) (ip - hart->engine->arena);
  ip->handler = dio_rv_op_decode;
  decode_run (hart->engine, (uint32_t) (number / PAGE_STRIDE), (unsigned) (number % PAGE_STRIDE));
}

DioRvSlot *
dio_rv_op_compiled (DIO_RV_HANDLER_ARGS)
{
  hart->pc = dio_rv_slot_pc (ip, bias);
  hart->cpu.stats.instructions = count - ip->insn.run;
  hart->engine->exit = DIO_EXIT_KICK;
  if (DIO_UNLIKELY (!dio_rv_jit_enter (hart, slot_address (hart->engine, ip)))) {
    uint16_t run = ip->insn.run;
    restore_slot (hart, ip);
    count = count - run + ip->insn.run;
    DIO_RV_DISPATCH ();
  }
  if (DIO_UNLIKELY (hart->engine->exit == DIO_EXIT_HALT))
    return NULL;
  count = hart->cpu.stats.instructions;
  DIO_RV_TAIL (dio_rv_op_enter);
}

static DIO_NOINLINE void
sample (DioRiscv64 *hart, DioRvSlot *ip, uint64_t bias)
{
  hart->sample = hart->sample_period;
  if (!hart->stepper || !is_in_page (hart->engine, ip) || ip->handler == dio_rv_op_compiled)
    return;
  /* Code that was never decoded was never run: too early, mostly. */
  if (ip->handler == dio_rv_op_decode) {
    if (hart->sample_period > 1)
      return;
    restore_slot (hart, ip);
  }
  if (dio_rv_jit_sample (hart, slot_address (hart->engine, ip), dio_rv_slot_pc (ip, bias)))
    ip->handler = dio_rv_op_compiled;
}

DioRvSlot *
dio_rv_op_sample (DIO_RV_HANDLER_ARGS)
{
  count -= ip->insn.run;
  sample (hart, ip, bias);
  count += ip->insn.run;
  DIO_RV_DISPATCH ();
}

bool
dio_rv_engine_step (DioRiscv64 *hart)
{
  DioRiscv64Engine *engine = hart->stepper;
  hart->engine = engine;
  engine->exit = DIO_EXIT_KICK;
  DioRvSlot *ip = load_loose (hart);
  if (ip) {
    uint64_t count = hart->cpu.stats.instructions + ip->insn.run;
    ip = ip->handler (ip, hart, count, hart->tlb.data, engine->bias);
#if !DIO_RV_TAIL_CALLS
    while (ip)
      ip = ip->handler (ip, hart, engine->count, engine->tlb, engine->bias);
#endif
  } else {
    dio_rv_engine_take (hart, engine->cause);
  }
  hart->engine = hart->decoder;
  hart->engine->exit = engine->exit;
  return engine->exit != DIO_EXIT_HALT;
}

static bool
compiles (const DioRiscv64 *hart)
{
  const DioMachineConfig *config = hart->cpu.machine->config;
  return config && dio_engine_in_force (config->engine) == DIO_ENGINE_COMPILER;
}

static bool
init_compiler (DioRiscv64 *hart, GError **error)
{
  hart->stepper = g_new0 (DioRiscv64Engine, 1);
  hart->stepper->step = true;
  dio_rv_engine_forget (hart->stepper);
  return dio_rv_jit_init (hart, error);
}

/* ---- Life and run ---- */

bool
dio_rv_engine_init (DioRiscv64 *hart, GError **error)
{
  DioRiscv64Engine *engine = g_new0 (DioRiscv64Engine, 1);
  unsigned harts = MAX (hart->cpu.machine->config ? hart->cpu.machine->config->cpus : 1, 1);
  engine->max_pages = CLAMP (ALL_PAGES / harts, MIN_PAGES, MAX_PAGES);
  engine->n_buckets = BUCKETS;
  engine->arena_size = (size_t) engine->max_pages * PAGE_STRIDE * sizeof (DioRvSlot);
  void *arena = mmap (NULL, engine->arena_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena == MAP_FAILED) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
                 _ ("No memory for the instructions of CPU %u (%zu MiB of address space)"),
                 hart->cpu.index, engine->arena_size >> 20);
    g_free (engine);
    return false;
  }
  /* Worth it: dispatch reads slots all over the arena. */
  (void) madvise (arena, engine->arena_size, MADV_HUGEPAGE);
  engine->arena = arena;
  engine->pages = g_new0 (DioRvPage, engine->max_pages);
  engine->buckets = g_new (uint32_t, engine->n_buckets);
  memset (engine->buckets, 0xff, engine->n_buckets * sizeof *engine->buckets);
  dio_rv_engine_forget (engine);
  hart->engine = hart->decoder = engine;
  hart->sample = hart->sample_period = INT32_MAX;
  if (!compiles (hart))
    return true;
  hart->sample_period = DIO_RV_SAMPLE_PERIOD;
  return init_compiler (hart, error);
}

void
dio_rv_engine_free (DioRiscv64 *hart)
{
  DioRiscv64Engine *engine = g_steal_pointer (&hart->engine);
  if (!engine)
    return;
  dio_rv_jit_free (hart);
  g_clear_pointer (&hart->stepper, g_free);
  munmap (engine->arena, engine->arena_size);
  g_free (engine->pages);
  g_free (engine->buckets);
  g_free (engine);
}

void
dio_rv_engine_fetch_changed (DioRiscv64 *hart)
{
  /* Decoded pages are found by host page through the code TLB, so no shortcut of ours depends on
   * translation. */
}

DioExit
dio_rv_engine_run (DioCpu *cpu)
{
  DioRiscv64 *hart = (DioRiscv64 *) cpu;
  DioRiscv64Engine *engine = hart->engine;
  uint64_t host_fp = dio_fp_host_enter ();

  dio_rv_service_requests (hart);
  dio_rv_take_interrupt (hart);
  engine->exit = DIO_EXIT_KICK;
  DioRvSlot *ip = dio_rv_op_enter (NULL, hart, cpu->stats.instructions, hart->tlb.data, 0);
#if DIO_RV_TAIL_CALLS
  (void) ip;
#else
  while (ip)
    ip = ip->handler (ip, hart, engine->count, engine->tlb, engine->bias);
#endif
  dio_fp_host_leave (host_fp);
  return engine->exit;
}
