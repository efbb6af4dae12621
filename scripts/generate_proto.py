"""Write the generated protobuf code, or prove that what is checked in is current.

usage: python scripts/generate_proto.py [--check]
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

import grpc_tools
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "proto" / "spanwarden" / "otlp"
TARGET = ROOT / "src" / "spanwarden" / "otlp" / "proto"


def generate(target: pathlib.Path) -> None:
    """Generate modules and type stubs for every .proto file into `target`."""
    include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = sorted(str(path) for path in SOURCE.glob("*.proto"))
    arguments = ["protoc", f"-I{SOURCE}", f"-I{include}", f"--python_out={target}", f"--pyi_out={target}", *files]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed")


def main() -> int:
    """Run the command line."""
    if "--check" not in sys.argv[1:]:
        generate(TARGET)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = pathlib.Path(folder)
        generate(fresh)
        stale = [p.name for p in sorted(fresh.iterdir()) if (TARGET / p.name).read_bytes() != p.read_bytes()]
    if stale:
        print(f"stale generated code: {', '.join(stale)}; run make proto", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    raise SystemExit(main())
