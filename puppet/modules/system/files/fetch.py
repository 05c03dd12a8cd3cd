#!/usr/bin/python3 -IB
"""Entry point; see cloudify_fetching/__main__.py."""

import sys

sys.path.insert(0, "/usr/local/lib/cloudify-scipion")

from cloudify_fetching.__main__ import main  # noqa: E402 (the path has to be there first)

sys.exit(main(sys.argv[1:]))
