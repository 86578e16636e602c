"""Trainings nobody can repeat."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class TensorflowUnseeded(Rule):
    """Training takes random numbers from no fixed start.

    A result that cannot be repeated can be neither compared nor explained.

    Call `tf.random.set_seed` (or `tf.keras.utils.set_random_seed`, which sets all) at the start.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    aliases = ("python/tensorflow-control-sources-of-randomness@v1.0",)
    triggers = ("tensorflow", "keras")
    noncompliant = (
        """
        import tensorflow as tf

        def main(data, labels):
            model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
            model.compile(optimizer="adam", loss="mse")
            model.fit(data, labels)  # finding
        """,
    )
    compliant = (
        """
        import tensorflow as tf

        tf.random.set_seed(17)

        def main(data, labels):
            model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
            model.compile(optimizer="adam", loss="mse")
            model.fit(data, labels)
        """,
        """
        import tensorflow as tf

        def load(path):
            return tf.keras.models.load_model(path).predict([1.0])
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if re.search(r"(?:^|/)(?:tests?/|test_)|_test\.py$", module.path):
            return
        if not module.imported & {"tensorflow", "keras"} or module.words & {
            "set_seed",
            "set_random_seed",
            "seed_everything",
            "manual_seed",
        }:
            return
        starts = [
            *module.method_calls("fit", "fit_generator", "apply_gradients", "train_on_batch"),
            *module.calls(
                "tensorflow.random.normal",
                "tensorflow.random.uniform",
                "tensorflow.random.shuffle",
                "tensorflow.random.truncated_normal",
            ),
        ]
        trained = [
            c
            for c in starts
            if not re.search(
                r"(?i)scaler|encoder|tokenizer|vectorizer|pca|imputer|early", ast.unparse(c.func)
            )
        ]
        if trained:
            yield self.finding(
                module,
                min(trained, key=lambda c: c.lineno),
                "This training cannot be repeated. Call `tf.random.set_seed` at the start.",
            )
