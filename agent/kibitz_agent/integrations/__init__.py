"""One file a framework: how the agent starts in it. None of them imports its framework before that is there.

Most programs need none: ``kibitz run``, ``KIBITZ_ENABLED=1`` or `kibitz_agent.start` follow forks by themselves.
"""
