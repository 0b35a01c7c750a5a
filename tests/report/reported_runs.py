"""Run folders for reports, as trainings leave them."""

import json

HOSTILE = "</script><script>document.title='run'</script>&<img src=x onerror=alert(1)>"


def written(folder, name="one", rows=5, evaluation=None, more=(), **flags):
    """A run folder as a training leaves it, perhaps with more columns; returns it."""
    place, first = folder / name, {"alg": "her", "env": "FetchPush-v4", "seed": 0}
    place.mkdir(parents=True)
    config = {"config": {**first, "preset": "tuned", **flags}}
    (place / "config.json").write_text(json.dumps(config))
    names = "epoch", "steps/env", "steps/updates", "time/total", "test/success_rate"
    lines = [",".join([*names, "test/mean_Q", "loss/critic", *more])]
    for n in range(rows):
        counts = n, 100 * (n + 1), 10 * (n + 1), 60 * (n + 1), n / max(rows - 1, 1)
        loss = "nan" if n == 0 else 0.5
        lines.append(",".join(map(str, [*counts, -1.23456789, loss, *[n] * len(more)])))
    (place / "progress.csv").write_text("\n".join(lines) + "\n")
    if evaluation is not None:
        (place / "evaluation.json").write_text(json.dumps(evaluation))
    return place
