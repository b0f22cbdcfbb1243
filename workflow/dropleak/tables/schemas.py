"""The columns of every Parquet table, with descriptions and units in the field metadata."""

import pyarrow as pa

from dropleak import paper


def _column(
    name: str, kind: pa.DataType, description: str, unit: str = "", nullable: bool = False
) -> pa.Field:
    metadata = {"description": description} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


IMAGES = pa.schema(
    [
        _column("index", pa.int32(), "position in the data set's part"),
        _column("label", pa.int32(), "true class"),
        _column("pixels", pa.binary(), "image as uint8 in C order; its shape is in the metadata"),
    ]
)
"""One row per image; metadata: `dataset`, `shape` (C, H, W), `classes` (names) and `training_std`
(standard deviation of the training part's pixels, for each channel), as JSON."""

_CLIENT = _column("client", pa.string(), "name of the client")

ATTACKS = pa.schema(
    [
        _CLIENT,
        _column("attacker", pa.string(), "name of the attacker"),
        _column("knowledge", pa.string(), "knowledge of the attacker: update, or update and masks"),
        _column("dropout_rate", pa.float64(), "dropout rate of the client"),
        _column("image", pa.int32(), "index of the image in the data set's test part"),
        _column("update", pa.int32(), "index of the first image that shares its update"),
        _column("label", pa.int32(), "true class"),
        _column(
            "label_inferred",
            pa.int32(),
            "class that the attacker inferred; in an update, counts matter",
        ),
        _column(
            "mask_claim",
            pa.string(),
            "the attacker's claim about the mask it read: exact, or why not; null if it read none; "
            "of an attack that is inapplicable, why",
            nullable=True,
        ),
        _column(
            "mask_exact",
            pa.bool_(),
            "whether the mask that the attacker found is the client's; null if it did not look "
            "for masks",
            nullable=True,
        ),
        _column(
            "mask_agreement",
            pa.float64(),
            "share of features whose mask entry is right; null as above",
            nullable=True,
        ),
        _column(
            "status",
            pa.string(),
            "converged, stalled, diverged, exhausted, stopped, vanished or inapplicable",
        ),
        _column("iterations", pa.int32(), "optimiser iterations of all restarts", "iterations"),
        _column(
            "evaluations", pa.int32(), "evaluations of the attacker's objective, of all restarts"
        ),
        _column("loss", pa.float64(), "the attacker's objective at the end"),
        _column("restart", pa.int32(), "number of the start that was kept"),
        _column("rmse", pa.float64(), "RMSE of the unclipped reconstruction", "pixel range"),
        _column("rmse_clipped", pa.float64(), "RMSE after clipping to [0, 1]", "pixel range"),
        _column("psnr", pa.float64(), "peak signal-to-noise ratio after clipping", "dB"),
        _column("ssim", pa.float64(), "structural similarity after clipping"),
        _column(
            "identification_rank",
            pa.int32(),
            "rank of the image among candidates by distance to the clipped reconstruction; 1 is "
            "the nearest",
        ),
        _column("candidates", pa.int32(), "images of the data set's test part"),
        _column("seconds", pa.float64(), "share of the wall time of its job's attack", "s"),
        _column("seed", pa.int64(), "seed of the experiment"),
        _column("host", pa.string(), "name of the machine"),
        _column("device", pa.string(), "processor that ran the attack"),
        _column("engine_version", pa.int32(), "version of the attack's numbers"),
        _column("torch_version", pa.string(), "version of PyTorch"),
        _column("trajectory_iteration", pa.list_(pa.int32()), "iterations of the trajectory"),
        _column("trajectory_loss", pa.list_(pa.float64()), "loss at these iterations"),
        _column("trajectory_rmse", pa.list_(pa.float64()), "RMSE there, unclipped", "pixel range"),
        _column(
            "trajectory_rmse_clipped",
            pa.list_(pa.float64()),
            "RMSE there, after clipping to [0, 1]",
            "pixel range",
        ),
        _column(
            "trajectory_rmse_standardised",
            pa.list_(pa.float64()),
            "RMSE there, unclipped, of pixels standardised by training_std",
        ),
        _column(
            "trajectory_rmse_clipped_standardised",
            pa.list_(pa.float64()),
            "RMSE there, after clipping to [0, 1], of pixels standardised by training_std",
        ),
        _column("reconstruction", pa.binary(), "clipped, as uint8 in C order, shaped as the image"),
    ]
)
"""One row per attacked image; metadata: `shape` (C, H, W), as JSON."""

