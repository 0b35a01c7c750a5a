"""Archives of pickles as `np.savez` writes them, OpenAI baselines' among them."""

import io
import pickle
import zipfile

import numpy as np
from conftest import HORIZON, counting_episodes


def write_npz(path, members, compressed=True):
    """Writes name -> array of numbers, or (shape, pickle) of an array of objects."""
    mode = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", mode) as file:
        for name, member in members.items():
            sink = io.BytesIO()
            if isinstance(member, tuple):
                shape, data = member
                header = {"descr": "|O", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(sink, header)
                sink.write(data)
            else:
                np.save(sink, member)
            file.writestr(f"{name}.npy", sink.getvalue())


def pickled(array, protocol=4):
    """(shape, pickle) of an array of objects."""
    return array.shape, pickle.dumps(array, protocol)


def legacy(path, protocol=4, compressed=True, episodes=3, **changes):
    """A file as the original script writes it: lists of dictionaries, pickled."""
    obs, acs, info = [], [], []
    for k in range(episodes):
        one = counting_episodes(1, first=k)
        row = [
            {
                "observation": one.obs[0, t].astype(np.float64),
                "achieved_goal": one.achieved[0, t].astype(np.float64),
                "desired_goal": one.goal[0].astype(np.float64),
            }
            for t in range(HORIZON + 1)
        ]
        obs.append(row)
        acs.append([[0.1 * k]] * HORIZON)
        info.append([{"is_success": np.float32(k != 1)} for _ in range(HORIZON)])
    content = {"acs": np.array(acs), "obs": obs, "info": info, **changes}
    members = {}
    for name, value in content.items():
        if isinstance(value, bytes):
            members[name] = (3, 6), value
        elif isinstance(value, np.ndarray) and value.dtype != object:
            members[name] = value
        else:
            members[name] = pickled(np.array(value, object), protocol)
    write_npz(path, members, compressed)
    return path
