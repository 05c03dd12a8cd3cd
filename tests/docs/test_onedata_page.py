"""The site file's part about OneData in docs/operator.md is one that `check` takes."""

from __future__ import annotations

import re
from typing import Any

import yaml

from cloudify_scipion.project.load import check_documents
from tests.installation import REPOSITORY, SITE


def test_the_data_space_of_the_page() -> None:
    text = (REPOSITORY / "docs/operator.md").read_text()
    (block,) = re.findall(r"<!-- onedata -->\n```yaml\n(.*?)```", text, re.DOTALL)
    site: dict[str, Any] = {**yaml.safe_load(SITE.read_text()), **yaml.safe_load(block)}
    data = {
        "project": {"source": "facility:p/1"},
        "datasets": [{"source": "facility:raw", "mount": "/data/raw"}],
    }
    project = {
        "id": "p", "title": "P", "software": {"scipion": "3.8.3"}, "volume": {"size_gb": 1}, "data": data,
    }  # fmt: skip
    assert list(check_documents(project, site, "project", "site")) == []
    assert f"secrets/{site['data_spaces']['facility']['token']}" in text
