"""One run: an application, a proxy in front of it and a load, all started here and ended by pid."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass

from comparison.machine import Failed, Process, Window, pss_bytes, raise_descriptor_limit
from comparison.peers import Work

ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
# wrk tells its figures to a function of the script, in microseconds.
SCRIPT = """
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"requests": %d, "duration_us": %d, "bytes": %d, "errors": %d, ' ..
    '"p50_us": %d, "p90_us": %d, "p99_us": %d, "p999_us": %d}\\n', summary.requests,
    summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency:percentile(99.9)))
end
"""


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    path: str = "/s/1024"
    size: int = 1024      # of the answer's body
    backends: str = "tcp"  # or "unix"
    members: int = 1
    connections: int = 64
    post: int = 0         # bytes of the request's body
    close: bool = False   # a connection for each request
    idle: int = 0         # connections whose memory is measured; no load


SCENARIOS = [
    Scenario("tcp", "1 KiB, application on TCP"),
    Scenario("unix", "1 KiB, application on a Unix socket", backends="unix"),
    Scenario("16k", "16 KiB", path="/s/16384", size=16384),
    Scenario("1m", "1 MiB", path="/s/1048576", size=1048576),
    Scenario("c1000", "1 KiB, 1,000 connections", connections=1000),
    Scenario("new", "1 KiB, a connection for each request", close=True),
    Scenario("post", "POST of 64 KiB", path="/echo", size=6, post=65536),
    Scenario("balance", "1 KiB, balanced over 4 applications", members=4),
    Scenario("memory", "idle connections", idle=5000),
]


def expected_body(scenario):
    if scenario.post:
        return b"%d\n" % scenario.post
    return (ALPHABET * (scenario.size // len(ALPHABET) + 1))[:scenario.size]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_application(program, scenario, folder, core):
    """The demo's responder; returns the process and its addresses."""
    wanted = ([f"unix:{folder}/app.sock"] if scenario.backends == "unix"
              else ["127.0.0.1:0"] * scenario.members)
    words = [word for address in wanted for word in ("--application", address)]
    application = Process([program, "demo", *words], core, folder / "application.log",
                          stdout=subprocess.PIPE)
    said = b""
    while said.count(b"\n") < len(wanted):
        ready = select.select([application.child.stdout], [], [], 10)[0]
        piece = os.read(application.child.stdout.fileno(), 4096) if ready else b""
        if not piece:
            application.stop()
            raise Failed("the application does not start")
        said += piece
    addresses = re.findall(r"^application: (.*)$", said.decode(), re.MULTILINE)
    if scenario.backends == "unix":
        os.chmod(folder / "app.sock", 0o666)  # for proxies that give up root
    return application, addresses


def wait_until_it_listens(proxy, port):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if not proxy.running():
            raise Failed(f"the proxy ended with status {proxy.child.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise Failed("the proxy does not listen")


def check_answers(port, scenario):
    """What is to be measured is right: two requests on each of three connections."""
    for _ in range(3):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
            for _ in range(2):
                method, body = ("POST", b"x" * scenario.post) if scenario.post else ("GET", None)
                client.request(method, scenario.path, body=body)
                answer = client.getresponse()
                if answer.read() != expected_body(scenario) or answer.status != 200:
                    raise Failed(f"a wrong answer, status {answer.status}")


def load(scenario, port, folder, core, seconds):
    """Keeps all connections busy with wrk; its figures."""
    script = SCRIPT
    if scenario.post:
        script += f'wrk.method = "POST"\nwrk.body = string.rep("x", {scenario.post})\n'
    (folder / "load.lua").write_text(script, encoding="utf-8")
    close = ["-H", "Connection: close"] if scenario.close else []
    wrk = Process(["wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "10s",
                   "-s", str(folder / "load.lua"), *close,
                   f"http://127.0.0.1:{port}{scenario.path}"], core, folder / "load.log",
                  stdout=subprocess.PIPE)
    try:
        output = wrk.child.communicate(timeout=seconds + 20)[0].decode()
    except subprocess.TimeoutExpired:
        raise Failed("the load does not end") from None
    finally:
        wrk.stop()
    line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise Failed("wrk gave no result")
    result = json.loads(line.split(" ", 1)[1])
    if result["errors"]:
        raise Failed(f"{result['errors']} of {result['requests']} requests failed")
    if result["requests"] == 0 or result["bytes"] < result["requests"] * scenario.size:
        raise Failed("answers were missing or too short")
    return result


def measure_load(scenario, work, proxy, application, cores, folder, seconds):
    load(scenario, work.port, folder, cores[1], 1)  # warms up
    window = Window(proxy, application, cores)
    result = load(scenario, work.port, folder, cores[1], seconds)
    result.update(window.end())
    result["cpu_us"] = result["cpu_seconds"] * 1e6 / result["requests"]
    result["requests_per_second"] = result["requests"] * 1e6 / result["duration_us"]
    return result


def ask_once(port, scenario):
    """A connection on which one request has been answered."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        client.request("GET", scenario.path)
        answer = client.getresponse()
        if answer.read() != expected_body(scenario) or client.sock is None:
            raise Failed("a wrong answer, or a connection that is not kept")
    except BaseException:
        client.close()
        raise
    return client


def measure_memory(scenario, work, proxy, cores, folder):
    idle = pss_bytes(proxy.family())
    load(scenario, work.port, folder, cores[1], 1)  # What is set up once is there already.
    time.sleep(0.3)
    before = pss_bytes(proxy.family())
    with contextlib.ExitStack() as clients:
        held = [clients.enter_context(contextlib.closing(ask_once(work.port, scenario)))
                for _ in range(work.clients)]
        time.sleep(0.5)
        after = pss_bytes(proxy.family())
        poll = select.poll()
        for client in held:
            poll.register(client.sock, select.POLLIN)
        if poll.poll(0):
            raise Failed("an idle connection was closed")
    return {"idle_bytes": idle, "bytes_per_connection": (after - before) / work.clients}


def run(peer, application_program, scenario, cores, seconds):
    """Figures of one run, or why there are none, as a dictionary."""
    record = {"peer": peer.name, "scenario": scenario.key}
    files = raise_descriptor_limit()
    clients = min(scenario.idle, files // 2 - 1000) or scenario.connections
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-compare-"))
    try:
        folder.chmod(0o755)
        (folder / "proxy").mkdir()
        (folder / "proxy").chmod(0o777)  # for proxies that give up root
        with contextlib.ExitStack() as started:
            application, addresses = start_application(application_program, scenario, folder,
                                                       cores[1])
            started.callback(application.stop)
            work = Work(folder / "proxy", free_port(), addresses, scenario.connections, clients,
                        files)
            command = peer.command(work)
            proxy = Process(command, cores[0], folder / "proxy/output", peer.environment(work))
            started.callback(proxy.stop)
            wait_until_it_listens(proxy, work.port)
            check_answers(work.port, scenario)
            if scenario.idle:
                record.update(measure_memory(scenario, work, proxy, cores, folder))
            else:
                record.update(measure_load(scenario, work, proxy, application, cores, folder,
                                           seconds))
            if not proxy.running():
                raise Failed("the proxy ended")
    except (Failed, OSError, http.client.HTTPException) as problem:
        record["failed"] = str(problem)
        log = folder / "proxy/output"
        if log.exists():
            record["output"] = log.read_text(errors="replace")[-500:].replace(str(folder), "DIR")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return record


def as_record(scenario):
    return asdict(scenario)
