"""Detection of pictures that differ from normal ones: error maps, scores, thresholds and their evidence.

    map_scores       error maps and their normal values
    code_scores      distance from the codes of normal pictures
    threshold        threshold from normal or defective pictures
    detector         class `Detector`, fitted on validation images
    detecting_model  a model with its detector
    crops            pictures of any size, in crops
    detector_record  detectors in records and files
    detection_scores ROC, precision, rates, intervals of scores
    pixel_scores     pixel AUROC, PRO of error maps
    evidence         scores of the test set, of baselines
    heat_colors      colors of heat maps

A network that learned from normal pictures alone changes what is not normal. `fit_detector` measures with
validation images how much it changes normal ones at each place, and chooses a threshold;
`DetectingModel.examine` compares other pictures with that.
"""
