/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the parts of the compiler share: the cache and the code generator of the host. */
#pragma once

#include "core/jit/jit-memory.h"
#include "core/jit/jit.h"

#define DIO_JIT_BUCKETS (1u << 15)
#define DIO_JIT_MAX_SEGMENTS 256
#define DIO_JIT_MAX_VCPUS 64

/* Common pieces of code, made once for each machine. Executable addresses. */
typedef struct {
  void (*enter) (void *state, const uint8_t *code);
  const uint8_t *miss;      /* near way into an entry without code: offset in the page in eax */
  const uint8_t *jump;      /* to the virtual address in rax, which no table has */
  const uint8_t *poll_near; /* out of budget, going to the offset in eax */
  const uint8_t *poll_far;  /* the same, to the address in rax */
  const uint8_t *fp_enter;  /* the region at the offset in eax, while fp_block is set */
  const uint8_t *interpret; /* the instruction at the offset in eax */
  const uint8_t *access[2][DIO_IR_N_OPS]; /* [FPU in use] */
  const uint8_t *fp[DIO_IR_N_FP];
  const uint8_t *settle_flags; /* changes rcx */
  const uint8_t *box, *nan32, *nan64, *mxcsr,
      *flags; /* constants; flags: of the guest by those of MXCSR */
} DioJitStubs;

typedef enum { SEGMENT_FREE, SEGMENT_OPEN, SEGMENT_FULL, SEGMENT_RETIRED } DioJitSegmentState;

typedef struct {
  uint8_t state;
  unsigned pending; /* somebody generates code into it */
  size_t used;
  uint64_t epoch;   /* RETIRED: free when every vCPU has synchronised after this */
  GPtrArray *units; /* by code address */
} DioJitSegment;

typedef struct DioJitDebug DioJitDebug;

struct DioJit {
  DioJitGuest own;
  const DioJitGuest *guest; /* that */
  DioRam *ram;
  unsigned n_vcpus;
  DioJitOptions options;
  DioJitMemory *memory;
  DioJitStubs stubs;
  void *backend;      /* of the host: features and so on */
  DioJitDebug *debug; /* or NULL */

  _Atomic (DioJitEntry *) *buckets;
  DioJitEntry *entries; /* arena within reach of the code */
  _Atomic uint32_t n_entries;
  uint32_t max_entries;

  pthread_mutex_t lock;
  GHashTable *pages; /* page address / page size -> DioJitPage */
  DioJitSegment segments[DIO_JIT_MAX_SEGMENTS];
  unsigned n_segments;
  unsigned open;   /* the one that is filled */
  unsigned oldest; /* next to go */
  _Atomic uint64_t epoch;
  /* By vCPU: the epoch since which it is in compiled code, or OUTSIDE; and the epoch up to which it
   * has emptied its jump tables. */
  _Atomic uint64_t inside[DIO_JIT_MAX_VCPUS];
  uint64_t emptied[DIO_JIT_MAX_VCPUS];
  _Atomic uint64_t code_writes; /* of the RAM, as of the last look */
  _Atomic bool forgoes_traps;
  DioJitStats stats;
};

/* ---- For people who work on the compiler: jit-debug.c ---- */

struct DioJitCode;
/* What the environment asks for, or NULL: DIORAMA_JIT_DUMP=FOLDER writes each region there, as IR
 * and as host code; DIORAMA_JIT_PERF=1 keeps the map of code that perf reads. */
DioJitDebug *dio_jit_debug_new (void);
void dio_jit_debug_free (DioJitDebug *debug);
void dio_jit_debug_region (DioJitDebug *debug, const DioJitRegion *region,
                           const struct DioJitCode *code, const uint8_t *exec, bool done);

/* Works out the condition flags that are pending in @vcpu, a CPU structure of @guest, without the
 * host's FPU: jit-flags.c. vCPU thread. */
void dio_jit_settle_flags (const DioJitGuest *guest, void *vcpu);

/* ---- Of the host (x86_64/) ---- */

typedef struct DioJitCode {
  size_t size;
  bool failed;                          /* not for want of room */
  GArray *places;                       /* of DioJitPlace */
  GArray *sites;                        /* of DioJitSite */
  GArray *traps;                        /* of DioJitTrap */
  bool trapping;                        /* relies on traps of the FPU */
  uint32_t entries[DIO_JIT_MAX_BLOCKS]; /* near offset by block, or 0 */
} DioJitCode;

/* Makes jit->stubs in @buffer, which runs at @exec. Bytes used, 0 on failure. */
size_t dio_jit_host_stubs (DioJit *jit, uint8_t *buffer, size_t size, const uint8_t *exec);
/* Registers for variables, best first. */
void dio_jit_host_pools (const uint8_t **x, unsigned *n_x, const uint8_t **f, unsigned *n_f);
/* False: no room in the buffer, or something it does not know. */
bool dio_jit_host_generate (DioJit *jit, DioJitRegion *region, uint8_t *buffer, size_t size,
                            const uint8_t *exec, DioJitCode *code);
bool dio_jit_host_init (DioJit *jit, GError **error);
/* Can the host trap what its FPU finds invalid or tiny? Takes the signals for that, once. */
bool dio_jit_host_has_traps (const DioJit *jit);
/* Around compiled code: traps of the calling thread are for @vcpu, with NULL for nobody. */
void dio_jit_host_trap_for (DioJitVcpu *vcpu);
void dio_jit_host_free (DioJit *jit);
