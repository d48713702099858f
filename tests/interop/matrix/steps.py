"""Steps of sipp's scripts that only the matrix needs; the others: tests/gateway/trunk/script.py."""

from __future__ import annotations

from dataclasses import dataclass

from tests.gateway.trunk.script import OWN_TAG, Receive, Request, Respond, Step

RELIABLE = "Require: 100rel\nRSeq: 1"
CHALLENGE = 'WWW-Authenticate: Digest realm="sipp",nonce="7a69",algorithm=MD5,qop="auth"'
TIMED = "Require: timer\nSupported: timer\nSession-Expires: 90;refresher={}"
WITHOUT_UPDATE = "Allow: INVITE, ACK, CANCEL, BYE"


@dataclass(frozen=True)
class Fork(Respond):
    """A response of one of several phones, by its tag."""

    tag: str = ""

    def xml(self) -> str:
        return super().xml().replace(OWN_TAG, f"tag={self.tag}")


@dataclass(frozen=True)
class Again(Step):
    """A step after a re-INVITE of the gateway's: To, which is remembered, has our tag by then."""

    step: Step

    def xml(self) -> str:
        return self.step.xml().replace(f";{OWN_TAG}", "")


@dataclass(frozen=True)
class RefusedAck(Step):
    """The ACK of a refusal: it has the branch of its request, which was two steps ago."""

    request: Request

    def xml(self) -> str:
        ack = Request("ACK", self.request.cseq).xml()
        return ack.replace("branch=[branch]", "branch=[branch-2]")


@dataclass(frozen=True)
class Verified(Step):
    """A request whose digest sipp itself finds right; for another it waits in vain for NOTHING."""

    method: str
    username: str
    password: str

    def xml(self) -> str:
        plain = Receive(self.method).xml()
        verify = (
            f'<verifyauth assign_to="valid" username="{self.username}" password="{self.password}"/>'
        )
        if "</action>" in plain:
            plain = plain.replace("</action>", f"{verify}</action>")
        else:
            plain = plain.replace("></recv>", f"><action>{verify}</action></recv>")
        return "\n".join(
            [
                plain,
                '<nop test="valid" next="1"/>',
                '<recv request="NOTHING" timeout="100"/>',
                '<label id="1"/>',
            ]
        )
