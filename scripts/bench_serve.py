#!/usr/bin/env python3
"""Measure what `laminate serve` survives: kills while it proves and submits, and requests that are too large or too slow.

    scripts/bench_serve.py --laminate target/release/laminate --model fraud --input models/fraud/legit.csv \\
        [--deployment deployment.json --rpc-url http://127.0.0.1:8545] [--jobs 50] [--every 10] [--requests 1000]

Queues the jobs, kills the server (SIGKILL) every so many seconds and starts it again, until all are done; then sends
oversized and slow requests, 200 at once, and looks at the server's memory. With a deployment every job is submitted
(LAMINATE_PRIVATE_KEY or --keystore signs), and the account's transactions are counted. Ends with 1 if a job is lost, a
proof is missing or does not verify, a transaction is one too many, or memory grows by more than --growth MiB.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


class Server:
    """A server that is started again on the same port and database."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = options.port or probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [options.laminate, "-q", "serve", f"model={options.model}", "--listen", f"127.0.0.1:{self.port}"]
        self.command += ["--db", str(folder / "jobs.db"), "--queue", str(options.jobs), "--patience", "5"]
        for deployment in options.deployment:
            self.command += ["--deployment", deployment]
        if options.deployment:
            self.command += ["--rpc-url", options.rpc_url]
        if options.keystore:
            self.command += ["--keystore", options.keystore]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout
        if not self.process.stdout.readline():
            sys.exit(f"the server does not start: {' '.join(self.command)}")

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def ask(self, path: str, body: bytes | None = None, kind: str = "text/csv") -> bytes:
        request = urllib.request.Request(self.url + path, data=body, headers={"Content-Type": kind} if body else {})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def job(self, name: str) -> dict[str, Any]:
        return json.loads(self.ask(f"/v1/jobs/{name}"))

    def memory(self) -> int:
        """Resident bytes."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def transactions(url: str, account: str) -> int:
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionCount", "params": [account, "latest"]}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(json.loads(answer.read())["result"], 16)


def killed(server: Server, options: argparse.Namespace, names: list[str]) -> tuple[int, list[dict[str, Any]]]:
    """Kills the server again and again until every job is done; how often, and the jobs."""
    kills = 0
    while True:
        end = time.monotonic() + options.every
        while time.monotonic() < end:
            jobs = [server.job(name) for name in names]
            if all(job["done"] for job in jobs):
                return kills, jobs
            time.sleep(1)
        server.kill()
        kills += 1
        server.start()
        print(f"killed {kills} times, {sum(job['done'] for job in jobs)} of {len(jobs)} jobs done", file=sys.stderr)


def verified(server: Server, options: argparse.Namespace, jobs: list[dict[str, Any]], folder: Path) -> int:
    """Proofs that hold, each of the input that its job named when it was queued."""
    count = 0
    for job in jobs:
        if job["state"] not in ("proven", "submitted"):
            print(f"job {job['id']} is {job['state']}: {job.get('error')}", file=sys.stderr)
            continue
        path = folder / "job.proof"
        path.write_bytes(server.ask(f"/v1/jobs/{job['id']}/proof"))
        command = [options.laminate, "-q", "verify", str(path), "--input-commitment", job["input_commitment"]]
        count += subprocess.run(command, stdout=subprocess.DEVNULL).returncode in (0, 3)
    return count


def hostile(server: Server, number: int) -> str:
    """A request that is too large, too slow in its head or in its body, or too large without saying so."""
    post = f"POST /v1/jobs?model=model HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: text/csv\r\n"
    heads = (
        post + "Content-Length: 2000000000\r\n\r\n",
        post + "X: " ,
        post + "Content-Length: 1000\r\n\r\n1,2",
        post + "Transfer-Encoding: chunked\r\n\r\n",
    )
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as stream:
            stream.sendall(heads[number % 4].encode())
            if number % 4 == 3:
                chunk = b"10000\r\n" + b"1" * 0x10000 + b"\r\n"
                for _ in range(64):
                    stream.sendall(chunk)
            answer = stream.recv(64)
    except (ConnectionError, TimeoutError) as error:
        return type(error).__name__
    return answer[9:12].decode() or "closed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laminate", required=True, help="the binary")
    parser.add_argument("--model", required=True, help="folder with commitment and keys")
    parser.add_argument("--input", required=True, type=Path, help="rows as CSV")
    parser.add_argument("--deployment", action="append", default=[], help="record of a deployment: jobs are submitted")
    parser.add_argument("--rpc-url", help="the node")
    parser.add_argument("--keystore", help="who signs; LAMINATE_PRIVATE_KEY otherwise")
    parser.add_argument("--account", help="address of who signs, whose transactions are counted")
    parser.add_argument("--port", type=int, help="port of the server (default: a free one)")
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between kills")
    parser.add_argument("--requests", type=int, default=1000, help="requests that are too large or too slow")
    parser.add_argument("--growth", type=int, default=256, help="MiB that memory may grow by meanwhile")
    options = parser.parse_args()
    if options.deployment and not (options.rpc_url and options.account):
        parser.error("--deployment needs --rpc-url and --account")

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        server = Server(options, folder)
        server.start()
        try:
            return measure(server, options, folder)
        finally:
            server.kill()


def measure(server: Server, options: argparse.Namespace, folder: Path) -> int:
    rows = options.input.read_bytes()
    before = transactions(options.rpc_url, options.account) if options.deployment else 0
    path = "/v1/jobs?model=model" + ("&submit=true" if options.deployment else "")
    names = [json.loads(server.ask(path, rows))["id"] for _ in range(options.jobs)]
    begun = time.monotonic()
    kills, jobs = killed(server, options, names)
    result: dict[str, Any] = {"jobs": len(names), "kills": kills, "seconds": round(time.monotonic() - begun, 1)}
    result["attempts"] = sum(job["attempts"] for job in jobs)
    result["proofs"] = verified(server, options, jobs, folder)
    good = result["proofs"] == len(names)
    if options.deployment:
        result["submitted"] = sum(job["state"] == "submitted" for job in jobs)
        result["transactions"] = transactions(options.rpc_url, options.account) - before
        good &= result["submitted"] == result["transactions"] == len(names)
    left = [path.name for path in (folder / "jobs.db.inputs").iterdir()]
    result["inputs_left"] = len(left)
    memory = server.memory()
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        asked = [pool.submit(hostile, server, number) for number in range(options.requests)]
        most = memory
        while not all(future.done() for future in asked):
            most = max(most, server.memory())
            time.sleep(0.05)
    answers = [future.result() for future in asked]
    result["hostile"] = {answer: answers.count(answer) for answer in sorted(set(answers))}
    result["memory_before"], result["memory_most"] = memory, most
    good &= not left and most - memory <= options.growth << 20 and json.loads(server.ask("/healthz"))["status"] == "ok"
    result["good"] = bool(good)
    print(json.dumps(result, indent=2))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
