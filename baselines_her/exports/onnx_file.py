"""A policy as an ONNX graph, for any runtime; its batch axis is free."""

from pathlib import Path
from typing import Any

import numpy as np

from ..acting.chain import Chain, Clip, Dense, First, Normalise, Scale, Stretch
from ..runs.files import write_atomically

OPSET, IR_VERSION = 17, 8  # read by runtimes from 2022 on
NODES = {"relu": "Relu", "tanh": "Tanh", "elu": "Elu"}


def write_onnx(chain: Chain, path: Path, title: str) -> list[Path]:
    """Writes the graph; returns its path.

    Raises:
      RuntimeError: the package `onnx` is missing.
    """
    try:
        import onnx
    except ImportError:
        raise RuntimeError(
            "the export to ONNX needs the package onnx.  Install it: pip install "
            "'baselines-her[export]'."
        ) from None
    model = Graph(onnx, chain).model(title)
    onnx.checker.check_model(model)
    write_atomically(path, model.SerializeToString())
    return [path]


class Graph:
    """Builds the nodes of a chain one after the other."""

    def __init__(self, onnx: Any, chain: Chain):
        self._onnx, self._chain = onnx, chain
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def model(self, title: str) -> Any:
        """The model with named inputs and the output `action`."""
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        x = self._joined()
        for step in self._chain.steps:
            x = self._add(step, x)
        self._node("Identity", [x], "action")
        sizes = dict(self._chain.inputs)
        if self._chain.is_relative:
            sizes["achieved_goal"] = sizes["desired_goal"]
        inputs = [
            helper.make_tensor_value_info(name, kind, ["N", size])
            for name, size in sizes.items()
        ]
        width = self._width()
        output = helper.make_tensor_value_info("action", kind, ["N", width])
        graph = helper.make_graph(
            self._nodes, "policy", inputs, [output], self._constants, doc_string=title
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph, opset_imports=[opset], producer_name="baselines_her"
        )
        model.ir_version = IR_VERSION
        return model

    def _width(self) -> int:
        width = 0
        for step in self._chain.steps:
            if isinstance(step, Dense):
                width = len(step.bias)
            elif isinstance(step, First):
                width = step.size
        return width

    def _joined(self) -> str:
        names = list(self._chain.inputs)
        if self._chain.is_relative:
            names[-1] = self._node("Sub", ["desired_goal", "achieved_goal"])
        return names[0] if len(names) == 1 else self._node("Concat", names, axis=-1)

    def _add(self, step: Any, x: str) -> str:
        if isinstance(step, Clip):
            return self._clip(x, step.limit)
        if isinstance(step, Normalise):
            shifted = self._node("Sub", [x, self._constant(step.mean)])
            return self._node("Div", [shifted, self._constant(step.std)])
        if isinstance(step, Dense):
            weights = self._constant(step.kernel), self._constant(step.bias)
            y = self._node("Gemm", [x, *weights])
            return (
                y
                if step.activation == "none"
                else self._node(NODES[step.activation], [y])
            )
        if isinstance(step, Scale):
            return self._node("Mul", [x, self._constant(step.factor)])
        if isinstance(step, First):
            ends = [self._integers(value) for value in (0, step.size, -1)]
            return self._node("Slice", [x, *ends])
        if isinstance(step, Stretch):
            half = (step.high - step.low) * np.float32(0.5)
            y = self._node("Mul", [self._clip(x, 1.0), self._constant(half)])
            return self._node("Add", [y, self._constant(step.low + half)])
        raise TypeError(f"there is no node for {type(step).__name__}")

    def _clip(self, x: str, limit: float) -> str:
        ends = np.float32(-limit), np.float32(limit)
        return self._node("Clip", [x, *(self._constant(np.array(e)) for e in ends)])

    def _constant(self, value: np.ndarray) -> str:
        array = np.ascontiguousarray(value, np.float32)
        return self._kept(array.reshape(value.shape))

    def _integers(self, *values: int) -> str:
        return self._kept(np.array(values, np.int64))

    def _kept(self, array: np.ndarray) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def _node(
        self, kind: str, inputs: list[str], output: str = "", **attributes: Any
    ) -> str:
        output = output or f"x{len(self._nodes)}"
        make = self._onnx.helper.make_node
        self._nodes.append(make(kind, inputs, [output], **attributes))
        return output
