"""The trained model beside the rules: a folded text and the signals it hit, to log-odds a facet.

Needs numpy alone. What trains it stands in `learning`.
"""
