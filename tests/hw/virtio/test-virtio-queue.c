/* SPDX-License-Identifier: GPL-3.0-or-later
 * Virtqueues against a driver's side of our own: both formats, wrap-around, indirect tables, event
 * indices, and everything a driver must not do. */
#include "hw/virtio/virtio-queue.h"

#include <string.h>

#include "tests/hw/virtio/driver-ring.h"

#define BASE UINT64_C (0x80000000)
#define SIZE (UINT64_C (4) << 20)
#define OTHER UINT64_C (0x90000000) /* the two halves of the RAM in the other order */
#define READ_ONLY UINT64_C (0xa0000000)

typedef struct {
  DioSpace *space;
  Arena arena;
  DioVirtQueue queue;
  DriverRing ring;
} Fixture;

enum {
  PACKED = 1,
  EVENT_IDX = 2,
};

static uint64_t
features_of (unsigned mode)
{
  return DIO_VIRTIO_F_VERSION_1 | DIO_VIRTIO_F_INDIRECT_DESC
         | (mode & PACKED ? DIO_VIRTIO_F_RING_PACKED : 0)
         | (mode & EVENT_IDX ? DIO_VIRTIO_F_EVENT_IDX : 0);
}

static void
start (Fixture *f, unsigned mode, uint16_t size)
{
  driver_ring_init (&f->ring, &f->arena, size, mode & PACKED, mode & EVENT_IDX);
  f->queue.size = size;
  f->queue.desc = f->ring.desc;
  f->queue.driver = f->ring.driver;
  f->queue.device = f->ring.device;
  g_assert_true (dio_virtqueue_enable (&f->queue, features_of (mode)));
  f->queue.budget = UINT_MAX;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->space = dio_space_new ();
  f->arena = (Arena){ .ram = dio_ram_new (SIZE, "test", &error), .base = BASE, .next = 0x1000 };
  g_assert_no_error (error);
  dio_space_map_ram (f->space, BASE, f->arena.ram, 0, SIZE, false);
  dio_space_map_ram (f->space, OTHER, f->arena.ram, SIZE / 2, SIZE / 2, false);
  dio_space_map_ram (f->space, OTHER + SIZE / 2, f->arena.ram, 0, SIZE / 2, false);
  dio_space_map_ram (f->space, READ_ONLY, f->arena.ram, 0, SIZE / 2, true);
  dio_virtqueue_init (&f->queue, f->space);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_virtqueue_clear (&f->queue);
  dio_space_free (f->space);
  dio_ram_free (f->arena.ram);
}

/* A device that answers each chain with its bytes inverted; returns how many chains it saw. */
static unsigned
serve (Fixture *f)
{
  DioVirtElement *element;
  unsigned n = 0;

  while ((element = dio_virtqueue_pop (&f->queue))) {
    uint8_t bytes[4096];
    size_t length = dio_virt_element_read (element, 0, bytes, sizeof bytes);

    for (size_t i = 0; i < length; i++)
      bytes[i] = ~bytes[i];
    length = dio_virt_element_write (element, 0, bytes, length);
    dio_virtqueue_push (&f->queue, element, length);
    n++;
  }
  return n;
}

