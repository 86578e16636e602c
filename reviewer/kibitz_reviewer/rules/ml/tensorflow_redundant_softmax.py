"""Softmax taken twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, is_true, keyword, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

LOSSES = (
    "softmax_cross_entropy_with_logits",
    "sparse_softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
)


class TensorflowRedundantSoftmax(Rule):
    """Softmax stands before a loss that takes it itself.

    Taken twice it flattens the differences: gradients become tiny, and training slow or stuck.

    Give the raw outputs to the loss, or say `from_logits=False`.
    """

    severity = Severity.MEDIUM
    aliases = ("python/tensorflow-redundant-softmax@v1.0",)
    triggers = ("tensorflow", "keras")
    noncompliant = (
        """
        import tensorflow as tf

        def loss(labels, outputs):
            probabilities = tf.nn.softmax(outputs)
            return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=probabilities)  # finding
        """,
        """
        import tensorflow as tf

        model = tf.keras.Sequential([tf.keras.layers.Dense(3, activation="softmax")])
        model.compile(loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True))  # finding
        """,
    )
    compliant = (
        """
        import tensorflow as tf

        def loss(labels, outputs):
            return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=outputs)
        """,
        """
        import tensorflow as tf

        model = tf.keras.Sequential([tf.keras.layers.Dense(3, activation="softmax")])
        model.compile(loss=tf.keras.losses.CategoricalCrossentropy(from_logits=False))
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        message = "This loss takes the softmax itself. Give it the raw outputs."
        for call in module.calls(
            *(f"tensorflow.nn.{n}" for n in LOSSES), *(f"tensorflow.compat.v1.nn.{n}" for n in LOSSES)
        ):
            logits = argument(call, 1, "logits")
            made = module.value_of(logits) if logits is not None else None
            if isinstance(made, ast.Call) and name_of(module, made.func).endswith((".softmax", ".Softmax()")):
                yield self.finding(module, call, message)
        layers = [
            c
            for c in module.nodes(ast.Call)
            if module.constant(keyword(c, "activation")) == "softmax"
            or name_of(module, keyword(c, "activation")).endswith("softmax")
            or name_of(module, c.func).endswith("keras.layers.Softmax")
        ]
        for call in module.nodes(ast.Call):
            name = name_of(module, call.func)
            if (
                layers
                and name.endswith(("CategoricalCrossentropy", "categorical_crossentropy"))
                and is_true(module, keyword(call, "from_logits"))
            ):
                yield self.finding(module, call, message)
