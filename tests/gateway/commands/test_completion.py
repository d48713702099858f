from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.cli import COMMANDS, main
from gateway.commands.completion import SHELLS


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_with_every_command(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command.name in script for command in COMMANDS)
    assert "listen-sip" in script, "the options of a command that is loaded late"


COMPLETE = """
source ./script
COMP_WORDS=({words}) COMP_CWORD={last}
"$(complete -p gateway | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gateway", "ch"], {"check"}),
        (["gateway", "serve", "--c"], {"--config"}),
        (["gateway", "call", "--url", "x", "--token-"], {"--token-file"}),
        (["gateway", "serve", "--config", "gatew"], {"gateway.toml"}),
        (["gateway", "completion", "z"], {"zsh"}),
    ],
)
def test_bash_completes(
    words: list[str], expected: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    Path("script").write_text(capsys.readouterr().out)
    Path("gateway.toml").write_text("")
    bash = shutil.which("bash")
    assert bash is not None
    text = COMPLETE.format(words=" ".join(words), last=len(words) - 1)
    done = subprocess.run([bash, "-c", text], capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == expected, done.stderr
