"""The server's subcommands of `kibitz`, one module each."""
