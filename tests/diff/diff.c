/* SPDX-License-Identifier: GPL-3.0-or-later
 * The differential test: random instructions and sequences on our engine and on an oracle.
 *
 *   diff --oracle FILE [--cases N] [--seed S] [--case N] [--report FILE] [--break LEAF]
 *
 * The oracle is qemu-riscv64 of the distribution, running FILE (oracle.c) on a file that both
 * processes map; the cases of a batch run in both at the same time. What that qemu does not
 * know is judged by diff-model.c. Every difference is printed with its seed and case number, made
 * smaller if it is a sequence. Exit status: 0 no difference, 1 differences, 77 no oracle. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/guest/riscv64/riscv64-disasm.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "tests/diff/diff-engine.h"
#include "tests/diff/diff-generate.h"
#include "tests/diff/diff-model.h"

#define EXIT_SKIPPED 77
#define MAX_PRINTED 10
#define ORACLE_TIMEOUT_MS 5000

typedef struct {
  /* Options. */
  char *oracle, *qemu, *report, *broken;
  int64_t cases, only;
  uint64_t seed;

  DiffShared *shared;
  GPid pid;
  int to_oracle, from_oracle;
  DiffEngine *engine;
  DiffTest *tests;
  DiffOutcome *outcomes;

  uint64_t by_judge[DIFF_N_JUDGES], by_kind[DIFF_N_KINDS], traps, instructions;
  uint64_t hits[DIO_RV_N_LEAVES][DIFF_N_JUDGES];
  unsigned differences;
} Diff;

/* ---- The oracle's process ---- */

static void
pass_shared_file (void *data)
{
  int fd = GPOINTER_TO_INT (data);

  /* Into descriptor 3, without close-on-exec. */
  if (fd == 3)
    fcntl (fd, F_SETFD, 0);
  else
    dup2 (fd, 3);
}

