"""The job `explore`: a page to look at a latent space, in one file.

    job            images, codes and page, in order
    encoded_images  latent codes and pictures of images
    decoded_codes  pictures of codes on a grid or along directions
    sprite_sheets  small pictures in few files
    page           the page from all of these

`page` joins `page.html`, `page.css` and the scripts of this folder, which are read in the order of
`page.SCRIPTS`. They run without any other file, and no build step changes them.

>>> from lib.worker.exploration.sprite_sheets import thumbnail_size
>>> thumbnail_size(480, 640, count=10_000), thumbnail_size(28, 28, count=10_000)
((24, 32), (28, 28))
"""
