"""What scripts find in SageMaker's images and not in the packages; run by the Python they run in.

Scripts import torchvision, for its data sets and transforms. The package index has it for CUDA
builds of torch only; beside another build its compiled operators cannot be loaded, and without two
of them it cannot be imported either. These two are declared here, without an implementation: all
but the compiled operators then works. A torchvision that fits its torch is not affected.

Published scripts for the first images import sagemaker_containers, too, and do not use it. The name
is there; what could be asked of it is in the SM_ variables.
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

NAME = '''"""Scripts import this name; what it knew on SageMaker is in the SM_ variables."""
'''


def main() -> None:
    """Add the declarations to the module that loads the operators, once, and the name."""
    packages = Path(sysconfig.get_path("purelib"))
    (packages / "sagemaker_containers.py").write_text(NAME)
    module = packages / "torchvision" / "extension.py"
    if MARK not in module.read_text():
        with module.open("a") as file:
            file.write(TEXT)


if __name__ == "__main__":
    main()
