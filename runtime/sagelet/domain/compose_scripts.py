"""The shell scripts of a compose project: what is done before the hosts start and after they end.

They run in the job's own image, with no more than /bin/sh and what every image has, in a folder
that holds one folder a host; the first host's model and output are the project's own.
"""

import shlex

from sagelet.domain import opt_ml
from sagelet.domain.hosts import Access, HostPlan, JobPlan, Mount

#: Folders of the project beside the document: the hosts' own, and what the job leaves.
OWN = "job"
LEFT = ("model", "output")

#: What is merged of all hosts, relative to /opt/ml.
_MERGED = ("model", "output/data")


def overlays_of(plan: JobPlan) -> list[tuple[HostPlan, Mount]]:
    """What a host sees a writable copy of."""
    return [
        (host, mount)
        for host in plan.hosts
        for mount in host.mounts
        if mount.access is Access.COPY_ON_WRITE
    ]


def part_of(mount: Mount) -> str:
    """The mount's place below /opt/ml, in one word: ``input.data.training``."""
    return mount.target.removeprefix(f"{opt_ml.ROOT}/").replace("/", ".")


def prepare_script(plan: JobPlan, *, scratch: bool) -> str:
    """Empty folders for all hosts; ``scratch``: and for what they write into overlays."""
    names = " ".join(host.name for host in plan.hosts)
    first = plan.hosts[0]
    channels = [
        mount.target.removeprefix(f"{opt_ml.ROOT}/")
        for mount in first.mounts
        if mount.target.startswith(f"{opt_ml.ROOT}/input/data/")
    ]
    folders = " ".join(shlex.quote(part) for part in (*opt_ml.FOLDERS, *channels))
    script = f"""\
if [ ! -e .made ] && [ -n "$(find algo-1/model algo-1/output -mindepth 1 | head -n 1)" ]; then
  echo 'model or output, beside this document, holds files of others: move them away' >&2
  exit 1
fi
touch .made
for host in {names}; do
  for part in input model output checkpoints; do
    mkdir -p $host/$part
    find $host/$part -mindepth 1 -delete
  done
  for part in {folders}; do
    mkdir -p "$host/$part"
    chmod 777 "$host/$part"
  done
done
"""
    if not scratch:
        return script
    parts = " ".join(
        shlex.quote(part_of(mount)) for host, mount in overlays_of(plan) if host.name == first.name
    )
    return f"""{script}\
find /scratch -mindepth 1 -delete
for host in {names}; do
  for part in {parts}; do
    mkdir -p "/scratch/$host/$part/upper" "/scratch/$host/$part/work"
    chmod 777 "/scratch/$host/$part/upper"
  done
done
"""


def collect_script(plan: JobPlan, *, scratch: bool) -> str:
    """What all hosts wrote into the first one's folders, and everything to the project's owner."""
    others = " ".join(host.name for host in plan.hosts[1:])
    script = ""
    if others:
        script = f"""\
for host in {others}; do
  for part in {" ".join(_MERGED)}; do
    into=/{OWN}/algo-1/$part
    cd /{OWN}/$host
    [ -d $part ] && [ ! -L $part ] || continue
    cd $part
    find . ! -type d -exec sh -euc '
      host=$1 into=$2
      shift 2
      for file; do
        if [ -e "$into/$file" ] || [ -L "$into/$file" ]; then
          echo "$host: $file: there is one already, which stays"
        else
          mkdir -p "$into/${{file%/*}}"
          cp -a "$file" "$into/$file"
        fi
      done' sh $host $into {{}} +
  done
done
"""
    names = " ".join(host.name for host in plan.hosts)
    own = ". .made"
    if scratch:
        script += "find /scratch -mindepth 1 -delete\n"
        own += " /scratch"
    return f"""{script}\
cd /{OWN}
owner=$(stat -c %u:%g /project)
chown $owner {own}
chown -hR $owner {names}
"""
