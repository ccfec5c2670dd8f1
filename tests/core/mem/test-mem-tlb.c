/* SPDX-License-Identifier: GPL-3.0-or-later
 * The software TLB: hits, victims, each kind of flush, against a model that remembers everything.
 */
#include "core/mem/mem-tlb.h"

#define PAGES 4096

static const uint8_t *
host_of (unsigned number)
{
  return (const uint8_t *) (uintptr_t) (UINT64_C (0x100000000) + number * DIO_PAGE_SIZE);
}

/* An address - tag less than a page is a hit in compiled code: only a valid tag may be that for an
 * address whose entry is @index. */
static bool
is_found_by_own (uint64_t tag, unsigned index)
{
  if (tag & DIO_PAGE_MASK)
    return dio_tlb_index (tag) != index && dio_tlb_index (tag + DIO_PAGE_MASK) != index;
  return dio_tlb_index (tag) == index;
}

static void
check_tags (const DioTlbSet *set)
{
  for (unsigned i = 0; i < DIO_TLB_ENTRIES; i++) {
    g_assert_true (is_found_by_own (set->table.read[i], i));
    g_assert_true (is_found_by_own (set->table.write[i], i));
    g_assert_true (is_found_by_own (set->table.execute[i], i));
  }
}

/* Compiled code takes the pointer for the control word of BEXTR. */
static void
test_places (void)
{
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 3, NULL));
  for (unsigned s = 0; s < 3; s++) {
    dio_tlb_select (&tlb, s, 0);
    uintptr_t pointer = (uintptr_t) tlb.data + DIO_TLB_CONTROL_BIAS;
    g_assert_cmphex (pointer & 0xff, ==, DIO_PAGE_SHIFT);
    g_assert_cmphex (pointer >> 8 & 0xff, ==, DIO_TLB_BITS);
    check_tags (tlb.data_set);
  }
  dio_tlb_clear (&tlb);
}

static void
test_hits (void)
{
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 2, NULL));
  /* Nothing is there, at whatever address, size and alignment. */
  for (unsigned size = 1; size <= 8; size *= 2)
    for (uint64_t va = 0; va < 2 * DIO_PAGE_SIZE; va++) {
      g_assert_null (dio_tlb_hit_read (&tlb, va, size));
      g_assert_null (dio_tlb_hit_write (&tlb, va, size));
      g_assert_null (dio_tlb_hit_execute (&tlb, va));
    }

  dio_tlb_fill (tlb.data_set, 0x5123, ~DIO_PAGE_MASK, host_of (7), DIO_TLB_READ);
  g_assert_true (dio_tlb_hit_read (&tlb, 0x5123, 1) == host_of (7) + 0x123);
  g_assert_true (dio_tlb_hit_read (&tlb, 0x5ff8, 8) == host_of (7) + 0xff8);
  g_assert_null (dio_tlb_hit_read (&tlb, 0x5001, 2));
  g_assert_null (dio_tlb_hit_read (&tlb, 0x5004, 8));
  g_assert_null (dio_tlb_hit_read (&tlb, 0x5ffc, 8));
  g_assert_null (dio_tlb_hit_read (&tlb, 0x5fff, 4));
  g_assert_null (dio_tlb_hit_write (&tlb, 0x5000, 8));
  g_assert_null (dio_tlb_hit_execute (&tlb, 0x5000));
  g_assert_null (dio_tlb_hit_read (&tlb, 0x5000 + DIO_TLB_ENTRIES * DIO_PAGE_SIZE, 8));
  g_assert_null (dio_tlb_hit_read (&tlb, 0x5000 | UINT64_C (1) << 63, 8));
  /* More permissions for the same page; then fewer. */
  dio_tlb_fill (tlb.data_set, 0x5000, ~DIO_PAGE_MASK, host_of (7),
                DIO_TLB_READ | DIO_TLB_WRITE | DIO_TLB_EXECUTE);
  g_assert_true (dio_tlb_hit_write (&tlb, 0x5008, 8) == host_of (7) + 8);
  g_assert_true (dio_tlb_hit_execute (&tlb, 0x5003) == host_of (7) + 3);
  dio_tlb_fill (tlb.data_set, 0x5000, ~DIO_PAGE_MASK, host_of (7), DIO_TLB_EXECUTE);
  g_assert_null (dio_tlb_hit_read (&tlb, 0x5008, 8));

  /* Another set knows nothing of it. */
  dio_tlb_select (&tlb, 1, 1);
  g_assert_null (dio_tlb_hit_execute (&tlb, 0x5000));
  dio_tlb_select (&tlb, 1, 0);
  g_assert_nonnull (dio_tlb_hit_execute (&tlb, 0x5000));
  dio_tlb_clear (&tlb);
}

