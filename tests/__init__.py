"""Tests: MIDI files of our own, real UDP sockets, the real .amxd bytes; no mocks of our own code."""

import pytest

pytest.register_assert_rewrite("tests.support")
