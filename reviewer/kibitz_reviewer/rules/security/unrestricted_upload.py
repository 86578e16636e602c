"""Uploads of any kind of file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.engines.names import FUNCTIONS
from kibitz_reviewer.rule import Finding, Rule, Severity

CHECKED = re.compile(
    r"(?i)allow|extension|endswith|splitext|suffix|mimetype|content_type|magic|imghdr|filetype|validate|whitelist|is_valid"
)


class UnrestrictedUpload(Rule):
    """Uploaded file is kept without a look at what it is.

    A program or page that is uploaded and served again, or run, acts in the server's name.

    Check the extension against those that are meant, and give the file a name of your own.
    """

    severity = Severity.HIGH
    cwe = (434,)
    aliases = ("python/unrestricted-file-upload@v1.0",)
    triggers = ("files", "FILES", "UploadFile")
    noncompliant = (
        """
        import os
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/upload", methods=["POST"])
        def upload():
            file = request.files["file"]
            file.save(os.path.join("/srv/uploads", file.filename))  # finding
            return "kept"
        """,
        """
        from flask import Flask, request
        from werkzeug.utils import secure_filename

        app = Flask(__name__)

        @app.route("/upload", methods=["POST"])
        def upload():
            sent = request.files["picture"]
            name = secure_filename(sent.filename)
            sent.save("/srv/pictures/" + name)  # finding
            return "kept"
        """,
        """
        import shutil
        from fastapi import FastAPI, UploadFile

        app = FastAPI()

        @app.post("/upload")
        async def upload(file: UploadFile):
            with open("/srv/uploads/latest", "wb") as target:
                shutil.copyfileobj(file.file, target)  # finding
            return {"kept": True}
        """,
    )
    compliant = (
        """
        import os
        from flask import Flask, request
        from werkzeug.utils import secure_filename

        app = Flask(__name__)
        ALLOWED = {".png", ".jpg"}

        @app.route("/upload", methods=["POST"])
        def upload():
            file = request.files["file"]
            name = secure_filename(file.filename)
            if os.path.splitext(name)[1].lower() not in ALLOWED:
                return "not allowed", 400
            file.save(os.path.join("/srv/uploads", name))
            return "kept"
        """,
        """
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/upload", methods=["POST"])
        def upload():
            file = request.files["file"]
            if not allowed_file(file.filename):
                return "not allowed", 400
            file.save("/srv/uploads/picture.png")
            return "kept"
        """,
        """
        def keep(figure, path):
            figure.save(path)
        """,
        """
        from fastapi import FastAPI, HTTPException, UploadFile

        app = FastAPI()

        @app.post("/upload")
        async def upload(file: UploadFile):
            if file.content_type not in ("image/png", "image/jpeg"):
                raise HTTPException(415)
            with open("/srv/uploads/latest", "wb") as target:
                target.write(await file.read())

        @app.post("/count")
        async def count(file: UploadFile):
            return {"bytes": len(await file.read())}
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "Anything can be uploaded here. Check the kind of file against those that are meant."
        for function in module.nodes(*FUNCTIONS):
            kept = _kept(module, function)
            if kept is not None and not CHECKED.search(ast.unparse(function)):
                yield self.finding(module, kept, message)
        for call in module.method_calls("save"):
            around = module.enclosing_function(call)
            if around is None or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            sent = call.args[1] if _is_storage(module, call) and len(call.args) > 1 else call.func.value
            origin = ast.unparse(module.value_of(sent)) if isinstance(sent, ast.Name) else ast.unparse(sent)
            loops = [
                n
                for n in module.within(around, ast.For)
                if isinstance(n.target, ast.Name) and isinstance(sent, ast.Name) and n.target.id == sent.id
            ]
            if (
                ".files" not in origin
                and ".FILES" not in origin
                and not any(".files" in ast.unparse(n.iter) or ".FILES" in ast.unparse(n.iter) for n in loops)
            ):
                continue
            if not CHECKED.search(ast.unparse(around)):
                yield self.finding(module, call, message)


def _is_storage(module: Module, call: ast.Call) -> bool:
    """``storage.save(name, file)`` of Django."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    name = module.qualified_name(owner) or ""
    return name.endswith(("default_storage", "FileSystemStorage()", "storage"))


def _kept(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Call | None:
    """Where the function writes to disk what came in a parameter of Starlette's type for uploads."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    sent = {
        one.arg
        for one in arguments
        if one.annotation is not None
        and (module.qualified_name(one.annotation) or "").endswith(".UploadFile")
    }
    if not sent:
        return None
    for call in module.within(function, ast.Call):
        name, given = module.qualified_name(call.func) or "", call.args[:1]
        if name == "shutil.copyfileobj" and given and ast.unparse(given[0]).partition(".")[0] in sent:
            return call
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("write", "write_bytes") and given:
            written = ast.unparse(module.value_of(given[0]))
            if any(re.search(rf"\b{re.escape(one)}(?:\.file)?\.read\(", written) for one in sent):
                return call
    return None
