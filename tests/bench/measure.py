"""Programs under measurement: started pinned, watched through /proc, stopped by their own id."""

import os
import re
import signal
import socket
import statistics
import subprocess
import time

SERVER_CORE, LOAD_CORE = "0", "1"
TICKS = os.sysconf("SC_CLK_TCK")

_running = []


class Broken(Exception):
    """The run itself is not sound, whatever the figures say."""


def free_port(_next=[20100]):
    """A free port below the ephemeral ones, which clients of the run take for themselves."""
    while _next[0] < 32768:
        _next[0] += 1
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", _next[0]))
                return _next[0]
            except OSError:
                continue
    raise Broken("no free port below 32768")


class Program:
    """A child on one core. Ready when its output matches; what it says is kept in `log`."""

    def __init__(self, argv, log, ready, core=SERVER_CORE, cwd=None, seconds=30):
        self.log, self._ready, self._cwd, self._seconds = log, ready, cwd, seconds
        self._argv = ["taskset", "-c", core] + argv
        self.start()

    def start(self):
        """Anew where it was stopped; so is its log."""
        out = open(self.log, "wb")
        self.started = time.monotonic()
        # A session of its own: Ctrl-C reaches the benchmark alone, which then stops all.
        self.child = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self._cwd,
                                      start_new_session=True)
        out.close()
        _running.append(self)
        pattern = re.compile(self._ready)
        while True:
            text = self.text()
            if pattern.search(text):
                break
            if self.child.poll() is not None or time.monotonic() - self.started > self._seconds:
                self.stop()
                raise Broken(f"{self._argv[3]} did not start: {text[-2000:]}")
            time.sleep(0.001)
        self.ready_ms = (time.monotonic() - self.started) * 1000

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def cpu(self):
        """Seconds of CPU so far, all threads, user and kernel."""
        with open(f"/proc/{self.child.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss(self):
        """Resident KiB."""
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def stop(self):
        if self in _running:
            _running.remove(self)
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def pulse():
    """How fast the machine itself is just now, since others share its hardware: milliseconds of a fixed loop on the
    server's core, and microseconds until a thread that sleeps on the load's core is awake."""
    mine = os.sched_getaffinity(0)
    there, back = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {int(LOAD_CORE)})
        os.close(there[1])
        while os.read(there[0], 1):
            os.write(back[1], b".")
        os._exit(0)
    os.sched_setaffinity(0, {int(SERVER_CORE)})
    turns, woken, looped = 200, [], []
    for _ in range(turns):
        began = time.perf_counter()
        os.write(there[1], b".")
        os.read(back[0], 1)
        woken.append((time.perf_counter() - began) * 1e6 / 2)
    for _ in range(5):
        began = time.perf_counter()
        sum(range(1000000))
        looped.append((time.perf_counter() - began) * 1e3)
    for end in there + back:
        os.close(end)
    os.waitpid(child, 0)
    os.sched_setaffinity(0, mine)
    return {"loop_ms": median(looped), "wake_us": median(woken)}


def cpu_of(parent):
    """Seconds of CPU so far of a process and its children, also of those that it has seen end."""
    total = 0
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has just ended
        if parent in (int(entry), int(fields[1])):
            total += int(fields[11]) + int(fields[12])
        if parent == int(entry):
            total += int(fields[13]) + int(fields[14])
    return total / TICKS


def stop_all():
    for program in list(_running):
        program.stop()


def output(argv, core=LOAD_CORE, seconds=120, cwd=None, stdin=None):
    """Standard output of a command that must succeed."""
    done = subprocess.run(["taskset", "-c", core] + argv, capture_output=True, timeout=seconds, cwd=cwd,
                          input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Broken(f"{' '.join(argv[:6])}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


class Target:
    """One method of one server, as h2load calls it. `reply` is the length of its encoded answer."""

    def __init__(self, program, url, request_file, reply, headers=(), preload=None):
        self.program, self.url, self.request_file, self.reply = program, url, request_file, reply
        self.headers, self.preload = headers, preload

    def load(self, clients, streams, count, log=None, rate=None):
        # By env: a preload is for h2load, not for the programs that start it.
        argv = ["env"] + [f"{name}={value}" for name, value in self.preload.items()] if self.preload else []
        argv += ["h2load", "-t", "1", "-c", str(clients), "-m", str(streams), "-n", str(count), "-d", self.request_file]
        for header in ("content-type: application/grpc", "te: trailers") + tuple(self.headers):
            argv += ["-H", header]
        if log:
            argv += [f"--log-file={log}"]
        if rate:
            # From 100 a second on h2load sends what is due every 10 ms, all clients in one volley if they began as one.
            argv += [f"--rps={rate}", f"--rate={max(1, clients // 10)}", "--rate-period=11ms"]
        before = self.program.cpu()
        text = output(argv + [self.url]).decode()
        cpu = self.program.cpu() - before
        done = int(re.search(r"(\d+) succeeded", text).group(1))
        data = int(re.search(r"headers \(space savings [^)]*\), [^ ]+ \((\d+)\) data", text).group(1))
        # h2load takes any answer with HTTP 200 for a success; an error of gRPC carries no message.
        if done != count or data != count * (self.reply + 5):
            raise Broken(f"{self.url}: {count} requests, {done} answered, {data} bytes of messages instead of "
                         f"{count * (self.reply + 5)}")
        slowest = re.search(r"time for request: +\S+ +(\S+)", text).group(1)
        return {"rate": float(re.search(r"finished in [^,]+, ([\d.]+) req/s", text).group(1)), "requests": count,
                "cpu_us": cpu / count * 1e6, "max_ms": milliseconds(slowest)}


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def latencies_ms(log):
    """Per request, from h2load's log, which goes: h2load appends to one that is there."""
    with open(log, encoding="ascii") as lines:
        times = sorted(int(line.split("\t")[2]) / 1000 for line in lines)
    os.remove(log)
    return times


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rounds(targets, clients, streams, plan):
    """Every target once a round, in turn forth and back (A-B-B-A): {name: [result, ...]}. On a machine so busy that the
    section's time is over, fewer rounds than wanted, but one."""
    results = {name: [] for name in targets}
    requests = {}
    for name, target in targets.items():
        least = max(500, 2 * clients * streams)
        target.load(clients, streams, least)
        rate = target.load(clients, streams, 2 * least)["rate"]
        requests[name] = max(least, int(rate * plan.turn_seconds))
    for done in range(plan.turns):
        if done > 0 and plan.until and time.monotonic() > plan.until:
            break
        for name in list(targets)[:: -1 if done % 2 else 1]:
            results[name].append(targets[name].load(clients, streams, requests[name]))
    return results


def median(values):
    return statistics.median(values)
