/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the text of host code. */
#include "core/debug/debug-disasm.h"

#include "config.h"

static void
test_text (void)
{
#if DIO_HAVE_CAPSTONE && defined __x86_64__
  static const uint8_t code[] = { 0x48, 0x01, 0xd8, 0xc3, 0x06, 0x49, 0xbf, 0x88, 0x77, 0x66, 0x55,
                                  0x44, 0x33, 0x22, 0x11, 0xe8, 0xfb, 0xff, 0xff, 0xff, 0x0f };
  const char *expected =
      "        1000:  48 01 d8                 add rax, rbx\n"
      "        1003:  c3                       ret\n"
      "        1004:  06                       .byte\n"
      "        1005:  49 bf 88 77 66 55 44 33 22 11  movabs r15, 0x1122334455667788\n"
      "        100f:  e8 fb ff ff ff           call 0x100f\n"
      "        1014:  0f                       .byte\n";
#elif DIO_HAVE_CAPSTONE && defined __aarch64__
  static const uint8_t code[] = { 0x20, 0x00, 0x02, 0x8b, 0xc0, 0x03, 0x5f, 0xd6, 0, 0 };
  const char *expected = "        1000:  20 00 02 8b              add x0, x1, x2\n"
                         "        1004:  c0 03 5f d6              ret\n"
                         "        1008:  00 00                    .byte\n";
#else
  static const uint8_t code[] = { 0 };
  const char *expected =
      DIO_HAVE_CAPSTONE ? "no disassembler for this host\n" : "not built with capstone\n";
#endif
  g_autofree char *text = dio_debug_disassemble (code, sizeof code, 0x1000);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_nothing (void)
{
  g_autofree char *text = dio_debug_disassemble ("", 0, 0);
  g_assert_cmpstr (text, ==, DIO_HAVE_CAPSTONE ? "" : "not built with capstone\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/debug/disasm/text", test_text);
  g_test_add_func ("/core/debug/disasm/nothing", test_nothing);
  return g_test_run ();
}