UTILITY = pa.schema(
    [
        _column("network", pa.string(), "network, as in a client's settings, or file.function"),
        _column("dropout", pa.string(), "site of its dropout, as in a client's settings"),
        _column("defence", pa.string(), "its defence with values of the settings, or none"),
        _column("dropout_rate", pa.float64(), "dropout rate of the training"),
        _column("seed", pa.int64(), "seed of the training run"),
        _column("epoch", pa.int32(), "passes over the training images so far"),
        _column(
            "train_loss",
            pa.float64(),
            "mean cross-entropy over the epoch, with dropout; null before the first",
            nullable=True,
        ),
        _column("test_accuracy", pa.float64(), "share of test images classified correctly"),
        _column("seconds", pa.float64(), "wall time of the epoch", "s"),
        _column("host", pa.string(), "name of the machine"),
        _column("device", pa.string(), "processor that trained"),
    ]
)
"""One row per network, site of dropout, defence, rate, seed and epoch; clients can share them.
Epoch 0 is the initialisation."""

SUMMARY = pa.schema(
    [
        _CLIENT,
        _column("attacker", pa.string(), "name of the attacker"),
        _column("dropout_rate", pa.float64(), "dropout rate of the client"),
        _column("attacks", pa.int32(), "number of attacks, one per image"),
        _column("converged", pa.int32(), "attacks that came to rest"),
        _column("stalled", pa.int32(), "attacks whose last step hardly moved"),
        _column("diverged", pa.int32(), "attacks that overflowed or exploded"),
        _column("exhausted", pa.int32(), "attacks still moving at the last iteration"),
        _column("stopped", pa.int32(), "attacks that early stopping ended"),
        _column("vanished", pa.int32(), "attacks on a shared gradient that is numerically empty"),
        _column("inapplicable", pa.int32(), "attacks that are not made for such a client"),
        _column("rmse_median", pa.float64(), "median of rmse", "pixel range"),
        _column("rmse_q1", pa.float64(), "lower quartile of rmse", "pixel range"),
        _column("rmse_q3", pa.float64(), "upper quartile of rmse", "pixel range"),
        _column("rmse_clipped_mean", pa.float64(), "mean of rmse_clipped", "pixel range"),
        _column("rmse_clipped_low", pa.float64(), "its 95% interval, lower end", "pixel range"),
        _column("rmse_clipped_high", pa.float64(), "its 95% interval, upper end", "pixel range"),
        _column("success_share", pa.float64(), "share of attacks with rmse below the threshold"),
        _column("success_low", pa.float64(), "its 95% interval, updates independent, lower end"),
        _column("success_high", pa.float64(), "its 95% interval, upper end"),
        _column(
            "identified_share",
            pa.float64(),
            "share of attacks whose reconstruction is nearer to its image than to any other test "
            "image",
        ),
        _column("identified_low", pa.float64(), "its 95% interval, updates independent, lower end"),
        _column("identified_high", pa.float64(), "its 95% interval, upper end"),
        _column("identification_rank_median", pa.float64(), "median of identification_rank"),
        _column("candidates", pa.int32(), "test images; guesses identify one in as many attacks"),
        _column("label_share", pa.float64(), "share of attacks with the right label"),
        _column(
            "mask_exact_share",
            pa.float64(),
            "share of attacks that found the client's mask exactly; null if they did not look for "
            "masks",
            nullable=True,
        ),
        _column("iterations_mean", pa.float64(), "mean of iterations", "iterations"),
        _column("evaluations_mean", pa.float64(), "mean of evaluations"),
        _column("seconds_mean", pa.float64(), "mean of seconds", "s"),
    ]
)
"""One row per client, attacker and rate, over all images; no attack is left out."""

COMPARISON = pa.schema(
    [
        _CLIENT,
        _column("attacker", pa.string(), "name of the attacker"),
        _column("baseline", pa.string(), "the attacker that it is compared with"),
        _column("dropout_rate", pa.float64(), "dropout rate of the client"),
        _column("images", pa.int32(), "images that both attacked"),
        _column(
            "difference", pa.float64(), "mean of rmse_clipped minus the baseline's", "pixel range"
        ),
        _column("difference_low", pa.float64(), "its 95% interval, lower end", "pixel range"),
        _column("difference_high", pa.float64(), "its 95% interval, upper end", "pixel range"),
        _column("better_share", pa.float64(), "share of images with the smaller rmse_clipped"),
        _column("evaluations_ratio", pa.float64(), "mean evaluations over the baseline's"),
        _column("seconds_ratio", pa.float64(), "mean seconds over the baseline's"),
    ]
)
"""One row per client, attacker and rate, paired over images with the first of its client."""

