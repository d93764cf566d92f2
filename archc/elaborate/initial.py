"""`--set init=glorot`: where all weights start, instead of what the recipe's rules say."""

from __future__ import annotations

from archc import syntax
from archc.diagnostics import fail
from archc.errors import recipes as errors
from archc.evaluate import Callee, Environment
from archc.source import Span

INIT = "init"
"""What is set like a parameter. It is a word of the language, so no parameter has that name."""


def initialiser(expr: syntax.Expr) -> Callee:
    """What the command line says, its name and arguments yet to be checked."""
    match expr:
        case syntax.Name(parts=(name,)):
            return Callee(syntax.Ident(name, expr.span), (), Environment(), name)
        case syntax.Call(name=name, args=args):
            return Callee(name, args, Environment(), " ".join(expr.span.text.split()))
        case _:
            rule = "is set to an initialiser, such as glorot or normal(0, 0.1)"
            fail(errors.WrongClause(name=INIT, rule=rule, span=expr.span))


def added(recipe: syntax.Recipe, rule: str) -> tuple[Span, str]:
    """Where to write a last rule of `init`, and what."""
    for clause in recipe.clauses:
        if isinstance(clause, syntax.Initialisation):
            end = clause.rules[-1].span.end
            return Span(recipe.span.source, end, end), f";  {rule}"
    end = recipe.span.end - 1
    return Span(recipe.span.source, end, end), f"  init {{ {rule} }}\n"
