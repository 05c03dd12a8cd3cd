#!/usr/bin/python3 -IB
"""Entry point; see cloudify_desktop/link.py."""

import sys

sys.path.insert(0, "/usr/local/lib/cloudify-desktop")

from cloudify_desktop.link import main  # noqa: E402 (the path has to be there first)

sys.exit(main())
