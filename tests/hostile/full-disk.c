/* SPDX-License-Identifier: GPL-3.0-or-later
 * A guest that writes its first virtio disk full, bare-metal in M-mode on the riscv64 `virt` board.
 * The host has no room for all of it: the guest prints "write error", reads what it wrote before to
 * see that the disk still answers, and tries again until the host has room, prints "written" and
 * powers off. */
#include <stddef.h>
#include <stdint.h>

#define CHUNK 65536
#define SECTOR 512
#define OUT 1 /* virtio_blk_req type: write */
#define IN 0
#define QUEUE 8
#define NEXT 1
#define WRITABLE 2

typedef struct {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
} Descriptor;

static Descriptor descriptors[QUEUE] __attribute__ ((aligned (16)));
static struct {
  uint16_t flags, index, ring[QUEUE];
} available __attribute__ ((aligned (2)));
static volatile struct {
  uint16_t flags, index;
  struct {
    uint32_t id, length;
  } ring[QUEUE];
} used __attribute__ ((aligned (4)));
static struct {
  uint32_t type, reserved;
  uint64_t sector;
} header;
static uint64_t data[CHUNK / 8] __attribute__ ((aligned (4096)));
static volatile uint8_t status;
static volatile uint16_t *doorbell;

static volatile uint8_t *const uart = (volatile uint8_t *) 0x10000000;

static void
print (const char *text)
{
  for (; *text; text++) {
    while (!(uart[5] & 0x20))
      ;
    uart[0] = (uint8_t) *text;
  }
}

static volatile uint32_t *
config (unsigned slot, unsigned offset)
{
  return (volatile uint32_t *) (0x30000000ul + slot * 0x8000ul + offset);
}

/* Finds the virtio structure of @type in @slot: its BAR's address plus offset, or 0. */
static uint64_t
find_structure (unsigned slot, unsigned type, uint32_t *multiplier)
{
  unsigned at = *config (slot, 0x34) & 0xfc;
  for (int i = 0; at && i < 48; i++) {
    uint32_t head = *config (slot, at);
    if ((head & 0xff) == 9 && head >> 24 == type) {
      unsigned bar = *config (slot, at + 4) & 0xff;
      uint64_t base = *config (slot, 0x10 + 4 * bar) & ~15u;
      *multiplier = *config (slot, at + 16);
      return base + *config (slot, at + 8);
    }
    at = head >> 8 & 0xfc;
  }
  return 0;
}

/* The number of sectors, or 0 when there is no disk. */
static uint64_t
set_up (unsigned slot)
{
  uint32_t multiplier, ignored;
  if (*config (slot, 0) != 0x10421af4)
    return 0;
  for (unsigned bar = 0; bar < 6; bar++) {
    *config (slot, 0x10 + 4 * bar) = 0x40000000u + bar * 0x100000u;
    if ((*config (slot, 0x10 + 4 * bar) & 6) == 4)
      *config (slot, 0x10 + 4 * ++bar) = 0;
  }
  *config (slot, 4) = 6;
  volatile uint8_t *c = (volatile uint8_t *) find_structure (slot, 1, &ignored);
  uint64_t notify = find_structure (slot, 2, &multiplier);
  uint64_t own = find_structure (slot, 4, &ignored);
  if (!c || !notify || !own)
    return 0;
  c[20] = 0;
  c[20] = 3;
  *(volatile uint32_t *) (c + 8) = 1; /* the upper half: version 1 */
  *(volatile uint32_t *) (c + 12) = 1;
  *(volatile uint32_t *) (c + 8) = 0;
  *(volatile uint32_t *) (c + 12) = 0;
  c[20] = 11;
  *(volatile uint16_t *) (c + 22) = 0;
  *(volatile uint16_t *) (c + 24) = QUEUE;
  const uint64_t places[] = { (uint64_t) descriptors, (uint64_t) &available, (uint64_t) &used };
  for (int i = 0; i < 3; i++) {
    *(volatile uint32_t *) (c + 32 + 8 * i) = (uint32_t) places[i];
    *(volatile uint32_t *) (c + 36 + 8 * i) = (uint32_t) (places[i] >> 32);
  }
  doorbell = (volatile uint16_t *) (notify + *(volatile uint16_t *) (c + 30) * multiplier);
  *(volatile uint16_t *) (c + 28) = 1;
  c[20] = 15;
  return *(volatile uint32_t *) own | (uint64_t) * (volatile uint32_t *) (own + 4) << 32;
}

/* One request of a chunk; its status. */
static uint8_t
transfer (uint32_t type, uint64_t sector)
{
  header.type = type;
  header.sector = sector;
  status = 0xff;
  descriptors[0] = (Descriptor){ (uint64_t) &header, sizeof header, NEXT, 1 };
  descriptors[1] = (Descriptor){ (uint64_t) data, CHUNK, NEXT | (type == IN ? WRITABLE : 0), 2 };
  descriptors[2] = (Descriptor){ (uint64_t) &status, 1, WRITABLE, 0 };
  available.ring[available.index % QUEUE] = 0;
  __asm__ volatile("fence" ::: "memory");
  available.index++;
  __asm__ volatile("fence" ::: "memory");
  *doorbell = 0;
  while (used.index != available.index)
    __asm__ volatile("fence" ::: "memory");
  return status;
}

static void
fill (uint64_t value)
{
  for (unsigned i = 0; i < CHUNK / 8; i++)
    data[i] = value;
}

static uint64_t
now (void)
{
  return *(volatile uint64_t *) 0x200bff8; /* mtime, 10 MHz */
}

void trapped (uint64_t cause, uint64_t pc);

int main (void);
int
main (void)
{
  uint64_t sectors = 0;
  for (unsigned slot = 0; slot < 16 && !sectors; slot++)
    sectors = set_up (slot);
  if (!sectors) {
    print ("no disk\n");
    return 1;
  }
  for (uint64_t sector = 0; sector + CHUNK / SECTOR <= sectors; sector += CHUNK / SECTOR) {
    for (;;) {
      fill (sector + 1);
      if (transfer (OUT, sector) == 0)
        break;
      print ("write error\n");
      if (sector == 0 || transfer (IN, 0) != 0 || data[0] != 1) {
        print ("the disk does not answer\n");
        return 2;
      }
      for (uint64_t end = now () + 2000000; now () < end;)
        ;
    }
  }
  print ("written\n");
  return 0;
}

void
trapped (uint64_t cause, uint64_t pc)
{
  (void) cause;
  (void) pc;
}
