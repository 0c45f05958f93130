"""What becomes of each option of Triton's ``config.pbtxt``: one table.

The reader looks every field that a file sets up here; docs/coming-from-triton.md shows the
same table. An option is served, or changes no answer and is named once in the log, or it
would change answers and the model is not loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from google.protobuf.descriptor import FieldDescriptor

from runtime.errors import ConfigError
from runtime.messages import Message


class Treatment(Enum):
    """What is done about an option."""

    SERVED = "served"
    SAID = "said once in the log"
    REFUSED = "refuses the load"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: where it stands in ModelConfig, what is done, and why.

    `path` ends with ``=VALUE`` where only that value is meant.
    """

    path: str
    treatment: Treatment
    sentence: str


SERVED, SAID, REFUSED = Treatment.SERVED, Treatment.SAID, Treatment.REFUSED

NO_GPU = "leeboard serves on the CPU here"
EXPORT = "export the model to ONNX, or to PyTorch's .pt2"
TRITON_PYTHON = (
    "TritonPythonModel is another interface than Leeboard's Python class: give the class "
    "load and predict, and write leeboard.yaml beside it"
)

TABLE = (
    Option("name", SERVED, "the folder's name, or left out"),
    Option("platform=onnxruntime_onnx", SERVED, "runs on ONNX Runtime"),
    Option("platform=pytorch_libtorch", SERVED, "runs on PyTorch"),
    Option("platform=ensemble", REFUSED, "send requests to its models one after another"),
    Option("platform=tensorrt_plan", REFUSED, f"TensorRT needs a GPU: {EXPORT}"),
    Option("platform=tensorflow_graphdef", REFUSED, "convert the model to ONNX"),
    Option("platform=tensorflow_savedmodel", REFUSED, "convert the model to ONNX"),
    Option("platform", REFUSED, "known are onnxruntime_onnx and pytorch_libtorch"),
    Option("backend=onnxruntime", SERVED, "runs on ONNX Runtime"),
    Option("backend=pytorch", SERVED, "runs on PyTorch"),
    Option("backend=python", REFUSED, TRITON_PYTHON),
    Option("backend=tensorrt", REFUSED, f"TensorRT needs a GPU: {EXPORT}"),
    Option("backend=tensorflow", REFUSED, "convert the model to ONNX"),
    Option("backend=openvino", REFUSED, f"there is no OpenVINO: {EXPORT}"),
    Option("backend", REFUSED, "known are onnxruntime and pytorch"),
    Option("runtime", REFUSED, "another program would run the model; remove it"),
    Option("max_batch_size", SERVED, "0 with tensors declared: the model does not batch; "
           "0 without: the file and the load check decide"),
    Option("version_policy", SERVED, "latest, all or specific"),
    Option("default_model_filename", SERVED, "else model.onnx, model.pt or model.pt2"),
    Option("cc_model_filenames", SAID, f"{NO_GPU}; the default file is served"),
    Option("metric_tags", SAID, "metrics carry the model and its version"),
    Option("model_metrics", SAID, "histograms have fixed bounds"),
    Option("response_cache.enable", SAID, "every request is computed"),
    Option("input.name", SERVED, "for PyTorch also INPUT__0, by place"),
    Option("input.data_type", SERVED, "must be the file's, where the file says it"),
    Option("input.format", SAID, "dims say the layout; nothing is transposed"),
    Option("input.dims", SERVED, "without the batch where max_batch_size is set"),
    Option("input.reshape", SERVED, "the model sees this shape"),
    Option("input.optional", SERVED, "requests may leave the input out"),
    Option("input.is_shape_tensor", REFUSED, "only TensorRT has shape tensors"),
    Option("input.is_non_linear_format_io", REFUSED, "only TensorRT has such formats"),
    Option("input.allow_ragged_batch", REFUSED, "rows of one batch have one shape; remove "
           "it, and requests of other shapes make batches of their own"),
    Option("output.name", SERVED, "for PyTorch also OUTPUT__0, by place"),
    Option("output.data_type", SERVED, "must be the file's, where the file says it"),
    Option("output.dims", SERVED, "without the batch where max_batch_size is set"),
    Option("output.reshape", SERVED, "the shape that the model gives"),
    Option("output.label_filename", SERVED, "read for the classification extension"),
    Option("output.is_shape_tensor", REFUSED, "only TensorRT has shape tensors"),
    Option("output.is_non_linear_format_io", REFUSED, "only TensorRT has such formats"),
    Option("batch_input", REFUSED, "the model would see tensors that no request has"),
    Option("batch_output", REFUSED, "outputs would be cut by a rule of their own"),
    Option("instance_group.kind=KIND_CPU", SERVED, "worker processes on the CPU"),
    Option("instance_group.kind=KIND_MODEL", SAID, NO_GPU),
    Option("instance_group.kind=KIND_GPU", REFUSED, f"{NO_GPU}; set KIND_CPU"),
    Option("instance_group.count", SERVED, "the counts of all groups are added up"),
    Option("instance_group.name", SAID, "workers are named MODEL/VERSION#N"),
    Option("instance_group.gpus", SAID, NO_GPU),
    Option("instance_group.profile", REFUSED, "only TensorRT has profiles"),
    Option("instance_group.rate_limiter", SAID, "a worker runs as soon as it has work"),
    Option("instance_group.passive", REFUSED, "an instance without requests serves nobody"),
    Option("instance_group.secondary_devices", REFUSED, "there are none here"),
    Option("instance_group.host_policy", SAID, "--worker-cpus binds workers"),
    Option("dynamic_batching.preferred_batch_size", SERVED,
           "a batch is closed at the largest one"),
    Option("dynamic_batching.max_queue_delay_microseconds", SERVED,
           "how long a batch waits for more rows"),
    Option("dynamic_batching.preserve_ordering", SAID,
           "each call is answered when its batch is done"),
    Option("dynamic_batching.priority_levels", SAID, "requests are taken as they came"),
    Option("dynamic_batching.default_priority_level", SAID,
           "requests are taken as they came"),
    Option("dynamic_batching.priority_queue_policy", SAID,
           "default_queue_policy is for all requests"),
    Option("dynamic_batching.default_queue_policy.timeout_action", SERVED,
           "REJECT or DELAY"),
    Option("dynamic_batching.default_queue_policy.default_timeout_microseconds", SERVED,
           "counted until a worker takes the request"),
    Option("dynamic_batching.default_queue_policy.allow_timeout_override", SERVED,
           "a request's timeout may shorten it"),
    Option("dynamic_batching.default_queue_policy.max_queue_size", SERVED,
           "0: the server's --max-queue-size"),
    Option("sequence_batching", REFUSED,
           "there are no sequences; pass the state as tensors"),
    Option("ensemble_scheduling", REFUSED,
           "send requests to its models one after another"),
    Option("model_transaction_policy.decoupled", SERVED,
           "for a Python class of leeboard's, whose predict yields; others are refused"),
    Option("optimization.graph", SAID, "all graph optimisations are on"),
    Option("optimization.priority", SAID, "models have equal priority"),
    Option("optimization.cuda", SAID, NO_GPU),
    Option("optimization.execution_accelerators", REFUSED,
           "answers of accelerators differ; remove it"),
    Option("optimization.input_pinned_memory", SAID, NO_GPU),
    Option("optimization.output_pinned_memory", SAID, NO_GPU),
    Option("optimization.gather_kernel_buffer_threshold", SAID, NO_GPU),
    Option("optimization.eager_batching", SAID, "rows are placed as they come"),
    Option("model_warmup", SERVED, "zero_data, random_data or a file of MODEL/warmup/"),
    Option("model_operations.op_library_filename", REFUSED,
           "foreign code would run inside the model; build the operators in"),
    Option("model_repository_agents.agents", REFUSED,
           "an agent may change what is loaded; let it do so before"),
    Option("parameters.intra_op_thread_count", SERVED,
           "ONNX Runtime: threads of an instance; 0: the server's --threads"),
    Option("parameters.inter_op_thread_count", SAID, "operators run one after another"),
    Option("parameters.execution_mode=0", SERVED, "operators run one after another"),
    Option("parameters.execution_mode", SAID, "operators run one after another"),
    Option("parameters.enable_mem_arena", SAID, "the arena is on"),
    Option("parameters.enable_mem_pattern", SAID, "memory patterns are on"),
    Option("parameters.memory.enable_memory_arena_shrinkage", SAID, "the arena stays"),
    Option("parameters.session.use_device_allocator_for_initializers", SAID,
           "weights lie in the arena"),
    Option("parameters.cudnn_conv_algo_search", SAID, NO_GPU),
    Option("parameters.gpu_mem_limit", SAID, NO_GPU),
    Option("parameters.arena_extend_strategy", SAID, NO_GPU),
    Option("parameters.do_copy_in_default_stream", SAID, NO_GPU),
    Option("parameters.INTRA_OP_THREAD_COUNT", SERVED,
           "PyTorch: threads of an instance; 0: the server's --threads"),
    Option("parameters.INTER_OP_THREAD_COUNT", SAID, "operators run one after another"),
    Option("parameters.INFERENCE_MODE", SAID, "inference mode is always on"),
    Option("parameters.DISABLE_OPTIMIZED_EXECUTION", SAID, "PyTorch's default is kept"),
    Option("parameters.ENABLE_JIT_EXECUTOR", SAID, "PyTorch's default is kept"),
    Option("parameters.ENABLE_JIT_PROFILING", SAID, "PyTorch's default is kept"),
    Option("parameters.ENABLE_TENSOR_FUSER", SAID, "PyTorch's default is kept"),
    Option("parameters.ENABLE_NVFUSER", SAID, NO_GPU),
    Option("parameters.DISABLE_CUDNN", SAID, NO_GPU),
    Option("parameters.ENABLE_WEIGHT_SHARING", SAID, "each instance is a process"),
    Option("parameters.ENABLE_CACHE_CLEANING", SAID, NO_GPU),
    Option("parameters.FORCE_CPU_ONLY_INPUT_TENSORS", SAID, "tensors are on the CPU"),
    Option("parameters.TRITON_BATCH_STRATEGY_PATH", REFUSED,
           "a library of its own would make the batches; remove it"),
    Option("parameters", SAID, "leeboard does not know this parameter"),
)  # fmt: skip

