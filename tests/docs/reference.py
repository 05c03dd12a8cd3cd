"""The generated parts of the documents: tables made from the code, between two marks.

`python -m tests.docs.reference` writes them anew; a test fails while they differ from the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
import yaml

from cloudify_scipion.blueprint.render import _environment, render
from cloudify_scipion.cli.inputs import load_checked
from cloudify_scipion.cli.main import COMMANDS, main
from cloudify_scipion.errors import EXIT_CODES
from cloudify_scipion.project.inputs import INPUT_PATHS
from cloudify_scipion.project.schema import schema
from cloudify_scipion.resources import plugin_description
from tests.docs import catalogue
from tests.docs.pages import ROOT

_PART = "<!-- generated: {name} -->\n{text}<!-- generated: end -->"
_TYPES = {
    "object": "object", "array": "list", "string": "text", "integer": "whole number", "number": "number",
    "boolean": "true or false",
}  # fmt: skip
_LIFECYCLE = "cloudify.interfaces.lifecycle"


def node_types() -> str:
    """Every node type of plugin.yaml: its properties and operations."""
    document = yaml.safe_load(plugin_description())
    return "\n".join(_node_type(name, body) for name, body in document["node_types"].items())


def nodes() -> str:
    """The nodes of a rendered blueprint, in the order in which they are made, and what each stands on."""
    loaded = load_checked(ROOT / "inputs/projects/relion-2d.json", ROOT / "inputs/sites/this-machine.yaml")
    files = render(loaded.project, loaded.site_document, plugin_description())
    found = yaml.safe_load(files["blueprint.yaml"])["node_templates"]
    head = ("node", "type", "relationships to other nodes")
    return _table(head, [(f"`{name}`", f"`{body['type']}`", _relationships(body)) for name, body in found.items()])


def _relationships(node: Mapping[str, Any]) -> str:
    kinds: dict[str, list[str]] = {}
    for one in node.get("relationships", ()):
        kinds.setdefault(one["type"], []).append(f"`{one['target']}`")
    return "; ".join(f"`{kind}` {', '.join(targets)}" for kind, targets in kinds.items())


def data_types() -> str:
    """Every data type of plugin.yaml."""
    document = yaml.safe_load(plugin_description())
    return "\n".join(
        f"#### {name}\n\n{_properties(body['properties'])}" for name, body in document["data_types"].items()
    )


def project_parts() -> str:
    """Every part of a project file with its fields, their types, limits and examples."""
    rules = schema("project")
    return "\n".join(_part(name, rule, name in rules["required"]) for name, rule in rules["properties"].items())


def catalogue_tables() -> str:
    """What a project can have, and which plugins wait for an EM package."""
    parts = (
        (
            "These install. *From a mirror of the site*: the site's operator provides the file, and names it in the\n"
            "site file, as [operator.md](operator.md#mirrors-and-software-of-your-own) says.",
            (
                "plugin",
                "version",
                "write under `em_packages`",
                "licence to accept",
                "can also call, but nothing installs",
                "state",
            ),
            catalogue.usable(),
        ),
        ("So do these:", ("field", "what", "version", "folder on the machine", "state"), catalogue.others()),
        (
            "These do not, because nothing installs what is missing:",
            ("plugin", "version", "missing", "licence to accept", "state"),
            catalogue.waiting(),
        ),
    )
    return "\n".join(f"{title}\n\n{_table(head, rows)}" for title, head, rows in parts)


def _part(name: str, rule: Mapping[str, Any], required: bool) -> str:
    rows = list(_part_rows({"properties": {name: rule}, "required": [name] if required else []}, schema("project"), ""))
    return f"### {name}\n\n{rule['description']}\n\n{_table(('field', 'type', 'default', 'example', 'meaning'), rows)}"


def _part_rows(rules: Mapping[str, Any], root: Mapping[str, Any], above: str) -> Iterator[tuple[str, ...]]:
    for name, given in rules["properties"].items():
        rule = _whole_rule(given, root)
        needed = name in rules.get("required", ())
        default = "required" if needed else f"`{_shown(rule['default'])}`" if "default" in rule else ""
        example = " or ".join(f"`{json.dumps(shown, ensure_ascii=False)}`" for shown in rule.get("examples", ()))
        kind = _TYPES.get(str(rule.get("type")), "")
        yield f"`{above}{name}`", kind, default, example if len(example) < 100 else "", rule["description"]
        if "properties" in rule:
            yield from _part_rows(rule, root, f"{above}{name}.")
        if "properties" in rule.get("items", {}):
            yield from _part_rows(rule["items"], root, f"{above}{name}[].")


def _whole_rule(rule: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule with what it refers to; where it is a word or an object, with the object's fields."""
    rule = {**rule.get("then", {}), **rule}
    return {**root["$defs"][rule["$ref"].rsplit("/", 1)[1]], **rule} if "$ref" in rule else rule


def site_file() -> str:
    """Every field of a site file."""
    return _fields("site")


