/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the bare-metal test programs of all guests have; built for each. */
#include "guest.h"

void *
memset (void *to, int value, size_t size)
{
  for (size_t i = 0; i < size; i++)
    ((volatile uint8_t *) to)[i] = value;
  return to;
}

void *
memcpy (void *to, const void *from, size_t size)
{
  for (size_t i = 0; i < size; i++)
    ((volatile uint8_t *) to)[i] = ((const uint8_t *) from)[i];
  return to;
}

void
puts_ (const char *text)
{
  for (; *text; text++)
    *mmio8 (UART) = *text;
}

void
put_hex (uint64_t value)
{
  puts_ ("0x");
  for (int shift = 60; shift >= 0; shift -= 4)
    *mmio8 (UART) = "0123456789abcdef"[(value >> shift) & 15];
}

void
pass (void)
{
  puts_ ("pass\n");
#ifdef __aarch64__
  psci (PSCI_SYSTEM_OFF, 0, 0, 0); /* the real board has no finisher */
#endif
  for (;;)
    *mmio32 (FINISHER) = 0x5555;
}

static void
put_decimal (unsigned value)
{
  if (value >= 10)
    put_decimal (value / 10);
  *mmio8 (UART) = '0' + value % 10;
}

void
fail (const char *file, int line, const char *what, uint64_t a, uint64_t b)
{
  unsigned cpu = begin_failure ();
  puts_ ("FAIL ");
  puts_ (file);
  puts_ (":");
  put_decimal (line);
  puts_ (": ");
  puts_ (what);
  puts_ (" (");
  put_hex (a);
  puts_ (", ");
  put_hex (b);
  puts_ (") on CPU ");
  put_decimal (cpu);
  puts_ ("\n");
  for (;;)
    *mmio32 (FINISHER) = (uint32_t) line << 16 | 0x3333;
}
