"""Settings and films in TensorBoard: `python examples/track_tensorboard.py`.

Every run writes its columns to tb/ by itself.  This callback adds what the tab HPARAMS
needs to compare runs, and the films of --video_interval as moving images:

    python examples/track_tensorboard.py --video_interval=1
    tensorboard --logdir logs
"""

import sys
import time

import imageio.v3
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import baselines_her
from baselines_her.cli.flags import parse_flags

KINDS = bool | int | float | str
SKIP = 2  # every second frame is enough


class Board(baselines_her.Callback):
    """Writes settings as hyperparameters, and films as GIFs."""

    def on_start(self, run):
        self.writer = EventFileWriter(str(run.folder / "tb"))
        known = {k: v for k, v in run.config.items() if isinstance(v, KINDS)}
        self.write(hparams.hparams_pb(known), run)

    def on_epoch(self, run, row):
        film = run.folder / "videos" / f"epoch_{row['epoch']}.mp4"
        if not film.exists():
            return
        frames = imageio.v3.imread(film)[::SKIP]
        gif = imageio.v3.imwrite("<bytes>", frames, extension=".gif", loop=0)
        height, width = frames.shape[1:3]
        image = Summary.Image(height=height, width=width, encoded_image_string=gif)
        self.write(Summary(value=[Summary.Value(tag="film", image=image)]), run)

    def on_end(self, run):
        self.writer.close()

    def write(self, summary, run):
        event = Event(summary=summary, step=run.env_steps, wall_time=time.time())
        self.writer.add_event(event)


if __name__ == "__main__":
    flags = {"env": "FetchReach", **parse_flags(sys.argv[1:])}
    baselines_her.train(callbacks=[Board()], **flags)
