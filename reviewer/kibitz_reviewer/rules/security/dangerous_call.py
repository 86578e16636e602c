"""Calls there is a safer one for."""

from __future__ import annotations

from kibitz_reviewer.engines.call_table import CallTable
from kibitz_reviewer.rule import Confidence, Severity


class DangerousCall(CallTable):
    """Function can hardly be used without harm.

    It runs code, trusts what it reads, or leaves a gap another process can slip into, by its very design.

    Use the safer function named in the finding.
    """

    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    cwe = (676,)
    aliases = ("python/not-recommended-apis@v1.0", "python/not-recommended-apis-high@v1.0")
    noncompliant = (
        """
        import marshal

        def load(data):
            return marshal.loads(data)  # finding
        """,
    )
    compliant = (
        """
        import json

        def load(data):
            return json.loads(data)
        """,
        """
        from shop import marshal

        def load(data):
            return marshal.loads(data)
        """,
    )

    table = {
        "marshal.loads": "`json.loads`",
        "marshal.load": "`json.load`",
        "os.tempnam": "`tempfile.mkstemp`",
        "os.tmpnam": "`tempfile.mkstemp`",
        "shelve.open": "a database, or JSON",
        "jsonpickle.decode": "`json.loads`",
        "ssl._create_unverified_context": "`ssl.create_default_context`",
        "ssl._create_stdlib_context": "`ssl.create_default_context`",
        "crypt.crypt": "`hashlib.scrypt`",
        "telnetlib.Telnet": "SSH",
        "dl.open": "`ctypes`",
        "rexec.RExec": "another process",
        "Bastion.Bastion": "another process",
        "pty.spawn": "`subprocess.run`",
        "multiprocessing.connection.Listener": "a protocol that holds data only",
        "django.utils.safestring.SafeText": "a template",
        "cPickle.loads": "`json.loads`",
        "cPickle.load": "`json.load`",
    }
