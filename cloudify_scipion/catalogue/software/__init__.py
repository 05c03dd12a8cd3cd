"""Which software fits together, to a workflow and to a site, and what Puppet is told of it."""