MEAN_IMAGE = pa.schema(
    [
        _column("image", pa.int32(), "index of the image in the data set's test part"),
        _column("rmse", pa.float64(), "RMSE of the mean training image", "pixel range"),
    ]
)
"""One row per attacked image: the error of the mean-image baseline, which needs no gradient."""

TRADEOFF = pa.schema(
    [
        _CLIENT,
        SUMMARY.field("attacker"),
        _column("dropout_rate", pa.float64(), "dropout rate"),
        SUMMARY.field("rmse_clipped_mean"),
        SUMMARY.field("rmse_clipped_low"),
        SUMMARY.field("rmse_clipped_high"),
        _column(
            "epochs",
            pa.int32(),
            "epochs of training of the network that is attacked and has test_accuracy; null if it "
            "is attacked before the training and has test_accuracy after it",
            nullable=True,
        ),
        _column("test_accuracy", pa.float64(), "after training with this rate, mean over seeds"),
        _column(
            "above_mean_image",
            pa.float64(),
            "mean of rmse_clipped minus that of the mean training image, by image",
            "pixel range",
        ),
        _column("above_mean_image_low", pa.float64(), "its 95% interval, lower end", "pixel range"),
        _column(
            "above_mean_image_high", pa.float64(), "its 95% interval, upper end", "pixel range"
        ),
        _column(
            "private",
            pa.bool_(),
            "whether the entire interval is above 0; null if inconclusive",
            nullable=True,
        ),
        _column(
            "inconclusive",
            pa.string(),
            "why the attack proves no privacy: it is not known to succeed without a defence; null "
            "if private is not null",
            nullable=True,
        ),
        _column("at_chance", pa.bool_(), "whether test_accuracy is not above chance's interval"),
        _column(
            "accurate",
            pa.bool_(),
            "whether test_accuracy is at least lowest_accuracy, and above chance's interval",
        ),
    ]
)
"""One row per client, attacker and rate that was attacked and trained with; metadata:
`mean_image_rmse`, the mean RMSE of the mean-image baseline; `chance` (see `chance`); and by client
`lowest_accuracy`; `at_chance`, the rates at which its network's accuracy is at chance; and
`doubts` about each attacker's success without a defence, or null; as JSON."""

DEFENCES = pa.schema(
    [
        _CLIENT,
        _column(
            "undefended",
            pa.string(),
            "the client with the same settings and no defence; null if the experiment has none",
            nullable=True,
        ),
        _column("kind", pa.string(), "name of the client's defence; null if none", nullable=True),
        _column("defence", pa.string(), "the same with values of its settings, or none"),
        _column("dropout_rate", pa.float64(), "dropout rate of client and training"),
        _column(
            "attacker",
            pa.string(),
            "the strongest: that with the lowest error, among those that prove something if any do",
        ),
        *map(TRADEOFF.field, ("rmse_clipped_mean", "rmse_clipped_low", "rmse_clipped_high")),
        *map(SUMMARY.field, ("success_share", "success_low", "success_high")),
        *map(SUMMARY.field, ("identified_share", "identified_low", "identified_high")),
        TRADEOFF.field("test_accuracy"),
        _column(
            "test_accuracy_low",
            pa.float64(),
            "its 95% interval over seeds, lower end",
            nullable=True,
        ),
        _column("test_accuracy_high", pa.float64(), "its upper end", nullable=True),
        _column("epsilon", pa.float64(), "privacy budget of the training", nullable=True),
        _column("delta", pa.float64(), "its probability of failure", nullable=True),
        *map(TRADEOFF.field, ("private", "inconclusive", "at_chance")),
        _column(
            "front",
            pa.bool_(),
            "whether no other row of the same client without its defence has both a higher error "
            "and a higher accuracy; false if inconclusive",
        ),
    ]
)
"""One row per client and rate that was attacked and trained with; metadata: `mean_image_rmse` and
`chance` as of `TRADEOFF`."""

