"""Seeds that do not settle it."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity


class TensorflowOpDeterminism(Rule):
    """Training is seeded, but operations are left free to add in any order.

    On a GPU sums differ in their last digits from run to run, and training makes much of little.

    Call `tf.config.experimental.enable_op_determinism()` after setting the seed.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    aliases = ("python/tensorflow-enable-op-determinism@v1.0",)
    triggers = ("set_seed", "set_random_seed")
    noncompliant = (
        """
        import tensorflow as tf

        def setup():
            tf.random.set_seed(17)  # finding
        """,
        """
        import tensorflow as tf

        tf.keras.utils.set_random_seed(17)  # finding
        """,
    )
    compliant = (
        """
        import tensorflow as tf

        def setup():
            tf.random.set_seed(17)
            tf.config.experimental.enable_op_determinism()
        """,
        """
        import os
        import tensorflow as tf

        os.environ["TF_DETERMINISTIC_OPS"] = "1"
        tf.random.set_seed(17)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        if "enable_op_determinism" in module.words or "TF_DETERMINISTIC_OPS" in module.source:
            return
        for call in module.calls(
            "tensorflow.random.set_seed",
            "tensorflow.keras.utils.set_random_seed",
            "tensorflow.set_random_seed",
            "tensorflow.compat.v1.set_random_seed",
            "keras.utils.set_random_seed",
        )[:1]:
            yield self.finding(
                module,
                call,
                "The seed alone does not make results the same. Call `enable_op_determinism()` too.",
            )
