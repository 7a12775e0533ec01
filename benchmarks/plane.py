"""The control plane beside a moto server: requests a second, latencies, memory, time to ready.

Both run all the time; in each round each is loaded once per measure, in random order. Requests are
signed beforehand and sent by benchmarks/load.py; large objects also go through boto3.

Usage: python benchmarks/plane.py [--rounds N] [--jobs N] [--seconds S] [--megabytes N]
"""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from rounds import Sample, Samples, arguments, collect, pairwise, ratio, spread, table

from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.training import TrainingJob
from sagelet.store import open_store

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.clients import client_python  # noqa: E402

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "benchmark"
CREDENTIALS = Credentials("AKIABENCHMARK0000000", "benchmark")
#: Requests that a client sends in turn, so that no answer is the one before.
VARIETY = 200
CLIENTS = 100
JSON = "application/x-amz-json-1.1"


class Unsigned(S3SigV4Auth):
    """Signs all but the body, as clients may."""

    def payload(self, request: Any) -> str:
        """What stands for the body's hash."""
        del request
        return "UNSIGNED-PAYLOAD"


class Server:
    """One of the two: a process and where it listens."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name, self.command = name, command
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environ = {**os.environ, **environ}
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start it; seconds until it answers."""
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [*self.command, str(self.port)],
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                opener.open(f"{self.url}/_health", timeout=5).close()
            except urllib.error.HTTPError as error:  # moto knows no /_health, but it answers
                error.close()
                break
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.name} ended with {self.process.returncode}") from None
                time.sleep(0.002)
            else:
                break
        return time.perf_counter() - began

    def stop(self) -> None:
        """End it."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)

    def memory(self) -> float:
        """Resident memory of the process, in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1e3
        raise SystemExit(f"{self.name} is gone")

    def rest(self) -> None:
        """Wait until it has done what clients have long given up: it would slow the next one."""
        spent = -1.0
        while spent < (spent := self._processor_time()):
            time.sleep(0.5)

    def _processor_time(self) -> float:
        """In seconds; what an idle process spends in a moment is left out."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return round((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), 1)

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS.access_key,
            aws_secret_access_key=CREDENTIALS.secret_key,
            config=Config(proxies={}, max_pool_connections=20),
        )

    def raw(
        self,
        service: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """A signed request, as it goes over the wire."""
        request = AWSRequest(method, self.url + path, headers=dict(headers or {}), data=body)
        auth = Unsigned if service == "s3" else SigV4Auth
        auth(CREDENTIALS, service, REGION).add_auth(request)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{key}: {value}" for key, value in request.headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


def job_request(number: int) -> dict[str, Any]:
    """A CreateTrainingJob request of the usual size."""
    return {
        "TrainingJobName": f"job-{number:05}",
        "AlgorithmSpecification": {
            "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
            "pytorch-training:2.3-cpu-py311",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/benchmark",
        "HyperParameters": {f"hyperparameter-{n}": str(n * number) for n in range(8)},
        "InputDataConfig": [
            {
                "ChannelName": "training",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data"}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def keep_jobs_in_home(home: Path, count: int) -> None:
    """Completed jobs, as a year of work leaves them."""
    store = open_store(home, REGION)
    began = time.time() - count
    for number in range(count):
        now = began + number
        life = begin(now)
        job = TrainingJob(job_request(number), ACCOUNT, REGION, now, life)
        store.training_jobs.add(job)
        for event in (Event.PREPARED, Event.STAGED, Event.HOSTS_SUCCEEDED, Event.STORED):
            life, _ = advance(life, event, now)
        store.training_jobs.save_life(job.name, life, now)
    store.database.close()


def keep_jobs_in_moto(server: Server, count: int) -> None:
    """As many jobs through its API; it has no other way in."""
    sagemaker = server.client("sagemaker")
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda n: sagemaker.create_training_job(**job_request(n)), range(count)):
            pass


def plans(server: Server, jobs: int) -> dict[str, list[bytes]]:
    """What is measured under load: name -> requests."""

    def target(operation: str, body: Mapping[str, Any]) -> bytes:
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": JSON}
        return server.raw("sagemaker", "POST", "/", json.dumps(body).encode(), headers)

    step = max(1, jobs // VARIETY)
    small = os.urandom(1024)
    return {
        "DescribeTrainingJob": [
            target("DescribeTrainingJob", {"TrainingJobName": f"job-{number:05}"})
            for number in range(0, jobs, step)
        ],
        "ListTrainingJobs": [target("ListTrainingJobs", {})],
        "ListTrainingJobs, 100 by name": [
            target("ListTrainingJobs", {"SortBy": "Name", "MaxResults": 100})
        ],
        "PutObject, 1 KB": [
            server.raw("s3", "PUT", f"/{BUCKET}/small/{number}", small) for number in range(VARIETY)
        ],
        "GetObject, 1 KB": [
            server.raw("s3", "GET", f"/{BUCKET}/small/{number}") for number in range(VARIETY)
        ],
    }


def fire(server: Server, clients: int, requests: Sequence[bytes], seconds: float) -> Any:
    """Requests as fast as they are answered, by a process of its own; what it counted."""
    plan = {
        "host": "127.0.0.1",
        "port": server.port,
        "clients": clients,
        "seconds": seconds,
        "requests": [base64.b64encode(request).decode() for request in requests],
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "load.py")],
        input=json.dumps(plan),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def load(server: Server, name: str, requests: Sequence[bytes], seconds: float) -> Sample:
    """A hundred clients at once."""
    said = fire(server, CLIENTS, requests, seconds)
    if said["failures"]:
        print(f"{server.name}, {name}: {said['failures']} failures", file=sys.stderr)
    key = f"{server.name}/{name}"
    return {
        f"{key}/rate": said["requests"] / said["seconds"],
        f"{key}/p50": said["p50"],
        f"{key}/p99": said["p99"],
        f"{key}/failures": said["failures"],
    }


def large(server: Server, folder: Path, megabytes: int) -> Sample:
    """One large object there and back: by boto3, and as one plain request."""
    source, back = folder / "large.bin", folder / "back.bin"
    s3, sample = server.client("s3"), {}

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        sample[f"{server.name}/{name}/rate"] = megabytes / (time.perf_counter() - began)

    timed("upload_file", partial(s3.upload_file, str(source), BUCKET, "large"))
    timed("download_file", partial(s3.download_file, BUCKET, "large", str(back)))
    if back.stat().st_size != source.stat().st_size:
        raise SystemExit(f"{server.name}: the object came back with another size")
    timed("PutObject", partial(put_plainly, server, source))
    timed("GetObject", partial(get_plainly, server, source.stat().st_size))
    s3.close()
    return sample


def put_plainly(server: Server, source: Path) -> None:
    """PUT a file without a client library in between."""
    head = server.raw("s3", "PUT", f"/{BUCKET}/plain")
    size = source.stat().st_size
    head = head.replace(b"Content-Length: 0\r\n", f"Content-Length: {size}\r\n".encode())
    with (
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        source.open("rb") as file,
    ):
        connection.sendall(head)
        connection.sendfile(file)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{server.name}: PUT was answered with {answer.status}")


def get_plainly(server: Server, size: int) -> None:
    """GET it into a buffer that is used again and again."""
    buffer = memoryview(bytearray(1 << 20))
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(server.raw("s3", "GET", f"/{BUCKET}/plain"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        got = 0
        while count := answer.readinto(buffer):
            got += count
        if got != size:
            raise SystemExit(f"{server.name}: GET brought {got} bytes of {size}")


def report(samples: Samples, names: Sequence[str], given: Any, more: Sequence[str]) -> None:
    """The tables."""

    def both(name: str, what: str) -> tuple[Sequence[float], Sequence[float]]:
        return samples[f"sagelet/{name}/{what}"], samples[f"moto/{name}/{what}"]

    rows = []
    for name in names:
        ours, peer = both(name, "rate")
        budget = {"Describe": "5 x moto", "ListTrai": "5 x moto"}.get(name[:8], "-")
        rows.append(
            [
                name,
                spread(ours, 0),
                spread(peer, 0),
                spread(pairwise(ours, peer, ratio), 1),
                *(
                    " / ".join(spread(both(name, what)[who], 1) for what in ("p50", "p99"))
                    for who in (0, 1)
                ),
                budget,
            ]
        )
    print(
        table(
            [
                "100 clients",
                "ours, requests/s",
                "moto, requests/s",
                "times faster",
                "ours, p50 / p99 ms",
                "moto, p50 / p99 ms",
                "budget",
            ],
            rows,
        )
    )
    print()
    rows = []
    for name in ("upload_file", "download_file", "PutObject", "GetObject"):
        ours, peer = both(name, "rate")
        times = spread(pairwise(ours, peer, ratio), 1)
        how = "boto3" if "file" in name else "one plain request"
        rows.append([f"{name} ({how})", spread(ours, 0), spread(peer, 0), times, "2 x moto"])
    header = [f"{given.megabytes} MB", "ours, MB/s", "moto, MB/s", "times faster", "budget"]
    print(table(header, rows))
    print()
    print("\n".join(more))


def main() -> None:
    parser = arguments(rounds=5)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="a measure in a round")
    parser.add_argument("--megabytes", type=int, default=256)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sagelet-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "large.bin").write_bytes(os.urandom(1 << 20) * given.megabytes)
        home = folder / "home"
        keep_jobs_in_home(home, given.jobs)
        ours = Server(
            "sagelet",
            [sys.executable, "-m", "sagelet", "serve", "--port"],
            {"SAGELET_HOME": str(home), "SAGELET_CACHE": str(folder / "cache")},
        )
        moto = Server("moto", [str(client_python("moto").with_name("moto_server")), "-p"], {})
        ready: dict[str, list[float]] = {"sagelet": [], "moto": []}
        ours.start()  # once before: caches are warm from now on
        ours.stop()
        for number in range(given.rounds):
            for server in (ours, moto):
                ready[server.name].append(server.start())
                if number < given.rounds - 1:
                    server.stop()
        try:
            measure(given, folder, ours, moto, ready)
        finally:
            ours.stop()
            moto.stop()


def measure(
    given: Any, folder: Path, ours: Server, moto: Server, ready: Mapping[str, Sequence[float]]
) -> None:
    """Load both and print what was seen."""
    keep_jobs_in_moto(moto, given.jobs)
    contenders: list[Callable[[], Sample]] = []
    names: list[str] = []
    idle = {server.name: server.memory() for server in (ours, moto)}
    for server in (ours, moto):
        server.client("s3").create_bucket(Bucket=BUCKET)
        planned = plans(server, given.jobs)
        names = list(planned)
        load(server, "", planned["PutObject, 1 KB"], 0.5)  # what the first round's GETs find
        contenders += [
            partial(load, server, name, requests, given.seconds)
            for name, requests in planned.items()
        ]
        contenders.append(partial(large, server, folder, given.megabytes))

    def after_a_rest(contender: Callable[[], Sample]) -> Sample:
        for server in (ours, moto):
            server.rest()
        return contender()

    samples = collect([partial(after_a_rest, c) for c in contenders], given.rounds, warm=False)
    after = {server.name: server.memory() for server in (ours, moto)}
    print(
        f"""## Control plane

`sagelet serve` and a moto server, {given.jobs:,} training jobs kept in each. Under load: 100
clients, each with a connection and the next request as soon as it has its answer; requests are
signed beforehand and a process of their own sends them ({given.seconds:g} s a measure and round;
an answer that is not there 20 s later counts with the time waited).
Large objects: by boto3 as it comes, and as one request by plain sockets.

Medians (least to most) of {given.rounds} rounds. Python {sys.version.split()[0]}, \
load average {os.getloadavg()[0]:.1f}.
"""
    )
    report(
        samples,
        names,
        given,
        [
            table(
                ["the process", "ours", "moto", "budget"],
                [
                    [
                        f"ready with {given.jobs:,} jobs (moto: with none), s",
                        spread(ready["sagelet"], 2),
                        spread(ready["moto"], 2),
                        "1 s",
                    ],
                    [
                        "resident memory idle, MB",
                        f"{idle['sagelet']:.0f}",
                        f"{idle['moto']:.0f}",
                        "150 MB",
                    ],
                    [
                        "resident memory after it all, MB",
                        f"{after['sagelet']:.0f}",
                        f"{after['moto']:.0f}",
                        "-",
                    ],
                ],
            )
        ],
    )


if __name__ == "__main__":
    main()
