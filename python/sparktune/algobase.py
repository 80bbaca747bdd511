"""Hyperopt's module of this name is left out; importing it says what to use instead."""

from __future__ import annotations

from sparktune.left_out import refuse

raise refuse("algobase")
