"""The manifests by Kubernetes' own schemas, strictly and offline; KEDA's by the one beside them: `make lint-deploy`.

`python check_kubernetes.py FOLDER`: every YAML file below it. Exit code 1 and a line for each fault.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

VERSION = "1.34"  # of Kubernetes


def faults(path: Path, schemas: dict[str, Any]) -> list[str]:
    found = []
    for document in yaml.safe_load_all(path.read_text()):
        kind = document.get("kind", "nothing")
        name = f"{path} {kind} {document.get('metadata', {}).get('name', '')}"
        try:
            if kind in schemas:
                jsonschema.validate(document, schemas[kind])
            elif kind == "Kustomization":
                found += [f"{name}: {file} is not there" for file in document["resources"] if not _is_there(path, file)]
            else:
                kubernetes_validate.validate(document, VERSION, strict=True)
        except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as fault:
            found.append(f"{name}: {fault.message} at {'/'.join(str(word) for word in fault.path)}")
        except kubernetes_validate.SchemaNotFoundError as fault:
            found.append(f"{name}: {fault}")
    return found


def _is_there(path: Path, resource: str) -> bool:
    target = path.parent / resource
    return target.is_file() or (target / "kustomization.yaml").is_file()


def main(folder: Path) -> int:
    schemas = {"ScaledObject": json.loads((folder / "schemas" / "scaledobject.json").read_text())}
    files = sorted(folder.rglob("*.yaml"))
    found = [fault for path in files for fault in faults(path, schemas)]
    print("\n".join(found) or f"{len(files)} files of manifests are as Kubernetes {VERSION} wants them")  # noqa: T201
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
