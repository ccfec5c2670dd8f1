/* SPDX-License-Identifier: GPL-3.0-or-later
 * A small stack machine run by a switch, as scripting languages are: it sieves primes. */
#include "bench.h"

enum { PUSH, LOAD, STORE, GET, PUT, ADD, MUL, LESS, JUMP, JZ, INC, HALT };

#define LIMIT 4000

/* v0 = i, v1 = j, v2 = count */
static const int16_t program[] = {
  /* clang-format off */
  /*  0 */ PUSH, 2, STORE, 0, PUSH, 0, STORE, 2,
  /*  8 */ LOAD, 0, PUSH, LIMIT, LESS, JZ, 54,
  /* 15 */ LOAD, 0, GET, JZ, 22, JUMP, 50,
  /* 22 */ INC, 2, LOAD, 0, LOAD, 0, ADD, STORE, 1,
  /* 31 */ LOAD, 1, PUSH, LIMIT, LESS, JZ, 50,
  /* 38 */ PUSH, 1, LOAD, 1, PUT, LOAD, 1, LOAD, 0, ADD, STORE, 1,
  /* 50 (patched below) */
  /* clang-format on */
};

static int64_t
execute (int16_t *code, uint8_t *memory)
{
  int64_t stack[32], variables[4] = { 0 };
  int sp = 0;
  const int16_t *pc = code;
  for (;;)
    switch (*pc++) {
    case PUSH:
      stack[sp++] = *pc++;
      break;
    case LOAD:
      stack[sp++] = variables[*pc++];
      break;
    case STORE:
      variables[*pc++] = stack[--sp];
      break;
    case GET:
      stack[sp - 1] = memory[stack[sp - 1]];
      break;
    case PUT:
      sp -= 2;
      memory[stack[sp + 1]] = (uint8_t) stack[sp];
      break;
    case ADD:
      sp--;
      stack[sp - 1] += stack[sp];
      break;
    case MUL:
      sp--;
      stack[sp - 1] *= stack[sp];
      break;
    case LESS:
      sp--;
      stack[sp - 1] = stack[sp - 1] < stack[sp];
      break;
    case JUMP:
      pc = code + *pc;
      break;
    case JZ:
      pc = stack[--sp] ? pc + 1 : code + *pc;
      break;
    case INC:
      variables[*pc++]++;
      break;
    default:
      return variables[2];
    }
}

static uint64_t
run (unsigned rounds)
{
  static uint8_t memory[LIMIT];
  static int16_t code[64];
  /* The inner loop goes on at 31; 52 moves to the next number; 56 ends. */
  static const int16_t tail[] = { JUMP, 31, INC, 0, JUMP, 8, HALT };
  uint64_t sum = 0;
  unsigned n = sizeof program / sizeof program[0];
  memcpy (code, program, sizeof program);
  memcpy (code + n, tail, sizeof tail);
  /* Where the jumps that leave the loops go. */
  code[14] = (int16_t) (n + 6);
  code[21] = (int16_t) (n + 2);
  code[37] = (int16_t) (n + 2);
  for (unsigned round = 0; round < rounds; round++) {
    memset (memory, 0, sizeof memory);
    sum = sum * 31 + (uint64_t) execute (code, memory);
  }
  return sum;
}

const BenchProgram bench_bytecode = { "bytecode", 60, run };
