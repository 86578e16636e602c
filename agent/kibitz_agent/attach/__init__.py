"""Attaching: the agent is started in, and taken out of, a Python process that is already running.

`session` is the command's side, `guest` the side inside the target, `channel` the line between them. Getting a line of
Python run over there is `remote`'s task on 3.14 and newer, and `injector`'s before.
"""
