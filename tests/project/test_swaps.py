"""A setting such as AUTH_USER_MODEL puts one model in the place of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vivace import Vivace
from vivace.conf import ConfigurationError, Settings
from vivace.orm import models
from vivace.orm.registry import registry


class SiteSettings(Settings):
    AUTH_USER_MODEL: str = "accounts.User"
    BACKUP_MODEL: str | None = None


@pytest.fixture(autouse=True)
def isolated() -> Iterator[None]:
    with registry.isolated(empty=True):
        yield


def swappable_user() -> type[models.Model]:
    class User(models.Model):
        class Meta:
            app_label = "accounts"
            swappable = "AUTH_USER_MODEL"

    return User


def person() -> type[models.Model]:
    class Person(models.Model):
        class Meta:
            app_label = "people"

    return Person


def test_relations_go_to_the_model_that_the_setting_names(tmp_path: Path) -> None:
    app = Vivace(name="app", settings=SiteSettings(AUTH_USER_MODEL="people.Person", BASE_DIR=tmp_path))
    user = swappable_user()
    person_model = person()
    app.setup()

    class Post(models.Model):
        author = models.ForeignKey[models.Model](user, models.CASCADE)

        class Meta:
            app_label = "posts"

    assert user._meta.swapped == "people.Person"
    assert Post._meta.foreign_keys[0].related_model is person_model
    # Another site with the same setting changes nothing.
    Vivace(name="app", settings=SiteSettings(AUTH_USER_MODEL="people.Person", BASE_DIR=tmp_path)).setup()


def test_its_own_label_leaves_a_model_in_its_place(tmp_path: Path) -> None:
    user = swappable_user()

    class Post(models.Model):
        author = models.ForeignKey[models.Model](user, models.CASCADE)

        class Meta:
            app_label = "posts"

    Vivace(name="app", settings=SiteSettings(BASE_DIR=tmp_path)).setup()
    assert user._meta.swapped is None


def site(label: str, folder: Path) -> Vivace:
    return Vivace(name="app", settings=SiteSettings(AUTH_USER_MODEL=label, BASE_DIR=folder))


def test_wrong_labels_are_told(tmp_path: Path) -> None:
    swappable_user(), person()
    with pytest.raises(ConfigurationError, match=r'AUTH_USER_MODEL is the label of a model, such as "accounts.User"'):
        site("Person", tmp_path).setup()
    with pytest.raises(ConfigurationError, match=r'AUTH_USER_MODEL: There is no model "people.Persn". Did you mean'):
        site("people.Persn", tmp_path).setup()


def test_a_setting_that_comes_after_relations_is_told(tmp_path: Path) -> None:
    swappable_user(), person()

    class Post(models.Model):
        author = models.ForeignKey[models.Model]("accounts.User", models.CASCADE)

        class Meta:
            app_label = "posts"

    with pytest.raises(ConfigurationError, match=r"comes too late: other models point to accounts.User already"):
        site("people.Person", tmp_path).setup()
    assert Post._meta.foreign_keys[0].related_model._meta.swapped is None
