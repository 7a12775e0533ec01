"""How long until the last of many hosts has begun: ours, and what else starts them on one machine.

Every host's first statement writes the time; then it leaves a file in its model folder, and each
contender is asked whether all of these are there in the end.
Usage: python benchmarks/hosts.py [--rounds N] [--hosts 1 2 4 8] [--image IMAGE]
"""

import json
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from local_mode import clean_up, local_mode_python
from rounds import Sample, Samples, arguments, collect, pairwise, ratio, spread, table
from workshop import FIRST_LINE, Workshop, first_line, workshop

from sagelet.domain.compose import Place, compose_text
from sagelet.domain.hosts import Access, HostPlan
from sagelet.execution.namespaces import overlay_options

LEAVES_A_FILE = (
    FIRST_LINE
    + """
import os
me = os.environ["SM_CURRENT_HOST"]
with open(os.path.join(os.environ["SM_MODEL_DIR"], me), "w") as file:
    file.write(me)
"""
)

OURS, PROCESS = "sagelet, Docker", "sagelet, process"
RUN, API, COMPOSE = "docker run", "engine API", "docker compose up"
LOCAL = "SDK 2 local mode"
HERE = Path(__file__).parent


def sample(who: str, hosts: int, last: float, files: int) -> Sample:
    """``files`` of all contenders' hosts; what is missing is no failure of the benchmark."""
    return {f"{who}/{hosts}": last, f"{who}/{hosts}/whole": float(files == hosts)}


def ours(shop: Workshop, hosts: int, script: Path, image: str | None) -> Sample:
    backend = "process" if image is None else "docker"
    request = shop.request(backend, None, script, image, hosts)
    last = shop.job(request).first
    name = request["TrainingJobName"]
    archive = shop.folder / "output" / name / "output" / "model.tar.gz"
    return sample(PROCESS if image is None else OURS, hosts, last, members(archive))


def members(archive: Path) -> int:
    if not archive.exists():
        return 0
    with tarfile.open(archive) as tar:
        return sum(member.isfile() for member in tar)


def addresses(hosts: Sequence[HostPlan]) -> dict[str, str]:
    """Names that resolve at once: nothing listens, and no host waits for another."""
    return {host.name: f"10.99.0.{number}" for number, host in enumerate(hosts, start=2)}


def overlay(mount: Any) -> str:
    return overlay_options(asdict(mount), user=False)


def docker_run(host: HostPlan, names: dict[str, str], image: str) -> list[str]:
    """The command that a person would type for this host."""
    line = ["docker", "run", "--rm", "--hostname", host.name, "--shm-size", "1g"]
    for name, address in names.items():
        line += ["--add-host", f"{name}:{address}"]
    for key, value in host.environment.items():
        line += ["--env", f"{key}={value}"]
    for mount in host.mounts:
        if mount.access is Access.COPY_ON_WRITE:
            options = f'"volume-opt=o={overlay(mount)}"'
            kind = "volume-opt=type=overlay,volume-opt=device=overlay"
            line += ["--mount", f"type=volume,dst={mount.target},{kind},{options}"]
        else:
            line += ["--volume", f"{mount.source}:{mount.target}"]
    return [*line, image, *host.command]


def by_hand(
    shop: Workshop,
    who: str,
    hosts: int,
    script: Path,
    start: Callable[[HostPlan, dict[str, str]], bytes],
) -> Sample:
    """All hosts of a job at once, each from a thread."""
    plans = shop.prepared(shop.request("docker", None, script, "pytorch-training", hosts))
    names = addresses(plans)
    with ThreadPoolExecutor(hosts) as pool:
        began = time.time_ns()
        outputs = list(pool.map(partial(start, names=names), plans))
    last = max(first_line(output) for output in outputs)
    files = sum((Path(plan.folder) / "ml" / "model" / plan.name).exists() for plan in plans)
    return sample(who, hosts, (last - began) / 1e9, files)


def run_one(image: str, plan: HostPlan, names: dict[str, str]) -> bytes:
    return subprocess.run(docker_run(plan, names, image), check=True, capture_output=True).stdout


def api_one(shop: Workshop, image: str, plan: HostPlan, names: dict[str, str]) -> bytes:
    """The least that any client of the engine does."""
    from docker import APIClient
    from docker.types import DriverConfig, Mount

    api = APIClient(base_url=shop.engine_address, version=shop.docker.api_version, timeout=3600)
    mounts = []
    for mount in plan.mounts:
        if mount.access is Access.COPY_ON_WRITE:
            driver = {"type": "overlay", "device": "overlay", "o": overlay(mount)}
            config = DriverConfig("local", driver)
            mounts.append(
                Mount(mount.target, None, type="volume", no_copy=True, driver_config=config)
            )
        else:
            mounts.append(Mount(mount.target, mount.source, type="bind"))
    config = api.create_host_config(mounts=mounts, shm_size=1 << 30, extra_hosts=names)
    container = api.create_container(
        image,
        command=list(plan.command),
        hostname=plan.name,
        environment=dict(plan.environment),
        host_config=config,
    )
    api.start(container)
    api.wait(container)
    output: bytes = api.logs(container)
    api.remove_container(container, v=True, force=True)
    api.close()
    return output


