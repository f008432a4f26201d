"""The figures of a model on held-out music, with floors, baselines and controls: the one entry of the evaluation (design §4).

What is measured is what a product answers (`models.evaluation.product.Product`); only what needs a network's likelihoods, and
the textbook VAE that no product has, is asked of networks.
"""

from __future__ import annotations

from models.evaluation.amounts import amounts
from models.evaluation.changed_notes import changes_in_context, seams
from models.evaluation.data import STANDARD, EvaluationData, Sizes
from models.evaluation.exactness import exactness
from models.evaluation.figures import Figures, Progress, excess, gather
from models.evaluation.hidden_parts import hidden_parts
from models.evaluation.in_context import in_context
from models.evaluation.interpolations import middles, step_evenness
from models.evaluation.locks import locks, targets
from models.evaluation.model_evaluation import ModelEvaluation
from models.evaluation.pairs import pairs
from models.evaluation.product import Product
from models.evaluation.reconstruction import reconstruction, whole_files
from models.evaluation.request_evaluation import RequestEvaluation
from models.evaluation.samples import judge_controls, plain_vae, samples, training_music, why_void
from models.evaluation.variations import variations, varied_files
from models.network.decoding import LatentModel

# Keys of the design that are not measured here.
TO_COME = ("routing_accuracy",)  # what `evaluate --routing` measures, whatever the model
PARTS = (
    reconstruction,
    whole_files,
    samples,
    variations,
    varied_files,
    in_context,
    pairs,
    middles,
    training_music,
    plain_vae,
    judge_controls,
)
CONTROL_PARTS = (exactness, amounts, changes_in_context, step_evenness, locks, targets, hidden_parts, seams)


def evaluate(
    model: LatentModel,
    product: Product,
    data: EvaluationData,
    *,
    plain: LatentModel | None = None,
    control: bool = False,
    seed: int = 0,
    sizes: Sizes = STANDARD,
    progress: Progress = lambda fraction, part: None,
) -> Figures:
    """Measure what a product makes with a model: the flat keys of design §4, None where a figure does not apply.

    An AUC is how well the better of two judges (models.evaluation.judge) tells real held-out windows from something else, with
    its 95 % interval in `_low` and `_high`. `void` says why the AUCs must not be trusted; it is empty where they may.
    `control` adds how well requests are met. Sets that the model only reconstructs (`codec_sets` of its config) are left out.
    """
    evaluation = ModelEvaluation(model, product, data, plain, seed, sizes)
    requests = RequestEvaluation(evaluation)
    figures = gather(
        [*((part, evaluation) for part in PARTS), *((part, requests) for part in CONTROL_PARTS if control)], progress
    )
    return finished(figures)


def finished(figures: Figures) -> Figures:
    """Add what follows from the figures of all parts: the excess over real training music, and whether the AUCs hold."""
    figures = dict(figures)
    for key in ("sample_auc", "middle_auc"):
        figures[f"{key}_excess"] = excess(figures.get(key), figures[f"floor.train.{key}"])
    for name in ("03", "06"):
        figures[f"vary_auc_{name}_excess"] = excess(figures[f"vary_auc_{name}"], figures["floor.train.sample_auc"])
    figures["control.markov"] = figures["baseline.markov.sample_auc"]
    figures["void"] = why_void(figures)
    return figures | dict.fromkeys(TO_COME)
