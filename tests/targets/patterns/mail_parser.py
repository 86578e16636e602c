"""Mail parsed in pure Python: the problem, and its repair."""

import email

TEXT = "\n".join(f"X-{i}: value" for i in range(30)) + "\n\n" + "body\n" * 50


def wasteful():
    email.message_from_string(TEXT)


def repaired():
    TEXT.partition("\n\n")[0].split("\n")
