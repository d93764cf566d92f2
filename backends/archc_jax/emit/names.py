"""Names that a program's own must keep clear of."""

from __future__ import annotations

MODULE_NAMES = frozenset(
    """
    __abstractmethods__ __annotations__ __class__ __deepcopy__ __delattr__ __dict__ __dir__ __doc__
    __eq__ __format__ __ge__ __getattribute__ __getstate__ __gt__ __hash__ __init__
    __init_subclass__ __le__ __lt__ __module__ __ne__ __new__ __nnx_repr__ __reduce__ __reduce_ex__
    __repr__ __setattr__ __setstate__ __sizeof__ __slots__ __str__ __subclasshook__
    __treescope_repr__ __weakref__ _abc_impl _check_valid_context _check_value _graph_node_clear
    _graph_node_create_empty _graph_node_flatten _graph_node_init _graph_node_pop_key
    _graph_node_set_key _object__nodes _object__state _pytree__flatten _pytree__flatten_with_paths
    _pytree__has_int_keys _pytree__is_pytree _pytree__nodes _pytree__state _pytree__unflatten
    _setattr eval iter_children iter_modules perturb set_attributes sow train
    """.split()
)
"""The attributes of `nnx.Module` (a test holds this against the installed Flax)."""

METHODS = frozenset({"__call__", "predict", "deterministic", "use_running_average"})
"""The methods that programs define, and the attributes that `train()` and `eval()` set."""

GLOBALS = frozenset(
    """
    jax jnp lax nnx Array partial math Any Sequence Callable self super range tuple print rngs
    flatten lrn tower_lrn overhang max_pool_up avg_pool avg_pool_up crop tower_concatenate
    softmax tower_tile tower_part shuffle normal uniform glorot BatchNorm ChannelNorm
    PartitionSpec in_replicas sum_towers join_towers sum_own own_part with_gradient enter_towers
    cross_towers leave_towers TowerDropout
    LayerScale GroupedLinear slide slide_grouped ConvTranspose GroupedConvTranspose Conv Linear
    LOSS_WEIGHTS
    """.split()
)
"""What a local variable or class must not hide."""
