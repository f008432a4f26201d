"""Python Magenta on TensorFlow, with MusicVAE's cat-mel_2bar_small in its published shapes and random weights.

Runs in an environment of its own. Reads {"row", "repeats"} as JSON by the line and answers with milliseconds, of the
clock and of the processor, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import types
import warnings

BATCH = 9  # of the graph, as Magenta's own script has it for nine steps
GRID = 121

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")
answers, sys.stdout = sys.stdout, sys.stderr


def stand_in() -> None:
    """Give Magenta what newer packages have renamed, or what it imports and does not need here."""
    import numpy as np

    vars(np)["bool"] = bool
    sys.modules["tensorflow_datasets"] = types.ModuleType("tensorflow_datasets")


def main() -> None:
    """Answer until there is nothing more asked."""
    stand_in()
    import note_seq
    import numpy as np
    import tensorflow.compat.v1 as tf
    from magenta.models.music_vae import configs
    from magenta.models.music_vae.trained_model import TrainedModel

    tf.get_logger().setLevel("ERROR")
    config = configs.CONFIG_MAP["cat-mel_2bar_small"]

    def begin(saver: object, session: tf.Session, path: str) -> None:
        session.run(tf.global_variables_initializer())

    tf.train.Saver.restore = begin  # in the place of a checkpoint

    def model(size: int) -> TrainedModel:
        """Make a model whose graph has so many rows, and no others."""
        return TrainedModel(config, batch_size=size, checkpoint_dir_or_path="none")

    if sys.argv[1:] == ["first"]:
        model(1).sample(1, length=32, temperature=0.5)
        return

    def tune(shift: int) -> note_seq.NoteSequence:
        sequence = note_seq.NoteSequence(total_time=4.0)
        sequence.tempos.add(qpm=120)
        for i, pitch in enumerate((60, 62, 64, 65, 67, 65, 64, 62)):
            sequence.notes.add(pitch=pitch + shift, velocity=80, start_time=i / 2, end_time=(i + 1) / 2)
        return sequence

    one, four, nine, grid = model(1), model(4), model(BATCH), model(GRID)
    corners = [tune(shift) for shift in (0, 2, 4, 5)]

    def blend() -> None:
        _, mu, _ = four.encode(corners)
        across = np.linspace(0, 1, 11)
        weights = np.array([[(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y] for y in across for x in across])
        grid.decode(weights @ mu, length=32, temperature=0.5)

    rows = {
        "sample of 1": lambda: one.sample(1, length=32, temperature=0.5),
        "sample of 4": lambda: four.sample(4, length=32, temperature=0.5),
        "interpolate of 9": lambda: nine.interpolate(corners[0], corners[1], num_steps=9, length=32, temperature=0.5),
        "11×11 blend": blend,
    }
    print(json.dumps(list(rows)), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        times, spent = [], []
        for _ in range(asked["repeats"]):
            started, began = time.perf_counter(), time.process_time()
            rows[asked["row"]]()
            times.append((time.perf_counter() - started) * 1e3)
            spent.append((time.process_time() - began) * 1e3)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"times": times, "spent": spent, "memory": memory}), file=answers, flush=True)


main()
