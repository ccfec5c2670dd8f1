/* SPDX-License-Identifier: GPL-3.0-or-later
 * The privileged side of a hart seen from the host: saved state, interrupt lines, the host's timer,
 * requests of other threads. (What a guest sees is tested by the programs in tests/guest.) */
#include <string.h>

#include "core/guest/riscv64/riscv64-priv.h"
#include "tests/core/guest/rig.h"

static GBytes *
save (DioCpu *cpu)
{
  DioVisitor *visitor = dio_visitor_new_save ();
  cpu->type->state (cpu, visitor);
  return dio_visitor_finish_save (visitor);
}

static bool
load (DioCpu *cpu, GBytes *bytes, GError **error)
{
  DioVisitor *visitor = dio_visitor_new_load (bytes);
  cpu->type->state (cpu, visitor);
  return dio_visitor_finish_load (visitor, error);
}

static uint64_t
csr (DioRiscv64 *hart, unsigned number)
{
  uint64_t value = 0;
  g_assert_cmpint (dio_rv_csr_access (hart, number, DIO_RV_CSR_READ, 0, &value), ==,
                   DIO_RV_EXC_NONE);
  return value;
}

static void
write_csr (DioRiscv64 *hart, unsigned number, uint64_t value)
{
  uint64_t old;
  g_assert_cmpint (dio_rv_csr_access (hart, number, DIO_RV_CSR_WRITE, value, &old), ==,
                   DIO_RV_EXC_NONE);
}

/* CSRs that hold something, in an order in which all can be written. */
static const uint16_t stateful[] = {
  0x300, 0x302, 0x303, 0x304, 0x305, 0x306, 0x30a, 0x320, 0x340, 0x341, 0x342, 0x343,
  0x344, 0x100, 0x104, 0x105, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x144, 0x14d,
  0x180, 0x003, 0x3b0, 0x3b1, 0x3b2, 0x3b3, 0x3b4, 0x3b5, 0x3b6, 0x3b7, 0x3b8, 0x3b9,
  0x3ba, 0x3bb, 0x3bc, 0x3bd, 0x3be, 0x3bf, 0x3a0, 0x3a2, 0xb00, 0xb02,
};

static void
scramble (DioRiscv64 *hart, GRand *rand)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (stateful); i++) {
    uint64_t value = (uint64_t) g_rand_int (rand) << 32 | g_rand_int (rand);
    if (stateful[i] == 0x300)
      value |= RV_MSTATUS_FS; /* else fcsr is out of reach */
    if (stateful[i] == 0x100)
      continue;
    write_csr (hart, stateful[i], value);
  }
  for (unsigned i = 1; i < 32; i++) {
    hart->x[i] = (uint64_t) g_rand_int (rand) << 32 | g_rand_int (rand);
    hart->f[i] = ~hart->x[i];
  }
  hart->f[0] = 1;
  hart->interp.pc = g_rand_int (rand) & ~1u;
}

static void
test_state (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  for (unsigned round = 0; round < 50; round++) {
    Rig *a = rig_new (1 << 20, 1), *b = rig_new (1 << 20, 1);
    scramble (a->hart, rand);
    scramble (b->hart, rand);
    g_autoptr (GBytes) first = save (&a->hart->interp.cpu);
    g_autoptr (GError) error = NULL;
    /* What it held before leaves no trace, caches included. */
    g_assert_true (load (&b->hart->interp.cpu, first, &error));
    g_assert_no_error (error);
    g_autoptr (GBytes) second = save (&b->hart->interp.cpu);
    g_assert_true (g_bytes_equal (first, second));
    for (unsigned i = 0; i < G_N_ELEMENTS (stateful); i++)
      g_assert_cmphex (csr (a->hart, stateful[i]), ==, csr (b->hart, stateful[i]));
    g_assert_cmpmem (a->hart->x, 32 * 8, b->hart->x, 32 * 8);
    g_assert_cmpmem (a->hart->f, 32 * 8, b->hart->f, 32 * 8);
    g_assert_cmphex (a->hart->interp.pc, ==, b->hart->interp.pc);
    g_assert_cmpint (b->hart->fp_slow, ==, a->hart->fp_slow);
    rig_free (a);
    rig_free (b);
  }
}

