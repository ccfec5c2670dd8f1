/* SPDX-License-Identifier: GPL-3.0-or-later
 * The text of host code, by libcapstone where it was there at build time. */
#include "core/debug/debug-disasm.h"

#include <inttypes.h>

#include "config.h"

#if DIO_HAVE_CAPSTONE
#include <capstone/capstone.h>

#ifdef __x86_64__
#define HOST_ARCH CS_ARCH_X86
#define HOST_MODE CS_MODE_64
#define HOST_UNIT 1
#elif defined __aarch64__
#define HOST_ARCH CS_ARCH_ARM64
#define HOST_MODE CS_MODE_LITTLE_ENDIAN
#define HOST_UNIT 4
#endif
#endif

#ifdef HOST_ARCH
static void
append_line (GString *text, uint64_t address, const uint8_t *bytes, size_t size, const char *name,
             const char *operands)
{
  g_string_append_printf (text, "%12" PRIx64 ": ", address);
  for (size_t i = 0; i < MAX (size, 8); i++)
    g_string_append_printf (text, i < size ? " %02x" : "   ", i < size ? bytes[i] : 0);
  g_string_append_printf (text, "  %s%s%s\n", name, *operands ? " " : "", operands);
}

static void
append_all (GString *text, csh capstone, const uint8_t *code, size_t size, uint64_t address)
{
  cs_insn *insn = cs_malloc (capstone);
  while (size) {
    if (cs_disasm_iter (capstone, &code, &size, &address, insn)) {
      append_line (text, insn->address, insn->bytes, insn->size, insn->mnemonic, insn->op_str);
      continue;
    }
    size_t skipped = MIN (size, HOST_UNIT);
    append_line (text, address, code, skipped, ".byte", "");
    code += skipped;
    address += skipped;
    size -= skipped;
  }
  cs_free (insn, 1);
}

char *
dio_debug_disassemble (const void *code, size_t size, uint64_t address)
{
  csh capstone;
  if (cs_open (HOST_ARCH, HOST_MODE, &capstone) != CS_ERR_OK)
    return g_strdup ("this libcapstone does not know the host's code\n");
  GString *text = g_string_new (NULL);
  append_all (text, capstone, code, size, address);
  cs_close (&capstone);
  return g_string_free (text, FALSE);
}
#else
char *
dio_debug_disassemble (const void *code, size_t size, uint64_t address)
{
  return g_strdup (DIO_HAVE_CAPSTONE ? "no disassembler for this host\n"
                                     : "not built with capstone\n");
}
#endif
