/* SPDX-License-Identifier: GPL-3.0-or-later
 * Several machines at once in one process: real boards with two harts each that count in memory,
 * under random commands. A machine goes on exactly when it should, whatever becomes of its
 * neighbours. */
#include "hw/hw.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "tests/support/support-machine.h"

#define MACHINES 3
#define COMMANDS 150
#define COUNTERS (SUPPORT_RAM_BASE + 0x1000)

/* Each hart adds 1 to its own counter for ever. */
static const uint32_t program[] = {
  0xf14022f3, /*    csrr t0, mhartid */
  0x00329293, /*    slli t0, t0, 3 */
  0x00001337, /*    lui  t1, 1 */
  0x006282b3, /*    add  t0, t0, t1 */
  0x00000317, /*    auipc t1, 0 */
  0xff030313, /*    addi t1, t1, -16 */
  0x006282b3, /*    add  t0, t0, t1 */
  0x0002b383, /* 1: ld   t2, 0(t0) */
  0x00138393, /*    addi t2, t2, 1 */
  0x0072b023, /*    sd   t2, 0(t0) */
  0xff5ff06f, /*    j    1b */
};

typedef struct {
  DioMachineHost host;
  DioMachine *machine;
  bool running;
} Slot;

static uint64_t
counter (Slot *slot, unsigned hart)
{
  uint64_t value;
  g_assert_true (dio_dma_read (slot->machine->space, COUNTERS + 8 * hart, &value, sizeof value));
  return value;
}

static void
make (Slot *slot, const char *firmware)
{
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  g_autoptr (GError) error = NULL;

  config->name = g_strdup ("counter");
  config->arch = DIO_ARCH_RISCV64;
  config->memory = 64 << 20;
  config->cpus = 2;
  config->firmware = g_strdup (firmware);
  slot->machine = dio_machine_new (config, &slot->host, &error);
  g_assert_no_error (error);
  support_machine_do (slot->machine, dio_machine_start, &error);
  g_assert_no_error (error);
  slot->running = true;
}

static void
command (Slot *slot, SupportCommand verb)
{
  g_autoptr (GError) error = NULL;
  support_machine_do (slot->machine, verb, &error);
  g_assert_no_error (error);
}

/* Both harts count if, and only if, the machine runs. */
static void
check (Slot *slot)
{
  for (unsigned hart = 0; hart < 2; hart++) {
    uint64_t before = counter (slot, hart);
    for (int i = 0; i < 2000 && slot->running && counter (slot, hart) == before; i++)
      g_usleep (1000);
    if (!slot->running)
      g_usleep (500);
    g_assert_cmpint (counter (slot, hart) != before, ==, slot->running);
  }
}

/* Its name; caller removes and frees. */
static char *
write_program (void)
{
  g_autoptr (GError) error = NULL;
  char *name = NULL;
  int fd = g_file_open_tmp ("dio-machines-XXXXXX", &name, &error);

  g_assert_no_error (error);
  g_assert_cmpint (write (fd, program, sizeof program), ==, sizeof program);
  close (fd);
  return name;
}

static void
test_together (void)
{
  DioPool *pool = dio_pool_new (0);
  Slot slots[MACHINES] = { 0 };
  g_autofree char *firmware = write_program ();

  for (unsigned i = 0; i < MACHINES; i++) {
    slots[i].host = (DioMachineHost){ dio_hw_boards, dio_hw_devices, pool };
    make (&slots[i], firmware);
  }
  for (unsigned i = 0; i < COMMANDS; i++) {
    Slot *slot = &slots[g_test_rand_int_range (0, MACHINES)];
    switch (g_test_rand_int_range (0, 6)) {
    case 0:
    case 1:
      command (slot, slot->running ? dio_machine_pause : dio_machine_resume);
      slot->running = !slot->running;
      break;
    case 2:
    case 3:
      command (slot, dio_machine_reset);
      break;
    case 4:
      command (slot, dio_machine_stop);
      dio_machine_free (slot->machine);
      make (slot, firmware);
      break;
    default:
      dio_machine_free (slot->machine); /* as it is */
      make (slot, firmware);
      break;
    }
    check (&slots[g_test_rand_int_range (0, MACHINES)]);
  }
  for (unsigned i = 0; i < MACHINES; i++) {
    check (&slots[i]);
    dio_machine_free (slots[i].machine);
  }
  dio_pool_free (pool);
  g_remove (firmware);
}

enum { REQUESTS = 120 };

static void
read_done (DioBlockRequest *request, int result)
{
  g_assert_cmpint (result, ==, 0);
  atomic_fetch_add ((_Atomic unsigned *) request->opaque, 1);
}

/* The limits of a disk are those of the machine's, which stands still at once all the same. */
static void
test_limits (void)
{
  DioPool *pool = dio_pool_new (0);
  Slot slot = { .host = { dio_hw_boards, dio_hw_devices, pool } };
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  char *paths[2];
  g_autoptr (GError) error = NULL;
  static uint8_t sector[512];
  struct iovec iov = { sector, sizeof sector };
  DioBlockRequest requests[REQUESTS];
  _Atomic unsigned done = 0;

  config->name = g_strdup ("limited");
  config->arch = DIO_ARCH_RISCV64;
  config->memory = 64 << 20;
  config->firmware = write_program ();
  for (unsigned i = 0; i < 2; i++) {
    int fd = g_file_open_tmp ("dio-machines-XXXXXX", &paths[i], &error);
    g_assert_no_error (error);
    g_assert_cmpint (ftruncate (fd, 1 << 20), ==, 0);
    close (fd);
  }
  dio_machine_config_add_disk (config, paths[0], "raw", false);
  dio_machine_config_add_cdrom (config, paths[1], "raw");
  for (unsigned i = 0; i < 2; i++)
    ((DioDiskConfig *) g_ptr_array_index (config->disks, i))->limits.operations = 10;
  slot.machine = dio_machine_new (config, &slot.host, &error);
  g_assert_no_error (error);
  command (&slot, dio_machine_start);
  for (unsigned i = 0; i < REQUESTS; i++) {
    DioBlock *block = g_ptr_array_index (slot.machine->disks, i % 2);
    requests[i] = (DioBlockRequest){ .op = DIO_BLOCK_READ,
                                     .length = sizeof sector,
                                     .iov = &iov,
                                     .n_iov = 1,
                                     .done = read_done,
                                     .opaque = &done };
    dio_block_submit (block, &requests[i]);
  }
  /* Of each about 16 at once, and the last would come after more than four seconds. */
  g_usleep (100000);
  g_assert_cmpuint (done, >, 0);
  g_assert_cmpuint (done, <, REQUESTS / 2);
  gint64 start = g_get_monotonic_time ();
  command (&slot, dio_machine_pause);
  for (unsigned i = 0; i < 2; i++)
    dio_block_drain (g_ptr_array_index (slot.machine->disks, i));
  g_assert_cmpuint (done, ==, REQUESTS);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 3000000);
  command (&slot, dio_machine_resume);
  dio_machine_free (slot.machine);
  dio_pool_free (pool);
  g_remove (config->firmware);
  for (unsigned i = 0; i < 2; i++) {
    g_remove (paths[i]);
    g_free (paths[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hw/board/machines/together", test_together);
  g_test_add_func ("/hw/board/machines/limits", test_limits);
  return g_test_run ();
}
