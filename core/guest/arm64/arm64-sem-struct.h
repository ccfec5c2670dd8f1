/* SPDX-License-Identifier: GPL-3.0-or-later
 * What A64's loads and stores of structures mean: one to four registers at once, or one lane of
 * each. Included after arm64-sem-simd.h; no include guard.
 *
 * A store may be repeated from its beginning, when a later part of it faults: what it wrote before
 * is written again. */

#define REGISTER(k) ((o->rd + (k)) % 32)
/* What is added to the address afterwards: rs2 is a register, or 31 for the bytes transferred. */
#define POST(bytes) (o->rs2 == 31 ? CONST (bytes) : GET_X (o->rs2))

/* @count registers from memory as it lies there: of 16 bytes, or 8. */
#define LOADED_PART(address, k)                                                                    \
  (FULL ? LOAD_V128 (ADD (address, CONST (16 * (k))))                                              \
        : VEC_MAKE (LOAD (u64, ADD (address, CONST (8 * (k)))), CONST (0)))
#define STORE_PART(address, k, vec)                                                                \
  do {                                                                                             \
    Vec part_ = (vec);                                                                             \
    if (FULL)                                                                                      \
      STORE_V128 (ADD (address, CONST (16 * (k))), part_);                                         \
    else                                                                                           \
      STORE (64, ADD (address, CONST (8 * (k))), VEC_LOW (part_));                                 \
  } while (0)
#define PART_BYTES (FULL ? 16 : 8)

