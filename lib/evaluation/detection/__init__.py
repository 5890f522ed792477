"""Detection: scores of pictures that are not normal, and of the places where they are not.

    detection_scores  ROC, precision, rates, intervals of scores
    pixel_scores      pixel AUROC, PRO of error maps

>>> import numpy as np
>>> from lib.evaluation.detection.detection_scores import auroc
>>> auroc(np.array([0.1, 0.4, 0.3, 0.8]), np.array([False, False, True, True]))
0.75
"""
