"""STS, IAM and ECR: who is who, as the SDKs ask for it."""

import base64
import json
from urllib.parse import unquote

import pytest

from sagelet.domain.errors import Refusal

ACCOUNT = "123456789012"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def refused(code, status=400):
    class Expect:
        def __enter__(self):
            self.raises = pytest.raises(Refusal)
            self.caught = self.raises.__enter__()
            return self

        def __exit__(self, *exception):
            handled = self.raises.__exit__(*exception)
            assert (self.caught.value.code, self.caught.value.status) == (code, status)
            self.message = str(self.caught.value)
            return handled

    return Expect()


def test_a_caller_plays_the_role_sagelet(ask):
    caller = ask("sts", "GetCallerIdentity")
    assert caller["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/sagelet/sagelet"
    assert caller["Account"] == ACCOUNT
    role = ask("iam", "GetRole", RoleName=caller["Arn"].split("/")[1])["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/sagelet"
    assert caller["UserId"] == f"{role['RoleId']}:sagelet"
    trust = json.loads(unquote(role["AssumeRolePolicyDocument"]))
    assert trust["Statement"][0]["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_a_job_plays_it_as_sagemaker_does(ask):
    arn = ask("sts", "GetCallerIdentity", confined=True)["Arn"]
    assert arn.endswith(":assumed-role/sagelet/SageMaker")


def test_who_assumed_a_role_plays_that_role(ask):
    made = ask(
        "sts",
        "AssumeRole",
        RoleArn="arn:aws:iam::999999999999:role/service-role/Trainer",
        RoleSessionName="me",
        DurationSeconds=900,
    )
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Trainer/me"
    assert made["AssumedRoleUser"]["Arn"] == arn
    key = made["Credentials"]["AccessKeyId"]
    assert len(key) == 20
    assert key.startswith("ASIA")
    assert ask("sts", "GetCallerIdentity", key=key, region="us-east-1")["Arn"] == arn
    session = ask.store.roles.session(key)
    assert session.secret == made["Credentials"]["SecretAccessKey"]
    assert session.expires == made["Credentials"]["Expiration"]
    assert not session.confined
    again = ask("sts", "GetSessionToken", key=key)["Credentials"]["AccessKeyId"]
    assert ask("sts", "GetCallerIdentity", key=again)["Arn"] == arn
    assert ask("sts", "GetAccessKeyInfo", AccessKeyId=again) == {"Account": ACCOUNT}


def test_a_job_cannot_get_out_by_assuming_a_role(ask):
    made = ask(
        "sts",
        "AssumeRole",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x",
        RoleSessionName="me",
        confined=True,
    )
    assert ask.store.roles.session(made["Credentials"]["AccessKeyId"]).confined


def test_what_is_no_role_cannot_be_assumed(ask):
    with refused("ValidationError"):
        ask("sts", "AssumeRole", RoleArn=f"arn:aws:iam::{ACCOUNT}:user/x", RoleSessionName="me")


@pytest.mark.parametrize(
    "name",
    [
        "sagelet",
        "SageMakerRole",
        "AmazonSageMaker-DefaultRole",
        "AmazonSageMaker-ExecutionRole-20171129T145583",
    ],
)
def test_the_usual_roles_are_there(ask, name):
    assert ask("iam", "GetRole", RoleName=name)["Role"]["RoleName"] == name


def test_the_console_puts_its_roles_under_a_path(ask):
    role = ask("iam", "GetRole", RoleName="AmazonSageMaker-ExecutionRole-1")["Role"]
    assert role["Arn"].endswith(":role/service-role/AmazonSageMaker-ExecutionRole-1")


def test_other_roles_are_not(ask):
    with refused("NoSuchEntity", 404) as error:
        ask("iam", "GetRole", RoleName="Admin")
    assert error.message == "The role with name Admin cannot be found."


def test_a_role_lives_and_dies(ask):
    ask(
        "iam",
        "CreateRole",
        RoleName="Mine",
        Path="/a/",
        AssumeRolePolicyDocument=TRUST,
        Description="d",
        Tags=[{"Key": "k", "Value": "v"}],
    )
    role = ask("iam", "GetRole", RoleName="mine")["Role"]
    assert (role["Arn"], role["Description"], role["MaxSessionDuration"]) == (
        f"arn:aws:iam::{ACCOUNT}:role/a/Mine", "d", 3600,
    )  # fmt: skip
    assert role["Tags"] == [{"Key": "k", "Value": "v"}]
    assert unquote(role["AssumeRolePolicyDocument"]) == TRUST
    with refused("EntityAlreadyExists", 409) as error:
        ask("iam", "CreateRole", RoleName="MINE", AssumeRolePolicyDocument=TRUST)
    assert error.message == "Role with name MINE already exists."

    managed = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    ask("iam", "AttachRolePolicy", RoleName="Mine", PolicyArn=managed)
    ask("iam", "AttachRolePolicy", RoleName="Mine", PolicyArn=managed)
    assert ask("iam", "ListAttachedRolePolicies", RoleName="Mine") == {
        "AttachedPolicies": [{"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": managed}],
        "IsTruncated": False,
    }
    ask("iam", "PutRolePolicy", RoleName="Mine", PolicyName="own", PolicyDocument=TRUST)
    assert ask("iam", "ListRolePolicies", RoleName="Mine")["PolicyNames"] == ["own"]
    own = ask("iam", "GetRolePolicy", RoleName="Mine", PolicyName="own")
    assert unquote(own["PolicyDocument"]) == TRUST

    with refused("DeleteConflict", 409) as error:
        ask("iam", "DeleteRole", RoleName="Mine")
    assert error.message == "Cannot delete entity, must detach all policies first."
    ask("iam", "DetachRolePolicy", RoleName="Mine", PolicyArn=managed)
    with refused("NoSuchEntity", 404):
        ask("iam", "DetachRolePolicy", RoleName="Mine", PolicyArn=managed)
    with refused("DeleteConflict", 409) as error:
        ask("iam", "DeleteRole", RoleName="Mine")
    assert error.message == "Cannot delete entity, must delete policies first."
    ask("iam", "DeleteRolePolicy", RoleName="Mine", PolicyName="own")
    with refused("NoSuchEntity", 404):
        ask("iam", "GetRolePolicy", RoleName="Mine", PolicyName="own")
    ask("iam", "DeleteRole", RoleName="Mine")
    with refused("NoSuchEntity", 404):
        ask("iam", "GetRole", RoleName="Mine")


def test_a_usual_role_may_be_made_but_sagelet_may_not(ask):
    ask("iam", "CreateRole", RoleName="SageMakerRole", AssumeRolePolicyDocument=TRUST, Path="/x/")
    assert ask("iam", "GetRole", RoleName="SageMakerRole")["Role"]["Path"] == "/x/"
    with refused("EntityAlreadyExists", 409):
        ask("iam", "CreateRole", RoleName="sagelet", AssumeRolePolicyDocument=TRUST)
    with refused("UnmodifiableEntity"):
        ask("iam", "DeleteRole", RoleName="sagelet")


def test_who_may_take_a_role_can_be_changed(ask):
    ask("iam", "UpdateAssumeRolePolicy", RoleName="sagelet", PolicyDocument=TRUST)
    role = ask("iam", "GetRole", RoleName="sagelet")["Role"]
    assert unquote(role["AssumeRolePolicyDocument"]) == TRUST
    assert [r["RoleName"] for r in ask("iam", "ListRoles")["Roles"]] == ["sagelet"]
    with refused("MalformedPolicyDocument"):
        ask("iam", "UpdateAssumeRolePolicy", RoleName="sagelet", PolicyDocument="no json")


def test_roles_come_in_pages(ask):
    for number in range(5):
        ask("iam", "CreateRole", RoleName=f"r{number}", AssumeRolePolicyDocument=TRUST)
    names, marker = [], {}
    while True:
        page = ask("iam", "ListRoles", MaxItems=2, **marker)
        names += [role["RoleName"] for role in page["Roles"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert names == ["r0", "r1", "r2", "r3", "r4", "sagelet"]
    with refused("ValidationError"):
        ask("iam", "ListRoles", Marker="elsewhere")


def test_everything_is_allowed(ask):
    answer = ask(
        "iam",
        "SimulatePrincipalPolicy",
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/sagelet",
        ActionNames=["s3:PutObject", "s3:GetObject"],
        ResourceArns=["arn:aws:s3:::b/*"],
    )
    assert [(r["EvalActionName"], r["EvalDecision"]) for r in answer["EvaluationResults"]] == [
        ("s3:PutObject", "allowed"),
        ("s3:GetObject", "allowed"),
    ]
    assert answer["IsTruncated"] is False


def test_there_are_no_users(ask):
    with refused("NoSuchEntity", 404):
        ask("iam", "GetUser", UserName="me")
    with refused("ValidationError"):
        ask("iam", "GetUser")


def test_a_registry_login_gets_a_token(ask):
    (data,) = ask("ecr", "GetAuthorizationToken")["authorizationData"]
    assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
    assert data["proxyEndpoint"] == f"https://{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
    assert ask("ecr", "DescribeRepositories") == {"repositories": []}
    with refused("RepositoryNotFoundException"):
        ask("ecr", "DescribeRepositories", repositoryNames=["mine"])


def test_what_a_job_was_given_ends_with_the_job(tmp_path, monkeypatch):
    """A session that a job opened is good as long as the job lives; a person's until it expires."""
    from sagelet.app import create_app
    from sagelet.settings import Settings
    from sagelet.store.roles import Session

    monkeypatch.setenv("SAGELET_HOME", str(tmp_path / "home"))
    app = create_app(Settings.from_environ())
    key_of = app.gateway._about.key_of
    for access_key, confined, opener in (
        ("ASIAOFAJOBTHATISOVER", True, "SAGELETJOB0000000000"),
        ("ASIAOFAPERSON0000000", False, "AKIASOMEBODY"),
    ):
        session = Session(access_key, "s", "t", "arn", 4e9, confined, opener)
        app.store.roles.open_session(session, 1.0)
    assert key_of("ASIAOFAJOBTHATISOVER") is None
    assert key_of("ASIAOFAPERSON0000000").secret == "s"
    app.close()
