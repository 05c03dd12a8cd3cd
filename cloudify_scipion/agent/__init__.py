"""The program that runs on the machine and keeps the working copy and the data space the same.

It is shipped as one file and imports nothing but Python's standard library. Inside: `plan` decides and is pure, `ports`
touch the world, `work` uses both, `commands` do what systemd and people ask for, `cli` is what they start.
"""
