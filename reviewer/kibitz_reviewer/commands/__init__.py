"""The reviewer's subcommands of `kibitz`, one module each."""
