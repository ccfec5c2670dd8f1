#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program, and ends everything that it started when it ends, or when whoever started this dies of
whatever: contain.py PROGRAM [ARGUMENT...]

Three processes, each of which dies with the one before: the first is what the runner of tests knows, the second
a session of its own, that a signal for the group of the first does not reach, and the parent of all orphans below
it (PR_SET_CHILD_SUBREAPER), and the third is the program. What the second leaves behind at its end is nothing: it
kills children until it has none, whatever sessions and groups those are in."""

import ctypes
import os
import resource
import signal
import sys
import time

# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 10  # seconds, for what the kernel does not let die, and what may not be killed

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option, value):
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def die_with(parent, number):
    """Has the kernel send signal @number when process @parent dies; ends if it has died already."""
    prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def children(process):
    """The processes whose parent is @process."""
    found = []
    try:
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:  # ended meanwhile
        pass
    return found


def kill_below(process):
    for child in children(process):
        kill_below(child)
        try:
            os.kill(child, signal.SIGKILL)
        except OSError:
            pass


def end_everything():
    """Kills descendants until there are none: one may start another while it is looked for."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        kill_below(os.getpid())
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def pass_on_interrupts(process):
    """Whoever presses Ctrl+C means the program, which may have something to say or to remove."""
    signal.signal(signal.SIGINT, lambda number, frame: os.kill(process, number))


def give_up(number, frame):
    end_everything()
    os._exit(128 + number)


def start(command, parent):
    """In the third process: becomes the program."""
    die_with(parent, signal.SIGKILL)
    # Python ignores or handles these.
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
    os._exit(127)


def guard(command, parent):
    """In the second process: the status of the program, once nothing else is left."""
    # Until there is something to be ended, and somebody who does it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    os.setsid()
    me = os.getpid()
    program = os.fork()
    if program == 0:
        start(command, me)
    pass_on_interrupts(program)
    signal.signal(signal.SIGTERM, give_up)
    die_with(parent, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    ended, status = 0, 0
    while ended != program:
        ended, status = os.waitpid(-1, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    end_everything()
    return status


def end_as(status):
    """Ends as the program did."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def main():
    parent = os.getppid()
    die_with(parent, signal.SIGKILL)
    me = os.getpid()
    second = os.fork()
    if second == 0:
        end_as(guard(sys.argv[1:], me))
    pass_on_interrupts(second)
    # SIGTERM has its usual effect here, and so reaches the second as the end of this one.
    end_as(os.waitpid(second, 0)[1])


if __name__ == "__main__":
    main()
