"""The live page: a picture is restored in the browser, on this machine alone.

Only `page` and `server` know gradio. What a page asks for becomes the `Request` that
the command line would have made, so that the same is read, refused and written.
"""
