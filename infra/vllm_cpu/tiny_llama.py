"""A Llama of a few million parameters, made on the spot: a folder that vLLM serves as it serves the real ones.

Its words come from the reference text that Python brings along. The embedding holds one dimension per token and the
head what followed that token there, so that it writes a kind of English and sometimes ends an answer; attention and
feed-forward layers are random and small, so that what it writes hangs on all that stands before.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

Weights = Mapping[str, NDArray[np.float32]]

SPECIAL = (
    *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|finetune_right_pad_id|>"),
)
"""Llama 3's own; the tool parser of vLLM asks for `<|python_tag|>`."""
_TEMPLATE = """{{- '<|begin_of_text|>' -}}
{%- for message in messages -%}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' -}}
{%- if message['tool_calls'] -%}
{%- for call in message['tool_calls'] -%}
{{- '{"name": "' + call.function.name + '", "parameters": ' + (call.function.arguments | tojson) + '}' -}}
{%- endfor -%}
{%- else -%}{{- message['content'] | trim -}}{%- endif -%}
{%- if loop.first and tools -%}{{- '\\n\\n' + (tools | tojson) -}}{%- endif -%}
{{- '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the model. The embedding is as wide as there are tokens."""

    tokens: int = 1024
    layers: int = 2
    heads: int = 16
    groups: int = 4
    inner: int = 256
    window: int = 8192


def make(folder: Path, seed: int = 5, shape: Shape | None = None) -> Path:
    """Write the model into `folder` and return it. The same seed on the same Python makes the same bytes."""
    shape = shape or Shape()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(shape)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {name: tokenizer.encode(name).ids[0] for name in SPECIAL}
    for name, content in _configuration(shape, special).items():
        (folder / name).write_text(json.dumps(content, indent=1, sort_keys=True))
    _write(folder / "model.safetensors", _weights(shape, _followers(tokenizer, shape), seed))
    return folder


def _paragraphs() -> Iterator[str]:
    for name in sorted(topics):
        for paragraph in str(topics[name]).split("\n\n"):
            if text := " ".join(paragraph.split()):
                yield text


def _tokenizer(shape: Shape) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=shape.tokens,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(_paragraphs(), trainer)
    if made.get_vocab_size() != shape.tokens:
        raise ValueError(f"The text gave {made.get_vocab_size()} tokens of {shape.tokens}.")
    return made


def _followers(tokenizer: Tokenizer, shape: Shape) -> NDArray[np.float32]:
    """How often each token follows each, as logarithms over the rarest; every twentieth paragraph ends the answer."""
    counts = np.zeros((shape.tokens, shape.tokens), np.float64)
    (blank,) = set(tokenizer.encode("\n\n").ids[-1:])
    end = tokenizer.token_to_id("<|eot_id|>")
    for number, encoded in enumerate(tokenizer.encode_batch(list(_paragraphs()))):
        ids = np.asarray([blank, *encoded.ids, end if number % 20 == 0 else blank])
        np.add.at(counts, (ids[:-1], ids[1:]), 1.0)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    found: NDArray[np.float32] = np.log1p(shares * 50_000).astype(np.float32)
    return found


def _weights(shape: Shape, followers: NDArray[np.float32], seed: int) -> Weights:
    wide = shape.tokens
    narrow = wide // shape.heads * shape.groups
    chance = np.random.default_rng(seed)

    def noise(out: int, into: int, scale: float = 1.0) -> NDArray[np.float32]:
        return chance.normal(0.0, scale / into**0.5, (out, into)).astype(np.float32)

    ones = np.ones(wide, np.float32)
    # RMSNorm makes a one of each row the root of its width; a softmax over the head gives the shares back.
    made: dict[str, NDArray[np.float32]] = {
        "model.embed_tokens.weight": np.eye(wide, dtype=np.float32),
        "model.norm.weight": ones,
        "lm_head.weight": np.ascontiguousarray(followers.T) / wide**0.5,
    }
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        made |= {
            at + "input_layernorm.weight": ones,
            at + "post_attention_layernorm.weight": ones,
            at + "self_attn.q_proj.weight": noise(wide, wide, 2.0),
            at + "self_attn.k_proj.weight": noise(narrow, wide, 2.0),
            at + "self_attn.v_proj.weight": noise(narrow, wide),
            at + "self_attn.o_proj.weight": noise(wide, wide, 0.02),
            at + "mlp.gate_proj.weight": noise(shape.inner, wide),
            at + "mlp.up_proj.weight": noise(shape.inner, wide),
            at + "mlp.down_proj.weight": noise(wide, shape.inner, 0.02),
        }
    return made


def _write(path: Path, weights: Weights) -> None:
    """The safetensors format: a length, a JSON head, the numbers; bfloat16 is a float's upper half, rounded."""
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts: list[bytes] = []
    at = 0
    for name, values in sorted(weights.items()):
        bits = np.ascontiguousarray(values).view(np.uint32)
        data = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
        head[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    written = json.dumps(head).encode()
    written += b" " * (-len(written) % 8)
    path.write_bytes(b"".join((struct.pack("<Q", len(written)), written, *parts)))


def _configuration(shape: Shape, special: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    ends = {"bos_token_id": special["<|begin_of_text|>"], "eos_token_id": special["<|eot_id|>"]}
    return {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "dtype": "bfloat16",
            "vocab_size": shape.tokens,
            "hidden_size": shape.tokens,
            "intermediate_size": shape.inner,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.groups,
            "head_dim": shape.tokens // shape.heads,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "rope_theta": 500000.0,
            "max_position_embeddings": shape.window,
            "tie_word_embeddings": False,
            **ends,
        },
        "generation_config.json": {"do_sample": True, **ends},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|begin_of_text|>",
            "eos_token": "<|eot_id|>",
            "pad_token": "<|finetune_right_pad_id|>",
            "model_max_length": shape.window,
            "clean_up_tokenization_spaces": False,
            "chat_template": _TEMPLATE,
        },
    }
