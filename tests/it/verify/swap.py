"""Runs a program and, at one moment of its work on one path, a script: what an attacker does who is
quick enough, each time at the very same place.

usage: swap.py MOMENT PATH TIMES ROOT SCRIPT PROGRAM [ARGUMENT ...]

The program is traced (ptrace(2)) and stands still while the script runs. MOMENT is what it is about
to do with PATH, a path below the directory ROOT:

    examine   statx(2)
    list      getdents64(2)
    open      openat2(2)
    read      preadv2(2), pread64(2), read(2); trying the same once more is the same moment

TIMES is a number, the how manieth such moment it is, or `each`. The program gets one processor, so
that what it does is always in the same order. Its exit code is given on; 77 says that this machine
does not let processes be traced, 99 that the moment never came, 98 that the script failed.
"""

import ctypes
import os
import signal
import struct
import subprocess
import sys

TRACEME, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
# TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, EXITKILL
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000
ENTRY, ANY_CHILD, WALL = 1, -1, 0x40000000
NUMBERS = {
    "x86_64": {
        0: "read", 17: "read", 327: "read", 217: "list", 221: "advise", 332: "examine", 437: "open",
    },
    "aarch64": {
        63: "read", 67: "read", 286: "read", 61: "list", 223: "advise", 291: "examine", 437: "open",
    },
}

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def start(program):
    """A child that is traced from its first instruction on."""
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        if libc.ptrace(TRACEME, 0, None, None) != 0:
            os._exit(77)
        os.execv(program[0], program)
    return child


def entered(task):
    """The name and the arguments of the call that a task is about to make; None at its end."""
    info = ctypes.create_string_buffer(88)
    if libc.ptrace(GET_SYSCALL_INFO, task, len(info), info) <= 0 or info.raw[0] != ENTRY:
        return None
    number, *arguments = struct.unpack_from("=7Q", info.raw, 24)
    return NUMBERS.get(os.uname().machine, {}).get(number, "other"), arguments


def text_at(task, address):
    """The bytes up to a NUL in the memory of a task."""
    with open(f"/proc/{task}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        text = b""
        while b"\0" not in text:
            # No further than the end of the page, behind which there may be nothing.
            text += memory.read(4096 - (address + len(text)) % 4096)
        return os.fsdecode(text[: text.index(b"\0")])


def object_of(task, name, arguments, root):
    """The path below `root` that a call is about; what lies elsewhere begins with no slash."""
    try:
        path = os.readlink(f"/proc/{task}/fd/{ctypes.c_int(arguments[0]).value}")
    except OSError:
        return ""
    if name in ("open", "examine"):
        path = os.path.normpath(os.path.join(path, text_at(task, arguments[1])))
    if path.startswith(root + "/"):
        return path[len(root) :]
    # A private mount of the root has no name, and its paths begin with it.
    return path


def main():
    moment, path, times, root, script, *program = sys.argv[1:]
    root = os.path.realpath(root)
    child = start(program)
    seen, ran, code, begun, last = 0, False, None, False, None
    while code is None:
        task, status = os.waitpid(ANY_CHILD, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if task == child:
                code = os.waitstatus_to_exitcode(status)
            continue
        stopped, deliver = os.WSTOPSIG(status), 0
        if not begun:
            begun = True
            libc.ptrace(SETOPTIONS, task, None, OPTIONS)
        elif stopped == signal.SIGTRAP | 0x80:
            call = entered(task)
            if call and call[0] == moment and object_of(task, *call, root) == path:
                # What the cache did not have is read again, from the same position.
                is_again = moment == "read" and last == (task, call[1][0], call[1][3])
                last = (task, call[1][0], call[1][3])
                seen += 0 if is_again else 1
                if not is_again and (times == "each" or int(times) == seen):
                    ran = True
                    if subprocess.run(["sh", "-eu", script], check=False).returncode != 0:
                        return 98
            elif call and call[0] != "advise":
                last = None
        elif status >> 16 == 0 and stopped not in (signal.SIGSTOP, signal.SIGTRAP):
            deliver = stopped
        libc.ptrace(SYSCALL, task, None, deliver)
    if code < 0:
        return 128 - code
    return code if ran or code == 77 else 99


sys.exit(main())
