/* SPDX-License-Identifier: GPL-3.0-or-later
 * Whether this host draws OpenGL in hardware.
 *
 * The driver is tried in a forked child: it may crash, hang, or load a hundred megabytes that this
 * process then need not have. Without a device node there is nothing to try. */
#include "render/gl/gl-probe.h"

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 2000

DioGlKind
dio_gl_kind_of_renderer (const char *renderer)
{
  static const char *const software[] = { "llvmpipe", "softpipe", "swrast", "Software Rasterizer",
                                          "SWR" };

  if (!renderer || !*renderer)
    return DIO_GL_NONE;
  for (unsigned i = 0; i < sizeof software / sizeof *software; i++)
    if (strstr (renderer, software[i]))
      return DIO_GL_SOFTWARE;
  return DIO_GL_HARDWARE;
}

static bool
has_gpu_node (void)
{
  static const char *const patterns[] = { "/dev/dri/renderD*", "/dev/nvidia[0-9]*", "/dev/dxg",
                                          "/dev/mali[0-9]*" };

  for (unsigned i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    glob_t found;
    bool any = glob (patterns[i], GLOB_NOSORT, NULL, &found) == 0 && found.gl_pathc > 0;
    globfree (&found);
    if (any)
      return true;
  }
  return false;
}

static DioGlKind
try_driver (void)
{
  const EGLint attributes[] = { EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE,
                                EGL_OPENGL_BIT, EGL_NONE };
  EGLDisplay display = EGL_NO_DISPLAY;
  EGLConfig config = NULL;
  EGLint count = 0;

  if (epoxy_has_egl_extension (EGL_NO_DISPLAY, "EGL_MESA_platform_surfaceless"))
    display = eglGetPlatformDisplayEXT (EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
  if (display == EGL_NO_DISPLAY || !eglInitialize (display, NULL, NULL)) {
    display = eglGetDisplay (EGL_DEFAULT_DISPLAY);
    if (display == EGL_NO_DISPLAY || !eglInitialize (display, NULL, NULL))
      return DIO_GL_NONE;
  }
  if (!eglBindAPI (EGL_OPENGL_API) || !eglChooseConfig (display, attributes, &config, 1, &count))
    return DIO_GL_NONE;
  EGLContext context = eglCreateContext (display, count ? config : NULL, EGL_NO_CONTEXT, NULL);
  if (context == EGL_NO_CONTEXT
      || !eglMakeCurrent (display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
    return DIO_GL_NONE;
  return dio_gl_kind_of_renderer ((const char *) glGetString (GL_RENDERER));
}

DioGlKind
dio_gl_probe (void)
{
  unsigned char answer = DIO_GL_NONE;
  int fds[2];

  if (!has_gpu_node ())
    return DIO_GL_SOFTWARE;
  if (pipe (fds) < 0)
    return DIO_GL_NONE;

  pid_t child = fork ();
  if (child == 0) {
    close (fds[0]);
    answer = try_driver ();
    _exit (write (fds[1], &answer, 1) == 1 ? 0 : 1);
  }
  close (fds[1]);
  if (child > 0) {
    struct pollfd wait = { .fd = fds[0], .events = POLLIN };
    if (poll (&wait, 1, TIMEOUT_MS) != 1 || read (fds[0], &answer, 1) != 1)
      answer = DIO_GL_NONE;
    kill (child, SIGKILL);
    while (waitpid (child, NULL, 0) < 0)
      ;
  }
  close (fds[0]);
  return answer;
}