def compose(shop: Workshop, hosts: int, script: Path, image: str) -> Sample:
    """The project that ``sagelet compose`` writes, started by docker compose."""
    folder = Path(tempfile.mkdtemp(dir=shop.folder))
    _, engine = shop.app.in_region(shop.app.settings.region)
    request = shop.request("docker", None, script, "pytorch-training", hosts)
    project, machine = engine.project(request, folder, None)
    place = Place(str(folder), image, machine.cpus, machine.memory, files=project.files)
    (folder / "compose.yaml").write_text(compose_text(project.plan, place))
    began = time.time_ns()
    up = subprocess.run(["docker", "compose", "up"], cwd=folder, check=True, capture_output=True)
    last = max(map(stamp, lines(up.stdout)))
    files = sum(1 for path in (folder / "model").iterdir())
    subprocess.run(["docker", "compose", "down", "-v"], cwd=folder, check=True, capture_output=True)
    return sample(COMPOSE, hosts, (last - began) / 1e9, files)


def lines(output: bytes) -> list[bytes]:
    return [line for line in output.splitlines() if b"first line " in line]


def stamp(line: bytes) -> int:
    """Of a line with a host's name before it, and perhaps colours."""
    return int(line.partition(b"first line ")[2].split()[0].split(b"\x1b")[0])


def local_mode(shop: Workshop, python: Path, hosts: int, script: Path, image: str) -> Sample:
    """``fit()`` of the SDK, from its call on: what it takes to load the SDK is not counted."""
    folder = Path(tempfile.mkdtemp(dir=shop.folder))
    given = {
        "image": image,
        "hosts": hosts,
        "script": script.name,
        "source": str(script.parent),
        "folder": str(folder),
    }
    try:
        done = subprocess.run(
            [str(python), str(HERE / "local_mode.py"), json.dumps(given)],
            cwd=folder,
            env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "PYTHONPATH": ""},
            capture_output=True,
            check=False,
        )
        said = done.stdout + done.stderr
        if done.returncode != 0:
            raise SystemExit(f"SDK 2 local mode: {said[-3000:].decode(errors='replace')}")
        began = next(int(line.split()[1]) for line in said.splitlines() if line[:3] == b"fit")
        last = max(map(stamp, lines(said)))
        found = list(folder.rglob("model.tar.gz"))
        files = members(found[0]) if found else 0
    finally:
        clean_up(folder)
    return sample(LOCAL, hosts, (last - began) / 1e9, files)


def contenders(shop: Workshop, counts: Sequence[int], image: str) -> list[Callable[[], Sample]]:
    code = shop.folder / "code"
    code.mkdir()
    script = shop.script("code/train.py", LEAVES_A_FILE)
    there: list[Callable[[], Sample]] = [
        partial(ours, shop, hosts, script, None) for hosts in counts
    ]
    if shop.no_docker:
        print(f"The rows of Docker are left out: {shop.no_docker}.\n")
        return there
    reference = shop.resolve(shop.request("docker", None, script, image))
    python = local_mode_python()
    if python is None:
        print("SDK 2 is left out: `python tests/support/clients.py sagemaker2` installs it.\n")
    for hosts in counts:
        there += [
            partial(ours, shop, hosts, script, image),
            partial(by_hand, shop, RUN, hosts, script, partial(run_one, reference)),
            partial(by_hand, shop, API, hosts, script, partial(api_one, shop, reference)),
            partial(compose, shop, hosts, script, reference),
        ]
        if python is not None:
            there.append(partial(local_mode, shop, python, hosts, script, reference))
    return there


def report(samples: Samples, counts: Sequence[int], rounds: int) -> None:
    print(
        f"Medians (least to most) of {rounds} rounds, in seconds; ratios are taken round by round. "
        f"`whole`: runs in which every host's file was in the model. "
        f"Load average {os.getloadavg()[0]:.1f}.\n"
    )
    rows = []
    for hosts in counts:
        for who in (OURS, PROCESS, RUN, API, COMPOSE, LOCAL):
            values = samples.get(f"{who}/{hosts}")
            if not values:
                continue
            whole = samples[f"{who}/{hosts}/whole"]
            row = [f"{hosts}: {who}", spread(values, 2), f"{sum(whole):.0f} of {len(whole)}"]
            for base in (RUN, LOCAL):
                peer = samples.get(f"{base}/{hosts}")
                same = who == base or not peer
                row.append("-" if same else spread(pairwise(values, peer or (), ratio), 2))
            rows.append(row)
    print(table(["hosts", "last first line", "whole", f"/ {RUN}", f"/ {LOCAL}"], rows))


def main() -> None:
    parser = arguments(7)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--image", default="pytorch-training", help="an image with the toolkit")
    given = parser.parse_args()
    print("""## Many hosts: submit to the last host's first line

Docker: `Engine.submit` and a supervisor, with the network, names and files that SageMaker's
contract asks for. Beside it, of the same image and command with the same mounts, environment and
files, these prepared beforehand: as many `docker run` at once, each for one host and on the
engine's own network; the engine API's create and start, from threads; `docker compose up` of what
`sagelet compose` writes for the job; and `fit()` of the SageMaker SDK 2 in local mode, loaded
beforehand and kept from calling home. Process: the same job without Docker.
Aims: eight hosts at most 1.3 x `docker run`; at least 3 x as fast as local mode; always whole.
""")
    with workshop() as shop:
        samples = collect(contenders(shop, given.hosts, given.image), given.rounds)
    report(samples, given.hosts, given.rounds)


if __name__ == "__main__":
    main()
