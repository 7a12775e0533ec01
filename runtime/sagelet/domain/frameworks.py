"""Which framework an image URI asks for: one readable table.

Account and region of a registry name are ignored: the repository and the tag decide. The device in
a tag is ignored too: a job gets the GPU build exactly when it gets GPUs. What is installed for a
framework belongs to ``containers/``; which local image serves it, to execution.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Framework:
    """A training framework as an image URI names it."""

    name: str
    version: str | None = None

    @property
    def module(self) -> str:
        """SAGEMAKER_TRAINING_MODULE, as SageMaker's image of the framework has it."""
        return f"sagemaker_{self.name}_container.training:main"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make scripts of that version's time run on the version we install."""
        if self.name == "tensorflow" and self.version and _number(self.version) < (2, 16):
            # Before 2.16 Keras 2 was inside: model.save(path_without_extension) wrote a SavedModel.
            return {"TF_USE_LEGACY_KERAS": "1"}
        if self.name == "sklearn" and self.version and _number(self.version) < (0, 23):
            return {"SAGELET_SKLEARN": "0.20"}  # see containers/sklearn/complete.py
        return {}


#: repository pattern -> framework. The first match wins.
REPOSITORIES: tuple[tuple[str, str], ...] = (
    (r"(sagelet/)?tensorflow-training", "tensorflow"),
    (r"sagemaker-tensorflow(-scriptmode)?", "tensorflow"),
    (r"sagelet/tensorflow", "tensorflow"),
    (r"tensorflow", "tensorflow"),
    (r"(sagelet/)?pytorch-training", "pytorch"),
    (r"sagemaker-pytorch", "pytorch"),
    (r"sagelet/pytorch", "pytorch"),
    (r"pytorch", "pytorch"),
    (r"sagemaker-scikit-learn", "sklearn"),
    (r"sagelet/sklearn", "sklearn"),
    (r"sklearn", "sklearn"),
)

#: What we have images and environments for.
FRAMEWORKS = tuple(sorted({name for _, name in REPOSITORIES}))

_REGISTRY = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")


def framework_of(uri: str) -> Framework | None:
    """The framework ``uri`` names, or None when it is somebody's own image.

    Known: ``<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>``, ``<repository>:<tag>``
    for SageMaker's training repositories, and sagelet's own names.
    """
    registry = _REGISTRY.match(uri)
    rest = uri[registry.end() :] if registry else uri
    repository, _, tag = rest.partition("@")[0].partition(":")
    if not registry and repository in FRAMEWORKS and not _is_training_tag(tag):
        return None  # e.g. the public tensorflow/pytorch images: somebody's own choice
    for pattern, name in REPOSITORIES:
        if re.fullmatch(pattern, repository):
            version = re.match(r"\d+(\.\d+)*", tag)
            return Framework(name, version.group() if version else None)
    return None


def _is_training_tag(tag: str) -> bool:
    """SageMaker's tags name the device; a bare name means the framework as such."""
    return tag == "" or re.search(r"-(cpu|gpu)(-|$)", tag) is not None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
