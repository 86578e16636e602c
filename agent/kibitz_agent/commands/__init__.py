"""The agent's subcommands of `kibitz`, one module each."""