/* Chains of random shape through a small ring, many times around, completed in batches. */
static void
test_traffic (Fixture *f, gconstpointer data)
{
  unsigned mode = GPOINTER_TO_UINT (data);
  uint16_t size = mode & PACKED ? 13 : 16; /* a packed ring need not be a power of two */
  uint64_t mark;

  start (f, mode, size);
  mark = f->arena.next;
  for (unsigned round = 0; round < 20000; round++) {
    struct {
      DioGpa in;
      uint8_t seed;
      uint32_t length;
    } sent[RING_MAX] = { 0 };
    unsigned n_sent = 0, n_got = 0;
    uint32_t length;
    int token;

    f->arena.next = mark;
    for (unsigned chain = g_test_rand_int_range (1, size + 1); chain > 0; chain--) {
      unsigned n_out = g_test_rand_int_range (1, 4), n_in = g_test_rand_int_range (1, 4);
      bool indirect = g_test_rand_int_range (0, 2);
      uint32_t part = g_test_rand_int_range (1, 40);
      uint8_t seed = (uint8_t) g_test_rand_int ();
      DioGpa out = arena_alloc (&f->arena, part * n_out, 1);
      DioGpa in = arena_alloc (&f->arena, part * n_out, 1);
      Sg sg[8];

      memset (arena_at (&f->arena, out), seed, part * n_out);
      memset (arena_at (&f->arena, in), 0, part * n_out);
      for (unsigned i = 0; i < n_out; i++)
        sg[i] = (Sg){ out + part * i, part, false };
      /* The writable part has the same size in total, in other pieces. */
      for (unsigned i = 0; i < n_in; i++)
        sg[n_out + i] =
            (Sg){ in + i, i + 1 < n_in ? 1 : part * n_out - MIN (n_in - 1, part * n_out), true };
      token = driver_ring_add (&f->ring, sg, n_out + n_in, indirect);
      if (token < 0)
        break;
      sent[token].in = in;
      sent[token].seed = seed;
      sent[token].length = part * n_out;
      n_sent++;
    }
    g_assert_cmpuint (serve (f), ==, n_sent);
    g_assert_null (f->queue.error);
    while (driver_ring_get (&f->ring, &token, &length)) {
      const uint8_t *in = arena_at (&f->arena, sent[token].in);

      g_assert_cmpuint (length, <=, sent[token].length);
      g_assert_cmpuint (length, >, 0);
      for (uint32_t i = 0; i < length; i++)
        g_assert_cmphex (in[i], ==, (uint8_t) ~sent[token].seed);
      sent[token].seed = 0;
      n_got++;
    }
    g_assert_cmpuint (n_got, ==, n_sent);
  }
  g_assert_cmpuint (f->queue.in_flight, ==, 0);
}

/* Completion in another order than arrival. */
static void
test_out_of_order (Fixture *f, gconstpointer data)
{
  DioVirtElement *elements[8];
  int tokens[8], got;
  uint32_t length;

  start (f, GPOINTER_TO_UINT (data), 8);
  for (unsigned round = 0; round < 100; round++) {
    for (unsigned i = 0; i < 4; i++) {
      DioGpa at = arena_alloc (&f->arena, 16, 16);
      const Sg sg[2] = { { at, 8, false }, { at + 8, 8, true } };

      tokens[i] = driver_ring_add (&f->ring, sg, 2, false);
      g_assert_cmpint (tokens[i], >=, 0);
    }
    for (unsigned i = 0; i < 4; i++)
      elements[i] = dio_virtqueue_pop (&f->queue);
    g_assert_null (dio_virtqueue_pop (&f->queue));
    for (unsigned i = 4; i > 0; i--)
      dio_virtqueue_push (&f->queue, elements[i - 1], i);
    for (unsigned i = 4; i > 0; i--) {
      g_assert_true (driver_ring_get (&f->ring, &got, &length));
      g_assert_cmpint (got, ==, tokens[i - 1]);
      g_assert_cmpuint (length, ==, i);
    }
    f->arena.next -= 4 * 16;
  }
}

/* Both directions of notification suppression. */
static void
test_suppression (Fixture *f, gconstpointer data)
{
  unsigned mode = GPOINTER_TO_UINT (data);
  DioGpa at;
  Sg sg;
  int token;
  uint32_t length;

  start (f, mode, 8);
  at = arena_alloc (&f->arena, 16, 16);
  sg = (Sg){ at, 16, true };
  for (unsigned round = 0; round < 100; round++) {
    DioVirtElement *element;

    /* An empty ring has the device waiting: the first chain needs a kick. */
    g_assert_null (dio_virtqueue_pop (&f->queue));
    driver_ring_add (&f->ring, &sg, 1, false);
    g_assert_true (driver_ring_needs_kick (&f->ring));
    /* A device at work needs none. */
    element = dio_virtqueue_pop (&f->queue);
    g_assert_nonnull (element);
    driver_ring_add (&f->ring, &sg, 1, false);
    g_assert_false (driver_ring_needs_kick (&f->ring));

    /* A driver that polls gets no interrupt; one that asks gets exactly one. */
    driver_ring_want_interrupt (&f->ring, false);
    dio_virtqueue_push (&f->queue, element, 0);
    g_assert_false (dio_virtqueue_take_interrupt (&f->queue));
    g_assert_true (driver_ring_get (&f->ring, &token, &length));
    driver_ring_want_interrupt (&f->ring, true);
    element = dio_virtqueue_pop (&f->queue);
    g_assert_nonnull (element);
    g_assert_false (dio_virtqueue_take_interrupt (&f->queue));
    dio_virtqueue_push (&f->queue, element, 0);
    g_assert_true (dio_virtqueue_take_interrupt (&f->queue));
    g_assert_false (dio_virtqueue_take_interrupt (&f->queue));
    g_assert_true (driver_ring_get (&f->ring, &token, &length));
  }
}

