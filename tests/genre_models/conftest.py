"""What tests of the training loop share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def strategy() -> Any:
    """Return the strategy of one worker."""
    from genre_models.training.trainer import set_up_tensorflow

    return set_up_tensorflow(workers=1)
