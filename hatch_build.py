"""Compiles `spec/` into the package, so that nothing parses YAML when the library is used."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent


def compile_contract(folder: Path) -> None:
    """Write everything that the package carries of `spec/` into `folder`."""
    sys.path.insert(0, str(ROOT / "src"))
    from chatcontract import closures, rules
    from chatcontract.spec import anchors, document, forms, tolerances
    from chatcontract.spec import compile as spec_compile

    read = document.load(ROOT / "spec" / "openapi.yaml")._replace(origin="spec/openapi.yaml")
    entries = document.parse_yaml((ROOT / "spec" / "tolerances.yaml").read_text(), "spec/tolerances.yaml")
    excused = tolerances.read(entries, read)
    whole = forms.read(document.parse_yaml((ROOT / "spec" / "forms.yaml").read_text(), "spec/forms.yaml"))
    shutil.rmtree(folder, ignore_errors=True)
    compiled = spec_compile.compile_document(read, excused, whole)
    compiled.facts["deprecated"] = anchors.deprecated(read)
    closures.write(compiled, str(folder))
    written = {
        "tolerances": excused,
        "forms": whole,
        "levels": {name: {**known, **forms.levels(whole)[name]} for name, known in tolerances.levels(excused).items()},
        "document": read.tree,
        "rules": rules.index(),
    }
    for name, made in written.items():
        (folder / f"{name}.json").write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")))
    shutil.copy(ROOT / "spec" / "openapi.yaml", folder / "openapi.yaml")


class ContractBuildHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compile_contract(ROOT / "src" / "chatcontract" / "contract")


if __name__ == "__main__":
    compile_contract(ROOT / "src" / "chatcontract" / "contract")
