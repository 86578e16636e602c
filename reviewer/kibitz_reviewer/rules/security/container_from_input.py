"""Containers that outsiders choose."""

from __future__ import annotations

from kibitz_reviewer.rule import Severity
from kibitz_reviewer.rule_flow import FlowRule


class ContainerFromInput(FlowRule):
    """Container is run with an image or a command that an outsider controls.

    Whoever chooses the image runs code on the machine, next to its other containers and with what is mounted into it.

    Run images from a fixed list only.
    """

    severity = Severity.MEDIUM
    cwe = (77,)
    aliases = ("python/docker-arbitrary-container-run@v1.0",)
    triggers = ("docker", "create_container")
    kinds = ("docker",)
    advice = "Run images of a fixed list only."
    noncompliant = (
        """
        import docker
        from flask import Flask, request

        app = Flask(__name__)

        @app.route("/run")
        def run():
            client = docker.from_env()
            client.containers.run(request.args["image"])  # finding
            return "started"
        """,
        """
        import docker

        def lambda_handler(event, context):
            client = docker.DockerClient()
            return client.containers.create("alpine", command=event["command"]).id  # finding
        """,
    )
    compliant = (
        """
        import docker
        from flask import Flask, request

        app = Flask(__name__)
        IMAGES = {"small": "alpine:3", "large": "debian:12"}

        @app.route("/run")
        def run():
            docker.from_env().containers.run(IMAGES[request.args["size"]])
            return "started"
        """,
        """
        import docker

        def start():
            return docker.from_env().containers.run("alpine:3", ["echo", "ready"])
        """,
    )