static bool
start_oracle (Diff *diff)
{
  /* Zbc is not ours: its encodings are illegal here. */
  const char *argv[] = { diff->qemu, "-cpu", "rv64,zbc=false", diff->oracle, NULL };
  g_autoptr (GError) error = NULL;
  int fd = memfd_create ("diorama-diff", 0);

  if (fd < 0 || ftruncate (fd, sizeof (DiffShared)) != 0)
    g_error ("memfd: %s", g_strerror (errno));
  diff->shared = mmap (NULL, sizeof (DiffShared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert (diff->shared != MAP_FAILED);
  bool started = g_spawn_async_with_pipes (NULL, (char **) argv, NULL,
                                           G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD
                                               | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                                           pass_shared_file, GINT_TO_POINTER (fd), &diff->pid,
                                           &diff->to_oracle, &diff->from_oracle, NULL, &error);
  close (fd);
  if (!started)
    g_printerr ("diff: %s\n", error->message);
  return started;
}

static void
stop_oracle (Diff *diff)
{
  close (diff->to_oracle);
  waitpid (diff->pid, NULL, 0);
  close (diff->from_oracle);
}

static void
oracle_begin (Diff *diff)
{
  if (write (diff->to_oracle, "", 1) != 1)
    g_error ("the oracle is gone: %s", g_strerror (errno));
}

static void
oracle_finish (Diff *diff)
{
  struct pollfd fd = { .fd = diff->from_oracle, .events = POLLIN };
  char byte;
  int status = 0;

  if (poll (&fd, 1, ORACLE_TIMEOUT_MS) == 1 && read (diff->from_oracle, &byte, 1) == 1)
    return;
  if (waitpid (diff->pid, &status, WNOHANG) == 0)
    kill (diff->pid, SIGKILL);
  for (unsigned i = 0; i < DIFF_BATCH; i++) {
    if (diff->tests[i].slot == diff->shared->cases[diff->shared->running].x[0])
      g_error ("the oracle does not answer (wait status %#x) in or about case %" PRIu64
               " of seed %" PRIu64,
               (unsigned) status, diff->tests[i].number, diff->seed);
  }
  g_error ("the oracle does not answer (wait status %#x)", (unsigned) status);
}

/* ---- Comparing ---- */

static const DioLeafInfo *
decode_unit (const DiffTest *test, unsigned unit, uint32_t *raw)
{
  DioInsn insn;

  *raw = 0;
  memcpy (raw, test->code + test->unit[unit], 4);
  if (dio_rv_decode (*raw, &insn) == 2)
    *raw &= 0xffff;
  return &dio_rv_leaf_info[insn.leaf];
}

/* What the oracle saw, in the terms of the architecture. */
static void
outcome_of_result (const DiffTest *test, const DiffResult *result, const void *window,
                   DiffOutcome *outcome)
{
  uint32_t raw;

  memcpy (outcome->x, result->x, sizeof outcome->x);
  memcpy (outcome->f, result->f, sizeof outcome->f);
  memcpy (outcome->window, window, test->state.length);
  outcome->fcsr = result->fcsr;
  outcome->tval = 0;
  switch (result->signal) {
  case 0:
    outcome->cause = -1;
    outcome->x[test->state.base] = test->slot;
    break;
  case SIGILL:
    outcome->cause = DIO_RV_EXC_ILLEGAL;
    for (unsigned i = 0; i < test->units; i++) {
      if (test->slot + test->unit[i] == outcome->x[0]) {
        decode_unit (test, i, &raw);
        outcome->tval = raw;
      }
    }
    break;
  case SIGTRAP:
    outcome->cause = DIO_RV_EXC_BREAKPOINT;
    outcome->tval = outcome->x[0];
    break;
  case SIGSEGV:
    outcome->tval = result->fault;
    if (test->kind == DIFF_SINGLE && outcome->x[0] == test->slot) {
      const DioLeafInfo *info = decode_unit (test, 0, &raw);
      bool load = info->kind == DIO_LEAF_LOAD || g_str_has_prefix (info->name, "lr.");

      outcome->cause = load ? DIO_RV_EXC_LOAD_ACCESS : DIO_RV_EXC_STORE_ACCESS;
    } else {
      outcome->cause = DIO_RV_EXC_FETCH_ACCESS;
    }
    break;
  default:
    outcome->cause = 1000 + (int) result->signal;
    break;
  }
}

static void
explain (GString *why, const char *what, unsigned number, uint64_t before, uint64_t expected,
         uint64_t actual)
{
  if (why != NULL && expected != actual)
    g_string_append_printf (
        why, "  %s%u: expected %016" PRIx64 ", have %016" PRIx64 " (before: %016" PRIx64 ")\n",
        what, number, expected, actual, before);
}

static bool
compare (const DiffTest *test, const DiffOutcome *expected, const DiffOutcome *actual, GString *why)
{
  bool same = expected->cause == actual->cause && expected->fcsr == actual->fcsr
              && memcmp (expected->x + 1, actual->x + 1, sizeof expected->x - 8) == 0
              && memcmp (expected->f, actual->f, sizeof expected->f) == 0
              && memcmp (expected->window, actual->window, test->state.length) == 0;

  /* mepc and mtval. mtval of a breakpoint may be 0 (PrivSpec 3.1.16). */
  if (expected->cause >= 0) {
    same = same && expected->x[0] == actual->x[0];
    if (expected->cause != DIO_RV_EXC_BREAKPOINT || actual->tval != 0)
      same = same && expected->tval == actual->tval;
  }
  if (same || why == NULL)
    return same;

  if (expected->cause != actual->cause || expected->cause >= 0)
    g_string_append_printf (why,
                            "  cause: expected %d, have %d; pc: %" PRIx64 ", %" PRIx64
                            "; tval: %" PRIx64 ", %" PRIx64 "\n",
                            expected->cause, actual->cause, expected->x[0], actual->x[0],
                            expected->tval, actual->tval);
  for (unsigned i = 1; i < 32; i++)
    explain (why, "x", i, test->state.x[i], expected->x[i], actual->x[i]);
  for (unsigned i = 0; i < 32; i++)
    explain (why, "f", i, test->state.f[i], expected->f[i], actual->f[i]);
  explain (why, "fcsr", 0, test->state.fcsr, expected->fcsr, actual->fcsr);
  for (unsigned i = 0; i < test->state.length / 8; i++)
    explain (why, "window ", i * 8, test->window[i], expected->window[i], actual->window[i]);
  return false;
}

/* ---- Running ---- */

/* --break: proves that the harness sees a wrong result. */
static void
break_outcome (Diff *diff, const DiffTest *test, DiffOutcome *outcome)
{
  if (diff->broken != NULL && test->kind == DIFF_SINGLE
      && strcmp (dio_rv_leaf_info[test->leaf].name, diff->broken) == 0
      && (test->code[0] >> 7 | (test->code[1] & 15) << 1) != 0) {
    uint32_t raw;

    memcpy (&raw, test->code, 4);
    outcome->x[raw >> 7 & 31] ^= test->number % 64 == 0;
  }
}

/* Runs one case alone on both sides. */
static bool
run_alone (Diff *diff, const DiffTest *test, DiffOutcome *expected, DiffOutcome *actual)
{
  DiffShared *shared = diff->shared;
  g_autofree void *ignored = g_malloc (DIFF_DATA_SIZE);

  shared->slots_end = shared->jumps_end = 0;
  memset (shared->slots, 0, sizeof shared->slots);
  shared->count = 1;
  diff_place_code (test, shared);
  diff_place_state (test, shared, 0);
  if (test->judge == DIFF_BY_MODEL) {
    if (!diff_model_run (test, expected))
      g_error ("the model does not know case %" PRIu64, test->number);
  } else {
    oracle_begin (diff);
    oracle_finish (diff);
    outcome_of_result (test, &shared->results[0], (uint8_t *) shared->blob_out + test->state.blob,
                       expected);
  }
  diff_engine_start_batch (diff->engine, shared);
  diff_engine_run (diff->engine, test, actual);
  diff_engine_end_batch (diff->engine, shared, ignored);
  break_outcome (diff, test, actual);
  return compare (test, expected, actual, NULL);
}

/* Replaces instructions by nops as long as the difference stays. */
static void
reduce (Diff *diff, DiffTest *test)
{
  DiffOutcome expected, actual;
  bool again = true;

  while (again) {
    again = false;
    for (unsigned i = test->units; i-- > 0;) {
      static const uint8_t nop[4] = { 0x13 }, c_nop[2] = { 0x01 };
      uint32_t raw;
      unsigned length = decode_unit (test, i, &raw)->length;
      bool illegal = decode_unit (test, i, &raw) == &dio_rv_leaf_info[DIO_RV_LEAF_ILLEGAL];
      uint8_t *at = test->code + test->unit[i];
      uint8_t saved[4];

      if (test->keep[i] || illegal || raw == 0x13 || raw == 0x01)
        continue;
      memcpy (saved, at, length);
      memcpy (at, length == 4 ? nop : c_nop, length);
      if (run_alone (diff, test, &expected, &actual))
        memcpy (at, saved, length);
      else
        again = true;
    }
  }
}

static void
print_difference (Diff *diff, const DiffTest *found)
{
  g_autofree DiffTest *test = g_memdup2 (found, sizeof *found);
  DiffOutcome expected, actual;
  g_autoptr (GString) text = g_string_new (NULL);

  if (run_alone (diff, test, &expected, &actual)) {
    g_print ("difference in case %" PRIu64 " of seed %" PRIu64 ": not when run alone\n",
             test->number, diff->seed);
    return;
  }
  if (test->kind == DIFF_SEQUENCE)
    reduce (diff, test);
  run_alone (diff, test, &expected, &actual);
  compare (test, &expected, &actual, text);
  g_print ("difference in case %" PRIu64 " of seed %" PRIu64 " (%s); again: --seed %" PRIu64
           " --case %" PRIu64 "\n",
           test->number, diff->seed, test->judge == DIFF_BY_QEMU ? "qemu" : "model", diff->seed,
           test->number);
  for (unsigned i = 0; i < test->units; i++) {
    uint32_t raw;
    char line[128];

    decode_unit (test, i, &raw);
    if (raw == 0x13 || raw == 0x01)
      continue;
    dio_rv_disassemble (raw, test->slot + test->unit[i], line, sizeof line);
    g_print ("  %08" PRIx64 ": %08x  %s\n", test->slot + test->unit[i], raw, line);
  }
  if (diff->only >= 0 && test->kind != DIFF_SEQUENCE) {
    for (unsigned i = 1; i < 32; i++)
      g_print ("  x%-2u %016" PRIx64 "%s", i, test->state.x[i], i % 4 == 3 ? "\n" : "");
    for (unsigned i = 0; i < 32; i++)
      g_print ("  f%-2u %016" PRIx64 "%s", i, test->state.f[i], i % 4 == 3 ? "\n" : "");
  }
  g_print ("%s", text->str);
}

static void
count_test (Diff *diff, const DiffTest *test, const DiffOutcome *actual)
{
  diff->by_judge[test->judge]++;
  diff->by_kind[test->kind]++;
  diff->traps += actual->cause >= 0;
  diff->instructions += test->units;
  for (unsigned i = 0; i < test->units; i++) {
    uint32_t raw;

    diff->hits[decode_unit (test, i, &raw) - dio_rv_leaf_info][test->judge]++;
  }
}

static void
judge_test (Diff *diff, const DiffTest *test, const DiffOutcome *actual, const DiffResult *result)
{
  DiffOutcome expected;

  if (test->judge == DIFF_BY_MODEL) {
    if (!diff_model_run (test, &expected))
      g_error ("the model does not know case %" PRIu64, test->number);
  } else {
    outcome_of_result (test, result, (uint8_t *) diff->shared->blob_out + test->state.blob,
                       &expected);
  }
  count_test (diff, test, actual);
  if (!compare (test, &expected, actual, NULL))
    diff->differences++;
  else
    return;
  if (diff->differences == MAX_PRINTED + 1)
    g_print ("and more\n");
}

/* Runs the cases of a batch in [first, last). */
static void
run_batch (Diff *diff, uint64_t batch, unsigned first, unsigned last)
{
  DiffShared *shared = diff->shared;
  g_autofree uint64_t *data = g_malloc (DIFF_DATA_SIZE);
  g_autofree unsigned *index = g_new0 (unsigned, DIFF_BATCH);
  g_autoptr (GArray) failed = g_array_new (FALSE, FALSE, sizeof (unsigned));

  diff_generate (diff->seed, batch, diff->tests);
  shared->count = shared->slots_end = shared->jumps_end = 0;
  memset (shared->slots, 0, sizeof shared->slots);
  memset (shared->jumps, 0, sizeof shared->jumps);
  /* The code of all, so that a single case finds the same around it. */
  for (unsigned i = 0; i < DIFF_BATCH; i++) {
    diff_place_code (&diff->tests[i], shared);
    if (i < first || i >= last || diff->tests[i].judge != DIFF_BY_QEMU)
      continue;
    index[i] = (unsigned) shared->count++;
    diff_place_state (&diff->tests[i], shared, index[i]);
  }
  oracle_begin (diff);
  diff_engine_start_batch (diff->engine, shared);
  for (unsigned i = first; i < last; i++) {
    diff_engine_run (diff->engine, &diff->tests[i], &diff->outcomes[i]);
    break_outcome (diff, &diff->tests[i], &diff->outcomes[i]);
  }
  diff_engine_end_batch (diff->engine, shared, data);
  oracle_finish (diff);
  if (memcmp (data, shared->data, DIFF_DATA_SIZE) != 0) {
    diff->differences++;
    for (unsigned i = 0; i < DIFF_DATA_SIZE / 8; i++) {
      if (data[i] != shared->data[i])
        g_print ("outside the windows of the cases from %" PRIu64 " of seed %" PRIu64 " at %" PRIx64
                 ": expected %" PRIx64 ", have %" PRIx64 "\n",
                 batch * DIFF_BATCH, diff->seed, DIFF_DATA + i * 8, shared->data[i], data[i]);
    }
  }
  for (unsigned i = first; i < last; i++) {
    unsigned before = diff->differences;

    judge_test (diff, &diff->tests[i], &diff->outcomes[i], &shared->results[index[i]]);
    if (diff->differences != before && diff->differences <= MAX_PRINTED)
      g_array_append_val (failed, i);
  }
  for (unsigned i = 0; i < failed->len; i++)
    print_difference (diff, &diff->tests[g_array_index (failed, unsigned, i)]);
}

/* ---- Report ---- */

static const char *
judge_names (const uint64_t *hits)
{
  if (hits[DIFF_BY_QEMU] != 0)
    return hits[DIFF_BY_MODEL] != 0 ? "qemu, model" : "qemu";
  return hits[DIFF_BY_MODEL] != 0 ? "model" : "none";
}

static uint64_t
write_report (Diff *diff)
{
  g_autoptr (GString) text = g_string_new ("leaf\textension\tcases\toracle\n");
  uint64_t least = UINT64_MAX;

  for (unsigned leaf = 1; leaf < DIO_RV_N_LEAVES; leaf++) {
    const uint64_t *hits = diff->hits[leaf];
    uint64_t sum = hits[DIFF_BY_QEMU] + hits[DIFF_BY_MODEL];

    least = MIN (least, sum);
    g_string_append_printf (text, "%s\t%s\t%" PRIu64 "\t%s\n", dio_rv_leaf_info[leaf].name,
                            dio_rv_leaf_info[leaf].extension, sum, judge_names (hits));
  }
  if (diff->report != NULL) {
    g_autoptr (GError) error = NULL;

    if (!g_file_set_contents (diff->report, text->str, (gssize) text->len, &error))
      g_printerr ("diff: %s\n", error->message);
  }
  return least;
}

static bool
parse_options (Diff *diff, int *argc, char ***argv)
{
  g_autofree char *seed = NULL;
  const GOptionEntry entries[] = {
    { "oracle", 0, 0, G_OPTION_ARG_FILENAME, &diff->oracle, "The oracle's program", "FILE" },
    { "qemu", 0, 0, G_OPTION_ARG_FILENAME, &diff->qemu, "What runs it", "PROGRAM" },
    { "cases", 0, 0, G_OPTION_ARG_INT64, &diff->cases, "How many cases (1 million)", "N" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &seed, "The seed of all of them (1)", "S" },
    { "case", 0, 0, G_OPTION_ARG_INT64, &diff->only, "Only this case", "N" },
    { "report", 0, 0, G_OPTION_ARG_FILENAME, &diff->report, "Cases and oracle of each leaf",
      "FILE" },
    { "break", 0, 0, G_OPTION_ARG_STRING, &diff->broken, "Falsify our results of a leaf", "LEAF" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  diff->cases = 1000000;
  diff->only = -1;
  diff->seed = 1;
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, &error)) {
    g_printerr ("diff: %s\n", error->message);
    return false;
  }
  if (seed != NULL)
    diff->seed = g_ascii_strtoull (seed, NULL, 0);
  if (diff->oracle == NULL) {
    g_printerr ("diff: --oracle is needed\n");
    return false;
  }
  if (diff->qemu == NULL)
    diff->qemu = g_find_program_in_path ("qemu-riscv64-static");
  if (diff->qemu == NULL)
    diff->qemu = g_find_program_in_path ("qemu-riscv64");
  return true;
}

int
main (int argc, char **argv)
{
  g_autofree Diff *diff = g_new0 (Diff, 1);

  if (!parse_options (diff, &argc, &argv))
    return 2;
  if (diff->qemu == NULL || !g_file_test (diff->oracle, G_FILE_TEST_EXISTS)) {
    g_print ("diff: no qemu-riscv64 or no oracle program: skipped\n");
    return EXIT_SKIPPED;
  }
  signal (SIGPIPE, SIG_IGN);
  if (!start_oracle (diff))
    return EXIT_SKIPPED;
  diff->engine = diff_engine_new ();
  diff->tests = g_new (DiffTest, DIFF_BATCH);
  diff->outcomes = g_new (DiffOutcome, DIFF_BATCH);

  int64_t started = g_get_monotonic_time ();
  if (diff->only >= 0) {
    unsigned index = (unsigned) (diff->only % DIFF_BATCH);

    run_batch (diff, (uint64_t) diff->only / DIFF_BATCH, index, index + 1);
  } else {
    for (uint64_t batch = 0; batch * DIFF_BATCH < (uint64_t) diff->cases; batch++)
      run_batch (diff, batch, 0, DIFF_BATCH);
  }
  double seconds = (double) (g_get_monotonic_time () - started) / 1e6;
  uint64_t cases = diff->by_judge[DIFF_BY_QEMU] + diff->by_judge[DIFF_BY_MODEL];
  uint64_t least = write_report (diff);

  g_print ("%" PRIu64 " cases of seed %" PRIu64 " in %.1f s, %.0f a second; %" PRIu64
           " by qemu, %" PRIu64 " by the model\n",
           cases, diff->seed, seconds, (double) cases / seconds, diff->by_judge[DIFF_BY_QEMU],
           diff->by_judge[DIFF_BY_MODEL]);
  g_print ("%" PRIu64 " single instructions, %" PRIu64 " words, %" PRIu64 " sequences; %" PRIu64
           " ended in a trap; %u leaves, each at least %" PRIu64 " times\n",
           diff->by_kind[DIFF_SINGLE], diff->by_kind[DIFF_WORD], diff->by_kind[DIFF_SEQUENCE],
           diff->traps, DIO_RV_N_LEAVES - 1, least);
  g_print ("%u differences\n", diff->differences);

  stop_oracle (diff);
  diff_engine_free (diff->engine);
  g_free (diff->tests);
  g_free (diff->outcomes);
  g_free (diff->oracle);
  g_free (diff->qemu);
  g_free (diff->report);
  g_free (diff->broken);
  return diff->differences == 0 ? 0 : 1;
}
