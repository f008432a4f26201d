"""Groove: notes stay, and are played as drummers play; what must not change does not, whatever the clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine import Engine
from bridge.protocol.limits import Limits
from bridge.protocol.messages import ProtocolError, read_verb
from bridge.requests import Groove
from models.editing.groove import Playing, groove
from models.families.drums import GM_KIT
from models.feel.hits import TICKS, find_places, is_exact
from models.feel.player import Player, weight_shapes
from models.feel.store import FEEL, WEIGHTS, find_feel, load_player
from models.music.clip import Clip, Note
from models.music.midi import read_clip
from models.store import ModelError
from tests.support.clips import Kind, kinds, some, sources


@pytest.fixture(scope="module")
def player() -> Player:
    """One that has learned nothing, and plays freely."""
    rng = np.random.default_rng(1)
    return Player({name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in weight_shapes().items()})


@pytest.fixture(scope="module")
def shipped() -> Engine:
    return Engine()


SIXTEENTHS = [step / 4 for step in range(16)]


def beat(*pitches: int, steps: Sequence[float] = SIXTEENTHS, velocity: float = 100) -> Clip:
    return Clip(tuple(Note(p, s, 0.1, velocity) for s in steps for p in pitches), 4.0)


def order_of(clip: Clip) -> dict[int, list[int]]:
    """The notes of each pitch in the order they begin in."""
    found: dict[int, list[int]] = {}
    for i in sorted(range(len(clip.notes)), key=lambda i: clip.notes[i].start):
        found.setdefault(clip.notes[i].pitch, []).append(i)
    return found


def sounds_into(clip: Clip) -> set[tuple[int, int]]:
    """The pairs of notes of one pitch of which the first sounds into the second."""
    notes = clip.notes
    return {
        (a, b)
        for mine in order_of(clip).values()
        for k, a in enumerate(mine)
        for b in mine[k + 1 :]
        if notes[b].start < notes[a].end - 1e-6
    }


@kinds
@given(data=st.data())
@some(20)
def test_notes_stay_in_their_order_inside_their_clip_and_cut_none(player: Player, kind: Kind, data: st.DataObject) -> None:
    clip = data.draw(sources[kind])
    locked = (
        frozenset(data.draw(st.sets(st.integers(0, max(0, len(clip.notes) - 1)), max_size=5))) if clip.notes else frozenset()
    )
    dials = data.draw(st.sampled_from([(1.0, 1.0), (0.5, 0.3), (1.0, 0.0), (0.0, 1.0)]))
    kit = GM_KIT if kind == "drums" else None
    for made in groove(player, clip, kit, Playing(*dials), count=2, locked=locked).clips:
        assert replace(made, notes=()) == replace(clip, notes=())
        assert len(made.notes) == len(clip.notes)
        assert sounds_into(made) <= sounds_into(clip)
        for i, (new, old) in enumerate(zip(made.notes, clip.notes, strict=True)):
            assert replace(new, start=old.start, duration=old.duration, velocity=old.velocity) == old
            assert new.duration <= old.duration
            assert (new.start >= made.start) == (old.start >= clip.start)
            assert (new.start < made.end) == (old.start < clip.end) or old.start >= clip.end
            assert new.end <= made.end + 1e-6 or old.end > clip.end
            if i in locked:
                assert new == old or new.start == old.start
            if dials[0] == 0:
                assert (new.start, new.duration) == (old.start, old.duration)
            if dials[1] == 0 or old.velocity == 0:
                assert new.velocity == old.velocity
                continue
            assert i in locked or 1 <= new.velocity <= 127
        for pitch, mine in order_of(clip).items():
            starts = [made.notes[i].start for i in sorted(mine, key=lambda i: clip.notes[i].start)]
            assert starts == sorted(starts), pitch


def test_with_both_dials_at_0_there_is_the_clip_itself(shipped: Engine) -> None:
    clip = beat(36, 42)
    answer = shipped.run(Groove(clips=(clip,), timing=0, velocity=0, seed=1))
    assert answer.clips == (clip,)
    assert [(n.from_clip, n.from_note) for n in answer.clips[0].notes] == [(0, i) for i in range(len(clip.notes))]
    assert answer.info == ("timing and velocity are 0: there is one clip, as it was",)


def test_ways_differ_and_the_first_of_few_are_the_first_of_many(shipped: Engine) -> None:
    clip = beat(36, 38, 42)
    many = shipped.run(Groove(clips=(clip,), seed=3, count=9)).clips
    assert len(set(many)) == 9
    assert shipped.run(Groove(clips=(clip,), seed=3, count=2)).clips == many[:2]
    assert shipped.run(Groove(clips=(beat(46), clip), seed=3, count=2)).clips[2:] == many[:2]
    assert shipped.run(Groove(clips=(clip,), seed=4, count=1)).clips[0] not in many


def test_a_dial_half_way_goes_half_as_far(shipped: Engine) -> None:
    clip = beat(42, steps=[0.5, 1.5, 2.5], velocity=60)
    whole, half = (shipped.run(Groove(clips=(clip,), timing=t, velocity=1, count=1, seed=5)).clips[0] for t in (1, 0.5))
    for a, b, n in zip(whole.notes, half.notes, clip.notes, strict=True):
        assert b.start - n.start == pytest.approx((a.start - n.start) / 2)
        assert a.velocity == b.velocity


def test_locked_voices_stretches_and_notes_stay(shipped: Engine) -> None:
    clip = beat(36, 38, 42)
    request = Groove(clips=(clip,), count=2, seed=1, lock_voices=("kick",), lock_beats=((1, 2),), lock_notes=(2,))
    for made in shipped.run(request).clips:
        changed = {i for i, (a, b) in enumerate(zip(made.notes, clip.notes, strict=True)) if a != b}
        assert changed == {i for i, n in enumerate(clip.notes) if n.pitch != 36 and not 1 <= n.start < 2 and i != 2}
        assert all((made.notes[i].from_note >= 0) == (i not in changed) for i in range(len(clip.notes)))


def test_a_chord_is_struck_as_it_was_and_keeps_its_balance(shipped: Engine) -> None:
    chord = (Note(60, 1.0, 1, 80), Note(64, 1.02, 1, 60), Note(67, 1.04, 1, 70), Note(60, 3.0, 1, 80))
    made = shipped.run(Groove(clips=(Clip(chord, 4.0),), kind="notes", count=1, seed=2)).clips[0]
    first = made.notes[0]
    assert first.start != 1.0
    assert [n.start - first.start for n in made.notes[:3]] == pytest.approx([0, 0.02, 0.04])
    assert [n.velocity - first.velocity for n in made.notes[:3]] == [0, -20, -10]


def test_triplets_stay_triplets(shipped: Engine) -> None:
    clip = beat(42, steps=[k / 3 for k in range(12)])
    made = shipped.run(Groove(clips=(clip,), count=4, seed=2)).clips
    shift = [new.start - old.start for c in made for new, old in zip(c.notes, clip.notes, strict=True)]
    assert max(map(abs, shift)) <= 0.13
    assert abs(float(np.mean(shift))) < 0.05


def test_places_are_found_for_strokes_off_the_grid() -> None:
    starts = np.array([0.02, 0.24, 0.5, 0.97, 1.0, 1.125])
    pitches = np.array([42, 42, 42, 38, 38, 38])
    assert find_places(starts, pitches, triplets=False).tolist() == [0, 6, 12, 21, 24, 27]
    swung = np.array([0.0, 0.68, 1.0, 1.66])
    assert find_places(swung, np.full(4, 42), triplets=True).tolist() == [0, 16, 24, 40]
    assert is_exact(np.array([0.25, 1 / 3, 0.125, 0.29])).tolist() == [True, True, True, False]
    assert TICKS == 24


def test_the_feel_of_another_clip_is_taken(shipped: Engine) -> None:
    source = beat(36, 38, 42)
    late, early = (
        Clip(tuple(Note(42, 1 + k / 4 + by, 0.1, 30 if k % 2 else 110) for k in range(28)), 8.0) for by in (0.06, -0.06)
    )
    made = [shipped.run(Groove(clips=(source, like), like=True, seed=1)) for like in (late, early)]
    assert made[0].sources == (0,) * 8
    hats = [[(n, o) for c in m.clips for n, o in zip(c.notes, source.notes, strict=True) if o.pitch == 42] for m in made]
    lateness = [float(np.mean([n.start - o.start for n, o in its])) for its in hats]
    assert lateness[0] > lateness[1] + 0.02
    for its in hats:
        strong, weak = ([n.velocity for n, o in its if o.start % 0.5 == at] for at in (0, 0.25))
        assert np.mean(strong) > np.mean(weak) + 20
    with pytest.raises(ValueError, match="like needs two clips"):
        Groove(clips=(source,), like=True)


def test_a_clip_without_notes_stays_and_one_as_like_is_said(shipped: Engine) -> None:
    empty = Clip((), 4.0)
    assert shipped.run(Groove(clips=(empty,), seed=1)).clips == (empty,)
    answer = shipped.run(Groove(clips=(beat(36), empty), like=True, seed=1, count=1))
    assert any("there is no feel in it" in line for line in answer.info)
    assert answer.clips[0] != beat(36)


def test_files_of_all_kinds_are_played(shipped: Engine, clips: Path) -> None:
    for name in ("drums_5_4", "drums_6_8", "drums_7_8", "band", "swing", "waltz_3_4", "lowest_and_highest"):
        path = clips / f"{name}.mid"
        if path.exists():
            clip = read_clip(path, track=1)
            made = shipped.run(Groove(clips=(clip,), count=1, seed=1)).clips[0]
            assert Counter(n.pitch for n in made.notes) == Counter(n.pitch for n in clip.notes)


def test_a_very_long_rest_costs_nothing(player: Player) -> None:
    clip = Clip((Note(36, 0, 0.1), Note(38, 2.0**20, 0.1), Note(36, 2.0**20 + 1, 0.1)), 2.0**20 + 4)
    made = groove(player, clip, GM_KIT, Playing(), count=1).clips[0]
    assert [abs(a.start - b.start) < 0.13 for a, b in zip(made.notes, clip.notes, strict=True)] == [True] * 3


def test_over_osc_the_last_clip_is_the_one_whose_feel_is_taken() -> None:
    told = read_verb("groove", {"clips": 2, "like": 1, "timing": 0.5, "count": 3}, Limits())
    assert isinstance(told.request, Groove)
    assert (told.clips, told.request.like, told.request.timing, len(told.request.played)) == (2, True, 0.5, 1)
    with pytest.raises(ProtocolError, match="like needs two clips"):
        read_verb("groove", {"clips": 1, "like": 1}, Limits())
    with pytest.raises(ProtocolError, match="timing"):
        read_verb("groove", {"clips": 1, "timing": 2}, Limits())


def test_the_model_that_ships_is_whole_and_small(tmp_path: Path) -> None:
    folder = find_feel(FEEL)
    assert (folder / WEIGHTS).stat().st_size < 2_000_000
    assert (folder / "README.md").exists()
    assert load_player().weights_sha256
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert load_player(str(tmp_path)).weights_sha256 == load_player().weights_sha256
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-4])
    with pytest.raises(ModelError, match="is not the file that"):
        load_player(str(tmp_path))
    with pytest.raises(ModelError, match="there is no model of feel"):
        load_player("nobody")


@pytest.mark.full
def test_numpy_plays_what_torch_scores(player: Player) -> None:
    """A hit is told what was played before it just as in training."""
    import torch

    from models.feel import player as played_by
    from models.feel.hits import Floats, Hits, Ints, bins_of
    from models.feel.player import Known
    from models.training.feel import batch_of
    from models.training.feel_network import FeelNetwork, dynamics, scaled

    network = FeelNetwork().eval()
    network.load_state_dict({name: torch.from_numpy(values) for name, values in player.weights.items()})
    rng = np.random.default_rng(2)
    place = np.sort(rng.integers(0, 60, 40)) * 6
    hits = Hits(place, rng.integers(0, 12, 40), np.zeros(40, np.float32), np.full(40, 80), 96, 100.0)
    feel = np.zeros((8, 16), np.float32)
    seen: list[Floats] = []
    draw = played_by._draw

    def look(logits: Floats, chance: Floats) -> Ints:
        seen.append(logits[0].copy())
        return draw(logits, chance)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(played_by, "_draw", look)
        offset, velocity = player.play(hits, feel, rng.random((8, 40, 3)).astype(np.float32), Known.nothing(40))
    played = replace(hits, offset=offset[0], velocity=velocity[0])
    batch = batch_of([played])
    with torch.no_grad():
        around = network.around(batch.static)
        told = dynamics(scaled(batch.offset, batch.velocity), batch.earlier, batch.groups, batch.gap)
        late, loud = network(around, told, torch.zeros(1, 16), torch.from_numpy(bins_of(played.offset))[None])
        heard, _ = network.posterior(around, batch.offset, batch.velocity, batch.there)
        guessed, _ = network.prior(around, batch.there)
    scored = late[0].numpy() / played_by.LATE_TEMPERATURE
    assert np.allclose(np.stack(seen[0::2]), scored, atol=2e-3)
    assert np.allclose(np.stack(seen[1::2]), loud[0].numpy(), atol=2e-3)
    assert np.allclose(player.hear(played), heard[0].numpy(), atol=1e-3)
    assert np.allclose(player.guess(played)[0], guessed[0].numpy(), atol=1e-3)
