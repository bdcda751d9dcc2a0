"""What a check says."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Found:
    """One thing that is not as it should be.

    Attributes:
        code: of its sentence, see ``app.web.sentences.checks``.
        params: values of the sentence.
        fix: puts it right without the loss of anything, True when it did; None where a person must decide.
        fixed: it was put right.
    """

    code: str
    params: dict[str, object] = field(default_factory=dict)
    fix: Callable[[], bool] | None = None
    fixed: bool = False

    def mend(self) -> None:
        """Put it right if that is safe."""
        if self.fix is not None:
            self.fixed = self.fix()
