"""What is told of a site's module that cannot be imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace.conf.errors import ConfigurationError
from vivace.project.modules import OURS, import_module


def test_a_mistake_in_a_model_is_told_by_the_line_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from vivace.orm import models\nclass A(models.Model):\n    class Meta:\n        orderin = ['n']\n"
    (tmp_path / "wrong_models.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        import_module("wrong_models", named_by="INSTALLED_APPS")
    told = str(raised.value)
    assert told.startswith('INSTALLED_APPS: could not import "wrong_models":')
    assert 'wrong_models.py", line 2' in told
    assert "orderin" in told.splitlines()[-1]
    assert OURS not in told
