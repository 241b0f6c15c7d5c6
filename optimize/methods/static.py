"""Static quantization with calibrated ranges, and the choice of its engine."""

from __future__ import annotations

from .method import Converted, Job, engine


def quantize_static(job: Job, *, float_io: bool = False, activations: int = 8) -> Converted:
    """Quantize weights and activations by ranges seen on calibration faces.

    TensorFlow's converter is the engine where it can be: it knows more operators, and the models that ship and every
    figure of docs/results.md were made by it. It reads no .tflite and estimates ranges by minimum and maximum alone;
    for these ai-edge-quantizer is the engine, which takes ranges from outside.

    Args:
        job: the model, with calibration faces.
        float_io: keep input and output in float32.
        activations: bits of the activations, 8 or 16.
    """
    model, options = job.float_model, job.options
    spec, per_channel = model.card.input, options.per_channel
    if model.model is not None and options.calibration_method == "minmax":
        from ..converters.tensorflow import to_static

        made = to_static(
            model.model, spec, job.calibration, float_io=float_io, activations=activations, per_channel=per_channel
        )
        return Converted(made, engine("tensorflow"))
    from ..converters.activation_ranges import observe_activations
    from ..converters.ai_edge import SelectiveQuantizer
    from ..converters.representative_set import check_calibration

    flatbuffer = model.float_flatbuffer()
    seen = observe_activations(flatbuffer, spec, check_calibration(job.calibration, spec))
    ranges = {name: found.clip(options.calibration_method) for name, found in seen.items()}
    made = SelectiveQuantizer(flatbuffer, ranges).quantize(
        float_io=float_io, activations=activations, per_channel=per_channel
    )
    return Converted(made, engine("ai-edge-quantizer"))
