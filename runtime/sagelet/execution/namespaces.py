"""A private /opt/ml, hostname, /etc/hosts and process tree, without root.

Standard library only and no import from this package: it runs inside the shim. The calls go to
libc directly, because starting unshare(1) and mount(8) would cost more than the work itself.
"""

from __future__ import annotations

import ctypes
import os
import signal

TYPE_CHECKING = False  # typing itself takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000

ROOT = "/opt/ml"

_libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """This machine does not allow a namespace or mount; the text says which."""


def _call(what: str, result: int) -> None:
    if result != 0:
        raise Refused(f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Make ``source`` appear at ``target``.

    Raises:
        Refused: the kernel said no.
    """
    _call(
        f"mount {kind or 'bind'} on {target}",
        _libc.mount(
            source.encode(),
            target.encode(),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            data.encode() if data else None,
        ),
    )


def unshare(*, isolated: bool, network: Sequence[int] = ()) -> None:
    """Leave the machine's namespaces; the next child is PID 1 of its own process tree.

    ``network`` is open namespaces to join: the hub's user namespace, if it has one of its own, and
    the host's network (see ``hub``).

    Raises:
        Refused: namespaces are not allowed here.
    """
    flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID
    if network:
        for descriptor in network:
            enter(descriptor)
        leave(flags)
    else:
        leave_as_root(flags | (CLONE_NEWNET if isolated else 0))
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def leave_as_root(flags: int) -> None:
    """Leave namespaces with the right to furnish the new ones: as root of them, if need be.

    Raises:
        Refused: namespaces are not allowed here.
    """
    uid, gid = os.geteuid(), os.getegid()
    leave(flags | (CLONE_NEWUSER if uid != 0 else 0))
    if uid != 0:
        # Root inside is the caller outside: what a job writes belongs to the caller.
        try:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"0 {uid} 1")
            _write("/proc/self/gid_map", f"0 {gid} 1")
        except OSError as error:
            raise Refused(f"user namespace: {error.strerror}") from None


def leave(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones.

    Raises:
        Refused: the kernel said no.
    """
    _call("unshare", _libc.unshare(flags))


def enter(descriptor: int) -> None:
    """Join an open namespace.

    Raises:
        Refused: the kernel said no.
    """
    _call("setns", _libc.setns(descriptor, 0))


def furnish(spec: Mapping[str, Any]) -> list[str]:
    """Build the host's view, as PID 1 of the new process tree.

    Returns:
        Notes on what had to be done differently (a channel that is read-only, say).

    Raises:
        Refused: the view cannot be built on this machine.
    """
    notes: list[str] = []
    root = spec["root"]
    _place_opt_ml(root, spec["folder"])
    for entry in spec["mounts"]:
        _place(entry, root, notes)
    _hosts(spec)
    _call(
        "sethostname", _libc.sethostname(spec["hostname"].encode(), len(spec["hostname"].encode()))
    )
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    if spec["isolated"] and not spec["joined"]:
        _loopback()
    if spec["isolated"] or spec["joined"]:
        _show_own_links()
    if spec["joined"] and spec["nameserver"]:
        _resolver(spec)
    return notes


def _place_opt_ml(root: str, folder: str) -> None:
    """Make ``root`` appear as /opt/ml, with everything else in /opt where it was."""
    if not os.path.isdir(ROOT):
        if not os.path.isdir("/opt"):
            raise Refused("/opt does not exist, and cannot be made for one process only")
        old = os.path.join(folder, "opt")
        os.makedirs(old, exist_ok=True)
        mount("/opt", old, None, MS_BIND | MS_REC)
        mount("tmpfs", "/opt", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
        for name in os.listdir(old):
            source, target = os.path.join(old, name), os.path.join("/opt", name)
            if os.path.islink(source):
                os.symlink(os.readlink(source), target)
                continue
            if os.path.isdir(source):
                os.mkdir(target)
            else:
                open(target, "wb").close()
            mount(source, target, None, MS_BIND | MS_REC)
        os.mkdir(ROOT)
    mount(root, ROOT, None, MS_BIND | MS_REC)


def _place(entry: Mapping[str, Any], root: str, notes: list[str]) -> None:
    source, target = entry["source"], entry["target"]
    relative = target[len(ROOT) :].lstrip("/")
    if os.path.join(root, relative) == source:
        return  # part of /opt/ml already
    os.makedirs(os.path.join(root, relative), exist_ok=True)
    if entry["access"] == "rw":
        mount(source, target, None, MS_BIND | MS_REC)
        return
    if entry["access"] == "ro" and not covered(entry.get("over")):
        _bind_read_only(source, target)
        return
    options = overlay_options(entry, user=not _is_real_root())
    try:
        mount("overlay", target, "overlay", MS_NOSUID | MS_NODEV, options)
    except (Refused, OSError) as error:
        _bind_read_only(source, target)
        if entry["access"] != "ro":
            notes.append(f"{target} is read-only here ({error})")


def _bind_read_only(source: str, target: str) -> None:
    mount(source, target, None, MS_BIND | MS_REC)
    mount(source, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | _kept_flags(target))


def covered(over: str | None) -> bool:
    """Whether a mount has files that stand in the place of its source's."""
    return bool(over and os.path.isdir(over) and os.listdir(over))


def overlay_options(entry: Mapping[str, Any], *, user: bool) -> str:
    """Mount options of an overlay: the source below, the scratch folder above.

    Without a scratch folder it cannot be written to. ``user``: it is mounted in a user namespace,
    where trusted attributes cannot be written.
    """
    lower = escape(entry["source"])
    if entry.get("over") and os.path.isdir(entry["over"]):
        lower = f"{escape(entry['over'])}:{lower}"
    if not entry["scratch"]:
        return f"lowerdir={lower}" + (",userxattr" if user else "")
    upper, work = os.path.join(entry["scratch"], "upper"), os.path.join(entry["scratch"], "work")
    os.makedirs(upper, exist_ok=True)
    os.makedirs(work, exist_ok=True)
    os.chmod(upper, 0o777)  # whoever the host's program runs as may write into its channel
    options = f"lowerdir={lower},upperdir={escape(upper)},workdir={escape(work)}"
    return options + ",userxattr" if user else options


def escape(path: str) -> str:
    """A path as overlay's option parser wants it."""
    return "".join("\\" + char if char in "\\,:" else char for char in path)


def _is_real_root() -> bool:
    with open("/proc/self/uid_map", encoding="ascii") as file:
        inside, outside, count = (int(number) for number in file.readline().split())
    return (inside, outside) == (0, 0) and count > 1


def _kept_flags(target: str) -> int:
    """Flags of the file system below, which a user namespace may not drop."""
    flags = os.statvfs(target).f_flag
    return (
        (MS_NOSUID if flags & os.ST_NOSUID else 0)
        | (MS_NODEV if flags & os.ST_NODEV else 0)
        | (MS_NOEXEC if flags & os.ST_NOEXEC else 0)
    )


def _hosts(spec: Mapping[str, Any]) -> None:
    """A private /etc/hosts in which the job's hosts resolve."""
    lines: Sequence[str] = [f"{address}\t{name}" for name, address in spec["hosts"]]
    path = os.path.join(spec["folder"], "hosts")
    with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
        existing = file.read()
    _write(path, existing.rstrip("\n") + "\n" + "\n".join(lines) + "\n")
    mount(path, "/etc/hosts", None, MS_BIND)


def _resolver(spec: Mapping[str, Any]) -> None:
    """A private /etc/resolv.conf: the machine's name server may listen on its loopback only."""
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    kept = [line for line in lines if line.split()[:1] != ["nameserver"]]
    path = os.path.join(spec["folder"], "resolv.conf")
    _write(path, "\n".join([f"nameserver {spec['nameserver']}", *kept]) + "\n")
    mount(path, "/etc/resolv.conf", None, MS_BIND)


def _show_own_links() -> None:
    """Let /sys/class/net be that of the host's own network, and /sys/fs/cgroup what it was."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    flags |= MS_RDONLY if os.statvfs("/sys").f_flag & os.ST_RDONLY else 0
    groups = "/sys/fs/cgroup"
    held = os.open(groups, os.O_PATH | os.O_CLOEXEC) if os.path.isdir(groups) else -1
    try:
        mount("sysfs", "/sys", "sysfs", flags)
        if held >= 0:
            mount(f"/proc/self/fd/{held}", groups, None, MS_BIND | MS_REC)
    except Refused:  # where parts of /sys are hidden, as in a container
        pass
    if held >= 0:
        os.close(held)


def _loopback() -> None:
    """Bring up ``lo``, the only interface of an isolated host."""
    import fcntl
    import socket
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        # SIOCSIFFLAGS with IFF_UP | IFF_RUNNING
        fcntl.ioctl(handle, 0x8914, struct.pack("16sh22x", b"lo", 0x41))


def catches_sigterm(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM; True where it cannot be looked at.

    The kernel drops the signal for the first process of a namespace until there is one.
    """
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            caught = next(line for line in file if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return True
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