/* Whatever the bytes are: refused, or a hart that its own CSR writes could have made; it runs. */
static void
test_hostile_state (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  Rig *rig = rig_new (1 << 20, 1);
  g_autoptr (GBytes) good = save (&rig->hart->interp.cpu);
  gsize length;
  const uint8_t *bytes = g_bytes_get_data (good, &length);
  unsigned accepted = 0, refused = 0;
  for (unsigned round = 0; round < 3000; round++) {
    g_autofree uint8_t *copy = g_memdup2 (bytes, length);
    unsigned changes = g_rand_int_range (rand, 1, 12);
    for (unsigned i = 0; i < changes; i++)
      copy[g_rand_int_range (rand, 0, (gint32) length)] = (uint8_t) g_rand_int (rand);
    gsize size = round % 10 == 9 ? (gsize) g_rand_int_range (rand, 0, (gint32) length) : length;
    g_autoptr (GBytes) bad = g_bytes_new (copy, size);
    DioRiscv64 *hart = rig->hart;
    if (load (&hart->interp.cpu, bad, NULL))
      accepted++;
    else
      refused++;
    g_assert_true (hart->priv == DIO_RV_U || hart->priv == DIO_RV_S || hart->priv == DIO_RV_M);
    g_assert_cmphex (hart->interp.pc & 1, ==, 0);
    g_assert_cmphex (hart->mstatus & ~RV_MSTATUS_WRITABLE, ==, 0);
    g_assert_cmphex (hart->mstatus & RV_MSTATUS_MPP, !=, UINT64_C (2) << RV_MSTATUS_MPP_SHIFT);
    g_assert_cmphex (rv_legal_satp (hart->satp, 1), ==, hart->satp);
    for (unsigned i = 0; i < RV_PMP_ENTRIES; i++)
      g_assert_cmphex (hart->pmpcfg[i] & ~(uint64_t) 0x9f, ==, 0);
    /* A store, a load and a fetch take whatever way they take. */
    uint64_t value;
    hart->exc_tval = 0;
    dio_rv_load_slow (hart, RIG_RAM + 8, 8, &value);
    dio_rv_store_slow (hart, RIG_RAM + 4093, 8, 0);
    dio_rv_take_interrupt (hart);
    const uint8_t *host;
    DioRam *ram;
    uint64_t offset;
    dio_rv_fetch_page (hart, hart->interp.pc, &host, &ram, &offset);
  }
  g_assert_cmpuint (accepted, >, 100);
  g_assert_cmpuint (refused, >, 100);
  rig_free (rig);
}

static void
test_lines (void)
{
  static const unsigned numbers[] = { DIO_RV_IRQ_SSIP, DIO_RV_IRQ_MSIP, DIO_RV_IRQ_MTIP,
                                      DIO_RV_IRQ_SEIP, DIO_RV_IRQ_MEIP };
  Rig *rig = rig_new (1 << 20, 2);
  DioCpu *second = rig->machine.cpus[1];
  for (unsigned i = 0; i < G_N_ELEMENTS (numbers); i++) {
    DioIrq irq = dio_rv_irq (&rig->machine, 1, numbers[i]);
    write_csr ((DioRiscv64 *) second, 0x304, 0);
    dio_irq_set (&irq, true);
    g_assert_cmphex (csr ((DioRiscv64 *) second, 0x344), ==, RV_BIT (numbers[i]));
    g_assert_cmphex (csr (rig->hart, 0x344), ==, 0);
    g_assert_false (second->type->has_work (second));
    write_csr ((DioRiscv64 *) second, 0x304, RV_BIT (numbers[i]));
    g_assert_true (second->type->has_work (second));
    /* A reset of the hart does not change the wire. */
    second->type->reset (second);
    g_assert_cmphex (csr ((DioRiscv64 *) second, 0x344), ==, RV_BIT (numbers[i]));
    dio_irq_set (&irq, false);
    g_assert_cmphex (csr ((DioRiscv64 *) second, 0x344), ==, 0);
  }
  /* A rising line wakes; one that is up already need not. */
  DioIrq irq = dio_rv_irq (&rig->machine, 0, DIO_RV_IRQ_MEIP);
  atomic_store (&rig->hart->interp.cpu.kicked, 0);
  dio_irq_set (&irq, true);
  g_assert_cmpuint (atomic_load (&rig->hart->interp.cpu.kicked), !=, 0);
  rig_free (rig);
}

