#!/usr/bin/python3
# Copyright 2026 The fwupd-plugin-tdx-module authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The keys of JSON and those of its schema; needs nothing but Python."""

from typing import List, Optional


def find_differences(value, schema: dict, part: Optional[dict] = None, path: str = "") -> List[str]:
    """The keys that are not documented, which a validator lets pass, and those that are missing."""
    part = schema if part is None else part
    if "$ref" in part:
        part = schema["definitions"][part["$ref"].split("/")[-1]]
    if isinstance(value, list):
        return [k for item in value for k in find_differences(item, schema, part["items"], path)]
    if not isinstance(value, dict):
        return []
    found = [f"{path}/{key}" for key in value if key not in part["properties"]]
    found += [f"no {path}/{key}" for key in part.get("required", []) if key not in value]
    for key in value.keys() & part["properties"].keys():
        found += find_differences(value[key], schema, part["properties"][key], f"{path}/{key}")
    return found
