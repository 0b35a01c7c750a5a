"""Archives as `np.savez` writes them, in which any bytes may stand for a pickle."""

import io
import pickle
import zipfile

import numpy as np


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
