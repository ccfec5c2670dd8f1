/* SPDX-License-Identifier: GPL-3.0-or-later
 * The mix that CoreMark made usual: linked lists, small matrices, a state machine over text, CRC.
 */
#include "bench.h"

typedef struct Node {
  struct Node *next;
  int16_t key;
  int16_t value;
} Node;

static uint16_t
crc16 (uint16_t crc, uint16_t data)
{
  for (int i = 0; i < 16; i++) {
    unsigned carry = (crc ^ data) & 1;
    crc >>= 1;
    data >>= 1;
    if (carry)
      crc ^= 0xa001;
  }
  return crc;
}

static Node *
list_reverse (Node *list)
{
  Node *done = NULL;
  while (list) {
    Node *next = list->next;
    list->next = done;
    done = list;
    list = next;
  }
  return done;
}

static Node *
list_merge (Node *a, Node *b)
{
  Node head = { 0 }, *tail = &head;
  while (a && b) {
    Node **least = a->key <= b->key ? &a : &b;
    tail = tail->next = *least;
    *least = (*least)->next;
  }
  tail->next = a ? a : b;
  return head.next;
}

static Node *
list_sort (Node *list)
{
  if (!list || !list->next)
    return list;
  Node *slow = list, *fast = list->next;
  while (fast && fast->next) {
    slow = slow->next;
    fast = fast->next->next;
  }
  Node *half = slow->next;
  slow->next = NULL;
  return list_merge (list_sort (list), list_sort (half));
}

static uint16_t
work_list (uint32_t *seed)
{
  static Node nodes[60];
  for (int i = 0; i < 60; i++) {
    nodes[i].key = (int16_t) (bench_random (seed) & 0x3ff);
    nodes[i].value = (int16_t) i;
    nodes[i].next = i < 59 ? &nodes[i + 1] : NULL;
  }
  Node *list = list_sort (list_reverse (nodes));
  uint16_t crc = 0;
  for (int find = 0; find < 20; find++) {
    int key = (int) (bench_random (seed) & 0x3ff);
    Node *at = list;
    while (at && at->key < key)
      at = at->next;
    crc = crc16 (crc, at ? (uint16_t) at->value : 0xffff);
  }
  return crc;
}

static uint16_t
work_matrix (uint32_t *seed)
{
  static int16_t a[12][12], b[12][12];
  static int32_t c[12][12];
  for (int i = 0; i < 12; i++)
    for (int j = 0; j < 12; j++) {
      a[i][j] = (int16_t) (bench_random (seed) & 0xff);
      b[i][j] = (int16_t) (bench_random (seed) & 0xff);
    }
  uint16_t crc = 0;
  for (int i = 0; i < 12; i++)
    for (int j = 0; j < 12; j++) {
      int32_t sum = 0;
      for (int k = 0; k < 12; k++)
        sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  for (int i = 0; i < 12; i++)
    crc = crc16 (crc, (uint16_t) c[i][11 - i]);
  return crc;
}

enum { START, SIGN, DIGITS, POINT, FRACTION, EXPONENT, SCIENTIFIC, INVALID, STATES };

static int
next_state (int state, char c)
{
  int digit = c >= '0' && c <= '9';
  switch (state) {
  case START:
    return digit ? DIGITS : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
  case SIGN:
    return digit ? DIGITS : c == '.' ? POINT : INVALID;
  case DIGITS:
    return digit ? DIGITS : c == '.' ? POINT : c == 'e' ? EXPONENT : INVALID;
  case POINT:
  case FRACTION:
    return digit ? FRACTION : c == 'e' ? EXPONENT : INVALID;
  case EXPONENT:
    return digit || c == '-' ? SCIENTIFIC : INVALID;
  case SCIENTIFIC:
    return digit ? SCIENTIFIC : INVALID;
  default:
    return INVALID;
  }
}

static uint16_t
work_states (uint32_t *seed)
{
  static const char text[] = "5012,-874,+33.2,0.7e-9,12x,.5,9999e3,-.1,T0.3e,42,";
  uint32_t counts[STATES] = { 0 };
  uint16_t crc = 0;
  for (int pass = 0; pass < 4; pass++) {
    int state = START;
    unsigned flip = bench_random (seed) % (sizeof text - 1);
    for (unsigned i = 0; i < sizeof text - 1; i++) {
      char c = i == flip ? '7' : text[i];
      if (c == ',') {
        counts[state]++;
        state = START;
      } else {
        state = next_state (state, c);
      }
    }
  }
  for (int i = 0; i < STATES; i++)
    crc = crc16 (crc, (uint16_t) counts[i]);
  return crc;
}

static uint64_t
run (unsigned rounds)
{
  uint32_t seed = 1;
  uint16_t crc = 0;
  for (unsigned i = 0; i < rounds; i++) {
    crc = crc16 (crc, work_list (&seed));
    crc = crc16 (crc, work_matrix (&seed));
    crc = crc16 (crc, work_states (&seed));
  }
  return crc;
}

const BenchProgram bench_core = { "core", 6000, run };
