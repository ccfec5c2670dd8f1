/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs one measuring program and prints a line on the serial port:
 *   bench NAME checksum HEX ticks N instructions N
 * Ticks are of the 10 MHz timebase. */
#include "bench.h"

static volatile uint8_t *const uart = (volatile uint8_t *) 0x10000000;

void *
memset (void *to, int byte, size_t length)
{
  uint8_t *out = to;
  while (length--)
    *out++ = (uint8_t) byte;
  return to;
}

void *
memcpy (void *to, const void *from, size_t length)
{
  uint8_t *out = to;
  const uint8_t *in = from;
  while (length--)
    *out++ = *in++;
  return to;
}

int
memcmp (const void *a, const void *b, size_t length)
{
  const uint8_t *x = a, *y = b;
  for (; length--; x++, y++)
    if (*x != *y)
      return *x - *y;
  return 0;
}

static void
put (char c)
{
  while (!(uart[5] & 0x20))
    ;
  uart[0] = (uint8_t) c;
}

static void
print (const char *text)
{
  while (*text)
    put (*text++);
}

static void
print_number (uint64_t value, unsigned base)
{
  char digits[24];
  int n = 0;
  do {
    digits[n++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (n)
    put (digits[--n]);
}

void trapped (uint64_t cause, uint64_t pc);
void
trapped (uint64_t cause, uint64_t pc)
{
  print ("trap ");
  print_number (cause, 16);
  print (" at ");
  print_number (pc, 16);
  print ("\n");
}

static inline uint64_t
read_time (void)
{
  /* mtime of the CLINT: the time CSR may be trapped in M-mode on boards without it. */
  return *(volatile uint64_t *) 0x200bff8;
}

int main (void);
int
main (void)
{
  const BenchProgram *program = &BENCH_PROGRAM;
  uint64_t instret_start, instret_end;
  uint64_t warm = program->run (1);
  uint64_t start = read_time ();
  __asm__ volatile("csrr %0, minstret" : "=r"(instret_start));
  uint64_t sum = program->run (program->rounds);
  __asm__ volatile("csrr %0, minstret" : "=r"(instret_end));
  uint64_t end = read_time ();
  print ("bench ");
  print (program->name);
  print (" checksum ");
  print_number (sum ^ warm, 16);
  print (" ticks ");
  print_number (end - start, 10);
  print (" instructions ");
  print_number (instret_end - instret_start, 10);
  print ("\n");
  return 0;
}
