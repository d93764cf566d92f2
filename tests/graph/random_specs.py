"""Random specs of labels, calls, repeats, conditions and branches."""

from __future__ import annotations

from hypothesis import strategies as st

LABELS = ("x", "y", "conv2", "relu3", "b1_x", "b_1", "start", "fc", "conv")


@st.composite
def chains(
    draw: st.DrawFn, labels: list[str], known: list[str], depth: int, number: str, blocks: int
) -> str:
    """Items that keep a map of 4 channels, for a scope that has these labels left and given.

    `number` is what stands for a number there.
    """

    def label(*, known_after: bool = True) -> str:
        if not labels or not draw(st.booleans()):
            return ""
        text = labels.pop(draw(st.integers(0, len(labels) - 1)))
        given_now.extend([text] if known_after else [])
        return f"{text}: "

    def inner(*, fresh: bool = False, outer: str = number) -> str:
        if fresh:
            return draw(chains(list(LABELS), [], depth + 1, outer, blocks))
        return draw(chains(labels, known, depth + 1, outer, blocks))

    items: list[str] = []
    kinds = "relu conv pair from call group repeat if add concat split towers".split()
    for kind in draw(st.lists(st.sampled_from(kinds if depth < 4 else kinds[:4]), max_size=4)):
        given_now: list[str] = []
        match kind:
            case "relu":
                items.append(f"{label()}relu")
            case "conv":
                items.append(f"{label()}conv(1, 1, 4)")
            case "pair":
                items.append(f"conv(1, 1, {number} + 1) conv(1, 1, 4)")
            case "from":
                items += [f"from({draw(st.sampled_from(known))})"] if known else []
            case "call":
                callee = draw(st.integers(0, blocks)) if blocks >= 0 else -1
                act = draw(st.sampled_from(["relu", "tanh", "skip", "dropout(0.5)"]))
                items += [f"{label()}b{callee}({number}, {act})"] if blocks >= 0 else []
            case "group":
                begun = label()
                items += [f"{begun}{{ {inner()} }}"] if begun else []
            case "repeat":
                times = draw(st.integers(0, 2))
                begun = label()
                body = inner(fresh=True, outer="i" if depth % 2 else number)
                items.append(
                    f"{begun}repeat({times}) {'as i ' * (depth % 2)}{{ {body or 'relu'} }}"
                )
            case "if":
                # What an arm gives to go back to is only there where that arm is taken.
                before = list(known)
                then = inner() or "skip"
                known[:] = before
                other = inner() or "skip"
                known[:] = before
                items.append(f"if {number} > 1 {{ {then} }} else {{ {other} }}")
            case "add":
                begun = label()
                items.append(f"{begun}add {{ | {inner() or 'skip'} | skip | {inner() or 'skip'} }}")
            case "concat":
                begun = label(known_after=False)
                branches = f"| {inner() or 'skip'} | {inner() or 'relu'}"
                items.append(f"{begun}concat {{ {branches} }} conv(1, 1, 4)")
            case "split":
                items.append("split { | relu conv(1, 1, in) | skip }")
            case _:
                items.append("towers(2) { if true { skip } conv(1, 1, 2) add { | skip | relu } }")
                items.append("conv(1, 1, 4)")
        known += given_now
    return " ".join(items)


@st.composite
def specs(draw: st.DrawFn) -> str:
    blocks = [
        f"block b{i}(n, act) {{ {draw(chains(list(LABELS), [], 2, 'n', i - 1))} act }}"
        for i in range(2)
    ]
    body = draw(chains(list(LABELS), [], 0, "k", 1))
    after = draw(st.sampled_from(["", "after conv { tanh }", "after add { b0(2, relu) }"]))
    if "add" in blocks[0]:
        after = ""
    net = f"net n(k = {draw(st.integers(1, 3))}) {{ input(4x5x5) {after} {body}"
    return f"{net} fc(2) softmax %s }} {' '.join(blocks)}"
