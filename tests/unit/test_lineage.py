"""Lineage: entities, associations, and what a query finds of them."""

import pytest

from sagelet.domain.errors import DomainError

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def sagemaker(ask):
    """``sagemaker("CreateArtifact", Member=value)``."""
    return lambda name, **request: ask("sagemaker", name, **request)


@pytest.fixture
def data(sagemaker):
    """The ARN of an artifact."""
    return sagemaker(
        "CreateArtifact",
        ArtifactName="digits",
        ArtifactType="DataSet",
        Source={"SourceUri": "s3://digits", "SourceTypes": [
            {"SourceIdType": "S3ETag", "Value": "1"}]},
        Properties={"kind": "raw"},
    )["ArtifactArn"]  # fmt: skip


def refusal(call, *arguments, **request):
    with pytest.raises(DomainError) as caught:
        call(*arguments, **request)
    return caught.value.code, str(caught.value)


def test_an_artifact_is_known_by_its_source_and_type(sagemaker, data):
    same = {"SourceUri": "s3://digits", "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "1"}]}
    code, text = refusal(sagemaker, "CreateArtifact", ArtifactType="DataSet", Source=same)
    assert (code, text) == ("ValidationException", f"Artifact '{data}' already exists.")
    other = sagemaker("CreateArtifact", ArtifactType="Model", Source=same)["ArtifactArn"]
    assert other != data
    (found,) = sagemaker("ListArtifacts", SourceUri="s3://digits", ArtifactType="DataSet")[
        "ArtifactSummaries"
    ]
    assert (found["ArtifactName"], found["Source"]) == ("digits", same)
    assert "two" not in sagemaker("ListArtifacts", ArtifactType="DataSet")


@pytest.mark.parametrize(
    ("word", "known"),
    [("Action", {"Status": "InProgress", "Description": "d"}), ("Context", {"Description": "d"})],
)
def test_an_entity_from_its_making_to_its_end(sagemaker, word, known):
    name = {f"{word}Name": "Deploy"}
    arn = f"{ARN}:{word.lower()}/deploy"
    made = sagemaker(
        f"Create{word}", **name, **known, Source={"SourceUri": "s3://x"},
        Properties={"a": "1", "b": "2"}, Tags=[{"Key": "k", "Value": "v"}],
        **{f"{word}Type": "Deployment"},
    )  # fmt: skip
    assert made == {f"{word}Arn": arn}
    assert sagemaker("ListTags", ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    sagemaker(
        f"Update{word}", **name, Description="new", Properties={"c": "3"}, PropertiesToRemove=["a"]
    )
    shown = sagemaker(f"Describe{word}", **{f"{word}Name": "deploy"})
    assert shown["Properties"] == {"b": "2", "c": "3"}
    assert (shown["Description"], shown[f"{word}Name"]) == ("new", "Deploy")
    (summary,) = sagemaker(f"List{word}s", SourceUri="s3://x")[f"{word}Summaries"]
    assert summary[f"{word}Type"] == "Deployment"
    sagemaker(f"Delete{word}", **name)
    assert refusal(sagemaker, f"Describe{word}", **name) == (
        "ResourceNotFound",
        f"{word} '{arn}' does not exist.",
    )


def test_what_is_associated_stays(sagemaker, data):
    sagemaker("CreateTrialComponent", TrialComponentName="C")
    component = f"{ARN}:experiment-trial-component/c"
    ends = {"SourceArn": data, "DestinationArn": component}
    sagemaker("AddAssociation", **ends, AssociationType="ContributedTo")
    assert refusal(sagemaker, "AddAssociation", **ends)[1].endswith("already exists.")
    assert refusal(sagemaker, "DeleteArtifact", ArtifactArn=data)[0] == "ValidationException"
    (found,) = sagemaker("ListAssociations", DestinationArn=component)["AssociationSummaries"]
    found.pop("CreationTime")
    assert found == {
        "SourceArn": data, "SourceType": "DataSet", "SourceName": "digits",
        "DestinationArn": component, "DestinationType": "TrialComponent", "DestinationName": "C",
        "AssociationType": "ContributedTo",
    }  # fmt: skip
    assert sagemaker("ListAssociations", SourceType="Model")["AssociationSummaries"] == []
    sagemaker("DeleteAssociation", **ends)
    assert refusal(sagemaker, "DeleteAssociation", **ends)[0] == "ResourceNotFound"
    sagemaker("DeleteArtifact", Source={"SourceUri": "s3://digits"})
    assert sagemaker("ListArtifacts") == {"ArtifactSummaries": []}


def test_nothing_is_associated_with_what_is_not_there(sagemaker, data):
    gone = f"{ARN}:context/gone"
    assert refusal(sagemaker, "AddAssociation", SourceArn=data, DestinationArn=gone) == (
        "ResourceNotFound",
        f"Context '{gone}' does not exist.",
    )


@pytest.fixture
def chain(sagemaker, ask, job_of, channel_of):
    """A job with a channel that stored a model, which a context stands for."""
    job = job_of(TrainingJobName="j", InputDataConfig=[channel_of("train", "s3://digits/train")])
    ask.store.training_jobs.add(job)
    ask.store.training_jobs.save_artifacts("j", {"model": "s3://out/model.tar.gz"}, 1.0)
    (model,) = sagemaker("ListArtifacts", ArtifactType="Model")["ArtifactSummaries"]
    sagemaker(
        "CreateContext", ContextName="live", ContextType="Endpoint",
        Source={"SourceUri": "e"}, Properties={"stage": "prod"},
    )  # fmt: skip
    context = f"{ARN}:context/live"
    sagemaker("AddAssociation", SourceArn=model["ArtifactArn"], DestinationArn=context)
    return context


def query(sagemaker, start, **request):
    answer = sagemaker("QueryLineage", StartArns=[start], **request)
    return [vertex["Type"] for vertex in answer["Vertices"]], len(answer["Edges"])


def test_a_query_walks_up_and_down(sagemaker, chain):
    job = f"{ARN}:experiment-trial-component/j-aws-training-job"
    up = ["Model", "SageMakerTrainingJob", "DataSet", "Image"]
    assert query(sagemaker, chain, Direction="Ascendants") == (up, 4)
    assert query(sagemaker, chain, Direction="Descendants") == ([], 0)
    assert query(sagemaker, chain, MaxDepth=1) == (["Model"], 1)
    types, _ = query(sagemaker, job)
    assert sorted(types) == ["DataSet", "Endpoint", "Image", "Model"]
    filters = {"LineageTypes": ["TrialComponent"]}
    assert query(sagemaker, chain, Filters=filters, IncludeEdges=False) == (
        ["SageMakerTrainingJob"],
        0,
    )
    assert query(sagemaker, job, Filters={"Properties": {"stage": "prod"}})[0] == ["Endpoint"]
    assert query(sagemaker, job, Filters={"Types": ["Model"], "CreatedBefore": 0.5})[0] == []


def test_a_long_answer_comes_in_pages(sagemaker, chain):
    found, token = [], None
    while True:
        more = {} if token is None else {"NextToken": token}
        answer = sagemaker("QueryLineage", StartArns=[chain], MaxResults=1, **more)
        found += [vertex["Type"] for vertex in answer["Vertices"]]
        token = answer.get("NextToken")
        if token is None:
            break
    assert found == ["Model", "SageMakerTrainingJob", "DataSet", "Image"]