/* A buffer over the end of one run of RAM is one chain of two pieces. */
static void
test_two_runs (Fixture *f, gconstpointer data)
{
  DioGpa border = OTHER + SIZE / 2;
  const Sg sg[2] = { { border - 100, 300, false }, { border - 7, 300, true } };
  DioVirtElement *element;
  uint8_t bytes[300];

  start (f, GPOINTER_TO_UINT (data), 8);
  memset (f->arena.ram->host + SIZE - 100, 0x11, 100);
  memset (f->arena.ram->host, 0x22, 200);
  driver_ring_add (&f->ring, sg, 2, false);
  element = dio_virtqueue_pop (&f->queue);
  g_assert_nonnull (element);
  g_assert_cmpuint (element->n_out, ==, 2);
  g_assert_cmpuint (element->n_in, ==, 2);
  g_assert_cmpuint (element->in[0].iov_len, ==, 7);
  g_assert_cmpuint (dio_virt_element_read (element, 0, bytes, 300), ==, 300);
  g_assert_cmphex (bytes[99], ==, 0x11);
  g_assert_cmphex (bytes[100], ==, 0x22);
  g_assert_cmpuint (dio_virt_element_read (element, 250, bytes, 300), ==, 50);
  memset (bytes, 0x33, 300);
  g_assert_cmpuint (dio_virt_element_write (element, 5, bytes, 4), ==, 4);
  g_assert_cmphex (f->arena.ram->host[SIZE - 1], ==, 0x33);
  g_assert_cmphex (f->arena.ram->host[1], ==, 0x33);
  g_assert_cmphex (f->arena.ram->host[2], ==, 0x22);
  dio_virtqueue_push (&f->queue, element, 300);
}

static void
put_desc (Fixture *f, DioGpa table, unsigned index, DioGpa gpa, uint32_t length, uint16_t flags,
          uint16_t next)
{
  uint8_t *p = (uint8_t *) arena_at (&f->arena, table) + 16 * (size_t) index;
  bool packed = f->ring.packed;
  uint16_t id = 1;

  if (packed)
    flags |= 1 << 7; /* available in the first cycle */
  memcpy (p, &gpa, 8);
  memcpy (p + 8, &length, 4);
  memcpy (p + 12, packed ? &id : &flags, 2);
  memcpy (p + 14, packed ? &flags : &next, 2);
}

static void
publish (Fixture *f, uint16_t head, uint16_t index)
{
  if (f->ring.packed)
    return;
  memcpy (arena_at (&f->arena, f->ring.driver + 4), &head, 2);
  memcpy (arena_at (&f->arena, f->ring.driver + 2), &index, 2);
}

static void
expect_broken (Fixture *f, unsigned mode)
{
  g_assert_null (dio_virtqueue_pop (&f->queue));
  g_assert_nonnull (f->queue.error);
  g_assert_null (dio_virtqueue_pop (&f->queue)); /* for good */
  g_assert_cmpuint (f->queue.in_flight, ==, 0);
  dio_virtqueue_reset (&f->queue);
  g_assert_null (f->queue.error);
  start (f, mode, 8);
}

