"""The calls that are remembered, and what is shown of them."""

import json

from sagelet.store.calls import KEPT, OPERATIONS, Call, Calls
from sagelet.web.call_views import call_document


def call(**changes):
    members = {
        "time": 1.0,
        "took": 0.0123,
        "id": "1",
        "service": "sagemaker",
        "operation": "CreateTrainingJob",
        "method": "POST",
        "path": "/",
        "region": "us-east-1",
        "agent": "Boto3",
        "door": "loopback",
        "status": 200,
        "error": "",
        "request": b"{}",
        "request_size": 2,
        "response": b"{}",
        "response_size": 2,
    }
    return Call(**{**members, **changes})


def test_the_last_ones_are_kept_and_all_are_counted():
    calls = Calls()
    for _ in range(KEPT + 5):
        calls.add(call())
    calls.add(call(operation="CreateEndpoint", status=501))
    kept = calls.since()
    assert len(kept) == KEPT
    assert kept[-1][0] == KEPT + 6
    assert calls.get(1) is None
    assert [number for number, _ in calls.since(KEPT + 4)] == [KEPT + 5, KEPT + 6]
    assert calls.counts()["sagemaker", "CreateTrainingJob"] == KEPT + 5
    assert calls.missing() == {"sagemaker CreateEndpoint": 1}


def test_names_that_clients_make_up_do_not_fill_the_memory():
    calls = Calls()
    for number in range(OPERATIONS + 50):
        calls.add(call(operation=f"Made{number}", status=501))
    calls.add(call(operation="Made0", status=501))
    assert len(calls.counts()) == len(calls.missing()) == OPERATIONS
    assert calls.missing()["sagemaker Made0"] == 2


def test_secrets_are_left_out():
    said = b'{"Credentials": {"SecretAccessKey": "hush", "SessionToken":"hush"}}'
    xml = b"<SecretAccessKey>hush</SecretAccessKey>"
    for body in (said, xml):
        assert "hush" not in str(call_document(1, call(response=body)))
    shown = call_document(1, call(path="/b/k?X-Amz-Signature=hush&x=1"))
    assert shown["path"] == "/b/k?X-Amz-Signature=***&x=1"


def test_secrets_of_an_environment_are_left_out():
    names = ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "DB_PASSWORD", "MY_SECRET_2", "WANDB_API_KEY")
    environment = {name: f'hu"sh of {name}' for name in (*names, "hf_token", "openai-api-key")}
    body = json.dumps({"Environment": environment, "HyperParameters": {"lr": "0.1"}})
    shown = call_document(1, call(request=body.encode(), response=body[:90].encode()))
    assert "sh of" not in str(shown)
    assert json.loads(shown["request"]) == {
        "Environment": dict.fromkeys(environment, "***"),
        "HyperParameters": {"lr": "0.1"},
    }


def test_what_is_only_called_like_a_secret_is_shown():
    said = {
        "NextToken": "2",
        "Environment": {"TOKENIZERS_PARALLELISM": "false", "AWS_ACCESS_KEY_ID": "AKIA"},
        "HyperParameters": {"max_tokens": "512", "tokenizer": "bpe"},
    }
    shown = call_document(1, call(request=json.dumps(said).encode()))
    assert json.loads(shown["request"]) == said


def test_what_is_not_text_is_not_shown_and_what_was_cut_is_said():
    shown = call_document(1, call(request=b"\0\xff\xfe", request_size=99))
    assert shown["request"] is None
    assert shown["requestCut"]
    assert not shown["responseCut"]
