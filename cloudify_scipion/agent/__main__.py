"""`python -m cloudify_scipion.agent`: the same as the command `scipion-data`."""

import sys

from cloudify_scipion.agent.cli import main

sys.exit(main())