/* What breaks a queue; after a reset it works again. */
static void
test_malformed (Fixture *f, gconstpointer data)
{
  unsigned mode = GPOINTER_TO_UINT (data);
  bool packed = mode & PACKED;
  const DioGpa ram = BASE + SIZE / 2;
  const struct {
    DioGpa gpa;
    uint32_t length;
    uint16_t flags;
  } bad_buffers[] = {
    { 0, 16, 0 },                    /* no RAM */
    { BASE + SIZE - 8, 16, 0 },      /* past the end */
    { UINT64_MAX - 8, 16, 0 },       /* wraps around */
    { READ_ONLY, 16, 2 },            /* cannot be written */
    { ram, UINT32_MAX, 0 },          /* huge */
    { ram, 16, 4 },                  /* a table of one zero-length... entry, see below */
    { ram, 0, 4 },                   /* an empty table */
    { ram, 24, 4 },                  /* half a descriptor */
    { 0, 16, 4 },                    /* a table outside of RAM */
    { ram, 16, 4 | 1 },              /* indirect with a successor */
    { ram, 16 * (RING_MAX + 1), 4 }, /* a table too long */
  };
  DioGpa table;

  for (unsigned i = 0; i < G_N_ELEMENTS (bad_buffers); i++) {
    start (f, mode, 8);
    memset (f->arena.ram->host + SIZE / 2, 0, 64);
    if (i == 5) /* the table holds an indirect descriptor */
      put_desc (f, ram, 0, ram, 16, 4, 0);
    put_desc (f, f->ring.desc, 0, bad_buffers[i].gpa, bad_buffers[i].length, bad_buffers[i].flags,
              0);
    publish (f, 0, 1);
    expect_broken (f, mode);
  }

  /* Loops: a chain that never ends. */
  for (unsigned i = 0; i < 8; i++)
    put_desc (f, f->ring.desc, i, ram, 8, 1, (uint16_t) ((i + 1) % 8));
  publish (f, 0, 1);
  expect_broken (f, mode);

  /* A table that links to itself, or outside of itself. */
  table = arena_alloc (&f->arena, 32, 16);
  if (!packed) {
    put_desc (f, table, 0, ram, 8, 1, 1);
    put_desc (f, table, 1, ram, 8, 1, 0);
    put_desc (f, f->ring.desc, 0, table, 32, 4, 0);
    publish (f, 0, 1);
    expect_broken (f, mode);
    put_desc (f, table, 0, ram, 8, 1, 2);
    put_desc (f, f->ring.desc, 0, table, 32, 4, 0);
    publish (f, 0, 1);
    expect_broken (f, mode);
    put_desc (f, f->ring.desc, 0, ram, 8, 1, 8); /* links outside the ring */
    publish (f, 0, 1);
    expect_broken (f, mode);
    publish (f, 8, 1); /* a head outside the ring */
    expect_broken (f, mode);
    publish (f, 0, 9); /* more than the ring holds */
    expect_broken (f, mode);
    publish (f, 0, 0xffff);
    expect_broken (f, mode);
  } else {
    put_desc (f, f->ring.desc, 0, ram, 8, 1, 0);
    put_desc (f, table, 0, ram, 8, 0, 0);
    put_desc (f, f->ring.desc, 1, table, 16, 4, 0); /* indirect within a chain */
    expect_broken (f, mode);
  }

  /* A readable buffer after a writable one. */
  put_desc (f, f->ring.desc, 0, ram, 8, 1 | 2, 1);
  put_desc (f, f->ring.desc, 1, ram, 8, 0, 0);
  publish (f, 0, 1);
  expect_broken (f, mode);

  /* The same chain again and again while none is given back. */
  if (!packed) {
    for (unsigned i = 0; i < 8; i++)
      put_desc (f, f->ring.desc, i, ram, 8, 0, 0);
    for (uint16_t i = 1; i <= 8; i++) {
      DioVirtElement *element;

      publish (f, 0, i);
      element = dio_virtqueue_pop (&f->queue);
      g_assert_nonnull (element);
      dio_virtqueue_drop (&f->queue, element);
      f->queue.in_flight++; /* as if a slow device still had it */
    }
    publish (f, 0, 9);
    g_assert_null (dio_virtqueue_pop (&f->queue));
    g_assert_nonnull (f->queue.error);
    f->queue.in_flight = 0;
  }
}

/* Zero-length buffers are odd, and fine. */
static void
test_zero_length (Fixture *f, gconstpointer data)
{
  DioVirtElement *element;

  start (f, GPOINTER_TO_UINT (data), 8);
  put_desc (f, f->ring.desc, 0, 0, 0, 1, 1);
  put_desc (f, f->ring.desc, 1, 0, 0, 2, 0);
  publish (f, 0, 1);
  element = dio_virtqueue_pop (&f->queue);
  g_assert_nonnull (element);
  g_assert_cmpuint (element->n_out + element->n_in, ==, 0);
  dio_virtqueue_push (&f->queue, element, 100);
}

