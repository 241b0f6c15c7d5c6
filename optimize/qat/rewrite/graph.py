"""A network as a list of layers and their inputs, read from Keras, changed by rules, and built again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....edge.common.errors import ModelError
from ....train.backend import keras

_WANTED = "a Functional or Sequential model with one input and one output"


@dataclass(eq=False)
class Node:
    """A layer at one place of a network.

    Args:
        name: unique in its network when it is built.
        type: Keras class of the layer.
        config: of the layer.
        inputs: where its tensors come from.
        weights: in the order of ``layer.get_weights()``.
        shape: of its output for one image, without the batch axis.
    """

    name: str
    type: Any
    config: dict[str, Any]
    inputs: list[Node] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    shape: tuple[int, ...] = ()

    def is_a(self, *types: Any) -> bool:
        """Return whether the layer is of one of these classes; a class derived from them is not."""
        return self.type in types

    @property
    def activation(self) -> str:
        """Name of the activation that is fused into the layer; ``linear`` for layers without one."""
        value = self.config.get("activation", "linear")
        if isinstance(value, dict):
            value = value.get("config") if isinstance(value.get("config"), str) else value.get("class_name")
        return value if isinstance(value, str) else getattr(value, "__name__", "custom")


class Network:
    """Nodes between one input and one output.

    Args:
        name: of the model.
        source: the input.
        output: the last layer.
    """

    def __init__(self, name: str, source: Node, output: Node) -> None:
        self.name, self.source, self.output = name, source, output

    @property
    def nodes(self) -> list[Node]:
        """Nodes that the output depends on, inputs before their consumers, without the input itself."""
        found: dict[Node, None] = {self.source: None}
        stack = [self.output]
        while stack:
            node = stack[-1]
            # Reversed, so that the first input comes first.
            missing = [one for one in reversed(node.inputs) if one not in found]
            if missing:
                stack.extend(missing)
            else:
                found.setdefault(stack.pop())
        return [node for node in found if node is not self.source]

    def consumers(self, node: Node) -> list[Node]:
        """Return the nodes that read ``node``, once for each time that they do."""
        return [other for other in self.nodes for one in other.inputs if one is node]

    def only_consumer(self, node: Node) -> Node | None:
        """Return the only node that reads ``node``; None with several, or if it is the output."""
        found = self.consumers(node)
        return found[0] if len(found) == 1 and node is not self.output else None

    def replace(self, old: Node, new: Node) -> None:
        """Make everything that reads ``old`` read ``new`` instead; ``new`` itself may keep reading ``old``."""
        for node in self.nodes:
            if node is not new:
                node.inputs = [new if one is old else one for one in node.inputs]
        if self.output is old:
            self.output = new

    def remove(self, node: Node) -> None:
        """Take out a node with one input."""
        self.replace(node, node.inputs[0])

    def build(self) -> Any:
        """Build a Keras model in float32 with this graph and these weights.

        Raises:
            EdgeemoError: a layer cannot be made from its configuration.
        """
        tensors = {self.source: keras.layers.Input(self.source.shape, name=self.source.name)}
        weighted = []
        for node in self.nodes:
            layer = _layer(node)
            inputs = [tensors[one] for one in node.inputs]
            tensors[node] = layer(inputs if len(inputs) > 1 else inputs[0])
            weighted.append((layer, node.weights))
        model = keras.Model(tensors[self.source], tensors[self.output], name=self.name)
        for layer, weights in weighted:
            layer.set_weights(weights)
        return model


def read_network(model: Any) -> tuple[Network, list[str]]:
    """Take a Keras model apart; nested models are put in the place where they are called.

    A layer that is called several times becomes one layer for each call, so further training unties its weights.

    Args:
        model: tf_keras Functional or Sequential with one input and one output; not changed.

    Returns:
        The network, and the names of the nested models.

    Raises:
        ModelError: it is another kind of model, or a layer is called in a way that a graph of layers cannot say.
    """
    if not isinstance(model, keras.Model) or not model.built or model.inputs is None:
        raise ModelError(f"{getattr(model, 'name', model)} is not a graph of layers", expected=_WANTED)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(
            f"{model.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs", expected=_WANTED
        )
    source = Node(model.input_names[0], keras.layers.InputLayer, {}, shape=tuple(model.input_shape[1:]))
    nested: list[str] = []
    network = Network(model.name, source, _expand(model, [source], nested)[0])
    if network.output is source:
        raise ModelError(f"{model.name} has no layers", expected=_WANTED)
    rename(network)
    return network, nested


def rename(network: Network) -> None:
    """Give every node a name of its own; the first of several keeps it."""
    taken = Counter([network.source.name])
    for node in network.nodes:
        name, number = node.name, 1
        while name in taken:
            name, number = f"{node.name}_{number}", number + 1
        node.name = name
        taken[name] += 1


def _expand(model: Any, inputs: list[Node], nested: list[str]) -> list[Node]:
    if not getattr(model, "_is_graph_network", False):
        raise ModelError(f"{model.name} is not a graph of layers", expected=_WANTED)
    # The tensors of one call of a layer, and what they come from. Keras has no public way to walk the calls.
    made = {id(tensor): node for tensor, node in zip(model.inputs, inputs, strict=True)}
    for call in _calls(model):
        layer = call.layer
        if isinstance(layer, keras.layers.InputLayer):
            continue
        options = {key: value for key, value in call.call_kwargs.items() if value is not None}
        if type(layer).__module__.endswith("tf_op_layer") or options:
            raise ModelError(_operator(layer, options), hint=_OPERATOR_HINT)
        given = [made[id(tensor)] for tensor in call.keras_inputs]
        if isinstance(layer, keras.Model):
            nested.append(layer.name)
            results = _expand(layer, given, nested)
        else:
            results = [_node(layer, given, call)]
        outputs = call.outputs if isinstance(call.outputs, (list, tuple)) else [call.outputs]
        if len(outputs) != len(results):
            raise ModelError(f"layer {layer.name} has {len(outputs)} outputs", expected="one tensor from each layer")
        made.update((id(tensor), node) for tensor, node in zip(outputs, results, strict=True))
    return [made[id(tensor)] for tensor in model.outputs]


def _calls(model: Any) -> Iterator[Any]:
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def _node(layer: Any, inputs: list[Node], call: Any) -> Node:
    return Node(
        layer.name,
        type(layer),
        layer.get_config(),
        inputs,
        layer.get_weights(),
        tuple(call.output_shapes[1:]) if isinstance(call.output_shapes, tuple) else (),
    )


def _operator(layer: Any, options: dict[str, Any]) -> str:
    if options and not type(layer).__module__.endswith("tf_op_layer"):
        return f"layer {layer.name} is called with options ({', '.join(options)})"
    return f"{layer.name} is an operator between tensors and not a layer"


_OPERATOR_HINT = (
    "build the net from layers alone (Add, Multiply, ReLU, ...); for hard-swish and the like, use --method int8"
)


def _layer(node: Node) -> Any:
    try:
        return node.type.from_config({**node.config, "name": node.name, "dtype": "float32"})
    except (TypeError, ValueError, KeyError, NotImplementedError) as error:
        raise ModelError(f"layer {node.name} cannot be made again from its configuration ({error})") from error
