"""Functions of each number that stand between layers, as Keras names them."""

# Beside "relu" and "leaky_relu", which are layers of their own.
ACTIVATIONS = ("elu", "gelu", "hard_silu", "relu6", "sigmoid", "silu", "tanh")
ALIASES = {"hard_swish": "hard_silu", "swish": "silu"}
LEAK = 0.2  # of Keras' activation "leaky_relu"
OF_DENSE = ("relu", "linear", "leaky_relu", *ACTIVATIONS)
