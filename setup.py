"""Packaging. Puppet code and plugin.yaml live at the root for their readers, and in the package for its users."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
NOT_SHIPPED = shutil.ignore_patterns("spec", "__pycache__", "Rakefile", ".*")


class BuildWithData(build_py):
    """Also copies puppet/ and plugin.yaml to cloudify_scipion/_shipped, where `resources` looks for them first."""

    def run(self) -> None:
        """Build, then copy; an editable install reads the checkout instead."""
        super().run()
        if getattr(self, "editable_mode", False):
            return
        shipped = Path(self.build_lib, "cloudify_scipion", "_shipped")
        shutil.rmtree(shipped, ignore_errors=True)
        shutil.copytree(ROOT / "puppet", shipped / "puppet", ignore=NOT_SHIPPED)
        shutil.copy(ROOT / "plugin.yaml", shipped)


setup(
    name="cloudify-scipion",
    version="0.1.0",
    description="From a cryo-EM project file to a Scipion desktop, through Cloudify",
    long_description="Cloudify plugin and command line: see README.md.",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["cloudify_scipion", "cloudify_scipion.*"]),
    package_data={
        "cloudify_scipion.project": ["*.json", "*/*.json"],
        "cloudify_scipion.catalogue": ["*.json", "*/*.json", "data/**/*"],
        "cloudify_scipion.blueprint": ["templates/*"],
        "cloudify_scipion": ["py.typed"],
    },
    install_requires=[
        "cloudify-common[dispatcher]==7.0.5",
        "click==8.5.1",
        "jinja2==3.1.6",
        "jsonschema==4.26.0",
        "pyyaml==6.0.3",
        # Cloudify's parser reads entry points with pkg_resources, which setuptools has dropped from version 81 on.
        "setuptools==80.8.0",
    ],
    extras_require={"cfy": ["cloudify==7.0.5"]},
    entry_points={"console_scripts": ["cloudify-scipion=cloudify_scipion.cli.main:main"]},
    cmdclass={"build_py": BuildWithData},
)
