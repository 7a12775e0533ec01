"""A plan as a compose document: what each service says."""

import json
from dataclasses import replace

import pytest
import yaml

from sagelet.domain import opt_ml
from sagelet.domain.compose import HEADER, Place, compose_text, project_name
from sagelet.domain.hosts import Access, Mount, plan

PLACE = Place(folder="/p", image="mine:1", cpus=4.0, memory=8 << 30)


def planned(job, sources=None, checkpoints=None):
    return plan(job, "/p/job", sources or {}, checkpoints)


def document_of(job_plan, place=PLACE):
    text = compose_text(job_plan, place)
    assert text.startswith(HEADER)
    return yaml.safe_load(text)


@pytest.fixture
def two(job_of, channel_of):
    job = job_of(
        ResourceConfig={"InstanceCount": 2, "VolumeSizeInGB": 30},
        InputDataConfig=[channel_of("training")],
    )
    return planned(job, {"training": "/data", "": "/code"})


def test_a_service_a_host_between_prepare_and_collect(two):
    document = document_of(two)
    assert list(document["services"]) == ["prepare", "algo-1", "algo-2", "collect", "job"]
    done = {"condition": "service_completed_successfully"}
    services = document["services"]
    assert services["algo-2"]["depends_on"] == {"prepare": done}
    assert services["collect"]["depends_on"]["algo-2"] == {**done, "required": False}
    assert services["job"]["depends_on"] == dict.fromkeys(("algo-1", "algo-2", "collect"), done)


def test_a_host_says_what_the_backend_would(two):
    service = document_of(two)["services"]["algo-2"]
    assert service["image"] == "mine:1"
    assert service["command"] == ["train"]
    assert "entrypoint" not in service
    assert service["hostname"] == "algo-2"
    assert service["stop_signal"] == "SIGTERM"
    assert service["stop_grace_period"] == "120s"
    assert service["shm_size"] == "4g"
    plan_environment = dict(two.hosts[1].environment)
    assert plan_environment.pop("HOSTNAME") == "algo-2"
    assert service["environment"] == plan_environment


def test_every_host_knows_every_address_before_it_starts(two):
    services = document_of(two)["services"]
    mine = [services[h]["networks"]["hosts"]["ipv4_address"] for h in ("algo-1", "algo-2")]
    assert services["algo-1"]["extra_hosts"] == [f"algo-1={mine[0]}", f"algo-2={mine[1]}"]
    assert services["algo-2"]["extra_hosts"] == services["algo-1"]["extra_hosts"]
    subnet = document_of(two)["networks"]["hosts"]["ipam"]["config"][0]["subnet"]
    assert subnet.startswith("${SUBNET:-10.")
    assert [address.rpartition(".")[0] for address in mine] == [subnet.rpartition(".")[0]] * 2


def test_projects_of_other_names_or_folders_have_names_and_addresses_of_their_own(two):
    there = document_of(two, replace(PLACE, folder="/q"))
    here = document_of(two)
    other = document_of(replace(two, job="Other"))
    assert len({d["name"] for d in (here, there, other)}) == 3
    assert len({json.dumps(d["networks"]) for d in (here, there, other)}) == 3
    assert document_of(two) == here


@pytest.mark.parametrize("job", ["Digits-2024", "-x", "___", "Ä", "a" * 63])
def test_a_project_name_is_one_that_compose_takes(job):
    name = project_name(job, "/p")
    assert name[0].isalnum()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_mounts_and_what_lies_under_them(two):
    document = document_of(two)
    first, second = (document["services"][h]["volumes"] for h in ("algo-1", "algo-2"))
    assert "./model:/opt/ml/model" in first
    assert "./job/algo-2/model:/opt/ml/model" in second
    assert "./job/algo-1/input:/opt/ml/input" in first
    overlay = {
        "type": "volume",
        "source": "algo-2-training",
        "target": "/opt/ml/input/data/training",
        "volume": {"nocopy": True},
    }
    assert overlay in second
    assert document["volumes"]["algo-2-training"]["driver_opts"] == {
        "type": "overlay",
        "device": "overlay",
        "o": "lowerdir=/p/job/links/training:/data,"
        "upperdir=/p/job/scratch/algo-2/input.data.training/upper,"
        "workdir=/p/job/scratch/algo-2/input.data.training/work",
    }
    prepare = document["services"]["prepare"]["command"][0]
    assert "for part in code input.data.training; do" in prepare


def test_a_channel_called_code_is_not_the_code(job_of, channel_of):
    job = job_of(InputDataConfig=[channel_of("code")])
    volumes = document_of(planned(job, {"code": "/data", "": "/code"}))["volumes"]
    assert len(volumes) == 2
    lowers = {v["driver_opts"]["o"].partition(",")[0] for v in volumes.values()}
    assert lowers == {"lowerdir=/p/job/links/code:/data", "lowerdir=/code"}


def test_without_overlays_channels_are_read_only(two):
    document = document_of(two, replace(PLACE, overlays=False))
    assert "volumes" not in document
    assert {
        "type": "bind",
        "source": "/data",
        "target": "/opt/ml/input/data/training",
        "read_only": True,
    } in document["services"]["algo-1"]["volumes"]
    assert "/scratch" not in json.dumps(document)


