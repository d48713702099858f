#!/bin/sh
# MkDocs that is told to be quiet is no longer strict: a link that leads nowhere passes.
#
# Software: mkdocs 1.6.1, a page with a link to a page that is not there.
# Surprise: --strict is documented as "Enable strict mode. This will cause MkDocs to abort the build
#   on any warnings", --quiet as "Silence warnings". A build with both is expected to fail without a
#   word. It succeeds: warnings are counted where they are written, and what is not written does not
#   count. A Makefile that wants silence as long as all is well has to keep the output itself.
# Seen: status 1 and the link's name by --strict; status 0 and no byte by --strict --quiet.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare mkdocs==1.6.1

run 60 <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from expect import end, expect

Path("docs").mkdir()
Path("docs/index.md").write_text("# Page\n\n[a link](nowhere.md)\n")
Path("mkdocs.yml").write_text("site_name: Site\n")


def build(*options):
    """Build the site, and return the exit status and what was said."""
    command = [sys.executable, "-m", "mkdocs", "build", *options]
    ran = subprocess.run(command, capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


print(f"mkdocs {version('mkdocs')}")
status, said = build("--strict")
expect((status, "nowhere.md" in said), (1, True), "--strict: status, and whether it names the link")
expect(build("--strict", "--quiet"), (0, ""), "--strict --quiet: status, and what it says")
end()
PYTHON
