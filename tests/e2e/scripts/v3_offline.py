"""ModelTrainer where nothing but one address answers: python v3_offline.py IMAGE TAGS."""

import json
import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode, Tag

image, tags = sys.argv[1], json.loads(sys.argv[2])
Path("offline-v3").mkdir(exist_ok=True)
Path("offline-v3/train.py").write_text(
    "import os\nfolder = os.environ['SM_CHANNEL_TRAINING']\n"
    "print('read', open(os.path.join(folder, 'data.txt')).read())\n"
)
Path("offline-v3-data").mkdir(exist_ok=True)
Path("offline-v3-data/data.txt").write_text("digits")
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir="offline-v3", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    role=get_execution_role(),
    base_job_name="offline",
    tags=[Tag(key=tag["Key"], value=tag["Value"]) for tag in tags],
)
trainer.train([InputData(channel_name="training", data_source="offline-v3-data")])
