/* SPDX-License-Identifier: GPL-3.0-or-later
 * Functions that compiled code calls: the memory operations of the IR in full, and those on control
 * registers. */
#include "core/fp/fp.h"
#include "core/interp/interp-sem.h"
#include "core/tier/tier-private.h"

static bool
load (DioInterpCpu *cpu, uint64_t va, unsigned size, bool user, uint64_t *value)
{
  cpu->jit.stats->slow_accesses++;
  *value = 0;
  return cpu->tier->guest->load (cpu, va, size, user, value);
}

static bool
store (DioInterpCpu *cpu, uint64_t va, unsigned size, bool user, uint64_t value)
{
  cpu->jit.stats->slow_accesses++;
  return cpu->tier->guest->store (cpu, va, size, user, value);
}

#define LOAD_FUNCTION(name, kind, user)                                                            \
  static bool name##_##kind (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)            \
  {                                                                                                \
    (void) value;                                                                                  \
    uint64_t loaded;                                                                               \
    bool done = load (vcpu, va, INTERP_SIZE_##kind, user, &loaded);                                \
    *result = INTERP_WIDEN_##kind (loaded);                                                        \
    return done;                                                                                   \
  }
#define STORE_FUNCTION(name, bits, user)                                                           \
  static bool name##_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)            \
  {                                                                                                \
    (void) result;                                                                                 \
    return store (vcpu, va, (bits) / 8, user, value);                                              \
  }
#define PLAIN_FUNCTIONS(suffix, user)                                                              \
  LOAD_FUNCTION (load##suffix, s8, user)                                                           \
  LOAD_FUNCTION (load##suffix, u8, user)                                                           \
  LOAD_FUNCTION (load##suffix, s16, user)                                                          \
  LOAD_FUNCTION (load##suffix, u16, user)                                                          \
  LOAD_FUNCTION (load##suffix, s32, user)                                                          \
  LOAD_FUNCTION (load##suffix, u32, user)                                                          \
  LOAD_FUNCTION (load##suffix, u64, user)                                                          \
  STORE_FUNCTION (store##suffix, 8, user)                                                          \
  STORE_FUNCTION (store##suffix, 16, user)                                                         \
  STORE_FUNCTION (store##suffix, 32, user)                                                         \
  STORE_FUNCTION (store##suffix, 64, user)
PLAIN_FUNCTIONS (, false)
PLAIN_FUNCTIONS (_user, true)

/* ---- Atomic operations ---- */

static void *
atomic_pointer (DioInterpCpu *cpu, uint64_t va, unsigned size, bool write)
{
  cpu->jit.stats->slow_accesses++;
  return cpu->tier->guest->atomic (cpu, va, size, write);
}

/* As interp_atomic_done() of the interpreter. */
static void
atomic_done (DioInterpCpu *cpu, const void *host, unsigned size)
{
  DioRam *ram = cpu->cpu.machine->ram;
  uint64_t offset = (uintptr_t) host - (uintptr_t) ram->host;
  if (offset < ram->size)
    dio_ram_note_write (ram, offset, size);
}

#define AMO_FUNCTION(op, bits)                                                                     \
  static bool amo_##op##_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)        \
  {                                                                                                \
    void *host = atomic_pointer (vcpu, va, (bits) / 8, true);                                      \
    if (!host)                                                                                     \
      return false;                                                                                \
    *result = interp_amo_##op##_##bits (host, value);                                              \
    atomic_done (vcpu, host, (bits) / 8);                                                          \
    return true;                                                                                   \
  }
#define AMO_FUNCTIONS(bits)                                                                        \
  AMO_FUNCTION (swap, bits)                                                                        \
  AMO_FUNCTION (add, bits)                                                                         \
  AMO_FUNCTION (xor, bits)                                                                         \
  AMO_FUNCTION (and, bits)                                                                         \
  AMO_FUNCTION (or, bits)                                                                          \
  AMO_FUNCTION (min, bits)                                                                         \
  AMO_FUNCTION (max, bits)                                                                         \
  AMO_FUNCTION (minu, bits)                                                                        \
  AMO_FUNCTION (maxu, bits)
AMO_FUNCTIONS (8)
AMO_FUNCTIONS (16)
AMO_FUNCTIONS (32)
AMO_FUNCTIONS (64)

/* By compare and swap on the remembered value, see the interpreters of the guests. */
static uint64_t *
reservation (DioInterpCpu *cpu)
{
  return (uint64_t *) (void *) ((char *) cpu + cpu->tier->guest->layout.reservation);
}

static uint64_t *
reservation_value (DioInterpCpu *cpu)
{
  return (uint64_t *) (void *) ((char *) cpu + cpu->tier->guest->layout.reservation_value);
}

#define RESERVED_FUNCTIONS(bits, SIGNED)                                                           \
  static bool reserve_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)           \
  {                                                                                                \
    void *host = atomic_pointer (vcpu, va, (bits) / 8, false);                                     \
    if (!host)                                                                                     \
      return false;                                                                                \
    value = __atomic_load_n ((uint##bits##_t *) host, __ATOMIC_SEQ_CST);                           \
    *result = SIGNED (value);                                                                      \
    *reservation (vcpu) = (uintptr_t) host;                                                        \
    *reservation_value (vcpu) = *result;                                                           \
    return true;                                                                                   \
  }                                                                                                \
  static bool conditional_##bits (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)       \
  {                                                                                                \
    void *host = atomic_pointer (vcpu, va, (bits) / 8, true);                                      \
    if (!host)                                                                                     \
      return false;                                                                                \
    bool held = *reservation (vcpu) == (uintptr_t) host;                                           \
    *reservation (vcpu) = UINT64_MAX;                                                              \
    *result = !(held && interp_host_replace (host, (bits) / 8, *reservation_value (vcpu), value)); \
    atomic_done (vcpu, host, (bits) / 8);                                                          \
    return true;                                                                                   \
  }
#define AS_IS(v) (v)
RESERVED_FUNCTIONS (8, SEXT8)
RESERVED_FUNCTIONS (16, SEXT16)
RESERVED_FUNCTIONS (32, SEXT32)
RESERVED_FUNCTIONS (64, AS_IS)

/* ---- Control registers ---- */

#define CSR_FUNCTION(name, opcode)                                                                 \
  static bool csr_##name (void *vcpu, uint64_t csr, uint64_t value, uint64_t *result)              \
  {                                                                                                \
    DioInterpCpu *cpu = vcpu;                                                                      \
    cpu->jit.stats->slow_accesses++;                                                               \
    return cpu->tier->guest->csr (cpu, opcode, (unsigned) csr, value, result);                     \
  }
CSR_FUNCTION (read, DIO_IR_CSR_READ)
CSR_FUNCTION (write, DIO_IR_CSR_WRITE)
CSR_FUNCTION (set, DIO_IR_CSR_SET)
CSR_FUNCTION (clear, DIO_IR_CSR_CLEAR)

/* clang-format off */
#define PLAIN_ENTRIES(PREFIX, suffix)                                                              \
  [DIO_IR_LOAD##PREFIX##_S8] = load##suffix##_s8, [DIO_IR_LOAD##PREFIX##_U8] = load##suffix##_u8,  \
  [DIO_IR_LOAD##PREFIX##_S16] = load##suffix##_s16,                                                \
  [DIO_IR_LOAD##PREFIX##_U16] = load##suffix##_u16,                                                \
  [DIO_IR_LOAD##PREFIX##_S32] = load##suffix##_s32,                                                \
  [DIO_IR_LOAD##PREFIX##_U32] = load##suffix##_u32,                                                \
  [DIO_IR_LOAD##PREFIX##_U64] = load##suffix##_u64,                                                \
  [DIO_IR_STORE##PREFIX##_8] = store##suffix##_8, [DIO_IR_STORE##PREFIX##_16] = store##suffix##_16,\
  [DIO_IR_STORE##PREFIX##_32] = store##suffix##_32,                                                \
  [DIO_IR_STORE##PREFIX##_64] = store##suffix##_64
#define ATOMIC_ENTRIES(bits)                                                                       \
  [DIO_IR_LOAD_RESERVED_##bits] = reserve_##bits,                                                  \
  [DIO_IR_STORE_CONDITIONAL_##bits] = conditional_##bits,                                          \
  [DIO_IR_AMO_swap_##bits] = amo_swap_##bits, [DIO_IR_AMO_add_##bits] = amo_add_##bits,            \
  [DIO_IR_AMO_xor_##bits] = amo_xor_##bits, [DIO_IR_AMO_and_##bits] = amo_and_##bits,              \
  [DIO_IR_AMO_or_##bits] = amo_or_##bits, [DIO_IR_AMO_min_##bits] = amo_min_##bits,                \
  [DIO_IR_AMO_max_##bits] = amo_max_##bits, [DIO_IR_AMO_minu_##bits] = amo_minu_##bits,            \
  [DIO_IR_AMO_maxu_##bits] = amo_maxu_##bits

DioTierAccessFunction *const dio_tier_accesses[DIO_IR_N_OPS] = {
  PLAIN_ENTRIES (, ),
  PLAIN_ENTRIES (_USER, _user),
  ATOMIC_ENTRIES (8),
  ATOMIC_ENTRIES (16),
  ATOMIC_ENTRIES (32),
  ATOMIC_ENTRIES (64),
  [DIO_IR_LOAD_V128] = dio_tier_load_v128,
  [DIO_IR_STORE_V128] = dio_tier_store_v128,
  [DIO_IR_LOAD_RESERVED_V128] = dio_tier_reserve_v128,
  [DIO_IR_STORE_CONDITIONAL_V128] = dio_tier_conditional_v128,
  [DIO_IR_COMPARE_SWAP_V128] = dio_tier_compare_swap_v128,
  [DIO_IR_CSR_READ] = csr_read,
  [DIO_IR_CSR_WRITE] = csr_write,
  [DIO_IR_CSR_SET] = csr_set,
  [DIO_IR_CSR_CLEAR] = csr_clear,
};
/* clang-format on */