CLAIMS = pa.schema(
    [
        _column("claim", pa.string(), "short name"),
        _column("statement", pa.string(), "the claim, in our words"),
        _column(
            "place",
            pa.string(),
            "section and figure of the paper; null if the claim is ours",
            nullable=True,
        ),
        _column("client", pa.string(), "client that was attacked, or whose network was trained"),
        _column(
            "attacker",
            pa.string(),
            "attacker that the claim was tested with; null if none",
            nullable=True,
        ),
        _column("published", pa.float64(), "the paper's number, if it has one", nullable=True),
        _column("measure", pa.string(), "what was measured"),
        _column("estimate", pa.float64(), "its value; null if not measured", nullable=True),
        _column("low", pa.float64(), "its interval, 95% as test says, lower end", nullable=True),
        _column("high", pa.float64(), "its upper end", nullable=True),
        _column("n", pa.int32(), "number of units"),
        _column("unit", pa.string(), "images, updates or seeds", nullable=True),
        _column("test", pa.string(), "statistical test or interval", nullable=True),
        _column("p_value", pa.float64(), "of the test, one-sided; null if none", nullable=True),
        _column(
            "p_adjusted",
            pa.float64(),
            "adjusted for all tests in this table (Benjamini and Yekutieli)",
            nullable=True,
        ),
        _column("verdict", pa.string(), "supported, not supported or inconclusive"),
        _column(
            "reason",
            pa.string(),
            "why it is inconclusive whatever the measurement; null if the rule decided",
            nullable=True,
        ),
        _column("rule", pa.string(), "rule for the verdict; otherwise inconclusive"),
    ]
)
"""One row per claim, client and attacker, which for rivals of dropout is that of the rival."""

INTERPRETATIONS = pa.schema(
    [
        _CLIENT,
        _column("attacker", pa.string(), "name of the attacker"),
        _column("masks", pa.string(), "what it does about dropout in its own forward pass"),
        _column("rmse", pa.string(), "raw, or after clipping to [0, 1]"),
        _column("pixels", pa.string(), "in [0, 1], or standardised by training_std"),
        _column("statistic", pa.string(), "mean or median over images"),
        _column("iterations", pa.int32(), "of the attack", "iterations"),
        _column("images", pa.int32(), "number of images"),
        *(
            _column(f"rmse_at_{rate}", pa.float64(), f"RMSE at rate {rate}", nullable=True)
            for rate in paper.RMSE
        ),
        _column("distance", pa.float64(), "root mean square difference to the published values"),
        _column(
            "distance_low",
            pa.float64(),
            "its interval, 95% for all interpretations together, lower end",
            nullable=True,
        ),
        _column("distance_high", pa.float64(), "its upper end", nullable=True),
    ]
)
"""One row per interpretation of what the paper leaves open, nearest first."""

CLIENTS = pa.schema(
    [
        _CLIENT,
        _column("parameters", pa.int64(), "number of weights and biases that it shares"),
        _column("dropout_layers", pa.int32(), "number of times that its forward pass drops"),
        _column(
            "batch_norm",
            pa.string(),
            "statistics that batch norm uses, running or batch; null if it has none",
            nullable=True,
        ),
        _column(
            "epochs",
            pa.int32(),
            "epochs of its training before the attack; null if its weights are not trained here",
            nullable=True,
        ),
        _column(
            "labels_from",
            pa.string(),
            "what labels are inferred from; null if attackers have to optimise them",
            nullable=True,
        ),
        _column(
            "epsilon",
            pa.float64(),
            "privacy budget of its training; null unless that is differentially private",
            nullable=True,
        ),
        _column("delta", pa.float64(), "its probability of failure; null as above", nullable=True),
    ]
)
"""One row per client: facts of its network, of its training and of what it shares."""

NETWORK = pa.schema(
    [
        _column("layer", pa.string(), "kind of layer, or input"),
        _column("detail", pa.string(), "its settings, or its name in a torch module"),
        _column("shape", pa.list_(pa.int32()), "shape of its output, without the batch"),
        _column("parameters", pa.int32(), "number of weights and biases"),
    ]
)
"""One row per layer of the network, input first. Without its dropout it is the original one."""

FEATURES = pa.schema(
    [
        _column("dropout_rate", pa.float64(), "dropout rate"),
        _column("channel", pa.int32(), "channel of the last convolution"),
        _column("row", pa.int32(), "row in the channel"),
        _column("column", pa.int32(), "column in the channel"),
        _column("value", pa.float64(), "feature before dropout"),
        _column("kept", pa.bool_(), "whether the client's mask keeps it"),
    ]
)
"""Features of one image before the classifier; metadata, as JSON: `image`, and `reason` if there
are none."""

SCHEMAS = {
    "images": IMAGES,
    "attacks": ATTACKS,
    "utility": UTILITY,
    "summary": SUMMARY,
    "comparison": COMPARISON,
    "mean_image": MEAN_IMAGE,
    "tradeoff": TRADEOFF,
    "defences": DEFENCES,
    "claims": CLAIMS,
    "interpretations": INTERPRETATIONS,
    "clients": CLIENTS,
    "network": NETWORK,
    "features": FEATURES,
}
"""Every table by its name."""
