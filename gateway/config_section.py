"""What the tables of the configuration have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from gateway import config_file_values as file_rules

RegularFile = Annotated[Path, AfterValidator(file_rules.regular_file)]
SecretFile = Annotated[Path, AfterValidator(file_rules.secret_file)]


class Section(BaseModel):
    """A table of the file: closed, so that a mistyped key is found, and never changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
