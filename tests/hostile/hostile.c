/* SPDX-License-Identifier: GPL-3.0-or-later
 * Guests that mean harm, bare-metal in M-mode on the riscv64 `virt` board. HOSTILE picks one. Those
 * that end print "survived" and power off; the others are ended by a time limit. Whatever they do,
 * the application must go on. */
#include <stddef.h>
#include <stdint.h>

#define SPIN 1    /* busy for ever */
#define TRAPS 2   /* a trap handler that traps */
#define WILD 3    /* jumps, loads and stores to everywhere */
#define MMIO 4    /* random accesses of all sizes to all of the board's I/O */
#define PCI 5     /* random PCI configuration, BARs moved over each other and over RAM */
#define RINGS 6   /* every virtio device set up with rings of nonsense, and kicked */
#define RESETS 7  /* asks for one reset after another */
#define PATCHER 8 /* patches the loop that it runs */
#define FLOOD 9   /* prints without end */

static uint64_t seed = HOSTILE;

static uint64_t
number (void)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static volatile uint8_t *const uart = (volatile uint8_t *) 0x10000000;

static void
print (const char *text)
{
  /* The line may have been set to anything: 8 bits, no FIFO, no loop-back, no interrupts. */
  uart[3] = 3;
  uart[2] = 0;
  uart[4] = 0;
  uart[1] = 0;
  for (; *text; text++) {
    while (!(uart[5] & 0x20))
      ;
    uart[0] = (uint8_t) *text;
  }
}

static __attribute__ ((unused)) void
touch (uint64_t address, unsigned kind, uint64_t value)
{
  switch (kind & 7) {
  case 0:
    *(volatile uint8_t *) address = (uint8_t) value;
    break;
  case 1:
    *(volatile uint16_t *) address = (uint16_t) value;
    break;
  case 2:
    *(volatile uint32_t *) address = (uint32_t) value;
    break;
  case 3:
    *(volatile uint64_t *) address = value;
    break;
  case 4:
    seed += *(volatile uint8_t *) address;
    break;
  case 5:
    seed += *(volatile uint16_t *) address;
    break;
  case 6:
    seed += *(volatile uint32_t *) address;
    break;
  default:
    seed += *(volatile uint64_t *) address;
    break;
  }
}

static inline volatile uint32_t *
config (unsigned slot, unsigned offset)
{
  return (volatile uint32_t *) (0x30000000ul + slot * 0x8000ul + offset);
}

#if HOSTILE == RINGS
/* Finds the virtio capability of @type in @slot; its BAR's address plus offset, or 0. */
static uint64_t
find_structure (unsigned slot, unsigned type, uint32_t *multiplier)
{
  unsigned at = *config (slot, 0x34) & 0xfc;
  for (int i = 0; at && i < 48; i++) {
    uint32_t head = *config (slot, at);
    if ((head & 0xff) == 9 && head >> 24 == type) {
      unsigned bar = *config (slot, at + 4) & 0xff;
      uint64_t base = *config (slot, 0x10 + 4 * bar);
      if ((base & 6) == 4)
        base |= (uint64_t) *config (slot, 0x14 + 4 * bar) << 32;
      if (multiplier)
        *multiplier = *config (slot, at + 16);
      return (base & ~15ul) + *config (slot, at + 8);
    }
    at = head >> 8 & 0xfc;
  }
  return 0;
}

