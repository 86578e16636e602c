"""Logging in and out of the pages: a token is traded for a signed cookie."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, render_template, request, session
from werkzeug.wrappers import Response

pages = Blueprint("login", __name__)

_LONGEST_TOKEN = 256


@pages.get("/login")
def login_page() -> str:
    """The form."""
    return render_template("login.html", wrong=False)


@pages.post("/login")
def login() -> Response | tuple[str, int]:
    """A session for a valid token; the form again for any other."""
    principal = current_app.extensions["kibitz_login"](request.form.get("token", "")[:_LONGEST_TOKEN].strip())
    if principal is None:
        return render_template("login.html", wrong=True), 401
    session.clear()
    session.permanent = True
    session["token"] = principal.id
    return redirect("/", code=303)


@pages.post("/logout")
def logout() -> Response:
    """Forget the session."""
    session.clear()
    return redirect("/login", code=303)
