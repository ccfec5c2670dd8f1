/* SPDX-License-Identifier: GPL-3.0-or-later
 * What it costs to show a guest: a thread publishes 1920 x 1080 frames into a scan-out as a display
 * device would, the real console widget shows them, and this program measures rate, delay, CPU time
 * and how long the main loop is kept from its other work. One JSON object a line. */
#include <adwaita.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ui/console/console-view-private.h"

#define WIDTH 1920
#define HEIGHT 1080

typedef struct {
  const char *name;
  double rate; /* updates a second, 0 none */
  gboolean full;
  double seconds;
} Scene;

static const Scene scenes[] = {
  { "damage 256x256", 60, FALSE, 6 },
  { "full frame", 60, TRUE, 6 },
  { "blinking cursor", 4, FALSE, 5 },
  { "idle", 0, FALSE, 5 },
};

typedef struct {
  DioScanout *scanout;
  DioConsoleView *view;
  GMainLoop *loop;
  const Scene *scene;
  atomic_bool stop;
  double producer_cpu;
  const DioConsolePresenterOps *presenter_ops;
  guint64 shown_serial;
  guint frames;
  GArray *delays;  /* ms, publish to painted */
  GArray *own;     /* ms of CPU time that the presenter took in a frame */
  GArray *blocked; /* ms of CPU time between two polls of the main loop, GTK's painting included */
} Bench;

static Bench *the_bench; /* the poll function has no argument */

static double
cpu_seconds (clockid_t clock)
{
  struct timespec now;
  clock_gettime (clock, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static void *
produce (void *data)
{
  Bench *bench = data;
  const Scene *scene = bench->scene;
  DioDisplay *display = dio_scanout_get_display (bench->scanout);
  uint32_t *pixels = g_new0 (uint32_t, WIDTH * HEIGHT);
  DioSurface surface = { WIDTH, HEIGHT, WIDTH * 4, DIO_FORMAT_BGRX8888, (uint8_t *) pixels };
  struct timespec next;
  double cpu = 0;

  clock_gettime (CLOCK_MONOTONIC, &next);
  for (uint32_t n = 0; !atomic_load (&bench->stop); n++) {
    DioRect r = { 0, 0, WIDTH, HEIGHT };
    if (!scene->full) {
      r.width = r.height = scene->rate < 10 ? 16 : 256;
      r.x = (uint32_t) ((WIDTH - r.width) * (0.5 + 0.5 * sin (n * 0.05)));
      r.y = (uint32_t) ((HEIGHT - r.height) * (0.5 + 0.5 * cos (n * 0.031)));
    }
    /* Drawing stands for the guest and is not counted; what update() costs is. */
    for (uint32_t y = r.y; y < r.y + r.height; y++)
      for (uint32_t x = r.x; x < r.x + r.width; x++)
        pixels[y * WIDTH + x] = (x + n * 7) << 16 | ((y + n * 3) & 0xff) << 8 | (n & 0xff);
    double before = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);
    display->ops->update (display, 0, &surface, &r);
    cpu += cpu_seconds (CLOCK_THREAD_CPUTIME_ID) - before;

    long step = scene->rate > 0 ? (long) (1e9 / scene->rate) : 100000000L;
    next.tv_nsec += step;
    while (next.tv_nsec >= 1000000000L) {
      next.tv_nsec -= 1000000000L;
      next.tv_sec++;
    }
    while (scene->rate <= 0 && !atomic_load (&bench->stop))
      g_usleep (100000);
    clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  bench->producer_cpu = cpu;
  /* All of this thread is taken off the process' time, update() is added again. */
  double *total = g_new (double, 1);
  *total = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);
  g_free (pixels);
  return total;
}

static void
timed_snapshot (DioConsolePresenter *presenter, const DioConsoleTarget *target,
                GtkSnapshot *snapshot)
{
  double before = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);
  the_bench->presenter_ops->snapshot (presenter, target, snapshot);
  double ms = (cpu_seconds (CLOCK_THREAD_CPUTIME_ID) - before) * 1e3;
  if (the_bench->own)
    g_array_append_val (the_bench->own, ms);
}

static void
after_paint_cb (GdkFrameClock *clock, Bench *bench)
{
  const DioFrame *frame = &bench->view->frame;

  if (frame->serial == bench->shown_serial)
    return;
  bench->shown_serial = frame->serial;
  bench->frames++;
  double delay = (g_get_monotonic_time () - frame->publish_time_us) / 1e3;
  g_array_append_val (bench->delays, delay);
}

