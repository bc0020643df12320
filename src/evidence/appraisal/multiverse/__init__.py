"""One analysis along every path of defensible choices; start with `fit`, then `choices`."""