static uint64_t
colliding (unsigned i)
{
  return 0x3000 + (uint64_t) i * DIO_TLB_ENTRIES * DIO_PAGE_SIZE;
}

static void
test_victims (void)
{
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 1, NULL));
  for (unsigned i = 0; i <= DIO_TLB_VICTIMS; i++)
    dio_tlb_fill (tlb.data_set, colliding (i), ~DIO_PAGE_MASK, host_of (i),
                  i % 2 ? DIO_TLB_READ : DIO_TLB_READ | DIO_TLB_WRITE);
  for (unsigned round = 0; round < 3; round++)
    for (unsigned i = 0; i <= DIO_TLB_VICTIMS; i++) {
      if (!dio_tlb_hit_read (&tlb, colliding (i), 8))
        g_assert_true (dio_tlb_recall (tlb.data_set, colliding (i), DIO_TLB_READ));
      g_assert_true (dio_tlb_hit_read (&tlb, colliding (i), 8) == host_of (i));
    }
  g_assert_false (dio_tlb_recall (tlb.data_set, colliding (1), DIO_TLB_WRITE));
  g_assert_true (dio_tlb_recall (tlb.data_set, colliding (2), DIO_TLB_WRITE));
  g_assert_false (dio_tlb_recall (tlb.data_set, colliding (99), DIO_TLB_READ));
  dio_tlb_flush_page (tlb.data_set, colliding (4));
  g_assert_false (dio_tlb_recall (tlb.data_set, colliding (4), DIO_TLB_READ));
  g_assert_true (dio_tlb_recall (tlb.data_set, colliding (5), DIO_TLB_READ));
  dio_tlb_flush_set (tlb.data_set);
  for (unsigned i = 0; i <= DIO_TLB_VICTIMS; i++) {
    g_assert_null (dio_tlb_hit_read (&tlb, colliding (i), 8));
    g_assert_false (dio_tlb_recall (tlb.data_set, colliding (i), DIO_TLB_READ));
  }
  dio_tlb_clear (&tlb);
}

/* Is the page anywhere in the set? */
static bool
holds (DioTlb *tlb, DioGva va, unsigned permission)
{
  if (permission == DIO_TLB_READ && dio_tlb_hit_read (tlb, va, 1))
    return true;
  if (permission == DIO_TLB_WRITE && dio_tlb_hit_write (tlb, va, 1))
    return true;
  return dio_tlb_recall (tlb->data_set, va, permission);
}

static void
test_local (void)
{
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 1, NULL));
  /* Local and other pages at the same indices, so that both are in both levels. */
  for (unsigned i = 0; i < 6; i++)
    dio_tlb_fill (tlb.data_set, colliding (i), ~DIO_PAGE_MASK, host_of (i),
                  DIO_TLB_READ | (i % 2 ? DIO_TLB_LOCAL : 0));
  holds (&tlb, colliding (1), DIO_TLB_READ); /* one moved to the first level */
  holds (&tlb, colliding (2), DIO_TLB_READ);
  dio_tlb_flush_local (tlb.data_set);
  for (unsigned i = 0; i < 6; i++)
    g_assert_cmpint (holds (&tlb, colliding (i), DIO_TLB_READ), ==, i % 2 == 0);
  dio_tlb_clear (&tlb);
}

static bool
second_has (const DioTlb *tlb, unsigned set, DioGva va, unsigned permissions)
{
  DioTlbSecond found;
  return dio_tlb_second_find (tlb, &tlb->sets[set], va, permissions, &found);
}

