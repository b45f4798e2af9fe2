"""From the API's records to tables: described once, parsed by Arrow, made private, derived from.

What is only described (`schema`, `selection`, `unknown`) loads no Arrow.

    schema ─▶ selection ─┐
       └────▶ parse ─▶ derived ─▶ build ─▶ the tables of a destination
"""
