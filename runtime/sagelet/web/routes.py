"""/_api: JSON for people's pages and scripts. It reads; what it changes, others do for it.

The response models live here and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from sagelet import __version__
from sagelet.web.page import overview


class Health(BaseModel):
    """The control plane, in short."""

    status: str = "ok"
    version: str = __version__
    account: str
    region: str = Field(description="The region of unsigned calls.")
    test_mode: bool = Field(description="Whether POST /_api/reset exists.")
    training_jobs: dict[str, int] = Field(description="How many, by TrainingJobStatus.")


class ModelVersion(BaseModel):
    """One version of a model."""

    name: str
    version: int
    job: str
    created: float = Field(description="Epoch seconds.")
    size: int = Field(description="Bytes.")
    path: str = Field(description="The folder it lies in.")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the answers come from.

    ``models`` gives the versions of one name or of all, with ModelVersion's members; ``newest`` the
    jobs that the page shows; ``reset`` forgets everything and is there in test mode only.
    """

    account: str
    region: str
    training_jobs: Callable[[], Mapping[str, int]]
    models: Callable[[str | None], Iterable[Mapping[str, object]]]
    newest: Callable[[], Iterable[Mapping[str, object]]]
    reset: Callable[[], None] | None = None


def create_web(sources: Sources) -> FastAPI:
    """The people's application; all its paths begin with /_."""
    web = FastAPI(
        title="sagelet",
        version=__version__,
        openapi_url="/_api/openapi.json",
        docs_url=None,  # those pages load their scripts from elsewhere
        redoc_url=None,
    )

    @web.get("/_api/health")
    def health() -> Health:
        """Whether it runs, who it is and what it does."""
        return Health(
            account=sources.account,
            region=sources.region,
            test_mode=sources.reset is not None,
            training_jobs=dict(sources.training_jobs()),
        )

    @web.get("/_api/models")
    def models(
        name: Annotated[str | None, Query(description="Only this model's versions.")] = None,
    ) -> list[ModelVersion]:
        """The versions of models."""
        found = [ModelVersion.model_validate(version) for version in sources.models(name)]
        if name is not None and not found:
            raise HTTPException(404, f"There is no model named '{name}'.")
        return found

    @web.get("/_ui", response_class=HTMLResponse, include_in_schema=False)
    def page() -> str:
        """What runs here, for a browser."""
        return overview(sources.account, sources.region, sources.newest())

    if sources.reset is not None:
        web.add_api_route(
            "/_api/reset",
            _reset(sources.reset),
            methods=["POST"],
            status_code=204,
            response_class=Response,
            summary="Forget everything: jobs, objects, logs, models.",
        )
    return web


def _reset(reset: Callable[[], None]) -> Callable[[], None]:
    def endpoint() -> None:
        reset()

    return endpoint