/* Where the page of @va was entered in set @set. */
static unsigned
second_slot (const DioTlb *tlb, unsigned set, DioGva va)
{
  for (unsigned i = 0; i < DIO_TLB_SECOND_ENTRIES; i++)
    if (tlb->second[i].key == (va | set))
      return i;
  g_assert_not_reached ();
}

/* What is at hand in the second level follows what is at hand in the guest: compiled code fetches
 * the next entry while it takes one. */
static void
test_second_order (void)
{
  const DioGva starts[] = { 0, 0xffff00000000, 0xffffffffffff0000 - (UINT64_C (1) << 20) };
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 3, NULL));
  g_assert_true (dio_tlb_add_second (&tlb, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (starts); i++) {
    unsigned n_next = 0, n = 0, last = 0;
    for (DioGva va = starts[i]; va < starts[i] + (UINT64_C (1) << 20); va += DIO_PAGE_SIZE, n++) {
      dio_tlb_second_fill (&tlb, &tlb.sets[2], va, ~DIO_PAGE_MASK, 0x80001000, host_of (1), 0x1000,
                           DIO_TLB_READ, false);
      unsigned slot = second_slot (&tlb, 2, va);
      n_next += n > 0 && slot == last + 1;
      last = slot;
    }
    g_assert_cmpuint (n_next, >=, n - 2);
  }
  dio_tlb_clear (&tlb);
}

/* The second level: what is valid by the generations of the sets. */
static void
test_second (void)
{
  const DioGva global = 0xffffffff80005000, local = 0x7000, big = 0x40000000;
  DioTlb tlb;
  DioTlbSecond found;
  g_assert_true (dio_tlb_init (&tlb, 2, NULL));
  g_assert_true (dio_tlb_add_second (&tlb, NULL));
  DioTlbSet *set = &tlb.sets[1];
  g_assert_false (second_has (&tlb, 0, 0, 0));
  dio_tlb_second_fill (&tlb, set, global + 8, ~DIO_PAGE_MASK, 0x80001000, host_of (1), 0x1000,
                       DIO_TLB_READ | DIO_TLB_EXECUTE, false);
  dio_tlb_second_fill (&tlb, set, local, ~DIO_PAGE_MASK, 0x80002000, host_of (2), 0x2000,
                       DIO_TLB_READ | DIO_TLB_WRITE | DIO_TLB_LOCAL, false);
  dio_tlb_second_fill (&tlb, set, big, ~UINT64_C (0xffff), 0x80200000, host_of (3), 0x200000,
                       DIO_TLB_WRITE, false);

  g_assert_true (dio_tlb_second_find (&tlb, set, global + 0xfff, DIO_TLB_READ, &found));
  g_assert_true ((const uint8_t *) (global + found.entry.addend) == host_of (1));
  g_assert_cmphex (dio_tlb_second_gpa (&found), ==, 0x80001000);
  g_assert_cmphex (dio_tlb_second_mask (&found), ==, ~DIO_PAGE_MASK);
  g_assert_cmphex (found.ram_offset, ==, 0x1000);
  g_assert_cmphex (dio_tlb_second_permissions (&found), ==, DIO_TLB_READ | DIO_TLB_EXECUTE);
  g_assert_false (second_has (&tlb, 1, global, DIO_TLB_WRITE));
  g_assert_false (second_has (&tlb, 0, global, DIO_TLB_READ));
  g_assert_true (dio_tlb_second_find (&tlb, set, big, DIO_TLB_WRITE, &found));
  g_assert_cmphex (dio_tlb_second_mask (&found), ==, ~UINT64_C (0xffff));

  dio_tlb_flush_local (set);
  g_assert_false (second_has (&tlb, 1, local, DIO_TLB_READ));
  g_assert_true (second_has (&tlb, 1, global, DIO_TLB_READ));
  dio_tlb_second_drop (&tlb, set, global);
  g_assert_false (second_has (&tlb, 1, global, DIO_TLB_READ));
  g_assert_true (second_has (&tlb, 1, big, DIO_TLB_WRITE));
  dio_tlb_flush_set (set);
  g_assert_false (second_has (&tlb, 1, big, DIO_TLB_WRITE));
  dio_tlb_clear (&tlb);
}

