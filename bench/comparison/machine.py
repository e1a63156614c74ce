"""Processes of a run and what /proc says about them: CPU time, memory, and who else was at work."""

import contextlib
import os
import pathlib
import platform
import resource
import signal
import subprocess
import time

ROOT_DIR = pathlib.Path(__file__).resolve().parents[2]
TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A run that gives no figures, and why."""


class Process:
    """A child in a session of its own, on one core; its words go to a file."""

    def __init__(self, command, core, log, environment=None, stdout=None):
        with open(log, "ab") as output:
            self.child = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=stdout or output, stderr=output,
                start_new_session=True, cwd=pathlib.Path(log).parent,
                env={**os.environ, **(environment or {})},
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.pid = self.child.pid

    def running(self):
        return self.child.poll() is None

    def stop(self):
        """Asks it to end, and ends what is left of the session that was made for it."""
        if self.running():
            self.child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()
        if self.child.stdout:
            self.child.stdout.close()

    def family(self):
        """Its process id and those of all its descendants."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    children.setdefault(int(_stat(entry)[1]), []).append(int(entry))
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, from the state on."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    return text[text.rindex(")") + 2:].split()


def cpu_seconds(pids):
    """User and system time of processes, ended threads included."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = _stat(pid)
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def pss_bytes(pids):
    """Memory, where pages that several processes share count for each in proportion."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def busy_seconds(core):
    """What all processes together have used of a core."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
            return (user + nice + system + irq + softirq + steal) / TICK
    raise Failed(f"there is no core {core}")


class Window:
    """CPU time from start() to end(): the proxy's, and what others used of the two cores."""

    def __init__(self, proxy, application, cores):
        self.proxy, self.application, self.cores = proxy.family(), application.family(), cores
        self.begin = self._now()

    def _now(self):
        load = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the load, once it has ended
        return (cpu_seconds(self.proxy), cpu_seconds(self.application),
                load.ru_utime + load.ru_stime, [busy_seconds(core) for core in set(self.cores)],
                time.monotonic())

    def end(self):
        proxy, application, load, busy, clock = (
            [b - a for a, b in zip(before, after)] if isinstance(before, list) else after - before
            for before, after in zip(self.begin, self._now()))
        others = max(0.0, sum(busy) - proxy - application - load)
        return {"seconds": clock, "cpu_seconds": proxy, "application_cpu_seconds": application,
                "load_cpu_seconds": load, "others": others / clock / len(busy)}


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def describe():
    """Machine and system, for the record."""
    cpu = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory / 2**30, 1),
            "system": system, "kernel": platform.release(), "architecture": platform.machine()}


def commit():
    """The commit of the sources; "+" where they have changed since."""
    def git(*words):
        done = subprocess.run(["git", "-C", ROOT_DIR, *words], text=True, check=False,
                              capture_output=True)
        return done.stdout.strip() if done.returncode == 0 else ""
    changed = git("status", "--porcelain", "--untracked-files=no", "src", "meson.build")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if changed else "")
