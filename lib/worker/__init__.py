"""Worker: the child process that loads data, trains networks and uses saved models, and the pipe to it.

    messages        requests, events, one line each
    process         both ends of the pipe
    run_sequence    training many runs in turn
    __main__        entry point of the child process
    watcher         ends the child with its program
    main            serving one program, job by job
    training_jobs   one run, from start to end
    training_job    what all trainings share
    autoencoder_job  training one autoencoder
    classifier_job  training one classifier
    initial_network  a new network, initialized
    first_weights   weights to begin with
    open_data       the data set of a run
    run_ending      figures and complete record
    saved_models    loading saved models for jobs
    saved_parts     encoders and decoders of these
    image_labels    labels for conditional models
    skippable       native computations that Ctrl-C skips
    apply_holes     holes of pictures to complete
    apply_job       images through saved autoencoders
    detect_messages  request and result of `detect`
    detect_job      verdicts on pictures, with heat maps
    detections      scores, boxes, tables of verdicts
    heat_maps       colors and boxes over pictures
    heat_map_files  such pictures, written in threads
    worst_maps      maps of the highest scores
    explore_messages  request and result of `explore`
    exploration     a page about codes
    predict_job     labels from a saved classifier
    encode_job      latent codes of images
    generate_messages  request and result of `generate`
    generate_job    images from new codes
    recorded_data   data set of saved models
    training_codes  training images, their codes
    nearest_images  nearest training images, as a sheet
    evaluate_messages  request and result of `evaluate`
    evaluate_job    closeness of samples to test images
    evaluation_rows  features and scores of each row
    image_sources   images of each row
    probe_job       probing a saved encoder
    image_output    output folders, files, progress
    output_names    names of pictures that are written
    apply_examples  pictures that `apply` shows
    comparison_page  before and after, as HTML
    html_pages      HTML in one file
    own_size        pictures at their own size
    own_size_files  writing of such pictures
    picture_encoding  pictures as PNG or TIFF

The program holds a `Worker` (or, for many runs, a `RunSequence`), sends it requests and follows its events.
Beside the child a watcher waits for the end of the program. In the child, `main` reads the requests from a
`Channel` and calls one job, which emits the events and writes a run folder or an output folder. Other
packages use `Worker`, `RunSequence` and `StoppedByUser` from `process` and `run_sequence`, `messages` and the
modules whose names end in `_messages`, which import nothing that is slow; all other modules run in the child.

>>> import tempfile
>>> from pathlib import Path
>>> from lib.worker.messages import Compare, Compared
>>> from lib.worker.process import Worker
>>> scores = [("2", 0.03), ("4", 0.01)]
>>> with tempfile.TemporaryDirectory() as folder, Worker() as worker:
...     path = Path(folder, "comparison.png")
...     worker.send(Compare({"layers": scores}, "test_mse", str(path)))
...     event = worker.follow(lambda event: None, until=Compared)
...     print(event.path == str(path), path.is_file())
True True
"""
