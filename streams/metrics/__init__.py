"""Pure folds and formulas: state is a fold over events, the same in any order and with duplicates.

No Faust, no I/O, no clock: the live worker and the offline oracle run exactly this code.
"""
