"""What a document says beside its operations, and how it is made; the place of drf-spectacular's settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from vivace.utils.suggest import did_you_mean


@dataclass(frozen=True)
class Options:
    """`app.api.describe(title="Library", version="2.1", servers=[{"url": "https://library.example"}])`."""

    title: str = "API"
    version: str = "1.0.0"
    summary: str = ""
    description: str = ""
    terms_of_service: str = ""
    contact: Mapping[str, str] = field(default_factory=dict)
    """`name`, `url`, `email`."""
    license: Mapping[str, str] = field(default_factory=dict)
    """`name`, and `identifier` or `url`."""
    servers: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[Mapping[str, Any] | str] = ()
    """Tags with descriptions, in their order; those of operations alone come after them."""
    external_docs: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, Any] = field(default_factory=dict)
    """Members of the document whose names begin with `x-`."""
    webhooks: Sequence[Any] = ()
    """`OpenApiWebhook`s."""
    security_schemes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Schemes beside those of the authentication classes."""
    security: Sequence[Mapping[str, Sequence[str]]] = ()
    """What every operation needs that says nothing of its own."""
    enum_names: Mapping[str, Any] = field(default_factory=dict)
    """Names for choices: `{"BookKind": Book.Kind}`; also `(value, label)` pairs, or the dotted name of either."""
    path_prefix: str | None = None
    """What all paths begin with that is no part of names and tags; None finds out."""
    api_version: str | None = None
    """The version to describe, where views have a `versioning_class`; None describes all together."""
    problem_details: bool = False
    """Whether errors are application/problem+json; the schema view finds out by itself."""
    preprocessing_hooks: Sequence[Callable[..., Any]] = ()
    """Each `hook(endpoints)` gives the list of `(path, path, method, endpoint)` to describe."""
    postprocessing_hooks: Sequence[Callable[..., Any]] = ()
    """Each `hook(result, generator, request, public)` gives the document."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Those of a mapping. Raises TypeError for an unknown name."""
        names = [each.name for each in dataclasses.fields(cls)]
        for name in told:
            if name not in names:
                raise TypeError(
                    f"the OpenAPI document has no option {name!r}. {did_you_mean(name, names, listed_as='Options')}"
                )
        return cls(**told)

    def with_defaults(self, **defaults: Any) -> Options:
        """The same, with other values for those that were left as they are."""
        plain = Options()
        unset = {name: value for name, value in defaults.items() if getattr(self, name) == getattr(plain, name)}
        return dataclasses.replace(self, **unset)

    def info(self) -> dict[str, Any]:
        """The Info Object."""
        told = {
            "summary": self.summary,
            "description": self.description,
            "termsOfService": self.terms_of_service,
            "contact": dict(self.contact),
            "license": dict(self.license),
        }
        return {"title": self.title, "version": self.version, **{name: value for name, value in told.items() if value}}
