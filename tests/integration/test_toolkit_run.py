"""The toolkit's `train` as a real process: the script runs, with what SageMaker promises it."""

import os
import sys
from pathlib import Path

from support.toolkit import TRAIN


def test_success(job):
    job.configure(lr="0.1")
    job.script(
        "import os, sys\n"
        "print(sys.argv, os.getcwd(), sys.flags.isolated, sys.flags.no_site, sys.executable)\n"
    )
    result = job.run(PYTHONPATH="/inherited")
    assert result.returncode == 0
    assert result.stdout == f"['train.py', '--lr', '0.1'] {job.code} 0 0 {sys.executable}\n"
    assert job.succeeded()
    assert not (job.base / "output" / "failure").exists()
    assert "Invoking user script" in result.stderr
    assert result.stderr.endswith("INFO     Reporting training SUCCESS\n")
    assert len(result.stderr.splitlines()) <= 5


def test_pythonpath_is_the_code_and_what_was_inherited(job):
    job.script("import os; print(os.environ['PYTHONPATH'], os.environ['PYTHONUNBUFFERED'])")
    assert job.run(PYTHONPATH="/a:/b", PYTHONUNBUFFERED="").stdout == f"{job.code}:/a:/b \n"
    assert job.run(PYTHONPATH="").stdout == f"{job.code} 1\n"


def test_launcher_works_through_a_link_on_the_path(job, tmp_path):
    link = tmp_path / "bin" / "train"
    link.parent.mkdir()
    link.symlink_to(TRAIN)
    job.command = ["train"]
    job.script("import sys; print(sys.prefix)")
    interpreter = Path(sys.executable).parent
    result = job.run(PATH=f"{link.parent}:{interpreter}:{os.environ['PATH']}")
    assert result.stdout == f"{sys.prefix}\n", result.stderr


def test_log_level(job):
    job.script("")
    job.configure(sagemaker_container_log_level="40")
    assert job.run().stderr == ""
    job.configure(sagemaker_container_log_level="10")
    stderr = job.run().stderr
    assert "Training Env:\n\n{" in stderr
    assert "\nSM_CURRENT_HOST=algo-1\n" in stderr


def test_several_hosts_without_a_launcher_run_the_script(job):
    hosts = '["127.0.0.1","127.0.0.2"]'
    job.write_config("resourceconfig", f'{{"current_host":"127.0.0.2","hosts":{hosts}}}')
    job.script("import os; print(os.environ['SM_HOSTS'], os.environ['SM_CURRENT_HOST'])")
    assert job.run().stdout == '["127.0.0.1","127.0.0.2"] 127.0.0.2\n'


def test_raw_utf8_configuration_in_the_c_locale(job):
    job.write_config("hyperparameters", '{"sagemaker_program":"train.py","ort":"Zürich 東"}')
    job.script(
        "import os; print(os.environb[b'SM_HP_ORT'].decode('utf-8') == 'Z\\xfcrich \\u6771')"
    )
    result = job.run(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert result.stdout == "True\n", result.stderr


def test_the_only_host_needs_no_parameter_server(job):
    job.script("import os; print(os.environ.get('TF_CONFIG'))")
    job.configure(sagemaker_parameter_server_enabled="true")
    assert job.run().stdout == "None\n"


def test_scripts_of_a_framework_get_what_its_images_give(job):
    names = ["MASTER_ADDR", "MASTER_PORT", "NCCL_SOCKET_IFNAME", "NCCL_IB_DISABLE", "NCCL_DEBUG"]
    job.script(f"import os; print(*[os.environ.get(name) for name in {names}])")
    module = "sagemaker_pytorch_container.training:main"
    said = job.run(SAGEMAKER_TRAINING_MODULE=module, NCCL_DEBUG="INFO").stdout.split()
    assert said[:2] + said[3:] == ["algo-1", "7777", "1", "WARN"]
    assert job.run().stdout == "None None None None None\n"


def test_tensorflow_says_what_serving_would_miss(job):
    module = "sagemaker_tensorflow_container.training:main"
    job.script("import os; print(os.environ['S3_USE_HTTPS'], os.environ['TF_CPP_MIN_LOG_LEVEL'])")
    result = job.run(SAGEMAKER_TRAINING_MODULE=module)
    assert result.stdout == "1 1\n"
    assert "wrote no file" in result.stderr
    save = "os.makedirs(d); open(d + '/saved_model.pb', 'w').close()"
    job.script(f"import os; d = os.environ['SM_MODEL_DIR'] + '/export/best'; {save}")
    assert "must be a number" in job.run(SAGEMAKER_TRAINING_MODULE=module).stderr
    job.script(f"import os; d = os.environ['SM_MODEL_DIR'] + '/export/1'; {save}")
    assert "must be a number" in job.run(SAGEMAKER_TRAINING_MODULE=module).stderr  # `best` is there


def test_jobs_of_a_tuning_keep_their_model_dirs_apart(job):
    job.script("import os, sys; print(sys.argv[1:], os.environ['SM_HP_MODEL_DIR'])")
    job.configure(model_dir="s3://b/m", _tuning_objective_metric="acc")
    module = "sagemaker_tensorflow_container.training:main"
    result = job.run(SAGEMAKER_TRAINING_MODULE=module, TRAINING_JOB_NAME="t-1")
    assert result.stdout == "['--model_dir', 's3://b/m/t-1/model'] s3://b/m/t-1/model\n"
