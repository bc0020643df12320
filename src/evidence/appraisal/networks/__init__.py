"""Networks of trials in words: start with `findings`; `tables` and `components` say what a page tells of several."""
