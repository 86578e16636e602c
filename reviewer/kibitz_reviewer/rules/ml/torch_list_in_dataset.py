"""Lists copied to every worker."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kibitz_reviewer.engines.arguments import argument, keyword, known, name_of
from kibitz_reviewer.engines.index import Module
from kibitz_reviewer.rule import Finding, Rule, Severity

LISTS = ("list", "dict", "os.listdir", "glob.glob", "sorted", "json.load")


class TorchListInDataset(Rule):
    """Dataset keeps a Python list and is read by several workers.

    Reading a list changes the reference counts in its pages: each worker slowly copies the whole of it, until memory is full.

    Keep the data in an array (`numpy`, `torch.tensor`), or load it per item.
    """

    severity = Severity.MEDIUM
    aliases = ("python/pytorch-data-loader-with-multiple-workers@v1.0",)
    triggers = ("DataLoader",)
    noncompliant = (
        """
        from torch.utils.data import DataLoader, Dataset

        class Images(Dataset):
            def __init__(self, paths):
                self.paths = [str(path) for path in paths]

            def __len__(self):
                return len(self.paths)

            def __getitem__(self, index):
                return self.paths[index]

        def load(paths):
            return DataLoader(Images(paths), num_workers=4)  # finding
        """,
    )
    compliant = (
        """
        import numpy as np
        from torch.utils.data import DataLoader, Dataset

        class Images(Dataset):
            def __init__(self, paths):
                self.paths = np.array([str(path) for path in paths])

            def __getitem__(self, index):
                return self.paths[index]

        def load(paths):
            return DataLoader(Images(paths), num_workers=4)
        """,
        """
        from torch.utils.data import DataLoader, Dataset

        class Images(Dataset):
            def __init__(self, paths):
                self.paths = [str(path) for path in paths]

        def load(paths):
            return DataLoader(Images(paths), num_workers=0)
        """,
    )

    def check(self, module: Module) -> Iterator[Finding]:
        sets = {
            node.name
            for node in module.nodes(ast.ClassDef)
            if any(
                name_of(module, base).endswith("data.Dataset") or ast.unparse(base).endswith("Dataset")
                for base in node.bases
            )
            and self._keeps_list(module, node)
        }
        for call in module.calls("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader"):
            workers = known(module, keyword(call, "num_workers"))
            source = argument(call, 0, "dataset")
            made = module.value_of(source) if source is not None else None
            if (
                isinstance(workers, int)
                and workers > 0
                and isinstance(made, ast.Call)
                and isinstance(made.func, ast.Name)
                and made.func.id in sets
            ):
                yield self.finding(
                    module, call, "Each worker slowly copies the dataset's list. Keep the data in an array."
                )

    def _keeps_list(self, module: Module, node: ast.ClassDef) -> bool:
        for assign in ast.walk(node):
            if isinstance(assign, ast.Assign) and any(isinstance(t, ast.Attribute) for t in assign.targets):
                value = module.value_of(assign.value)
                if isinstance(value, ast.ListComp | ast.DictComp | ast.List | ast.Dict):
                    return True
                if isinstance(value, ast.Call) and name_of(module, value.func) in LISTS:
                    return True
        return False