OPTIONS = {option.path: option for option in TABLE}
PARAMETERS = "parameters"
PLAIN = re.compile(r"[\w.:/-]{1,80}", re.ASCII)


def check(config: Message) -> tuple[str, ...]:
    """Return what is to be said of a ModelConfig's options, a sentence each.

    Raises ConfigError that names every option which refuses the load.
    """
    notes: dict[str, None] = {}
    refusals: dict[str, None] = {}
    for option, path in _set_options("", config):
        sentence = f"{path}: {option.sentence}"
        if option.treatment is REFUSED:
            refusals[sentence] = None
        elif option.treatment is SAID:
            notes[sentence] = None
    if refusals:
        raise ConfigError("; ".join(refusals))
    return tuple(notes)


def _set_options(prefix: str, message: Message) -> Iterator[tuple[Option, str]]:
    """Yield each option that a message sets, and its path with the value that matters."""
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if path == PARAMETERS:
            for key, parameter in sorted(value.items()):
                yield _found(f"{path}.{key}", parameter.string_value)
        elif field.message_type and path not in OPTIONS:
            for one in _each(field, value):
                yield from _set_options(f"{path}.", one)
        else:
            for one in _each(field, value):
                yield _found(path, one)


def _each(field: FieldDescriptor, value: Message) -> list[Message]:
    """Return a field's values, those of an enum by name; a map is one value."""
    values = list(value) if hasattr(value, "append") else [value]
    if field.enum_type:
        names = field.enum_type.values_by_number
        return [names[n].name if n in names else str(n) for n in values]
    return values


def _found(path: str, value: object) -> tuple[Option, str]:
    """Return the most particular row of the table, and the path as people read it."""
    text = value if isinstance(value, str) else ""
    group = PARAMETERS if path.startswith(f"{PARAMETERS}.") else ""
    # A file's own words may be long or hold line ends: such are not repeated.
    shown = f"{path}={text}" if PLAIN.fullmatch(text) else path
    shown = shown if PLAIN.fullmatch(path) else group
    for candidate in (f"{path}={text}", path, group):
        if option := OPTIONS.get(candidate):
            return option, shown
    raise ConfigError(f"{shown}: leeboard does not know this option; remove it")
