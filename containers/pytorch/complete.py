"""Make torchvision usable beside a CPU build of torch; run by the Python that has both.

Scripts import torchvision for its data sets and transforms. The package index has it for CUDA
builds of torch only; beside another build its compiled operators cannot be loaded, and without two
of them it cannot be imported either. These two are declared here, without an implementation: all
but the compiled operators then works. A torchvision that fits its torch is not affected.
"""

import sysconfig
from pathlib import Path

MARK = "# Declared for a build of torch that these operators were not compiled for."
TEXT = f"""

{MARK}
if not _has_ops():
    for _name in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{{_name}}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
"""


def main() -> None:
    """Add the declarations to the module that loads the operators, once."""
    module = Path(sysconfig.get_path("purelib")) / "torchvision" / "extension.py"
    if MARK not in module.read_text():
        with module.open("a") as file:
            file.write(TEXT)


if __name__ == "__main__":
    main()