/* A block is found by each of its pages, which then is all that it would be by itself. */
static void
test_second_block (void)
{
  const DioGva block = 0xffffffd600200000;
  const uint64_t gib = UINT64_C (1) << 30, middle = 77 * DIO_PAGE_SIZE;
  DioTlb tlb;
  DioTlbSecond found;
  g_assert_true (dio_tlb_init (&tlb, 2, NULL));
  g_assert_true (dio_tlb_add_second (&tlb, NULL));
  DioTlbSet *set = &tlb.sets[1];
  for (unsigned permissions = 1; permissions < 16; permissions++) {
    dio_tlb_second_fill (&tlb, set, block + middle + 5, ~(gib - 1), 0x80400000 + middle,
                         host_of (512 + 77), 0x600000 + middle, permissions, true);
    for (unsigned page = 0; page < 512; page++) {
      DioGva va = block + page * DIO_PAGE_SIZE;
      DioTlbEntry expected = dio_tlb_entry (va, host_of (512 + page), permissions);
      g_assert_true (dio_tlb_second_find (&tlb, set, va + page, permissions & 7, &found));
      g_assert_cmpmem (&found.entry, sizeof found.entry, &expected, sizeof expected);
      g_assert_cmphex (found.ram_offset, ==, 0x600000 + page * DIO_PAGE_SIZE);
      g_assert_cmphex (dio_tlb_second_gpa (&found), ==, 0x80400000 + page * DIO_PAGE_SIZE);
      g_assert_cmphex (dio_tlb_second_mask (&found), ==, ~(gib - 1));
      g_assert_cmphex (dio_tlb_second_permissions (&found), ==, permissions);
    }
    g_assert_false (second_has (&tlb, 1, block - 1, 0));
    g_assert_false (second_has (&tlb, 1, block + DIO_TLB_BLOCK_SIZE, 0));
    g_assert_false (second_has (&tlb, 0, block, 0));
    for (unsigned wanted = 1; wanted < 8; wanted++)
      g_assert_cmpint (second_has (&tlb, 1, block, wanted), ==, !(wanted & ~permissions));
  }

  /* By any of its addresses it goes, and with what was entered for one address space. */
  dio_tlb_second_drop (&tlb, set, block + DIO_TLB_BLOCK_SIZE - 1);
  g_assert_false (second_has (&tlb, 1, block, 0));
  dio_tlb_second_fill (&tlb, set, block, ~DIO_TLB_BLOCK_MASK, 0, host_of (0), 0,
                       DIO_TLB_READ | DIO_TLB_LOCAL, true);
  g_assert_true (second_has (&tlb, 1, block, DIO_TLB_READ));
  dio_tlb_flush_local (set);
  g_assert_false (second_has (&tlb, 1, block, DIO_TLB_READ));
  /* What is no longer valid hides no page of today. */
  dio_tlb_second_fill (&tlb, set, block + middle, ~DIO_PAGE_MASK, 0, host_of (9), 0, DIO_TLB_READ,
                       false);
  g_assert_true (second_has (&tlb, 1, block + middle, DIO_TLB_READ));
  dio_tlb_clear (&tlb);
}