static void
test_enable (Fixture *f, gconstpointer data)
{
  unsigned mode = GPOINTER_TO_UINT (data);
  const struct {
    uint16_t size;
    int64_t desc, driver, device;
  } bad[] = {
    { 0, 0, 0, 0 },
    { RING_MAX + 1, 0, 0, 0 },
    { 8, 8, 0, 0 },
    { 8, 0, 1, 0 },
    { 8, 0, 0, 2 },
    { 8, -(int64_t) BASE, 0, 0 },
    { 8, 0, SIZE, 0 },
    { 8, 0, 0, SIZE },
    { 8, 0, 0, READ_ONLY - BASE },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++) {
    driver_ring_init (&f->ring, &f->arena, 8, mode & PACKED, false);
    f->queue.size = bad[i].size;
    f->queue.desc = f->ring.desc + bad[i].desc;
    if (bad[i].desc < 0)
      f->queue.desc = 0x1000;
    f->queue.driver = f->ring.driver + bad[i].driver;
    f->queue.device = f->ring.device + bad[i].device;
    g_assert_false (dio_virtqueue_enable (&f->queue, features_of (mode)));
    g_assert_nonnull (f->queue.error);
    g_assert_false (f->queue.enabled);
    dio_virtqueue_reset (&f->queue);
  }
  f->queue.size = 12; /* not a power of two */
  f->queue.desc = f->ring.desc;
  f->queue.driver = f->ring.driver;
  f->queue.device = f->ring.device;
  g_assert_true (dio_virtqueue_enable (&f->queue, features_of (mode)) == !!(mode & PACKED));
}

/* One run of a handler takes so many chains and no more. */
static void
test_budget (Fixture *f, gconstpointer data)
{
  DioGpa at;
  Sg sg;

  start (f, GPOINTER_TO_UINT (data), 8);
  at = arena_alloc (&f->arena, 16, 16);
  sg = (Sg){ at, 16, false };
  for (unsigned i = 0; i < 5; i++)
    driver_ring_add (&f->ring, &sg, 1, false);
  f->queue.budget = 3;
  g_assert_cmpuint (serve (f), ==, 3);
  g_assert_true (f->queue.budget_exhausted);
  g_assert_true (dio_virtqueue_has_work (&f->queue));
  f->queue.budget = 3;
  f->queue.budget_exhausted = false;
  g_assert_cmpuint (serve (f), ==, 2);
  g_assert_false (f->queue.budget_exhausted);
}

/* A chain that was put back comes again, also around the end of the ring. */
static void
test_unpop (Fixture *f, gconstpointer data)
{
  DioGpa at;
  Sg sg[2];

  start (f, GPOINTER_TO_UINT (data), GPOINTER_TO_UINT (data) & PACKED ? 7 : 8);
  at = arena_alloc (&f->arena, 16, 16);
  sg[0] = (Sg){ at, 8, false };
  sg[1] = (Sg){ at + 8, 8, true };
  for (unsigned round = 0; round < 50; round++) {
    DioVirtElement *element;
    int token = driver_ring_add (&f->ring, sg, 1 + round % 2, false), got;
    uint32_t length;

    for (unsigned i = 0; i < 3; i++) {
      element = dio_virtqueue_pop (&f->queue);
      g_assert_nonnull (element);
      g_assert_null (dio_virtqueue_pop (&f->queue));
      g_assert_cmpuint (element->out_size, ==, 8);
      if (i < 2)
        dio_virtqueue_unpop (&f->queue, element);
    }
    dio_virtqueue_push (&f->queue, element, 0);
    g_assert_true (driver_ring_get (&f->ring, &got, &length));
    g_assert_cmpint (got, ==, token);
  }
}

/* The position in the ring survives saving and loading. */
static void
test_state (Fixture *f, gconstpointer data)
{
  unsigned mode = GPOINTER_TO_UINT (data);
  DioGpa at;
  Sg sg;
  int token;
  uint32_t length;

  start (f, mode, 8);
  at = arena_alloc (&f->arena, 16, 16);
  sg = (Sg){ at, 16, true };
  for (unsigned round = 0; round < 50; round++) {
    DioVisitor *visitor;
    g_autoptr (GBytes) bytes = NULL;

    driver_ring_add (&f->ring, &sg, 1, false);
    driver_ring_add (&f->ring, &sg, 1, false);
    f->queue.budget = 1;
    g_assert_cmpuint (serve (f), ==, 1);

    visitor = dio_visitor_new_save ();
    dio_virtqueue_visit (&f->queue, visitor, features_of (mode));
    bytes = dio_visitor_finish_save (visitor);
    dio_virtqueue_reset (&f->queue);
    visitor = dio_visitor_new_load (bytes);
    dio_virtqueue_visit (&f->queue, visitor, features_of (mode));
    g_assert_true (dio_visitor_finish_load (visitor, NULL));

    f->queue.budget = UINT_MAX;
    g_assert_cmpuint (serve (f), ==, 1);
    g_assert_true (driver_ring_get (&f->ring, &token, &length));
    g_assert_true (driver_ring_get (&f->ring, &token, &length));
  }
}

