# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models in plain JAX, of any width and depth. Nothing in them knows of formats or scales: the compiler adds those.

Each is a frozen dataclass of sizes: ``initialise(seed)`` gives a pytree of parameters (NumPy, float32), ``apply(parameters,
...)`` the model's output, ``loss(parameters, ...)`` a scalar to differentiate.
"""

from steelyard.models.bert import BERT
from steelyard.models.gpt import GPT
from steelyard.models.lenet import LeNet
from steelyard.models.llama import Llama
from steelyard.models.lstm import LSTM
from steelyard.models.mlp import MLP
from steelyard.models.resnet import ResNet

__all__ = ["BERT", "GPT", "LSTM", "MLP", "LeNet", "Llama", "ResNet"]