def inputs() -> str:
    """Every input of the rendered blueprint, and the field of the project file that it comes from."""
    source, _, _ = _environment().loader.get_source(_environment(), "blueprint.yaml.j2")
    described = re.findall(r"^  (\w+):\n    description: (.+)$", source.split("\ndsl_definitions:")[0], re.MULTILINE)
    told = {name: text.strip('"') for name, text in described}
    assert set(told) == {*INPUT_PATHS, "site"}
    rows = [(f"`{n}`", f"`{'.'.join(INPUT_PATHS[n])}`" if n in INPUT_PATHS else "the site file", told[n]) for n in told]
    return _table(("input", "from", "meaning"), rows)


def commands() -> str:
    """Every command of the command line with its options."""
    return "\n".join(_command(f"cloudify-scipion {path}", command) for path, command in all_commands())


def exit_codes() -> str:
    """What the command line's exit codes mean."""
    return _table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES.items()])


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Path (such as `cache list`) and command, for all that do something."""
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)  # type: ignore[attr-defined]
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", command.commands[inner]) for inner in command.commands)
        else:
            yield name, command


def make_targets() -> str:
    """Every target of the Makefile."""
    found = re.findall(r"^([a-z-]+):.*?## (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return _table(("target", "what it does"), [(f"`make {name}`", text) for name, text in found])


def packages() -> str:
    """The Debian packages that the host needs."""
    lines = (ROOT / "packages.txt").read_text(encoding="utf-8").splitlines()
    rows = [(f"`{name.strip()}`", why.strip()) for name, _, why in (line.partition("#") for line in lines) if name]
    return _table(("Debian package", "what for"), [row for row in rows if row[0] != "``"])


PARTS: Mapping[str, tuple[tuple[str, Callable[[], str]], ...]] = {
    "docs/project-file.md": (("catalogue", catalogue_tables), ("project parts", project_parts)),
    "docs/author.md": (
        ("site file", site_file),
        ("inputs", inputs),
        ("nodes", nodes),
        ("node types", node_types),
        ("data types", data_types),
    ),
    "docs/commands.md": (("commands", commands), ("exit codes", exit_codes)),
    "docs/developer.md": (("make targets", make_targets),),
    "ARCHITECTURE.md": (("packages", packages),),
}
"""Page -> its generated parts."""


def filled(page: str, content: str) -> str:
    """The page's text with its generated parts made anew."""
    for name, make in PARTS[page]:
        start, end = f"<!-- generated: {name} -->\n", "<!-- generated: end -->"
        before, found, rest = content.partition(start)
        assert found, f"{page} has no part '{name}'"
        content = before + start + make() + end + rest.partition(end)[2]
    return content


def _node_type(name: str, body: Mapping[str, Any]) -> str:
    operations = [f"`{operation}`" for interface in body.get("interfaces", {}).values() for operation in interface]
    inputs_of = [
        f"Input `{key}` of `{operation}`: {value['description']}\n"
        for operation, told in body.get("interfaces", {}).get(_LIFECYCLE, {}).items()
        if isinstance(told, Mapping)
        for key, value in told["inputs"].items()
    ]
    parts = [f"### {name}\n", _properties(body["properties"]), f"Operations: {', '.join(operations)}.\n", *inputs_of]
    return "\n".join(parts)


def _properties(properties: Mapping[str, Any]) -> str:
    rows = []
    for name, told in properties.items():
        default = f"`{_shown(told['default'])}`" if "default" in told else "required"
        kind = f" Type `{told['type']}`." if "type" in told and "." in str(told["type"]) else ""
        rows.append((f"`{name}`", default, f"{told['description']}{kind}"))
    return _table(("property", "default", "meaning"), rows)


def _shown(value: object) -> str:
    return '""' if value == "" else str(value).lower() if isinstance(value, bool) else str(value)


def _fields(kind: str) -> str:
    rules = schema(kind)
    return _table(("field", "default", "meaning"), list(_field_rows(rules, rules, "")))


def _field_rows(rules: Mapping[str, Any], root: Mapping[str, Any], above: str) -> Iterator[tuple[str, str, str]]:
    for name, rule in rules["properties"].items():
        known = {**root["$defs"][rule["$ref"].rsplit("/", 1)[1]], **rule} if "$ref" in rule else rule
        needed = "required" if name in rules.get("required", ()) else ""
        default = f"`{_shown(known['default'])}`" if "default" in known and not needed else needed
        yield f"`{above}{name}`", default, known["description"]
        if "properties" in known:
            yield from _field_rows(known, root, f"{above}{name}.")


def _command(path: str, command: click.Command) -> str:
    parameters = command.params
    given = " ".join(_usage(parameter) for parameter in parameters)
    options = [parameter for parameter in parameters if isinstance(parameter, click.Option)]
    rows = [(f"`{', '.join(option.opts)}`", option.help or "") for option in options]
    about = " ".join((command.help or "").split())
    return f"## {path}\n\n`{path} {given}`\n\n{about}\n" + (f"\n{_table(('option', 'meaning'), rows)}" if rows else "")


def _usage(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        name = (parameter.name or "").upper()
        return name if parameter.required else f"[{name}]"
    assert isinstance(parameter, click.Option)
    word = parameter.opts[0] if parameter.is_flag else f"{parameter.opts[0]} {(parameter.name or '').upper()}"
    return word if parameter.required else f"[{word}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    for page_name in PARTS:
        path = ROOT / page_name
        path.write_text(filled(page_name, path.read_text(encoding="utf-8")), encoding="utf-8")