/* stimecmp reaches a halted hart through the host's timer. */
static void
test_timer (void)
{
  Rig *rig = rig_new (1 << 20, 1);
  DioRiscv64 *hart = rig->hart;
  dio_clock_start (rig->machine.clock);
  dio_loop_clock_changed (rig->machine.loop);
  write_csr (hart, 0x30a, RV_ENVCFG_STCE);
  write_csr (hart, 0x304, RV_STIP);
  for (unsigned i = 0; i < 20; i++) {
    write_csr (hart, 0x14d, UINT64_MAX);
    g_assert_false (hart->interp.cpu.type->has_work (&hart->interp.cpu));
    write_csr (hart, 0x14d, rv_time (hart) + 10000); /* 1 ms */
    g_assert_false (hart->interp.cpu.type->has_work (&hart->interp.cpu));
    gint64 until = g_get_monotonic_time () + 5 * G_TIME_SPAN_SECOND;
    while (!hart->interp.cpu.type->has_work (&hart->interp.cpu) && g_get_monotonic_time () < until)
      g_usleep (100);
    g_assert_true (hart->interp.cpu.type->has_work (&hart->interp.cpu));
    g_assert_cmphex (csr (hart, 0x344), ==, RV_STIP);
  }
  /* A hint for a deadline that has been moved on since is no interrupt. */
  write_csr (hart, 0x14d, UINT64_MAX);
  atomic_fetch_or (&hart->irq_lines, RV_STIP);
  g_assert_cmphex (csr (hart, 0x344), ==, 0);
  g_assert_false (dio_rv_take_interrupt (hart));
  /* Off with STCE. */
  write_csr (hart, 0x14d, 0);
  g_assert_cmphex (csr (hart, 0x344), ==, RV_STIP);
  write_csr (hart, 0x30a, 0);
  g_assert_cmphex (csr (hart, 0x344), ==, 0);
  rig_free (rig);
}

/* Another thread takes write entries away; what was written unseen until then is noted. */
static void
test_requests (void)
{
  Rig *rig = rig_new (1 << 20, 2);
  DioRiscv64 *hart = rig->hart;
  DioRam *ram = rig->machine.ram;
  for (unsigned pages = 1; pages <= 100; pages *= 10) {
    for (unsigned i = 0; i < pages; i++)
      g_assert_cmpint (dio_rv_store_slow (hart, RIG_RAM + i * DIO_PAGE_SIZE, 8, i), ==,
                       DIO_RV_EXC_NONE);
    for (unsigned i = 0; i < pages; i++) {
      g_assert_nonnull (dio_tlb_hit_write (&hart->interp.tlb, RIG_RAM + i * DIO_PAGE_SIZE, 8));
      atomic_fetch_or (&ram->page_flags[i], DIO_PAGE_CODE);
      uint32_t before = ram->page_write_gen[i];
      rv_code_page_set ((DioInterpCpu *) rig->machine.cpus[1], ram, i * DIO_PAGE_SIZE);
      g_assert_cmpuint (ram->page_write_gen[i], ==, before);
    }
    g_assert_cmpuint (atomic_load (&hart->interp.cpu.kicked), !=, 0);
    dio_rv_service_requests (hart);
    for (unsigned i = 0; i < pages; i++) {
      g_assert_null (dio_tlb_hit_write (&hart->interp.tlb, RIG_RAM + i * DIO_PAGE_SIZE, 8));
      g_assert_cmpuint (ram->page_write_gen[i], >, 0);
      g_assert_nonnull (dio_tlb_hit_read (&hart->interp.tlb, RIG_RAM + i * DIO_PAGE_SIZE, 8));
    }
    rig->hart->interp.cpu.kicked = 0;
  }
  /* The hart that decodes loses its own entry at once, and nothing is noted. */
  dio_rv_store_slow (hart, RIG_RAM + 200 * DIO_PAGE_SIZE, 8, 1);
  rv_code_page_set (&hart->interp, ram, 200 * DIO_PAGE_SIZE);
  g_assert_null (dio_tlb_hit_write (&hart->interp.tlb, RIG_RAM + 200 * DIO_PAGE_SIZE, 8));
  g_assert_cmpuint (ram->page_write_gen[200], ==, 0);
  rig_free (rig);
}

static void
test_dump (void)
{
  Rig *rig = rig_new (1 << 20, 1);
  g_autoptr (GString) text = g_string_new (NULL);
  rig->hart->interp.pc = 0x123456;
  rig->hart->x[10] = 0xabcdef;
  rig->hart->interp.cpu.type->dump (&rig->hart->interp.cpu, text);
  g_assert_nonnull (strstr (text->str, "pc 0000000000123456"));
  g_assert_nonnull (strstr (text->str, "a0 0000000000abcdef"));
  rig_free (rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/guest/riscv64/system/state", test_state);
  g_test_add_func ("/core/guest/riscv64/system/hostile-state", test_hostile_state);
  g_test_add_func ("/core/guest/riscv64/system/lines", test_lines);
  g_test_add_func ("/core/guest/riscv64/system/timer", test_timer);
  g_test_add_func ("/core/guest/riscv64/system/requests", test_requests);
  g_test_add_func ("/core/guest/riscv64/system/dump", test_dump);
  return g_test_run ();
}