def test_config_files_are_given_byte_for_byte(two):
    document = document_of(two)
    for host in two.hosts:
        entries = {
            entry["target"]: entry["source"] for entry in document["services"][host.name]["configs"]
        }
        assert set(entries) == {f"/opt/ml/input/config/{name}" for name in host.files}
        for name, content in host.files.items():
            source = entries[f"/opt/ml/input/config/{name}"]
            assert document["configs"][source]["content"].replace("$$", "$").encode() == content
    assert "resourceconfig" not in document["configs"]
    assert "hyperparameters" in document["configs"]


HOSTILE = [
    "$HOME ${X:-y} $$ $",
    'it\'s "quoted" \\ back',
    "two\nlines\n",
    "a: b # c",
    "- yes",
    "é数😀\x85\u2028\ufeff\x07",
    "",
    "{a: 1}",
    "x" * 80 + ": $y",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_arrives_as_it_is(job_of, text):
    job = job_of(
        Environment={"E": text},
        HyperParameters={"h": text, text or "k": "v"},
        AlgorithmSpecification={"TrainingImage": "mine:1", "ContainerArguments": [text]},
    )
    document = document_of(planned(job))
    service = document["services"]["algo-1"]
    assert service["environment"]["E"] == text.replace("$", "$$")
    assert service["command"] == [text.replace("$", "$$")]
    written = document["configs"]["hyperparameters"]["content"]
    assert json.loads(written.replace("$$", "$"))["h"] == text


def test_paths_with_commas_colons_and_dollars(job_of, channel_of):
    job = job_of(InputDataConfig=[channel_of("training")])
    document = document_of(planned(job, {"training": "/a,b:c $d\\e"}))
    options = document["volumes"]["algo-1-training"]["driver_opts"]["o"]
    assert options.startswith("lowerdir=/p/job/links/training:/a\\,b\\:c $$d\\\\e,upperdir=")
    bound = document_of(planned(job, {"training": "/a,b:c $d"}), replace(PLACE, overlays=False))
    assert "/a,b:c $$d" in [
        v["source"] for v in bound["services"]["algo-1"]["volumes"] if isinstance(v, dict)
    ]


def test_limits_devices_and_grace(job_of):
    host_plan = planned(job_of())
    host = replace(host_plan.hosts[0], cpus=8.0, memory=1536 << 20, shm=64 << 20, gpus=("0", "2"))
    service = document_of(replace(host_plan, hosts=(host,), grace=0.5))["services"]["algo-1"]
    assert service["cpus"] == 4
    assert service["mem_limit"] == "1536m"
    assert service["shm_size"] == "64m"
    assert service["stop_grace_period"] == "500ms"
    assert service["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "device_ids": ["0", "2"], "capabilities": ["gpu"]}
    ]


def test_isolation(job_of):
    isolated = {"EnableNetworkIsolation": True}
    alone = document_of(planned(job_of(**isolated)))
    assert "networks" not in alone
    assert alone["services"]["algo-1"]["network_mode"] == "none"
    assert alone["services"]["algo-1"]["extra_hosts"] == ["algo-1=127.0.0.1"]
    resources = {"InstanceCount": 2, "VolumeSizeInGB": 30}
    both = document_of(planned(job_of(ResourceConfig=resources, **isolated)))
    assert both["networks"]["hosts"]["internal"] is True
    assert both["networks"]["hosts"]["driver_opts"] == {
        "com.docker.network.bridge.inhibit_ipv4": "true"
    }


def test_checkpoints_and_further_files_are_mounted(job_of):
    config = {"S3Uri": "file:///c", "LocalPath": "/opt/ml/checkpoints"}
    place = replace(PLACE, files={"/opt/ml/input/data/a-manifest": "./job/manifests/a"})
    volumes = document_of(planned(job_of(CheckpointConfig=config), checkpoints="/c"), place)[
        "services"
    ]["algo-1"]["volumes"]
    assert {
        "type": "bind",
        "source": "/c",
        "target": "/opt/ml/checkpoints",
        "bind": {"create_host_path": True},
    } in volumes
    assert {
        "type": "bind",
        "source": "./job/manifests/a",
        "target": "/opt/ml/input/data/a-manifest",
        "read_only": True,
    } in volumes


def test_a_read_only_file_stays_one(job_of):
    base = planned(job_of())
    mount = Mount("/s/train.py", "/opt/ml/code/train.py", Access.READ_ONLY)
    host = replace(base.hosts[0], mounts=(*base.hosts[0].mounts, mount))
    volumes = document_of(replace(base, hosts=(host,)))["services"]["algo-1"]["volumes"]
    assert volumes[-1] == {
        "type": "bind",
        "source": "/s/train.py",
        "target": "/opt/ml/code/train.py",
        "read_only": True,
    }


def test_prepare_makes_every_folder_of_the_contract(two):
    script = document_of(two)["services"]["prepare"]["command"][0]
    for folder in (*opt_ml.FOLDERS, "input/data/training"):
        assert f" {folder}" in script
    assert "for host in algo-1 algo-2; do" in script