static void
abuse_virtio (unsigned slot)
{
  static uint8_t rings[65536] __attribute__ ((aligned (4096)));
  uint32_t multiplier = 0;
  /* Give every BAR a place, as firmware would. */
  for (unsigned bar = 0; bar < 6; bar++) {
    *config (slot, 0x10 + 4 * bar) = 0x40000000u + slot * 0x1000000u + bar * 0x100000u;
    if ((*config (slot, 0x10 + 4 * bar) & 6) == 4)
      *config (slot, 0x10 + 4 * ++bar) = 0;
  }
  *config (slot, 4) = 6;
  uint64_t common = find_structure (slot, 1, NULL);
  uint64_t notify = find_structure (slot, 2, &multiplier);
  if (!common || !notify)
    return;
  volatile uint8_t *c = (volatile uint8_t *) common;
  for (int round = 0; round < 60; round++) {
    c[20] = 0;
    c[20] = 3;
    for (unsigned word = 0; word < 2; word++) {
      *(volatile uint32_t *) (c + 0) = word;
      uint32_t offered = *(volatile uint32_t *) (c + 4);
      *(volatile uint32_t *) (c + 8) = word;
      *(volatile uint32_t *) (c + 12) = (offered & (uint32_t) number ()) | word;
    }
    c[20] = 11;
    for (unsigned i = 0; i < sizeof rings; i += 8) {
      uint64_t value = number ();
      /* Often something that looks like a descriptor: an address in RAM, a length, flags. */
      if (i % 16 == 0 && value & 1)
        value = 0x80000000ul + (value & 0xffffff);
      if (i % 16 == 8 && value & 2)
        value &= 0x0007000700000fffull;
      *(uint64_t *) (rings + i) = value;
    }
    for (uint16_t queue = 0; queue < 4; queue++) {
      *(volatile uint16_t *) (c + 22) = queue;
      *(volatile uint16_t *) (c + 24) = number () & 1 ? 16 : (uint16_t) number ();
      uint64_t places[3];
      for (int i = 0; i < 3; i++) {
        places[i] = (uint64_t) rings + (number () & 0xfff0);
        if ((number () & 15) == 0)
          places[i] = number ();
        *(volatile uint32_t *) (c + 32 + 8 * i) = (uint32_t) places[i];
        *(volatile uint32_t *) (c + 36 + 8 * i) = (uint32_t) (places[i] >> 32);
      }
      *(volatile uint16_t *) (c + 28) = 1;
    }
    c[20] = 15;
    for (int kick = 0; kick < 40; kick++) {
      unsigned queue = number () & 3;
      *(volatile uint16_t *) (notify + queue * multiplier) = (uint16_t) queue;
      /* The ring changes while the device reads it. */
      for (int i = 0; i < 200; i++)
        rings[number () & 0xffff] = (uint8_t) number ();
      touch (common + (number () & 63), (unsigned) number (), number ());
    }
  }
  c[20] = 0;
}
#endif

void trapped (uint64_t cause, uint64_t pc);

int main (void);
int
main (void)
{
#if HOSTILE == SPIN
  for (;;)
    __asm__ volatile("");
#elif HOSTILE == TRAPS
  __asm__ volatile("csrw mtvec, %0; .word 0" ::"r"(0x7ff0));
#elif HOSTILE == WILD
  for (int i = 0; i < 200000; i++)
    touch (number () & 1 ? number () : 0x80200000 + (number () & 0xfffff8), (unsigned) number (),
           number ());
#elif HOSTILE == MMIO
  static const struct {
    uint64_t base, size;
  } places[] = {
    { 0x101000, 0x1000 },     { 0x2000000, 0x10000 },    { 0xc000000, 0x600000 },
    { 0x10000001, 0xff },     { 0x30000000, 0x100000 },  { 0x3000000, 0x10000 },
    { 0x40000000, 0x100000 }, { 0x400000000, 0x100000 }, { 0, 0x80000000 },
  };
  for (int i = 0; i < 400000; i++) {
    const unsigned n = number () % (sizeof places / sizeof places[0]);
    uint64_t address = places[n].base + number () % places[n].size;
    if (address >> 12 != 0x100)
      touch (address, (unsigned) number (), number ());
  }
#elif HOSTILE == PCI
  for (int i = 0; i < 100000; i++) {
    unsigned slot = number () & 15;
    unsigned offset = number () & 1 ? 0x10 + (number () & 0x14) : number () & 0xffc;
    uint32_t value = (uint32_t) number ();
    if (number () & 1)
      value = number () & 1 ? 0x40000000u + (value & 0xffffff) : 0x80000000u + (value & 0xffffff);
    *config (slot, offset) = value;
    *config (slot, 4) = (uint32_t) number ();
    touch (0x40000000u + (number () & 0xffffff), (unsigned) number (), number ());
  }
#elif HOSTILE == RINGS
  for (unsigned slot = 0; slot < 16; slot++)
    if ((*config (slot, 0) & 0xffff) == 0x1af4)
      abuse_virtio (slot);
#elif HOSTILE == RESETS
  *(volatile uint32_t *) 0x100000 = 0x7777;
  for (;;)
    __asm__ volatile("wfi");
#elif HOSTILE == PATCHER
  static uint32_t code[1024] __attribute__ ((aligned (4096)));
  for (int i = 0; i < 100000; i++) {
    code[0] = 0x00050513u | (uint32_t) (i & 0x7ff) << 20; /* addi a0, a0, i */
    code[1] = 0x00008067u;                                /* ret */
    __asm__ volatile("fence.i" ::: "memory");
    register uint64_t a0 __asm__("a0") = 0;
    __asm__ volatile("jalr %1" : "+r"(a0) : "r"(code) : "ra", "memory");
    if (a0 != (uint64_t) (i & 0x7ff)) {
      print ("stale code\n");
      return 1;
    }
  }
#elif HOSTILE == FLOOD
  for (;;)
    print ("All work and no play makes a dull guest.\r\n");
#endif
  print ("survived\n");
  return 0;
}

/* Every trap of ours is expected: go on behind the instruction. */
void
trapped (uint64_t cause, uint64_t pc)
{
  (void) cause;
  (void) pc;
}
