"""Processes that start themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

ROOTS = (
    "multiprocessing",
    "multiprocessing.get_context()",
    "torch.multiprocessing",
    "multiprocessing.context",
)


class SpawnWithoutGuard(Rule):
    """Processes are started while the module is imported.

    Under the start methods "spawn" and "forkserver" each child imports this module first: it starts children of its own, which
    fails at best.

    Start them beneath `if __name__ == "__main__":`, or in a function called from there.
    """

    severity = Severity.MEDIUM
    aliases = ("python/process-spawning-with-main-module@v1.0",)
    triggers = ("multiprocessing", "ProcessPoolExecutor")
    noncompliant = (
        """
        import multiprocessing

        def work():
            print("at work")

        multiprocessing.set_start_method("spawn")
        process = multiprocessing.Process(target=work)
        process.start()  # finding
        """,
        """
        import multiprocessing as mp

        def work(number):
            return number

        context = mp.get_context("forkserver")
        pool = context.Pool(4)  # finding
        print(pool.map(work, range(4)))
        """,
    )
    compliant = (
        """
        import multiprocessing

        def work():
            print("at work")

        if __name__ == "__main__":
            multiprocessing.set_start_method("spawn")
            process = multiprocessing.Process(target=work)
            process.start()
        """,
        """
        import multiprocessing

        def work():
            print("at work")

        def main():
            multiprocessing.Process(target=work).start()
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        for call in module.calls(
            *(f"{root}.Process().start" for root in ROOTS),
            *(f"{root}.Pool" for root in ROOTS),
            "concurrent.futures.ProcessPoolExecutor",
        ):
            if (
                module.enclosing_function(call) is None
                and module.enclosing_class(call) is None
                and not self._is_guarded(module, call)
            ):
                yield self.finding(
                    module,
                    call,
                    'Each child that imports this module starts children again. Put it beneath `if __name__ == "__main__":`.',
                )

    def _is_guarded(self, module: Module, call: ast.Call) -> bool:
        return any(
            isinstance(around, ast.If) and "__name__" in ast.unparse(around.test)
            for around in module.ancestors(call)
        )
