/* SPDX-License-Identifier: GPL-3.0-or-later
 * Looks at every window that a test opens for what no window may be. */
#pragma once

/* From now on warns, once for each window and text, of windows and menus that are wider at least
 * than the narrowest screen, and of buttons in them that have neither text nor a name for screen
 * readers. Tests fail for any warning of the application. Main thread, once GTK is there or will
 * be. */
void window_lint_start (void);