static gint
timed_poll (GPollFD *fds, guint count, gint timeout)
{
  static double last;
  double now = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);

  if (last > 0 && the_bench->blocked) {
    double ms = (now - last) * 1e3;
    g_array_append_val (the_bench->blocked, ms);
  }
  gint result = g_poll (fds, count, timeout);
  last = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);
  return result;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double difference = *(const double *) a - *(const double *) b;
  return difference < 0 ? -1 : difference > 0;
}

static double
quantile (GArray *values, double q)
{
  if (values->len == 0)
    return 0;
  g_array_sort (values, compare);
  return g_array_index (values, double, (guint) (q * (values->len - 1)));
}

static gboolean
quit_cb (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_REMOVE;
}

static void
wait_seconds (Bench *bench, double seconds)
{
  g_timeout_add ((guint) (seconds * 1e3), quit_cb, bench->loop);
  g_main_loop_run (bench->loop);
}

static void
run_scene (Bench *bench, const Scene *scene)
{
  pthread_t thread;
  void *producer_total;

  bench->scene = scene;
  atomic_store (&bench->stop, false);
  pthread_create (&thread, NULL, produce, bench);
  wait_seconds (bench, 1.5); /* warm, and a tick callback of before has gone */

  bench->frames = 0;
  bench->delays = g_array_new (FALSE, FALSE, sizeof (double));
  bench->blocked = g_array_new (FALSE, FALSE, sizeof (double));
  bench->own = g_array_new (FALSE, FALSE, sizeof (double));
  double main_cpu = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);
  gint64 start = g_get_monotonic_time ();
  wait_seconds (bench, scene->seconds);
  double elapsed = (g_get_monotonic_time () - start) / 1e6;
  main_cpu = cpu_seconds (CLOCK_THREAD_CPUTIME_ID) - main_cpu;

  atomic_store (&bench->stop, true);
  pthread_join (thread, &producer_total);
  g_free (producer_total);
  double per_second = bench->producer_cpu / (elapsed + 1.5);

  g_print ("{\"scene\": \"%s\", \"presenter\": \"%s\", \"fps\": %.1f, \"cpu\": %.1f, "
           "\"cpu_update\": %.1f, \"delay_p50\": %.2f, \"delay_p95\": %.2f, \"own_max\": %.2f, "
           "\"busy_p99\": %.2f, \"busy_max\": %.2f}\n",
           scene->name, dio_console_view_get_presenter (bench->view), bench->frames / elapsed,
           100 * main_cpu / elapsed, 100 * per_second, quantile (bench->delays, 0.5),
           quantile (bench->delays, 0.95), quantile (bench->own, 1),
           quantile (bench->blocked, 0.99), quantile (bench->blocked, 1));
  g_clear_pointer (&bench->delays, g_array_unref);
  g_clear_pointer (&bench->blocked, g_array_unref);
  g_clear_pointer (&bench->own, g_array_unref);
}

int
main (int argc, char **argv)
{
  Bench bench = { .scanout = dio_scanout_new (), .loop = g_main_loop_new (NULL, FALSE) };

  the_bench = &bench;
  g_main_context_set_poll_func (NULL, timed_poll);
  adw_init ();
  bench.view = DIO_CONSOLE_VIEW (dio_console_view_new ());
  dio_console_view_set_machine (bench.view, bench.scanout, NULL);

  GtkWidget *window = gtk_window_new ();
  gtk_window_set_decorated (GTK_WINDOW (window), FALSE);
  gtk_window_set_default_size (GTK_WINDOW (window), WIDTH, HEIGHT);
  gtk_window_set_child (GTK_WINDOW (window), GTK_WIDGET (bench.view));
  gtk_window_present (GTK_WINDOW (window));
  wait_seconds (&bench, 0.5);
  g_signal_connect (gtk_widget_get_frame_clock (window), "after-paint", G_CALLBACK (after_paint_cb),
                    &bench);

  DioConsolePresenterOps timed = *bench.view->presenter->ops;
  timed.snapshot = timed_snapshot;
  bench.presenter_ops = bench.view->presenter->ops;
  bench.view->presenter->ops = &timed;

  for (gsize i = 0; i < G_N_ELEMENTS (scenes); i++)
    if (argc < 2 || strstr (scenes[i].name, argv[1])) {
      bench.delays = g_array_new (FALSE, FALSE, sizeof (double));
      run_scene (&bench, &scenes[i]);
    }
  gtk_window_destroy (GTK_WINDOW (window));
  g_main_loop_unref (bench.loop);
  dio_scanout_free (bench.scanout);
  return 0;
}
