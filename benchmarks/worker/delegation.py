"""The operators of a model that a delegate runs; the CPU silently runs the others."""

from __future__ import annotations

import importlib

from ...edge.inference.delegate import DelegateSpec, open_delegate
from ...edge.inference.interpreter import RUNTIMES, Session


def operators_taken(path: str, spec: DelegateSpec, *, runtime: str) -> int | None:
    """Return the number of operators that a delegate runs, or None when the runtime does not report it.

    The runtime's own delegate (XNNPACK) is switched off meanwhile, because both appear under the same name.

    Args:
        path: of the model.
        spec: the delegate.
        runtime: a key of :data:`edgeemo.edge.inference.interpreter.RUNTIMES`.

    Raises:
        DelegateError: the delegate cannot be started.
    """
    module = importlib.import_module(RUNTIMES[runtime])
    interpreter = module.Interpreter(
        model_path=path,
        experimental_delegates=[open_delegate(spec, module.load_delegate)],
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    taken = Session(interpreter, runtime, path, delegate=spec).delegated
    return None if taken is None else len(taken)
