"""Single messages and what must be answered (`scripts-sendto`): sent by the suite's own code.

Its scripts are Python and describe a message, a status, and patterns for the answer. They and its
small SIP client (`inc_sip`) are imported from where they lie; only the module that would start
pjsua (`inc_cfg`) is replaced, by one that keeps the arguments.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import re
import sys
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from tests.interop.outcome import Outcome, name_of

if TYPE_CHECKING:
    from pathlib import Path

LIMIT: Final = 10.0  # seconds for a final answer, as the suite has it
LINE_END: Final = re.compile(r"\r?\n")


class InstanceParam:
    """Stands for a pjsua to start; here, something runs already."""

    def __init__(self, name: str, arguments: str, **options: object) -> None:
        self.arg = arguments


class Messages:
    """The suite's client and scripts, `suite` being where its folder lies."""

    def __init__(self, suite: Path) -> None:
        stub = ModuleType("inc_cfg")
        vars(stub)["InstanceParam"] = InstanceParam
        sys.modules["inc_cfg"] = stub
        sys.path.insert(0, str(suite))
        client: Any = importlib.import_module("inc_sip")
        client.print = lambda *words: None  # each second that it waits
        self._client = client

    def script(self, file: Path) -> Any:
        """Import a script; return its configuration."""
        found = importlib.util.spec_from_file_location(f"sendto_{file.stem}", file)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        return module.sendto_cfg

    def is_call(self, file: Path) -> bool:
        """Tell whether a script's message is an INVITE."""
        message = self.script(file).complete_msg
        return not message or message.startswith("INVITE")

    async def tell(self, file: Path, port: int, folder: Path) -> Outcome:
        """Send a script's message to a port of loopback, and judge the answer."""
        why = await asyncio.to_thread(self._send, self.script(file), port)
        return Outcome(name_of(file), not why, why)

    def _send(self, wanted: Any, port: int) -> str:
        """Return what is wrong with the answer, or nothing; as the suite's mod_sendto judges."""
        dialog = self._client.Dialog("127.0.0.1", port, tcp=wanted.use_tcp, trace=False)
        # The client has one of each for all of its dialogs
        dialog.call_id, dialog.local_tag = uuid4().hex, f";tag={uuid4().hex}"
        if wanted.complete_msg:
            # Its Content-Length counts the line ends that SIP has, and the script has not
            request = LINE_END.sub("\r\n", dialog.update_fields(wanted.complete_msg))
        else:
            request = dialog.create_invite(wanted.sdp, wanted.extra_headers, wanted.body)
        try:
            answer = dialog.send_request_wait(request, LIMIT)
            code = int(self._client.get_code(answer))
        except AttributeError:  # how its client says that nothing has come within a second
            return f"no answer, and not {wanted.resp_code}"
        with suppress(AttributeError):
            dialog.hangup(code)
        dialog.sock.close()
        return _judge(wanted, code, answer)


def _judge(wanted: Any, code: int, answer: str) -> str:
    if code != wanted.resp_code:
        return f"{code} came, and not {wanted.resp_code}"
    for pattern in wanted.resp_include:
        if re.search(pattern, answer, re.M | re.I) is None:
            return f"the answer is without {pattern}"
    for pattern in wanted.resp_exclude:
        if re.search(pattern, answer, re.M | re.I) is not None:
            return f"the answer is with {pattern}"
    return ""