/* Blocks are of large pages of the guest, and all of RAM. */
static void
test_is_block (void)
{
  const uint64_t size = DIO_TLB_BLOCK_SIZE;
  DioRam *ram = dio_ram_new (4 * size, "test", NULL);
  DioSpace *space = dio_space_new ();
  dio_space_map_ram (space, 4 * size, ram, 0, 2 * size, false);
  dio_space_map_ram (space, 6 * size, ram, 3 * size, size - DIO_PAGE_SIZE, false);
  dio_space_map_ram (space, 9 * size - DIO_PAGE_SIZE, ram, 0, DIO_PAGE_SIZE, true);
  const struct {
    uint64_t mask;
    DioGpa gpa;
    uint64_t offset;
    bool expected;
  } cases[] = {
    { ~(size - 1), 4 * size, 0, true },
    { ~(size - 1), 4 * size + 0x7123, 0x7000, true },
    { ~(512 * size - 1), 6 * size - 1, 2 * size - DIO_PAGE_SIZE, true },
    { ~(size / 2 - 1), 4 * size, 0, false },
    { ~DIO_PAGE_MASK, 4 * size, 0, false },
    { ~(size - 1), 6 * size, 3 * size, false },          /* its last page is not there */
    { ~(size - 1), 9 * size - DIO_PAGE_SIZE, 0, false }, /* only that is */
    { ~(size - 1), 4 * size, DIO_PAGE_SIZE, false },     /* other memory */
    { ~(512 * size - 1), 512 * size, 0, false },         /* none at all */
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (
        dio_tlb_is_block (space, cases[i].mask, cases[i].gpa, ram->host + cases[i].offset), ==,
        cases[i].expected);
  dio_space_free (space);
  dio_ram_free (ram);
}

/* Flushing any address of a big page takes its slices; what is far from all big pages stays. */
static void
test_big (void)
{
  const uint64_t gib = UINT64_C (1) << 30, mib2 = UINT64_C (2) << 20;
  const uint64_t direct_map = UINT64_C (0xffffffd600000000), text = UINT64_C (0xffffffff80000000),
                 vmalloc = UINT64_C (0xffffffc800000000);
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 1, NULL));
  for (unsigned i = 0; i < 20; i++) {
    dio_tlb_fill (tlb.data_set, direct_map + i * 3 * mib2 + 0x1000 * i, ~(mib2 - 1), host_of (i),
                  DIO_TLB_READ);
    dio_tlb_fill (tlb.data_set, text + i * mib2 + 0x100000 + 0x1000 * i, ~(mib2 - 1),
                  host_of (100 + i), DIO_TLB_READ);
  }
  dio_tlb_fill (tlb.data_set, vmalloc, ~DIO_PAGE_MASK, host_of (200), DIO_TLB_READ);
  dio_tlb_fill (tlb.data_set, vmalloc + 0x1000, ~DIO_PAGE_MASK, host_of (201), DIO_TLB_READ);
  g_assert_true (holds (&tlb, text + 0x100000, DIO_TLB_READ));
  dio_tlb_flush_page (tlb.data_set, vmalloc);
  g_assert_false (holds (&tlb, vmalloc, DIO_TLB_READ));
  g_assert_true (holds (&tlb, vmalloc + 0x1000, DIO_TLB_READ));
  g_assert_true (holds (&tlb, text + 0x100000, DIO_TLB_READ));
  dio_tlb_flush_page (tlb.data_set, text + 5 * mib2); /* another slice of the page entered */
  g_assert_false (holds (&tlb, text + 5 * mib2 + 0x105000, DIO_TLB_READ));
  dio_tlb_fill (tlb.data_set, gib + 0x5000, ~(gib - 1), host_of (5), DIO_TLB_READ);
  dio_tlb_flush_page (tlb.data_set, gib - 0x1000);
  g_assert_true (holds (&tlb, gib + 0x5000, DIO_TLB_READ));
  dio_tlb_flush_page (tlb.data_set, 2 * gib - 1);
  g_assert_false (holds (&tlb, gib + 0x5000, DIO_TLB_READ));
  dio_tlb_clear (&tlb);
}

static void
test_flush_write (void)
{
  DioRam *ram = dio_ram_new (4 << 20, "test", NULL);
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 3, NULL));
  /* One page of RAM at several addresses in several sets and levels. */
  for (unsigned s = 0; s < 3; s++) {
    for (unsigned i = 0; i < 4; i++)
      dio_tlb_fill (&tlb.sets[s], colliding (i), ~DIO_PAGE_MASK, ram->host + 5 * DIO_PAGE_SIZE,
                    DIO_TLB_READ | DIO_TLB_WRITE);
    dio_tlb_fill (&tlb.sets[s], 0x9000, ~DIO_PAGE_MASK, ram->host + 6 * DIO_PAGE_SIZE,
                  DIO_TLB_READ | DIO_TLB_WRITE);
  }
  ram->page_flags[5] = DIO_PAGE_CODE;
  ram->page_flags[6] = DIO_PAGE_CODE;
  dio_tlb_flush_write (&tlb, ram->host + 5 * DIO_PAGE_SIZE, ram);
  g_assert_cmpuint (ram->page_write_gen[5], ==, 1); /* it may have been written unseen */
  g_assert_cmpuint (ram->page_write_gen[6], ==, 0);
  for (unsigned s = 0; s < 3; s++) {
    dio_tlb_select (&tlb, s, s);
    for (unsigned i = 0; i < 4; i++) {
      g_assert_false (holds (&tlb, colliding (i), DIO_TLB_WRITE));
      g_assert_true (holds (&tlb, colliding (i), DIO_TLB_READ));
    }
    g_assert_true (holds (&tlb, 0x9000, DIO_TLB_WRITE));
  }
  dio_tlb_flush_write (&tlb, NULL, NULL);
  g_assert_cmpuint (ram->page_write_gen[6], ==, 0);
  g_assert_false (holds (&tlb, 0x9000, DIO_TLB_WRITE));
  g_assert_true (holds (&tlb, 0x9000, DIO_TLB_READ));
  dio_tlb_clear (&tlb);
  dio_ram_free (ram);
}

