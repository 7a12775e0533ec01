"""What a channel must satisfy beyond the service model: input modes and what belongs to each.

File gives a folder, FastFile one that cannot be written to, Pipe a stream for every epoch.
"""

import re

from sagelet.domain.channels import FILE_SCHEME, NAME_LIMIT, S3_SCHEME, location_of
from sagelet.domain.errors import ValidationException
from sagelet.domain.jobs import Channel, Job
from sagelet.domain.training import TrainingJob

#: Input mode -> the kinds of S3DataType it takes.
_DATA_TYPES = {
    "File": ("S3Prefix", "ManifestFile"),
    "FastFile": ("S3Prefix",),
    "Pipe": ("S3Prefix", "ManifestFile", "AugmentedManifestFile"),
}


def check_channels(job: TrainingJob) -> None:
    """Refuse channels that cannot be given to a job.

    Raises:
        ValidationException: names the channel and what is wrong with it.
    """
    seen: set[str] = set()
    for index, channel in enumerate(job.channels):
        where = f"InputDataConfig[{index}] (channel '{channel.name}')"
        if channel.name in seen:
            raise ValidationException(f"{where}: the channel name is used twice.")
        check_folder_name(where, channel.name)
        seen.add(channel.name)
        data_source = job.request["InputDataConfig"][index]["DataSource"]
        if data_source.get("FileSystemDataSource"):
            raise ValidationException(f"{where}: FileSystemDataSource is not supported here.")
        if not data_source.get("S3DataSource"):
            raise ValidationException(f"{where}: DataSource.S3DataSource is required.")
        check_located(f"{where}: S3Uri", channel.uri)
        check_mode(where, channel)
        _check_attributes(where, channel)
        _check_groups(where, channel, job)
    check_pipe_names("InputDataConfig", job)
    if {"Pipe", "FastFile"} <= {channel.input_mode for channel in job.channels}:
        raise ValidationException(
            "Cannot use both 'Pipe' and 'FastFile' TrainingInputMode on the same Training Job."
        )


def check_folder_name(where: str, name: str) -> None:
    """Refuse a name that cannot be a folder's.

    The model's pattern sees to it too, but is not always asked.

    Raises:
        ValidationException: it leads elsewhere, or is too long.
    """
    if "/" in name or name in ("", ".", "..") or len(name.encode()) > NAME_LIMIT:
        raise ValidationException(f"{where}: '{name}' cannot be a folder name.")


def check_located(where: str, uri: str) -> None:
    """Refuse a URI that is neither in S3 nor on this machine.

    Raises:
        ValidationException: says what it may be.
    """
    if location_of(uri) is None and not uri.startswith(FILE_SCHEME + "/"):
        raise ValidationException(
            f"{where}: '{uri}' is neither {S3_SCHEME}bucket/prefix nor file:///an/absolute/path."
        )


def check_mode(where: str, channel: Channel) -> None:
    """Refuse an input mode that does not go with the rest of a channel.

    Raises:
        ValidationException: says what does.
    """
    mode, kind = channel.input_mode, channel.data_type
    if mode not in _DATA_TYPES:
        raise ValidationException(
            f"{where}: input mode {mode} is not known; use {', '.join(_DATA_TYPES)}."
        )
    if kind not in _DATA_TYPES[mode]:
        others = [m for m, kinds in _DATA_TYPES.items() if kind in kinds]
        advice = f"it needs input mode {' or '.join(others)}" if others else "it is not known here"
        raise ValidationException(
            f"{where}: S3DataType {kind} is not supported in input mode {mode}: {advice}."
        )
    if kind != "S3Prefix" and location_of(channel.uri) is None:
        raise ValidationException(
            f"{where}: S3DataType {kind} lists objects in S3; {channel.uri} is not there."
        )
    if mode != "Pipe":
        for member, value in (
            ("CompressionType", channel.compression),
            ("RecordWrapperType", channel.record_wrapper),
        ):
            if value != "None":
                raise ValidationException(
                    f"{where}: {member} {value} belongs to Pipe mode; leave it out or say None in "
                    f"{mode} mode."
                )


def _check_attributes(where: str, channel: Channel) -> None:
    augmented = channel.data_type == "AugmentedManifestFile"
    if augmented and not channel.attributes:
        raise ValidationException(
            f"{where}: AttributeNames is required: which attributes of the augmented manifest's "
            "lines to stream, and in which order."
        )
    if channel.attributes and not augmented:
        raise ValidationException(
            f"{where}: AttributeNames belongs to S3DataType AugmentedManifestFile."
        )
    if augmented and channel.compression != "None":
        raise ValidationException(
            f"{where}: CompressionType {channel.compression} with S3DataType "
            "AugmentedManifestFile is not supported here."
        )


def _check_groups(where: str, channel: Channel, job: TrainingJob) -> None:
    groups = (job.request.get("ResourceConfig") or {}).get("InstanceGroups") or ()
    known = [group["InstanceGroupName"] for group in groups]
    for name in channel.groups:
        if name not in known:
            there = f"the groups are {', '.join(known)}" if known else "the job has no groups"
            raise ValidationException(
                f"{where}: InstanceGroupNames: there is no instance group '{name}' in "
                f"ResourceConfig.InstanceGroups; {there}."
            )


def check_pipe_names(where: str, job: Job) -> None:
    """The pipes of a channel lie beside the folders of the others.

    Raises:
        ValidationException: a folder has the name of a pipe.
    """
    for pipe in job.channels:
        if pipe.input_mode != "Pipe":
            continue
        mark = re.compile(re.escape(pipe.path) + "_[0-9]+")
        for other in job.channels:
            if mark.fullmatch(other.path):
                name, what = pipe.path.rpartition("/")[2], pipe.what
                raise ValidationException(
                    f"{where}: the {what} '{other.name}' has the name of a pipe of the "
                    f"{what} '{pipe.name}', which are {name}_0, {name}_1, ...; rename "
                    "one."
                )
