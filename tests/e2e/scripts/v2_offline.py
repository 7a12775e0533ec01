"""The SDK where nothing but one address answers: python v2_offline.py IMAGE TAGS."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator

image, tags = sys.argv[1], json.loads(sys.argv[2])
session = sagemaker.Session()
Path("offline").mkdir(exist_ok=True)
Path("offline/data.txt").write_text("digits")
Path("offline/train.py").write_text(
    "import os\nfolder = os.environ['SM_CHANNEL_TRAINING']\n"
    "print('read', open(os.path.join(folder, 'data.txt')).read())\n"
)
inputs = session.upload_data("offline/data.txt", key_prefix="offline")
estimator = Estimator(
    image_uri=image,
    role=sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    entry_point="train.py",
    source_dir="offline",
    tags=tags,
)
estimator.fit({"training": inputs.rpartition("/")[0]})
print(json.dumps({"account": session.account_id(), "model": estimator.model_data}))