/* A vCPU that rewrites descriptors while they are read: whatever it hits, buffers lie in RAM and
 * nothing is counted twice. */
typedef struct {
  Fixture *f;
  _Atomic bool stop;
} Race;

static void *
racing_vcpu (void *data)
{
  Race *race = data;
  Fixture *f = race->f;
  uint32_t x = 1;

  while (!race->stop) {
    volatile uint8_t *desc = arena_at (&f->arena, f->ring.desc);

    x = x * 1664525 + 1013904223;
    desc[x >> 8 & 127] = (uint8_t) (x >> 24 & (x & 1 ? 0xff : 0x07));
  }
  return NULL;
}

static void
test_race (Fixture *f, gconstpointer data)
{
  unsigned mode = GPOINTER_TO_UINT (data);
  Race race = { f, false };
  pthread_t thread;
  unsigned popped = 0, broken = 0;

  start (f, mode, 8);
  pthread_create (&thread, NULL, racing_vcpu, &race);
  for (unsigned round = 0; round < 20000; round++) {
    DioVirtElement *element;

    if (!f->ring.packed) {
      for (unsigned i = 0; i < 4; i++)
        put_desc (f, f->ring.desc, i, BASE + SIZE / 2, 64, i < 3, (uint16_t) (i + 1));
      publish (f, 0, 1);
    } else {
      for (unsigned i = 4; i > 0; i--)
        put_desc (f, f->ring.desc, i - 1, BASE + SIZE / 2, 64, i < 4, 0);
    }
    element = dio_virtqueue_pop (&f->queue);
    if (element) {
      uint64_t sum = 0;

      for (unsigned i = 0; i < element->n_out + element->n_in; i++) {
        uint8_t *start_of = element->out[i].iov_base;

        g_assert_true (start_of >= f->arena.ram->host);
        g_assert_true (start_of + element->out[i].iov_len
                       <= f->arena.ram->host + f->arena.ram->size);
        sum += element->out[i].iov_len;
      }
      g_assert_cmpuint (sum, ==, element->out_size + element->in_size);
      popped++;
      dio_virtqueue_drop (&f->queue, element);
    } else if (f->queue.error) {
      broken++;
    }
    dio_virtqueue_reset (&f->queue);
    f->queue.size = 8;
    f->queue.desc = f->ring.desc;
    f->queue.driver = f->ring.driver;
    f->queue.device = f->ring.device;
    g_assert_true (dio_virtqueue_enable (&f->queue, features_of (mode)));
    f->queue.budget = UINT_MAX;
  }
  race.stop = true;
  pthread_join (thread, NULL);
  g_test_message ("%u chains popped, %u broken", popped, broken);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*func) (Fixture *f, gconstpointer data);
  } tests[] = {
    { "traffic", test_traffic },
    { "out-of-order", test_out_of_order },
    { "suppression", test_suppression },
    { "two-runs", test_two_runs },
    { "malformed", test_malformed },
    { "zero-length", test_zero_length },
    { "enable", test_enable },
    { "budget", test_budget },
    { "state", test_state },
    { "race", test_race },
    { "unpop", test_unpop },
  };
  static const char *const modes[] = { "split", "packed", "split-event", "packed-event" };

  g_test_init (&argc, &argv, NULL);
  for (unsigned mode = 0; mode < 4; mode++)
    for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++) {
      g_autofree char *path =
          g_strdup_printf ("/hw/virtio/queue/%s/%s", modes[mode], tests[i].name);

      g_test_add (path, Fixture, GUINT_TO_POINTER (mode), set_up, tests[i].func, tear_down);
    }
  return g_test_run ();
}
