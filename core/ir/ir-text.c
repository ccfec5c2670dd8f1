/* SPDX-License-Identifier: GPL-3.0-or-later
 * Blocks of intermediate representation as text, in both directions.
 *
 * One operation a line: "%3 = add %1, %2", with the operation's immediate before its arguments and
 * ": i1" behind a truth value. The name of a value is its index, so a reader can follow it through
 * passes, which leave NOP where they remove something. NOPs are not written; a reader of the text
 * puts one wherever a name is skipped. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/ir/ir-block.h"

/* A name that is skipped makes operations, so there is an end to that. */
#define MAX_OPS (1 << 20)
/* A result and "=", an operation, an immediate, arguments, ":" and a type. */
#define MAX_TOKENS 12

/* ---- Writing ---- */

static void
append_immediate (GString *out, const DioIrOp *op, const DioIrOpInfo *info)
{
  switch (info->immediate) {
  case DIO_IR_IMM_NONE:
  case DIO_IR_IMM_SYSTEM:
    break;
  case DIO_IR_IMM_NUMBER:
  case DIO_IR_IMM_DISPLACEMENT:
  case DIO_IR_IMM_SHIFT:
    g_string_append_printf (out, " %" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_X:
    g_string_append_printf (out, " x%" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_F:
    g_string_append_printf (out, " f%" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_V:
    g_string_append_printf (out, " v%" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_VEC:
    g_string_append_printf (out, ".%s %u", dio_ir_vec_names[DIO_IR_IMMEDIATE_NAME (op->immediate)],
                            DIO_IR_IMMEDIATE_N (op->immediate));
    break;
  case DIO_IR_IMM_LANES:
    g_string_append_printf (out, ".%s %u", dio_ir_fp_names[DIO_IR_IMMEDIATE_NAME (op->immediate)],
                            DIO_IR_IMMEDIATE_N (op->immediate));
    break;
  case DIO_IR_IMM_PC:
    g_string_append_printf (out, " %+" PRId64, op->immediate);
    break;
  case DIO_IR_IMM_FP:
    g_string_append_printf (out, ".%s", dio_ir_fp_names[op->immediate]);
    break;
  case DIO_IR_IMM_ORDER:
    g_string_append_printf (out, " 0x%" PRIx64, (uint64_t) op->immediate);
    break;
  }
}

static void
append_op (GString *out, const DioIrBlock *block, uint32_t index)
{
  const DioIrOp *op = dio_ir_block_op (block, index);
  const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
  if (op->opcode != DIO_IR_INSN)
    g_string_append (out, "  ");
  if (info->result != DIO_IR_VOID)
    g_string_append_printf (out, "%%%u = ", index);
  g_string_append (out, info->name);
  append_immediate (out, op, info);
  bool first = info->immediate == DIO_IR_IMM_NONE || info->immediate == DIO_IR_IMM_FP;
  for (unsigned a = 0; a < info->n_arguments; a++, first = false)
    g_string_append_printf (out, "%s %%%u", first ? "" : ",", op->arguments[a]);
  if (op->note)
    g_string_append_printf (out, " %s", op->note);
  if (info->result == DIO_IR_I1)
    g_string_append (out, " : i1");
  g_string_append_c (out, '\n');
}

char *
dio_ir_block_to_text (const DioIrBlock *block)
{
  GString *out = g_string_new (NULL);
  for (uint32_t i = 0; i < block->ops->len; i++)
    if (dio_ir_block_op (block, i)->opcode != DIO_IR_NOP)
      append_op (out, block, i);
  return g_string_free (out, FALSE);
}

/* ---- Reading ---- */

/* One line, taken apart. */
typedef struct {
  const char *result; /* with its %, or NULL */
  const char *name;
  bool truth; /* ended in ": i1" */
  unsigned n;
  const char *operands[MAX_TOKENS];
} Line;

static bool
read_number (const char *text, int base, int64_t *number)
{
  char *end;
  if (!*text)
    return false;
  errno = 0;
  /* Hexadecimal ones are 64 bits without a sign. */
  *number = base == 16 ? (int64_t) g_ascii_strtoull (text, &end, base)
                       : g_ascii_strtoll (text, &end, base);
  return !*end && errno == 0;
}

/* The index that "%3" names. */
static bool
read_value (const char *text, uint32_t *index)
{
  int64_t number;
  if (text[0] != '%' || !read_number (text + 1, 10, &number) || number < 0 || number >= MAX_OPS)
    return false;
  *index = (uint32_t) number;
  return true;
}

static const char *
split_line (char **tokens, Line *line)
{
  const char *list[MAX_TOKENS];
  unsigned n = 0, at = 0;
  for (char **token = tokens; *token; token++) {
    if (!**token)
      continue;
    if (n == MAX_TOKENS)
      return "too long";
    list[n++] = *token;
  }
  *line = (Line){ .name = n ? list[0] : NULL };
  if (n >= 3 && strcmp (list[1], "=") == 0) {
    line->result = list[0];
    line->name = list[2];
    at = 2;
  }
  if (n >= 3 && strcmp (list[n - 2], ":") == 0 && strcmp (list[n - 1], "i1") == 0) {
    line->truth = true;
    n -= 2;
  }
  for (at++; at < n; at++)
    line->operands[line->n++] = list[at];
  return NULL;
}

/* Whether @name is that of @info, with the immediate that may be part of it. */
static bool
read_name (const char *name, const DioIrOpInfo *info, int64_t *immediate)
{
  size_t length = strlen (info->name);
  bool vec = info->immediate == DIO_IR_IMM_VEC;
  const char *const *names = vec ? dio_ir_vec_names : dio_ir_fp_names;
  unsigned n = vec ? DIO_IR_N_VEC : DIO_IR_N_FP;
  if (!vec && info->immediate != DIO_IR_IMM_FP && info->immediate != DIO_IR_IMM_LANES)
    return strcmp (name, info->name) == 0;
  if (strncmp (name, info->name, length) != 0 || name[length] != '.')
    return false;
  for (unsigned i = 0; i < n; i++) {
    if (strcmp (name + length + 1, names[i]) == 0) {
      *immediate = i;
      return true;
    }
  }
  return false;
}

static bool
read_immediate (const char *text, DioIrImmediate kind, int64_t *immediate)
{
  char file = kind == DIO_IR_IMM_X ? 'x' : kind == DIO_IR_IMM_V ? 'v' : 'f';
  int64_t n;
  switch (kind) {
  case DIO_IR_IMM_VEC:
  case DIO_IR_IMM_LANES:
    if (!read_number (text, 10, &n) || n < 0 || n > INT32_MAX)
      return false;
    *immediate |= n << 16;
    return true;
  case DIO_IR_IMM_X:
  case DIO_IR_IMM_V:
  case DIO_IR_IMM_F:
    return text[0] == file && read_number (text + 1, 10, immediate);
  case DIO_IR_IMM_ORDER:
    return g_str_has_prefix (text, "0x") && read_number (text + 2, 16, immediate);
  default:
    return read_number (text, 10, immediate);
  }
}

static bool
has_immediate (const DioIrOpInfo *info)
{
  return info->immediate != DIO_IR_IMM_NONE && info->immediate != DIO_IR_IMM_FP
         && info->immediate != DIO_IR_IMM_SYSTEM;
}

/* Fills @op with what follows the name. NULL, or what is wrong. */
static const char *
read_operands (const DioIrBlock *block, const Line *line, DioIrOp *op)
{
  const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
  unsigned at = 0;
  if (has_immediate (info)
      && (at == line->n || !read_immediate (line->operands[at++], info->immediate, &op->immediate)))
    return "no such immediate";
  for (unsigned a = 0; a < info->n_arguments; a++) {
    if (at == line->n)
      return "an argument is missing";
    if (!read_value (line->operands[at++], &op->arguments[a]))
      return "no such argument";
    if (op->arguments[a] >= block->ops->len)
      return "argument is not an earlier value";
  }
  if ((op->opcode == DIO_IR_INSN || op->opcode == DIO_IR_SYSTEM) && at < line->n)
    op->note = g_intern_string (line->operands[at++]);
  return at < line->n ? "too many operands" : NULL;
}

static const char *
read_op (const DioIrBlock *block, const Line *line, DioIrOp *op)
{
  const char *wrong = "no such operation";
  for (unsigned opcode = 0; opcode < DIO_IR_N_OPS; opcode++) {
    *op = (DioIrOp){ .opcode = (uint16_t) opcode };
    /* Some names are those of several operations, told apart by their operands. */
    if (!read_name (line->name, &dio_ir_op_info[opcode], &op->immediate))
      continue;
    wrong = read_operands (block, line, op);
    if (!wrong)
      return NULL;
  }
  return wrong;
}

/* Makes the next index the one that the line names. */
static const char *
read_result (DioIrBlock *block, const Line *line, DioIrType type)
{
  uint32_t index = 0;
  if ((type == DIO_IR_I1) != line->truth)
    return "result of the wrong type";
  if ((type == DIO_IR_VOID) != !line->result)
    return line->result ? "has no result" : "has a result without a name";
  if (!line->result)
    return NULL;
  if (!read_value (line->result, &index) || index < block->ops->len)
    return "results are numbered in order";
  while (block->ops->len < index)
    dio_ir_block_append (block, DIO_IR_NOP, 0, 0, 0, 0, 0);
  return NULL;
}

static const char *
read_line (DioIrBlock *block, const char *text)
{
  g_auto (GStrv) tokens = g_strsplit_set (text, " ,\t\r", -1);
  Line line;
  DioIrOp op;
  const char *wrong = split_line (tokens, &line);
  if (wrong || !line.name)
    return wrong;
  wrong = read_op (block, &line, &op);
  if (!wrong)
    wrong = read_result (block, &line, dio_ir_op_info[op.opcode].result);
  if (!wrong)
    g_array_append_val (block->ops, op);
  return wrong;
}

DioIrBlock *
dio_ir_block_parse (const char *text, GError **error)
{
  g_autoptr (DioIrBlock) block = dio_ir_block_new ();
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (unsigned i = 0; lines[i]; i++) {
    const char *wrong = read_line (block, lines[i]);
    if (wrong) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "line %u: %s: \"%s\"", i + 1, wrong,
                   g_strstrip (lines[i]));
      return NULL;
    }
  }
  return g_steal_pointer (&block);
}