/* Random fills and flushes: what is found is what was last entered, and never what was flushed. */
static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  static struct {
    bool valid;
    unsigned host, permissions;
  } model[PAGES];
  DioTlb tlb;
  g_assert_true (dio_tlb_init (&tlb, 1, NULL));
  for (unsigned step = 0; step < 200000; step++) {
    /* Few indices, many pages at each. */
    unsigned page = g_rand_int_range (rand, 0, PAGES);
    DioGva va = ((DioGva) (page / 8) * DIO_TLB_ENTRIES + page % 8) * DIO_PAGE_SIZE;
    unsigned action = g_rand_int_range (rand, 0, 1000);
    if (action == 0) {
      dio_tlb_flush_set (tlb.data_set);
      for (unsigned i = 0; i < PAGES; i++)
        model[i].valid = false;
    } else if (action == 1) {
      dio_tlb_flush_local (tlb.data_set);
      for (unsigned i = 0; i < PAGES; i++)
        if (model[i].permissions & DIO_TLB_LOCAL)
          model[i].valid = false;
    } else if (action == 2) {
      dio_tlb_flush_write (&tlb, NULL, NULL);
      for (unsigned i = 0; i < PAGES; i++)
        model[i].permissions &= ~(unsigned) DIO_TLB_WRITE;
    } else if (action < 100) {
      dio_tlb_flush_page (tlb.data_set, va);
      model[page].valid = false;
    } else if (action < 500) {
      /* A page that is entered again has what it had, or has been flushed before. */
      if (!model[page].valid) {
        model[page].host = g_rand_int_range (rand, 0, 100000);
        model[page].permissions = g_rand_int_range (rand, 1, 16);
        model[page].valid = true;
      }
      dio_tlb_fill (tlb.data_set, va, ~DIO_PAGE_MASK, host_of (model[page].host),
                    model[page].permissions);
    } else {
      static const unsigned kinds[] = { DIO_TLB_READ, DIO_TLB_WRITE };
      unsigned kind = kinds[g_rand_int_range (rand, 0, 2)];
      if (holds (&tlb, va, kind)) {
        g_assert_true (model[page].valid);
        g_assert_true (model[page].permissions & kind);
        const void *host =
            kind == DIO_TLB_READ ? dio_tlb_hit_read (&tlb, va, 1) : dio_tlb_hit_write (&tlb, va, 1);
        g_assert_true (host == host_of (model[page].host));
      }
    }
    if (step % 500 == 0)
      check_tags (tlb.data_set);
  }
  dio_tlb_clear (&tlb);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/mem/tlb/places", test_places);
  g_test_add_func ("/core/mem/tlb/hits", test_hits);
  g_test_add_func ("/core/mem/tlb/victims", test_victims);
  g_test_add_func ("/core/mem/tlb/local", test_local);
  g_test_add_func ("/core/mem/tlb/second", test_second);
  g_test_add_func ("/core/mem/tlb/second-order", test_second_order);
  g_test_add_func ("/core/mem/tlb/second-block", test_second_block);
  g_test_add_func ("/core/mem/tlb/is-block", test_is_block);
  g_test_add_func ("/core/mem/tlb/big", test_big);
  g_test_add_func ("/core/mem/tlb/flush-write", test_flush_write);
  g_test_add_func ("/core/mem/tlb/random", test_random);
  return g_test_run ();
}
