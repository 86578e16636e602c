"""Operations without a deterministic form."""

from __future__ import annotations

from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import keyword
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Confidence, Finding, Rule, Severity

LOOSE = tuple(
    f"tensorflow.{name}"
    for name in (
        "image.sample_distorted_bounding_box",
        "random.Generator.from_non_deterministic_state",
        "random.get_global_generator",
        "compat.v1.nn.fused_batch_norm",
        "nn.fractional_max_pool",
        "nn.fractional_avg_pool",
        "image.adjust_contrast",
        "raw_ops.DebugNumericSummary",
        "quantization.fake_quant_with_min_max_vars_gradient",
        "quantization.fake_quant_with_min_max_vars_per_channel_gradient",
        "random.experimental.Generator.from_non_deterministic_state",
        "nn.depthwise_conv2d_backprop_filter",
        "compat.v1.Session",
        "math.unsorted_segment_sum",
        "sparse.sparse_dense_matmul",
        "image.random_flip_left_right",
        "image.random_crop_and_resize",
        "image.random_brightness",
        "image.random_contrast",
    )
)


class TensorflowNondeterministicApi(Rule):
    """Operation gives other results from run to run, whatever the seed.

    It has no deterministic form on a GPU, or takes its numbers from a generator that no seed reaches.

    Use the stateless or deterministic counterpart.
    """

    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    aliases = ("python/tensorflow-avoid-using-nondeterministic-api@v1.0",)
    triggers = ("tensorflow",)
    noncompliant = (
        """
        import tensorflow as tf

        def pick(image, size):
            return tf.image.sample_distorted_bounding_box(size, bounding_boxes=image)  # finding
        """,
        """
        import tensorflow as tf

        def generator():
            return tf.random.Generator.from_non_deterministic_state()  # finding
        """,
    )
    compliant = (
        """
        import tensorflow as tf

        def pick(image, size, seed):
            return tf.image.stateless_sample_distorted_bounding_box(size, bounding_boxes=image, seed=seed)
        """,
        """
        import tensorflow as tf

        def generator():
            return tf.random.Generator.from_seed(17)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(*LOOSE):
            seeded = keyword(call, "seed") is not None
            if not seeded:
                yield self.finding(
                    module,
                    call,
                    "No seed settles what this gives. Use its stateless or deterministic counterpart.",
                )