#define CONSECUTIVE(name, count, post)                                                             \
  SEM (ld1_##name)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    Vec parts[count];                                                                              \
    for (int k = 0; k < (count); k++)                                                              \
      parts[k] = LOADED_PART (address, k);                                                         \
    for (int k = 0; k < (count); k++)                                                              \
      SET_V (REGISTER (k), parts[k]);                                                              \
    if (post)                                                                                      \
      SET_SP (o->rs1, ADD (address, POST ((count) *PART_BYTES)));                                  \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (st1_##name)                                                                                 \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    for (int k = 0; k < (count); k++)                                                              \
      STORE_PART (address, k, GET_V (REGISTER (k)));                                               \
    if (post)                                                                                      \
      SET_SP (o->rs1, ADD (address, POST ((count) *PART_BYTES)));                                  \
    NEXT;                                                                                          \
  }
#define CONSECUTIVES(count)                                                                        \
  CONSECUTIVE (count##_multi, count, false)                                                        \
  CONSECUTIVE (count##_multi_post, count, true)

CONSECUTIVES (1)
CONSECUTIVES (2)
CONSECUTIVES (3)
CONSECUTIVES (4)

/* Element i of structure member k is number i * count + k in memory. */
#define MEMORY_LANES ((FULL ? 16 : 8) >> SIZE)
#define FROM_MEMORY(parts, number)                                                                 \
  VEC_LANE (SIZE, (unsigned) (number) % MEMORY_LANES, parts[(unsigned) (number) / MEMORY_LANES])

#define BY_LANES(count, members, parts)                                                            \
  for (int k = 0; k < (count); k++) {                                                              \
    Vec member_ = NO_VEC;                                                                          \
    for (int i = 0; i < MEMORY_LANES; i++)                                                         \
      member_ = VEC_INSERT (SIZE, (unsigned) i, member_, FROM_MEMORY (parts, i * (count) + k));    \
    members[k] = member_;                                                                          \
  }
#define TO_PARTS_BY_LANES(count, parts, members)                                                   \
  for (int k = 0; k < (count); k++) {                                                              \
    Vec part_ = NO_VEC;                                                                            \
    for (int i = 0; i < MEMORY_LANES; i++) {                                                       \
      int number = k * MEMORY_LANES + i;                                                           \
      part_ =                                                                                      \
          VEC_INSERT (SIZE, (unsigned) i, part_,                                                   \
                      VEC_LANE (SIZE, (unsigned) (number / (count)), members[number % (count)]));  \
    }                                                                                              \
    parts[k] = part_;                                                                              \
  }
/* Whole registers, two or four of them: every other element, once or twice over. */
#define DEAL(even, odd, a, b)                                                                      \
  do {                                                                                             \
    Vec a_ = a, b_ = b;                                                                            \
    even = VEC2 (uzp1, SIZE, a_, b_);                                                              \
    odd = VEC2 (uzp2, SIZE, a_, b_);                                                               \
  } while (0)
#define INTERLEAVE(low, high, a, b)                                                                \
  do {                                                                                             \
    Vec a_ = a, b_ = b;                                                                            \
    low = VEC2 (zip1, SIZE, a_, b_);                                                               \
    high = VEC2 (zip2, SIZE, a_, b_);                                                              \
  } while (0)

#define FROM_PARTS_2(members, parts)                                                               \
  if (FULL)                                                                                        \
    DEAL (members[0], members[1], parts[0], parts[1]);                                             \
  else                                                                                             \
    BY_LANES (2, members, parts)
#define FROM_PARTS_3(members, parts) BY_LANES (3, members, parts)
#define FROM_PARTS_4(members, parts)                                                               \
  if (FULL) {                                                                                      \
    Vec even[2], odd[2];                                                                           \
    DEAL (even[0], odd[0], parts[0], parts[1]);                                                    \
    DEAL (even[1], odd[1], parts[2], parts[3]);                                                    \
    DEAL (members[0], members[2], even[0], even[1]);                                               \
    DEAL (members[1], members[3], odd[0], odd[1]);                                                 \
  } else                                                                                           \
    BY_LANES (4, members, parts)
#define TO_PARTS_2(parts, members)                                                                 \
  if (FULL)                                                                                        \
    INTERLEAVE (parts[0], parts[1], members[0], members[1]);                                       \
  else                                                                                             \
    TO_PARTS_BY_LANES (2, parts, members)
#define TO_PARTS_3(parts, members) TO_PARTS_BY_LANES (3, parts, members)
#define TO_PARTS_4(parts, members)                                                                 \
  if (FULL) {                                                                                      \
    Vec even[2], odd[2];                                                                           \
    INTERLEAVE (even[0], even[1], members[0], members[2]);                                         \
    INTERLEAVE (odd[0], odd[1], members[1], members[3]);                                           \
    INTERLEAVE (parts[0], parts[1], even[0], odd[0]);                                              \
    INTERLEAVE (parts[2], parts[3], even[1], odd[1]);                                              \
  } else                                                                                           \
    TO_PARTS_BY_LANES (4, parts, members)

#define INTERLEAVED(name, count, post)                                                             \
  SEM (ld##name)                                                                                   \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    Vec parts[count], members[count];                                                              \
    for (int k = 0; k < (count); k++)                                                              \
      parts[k] = LOADED_PART (address, k);                                                         \
    FROM_PARTS_##count (members, parts);                                                           \
    for (int k = 0; k < (count); k++)                                                              \
      SET_V (REGISTER (k), members[k]);                                                            \
    if (post)                                                                                      \
      SET_SP (o->rs1, ADD (address, POST ((count) *PART_BYTES)));                                  \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (st##name)                                                                                   \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    Vec parts[count], members[count];                                                              \
    for (int k = 0; k < (count); k++)                                                              \
      members[k] = GET_V (REGISTER (k));                                                           \
    TO_PARTS_##count (parts, members);                                                             \
    for (int k = 0; k < (count); k++)                                                              \
      STORE_PART (address, k, parts[k]);                                                           \
    if (post)                                                                                      \
      SET_SP (o->rs1, ADD (address, POST ((count) *PART_BYTES)));                                  \
    NEXT;                                                                                          \
  }
#define INTERLEAVEDS(count)                                                                        \
  INTERLEAVED (count##_multi, count, false)                                                        \
  INTERLEAVED (count##_multi_post, count, true)

INTERLEAVEDS (2)
INTERLEAVEDS (3)
INTERLEAVEDS (4)

/* ---- One lane of each: rs3 is its index ---- */

#define LOADED_ELEMENT_b(address) LOAD (u8, address)
#define LOADED_ELEMENT_h(address) LOAD (u16, address)
#define LOADED_ELEMENT_s(address) LOAD (u32, address)
#define LOADED_ELEMENT_d(address) LOAD (u64, address)
#define ELEMENT_LOG2_b 0
#define ELEMENT_LOG2_h 1
#define ELEMENT_LOG2_s 2
#define ELEMENT_LOG2_d 3
#define ELEMENT_BITS_b 8
#define ELEMENT_BITS_h 16
#define ELEMENT_BITS_s 32
#define ELEMENT_BITS_d 64

#define ONE_LANE(F, count, name, post)                                                             \
  SEM (ld##count##_lane_##name)                                                                    \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    Val elements[count];                                                                           \
    for (int k = 0; k < (count); k++)                                                              \
      elements[k] = LOADED_ELEMENT_##F (ADD (address, CONST (k << ELEMENT_LOG2_##F)));             \
    for (int k = 0; k < (count); k++)                                                              \
      SET_V (REGISTER (k),                                                                         \
             VEC_INSERT (ELEMENT_LOG2_##F, o->rs3, GET_V (REGISTER (k)), elements[k]));            \
    if (post)                                                                                      \
      SET_SP (o->rs1, ADD (address, POST ((count) << ELEMENT_LOG2_##F)));                          \
    NEXT;                                                                                          \
  }                                                                                                \
  SEM (st##count##_lane_##name)                                                                    \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    for (int k = 0; k < (count); k++)                                                              \
      STORE (ELEMENT_BITS_##F, ADD (address, CONST (k << ELEMENT_LOG2_##F)),                       \
             VEC_LANE (ELEMENT_LOG2_##F, o->rs3, GET_V (REGISTER (k))));                           \
    if (post)                                                                                      \
      SET_SP (o->rs1, ADD (address, POST ((count) << ELEMENT_LOG2_##F)));                          \
    NEXT;                                                                                          \
  }
#define ONE_LANE_OF_EACH(count)                                                                    \
  ONE_LANE (b, count, b, false)                                                                    \
  ONE_LANE (h, count, h, false)                                                                    \
  ONE_LANE (s, count, s, false)                                                                    \
  ONE_LANE (d, count, d, false)                                                                    \
  ONE_LANE (b, count, b_post, true)                                                                \
  ONE_LANE (h, count, h_post, true)                                                                \
  ONE_LANE (s, count, s_post, true)                                                                \
  ONE_LANE (d, count, d_post, true)

ONE_LANE_OF_EACH (1)
ONE_LANE_OF_EACH (2)
ONE_LANE_OF_EACH (3)
ONE_LANE_OF_EACH (4)

/* To all lanes. */
#define LOADED_ELEMENT(address)                                                                    \
  (SIZE == 0   ? LOAD (u8, address)                                                                \
   : SIZE == 1 ? LOAD (u16, address)                                                               \
   : SIZE == 2 ? LOAD (u32, address)                                                               \
               : LOAD (u64, address))
#define REPLICATED(name, count, post)                                                              \
  SEM (ld##name)                                                                                   \
  {                                                                                                \
    FP_REQUIRE ();                                                                                 \
    Val address = BASE (o->rs1);                                                                   \
    Val elements[count];                                                                           \
    for (int k = 0; k < (count); k++)                                                              \
      elements[k] = LOADED_ELEMENT (ADD (address, CONST (k << SIZE)));                             \
    for (int k = 0; k < (count); k++) {                                                            \
      Vec all = VEC_DUP (SIZE, elements[k]);                                                       \
      SET_V (REGISTER (k), FULL ? all : LOW_HALF (all));                                           \
    }                                                                                              \
    if (post)                                                                                      \
      SET_SP (o->rs1, ADD (address, POST ((count) << SIZE)));                                      \
    NEXT;                                                                                          \
  }

REPLICATED (1r, 1, false)
REPLICATED (2r, 2, false)
REPLICATED (3r, 3, false)
REPLICATED (4r, 4, false)
REPLICATED (1r_post, 1, true)
REPLICATED (2r_post, 2, true)
REPLICATED (3r_post, 3, true)
REPLICATED (4r_post, 4, true)
