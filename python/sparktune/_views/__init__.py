"""What people see of a search: charts, importance, the report, the live view.

In: trials. Out: `Chart`s (plain data), and what draws them: plotly, matplotlib, or SVG without any
library. A chart is made once, by a function in `charts`, whatever draws it.

Imports the rooms of trials and spaces, and `_core`. Whoever shows something imports this room.
"""
